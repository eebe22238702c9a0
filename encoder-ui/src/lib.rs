//! encoder-ui: the operator's page. It finds ingests, asks them and shows what they say; browsers
//! talk to it alone.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`limits`]: every bound, by name
//! - [`followed`]: files that are read again when they change
//! - [`token`]: the one token for ingests
//! - [`client`]: asking an ingest over HTTP
//! - [`playlist`]: which URL a player opens for which channel
//! - [`sse`]: Server-Sent Events, read and written
//! - [`roster`]: which ingests there are, and what they said last (pure)
//! - [`answers`]: an ingest's answer, taken apart as far as needed (pure)
//! - [`changes`]: what browsers are told, as JSON (pure)
//! - [`metrics`]: what Prometheus sees
//! - [`hub`]: one stream of changes for all browsers
//! - [`poll`]: asking one address
//! - [`discovery`]: finding addresses
//! - [`login`]: users, passwords, sessions
//! - [`guard`]: who asks, and may they
//! - [`path`]: paths that name an ingest (pure)
//! - [`places`]: bounded numbers of what stays long
//! - [`proxy`]: control of an ingest, passed on
//! - [`preview`]: pictures over a WebSocket
//! - [`history`]: events of the past, of all ingests
//! - [`api`]: what the page asks
//! - [`assets`]: the page, out of the binary
//! - [`app`]: what the port answers
//! - [`seats`]: places for connections
//! - [`server`]: connections, bounded, until the end
//! - [`config`]: the command line
//! - [`hash`]: the command `hash-password`
//! - [`ui`]: starts and stops all of it

pub mod answers;
pub mod api;
pub mod app;
pub mod assets;
pub mod changes;
pub mod client;
pub mod config;
pub mod discovery;
pub mod followed;
pub mod guard;
pub mod hash;
pub mod history;
pub mod hub;
pub mod limits;
pub mod login;
pub mod metrics;
pub mod path;
pub mod places;
pub mod playlist;
pub mod poll;
pub mod preview;
pub mod proxy;
pub mod roster;
pub mod seats;
pub mod server;
pub mod sse;
pub mod token;
pub mod ui;
