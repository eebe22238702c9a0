//! Why a channel has no data, or what is wrong with it: looked into at once, and told in words.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::api::channel::{Channel, ChannelStatus, Lost, Received};
use common::net::interfaces::{Interface, interfaces, reverse_path_filter_drops};
use common::net::memberships::{igmp_version, memberships};
use common::problem::Problem;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::Shared;
use super::request::{IdPath, blocking, busy, id, not_found};
use crate::control::Control;
use crate::definition::InputDefinition;
use crate::limits::DIAGNOSIS_WAIT;
use crate::nics::resolve;
use crate::plane::{Filtered, Looked, ProbeOutcome, Probed};

/// What was found out about a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Diagnosis {
    channel: String,
    state: common::api::channel::State,
    reason: common::api::channel::Reason,
    /// The facts in `verdict`, for a user interface that speaks another language.
    params: BTreeMap<String, String>,
    /// In words, with what to do.
    verdict: String,
    /// The group of the input in use; null: the channel does not run.
    group: Option<String>,
    /// The NIC that it is received on; null: there is none.
    interface: Option<InterfaceFacts>,
    /// The NICs on which the group was looked for just now. None while data comes, or with
    /// `--probe-interfaces none`.
    probes: Vec<ProbeDocument>,
    received: Received,
    lost: Lost,
    /// What the kernel granted the socket; 0: there is none.
    receive_buffer_bytes: u64,
}

/// What of a NIC matters to a group.
#[derive(Debug, Serialize, ToSchema)]
struct InterfaceFacts {
    name: String,
    up: bool,
    carrier: bool,
    /// Sockets of this host that are members of the group there; 0: we are not.
    members: u32,
    /// The version of IGMP that is spoken, such as `V3`; null for IPv6.
    igmp_version: Option<String>,
    /// What is in force: 0 off, 1 strict, 2 loose.
    rp_filter: Option<u8>,
    /// What was found when the filter was suspected: `shown`, `perhaps` or `no`.
    rp_filter_test: Option<&'static str>,
    /// Packets that it has dropped on this host since it started.
    rp_filter_drops: Option<u64>,
    rx_bytes: u64,
    rx_dropped: u64,
}

/// A NIC that was listened to.
#[derive(Debug, Serialize, ToSchema)]
struct ProbeDocument {
    interface: String,
    /// `came`, `nothing`, or `failed`.
    outcome: &'static str,
    /// Who sends the group there.
    source: Option<String>,
    /// Why it could not be joined there.
    error: Option<String>,
}

/// Looks at once for a silent channel's group on the NICs of `--probe-interfaces`, half a second
/// each, and says in words what is wrong. A stream that flows is not touched.
#[utoipa::path(post, path = "/channels/{id}/diagnose", tag = "channels", params(("id" = String, Path)), responses(
    (status = 200, description = "What was found out", body = Diagnosis),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many diagnoses are under way", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn diagnose(
    State(control): Shared,
    path: IdPath,
) -> Result<Json<Diagnosis>, Problem> {
    let id = id(path)?;
    control.channel(&id).ok_or_else(|| not_found(&id))?;
    let looked = match control.plane.look(&id) {
        None => Looked::default(),
        Some(looked) => match timeout(DIAGNOSIS_WAIT, looked).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(_)) => {
                let detail = "too many diagnoses are under way";
                return Err(busy(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
                    .reason("max_diagnoses"));
            }
            Err(_) => Looked::default(),
        },
    };
    // Asking for the NICs are system calls.
    blocking(move || {
        let channel = control.channel(&id).ok_or_else(|| not_found(&id))?;
        Ok(Json(diagnosis(&control, &channel, looked)))
    })
    .await?
}

fn diagnosis(control: &Control, channel: &Channel, looked: Looked) -> Diagnosis {
    let status = &channel.status;
    let live = control.plane.channel(&id_of(channel));
    let definition = live.as_ref().map(|live| live.definition.load_full());
    let input = definition
        .as_ref()
        .and_then(|definition| definition.inputs.get(status.active_input));
    let buffer = live.as_ref().map_or(0, |live| {
        live.counters.receive_buffer_bytes.load(Ordering::Relaxed)
    });
    let verdict = words(status, &looked);
    Diagnosis {
        channel: channel.definition.id.clone(),
        state: status.state,
        reason: status.reason,
        params: status.params.clone(),
        verdict,
        group: input.map(|input| input.url.group.to_string()),
        interface: input.and_then(|input| interface(control, input, looked.filtered)),
        probes: looked.probes.into_iter().map(shown).collect(),
        received: status.received,
        lost: status.lost,
        receive_buffer_bytes: buffer,
    }
}

fn id_of(channel: &Channel) -> crate::definition::ChannelId {
    crate::definition::ChannelId::made(channel.definition.id.clone())
}

/// The sentence of the status, and what the probes add to it.
fn words(status: &ChannelStatus, looked: &Looked) -> String {
    let mut words = if status.detail.is_empty() {
        format!(
            "all is well: {}.{:02} Mbit/s come",
            status.bitrate_bps / 1_000_000,
            status.bitrate_bps / 10_000 % 100
        )
    } else {
        status.detail.clone()
    };
    let nothing = looked
        .probes
        .iter()
        .filter(|probed| probed.outcome == ProbeOutcome::Nothing)
        .map(|probed| probed.interface.as_str());
    let nothing: Vec<&str> = nothing.collect();
    if !nothing.is_empty() {
        words.push_str(&format!("; nothing comes on {} either", nothing.join(", ")));
    }
    words
}

fn interface(
    control: &Control,
    input: &InputDefinition,
    filtered: Option<Filtered>,
) -> Option<InterfaceFacts> {
    let defaults = &control.options.plane.interfaces;
    let selectors = input
        .interface
        .as_ref()
        .map_or(defaults.as_slice(), std::slice::from_ref);
    // Where the kernel does not list them, there are none for us.
    let all = interfaces().unwrap_or_default();
    let links: Vec<_> = all.iter().map(Interface::link).collect();
    let index = resolve(selectors, &links)?.index;
    let nic = all.into_iter().find(|nic| nic.index == index)?;
    let group = input.url.group.group();
    Some(InterfaceFacts {
        members: members(index, group),
        igmp_version: igmp_version(index).filter(|_| group.is_ipv4()),
        rp_filter: nic.rp_filter,
        rp_filter_test: filtered.map(|filtered| match filtered {
            Filtered::Shown => "shown",
            Filtered::Perhaps => "perhaps",
            Filtered::No => "no",
        }),
        rp_filter_drops: reverse_path_filter_drops(),
        name: nic.name,
        up: nic.up,
        carrier: nic.carrier,
        rx_bytes: nic.rx_bytes,
        rx_dropped: nic.rx_dropped,
    })
}

fn members(interface_index: u32, group: IpAddr) -> u32 {
    let all = memberships();
    let here = all
        .iter()
        .filter(|one| one.interface_index == interface_index && one.group == group);
    here.map(|one| one.users).sum()
}

fn shown(probed: Probed) -> ProbeDocument {
    let Probed { interface, outcome } = probed;
    let (outcome, source, error) = match outcome {
        ProbeOutcome::Came(elsewhere) => ("came", elsewhere.source, None),
        ProbeOutcome::Nothing => ("nothing", None, None),
        ProbeOutcome::Failed(error) => ("failed", None, Some(error)),
    };
    ProbeDocument {
        interface,
        outcome,
        source,
        error,
    }
}
