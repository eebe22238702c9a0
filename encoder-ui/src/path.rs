//! Paths that name an ingest: `/api/ingests/NAME/...`, taken apart as they came, so that nothing is
//! decoded twice and no path leaves where it should stay. Pure.

use axum::http::{StatusCode, Uri};
use common::problem::Problem;
use percent_encoding::percent_decode_str;

/// What all of them begin with.
const PREFIX: &str = "/api/ingests/";

/// An ingest, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestPath {
    /// Decoded.
    pub name: String,
    /// After the name, beginning with `/`, as it came, with the query; empty: the ingest itself.
    pub rest: String,
}

/// Takes the path of a request apart.
///
/// # Errors
/// 400 for a path with `.` or `..` in it, an encoded slash, or what is no text.
pub fn parse(uri: &Uri) -> Result<IngestPath, Problem> {
    let path = uri.path();
    let inside = path.strip_prefix(PREFIX).ok_or_else(|| bad(path))?;
    let (name, rest) = match inside.find('/') {
        Some(slash) => inside.split_at(slash),
        None => (inside, ""),
    };
    let name = segment(name).ok_or_else(|| bad(path))?;
    // The first slash is the one after the name.
    for part in rest.split('/').skip(1) {
        segment(part).ok_or_else(|| bad(path))?;
    }
    let mut rest = rest.to_owned();
    if let Some(query) = uri.query().filter(|_| !rest.is_empty()) {
        rest.push('?');
        rest.push_str(query);
    }
    Ok(IngestPath { name, rest })
}

/// A part of a path, decoded; none when it is more than that.
fn segment(part: &str) -> Option<String> {
    let text = percent_decode_str(part).decode_utf8().ok()?;
    let strays = matches!(&*text, "" | "." | "..");
    let splits = text.contains(['/', '\\']) || text.contains(char::is_control);
    // Decoded once more by whoever is careless, it would be another path.
    let hides = text.contains('%');
    (!strays && !splits && !hides).then(|| text.into_owned())
}

fn bad(path: &str) -> Problem {
    let detail = format!("{path:?} is no path of an ingest's API");
    Problem::new(StatusCode::BAD_REQUEST, detail)
        .reason("bad_path")
        .param("path", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(path: &str) -> Result<(String, String), u16> {
        let uri: Uri = path.parse().expect("a path");
        let parsed = parse(&uri).map_err(|problem| problem.status)?;
        Ok((parsed.name, parsed.rest))
    }

    #[test]
    fn an_ingest_and_what_of_it() {
        let ok = |name: &str, rest: &str| Ok((name.to_owned(), rest.to_owned()));
        assert_eq!(taken("/api/ingests/n1"), ok("n1", ""));
        assert_eq!(
            taken("/api/ingests/n.1/v1/channels?a=%2F"),
            ok("n.1", "/v1/channels?a=%2F")
        );
        assert_eq!(
            taken("/api/ingests/%5B::1%5D:9525/v1/status"),
            ok("[::1]:9525", "/v1/status")
        );
        let apply = "/v1/channels:apply?dry_run=true";
        assert_eq!(taken(&format!("/api/ingests/n1{apply}")), ok("n1", apply));
    }

    #[test]
    fn no_path_leaves() {
        for path in [
            "/api/ingests/",
            "/api/ingests//v1/channels",
            "/api/ingests/n1/v1/../../metrics",
            "/api/ingests/n1/v1/./channels",
            "/api/ingests/n1/v1/%2e%2e/%2E./metrics",
            "/api/ingests/n1/v1/..%2f..%2fmetrics",
            "/api/ingests/n1/v1/a%2Fb",
            "/api/ingests/n1/v1/a%5cb",
            "/api/ingests/n1/v1/%252e%252e/metrics",
            "/api/ingests/n1/v1//channels",
            "/api/ingests/n1/v1/channels/",
            "/api/ingests/../v1/channels",
            "/api/ingests/%2e%2e/v1",
            "/api/ingests/n1/v1/%ff",
            "/api/ingests/n1/v1/a%0d%0ab",
        ] {
            assert_eq!(taken(path), Err(400), "{path}");
        }
    }
}
