//! A transport stream: channel -> ffmpeg's stdin, its stdout -> upload. Each end waits for the
//! next, so memory is bounded by the pipes between them. ffmpeg is not started before the channel
//! gives data, and the upload not before ffmpeg does.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use common::api::node::JobReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::health::{Health, Look, Verdict};
use super::{Run, input, upload};
use crate::client::Answer;
use crate::ffmpeg::recipe::{self, NoEncoder, NoRecipe};
use crate::job::{RunEnd, RunEvent, Why};
use crate::limits::{INPUT_SILENT_AFTER, PIECE_BYTES_MAX, UPLOAD_END_WITHIN, WATCH_PERIOD};
use crate::process::{LoadMeter, Process};
use crate::seam::SeamFinder;

/// From at least a second of history on: ffmpeg then knows the streams at once.
const FROM: &str = "?backlog_ms=1000";

const PACKET_BYTES: usize = 188;

/// How often load is measured, in looks.
const LOOKS_A_LOAD: u32 = 10;

/// Who waits for whom at this moment.
#[derive(Debug, Default)]
struct Gates {
    input_full: AtomicBool,
    output_full: AtomicBool,
}

/// How sending ended.
enum Sent {
    /// ffmpeg closed its output, and all of it was taken.
    All,
    Not(RunEnd),
}

/// Until it ends by itself; none when it was stopped.
pub async fn run(run: &Run) -> Option<RunEnd> {
    let mut stop = run.stop.clone();
    let begun = tokio::select! {
        () = stop.requested() => return None,
        begun = begin(run) => begun,
    };
    let (answer, first) = match begun {
        Ok(begun) => begun,
        Err(end) => return Some(end),
    };
    let start = &run.start;
    let arguments = match recipe::stream(&start.order, &run.offer, start.attempt) {
        Ok(arguments) => arguments,
        Err(error) => return Some(no_recipe(&error)),
    };
    let started = Process::start(&run.tools.ffmpeg, &arguments, &run.stats);
    let (mut process, pipes) = match started {
        Ok(started) => started,
        Err(error) => return Some(not_started(run, &error)),
    };
    let gates = Gates::default();
    let meter = process.meter();
    let mut sending = pin!(send(run, pipes.stdout, &gates));
    let mut is_sent = false;
    let end = tokio::select! {
        biased;
        () = stop.requested() => None,
        sent = &mut sending => {
            is_sent = true;
            Some(match sent {
                Sent::Not(end) => end,
                Sent::All => by_itself(run, timeout(UPLOAD_END_WITHIN, process.ended()).await),
            })
        }
        status = process.ended() => Some(by_itself(run, Ok(status))),
        end = feed(run, answer, first, pipes.stdin, &gates) => Some(end),
        end = watch(run, &gates, meter) => Some(end),
    };
    process.kill().await;
    if !is_sent {
        // What is made is taken, and the upload ends well: a reset would tell of a node in trouble.
        let _ = timeout(UPLOAD_END_WITHIN, sending).await;
    }
    end
}

/// Asks for the channel, and waits for its first bytes. An ingest may take 10 s to say that there
/// are none: that they are waited for is said before.
async fn begin(run: &Run) -> Result<(Answer, Bytes), RunEnd> {
    let mut opening = pin!(first_bytes(run));
    if let Ok(begun) = timeout(INPUT_SILENT_AFTER, &mut opening).await {
        return begun;
    }
    let why = Why::new(JobReason::WaitingForParent, "the channel has no data yet");
    run.tell(RunEvent::Trouble(Some(why))).await;
    let begun = opening.await;
    run.tell(RunEvent::Trouble(None)).await;
    begun
}

async fn first_bytes(run: &Run) -> Result<(Answer, Bytes), RunEnd> {
    let from = if run.start.from_newest { "" } else { FROM };
    let mut answer = input::open(run, from).await?;
    match answer.next().await {
        Ok(Some(first)) => Ok((answer, first)),
        Ok(None) => Err(no_data()),
        Err(error) => Err(input_ended(&error.to_string())),
    }
}

/// Until the channel ends.
async fn feed(
    run: &Run,
    mut answer: Answer,
    first: Bytes,
    mut stdin: ChildStdin,
    gates: &Gates,
) -> RunEnd {
    let mut piece = first;
    let mut seams = SeamFinder::default();
    loop {
        run.stats.received(piece.len());
        if seams.look(&piece) {
            let detail = "the channel's clock jumped back: it began anew, and so does ffmpeg";
            return RunEnd::Seam(Why::new(JobReason::FfmpegFailed, detail));
        }
        gates.input_full.store(true, Ordering::Relaxed);
        if stdin.write_all(&piece).await.is_err() {
            // ffmpeg has ended; why, its end tells.
            return pending().await;
        }
        gates.input_full.store(false, Ordering::Relaxed);
        piece = match answer.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return input_ended("the ingest ended it"),
            Err(error) => return input_ended(&error.to_string()),
        };
    }
}

