//! The threads that own streams, and the handle to them.
//!
//! - [`counters`]: what a stream tells about itself while it runs
//! - [`mod@line`]: its socket, opened anew when the NIC comes back
//! - [`outgoing`]: one stream: what is due is made, broken and sent
//! - [`lane`]: a thread with the streams that it owns
//!
//! A stream lives on one thread from its start to its end; the others speak to it by commands.

mod counters;
mod lane;
mod line;
mod outgoing;

pub use counters::{CounterValues, StreamCounters};

use std::io;
use std::sync::Arc;

use crate::content::Material;
use crate::definition::{StreamDefinition, StreamId};
use crate::faults::FaultPlan;
use lane::Lane;

/// All sending threads. Dropped or [stopped](Self::stop), they end and their streams with them.
#[derive(Debug)]
pub struct Sender {
    lanes: Vec<Lane>,
}

/// Which thread owns a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneIndex(usize);

/// What a plan's actions do once, beside the faults that last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultOrder {
    pub plan: FaultPlan,
    /// The content begins anew, with another SSRC.
    pub restart: bool,
    /// The next RTP sequence number.
    pub rtp_sequence: Option<u16>,
}

/// A sending thread has ended: the process is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sending threads have ended")]
pub struct Ended;

impl Sender {
    /// Starts `threads` sending threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(threads: usize) -> io::Result<Self> {
        let lanes = (0..threads.max(1)).map(Lane::start);
        Ok(Self {
            lanes: lanes.collect::<io::Result<_>>()?,
        })
    }

    /// Begins to send a stream, on the thread with the fewest.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn add(
        &self,
        definition: Arc<StreamDefinition>,
        material: Material,
        order: FaultOrder,
        counters: Arc<StreamCounters>,
    ) -> Result<LaneIndex, Ended> {
        let lanes = self.lanes.iter().enumerate();
        let (index, lane) = lanes.min_by_key(|(_, lane)| lane.streams()).ok_or(Ended)?;
        lane.add(definition, material, order, counters)?;
        Ok(LaneIndex(index))
    }

    /// Ends a stream; when this returns, nothing of it is sent any more.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn remove(&self, lane: LaneIndex, id: &StreamId) -> Result<(), Ended> {
        self.lanes[lane.0].remove(id)
    }

    /// Breaks a stream by another plan, from its next datagram on.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn order(&self, lane: LaneIndex, id: &StreamId, order: FaultOrder) -> Result<(), Ended> {
        self.lanes[lane.0].order(id, order)
    }

    /// Whether all threads run.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.lanes.iter().all(Lane::runs)
    }

    /// Ends all threads and waits for them.
    pub fn stop(self) {
        for lane in self.lanes {
            lane.stop();
        }
    }
}
