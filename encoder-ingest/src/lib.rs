//! encoder-ingest: input -> blocks -> history -> viewer, driven by a worker; everything else is
//! control.
//!
//! In dependency order, a module uses only those above it. The data plane:
//!
//! - [`limits`]: every bound, by name
//! - [`nics`]: which NIC is meant
//! - [`events`]: the last thousand events
//! - [`signal`]: what is in the TS: tables, continuity, random access points
//! - [`channels`]: definitions, where they are kept, and the set in force
//! - [`live`]: what data plane and control share of a channel and of a viewer
//! - [`relay`]: input, blocks, history, viewer: the four files of a packet's life
//! - [`door`]: what control says to a worker, and a worker to control
//! - [`worker`]: the thread that owns channels
//! - [`plane`]: control's only door to all of that
//!
//! And control:
//!
//! - [`config`]: flags, as typed and as meant
//! - [`control`]: what a channel looks like when somebody asks
//! - [`metrics`]: what Prometheus sees
//! - [`http`]: the one port
//! - [`ingest`]: starts and stops all of it, in order, in one place

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
