//! The streams that run: made, listed, broken and ended from here. Files are read here, once each.
//!
//! It blocks (files, threads): on an async runtime it is called where blocking is allowed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use common::net::interfaces::{Link, links};

use crate::content::Material;
use crate::definition::{ContentDefinition, StreamDefinition, StreamId};
use crate::document::StreamOrder;
use crate::file::{FileError, TsFile};
use crate::limits::{FILES_MAX, STREAMS_MAX};
use crate::sender::{CounterValues, Ended, FaultOrder, LaneIndex, Sender, StreamCounters};

#[derive(Debug)]
pub struct Streams {
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    /// None once stopped.
    sender: Option<Sender>,
    running: BTreeMap<StreamId, Running>,
    files: HashMap<PathBuf, Weak<TsFile>>,
}

#[derive(Debug)]
struct Running {
    definition: Arc<StreamDefinition>,
    faults: FaultOrder,
    counters: Arc<StreamCounters>,
    lane: LaneIndex,
}

/// A stream at one moment.
#[derive(Debug, Clone)]
pub struct StreamView {
    pub definition: Arc<StreamDefinition>,
    pub faults: FaultOrder,
    pub counters: CounterValues,
}

/// Why a stream can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("there is a stream {0} already")]
    Exists(StreamId),
    #[error("there are {STREAMS_MAX} streams, which is the most")]
    TooMany,
    #[error("there is no network interface {name}: there are {there}")]
    NoInterface { name: String, there: String },
    #[error("no network interface has the address {0} to send from")]
    NoSource(std::net::IpAddr),
    #[error("{FILES_MAX} TS files are in memory, which is the most")]
    TooManyFiles,
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl Streams {
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        let table = Table {
            sender: Some(sender),
            running: BTreeMap::new(),
            files: HashMap::new(),
        };
        Self {
            table: Mutex::new(table),
        }
    }

    /// Begins to send.
    ///
    /// # Errors
    /// When there is one of that id, the NIC or the source does not exist, or the file can't be sent.
    pub fn create(&self, order: StreamOrder) -> Result<StreamView, CreateError> {
        let StreamOrder { definition, faults } = order;
        check_network(&definition)?;
        let mut table = self.table();
        if table.running.contains_key(&definition.id) {
            return Err(CreateError::Exists(definition.id));
        }
        if table.running.len() >= STREAMS_MAX {
            return Err(CreateError::TooMany);
        }
        let material = table.material(&definition)?;
        let definition = Arc::new(definition);
        let counters = Arc::new(StreamCounters::default());
        let sender = table.sender.as_ref().ok_or(Ended)?;
        let lane = sender.add(
            Arc::clone(&definition),
            material,
            faults.clone(),
            Arc::clone(&counters),
        )?;
        let running = Running {
            definition,
            faults,
            counters,
            lane,
        };
        let view = running.view();
        tracing::info!(stream = %view.definition.id, url = %view.definition.url, "sending");
        table.running.insert(view.definition.id.clone(), running);
        Ok(view)
    }

    /// Ends a stream; false when there is none of that id. Nothing of it is sent afterwards.
    pub fn remove(&self, id: &str) -> bool {
        let mut table = self.table();
        let Some(key) = table.key(id) else {
            return false;
        };
        let Some(running) = table.running.remove(&key) else {
            return false;
        };
        if let Some(sender) = &table.sender {
            // A thread that has ended sends nothing either.
            let _ = sender.remove(running.lane, &key);
        }
        table.files.retain(|_, file| file.strong_count() > 0);
        tracing::info!(stream = %key, "ended");
        true
    }

    /// Breaks a stream in another way; none when there is none of that id.
    pub fn order(&self, id: &str, faults: FaultOrder) -> Option<StreamView> {
        let mut table = self.table();
        let key = table.key(id)?;
        let Table {
            sender, running, ..
        } = &mut *table;
        let running = running.get_mut(&key)?;
        if let Some(sender) = sender {
            let _ = sender.order(running.lane, &key, faults.clone());
        }
        running.faults = faults;
        Some(running.view())
    }

    #[must_use]
    pub fn get(&self, id: &str) -> Option<StreamView> {
        let table = self.table();
        let key = table.key(id)?;
        table.running.get(&key).map(Running::view)
    }

    /// All, in order of their ids.
    #[must_use]
    pub fn list(&self) -> Vec<StreamView> {
        self.table().running.values().map(Running::view).collect()
    }

    /// Whether all sending threads run.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.table().sender.as_ref().is_some_and(Sender::runs)
    }

    /// Ends all streams and threads.
    pub fn stop(&self) {
        let sender = self.table().sender.take();
        if let Some(sender) = sender {
            sender.stop();
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn key(&self, id: &str) -> Option<StreamId> {
        id.parse().ok().filter(|id| self.running.contains_key(id))
    }

    fn material(&mut self, definition: &StreamDefinition) -> Result<Material, CreateError> {
        let file = match &definition.content {
            ContentDefinition::File(path) => Some(self.file(path)?),
            ContentDefinition::TestCard { .. } => None,
        };
        if let Some(file) = file
            .as_ref()
            .filter(|file| definition.proof && !file.has_room_for_proof())
        {
            return Err(FileError::NoRoomForProof(file.path().to_owned()).into());
        }
        Material::new(definition, file).ok_or(CreateError::Ended(Ended))
    }

    /// The file from memory, where a stream has it already.
    fn file(&mut self, path: &Path) -> Result<Arc<TsFile>, CreateError> {
        self.files.retain(|_, file| file.strong_count() > 0);
        if let Some(file) = self.files.get(path).and_then(Weak::upgrade) {
            return Ok(file);
        }
        if self.files.len() >= FILES_MAX {
            return Err(CreateError::TooManyFiles);
        }
        let file = Arc::new(TsFile::read(path)?);
        self.files.insert(path.to_owned(), Arc::downgrade(&file));
        Ok(file)
    }
}

impl Running {
    fn view(&self) -> StreamView {
        StreamView {
            definition: Arc::clone(&self.definition),
            faults: self.faults.clone(),
            counters: self.counters.values(),
        }
    }
}

/// The NIC and the source exist at this moment. Should they go later, the stream waits for them.
fn check_network(definition: &StreamDefinition) -> Result<(), CreateError> {
    let links = links().unwrap_or_default();
    let name = definition.interface.as_str();
    if !links.iter().any(|link| link.name == name) {
        let there: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
        return Err(CreateError::NoInterface {
            name: name.to_owned(),
            there: there.join(", "),
        });
    }
    let has = |link: &Link, source| link.addresses.iter().any(|own| own.address == source);
    match definition.source {
        // All of 127.0.0.0/8 is this host's.
        Some(source) if !source.is_loopback() && !links.iter().any(|link| has(link, source)) => {
            Err(CreateError::NoSource(source))
        }
        _ => Ok(()),
    }
}
