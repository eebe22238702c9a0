//! ffmpeg: what it offers here, and how it is called. Arguments are always a list; no shell is
//! ever asked.
//!
//! - [`offer`]: what its own texts say, read (pure)
//! - [`encoder`]: how each encoder is told to be quick and readable by browsers (pure)
//! - [`recipe`]: the arguments of a job (pure)
//! - [`probe`]: asking it, and trying what depends on a device

pub mod encoder;
pub mod offer;
pub mod probe;
pub mod recipe;
