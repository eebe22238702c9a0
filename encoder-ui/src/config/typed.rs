//! The configuration as it is typed: every flag, and each as an environment variable.
//!
//! Values stay text here, so that all mistakes are told at once and not the first alone.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use common::telemetry::LogFormat;

/// The operator's page: finds ingests, shows what their channels do, and controls them.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "encoder-ui",
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 ended by SIGTERM or SIGINT, 1 start failed, 2 wrong usage or configuration. RUST_LOG says what is logged (default: info)."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Ingests to show, as http://HOST:PORT; a name stands for all its addresses, looked up again
    /// every 5 s. May be given more than once
    #[arg(
        long = "ingest",
        env = "ENCODER_UI_INGEST",
        value_name = "URL[,..]",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:9525"
    )]
    pub ingests: Vec<String>,

    /// The one token that is sent to every ingest: of role admin, or of role watch where nothing shall
    /// be changed. Read again on change
    #[arg(long, env = "ENCODER_UI_INGEST_TOKEN_FILE", value_name = "FILE")]
    pub ingest_token_file: Option<PathBuf>,

    /// Address and port of the one TCP port. Anything but loopback needs --users or --no-auth
    #[arg(
        long,
        env = "ENCODER_UI_LISTEN",
        value_name = "IP:PORT",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: String,

    /// Who may log in (YAML); read again on change. `encoder-ui hash-password` makes its passwords
    #[arg(long, env = "ENCODER_UI_USERS", value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// Key that signs sessions, 32 to 4096 random bytes: sessions outlive a restart, and several
    /// replicas share them [default: a random key]
    #[arg(long, env = "ENCODER_UI_SESSION_KEY_FILE", value_name = "FILE")]
    pub session_key_file: Option<PathBuf>,

    /// Where browsers find this page, as https://HOST or https://HOST:PORT: changes are taken from pages of it alone,
    /// and with https the session's cookie is never sent without [default: the request's Host]
    #[arg(long, env = "ENCODER_UI_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// Allow listening beyond loopback without --users: whoever reaches the port controls the ingests
    #[arg(long, env = "ENCODER_UI_NO_AUTH", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_auth: bool,

    /// How log lines look
    #[arg(
        long,
        env = "ENCODER_UI_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// Log files, one a day, seven kept, beside the lines on stdout
    #[arg(long, env = "ENCODER_UI_LOG_DIR", value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Reads a password (from the terminal, or a line from stdin) and prints its hash for the users
    /// file
    HashPassword,
}
