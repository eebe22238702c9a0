//! The socket of one stream. When the NIC goes, it is opened anew until the NIC is back; when the
//! kernel can't cut runs (GSO), datagrams leave one by one.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use common::group::InterfaceName;
use common::limits::{BATCH_DATAGRAMS_MAX, DATAGRAM_BYTES_MAX, GSO_SEGMENTS_MAX};
use common::net::interfaces::links;
use common::net::send::{MulticastSender, SendOptions};

use super::counters::StreamCounters;
use crate::definition::StreamDefinition;
use crate::limits::REOPEN_EVERY;

#[derive(Debug)]
pub(super) struct Line {
    definition: Arc<StreamDefinition>,
    counters: Arc<StreamCounters>,
    state: State,
    gso: bool,
}

#[derive(Debug)]
enum State {
    Open(MulticastSender),
    Closed { retry_at: Instant },
}

impl Line {
    pub(super) fn new(definition: Arc<StreamDefinition>, counters: Arc<StreamCounters>) -> Self {
        let mut line = Self {
            gso: definition.uses_gso(),
            state: State::Closed {
                retry_at: Instant::now(),
            },
            definition,
            counters,
        };
        line.reopen();
        line
    }

    /// How many datagrams of `bytes` one [`Self::send`] takes at most.
    pub(super) fn run_max(&self, bytes: usize) -> usize {
        if self.gso {
            GSO_SEGMENTS_MAX
                .min(DATAGRAM_BYTES_MAX / bytes.max(1))
                .max(1)
        } else {
            BATCH_DATAGRAMS_MAX
        }
    }

    /// Sends `run`, datagrams of `bytes` each, and counts what left and what did not.
    pub(super) fn send(&mut self, run: &[u8], bytes: usize) {
        if let State::Closed { retry_at } = self.state
            && retry_at <= Instant::now()
        {
            self.reopen();
        }
        let count = (run.len() / bytes.max(1)) as u64;
        let sent = match &self.state {
            State::Open(_) => self.send_open(run, bytes),
            State::Closed { .. } => 0,
        };
        self.counters.sent(sent, sent * bytes as u64);
        self.counters.not_sent(count - sent);
    }

    fn send_open(&mut self, run: &[u8], bytes: usize) -> u64 {
        if self.gso && run.len() > bytes {
            let segment = u16::try_from(bytes).ok();
            match self.call(&[IoSlice::new(run)], segment) {
                Ok(_) => return (run.len() / bytes) as u64,
                Err(error) if gone(&error) => {
                    self.close(&error);
                    return 0;
                }
                Err(error) => {
                    let id = &self.definition.id;
                    tracing::warn!(stream = %id, %error, "no GSO here: datagrams leave one by one");
                    self.gso = false;
                }
            }
        }
        self.send_one_by_one(run, bytes)
    }

    fn send_one_by_one(&mut self, run: &[u8], bytes: usize) -> u64 {
        let mut slices = [IoSlice::new(&[]); BATCH_DATAGRAMS_MAX];
        let mut count = 0;
        for (slice, datagram) in slices.iter_mut().zip(run.chunks(bytes.max(1))) {
            *slice = IoSlice::new(datagram);
            count += 1;
        }
        let mut sent = 0;
        let mut at = 0;
        while at < count {
            match self.call(&slices[at..count], None) {
                Ok(done) => {
                    sent += done as u64;
                    at += done.max(1);
                }
                Err(error) if gone(&error) => {
                    self.close(&error);
                    return sent;
                }
                // This one is refused (a full queue, a firewall); the next may pass.
                Err(_) => at += 1,
            }
        }
        sent
    }

    fn call(&self, datagrams: &[IoSlice<'_>], segment: Option<u16>) -> io::Result<usize> {
        let State::Open(sender) = &self.state else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        loop {
            match sender.send(datagrams, segment) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn close(&mut self, error: &io::Error) {
        let Self { definition, .. } = self;
        let text = format!(
            "cannot send to {} on {}: {error}",
            definition.url, definition.interface
        );
        tracing::warn!(stream = %definition.id, "{text}; trying again until it works");
        self.counters.set_error(Some(text));
        self.state = State::Closed {
            retry_at: Instant::now() + REOPEN_EVERY,
        };
    }

    fn reopen(&mut self) {
        match self.open() {
            Ok(sender) => {
                self.state = State::Open(sender);
                self.counters.set_error(None);
            }
            Err(text) => {
                if self.counters.values().error.is_none() {
                    tracing::warn!(stream = %self.definition.id, "{text}; trying again until it works");
                }
                self.counters.set_error(Some(text));
                self.state = State::Closed {
                    retry_at: Instant::now() + REOPEN_EVERY,
                };
            }
        }
    }

    fn open(&self) -> Result<MulticastSender, String> {
        let definition = &self.definition;
        let index = interface_index(&definition.interface)
            .ok_or_else(|| format!("there is no network interface {}", definition.interface))?;
        let options = SendOptions {
            interface_index: index,
            source: definition.source,
            ttl: definition.ttl,
            loopback: definition.loopback,
        };
        MulticastSender::open(definition.url.group, options).map_err(|error| error.to_string())
    }
}

fn interface_index(name: &InterfaceName) -> Option<u32> {
    let links = links().ok()?;
    links
        .iter()
        .find(|link| link.name == name.as_str())
        .map(|link| link.index)
}

/// The way to the group is gone, for all datagrams.
fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkDown, NetworkUnreachable};
    /// `ENODEV` and `ENXIO`, which std has no kind for.
    const NO_DEVICE: [i32; 2] = [19, 6];
    matches!(
        error.kind(),
        AddrNotAvailable | HostUnreachable | NetworkDown | NetworkUnreachable
    ) || error
        .raw_os_error()
        .is_some_and(|code| NO_DEVICE.contains(&code))
}
