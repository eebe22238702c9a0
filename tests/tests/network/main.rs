//! Real sockets in network namespaces: what arrives, from whom, in which form, and how a NIC's or
//! a viewer's life changes it.

mod inputs;
mod joining;
mod kinds;
mod loss;
mod multicast;
mod nics;
mod noise;
mod port;
mod probe;
mod reasons;
mod rtp;
mod shutdown;
mod silence;
mod viewers;
