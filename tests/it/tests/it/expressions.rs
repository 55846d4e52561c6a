//! Each expression of the shipped policies, evaluated by a real API server: once when it must refuse, and
//! with everything in the object when it must not. The changes follow from the expressions themselves and
//! from the schemas, so that a field that is added is tried as well.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use skep_kit::cache;
use skep_kit::objects::{hive, refusal};

use crate::examples;
use crate::policies::{GUARD, SPACE, ask, judge, merged};

/// A policy's validation.
struct Validation {
    policy: String,
    resource: String,
    message: String,
    /// Fields of the new object that it names, and what stands for their absence.
    leaves: BTreeSet<(String, String)>,
}

/// What the shipped policies say about fields.
fn validations() -> Vec<Validation> {
    let file = cache::checkout().join("manifests/base/policies/policies.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let mut found = Vec::new();
    for document in text.split("\n---\n").skip(1) {
        let policy: Value = serde_saphyr::from_str(document).unwrap();
        let name = policy["metadata"]["name"].as_str().unwrap();
        let Some(resource) = name.strip_suffix(".fields.skep.dev") else {
            continue;
        };
        for validation in policy["spec"]["validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let text = |key: &str| validation[key].as_str().unwrap().to_owned();
            found.push(Validation {
                policy: name.to_owned(),
                resource: resource.to_owned(),
                message: text("message"),
                leaves: leaves(&text("expression")),
            });
        }
    }
    found
}

fn leaves(expression: &str) -> BTreeSet<(String, String)> {
    let named = expression.split("object.?").skip(1);
    named
        .filter_map(|rest| {
            let (path, rest) = rest.split_once(".orValue(")?;
            let (absent, _) = rest.split_once(')')?;
            Some((path.replace(".?", "."), absent.to_owned()))
        })
        .collect()
}

fn schema_of(resource: &str) -> Value {
    let file = format!("crds/yaml/hive.openshift.io_{resource}.yaml");
    let text = std::fs::read_to_string(cache::checkout().join(file)).unwrap();
    let definition: Value = serde_saphyr::from_str(&text).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// A valid value with everything in it; another one for another `turn`, as far as there is one.
fn sample(schema: &Value, turn: usize) -> Value {
    let text = |key: &str| schema[key].as_str().unwrap_or_default();
    let enums = schema["enum"]
        .as_array()
        .or_else(|| schema["allOf"][1]["enum"].as_array());
    if let Some(values) = enums {
        let values: Vec<&Value> = values.iter().filter(|value| **value != "").collect();
        return values[turn % values.len()].clone();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return json!(format!("{}Gi", turn + 1));
    }
    match text("type") {
        "boolean" => json!(turn == 0),
        "integer" | "number" => {
            let least = schema["minimum"].as_u64().unwrap_or(1).max(1);
            json!(least + turn as u64)
        }
        "string" => json!(match (text("format"), text("pattern")) {
            ("date-time", _) => format!("2026-01-0{}T00:00:00Z", turn + 1),
            ("ipv6", _) => format!("2001:db8::{}", turn + 1),
            ("byte", _) => "eA==".to_owned(),
            ("duration", _) => format!("{}h", turn + 1),
            (_, pattern) if pattern.contains("ms|s|m|h") => format!("{}h", turn + 1),
            (_, pattern) if pattern.starts_with("^/.*?/vm/") => format!("/d{turn}/vm/f"),
            (_, pattern) if pattern.starts_with("^/.*?/host/") => {
                format!("/d{turn}/host/c/Resources")
            }
            _ => format!("a{turn}"),
        }),
        "array" => json!([sample(&schema["items"], turn)]),
        _ => object(schema, turn),
    }
}

fn object(schema: &Value, turn: usize) -> Value {
    let mut fields = Map::new();
    if schema["additionalProperties"].is_object() {
        fields.insert(
            "a".to_owned(),
            sample(&schema["additionalProperties"], turn),
        );
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        fields.insert(key.clone(), sample(schema, turn));
    }
    // Parts that the schema compares with each other.
    if schema["x-kubernetes-validations"].is_array() && fields.contains_key("deviceID") {
        fields.insert("type".to_owned(), json!("Name"));
        fields.remove("deviceID");
    }
    Value::Object(fields)
}

fn at<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |at, key| {
        if at["additionalProperties"].is_object() {
            &at["additionalProperties"]
        } else {
            &at["properties"][key]
        }
    })
}

/// The patch that puts a value at a path.
fn patch(path: &str, value: Value) -> Value {
    path.rsplit('.')
        .fold(value, |inner, key| json!({ key: inner }))
}

const PODS: [&str; 2] = ["i", "j"];

fn pod(turn: usize) -> Value {
    json!({"containers": [{"name": "a", "image": PODS[turn], "resources": {}}]})
}

