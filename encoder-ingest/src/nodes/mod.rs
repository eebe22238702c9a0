//! Processing nodes and what they do: renditions of channels.
//!
//! In dependency order:
//!
//! - [`slots`]: what jobs cost and nodes have (pure)
//! - [`profiles`]: what nodes are told to make (pure)
//! - [`leases`]: which nodes live (pure)
//! - [`assignment`]: who runs what (pure)
//! - [`job`]: one job and its past (pure)
//! - [`keep`]: what a job keeps, and what ends for a cause (pure)
//! - [`said`], [`news`]: why a job is as it is, and what is told of it (pure)
//! - [`board`]: all of it together (pure)
//! - [`splice`], [`junction`]: one stream out of several uploads (pure)
//! - [`renditions`]: what is wanted (pure)
//! - [`shown`]: nodes and jobs as the API shows them (pure)
//! - [`jpeg`], [`pictures`]: the newest picture of each channel
//! - [`outputs`]: what comes back, on its way to a worker
//! - [`dispatch`]: it keeps all of it together

pub mod assignment;
pub mod board;
pub mod dispatch;
pub mod job;
pub mod jpeg;
pub mod junction;
mod keep;
pub mod leases;
mod news;
pub mod outputs;
pub mod pictures;
pub mod profiles;
pub mod renditions;
mod said;
mod shown;
pub mod slots;
pub mod splice;
