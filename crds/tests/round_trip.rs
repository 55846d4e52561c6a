//! Any valid object survives decoding and encoding, of every kind: the objects are made from the facts of
//! the reference, so that neither a field nor a kind can be forgotten.
//!
//! "Survives" means: the same JSON comes back, unknown values of enums and anything inside free-form
//! parts included. What the API server fills in (defaults) is filled in before. The exceptions are:
//!
//! - `ClusterDeployment`'s `spec.installed` is written whether or not it was there, because other
//!   readers of the API expect it;
//! - a spec that requires nothing and is absent comes back empty: to every reader that is the same;
//! - fields that no version knows yet, outside of free-form parts, are left behind. No writer may send a
//!   whole object that it has read: writers send merge patches of what they own (docs/spec/44 §9);
//! - an object without a spec, although fields of it are required, is refused: the API server lets it
//!   pass, but it says nothing that could be acted on;
//! - points in time come back in UTC, as every writer of this API writes them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "facts or objects that are not of the expected form have failed the test"
)]

#[path = "reference/generate.rs"]
mod generate;
mod reference;

use std::collections::BTreeSet;

use kube::Resource;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestError, TestRunner};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use skep_crds::*;

/// Through the type and back, by way of bytes as on the wire.
fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, serde_json::Error> {
    let decoded: T = serde_json::from_slice(&serde_json::to_vec(object)?)?;
    serde_json::to_value(decoded)
}

/// The definition of a kind, by the reference's facts.
fn definition(kind: &str) -> Value {
    reference::files()
        .values()
        .map(|facts| reference::restore(facts))
        .find(|definition| definition["spec"]["names"]["kind"] == kind)
        .unwrap_or_else(|| panic!("the reference has no kind {kind}"))
}

/// What comes back when `object` goes through its type; see the exceptions above.
fn expected(mut object: Value) -> Value {
    if object.get("spec").is_none() {
        object["spec"] = json!({});
    }
    if object["kind"] == "ClusterDeployment" && object["spec"].get("installed").is_none() {
        object["spec"]["installed"] = json!(false);
    }
    object
}

/// Tries one property on many objects of a kind.
fn for_objects<T>(cases: u32, property: impl Fn(Value) -> Result<(), TestCaseError>)
where
    T: Resource<DynamicType = ()>,
{
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let objects = generate::object(&definition(&T::kind(&())));
    match TestRunner::new(config).run(&objects, property) {
        Ok(()) => {}
        Err(TestError::Fail(reason, object)) => panic!("{reason}\nof {object:#}"),
        Err(TestError::Abort(reason)) => panic!("no object could be made: {reason}"),
    }
}

fn survives<T>()
where
    T: Resource<DynamicType = ()> + DeserializeOwned + Serialize,
{
    for_objects::<T>(128, |object| {
        prop_assert_eq!(through::<T>(&object)?, expected(object));
        Ok(())
    });
}

