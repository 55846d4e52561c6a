//! Any valid object survives decoding and encoding: generated from the definitions themselves, so that
//! a field which is added to a type is covered the moment it is there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a definition that is not of the expected form has failed the test"
)]

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use skep_crds::{
    ClusterDeployment, ClusterDeprovision, ClusterImageSet, ClusterProvision, ConditionStatus,
    Stage, schema,
};

/// Any JSON, as free-form parts may hold it.
fn free_form() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9 ./_-]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-z]{1,6}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

/// An object of free-form fields whose names no schema knows.
fn unknown_fields() -> BoxedStrategy<Map<String, Value>> {
    btree_map("x-[a-z]{1,6}", free_form(), 0..3)
        .prop_map(|map| map.into_iter().collect())
        .boxed()
}

/// A value that the schema accepts, as the API server hands it out: with defaults filled in.
fn value_of(schema: &Value) -> BoxedStrategy<Value> {
    let plain = if schema.get("x-kubernetes-int-or-string").is_some() {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            "[0-9]{1,3}m".prop_map(Value::from)
        ]
        .boxed()
    } else {
        match schema["type"].as_str().unwrap() {
            "boolean" => any::<bool>().prop_map(Value::from).boxed(),
            "integer" if schema["format"] == "int32" => any::<i32>().prop_map(Value::from).boxed(),
            "integer" => any::<i64>().prop_map(Value::from).boxed(),
            "string" => string_of(schema),
            "array" => vec(value_of(&schema["items"]), 0..3)
                .prop_map(Value::from)
                .boxed(),
            "object" => object_of(schema),
            other => panic!("no generator for type {other}"),
        }
    };
    if schema["nullable"] == true {
        prop_oneof![1 => Just(Value::Null), 3 => plain].boxed()
    } else {
        plain
    }
}

fn string_of(schema: &Value) -> BoxedStrategy<Value> {
    let unheard_of = Just(Value::from("unheard-of"));
    if let Some(known) = schema["enum"].as_array() {
        // A value from a newer API must survive too.
        prop_oneof![4 => prop::sample::select(known.clone()), 1 => unheard_of].boxed()
    } else if schema["format"] == "date-time" {
        // Years 1970 to 9999; writers of this API keep whole seconds.
        (0..253_402_300_799_i64)
            .prop_map(|s| Value::from(jiff::Timestamp::from_second(s).unwrap().to_string()))
            .boxed()
    } else if schema["format"] == "byte" {
        vec("[A-Za-z0-9+/]{4}", 0..4)
            .prop_map(|groups| Value::from(groups.concat()))
            .boxed()
    } else {
        "\\PC{0,12}".prop_map(Value::from).boxed()
    }
}

fn object_of(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(values) = schema.get("additionalProperties") {
        return btree_map("[a-z]{1,6}", value_of(values), 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
            .boxed();
    }
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let fields = properties
        .iter()
        .map(|(name, schema)| {
            let there = required.contains(&json!(name)) || schema.get("default").is_some();
            // The one optional field that is written whether or not it was there.
            let there = there || name == "installed";
            let value = value_of(schema);
            let value = if there {
                value.prop_map(Some).boxed()
            } else {
                prop::option::weighted(0.8, value).boxed()
            };
            (Just(name.clone()), value)
        })
        .collect::<Vec<_>>();
    let schemaless = required
        .iter()
        .filter_map(|name| name.as_str().filter(|name| !properties.contains_key(*name)))
        .map(|name| (Just(name.to_owned()), free_form()))
        .collect::<Vec<_>>();
    let unknown = if schema["x-kubernetes-preserve-unknown-fields"] == true {
        unknown_fields()
    } else {
        Just(Map::new()).boxed()
    };
    (fields, schemaless, unknown)
        .prop_map(|(fields, schemaless, unknown)| {
            let fields = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            Value::Object(fields.chain(schemaless).chain(unknown).collect())
        })
        .boxed()
}

/// The schemas of the kind's parts.
fn root_schema(kind: &str) -> Value {
    let definition = schema::definitions()
        .into_iter()
        .find(|d| d.pointer("/spec/names/kind") == Some(&json!(kind)))
        .unwrap();
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties";
    definition.pointer(properties).unwrap().clone()
}

/// A whole object of the kind.
fn object(kind: &'static str) -> BoxedStrategy<Value> {
    let root = root_schema(kind);
    (
        value_of(&root["spec"]),
        prop::option::of(value_of(&root["status"])),
    )
        .prop_map(move |(spec, status)| {
            let mut object = json!({
                "apiVersion": "hive.openshift.io/v1",
                "kind": kind,
                "metadata": {"name": "c1", "namespace": "n1", "labels": {"a": "b"}},
                "spec": spec,
            });
            if let Some(status) = status {
                object["status"] = status;
            }
            object
        })
        .boxed()
}

/// Through the type and back, by way of bytes as on the wire.
fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, serde_json::Error> {
    let decoded: T = serde_json::from_slice(&serde_json::to_vec(object)?)?;
    serde_json::to_value(decoded)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cluster_deployment_survives(object in object("ClusterDeployment")) {
        prop_assert_eq!(through::<ClusterDeployment>(&object)?, object);
    }

    #[test]
    fn any_cluster_provision_survives(object in object("ClusterProvision")) {
        prop_assert_eq!(through::<ClusterProvision>(&object)?, object);
    }

    #[test]
    fn any_cluster_deprovision_survives(object in object("ClusterDeprovision")) {
        prop_assert_eq!(through::<ClusterDeprovision>(&object)?, object);
    }

    #[test]
    fn any_cluster_image_set_survives(object in object("ClusterImageSet")) {
        prop_assert_eq!(through::<ClusterImageSet>(&object)?, object);
    }
}

/// Names of all fields below, as paths.
fn paths_of_value(value: &Value, path: &str, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                paths_of_value(value, &path, seen);
                seen.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items {
                paths_of_value(item, path, seen);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn paths_of_schema(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(items) = schema.get("items") {
        paths_of_schema(items, path, found);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        paths_of_schema(schema, &path, found);
        found.insert(path);
    }
}

/// The properties above prove nothing about fields that the generator never makes.
#[test]
fn the_generator_reaches_every_field() {
    for kind in [
        "ClusterDeployment",
        "ClusterProvision",
        "ClusterDeprovision",
        "ClusterImageSet",
    ] {
        let root = root_schema(kind);
        let (mut wanted, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for part in ["spec", "status"] {
            paths_of_schema(&root[part], &format!(".{part}"), &mut wanted);
        }
        let mut runner = TestRunner::deterministic();
        let objects = object(kind);
        for _ in 0..256 {
            let tree = objects.new_tree(&mut runner).unwrap();
            paths_of_value(&tree.current(), "", &mut seen);
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