/// Objects of a resource that have everything, together.
fn objects(resource: &str, schema: &Value) -> Vec<Value> {
    let spec = sample(&schema["properties"]["spec"], 0);
    let whole = |kind: &str, name: String, spec: Value| {
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": SPACE},
            "spec": spec,
        })
    };
    match resource {
        "clusterdeployments" => {
            let mut spec = spec;
            spec["powerState"] = json!("Running");
            spec["ingress"] = json!([{"name": "default", "domain": "apps.a0.a0"}]);
            vec![whole("ClusterDeployment", "everything".to_owned(), spec)]
        }
        "clusterprovisions" => {
            let mut spec = spec;
            spec["stage"] = json!("provisioning");
            spec["podSpec"] = pod(0);
            vec![whole("ClusterProvision", "everything".to_owned(), spec)]
        }
        // Of these the webhook takes one platform at a time.
        "machinepools" => {
            let platforms = spec["platform"].as_object().unwrap().clone();
            let platforms = platforms.into_iter();
            let pools = platforms.map(|(platform, block)| {
                let mut spec = spec.clone();
                spec.as_object_mut().unwrap().remove("autoscaling");
                spec["platform"] = json!({ &platform: block });
                spec["clusterDeploymentRef"]["name"] = json!(platform);
                whole("MachinePool", format!("{platform}-a0"), spec)
            });
            pools.collect()
        }
        _ => vec![whole("DNSZone", "everything".to_owned(), spec)],
    }
}

/// What may change in each resource.
fn harmless(resource: &str) -> Value {
    json!({"spec": match resource {
        "clusterdeployments" => json!({"powerState": "Hibernating"}),
        "clusterprovisions" => json!({"installLog": "more"}),
        "machinepools" => json!({"labels": {"a": "b"}}),
        _ => json!({"linkToParentDomain": false}),
    }})
}

/// The schema itself refuses this change, before any policy is asked.
const BY_SCHEMA: &str = "spec.platform.vsphere.infrastructure.loadBalancer.type";

