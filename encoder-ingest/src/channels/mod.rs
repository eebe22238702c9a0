//! Channels as operators see them: definitions, where they are kept, and what runs for them.

pub mod definition;
