//! The arguments of a job: a pure function of the order, of what ffmpeg offers, and of how the
//! attempts before it ended.
//!
//! Input is stdin and output stdout, so no address and no token stands in a command line. Time
//! stamps stay those of the source, to the tick: what another node makes later goes on where this
//! one ended.

use common::api::node::Order;
use common::api::profile::{AudioProfile, VideoCodec, VideoProfile};

use super::encoder::{Encoder, Hardware, words};
use super::offer::Offer;

/// Key frames are forced by time; this bounds their distance for a source whose clock is broken.
/// MPEG-2 takes no more (libavcodec/mpegvideo_enc.c).
const PICTURES_BETWEEN_KEY_FRAMES_MAX: &str = "600";

/// A key frame may come by so much sooner: times are rounded.
const KEY_FRAME_SLACK_S: f64 = 0.001;

/// A whole turn of the 33 bits that time stamps have (ISO/IEC 13818-1, 2.4.3.7), in seconds: to
/// ffmpeg's microseconds, which come out as 2^33 ticks again. In a stream that begins less than a
/// minute before its time stamps wrap, ffmpeg counts up to there in negative numbers, and drops
/// every picture that has one. A turn later they are positive, and 33 bits of them are the source's.
const TURN_OF_TIME_S: &str = "95443.717689";

/// How attempts before this one went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempt {
    /// Attempts in a row that ended before anything came out.
    pub fruitless: u32,
}

