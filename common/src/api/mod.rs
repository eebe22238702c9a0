//! The JSON that crosses programs: what `encoder-ingest` says, what `encoder-ui` reads, and what
//! processing nodes and ingests tell each other.
//!
//! Names and shapes are the public contract; the OpenAPI document is made from these types.

pub mod channel;
pub mod event;
pub mod node;
pub mod profile;
pub mod tr101290;
