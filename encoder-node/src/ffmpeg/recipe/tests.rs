use common::api::profile::{AudioCodec, Profile, ProfileKind, VideoCodec};

use super::*;

fn order() -> Order {
    Order {
        id: "news.preview".to_owned(),
        epoch: 7,
        channel: "news".to_owned(),
        profile: Profile {
            name: "preview".to_owned(),
            kind: ProfileKind::Ts,
            video: Some(VideoProfile {
                codec: VideoCodec::H264,
                width: 640,
                height: 360,
                kbps: 800,
                interval_ms: 1000,
            }),
            audio: Some(AudioProfile {
                codec: AudioCodec::Aac,
                kbps: 96,
            }),
        },
        cost: 1.0,
        program: None,
        interlaced: None,
        has_video: None,
        has_audio: None,
    }
}

fn offer(encoders: &[&str]) -> Offer {
    Offer {
        version: "5.1.9".to_owned(),
        encoders: encoders.iter().map(ToString::to_string).collect(),
        vaapi_device: Some("/dev/dri/renderD128".to_owned()),
    }
}

fn line_of(order: &Order, encoders: &[&str], fruitless: u32) -> String {
    let arguments = stream(order, &offer(encoders), Attempt { fruitless });
    arguments.expect("encoders").join(" ")
}

fn line(order: &Order) -> String {
    line_of(order, &["libx264", "aac"], 0)
}

#[test]
fn preview_in_full() {
    assert_eq!(
        line(&order()),
        "-nostdin -hide_banner -loglevel repeat+level+warning -stats_period 0.5 -copyts \
         -probesize 5000000 -analyzeduration 1000000 -fflags +genpts -max_error_rate 1 -threads 2 \
         -itsoffset 95443.717689 -f mpegts -i pipe:0 -map 0:v:0? -map 0:a:0? -sn -dn \
         -filter_threads 1 -vf yadif=deint=interlaced,\
         scale=w=trunc(min(640\\,360*dar)/2)*2:h=trunc(min(360\\,640/dar)/2)*2,setsar=1,\
         pad=640:360:(ow-iw)/2:(oh-ih)/2,format=yuv420p \
         -c:v libx264 -preset veryfast -tune zerolatency -profile:v main -sc_threshold 0 -threads 1 \
         -enc_time_base:v 1:90000 -g 600 -force_key_frames \
         expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+0.999)+lt(t,prev_forced_t)) \
         -b:v 800k -maxrate 800k -bufsize 800k -c:a aac -b:a 96k -ac 2 -ar 48000 \
         -max_interleave_delta 1000000 -f mpegts -mpegts_copyts 1 -muxdelay 0 -muxpreload 0 \
         -flush_packets 1 -pat_period 0.2 -metadata service_provider=encoder-node \
         -metadata service_name=news.preview pipe:1"
    );
}

#[test]
fn snapshot_in_full() {
    let mut order = order();
    order.interlaced = Some(false);
    let video = order.profile.video.clone().expect("video");
    assert_eq!(
        snapshot(&order, &video, true).join(" "),
        "-nostdin -hide_banner -loglevel repeat+level+error -probesize 5000000 \
         -analyzeduration 500000 -threads 1 -f mpegts -skip_frame nokey -i pipe:0 -map 0:v:0 \
         -frames:v 1 -filter_threads 1 -vf \
         scale=w=trunc(min(640\\,360*dar)/2)*2:h=trunc(min(360\\,640/dar)/2)*2,setsar=1 \
         -c:v mjpeg -q:v 5 -threads 1 -f image2pipe pipe:1"
    );
    order.program = Some(101);
    let all = snapshot(&order, &video, false).join(" ");
    assert!(
        all.contains("-map 0:p:101:v:0 ") && !all.contains("skip_frame"),
        "{all}"
    );
}

#[test]
fn what_a_source_lacks_is_left_out() {
    let silent = Order {
        has_audio: Some(false),
        ..order()
    };
    let text = line(&silent);
    assert!(
        text.contains("-map 0:v:0? -an") && !text.contains("-c:a"),
        "{text}"
    );
    let radio = Order {
        has_video: Some(false),
        ..order()
    };
    let text = line_of(&radio, &["aac"], 0);
    assert!(
        text.contains("-vn -map 0:a:0?") && !text.contains("-c:v"),
        "{text}"
    );
}

