//! What the keeper's parts judge a channel by besides the channel itself.

use common::net::interfaces::Link;

use super::options::PlaneOptions;

/// What is around a channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) links: &'a [Link],
    pub(super) options: &'a PlaneOptions,
    pub(super) now_ms: u64,
}
