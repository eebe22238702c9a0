//! The JSON that crosses programs: what `encoder-ingest` says and `encoder-ui` reads.
//!
//! Names and shapes are the public contract; the OpenAPI document is made from these types.

pub mod channel;
pub mod event;
pub mod tr101290;
