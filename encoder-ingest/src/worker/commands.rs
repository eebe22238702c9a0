//! What a worker does when it is told something.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::TryRecvError;

use common::net::receive::MulticastReceiver;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::{TOKEN_CHANNEL, Worker, find};
use crate::door::{Command, Reply};
use crate::live::ViewerEnd;
use crate::relay::channel::{Bench, Channel, ChannelKey, Now};
use crate::relay::viewer::Viewer;

impl Worker {
    /// Obeys what has been told; false when control has gone.
    pub(super) fn commands(&mut self, now: Now) -> bool {
        loop {
            match self.parts.commands.try_recv() {
                Ok(command) => self.obey(command, now),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, command: Command, now: Now) {
        match command {
            Command::Add { key, live, plan } => {
                let channel = Channel::new(key, live, plan, self.parts.timing, now);
                let index = self.channels.partition_point(|other| other.key() < key);
                self.channels.insert(index, channel);
                self.parts
                    .gauges
                    .channels
                    .store(self.channels.len() as u64, Relaxed);
            }
            Command::Change { key, plan } => {
                if let Some(channel) = self.channel(key) {
                    channel.set_plan(plan);
                }
            }
            Command::Receive {
                key,
                receiver,
                same_stream,
            } => self.receive(key, receiver, same_stream, now),
            Command::Feed { key, upload } => {
                if let Some(channel) = self.channel(key) {
                    channel.set_upload(upload);
                }
            }
            Command::Remove { key } => self.remove(key),
            Command::Watch {
                key,
                viewer,
                socket,
                head,
                start,
            } => {
                let viewer = Viewer::new(viewer, socket, head, start, now.ms);
                self.watch(key, viewer, now);
            }
            Command::Kick { viewer } => {
                let mut bench = Bench {
                    tools: &mut self.tools,
                    pool: &mut self.parts.pool,
                    ended: &mut self.ended,
                };
                let key = self.watched.get(&viewer);
                if let Some(channel) = key.and_then(|key| find(&mut self.channels, *key)) {
                    channel.end_viewer(viewer, ViewerEnd::Kicked, &mut bench);
                }
            }
            Command::Capture {
                key,
                wanted,
                buffer,
                answer,
            } => {
                if let Some(channel) = self.channel(key) {
                    // Who asked may have gone.
                    let _ = answer.send(channel.capture(wanted, buffer));
                }
            }
            Command::Drain => self.draining_since_ms = Some(now.ms),
        }
    }

    fn channel(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        find(&mut self.channels, key)
    }

    fn remove(&mut self, key: ChannelKey) {
        if let Ok(index) = self.channels.binary_search_by_key(&key, Channel::key) {
            let channel = self.channels.remove(index);
            self.dismantle_channel(channel, ViewerEnd::ChannelRemoved);
            self.parts
                .gauges
                .channels
                .store(self.channels.len() as u64, Relaxed);
        }
    }

    fn receive(
        &mut self,
        key: ChannelKey,
        receiver: Option<MulticastReceiver>,
        same_stream: bool,
        now: Now,
    ) {
        // It is asked to tell once, when the channel is idle: see `arm`.
        if let Some(receiver) = &receiver {
            let token = EventData::new_u64(key.0 | TOKEN_CHANNEL);
            let _ = epoll::add(&self.epoll, receiver.as_fd(), token, EventFlags::empty());
        }
        match self.channel(key) {
            Some(channel) => {
                if let Some(old) = channel.set_receiver(receiver, same_stream, now) {
                    let _ = epoll::delete(&self.epoll, old.as_fd());
                    self.unsent.push_back(Reply::Retired(old));
                }
            }
            None => self.unsent.extend(receiver.map(Reply::Retired)),
        }
    }

    fn watch(&mut self, key: ChannelKey, viewer: Viewer, now: Now) {
        let Some(channel) = find(&mut self.channels, key) else {
            self.ended.push((viewer, ViewerEnd::ChannelRemoved));
            return;
        };
        let flags = EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let token = EventData::new_u64(viewer.live().id.0);
        if epoll::add(&self.epoll, viewer.as_fd(), token, flags).is_err() {
            self.ended.push((viewer, ViewerEnd::Gone));
            return;
        }
        let mut bench = Bench {
            tools: &mut self.tools,
            pool: &mut self.parts.pool,
            ended: &mut self.ended,
        };
        self.watched.insert(viewer.id(), key);
        channel.watch(viewer, now, &mut bench);
    }
}
