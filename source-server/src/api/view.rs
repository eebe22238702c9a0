//! A stream as the API shows it.

use std::collections::BTreeMap;

use common::ts::packet::{Pcr, Pid};
use serde::Serialize;
use serde_json::{Value, json};

use crate::definition::{ContentDefinition, RtpForm};
use crate::document::megabits;
use crate::faults::{FaultKind, FaultPlan, LossBurst, PcrJump, When};
use crate::sender::FaultOrder;
use crate::streams::StreamView;

#[derive(Debug, Serialize)]
pub struct StreamDocument {
    id: String,
    name: String,
    url: String,
    interface: String,
    source: Option<String>,
    ttl: u8,
    loopback: bool,
    /// Of the test card.
    #[serde(skip_serializing_if = "Option::is_none")]
    mbps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_start_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    proof: bool,
    packets: usize,
    packet_bytes: usize,
    datagram_bytes: usize,
    gso: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtp: Option<Value>,
    faults: Value,
    status: Status,
}

#[derive(Debug, Serialize)]
struct Status {
    /// Why nothing leaves at the moment.
    error: Option<String>,
    sent: Sent,
    /// Faults made since the stream began, by kind.
    faults: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct Sent {
    datagrams: u64,
    bytes: u64,
    not_sent: u64,
    held_too_many: u64,
    slipped_ms: u64,
}

impl StreamDocument {
    #[must_use]
    pub fn new(view: &StreamView) -> Self {
        let definition = &view.definition;
        let (mbps, clock_start_s, file) = match &definition.content {
            ContentDefinition::TestCard { bps, clock_start } => {
                (Some(megabits(*bps)), Some(seconds(*clock_start)), None)
            }
            ContentDefinition::File(path) => (None, None, Some(path.display().to_string())),
        };
        let counters = &view.counters;
        Self {
            id: definition.id.to_string(),
            name: definition.name.clone(),
            url: definition.url.to_string(),
            interface: definition.interface.to_string(),
            source: definition.source.map(|source| source.to_string()),
            ttl: definition.ttl,
            loopback: definition.loopback,
            mbps,
            clock_start_s,
            file,
            proof: definition.proof,
            packets: definition.form.packets,
            packet_bytes: definition.form.packet_bytes,
            datagram_bytes: definition.form.datagram_bytes(),
            gso: definition.uses_gso(),
            rtp: definition.form.rtp.as_ref().map(rtp),
            faults: faults(&view.faults),
            status: Status {
                error: counters.error.clone(),
                sent: Sent {
                    datagrams: counters.datagrams,
                    bytes: counters.bytes,
                    not_sent: counters.not_sent,
                    held_too_many: counters.held_too_many,
                    slipped_ms: counters.slipped_ms,
                },
                faults: FaultKind::ALL
                    .map(|kind| (kind.as_str(), counters.faults[kind.index()]))
                    .into(),
            },
        }
    }
}

fn rtp(form: &RtpForm) -> Value {
    given([
        ("sequence", form.sequence.map(Value::from)),
        ("ssrc", form.ssrc.map(Value::from)),
        ("payload_type", Some(form.payload_type.into())),
        ("csrc", Some(form.csrc.into())),
        ("extension_words", form.extension_words.map(Value::from)),
        ("padding", Some(form.padding.into())),
    ])
}

/// As `PUT .../faults` takes them. What is done once is told too: it was the last order.
fn faults(order: &FaultOrder) -> Value {
    let plan = &order.plan;
    let mut object = given([
        ("seed", Some(Value::from(plan.seed))),
        ("restart", order.restart.then_some(Value::Bool(true))),
        ("rtp_sequence", order.rtp_sequence.map(Value::from)),
    ]);
    for (key, value) in datagram_faults(plan).into_iter().chain(packet_faults(plan)) {
        if let Some(value) = value {
            object[key] = value;
        }
    }
    object
}

fn datagram_faults(plan: &FaultPlan) -> [(&'static str, Option<Value>); 8] {
    let burst = |burst: LossBurst| {
        let when = burst.every.map_or(When::Once, When::Every);
        with(when, [("length", Some(burst.length.into()))])
    };
    [
        ("loss", plan.loss.map(|when| with(when, []))),
        ("loss_burst", plan.loss_burst.map(burst)),
        (
            "reorder",
            plan.reorder
                .map(|reorder| with(reorder.when, [("distance", Some(reorder.distance.into()))])),
        ),
        ("duplicate", plan.duplicate.map(|when| with(when, []))),
        ("jitter", plan.jitter_ms.map(|ms| json!({ "ms": ms }))),
        (
            "silence",
            plan.silence
                .map(|silence| given([("ms", silence.ms.map(Value::from))])),
        ),
        (
            "corrupt_sync",
            plan.corrupt_sync
                .map(|corrupt| with(corrupt.when, [("packets", Some(corrupt.packets.into()))])),
        ),
        (
            "garbage",
            plan.garbage
                .map(|garbage| with(garbage.when, [("bytes", Some(garbage.bytes.into()))])),
        ),
    ]
}

fn packet_faults(plan: &FaultPlan) -> [(&'static str, Option<Value>); 4] {
    let number = |pid: Option<Pid>| pid.map(|pid| Value::from(pid.value()));
    let jump = |jump: PcrJump| {
        given([
            ("ms", Some(jump.ms.into())),
            ("every_ms", jump.every_ms.map(Value::from)),
        ])
    };
    [
        (
            "cc_break",
            plan.cc_break
                .map(|fault| with(fault.when, [("pid", number(fault.pid))])),
        ),
        ("pcr_jump", plan.pcr_jump.map(jump)),
        ("pat_gap", plan.pat_gap_ms.map(|ms| json!({ "ms": ms }))),
        (
            "scrambled",
            plan.scrambled.map(|pid| given([("pid", number(pid))])),
        ),
    ]
}

fn with<const N: usize>(when: When, more: [(&str, Option<Value>); N]) -> Value {
    let mut object = given(more);
    let (key, value) = match when {
        When::Once => ("once", Value::Bool(true)),
        When::Probability(probability) => ("probability", probability.into()),
        When::Every(every) => ("every", every.into()),
    };
    object[key] = value;
    object
}

/// An object of what is there.
fn given<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let there = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn seconds(clock: Pcr) -> f64 {
    clock.0 as f64 / Pcr::TICKS_PER_SECOND as f64
}
