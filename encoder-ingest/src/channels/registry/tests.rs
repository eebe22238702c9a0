use std::collections::BTreeMap;
use std::fs;

use common::api::channel::Origin;
use common::api::event::EventKind;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::channels::file::read_channel;
use crate::channels::load::{LoadError, RegistryOptions};

/// Runs nothing, and knows what should run.
#[derive(Debug, Default)]
struct FakeRunner {
    running: Mutex<BTreeMap<String, Arc<ChannelDefinition>>>,
    /// Every call, as `+id` or `-id`.
    calls: Mutex<Vec<String>>,
}

impl Runner for FakeRunner {
    fn apply(&self, definition: Arc<ChannelDefinition>) {
        let id = definition.id.to_string();
        self.calls.lock().expect("lock").push(format!("+{id}"));
        self.running.lock().expect("lock").insert(id, definition);
    }

    fn remove(&self, id: &ChannelId) {
        self.calls.lock().expect("lock").push(format!("-{id}"));
        let before = self.running.lock().expect("lock").remove(id.as_str());
        assert!(before.is_some(), "{id} does not run");
    }

    fn others(&self) -> usize {
        0
    }
}

struct House {
    dir: tempfile::TempDir,
    runner: Arc<FakeRunner>,
    events: Arc<Events>,
}

impl House {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("dir"),
            runner: Arc::default(),
            events: Arc::default(),
        }
    }

    fn options(&self) -> RegistryOptions {
        let file = self.dir.path().join("channels.yaml");
        RegistryOptions {
            node_name: "n1".to_owned(),
            channels_max: 4,
            file: file.exists().then_some(file),
            state_dir: Some(self.dir.path().join("state")),
        }
    }

    fn write(&self, text: &str) {
        fs::write(self.dir.path().join("channels.yaml"), text).expect("write");
    }

    /// A process of its own: nothing of an earlier one but what is on disk.
    fn start(&mut self) -> Result<Registry, LoadError> {
        self.runner = Arc::default();
        self.events = Arc::default();
        let loaded = Loaded::read(self.options())?;
        let runner: Arc<dyn Runner> = Arc::<FakeRunner>::clone(&self.runner);
        Ok(Registry::start(loaded, runner, Arc::clone(&self.events)))
    }

    fn reload(&self, registry: &Registry, text: &str) {
        self.write(text);
        registry.reload(&Content::read(registry.file().expect("a file")));
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.runner.calls.lock().expect("lock"))
    }

    fn kinds(&self) -> Vec<EventKind> {
        self.events.list().iter().map(|event| event.kind).collect()
    }
}

