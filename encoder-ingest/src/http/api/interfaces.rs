//! The NICs of this host, as the ingest sees them.

use axum::Json;
use axum::http::StatusCode;
use common::net::interfaces::{Interface, interfaces};
use common::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use super::request::blocking;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InterfaceList {
    interfaces: Vec<Interface>,
}

/// All NICs, in order of their index.
#[utoipa::path(get, path = "/interfaces", tag = "about", responses(
    (status = 200, description = "The NICs of the ingest's network namespace", body = InterfaceList),
))]
pub(super) async fn list() -> Result<Json<InterfaceList>, Problem> {
    let interfaces = blocking(interfaces).await?.map_err(|error| {
        let detail = format!("the kernel does not list its NICs: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).reason("interfaces")
    })?;
    Ok(Json(InterfaceList { interfaces }))
}
