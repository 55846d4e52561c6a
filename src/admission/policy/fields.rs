//! Policies from the table of protected fields: one for each kind, and one for the deletion of clusters.
//!
//! They compare old and new, so that nothing that is stored can become impossible to update, and an
//! update that only removes finalizers always passes, of an object that is being deleted as well. Such
//! an object stays protected: it is then that the deprovision reads what these fields say.
//!
//! Which entry decides about a change is said in [`crate::admission::rules::fields`]: the one with the
//! longest path. Here that means that each entry compares its field without what other entries below it
//! decide.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use skep_crds::names::annotation::PROTECTED_DELETE;

use super::cel::{Holds, Leaf, unless_illegible};
use super::{SPEC_CHANGES, condition, rule};
use crate::admission::HOOKS;
use crate::admission::rules::fields::{Change, FIELDS, Field, Since};
use crate::admission::rules::{PRESENCE_BELOW, PRESENCE_OF};

/// Spellings of yes, as [`skep_crds::names::annotation::is_true`] reads them.
const YES: &str = "['1', 't', 'T', 'true', 'True', 'TRUE']";

/// Name of the policy of a resource's fields.
fn name_of(resource: &str) -> String {
    format!("{resource}.fields.skep.dev")
}

/// What was no object has no fields; the webhook lets it be mended, too.
const LEGIBLE: &str = "!has(oldObject.spec) || type(oldObject.spec) == map";

/// Name of the policy of the deletion of clusters.
const DELETION: &str = "clusterdeployments.deletion.skep.dev";

/// Every policy, each followed by its binding.
pub(super) fn policies() -> Vec<Value> {
    let fields = HOOKS
        .iter()
        .filter(|hook| FIELDS.iter().any(|field| field.resource == hook.resource))
        .flat_map(|hook| {
            let validations: Vec<Value> = FIELDS
                .iter()
                .filter(|field| field.resource == hook.resource)
                .flat_map(validations)
                .collect();
            let rule = rule(hook.resource, &["UPDATE"], hook.namespaced);
            let conditions = [
                ("spec-changes", SPEC_CHANGES),
                ("spec-was-legible", LEGIBLE),
            ];
            let conditions = conditions.map(|(name, expression)| condition(name, expression));
            bound(policy(
                &name_of(hook.resource),
                &rule,
                &json!(conditions),
                &validations,
            ))
        });
    fields.chain(bound(deletion())).collect()
}

fn policy(name: &str, rule: &Value, conditions: &Value, validations: &[Value]) -> Value {
    let mut policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name, "labels": {"hive.openshift.io/component": "hiveadmission"}},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": [rule]},
            "validations": validations,
        },
    });
    if !conditions.is_null() {
        policy["spec"]["matchConditions"] = conditions.clone();
    }
    policy
}

fn bound(policy: Value) -> [Value; 2] {
    let name = &policy["metadata"]["name"];
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": policy["metadata"],
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    [policy, binding]
}

fn deletion() -> Value {
    let rule = rule("clusterdeployments", &["DELETE"], true);
    let validation = json!({
        "expression": format!(
            "!(oldObject.metadata.?annotations[?'{PROTECTED_DELETE}'].orValue('') in {YES})"
        ),
        "message": format!(
            "the cluster is protected: remove the annotation {PROTECTED_DELETE} to delete it"
        ),
        "reason": "Invalid",
    });
    policy(DELETION, &rule, &Value::Null, &[validation])
}

/// A validation says what must be true of an update for an entry, or for a part of its field where
/// that is a whole tree.
fn validations(field: &Field) -> Vec<Value> {
    parts(field)
        .into_iter()
        .map(|(path, expression)| {
            json!({
                "expression": expression,
                "message": format!("{path} {} ({})", field.change.says(), field.id),
                "reason": "Invalid",
            })
        })
        .collect()
}

/// Leaves that one validation compares.
const MANY: usize = 12;

