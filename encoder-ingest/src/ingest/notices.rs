//! What the data plane tells, taken to where it belongs.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::events::Events;
use crate::http::answer;
use crate::http::listener::Places;
use crate::http::watch::no_data;
use crate::metrics::{Counters, Refusal};
use crate::plane::Notice;

#[derive(Debug)]
pub(super) struct Notices {
    pub(super) notices: mpsc::Receiver<Notice>,
    pub(super) events: Arc<Events>,
    pub(super) counters: Arc<Counters>,
    pub(super) places: Places,
}

impl Notices {
    /// Until the data plane has ended. It never waits for a client: the data plane would wait too.
    pub(super) async fn run(mut self) {
        // As many as there were viewers, whose number is bounded.
        let mut answering = JoinSet::new();
        loop {
            tokio::select! {
                notice = self.notices.recv() => match notice {
                    Some(notice) => self.take(notice, &mut answering),
                    None => break,
                },
                Some(_) = answering.join_next() => {}
            }
        }
        while answering.join_next().await.is_some() {}
    }

    fn take(&self, notice: Notice, answering: &mut JoinSet<()>) {
        match notice {
            Notice::Event(draft) => {
                self.events.publish(draft);
            }
            Notice::NoData { channel, socket } => {
                self.counters.refused(Refusal::NoData);
                let problem = no_data(&channel.id, &channel.status.load());
                answering.spawn(async move { answer::refuse_std(socket, &problem).await });
            }
            Notice::ViewerEnded { viewer, end } => {
                self.counters.viewer_closed(end);
                self.places.viewer_ended();
                tracing::debug!(
                    channel = %viewer.channel.id,
                    address = %viewer.address,
                    end = end.as_str(),
                    "viewer ended"
                );
            }
        }
    }
}
