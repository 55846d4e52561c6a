//! A store against what the API server would answer, through any mixture of events, lost events,
//! lists and own writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;
use kube::core::ObjectMeta;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::{Cause, Change, Store, StoreOptions};
use crate::runtime::{Guarded, Key, Undecodable};

const LABEL: &str = "colour";

fn object(name: u8, uid: u64, version: u64, colour: u8) -> Guarded<ConfigMap> {
    let metadata = ObjectMeta {
        namespace: Some("n".to_owned()),
        name: Some(format!("o{name}")),
        uid: Some(format!("u{uid}")),
        resource_version: Some(version.to_string()),
        labels: Some([(LABEL.to_owned(), format!("c{colour}"))].into()),
        ..ObjectMeta::default()
    };
    Guarded(Ok(Arc::new(ConfigMap {
        metadata,
        ..ConfigMap::default()
    })))
}

fn version_of(object: &Guarded<ConfigMap>) -> (Option<String>, Option<String>) {
    let meta = object.meta();
    (meta.uid.clone(), meta.resource_version.clone())
}

#[test]
fn where_objects_are_only_told_about_nothing_else_is_kept() {
    let spoilt = |version| {
        let undecodable = Undecodable {
            meta: object(1, 1, version, 0).meta().clone(),
            error: "a list instead of an object".to_owned(),
        };
        Guarded(Err(Arc::new(undecodable)))
    };
    let store: Store<ConfigMap> = Store::new(StoreOptions::default().undecodable_only());
    store.list_begins();
    store.listed(spoilt(1));
    store.listed(object(2, 2, 1, 0));
    store.list_ends();
    assert!(store.is_synced());
    store.apply(object(3, 3, 2, 0));
    assert_eq!((store.entries().len(), store.undecodable()), (1, 1));
    store.apply(object(1, 1, 3, 0));
    assert_eq!(store.entries().len(), 0, "it was mended");
    store.apply(spoilt(4));
    assert_eq!(store.undecodable(), 1);
    store.delete(&object(1, 1, 5, 0));
    assert_eq!(store.entries().len(), 0);
}

#[test]
fn an_index_follows_its_objects() {
    let options = StoreOptions::default()
        .label(LABEL)
        .index("first", |map: &ConfigMap| {
            map.metadata
                .name
                .iter()
                .filter_map(|name| name.chars().next())
                .map(String::from)
                .collect()
        });
    let store: Store<ConfigMap> = Store::new(options);
    store.apply(object(1, 1, 1, 1));
    store.apply(object(2, 2, 2, 1));
    assert_eq!(store.labelled("n", LABEL, "c1").len(), 2);
    assert_eq!(store.labelled("m", LABEL, "c1").len(), 0);
    assert_eq!(store.indexed("first", "o").len(), 2);
    store.apply(object(1, 1, 3, 2));
    assert_eq!(store.indexed(LABEL, "c1").len(), 1);
    store.delete(&object(1, 1, 4, 2));
    assert!(store.indexed(LABEL, "c2").is_empty());
    assert!(store.by_uid("u1").is_none() && store.by_uid("u2").is_some());
}

#[test]
fn what_vanished_during_an_interruption_rings_and_so_does_what_is_listed() {
    let store: Store<ConfigMap> = Store::new(StoreOptions::default());
    store.apply(object(1, 1, 1, 1));
    store.apply(object(2, 2, 2, 1));
    let rung = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&rung);
    store.on_change(move |change: &Change<ConfigMap>| {
        let name = change.metas().next().and_then(|meta| meta.name.clone());
        seen.lock()
            .push((name.unwrap_or_default(), change.new.is_some(), change.cause));
    });
    store.list_begins();
    store.listed(object(2, 2, 2, 1));
    store.listed(object(3, 3, 9, 1));
    assert!(
        rung.lock().is_empty(),
        "nothing rings before the list is complete"
    );
    assert!(
        store.get("n", "o1").is_some(),
        "nor is anything gone before"
    );
    store.list_ends();
    let expected = [
        ("o1".to_owned(), false, Cause::Request),
        ("o2".to_owned(), true, Cause::Relisted),
        ("o3".to_owned(), true, Cause::Request),
    ];
    assert_eq!(*rung.lock(), expected);
    assert!(store.is_synced());
}

