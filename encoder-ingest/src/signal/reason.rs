//! One verdict a channel: its state, the first reason that holds, and a sentence to act on.
//!
//! Pure: given facts and `now`.

use std::collections::BTreeMap;

use common::api::channel::{ChannelStatus, Reason, State};
use common::api::tr101290::Indicator;

use super::recent::{Count, Recent};

/// What is known of a channel at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub link: LinkFacts<'a>,
    /// The group and port, as the operator wrote them.
    pub group: &'a str,
    /// Why the group could not be joined.
    pub join_error: Option<&'a str>,
    pub now_ms: u64,
    pub silence_ms: u64,
    /// The group comes on another NIC.
    pub elsewhere: Option<ElsewhereFacts<'a>>,
    /// The host's reverse path filter seems to drop the group.
    pub filter: Option<FilterFacts>,
    /// TS comes, and not a stray datagram of it: see [`Flow`].
    pub flows: bool,
    pub last_ts_ms: Option<u64>,
    /// When last something came that is no TS, or has no sync byte.
    pub last_strange_ms: Option<u64>,
    pub granted_buffer_bytes: u64,
    /// RTP: a loss in the kernel is known exactly.
    pub numbered: bool,
    pub scrambled_expected: bool,
    pub recent: &'a Recent,
}

/// The NIC that a channel should be received on.
#[derive(Debug, Clone, Copy)]
pub enum LinkFacts<'a> {
    Missing { wanted: &'a str, present: &'a str },
    Down { name: &'a str, carrier_only: bool },
    Up { name: &'a str },
}

/// Where the group comes instead.
#[derive(Debug, Clone, Copy)]
pub struct ElsewhereFacts<'a> {
    pub interface: &'a str,
    pub source: Option<&'a str>,
}

/// What the host's reverse path filter does.
#[derive(Debug, Clone, Copy)]
pub struct FilterFacts {
    /// `rp_filter` of the NIC: 1 strict, 2 loose.
    pub value: u8,
}

/// Whether TS flows: with hysteresis, so that a stray datagram is no return.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flow {
    since_ms: Option<u64>,
    /// It has stopped before: a return must be steady.
    stopped: bool,
}

/// What is to be said of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub state: State,
    pub reason: Reason,
    pub params: BTreeMap<String, String>,
    pub detail: String,
}

/// TS that comes again for less is not said to flow yet.
const STEADY_MS: u64 = 200;

/// Strange datagrams that come so long after the last TS come alone. What was seen with TS seems
/// younger than that by up to the time between two looks.
const WITHOUT_TS_MS: u64 = 500;

impl Flow {
    /// Tells when TS last came; answers whether it flows.
    pub fn tell(&mut self, last_ts_ms: Option<u64>, silence_ms: u64, now_ms: u64) -> bool {
        let fresh = last_ts_ms.filter(|last| now_ms.saturating_sub(*last) < silence_ms);
        let Some(last_ms) = fresh else {
            self.stopped |= self.since_ms.take().is_some();
            return false;
        };
        let run_ms = last_ms.saturating_sub(*self.since_ms.get_or_insert(last_ms));
        !self.stopped || run_ms >= STEADY_MS
    }
}

