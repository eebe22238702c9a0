//! `http://HOST[:PORT]/PATH`: all that a relay's address can be.

use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// Host and port as the `Host` header has them.
    authority: String,
    /// With brackets removed from IPv6 addresses.
    host: String,
    port: u16,
    /// Path and query.
    path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("{0:?} is no URL of a relay: write http://HOST:PORT/PATH")]
    Scheme(String),
    #[error("{0:?} names no host")]
    Host(String),
    #[error("{0:?} is no port: use 1 to 65535")]
    Port(String),
    #[error("{0:?} has characters that no URL can have")]
    Characters(String),
}

impl HttpUrl {
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for HttpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlError::Characters(text.to_owned()));
        }
        let rest = text
            .strip_prefix("http://")
            .ok_or_else(|| UrlError::Scheme(text.to_owned()))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let (host, port) = match authority.rfind(':') {
            Some(colon) if !authority[colon..].contains(']') => {
                (&authority[..colon], Some(&authority[colon + 1..]))
            }
            _ => (authority, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains('@') {
            return Err(UrlError::Host(text.to_owned()));
        }
        let port = match port {
            None => 80,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| UrlError::Port(port.to_owned()))?,
        };
        Ok(Self {
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            path,
        })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_relays_are_read() {
        for (text, host, port, path) in [
            (
                "http://127.0.0.1:9525/channels/a.ts",
                "127.0.0.1",
                9525,
                "/channels/a.ts",
            ),
            ("http://relay", "relay", 80, "/"),
            (
                "http://[::1]:9525/udp/239.1.1.1:5000?token=x#y",
                "::1",
                9525,
                "/udp/239.1.1.1:5000?token=x",
            ),
            ("http://[fe80::1]?a=b", "fe80::1", 80, "/?a=b"),
        ] {
            let url: HttpUrl = text.parse().expect(text);
            assert_eq!(
                (url.host(), url.port(), url.path()),
                (host, port, path),
                "{text}"
            );
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        for (text, message) in [
            ("127.0.0.1:9525", "is no URL of a relay"),
            ("https://relay/", "is no URL of a relay"),
            ("http:///x", "names no host"),
            ("http://relay:x/", "\"x\" is no port"),
            ("http://relay:0/", "\"0\" is no port"),
            ("http://relay/a b", "characters"),
        ] {
            let error = text.parse::<HttpUrl>().expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
