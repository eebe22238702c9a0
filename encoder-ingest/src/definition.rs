//! What a channel should be: the parsed form of a definition, from the file or the API.
//!
//! Nothing here is checked again: a value of these types is valid.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use common::api::channel::{ChannelDocument, InputDocument, Origin, Scrambled, SlowViewer};
use common::document::{Explained, MistakeCode};
use common::group::ChannelUrl;
use common::id::is_id;

use crate::nics::InterfaceSelector;

/// `[a-z0-9][a-z0-9_-]{0,62}`; ids that the ingest makes itself (on demand, renditions) have dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(String);

/// Why a text can't be the id of a channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} can't be a channel id: use a-z, 0-9, \"_\" and \"-\", at most 63 characters, first a letter or digit"
)]
pub struct ChannelIdError(String);

impl Explained for ChannelIdError {
    fn code(&self) -> MistakeCode {
        MistakeCode::BadId
    }
}

/// One leg of a channel: what to join, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputDefinition {
    pub url: ChannelUrl,
    /// None: the ingest's default NIC.
    pub interface: Option<InterfaceSelector>,
}

/// A channel as an operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelDefinition {
    pub id: ChannelId,
    pub origin: Origin,
    pub name: String,
    /// Never empty, but for renditions.
    pub inputs: Vec<InputDefinition>,
    pub slow_viewer: SlowViewer,
    pub renditions: Vec<String>,
    pub ingests: Option<Vec<String>>,
    pub enabled: bool,
    pub number: Option<u32>,
    pub group: Option<String>,
    pub logo: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub program: Option<u16>,
    pub scrambled: Option<Scrambled>,
}

impl ChannelId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An id that the ingest itself makes; `text` may hold dots.
    #[must_use]
    pub fn made(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for ChannelId {
    type Err = ChannelIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_id(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ChannelIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ChannelDefinition {
    /// The channel that a rendition is made from; none: it is no rendition.
    #[must_use]
    pub fn parent(&self) -> Option<ChannelId> {
        let (parent, _) = self.id.0.split_once('.')?;
        (self.origin == Origin::Rendition).then(|| ChannelId(parent.to_owned()))
    }

    /// The definition in the API's form.
    #[must_use]
    pub fn document(&self) -> ChannelDocument {
        let input = |input: &InputDefinition| InputDocument {
            url: input.url.to_string(),
            interface: input.interface.as_ref().map(ToString::to_string),
        };
        ChannelDocument {
            id: self.id.to_string(),
            name: self.name.clone(),
            inputs: self.inputs.iter().map(input).collect(),
            slow_viewer: self.slow_viewer,
            renditions: self.renditions.clone(),
            ingests: self.ingests.clone(),
            enabled: self.enabled,
            number: self.number,
            group: self.group.clone(),
            logo: self.logo.clone(),
            labels: self.labels.clone(),
            program: self.program,
            scrambled: self.scrambled,
        }
    }
}
