//! `/api/v1`: control over HTTP. Each handler stands beside its description, and both are made into
//! the router by the same list, so that the OpenAPI document describes all that is there.
//!
//! Who may ask has been decided before a request comes here; the [`Actor`] in its extensions says
//! who it is.
//!
//! [`Actor`]: crate::http::auth::Actor

mod acknowledge;
mod capture;
mod channels;
mod describe;
mod diagnose;
mod errors;
mod events;
mod heartbeat;
mod interfaces;
mod nodes;
mod output;
mod pin;
mod request;
mod snapshot;
mod status;
#[cfg(test)]
mod tests;
mod viewers;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::{Router, middleware};
use common::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::control::Control;
use describe::PREFIX;

type Shared = axum::extract::State<Arc<Control>>;

/// All of it, with paths relative to `/api/v1`.
pub fn router(control: Arc<Control>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        // Bodies have been read within bounds before they come here.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(request::no_store))
        .with_state(control)
}

/// The routes with their descriptions.
fn described() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(channels::read, channels::replace, channels::remove))
        .routes(routes!(channels::apply))
        .routes(routes!(channels::reset_counters))
        .routes(routes!(acknowledge::acknowledge, acknowledge::take_back))
        .routes(routes!(capture::capture))
        .routes(routes!(pin::pin, pin::unpin))
        .routes(routes!(diagnose::diagnose))
        .routes(routes!(errors::list))
        .routes(routes!(snapshot::read))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::beat))
        .routes(routes!(nodes::jobs))
        .routes(routes!(output::put))
        .routes(routes!(viewers::list))
        .routes(routes!(viewers::disconnect))
        .routes(routes!(interfaces::list))
        .routes(routes!(events::stream))
        .routes(routes!(events::list))
        .routes(routes!(status::read))
        .routes(routes!(describe::document))
}

async fn no_such_path(uri: Uri) -> Problem {
    let detail = format!(
        "there is nothing at {PREFIX}{}: {PREFIX}/openapi.json describes what there is",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, detail)
        .reason("no_such_path")
        .param("path", format!("{PREFIX}{}", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{method} is not what {PREFIX}{} takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .reason("no_such_method")
        .param("method", method)
        .param("path", format!("{PREFIX}{}", uri.path()))
}