/// The changes that a validation refuses.
fn changes(validation: &Validation, schema: &Value) -> Vec<Value> {
    let path = validation.message.split(' ').next().unwrap();
    let says = |what: &str| validation.message.contains(what);
    if says("not be removed") || says("neither added nor removed") {
        // What the schema asks for goes with what it is in.
        let (above, name) = path.rsplit_once('.').unwrap();
        let required = at(schema, above)["required"].as_array();
        let required = required.is_some_and(|names| names.iter().any(|it| it == name));
        return vec![patch(if required { above } else { path }, Value::Null)];
    }
    let inside = |leaf: &str| {
        leaf.strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut changes = Vec::new();
    for (leaf, absent) in &validation.leaves {
        // That a block may be converted by it is not what the validation is about.
        let by_it = says("may change once") && leaf != path && leaf.ends_with(".infrastructure");
        if !inside(leaf) || leaf == BY_SCHEMA || by_it {
            continue;
        }
        let part = at(schema, leaf);
        // A block that counts by its presence is named by itself; its fields are named as well.
        let block = absent == "null" && part["properties"].is_object();
        let next = match leaf.as_str() {
            "spec.podSpec" => pod(1),
            _ if block => Value::Null,
            _ => sample(part, 1),
        };
        let unchanged = next == sample(part, 0);
        changes.push(patch(leaf, if unchanged { Value::Null } else { next }));
    }
    changes
}

/// The platform that a change is about.
fn platform(change: &Value) -> Option<&str> {
    let block = change["spec"]["platform"].as_object()?;
    block.keys().next().map(String::as_str)
}

#[test]
fn every_expression_refuses_what_it_is_about_and_nothing_else() {
    let guard = &*GUARD;
    let mut caller = guard.caller();
    let validations = validations();
    let resources: BTreeSet<&str> = validations.iter().map(|it| it.resource.as_str()).collect();
    let mut wrong = Vec::new();
    for resource in resources {
        let schema = schema_of(resource);
        let stored: Vec<Value> = objects(resource, &schema)
            .iter()
            .map(|object| guard.objects.create(object).unwrap())
            .collect();
        let named = |object: &Value| {
            let text = |key: &Value| key.as_str().unwrap().to_owned();
            (text(&object["kind"]), text(&object["metadata"]["name"]))
        };
        for validation in validations.iter().filter(|it| it.resource == resource) {
            let mut refused = 0;
            for change in changes(validation, &schema) {
                let about = |object: &&Value| {
                    platform(&change)
                        .is_none_or(|name| object["spec"]["platform"][name].is_object())
                };
                let Some(object) = stored.iter().find(about) else {
                    continue;
                };
                let (kind, name) = named(object);
                let outcome = guard.objects.merge(hive(&kind), SPACE, &name, &change);
                let said = match outcome {
                    Ok(_) => "it was taken".to_owned(),
                    Err(error) => refusal(&error)
                        .map_or_else(|| format!("{error:#}"), |status| status.to_string()),
                };
                if said.contains(&validation.policy) && said.contains(&validation.message) {
                    refused += 1;
                } else {
                    wrong.push(format!("{}: {change}: {said}", validation.message));
                }
                let judged = judge(&mut caller, object, &change);
                if judged["allowed"] != false {
                    wrong.push(format!(
                        "{}: {change}: the webhook allows it",
                        validation.message
                    ));
                }
            }
            if refused == 0 {
                wrong.push(format!("{}: nothing is refused", validation.message));
            }
        }
        // All expressions are evaluated, with something on both sides.
        for object in &stored {
            let (kind, name) = named(object);
            let change = harmless(resource);
            let outcome = guard.objects.merge(hive(&kind), SPACE, &name, &change);
            if let Err(error) = outcome {
                wrong.push(format!("{kind} {name}: {error:#}"));
            }
            let judged = judge(&mut caller, object, &change);
            if judged["allowed"] != true {
                wrong.push(format!("{kind} {name}: the webhook: {judged}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A client with types writes quantities in its own spelling.
#[test]
fn a_quantity_may_change_its_spelling_and_not_its_amount() {
    let guard = &*GUARD;
    let mut caller = guard.caller();
    let pool = |size: Value| {
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": "MachinePool",
            "metadata": {"name": "sized-worker", "namespace": SPACE},
            "spec": {
                "clusterDeploymentRef": {"name": "sized"},
                "name": "worker",
                "replicas": 1,
                "platform": {"nutanix": {
                    "cpus": 4, "coresPerSocket": 1, "memoryMiB": 4096,
                    "osDisk": {"diskSizeGiB": 120},
                    "dataDisks": [{"diskSize": size}, {"diskSize": "7"}],
                }},
            },
        })
    };
    let stored = guard.objects.create(&pool(json!("1Gi"))).unwrap();
    for (size, same) in [
        (json!("1024Mi"), true),
        (json!(1_073_741_824), true),
        (json!("1G"), false),
        (json!(1), false),
    ] {
        let change = json!({"spec": pool(size.clone())["spec"]});
        let outcome = guard
            .objects
            .merge(hive("MachinePool"), SPACE, "sized-worker", &change);
        assert_eq!(outcome.is_ok(), same, "{size}: {outcome:?}");
        let judged = judge(&mut caller, &stored, &change);
        assert_eq!(judged["allowed"], same, "{size}: {judged}");
    }
}

/// What may change in an example of a kind that the webhook judges.
fn change_of(kind: &str) -> Option<Value> {
    let resource = match kind {
        "ClusterDeployment" => "clusterdeployments",
        "ClusterProvision" => "clusterprovisions",
        "MachinePool" => "machinepools",
        "DNSZone" => "dnszones",
        "ClusterPool" => return Some(json!({"spec": {"size": 7}})),
        "ClusterImageSet" => return Some(json!({"spec": {"releaseImage": "quay.io/other:1"}})),
        "SyncSet" | "SelectorSyncSet" => return Some(json!({"spec": {"resourceApplyMode": ""}})),
        "ClusterDeploymentCustomization" => {
            let patches = json!([{"op": "remove", "path": "/a"}]);
            return Some(json!({"spec": {"installConfigPatches": patches}}));
        }
        _ => return None,
    };
    Some(harmless(resource))
}

/// Made, with the API server's defaults, and changed: neither webhook nor policy is in the way.
#[test]
fn each_example_is_made_and_changed() {
    let guard = &*GUARD;
    let mut caller = guard.caller();
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-blue"}});
    guard.objects.create(&space).unwrap();
    let mut judged = BTreeSet::new();
    for file in examples::files() {
        for object in examples::objects(&file) {
            let kind = object["kind"].as_str().unwrap();
            let Some(change) = change_of(kind) else {
                continue;
            };
            let shown = file.display();
            let stored = guard.objects.create(&object).unwrap();
            let made = ask(&mut caller, kind, "CREATE", None, &stored);
            assert_eq!(made["allowed"], true, "{shown}: {made}");
            let text = |key: &str| stored["metadata"][key].as_str().unwrap_or_default();
            let outcome = guard
                .objects
                .merge(hive(kind), text("namespace"), text("name"), &change);
            assert!(outcome.is_ok(), "{shown}: {:#}", outcome.unwrap_err());
            let new = merged(&stored, &change);
            let changed = ask(&mut caller, kind, "UPDATE", Some(&stored), &new);
            assert_eq!(changed["allowed"], true, "{shown}: {changed}");
            judged.insert(kind.to_owned());
        }
    }
    assert_eq!(judged.len(), 9, "{judged:?}");
}
