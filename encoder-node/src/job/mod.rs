//! What runs here, what waits, and what is refused: a pure state machine. Orders and what runs
//! report go in, with the time; what to start and to stop comes out.
//!
//! Slots are one pool for all ingests. A job holds its slots from when it is taken until it is
//! given up or taken away, also while it waits for its next attempt. Orders are levels, not edges:
//! the same list again changes nothing, and what is lost is mended by the next.

mod desk;
mod pause;
mod terms;

pub use desk::Desk;
pub use terms::{Action, JobKey, JobView, RunEnd, RunEvent, RunId, Start, Why};
