//! What etcd is to a real server: objects, one revision counter for all of them, and the history
//! from which watches and consistent pages are served until it is compacted.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;
use tokio::time::Instant;

use super::registry::{Kind, ResourceKey};

/// Namespace (empty for cluster-scoped) and name.
pub type ObjectKey = (String, String);

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Event {
    pub revision: u64,
    pub at: Instant,
    pub change: Change,
    pub key: ObjectKey,
    /// The object after the change; for a deletion its last state under the deletion's revision.
    pub object: Arc<Value>,
    pub before: Option<Arc<Value>>,
}

/// All objects of one resource.
#[derive(Debug, Default)]
pub struct Shelf {
    pub objects: BTreeMap<ObjectKey, Arc<Value>>,
    /// In order of revision.
    pub log: VecDeque<Event>,
    /// Revisions below this one are forgotten.
    pub floor: u64,
}

/// Everything that is stored.
#[derive(Debug)]
pub struct Store {
    revision: u64,
    shelves: BTreeMap<ResourceKey, Shelf>,
    /// How many objects of this key ever existed, so that a recreated one gets another uid.
    births: BTreeMap<(ResourceKey, ObjectKey), u64>,
}

impl Default for Store {
    fn default() -> Self {
        // A server that was just started has written a few hundred objects of its own.
        Self {
            revision: 300,
            shelves: BTreeMap::new(),
            births: BTreeMap::new(),
        }
    }
}

impl Shelf {
    /// The objects as they were at `revision`; `None` when that is forgotten.
    pub fn at(&self, revision: u64) -> Option<BTreeMap<ObjectKey, Arc<Value>>> {
        if revision < self.floor {
            return None;
        }
        let mut objects = self.objects.clone();
        for event in self
            .log
            .iter()
            .rev()
            .take_while(|event| event.revision > revision)
        {
            match &event.before {
                Some(before) => objects.insert(event.key.clone(), Arc::clone(before)),
                None => objects.remove(&event.key),
            };
        }
        Some(objects)
    }
}

impl Store {
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn shelf(&mut self, kind: &Kind) -> &mut Shelf {
        self.shelves
            .entry((kind.group.clone(), kind.plural.clone()))
            .or_default()
    }

    pub fn shelves(&self) -> impl Iterator<Item = (&ResourceKey, &Shelf)> {
        self.shelves.iter()
    }

    pub fn get(&self, kind: &Kind, key: &ObjectKey) -> Option<Arc<Value>> {
        let resource = (kind.group.clone(), kind.plural.clone());
        self.shelves
            .get(&resource)
            .and_then(|shelf| shelf.objects.get(key))
            .cloned()
    }

    /// The number that the next object with this key has among all that ever had it.
    pub fn next_birth(&self, kind: &Kind, key: &ObjectKey) -> u64 {
        let resource = (kind.group.clone(), kind.plural.clone());
        self.births
            .get(&(resource, key.clone()))
            .copied()
            .unwrap_or_default()
            + 1
    }

    /// Every object that was ever created: resource, key and how often.
    pub fn births(&self) -> &BTreeMap<(ResourceKey, ObjectKey), u64> {
        &self.births
    }

    /// Stores `object` under the next revision and returns it as stored.
    pub fn put(&mut self, kind: &Kind, key: &ObjectKey, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        let revision = self.revision;
        object["metadata"]["resourceVersion"] = revision.to_string().into();
        let object = Arc::new(object);
        let shelf = self.shelf(kind);
        let before = shelf.objects.insert(key.clone(), Arc::clone(&object));
        if before.is_none() {
            let resource = (kind.group.clone(), kind.plural.clone());
            *self.births.entry((resource, key.clone())).or_default() += 1;
        }
        let shelf = self
            .shelves
            .entry((kind.group.clone(), kind.plural.clone()))
            .or_default();
        shelf.log.push_back(Event {
            revision,
            at: Instant::now(),
            change: if before.is_some() {
                Change::Modified
            } else {
                Change::Added
            },
            key: key.clone(),
            object: Arc::clone(&object),
            before,
        });
        object
    }

    /// Removes an object; its last state carries the deletion's revision.
    pub fn remove(&mut self, kind: &Kind, key: &ObjectKey) -> Option<Arc<Value>> {
        let before = self.shelf(kind).objects.remove(key)?;
        self.revision += 1;
        let revision = self.revision;
        let mut last = Value::clone(&before);
        last["metadata"]["resourceVersion"] = revision.to_string().into();
        let object = Arc::new(last);
        self.shelf(kind).log.push_back(Event {
            revision,
            at: Instant::now(),
            change: Change::Deleted,
            key: key.clone(),
            object: Arc::clone(&object),
            before: Some(before),
        });
        Some(object)
    }

    /// Forgets all history: watches from before now end with 410.
    pub fn compact(&mut self) {
        let revision = self.revision;
        for shelf in self.shelves.values_mut() {
            shelf.log.clear();
            shelf.floor = revision;
        }
    }
}

/// The key of an object's metadata.
pub fn key_of(object: &Value) -> ObjectKey {
    let text = |field: &str| {
        object["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (text("namespace"), text("name"))
}

/// The revision an object carries.
pub fn revision_of(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
