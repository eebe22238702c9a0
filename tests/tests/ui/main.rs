//! encoder-ui with real ingests, on hosts of their own.

mod control;
mod discovery;
mod entry;
mod preview;
mod refused;
