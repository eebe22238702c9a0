//! The configuration as it is typed: every flag, and each as an environment variable.
//!
//! Values stay text here, so that all mistakes are told at once and not the first alone.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use common::telemetry::LogFormat;

/// Joins multicast on a NIC and relays it over HTTP.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "encoder-ingest",
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "Without a unit in its name a value is a number. Exit codes: 0 ended by SIGTERM or SIGINT, 1 start failed, 2 wrong usage or configuration. RUST_LOG says what is logged (default: info)."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Address and port of the one TCP port. Anything but loopback needs --token-file or --no-auth
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "ENCODER_INGEST_LISTEN",
        default_value = "127.0.0.1:9525"
    )]
    pub listen: String,

    /// NICs where channels join unless they name their own: the first that exists. A CIDR means the
    /// NIC with an address in it. Required
    #[arg(long, value_name = "NIC|CIDR[,..]", env = "ENCODER_INGEST_INTERFACE")]
    pub interface: Option<String>,

    /// This ingest's name; a channel's full name is NAME/ID [default: host name]
    #[arg(long, value_name = "NAME", env = "ENCODER_INGEST_NODE_NAME")]
    pub node_name: Option<String>,

    /// Base of the URLs given to people, such as the playlist's [default: from the request's Host]
    #[arg(long, value_name = "URL", env = "ENCODER_INGEST_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Declared channels (YAML); watched, and read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "ENCODER_INGEST_CHANNELS")]
    pub channels: Option<PathBuf>,

    /// Where channels made through the API, pins and acknowledgements are kept; without it they end
    /// with the process
    #[arg(long, value_name = "DIR", env = "ENCODER_INGEST_STATE_DIR")]
    pub state_dir: Option<PathBuf>,

    /// Tokens, one a line: NAME ROLE TOKEN; roles admin, node, watch. Read again on change
    #[arg(long, value_name = "FILE", env = "ENCODER_INGEST_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// Allow listening beyond loopback without --token-file
    #[arg(long, env = "ENCODER_INGEST_NO_AUTH", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_auth: bool,

    /// Networks whose clients may watch without a token
    #[arg(
        long,
        value_name = "CIDR[,..]",
        env = "ENCODER_INGEST_WATCH_FROM",
        default_value = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,fe80::/10"
    )]
    pub watch_from: String,

    /// Groups that /udp and /rtp paths may join [default: none]
    #[arg(long, value_name = "CIDR[,..]", env = "ENCODER_INGEST_ON_DEMAND")]
    pub on_demand: Option<String>,

    /// Milliseconds that the relay may hold a byte to make larger writes, 1 to 1000
    #[arg(
        long,
        value_name = "MS",
        env = "ENCODER_INGEST_LATENCY_MS",
        default_value = "20"
    )]
    pub latency_ms: String,

    /// Milliseconds kept per channel for instant start and slow viewers, 100 to 60000
    #[arg(
        long,
        value_name = "MS",
        env = "ENCODER_INGEST_HISTORY_MS",
        default_value = "2000"
    )]
    pub history_ms: String,

    /// Megabytes (2^20 bytes) that the histories of all channels may take together, 8 to 65536
    #[arg(
        long,
        value_name = "MB",
        env = "ENCODER_INGEST_HISTORY_MB",
        default_value = "256"
    )]
    pub history_mb: String,

    /// Kilobytes (2^10 bytes) of socket buffer asked for per channel, 64 to 1048576 [default: the
    /// most that the kernel grants]
    #[arg(long, value_name = "KB", env = "ENCODER_INGEST_RECEIVE_BUFFER_KB")]
    pub receive_buffer_kb: Option<String>,

    /// Milliseconds without a datagram after which a channel has stopped, 100 to 60000
    #[arg(
        long,
        value_name = "MS",
        env = "ENCODER_INGEST_SILENCE_MS",
        default_value = "1000"
    )]
    pub silence_ms: String,

    /// NICs on which a silent group is looked for, half a second at a time; none: nowhere [default:
    /// NICs with a device behind them]
    #[arg(
        long,
        value_name = "NIC|CIDR[,..]|none",
        env = "ENCODER_INGEST_PROBE_INTERFACES"
    )]
    pub probe_interfaces: Option<String>,

    /// Seconds without data after which a viewer is closed, 1 to 86400
    #[arg(
        long,
        value_name = "S",
        env = "ENCODER_INGEST_VIEWER_IDLE_S",
        default_value = "60"
    )]
    pub viewer_idle_s: String,

    /// Threads of the data plane, 1 to 64 [default: number of cores, 4 at most]
    #[arg(long, value_name = "N", env = "ENCODER_INGEST_WORKERS")]
    pub workers: Option<String>,

    /// Channels at most, 1 to 4096; past them 503, or 400 in the API
    #[arg(
        long,
        value_name = "N",
        env = "ENCODER_INGEST_MAX_CHANNELS",
        default_value = "256"
    )]
    pub max_channels: String,

    /// Viewers at most, 1 to 100000; past them 503
    #[arg(
        long,
        value_name = "N",
        env = "ENCODER_INGEST_MAX_VIEWERS",
        default_value = "2000"
    )]
    pub max_viewers: String,

    /// TCP connections at most, viewers among them, 1 to 200000; past them 503
    #[arg(
        long,
        value_name = "N",
        env = "ENCODER_INGEST_MAX_CONNECTIONS",
        default_value = "4000"
    )]
    pub max_connections: String,

    /// How log lines look
    #[arg(
        long,
        value_name = "FORMAT",
        env = "ENCODER_INGEST_LOG_FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// Log files, one a day, seven kept, beside the lines on stdout
    #[arg(long, value_name = "DIR", env = "ENCODER_INGEST_LOG_DIR")]
    pub log_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Makes directories ready for an ingest that runs as another user: its group may write there.
    /// In Kubernetes the init container, as root and without a capability
    PrepareState(PrepareStateArguments),
    /// Keeps a number of the node's kernel at least so high, until a signal. In Kubernetes the component
    /// node-tuning, for net.core.rmem_max
    TuneNode(TuneNodeArguments),
}

#[derive(Debug, Clone, Args)]
pub struct PrepareStateArguments {
    /// Directories (--state-dir, --log-dir); one that does not exist is made
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,

    /// Group that shall write in them: the ingest's own
    #[arg(long, value_name = "GID")]
    pub gid: String,
}

#[derive(Debug, Clone, Args)]
pub struct TuneNodeArguments {
    /// A file of /proc/sys with one number, such as /proc/sys/net/core/rmem_max
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The least that it shall hold; for rmem_max bytes
    #[arg(long, value_name = "N")]
    pub at_least: String,
}
