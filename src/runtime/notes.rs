//! The latest notes of each object, for `skep why` and for whoever debugs.
//!
//! In memory: Events are the durable form. Holds no secret, because notes do not.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use super::{ControllerName, Key};
use crate::plan::Note;

/// What a controller has to say about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The object's kind.
    pub kind: String,
    /// The object.
    #[serde(flatten)]
    pub key: Key,
    /// The controller.
    pub controller: ControllerName,
    /// Its reasons, the most important first.
    pub notes: Vec<Note>,
    /// Since when they are these.
    pub since: Timestamp,
    /// When it looks again at the latest, if nothing rings before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// How often it failed in a row.
    pub failures: u32,
}

type Table = BTreeMap<(Key, ControllerName), Explanation>;

/// The latest notes of each object. Clones share them.
#[derive(Clone, Default)]
pub struct Notes {
    table: Arc<Mutex<Table>>,
}

impl std::fmt::Debug for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notes").finish_non_exhaustive()
    }
}

impl Notes {
    /// Replaces what a controller has to say; tells whether it says something else than before.
    pub(super) fn record(&self, explanation: Explanation) -> bool {
        let place = (explanation.key.clone(), explanation.controller);
        let mut table = self.table.lock();
        match table.get_mut(&place) {
            Some(before) if before.notes == explanation.notes => {
                let since = before.since;
                *before = Explanation {
                    since,
                    ..explanation
                };
                false
            }
            Some(_) | None => {
                table.insert(place, explanation);
                true
            }
        }
    }

    pub(super) fn forget(&self, key: &Key, controller: ControllerName) {
        self.table.lock().remove(&(key.clone(), controller));
    }

    /// Forgets all that a controller has said.
    pub(super) fn forget_all(&self, controller: ControllerName) {
        self.table.lock().retain(|(_, name), _| *name != controller);
    }

    /// What there is to say about the objects of a namespace, and of a name if one is given.
    pub fn about(&self, namespace: Option<&str>, name: Option<&str>) -> Vec<Explanation> {
        let table = self.table.lock();
        let wanted = |key: &Key| {
            namespace.is_none_or(|namespace| key.namespace == namespace)
                && name.is_none_or(|name| key.name == name)
        };
        table
            .values()
            .filter(|explanation| wanted(&explanation.key))
            .cloned()
            .collect()
    }
}
