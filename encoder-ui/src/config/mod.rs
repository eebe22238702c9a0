//! The configuration as it is meant, made from what was typed in one conversion that tells every
//! mistake. Nothing is bound or asked here.

#[cfg(test)]
mod tests;
mod typed;

use std::ffi::OsString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::http::Uri;
use clap::error::ErrorKind;
use common::listen::{Credentials, guarded_address};
use common::mistakes::{ConfigError, ConfigMistakes, read_arguments};
use common::telemetry::LogOptions;

pub use typed::{Arguments, Command};

use crate::client::IngestUrl;
use crate::limits::{INGESTS_MAX, SESSION_KEY_BYTES_MAX, SESSION_KEY_BYTES_MIN};
use crate::login::session::SessionKey;
use crate::login::users::{UsersError, UsersFile};
use crate::token::IngestToken;

/// What the environment variables of this program begin with.
const VARIABLES: &str = "ENCODER_UI";

/// What the process shall do.
#[derive(Debug)]
pub enum Task {
    Serve(Box<Config>),
    HashPassword,
}

/// What the page is served with.
#[derive(Debug)]
pub struct Config {
    pub ingests: Vec<IngestUrl>,
    pub token: Option<Arc<IngestToken>>,
    pub listen: SocketAddr,
    pub users: Option<Arc<UsersFile>>,
    /// None: a random one.
    pub session_key: Option<SessionKey>,
    /// As an origin: scheme, host, and the port where it is not the scheme's own.
    pub public: Option<String>,
    pub no_auth: bool,
    pub log: LogOptions,
}

impl Task {
    /// From the command line and the environment.
    ///
    /// # Errors
    /// With every mistake, also those in files.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ConfigError> {
        let typed = read_arguments::<Arguments>(VARIABLES, arguments);
        let (typed, mistakes) = typed.map_err(as_mistake)?;
        if typed.command == Some(Command::HashPassword) {
            return if mistakes.is_empty() {
                Ok(Self::HashPassword)
            } else {
                Err(mistakes.into())
            };
        }
        let config = Config::judged(typed, mistakes)?;
        Ok(Self::Serve(Box::new(config)))
    }
}

/// A flag beside a command is told as every other mistake is, not in clap's own form.
fn as_mistake(error: ConfigError) -> ConfigError {
    match error {
        ConfigError::Usage(usage) if usage.kind() == ErrorKind::ArgumentConflict => {
            let line = "hash-password takes no flags: leave out those before it";
            ConfigMistakes::new(VARIABLES, vec![line.to_owned()]).into()
        }
        error => error,
    }
}

impl Config {
    /// `mistakes`: those found so far.
    fn judged(typed: Arguments, mut mistakes: ConfigMistakes) -> Result<Self, ConfigMistakes> {
        let token = typed.ingest_token_file.as_deref();
        let key = typed.session_key_file.as_deref();
        let config = Self {
            ingests: ingests(&typed.ingests, &mut mistakes),
            token: token.and_then(|path| {
                let token = IngestToken::open(path);
                token
                    .map_err(|error| mistakes.push(format!("--ingest-token-file: {error}")))
                    .ok()
                    .map(Arc::new)
            }),
            listen: listen(&typed, &mut mistakes),
            users: users(typed.users.as_deref(), &mut mistakes),
            session_key: key.and_then(|path| {
                let key = read_key(path);
                key.map_err(|error| mistakes.push(format!("--session-key-file: {error}")))
                    .ok()
            }),
            public: public(typed.public_url.as_deref(), &mut mistakes),
            no_auth: typed.no_auth,
            log: LogOptions {
                program: "encoder-ui",
                format: typed.log_format,
                dir: typed.log_dir,
            },
        };
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(mistakes)
        }
    }
}

fn ingests(texts: &[String], mistakes: &mut ConfigMistakes) -> Vec<IngestUrl> {
    let mut urls: Vec<IngestUrl> = Vec::new();
    for text in texts {
        match mistakes.value("ingest", text) {
            Some(url) if urls.contains(&url) => mistakes.of_flag("ingest", text, "is given twice"),
            Some(url) => urls.push(url),
            None => {}
        }
    }
    if texts.len() > INGESTS_MAX {
        mistakes.push(format!("--ingest: more than {INGESTS_MAX} are given"));
    }
    urls
}

fn listen(typed: &Arguments, mistakes: &mut ConfigMistakes) -> SocketAddr {
    let credentials = Credentials {
        flag: "--users FILE",
        given: typed.users.is_some(),
        no_auth: typed.no_auth,
    };
    guarded_address(&typed.listen, 8080, credentials, mistakes)
}

fn users(path: Option<&Path>, mistakes: &mut ConfigMistakes) -> Option<Arc<UsersFile>> {
    match UsersFile::open(path?) {
        Ok(users) => return Some(Arc::new(users)),
        Err(UsersError::Wrong {
            path,
            mistakes: found,
        }) => {
            for mistake in found {
                mistakes.push(format!("--users {}: {mistake}", path.display()));
            }
        }
        Err(error) => mistakes.push(format!("--users: {}", common::chain(&error))),
    }
    None
}

/// An origin (RFC 6454, 6.2), as browsers write it: lower case, without the scheme's own port.
fn public(text: Option<&str>, mistakes: &mut ConfigMistakes) -> Option<String> {
    let text = text?;
    let origin = text.parse::<Uri>().ok().and_then(|uri| {
        let scheme = uri
            .scheme_str()
            .filter(|scheme| matches!(*scheme, "http" | "https"))?;
        let authority = uri.authority()?;
        let bare = uri.path_and_query().is_none_or(|path| path == "/");
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        let host = authority.host().to_ascii_lowercase();
        let own = if scheme == "https" { 443 } else { 80 };
        let port = authority.port_u16().filter(|port| *port != own);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        (bare && plain && !text.contains('#')).then(|| format!("{scheme}://{host}{port}"))
    });
    if origin.is_none() {
        let problem = "use http://HOST[:PORT] or https://HOST[:PORT], without a path";
        mistakes.of_flag("public-url", text, problem);
    }
    origin
}

/// Line breaks at the end are not of the key: editors and `echo` add them.
fn read_key(path: &Path) -> Result<SessionKey, String> {
    let limit = u64::try_from(SESSION_KEY_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let too_long = bytes.len() > SESSION_KEY_BYTES_MAX;
    while bytes
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        bytes.pop();
    }
    let mut seen = [false; 256];
    for byte in &bytes {
        seen[usize::from(*byte)] = true;
    }
    let kinds = seen.iter().filter(|seen| **seen).count();
    if bytes.len() < SESSION_KEY_BYTES_MIN || too_long {
        return Err(format!(
            "{} must hold {SESSION_KEY_BYTES_MIN} to {SESSION_KEY_BYTES_MAX} bytes, and has {}{}: make one by `openssl rand -base64 48`",
            path.display(),
            bytes.len(),
            if too_long { " or more" } else { "" },
        ));
    }
    // Of 32 random bytes, even in hexadecimal digits, so few are not once in a billion years.
    if kinds < 8 {
        return Err(format!(
            "{} is not random, it holds {kinds} different bytes: make one by `openssl rand -base64 48`",
            path.display()
        ));
    }
    Ok(SessionKey::new(&bytes))
}
