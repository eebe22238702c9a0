//! Where a channel joins, and when it joins anew: the life of its socket, on control's side.
//!
//! Sockets are opened, joined and closed here and not on the workers, since all three take a lock
//! of the kernel's that a NIC which comes or goes may hold for long.

use common::group::MulticastGroup;
use common::net::interfaces::Link;
use common::net::receive::{MulticastReceiver, ReceiveError};

use super::backoff::Backoff;
use crate::definition::{ChannelDefinition, InputDefinition};
use crate::nics::{InterfaceSelector, resolve};

/// The membership of one channel.
#[derive(Debug, Default)]
pub(super) struct Membership {
    joined: Option<Joined>,
    error: Option<String>,
    /// Not to be tried again before.
    retry_ms: u64,
    /// What is joined is of another input than is wanted now.
    outdated: bool,
}

/// A socket that is a member. The data plane holds another handle to it.
#[derive(Debug)]
struct Joined {
    receiver: MulticastReceiver,
    /// Name of the NIC.
    interface: String,
    rejoin: Backoff,
    /// It has been left for a moment.
    left: bool,
}

/// What the data plane must be told.
#[derive(Debug)]
pub(super) enum Change {
    /// Receive from this socket; `same_stream`: of the group that was received before, on a NIC of
    /// the same name, which has been made anew.
    Receive {
        receiver: MulticastReceiver,
        same_stream: bool,
    },
    /// Receive from nowhere: the NIC has gone, or the channel has no input.
    Nothing,
    /// Nothing changes for the data plane; the network has heard a leave and a join.
    Rejoined,
}

/// A failed opening is tried again after.
const RETRY_MS: u64 = 1000;

impl Membership {
    /// Why the group could not be joined.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The group that we are in, and the index of the NIC.
    pub(super) fn joined(&self) -> Option<(MulticastGroup, u32)> {
        let receiver = &self.joined.as_ref()?.receiver;
        Some((receiver.group(), receiver.interface_index()))
    }

    /// Leaves the group until [`Self::back`]; false when we are in none.
    pub(super) fn leave(&mut self) -> bool {
        let Some(joined) = &mut self.joined else {
            return false;
        };
        joined.receiver.leave();
        joined.left = true;
        true
    }

    /// Joins the group again that was left.
    pub(super) fn back(&mut self) {
        let Some(joined) = self.joined.as_mut().filter(|joined| joined.left) else {
            return;
        };
        joined.left = false;
        if let Err(error) = joined.receiver.join() {
            // The NIC has gone under it: made anew with the next look at the NICs.
            self.error = Some(error.to_string());
            self.joined = None;
        }
    }

    pub(super) fn granted_bytes(&self) -> usize {
        self.joined
            .as_ref()
            .map_or(0, |joined| joined.receiver.granted_bytes())
    }

    /// Brings the membership in line with `definition` and the NICs there are.
    pub(super) fn update(
        &mut self,
        input: Option<&InputDefinition>,
        link: Option<&Link>,
        buffer_bytes: Option<usize>,
        now_ms: u64,
    ) -> Option<Change> {
        let (Some(input), Some(link)) = (input, link) else {
            self.error = None;
            return self.joined.take().map(|_| Change::Nothing);
        };
        let group = input.url.group;
        let same_group = |joined: &&Joined| joined.receiver.group() == group;
        let joined = self.joined.as_ref().filter(|_| !self.outdated);
        let joined = joined.filter(same_group);
        let same_nic = joined.is_some_and(|one| one.receiver.interface_index() == link.index);
        // Another NIC may bring another stream of the same group.
        let same_stream = joined.is_some_and(|joined| joined.interface == link.name);
        if same_nic || now_ms < self.retry_ms {
            return None;
        }
        match open(group, link, buffer_bytes) {
            Ok((receiver, kept)) => {
                self.joins(kept, link, now_ms);
                Some(Change::Receive {
                    receiver,
                    same_stream,
                })
            }
            Err(error) => {
                self.error = Some(error.to_string());
                self.retry_ms = now_ms + RETRY_MS;
                self.joined.take().map(|_| Change::Nothing)
            }
        }
    }

    /// Another input is wanted: its socket, where it is joined already.
    pub(super) fn change_input(
        &mut self,
        receiver: Option<MulticastReceiver>,
        links: &[Link],
        now_ms: u64,
    ) -> Option<Change> {
        self.outdated = true;
        self.retry_ms = now_ms;
        let receiver = receiver?;
        let index = receiver.interface_index();
        let link = links.iter().find(|link| link.index == index)?;
        let kept = receiver.try_clone().ok()?;
        self.joins(kept, link, now_ms);
        Some(Change::Receive {
            receiver,
            same_stream: false,
        })
    }

    fn joins(&mut self, receiver: MulticastReceiver, link: &Link, now_ms: u64) {
        self.error = None;
        self.outdated = false;
        self.joined = Some(Joined {
            receiver,
            interface: link.name.clone(),
            rejoin: Backoff::new(now_ms),
            left: false,
        });
    }

    /// Joins a silent channel anew when it is time; a stream that flows is never touched.
    pub(super) fn rejoin(
        &mut self,
        last_datagram_ms: Option<u64>,
        silence_ms: u64,
        now_ms: u64,
    ) -> Option<Change> {
        let joined = self.joined.as_mut().filter(|joined| !joined.left)?;
        if !joined.rejoin.is_due(last_datagram_ms, silence_ms, now_ms) {
            return None;
        }
        match joined.receiver.rejoin() {
            Ok(()) => Some(Change::Rejoined),
            Err(error) => {
                // The NIC has gone under it: made anew with the next look at the NICs.
                self.error = Some(error.to_string());
                self.joined = None;
                Some(Change::Nothing)
            }
        }
    }
}

/// The input `active`, and the NIC that it means.
pub(super) fn target<'a, 'b>(
    definition: &'a ChannelDefinition,
    active: usize,
    defaults: &'a [InterfaceSelector],
    links: &'b [Link],
) -> (Option<&'a InputDefinition>, Option<&'b Link>) {
    let Some(input) = definition.inputs.get(active) else {
        return (None, None);
    };
    let link = resolve(selectors(input, defaults), links);
    (Some(input), link)
}

/// Where an input may join: its own NIC, else the ingest's.
pub(super) fn selectors<'a>(
    input: &'a InputDefinition,
    defaults: &'a [InterfaceSelector],
) -> &'a [InterfaceSelector] {
    input
        .interface
        .as_ref()
        .map_or(defaults, std::slice::from_ref)
}

fn open(
    group: MulticastGroup,
    link: &Link,
    buffer_bytes: Option<usize>,
) -> Result<(MulticastReceiver, MulticastReceiver), ReceiveError> {
    let receiver = MulticastReceiver::open(group, link.index, buffer_bytes)?;
    let kept = receiver
        .try_clone()
        .map_err(|source| ReceiveError::Open { group, source })?;
    Ok((receiver, kept))
}
