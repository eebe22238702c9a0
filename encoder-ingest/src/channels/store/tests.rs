use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::channels::file::{Context, Known, read_channel};
use common::api::channel::Origin;

fn set(names: &[&str]) -> ChannelSet {
    let one = |name: &&str| {
        let body = format!(
            r#"{{"id":"{name}","inputs":[{{"url":"udp://239.1.1.1:5000"}}],"renditions":["own"],"labels":{{"a":"b"}}}}"#
        );
        let context = Context {
            origin: Origin::Operator,
            profiles: Known::Any,
            channels_max: 1,
        };
        Arc::new(read_channel(body.as_bytes(), None, context).expect("valid"))
    };
    let channels = names.iter().map(one);
    channels.map(|one| (one.id.clone(), one)).collect()
}

fn open(folder: &Path) -> ChannelSet {
    Store::open(folder).expect("the store opens").1
}

#[test]
fn what_was_saved_is_there_again() {
    let dir = tempfile::tempdir().expect("dir");
    let folder = dir.path().join("made/by/itself");
    let (store, empty) = Store::open(&folder).expect("opens");
    assert!(empty.is_empty());
    for names in [&["a", "b"][..], &["b"], &[]] {
        store.save(&set(names)).expect("saved");
        assert_eq!(store.load().expect("loads"), set(names));
    }
    assert_eq!(store.last_good().expect("none"), None);
    store.save_last_good(b"channels: []").expect("saved");
    store.save(&set(&["z"])).expect("saved");
    drop(store);
    let (store, channels) = Store::open(&folder).expect("opens again");
    assert_eq!(channels, set(&["z"]));
    assert_eq!(
        store.last_good().expect("kept").as_deref(),
        Some(&b"channels: []"[..])
    );
    store.probe().expect("writable");
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new() {
    use Moment::{Created, FileFlushed, FolderFlushed, HalfWritten, Renamed, Written};
    let (old, new) = (set(&["old"]), set(&["new1", "new2"]));
    let moments = [
        Created,
        HalfWritten,
        Written,
        FileFlushed,
        Renamed,
        FolderFlushed,
    ];
    for killed_at in moments {
        let dir = tempfile::tempdir().expect("dir");
        let (store, _) = Store::open(dir.path()).expect("opens");
        store.save(&old).expect("the old is acknowledged");
        let path = dir.path().join(CHANNELS_FILE);
        let bytes = encode(&new).expect("fits");
        let mut seen = Vec::new();
        let killed = replace(&path, &bytes, &mut |moment| {
            seen.push(moment);
            if moment == killed_at {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(())
        });
        assert!(
            killed.is_err(),
            "nothing is acknowledged after {killed_at:?}"
        );
        drop(store);
        let after = open(dir.path());
        let renamed = seen.contains(&Renamed);
        assert_eq!(
            after,
            if renamed { new.clone() } else { old.clone() },
            "{killed_at:?}"
        );
        // What the killed run left behind does not hinder the next one.
        let (store, _) = Store::open(dir.path()).expect("opens");
        store.save(&set(&["next"])).expect("saved");
        drop(store);
        assert_eq!(open(dir.path()), set(&["next"]), "{killed_at:?}");
        assert_eq!(seen, moments[..seen.len()], "the order of the moments");
    }
}

#[test]
fn a_broken_file_is_named_with_the_way_out_and_left_as_it_is() {
    for (text, expected) in [
        ("", "not JSON"),
        ("{\"format\":1,\"chan", "not JSON"),
        ("{\"format\":1}", "key \"channels\" is missing"),
        ("{\"channels\":[]}", "key \"format\" is missing"),
        (
            "{\"format\":1,\"channels\":[{\"id\":\"a\"}]}",
            "key \"inputs\" is missing",
        ),
        (
            "{\"format\":2,\"anything\":1}",
            "has format 2, this version knows 1",
        ),
    ] {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join(CHANNELS_FILE);
        fs::write(&path, text).expect("write");
        let error = Store::open(dir.path()).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
        assert!(
            error.contains("channels.json") && error.contains("move it away"),
            "{error}"
        );
        assert_eq!(fs::read(&path).expect("still there"), text.as_bytes());
    }
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let dir = tempfile::tempdir().expect("dir");
    let first = Store::open(dir.path()).expect("opens");
    let second = Store::open(dir.path()).expect_err("in use");
    assert!(matches!(second, StoreError::InUse(_)), "{second}");
    drop(first);
    Store::open(dir.path()).expect("free again");
}

#[test]
fn a_change_that_can_not_be_kept_leaves_what_was_kept() {
    let dir = tempfile::tempdir().expect("dir");
    let (store, _) = Store::open(dir.path()).expect("opens");
    store.save(&set(&["old"])).expect("saved");
    // A folder in the place of the file beside: no privilege gets past that.
    let beside = dir.path().join("channels.json.new");
    fs::create_dir(&beside).expect("dir");
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o700)).expect("mode");
    let error = store.save(&set(&["new"])).expect_err("not saved");
    assert!(matches!(error, StoreError::Write { .. }), "{error}");
    assert_eq!(store.load().expect("loads"), set(&["old"]));
}
