//! The page: what Vite made of `web/`, embedded in the binary, handed out with its type, its
//! compressed form where the browser takes it, and how long it may be kept.

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::problem::Problem;
use rust_embed::{EmbeddedFile, RustEmbed};

/// The page itself.
const INDEX: &str = "index.html";

/// The first part of each path that is a page of its own in the browser: the server answers all of
/// them with the same document, whose script shows the right one.
const PAGES: [&str; 10] = [
    "",
    "about",
    "channels",
    "edit",
    "events",
    "import",
    "interfaces",
    "login",
    "new",
    "nodes",
];

/// What a file may be sent as, the smallest first: the coding (RFC 9110, 8.4.1), and the ending that
/// the build gave it. Without https browsers take no brotli.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Names in it hold a hash of the content: what was fetched once stays right.
const HASHED: &str = "assets/";

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Built;

/// Answers everything that no other route does.
pub async fn serve(method: Method, uri: Uri, mut headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let name = file_name(path);
    let reads = method == Method::GET || method == Method::HEAD;
    if name.is_none() && !(reads && is_read_by_people(&headers)) {
        let detail = format!("there is no page at {}", uri.path());
        return Problem::new(StatusCode::NOT_FOUND, detail)
            .reason("no_such_page")
            .param("path", uri.path())
            .into_response();
    }
    if !reads {
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "a page can only be read")
            .reason("no_such_method")
            .param("method", &method)
            .header(header::ALLOW, "GET, HEAD")
            .into_response();
    }
    match name {
        Some(name) => file(&name, &headers),
        // The page says in words that there is nothing.
        None => {
            headers.remove(header::IF_NONE_MATCH);
            let page = file(INDEX, &headers);
            (StatusCode::NOT_FOUND, page).into_response()
        }
    }
}

