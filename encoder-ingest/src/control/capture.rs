//! A channel's last seconds as bytes: asked of its worker piece by piece.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::Control;
use crate::definition::ChannelId;
use crate::limits::{CAPTURE_BYTES_MAX, CAPTURE_PIECE_BYTES};
use crate::plane::{Piece, Wanted};

/// TS packets, and how long they took to come.
#[derive(Debug)]
pub struct Captured {
    pub pieces: Vec<Vec<u8>>,
    pub span_ms: u64,
    /// To be kept until the bytes have gone.
    pub permit: OwnedSemaphorePermit,
}

/// Why there is no capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureError {
    /// So many as may be are under way.
    Busy,
    /// The channel does not run, or its history is empty.
    Nothing,
}

impl Control {
    /// The channel's last seconds, as far as its history has them.
    ///
    /// # Errors
    /// When others are captured, or there is nothing.
    pub async fn capture(&self, id: &ChannelId, seconds: u32) -> Result<Captured, CaptureError> {
        let permit = Arc::clone(&self.captures).try_acquire_owned();
        let permit = permit.map_err(|_| CaptureError::Busy)?;
        let first = Wanted::First {
            backlog_ms: u64::from(seconds) * 1000,
            bytes_max: CAPTURE_BYTES_MAX as u64,
        };
        let first = self.piece(id, first).await.ok_or(CaptureError::Nothing)?;
        let (start, end, span_ms) = (first.start, first.end, first.span_ms);
        let mut position = first.position;
        let mut pieces = vec![first.bytes];
        while position < end {
            // The channel has been removed, or the history has gone on over us: what there is, is
            // in one piece all the same.
            let Some(next) = self.piece(id, Wanted::Next { position, end }).await else {
                break;
            };
            position = next.position;
            pieces.push(next.bytes);
        }
        if position == start {
            return Err(CaptureError::Nothing);
        }
        Ok(Captured {
            pieces,
            span_ms: span_ms * (position - start) / (end - start),
            permit,
        })
    }

    async fn piece(&self, id: &ChannelId, wanted: Wanted) -> Option<Piece> {
        let buffer = Vec::with_capacity(CAPTURE_PIECE_BYTES);
        self.plane.capture(id, wanted, buffer)?.await.ok()?
    }
}