/// Judges a channel.
#[must_use]
pub fn verdict(facts: &Facts<'_>) -> Verdict {
    let within = |last: Option<u64>| {
        last.is_some_and(|last| facts.now_ms.saturating_sub(last) < facts.silence_ms)
    };
    let without_data = if facts.last_ts_ms.is_some() {
        State::Stopped
    } else {
        State::Waiting
    };
    let name = match facts.link {
        LinkFacts::Missing { wanted, present } => return missing(without_data, wanted, present),
        LinkFacts::Down { name, carrier_only } => return down(without_data, name, carrier_only),
        LinkFacts::Up { name } => name,
    };
    if facts.flows {
        return receiving(facts, name);
    }
    let alone = |strange_ms: u64| {
        let since_ts = facts.last_ts_ms.map(|ts| strange_ms.saturating_sub(ts));
        since_ts.is_none_or(|since| since >= WITHOUT_TS_MS)
    };
    if within(facts.last_strange_ms.filter(|last| alone(*last))) && !within(facts.last_ts_ms) {
        let detail = format!(
            "datagrams come for {} on {name}, but they hold no TS packets: look at what the source sends",
            facts.group
        );
        return Verdict::new(State::Waiting, Reason::NotTs, facts, name, detail);
    }
    if let Some(elsewhere) = &facts.elsewhere {
        return on_other_interface(without_data, elsewhere, facts, name);
    }
    if let Some(filter) = &facts.filter {
        return filtered(without_data, *filter, facts, name);
    }
    if without_data == State::Stopped {
        let detail = format!(
            "{} on {name} has stopped: look at the source, and at the switch (an IGMP querier is needed)",
            facts.group
        );
        return Verdict::new(State::Stopped, Reason::Stopped, facts, name, detail);
    }
    let detail = match facts.join_error {
        Some(error) => format!("{error} on {name}"),
        None => format!(
            "nothing has come for {} on {name}: is the source sending, is this the right NIC, does the switch forward the group?",
            facts.group
        ),
    };
    let verdict = Verdict::new(State::Waiting, Reason::NeverReceived, facts, name, detail);
    match facts.join_error {
        Some(error) => verdict.param("error", error),
        None => verdict,
    }
}

/// What a verdict on a rendition is made of.
#[derive(Debug, Clone, Copy)]
pub struct MadeFacts<'a> {
    pub now_ms: u64,
    /// What the node sends comes, and without interruption.
    pub flows: bool,
    pub last_ts_ms: Option<u64>,
    pub recent: &'a Recent,
    /// The channel that it is made from, and how that fares.
    pub parent: Option<(&'a str, &'a ChannelStatus)>,
    /// How its making fares, in facts and in a sentence.
    pub params: &'a BTreeMap<String, String>,
    pub detail: &'a str,
}

/// Judges a rendition: it fares as its parent does, and then as its making.
#[must_use]
pub fn made(facts: &MadeFacts<'_>) -> Verdict {
    let ill = facts.parent.filter(|(_, parent)| match parent.state {
        State::Receiving => false,
        State::Degraded => facts.flows,
        State::Waiting | State::Stopped => !facts.flows,
    });
    if let Some((id, parent)) = ill {
        let mut params = parent.params.clone();
        params.insert("parent".to_owned(), id.to_owned());
        return Verdict {
            state: parent.state,
            reason: parent.reason,
            params,
            detail: format!("channel {id}, from which it is made: {}", parent.detail),
        };
    }
    let parent = facts
        .parent
        .map(|(id, _)| ("parent".to_owned(), id.to_owned()));
    let params = facts.params.clone().into_iter().chain(parent).collect();
    let (state, reason, detail) = match (facts.flows, facts.last_ts_ms, facts.detail) {
        (true, _, _) if facts.recent.upstream.is_recent(facts.now_ms) => (
            State::Degraded,
            Reason::UpstreamErrors,
            "TS packets are missing in what the processing node sends: look at its job",
        ),
        (true, _, _) => {
            return Verdict {
                state: State::Receiving,
                reason: Reason::Ok,
                params: BTreeMap::new(),
                detail: String::new(),
            };
        }
        (false, None, "") => (
            State::Waiting,
            Reason::NeverReceived,
            "nothing has come from a processing node yet",
        ),
        (false, None, detail) => (State::Waiting, Reason::NeverReceived, detail),
        (false, Some(_), "") => (
            State::Stopped,
            Reason::Stopped,
            "nothing comes from the processing node any more",
        ),
        (false, Some(_), detail) => (State::Stopped, Reason::Stopped, detail),
    };
    Verdict {
        state,
        reason,
        params,
        detail: detail.to_owned(),
    }
}

fn missing(state: State, wanted: &str, present: &str) -> Verdict {
    let params = [("wanted", wanted), ("present", present)];
    Verdict {
        state,
        reason: Reason::InterfaceMissing,
        params: params
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        detail: format!("no NIC is there for {wanted}: this host has {present}"),
    }
}

