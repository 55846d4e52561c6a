//! What kube-controller-manager does to every object: garbage collection by owner references and
//! the emptying of namespaces that are being deleted. Both only read the store here and say which
//! requests are due; an actor sends them, so they interleave with everything else.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    ApiServer,
    registry::Kind,
    store::ObjectKey,
    validate::finalizers,
    verbs::{self, Core, FOREGROUND, ORPHAN, is_deleting, uid_of},
};

/// A request that a controller of the hub sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub method: &'static str,
    pub path: String,
    pub body: Value,
}

/// One object with the row of its resource.
type Entry<'a> = (&'a Kind, &'a ObjectKey, &'a Arc<Value>);

impl ApiServer {
    /// What the garbage collector would do now.
    pub fn garbage(&self) -> Vec<Action> {
        garbage(&self.shared.core.lock())
    }

    /// What the namespace controller would do now.
    pub fn namespace_ends(&self) -> Vec<Action> {
        namespace_ends(&self.shared.core.lock())
    }
}

fn entries(core: &Core) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for ((group, plural), shelf) in core.store.shelves() {
        let Some(kind) = core.registry.get(group, plural) else {
            continue;
        };
        if matches!(plural.as_str(), "events" | "leases") {
            continue;
        }
        entries.extend(
            shelf
                .objects
                .iter()
                .map(|(key, object)| (kind, key, object)),
        );
    }
    entries
}

fn garbage(core: &Core) -> Vec<Action> {
    let entries = entries(core);
    let mut dependents: BTreeMap<String, Vec<Entry<'_>>> = BTreeMap::new();
    for entry in &entries {
        for owner in owners(entry.2) {
            let uid = owner["uid"].as_str().unwrap_or_default().to_owned();
            dependents.entry(uid).or_default().push(*entry);
        }
    }
    let mut actions = Vec::new();
    for entry in &entries {
        let uid = uid_of(entry.2);
        let mine = dependents.get(&uid).map(Vec::as_slice).unwrap_or_default();
        actions.extend(end_of_owner(*entry, &uid, mine));
        actions.extend(end_of_dependent(core, *entry, mine));
    }
    actions
}

/// An owner that waits for its dependents, or for their release.
fn end_of_owner(owner: Entry<'_>, uid: &str, dependents: &[Entry<'_>]) -> Vec<Action> {
    let held = finalizers(owner.2);
    if !is_deleting(owner.2) {
        return Vec::new();
    }
    if held.contains(&ORPHAN) {
        if dependents.is_empty() {
            return vec![without_finalizer(owner, ORPHAN)];
        }
        return dependents
            .iter()
            .map(|entry| without_owners(*entry, &[uid.to_owned()]))
            .collect();
    }
    let blocked = dependents.iter().any(|(_, _, object)| {
        owners(object)
            .any(|reference| reference["uid"] == uid && reference["blockOwnerDeletion"] == true)
    });
    if held.contains(&FOREGROUND) && !blocked {
        return vec![without_finalizer(owner, FOREGROUND)];
    }
    Vec::new()
}

/// How an owner stands to its dependent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Solid,
    Absent,
    Waiting,
}

/// A dependent whose owners are gone, or wait for it to go.
fn end_of_dependent(core: &Core, entry: Entry<'_>, dependents: &[Entry<'_>]) -> Option<Action> {
    let (kind, key, object) = entry;
    let standings: Vec<(String, Standing)> = owners(object)
        .map(|owner| {
            let uid = owner["uid"].as_str().unwrap_or_default().to_owned();
            (uid, standing(core, key, owner))
        })
        .collect();
    let of = |wanted: Standing| -> Vec<String> {
        let found = standings.iter().filter(|(_, standing)| *standing == wanted);
        found.map(|(uid, _)| uid.clone()).collect()
    };
    if standings.is_empty() || (is_deleting(object) && !finalizers(object).contains(&FOREGROUND)) {
        return None;
    }
    let (solid, absent, waiting) = (
        of(Standing::Solid),
        of(Standing::Absent),
        of(Standing::Waiting),
    );
    if !solid.is_empty() {
        let released: Vec<String> = absent.into_iter().chain(waiting).collect();
        return (!released.is_empty()).then(|| without_owners(entry, &released));
    }
    if is_deleting(object) {
        return None;
    }
    let policy = if !waiting.is_empty() && !dependents.is_empty() {
        "Foreground"
    } else if finalizers(object).contains(&ORPHAN) {
        "Orphan"
    } else if finalizers(object).contains(&FOREGROUND) {
        "Foreground"
    } else {
        "Background"
    };
    Some(Action {
        method: "DELETE",
        path: path(kind, key),
        body: json!({
            "kind": "DeleteOptions", "apiVersion": "v1",
            "propagationPolicy": policy,
            "preconditions": {"uid": uid_of(object)},
        }),
    })
}

