//! Streams without a file: `--channels N --group G --port P`, each with a group of its own.

use std::net::IpAddr;

use common::group::{ChannelUrl, MulticastGroup, Scheme};
use common::ts::packet::Pcr;

use super::SendArguments;
use crate::definition::{ContentDefinition, Form, RtpForm, StreamDefinition};
use crate::document::{Defaults, StreamOrder};
use crate::limits::STREAMS_MAX;
use crate::sender::FaultOrder;
use common::mistakes::ConfigMistakes;

const GROUP_DEFAULT: &str = "239.255.0.1";
const PORT_DEFAULT: &str = "5000";

/// Flags of this form that were given.
pub(super) fn given(typed: &SendArguments) -> Vec<&'static str> {
    [
        ("channels", typed.channels.is_some()),
        ("group", typed.group.is_some()),
        ("port", typed.port.is_some()),
        ("rtp", typed.rtp),
    ]
    .into_iter()
    .filter_map(|(flag, given)| given.then_some(flag))
    .collect()
}

pub(super) fn streams(
    typed: &SendArguments,
    defaults: Option<&Defaults>,
    mistakes: &mut ConfigMistakes,
) -> Option<Vec<StreamOrder>> {
    let count_max = u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX);
    let count = mistakes.number(
        "channels",
        typed.channels.as_deref().unwrap_or("1"),
        0..=count_max,
    );
    let port_text = typed.port.as_deref().unwrap_or(PORT_DEFAULT);
    let port = mistakes.number("port", port_text, 1..=65_535);
    let group_text = typed.group.as_deref().unwrap_or(GROUP_DEFAULT);
    let first = mistakes.value::<IpAddr>("group", group_text)?;
    let port = u16::try_from(port).unwrap_or(1);
    let mut groups = Vec::new();
    // The first is judged also where the count is wrong, or no default could be made.
    for index in 0..count.max(1) {
        let group = nth(first, index).filter(IpAddr::is_multicast);
        let Some(group) = group.and_then(|group| MulticastGroup::new(group, port, None).ok())
        else {
            let problem = if index == 0 {
                "is not a multicast address: use 224.0.0.0/4 or ff00::/8".to_owned()
            } else {
                format!("{count} groups from there on leave the multicast range")
            };
            mistakes.of_flag("group", group_text, problem);
            return None;
        };
        groups.push(group);
    }
    let defaults = defaults?;
    let streams = (0..count).zip(groups);
    let streams = streams.map(|(index, group)| stream(index, count, group, typed, defaults));
    Some(streams.collect())
}

/// Carrying over octets.
fn nth(first: IpAddr, index: u32) -> Option<IpAddr> {
    match first {
        IpAddr::V4(first) => u32::from(first)
            .checked_add(index)
            .map(|bits| IpAddr::V4(bits.into())),
        IpAddr::V6(first) => u128::from(first)
            .checked_add(index.into())
            .map(|bits| IpAddr::V6(bits.into())),
    }
}

/// `testcard` where there is one, else `c001`, `c002` and so on.
fn stream(
    index: u32,
    count: u32,
    group: MulticastGroup,
    typed: &SendArguments,
    defaults: &Defaults,
) -> StreamOrder {
    let number = index + 1;
    let (id, name) = if count == 1 {
        ("testcard".to_owned(), "Test card".to_owned())
    } else {
        (format!("c{number:03}"), format!("Test card {number}"))
    };
    let scheme = if typed.rtp { Scheme::Rtp } else { Scheme::Udp };
    let fits = |source: &IpAddr| source.is_ipv4() == group.group().is_ipv4();
    let definition = StreamDefinition {
        id: crate::definition::StreamId::made(id),
        name,
        url: ChannelUrl { scheme, group },
        interface: defaults.interface.clone(),
        source: defaults.source.filter(fits),
        ttl: defaults.ttl,
        loopback: defaults.loopback,
        content: ContentDefinition::TestCard {
            bps: defaults.bps,
            clock_start: Pcr(0),
        },
        proof: defaults.proof,
        form: Form {
            rtp: typed.rtp.then(RtpForm::default),
            ..Form::default()
        },
        gso: None,
    };
    StreamOrder {
        definition,
        faults: FaultOrder::default(),
    }
}
