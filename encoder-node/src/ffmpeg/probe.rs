//! Asks an ffmpeg what it is and what it has, and tries what depends on a device: it is shown and
//! used when it made a picture, never because a list has its name.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use common::api::profile::{AudioCodec, VideoCodec};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::encoder::{ENCODERS, Encoder, Hardware, trial};
use super::offer::{self, Offer, OfferError};
use crate::limits::{FFMPEG_ANSWERS_WITHIN, FFMPEG_TEXT_BYTES_MAX};

/// Where the kernel shows devices that encode.
const RENDER_NODES: &str = "/dev/dri";

/// Every codec of sound that a profile may name.
const SOUNDS: [AudioCodec; 6] = [
    AudioCodec::Aac,
    AudioCodec::Ac3,
    AudioCodec::Eac3,
    AudioCodec::Mp2,
    AudioCodec::Mp3,
    AudioCodec::Opus,
];

/// Why ffmpeg can't be used. The message is the operator's.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("cannot run {program}")]
    Run {
        program: String,
        source: std::io::Error,
    },
    #[error("{program} {arguments} did not end within {} s", .within.as_secs())]
    Slow {
        program: String,
        arguments: String,
        within: Duration,
    },
    #[error("{program} {arguments} ended with {status}: {last_line}")]
    Failed {
        program: String,
        arguments: String,
        status: ExitStatus,
        last_line: String,
    },
    #[error(transparent)]
    Offer(#[from] OfferError),
}

/// What can be used of `program` here.
///
/// # Errors
/// When it is missing, too old, or does not answer.
pub async fn probe(program: &Path) -> Result<Offer, ProbeError> {
    let text = ask(program, &["-version".to_owned()]).await?;
    let version = offer::version(&text, &program.to_string_lossy())?;
    let list = ["-hide_banner".to_owned(), "-encoders".to_owned()];
    let listed = offer::encoders(&ask(program, &list).await?);
    let mut offer = Offer {
        version,
        encoders: listed
            .iter()
            .filter(|name| is_plain(name))
            .cloned()
            .collect(),
        vaapi_device: None,
    };
    for encoder in ENCODERS.into_iter().filter(|encoder| encoder.is_hardware()) {
        if listed.contains(encoder.name) {
            try_out(program, encoder, &mut offer).await;
        }
    }
    Ok(offer)
}

/// Needs no device, and jobs know how to use it.
fn is_plain(name: &str) -> bool {
    let sounds = SOUNDS.iter().flat_map(|codec| codec.encoders());
    Encoder::named(name).is_some_and(|encoder| !encoder.is_hardware())
        || sounds
            .chain(VideoCodec::Mjpeg.encoders())
            .any(|known| *known == name)
}

/// Adds it to the offer if it makes a picture. All of VA-API works with one device.
async fn try_out(program: &Path, encoder: Encoder, offer: &mut Offer) {
    let devices = match (encoder.hardware, &offer.vaapi_device) {
        (Hardware::Vaapi, None) => render_nodes().into_iter().map(Some).collect(),
        (Hardware::Vaapi, device) => vec![device.clone()],
        _ => vec![None],
    };
    for device in devices {
        match ask(program, &trial(encoder, device.as_deref())).await {
            Ok(_) => {
                tracing::info!(encoder = encoder.name, device, "a hardware encoder works");
                offer.encoders.insert(encoder.name.to_owned());
                offer.vaapi_device = offer.vaapi_device.take().or(device);
                return;
            }
            Err(error) => tracing::debug!(encoder = encoder.name, device, "{error}"),
        }
    }
}

/// `/dev/dri/renderD128` and its like, in order.
fn render_nodes() -> Vec<String> {
    let entries = std::fs::read_dir(RENDER_NODES).into_iter().flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    let is_render = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("renderD"))
    };
    let mut found: Vec<String> = paths
        .filter(is_render)
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

/// Runs it to its end; answers what it printed on stdout.
async fn ask(program: &Path, arguments: &[String]) -> Result<String, ProbeError> {
    let name = program.to_string_lossy().into_owned();
    let told = arguments.join(" ");
    let run = |source| ProbeError::Run {
        program: name.clone(),
        source,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(run)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = timeout(FFMPEG_ANSWERS_WITHIN, async {
        let (stdout, stderr) = tokio::join!(text_of(stdout), text_of(stderr));
        (child.wait().await, stdout, stderr)
    });
    let Ok((status, stdout, stderr)) = ended.await else {
        return Err(ProbeError::Slow {
            program: name,
            arguments: told,
            within: FFMPEG_ANSWERS_WITHIN,
        });
    };
    let status = status.map_err(run)?;
    if status.success() {
        return Ok(stdout);
    }
    Err(ProbeError::Failed {
        program: name,
        arguments: told,
        status,
        last_line: stderr.lines().last().unwrap_or_default().to_owned(),
    })
}

async fn text_of(from: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let most = FFMPEG_TEXT_BYTES_MAX as u64;
        // A pipe that breaks ends the text.
        let _ = (&mut from).take(most).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
