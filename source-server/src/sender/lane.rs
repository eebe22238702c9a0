//! A thread with the streams that it owns. It sleeps until the next is due, at least one turn.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use common::limits::BATCH_DATAGRAMS_MAX;

use super::counters::StreamCounters;
use super::outgoing::Outgoing;
use super::{Ended, FaultOrder};
use crate::content::Material;
use crate::definition::{StreamDefinition, StreamId};
use crate::limits::{COMMANDS_MAX, DATAGRAM_SLOT_BYTES, SLEEP_MAX, TURN};

#[derive(Debug)]
pub(super) struct Lane {
    commands: SyncSender<Command>,
    streams: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Command {
    Add {
        definition: Arc<StreamDefinition>,
        material: Material,
        order: FaultOrder,
        counters: Arc<StreamCounters>,
    },
    /// Answered by dropping the sender once nothing is sent any more.
    Remove {
        id: StreamId,
        done: SyncSender<()>,
    },
    Order {
        id: StreamId,
        order: FaultOrder,
    },
    Stop,
}

/// What the thread has.
struct Turns {
    commands: Receiver<Command>,
    count: Arc<AtomicUsize>,
    streams: Vec<Scheduled>,
    /// Where datagrams are built, for one run at a time.
    room: Vec<u8>,
    begin: Instant,
}

struct Scheduled {
    outgoing: Outgoing,
    due_ns: u64,
}

impl Lane {
    pub(super) fn start(index: usize) -> io::Result<Self> {
        let (commands, receiver) = sync_channel(COMMANDS_MAX);
        let streams = Arc::new(AtomicUsize::new(0));
        let turns = Turns {
            commands: receiver,
            count: Arc::clone(&streams),
            streams: Vec::new(),
            room: vec![0; BATCH_DATAGRAMS_MAX * DATAGRAM_SLOT_BYTES],
            begin: Instant::now(),
        };
        let thread = Builder::new()
            .name(format!("send-{index}"))
            .spawn(move || turns.run())?;
        Ok(Self {
            commands,
            streams,
            thread,
        })
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.load(Relaxed)
    }

    pub(super) fn runs(&self) -> bool {
        !self.thread.is_finished()
    }

    pub(super) fn add(
        &self,
        definition: Arc<StreamDefinition>,
        material: Material,
        order: FaultOrder,
        counters: Arc<StreamCounters>,
    ) -> Result<(), Ended> {
        self.streams.fetch_add(1, Relaxed);
        let command = Command::Add {
            definition,
            material,
            order,
            counters,
        };
        self.commands.send(command).map_err(|_| Ended)
    }

    pub(super) fn remove(&self, id: &StreamId) -> Result<(), Ended> {
        let (done, wait) = sync_channel(1);
        let command = Command::Remove {
            id: id.clone(),
            done,
        };
        self.commands.send(command).map_err(|_| Ended)?;
        // The answer is that the other end is dropped.
        let _ = wait.recv();
        Ok(())
    }

    pub(super) fn order(&self, id: &StreamId, order: FaultOrder) -> Result<(), Ended> {
        let command = Command::Order {
            id: id.clone(),
            order,
        };
        self.commands.send(command).map_err(|_| Ended)
    }

    pub(super) fn stop(self) {
        // A thread that has ended already takes no command.
        let _ = self.commands.send(Command::Stop);
        let _ = self.thread.join();
    }
}

impl Turns {
    fn run(mut self) {
        loop {
            let now_ns = self.now_ns();
            let mut next_ns = now_ns + nanos(SLEEP_MAX);
            for stream in &mut self.streams {
                if stream.due_ns <= now_ns {
                    stream.due_ns = stream.outgoing.turn(now_ns, &mut self.room);
                }
                next_ns = next_ns.min(stream.due_ns);
            }
            // One turn at least, so that what falls due together leaves together.
            let wake_ns = next_ns.max(now_ns + nanos(TURN));
            let sleep = Duration::from_nanos(wake_ns.saturating_sub(self.now_ns()));
            match self.commands.recv_timeout(sleep) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now_ns = self.now_ns();
        match command {
            Command::Add {
                definition,
                material,
                order,
                counters,
            } => {
                let outgoing = Outgoing::new(definition, material, order, counters, now_ns);
                self.streams.push(Scheduled {
                    outgoing,
                    due_ns: 0,
                });
            }
            Command::Remove { id, done } => {
                self.streams.retain(|stream| *stream.outgoing.id() != id);
                self.count.store(self.streams.len(), Relaxed);
                drop(done);
            }
            Command::Order { id, order } => {
                let stream = self
                    .streams
                    .iter_mut()
                    .find(|stream| *stream.outgoing.id() == id);
                if let Some(stream) = stream {
                    stream.outgoing.obey(order, now_ns);
                    stream.due_ns = 0;
                }
            }
            Command::Stop => {}
        }
    }

    fn now_ns(&self) -> u64 {
        nanos(self.begin.elapsed())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
