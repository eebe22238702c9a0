//! `/live`, `/ready` and `/metrics`: what Kubernetes and Prometheus ask every program, without a
//! token.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::problem::Problem;

/// The text format of Prometheus.
const METRICS_MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a program says when it is asked. Called on the control runtime: it must not block.
pub trait Operations: Send + Sync + 'static {
    /// The process runs its loops; false has it restarted.
    fn live(&self) -> bool {
        true
    }

    /// What is missing before the process can do its work; empty: it is ready.
    fn missing(&self) -> Vec<String>;

    /// All metrics as they are now, in Prometheus' text format.
    fn metrics(&self) -> String;
}

pub fn router<O: Operations>(operations: Arc<O>) -> Router {
    Router::new()
        .route("/live", get(live::<O>).fallback(no_such_method))
        .route("/ready", get(ready::<O>).fallback(no_such_method))
        .route("/metrics", get(metrics::<O>).fallback(no_such_method))
        .with_state(operations)
}

/// Here and not by the programs, whose `method_not_allowed_fallback` does not hold for what is merged
/// after it.
async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} takes no {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .reason("no_such_method")
        .param("method", method)
        .param("path", uri.path())
}

async fn live<O: Operations>(State(operations): State<Arc<O>>) -> Response {
    if operations.live() {
        "live\n".into_response()
    } else {
        let text = "the process no longer runs its loops\n";
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

async fn ready<O: Operations>(State(operations): State<Arc<O>>) -> Response {
    let missing = operations.missing();
    let status = if missing.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(missing)).into_response()
}

async fn metrics<O: Operations>(State(operations): State<Arc<O>>) -> Response {
    let media_type = [(header::CONTENT_TYPE, METRICS_MEDIA_TYPE)];
    (media_type, operations.metrics()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower_service::Service;

    struct Fake(Vec<String>);

    impl Operations for Fake {
        fn live(&self) -> bool {
            self.0.is_empty()
        }

        fn missing(&self) -> Vec<String> {
            self.0.clone()
        }

        fn metrics(&self) -> String {
            "a 1\n".to_owned()
        }
    }

    async fn ask(missing: &[&str], path: &str) -> (u16, String) {
        let fake = Fake(missing.iter().map(ToString::to_string).collect());
        let request = Request::get(path).body(Body::empty()).expect("request");
        let response = router(Arc::new(fake)).call(request).await.expect("answer");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 4096).await.expect("body");
        (status, String::from_utf8(body.to_vec()).expect("utf-8"))
    }

    #[tokio::test]
    async fn another_method_is_a_problem_that_says_which_are_taken() {
        for path in ["/live", "/ready", "/metrics"] {
            let request = Request::post(path).body(Body::empty()).expect("request");
            let router = Router::new().merge(router(Arc::new(Fake(Vec::new()))));
            let answer = router.clone().call(request).await.expect("answer");
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            let kind = &answer.headers()[header::CONTENT_TYPE];
            assert_eq!(kind, crate::problem::MEDIA_TYPE, "{path}");
            assert_eq!(answer.headers()[header::ALLOW], "GET,HEAD", "{path}");
            let body = to_bytes(answer.into_body(), 4096).await.expect("body");
            let problem: Problem = serde_json::from_slice(&body).expect("a problem");
            assert_eq!(problem.reason.as_deref(), Some("no_such_method"));
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_listed() {
        assert_eq!(ask(&[], "/ready").await, (200, "[]".to_owned()));
        let missing = (503, r#"["default NIC eth1"]"#.to_owned());
        assert_eq!(ask(&["default NIC eth1"], "/ready").await, missing);
        assert_eq!(ask(&["x"], "/live").await.0, 503);
        assert_eq!(ask(&[], "/metrics").await, (200, "a 1\n".to_owned()));
    }
}