fn down(state: State, name: &str, carrier_only: bool) -> Verdict {
    let detail = if carrier_only {
        format!("{name} has no carrier: look at the cable and the switch port")
    } else {
        format!("{name} is down: bring it up with `ip link set {name} up`")
    };
    let cause = if carrier_only { "carrier" } else { "down" };
    let params = [("interface", name), ("cause", cause)];
    Verdict {
        state,
        reason: Reason::InterfaceDown,
        params: params
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        detail,
    }
}

fn on_other_interface(
    state: State,
    elsewhere: &ElsewhereFacts<'_>,
    facts: &Facts<'_>,
    name: &str,
) -> Verdict {
    let ElsewhereFacts { interface, source } = elsewhere;
    let from = source.map_or(String::new(), |source| format!(" (from {source})"));
    let detail = format!(
        "{} does not come on {name}, but on {interface}{from}: let the channel's input name `interface: {interface}`, or bring the group to {name}",
        facts.group
    );
    let verdict = Verdict::new(state, Reason::OnOtherInterface, facts, name, detail);
    let verdict = verdict.param("found_on", interface);
    match source {
        Some(source) => verdict.param("source", source),
        None => verdict,
    }
}

fn filtered(state: State, filter: FilterFacts, facts: &Facts<'_>, name: &str) -> Verdict {
    let value = filter.value;
    let detail = format!(
        "probably this host itself drops {}: rp_filter is {value} on {name}, and its count of dropped packets rises; add a route to the source through {name}, or set net.ipv4.conf.{name}.rp_filter and net.ipv4.conf.all.rp_filter to 0",
        facts.group
    );
    let verdict = Verdict::new(state, Reason::ReversePathFilter, facts, name, detail);
    verdict.param("rp_filter", value)
}

/// Data flows: is anything wrong with it?
fn receiving(facts: &Facts<'_>, name: &str) -> Verdict {
    let recent = facts.recent;
    let is_recent = |count: Count| count.is_recent(facts.now_ms);
    let degraded = |reason, detail| Verdict::new(State::Degraded, reason, facts, name, detail);
    if is_recent(recent.kernel) {
        return kernel_drops(facts, name);
    }
    if is_recent(recent.network) {
        return degraded(
            Reason::NetworkLoss,
            format!(
                "RTP packets are lost between the source and {name}: look at the switches and cables on the way"
            ),
        );
    }
    if is_recent(recent.unattributed) {
        return degraded(
            Reason::LossBeforeNic,
            format!(
                "TS packets are missing before {name}: the network or the encoder loses them (RTP would tell which)"
            ),
        );
    }
    if is_recent(recent.second_sender) {
        let detail =
            "RTP of another sender (SSRC) comes to the same group in between: let only one send";
        return degraded(Reason::UpstreamErrors, detail.to_owned()).param("hint", "second_sender");
    }
    if is_recent(recent.upstream) {
        return degraded(
            Reason::UpstreamErrors,
            "TS packets are missing although every RTP packet came: the source itself loses them"
                .to_owned(),
        );
    }
    if is_recent(recent.scrambled) && !facts.scrambled_expected {
        return degraded(Reason::Scrambled, "packets are scrambled: players need the key; `scrambled: expected` says that this is meant".to_owned());
    }
    let damage: Vec<&str> = recent.damage(facts.now_ms).map(Indicator::as_str).collect();
    if !damage.is_empty() {
        let damage = damage.join(", ");
        let detail = format!(
            "nothing is lost on the way, but the stream itself is damaged ({damage}): look at the encoder or multiplexer that sends it"
        );
        return degraded(Reason::UpstreamErrors, detail).param("damage", damage);
    }
    let well = |detail| Verdict::new(State::Receiving, Reason::Ok, facts, name, detail);
    if is_recent(recent.unaligned) {
        let detail = "datagrams do not hold whole TS packets, which costs CPU: let the source send pkt_size=1316";
        return well(detail.to_owned()).param("hint", "unaligned");
    }
    well(String::new())
}

fn kernel_drops(facts: &Facts<'_>, name: &str) -> Verdict {
    let granted = facts.granted_buffer_bytes / 1024;
    // Under GRO the kernel counts buffers of several datagrams.
    let many = if facts.numbered {
        ""
    } else {
        ", at least as many as are counted,"
    };
    let detail = format!(
        "datagrams{many} were dropped at our socket, whose buffer of {granted} KiB was full: raise net.core.rmem_max on the host, or give the process more CPU"
    );
    let verdict = Verdict::new(State::Degraded, Reason::KernelDrops, facts, name, detail);
    verdict.param("granted_kib", granted)
}

