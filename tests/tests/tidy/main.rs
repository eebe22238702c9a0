//! The rules of the house (ARCHITECTURE.md, invariants), held as tests over the repository's files.

mod code;
mod documents;
mod layers;
mod size;
