//! A channel that a processing node sends: from the queue into the history.

use super::{Bench, Channel, Now};
use crate::limits::UPLOAD_QUEUE_DEPTH;
use crate::relay::upload::Upload;

impl Channel {
    /// Takes what a processing node sends from now on.
    pub fn set_upload(&mut self, upload: Upload) {
        // Gaps in it are its own: there is no network between that could lose packets.
        self.recorder.signal_mut().set_numbered(true);
        self.upload = Some(upload);
    }

    /// Takes what has gathered: no more than the queue holds, so that a turn has an end.
    pub(super) fn take_upload(&mut self, now: Now, bench: &mut Bench<'_>) {
        let Some(upload) = &mut self.upload else {
            return;
        };
        for _ in 0..UPLOAD_QUEUE_DEPTH {
            let Some(piece) = upload.take() else { break };
            if piece.first {
                let place = self.recorder.cut(self.plan.program);
                self.viewers
                    .iter_mut()
                    .for_each(|viewer| viewer.cut(place, now.ms));
            }
            self.recorder.append(&piece.bytes, bench.pool, now.ms);
            self.received_bytes += piece.bytes.len() as u64;
            self.last_data_ms = Some(now.ms);
        }
    }
}
