//! Objects as people and old hubs have them, and what Skep's readers and rules make of them: the examples of
//! docs/ are read and admitted, and what cannot be read is an entry of the store, for each of the kinds.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken example ends the test"
)]

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use skep::admission::{
    ContractImplementation, GroupVersionKind, GroupVersionResource, HOOKS, Operation, Request,
    Settings, UserInfo, review,
};
use skep::runtime::{Guarded, Kind, Store, StoreOptions};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("gitops") {
                files(&path, found);
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
}

/// The objects of all examples of a kind.
fn examples(kind: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    files(&folder, &mut found);
    let objects: Vec<Value> = found
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            let documents: Vec<Value> = text
                .split("\n---\n")
                .map(|document| serde_saphyr::from_str(document).unwrap())
                .collect();
            documents
        })
        .filter(|object| object["kind"] == kind)
        .collect();
    assert!(!objects.is_empty(), "no example of {kind}");
    objects
}

/// Each example is admitted, without a warning, and may be applied again.
#[test]
fn the_rules_of_admission_take_each_example() {
    let settings = Settings {
        cluster_install: vec![ContractImplementation {
            group: "extensions.hive.openshift.io".to_owned(),
            version: "v1beta1".to_owned(),
            kind: "AgentClusterInstall".to_owned(),
        }],
        ..Settings::default()
    };
    for hook in &HOOKS {
        for example in examples(hook.kind) {
            let name = example["metadata"]["name"].as_str().unwrap().to_owned();
            let object = RawValue::from_string(example.to_string()).unwrap();
            for (operation, old) in [
                (Operation::Create, None),
                (Operation::Update, Some(&*object)),
            ] {
                let request = Request {
                    uid: "u".into(),
                    kind: GroupVersionKind {
                        group: "hive.openshift.io".into(),
                        version: "v1".into(),
                        kind: hook.kind.into(),
                    },
                    resource: GroupVersionResource {
                        group: "hive.openshift.io".into(),
                        version: "v1".into(),
                        resource: hook.resource.into(),
                    },
                    sub_resource: None,
                    name: Some(name.clone()),
                    namespace: Some("team-blue".to_owned()),
                    operation,
                    user_info: UserInfo::default(),
                    object: Some(&object),
                    old_object: old,
                    dry_run: None,
                };
                let verdict = review(hook, &request, &settings);
                let shown = format!("{} {name}, {operation:?}: {verdict:?}", hook.kind);
                assert!(verdict.is_allowed(), "{shown}");
                assert_eq!(verdict.warnings, Vec::<String>::new(), "{shown}");
            }
        }
    }
}

/// What an object may have become while no schema was enforced: JSON pointer and value.
fn spoilt(example: &Value) -> Vec<(String, Value)> {
    let mut found = vec![
        ("/spec".to_owned(), json!("a text")),
        ("/spec".to_owned(), json!([1, 2])),
        ("/spec".to_owned(), json!(99)),
    ];
    walk(&example["spec"], "/spec", &mut found);
    found
}

/// Another type for each field below a value, lists apart.
fn walk(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    let Some(fields) = value.as_object() else {
        return;
    };
    for (name, field) in fields {
        let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        let other = match field {
            Value::String(_) => json!({"an": "object"}),
            Value::Bool(_) => json!("x".repeat(1 << 20)),
            Value::Number(_) => json!(1e300),
            Value::Array(_) | Value::Object(_) => json!("a text"),
            Value::Null => continue,
        };
        found.push((path.clone(), other));
        walk(field, &path, found);
    }
}

/// Parts that take anything, by kind: a tree is no error there.
fn is_free_form(kind: &str, path: &str) -> bool {
    let free: &[&str] = match kind {
        "ClusterProvision" => &["/spec/podSpec", "/spec/metadata"],
        "SyncSet" | "SelectorSyncSet" => &["/spec/resources"],
        _ => &[],
    };
    free.iter().any(|free| path.starts_with(free))
}

