//! What the port answers: the page and its files, all out of the binary, and what the ingests say.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::access::check_browser;
use common::ops::{self, Operations};
use serde::Serialize;

use crate::assets;
use crate::ingests::{IngestView, Ingests};
use crate::metrics;

/// All is from here, nothing inline, nothing from others, in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; media-src blob:; worker-src blob: 'self'; \
    font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(Debug, Serialize)]
struct IngestList {
    ingests: Vec<IngestView>,
}

struct Health(Ingests);

/// `no_auth`: the operator allowed everyone, under any host name.
pub fn router(ingests: Ingests, no_auth: bool) -> Router {
    let mut page = Router::new()
        .route("/api/ingests", get(list))
        .with_state(ingests.clone());
    if !no_auth {
        page = page.layer(from_fn(refuse_foreign_pages));
    }
    page.merge(ops::router(Arc::new(Health(ingests))))
        .fallback(assets::serve)
        .layer(from_fn(protect))
}

async fn list(State(ingests): State<Ingests>) -> impl IntoResponse {
    let head = [(header::CACHE_CONTROL, "no-store")];
    let ingests = ingests.view();
    (head, Json(IngestList { ingests }))
}

async fn refuse_foreign_pages(request: Request, next: Next) -> Response {
    match check_browser(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn protect(request: Request, next: Next) -> Response {
    const HEAD: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEAD {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Operations for Health {
    /// An ingest that is away is shown, and no reason to take the page away.
    fn missing(&self) -> Vec<String> {
        Vec::new()
    }

    fn metrics(&self) -> String {
        metrics::render(&self.0.view())
    }
}