impl Verdict {
    fn new(
        state: State,
        reason: Reason,
        facts: &Facts<'_>,
        interface: &str,
        detail: String,
    ) -> Self {
        let params = match reason {
            Reason::Ok => BTreeMap::new(),
            _ => [("interface", interface), ("group", facts.group)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        Self {
            state,
            reason,
            params,
            detail,
        }
    }

    fn param(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.params.insert(name.to_owned(), format!("{value}"));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(recent: &'a Recent) -> Facts<'a> {
        Facts {
            link: LinkFacts::Up { name: "eth1" },
            group: "239.1.1.1:5000",
            join_error: None,
            now_ms: 10_000,
            silence_ms: 1000,
            elsewhere: None,
            filter: None,
            flows: true,
            numbered: false,
            last_ts_ms: Some(9_900),
            last_strange_ms: Some(9_900),
            granted_buffer_bytes: 425_984,
            scrambled_expected: false,
            recent,
        }
    }

    fn judged(facts: &Facts<'_>) -> (State, Reason) {
        let verdict = verdict(facts);
        assert_eq!(
            verdict.detail.is_empty(),
            verdict.reason == Reason::Ok,
            "{verdict:?}"
        );
        (verdict.state, verdict.reason)
    }

    #[test]
    fn without_data_the_first_reason_that_holds_is_said() {
        let none = Recent::default();
        let never = Facts {
            flows: false,
            last_ts_ms: None,
            last_strange_ms: None,
            ..facts(&none)
        };
        let missing = LinkFacts::Missing {
            wanted: "eth9",
            present: "lo, eth1",
        };
        assert_eq!(
            judged(&Facts {
                link: missing,
                ..never
            }),
            (State::Waiting, Reason::InterfaceMissing)
        );
        assert_eq!(
            judged(&Facts {
                link: missing,
                ..facts(&none)
            }),
            (State::Stopped, Reason::InterfaceMissing)
        );
        let down = LinkFacts::Down {
            name: "eth1",
            carrier_only: false,
        };
        assert_eq!(
            judged(&Facts {
                link: down,
                ..never
            }),
            (State::Waiting, Reason::InterfaceDown)
        );
        assert_eq!(judged(&never), (State::Waiting, Reason::NeverReceived));
        assert_eq!(
            judged(&Facts {
                last_strange_ms: Some(9_500),
                ..never
            }),
            (State::Waiting, Reason::NotTs)
        );
        assert_eq!(
            judged(&Facts {
                now_ms: 10_900,
                flows: false,
                ..facts(&none)
            }),
            (State::Stopped, Reason::Stopped)
        );
    }

    #[test]
    fn a_source_that_stops_was_no_garbage() {
        let none = Recent::default();
        let at = |now_ms, last_ts_ms, last_strange_ms| {
            judged(&Facts {
                now_ms,
                flows: false,
                last_ts_ms: Some(last_ts_ms),
                last_strange_ms: Some(last_strange_ms),
                ..facts(&none)
            })
        };
        let stopped = (State::Stopped, Reason::Stopped);
        // The last datagram was seen by a look 99 ms after its TS had come.
        assert_eq!(at(11_000, 10_000, 10_099), stopped);
        assert_eq!(at(11_000, 10_000, 10_999), (State::Waiting, Reason::NotTs));
    }

    #[test]
    fn a_stray_datagram_is_no_return() {
        let mut flow = Flow::default();
        let tell = |flow: &mut Flow, last, now| flow.tell(last, 1000, now);
        assert!(!tell(&mut flow, None, 100));
        assert!(tell(&mut flow, Some(300), 400), "the first is no return");
        assert!(!tell(&mut flow, Some(300), 1300));
        for now in (1500..2600).step_by(100) {
            assert!(!tell(&mut flow, Some(1450), now), "one datagram, at {now}");
        }
        assert!(!tell(&mut flow, Some(3000), 3000));
        assert!(!tell(&mut flow, Some(3150), 3150));
        assert!(tell(&mut flow, Some(3250), 3250));
        assert!(tell(&mut flow, Some(3250), 4249), "less than a silence");
        assert!(!tell(&mut flow, Some(3250), 4250));
        assert!(!tell(&mut flow, Some(4300), 4300), "again from the start");
    }

    #[test]
    fn what_the_sentence_says_is_in_the_params() {
        let mut recent = Recent::default();
        recent.kernel.tell(1, 9_900);
        let told = verdict(&facts(&recent));
        assert_eq!(told.params["granted_kib"], "416");
        assert!(told.detail.contains("at least"), "{}", told.detail);
        let rtp = Facts {
            numbered: true,
            ..facts(&recent)
        };
        assert!(!verdict(&rtp).detail.contains("at least"));
        let mut recent = Recent::default();
        recent.unaligned.tell(1, 9_900);
        let told = verdict(&facts(&recent));
        assert_eq!(told.params["hint"], "unaligned");
        recent.second_sender.tell(1, 9_900);
        let told = verdict(&facts(&recent));
        assert_eq!(told.reason, Reason::UpstreamErrors);
        assert_eq!(told.params["hint"], "second_sender");
    }

    #[test]
    fn a_silent_group_that_is_found_is_said_where() {
        let none = Recent::default();
        let never = Facts {
            flows: false,
            last_ts_ms: None,
            last_strange_ms: None,
            filter: Some(FilterFacts { value: 1 }),
            ..facts(&none)
        };
        assert_eq!(judged(&never), (State::Waiting, Reason::ReversePathFilter));
        assert!(verdict(&never).detail.starts_with("probably"));
        let found = Facts {
            elsewhere: Some(ElsewhereFacts {
                interface: "eth2",
                source: Some("10.0.1.1"),
            }),
            ..never
        };
        assert_eq!(judged(&found), (State::Waiting, Reason::OnOtherInterface));
        let params = verdict(&found).params;
        let param = |name: &str| params.get(name).map(String::as_str);
        assert_eq!(param("interface"), Some("eth1"));
        assert_eq!(param("found_on"), Some("eth2"));
        assert_eq!(param("source"), Some("10.0.1.1"));
        let flowing = Facts {
            flows: true,
            last_ts_ms: Some(9_900),
            last_strange_ms: Some(9_900),
            ..found
        };
        assert_eq!(judged(&flowing), (State::Receiving, Reason::Ok));
    }

    #[test]
    fn errors_degrade_for_two_seconds_in_the_order_of_their_cause() {
        let mut recent = Recent::default();
        assert_eq!(judged(&facts(&recent)), (State::Receiving, Reason::Ok));
        recent.tell_damage(|one| u64::from(one == Indicator::CrcError), 9_000);
        assert_eq!(
            judged(&facts(&recent)),
            (State::Degraded, Reason::UpstreamErrors)
        );
        assert_eq!(verdict(&facts(&recent)).params["damage"], "crc_error");
        recent.scrambled.tell(1, 9_000);
        assert_eq!(
            judged(&facts(&recent)),
            (State::Degraded, Reason::Scrambled)
        );
        assert_eq!(
            judged(&Facts {
                scrambled_expected: true,
                ..facts(&recent)
            }),
            (State::Degraded, Reason::UpstreamErrors)
        );
        recent.upstream.tell(1, 9_000);
        assert_eq!(judged(&facts(&recent)).1, Reason::UpstreamErrors);
        assert!(!verdict(&facts(&recent)).params.contains_key("damage"));
        recent.unattributed.tell(1, 9_000);
        assert_eq!(judged(&facts(&recent)).1, Reason::LossBeforeNic);
        recent.network.tell(1, 9_000);
        assert_eq!(judged(&facts(&recent)).1, Reason::NetworkLoss);
        recent.kernel.tell(1, 7_000);
        assert_eq!(judged(&facts(&recent)).1, Reason::NetworkLoss);
        recent.kernel.tell(2, 9_999);
        assert_eq!(judged(&facts(&recent)).1, Reason::KernelDrops);
    }
}
