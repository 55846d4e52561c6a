//! Objects that the API server would accept, made from the facts of their definition.
//!
//! What the facts allow and types like to get wrong is made often: bounds, empty lists and maps, nulls
//! where they are allowed, values of enums that no version knows yet, free-form parts with anything
//! inside. Rules over several fields and uniqueness in lists are not minded: an object that breaks them
//! must survive no less than one that keeps them.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};

/// A value that no enum of the API has.
pub(crate) const UNHEARD_OF: &str = "unheard-of";

/// Fields of which the API writes microseconds, always six digits.
const MICRO_TIMES: [&str; 1] = [".spec.renewTime"];

/// Whole objects of the kind whose definition this is.
pub(crate) fn object(definition: &Value) -> BoxedStrategy<Value> {
    let version = &definition["spec"]["versions"][0];
    let root = &version["schema"]["openAPIV3Schema"];
    let group = definition["spec"]["group"].as_str().unwrap();
    let api_version = format!("{group}/{}", version["name"].as_str().unwrap());
    let kind = definition["spec"]["names"]["kind"].clone();
    let namespaced = definition["spec"]["scope"] == "Namespaced";

    let part = |name: &str, always: bool| match root["properties"].get(name) {
        Some(schema) => there(always, value(schema, &format!(".{name}"))),
        None => Just(None).boxed(),
    };
    // Whoever writes an object without a spec whose fields are required gets an error on that object;
    // see `a_missing_required_field_fails_the_decoding_of_that_object`.
    let needs_spec = requires(root, "spec") || !root["properties"]["spec"]["required"].is_null();
    (
        metadata(namespaced),
        part("spec", needs_spec),
        part("status", false),
    )
        .prop_map(move |(metadata, spec, status)| {
            let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
            let parts = [("spec", spec), ("status", status)];
            for (name, part) in parts.into_iter().filter_map(|(n, p)| Some((n, p?))) {
                object[name] = part;
            }
            object
        })
        .boxed()
}

/// What the API server itself writes about an object, and what people add.
fn metadata(namespaced: bool) -> BoxedStrategy<Value> {
    let labels = || {
        let labels = btree_map("[a-z]{1,4}\\.io/[a-z-]{1,6}", "[a-z0-9.]{0,6}", 0..3);
        prop::option::of(labels.prop_map(|labels| json!(labels)))
    };
    let finalizers = prop::option::of(vec("[a-z]{1,4}\\.io/[a-z]{1,6}", 0..3));
    let deleted = prop::option::of(time());
    let owner = prop::option::of("[a-z]{1,8}");
    (
        labels(),
        labels(),
        finalizers,
        time(),
        deleted,
        owner,
        free_form(),
    )
        .prop_map(
            move |(labels, annotations, finalizers, created, deleted, owner, fields)| {
                let mut metadata = json!({
                    "name": "n1", "uid": "8e6b6b3c-1f0a-4c7e-9a57-3d2f0a4b5c6d",
                    "resourceVersion": "12", "generation": 3, "creationTimestamp": created,
                    "managedFields": [{
                        "manager": "m", "operation": "Update", "apiVersion": "v1", "time": created,
                        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": fields},
                    }],
                });
                let optional = [
                    ("namespace", namespaced.then(|| json!("ns1"))),
                    ("labels", labels),
                    ("annotations", annotations),
                    ("finalizers", finalizers.map(Value::from)),
                    (
                        "deletionGracePeriodSeconds",
                        deleted.as_ref().map(|_| json!(0)),
                    ),
                    ("deletionTimestamp", deleted),
                    (
                        "ownerReferences",
                        owner.map(|name| {
                            json!([{
                                "apiVersion": "v1", "kind": "Owner", "name": name, "uid": "u1",
                                "controller": true, "blockOwnerDeletion": false,
                            }])
                        }),
                    ),
                ];
                for (key, value) in optional.into_iter().filter_map(|(k, v)| Some((k, v?))) {
                    metadata[key] = value;
                }
                metadata
            },
        )
        .boxed()
}

fn requires(schema: &Value, field: &str) -> bool {
    let required = schema["required"].as_array();
    required.is_some_and(|required| required.contains(&json!(field)))
}

/// There always, or most of the time.
fn there(always: bool, value: BoxedStrategy<Value>) -> BoxedStrategy<Option<Value>> {
    if always {
        value.prop_map(Some).boxed()
    } else {
        prop::option::weighted(0.8, value).boxed()
    }
}

/// Any JSON, as free-form parts may hold it.
pub(crate) fn free_form() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Eighths have the same decimal digits whoever prints them.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-zA-Z./-]{0,6}", inner, 0..3).prop_map(object_of_fields),
        ]
    })
    .boxed()
}

fn object_of_fields(fields: BTreeMap<String, Value>) -> Value {
    fields.into_iter().collect()
}

/// A value that the schema accepts, as the API server hands it out: with defaults filled in.
fn value(schema: &Value, path: &str) -> BoxedStrategy<Value> {
    let plain = if schema["x-kubernetes-int-or-string"] == true {
        prop_oneof![integer(schema), string(schema, path)].boxed()
    } else {
        match schema["type"].as_str().unwrap() {
            "boolean" => any::<bool>().prop_map(Value::from).boxed(),
            "integer" => integer(schema),
            "string" => string(schema, path),
            "array" => array(schema, path),
            "object" => object_part(schema, path),
            other => panic!("{path}: no generator for type {other}"),
        }
    };
    if schema["nullable"] == true {
        prop_oneof![1 => Just(Value::Null), 3 => plain].boxed()
    } else {
        plain
    }
}

