//! encoder-ui: the operator's page. It asks ingests and shows what they say; browsers talk to it
//! alone.
//!
//! In dependency order, a module uses only those above it:
//! limits, client, playlist, ingests, metrics, app, server, config, ui.

pub mod app;
pub mod client;
pub mod config;
pub mod ingests;
pub mod limits;
mod metrics;
mod playlist;
pub mod server;
pub mod ui;
