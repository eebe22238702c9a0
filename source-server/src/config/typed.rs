//! The configuration as it is typed: every flag, and each as an environment variable.
//!
//! Values stay text here, so that all mistakes are told at once and not the first alone.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use common::telemetry::LogFormat;

/// Makes test channels and sends them as multicast; `verify` reads a relay back.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "source-server",
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 ended by SIGTERM or SIGINT, 1 start failed, 2 wrong usage or configuration. RUST_LOG says what is logged (default: info)."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub send: SendArguments,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Reads a relay as viewers do and judges by the proofs (--proof) what came through
    Verify(VerifyArguments),
}

#[derive(Debug, Clone, Args)]
pub struct SendArguments {
    /// NIC that multicast leaves through, unless a stream names its own. Required
    #[arg(long, value_name = "NIC", env = "SOURCE_SERVER_INTERFACE")]
    pub interface: Option<String>,

    /// Address to send from, for groups of its IP version [default: the kernel's choice]
    #[arg(long, value_name = "IP", env = "SOURCE_SERVER_SOURCE")]
    pub source: Option<String>,

    /// Address and port of API, health and metrics. Anything but loopback needs --token-file or
    /// --no-auth
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "SOURCE_SERVER_LISTEN",
        default_value = "127.0.0.1:9537"
    )]
    pub listen: String,

    /// What to send (YAML); instead of --channels, --group, --port and --rtp
    #[arg(long, value_name = "FILE", env = "SOURCE_SERVER_STREAMS")]
    pub streams: Option<PathBuf>,

    /// Test cards, 0 to 1000, each to the group after the one before: id testcard where it is one,
    /// else c001, c002 and so on [default: 1]
    #[arg(long, value_name = "N", env = "SOURCE_SERVER_CHANNELS")]
    pub channels: Option<String>,

    /// First multicast group, IPv4 or IPv6 [default: 239.255.0.1]
    #[arg(long, value_name = "IP", env = "SOURCE_SERVER_GROUP")]
    pub group: Option<String>,

    /// UDP port of all groups [default: 5000]
    #[arg(long, value_name = "PORT", env = "SOURCE_SERVER_PORT")]
    pub port: Option<String>,

    /// Megabits (10^6 bits) of transport stream per second and test card, 3 to 4000
    #[arg(
        long,
        value_name = "MBPS",
        env = "SOURCE_SERVER_MBPS",
        default_value = "8"
    )]
    pub mbps: String,

    /// Send RTP instead of plain TS
    #[arg(long, env = "SOURCE_SERVER_RTP", value_parser = BoolishValueParser::new())]
    pub rtp: bool,

    /// Time to live (hop limit) in hops, 0 to 255; 1 stays in the local network
    #[arg(
        long,
        value_name = "HOPS",
        env = "SOURCE_SERVER_TTL",
        default_value = "1"
    )]
    pub ttl: String,

    /// Put a proof into every datagram, for `verify`
    #[arg(long, env = "SOURCE_SERVER_PROOF", value_parser = BoolishValueParser::new())]
    pub proof: bool,

    /// Whether receivers on this host get the streams too
    #[arg(
        long,
        value_name = "on|off",
        env = "SOURCE_SERVER_LOOPBACK",
        default_value = "on",
        default_missing_value = "on",
        num_args = 0..=1
    )]
    pub loopback: Switch,

    /// Tokens of the API, one a line: NAME ROLE TOKEN; admin may do all, node and watch may read.
    /// Read again on change
    #[arg(long, value_name = "FILE", env = "SOURCE_SERVER_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// Allow listening beyond loopback without --token-file
    #[arg(long, env = "SOURCE_SERVER_NO_AUTH", value_parser = BoolishValueParser::new())]
    pub no_auth: bool,

    /// Sending threads, 1 to 64 [default: number of cores, 4 at most]
    #[arg(long, value_name = "N", env = "SOURCE_SERVER_THREADS")]
    pub threads: Option<String>,

    /// How log lines look
    #[arg(
        long,
        value_name = "FORMAT",
        env = "SOURCE_SERVER_LOG_FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// Log files, one a day, seven kept, beside the lines on stdout
    #[arg(long, value_name = "DIR", env = "SOURCE_SERVER_LOG_DIR")]
    pub log_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 all came as it was sent, to every viewer; 1 anything was lost, repeated, foreign, damaged, not covered by a proof or out of order, or a viewer could not watch to its end; 2 wrong usage."
)]
pub struct VerifyArguments {
    /// What to read, such as http://127.0.0.1:9525/channels/testcard.ts
    pub url: String,

    /// Seconds that each viewer reads from when it connects, 0 to 604800; 0: until the relay closes
    #[arg(
        long,
        value_name = "S",
        env = "SOURCE_SERVER_SECONDS",
        default_value = "10"
    )]
    pub seconds: String,

    /// Viewers at once, 1 to 4000
    #[arg(
        long,
        value_name = "N",
        env = "SOURCE_SERVER_VIEWERS",
        default_value = "1"
    )]
    pub viewers: String,

    /// Milliseconds that each viewer begins later than the one before, 0 to 60000
    #[arg(
        long,
        value_name = "MS",
        env = "SOURCE_SERVER_STAGGER_MS",
        default_value = "0"
    )]
    pub stagger_ms: String,

    /// Token to present to the relay (Authorization: Bearer)
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SOURCE_SERVER_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,

    /// Print one JSON object instead of lines
    #[arg(long, env = "SOURCE_SERVER_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    #[value(alias = "true", alias = "1")]
    On,
    #[value(alias = "false", alias = "0")]
    Off,
}

impl Switch {
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}
