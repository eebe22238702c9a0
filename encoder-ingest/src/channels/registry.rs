//! The channels in force: those of the channels file and those of operators; and the one way to
//! change them.
//!
//! A change is kept on disk first, then made visible, then run, then told. What runs is changed by
//! difference, so a channel that stays as it is notices nothing. Reading never waits for a change.
//!
//! A declared channel takes the id of an operator's: the operator's is kept, but hidden until the
//! file gives the id up. So nothing that was acknowledged is ever lost to an edit of the file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use common::api::event::EventDraft;
use common::document::{Mistake, MistakeCode};

use super::change::{ChangeError, Guard, Idle, changeable};
use super::difference::{ChannelSet, Difference};
use super::file::{self, ChannelsFile, Context, Known, Profiles};
use super::load::{Content, FileState, InForce, Loaded, declared_in};
use super::news::{self, Author};
use super::store::{Store, StoreError};
use crate::definition::{ChannelDefinition, ChannelId};
use crate::events::Events;

/// What the registry makes run. The data plane is the one; tests have another.
pub trait Runner: Send + Sync + fmt::Debug {
    /// Makes a channel run, or changes one that runs.
    fn apply(&self, definition: Arc<ChannelDefinition>);
    fn remove(&self, id: &ChannelId);
    /// Channels that run, but are not the registry's: on demand, renditions.
    fn others(&self) -> usize;
}

/// The registry.
#[derive(Debug)]
pub struct Registry {
    runner: Arc<dyn Runner>,
    events: Arc<Events>,
    node_name: String,
    channels_max: usize,
    file: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    in_force: ArcSwap<InForce>,
    file_state: ArcSwap<FileState>,
    writable: AtomicBool,
    /// The channels file as it was read at the start, until somebody goes on from there.
    seen: Mutex<Option<Content>>,
    /// Held by whoever makes a change, from the first look to the event.
    change: Mutex<Option<Store>>,
}

impl Registry {
    /// Puts what was loaded into force.
    #[must_use]
    pub fn start(loaded: Loaded, runner: Arc<dyn Runner>, events: Arc<Events>) -> Self {
        let Loaded {
            options,
            store,
            in_force,
            file_state,
            seen,
        } = loaded;
        let registry = Self {
            runner,
            events,
            node_name: options.node_name,
            channels_max: options.channels_max,
            file: options.file,
            state_dir: options.state_dir,
            in_force: ArcSwap::from_pointee(InForce::default()),
            file_state: ArcSwap::from_pointee(FileState::default()),
            writable: AtomicBool::new(true),
            seen: Mutex::new(seen),
            change: Mutex::new(store),
        };
        let difference = Difference::between(&ChannelSet::new(), &in_force.all);
        registry.run(&ChannelSet::new(), &in_force.all);
        registry.in_force.store(Arc::new(in_force));
        if registry.file.is_some() && file_state.mistakes.is_empty() {
            registry.publish(news::file_applied(&difference));
        }
        registry.file_state.store(Arc::new(file_state));
        registry.tell_if_refused();
        registry
    }

    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    #[must_use]
    pub fn file_state(&self) -> Arc<FileState> {
        self.file_state.load_full()
    }

    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where operator channels are kept; none: in memory alone.
    #[must_use]
    pub fn state_dir(&self) -> Option<&Path> {
        self.state_dir.as_deref()
    }