#[test]
fn interlacing_is_removed_unless_it_is_known_that_there_is_none() {
    let of = |interlaced| {
        line(&Order {
            interlaced,
            ..order()
        })
        .contains("yadif")
    };
    assert_eq!(
        [of(None), of(Some(true)), of(Some(false))],
        [true, true, false]
    );
}

#[test]
fn mpeg_2_counts_its_time_in_pictures() {
    let mut order = order();
    assert!(line(&order).contains("-enc_time_base"));
    order.profile.video.as_mut().expect("video").codec = VideoCodec::Mpeg2video;
    let text = line_of(&order, &["mpeg2video", "aac"], 0);
    assert!(!text.contains("-enc_time_base"), "{text}");
}

#[test]
fn a_program_is_never_left_for_another() {
    let maps = |has_video, video: bool| {
        let mut order = Order {
            program: Some(101),
            has_video,
            ..order()
        };
        if !video {
            order.profile.video = None;
        }
        let text = line(&order);
        let from = text.find("-i pipe:0 ").expect("input") + 10;
        let to = text.find(" -sn").expect("end");
        text[from..to].to_owned()
    };
    assert_eq!(maps(Some(true), true), "-map 0:p:101:v:0 -map 0:p:101:a:0?");
    assert_eq!(maps(Some(false), true), "-vn -map 0:p:101:a:0");
    assert_eq!(maps(None, false), "-vn -map 0:p:101:a:0");
    assert_eq!(maps(None, true), "-map 0:p:101:v:0? -map 0:p:101:a:0?");
}

#[test]
fn hardware_is_used_where_it_works_and_left_after_a_failure() {
    let all = ["h264_vaapi", "libx264", "aac"];
    let text = line_of(&order(), &all, 0);
    assert!(text.contains("-c:v h264_vaapi"), "{text}");
    assert!(
        text.contains("-vaapi_device /dev/dri/renderD128 "),
        "{text}"
    );
    assert!(text.contains(",format=nv12,hwupload "), "{text}");
    let text = line_of(&order(), &all, 1);
    assert!(
        text.contains("-c:v libx264") && !text.contains("vaapi"),
        "{text}"
    );
    // Nothing else is there.
    assert!(line_of(&order(), &["h264_nvenc", "aac"], 1).contains("h264_nvenc"));
}

#[test]
fn sound_that_may_not_come_is_given_up_after_two_fruitless_attempts() {
    let encoders = ["libx264", "aac"];
    let has_sound =
        |order: &Order, fruitless| line_of(order, &encoders, fruitless).contains("-c:a");
    assert!(has_sound(&order(), 1));
    assert!(!has_sound(&order(), 2));
    let known = Order {
        has_audio: Some(true),
        ..order()
    };
    assert!(has_sound(&known, 4));
}

#[test]
fn a_missing_encoder_is_named() {
    let missing = |encoders: &[&str]| stream(&order(), &offer(encoders), Attempt::default());
    assert_eq!(missing(&["aac"]), Err(NoEncoder("h264").into()));
    assert_eq!(missing(&["libx264"]), Err(NoEncoder("aac").into()));
    // ffmpeg has it, but nobody here knows how to use it.
    assert_eq!(missing(&["h264_amf", "aac"]), Err(NoEncoder("h264").into()));
}

#[test]
fn without_anything_to_make_there_is_no_command() {
    let mut sound = order();
    (sound.profile.video, sound.has_audio) = (None, Some(false));
    let made = |order: &Order| stream(order, &offer(&["libx264", "aac"]), Attempt::default());
    assert_eq!(made(&sound), Err(NoRecipe::Nothing));
    sound.has_audio = None;
    assert!(made(&sound).is_ok(), "the ingest may not know yet");
}

#[test]
fn threads_follow_the_cost() {
    let found: Vec<u32> = [0.1, 1.0, 2.0, 2.5, 64.0]
        .into_iter()
        .map(threads)
        .collect();
    assert_eq!(found, [1, 1, 2, 3, 8]);
}
