//! The API that the page asks, below `/api`. Who asks has been decided before a request comes here;
//! the [`Visitor`] in its extensions says who it is.
//!
//! [`Visitor`]: crate::guard::Visitor

mod entry;
mod events;
mod ingests;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use common::problem::Problem;
use common::shutdown::Shutdown;
use serde_json::{Map, Value, json};
use tokio::time::{Duration, sleep, timeout};

use crate::client::IngestClient;
use crate::guard::Guard;
use crate::history::History;
use crate::hub::Hub;
use crate::limits::{
    DRAIN, EVENT_STREAMS_MAX, EVENT_STREAMS_OF_ONE_MAX, PREVIEWS_MAX, PREVIEWS_OF_ONE_MAX, TOLD,
};
use crate::metrics::Moment;
use crate::places::Places;
use crate::preview::Previews;
use crate::proxy::Proxy;

/// What handlers need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    pub hub: Hub,
    pub guard: Guard,
    proxy: Proxy,
    previews: Previews,
    history: History,
    streams: Places,
    shutdown: Shutdown,
}

type Shared = State<Api>;

/// How often it is looked whether previews have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

impl Api {
    #[must_use]
    pub fn new(hub: &Hub, client: &IngestClient, guard: Guard, shutdown: &Shutdown) -> Self {
        let previews = Previews {
            hub: hub.clone(),
            client: client.clone(),
            places: Places::new(PREVIEWS_MAX, PREVIEWS_OF_ONE_MAX),
            shutdown: shutdown.clone(),
        };
        let streams = Places::new(EVENT_STREAMS_MAX, EVENT_STREAMS_OF_ONE_MAX);
        let (places, end) = (streams.clone(), shutdown.clone());
        Self {
            hub: hub.clone(),
            guard,
            proxy: Proxy::new(hub.clone(), client.clone(), places, end),
            previews,
            history: History::new(hub.clone(), client.clone()),
            streams,
            shutdown: shutdown.clone(),
        }
    }
}

impl Api {
    /// Waits until previews have told their browsers that the end has come, for [`DRAIN`] at most.
    pub async fn drained(&self) {
        let ended = async {
            while self.previews.places.count() > 0 {
                sleep(DRAIN_LOOK).await;
            }
        };
        if timeout(DRAIN, ended).await.is_err() {
            tracing::info!("previews were cut");
        }
    }

    /// For Prometheus.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let login = self.guard.rules().login.as_ref();
        Moment {
            event_streams: self.streams.count(),
            previews: self.previews.places.count(),
            users_ok: login.is_none_or(|login| login.users.is_ok()),
        }
    }
}

pub fn router(api: Api) -> Router {
    Router::new()
        .route("/api/login", post(entry::log_in))
        .route("/api/logout", post(entry::log_out))
        .route("/api/me", get(entry::me))
        .route("/api/about", get(about))
        .route("/api/events", get(events::stream))
        .route("/api/events.json", get(events::list))
        .route("/api/ingests", get(ingests::list))
        // Taken apart by `path`, as they came: axum would decode them.
        .route("/api/ingests/{*rest}", any(ingests::of_one))
        .route("/api/{*rest}", any(no_such_path))
        .method_not_allowed_fallback(no_such_method)
        .with_state(api)
}

/// Versions and limits, for the page `/about`.
async fn about(State(api): Shared) -> Response {
    let limits = TOLD
        .iter()
        .map(|(name, limit)| ((*name).to_owned(), json!(limit)));
    let limits: Map<String, Value> = limits.collect();
    let rules = api.guard.rules();
    fresh(
        &json!({
            "version": env!("CARGO_PKG_VERSION"),
            "login": rules.login.is_some(),
            "public_url": rules.public,
            "limits": limits,
        })
        .to_string(),
    )
}

async fn no_such_path(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, detail)
        .reason("no_such_path")
        .param("path", uri.path())
}

async fn no_such_method(method: axum::http::Method, uri: Uri) -> Problem {
    let detail = format!("{method} is not what {} takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .reason("no_such_method")
        .param("method", method)
        .param("path", uri.path())
}

/// JSON that is true at this moment only.
fn fresh(json: &str) -> Response {
    let head = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (head, json.to_owned()).into_response()
}
