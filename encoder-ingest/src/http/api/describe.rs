//! The OpenAPI document (3.1) of all that this folder answers.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use common::problem::{MEDIA_TYPE, Problem};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Info, License, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

/// Where the API is mounted.
pub(super) const PREFIX: &str = "/api/v1";

const BEARER: &str = "token";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    // Made of texts and maps: this can't fail.
    serde_json::to_string_pretty(&openapi()).unwrap_or_default()
});

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "about", responses(
    (status = 200, description = "OpenAPI 3.1; needs no token", body = Object),
))]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

/// The document, with what holds for every operation added to each.
pub(super) fn openapi() -> OpenApi {
    let mut document = OpenApiRouter::new()
        .nest(PREFIX, super::described())
        .into_openapi();
    // In the place of the library's own, which names its author.
    document.info = Info::new("encoder-ingest", env!("CARGO_PKG_VERSION"));
    document.info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    document.info.description = Some(
        "Control of one ingest. Without --token-file it is open to programs on this host; with it, \
         reading takes any token and changing one of role admin, as `Authorization: Bearer TOKEN`. \
         An admin that acts for somebody names them in `Encoder-Actor`."
            .to_owned(),
    );
    let components = document.components.get_or_insert_default();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(BEARER, scheme);
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let own = format!("{PREFIX}/openapi.json");
    for (path, item) in &mut document.paths.paths {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            if *path != own {
                guard(operation);
            }
        }
    }
    document
}

/// What may be answered before a handler is asked: by the guard of the API, by who reads its path
/// and its body. What the operation says itself of a status stays.
fn guard(operation: &mut Operation) {
    let token = SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, []);
    // The empty one: no token file.
    operation.security = Some(vec![token, SecurityRequirement::default()]);
    for (status, description) in [
        (
            "400",
            "The path can't be decoded, or Encoder-Actor is no name",
        ),
        ("408", "The body was not complete within 10 s"),
        ("413", "The body is too large"),
        ("401", "A token is needed, or this one is not known"),
        (
            "403",
            "The token's role, the Host or the Origin does not allow this",
        ),
    ] {
        let content = Content::new(Some(Ref::from_schema_name(Problem::name())));
        let response = ResponseBuilder::new().description(description);
        let response = response.content(MEDIA_TYPE, content).build();
        let responses = &mut operation.responses.responses;
        let own = responses.entry(status.to_owned());
        own.or_insert(RefOr::T(response));
    }
}
