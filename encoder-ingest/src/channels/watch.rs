//! The channels file, looked at for as long as the process lives.
//!
//! Its content is compared, by its path: an edit, a file put in its place, a ConfigMap's swapped
//! symlink and a remounted folder are seen alike. A content counts once two looks in a row have
//! found it, so that a file which is just being written (and is empty for a moment) takes no channel
//! away; SIGHUP says that it is whole, and has it read at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::shutdown::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::load::Content;
use super::registry::Registry;

/// How often the file is looked at: a change is in force within a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(400);

/// How often the state folder is tried.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// What was found, and what of it was judged.
#[derive(Debug)]
struct Looks {
    judged: Option<Content>,
    /// Found by the last look, and by none before it.
    fresh: Option<Content>,
}

impl Looks {
    /// Takes what a look found; gives it back when it is to be judged.
    fn take(&mut self, found: Content, at_once: bool) -> Option<Content> {
        let settled = self.fresh.as_ref() == Some(&found);
        let known = self.judged.as_ref() == Some(&found);
        if at_once || (settled && !known) {
            self.judged = Some(found.clone());
            self.fresh = None;
            return Some(found);
        }
        self.fresh = (!known).then_some(found);
        None
    }
}

/// Listens for SIGHUP, which would end the process else. To be made before anything is announced.
///
/// # Errors
/// When the handler can't be installed.
pub fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Follows the channels file and tries the state folder until the process stops.
pub async fn follow(registry: Arc<Registry>, mut hangups: Signal, mut shutdown: Shutdown) {
    let mut looks = Looks {
        judged: registry.take_seen(),
        fresh: None,
    };
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut probed = Instant::now();
    loop {
        let at_once = tokio::select! {
            _ = ticks.tick() => false,
            heard = hangups.recv() => heard.is_some(),
            () = shutdown.requested() => return,
        };
        let probe = probed.elapsed() >= PROBE_INTERVAL;
        if probe {
            probed = Instant::now();
        }
        let registry = Arc::clone(&registry);
        let look = tokio::task::spawn_blocking(move || {
            look(&registry, &mut looks, at_once);
            if probe {
                registry.probe_state_dir();
            }
            looks
        });
        match look.await {
            Ok(back) => looks = back,
            // Only a panic gets here; it has been logged, and ends the process elsewhere.
            Err(_) => return,
        }
    }
}

fn look(registry: &Registry, looks: &mut Looks, at_once: bool) {
    let Some(path) = registry.file() else { return };
    if let Some(content) = looks.take(Content::read(path), at_once) {
        registry.reload(&content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::load::{Loaded, RegistryOptions};
    use crate::channels::registry::Runner;
    use crate::definition::{ChannelDefinition, ChannelId};
    use crate::events::{Events, Reader};
    use common::api::event::EventKind;

    #[derive(Debug)]
    struct RunsNothing;

    impl Runner for RunsNothing {
        fn apply(&self, _: Arc<ChannelDefinition>) {}
        fn remove(&self, _: &ChannelId) {}
        fn others(&self) -> usize {
            0
        }
    }

    async fn until(reader: &mut Reader, kind: EventKind) {
        while reader.next().await.expect("an event").kind != kind {}
    }

    #[tokio::test]
    async fn an_edit_and_a_hangup_are_followed_until_the_end() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("channels.yaml");
        let text = "channels: [{id: a, inputs: [{url: 'udp://239.1.1.1:1'}]}]";
        std::fs::write(&path, "channels: []").expect("write");
        let options = RegistryOptions {
            node_name: "n1".to_owned(),
            channels_max: 4,
            file: Some(path.clone()),
            state_dir: None,
        };
        let events = Arc::new(Events::new());
        let loaded = Loaded::read(options).expect("a file without channels");
        let registry = Registry::start(loaded, Arc::new(RunsNothing), Arc::clone(&events));
        let registry = Arc::new(registry);
        let mut news = events.reader(None);
        let (trigger, shutdown) = common::shutdown::channel();
        let hangups = hangups().expect("handler");
        let mut following = tokio::task::JoinSet::new();
        following.spawn(follow(Arc::clone(&registry), hangups, shutdown));
        std::fs::write(&path, text).expect("write");
        until(&mut news, EventKind::ChannelAdded).await;
        until(&mut news, EventKind::ConfigApplied).await;
        // The same content again: only a hangup has it read.
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::HUP).expect("kill");
        until(&mut news, EventKind::ConfigApplied).await;
        std::fs::write(&path, "").expect("write");
        until(&mut news, EventKind::ConfigRefused).await;
        std::fs::remove_file(&path).expect("remove");
        until(&mut news, EventKind::ConfigRefused).await;
        assert_eq!(registry.in_force().all.len(), 1);
        trigger.fire();
        let ended = following.join_next().await.expect("the follower");
        ended.expect("no panic");
    }

    fn content(text: &str) -> Content {
        Content(Ok(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_content_counts_when_it_is_found_twice() {
        let gone = || Content(Err("gone".to_owned()));
        let mut looks = Looks {
            judged: Some(content("a")),
            fresh: None,
        };
        let steps = [
            (content("a"), None),
            // Truncated and written anew: the empty moment is passed over.
            (content(""), None),
            (content("b"), None),
            (content("b"), Some(content("b"))),
            (content("b"), None),
            // Gone for a moment and back: nothing happened.
            (gone(), None),
            (content("b"), None),
            (gone(), None),
            (gone(), Some(gone())),
            (gone(), None),
            (content("b"), None),
            (content("b"), Some(content("b"))),
        ];
        for (step, (found, judged)) in steps.into_iter().enumerate() {
            assert_eq!(looks.take(found, false), judged, "step {step}");
        }
        assert_eq!(looks.take(content("b"), true), Some(content("b")));
        assert_eq!(looks.take(content("c"), true), Some(content("c")));
        assert_eq!(looks.take(content("c"), false), None);
    }

    #[test]
    fn a_swapped_symlink_is_another_content() {
        let dir = tempfile::tempdir().expect("dir");
        for version in ["..1", "..2"] {
            let folder = dir.path().join(version);
            std::fs::create_dir(&folder).expect("dir");
            std::fs::write(folder.join("channels.yaml"), version).expect("write");
        }
        let path = dir.path().join("channels.yaml");
        let data = dir.path().join("..data");
        std::os::unix::fs::symlink("..1", &data).expect("link");
        std::os::unix::fs::symlink("..data/channels.yaml", &path).expect("link");
        assert_eq!(Content::read(&path), content("..1"));
        let next = dir.path().join("..data_tmp");
        std::os::unix::fs::symlink("..2", &next).expect("link");
        std::fs::rename(next, data).expect("swap");
        assert_eq!(Content::read(&path), content("..2"));
        assert!(Content::read(&dir.path().join("none")).0.is_err());
    }
}