/// Paths and expressions.
fn parts(field: &Field) -> Vec<(String, String)> {
    let own = leaves(field, &below(field));
    if own.is_empty() {
        // Other entries decide about all that there is.
        return Vec::new();
    }
    let all = |leaves: &[&Leaf]| {
        let paths = leaves.iter().map(|leaf| leaf.path());
        unless_illegible(join(leaves, " && ", Leaf::same), paths)
    };
    if own.len() > MANY && matches!(field.change, Change::Never | Change::WithFirst(_)) {
        let mut parts: BTreeMap<&str, Vec<&Leaf>> = BTreeMap::new();
        for leaf in &own {
            parts
                .entry(child(leaf.path(), field.path))
                .or_default()
                .push(leaf);
        }
        let parts = parts.into_iter();
        return parts
            .map(|(path, leaves)| (path.to_owned(), bound_by(field, all(&leaves))))
            .collect();
    }
    let unchanged = all(&own.iter().collect::<Vec<_>>());
    // What is there and empty says nothing yet.
    let whole = leaves(field, &[]);
    let whole: Vec<&Leaf> = whole.iter().filter(|leaf| !leaf.is_presence()).collect();
    let presence = Leaf::new(field.path.to_owned(), Holds::Presence);
    let legible =
        |expression: String| unless_illegible(expression, whole.iter().map(|leaf| leaf.path()));
    let expression = match field.change {
        Change::Free => return Vec::new(),
        Change::Never | Change::WithFirst(_) => unchanged,
        Change::OnceSet => {
            let was = join(&whole, " || ", Leaf::was);
            legible(format!("!({was}) || {unchanged}"))
        }
        Change::NotCleared => {
            let (was, is) = (
                join(&whole, " || ", Leaf::was),
                join(&whole, " || ", Leaf::is),
            );
            legible(format!("!({was}) || {is}"))
        }
        Change::NotRemoved => legible(format!("!({}) || {}", presence.was(), presence.is())),
        Change::SamePresence => presence.same(),
    };
    vec![(field.path.to_owned(), bound_by(field, expression))]
}

fn join(leaves: &[&Leaf], with: &str, of: fn(&Leaf) -> String) -> String {
    let parts: Vec<String> = leaves.iter().map(|leaf| of(leaf)).collect();
    parts.join(with)
}

/// The part of a path that is one step below another.
fn child<'a>(path: &'a str, above: &str) -> &'a str {
    let step = above.len() + 1;
    let end = path
        .get(step..)
        .and_then(|rest| rest.find('.'))
        .map_or(path.len(), |at| step + at);
    path.get(..end).unwrap_or(path)
}

/// The entry's conditions before what it asks for.
fn bound_by(field: &Field, mut expression: String) -> String {
    if let Change::WithFirst(path) = field.change {
        let [first, all] =
            [path, field.path].map(|path| Leaf::new(path.to_owned(), Holds::Presence));
        let (had, was, is) = (all.was(), first.was(), first.is());
        expression = format!("{had} && !({was}) && {is} || {expression}");
    }
    if field.since == Since::Installed {
        let installed = Leaf::new("spec.installed".to_owned(), Holds::Flag);
        expression = format!(
            "!({} && {}) || {expression}",
            installed.was(),
            installed.is()
        );
    }
    if let Some(annotation) = field.unless {
        let lifted = format!("object.metadata.?annotations[?'{annotation}'].orValue('') in {YES}");
        expression = format!("{lifted} || {expression}");
    }
    expression
}

/// Paths below the entry's that other entries decide about.
fn below(field: &Field) -> Vec<&'static str> {
    FIELDS
        .iter()
        .filter(|other| other.resource == field.resource)
        .map(|other| other.path)
        .filter(|path| {
            path.strip_prefix(field.path)
                .is_some_and(|rest| rest.starts_with('.'))
        })
        .collect()
}

