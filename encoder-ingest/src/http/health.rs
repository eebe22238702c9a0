//! What `/live`, `/ready` and `/metrics` answer.
//!
//! Neither liveness nor readiness depends on streams, on a NIC's link, or on nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::net::interfaces::{Link, links, reverse_path_filter_drops};
use common::ops::Operations;

use crate::channels::registry::Registry;
use crate::live::LiveChannel;
use crate::metrics::{Counters, Scrape};
use crate::nics::{InterfaceSelector, resolve};
use crate::nodes::dispatch::Nodes;
use crate::plane::Plane;

/// Knows what to look at.
#[derive(Debug)]
pub struct Health {
    pub plane: Plane,
    pub registry: Arc<Registry>,
    pub nodes: Arc<Nodes>,
    pub counters: Arc<Counters>,
    /// `--interface`.
    pub interfaces: Vec<InterfaceSelector>,
}

impl Operations for Health {
    fn live(&self) -> bool {
        self.plane.workers().iter().all(|worker| worker.alive)
    }

    /// That this is asked shows that the listener is up; it is bound after the declared channels
    /// are loaded.
    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (index, worker) in self.plane.workers().iter().enumerate() {
            if !worker.alive {
                missing.push(format!("worker {index} has not turned for a second"));
            }
        }
        if let (false, Some(dir)) = (
            self.registry.state_dir_writable(),
            self.registry.state_dir(),
        ) {
            missing.push(format!("state dir {} can't be written", dir.display()));
        }
        if !self.plane.default_interface_present() {
            let names: Vec<String> = self.interfaces.iter().map(ToString::to_string).collect();
            missing.push(format!("default NIC {} is not there", names.join(", ")));
        }
        missing
    }

    fn metrics(&self) -> String {
        let channels = self.plane.channels();
        let interfaces = interfaces(&self.interfaces, &channels, &links().unwrap_or_default());
        let scrape = Scrape {
            channels: &channels,
            workers: &self.plane.workers(),
            relay_delay: self.plane.relay_delay(),
            counters: &self.counters,
            nodes: self.nodes.counts(),
            config_ok: self.registry.file_state().mistakes.is_empty(),
            interfaces: &interfaces,
            reverse_path_filter_drops: reverse_path_filter_drops(),
        };
        scrape.render()
    }
}

/// The NICs that the default and the channels mean, and whether they carry. Where none is there,
/// those that are looked for appear as down.
fn interfaces(
    defaults: &[InterfaceSelector],
    channels: &[Arc<LiveChannel>],
    links: &[Link],
) -> Vec<(String, bool)> {
    let mut found = BTreeMap::new();
    let mut look = |selectors: &[InterfaceSelector]| match resolve(selectors, links) {
        Some(link) => {
            found.insert(link.name.clone(), link.up && link.carrier);
        }
        None => {
            for selector in selectors {
                found.entry(selector.to_string()).or_insert(false);
            }
        }
    };
    look(defaults);
    for channel in channels {
        for input in &channel.definition.load().inputs {
            if let Some(own) = &input.interface {
                look(std::slice::from_ref(own));
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nic_in_use_is_shown_or_those_that_are_looked_for() {
        let link = |name: &str, carrier| Link {
            name: name.to_owned(),
            index: 2,
            up: true,
            carrier,
            multicast: true,
            loopback: false,
            addresses: Vec::new(),
        };
        let defaults = ["eth7", "eth1"].map(|name| name.parse().expect("nic"));
        let shown = |links: &[Link]| interfaces(&defaults, &[], links);
        let eth1 = |up| vec![("eth1".to_owned(), up)];
        assert_eq!(shown(&[link("eth1", true)]), eth1(true));
        assert_eq!(shown(&[link("eth1", false)]), eth1(false));
        let none = [("eth1".to_owned(), false), ("eth7".to_owned(), false)];
        assert_eq!(shown(&[link("eth2", true)]), none);
    }
}
