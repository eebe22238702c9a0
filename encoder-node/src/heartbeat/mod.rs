//! Nodes call, ingests answer: a heartbeat each second to every address that an ingest's name
//! resolves to, answered by the full list of jobs.
//!
//! - [`claims`]: which address speaks for which ingest, and for how long its orders hold (pure)
//! - [`links`]: what is known of each address, for metrics
//! - [`orders`]: reading them, one by one (pure)
//! - [`link`]: the heartbeats to one address
//! - [`names`]: looking names up, again and again

pub mod claims;
pub mod link;
pub mod links;
pub mod names;
pub mod orders;
