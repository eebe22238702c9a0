//! Sources of every kind, and what the profiles make of them: with the real programs and ffmpeg.

use e2e::check::{packets, picture_time};
use e2e::clip::{self, Clips};
use e2e::encoder_node;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::Scene;
use e2e::viewer::Viewer;
use e2e::wait::{seconds, wait_for, wait_until};

/// 50 moving pictures a second, of which `FIELDS` makes 25 of two moments each.
const FIELDS: &str = "tinterlace=interleave_top,setfield=tff";

/// What comes of a rendition, once there are so many pictures in it, or some of its sound.
#[track_caller]
fn recorded(viewer: &Viewer, pictures: usize) -> Vec<u8> {
    wait_for("a recording", seconds(30), || {
        let mut body = viewer.body();
        body.truncate(body.len() / 188 * 188);
        let begun = packets(&body).into_iter().filter_map(picture_time).count();
        (body.len() > 20_000 && begun >= pictures).then_some(body)
    })
}

/// From one picture to the next, in ticks of 90 kHz. At a clip's end its sound may last longer.
fn step(recording: &[u8]) -> Option<i64> {
    let text = clip::probe(recording, "-select_streams v:0 -show_entries packet=pts");
    let lines = text.lines().map(|line| line.trim_end_matches(','));
    let stamps: Vec<i64> = lines.filter_map(|line| line.parse().ok()).collect();
    let steps = stamps.windows(2).map(|pair| pair[1] - pair[0]);
    steps.min()
}

/// Pictures that ffmpeg sees two moments in, and those in which it sees one.
fn combed_and_whole(recording: &[u8]) -> (u32, u32) {
    let text = clip::filtered(recording, "idet");
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.split_once("Multi frame detection:"));
    let words: Vec<&str> = line.expect("idet's line").1.split_whitespace().collect();
    let [_, top, _, bottom, _, whole, ..] = words[..] else {
        panic!("{words:?}");
    };
    let number = |text: &str| -> u32 { text.parse().expect("a number") };
    (number(top) + number(bottom), number(whole))
}

/// A channel of each kind, with the renditions that shall show it.
fn channels(clips: &mut Clips) -> Options {
    // 1080i, with two sound tracks of which the second is another codec.
    let film = clips.add(
        "film",
        &format!(
            "-f lavfi -i testsrc2=size=1920x1080:rate=50 -f lavfi -i sine=frequency=400:sample_rate=48000 \
             -f lavfi -i sine=frequency=900:sample_rate=48000 -t 2 -map 0:v -map 1:a -map 2:a \
             -vf {FIELDS} -c:v libx264 -preset ultrafast -flags +ilme+ildct -x264-params interlaced=1 \
             -pix_fmt yuv420p -g 25 -c:a:0 ac3 -c:a:1 mp2"
        ),
    );
    // A strip of such a picture, which is encoded line for line at little cost.
    let strip = clips.add(
        "strip",
        &format!(
            "-f lavfi -i testsrc2=size=192x1080:rate=50 -t 2 -vf {FIELDS} -c:v libx264 \
             -preset ultrafast -flags +ilme+ildct -x264-params interlaced=1 -pix_fmt yuv420p -g 25"
        ),
    );
    // 576i, 4:3.
    let tape = clips.add(
        "tape",
        &format!(
            "-f lavfi -i testsrc2=size=720x576:rate=50 -f lavfi -i sine=frequency=400:sample_rate=48000 \
             -t 2 -vf {FIELDS},setsar=16/15 -c:v mpeg2video -flags +ilme+ildct -pix_fmt yuv420p -g 12 \
             -b:v 3M -c:a mp2"
        ),
    );
    // HEVC without sound, and sound without picture.
    let mute = clips.add(
        "mute",
        "-f lavfi -i testsrc2=size=320x180:rate=50 -t 2 -c:v libx265 -preset ultrafast \
         -x265-params log-level=error:keyint=25:bframes=0 -pix_fmt yuv420p",
    );
    let radio = clips.add(
        "radio",
        "-f lavfi -i sine=frequency=400:sample_rate=44100 -t 2 -c:a aac",
    );
    Options::new("eth0").channels(&format!(
        "profiles:\n  tall: {{ video: mpeg2video, width: 768, height: 576, video_kbps: 4000, audio: mp2, audio_kbps: 128 }}\n  \
           lines: {{ video: h264, width: 192, height: 1080, video_kbps: 2000 }}\n  \
           mini: {{ video: h264, width: 160, height: 90, video_kbps: 150, audio: aac, audio_kbps: 64 }}\n\
         channels:\n\
         - {{ id: film, renditions: [720p, audio], inputs: [{{ url: '{film}' }}] }}\n\
         - {{ id: strip, renditions: [lines], inputs: [{{ url: '{strip}' }}] }}\n\
         - {{ id: tape, renditions: [tall], inputs: [{{ url: '{tape}' }}] }}\n\
         - {{ id: mute, renditions: [mini], inputs: [{{ url: '{mute}' }}] }}\n\
         - {{ id: radio, renditions: [mini, audio], inputs: [{{ url: '{radio}' }}] }}\n"
    ))
}

#[test]
fn every_kind_of_source_becomes_what_the_profile_says() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let scene = Scene::new();
    let mut clips = Clips::default();
    let options = channels(&mut clips);
    let ingest = Ingest::start(&scene.node, &options);
    let host = scene.viewer_host();
    let _node = encoder_node::start(&host, 0, 8, "http://10.0.2.2:9525");
    let _sending = clips.send(&scene.source);
    wait_until("all jobs run", seconds(60), || crate::running(&ingest) == 7);
    let watch = |path: &str| ingest.watch(&format!("/channels/{path}.ts"));
    let [tall, lines, hd, film, mute, radio, radio_alone] = [
        "tape/tall",
        "strip/lines",
        "film/720p",
        "film/audio",
        "mute/mini",
        "radio/mini",
        "radio/audio",
    ]
    .map(watch);
    let (picture, sound) = (
        "codec_name,width,height,field_order",
        "codec_name,sample_rate,channels",
    );

    let tall = recorded(&tall, 40);
    let streams = clip::streams(&tall, &format!("{picture},sample_aspect_ratio"));
    assert_eq!(streams, ["mpeg2video,768,576,1:1,progressive", "mp2"]);
    // Lines of both are the source's, one for one: of the sources idet finds every picture combed.
    for recording in [&tall, &recorded(&lines, 40)] {
        let (combed, whole) = combed_and_whole(recording);
        assert!(combed * 4 < whole && whole > 20, "{combed} of {whole}");
    }
    assert_eq!(step(&tall), Some(3600));

    let hd = recorded(&hd, 40);
    let streams = clip::streams(&hd, picture);
    assert_eq!(streams, ["h264,1280,720,progressive", "aac"]);
    assert_eq!(clip::streams(&hd, sound)[1], "aac,48000,2");
    assert_eq!(step(&hd), Some(3600));
    assert_eq!(clip::streams(&recorded(&film, 0), sound), ["aac,48000,2"]);

    let mute = recorded(&mute, 40);
    assert_eq!(clip::streams(&mute, picture), ["h264,160,90,progressive"]);
    assert_eq!(step(&mute), Some(1800));
    for radio in [radio, radio_alone] {
        let radio = recorded(&radio, 0);
        assert_eq!(clip::streams(&radio, sound), ["aac,48000,2"]);
    }
}
