//! The ingests: the list, and all that is of one of them.

use axum::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::problem::Problem;

use super::{Shared, fresh};
use crate::guard::Visitor;
use crate::path::{self, IngestPath};
use crate::preview::Wanted;
use crate::proxy::unknown_ingest;
use crate::roster::Dismissal;

use super::Api;

pub(super) async fn list(State(api): Shared) -> Response {
    fresh(&api.hub.list())
}

/// `/api/ingests/NAME...`: the ingest's own API, a preview, or the ingest itself.
pub(super) async fn of_one(
    State(api): Shared,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Result<Response, Problem> {
    let to = path::parse(request.uri())?;
    if to.rest.is_empty() {
        return dismiss(&api, &visitor, &to.name, request.method());
    }
    if let Some(id) = to.rest.strip_prefix("/preview/") {
        let wanted = wanted(&to, id);
        return preview(&api, visitor, wanted, request).await;
    }
    api.proxy.pass(&visitor, &to, request).await
}

fn dismiss(api: &Api, visitor: &Visitor, name: &str, method: &Method) -> Result<Response, Problem> {
    if method != Method::DELETE {
        let detail = format!("{method} is not what an ingest takes here");
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
            .reason("no_such_method")
            .header(header::ALLOW, "DELETE"));
    }
    visitor.must_be_admin()?;
    let dismissed = api.hub.roster().dismiss(name);
    match dismissed {
        Ok(()) => {
            tracing::info!(ingest = name, user = visitor.name(), "dismissed");
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Err(Dismissal::Unknown) => Err(unknown_ingest(name)),
        Err(Dismissal::NotRemoved) => {
            let detail = format!("ingest {name} is not removed: its address is still found");
            Err(Problem::new(StatusCode::CONFLICT, detail)
                .reason("not_removed")
                .param("ingest", name))
        }
    }
}

fn wanted(to: &IngestPath, id: &str) -> Wanted {
    let id = id.split('?').next().unwrap_or_default();
    let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
    Wanted {
        ingest: to.name.clone(),
        id: id.into_owned(),
    }
}

async fn preview(
    api: &Api,
    visitor: Visitor,
    wanted: Wanted,
    request: Request,
) -> Result<Response, Problem> {
    let (mut head, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut head, &()).await {
        Ok(upgrade) => Ok(api.previews.open(upgrade, visitor, wanted)),
        Err(rejection) => {
            let detail = format!("a preview is a WebSocket: {rejection}");
            Err(Problem::new(StatusCode::UPGRADE_REQUIRED, detail)
                .reason("no_websocket")
                .header(header::UPGRADE, "websocket"))
        }
    }
}