/// All readable objects stay readable beside each of the broken ones, which are entries with their metadata.
fn guard<K: Kind + DeserializeOwned>(kind: &str) {
    let store: Store<K> = Store::new(StoreOptions::default());
    let examples = examples(kind);
    let mut broken = 0;
    for (number, example) in examples.iter().enumerate() {
        let mut good = example.clone();
        good["metadata"]["uid"] = json!(format!("good-{number}"));
        good["metadata"]["name"] = json!(format!("good-{number}"));
        let guarded: Guarded<K> = serde_json::from_value(good).unwrap();
        if let Err(undecodable) = &guarded.0 {
            panic!("{kind}: {}", undecodable.error);
        }
        store.apply(guarded);
        // Without a status, and with one of another version.
        for (what, status) in [
            ("none", Value::Null),
            // A pool's counts are required.
            (
                "of the future",
                json!({"fromTheFuture": {"deep": [1]}, "size": 1, "ready": 0}),
            ),
        ] {
            let mut object = example.clone();
            object["status"] = status;
            let guarded: Guarded<K> = serde_json::from_value(object).unwrap();
            assert!(guarded.0.is_ok(), "{kind}, status {what}");
        }
        for (path, value) in spoilt(example) {
            if is_free_form(kind, &path) {
                continue;
            }
            let mut object = example.clone();
            *object.pointer_mut(&path).unwrap() = value;
            let name = format!("broken-{broken}");
            object["metadata"]["name"] = json!(name);
            object["metadata"]["uid"] = json!(name);
            let guarded: Guarded<K> = serde_json::from_value(object).unwrap();
            let Err(undecodable) = &guarded.0 else {
                panic!("{kind}: {path} was read although it has the wrong type");
            };
            assert_eq!(undecodable.meta.name.as_ref(), Some(&name), "{kind} {path}");
            assert!(
                undecodable.error.len() <= 1024,
                "{kind} {path}: an error of {} bytes",
                undecodable.error.len()
            );
            store.apply(guarded);
            broken += 1;
        }
    }
    assert!(broken >= 3, "{kind}: {broken}");
    assert_eq!(store.undecodable(), broken, "{kind}");
    let namespace = examples[0]["metadata"]["namespace"].as_str().unwrap_or("");
    for number in 0..examples.len() {
        let found = store.get(namespace, &format!("good-{number}"));
        assert!(found.is_some(), "{kind} {number}");
    }
}

macro_rules! guarded {
    ($($test:ident: $kind:ident = $name:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                guard::<skep_crds::$kind>($name);
            }
        )*

        #[test]
        fn all_kinds_are_here() {
            let tested = [$($name),*];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds/yaml");
            let shipped = std::fs::read_dir(folder).unwrap().count();
            assert_eq!(tested.len(), shipped);
        }
    };
}

guarded! {
    broken_checkpoints_stay_alone: Checkpoint = "Checkpoint",
    broken_claims_stay_alone: ClusterClaim = "ClusterClaim",
    broken_customizations_stay_alone: ClusterDeploymentCustomization = "ClusterDeploymentCustomization",
    broken_clusters_stay_alone: ClusterDeployment = "ClusterDeployment",
    broken_deprovisions_stay_alone: ClusterDeprovision = "ClusterDeprovision",
    broken_image_sets_stay_alone: ClusterImageSet = "ClusterImageSet",
    broken_pools_stay_alone: ClusterPool = "ClusterPool",
    broken_provisions_stay_alone: ClusterProvision = "ClusterProvision",
    broken_relocates_stay_alone: ClusterRelocate = "ClusterRelocate",
    broken_states_stay_alone: ClusterState = "ClusterState",
    broken_zones_stay_alone: DnsZone = "DNSZone",
    broken_configurations_stay_alone: HiveConfig = "HiveConfig",
    broken_name_leases_stay_alone: MachinePoolNameLease = "MachinePoolNameLease",
    broken_machine_pools_stay_alone: MachinePool = "MachinePool",
    broken_selector_identity_providers_stay_alone: SelectorSyncIdentityProvider = "SelectorSyncIdentityProvider",
    broken_selector_sync_sets_stay_alone: SelectorSyncSet = "SelectorSyncSet",
    broken_identity_providers_stay_alone: SyncIdentityProvider = "SyncIdentityProvider",
    broken_sync_sets_stay_alone: SyncSet = "SyncSet",
    broken_sync_leases_stay_alone: ClusterSyncLease = "ClusterSyncLease",
    broken_syncs_stay_alone: ClusterSync = "ClusterSync",
    broken_fake_installs_stay_alone: FakeClusterInstall = "FakeClusterInstall",
}
