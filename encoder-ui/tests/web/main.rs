//! The whole program but its process, over TCP, against ingests that the tests play.

mod events;
mod fake;
mod headers;
mod ingests;
mod login;
mod page;
mod preview;
mod proxy;