fn standing(core: &Core, dependent: &ObjectKey, owner: &Value) -> Standing {
    let text = |field: &str| owner[field].as_str().unwrap_or_default();
    // The garbage collector cannot judge kinds it does not know, and leaves their dependents.
    let Some(kind) = core.registry.by_kind(text("apiVersion"), text("kind")) else {
        return Standing::Solid;
    };
    let namespace = if kind.namespaced {
        dependent.0.clone()
    } else {
        String::new()
    };
    let found = core.store.get(kind, &(namespace, text("name").to_owned()));
    match found.filter(|object| object["metadata"]["uid"] == owner["uid"]) {
        None => Standing::Absent,
        Some(object) if is_deleting(&object) && finalizers(&object).contains(&FOREGROUND) => {
            Standing::Waiting
        }
        Some(_) => Standing::Solid,
    }
}

fn namespace_ends(core: &Core) -> Vec<Action> {
    let namespaces = core.namespaces();
    let mut actions = Vec::new();
    let entries = entries(core);
    let ending = entries.iter().filter(|(kind, _, object)| {
        kind.plural == namespaces.plural && kind.group.is_empty() && is_deleting(object)
    });
    for (_, (_, namespace), object) in ending {
        let mut content = 0;
        let mut doomed: Vec<&Kind> = Vec::new();
        for ((group, plural), shelf) in core.store.shelves() {
            let Some(kind) = core
                .registry
                .get(group, plural)
                .filter(|kind| kind.namespaced)
            else {
                continue;
            };
            let inside: Vec<&Arc<Value>> = shelf
                .objects
                .iter()
                .filter(|(key, _)| key.0 == *namespace)
                .map(|(_, object)| object)
                .collect();
            content += inside.len();
            if inside.iter().any(|object| !is_deleting(object)) {
                doomed.push(kind);
            }
        }
        for kind in doomed {
            actions.push(Action {
                method: "DELETE",
                path: collection(kind, namespace),
                body: json!({
                    "kind": "DeleteOptions", "apiVersion": "v1",
                    "propagationPolicy": "Background",
                }),
            });
        }
        if content == 0 {
            let mut finalized = Value::clone(object);
            finalized["spec"]["finalizers"] = json!([]);
            actions.push(Action {
                method: "PUT",
                path: format!("/api/v1/namespaces/{namespace}/finalize"),
                body: finalized,
            });
        }
    }
    actions
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
}

fn without_finalizer(entry: Entry<'_>, finalizer: &str) -> Action {
    let (kind, key, object) = entry;
    let left: Vec<&str> = finalizers(object)
        .into_iter()
        .filter(|held| *held != finalizer)
        .collect();
    metadata_patch(kind, key, object, "finalizers", json!(left))
}

fn without_owners(entry: Entry<'_>, uids: &[String]) -> Action {
    let (kind, key, object) = entry;
    let gone = |owner: &Value| uids.iter().any(|uid| owner["uid"] == *uid);
    let left: Vec<&Value> = owners(object).filter(|owner| !gone(owner)).collect();
    metadata_patch(kind, key, object, "ownerReferences", json!(left))
}

/// A merge patch with the object's revision, so that it loses against any write in between.
fn metadata_patch(kind: &Kind, key: &ObjectKey, object: &Value, field: &str, to: Value) -> Action {
    let mut metadata = json!({
        "uid": object["metadata"]["uid"],
        "resourceVersion": object["metadata"]["resourceVersion"],
    });
    metadata[field] = to;
    Action {
        method: "PATCH",
        path: path(kind, key),
        body: json!({"metadata": metadata}),
    }
}

fn collection(kind: &Kind, namespace: &str) -> String {
    let root = if kind.group.is_empty() {
        "/api".to_owned()
    } else {
        "/apis".to_owned()
    };
    let version = kind.api_version();
    if kind.namespaced {
        format!("{root}/{version}/namespaces/{namespace}/{}", kind.plural)
    } else {
        format!("{root}/{version}/{}", kind.plural)
    }
}

fn path(kind: &Kind, key: &ObjectKey) -> String {
    format!("{}/{}", collection(kind, &key.0), key.1)
}

/// Whether an object is on its way out.
pub fn deleting(object: &Value) -> bool {
    verbs::is_deleting(object)
}
