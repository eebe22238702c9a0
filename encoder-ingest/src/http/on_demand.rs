//! Channels that udpxy's paths make: joined for as long as someone watches, left 10 s after.
//!
//! A channel that has the same group on the same NIC already is watched instead, so that one
//! receive serves both; not one with several inputs, for it may bring another group at any time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::StatusCode;
use common::api::channel::{Origin, SlowViewer};
use common::api::event::{EventDraft, EventKind};
use common::group::{ChannelUrl, InterfaceName, MulticastGroup, Scheme};
use common::net::interfaces::{Link, links};
use common::shutdown::Shutdown;
use ipnet::IpNet;

use crate::channels::registry::Registry;
use crate::definition::{ChannelDefinition, ChannelId, InputDefinition};
use crate::events::Events;
use crate::http::Refused;
use crate::http::request::GroupRequest;
use crate::limits::{ON_DEMAND_LINGER, ON_DEMAND_SWEEP};
use crate::metrics::Refusal;
use crate::nics::{InterfaceSelector, resolve};
use crate::plane::Plane;

/// The channels made on demand. There are as many as `--max-channels` allows, and no more.
#[derive(Debug)]
pub struct OnDemand {
    pub plane: Plane,
    pub registry: Arc<Registry>,
    pub events: Arc<Events>,
    /// `--on-demand`.
    pub allowed: Vec<IpNet>,
    /// `--interface`.
    pub interfaces: Vec<InterfaceSelector>,
    /// When each was last wanted, or seen with a viewer.
    pub used: Mutex<BTreeMap<ChannelId, Instant>>,
}

/// Where a viewer watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub channel: ChannelId,
    /// It asked for what this input brings, not for the channel.
    pub only: Option<InputDefinition>,
}

impl OnDemand {
    /// The channel that carries the group; made when there is none. With `dry`, nothing is made.
    ///
    /// # Errors
    /// 403 for a group that is not allowed, 503 when the NIC is missing or there is no room.
    pub fn channel(&self, request: &GroupRequest, dry: bool) -> Result<Seat, Refused> {
        self.check_allowed(request.group.group())?;
        let links = links().map_err(|error| {
            let detail = format!("the NICs can't be listed: {error}");
            Refused::later(Refusal::InterfaceMissing, detail, 5)
        })?;
        let link = self.link(request, &links)?;
        // Held until the channel is marked as used: none is made twice, or left at this moment.
        let mut used = self.used();
        let running = self.plane.channels();
        let running: Vec<_> = running
            .iter()
            .map(|channel| channel.definition.load_full())
            .collect();
        let found = carrier(&running, &request.group, link, &self.interfaces, &links);
        if let Some((channel, input)) = found {
            if let Some(last) = used.get_mut(&channel.id) {
                *last = Instant::now();
            }
            return Ok(Seat {
                channel: channel.id.clone(),
                only: Some(input.clone()),
            });
        }
        let definition = definition(request.group, link);
        let channel = definition.id.clone();
        let only = definition.inputs.first().cloned();
        if !dry {
            self.make(definition)?;
            used.insert(channel.clone(), Instant::now());
        }
        Ok(Seat { channel, only })
    }

    /// Leaves channels that nobody watches any more, until the process stops.
    pub async fn sweep(self: Arc<Self>, mut shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(ON_DEMAND_SWEEP) => self.leave_unused(Instant::now()),
                () = shutdown.requested() => return,
            }
        }
    }

    fn check_allowed(&self, group: IpAddr) -> Result<(), Refused> {
        if self.allowed.iter().any(|network| network.contains(&group)) {
            return Ok(());
        }
        let detail = format!(
            "{group} may not be joined on demand: allow it with --on-demand {group}/32, or declare a channel"
        );
        let refused = Refused::new(StatusCode::FORBIDDEN, Refusal::OnDemand, detail);
        Err(refused.param("group", group))
    }

    fn link<'a>(&self, request: &GroupRequest, links: &'a [Link]) -> Result<&'a Link, Refused> {
        let asked = request.interface.as_slice();
        let selectors = if asked.is_empty() {
            &self.interfaces
        } else {
            asked
        };
        resolve(selectors, links).ok_or_else(|| {
            let texts: Vec<String> = selectors.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
            let (texts, names) = (texts.join(", "), names.join(", "));
            let detail = format!("NIC {texts} is not there; there are {names}");
            Refused::later(Refusal::InterfaceMissing, detail, 5)
                .param("wanted", texts)
                .param("present", names)
        })
    }

    fn make(&self, definition: ChannelDefinition) -> Result<(), Refused> {
        if !self.registry.has_room() {
            let max = self.registry.channels_max();
            let detail = format!("{max} channels run, as many as --max-channels allows");
            return Err(Refused::later(Refusal::MaxChannels, detail, 10).param("max", max));
        }
        let id = definition.id.to_string();
        self.plane.apply(Arc::new(definition));
        let made = EventDraft::new(EventKind::ChannelAdded, format!("{id} made on demand"));
        self.events.publish(made.channel(id).reason("on_demand"));
        Ok(())
    }

    fn leave_unused(&self, now: Instant) {
        let mut used = self.used();
        for (id, last) in used.iter_mut() {
            if !self.plane.viewers(Some(id)).is_empty() {
                *last = now;
            }
        }
        for id in expired(&mut used, now) {
            self.plane.remove(&id);
            let left = EventDraft::new(EventKind::ChannelRemoved, format!("{id} has no viewers"));
            let left = left.channel(id.to_string()).reason("no_viewers");
            self.events.publish(left);
        }
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Instant>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn expired(used: &mut BTreeMap<ChannelId, Instant>, now: Instant) -> Vec<ChannelId> {
    let old = |last: &Instant| now.duration_since(*last) >= ON_DEMAND_LINGER;
    used.extract_if(.., |_, last| old(last))
        .map(|(id, _)| id)
        .collect()
}

/// The channel that receives the group on that NIC and nothing else, and its input.
fn carrier<'a>(
    running: &'a [Arc<ChannelDefinition>],
    group: &MulticastGroup,
    link: &Link,
    defaults: &[InterfaceSelector],
    links: &[Link],
) -> Option<(&'a ChannelDefinition, &'a InputDefinition)> {
    running.iter().find_map(|definition| {
        let [input] = definition.inputs.as_slice() else {
            return None;
        };
        let on = match &input.interface {
            Some(own) => resolve(std::slice::from_ref(own), links),
            None => resolve(defaults, links),
        };
        let carries = input.url.group == *group && on.is_some_and(|on| on.index == link.index);
        carries.then_some((definition.as_ref(), input))
    })
}