#[test]
fn an_own_write_is_known_ahead_and_older_events_do_not_undo_it() {
    let store: Store<ConfigMap> = Store::new(StoreOptions::default());
    store.apply(object(1, 1, 10, 1));
    let written = object(1, 1, 12, 2);
    if let Guarded(Ok(written)) = &written {
        store.put_written(Arc::clone(written));
    }
    store.apply(object(1, 1, 11, 1));
    assert_eq!(
        store.entry("n", "o1").map(|entry| version_of(&entry)),
        Some(version_of(&written))
    );
    // A list is the truth, even one of an API server that was restored from a backup.
    store.list_begins();
    store.listed(object(1, 1, 5, 1));
    store.list_ends();
    let version = store
        .entry("n", "o1")
        .and_then(|entry| version_of(&entry).1);
    assert_eq!(version.as_deref(), Some("5"));
    // What is gone is not brought back by an answer that was long under way.
    store.delete(&object(1, 1, 6, 1));
    if let Guarded(Ok(written)) = written {
        store.put_written(written);
    }
    assert!(store.get("n", "o1").is_none());
}

#[derive(Clone, Debug)]
enum Op {
    /// The server changes or creates an object; the watch shows it, or not.
    Change {
        name: u8,
        colour: u8,
        shown: bool,
    },
    Delete {
        name: u8,
        shown: bool,
    },
    /// This process changes an object; the watch shows it later, or not.
    Write {
        name: u8,
        colour: u8,
        shown: bool,
    },
    /// The watch begins anew.
    Relist,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0u8..5, 0u8..3, any::<bool>())
            .prop_map(|(name, colour, shown)| Op::Change { name, colour, shown }),
        2 => (0u8..5, any::<bool>()).prop_map(|(name, shown)| Op::Delete { name, shown }),
        2 => (0u8..5, 0u8..3, any::<bool>())
            .prop_map(|(name, colour, shown)| Op::Write { name, colour, shown }),
        1 => Just(Op::Relist),
    ]
}

proptest! {
    #[test]
    fn after_a_list_the_store_is_the_server_and_every_difference_has_rung(
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let store: Store<ConfigMap> = Store::new(StoreOptions::default().label(LABEL));
        // Who listens to the bells alone knows the same as the store.
        let heard: Arc<Mutex<BTreeMap<Key, Option<String>>>> = Arc::default();
        let ear = Arc::clone(&heard);
        store.on_change(move |change: &Change<ConfigMap>| {
            let mut heard = ear.lock();
            if let Some(old) = &change.old {
                heard.remove(&Key::of(old));
            }
            if let Some(new) = &change.new {
                heard.insert(Key::of(new), new.meta().resource_version.clone());
            }
        });
        let mut server: BTreeMap<u8, (u64, u64, u8)> = BTreeMap::new();
        let (mut version, mut uid) = (0, 0);
        let relist = |server: &BTreeMap<u8, (u64, u64, u8)>| {
            store.list_begins();
            for (name, (uid, version, colour)) in server {
                store.listed(object(*name, *uid, *version, *colour));
            }
            store.list_ends();
        };
        for op in ops.into_iter().chain([Op::Relist]) {
            version += 1;
            match op {
                Op::Change { name, colour, shown } => {
                    let entry = server.entry(name).or_insert_with(|| { uid += 1; (uid, 0, 0) });
                    *entry = (entry.0, version, colour);
                    if shown {
                        store.apply(object(name, entry.0, version, colour));
                    }
                }
                Op::Delete { name, shown } => {
                    let gone = server.remove(&name);
                    if let Some((uid, _, colour)) = gone.filter(|_| shown) {
                        store.delete(&object(name, uid, version, colour));
                    }
                }
                Op::Write { name, colour, shown } => {
                    let Some(entry) = server.get_mut(&name) else { continue };
                    *entry = (entry.0, version, colour);
                    let written = object(name, entry.0, version, colour);
                    if let Guarded(Ok(object)) = &written {
                        store.put_written(Arc::clone(object));
                    }
                    if shown {
                        store.apply(written);
                    }
                }
                Op::Relist => {
                    relist(&server);
                    let stored: Vec<_> = store.entries().iter().map(version_of).collect();
                    let expected: Vec<_> = server
                        .values()
                        .map(|(uid, version, _)| {
                            (Some(format!("u{uid}")), Some(version.to_string()))
                        })
                        .collect();
                    prop_assert_eq!(stored, expected);
                    for colour in 0..3_u8 {
                        let found: BTreeSet<_> = store
                            .indexed(LABEL, &format!("c{colour}"))
                            .iter()
                            .filter_map(|object| object.metadata.name.clone())
                            .collect();
                        let expected: BTreeSet<_> = server
                            .iter()
                            .filter(|(_, (_, _, of))| *of == colour)
                            .map(|(name, _)| format!("o{name}"))
                            .collect();
                        prop_assert_eq!(found, expected);
                    }
                }
            }
            let known: BTreeMap<_, _> = store
                .entries()
                .iter()
                .map(|entry| (Key::of(entry), entry.meta().resource_version.clone()))
                .collect();
            prop_assert_eq!(&*heard.lock(), &known);
        }
    }
}