/// A browser goes there: programs and scripts do not ask for documents.
fn is_read_by_people(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let small = CODINGS.iter().find_map(|(coding, ending)| {
        let taken = takes(headers, coding);
        let file = taken.then(|| Built::get(&format!("{name}{ending}")));
        Some((*coding, file.flatten()?))
    });
    let (coding, file) = match small {
        Some((coding, file)) => (Some(coding), Some(file)),
        None => (None, Built::get(name)),
    };
    match file {
        Some(file) => answer(name, file, coding, headers),
        // `file_name` has seen it.
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The file that a path stands for; none where there is nothing.
fn file_name(path: &str) -> Option<String> {
    let first = path.split('/').next().unwrap_or_default();
    if PAGES.contains(&first) {
        return Some(INDEX.to_owned());
    }
    let is_small = CODINGS.iter().any(|(_, ending)| path.ends_with(ending));
    let hidden = is_small || path == INDEX;
    (!hidden && Built::get(path).is_some()).then(|| path.to_owned())
}

fn answer(
    name: &str,
    file: EmbeddedFile,
    coding: Option<&'static str>,
    headers: &HeaderMap,
) -> Response {
    let tag = entity_tag(&file, coding);
    let lasting = if name.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        // The binary changes with it, so browsers ask each time.
        "no-cache"
    };
    let head = [
        (header::CACHE_CONTROL, lasting),
        (header::VARY, "accept-encoding"),
        (header::ETAG, tag.as_str()),
    ];
    if knows(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    let data = match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    };
    let mut response = (head, data).into_response();
    let head = response.headers_mut();
    head.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(name)),
    );
    if let Some(coding) = coding {
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// `If-None-Match` names the tag, weak or not, or any (RFC 9110, 13.1.2). No comma is in a tag of ours.
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let mut known = texts.flat_map(|text| text.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn entity_tag(file: &EmbeddedFile, coding: Option<&str>) -> String {
    let mut tag = coding.map_or_else(|| "\"".to_owned(), |coding| format!("\"{coding}-"));
    for byte in &file.metadata.sha256_hash()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "ico" => "image/x-icon",
        "jpg" => "image/jpeg",
        "mp3" => "audio/mpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// `Accept-Encoding` names the coding, and not with weight zero (RFC 9110, 12.5.3).
fn takes(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|coding| {
        let mut words = coding.split(';').map(str::trim);
        let named = words.next() == Some(wanted);
        let weight = words.find_map(|word| word.strip_prefix("q="));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, value.parse().expect("value")))
            .collect()
    }

    async fn get(path: &str, pairs: &[(header::HeaderName, &str)]) -> Response {
        serve(Method::GET, path.parse().expect("path"), headers(pairs)).await
    }

    /// The script that the page names.
    fn script() -> String {
        let mut names = Built::iter();
        let name = names.find(|name| name.starts_with(HASHED) && name.ends_with(".js"));
        format!("/{}", name.expect("a script"))
    }

    #[tokio::test]
    async fn every_page_is_the_one_document_and_the_rest_is_not_there() {
        for path in [
            "/",
            "/login",
            "/channels/n1/news.preview",
            "/edit/n.1/a",
            "/about",
        ] {
            let answer = get(path, &[]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let kind = &answer.headers()[header::CONTENT_TYPE];
            assert_eq!(kind, "text/html; charset=utf-8", "{path}");
        }
        for path in [
            "/nothing",
            "/index.html",
            "/assets",
            "/assets/none.js",
            "/../Cargo.toml",
        ] {
            assert_eq!(
                get(path, &[]).await.status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
        for ending in [".br", ".gz"] {
            let hidden = format!("{}{ending}", script());
            assert_eq!(get(&hidden, &[]).await.status(), StatusCode::NOT_FOUND);
        }
        let posted = serve(Method::POST, Uri::from_static("/"), HeaderMap::new()).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn a_hashed_file_lasts_and_is_sent_small() {
        let plain = get(&script(), &[]).await;
        assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
        let lasting = &plain.headers()[header::CACHE_CONTROL];
        assert!(lasting.to_str().expect("text").contains("immutable"));
        let small = get(&script(), &[(header::ACCEPT_ENCODING, "gzip, br;q=0.9")]).await;
        assert_eq!(small.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(small.headers()[header::VARY], "accept-encoding");
        let http = get(&script(), &[(header::ACCEPT_ENCODING, "gzip, deflate")]).await;
        assert_eq!(http.headers()[header::CONTENT_ENCODING], "gzip");
        assert_ne!(http.headers()[header::ETAG], small.headers()[header::ETAG]);
        let refused = get(&script(), &[(header::ACCEPT_ENCODING, "gzip;q=0, br;q=0")]).await;
        assert!(refused.headers().get(header::CONTENT_ENCODING).is_none());
    }

    #[tokio::test]
    async fn people_who_went_astray_get_the_page_and_programs_a_problem() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let astray = get("/chanels/n1/news", &[(header::ACCEPT, browser)]).await;
        assert_eq!(astray.status(), StatusCode::NOT_FOUND);
        let kind = &astray.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "text/html; charset=utf-8");
        let head = headers(&[(header::ACCEPT, browser)]);
        let head = serve(Method::HEAD, Uri::from_static("/chanels"), head).await;
        assert_eq!(head.headers()[header::CONTENT_TYPE], *kind, "as GET");
        let script = get("/assets/none.js", &[(header::ACCEPT, "*/*")]).await;
        assert_eq!(script.status(), StatusCode::NOT_FOUND);
        let kind = &script.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "application/problem+json");
    }

    #[tokio::test]
    async fn a_file_that_is_known_is_not_sent_again() {
        let first = get("/", &[]).await;
        assert_eq!(first.headers()[header::CACHE_CONTROL], "no-cache");
        let tag = first.headers()[header::ETAG].to_str().expect("text");
        // A proxy that compresses makes a tag weak.
        for known in [tag, &format!("W/{tag}"), &format!("\"a\", W/{tag}"), "*"] {
            let again = get("/", &[(header::IF_NONE_MATCH, known)]).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        for other in ["\"a\"", "W/*", &format!("w/{tag}"), ""] {
            let sent = get("/", &[(header::IF_NONE_MATCH, other)]).await;
            assert_eq!(sent.status(), StatusCode::OK, "{other}");
        }
    }
}
