//! What the port answers: the page, the API that it asks, and what Kubernetes and Prometheus ask;
//! and the headers that all of it carries.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use common::ops::{self, Operations};

use crate::api::{self, Api};
use crate::assets;
use crate::guard::{Guard, guard};
use crate::limits::LIVE_WITHIN;
use crate::metrics;

/// All is from here, nothing inline, nothing from others, in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; media-src blob:; worker-src blob: 'self'; \
    font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Over https alone; a year.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

/// `same-origin` and no less: without it a browser would send `Origin: null` with forms.
const HEAD: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

struct Health(Api);

pub fn router(api: Api) -> Router {
    let rules = api.guard.clone();
    api::router(api.clone())
        .fallback(assets::serve)
        .layer(from_fn_with_state(rules.clone(), guard))
        .merge(ops::router(Arc::new(Health(api))))
        .layer(from_fn_with_state(rules, protect))
}

async fn protect(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEAD {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if guard.rules().is_https() {
        let value = HeaderValue::from_static(TRANSPORT_SECURITY);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
        let own = HeaderValue::from_static("same-origin");
        headers.insert(HeaderName::from_static("cross-origin-opener-policy"), own);
    }
    response
}

impl Operations for Health {
    fn live(&self) -> bool {
        u128::from(self.0.hub.idle_ms()) < LIVE_WITHIN.as_millis()
    }

    /// An ingest that is away is shown, and no reason to take the page away.
    fn missing(&self) -> Vec<String> {
        Vec::new()
    }

    fn metrics(&self) -> String {
        let hub = &self.0.hub;
        metrics::render(hub.counters(), &hub.views(), self.0.moment())
    }
}
