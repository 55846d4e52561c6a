//! What is in a store: the map, its indexes, and what a list or an event makes of them. Plain data,
//! no locks and no bells.

use std::collections::{BTreeMap, BTreeSet};

use kube::Resource;
use kube::core::ObjectMeta;

use super::{Cause, Change, IndexName, IndexValues, OWNER};
use crate::runtime::{Guarded, Kind};

/// Namespace and name.
type Place = (String, String);

pub(super) struct Contents<K> {
    objects: BTreeMap<Place, Entry<K>>,
    uids: BTreeMap<String, Place>,
    index: BTreeMap<(IndexName, String), BTreeSet<Place>>,
    functions: Vec<(IndexName, IndexValues<K>)>,
    labels: Vec<IndexName>,
    listing: Option<Listing<K>>,
}

struct Entry<K> {
    object: Guarded<K>,
    /// Under what the indexes list it, to find it there again.
    values: BTreeSet<(IndexName, String)>,
}

/// A list that is not complete yet.
struct Listing<K> {
    objects: BTreeMap<Place, Guarded<K>>,
    /// What own writes brought meanwhile: newer than the list, whatever the versions say.
    written: BTreeSet<Place>,
}

impl<K: Kind> Contents<K> {
    pub(super) const fn new(
        functions: Vec<(IndexName, IndexValues<K>)>,
        labels: Vec<IndexName>,
    ) -> Self {
        Self {
            objects: BTreeMap::new(),
            uids: BTreeMap::new(),
            index: BTreeMap::new(),
            functions,
            labels,
            listing: None,
        }
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Guarded<K>> {
        let place = (namespace.to_owned(), name.to_owned());
        self.objects.get(&place).map(|entry| &entry.object)
    }

    pub(super) fn by_uid(&self, uid: &str) -> Option<&Guarded<K>> {
        self.objects
            .get(self.uids.get(uid)?)
            .map(|entry| &entry.object)
    }

    pub(super) fn indexed(
        &self,
        index: IndexName,
        value: &str,
    ) -> impl Iterator<Item = &Guarded<K>> {
        let places = self.index.get(&(index, value.to_owned()));
        places
            .into_iter()
            .flatten()
            .filter_map(|place| self.objects.get(place))
            .map(|e| &e.object)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Guarded<K>> {
        self.objects.values().map(|entry| &entry.object)
    }

    pub(super) fn apply(&mut self, object: Guarded<K>) -> Option<Change<K>> {
        let place = place_of(object.meta());
        let old = self.objects.get(&place).map(|entry| entry.object.clone());
        if let Some(old) = &old {
            // An own write is known before its event, so events may come that are older than what is
            // stored; the event of the write itself says nothing new.
            if !is_newer(object.meta(), old.meta()) {
                return None;
            }
        }
        let cause = cause_of(old.as_ref().map(Resource::meta), object.meta());
        self.insert(place, object.clone());
        Some(Change {
            old,
            new: Some(object),
            cause,
        })
    }

    pub(super) fn delete(&mut self, meta: &ObjectMeta) -> Option<Change<K>> {
        let place = place_of(meta);
        if self
            .objects
            .get(&place)
            .is_some_and(|entry| entry.object.meta().uid != meta.uid)
        {
            return None;
        }
        let old = self.remove(&place)?;
        Some(Change {
            old: Some(old),
            new: None,
            cause: Cause::Request,
        })
    }

    pub(super) fn put_written(&mut self, object: Guarded<K>) -> Option<Change<K>> {
        let place = place_of(object.meta());
        // What the watch does not show (any more) is not made to appear by a write.
        if self.objects.get(&place)?.object.meta().uid != object.meta().uid {
            return None;
        }
        if let Some(listing) = &mut self.listing {
            listing.written.insert(place);
        }
        self.apply(object)
    }

    pub(super) fn list_begins(&mut self) {
        self.listing = Some(Listing {
            objects: BTreeMap::new(),
            written: BTreeSet::new(),
        });
    }

    pub(super) fn listed(&mut self, object: Guarded<K>) {
        if let Some(listing) = &mut self.listing {
            listing.objects.insert(place_of(object.meta()), object);
        }
    }

    pub(super) fn list_ends(&mut self) -> Vec<Change<K>> {
        let Some(Listing {
            objects: listed,
            written,
        }) = self.listing.take()
        else {
            return Vec::new();
        };
        let vanished: Vec<Place> = self
            .objects
            .keys()
            .filter(|&place| !listed.contains_key(place) && !written.contains(place))
            .cloned()
            .collect();
        let mut changes = Vec::new();
        for place in vanished {
            let old = self.remove(&place);
            changes.push(Change {
                old,
                new: None,
                cause: Cause::Request,
            });
        }
        for (place, object) in listed {
            let old = self.objects.get(&place).map(|entry| entry.object.clone());
            let same = old.as_ref().is_some_and(|old| {
                old.meta().uid == object.meta().uid
                    && (old.meta().resource_version == object.meta().resource_version
                        || written.contains(&place))
            });
            if same {
                changes.push(Change {
                    new: old.clone(),
                    old,
                    cause: Cause::Relisted,
                });
            } else {
                let cause = cause_of(old.as_ref().map(Resource::meta), object.meta());
                self.insert(place, object.clone());
                changes.push(Change {
                    old,
                    new: Some(object),
                    cause,
                });
            }
        }
        changes
    }

    fn insert(&mut self, place: Place, object: Guarded<K>) {
        self.remove(&place);
        let values = self.values_of(&object);
        for value in &values {
            self.index
                .entry(value.clone())
                .or_default()
                .insert(place.clone());
        }
        if let Some(uid) = &object.meta().uid {
            self.uids.insert(uid.clone(), place.clone());
        }
        self.objects.insert(place, Entry { object, values });
    }

    fn remove(&mut self, place: &Place) -> Option<Guarded<K>> {
        let Entry { object, values } = self.objects.remove(place)?;
        for value in values {
            if let Some(places) = self.index.get_mut(&value) {
                places.remove(place);
                if places.is_empty() {
                    self.index.remove(&value);
                }
            }
        }
        if let Some(uid) = &object.meta().uid {
            self.uids.remove(uid);
        }
        Some(object)
    }

    fn values_of(&self, object: &Guarded<K>) -> BTreeSet<(IndexName, String)> {
        let meta = object.meta();
        let owners = meta
            .owner_references
            .iter()
            .flatten()
            .map(|owner| (OWNER, owner.uid.clone()));
        let labels = self
            .labels
            .iter()
            .filter_map(|&key| Some((key, meta.labels.as_ref()?.get(key)?.clone())));
        let mut values: BTreeSet<_> = owners.chain(labels).collect();
        if let Some(object) = object.decoded() {
            for (name, function) in &self.functions {
                values.extend(function(object).into_iter().map(|value| (*name, value)));
            }
        }
        values
    }
}

fn place_of(meta: &ObjectMeta) -> Place {
    (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    )
}

/// Whether an event shows a later state than the one that is stored.
///
/// Versions of one object are compared as numbers, which the API now promises; where they are not
/// numbers, an event counts as later unless it has the very same version.
fn is_newer(new: &ObjectMeta, old: &ObjectMeta) -> bool {
    if new.uid != old.uid {
        return true;
    }
    let number = |meta: &ObjectMeta| {
        meta.resource_version
            .as_deref()
            .and_then(|version| version.parse::<u128>().ok())
    };
    match (number(new), number(old)) {
        (Some(new), Some(old)) => new > old,
        _ => new.resource_version.is_none() || new.resource_version != old.resource_version,
    }
}

fn cause_of(old: Option<&ObjectMeta>, new: &ObjectMeta) -> Cause {
    let Some(old) = old else {
        return Cause::Request;
    };
    let asked = old.uid != new.uid
        || old.generation != new.generation
        || old.labels != new.labels
        || old.annotations != new.annotations
        || old.deletion_timestamp != new.deletion_timestamp
        || old.finalizers != new.finalizers
        || old.owner_references != new.owner_references;
    // Kinds without generations (ConfigMaps, Secrets) change by being asked only.
    if asked || new.generation.is_none() {
        Cause::Request
    } else {
        Cause::Report
    }
}
