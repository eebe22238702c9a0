//! An operator has seen that a channel is ill: who, until when, and a note. It is kept with the
//! channel that runs; the channel's monitor ends it.

use std::sync::Arc;

use common::api::channel::{Acknowledgement, Reason};
use common::api::event::{EventDraft, EventKind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Control;
use crate::channels::news::Author;
use crate::definition::ChannelId;
use crate::live::{Acknowledged, LiveChannel};

/// Why a channel is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcknowledgeError {
    #[error("there is no channel {0}")]
    NotFound(ChannelId),
    #[error("channel {0} is well: there is nothing to acknowledge")]
    Well(ChannelId),
    #[error("channel {0} does not run here")]
    Idle(ChannelId),
}

impl Control {
    /// An operator has seen that the channel is ill. Blocks: it is kept.
    ///
    /// # Errors
    /// When it is not, or is not there.
    pub fn acknowledge(
        &self,
        id: &ChannelId,
        until: Timestamp,
        note: String,
        author: &Author,
    ) -> Result<(), AcknowledgeError> {
        let live = self.running(id)?;
        if live.status.load().reason == Reason::Ok {
            return Err(AcknowledgeError::Well(id.clone()));
        }
        let by = author.actor.clone().unwrap_or_default();
        let shown = Acknowledgement {
            by: by.clone(),
            since: format!("{:.3}", Timestamp::now()),
            until: until.to_string(),
            note,
        };
        let detail = format!("{by} has seen that channel {id} is ill; this holds until {until}");
        let event = EventDraft::new(EventKind::Acknowledged, detail)
            .reason("acknowledged")
            .param("until", until)
            .param("note", &shown.note)
            .param("by", by);
        let now = Arc::new(Acknowledged { until, shown });
        let before = live.acknowledged.swap(Some(Arc::clone(&now)));
        self.keep_care();
        let difference = difference(before.as_deref(), Some(&now));
        let event = event.difference(difference);
        self.publish_by(event.channel(id.as_str()), author);
        Ok(())
    }

    /// Takes an acknowledgement back; without one, nothing changes. Blocks.
    ///
    /// # Errors
    /// When there is no such channel.
    pub fn take_back(&self, id: &ChannelId, author: &Author) -> Result<(), AcknowledgeError> {
        let live = self.running(id)?;
        if let Some(before) = live.acknowledged.swap(None) {
            self.keep_care();
            let detail = format!("the acknowledgement of channel {id} was taken back");
            let event = EventDraft::new(EventKind::Acknowledged, detail)
                .reason("taken_back")
                .param("by", &before.shown.by)
                .difference(difference(Some(&before), None));
            self.publish_by(event.channel(id.as_str()), author);
        }
        Ok(())
    }

    fn running(&self, id: &ChannelId) -> Result<Arc<LiveChannel>, AcknowledgeError> {
        if self.channel(id).is_none() {
            return Err(AcknowledgeError::NotFound(id.clone()));
        }
        let live = self.plane.channel(id);
        live.ok_or_else(|| AcknowledgeError::Idle(id.clone()))
    }
}

fn difference(old: Option<&Acknowledged>, new: Option<&Acknowledged>) -> Value {
    let shown = |one: Option<&Acknowledged>| json!(one.map(|one| &one.shown));
    json!({"acknowledged": {"old": shown(old), "new": shown(new)}})
}