/// What the job needs and this ffmpeg lacks: a codec's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ffmpeg has no encoder for {0} that works here")]
pub struct NoEncoder(pub &'static str);

/// Why there are no arguments for a job. The message is the operator's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRecipe {
    #[error(transparent)]
    Encoder(#[from] NoEncoder),
    #[error("the channel has nothing of what the profile makes")]
    Nothing,
}

/// Arguments for a job whose result is a transport stream.
///
/// # Errors
/// When no encoder is there for the profile, or nothing to encode.
pub fn stream(order: &Order, offer: &Offer, attempt: Attempt) -> Result<Vec<String>, NoRecipe> {
    let video = order
        .profile
        .video
        .as_ref()
        .filter(|_| order.has_video != Some(false));
    let audio = order
        .profile
        .audio
        .as_ref()
        .filter(|_| order.has_audio != Some(false));
    if video.is_none() && audio.is_none() {
        return Err(NoRecipe::Nothing);
    }
    // A sound that is announced and never comes would hold the picture back for ever.
    let silent = attempt.fruitless >= 2 && video.is_some() && order.has_audio != Some(true);
    let audio = audio.filter(|_| !silent);
    let video = match video {
        Some(video) => Some((video, video_encoder(video, offer, attempt)?)),
        None => None,
    };

    let mut arguments = words("-nostdin -hide_banner -loglevel repeat+level+warning");
    if let Some((_, encoder)) = video
        && encoder.hardware == Hardware::Vaapi
        && let Some(device) = &offer.vaapi_device
    {
        arguments.extend(["-vaapi_device".to_owned(), device.clone()]);
    }
    arguments.extend(words(
        "-stats_period 0.5 -copyts -probesize 5000000 -analyzeduration 1000000 -fflags +genpts",
    ));
    let threads = threads(order.cost);
    arguments.extend(words(&format!(
        "-max_error_rate 1 -threads {} -itsoffset {TURN_OF_TIME_S} -f mpegts -i pipe:0",
        threads + 1
    )));
    arguments.extend(maps(order, video.is_some(), audio.is_some()));
    if let Some((video, encoder)) = video {
        arguments.extend(picture(order, video, encoder, threads));
    }
    if let Some(audio) = audio {
        arguments.extend(sound(audio, offer)?);
    }
    arguments.extend(words(
        "-max_interleave_delta 1000000 -f mpegts -mpegts_copyts 1 -muxdelay 0 -muxpreload 0 \
         -flush_packets 1 -pat_period 0.2 -metadata service_provider=encoder-node -metadata",
    ));
    arguments.push(format!("service_name={}", order.id));
    arguments.push("pipe:1".to_owned());
    Ok(arguments)
}

/// Arguments for one picture out of a piece of the channel. `key_frames_only`: all else is passed
/// over unread.
#[must_use]
pub fn snapshot(order: &Order, video: &VideoProfile, key_frames_only: bool) -> Vec<String> {
    let mut arguments = words(
        "-nostdin -hide_banner -loglevel repeat+level+error -probesize 5000000 \
         -analyzeduration 500000 -threads 1 -f mpegts",
    );
    if key_frames_only {
        arguments.extend(words("-skip_frame nokey"));
    }
    arguments.extend(words("-i pipe:0 -map"));
    arguments.push(match order.program {
        Some(program) => format!("0:p:{program}:v:0"),
        None => "0:v:0".to_owned(),
    });
    arguments.extend(words("-frames:v 1 -filter_threads 1 -vf"));
    arguments.push(format!("{}{}", deinterlace(order.interlaced), fit(video)));
    arguments.extend(words("-c:v mjpeg -q:v 5 -threads 1 -f image2pipe pipe:1"));
    arguments
}

/// The first that works, in the codec's order: hardware, unless it has just failed.
fn video_encoder(
    video: &VideoProfile,
    offer: &Offer,
    attempt: Attempt,
) -> Result<Encoder, NoEncoder> {
    let names = video.codec.encoders().iter();
    let works = names
        .filter(|name| offer.has(name))
        .filter_map(|name| Encoder::named(name));
    let (hardware, software): (Vec<Encoder>, Vec<Encoder>) =
        works.partition(|encoder| encoder.is_hardware());
    let mut order = [hardware, software];
    if attempt.fruitless > 0 {
        order.reverse();
    }
    let first = order.concat().first().copied();
    first.ok_or(NoEncoder(video.codec.as_str()))
}

/// What is taken of the input. A `?` takes what is not there as left out; where nothing is taken
/// ffmpeg would choose by itself, which in one of several programs must not be.
fn maps(order: &Order, video: bool, audio: bool) -> Vec<String> {
    let program = order
        .program
        .map(|number| format!("p:{number}:"))
        .unwrap_or_default();
    let certain = order.program.is_some();
    let video_is_certain = certain && (order.has_video == Some(true) || !audio);
    let audio_is_certain =
        certain && !video_is_certain && (order.has_video == Some(false) || !video);
    let mut arguments = Vec::new();
    for (wanted, kind, is_certain) in [
        (video, 'v', video_is_certain),
        (audio, 'a', audio_is_certain),
    ] {
        if wanted {
            let maybe = if is_certain { "" } else { "?" };
            arguments.extend(["-map".to_owned(), format!("0:{program}{kind}:0{maybe}")]);
        } else {
            arguments.push(format!("-{kind}n"));
        }
    }
    arguments.extend(words("-sn -dn"));
    arguments
}

fn picture(order: &Order, video: &VideoProfile, encoder: Encoder, threads: u32) -> Vec<String> {
    let mut arguments = words("-filter_threads 1 -vf");
    let (width, height) = (video.width, video.height);
    arguments.push(format!(
        "{}{},pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,{}",
        deinterlace(order.interlaced),
        fit(video),
        encoder.last_filter()
    ));
    arguments.extend(encoder.arguments().map(str::to_owned));
    if !encoder.is_hardware() {
        arguments.extend(["-threads".to_owned(), threads.to_string()]);
    }
    // Else time stamps are rounded to whole pictures, and picture and sound drift by half of one.
    // MPEG-2 knows no other: its time is counted in pictures (ISO/IEC 13818-2, 6.3.3).
    if video.codec != VideoCodec::Mpeg2video {
        arguments.extend(words("-enc_time_base:v 1:90000"));
    }
    arguments.extend(["-g", PICTURES_BETWEEN_KEY_FRAMES_MAX].map(str::to_owned));
    let interval_s = f64::from(video.interval_ms.max(100)) / 1000.0 - KEY_FRAME_SLACK_S;
    arguments.push("-force_key_frames".to_owned());
    arguments.push(format!(
        "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+{interval_s:.3})+lt(t,prev_forced_t))"
    ));
    let kbps = video.kbps;
    arguments.extend(words(&format!(
        "-b:v {kbps}k -maxrate {kbps}k -bufsize {kbps}k"
    )));
    arguments
}

fn sound(audio: &AudioProfile, offer: &Offer) -> Result<Vec<String>, NoEncoder> {
    let mut names = audio.codec.encoders().iter();
    let encoder = names.find(|name| offer.has(name));
    let encoder = encoder.ok_or(NoEncoder(audio.codec.as_str()))?;
    let kbps = audio.kbps;
    Ok(words(&format!(
        "-c:a {encoder} -b:a {kbps}k -ac 2 -ar 48000"
    )))
}

/// Only where pictures are marked as interlaced; not at all where it is known that none is.
const fn deinterlace(interlaced: Option<bool>) -> &'static str {
    match interlaced {
        Some(false) => "",
        _ => "yadif=deint=interlaced,",
    }
}

/// Into the box, in the source's shape (`dar`), with square pixels.
fn fit(video: &VideoProfile) -> String {
    let (width, height) = (video.width, video.height);
    format!(
        "scale=w=trunc(min({width}\\,{height}*dar)/2)*2:h=trunc(min({height}\\,{width}/dar)/2)*2,setsar=1"
    )
}

/// A job may use as many cores as it costs slots, 8 at most.
fn threads(cost: f64) -> u32 {
    (1..8)
        .find(|threads| cost <= f64::from(*threads))
        .unwrap_or(8)
}

#[cfg(test)]
mod tests;
