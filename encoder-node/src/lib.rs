//! The processing node: asks ingests what to do, encodes it with one ffmpeg a job, and sends the
//! result back to who asked.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`limits`]: every bound, by name
//! - [`slots`]: how many cores this process may use
//! - [`ffmpeg`]: what ffmpeg offers here, and how it is called
//! - [`progress`]: what a running ffmpeg says of itself
//! - [`seam`]: where a channel's clock jumps back
//! - [`gather`]: the piece of a stream that holds one key frame
//! - [`client`]: requests to an ingest
//! - [`config`]: the flags
//! - [`process`]: one ffmpeg child, which never outlives the node
//! - [`job`]: what runs, waits and is refused; pure
//! - [`pipeline`]: one job: channel in, ffmpeg, result out
//! - [`board`]: what the jobs of this node say, for heartbeats and metrics
//! - [`heartbeat`]: each ingest's every address, and what it orders
//! - [`metrics`]: what Prometheus sees
//! - [`node`]: starts and stops all of it

pub mod board;
pub mod client;
pub mod config;
pub mod ffmpeg;
pub mod gather;
pub mod heartbeat;
pub mod job;
pub mod limits;
pub mod metrics;
pub mod node;
pub mod pipeline;
pub mod process;
pub mod progress;
pub mod seam;
pub mod slots;
