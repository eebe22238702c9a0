//! The configuration as it is meant, made from what was typed in one conversion that tells every
//! mistake. Nothing is bound or sent here; the files that are named are read.

mod channels;
mod typed;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::group::InterfaceName;
use common::listen::{Credentials, guarded_address};
use common::mistakes::{ConfigError, ConfigMistakes, read_arguments};
use common::telemetry::LogOptions;
use common::tokens::TokenFile;

pub use typed::{Arguments, Command, SendArguments, VerifyArguments};

use crate::document::{self, Defaults, StreamOrder};
use crate::limits::{STREAM_BPS_MAX, STREAM_BPS_MIN, STREAMS_FILE_BYTES_MAX, VIEWERS_MAX};
use crate::verify::{UrlError, VerifyOptions};

/// Sending threads where no number is given: at most so many.
const THREADS_DEFAULT_MAX: usize = 4;

/// What the process shall do.
#[derive(Debug)]
pub enum Config {
    Send(Box<SendConfig>),
    Verify(VerifyConfig),
}

/// Sending, until a signal.
#[derive(Debug)]
pub struct SendConfig {
    pub listen: SocketAddr,
    pub tokens: Option<Arc<TokenFile>>,
    pub defaults: Defaults,
    pub streams: Vec<StreamOrder>,
    pub threads: usize,
    pub log: LogOptions,
}

/// Reading a relay back.
#[derive(Debug)]
pub struct VerifyConfig {
    pub options: VerifyOptions,
    pub json: bool,
}

impl Config {
    /// From the command line and the environment.
    ///
    /// # Errors
    /// With every mistake, also those in the streams file and the token file.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ConfigError> {
        let (arguments, mut mistakes) = read_arguments::<Arguments>(VARIABLES, arguments)?;
        let config = match arguments.command {
            Some(Command::Verify(typed)) => verify(&typed, &mut mistakes).map(Self::Verify),
            None => send(arguments.send, &mut mistakes).map(|config| Self::Send(Box::new(config))),
        };
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes.into()),
        }
    }
}

/// What the environment variables of this program begin with.
const VARIABLES: &str = "SOURCE_SERVER";

fn verify(typed: &VerifyArguments, mistakes: &mut ConfigMistakes) -> Option<VerifyConfig> {
    // It is no flag: its own sentence names it.
    let url = typed.url.parse();
    let url = url.map_err(|error: UrlError| mistakes.push(error.to_string()));
    let seconds = mistakes.number("seconds", &typed.seconds, 0..=604_800);
    let viewers_max = u32::try_from(VIEWERS_MAX).unwrap_or(u32::MAX);
    let viewers = mistakes.number("viewers", &typed.viewers, 1..=viewers_max);
    let stagger = mistakes.number("stagger-ms", &typed.stagger_ms, 0..=60_000);
    Some(VerifyConfig {
        options: VerifyOptions {
            url: url.ok()?,
            duration: (seconds > 0).then(|| Duration::from_secs(seconds.into())),
            viewers: size(viewers),
            stagger: Duration::from_millis(stagger.into()),
            token: typed.token.clone(),
        },
        json: typed.json,
    })
}

fn send(typed: SendArguments, mistakes: &mut ConfigMistakes) -> Option<SendConfig> {
    let defaults = defaults(&typed, mistakes);
    let listen = listen(&typed, mistakes);
    let tokens = TokenFile::judged(typed.token_file.as_deref(), mistakes);
    let threads = typed
        .threads
        .as_deref()
        .map_or_else(threads_default, |text| {
            size(mistakes.number("threads", text, 1..=64))
        });
    let streams = match &typed.streams {
        Some(path) => {
            for flag in channels::given(&typed) {
                mistakes.push(format!(
                    "--{flag} and --streams exclude each other: the file says all of it"
                ));
            }
            defaults
                .as_ref()
                .and_then(|defaults| streams(path, defaults, mistakes))
        }
        None => channels::streams(&typed, defaults.as_ref(), mistakes),
    };
    Some(SendConfig {
        listen,
        tokens,
        defaults: defaults?,
        streams: streams?,
        threads,
        log: LogOptions {
            program: "source-server",
            format: typed.log_format,
            dir: typed.log_dir,
        },
    })
}

fn defaults(typed: &SendArguments, mistakes: &mut ConfigMistakes) -> Option<Defaults> {
    let interface = match typed.interface.as_deref().map(str::trim) {
        None | Some("") => {
            mistakes.push(
                "--interface (SOURCE_SERVER_INTERFACE) is required: name the NIC that multicast leaves through, such as eth1, or lo for this host alone (ip -br address lists them)",
            );
            None
        }
        Some(text) => mistakes.value::<InterfaceName>("interface", text),
    };
    let source = typed.source.as_deref().map(|text| {
        let source = mistakes.value::<IpAddr>("source", text);
        if source.is_some_and(|source| source.is_multicast() || source.is_unspecified()) {
            mistakes.of_flag("source", text, "use a unicast address of this host");
        }
        source
    });
    let ttl = mistakes.number("ttl", &typed.ttl, 0..=255);
    let bps = bps(&typed.mbps, mistakes);
    Some(Defaults {
        interface: interface?,
        source: source.flatten(),
        ttl: u8::try_from(ttl).unwrap_or(u8::MAX),
        loopback: typed.loopback.is_on(),
        bps,
        proof: typed.proof,
    })
}

fn bps(text: &str, mistakes: &mut ConfigMistakes) -> u64 {
    let (min, max) = (
        document::megabits(STREAM_BPS_MIN),
        document::megabits(STREAM_BPS_MAX),
    );
    let mbps = text
        .parse::<f64>()
        .ok()
        .filter(|mbps| (min..=max).contains(mbps));
    if mbps.is_none() {
        mistakes.of_flag("mbps", text, format!("use a number, {min} to {max}"));
    }
    document::bits(mbps.unwrap_or(min))
}

fn streams(
    path: &Path,
    defaults: &Defaults,
    mistakes: &mut ConfigMistakes,
) -> Option<Vec<StreamOrder>> {
    let file = path.display();
    let length = std::fs::metadata(path).map(|metadata| metadata.len());
    if length.is_ok_and(|length| length > STREAMS_FILE_BYTES_MAX) {
        mistakes.push(format!(
            "--streams {file}: more than {STREAMS_FILE_BYTES_MAX} bytes"
        ));
        return None;
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            mistakes.push(format!("--streams {file}: cannot read it: {error}"));
            return None;
        }
    };
    match document::streams_file(&bytes, defaults) {
        Ok(streams) => Some(streams),
        Err(found) => {
            for mistake in found {
                mistakes.push(format!("--streams {file}: {mistake}"));
            }
            None
        }
    }
}

fn listen(typed: &SendArguments, mistakes: &mut ConfigMistakes) -> SocketAddr {
    let credentials = Credentials {
        flag: "--token-file FILE",
        given: typed.token_file.is_some(),
        no_auth: typed.no_auth,
    };
    guarded_address(&typed.listen, 9537, credentials, mistakes)
}

fn threads_default() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_DEFAULT_MAX))
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
