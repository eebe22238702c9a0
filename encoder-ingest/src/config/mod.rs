//! The configuration as it is meant, made from what was typed in one conversion that tells every
//! mistake. Nothing is bound, joined or written here.

#[cfg(test)]
mod tests;
mod typed;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use common::listen::{Credentials, guarded_address};
use common::mistakes::{ConfigError, ConfigMistakes, read_arguments};
use common::telemetry::LogOptions;
use common::tokens::TokenFile;
use ipnet::IpNet;

pub use typed::{Arguments, Command, PrepareStateArguments, TuneNodeArguments};

use crate::channels::load::{LoadError, Loaded, RegistryOptions};
use crate::nics::InterfaceSelector;
use crate::plane::{PlaneOptions, ProbeInterfaces};
use crate::prepare::Preparation;
use crate::tune::Tuning;

/// Threads of the data plane where no number is given: at most so many.
const WORKERS_DEFAULT_MAX: usize = 4;

/// The longest name of an ingest: that of a host (RFC 1035, 2.3.4).
const NODE_NAME_BYTES_MAX: usize = 253;

/// The largest group id; one more means none at all (chown(2)).
const GID_MAX: u32 = u32::MAX - 1;

/// What the process shall do.
#[derive(Debug)]
pub enum Task {
    Relay(Box<Config>),
    PrepareState(Preparation),
    TuneNode(Tuning),
}

/// Relaying, until a signal.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub node_name: String,
    /// Without a slash at its end.
    pub public_url: Option<String>,
    pub channels_file: Option<PathBuf>,
    pub state_dir: Option<PathBuf>,
    pub tokens: Option<Arc<TokenFile>>,
    pub watch_from: Vec<IpNet>,
    pub on_demand: Vec<IpNet>,
    pub channels_max: usize,
    pub connections_max: usize,
    pub plane: PlaneOptions,
    pub log: LogOptions,
}

impl Task {
    /// From the command line and the environment.
    ///
    /// # Errors
    /// With every mistake, also those in the token file.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ConfigError> {
        let (mut typed, mut mistakes) = read_arguments::<Arguments>(VARIABLES, arguments)?;
        let task = match typed.command.take() {
            None => return Ok(Self::Relay(Box::new(Config::judged(typed, mistakes)?))),
            Some(Command::PrepareState(typed)) => Self::PrepareState(Preparation {
                gid: mistakes.number("gid", &typed.gid, 1..=GID_MAX),
                dirs: typed.dirs,
            }),
            Some(Command::TuneNode(typed)) => Self::TuneNode(Tuning {
                at_least: mistakes
                    .number("at-least", &typed.at_least, 1..=u32::MAX)
                    .into(),
                file: typed.file,
            }),
        };
        if mistakes.is_empty() {
            return Ok(task);
        }
        Err(mistakes.into())
    }
}

impl Config {
    /// `mistakes`: those found so far.
    fn judged(typed: Arguments, mut mistakes: ConfigMistakes) -> Result<Self, ConfigMistakes> {
        let plane = plane(&typed, &mut mistakes);
        let on_demand = typed.on_demand.as_deref().unwrap_or_default();
        let on_demand = networks("on-demand", on_demand, &mut mistakes);
        for network in on_demand.iter().filter(|network| !multicast(network)) {
            let problem = "use networks of multicast groups, within 224.0.0.0/4 or ff00::/8";
            mistakes.of_flag("on-demand", &network.to_string(), problem);
        }
        let config = Self {
            listen: listen(&typed, &mut mistakes),
            node_name: node_name(typed.node_name.as_deref(), &mut mistakes),
            public_url: public_url(typed.public_url.as_deref(), &mut mistakes),
            channels_file: typed.channels,
            state_dir: typed.state_dir,
            tokens: TokenFile::judged(typed.token_file.as_deref(), &mut mistakes),
            watch_from: networks("watch-from", &typed.watch_from, &mut mistakes),
            on_demand,
            channels_max: size(mistakes.number("max-channels", &typed.max_channels, 1..=4096)),
            connections_max: size(mistakes.number(
                "max-connections",
                &typed.max_connections,
                1..=200_000,
            )),
            plane,
            log: LogOptions {
                program: "encoder-ingest",
                format: typed.log_format,
                dir: typed.log_dir,
            },
        };
        if mistakes.is_empty() {
            return Ok(config);
        }
        also_in_channels_file(&config, &mut mistakes);
        Err(mistakes)
    }
}

/// What the environment variables of this program begin with.
const VARIABLES: &str = "ENCODER_INGEST";

/// The file is read where the ingest starts, which it now does not: its mistakes are told too.
fn also_in_channels_file(config: &Config, mistakes: &mut ConfigMistakes) {
    let options = RegistryOptions {
        // Nothing is written at this point.
        state_dir: None,
        ..registry_options(config)
    };
    match Loaded::read(options) {
        Ok(_) => {}
        Err(LoadError::File {
            file,
            mistakes: found,
        }) => {
            for mistake in found {
                mistakes.push(format!("--channels {}: {mistake}", file.display()));
            }
        }
        Err(error) => mistakes.push(common::chain(&error)),
    }
}

