//! What streams say of themselves, as the encoders in ffmpeg write it.

use conformance::play::Player;
use conformance::stream::constant;

mod ffmpeg;

/// Picture, its encoder's arguments, sound, its encoder's arguments; what is to be said of both.
const CASES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "1280x720:rate=25",
        "-c:v libx264 -preset ultrafast",
        "-c:a aac -ac 2",
        "h264 1280x720 25p",
        "aac AAC 48 kHz stereo",
    ),
    (
        "1920x1080:rate=25",
        "-c:v libx264 -preset ultrafast -flags +ilme+ildct -x264-params tff=1",
        "-c:a mp2 -ac 2",
        "h264 1920x1080 25i",
        "mp2 MP2 48 kHz stereo",
    ),
    (
        "1920x1080:rate=30000/1001",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv422p10le",
        "-c:a ac3 -ac 6",
        "h264 1920x1080 29.97p",
        "ac3 AC-3 48 kHz 5.1",
    ),
    (
        "640x360:rate=50",
        "-c:v libx265 -preset ultrafast -x265-params log-level=0",
        "-c:a eac3 -ac 6",
        "hevc 640x360 50p",
        "eac3 E-AC-3 48 kHz 5.1",
    ),
    (
        "854x480:rate=60000/1001",
        "-c:v libx265 -preset fast -x265-params log-level=0:bframes=4",
        "-c:a aac -ac 1 -ar 44100",
        "hevc 854x480 59.94p",
        "aac AAC 44.1 kHz mono",
    ),
    (
        "720x576:rate=25",
        "-c:v mpeg2video -flags +ilme+ildct",
        "-c:a libmp3lame -ac 1 -ar 32000",
        "mpeg2video 720x576 25i",
        "mp2 MP3 32 kHz mono",
    ),
    (
        "720x480:rate=24000/1001",
        "-c:v mpeg2video",
        "-c:a aac -ac 6",
        "mpeg2video 720x480 23.976p",
        "aac AAC 48 kHz 5.1",
    ),
    (
        "320x240:rate=30",
        "-c:v mpeg1video",
        "-c:a aac -ac 2 -mpegts_flags latm",
        // ffmpeg names it so.
        "mpeg2video 320x240 30p",
        "aac_latm AAC 48 kHz stereo",
    ),
    (
        // Without timing in the parameter sets: the pictures' time stamps tell.
        "640x480:rate=25",
        "-c:v libx265 -preset fast -x265-params log-level=0:vui-timing-info=0:bframes=3",
        "-c:a aac -ac 2",
        "hevc 640x480 25p",
        "aac AAC 48 kHz stereo",
    ),
];

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn codecs_of_ffmpeg_are_described() {
    for (size, video, audio, picture, sound) in CASES {
        let source = format!("testsrc2=size={size}");
        let head = "-f lavfi -i sine=frequency=1000:sample_rate=48000 -t 2 -f mpegts";
        let mut arguments = vec!["-f", "lavfi", "-i", &source];
        arguments.extend(words(head).into_iter().take(4));
        arguments.extend(words(video));
        arguments.extend(words(audio));
        arguments.extend(words(head).into_iter().skip(4));
        let Some(bytes) = ffmpeg::run(&arguments) else {
            return;
        };
        let mut player = Player::default().all(constant(&bytes, 8_000_000));
        let services = player.services();
        let streams = &services[0].streams;
        let shown: Vec<String> = streams
            .iter()
            .map(|one| format!("{} {}", one.kind, one.detail))
            .collect();
        assert_eq!(shown, [*picture, *sound], "{video} {audio}");
    }
}
