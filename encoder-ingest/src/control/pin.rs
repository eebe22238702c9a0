//! An operator holds one of a channel's inputs.

use common::api::event::{EventDraft, EventKind};
use serde_json::json;

use super::Control;
use crate::channels::news::Author;
use crate::definition::ChannelId;

/// Why an input is not held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    #[error("there is no channel {0}")]
    NotFound(ChannelId),
    #[error("channel {0} does not run here")]
    Idle(ChannelId),
    #[error("channel {channel} has no input {input}: it has {count}, counted from 0")]
    NoInput {
        channel: ChannelId,
        input: usize,
        count: usize,
    },
}

impl Control {
    /// Holds an input; none: failover chooses again. Blocks: it is kept.
    ///
    /// # Errors
    /// When there is no such channel or input.
    pub fn pin(
        &self,
        id: &ChannelId,
        input: Option<usize>,
        author: &Author,
    ) -> Result<(), PinError> {
        if self.channel(id).is_none() {
            return Err(PinError::NotFound(id.clone()));
        }
        let live = self.plane.channel(id);
        let live = live.ok_or_else(|| PinError::Idle(id.clone()))?;
        let count = live.definition.load().inputs.len();
        if let Some(input) = input.filter(|input| *input >= count) {
            return Err(PinError::NoInput {
                channel: id.clone(),
                input,
                count,
            });
        }
        let before = live.pinned();
        live.pin(input);
        if before == input {
            return Ok(());
        }
        self.keep_care();
        let event = match input {
            Some(input) => {
                let detail = format!("channel {id} is held on input {input}");
                let event = EventDraft::new(EventKind::InputPinned, detail).reason("pinned");
                event.param("input", input)
            }
            None => {
                let detail = format!("channel {id} chooses its input itself again");
                EventDraft::new(EventKind::InputPinned, detail).reason("unpinned")
            }
        };
        let difference = json!({"pinned_input": {"old": before, "new": input}});
        let event = event.difference(difference);
        self.publish_by(event.channel(id.as_str()), author);
        Ok(())
    }
}
