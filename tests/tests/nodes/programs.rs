//! A stream of several programs: the right one is encoded, and one that is not there is told.

use e2e::clip::{self, Clips};
use e2e::encoder_node;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::Scene;
use e2e::wait::{seconds, wait_for, wait_until};

/// Program 1 is red and mute, program 2 blue with a tone.
const TWO: &str = "-f lavfi -i color=red:size=160x90:rate=25 -f lavfi -i color=blue:size=160x90:rate=25 \
    -f lavfi -i sine=frequency=400:sample_rate=48000 -t 2 -map 0 -map 1 -map 2 \
    -program title=Red:program_num=1:st=0 -program title=Blue:program_num=2:st=1:st=2 \
    -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a aac";

#[test]
fn the_chosen_program_is_encoded_and_a_missing_one_is_told() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let mut clips = Clips::default();
    let two = clips.add("two", TWO);
    let scene = Scene::new();
    let options = Options::new("eth0").channels(&format!(
        "profiles:\n  mini: {{ video: h264, width: 160, height: 90, video_kbps: 150, audio: aac, audio_kbps: 64 }}\n\
         channels:\n\
         - {{ id: any, renditions: [mini], inputs: [{{ url: '{two}' }}] }}\n\
         - {{ id: blue, program: 2, renditions: [mini, audio], inputs: [{{ url: '{two}' }}] }}\n\
         - {{ id: gone, program: 9, renditions: [mini], inputs: [{{ url: '{two}' }}] }}\n"
    ));
    let ingest = Ingest::start(&scene.node, &options);
    let host = scene.viewer_host();
    let _node = encoder_node::start(&host, 0, 4, "http://10.0.2.2:9525");
    let _sending = clips.send(&scene.source);
    wait_until("what can run runs", seconds(60), || {
        crate::running(&ingest) == 3
    });
    let recorded = |path: &str| {
        let viewer = ingest.watch(path);
        viewer.wait_bytes(30_000, seconds(30));
        viewer.body()
    };
    let kinds = |recording: &[u8]| clip::streams(recording, "codec_name");

    // Without a number it is the first, and never the sound of the other.
    let any = recorded("/channels/any/mini.ts");
    assert_eq!(kinds(&any), ["h264"]);
    let [red, _, blue] = clip::colour(&any);
    assert!(red > 200 && blue < 50, "{red} {blue}");
    let second = recorded("/channels/blue/mini.ts");
    assert_eq!(kinds(&second), ["h264", "aac"]);
    let [red, _, blue] = clip::colour(&second);
    assert!(red < 50 && blue > 200, "{red} {blue}");
    assert_eq!(kinds(&recorded("/channels/blue/audio.ts")), ["aac"]);

    let job = wait_for("the missing one is told", seconds(10), || {
        let list = ingest.http().get("/api/v1/jobs").json();
        let jobs = list["jobs"].as_array().cloned().unwrap_or_default();
        let mut gone = jobs.into_iter().filter(|job| job["id"] == "gone.mini");
        gone.find(|job| job["params"]["programs"] == "1, 2")
    });
    assert_eq!(
        (&job["state"], &job["reason"]),
        (&"pending".into(), &"no_program".into())
    );
    let detail = job["detail"].as_str().unwrap_or_default();
    assert_eq!(detail, "channel gone has no program 9: it has 1, 2");
}