/// Puts a field that no version knows into every part of an object that has known ones.
fn with_unknown_fields(value: &mut Value, schema: &Value) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let map = schema.get("additionalProperties");
                with_unknown_fields(value, map.unwrap_or_else(|| &schema["properties"][name]));
            }
            if schema.get("additionalProperties").is_none() {
                fields.insert("fromTheFuture".into(), json!({"a": [1, null]}));
            }
        }
        Value::Array(items) => {
            for item in items {
                with_unknown_fields(item, &schema["items"]);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn ignores_unknown_fields<T>()
where
    T: Resource<DynamicType = ()> + DeserializeOwned + Serialize,
{
    let definition = definition(&T::kind(&()));
    let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for_objects::<T>(32, |object| {
        let mut newer = object.clone();
        for part in ["spec", "status"] {
            if let Some(value) = newer.get_mut(part) {
                with_unknown_fields(value, &root["properties"][part]);
            }
        }
        newer["fromTheFuture"] = json!(1);
        prop_assert_eq!(through::<T>(&newer)?, expected(object));
        Ok(())
    });
}

/// The tests of every kind, and the list of them.
macro_rules! kinds {
    ($($module:ident: $kind:ident),+ $(,)?) => {
        $(mod $module {
            #[test]
            fn survives() {
                super::survives::<super::$kind>();
            }

            #[test]
            fn ignores_unknown_fields() {
                super::ignores_unknown_fields::<super::$kind>();
            }
        })+

        fn kinds() -> BTreeSet<String> {
            [$(<$kind as Resource>::kind(&()).into_owned()),+].into()
        }
    };
}

kinds! {
    checkpoint: Checkpoint,
    cluster_claim: ClusterClaim,
    cluster_deployment: ClusterDeployment,
    cluster_deployment_customization: ClusterDeploymentCustomization,
    cluster_deprovision: ClusterDeprovision,
    cluster_image_set: ClusterImageSet,
    cluster_pool: ClusterPool,
    cluster_provision: ClusterProvision,
    cluster_relocate: ClusterRelocate,
    cluster_state: ClusterState,
    cluster_sync: ClusterSync,
    cluster_sync_lease: ClusterSyncLease,
    dns_zone: DnsZone,
    fake_cluster_install: FakeClusterInstall,
    hive_config: HiveConfig,
    machine_pool: MachinePool,
    machine_pool_name_lease: MachinePoolNameLease,
    selector_sync_identity_provider: SelectorSyncIdentityProvider,
    selector_sync_set: SelectorSyncSet,
    sync_identity_provider: SyncIdentityProvider,
    sync_set: SyncSet,
}

#[test]
fn no_kind_is_forgotten() {
    let kinds_of = |definitions: Vec<Value>| -> BTreeSet<String> {
        let kind = |d: &Value| d["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        definitions.iter().map(kind).collect()
    };
    let reference = reference::files();
    let reference = reference.values().map(|facts| reference::restore(facts));
    assert_eq!(kinds(), kinds_of(reference.collect()));
    assert_eq!(kinds(), kinds_of(schema::definitions()));
}

/// Names of all fields below, as paths, and where an unknown value stands.
fn paths_of_value(value: &Value, schema: &Value, path: &str, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let (schema, path) = match schema.get("additionalProperties") {
                    Some(values) => (values, format!("{path}{{}}")),
                    None => (&schema["properties"][name], format!("{path}.{name}")),
                };
                paths_of_value(value, schema, &path, seen);
                seen.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items {
                paths_of_value(item, &schema["items"], path, seen);
            }
        }
        Value::String(text) if text == generate::UNHEARD_OF => {
            seen.insert(format!("{path}={text}"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn paths_of_schema(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if schema.get("enum").is_some() {
        found.insert(format!("{path}={}", generate::UNHEARD_OF));
    }
    if let Some(items) = schema.get("items") {
        paths_of_schema(items, path, found);
    }
    if let Some(values) = schema.get("additionalProperties") {
        paths_of_schema(values, &format!("{path}{{}}"), found);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        paths_of_schema(schema, &path, found);
        found.insert(path);
    }
}

/// The properties above prove nothing about fields that the generator never makes.
#[test]
fn the_generator_reaches_every_field_and_unknown_values_of_every_enum() {
    for kind in kinds() {
        let definition = definition(&kind);
        let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let (mut wanted, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for part in ["spec", "status"] {
            let schema = &root["properties"][part];
            paths_of_schema(schema, &format!(".{part}"), &mut wanted);
        }
        let mut runner = TestRunner::deterministic();
        let objects = generate::object(&definition);
        for _ in 0..512 {
            let tree = objects.new_tree(&mut runner).unwrap();
            paths_of_value(&tree.current(), root, "", &mut seen);
        }
        let missed: Vec<_> = wanted.difference(&seen).collect();
        assert!(missed.is_empty(), "{kind}: never generated: {missed:?}");
    }
}

fn minimal_deployment() -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeployment",
        "metadata": {"name": "c1", "namespace": "n1"},
        "spec": {
            "baseDomain": "example.com",
            "clusterName": "c1",
            "installed": false,
            "platform": {"aws": {"region": "us-east-1"}},
        },
    })
}

#[test]
fn installed_is_written_even_when_it_was_absent() {
    let mut absent = minimal_deployment();
    absent["spec"].as_object_mut().unwrap().remove("installed");
    assert_eq!(
        through::<ClusterDeployment>(&absent).unwrap(),
        minimal_deployment()
    );
}

#[test]
fn a_missing_required_field_fails_the_decoding_of_that_object() {
    for field in ["baseDomain", "clusterName", "platform"] {
        let mut broken = minimal_deployment();
        broken["spec"].as_object_mut().unwrap().remove(field);
        let error = through::<ClusterDeployment>(&broken)
            .unwrap_err()
            .to_string();
        assert!(error.contains(field), "{field}: {error}");
    }
    let mut empty = minimal_deployment();
    empty.as_object_mut().unwrap().remove("spec");
    assert!(through::<ClusterDeployment>(&empty).is_err());
    // The strings that must be there may be empty, and stay there.
    let mut vcenter = minimal_deployment();
    vcenter["spec"]["platform"] = json!({"vsphere": {
        "certificatesSecretRef": {"name": "certs"},
        "credentialsSecretRef": {"name": "creds"},
        "infrastructure": {"vcenters": [
            {"datacenters": ["dc"], "password": "", "server": "vc.example.com", "user": ""},
        ]},
    }});
    assert_eq!(through::<ClusterDeployment>(&vcenter).unwrap(), vcenter);
}

#[test]
fn wrong_types_are_errors_and_not_panics() {
    let wrong = [
        Value::Null,
        json!(1),
        json!("text"),
        json!([1]),
        json!({"a": {}}),
        json!(true),
    ];
    for field in [
        "platform",
        "ingress",
        "clusterMetadata",
        "installed",
        "hibernateAfter",
    ] {
        for value in &wrong {
            let mut broken = minimal_deployment();
            broken["spec"][field] = value.clone();
            // Whether null is refused depends on the field; that it returns is the point.
            drop(through::<ClusterDeployment>(&broken));
        }
    }
    let mut late = minimal_deployment();
    late["status"] = json!({"installedTimestamp": "12345-01-01T00:00:00Z"});
    assert!(through::<ClusterDeployment>(&late).is_err());
}

#[test]
fn a_status_may_lack_everything() {
    for status in [
        json!({}),
        json!({"conditions": []}),
        json!({"conditions": [{"type": "Ready", "status": "Perhaps"}]}),
    ] {
        let mut object = minimal_deployment();
        object["status"] = status;
        assert_eq!(through::<ClusterDeployment>(&object).unwrap(), object);
        let decoded: ClusterDeployment = serde_json::from_value(object).unwrap();
        assert_eq!(decoded.install_restarts(), 0);
        assert_eq!(decoded.provision(), None);
        for condition in decoded.conditions() {
            assert_eq!(condition.status, ConditionStatus::Other("Perhaps".into()));
        }
    }
}

#[test]
fn a_provision_keeps_what_it_does_not_know() {
    let object = json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterProvision",
        "metadata": {"name": "c1-0-abcde", "namespace": "n1"},
        "spec": {
            "attempt": 0,
            "clusterDeploymentRef": {"name": "c1"},
            "fromTheFuture": {"deep": [1, null, {"er": "x"}]},
            "metadata": {"anything": true},
            "metadataJSON": "eyJpbmZyYUlEIjoiYzEteHl6In0=",
            "podSpec": {"containers": [{"name": "installer", "unheardOf": 1}]},
            "stage": "pondering",
        },
    });
    assert_eq!(through::<ClusterProvision>(&object).unwrap(), object);
    let decoded: ClusterProvision = serde_json::from_value(object).unwrap();
    assert_eq!(decoded.spec.stage, Stage::Other("pondering".into()));
    assert_eq!(decoded.spec.cluster_deployment(), "c1");
    assert_eq!(
        decoded.spec.metadata_json(),
        Some(br#"{"infraID":"c1-xyz"}"#.as_slice())
    );
    assert!(decoded.spec.unknown.contains_key("fromTheFuture"));
}

#[test]
fn points_in_time_come_back_in_utc() {
    let rows = [
        ("2026-11-24T21:00:00Z", "2026-11-24T21:00:00Z"),
        ("2026-11-24T23:00:00+02:00", "2026-11-24T21:00:00Z"),
        ("2026-11-24T21:00:00.250Z", "2026-11-24T21:00:00.25Z"),
    ];
    for (written, expected) in rows {
        let mut object = minimal_deployment();
        object["status"] = json!({"installedTimestamp": written});
        let back = through::<ClusterDeployment>(&object).unwrap();
        assert_eq!(back["status"]["installedTimestamp"], expected, "{written}");
    }
}