fn integer(schema: &Value) -> BoxedStrategy<Value> {
    let (mut least, mut most) = match schema["format"].as_str() {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    least = schema["minimum"]
        .as_i64()
        .map_or(least, |bound| bound.max(least));
    most = schema["maximum"]
        .as_i64()
        .map_or(most, |bound| bound.min(most));
    let bounds = prop::sample::select(vec![least, most]);
    prop_oneof![1 => bounds, 3 => least..=most]
        .prop_map(Value::from)
        .boxed()
}

fn string(schema: &Value, path: &str) -> BoxedStrategy<Value> {
    let length = |key: &str| usize::try_from(schema[key].as_u64()?).ok();
    let (least, most) = (length("minLength"), length("maxLength"));
    let fits = move |text: &String| {
        let length = text.chars().count();
        least.is_none_or(|least| length >= least) && most.is_none_or(|most| length <= most)
    };
    // An enum may also stand in the branches of `allOf`.
    let choices = schema["allOf"].as_array().into_iter().flatten();
    let known = choices
        .chain([schema])
        .filter_map(|choice| choice["enum"].as_array());
    if let Some(known) = known.min_by_key(|known| known.len()) {
        let unheard_of = Just(Value::from(UNHEARD_OF));
        return prop_oneof![4 => prop::sample::select(known.clone()), 1 => unheard_of].boxed();
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        return string_regex(&unanchored(pattern))
            .unwrap_or_else(|error| panic!("{path}: {pattern}: {error}"))
            .prop_filter("the length is bounded", fits)
            .prop_map(Value::from)
            .boxed();
    }
    match schema["format"].as_str() {
        Some("date-time") if MICRO_TIMES.contains(&path) => micro_time(),
        Some("date-time") => time(),
        Some("byte") => vec(any::<u8>(), 0..8)
            .prop_map(|bytes| json!(ByteString(bytes)))
            .boxed(),
        // As Go prints durations; the other formats are not looked at by the API server.
        Some("duration") => "([0-9]{1,3}h)?[0-9]{1,2}m[0-9]{1,2}(\\.[0-9]{1,9})?s"
            .prop_map(Value::from)
            .boxed(),
        _ => {
            let most = most.unwrap_or(12).min(12);
            vec(any::<char>(), least.unwrap_or(0)..=most)
                .prop_map(|text| Value::from(text.into_iter().collect::<String>()))
                .boxed()
        }
    }
}

/// The pattern without the anchors at its ends, which the generator does not know.
fn unanchored(pattern: &str) -> String {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    pattern.strip_suffix('$').unwrap_or(pattern).to_owned()
}

/// Years 1 to 9999, whole seconds: what this API's writers write.
fn time() -> BoxedStrategy<Value> {
    (-62_135_596_800..253_402_300_800_i64)
        .prop_map(|s| Value::from(jiff::Timestamp::from_second(s).unwrap().to_string()))
        .boxed()
}

fn micro_time() -> BoxedStrategy<Value> {
    (0..253_402_300_800_000_000_i64)
        .prop_map(|us| {
            let at = jiff::Timestamp::from_microsecond(us).unwrap();
            Value::from(format!("{at:.6}"))
        })
        .boxed()
}

fn array(schema: &Value, path: &str) -> BoxedStrategy<Value> {
    let length = |key: &str| usize::try_from(schema[key].as_u64()?).ok();
    let least = length("minItems").unwrap_or(0);
    let most = length("maxItems").unwrap_or(usize::MAX).min(least + 2);
    vec(value(&schema["items"], &format!("{path}[]")), least..=most)
        .prop_map(Value::from)
        .boxed()
}

fn object_part(part: &Value, path: &str) -> BoxedStrategy<Value> {
    if let Some(values) = part.get("additionalProperties") {
        return btree_map(
            "[a-zA-Z./-]{0,8}",
            value(values, &format!("{path}{{}}")),
            0..3,
        )
        .prop_map(object_of_fields)
        .boxed();
    }
    let empty = Map::new();
    let properties = part["properties"].as_object().unwrap_or(&empty);
    let required = part["required"].as_array().cloned().unwrap_or_default();
    let fields = properties
        .iter()
        .map(|(name, schema)| {
            let path = format!("{path}.{name}");
            let always = requires(part, name) || schema.get("default").is_some();
            let value = there(always, value(schema, &path));
            (Just(name.clone()), value)
        })
        .collect::<Vec<_>>();
    // A required field without a schema holds anything.
    let schemaless = required
        .iter()
        .filter_map(|name| name.as_str().filter(|name| !properties.contains_key(*name)))
        .map(|name| (Just(name.to_owned()), free_form()))
        .collect::<Vec<_>>();
    let free = match &part["x-kubernetes-preserve-unknown-fields"] {
        Value::Bool(true) => btree_map("x-[a-zA-Z./-]{0,6}", free_form(), 0..3).boxed(),
        _ => Just(BTreeMap::new()).boxed(),
    };
    let embedded = part["x-kubernetes-embedded-resource"] == true;
    (fields, schemaless, free)
        .prop_map(move |(fields, schemaless, free)| {
            let fields = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            let mut object: Value = fields.chain(schemaless).chain(free).collect();
            if embedded {
                object["apiVersion"] = json!("v1");
                object["kind"] = json!("ConfigMap");
                object["metadata"] = json!({"name": "any", "labels": {"a": "b"}});
            }
            object
        })
        .boxed()
}
