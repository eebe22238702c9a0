//! How the ingest itself fares.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use common::document::Mistake;
use common::net::interfaces::links;
use common::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::request::blocking;
use crate::control::Control;
use crate::live::LiveChannel;
use crate::nics::resolve;

/// The ingest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusDocument {
    version: &'static str,
    node_name: String,
    /// RFC 3339, UTC.
    started: String,
    uptime_s: u64,
    /// Where operator channels are kept; null: in memory, gone with the process.
    state_dir: Option<String>,
    /// Operator channels survive a restart.
    persistent: bool,
    /// A file could be made in `state_dir` when that was last tried; true without one.
    state_dir_writable: bool,
    /// The channels file is in force as it is now; true without one.
    config_ok: bool,
    config: ConfigDocument,
    limits: LimitsDocument,
    interface: InterfaceDocument,
    workers: Vec<WorkerDocument>,
    viewers: usize,
    /// What each channel that runs has been given, by id.
    channels: Vec<ShareDocument>,
}

/// The channels file.
#[derive(Debug, Serialize, ToSchema)]
struct ConfigDocument {
    /// `--channels`; null: there is none.
    file: Option<String>,
    /// It was wrong at the start, and the last good copy of it is in force.
    last_good: bool,
    /// What is wrong with it as it is now.
    errors: Vec<Mistake>,
}

/// The flags that bound something.
#[derive(Debug, Serialize, ToSchema)]
struct LimitsDocument {
    max_channels: usize,
    max_viewers: usize,
    max_connections: usize,
    latency_ms: u64,
    history_ms: u64,
    /// Of all channels together.
    history_bytes: usize,
    /// What sockets ask for; null: the most that is granted.
    receive_buffer_bytes: Option<usize>,
    silence_ms: u64,
    viewer_idle_s: u64,
}

/// Where channels join that name no NIC.
#[derive(Debug, Serialize, ToSchema)]
struct InterfaceDocument {
    /// `--interface`.
    looked_for: Vec<String>,
    /// The one that it means at this moment; null: none of them is there.
    found: Option<String>,
    /// Names of the NICs that there are.
    present: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WorkerDocument {
    /// Channels that it owns.
    channels: usize,
    /// Share of the last second that it was busy, 0 to 1.
    busy_ratio: f64,
    /// It has turned its loop within the last second.
    alive: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct ShareDocument {
    id: String,
    /// What the kernel granted its socket; 0: it has none yet.
    receive_buffer_bytes: u64,
    history_bytes: u64,
    /// Its share of the history.
    history_bytes_max: u64,
}

/// Version, limits, load, and what the configuration has come to.
#[utoipa::path(get, path = "/status", tag = "about", responses(
    (status = 200, description = "How the ingest fares", body = StatusDocument),
))]
pub(super) async fn read(State(control): Shared) -> Result<Json<StatusDocument>, Problem> {
    // Asking for the NICs are system calls.
    blocking(move || Json(status(&control))).await
}

fn status(control: &Control) -> StatusDocument {
    let registry = &control.registry;
    let file_state = registry.file_state();
    let path = |path: &std::path::Path| path.display().to_string();
    StatusDocument {
        version: env!("CARGO_PKG_VERSION"),
        node_name: control.options.node_name.clone(),
        started: control.started(),
        uptime_s: control.uptime_s(),
        state_dir: registry.state_dir().map(path),
        persistent: registry.state_dir().is_some(),
        state_dir_writable: registry.state_dir_writable(),
        config_ok: file_state.mistakes.is_empty(),
        config: ConfigDocument {
            file: registry.file().map(path),
            last_good: file_state.last_good,
            errors: file_state.mistakes.clone(),
        },
        limits: limits(control),
        interface: interface(control),
        workers: workers(control),
        viewers: control.plane.viewers(None).len(),
        channels: control
            .plane
            .channels()
            .iter()
            .map(|one| share(one))
            .collect(),
    }
}

fn limits(control: &Control) -> LimitsDocument {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let plane = &control.options.plane;
    LimitsDocument {
        max_channels: control.registry.channels_max(),
        max_viewers: plane.viewers_max,
        max_connections: control.options.connections_max,
        latency_ms: ms(plane.latency),
        history_ms: ms(plane.history),
        history_bytes: plane.history_bytes_max,
        receive_buffer_bytes: plane.receive_buffer_bytes,
        silence_ms: ms(plane.silence),
        viewer_idle_s: plane.viewer_idle.as_secs(),
    }
}

fn interface(control: &Control) -> InterfaceDocument {
    let wanted = &control.options.plane.interfaces;
    // Where the kernel does not list them, there are none for us.
    let links = links().unwrap_or_default();
    InterfaceDocument {
        looked_for: wanted.iter().map(ToString::to_string).collect(),
        found: resolve(wanted, &links).map(|link| link.name.clone()),
        present: links.into_iter().map(|link| link.name).collect(),
    }
}

fn workers(control: &Control) -> Vec<WorkerDocument> {
    let workers = control.plane.workers().into_iter();
    workers
        .map(|worker| WorkerDocument {
            channels: worker.channels,
            busy_ratio: worker.busy_ratio,
            alive: worker.alive,
        })
        .collect()
}

fn share(channel: &LiveChannel) -> ShareDocument {
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counters = &channel.counters;
    ShareDocument {
        id: channel.id.to_string(),
        receive_buffer_bytes: load(&counters.receive_buffer_bytes),
        history_bytes: load(&counters.history_bytes),
        history_bytes_max: load(&counters.history_bytes_max),
    }
}
