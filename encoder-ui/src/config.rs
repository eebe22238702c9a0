//! The command line: as typed ([`Arguments`]), and as meant ([`Config`]). One conversion, which
//! finds all mistakes at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::http::HeaderValue;
use clap::Parser;
use common::listen::check_exposure;
use common::telemetry::{LogFormat, LogOptions};

use crate::client::IngestUrl;
use crate::limits::INGESTS_MAX;

/// The page of the encoder: lists the channels of its ingests, and how they fare.
#[derive(Debug, Parser)]
#[command(name = "encoder-ui", version)]
pub struct Arguments {
    /// An ingest to show; may be given more than once.
    #[arg(
        long = "ingest",
        env = "ENCODER_UI_INGEST",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:9525"
    )]
    ingests: Vec<String>,

    /// File that holds the one token that ingests ask for (role `watch` is enough).
    #[arg(long, env = "ENCODER_UI_INGEST_TOKEN_FILE", value_name = "FILE")]
    ingest_token_file: Option<PathBuf>,

    /// The one port: page, health and metrics.
    #[arg(
        long,
        env = "ENCODER_UI_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080"
    )]
    listen: String,

    /// Allow an address that can be reached from the network: whoever reaches it sees the page.
    #[arg(long, env = "ENCODER_UI_NO_AUTH", value_parser = clap::builder::BoolishValueParser::new())]
    no_auth: bool,

    /// Form of the log lines on stdout.
    #[arg(
        long,
        env = "ENCODER_UI_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    log_format: LogFormat,

    /// Directory for rotated log files beside stdout, one a day, seven kept.
    #[arg(long, env = "ENCODER_UI_LOG_DIR", value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

/// What the process is started with.
#[derive(Debug)]
pub struct Config {
    pub ingests: Vec<IngestUrl>,
    /// `Bearer TOKEN`, never shown.
    pub authorization: Option<HeaderValue>,
    pub listen: SocketAddr,
    pub no_auth: bool,
    pub log: LogOptions,
}

/// All that is wrong with the command line, a line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong\n  {}", .0.join("\n  "))]
pub struct Mistakes(pub Vec<String>);

impl TryFrom<Arguments> for Config {
    type Error = Mistakes;

    fn try_from(typed: Arguments) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let mut ingests = Vec::new();
        for text in &typed.ingests {
            match text.parse() {
                Ok(url) if ingests.contains(&url) => {
                    mistakes.push(format!("--ingest: {url} is given twice"));
                }
                Ok(url) => ingests.push(url),
                Err(error) => mistakes.push(format!("--ingest: {error}")),
            }
        }
        if ingests.len() > INGESTS_MAX {
            mistakes.push(format!("--ingest: more than {INGESTS_MAX} are given"));
        }
        let listen = listen(&typed.listen, typed.no_auth)
            .map_err(|mistake| mistakes.push(mistake))
            .ok();
        let authorization = typed.ingest_token_file.as_deref().and_then(|path| {
            read_token(path)
                .map_err(|mistake| mistakes.push(format!("--ingest-token-file: {mistake}")))
                .ok()
        });
        let log = LogOptions {
            program: "encoder-ui",
            format: typed.log_format,
            dir: typed.log_dir,
        };
        match listen {
            Some(listen) if mistakes.is_empty() => Ok(Self {
                ingests,
                authorization,
                listen,
                no_auth: typed.no_auth,
                log,
            }),
            _ => Err(Mistakes(mistakes)),
        }
    }
}

fn listen(text: &str, no_auth: bool) -> Result<SocketAddr, String> {
    let address = text
        .parse()
        .map_err(|_| format!("--listen: {text:?} is no address: write IP:PORT"))?;
    // There is no login yet: nothing counts as credentials.
    check_exposure(
        address,
        false,
        no_auth,
        "a login, which encoder-ui does not have yet",
    )
    .map_err(|exposed| exposed.to_string())?;
    Ok(address)
}

fn read_token(path: &Path) -> Result<HeaderValue, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(format!(
            "{} must hold one token and nothing else",
            path.display()
        ));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| format!("{} holds characters that no token has", path.display()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, Mistakes> {
        let words = ["encoder-ui"].iter().chain(arguments);
        Config::try_from(Arguments::try_parse_from(words).expect("clap takes it"))
    }

    #[test]
    fn defaults_stay_on_this_machine() {
        let config = config(&[]).expect("valid");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.ingests[0].to_string(), "http://127.0.0.1:9525");
    }

    #[test]
    fn an_open_port_is_refused_unless_allowed() {
        assert!(config(&["--listen", "0.0.0.0:8080"]).is_err());
        assert!(config(&["--listen", "0.0.0.0:8080", "--no-auth"]).is_ok());
    }

    #[test]
    fn all_mistakes_are_said_at_once() {
        let token = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(token.path(), "one two\n").expect("write");
        let Mistakes(mistakes) = config(&[
            "--listen",
            "somewhere",
            "--ingest",
            "https://n1,http://n2:9525/api,http://n3:9525,http://n3:9525/",
            "--ingest-token-file",
            token.path().to_str().expect("utf-8"),
        ])
        .expect_err("mistakes");
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
        assert!(mistakes[2].contains("given twice"), "{mistakes:?}");
    }

    #[test]
    fn the_token_is_sent_and_not_shown() {
        let token = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(token.path(), "s3cret\n").expect("write");
        let path = token.path().to_str().expect("utf-8");
        let config = config(&["--ingest-token-file", path]).expect("valid");
        assert_eq!(
            config.authorization.as_ref().expect("token"),
            "Bearer s3cret"
        );
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
