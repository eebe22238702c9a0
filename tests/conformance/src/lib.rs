//! What the tests of the signal analysis work with: streams in which every packet has its time, ways
//! to damage them, and the analysis as a channel's worker runs it, on made-up time.
//!
//! - [`stream`]: a test card, or a file of constant rate, packet by packet
//! - [`damage`]: what may be wrong with it
//! - [`play`]: through the analysis, turn by turn

pub mod damage;
pub mod play;
pub mod stream;
