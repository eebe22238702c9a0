//! The harness of the end-to-end tests: hosts made of network namespaces, processes inside them,
//! senders, viewers, and oracles that share no code with the programs under test.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`wait`]: awaiting a condition
//! - [`gate`]: whether this machine can run a test, and saying so by name
//! - [`host`]: a namespace with NICs and addresses
//! - [`loss`]: loss on the path that leaves a host, counted
//! - [`names`]: which names of hosts it knows
//! - [`process`]: a program inside a namespace, with its log
//! - [`binaries`]: where cargo put the programs
//! - [`http`]: a small HTTP/1.1 client that sees every byte
//! - [`viewer`]: a viewer that records, pauses, or goes away
//! - [`ts`]: a transport stream in which every packet is known
//! - [`check`]: what a recording must be
//! - [`fake_node`]: a processing node without ffmpeg
//! - [`wrap`]: datagrams around that stream, well made and ill made
//! - [`send`]: sending them to a group
//! - [`scene`]: a source and a node on one cable
//! - [`capture`]: what tcpdump sees on the wire
//! - [`metrics`]: the Prometheus text, read back
//! - [`ingest`]: an encoder-ingest that runs
//! - [`encoder_node`]: processing nodes that run
//! - [`ui`]: an encoder-ui that runs
//! - [`source`]: source-server, and its `verify`
//! - [`clip`]: short streams made by ffmpeg, and what it sees in a recording
//! - [`tree`]: the repository's own files, for the rules of the house
//! - [`manifest`]: the Kubernetes manifests as they are rendered

pub mod binaries;
pub mod capture;
pub mod check;
pub mod clip;
pub mod encoder_node;
pub mod fake_node;
pub mod gate;
pub mod host;
pub mod http;
pub mod ingest;
pub mod loss;
pub mod manifest;
pub mod metrics;
pub mod names;
pub mod process;
pub mod scene;
pub mod send;
pub mod source;
pub mod tree;
pub mod ts;
pub mod ui;
pub mod viewer;
pub mod wait;
pub mod wrap;
