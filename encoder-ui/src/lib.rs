//! encoder-ui: the operator's page. It asks ingests and shows what they say; browsers talk to it
//! alone.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`limits`]: every bound, by name
//! - [`client`]: asking an ingest over HTTP
//! - [`playlist`]: which URL a player opens for which channel
//! - [`ingests`]: what the ingests said last, and when
//! - [`metrics`]: what Prometheus sees
//! - [`assets`]: the page, out of the binary
//! - [`app`]: what the port answers
//! - [`server`]: connections, bounded, until the end
//! - [`config`]: the command line
//! - [`ui`]: starts and stops all of it

pub mod app;
pub mod assets;
pub mod client;
pub mod config;
pub mod ingests;
pub mod limits;
pub mod metrics;
pub mod playlist;
pub mod server;
pub mod ui;
