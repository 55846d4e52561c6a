//! What the server adds to a new object before it stores it: the few defaults of built-in kinds
//! that controllers read back. Custom resources get theirs by a hook.

use serde_json::{Value, json};

use super::registry::Kind;

/// Fills in a new object of `kind`; its metadata is complete.
pub(super) fn fill(kind: &Kind, object: &mut Value) {
    if kind.custom {
        return;
    }
    match kind.plural.as_str() {
        "namespaces" => {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            object["status"] = json!({"phase": "Active"});
        }
        "pods" => {
            pod(&mut object["spec"]);
            object["status"] = json!({"phase": "Pending"});
        }
        "jobs" => job(object),
        _ => {}
    }
    refill(kind, object);
}

/// What is settled at each write, not only at the first.
pub(super) fn refill(kind: &Kind, object: &mut Value) {
    if kind.custom || !matches!(kind.plural.as_str(), "secrets" | "configmaps") {
        return;
    }
    if kind.plural == "secrets" {
        secret(object);
    }
    for field in ["data", "binaryData"] {
        if object[field]
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
        {
            object
                .as_object_mut()
                .and_then(|fields| fields.shift_remove(field));
        }
    }
}

fn pod(spec: &mut Value) {
    for (field, value) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("restartPolicy", json!("Always")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
        ("terminationGracePeriodSeconds", json!(30)),
    ] {
        default(spec, &[field], || value);
    }
    for list in ["initContainers", "containers"] {
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let image = container["image"].as_str().unwrap_or_default();
            let newest =
                image.ends_with(":latest") || !image[image.rfind('/').unwrap_or(0)..].contains(':');
            let policy = if newest { "Always" } else { "IfNotPresent" };
            for (field, value) in [
                ("imagePullPolicy", json!(policy)),
                ("resources", json!({})),
                ("terminationMessagePath", json!("/dev/termination-log")),
                ("terminationMessagePolicy", json!("File")),
            ] {
                default(container, &[field], || value);
            }
        }
    }
}

/// `stringData` is a way to write `data`; it is never stored.
fn secret(object: &mut Value) {
    use base64::Engine as _;
    default(object, &["type"], || json!("Opaque"));
    let Some(Value::Object(plain)) = object
        .as_object_mut()
        .and_then(|o| o.shift_remove("stringData"))
    else {
        return;
    };
    for (name, value) in plain {
        let text = value.as_str().unwrap_or_default();
        object["data"][name] = base64::engine::general_purpose::STANDARD
            .encode(text)
            .into();
    }
}

fn job(object: &mut Value) {
    let uid = object["metadata"]["uid"].clone();
    let name = object["metadata"]["name"].clone();
    for (field, value) in [
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("completions", json!(1)),
        ("manualSelector", json!(false)),
        ("parallelism", json!(1)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("suspend", json!(false)),
    ] {
        default(object, &["spec", field], || value);
    }
    object["spec"]["selector"] =
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        object["spec"]["template"]["metadata"]["labels"][label] = value.clone();
    }
    pod(&mut object["spec"]["template"]["spec"]);
    if object["metadata"]["labels"].is_null() {
        object["metadata"]["labels"] = object["spec"]["template"]["metadata"]["labels"].clone();
    }
    object["status"] = json!({});
}

fn default(object: &mut Value, path: &[&str], value: impl FnOnce() -> Value) {
    let place = path.iter().fold(object, |value, step| &mut value[*step]);
    if place.is_null() {
        *place = value();
    }
}
