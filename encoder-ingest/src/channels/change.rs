//! What hinders a channel from running, and an operator from changing it. Pure.

use std::collections::BTreeMap;

use super::load::InForce;
use super::store::StoreError;
use crate::definition::{ChannelDefinition, ChannelId};
use crate::limits::STORE_BYTES_MAX;

/// Why a channel that is in force does not run on this ingest. The text is for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Idle {
    #[error("the channel is disabled: set enabled to true")]
    Disabled,
    #[error("the channel is for ingest {ingests} only; this one is {ingest}")]
    OtherIngest { ingests: String, ingest: String },
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("there is no channel {0}")]
    NotFound(ChannelId),
    #[error("there is a channel {0} already")]
    Exists(ChannelId),
    #[error("{} declared in the channels file: change the file", listed(.0))]
    Declared(Vec<ChannelId>),
    /// On demand, or a rendition.
    #[error("channel {0} was made by the ingest itself and can't be changed")]
    MadeHere(ChannelId),
    #[error("channel {0} has changed since it was read: read it again")]
    Revision(ChannelId),
    #[error("there may be {0} channels (--max-channels): remove one, or raise the limit")]
    TooMany(usize),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// The facts in the text, for a user interface that speaks another language.
    #[must_use]
    pub fn params(&self) -> BTreeMap<String, String> {
        let facts = match self {
            Self::NotFound(id) | Self::Exists(id) | Self::MadeHere(id) | Self::Revision(id) => {
                vec![("channel", id.to_string())]
            }
            Self::Declared(ids) => vec![("channels", names(ids).join(", "))],
            Self::TooMany(max) => vec![("max", max.to_string())],
            Self::Store(StoreError::TooLarge(bytes)) => vec![
                ("bytes", bytes.to_string()),
                ("max_bytes", STORE_BYTES_MAX.to_string()),
            ],
            Self::Store(error) => vec![("cause", common::chain(error))],
        };
        let facts = facts.into_iter();
        facts.map(|(name, fact)| (name.to_owned(), fact)).collect()
    }
}

/// A condition on the channel that is changed, looked at when nobody else can change it.
pub type Guard<'a> = &'a dyn Fn(&ChannelDefinition) -> bool;

/// Whether an operator may change or remove the channel `id`.
pub(super) fn changeable(
    now: &InForce,
    id: &ChannelId,
    guard: Guard<'_>,
) -> Result<(), ChangeError> {
    if now.declared.contains_key(id) {
        return Err(ChangeError::Declared(vec![id.clone()]));
    }
    match now.operator.get(id) {
        None => Err(ChangeError::NotFound(id.clone())),
        Some(channel) if !guard(channel) => Err(ChangeError::Revision(id.clone())),
        Some(_) => Ok(()),
    }
}

fn listed(ids: &[ChannelId]) -> String {
    match names(ids).as_slice() {
        [one] => format!("channel {one} is"),
        many => format!("channels {} are", many.join(", ")),
    }
}

fn names(ids: &[ChannelId]) -> Vec<&str> {
    ids.iter().map(ChannelId::as_str).collect()
}
