//! The configuration as it is meant, made from what was typed in one conversion that tells every
//! mistake. Nothing is bound or started here; the token file is read.

mod typed;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::uri::{Scheme, Uri};
use common::listen::typed_address;
use common::mistakes::{ConfigError, ConfigMistakes, read_arguments};
use common::telemetry::LogOptions;

pub use typed::Arguments;

use crate::client::Credentials;
use crate::limits::INGESTS_MAX;
use crate::slots;

/// What the environment variables of this program begin with.
const VARIABLES: &str = "ENCODER_NODE";

/// Where a URL names no port (RFC 9110, 4.2.1).
const HTTP_PORT: u16 = 80;

/// A node's name is that of a host (RFC 1035, 2.3.4) and part of a path.
const NAME_BYTES_MAX: usize = 253;

/// Bounds of `--slots`: one snapshot, and more than any machine has cores.
const SLOTS_MIN: f64 = 0.05;
const SLOTS_MAX: f64 = 1024.0;

/// What the process shall do.
#[derive(Debug)]
pub struct Config {
    pub ingests: Vec<IngestName>,
    pub credentials: Credentials,
    pub listen: SocketAddr,
    pub name: String,
    pub slots: f64,
    pub ffmpeg: PathBuf,
    pub log: LogOptions,
}

/// Where ingests are: a name for all the addresses that it resolves to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IngestName {
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
}

/// Why a text is not the URL of an ingest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write http://HOST:PORT, without a path")]
pub struct IngestNameError;

impl Config {
    /// From the command line and the environment.
    ///
    /// # Errors
    /// With every mistake, also those in the token file.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ConfigError> {
        let (typed, mistakes) = read_arguments::<Arguments>(VARIABLES, arguments)?;
        Ok(Self::judged(typed, mistakes)?)
    }

    /// `mistakes`: those found so far.
    fn judged(typed: Arguments, mut mistakes: ConfigMistakes) -> Result<Self, ConfigMistakes> {
        let ingests = ingests(&typed.ingests, &mut mistakes);
        let listen = typed_address(&typed.listen, 9529, &mut mistakes);
        let name = name(typed.name, &mut mistakes);
        let slots = slots(typed.slots.as_deref(), &mut mistakes);
        if typed.ffmpeg.as_os_str().is_empty() {
            mistakes.push("--ffmpeg (ENCODER_NODE_FFMPEG) is empty: name the program");
        }
        let credentials = Credentials::open(typed.token_file.as_deref())
            .map_err(|error| mistakes.push(format!("--token-file: {error}")));
        match credentials {
            Ok(credentials) if mistakes.is_empty() => Ok(Self {
                ingests,
                credentials,
                listen,
                name,
                slots,
                ffmpeg: typed.ffmpeg,
                log: LogOptions {
                    program: "encoder-node",
                    format: typed.log_format,
                    dir: typed.log_dir,
                },
            }),
            _ => Err(mistakes),
        }
    }
}

impl FromStr for IngestName {
    type Err = IngestNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| IngestNameError)?;
        let authority = uri.authority().ok_or(IngestNameError)?;
        let is_bare =
            matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('#');
        let has_user = authority.as_str().contains('@');
        let port = match authority.port() {
            Some(port) => port.as_str().parse().map_err(|_| IngestNameError)?,
            // `http://host:` has a colon and no port.
            None if authority.as_str().ends_with(':') => return Err(IngestNameError),
            None => HTTP_PORT,
        };
        if uri.scheme() != Some(&Scheme::HTTP)
            || has_user
            || !is_bare
            || authority.host().is_empty()
        {
            return Err(IngestNameError);
        }
        let host = authority.host();
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        Ok(Self {
            host: inner.unwrap_or(host).to_owned(),
            port,
        })
    }
}

impl fmt::Display for IngestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "http://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "http://{}:{}", self.host, self.port)
        }
    }
}

fn ingests(texts: &[String], mistakes: &mut ConfigMistakes) -> Vec<IngestName> {
    let mut found: Vec<IngestName> = Vec::new();
    for text in texts.iter().map(|text| text.trim()) {
        match mistakes.value("ingest", text) {
            Some(name) if found.contains(&name) => {
                mistakes.of_flag("ingest", text, "is given twice");
            }
            name => found.extend(name),
        }
    }
    if found.len() > INGESTS_MAX {
        mistakes.push(format!("--ingest: more than {INGESTS_MAX} are given"));
    }
    found
}

fn name(text: Option<String>, mistakes: &mut ConfigMistakes) -> String {
    let name = text.unwrap_or_else(|| {
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    });
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(clean) {
        let problem = format!("use letters, digits, \".\", \"_\" and \"-\", 1 to {NAME_BYTES_MAX}");
        mistakes.of_flag("name", &name, problem);
    }
    name
}

fn slots(text: Option<&str>, mistakes: &mut ConfigMistakes) -> f64 {
    let Some(text) = text else {
        return slots::granted();
    };
    let number = text.parse().ok();
    let number = number.filter(|number| (SLOTS_MIN..=SLOTS_MAX).contains(number));
    if number.is_none() {
        let problem = format!("use a number, {SLOTS_MIN} to {SLOTS_MAX}");
        mistakes.of_flag("slots", text, problem);
    }
    number.unwrap_or(SLOTS_MIN)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn configure(words: &str) -> Result<Config, ConfigError> {
        let words = format!("encoder-node {words}");
        Config::from_arguments(words.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = configure("").expect("config");
        assert_eq!(config.listen.to_string(), "127.0.0.1:9529");
        assert_eq!(config.ingests[0].to_string(), "http://127.0.0.1:9525");
        assert!(config.slots >= 1.0 && !config.name.is_empty());
        assert_eq!(config.ffmpeg, PathBuf::from("ffmpeg"));
        // Health and metrics need no credentials, whoever reaches them.
        assert!(configure("--listen [::]:9529").is_ok());
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let words = "--ingest https://n1,http://n2/api,http://n3:9525,http://n3:9525/ --slots 0 \
            --listen somewhere --name a/b --token-file /nonexistent/token --bogus 3";
        let text = configure(words).expect_err("mistakes").to_string();
        for part in [
            "--ingest (ENCODER_NODE_INGEST) \"https://n1\": write http://HOST:PORT",
            "--ingest (ENCODER_NODE_INGEST) \"http://n2/api\"",
            "\"http://n3:9525/\": is given twice",
            "--slots (ENCODER_NODE_SLOTS) \"0\": use a number, 0.05 to 1024",
            "--listen (ENCODER_NODE_LISTEN) \"somewhere\"",
            "--name (ENCODER_NODE_NAME) \"a/b\"",
            "--token-file: cannot read /nonexistent/token",
            "unexpected argument '--bogus' found",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        assert_eq!(text.lines().count(), 9, "{text}");
        assert!(configure("--slots NaN").is_err());
    }

    #[test]
    fn an_ingest_is_a_name_and_a_port() {
        let of = |text: &str| text.parse::<IngestName>().map(|name| name.to_string());
        let port = |text: &str| of(text).expect(text);
        assert_eq!(port("http://ingest:9525"), "http://ingest:9525");
        assert_eq!(port("http://ingest/"), "http://ingest:80");
        assert_eq!(port("http://[fd00::1]:9525"), "http://[fd00::1]:9525");
        for wrong in [
            "",
            "ingest:9525",
            "http://",
            "http://u:p@n1",
            "http://n1/?a",
            "http://n1:",
            "udp://239.1.1.1:5000",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_is_well_made() {
        Arguments::command().debug_assert();
    }
}
