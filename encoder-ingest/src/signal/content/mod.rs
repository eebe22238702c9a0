//! What an elementary stream says of itself: size, rate and scan of a picture; rate and channels of
//! a sound. Read from the first bytes of PES packets, again and again, since it may change.
//!
//! - [`bits`]: fields that begin at any bit
//! - [`picture`]: MPEG-2 video, H.264, H.265
//! - [`sound`]: MPEG audio, AAC, AC-3
//! - [`cadence`]: how often pictures come, where they do not say it

pub mod bits;
pub mod cadence;
pub mod picture;
pub mod sound;

use super::coding::Coding;
use super::pes::Stamps;
use crate::limits::CONTENT_BYTES_MAX;
use cadence::Cadence;
use picture::{Found, Picture};
use sound::Sound;

/// What is known of one stream, in words.
#[derive(Debug)]
pub struct Content {
    coding: Coding,
    /// The beginning of a PES packet, while more of it is wanted.
    bytes: Vec<u8>,
    collecting: bool,
    picture: Option<Picture>,
    sound: Option<Sound>,
    cadence: Cadence,
    text: String,
}

impl Content {
    #[must_use]
    pub fn new(coding: Coding) -> Self {
        Self {
            coding,
            bytes: Vec::new(),
            collecting: false,
            picture: None,
            sound: None,
            cadence: Cadence::default(),
            text: String::new(),
        }
    }

    /// Such as `1280x720 25p` or `AAC 48 kHz stereo`; empty while it is not known.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A packet is missing, or not to be read.
    pub fn interrupt(&mut self) {
        self.collecting = false;
    }

    /// A PES packet begins. Answers whether more of it is wanted.
    pub fn begin(&mut self, bytes: &[u8]) -> bool {
        match self.coding {
            Coding::Video(..) => {
                self.bytes.clear();
                self.collecting = true;
                self.goes_on(bytes)
            }
            Coding::Audio(kind, _) => {
                if let Some(sound) = sound::read(kind, bytes)
                    && self.sound.replace(sound) != Some(sound)
                {
                    self.text = sound.to_string();
                }
                false
            }
            Coding::Data(_) | Coding::Sparse(_) => false,
        }
    }

    /// The PES packet goes on. Answers whether more of it is wanted.
    pub fn goes_on(&mut self, bytes: &[u8]) -> bool {
        let Coding::Video(kind, _) = self.coding else {
            return false;
        };
        if !self.collecting {
            return false;
        }
        let room = CONTENT_BYTES_MAX.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        let found = picture::find(kind, &self.bytes);
        self.collecting = found == Found::NotYet && self.bytes.len() < CONTENT_BYTES_MAX;
        if let Found::Picture(picture) = found
            && self.picture.replace(picture) != Some(picture)
        {
            self.describe();
        }
        self.collecting
    }

    /// The time stamps of a PES packet.
    pub fn stamps(&mut self, stamps: Stamps) {
        if matches!(self.coding, Coding::Video(..))
            && self.picture.is_some_and(|picture| picture.rate.is_none())
            && self.cadence.stamp(stamps.dts)
        {
            self.describe();
        }
    }

    fn describe(&mut self) {
        if let Some(picture) = self.picture {
            let rate = picture
                .rate
                .or_else(|| self.cadence.rate(picture.interlaced));
            self.text = Picture { rate, ..picture }.to_string();
        }
    }
}

#[cfg(test)]
mod tests;