/// Everything that the kind's schema has at the entry's path, but for some paths.
fn leaves(field: &Field, without: &[&str]) -> Vec<Leaf> {
    let definitions = skep_crds::schema::definitions();
    let definition = definitions
        .iter()
        .find(|definition| definition["spec"]["names"]["plural"] == field.resource);
    let nothing = Value::Null;
    let mut schema = definition.map_or(
        &nothing,
        |it| &it["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
    );
    for key in field.path.split('.') {
        schema = &schema["properties"][key];
    }
    let mut found = Vec::new();
    descend(schema, field.path.to_owned(), without, &mut found);
    found
}

fn descend(schema: &Value, path: String, without: &[&str], found: &mut Vec<Leaf>) {
    if without.contains(&path.as_str()) {
        return;
    }
    let counts = PRESENCE_OF.contains(&path.as_str())
        || path
            .rsplit_once('.')
            .is_some_and(|(above, _)| PRESENCE_BELOW.contains(&above));
    if counts {
        found.push(Leaf::new(path.clone(), Holds::Presence));
    }
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    let holds = match schema["type"].as_str() {
        Some("string") => Holds::Text,
        Some("integer" | "number") => Holds::Number,
        Some("boolean") => Holds::Flag,
        Some("array") if schema["items"]["type"] == "object" => {
            let items = schema["items"]["properties"].as_object();
            let sized = |schema: &Value| schema["x-kubernetes-int-or-string"] == true;
            if items.is_some_and(|items| items.values().any(sized)) {
                Holds::Sized
            } else {
                Holds::Objects
            }
        }
        Some("array") => Holds::Values,
        Some("object") if !open && schema["additionalProperties"].is_null() => {
            for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
                descend(schema, format!("{path}.{key}"), without, found);
            }
            return;
        }
        _ => Holds::Anything,
    };
    found.push(Leaf::new(path, holds));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str) -> Vec<(String, String)> {
        parts(FIELDS.iter().find(|field| field.id == id).unwrap())
    }

    #[test]
    fn every_entry_has_its_validation() {
        // All that there is of this one is decided by the entries below it.
        let without = ["clusterdeployment/metadata-platform-once"];
        for field in FIELDS {
            let none = field.change == Change::Free || without.contains(&field.id);
            assert_eq!(parts(field).is_empty(), none, "{}", field.id);
            for (path, expression) in parts(field) {
                assert!(
                    !expression.is_empty() && !expression.ends_with("|| "),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn expressions_read_like_the_table() {
        let path = |path: &str| path.to_owned();
        let base_domain =
            "object.?spec.?baseDomain.orValue('') == oldObject.?spec.?baseDomain.orValue('')";
        assert_eq!(
            of("clusterdeployment/base-domain-stays"),
            [(path("spec.baseDomain"), base_domain.to_owned())]
        );
        let installed = "!(oldObject.?spec.?installed.orValue(false) == true) || object.?spec.?installed.orValue(false) == true";
        assert_eq!(
            of("clusterdeployment/installed-stays"),
            [(path("spec.installed"), installed.to_owned())]
        );
    }

    #[test]
    fn what_another_entry_decides_is_left_to_it() {
        let parts = of("clusterdeployment/platform-stays");
        let paths: Vec<&str> = parts.iter().map(|(path, _)| path.as_str()).collect();
        assert!(paths.contains(&"spec.platform.aws"), "{paths:?}");
        assert!(!paths.contains(&"spec.platform.vsphere"), "{paths:?}");
        let all: String = parts
            .into_iter()
            .map(|(_, expression)| expression)
            .collect();
        assert!(
            all.contains("?privateLink.?enabled") && all.contains("?region"),
            "{all}"
        );
        assert!(!all.contains("additionalAllowedPrincipals"), "{all}");
    }

    /// The API server takes expressions of any length, people do not.
    #[test]
    fn expressions_stay_readable() {
        for field in FIELDS {
            for (path, expression) in parts(field) {
                assert!(
                    expression.len() < 8_000,
                    "{path} has {} bytes",
                    expression.len()
                );
            }
        }
    }
}