fn channel(id: &str, more: &str) -> ChannelDefinition {
    let body = format!(r#"{{"id":"{id}","inputs":[{{"url":"udp://239.1.1.1:5000"}}]{more}}}"#);
    let context = Context {
        origin: Origin::Operator,
        profiles: Known::Any,
        channels_max: 1,
    };
    read_channel(body.as_bytes(), None, context).expect("valid")
}

fn file(ids: &[&str]) -> String {
    let item = |id: &&str| format!("  {{id: {id}, inputs: [{{url: 'udp://239.1.1.2:5000'}}]}},\n");
    format!(
        "channels: [\n{}  ]",
        ids.iter().map(item).collect::<String>()
    )
}

fn ids(registry: &Registry) -> Vec<String> {
    registry
        .in_force()
        .all
        .keys()
        .map(ToString::to_string)
        .collect()
}

fn anybody() -> Author {
    Author {
        actor: Some("token/anna".to_owned()),
        address: Some("192.0.2.9".to_owned()),
    }
}

const ANY: Guard<'static> = &|_| true;

#[test]
fn changes_are_kept_run_and_told() {
    let mut house = House::new();
    let registry = house.start().expect("starts with nothing");
    registry.create(channel("a", ""), &anybody()).expect("made");
    registry
        .create(channel("b", r#","enabled":false"#), &anybody())
        .expect("made");
    let exists = registry
        .create(channel("a", ""), &anybody())
        .expect_err("exists");
    assert!(matches!(exists, ChangeError::Exists(_)));
    registry
        .replace(channel("b", ""), ANY, &anybody())
        .expect("changed");
    registry
        .replace(channel("b", ""), ANY, &anybody())
        .expect("the same again");
    registry
        .remove(&"a".parse().expect("id"), ANY, &anybody())
        .expect("removed");
    let gone = registry.remove(&"a".parse().expect("id"), ANY, &anybody());
    assert!(matches!(gone, Err(ChangeError::NotFound(_))));
    let stale = registry.replace(channel("b", r#","name":"B""#), &|_| false, &anybody());
    assert!(matches!(stale, Err(ChangeError::Revision(_))));
    assert_eq!(house.calls(), ["+a", "+b", "-a"]);
    use EventKind::{ChannelAdded, ChannelChanged, ChannelRemoved};
    assert_eq!(
        house.kinds(),
        [ChannelAdded, ChannelAdded, ChannelChanged, ChannelRemoved]
    );
    let changed = &house.events.list()[2];
    assert_eq!(changed.actor.as_deref(), Some("token/anna"));
    assert_eq!(changed.address.as_deref(), Some("192.0.2.9"));
    assert_eq!(
        changed.difference,
        Some(json!({"enabled": {"old": false, "new": true}}))
    );
    drop(registry);
    let registry = house.start().expect("starts again");
    assert_eq!(ids(&registry), ["b"]);
    assert_eq!(house.calls(), ["+b"]);
}

#[test]
fn a_reload_touches_what_differs_and_nothing_else() {
    let mut house = House::new();
    house.write(&file(&["a", "b", "c"]));
    let registry = house.start().expect("starts");
    assert_eq!(house.calls(), ["+a", "+b", "+c"]);
    let changed = file(&["b", "c", "d"]).replace("id: c,", "id: c, name: C,");
    house.reload(&registry, &changed);
    assert_eq!(house.calls(), ["-a", "+c", "+d"]);
    house.reload(&registry, &format!("# only a comment\n{changed}"));
    assert_eq!(house.calls(), [""; 0]);
    let declared = registry.remove(&"b".parse().expect("id"), ANY, &anybody());
    let message = declared.expect_err("declared").to_string();
    assert_eq!(
        message,
        "channel b is declared in the channels file: change the file"
    );
    assert!(registry.create(channel("b", ""), &anybody()).is_err());
}

#[test]
fn a_wrong_file_changes_nothing_and_is_told_until_it_is_right() {
    let mut house = House::new();
    house.write(&file(&["a"]));
    let registry = house.start().expect("starts");
    house.calls();
    for wrong in [
        "channels: [",
        "chanels: []",
        // Cut off: by a full disk, or a copy that is under way.
        "",
        "channels:\n",
        &file(&["a", "b", "c", "d", "e"]),
        &file(&["A"]),
    ] {
        house.reload(&registry, wrong);
        assert_eq!(
            (ids(&registry), house.calls()),
            (vec!["a".to_owned()], Vec::new())
        );
        let state = registry.file_state();
        assert!(state.mistakes[0].line.is_some(), "{state:?}");
        assert_eq!(house.kinds().last(), Some(&EventKind::ConfigRefused));
    }
    fs::remove_file(registry.file().expect("file")).expect("remove");
    registry.reload(&Content::read(registry.file().expect("file")));
    assert_eq!(
        registry.file_state().mistakes[0].code,
        MistakeCode::Unreadable
    );
    assert_eq!(ids(&registry), ["a"]);
    house.reload(&registry, &file(&["a", "b"]));
    assert_eq!(*registry.file_state(), FileState::default());
    assert_eq!(house.calls(), ["+b"]);
}

#[test]
fn at_the_start_the_last_good_file_stands_in_for_a_wrong_one() {
    let mut house = House::new();
    house.write("channels: {}");
    let message = house.start().expect_err("no copy yet").to_string();
    assert!(
        message.contains("line 1: /channels: must be a list"),
        "{message}"
    );
    house.write(&file(&["a"]));
    drop(house.start().expect("starts"));
    house.write(&file(&["a", "B"]));
    let registry = house.start().expect("starts with the copy");
    assert_eq!(ids(&registry), ["a"]);
    let state = registry.file_state();
    assert!(
        state.last_good && state.mistakes[0].pointer == "/channels/1/id",
        "{state:?}"
    );
    assert_eq!(house.kinds(), [EventKind::ConfigRefused]);
    house.reload(&registry, &file(&["a", "b"]));
    assert_eq!(*registry.file_state(), FileState::default());
    drop(registry);
    house.write("");
    let registry = house.start().expect("starts with the copy");
    assert_eq!(ids(&registry), ["a", "b"]);
    drop(registry);
    house.write("channels: []");
    let registry = house.start().expect("no channels, on purpose");
    assert_eq!(ids(&registry), [""; 0]);
}

#[test]
fn a_declared_channel_hides_an_operators_and_gives_it_back() {
    let mut house = House::new();
    house.write(&file(&["a"]));
    let registry = house.start().expect("starts");
    registry.create(channel("b", ""), &anybody()).expect("made");
    house.reload(&registry, &file(&["a", "b"]));
    let origin = |registry: &Registry| {
        registry
            .in_force()
            .all
            .values()
            .last()
            .map(|one| one.origin)
    };
    assert_eq!(origin(&registry), Some(Origin::Declared));
    drop(registry);
    let registry = house.start().expect("starts again");
    assert_eq!(origin(&registry), Some(Origin::Declared));
    house.reload(&registry, &file(&["a"]));
    assert_eq!(origin(&registry), Some(Origin::Operator));
    assert_eq!(house.calls(), ["+a", "+b", "+b"]);
}

#[test]
fn only_channels_of_this_ingest_run() {
    let mut house = House::new();
    let text = file(&["a", "b"]).replace("id: a,", "id: a, ingests: [n2],");
    house.write(&text.replace("id: b,", "id: b, ingests: [n2, n1],"));
    let registry = house.start().expect("starts");
    assert_eq!(
        (ids(&registry), house.calls()),
        (vec!["b".to_owned()], vec!["+b".to_owned()])
    );
    registry
        .create(channel("c", r#","ingests":["n2"]"#), &anybody())
        .expect("made");
    assert_eq!(house.calls(), [""; 0]);
    let c = registry.in_force().all.values().last().cloned().expect("c");
    assert_eq!(
        registry.idle(&c).map(|idle| idle.to_string()).as_deref(),
        Some("the channel is for ingest n2 only; this one is n1")
    );
}

#[test]
fn a_whole_set_is_applied_or_only_compared() {
    let mut house = House::new();
    house.write(&file(&["declared"]));
    let registry = house.start().expect("starts");
    registry.create(channel("a", ""), &anybody()).expect("made");
    registry.create(channel("b", ""), &anybody()).expect("made");
    house.calls();
    let set = |channels: Vec<ChannelDefinition>| ChannelsFile {
        channels,
        profiles: Profiles::new(),
    };
    let wanted = || set(vec![channel("b", r#","name":"B""#), channel("c", "")]);
    let compared = registry
        .apply(wanted(), true, &anybody())
        .expect("compared")
        .document();
    assert_eq!(
        (compared.added, compared.changed, compared.removed),
        (vec!["c".into()], vec!["b".into()], vec!["a".into()])
    );
    assert_eq!(
        (ids(&registry), house.calls()),
        (vec!["a".into(), "b".into(), "declared".into()], Vec::new())
    );
    registry
        .apply(wanted(), false, &anybody())
        .expect("applied");
    assert_eq!(house.calls(), ["-a", "+b", "+c"]);
    assert!(
        registry
            .apply(wanted(), true, &anybody())
            .expect("compared")
            .is_empty()
    );
    let declared = registry.apply(set(vec![channel("declared", "")]), true, &anybody());
    assert!(matches!(declared, Err(ChangeError::Declared(_))));
    let many: Vec<_> = ["a", "b", "c", "d"].map(|id| channel(id, "")).into();
    let full = registry.apply(set(many), true, &anybody());
    assert!(matches!(full, Err(ChangeError::TooMany(4))));
    let one_more = registry.create(channel("d", ""), &anybody());
    assert!(one_more.is_ok() && !registry.has_room());
    let full = registry.create(channel("e", ""), &anybody());
    assert!(matches!(full, Err(ChangeError::TooMany(4))));
}

#[test]
fn what_can_not_be_kept_is_not_done() {
    let mut house = House::new();
    let registry = house.start().expect("starts");
    fs::create_dir(house.dir.path().join("state/channels.json.new")).expect("in the way");
    let refused = registry.create(channel("a", ""), &anybody());
    assert!(matches!(refused, Err(ChangeError::Store(_))), "{refused:?}");
    assert_eq!(
        (ids(&registry), house.calls(), house.kinds()),
        (vec![], vec![], vec![])
    );
    assert!(!registry.state_dir_writable());
    fs::remove_dir(house.dir.path().join("state/channels.json.new")).expect("out of the way");
    registry.probe_state_dir();
    assert!(registry.state_dir_writable());
    registry.create(channel("a", ""), &anybody()).expect("made");
}

#[test]
fn without_a_state_folder_channels_live_in_memory() {
    let runner: Arc<dyn Runner> = Arc::<FakeRunner>::default();
    let options = RegistryOptions {
        node_name: "n1".to_owned(),
        channels_max: 4,
        file: None,
        state_dir: None,
    };
    let loaded = Loaded::read(options).expect("nothing to read");
    let registry = Registry::start(loaded, runner, Arc::default());
    registry.create(channel("a", ""), &anybody()).expect("made");
    assert_eq!(
        (ids(&registry), registry.state_dir()),
        (vec!["a".to_owned()], None)
    );
}

proptest! {
    // Each case writes and flushes files.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes in whatever order, what runs is what is in force, and what is on disk is
    /// what was acknowledged.
    #[test]
    fn what_runs_is_what_is_in_force(steps in proptest::collection::vec((0..4_u8, 0..3_usize, any::<bool>()), 1..12)) {
        let mut house = House::new();
        house.write(&file(&[]));
        let registry = house.start().expect("starts");
        let names = ["a", "b", "c"];
        for (what, which, flag) in steps {
            let id = names[which];
            let one = || channel(id, if flag { r#","enabled":false"# } else { "" });
            // Refusals are part of the game.
            match what {
                0 => drop(registry.create(one(), &anybody())),
                1 => drop(registry.replace(one(), ANY, &anybody())),
                2 => drop(registry.remove(&one().id, ANY, &anybody())),
                _ => house.reload(&registry, &file(if flag { &names[..which] } else { &names[which..] })),
            }
            let in_force = registry.in_force();
            let wanted: Vec<&Arc<ChannelDefinition>> = in_force.all.values().filter(|one| one.enabled).collect();
            let running = house.runner.running.lock().expect("lock");
            prop_assert_eq!(running.values().collect::<Vec<_>>(), wanted);
        }
        let before = registry.in_force();
        drop(registry);
        prop_assert_eq!(house.start().expect("starts again").in_force(), before);
    }
}
