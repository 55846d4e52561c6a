//! Who changed what and when, one line each: for golden files and for the reader of a failed run.
//!
//! Values of Secrets are never shown, only their keys.

use std::fmt::Write as _;

use serde_json::Value;

use crate::apiserver::{ApiServer, effects::Effect};

/// Which lines of the log to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Every request that changed something or was refused, by anybody.
    All,
    /// Only those of the operator, the pods and people: not the hub's own controllers.
    Story,
}

/// The longest value shown.
const LONGEST: usize = 60;

/// The transcript so far.
pub fn render(server: &ApiServer, show: Show) -> String {
    let effects = server.effects();
    let mut text = String::new();
    for effect in effects.log() {
        let machinery = matches!(
            &*effect.agent,
            "actor/garbage-collector"
                | "actor/namespaces"
                | "actor/scheduler"
                | "actor/kubelet"
                | "actor/jobs"
        );
        let noise = matches!(effect.request.plural.as_str(), "leases" | "events");
        if noise || (show == Show::Story && machinery) {
            continue;
        }
        let _ = writeln!(text, "{}", line(effect));
    }
    text
}

/// The conditions of all custom objects, one line each: what the operator says about them now.
pub fn conditions_of_all(server: &ApiServer) -> String {
    let mut text = String::new();
    for ((resource, key), object) in server.everything() {
        for condition in object["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let part = |field: &str| condition[field].as_str().unwrap_or_default();
            if resource.0.contains('.') && part("reason") != "Initialized" {
                let _ = writeln!(
                    text,
                    "{}/{}/{} {}={}/{} {}",
                    resource.1,
                    key.0,
                    key.1,
                    part("type"),
                    part("status"),
                    part("reason"),
                    part("message"),
                );
            }
        }
    }
    text
}

/// The Events of the hub, one line each: what the operator told people.
pub fn events(server: &ApiServer) -> String {
    let mut text = String::new();
    for group in ["", "events.k8s.io"] {
        for event in server.objects(group, "events") {
            let part = |pointer: &str| {
                let found = event.pointer(pointer).and_then(Value::as_str);
                found.unwrap_or_default().to_owned()
            };
            let about = if group.is_empty() {
                "involvedObject"
            } else {
                "regarding"
            };
            let (kind, name) = (
                part(&format!("/{about}/kind")),
                part(&format!("/{about}/name")),
            );
            let note = part("/note") + &part("/message");
            let _ = writeln!(
                text,
                "{} {kind}/{name} {} {note}",
                part("/type"),
                part("/reason")
            );
        }
    }
    text
}

/// One line: `12.3s operator PATCH clusterdeployments/ns/x/status  Provisioned=False/Provisioning`.
pub fn line(effect: &Effect) -> String {
    let request = &effect.request;
    let mut place = request.plural.clone();
    for part in [&request.namespace, &request.name] {
        if !part.is_empty() {
            let _ = write!(place, "/{part}");
        }
    }
    if let Some(subresource) = &request.subresource {
        let _ = write!(place, "/{subresource}");
    }
    let at = effect.at.as_secs_f64();
    let verb = request.verb;
    let mut text = format!("{at:>8.1}s {} {verb} {place}", effect.agent);
    if effect.code >= 300 {
        let _ = write!(text, "  -> {}", effect.code);
        if effect.changed() {
            text.push_str(" (carried out, the answer was lost)");
        }
    } else if request.dry_run {
        text.push_str("  (dry run)");
    } else if effect.before.is_some() && !effect.changed() {
        text.push_str("  (no change)");
    } else {
        let changes = changes(effect);
        if !changes.is_empty() {
            let _ = write!(text, "  {}", changes.join(" "));
        }
    }
    text
}

/// What is different now, as `path=value`, conditions as `Type=Status/Reason`.
fn changes(effect: &Effect) -> Vec<String> {
    let secret = effect.request.plural == "secrets";
    match (&effect.before, &effect.after) {
        (Some(before), Some(after)) => {
            let mut found = Vec::new();
            differ("", before, after, secret, &mut found);
            found
        }
        (Some(_), None) => vec!["(gone)".to_owned()],
        (None, _) => Vec::new(),
    }
}

/// What differs between two objects, as `path=value` of the second.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let secret = after["kind"] == "Secret";
    let mut found = Vec::new();
    differ("", before, after, secret, &mut found);
    found
}

fn differ(path: &str, before: &Value, after: &Value, secret: bool, found: &mut Vec<String>) {
    const UNINTERESTING: [&str; 3] = [
        "metadata.resourceVersion",
        "metadata.generation",
        "metadata.managedFields",
    ];
    if before == after || UNINTERESTING.contains(&path) {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let inner = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let absent = &Value::Null;
            let pair = (
                old.get(name).unwrap_or(absent),
                new.get(name).unwrap_or(absent),
            );
            differ(&inner, pair.0, pair.1, secret, found);
        }
        return;
    }
    if path.ends_with("conditions") {
        found.extend(conditions(before, after));
        return;
    }
    if let (Value::Null, Value::Object(new)) = (before, after) {
        for (name, value) in new {
            let inner = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            differ(&inner, &Value::Null, value, secret, found);
        }
        return;
    }
    let hidden = secret && (path.starts_with("data") || path.starts_with("stringData"));
    found.push(match after {
        Value::Null => format!("-{path}"),
        _ if hidden => format!("{path}=<hidden>"),
        value => format!("{path}={}", shown(value)),
    });
}

fn conditions(before: &Value, after: &Value) -> Vec<String> {
    let all = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let summary = |condition: &Value| {
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        (
            text("type"),
            format!("{}={}/{}", text("type"), text("status"), text("reason")),
        )
    };
    let old: Vec<(String, String)> = all(before).iter().map(summary).collect();
    let new: Vec<(String, String)> = all(after).iter().map(summary).collect();
    let changed = new
        .iter()
        .filter(|entry| !old.contains(entry))
        .map(|(_, text)| text.clone());
    let gone = old
        .iter()
        .filter(|(kind, _)| !new.iter().any(|(other, _)| other == kind));
    let mut found: Vec<String> = changed
        .chain(gone.map(|(kind, _)| format!("-{kind}")))
        .collect();
    if found.is_empty() {
        found.push("conditions~".to_owned());
    }
    found
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.replace('\n', "\\n"),
        other => other.to_string(),
    };
    if text.chars().count() > LONGEST {
        let head: String = text.chars().take(LONGEST).collect();
        format!("{head}…")
    } else {
        text
    }
}