async fn send(run: &Run, stdout: ChildStdout, gates: &Gates) -> Sent {
    let mut packets = Packets::new(stdout);
    let Some(first) = packets.next().await else {
        return Sent::All;
    };
    let (pieces, body) = upload::stream_body();
    let mut uploading = pin!(upload::stream(run, body));
    let pumping = pump(run, first, &mut packets, pieces, gates);
    tokio::select! {
        end = &mut uploading => return Sent::Not(end),
        () = pumping => {}
    }
    match timeout(UPLOAD_END_WITHIN, uploading).await {
        // Ended by an end that was announced: all is well with it.
        Ok(RunEnd::Unwanted(why))
            if why.params.get("status").is_some_and(|s| s.starts_with('2')) =>
        {
            Sent::All
        }
        Ok(end) => Sent::Not(end),
        Err(_) => Sent::All,
    }
}

/// Moves output to the upload, to ffmpeg's end.
async fn pump(
    run: &Run,
    first: Bytes,
    packets: &mut Packets,
    pieces: mpsc::Sender<Bytes>,
    gates: &Gates,
) {
    run.tell(RunEvent::Output).await;
    let mut piece = first;
    loop {
        let bytes = piece.len();
        gates.output_full.store(true, Ordering::Relaxed);
        if pieces.send(piece).await.is_err() {
            // The connection has ended; why, its end tells.
            return pending().await;
        }
        gates.output_full.store(false, Ordering::Relaxed);
        run.stats.sent(bytes);
        match packets.next().await {
            Some(next) => piece = next,
            None => return,
        }
    }
}

/// Whole TS packets of what ffmpeg writes: an upload that is cut off is cut between packets.
struct Packets {
    from: ChildStdout,
    bytes: BytesMut,
}

impl Packets {
    fn new(from: ChildStdout) -> Self {
        Self {
            from,
            bytes: BytesMut::new(),
        }
    }

    /// None at the end, or when the pipe breaks, which is the end as well.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let whole = self.bytes.len() - self.bytes.len() % PACKET_BYTES;
            if whole > 0 {
                return Some(self.bytes.split_to(whole).freeze());
            }
            self.bytes.reserve(PIECE_BYTES_MAX);
            let mut room = (&mut self.from).take(PIECE_BYTES_MAX as u64);
            match room.read_buf(&mut self.bytes).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }
}

/// Looks at the run until it must end.
async fn watch(run: &Run, gates: &Gates, mut meter: LoadMeter) -> RunEnd {
    let stats = &run.stats;
    // Bytes are counted over all runs of a job.
    let before = [&stats.bytes_in, &stats.bytes_out].map(|count| count.load(Ordering::Relaxed));
    let order = &run.start.order;
    let has_picture = order.profile.video.is_some() && order.has_video == Some(true);
    let mut health = Health::new(Instant::now());
    let mut told: Option<JobReason> = None;
    let mut turn = interval(WATCH_PERIOD);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for looks in 1_u32.. {
        turn.tick().await;
        let now = Instant::now();
        if looks % LOOKS_A_LOAD == 0
            && let Some(percent) = meter.percent(now)
        {
            stats.set_cpu_percent(percent);
        }
        let look = Look {
            bytes_in: stats.bytes_in.load(Ordering::Relaxed) - before[0],
            bytes_out: stats.bytes_out.load(Ordering::Relaxed) - before[1],
            input_full: gates.input_full.load(Ordering::Relaxed),
            output_full: gates.output_full.load(Ordering::Relaxed),
            speed: stats.speed(),
            fps: stats.fps().filter(|_| has_picture),
        };
        let trouble = match health.look(look, now) {
            Verdict::End(why) => return RunEnd::Failed(why),
            Verdict::Trouble(why) => Some(why),
            Verdict::Well => None,
        };
        let reason = trouble.as_ref().map(|why| why.reason);
        if reason != told {
            told = reason;
            run.tell(RunEvent::Trouble(trouble)).await;
        }
    }
    pending().await
}

/// ffmpeg ended: how, and its last words.
fn by_itself(
    run: &Run,
    status: Result<io::Result<ExitStatus>, tokio::time::error::Elapsed>,
) -> RunEnd {
    let how = match status {
        Ok(Ok(status)) => format!("ffmpeg ended ({status})"),
        Ok(Err(error)) => format!("ffmpeg was lost: {error}"),
        Err(_) => "ffmpeg closed its output and did not end".to_owned(),
    };
    let last = run.stats.last_complaint();
    let detail = last.map_or(how.clone(), |last| format!("{how}: {last}"));
    RunEnd::Failed(Why::new(JobReason::FfmpegFailed, detail))
}

fn no_recipe(error: &NoRecipe) -> RunEnd {
    let detail = error.to_string();
    RunEnd::Unwanted(match error {
        NoRecipe::Encoder(NoEncoder(codec)) => {
            Why::new(JobReason::EncoderMissing, detail).param("codec", *codec)
        }
        NoRecipe::Nothing => Why::new(JobReason::WaitingForParent, detail),
    })
}

/// ffmpeg could not be started: it may be gone.
pub(super) fn not_started(run: &Run, error: &io::Error) -> RunEnd {
    run.tools.missed.notify_one();
    let detail = format!("cannot start ffmpeg: {error}");
    RunEnd::Failed(Why::new(JobReason::FfmpegFailed, detail))
}

fn input_ended(how: &str) -> RunEnd {
    let detail = format!("the channel's stream ended: {how}");
    RunEnd::Failed(Why::new(JobReason::InputRefused, detail))
}

fn no_data() -> RunEnd {
    let detail = "the channel's stream ended without data";
    RunEnd::NoData(Why::new(JobReason::WaitingForParent, detail))
}
