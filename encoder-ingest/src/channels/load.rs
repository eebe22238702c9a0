//! What there is at the start, read before anything is bound or run: so that a wrong file ends the
//! program with every mistake, and nothing to clean up.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use common::api::channel::Origin;
use common::document::{DOCUMENT_BYTES_MAX, Mistake, MistakeCode, Syntax};

use super::difference::ChannelSet;
use super::file::{self, ChannelsFile, Context, Known, Profiles};
use super::store::{Store, StoreError};

/// What the registry is made with.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// `--node-name`: channels may name the ingests that they are for.
    pub node_name: String,
    /// `--max-channels`.
    pub channels_max: usize,
    /// `--channels`.
    pub file: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
}

/// The channels at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InForce {
    pub declared: ChannelSet,
    pub operator: ChannelSet,
    /// Those of the channels file.
    pub profiles: Profiles,
    /// Both, a declared channel before an operator's of the same id.
    pub all: ChannelSet,
}

/// How the channels file fares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileState {
    /// What is wrong with the file as it is now; empty: it is in force.
    pub mistakes: Vec<Mistake>,
    /// The file was wrong at the start, and a copy of it from the state folder is in force.
    pub last_good: bool,
}

/// What a look at the file found: its bytes, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(pub(super) Result<Vec<u8>, String>);

/// What there is at the start.
#[derive(Debug)]
pub struct Loaded {
    pub(super) options: RegistryOptions,
    pub(super) store: Option<Store>,
    pub(super) in_force: InForce,
    pub(super) file_state: FileState,
    /// The channels file as it was read.
    pub(super) seen: Option<Content>,
}

/// Why there is nothing to start with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// And no last good copy of it is there.
    #[error("channels file {file:?} is wrong{}", lines(mistakes))]
    File {
        file: PathBuf,
        mistakes: Vec<Mistake>,
    },
    #[error(
        "{channels} channels are declared or kept in the state folder; there may be {max} (--max-channels)"
    )]
    TooMany { channels: usize, max: usize },
}

impl Loaded {
    /// Reads the state folder and the channels file. Where the file is wrong, the last good copy of
    /// it is taken.
    ///
    /// # Errors
    /// When the state folder can't be used, or the file is wrong and there is no copy.
    pub fn read(options: RegistryOptions) -> Result<Self, LoadError> {
        let (store, operator) = match &options.state_dir {
            Some(folder) => Store::open(folder).map(|(store, set)| (Some(store), set))?,
            None => (None, ChannelSet::new()),
        };
        let seen = options.file.as_deref().map(Content::read);
        let (file, file_state) = match (&options.file, &seen) {
            (Some(path), Some(content)) => declared(path, content, store.as_ref(), &options)?,
            _ => Default::default(),
        };
        let profiles = file.profiles.clone();
        let declared = file.channels_for(&options.node_name);
        let in_force = InForce::new(declared, operator, profiles);
        if in_force.all.len() > options.channels_max {
            return Err(LoadError::TooMany {
                channels: in_force.all.len(),
                max: options.channels_max,
            });
        }
        Ok(Self {
            options,
            store,
            in_force,
            file_state,
            seen,
        })
    }
}

fn declared(
    path: &Path,
    content: &Content,
    store: Option<&Store>,
    options: &RegistryOptions,
) -> Result<(ChannelsFile, FileState), LoadError> {
    let read = content
        .bytes()
        .and_then(|bytes| Ok((bytes, declared_in(bytes, options.channels_max)?)));
    let mistakes = match read {
        Ok((bytes, file)) => {
            if let Some(store) = store {
                store.save_last_good(bytes)?;
            }
            return Ok((file, FileState::default()));
        }
        Err(mistakes) => mistakes,
    };
    let copy = store.map_or(Ok(None), Store::last_good)?;
    let copy = copy.and_then(|bytes| declared_in(&bytes, options.channels_max).ok());
    match copy {
        Some(file) => {
            let last_good = true;
            Ok((
                file,
                FileState {
                    mistakes,
                    last_good,
                },
            ))
        }
        None => Err(LoadError::File {
            file: path.to_owned(),
            mistakes,
        }),
    }
}

/// A channels file's text, as declared channels.
pub(super) fn declared_in(bytes: &[u8], channels_max: usize) -> Result<ChannelsFile, Vec<Mistake>> {
    let context = Context {
        origin: Origin::Declared,
        profiles: Known::Those(&Profiles::new()),
        channels_max,
    };
    file::read(bytes, Syntax::Yaml, context)
}

impl InForce {
    pub(super) fn new(declared: ChannelSet, operator: ChannelSet, profiles: Profiles) -> Self {
        let mut all = operator.clone();
        all.extend(declared.clone());
        Self {
            declared,
            operator,
            profiles,
            all,
        }
    }
}

impl Content {
    /// Reads the file, little more than is allowed of it.
    pub(super) fn read(path: &Path) -> Self {
        let bytes = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            let most = DOCUMENT_BYTES_MAX as u64 + 1;
            File::open(path)?.take(most).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        Self(bytes().map_err(|error| error.to_string()))
    }

    /// The text, or the mistake that it can't be read.
    pub(super) fn bytes(&self) -> Result<&[u8], Vec<Mistake>> {
        self.0.as_deref().map_err(|error| {
            let detail = format!("the file can't be read: {error}");
            vec![Mistake::new(MistakeCode::Unreadable, detail)]
        })
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    let line = |mistake: &Mistake| format!("\n  {mistake}");
    mistakes.iter().map(line).collect()
}
