//! What is told of a change: the events of a difference, and of the channels file. Pure.

use std::path::Path;

use common::api::event::{EventDraft, EventKind};
use common::document::Mistake;
use serde_json::{Value, json};

use super::difference::Difference;
use crate::definition::ChannelId;

/// Who makes a change; nobody: the channels file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// `token/NAME`.
    pub actor: Option<String>,
    pub address: Option<String>,
}

/// One event for each channel that was added, changed or removed.
pub(super) fn of_difference<'a>(
    difference: &'a Difference,
    author: &'a Author,
) -> impl Iterator<Item = EventDraft> + 'a {
    // Nobody: the channels file.
    let reason = match author.actor {
        Some(_) => "operator",
        None => "channels_file",
    };
    let draft = move |kind, id: &ChannelId, detail: String, difference: Value| EventDraft {
        actor: author.actor.clone(),
        address: author.address.clone(),
        difference: Some(difference),
        ..EventDraft::new(kind, detail)
            .channel(id.as_str())
            .reason(reason)
    };
    let added = difference.added.iter().map(move |channel| {
        let detail = format!("channel {} was added", channel.id);
        let shown = json!({ "added": channel.document() });
        draft(EventKind::ChannelAdded, &channel.id, detail, shown).param("name", &channel.name)
    });
    let changed = difference.changed.iter().map(move |change| {
        let id = &change.new.id;
        let fields = change.fields();
        let names = fields.as_object().into_iter().flat_map(|one| one.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        let names = names.join(", ");
        let detail = format!("channel {id} was changed: {names}");
        draft(EventKind::ChannelChanged, id, detail, fields)
            .param("name", &change.new.name)
            .param("fields", names)
    });
    let removed = difference.removed.iter().map(move |channel| {
        let detail = format!("channel {} was removed", channel.id);
        let shown = json!({ "removed": channel.document() });
        draft(EventKind::ChannelRemoved, &channel.id, detail, shown).param("name", &channel.name)
    });
    added.chain(changed).chain(removed)
}

pub(super) fn file_applied(difference: &Difference) -> EventDraft {
    let document = difference.document();
    let (added, changed) = (document.added.len(), document.changed.len());
    let removed = document.removed.len();
    let detail = format!(
        "the channels file is in force: {added} added, {changed} changed, {removed} removed"
    );
    EventDraft {
        difference: serde_json::to_value(document).ok(),
        ..EventDraft::new(EventKind::ConfigApplied, detail)
            .reason("config_applied")
            .param("added", added)
            .param("changed", changed)
            .param("removed", removed)
    }
}

pub(super) fn file_refused(file: &Path, first: &Mistake, count: usize) -> EventDraft {
    let file = file.display().to_string();
    let more = match count {
        1 => "a mistake".to_owned(),
        _ => format!("{count} mistakes"),
    };
    let detail = format!(
        "the channels file {file} has {more}, so the one before stays in force; the first: {first}"
    );
    let params = [("file", file), ("mistakes", count.to_string())];
    EventDraft {
        reason: Some("config_refused".to_owned()),
        params: params.map(|(name, value)| (name.to_owned(), value)).into(),
        ..EventDraft::new(EventKind::ConfigRefused, detail)
    }
}
