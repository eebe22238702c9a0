//! encoder-ingest: input -> blocks -> history -> viewer, driven by a worker; everything else is
//! control.
//!
//! The packet's way: the kernel writes datagrams into a block of the channel's history, RTP headers
//! aside ([`relay::input`]). What is as foretold and in order stays where it is; the rest is put
//! right or counted ([`relay::ingress`]). The signal analysis looks at every packet once and marks
//! where decoding can begin ([`signal`]). Each viewer is a cursor into the history and a socket:
//! one vectored write sends it what has gathered ([`relay::viewer`]). A worker does that for its
//! channels about when a block's worth should have come ([`worker`], [`relay::pace`]).
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`limits`]: every bound, by name
//! - [`nics`]: which NIC is meant
//! - [`definition`]: what a channel should be, valid by construction
//! - [`live`]: what data plane and control share of a channel and a viewer
//! - [`signal`]: what the TS itself says (pure)
//! - [`relay`]: the life of a packet
//! - [`door`]: what workers are told, and what they answer
//! - [`worker`]: the threads that own channels
//! - [`plane`]: control's hold on the data plane
//! - [`events`]: what happened, for those who ask
//! - [`channels`]: definitions, where they are kept, and the one way to change them
//! - [`nodes`]: processing nodes, and the renditions that they make
//! - [`prepare`]: directories made ready for another user
//! - [`tune`]: a limit of the node's kernel, kept high
//! - [`config`]: flags as typed, and as meant
//! - [`control`]: what the API's handlers share
//! - [`metrics`]: every metric, declared once
//! - [`http`]: the one port
//! - [`ingest`]: starts and stops all of it, in order

pub mod channels;
pub mod config;
pub mod control;
pub mod definition;
pub(crate) mod door;
pub mod events;
pub mod http;
pub mod ingest;
pub mod limits;
pub mod live;
pub mod metrics;
pub mod nics;
pub mod nodes;
pub mod plane;
pub mod prepare;
pub mod relay;
pub mod signal;
pub mod tune;
pub(crate) mod worker;
