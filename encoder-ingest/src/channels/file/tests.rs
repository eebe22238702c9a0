use proptest::prelude::*;

use super::*;

fn context(profiles: &Profiles, origin: Origin) -> Context<'_> {
    Context {
        origin,
        profiles: Known::Those(profiles),
        channels_max: 5,
    }
}

fn declared(text: &str) -> Result<ChannelsFile, Vec<Mistake>> {
    let none = Profiles::new();
    read(
        text.as_bytes(),
        Syntax::Yaml,
        context(&none, Origin::Declared),
    )
}

fn lines_of(result: Result<ChannelsFile, Vec<Mistake>>) -> Vec<String> {
    let found = result.expect_err("mistakes");
    found.iter().map(ToString::to_string).collect()
}

/// The example of the README, with every optional key.
const EXAMPLE: &str = "\
channels:
  - id: news
    name: News HD
    inputs:
      - url: udp://239.1.1.1:5000
        interface: eth1
      - url: udp://192.0.2.7@232.1.1.1:5000
      - url: rtp://[ff3e::8000:1]:5000
        interface: 10.9.0.0/16
    slow_viewer: disconnect
    renditions: [preview, mobile]
    ingests: [n1, n2]
    enabled: false
    number: 7
    group: News
    logo: https://example.org/n.png
    labels: {team: a}
    program: 101
    scrambled: expected
  - id: plain
    inputs: [{url: 'udp://239.1.1.2:5000'}]
profiles:
  mobile: { video: h264, width: 640, height: 360, video_kbps: 800, audio: aac, audio_kbps: 96 }
";

#[test]
fn every_key_is_read_and_optional_ones_have_their_defaults() {
    let file = declared(EXAMPLE).expect("the example");
    let [news, plain] = file.channels.as_slice() else {
        panic!("two channels: {file:?}");
    };
    assert_eq!((news.name.as_str(), news.inputs.len()), ("News HD", 3));
    assert_eq!(news.slow_viewer, SlowViewer::Disconnect);
    assert_eq!(news.renditions, ["preview", "mobile"]);
    assert_eq!((news.number, news.program), (Some(7), Some(101)));
    assert_eq!(news.scrambled, Some(Scrambled::Expected));
    assert!(!news.enabled && news.labels["team"] == "a");
    assert_eq!((plain.name.as_str(), plain.enabled), ("plain", true));
    assert_eq!(plain.slow_viewer, SlowViewer::Skip);
    assert_eq!(plain.ingests, None);
    let mobile = file.profiles.values().next().expect("mobile");
    assert_eq!(mobile.video.as_ref().map(|video| video.width), Some(640));
}

#[test]
fn none_is_said_and_nothing_is_a_mistake() {
    assert_eq!(declared("channels: []"), Ok(ChannelsFile::default()));
    for text in [
        "",
        "# later\n",
        "channels:\n",
        "channels: null",
        "{}",
        "profiles: {}",
    ] {
        let found = declared(text).expect_err("nothing is there");
        let [only] = found.as_slice() else {
            panic!("{text:?}: {found:?}");
        };
        assert_eq!(only.code, MistakeCode::MissingKey, "{text:?}");
        assert_eq!(only.pointer, "/channels", "{text:?}");
        assert!(only.detail.contains("channels: []"), "{only}");
    }
}

#[test]
fn all_mistakes_of_a_file_come_at_once_with_their_lines() {
    let text = "\
channels:
  - id: News
    inputs: [{url: 'udp://10.0.0.1:5000'}]
    slow_viwer: skip
  - name: no id
    inputs: []
    renditions: [preview, preview, mobil]
  - id: twice
    inputs: [{url: 'udp://239.1.1.1:5000', interface: 'a b'}]
    logo: javascript:alert(1)
  - id: two
    inputs: [{url: 'udp://239.1.1.1:1'}, {url: 'udp://239.1.1.1:1'}]
    program: 0
  - id: two
    inputs: [{url: 'udp://239.1.1.3:1'}]
profiles:
  mobile: { video: h265x, width: 641, height: 360, video_kbps: 800 }
  preview: { audio: aac, audio_kbps: 96 }
  Bad Name: {}
chanels: []
";
    let found = lines_of(declared(text));
    for expected in [
        "line 2: /channels/0/id: \"News\" can't be a channel id",
        "line 3: /channels/0/inputs/0/url: 10.0.0.1 is not a multicast address",
        "line 4: /channels/0/slow_viwer: unknown key \"slow_viwer\": did you mean \"slow_viewer\"?",
        "line 5: /channels/1/id: key \"id\" is missing",
        "line 6: /channels/1/inputs: has 0 items; at least 1",
        "line 7: /channels/1/renditions/1: rendition \"preview\" is named twice",
        "line 7: /channels/1/renditions/2: \"mobil\" is not known",
        "line 9: /channels/2/inputs/0/interface: \"a b\" can't be the name",
        "line 10: /channels/2/logo: \"javascript:alert(1)\" is no address of a picture",
        "line 12: /channels/3/inputs/1: the channel has this input already",
        "line 13: /channels/3/program: 0 is out of range: use a whole number from 1 to 65535",
        "line 17: /profiles/mobile/video: \"h265x\" is not known: use h264, h265",
        "line 17: /profiles/mobile/width: 641 is odd",
        "line 18: /profiles/preview: profile \"preview\" is built in",
        "line 19: /profiles/Bad Name: the profile has neither video nor audio",
        "line 20: /chanels: unknown key \"chanels\": did you mean \"channels\"?",
    ] {
        assert!(
            found.iter().any(|line| line.starts_with(expected)),
            "{expected}\nnot in {found:#?}"
        );
    }
}

