//! The system on a real cluster: each test is named after what it shows (docs/operations.md has the
//! table). `make test-cluster` runs them, one after another, on the cluster of $KUBECONFIG.
//!
//! What needs hosts outside the cluster, or a node's power, runs on kubelab only ($KUBELAB names its
//! command); elsewhere it says that it was not run.

mod configuration;
mod conflicts;
mod images;
mod jobs;
mod kubectl;
mod lab;
mod network;
mod page;
mod ports;
mod power;
mod processes;
mod reader;
mod security;
mod system;
mod upgrade;
