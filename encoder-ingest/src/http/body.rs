//! Bodies of requests to the API: whole, within a bound and a deadline, before a handler begins.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::problem::Problem;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_BODY_WAIT};

/// The middleware that reads the body.
pub async fn read_whole(request: Request, next: Next) -> Response {
    if is_output(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match timeout(REQUEST_BODY_WAIT, to_bytes(body, REQUEST_BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => {
            let request = Request::from_parts(parts, Body::from(bytes));
            next.run(request).await
        }
        Ok(Err(error)) => refused(&error).into_response(),
        Err(_) => {
            let seconds = REQUEST_BODY_WAIT.as_secs();
            let detail = format!("the body was not complete within {seconds} s");
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
                .reason("body_timeout")
                .param("seconds", seconds)
                .into_response()
        }
    }
}

/// What a processing node sends is read by its handler, as it comes.
pub(super) fn is_output(method: &Method, path: &str) -> bool {
    let job = path.strip_prefix("/api/v1/jobs/");
    let job = job.and_then(|rest| rest.strip_suffix("/output"));
    *method == Method::PUT && job.is_some_and(|job| !job.contains('/'))
}

fn refused(error: &axum::Error) -> Problem {
    let cause = std::error::Error::source(error);
    if cause.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
        let detail =
            format!("the body is too large: at most {REQUEST_BODY_BYTES_MAX} bytes are read");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
            .reason("body_too_large")
            .param("max_bytes", REQUEST_BODY_BYTES_MAX);
    }
    Problem::new(StatusCode::BAD_REQUEST, common::chain(error)).reason("body")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::post;
    use axum::{Router, middleware};
    use tower_service::Service;

    async fn send(body: Body) -> u16 {
        let mut router = Router::new()
            .route("/", post(|text: String| async move { text }))
            .layer(middleware::from_fn(read_whole));
        let request = Request::post("/").body(body).expect("request");
        router.call(request).await.expect("answer").status().into()
    }

    #[tokio::test]
    async fn a_body_is_bounded() {
        assert_eq!(send(Body::from("short")).await, 200);
        assert_eq!(
            send(Body::from(vec![b' '; REQUEST_BODY_BYTES_MAX + 1])).await,
            413
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        struct Never;
        impl hyper::body::Body for Never {
            type Data = bytes::Bytes;
            type Error = std::convert::Infallible;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>>
            {
                std::task::Poll::Pending
            }
        }
        assert_eq!(send(Body::new(Never)).await, 408);
    }
}
