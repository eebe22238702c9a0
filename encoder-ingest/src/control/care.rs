//! Pins and acknowledgements outlive the process, where there is a `--state-dir`: written when they
//! change, and given back to channels when these run.
//!
//! A folder that can't be written is no reason to refuse a pin: it holds, and is kept once it can be.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use common::api::channel::Acknowledgement;
use common::shutdown::Shutdown;
use jiff::Timestamp;

use super::DataPlane;
use crate::channels::care::{CareByChannel, CareFile, ChannelCare};
use crate::limits::{CARE_INTERVAL, CARE_WAITS};
use crate::live::{Acknowledged, LiveChannel};

/// Keeps pins and acknowledgements.
#[derive(Debug)]
pub struct Care {
    plane: Arc<dyn DataPlane>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: CareFile,
    /// What was kept of channels that do not run yet.
    waiting: CareByChannel,
    since: Instant,
    /// The last attempt to write failed: it is logged once.
    failed: bool,
}

impl Care {
    #[must_use]
    pub fn open(folder: &Path, plane: Arc<dyn DataPlane>) -> Self {
        let (file, waiting) = CareFile::open(folder);
        let state = State {
            file,
            waiting,
            since: Instant::now(),
            failed: false,
        };
        Self {
            plane,
            state: Mutex::new(state),
        }
    }

    /// Gives back what was kept of channels that run now, and keeps what there is. Blocks.
    pub fn keep(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let channels = self.plane.channels();
        if !state.waiting.is_empty() {
            for live in &channels {
                if let Some(care) = state.waiting.remove(live.id.as_str()) {
                    give_back(live, care);
                }
            }
            if state.since.elapsed() >= CARE_WAITS {
                state.waiting.clear();
            }
        }
        let cared = channels.iter().filter_map(|live| {
            let care = of(live);
            (care != ChannelCare::default()).then(|| (live.id.to_string(), care))
        });
        let mut all: CareByChannel = cared.collect();
        all.extend(state.waiting.clone());
        let saved = state.file.save(all);
        if let Err(error) = &saved
            && !state.failed
        {
            tracing::error!(%error, "pins and acknowledgements hold, but are not kept");
        }
        state.failed = saved.is_err();
    }

    /// Keeps what changes by itself (what ends, what an input's removal takes), until the process
    /// stops.
    pub async fn follow(self: Arc<Self>, mut shutdown: Shutdown) {
        loop {
            let care = Arc::clone(&self);
            // It ends by itself; a panic in it was logged.
            let _ = tokio::task::spawn_blocking(move || care.keep()).await;
            tokio::select! {
                () = tokio::time::sleep(CARE_INTERVAL) => {}
                () = shutdown.requested() => return,
            }
        }
    }
}

fn of(live: &LiveChannel) -> ChannelCare {
    let definition = live.definition.load();
    let inputs = definition.document().inputs;
    let acknowledged = live.acknowledged.load();
    ChannelCare {
        pinned: live.pinned().and_then(|input| inputs.get(input).cloned()),
        acknowledged: acknowledged.as_ref().map(|one| one.shown.clone()),
    }
}

/// What an operator has done since goes before.
fn give_back(live: &LiveChannel, care: ChannelCare) {
    if let Some(pinned) = care.pinned
        && live.pinned().is_none()
    {
        let inputs = live.definition.load().document().inputs;
        live.pin(inputs.iter().position(|input| *input == pinned));
    }
    if let Some(acknowledged) = care.acknowledged.and_then(in_force)
        && live.acknowledged.load().is_none()
    {
        live.acknowledged.store(Some(Arc::new(acknowledged)));
    }
}

/// None: its time is up, or it is none.
fn in_force(shown: Acknowledgement) -> Option<Acknowledged> {
    let until: Timestamp = shown.until.parse().ok()?;
    (until > Timestamp::now()).then_some(Acknowledged { until, shown })
}
