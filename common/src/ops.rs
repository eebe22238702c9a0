//! `/live`, `/ready` and `/metrics`: what Kubernetes and Prometheus ask every program, without a
//! token.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

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
        .route("/live", get(live::<O>))
        .route("/ready", get(ready::<O>))
        .route("/metrics", get(metrics::<O>))
        .with_state(operations)
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
    async fn what_is_missing_is_listed() {
        assert_eq!(ask(&[], "/ready").await, (200, "[]".to_owned()));
        let missing = (503, r#"["default NIC eth1"]"#.to_owned());
        assert_eq!(ask(&["default NIC eth1"], "/ready").await, missing);
        assert_eq!(ask(&["x"], "/live").await.0, 503);
        assert_eq!(ask(&[], "/metrics").await, (200, "a 1\n".to_owned()));
    }
}
