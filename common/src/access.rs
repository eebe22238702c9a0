//! Who asks, over HTTP: the token in a request, and the guard of a control that has no tokens
//! against web pages.

use axum::http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;
use crate::tokens::{Identity, Role, Tokens};

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, 2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// Whose token the request carries, when its role is one of `allowed`.
///
/// # Errors
/// 401 without a token that is known, 403 with one whose role does not suffice.
pub fn authorize(
    tokens: &Tokens,
    presented: Option<&str>,
    allowed: &[Role],
) -> Result<Identity, Problem> {
    let Some(presented) = presented else {
        return Err(unauthorized(
            "token_missing",
            "a token is needed: send Authorization: Bearer TOKEN",
        ));
    };
    let Some(identity) = tokens.identify(presented) else {
        return Err(unauthorized("token_unknown", "the token is not known"));
    };
    if allowed.contains(&identity.role) {
        return Ok(identity.clone());
    }
    let detail = format!("the role of token {:?} does not allow this", identity.name);
    Err(Problem::new(StatusCode::FORBIDDEN, detail)
        .reason("role")
        .param("name", &identity.name))
}

fn unauthorized(reason: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail)
        .reason(reason)
        .header(header::WWW_AUTHENTICATE, "Bearer")
}

/// Without tokens, control is open to programs on this machine, not to web pages in a browser on
/// it: a `Host` that is a name may be an attacker's that resolves to us (DNS rebinding), and an
/// `Origin` of another host is an attacker's page.
///
/// # Errors
/// 403, saying which.
pub fn check_browser(headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if let Some(host) = host.filter(|host| !is_own_host(host)) {
        let detail = format!(
            "without --token-file only an IP address or localhost is taken as Host, not {host:?}"
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .reason("foreign_host")
            .param("host", host));
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, authority)| authority);
    if authority.is_some() && authority == host {
        return Ok(());
    }
    let detail = format!("without --token-file a page of origin {origin:?} may not control this");
    Err(Problem::new(StatusCode::FORBIDDEN, detail)
        .reason("foreign_origin")
        .param("origin", String::from_utf8_lossy(origin.as_bytes())))
}

fn is_own_host(host: &str) -> bool {
    let name = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    };
    let inner = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::Ipv4Addr>().is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = axum::http::HeaderName::from_static(name);
                (name, value.parse().expect("value"))
            })
            .collect()
    }

    #[test]
    fn the_bearer_is_read() {
        let read = |value: &str| bearer(&headers(&[("authorization", value)])).map(str::to_owned);
        assert_eq!(read("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(read("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(read("Basic abc"), None);
        assert_eq!(read("Bearer"), None);
        assert_eq!(read("Bearer "), None);
    }

    #[test]
    fn roles_open_what_they_should() {
        let tokens = Tokens::parse("a admin one\nw watch two\n").expect("tokens");
        let status = |token, allowed: &[Role]| {
            authorize(&tokens, token, allowed).map_err(|problem| problem.status)
        };
        let anna = Identity {
            name: "a".to_owned(),
            role: Role::Admin,
        };
        assert_eq!(status(Some("one"), &[Role::Admin]), Ok(anna));
        assert_eq!(status(Some("two"), &[Role::Admin]), Err(403));
        assert_eq!(status(Some("three"), &[Role::Admin]), Err(401));
        assert_eq!(status(None, &[Role::Admin]), Err(401));
    }

    #[test]
    fn web_pages_of_others_are_kept_out() {
        let check = |pairs: &[(&'static str, &str)]| {
            check_browser(&headers(pairs)).map_err(|problem| problem.reason.unwrap_or_default())
        };
        let own = ("host", "127.0.0.1:9525");
        assert_eq!(check(&[own]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        for host in [
            "localhost",
            "LocalHost:9525",
            "[::1]:9525",
            "[::1]",
            "10.0.0.1",
        ] {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9525",
            "127.0.0.1.evil.example",
            "",
        ] {
            let refused = Err(Box::from("foreign_host"));
            assert_eq!(check(&[("host", host)]), refused, "{host}");
        }
        assert_eq!(check(&[own, ("origin", "http://127.0.0.1:9525")]), Ok(()));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:80"] {
            let refused = Err(Box::from("foreign_origin"));
            assert_eq!(check(&[own, ("origin", origin)]), refused, "{origin}");
        }
    }
}