    /// A file could be made in the state folder when that was last tried.
    #[must_use]
    pub fn state_dir_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    pub(super) fn take_seen(&self) -> Option<Content> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.take()
    }

    /// Tries to make a file in the state folder. Blocks.
    pub fn probe_state_dir(&self) {
        let change = self.change();
        let Some(store) = change.as_ref() else { return };
        let now = store.probe();
        let before = self.writable.swap(now.is_ok(), Ordering::Relaxed);
        match now {
            Err(error) if before => {
                tracing::error!(folder = %store.folder().display(), %error, "the state folder can't be written");
            }
            Ok(()) if !before => {
                tracing::info!(folder = %store.folder().display(), "the state folder can be written again");
            }
            _ => {}
        }
    }

    /// One more channel fits below `--max-channels`.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_force.load().all.len() + self.runner.others() < self.channels_max
    }

    #[must_use]
    pub fn channels_max(&self) -> usize {
        self.channels_max
    }

    /// Why a channel that is in force does not run; none: it does.
    #[must_use]
    pub fn idle(&self, channel: &ChannelDefinition) -> Option<Idle> {
        if !channel.enabled {
            return Some(Idle::Disabled);
        }
        let ours = file::is_for(channel, &self.node_name);
        (!ours).then(|| Idle::OtherIngest {
            ingests: channel.ingests.as_deref().unwrap_or_default().join(", "),
            ingest: self.node_name.clone(),
        })
    }

    /// What bodies are read with.
    #[must_use]
    pub fn context<'a>(&self, in_force: &'a InForce) -> Context<'a> {
        Context {
            origin: common::api::channel::Origin::Operator,
            profiles: Known::Those(&in_force.profiles),
            channels_max: self.channels_max,
        }
    }

    /// Makes an operator channel. Blocks until it is kept.
    ///
    /// # Errors
    /// When the id is taken, there are too many channels, or it can't be kept.
    pub fn create(
        &self,
        channel: ChannelDefinition,
        author: &Author,
    ) -> Result<Arc<ChannelDefinition>, ChangeError> {
        let change = self.change();
        let now = self.in_force();
        if now.all.contains_key(&channel.id) {
            return Err(ChangeError::Exists(channel.id));
        }
        let channel = Arc::new(channel);
        let mut operator = now.operator.clone();
        operator.insert(channel.id.clone(), Arc::clone(&channel));
        self.commit(&change, &now, operator, author)?;
        Ok(channel)
    }

    /// Replaces an operator channel. Blocks until it is kept.
    ///
    /// # Errors
    /// When there is none of that id, it is declared, `guard` forbids it, or it can't be kept.
    pub fn replace(
        &self,
        channel: ChannelDefinition,
        guard: Guard<'_>,
        author: &Author,
    ) -> Result<Arc<ChannelDefinition>, ChangeError> {
        let change = self.change();
        let now = self.in_force();
        changeable(&now, &channel.id, guard)?;
        let channel = Arc::new(channel);
        let mut operator = now.operator.clone();
        operator.insert(channel.id.clone(), Arc::clone(&channel));
        self.commit(&change, &now, operator, author)?;
        Ok(channel)
    }

    /// Removes an operator channel and closes its viewers. Blocks until that is kept.
    ///
    /// # Errors
    /// As [`Registry::replace`].
    pub fn remove(
        &self,
        id: &ChannelId,
        guard: Guard<'_>,
        author: &Author,
    ) -> Result<(), ChangeError> {
        let change = self.change();
        let now = self.in_force();
        changeable(&now, id, guard)?;
        let mut operator = now.operator.clone();
        operator.remove(id);
        self.commit(&change, &now, operator, author)
    }

    /// Makes `file` the whole set of operator channels, or only says what that would change. Its
    /// channels for other ingests are passed over, as in the channels file. Blocks.
    ///
    /// # Errors
    /// When it has a declared channel's id, too many channels, or can't be kept.
    pub fn apply(
        &self,
        file: ChannelsFile,
        dry_run: bool,
        author: &Author,
    ) -> Result<Difference, ChangeError> {
        let change = self.change();
        let now = self.in_force();
        let operator = self.ours(file);
        let declared = operator.keys().filter(|id| now.declared.contains_key(*id));
        let declared: Vec<ChannelId> = declared.cloned().collect();
        if !declared.is_empty() {
            return Err(ChangeError::Declared(declared));
        }
        let difference = Difference::between(&now.operator, &operator);
        if dry_run {
            let next = InForce::new(now.declared.clone(), operator, Profiles::new());
            self.check_room(&now, &next)?;
        } else {
            self.commit(&change, &now, operator, author)?;
        }
        Ok(difference)
    }

    /// Takes the channels file as it is now. A wrong one changes nothing but what is said of it.
    /// Blocks.
    pub fn reload(&self, content: &Content) {
        let change = self.change();
        let now = self.in_force();
        let read = content
            .bytes()
            .and_then(|bytes| Ok((bytes, declared_in(bytes, self.channels_max)?)))
            .and_then(|(bytes, file)| {
                let profiles = file.profiles.clone();
                let next = InForce::new(self.ours(file), now.operator.clone(), profiles);
                self.check_room(&now, &next).map_err(|error| {
                    vec![Mistake::new(MistakeCode::TooLarge, error.to_string())]
                })?;
                Ok((bytes, next))
            });
        match read {
            Ok((bytes, next)) => {
                let difference = self.put_in_force(&now, next, &Author::default());
                self.file_state.store(Arc::new(FileState::default()));
                self.keep_last_good(change.as_ref(), bytes);
                self.publish(news::file_applied(&difference));
            }
            Err(mistakes) => {
                let last_good = self.file_state.load().last_good;
                let state = FileState {
                    mistakes,
                    last_good,
                };
                self.file_state.store(Arc::new(state));
                self.tell_if_refused();
            }
        }
    }

    fn commit(
        &self,
        change: &MutexGuard<'_, Option<Store>>,
        now: &InForce,
        operator: ChannelSet,
        author: &Author,
    ) -> Result<(), ChangeError> {
        if operator == now.operator {
            return Ok(());
        }
        let next = InForce::new(now.declared.clone(), operator, now.profiles.clone());
        self.check_room(now, &next)?;
        if let Some(store) = change.as_ref() {
            let saved = store.save(&next.operator);
            let failed = matches!(saved, Err(StoreError::Write { .. }));
            self.writable.store(!failed, Ordering::Relaxed);
            saved?;
        }
        self.put_in_force(now, next, author);
        Ok(())
    }

    /// A set that does not grow is always taken: who is above a lowered limit can still shrink.
    fn check_room(&self, now: &InForce, next: &InForce) -> Result<(), ChangeError> {
        let full = next.all.len() + self.runner.others() > self.channels_max;
        if full && next.all.len() > now.all.len() {
            return Err(ChangeError::TooMany(self.channels_max));
        }
        Ok(())
    }

    fn put_in_force(&self, now: &InForce, next: InForce, author: &Author) -> Difference {
        let difference = Difference::between(&now.all, &next.all);
        let next = Arc::new(next);
        self.in_force.store(Arc::clone(&next));
        self.run(&now.all, &next.all);
        for draft in news::of_difference(&difference, author) {
            self.publish(draft);
        }
        difference
    }

    fn run(&self, old: &ChannelSet, new: &ChannelSet) {
        let difference = Difference::between(&self.running(old), &self.running(new));
        for channel in &difference.removed {
            self.runner.remove(&channel.id);
        }
        let changed = difference.changed.into_iter().map(|change| change.new);
        for channel in changed.chain(difference.added) {
            self.runner.apply(channel);
        }
    }

    fn running(&self, channels: &ChannelSet) -> ChannelSet {
        let runs = |channel: &ChannelDefinition| self.idle(channel).is_none();
        let running = channels.iter().filter(|(_, channel)| runs(channel));
        running
            .map(|(id, channel)| (id.clone(), Arc::clone(channel)))
            .collect()
    }

    fn ours(&self, file: ChannelsFile) -> ChannelSet {
        file.channels_for(&self.node_name)
    }

    fn keep_last_good(&self, store: Option<&Store>, bytes: &[u8]) {
        if let Some(Err(error)) = store.map(|store| store.save_last_good(bytes)) {
            self.writable.store(false, Ordering::Relaxed);
            tracing::error!(%error, "the channels file is in force, but no copy of it is kept");
        }
    }

    fn tell_if_refused(&self) {
        let state = self.file_state();
        let file = self.file.as_deref().unwrap_or(Path::new(""));
        for mistake in &state.mistakes {
            tracing::error!(file = %file.display(), "{mistake}");
        }
        if let Some(first) = state.mistakes.first() {
            self.publish(news::file_refused(file, first, state.mistakes.len()));
        }
    }

    fn publish(&self, draft: EventDraft) {
        let event = self.events.publish(draft);
        let actor = event.actor.as_deref().unwrap_or_default();
        tracing::info!(id = event.id, actor, "{}", event.detail);
    }

    fn change(&self) -> MutexGuard<'_, Option<Store>> {
        // A panic between two statements leaves disk and memory each whole: the next change works.
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
