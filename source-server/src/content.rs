//! What a stream sends: the test card or a file, packet by packet.

use std::sync::Arc;

use common::ts::packet::Pid;

use crate::definition::{ContentDefinition, StreamDefinition};
use crate::file::{FileLoop, TsFile};
use crate::psi::PacketBytes;
use crate::testcard::{self, Mux, MuxOptions};

/// An endless run of TS packets with the time of each.
#[derive(Debug)]
pub enum Content {
    TestCard(Box<Mux>),
    File(Box<FileLoop>),
}

/// What a content is made of, again and again: a definition's, with its file read.
#[derive(Debug, Clone)]
pub enum Material {
    TestCard(MuxOptions),
    File {
        file: Arc<TsFile>,
        proof_every: Option<usize>,
    },
}

impl Material {
    /// The material of `definition`; `file` is what its content names, if it names one.
    #[must_use]
    pub fn new(definition: &StreamDefinition, file: Option<Arc<TsFile>>) -> Option<Self> {
        match (&definition.content, file) {
            (ContentDefinition::TestCard { bps, clock_start }, _) => {
                Some(Self::TestCard(MuxOptions {
                    bps: *bps,
                    name: definition.name.clone(),
                    proof: definition.proof,
                    clock_start: *clock_start,
                }))
            }
            (ContentDefinition::File(_), Some(file)) => Some(Self::File {
                file,
                proof_every: definition.proof.then_some(definition.form.packets),
            }),
            (ContentDefinition::File(_), None) => None,
        }
    }

    /// The content from its beginning.
    #[must_use]
    pub fn begin(&self) -> Content {
        match self {
            Self::TestCard(options) => Content::TestCard(Box::new(Mux::new(options))),
            Self::File { file, proof_every } => {
                Content::File(Box::new(FileLoop::new(Arc::clone(file), *proof_every)))
            }
        }
    }

    /// PIDs that carry PMTs.
    #[must_use]
    pub fn pmt_pids(&self) -> &[Pid] {
        match self {
            Self::TestCard(_) => &[testcard::PMT_PID],
            Self::File { file, .. } => file.pmt_pids(),
        }
    }
}

impl Content {
    /// When the next packet leaves, in ticks of 27 MHz since the stream began.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        match self {
            Self::TestCard(mux) => mux.ticks(),
            Self::File(file) => file.ticks(),
        }
    }

    /// Writes the next packet.
    pub fn next(&mut self, packet: &mut PacketBytes) {
        match self {
            Self::TestCard(mux) => mux.next(packet),
            Self::File(file) => file.next(packet),
        }
    }

    /// Leaves the first packet of a group to the caller.
    pub fn skip(&mut self) {
        match self {
            Self::TestCard(mux) => mux.skip(),
            Self::File(file) => file.skip(),
        }
    }
}
