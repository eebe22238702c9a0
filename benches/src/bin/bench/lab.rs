//! Three hosts on two cables: source, node, client; and the sender.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use e2e::host::Host;
use e2e::http::Http;
use e2e::metrics::Metrics;
use e2e::process::{Process, Program};
use e2e::scene::Scene;
use e2e::wait::{seconds, wait_until};

use crate::plan::Scenario;

/// Where the relay joins, and its address there.
pub(crate) const NIC: &str = "eth0";
pub(crate) const NIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// Where clients reach the relay.
pub(crate) const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub(crate) const RELAY_PORT: u16 = 9525;

pub(crate) const GROUP_PORT: u16 = 5000;
const FIRST_GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);

/// The hosts.
#[derive(Debug)]
pub(crate) struct Lab {
    scene: Scene,
    pub(crate) client: Host,
}

/// source-server under way.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    process: Process,
    host: &'a Host,
}

/// What the sender did not do as it should.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SenderFaults {
    not_sent_datagrams: f64,
    slipped_seconds: f64,
}

/// Being late by more than this, all streams together, is no steady rate.
const SLIPPED_SECONDS_MAX: f64 = 0.1;

/// A program that stands beside this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path")?;
    let path = own.with_file_name(name);
    anyhow::ensure!(
        path.exists(),
        "{} is missing: `make bench` builds it, as does `cargo build --release --workspace --bins`",
        path.display()
    );
    Ok(path)
}

/// The group of a channel, counted from 0.
pub(crate) fn group(channel: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST_GROUP.to_bits() + channel)
}

impl Lab {
    pub(crate) fn new() -> Self {
        let scene = Scene::new();
        let client = scene.viewer_host();
        Self { scene, client }
    }

    pub(crate) fn source(&self) -> &Host {
        &self.scene.source
    }

    pub(crate) fn node(&self) -> &Host {
        &self.scene.node
    }

    /// Sends the channels of `scenario`, with proofs.
    pub(crate) fn send(&self, scenario: &Scenario) -> anyhow::Result<Sender<'_>> {
        let host = self.source();
        let process = Program::new(host, program("source-server")?)
            .dies_with_parent()
            .args(["--interface", NIC, "--proof"])
            .args(["--group", &FIRST_GROUP.to_string()])
            .args(["--port", &GROUP_PORT.to_string()])
            .args(["--channels", &scenario.channels.to_string()])
            .args(["--mbps", &scenario.mbps.to_string()])
            .start();
        let mut sender = Sender { process, host };
        sender.wait_live();
        Ok(sender)
    }

    /// Waits until the relay takes connections; false when its process ends before.
    pub(crate) fn wait_open(&self, process: &mut Process) -> bool {
        let address = SocketAddr::new(IpAddr::V4(RELAY), RELAY_PORT);
        let mut alive = true;
        wait_until("the relay listens", seconds(20), || {
            alive = process.runs();
            !alive || self.client.connect(address).is_ok()
        });
        alive
    }
}

impl Sender<'_> {
    fn http(&self) -> Http<'_> {
        Http::new(self.host, SocketAddr::from((Ipv4Addr::LOCALHOST, 9537)))
    }

    fn wait_live(&mut self) {
        wait_until("source-server is live", seconds(20), || {
            assert!(
                self.process.runs(),
                "source-server ended: {}",
                self.process.log()
            );
            let answer = self.http().try_request("GET", "/live", &[], b"");
            answer.is_ok_and(|answer| answer.status() == 200)
        });
    }

    /// Since it began.
    pub(crate) fn faults(&self) -> SenderFaults {
        let metrics = Metrics::parse(&self.http().get("/metrics").text());
        SenderFaults {
            not_sent_datagrams: metrics.value("source_server_not_sent_datagrams_total", &[]),
            slipped_seconds: metrics.value("source_server_slipped_seconds_total", &[]),
        }
    }
}

impl SenderFaults {
    /// What happened after `before`, in words.
    pub(crate) fn since(self, before: Self) -> Vec<String> {
        let not_sent = self.not_sent_datagrams - before.not_sent_datagrams;
        let slipped = self.slipped_seconds - before.slipped_seconds;
        let mut said = Vec::new();
        if not_sent > 0.0 {
            said.push(format!("the sender did not send {not_sent} datagrams"));
        }
        if slipped > SLIPPED_SECONDS_MAX {
            said.push(format!("the sender was late by {slipped:.2} s"));
        }
        said
    }
}
