//! The built-in test card: a moving picture with a running clock and a tone, made once with
//! ffmpeg (`source-server/testcard/make.sh`) and multiplexed here, endlessly and exactly.
//!
//! - [`elementary`]: the committed streams, cut into frames
//! - [`track`]: one elementary stream as TS packets, and when each is to leave
//! - [`clock`]: what time it is at a byte position of a stream of constant rate
//! - [`mux`]: the transport stream, packet by packet
//!
//! Pure: bytes from a position. It knows no clock of this machine and no socket.

mod clock;
mod elementary;
mod mux;
mod track;

pub use mux::{Mux, MuxOptions, PMT_PID};
pub(crate) use mux::{NULL_PACKET, pcr_bytes};

use std::sync::{Arc, LazyLock};

use track::Track;
pub use track::VIDEO_PID;

/// How long the streams of the card are, in ticks of 27 MHz: 9.6 s, a whole number of video
/// frames (240) and of AAC frames (450).
pub const LOOP_TICKS: u64 = 9_600 * 27_000;

/// The card in TS packets, made once for all streams.
#[derive(Debug)]
pub(crate) struct Card {
    video: Track,
    audio: Track,
}

static CARD: LazyLock<Arc<Card>> = LazyLock::new(|| {
    Arc::new(Card {
        video: Track::video(),
        audio: Track::audio(),
    })
});

fn card() -> Arc<Card> {
    Arc::clone(&CARD)
}
