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
use crate::hub::Hub;
use crate::limits::{LIVE_WITHIN, READY_WITHIN};
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

    /// What would make the page untrue. An ingest that is away is shown, and users that were read stay
    /// in force when their file goes wrong: neither is a reason to take the page from everybody.
    fn missing(&self) -> Vec<String> {
        missing(&self.0.hub)
    }

    fn metrics(&self) -> String {
        let hub = &self.0.hub;
        metrics::render(hub.counters(), &hub.views(), self.0.moment())
    }
}

fn missing(hub: &Hub) -> Vec<String> {
    let mut missing = Vec::new();
    if u128::from(hub.idle_ms()) >= READY_WITHIN.as_millis() {
        let seconds = READY_WITHIN.as_secs();
        missing.push(format!(
            "no update was made for {seconds} s: browsers learn nothing new"
        ));
    }
    let roster = hub.roster();
    let unknown = roster.not_looked_up();
    missing.extend(unknown.map(|url| format!("{url} is being looked up for the first time")));
    missing
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::hub::now;

    #[test]
    fn it_is_ready_once_every_name_was_looked_up_though_nothing_was_found() {
        let urls = ["http://n1:9525", "http://n2:9525"];
        let hub = Hub::new(urls.map(str::to_owned), Arc::default());
        let told = missing(&hub);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("http://n1:9525"), "{told:?}");
        hub.roster().resolved(0, &[], now());
        hub.roster()
            .unresolved(1, "no name server answers".to_owned());
        assert_eq!(missing(&hub), Vec::<String>::new());
    }

    #[test]
    fn it_is_not_ready_while_no_updates_are_made() {
        let mut begin = now();
        begin.at -= READY_WITHIN + Duration::from_secs(1);
        let hub = Hub::begun([], Arc::default(), begin);
        assert_eq!(missing(&hub).len(), 1);
        hub.update(now());
        assert!(missing(&hub).is_empty());
    }
}
