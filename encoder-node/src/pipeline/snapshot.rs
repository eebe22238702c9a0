//! A picture of the channel every few seconds, cheaply: each time the node reads from the newest
//! random access point until one picture is whole, and lets an ffmpeg that lives for a moment turn
//! that into a JPEG. Between pictures there is neither a process nor a connection.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::api::node::JobReason;
use common::api::profile::VideoProfile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::stream::not_started;
use super::{Run, input, upload};
use crate::ffmpeg::recipe;
use crate::gather::Gatherer;
use crate::job::{RunEnd, RunEvent, Why};
use crate::limits::{
    SNAPSHOT_BYTES_MAX, SNAPSHOT_MADE_WITHIN, SNAPSHOT_PERIOD_MIN, SNAPSHOT_READ_WITHIN,
};
use crate::process::{Process, percent};

/// Start of image (ITU-T T.81, B.1.1.3).
const JPEG_MARKER: [u8; 2] = [0xff, 0xd8];

/// Until it ends by itself; none when it was stopped.
pub async fn run(run: &Run) -> Option<RunEnd> {
    let mut stop = run.stop.clone();
    tokio::select! {
        () = stop.requested() => None,
        end = pictures(run) => Some(end),
    }
}

async fn pictures(run: &Run) -> RunEnd {
    let Some(video) = &run.start.order.profile.video else {
        let why = Why::new(JobReason::EncoderMissing, "the profile has no picture");
        return RunEnd::Unwanted(why);
    };
    let period = Duration::from_millis(video.interval_ms.into()).max(SNAPSHOT_PERIOD_MIN);
    let mut turn = interval(period);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_first = true;
    loop {
        turn.tick().await;
        match picture(run, video, period).await {
            Ok(()) if is_first => run.tell(RunEvent::Output).await,
            Ok(()) => {}
            Err(end) => return end,
        }
        is_first = false;
    }
}

async fn picture(run: &Run, video: &VideoProfile, period: Duration) -> Result<(), RunEnd> {
    // Where the first picture was no key frame after all, the next attempt takes any picture.
    let key_frame = run.start.attempt.fruitless.is_multiple_of(2);
    let piece = read(run, key_frame).await?;
    // The semaphore is never closed.
    let turn = run.tools.shots.acquire().await;
    let jpeg = make(run, video, key_frame, &piece, period).await?;
    drop(turn);
    let bytes = jpeg.len();
    upload::picture(run, jpeg).await?;
    run.stats.sent(bytes);
    run.stats
        .pictures
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Ok(())
}

/// A piece of the channel: one key frame, or some seconds.
async fn read(run: &Run, key_frame: bool) -> Result<Vec<u8>, RunEnd> {
    let mut answer = input::open(run, "").await?;
    let mut gatherer = Gatherer::default();
    let reading = async {
        while let Some(bytes) = answer.next().await? {
            run.stats.received(bytes.len());
            if gatherer.push(&bytes) && key_frame {
                break;
            }
        }
        Ok::<(), crate::client::ClientError>(())
    };
    match timeout(SNAPSHOT_READ_WITHIN, reading).await {
        Ok(Err(error)) => {
            let detail = format!("the channel's stream ended: {error}");
            Err(RunEnd::Failed(Why::new(JobReason::InputRefused, detail)))
        }
        _ if gatherer.is_empty() => {
            let why = Why::new(JobReason::WaitingForParent, "the channel has no data");
            Err(RunEnd::NoData(why))
        }
        _ => Ok(gatherer.into_bytes()),
    }
}

/// One JPEG out of a piece.
async fn make(
    run: &Run,
    video: &VideoProfile,
    key_frame: bool,
    piece: &[u8],
    period: Duration,
) -> Result<Bytes, RunEnd> {
    let arguments = recipe::snapshot(&run.start.order, video, key_frame);
    let started = Process::start(&run.tools.ffmpeg, &arguments, &run.stats);
    let (mut process, mut pipes) = started.map_err(|error| not_started(run, &error))?;
    let meter = process.meter();
    let making = async {
        let feeding = async {
            // It stops reading once it has its picture.
            let _ = pipes.stdin.write_all(piece).await;
            drop(pipes.stdin);
        };
        let mut jpeg = Vec::new();
        let most = SNAPSHOT_BYTES_MAX as u64 + 1;
        let mut output = (&mut pipes.stdout).take(most);
        let (read, ()) = tokio::join!(output.read_to_end(&mut jpeg), feeding);
        let load = meter.processor_time();
        // With its reader gone it ends, also when there was more.
        drop(pipes.stdout);
        (read.map(|_| jpeg), load, process.ended().await)
    };
    let begun = Instant::now();
    let Ok((jpeg, load, status)) = timeout(SNAPSHOT_MADE_WITHIN, making).await else {
        let seconds = begun.elapsed().as_secs();
        let detail = format!("ffmpeg made no picture within {seconds} s");
        return Err(RunEnd::Failed(
            Why::new(JobReason::Stalled, detail).param("seconds", seconds.to_string()),
        ));
    };
    if let Some(load) = load {
        run.stats.set_cpu_percent(percent(load, period));
    }
    match jpeg {
        Ok(jpeg) if jpeg.len() > SNAPSHOT_BYTES_MAX => {
            let detail = format!("the picture has more than {SNAPSHOT_BYTES_MAX} bytes");
            Err(RunEnd::Failed(Why::new(JobReason::OutputRefused, detail)))
        }
        Ok(jpeg) if jpeg.starts_with(&JPEG_MARKER) => Ok(jpeg.into()),
        _ => Err(no_picture(run, status.ok(), piece.len())),
    }
}

fn no_picture(run: &Run, status: Option<ExitStatus>, bytes: usize) -> RunEnd {
    let status = status.map(|status| status.to_string()).unwrap_or_default();
    let last = run.stats.last_complaint().unwrap_or_default();
    let detail = format!("ffmpeg found no picture in {bytes} bytes ({status}): {last}");
    RunEnd::Failed(Why::new(JobReason::FfmpegFailed, detail))
}
