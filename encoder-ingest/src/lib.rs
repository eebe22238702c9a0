//! encoder-ingest: input -> blocks -> history -> viewer, driven by a worker; everything else is
//! control.

pub mod channels;
pub mod config;
pub mod control;
mod door;
pub mod events;
pub mod http;
pub mod ingest;
pub mod limits;
pub mod live;
pub mod metrics;
pub mod nics;
pub mod plane;
pub mod relay;
pub mod signal;
mod worker;
