//! The configuration as it is typed: every flag, and each as an environment variable.
//!
//! Values stay text here, so that all mistakes are told at once and not the first alone.

use std::path::PathBuf;

use clap::Parser;
use common::telemetry::LogFormat;

/// Encodes what ingests give it, with ffmpeg, and sends the result back
#[derive(Debug, Clone, Parser)]
#[command(
    name = "encoder-node",
    version,
    about,
    after_help = "Exit codes: 0 ended by SIGTERM or SIGINT, 1 start failed, 2 wrong usage or configuration. RUST_LOG says what is logged (default: info)."
)]
pub struct Arguments {
    /// Ingest to work for; may be given more than once. A name stands for all its addresses and is
    /// looked up again every 5 s, each second while none answers
    #[arg(
        long = "ingest",
        value_name = "URL",
        env = "ENCODER_NODE_INGEST",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:9525"
    )]
    pub ingests: Vec<String>,

    /// File with the one token that ingests ask for (role node). Read again on change
    #[arg(long, value_name = "FILE", env = "ENCODER_NODE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// Address and port of health and metrics
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "ENCODER_NODE_LISTEN",
        default_value = "127.0.0.1:9529"
    )]
    pub listen: String,

    /// This node's name; no other node of an ingest may have it [default: the host's]
    #[arg(long, value_name = "NAME", env = "ENCODER_NODE_NAME")]
    pub name: Option<String>,

    /// What it may run at once, 0.05 to 1024; a job costs 0.05 (snapshot) to 2 (720p) and more
    /// [default: one for each core that the cgroup grants]
    #[arg(long, value_name = "N", env = "ENCODER_NODE_SLOTS")]
    pub slots: Option<String>,

    /// ffmpeg 5.0 or newer
    #[arg(
        long,
        value_name = "PATH",
        env = "ENCODER_NODE_FFMPEG",
        default_value = "ffmpeg"
    )]
    pub ffmpeg: PathBuf,

    /// How log lines look
    #[arg(
        long,
        value_name = "FORMAT",
        env = "ENCODER_NODE_LOG_FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// Log files, one a day, seven kept, beside the lines on stdout
    #[arg(long, value_name = "DIR", env = "ENCODER_NODE_LOG_DIR")]
    pub log_dir: Option<PathBuf>,
}