/// `udp.239.1.1.1.5000.eth1`; with a source, `udp.192.0.2.7@232.1.1.1.5000.eth1`.
fn definition(group: MulticastGroup, link: &Link) -> ChannelDefinition {
    let source = group.source().map(|source| format!("{source}@"));
    let id = format!(
        "udp.{}{}.{}.{}",
        source.unwrap_or_default(),
        group.group(),
        group.port(),
        link.name
    );
    let url = ChannelUrl {
        scheme: Scheme::Udp,
        group,
    };
    let name = link.name.parse::<InterfaceName>().ok();
    ChannelDefinition {
        id: ChannelId::made(id),
        origin: Origin::OnDemand,
        name: url.to_string(),
        inputs: vec![InputDefinition {
            url,
            interface: name.map(InterfaceSelector::Name),
        }],
        slow_viewer: SlowViewer::Skip,
        renditions: Vec::new(),
        ingests: None,
        enabled: true,
        number: None,
        group: None,
        logo: None,
        labels: BTreeMap::new(),
        program: None,
        scrambled: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn link(index: u32, name: &str) -> Link {
        Link {
            name: name.to_owned(),
            index,
            up: true,
            carrier: true,
            multicast: true,
            loopback: false,
            addresses: Vec::new(),
        }
    }

    fn group(text: &str) -> MulticastGroup {
        text.parse().expect("group")
    }

    fn declared(id: &str, inputs: &[(&str, Option<&str>)]) -> Arc<ChannelDefinition> {
        let input = |(text, nic): &(&str, Option<&str>)| InputDefinition {
            url: format!("rtp://{text}").parse().expect("url"),
            interface: nic.map(|nic| nic.parse().expect("nic")),
        };
        Arc::new(ChannelDefinition {
            id: id.parse().expect("id"),
            inputs: inputs.iter().map(input).collect(),
            origin: Origin::Declared,
            ..definition(group("239.0.0.1:1"), &link(1, "lo"))
        })
    }

    #[test]
    fn ids_say_what_is_received() {
        let id = |text: &str| definition(group(text), &link(3, "eth1")).id.to_string();
        assert_eq!(id("239.1.1.1:5000"), "udp.239.1.1.1.5000.eth1");
        assert_eq!(
            id("192.0.2.7@232.1.1.1:5000"),
            "udp.192.0.2.7@232.1.1.1.5000.eth1"
        );
        assert_eq!(id("[ff3e::1]:5000"), "udp.ff3e::1.5000.eth1");
    }

    #[test]
    fn only_the_same_group_on_the_same_nic_is_shared() {
        let links = [link(2, "eth0"), link(3, "eth1")];
        let defaults = ["eth0".parse().expect("nic")];
        let running = [
            declared("second", &[("239.1.1.1:5000", Some("eth1"))]),
            declared("first", &[("239.1.1.1:5000", None)]),
            declared(
                "backed",
                &[("239.1.1.2:5000", None), ("239.1.1.3:5000", None)],
            ),
        ];
        let find = |text: &str, link: &Link| {
            let found = carrier(&running, &group(text), link, &defaults, &links);
            found.map(|(channel, _)| channel.id.to_string())
        };
        assert_eq!(find("239.1.1.1:5000", &links[0]).as_deref(), Some("first"));
        assert_eq!(find("239.1.1.1:5000", &links[1]).as_deref(), Some("second"));
        assert_eq!(find("239.1.1.1:5001", &links[0]), None);
        assert_eq!(find("10.0.0.1@239.1.1.1:5000", &links[0]), None);
        // One with a backup may bring that instead.
        assert_eq!(find("239.1.1.2:5000", &links[0]), None);
        assert_eq!(find("239.1.1.3:5000", &links[0]), None);
    }

    #[test]
    fn a_channel_is_left_once_it_was_long_unused() {
        let start = Instant::now();
        let id = |text: &str| ChannelId::made(text.to_owned());
        let late = start + Duration::from_secs(3);
        let mut used = BTreeMap::from([(id("a"), start), (id("b"), late)]);
        let short = ON_DEMAND_LINGER.saturating_sub(Duration::from_millis(1));
        assert!(expired(&mut used, start + short).is_empty());
        assert_eq!(expired(&mut used, start + ON_DEMAND_LINGER), [id("a")]);
        assert_eq!(used.len(), 1);
    }
}
