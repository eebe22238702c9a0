//! What changes from one set of channels to another. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::definition::{ChannelDefinition, ChannelId};

/// Channels by id.
pub type ChannelSet = BTreeMap<ChannelId, Arc<ChannelDefinition>>;

/// What to do to turn one set into another. Channels that stay as they are do not occur in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    pub added: Vec<Arc<ChannelDefinition>>,
    pub changed: Vec<Change>,
    pub removed: Vec<Arc<ChannelDefinition>>,
}

/// A channel before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub old: Arc<ChannelDefinition>,
    pub new: Arc<ChannelDefinition>,
}

/// A difference as the API shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct DifferenceDocument {
    /// Ids.
    pub added: Vec<String>,
    /// Ids.
    pub changed: Vec<String>,
    /// Ids.
    pub removed: Vec<String>,
    /// For each changed channel its fields with old and new value.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub changes: BTreeMap<String, Value>,
}

impl Difference {
    /// What turns `old` into `new`.
    #[must_use]
    pub fn between(old: &ChannelSet, new: &ChannelSet) -> Self {
        let mut difference = Self::default();
        for (id, new) in new {
            match old.get(id) {
                None => difference.added.push(Arc::clone(new)),
                Some(old) if old != new => difference.changed.push(Change {
                    old: Arc::clone(old),
                    new: Arc::clone(new),
                }),
                Some(_) => {}
            }
        }
        let gone = old.iter().filter(|(id, _)| !new.contains_key(*id));
        difference
            .removed
            .extend(gone.map(|(_, old)| Arc::clone(old)));
        difference
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    #[must_use]
    pub fn document(&self) -> DifferenceDocument {
        let ids = |channels: &[Arc<ChannelDefinition>]| {
            channels.iter().map(|one| one.id.to_string()).collect()
        };
        DifferenceDocument {
            added: ids(&self.added),
            changed: self
                .changed
                .iter()
                .map(|one| one.new.id.to_string())
                .collect(),
            removed: ids(&self.removed),
            changes: self
                .changed
                .iter()
                .map(|one| (one.new.id.to_string(), one.fields()))
                .collect(),
        }
    }
}

impl Change {
    /// The fields that differ: `{"name": {"old": "A", "new": "B"}}`.
    #[must_use]
    pub fn fields(&self) -> Value {
        let (old, new) = (shown(&self.old), shown(&self.new));
        let mut fields = Map::new();
        let keys = old
            .keys()
            .chain(new.keys().filter(|key| !old.contains_key(*key)));
        for key in keys {
            let (old, new) = (old.get(key), new.get(key));
            if old != new {
                fields.insert(key.clone(), json!({"old": old, "new": new}));
            }
        }
        Value::Object(fields)
    }
}

fn shown(channel: &ChannelDefinition) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(channel.document()) {
        Ok(Value::Object(fields)) => fields,
        // A document is a struct of texts, numbers and lists: it is always an object.
        _ => Map::new(),
    };
    fields.insert("origin".to_owned(), json!(channel.origin));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::file::{Context, Known, read_channel};
    use common::api::channel::Origin;
    use proptest::prelude::*;

    fn channel(id: &str, group: u8, name: &str) -> Arc<ChannelDefinition> {
        let body = json!({"id": id, "name": name, "inputs": [{"url": format!("udp://239.1.1.{group}:5000")}]});
        let context = Context {
            origin: Origin::Operator,
            profiles: Known::Any,
            channels_max: 1,
        };
        Arc::new(read_channel(body.to_string().as_bytes(), None, context).expect("valid"))
    }

    fn set(channels: &BTreeMap<u8, (u8, u8)>) -> ChannelSet {
        let one = |(id, (group, name)): (&u8, &(u8, u8))| {
            channel(&format!("c{id}"), *group, &format!("n{name}"))
        };
        let channels = channels.iter().map(one);
        channels
            .map(|channel| (channel.id.clone(), channel))
            .collect()
    }

    /// Does what a difference says, as the registry does.
    fn apply(difference: &Difference, to: &ChannelSet) -> ChannelSet {
        let mut to = to.clone();
        for channel in &difference.removed {
            assert!(
                to.remove(&channel.id).is_some(),
                "removed what is not there"
            );
        }
        for change in &difference.changed {
            let before = to.insert(change.new.id.clone(), Arc::clone(&change.new));
            assert_eq!(before.as_ref(), Some(&change.old));
        }
        for channel in &difference.added {
            let before = to.insert(channel.id.clone(), Arc::clone(channel));
            assert_eq!(before, None, "added what was there");
        }
        to
    }

    #[test]
    fn a_change_names_its_fields() {
        let change = Change {
            old: channel("a", 1, "A"),
            new: channel("a", 2, "A"),
        };
        let url = |group: u8| json!([{"url": format!("udp://239.1.1.{group}:5000")}]);
        assert_eq!(
            change.fields(),
            json!({"inputs": {"old": url(1), "new": url(2)}})
        );
    }

    prop_compose! {
        fn any_set()(channels in proptest::collection::btree_map(0..6_u8, (1..3_u8, 0..2_u8), 0..6)) -> ChannelSet {
            set(&channels)
        }
    }

    proptest! {
        #[test]
        fn applied_to_the_old_it_gives_the_new(old in any_set(), new in any_set()) {
            let difference = Difference::between(&old, &new);
            prop_assert_eq!(&apply(&difference, &old), &new);
            prop_assert_eq!(difference.is_empty(), old == new);
        }

        #[test]
        fn what_stays_is_not_mentioned(old in any_set(), new in any_set()) {
            let document = Difference::between(&old, &new).document();
            let mentioned: Vec<&String> = document.added.iter().chain(&document.changed).chain(&document.removed).collect();
            for (id, channel) in &old {
                let same = new.get(id) == Some(channel);
                let named = mentioned.iter().filter(|name| name.as_str() == id.as_str()).count();
                prop_assert_eq!(named, usize::from(!same));
            }
        }
    }
}