/// What the channels are loaded with.
#[must_use]
pub fn registry_options(config: &Config) -> RegistryOptions {
    RegistryOptions {
        node_name: config.node_name.clone(),
        channels_max: config.channels_max,
        file: config.channels_file.clone(),
        state_dir: config.state_dir.clone(),
    }
}

fn plane(typed: &Arguments, mistakes: &mut ConfigMistakes) -> PlaneOptions {
    let milliseconds = |number: u32| Duration::from_millis(number.into());
    let receive_buffer = typed.receive_buffer_kb.as_deref();
    PlaneOptions {
        interfaces: interfaces(typed.interface.as_deref(), mistakes),
        workers: typed
            .workers
            .as_deref()
            .map_or_else(workers_default, |text| {
                size(mistakes.number("workers", text, 1..=64))
            }),
        latency: milliseconds(mistakes.number("latency-ms", &typed.latency_ms, 1..=1000)),
        history: milliseconds(mistakes.number("history-ms", &typed.history_ms, 100..=60_000)),
        history_bytes_max: size(mistakes.number("history-mb", &typed.history_mb, 8..=65_536)) << 20,
        // SO_RCVBUF is an int that the kernel doubles.
        receive_buffer_bytes: receive_buffer
            .map(|text| size(mistakes.number("receive-buffer-kb", text, 64..=1_048_576)) << 10),
        probe: probe(typed.probe_interfaces.as_deref(), mistakes),
        silence: milliseconds(mistakes.number("silence-ms", &typed.silence_ms, 100..=60_000)),
        viewer_idle: Duration::from_secs(
            mistakes
                .number("viewer-idle-s", &typed.viewer_idle_s, 1..=86_400)
                .into(),
        ),
        viewers_max: size(mistakes.number("max-viewers", &typed.max_viewers, 1..=100_000)),
        analysed: true,
    }
}

fn interfaces(text: Option<&str>, mistakes: &mut ConfigMistakes) -> Vec<InterfaceSelector> {
    match text.map(str::trim) {
        None | Some("") => {
            mistakes.push(
                "--interface (ENCODER_INGEST_INTERFACE) is required: name the NIC that multicast arrives on, such as eth1 or 192.0.2.0/24 (ip -br address lists them)",
            );
            Vec::new()
        }
        Some(text) => mistakes.list("interface", text),
    }
}

fn probe(text: Option<&str>, mistakes: &mut ConfigMistakes) -> ProbeInterfaces {
    match text.map(str::trim) {
        None | Some("") => ProbeInterfaces::Devices,
        Some("none") => ProbeInterfaces::Off,
        Some(text) => {
            let selectors: Vec<InterfaceSelector> = mistakes.list("probe-interfaces", text);
            let is_none = |one: &InterfaceSelector| one.to_string() == "none";
            if selectors.iter().any(is_none) {
                let problem = "none stands alone: it turns the search off";
                mistakes.of_flag("probe-interfaces", text, problem);
            }
            ProbeInterfaces::Named(selectors)
        }
    }
}

fn listen(typed: &Arguments, mistakes: &mut ConfigMistakes) -> SocketAddr {
    let credentials = Credentials {
        flag: "--token-file FILE",
        given: typed.token_file.is_some(),
        no_auth: typed.no_auth,
    };
    guarded_address(&typed.listen, 9525, credentials, mistakes)
}

fn node_name(text: Option<&str>, mistakes: &mut ConfigMistakes) -> String {
    let name = text.map_or_else(host_name, str::to_owned);
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > NODE_NAME_BYTES_MAX || !name.bytes().all(clean) {
        let problem =
            format!("use letters, digits, \".\", \"_\" and \"-\", 1 to {NODE_NAME_BYTES_MAX}");
        mistakes.of_flag("node-name", &name, problem);
    }
    name
}

fn host_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

fn public_url(text: Option<&str>, mistakes: &mut ConfigMistakes) -> Option<String> {
    let text = text?;
    let uri = text.parse::<Uri>().ok();
    let fits = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri
                .authority()
                .is_some_and(|name| !name.as_str().contains('@'))
            && uri.query().is_none()
    });
    if !fits || text.contains('#') {
        let problem = "use http://HOST[:PORT][/PATH] or https://..., without ?, # and @";
        mistakes.of_flag("public-url", text, problem);
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// Networks, or single addresses.
fn networks(flag: &str, text: &str, mistakes: &mut ConfigMistakes) -> Vec<IpNet> {
    let texts: Vec<String> = mistakes.list(flag, text);
    let network = |text: String| {
        let address = text.parse().map(|address: IpAddr| address.into());
        let network = text.parse().or(address).ok();
        if network.is_none() {
            let problem = "use networks or addresses, such as 10.0.0.0/8,2001:db8::/32,192.0.2.7";
            mistakes.of_flag(flag, &text, problem);
        }
        network
    };
    texts.into_iter().filter_map(network).collect()
}

fn multicast(network: &IpNet) -> bool {
    network.network().is_multicast() && network.broadcast().is_multicast()
}

fn workers_default() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(WORKERS_DEFAULT_MAX))
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