#[test]
fn a_second_channel_of_one_id_names_the_first() {
    let one = "{id: a, inputs: [{url: 'udp://239.1.1.1:1'}]}";
    let found = lines_of(declared(&format!("channels:\n  - {one}\n  - {one}\n")));
    assert_eq!(
        found,
        ["line 3: /channels/1: a second channel has the id \"a\", first in line 2"]
    );
    let many = format!("channels: [{}]", [one; 6].join(", "));
    assert!(lines_of(declared(&many))[0].contains("has 6 items; at most 5"));
}

#[test]
fn a_body_is_one_channel_and_its_id_is_that_of_the_path() {
    let none = Profiles::new();
    let id: ChannelId = "news".parse().expect("id");
    let body = |body: &str, id: Option<&ChannelId>| {
        read_channel(body.as_bytes(), id, context(&none, Origin::Operator))
    };
    let inputs = r#""inputs":[{"url":"udp://239.1.1.1:1","interface":null}]"#;
    let without = body(&format!("{{{inputs}}}"), Some(&id)).expect("the path has the id");
    assert_eq!((without.id, without.origin), (id.clone(), Origin::Operator));
    let missing = body(&format!("{{{inputs}}}"), None).expect_err("no id");
    assert_eq!(missing[0].code, MistakeCode::MissingKey);
    let other = body(&format!(r#"{{"id":"sport",{inputs}}}"#), Some(&id)).expect_err("another");
    assert_eq!(
        (other[0].pointer.as_str(), other[0].code),
        ("/id", MistakeCode::OtherId)
    );
    let shown = format!(r#"{{"id":"news",{inputs},"origin":"operator","status":{{"state":"x"}}}}"#);
    assert!(body(&shown, Some(&id)).is_ok());
    let unknown = body(&format!(r#"{{{inputs},"colour":1}}"#), Some(&id)).expect_err("unknown");
    assert_eq!(unknown[0].pointer, "/colour");
}

#[test]
fn a_wrong_profile_is_no_mistake_of_the_channels_that_name_it() {
    let text = "channels: [{id: a, inputs: [{url: 'udp://239.1.1.1:1'}], renditions: [mobile]}]\n\
        profiles: {mobile: {audio: aac}}";
    let found = declared(text).expect_err("no rate");
    let at: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(at, ["/profiles/mobile/audio_kbps"]);
}

#[test]
fn profiles_that_operators_bring_are_checked_and_not_used() {
    let profiles = declared(EXAMPLE).expect("the example").profiles;
    let text = "channels: [{id: a, inputs: [{url: 'udp://239.1.1.1:1'}], renditions: [mobile]}]";
    let operator = context(&profiles, Origin::Operator);
    assert!(read(text.as_bytes(), Syntax::Yaml, operator).is_ok());
    let with = |text: &str| read(text.as_bytes(), Syntax::Yaml, operator);
    let brought = "\nprofiles: {own: {audio: aac, audio_kbps: 96}}";
    let own = with(&format!("{text}{brought}")).expect("a whole file");
    assert_eq!((own.channels.len(), own.profiles.len()), (1, 1));
    let used = with(&format!("{}{brought}", text.replace("mobile", "own")));
    let used = used.expect_err("the profile is not declared");
    assert_eq!(used[0].pointer, "/channels/0/renditions/0");
    let wrong = with("channels: []\nprofiles: {own: {audio: aac}}").expect_err("no rate");
    assert_eq!(wrong[0].pointer, "/profiles/own/audio_kbps");
}

proptest! {
    #[test]
    fn what_was_read_is_written_and_read_alike(number in proptest::option::of(0..=CHANNEL_NUMBER_MAX), enabled: bool, name in "[^\\p{C}]{1,40}") {
        let mut channel = declared(EXAMPLE).expect("the example").channels.remove(0);
        channel.number = number;
        channel.enabled = enabled;
        channel.name = name;
        channel.renditions.clear();
        channel.origin = Origin::Operator;
        let body = serde_json::to_vec(&channel.document()).expect("json");
        let none = Profiles::new();
        let again = read_channel(&body, None, context(&none, Origin::Operator));
        prop_assert_eq!(again, Ok(channel));
    }

    #[test]
    fn any_text_is_answered_without_panic(text in "[-a-z0-9:{}\\[\\]'\", \n]{0,200}") {
        let _ = declared(&format!("channels:\n{text}"));
    }
}
