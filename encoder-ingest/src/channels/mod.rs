//! Channels as operators see them: their definitions, where they are kept, and what runs for them.
//!
//! In dependency order:
//!
//! - [`profile`]: what renditions are made like
//! - [`difference`]: what changes from one set of channels to another
//! - [`mod@file`]: a channels file or an API body into definitions, with every mistake
//! - [`store`]: operator channels and the last good channels file, on disk
//! - [`care`]: what operators hold and have seen, on disk
//! - [`load`]: what there is at the start
//! - [`change`]: what hinders a channel from running, and an operator from changing it
//! - [`news`]: what is told of a change
//! - [`registry`]: the set in force, and the one way to change it
//! - [`watch`]: the channels file, looked at for as long as the process lives

pub mod care;
pub mod change;
pub mod difference;
pub mod file;
pub mod load;
pub mod news;
pub mod profile;
pub mod registry;
pub mod store;
pub mod watch;
