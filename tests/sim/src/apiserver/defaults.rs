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
        "secrets" => secret(object),
        "pods" => {
            default(object, &["spec", "restartPolicy"], || json!("Always"));
            default(object, &["spec", "terminationGracePeriodSeconds"], || json!(30));
            object["status"] = json!({"phase": "Pending"});
        }
        "jobs" => job(object),
        _ => {}
    }
}

/// `stringData` is a way to write `data`; it is never stored.
pub(super) fn secret(object: &mut Value) {
    use base64::Engine as _;
    default(object, &["type"], || json!("Opaque"));
    let Some(Value::Object(plain)) = object.as_object_mut().and_then(|o| o.shift_remove("stringData"))
    else {
        return;
    };
    for (name, value) in plain {
        let text = value.as_str().unwrap_or_default();
        object["data"][name] = base64::engine::general_purpose::STANDARD.encode(text).into();
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
    object["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        object["spec"]["template"]["metadata"]["labels"][label] = value.clone();
    }
    object["status"] = json!({});
}

fn default(object: &mut Value, path: &[&str], value: impl FnOnce() -> Value) {
    let place = path.iter().fold(object, |value, step| &mut value[*step]);
    if place.is_null() {
        *place = value();
    }
}
