//! What holds for any object: nothing makes a review panic, and nothing that is stored is locked.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Origin, all};
use super::trials;
use crate::admission::review::{HOOKS, Request, review};
use crate::admission::settings::Settings;
use crate::admission::verdict::Verdict;

/// Any JSON, with the words of the API in it so that it is looked at in depth.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "metadata",
        "name",
        "namespace",
        "labels",
        "annotations",
        "deletionTimestamp",
        "spec",
        "platform",
        "aws",
        "vsphere",
        "infrastructure",
        "vcenters",
        "region",
        "credentialsSecretRef",
        "ingress",
        "domain",
        "baseDomain",
        "clusterName",
        "provisioning",
        "installed",
        "clusterMetadata",
        "clusterPoolRef",
        "resources",
        "patches",
        "patch",
        "patchType",
        "secretMappings",
        "sourceRef",
        "targetRef",
        "podSpec",
        "containers",
        "stage",
        "attempt",
        "replicas",
        "autoscaling",
        "zone",
        "releaseImage",
        "installConfigPatches",
        "clusterDeploymentRef",
        "size",
        "hibernateAfter",
        "rootVolume",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "", "*", "@", "~", "1h", "json", "{{", "default", "µs", "9e9"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..8).prop_map(|fields| fields
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Value>()),
        ]
    })
}

/// A good object of some case with one place in it replaced by anything.
fn nearly_good() -> impl Strategy<Value = (usize, Value, Option<Value>)> {
    let cases: Vec<(usize, Value)> = trials()
        .into_iter()
        .filter_map(|trial| {
            let hook = HOOKS.iter().position(|hook| hook == trial.hook)?;
            Some((hook, trial.object?))
        })
        .collect();
    (
        prop::sample::select(cases),
        any::<prop::sample::Index>(),
        any_json(),
    )
        .prop_map(|((hook, object), place, value)| {
            let mut paths = Vec::new();
            pointers(&object, String::new(), &mut paths);
            let mut changed = object.clone();
            if let Some(slot) = changed.pointer_mut(&paths[place.index(paths.len())]) {
                *slot = value;
            }
            (hook, changed, Some(object))
        })
}

fn pointers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                pointers(
                    value,
                    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    into,
                );
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{index}"), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

fn allows(hook: usize, operation: &str, object: Option<&Value>, old: Option<&Value>) -> bool {
    judged(hook, operation, object, old).is_allowed()
}

fn judged(hook: usize, operation: &str, object: Option<&Value>, old: Option<&Value>) -> Verdict {
    let hook = &HOOKS[hook];
    let wire = json!({
        "uid": "u",
        "kind": {"group": "hive.openshift.io", "version": "v1", "kind": hook.kind},
        "resource": {"group": "hive.openshift.io", "version": "v1", "resource": hook.resource},
        "name": "n",
        "operation": operation,
        "object": object,
        "oldObject": old,
    })
    .to_string();
    let request: Request<'_> = serde_json::from_str(&wire).unwrap();
    let settings = Settings {
        release_verification: true,
        ..Settings::default()
    };
    let verdict = review(hook, &request, &settings);
    // Every answer can be written, and a refusal says why.
    let answer = serde_json::to_value(verdict.response("u")).unwrap();
    assert_eq!(answer["allowed"], Value::Bool(verdict.is_allowed()));
    if !verdict.is_allowed() {
        assert_ne!(
            answer["status"]["message"], "",
            "a refusal without a reason"
        );
    }
    verdict
}

fn is_storable(object: &Value) -> bool {
    let meta = object.get("metadata");
    let texts = |key: &str| {
        meta.and_then(|meta| meta.get(key)).is_none_or(|map| {
            map.is_null()
                || map
                    .as_object()
                    .is_some_and(|map| map.values().all(Value::is_string))
        })
    };
    let text = |key: &str| {
        meta.and_then(|meta| meta.get(key))
            .is_none_or(|v| v.is_null() || v.is_string())
    };
    object.is_object()
        && meta.is_none_or(|meta| meta.is_object() || meta.is_null())
        && ["labels", "annotations"].into_iter().all(texts)
        && ["name", "namespace", "deletionTimestamp"]
            .into_iter()
            .all(text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn anything_can_be_reviewed(hook in 0..HOOKS.len(), new in any_json(), old in any_json()) {
        for operation in ["CREATE", "UPDATE", "DELETE", "CONNECT"] {
            allows(hook, operation, Some(&new), Some(&old));
        }
    }

    #[test]
    fn what_is_stored_may_stay_as_it_is((hook, object, good) in nearly_good()) {
        allows(hook, "CREATE", Some(&object), None);
        allows(hook, "UPDATE", Some(&object), good.as_ref());
        allows(hook, "UPDATE", good.as_ref(), Some(&object));
        if is_storable(&object) {
            prop_assert!(allows(hook, "UPDATE", Some(&object), Some(&object)));
        }
    }

    #[test]
    fn what_was_accepted_may_be_relabelled((hook, object, _) in nearly_good()) {
        if is_storable(&object) && allows(hook, "CREATE", Some(&object), None) {
            let mut relabelled = object.clone();
            relabelled["metadata"]["labels"] = json!({"a": "b"});
            prop_assert!(allows(hook, "UPDATE", Some(&relabelled), Some(&object)));
        }
    }

    #[test]
    fn what_is_being_deleted_loses_its_finalizers((hook, object, _) in nearly_good()) {
        if is_storable(&object) {
            let mut old = object.clone();
            old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            let mut new = old.clone();
            old["metadata"]["finalizers"] = json!(["a"]);
            new["metadata"]["finalizers"] = json!([]);
            prop_assert!(allows(hook, "UPDATE", Some(&new), Some(&old)));
        }
    }

    /// Rules that Skep adds bind what an update changes: a change of something else is not their matter.
    #[test]
    fn added_rules_hold_up_no_other_change((hook, object, _) in nearly_good()) {
        if is_storable(&object) && object.get("spec").is_some_and(Value::is_object) {
            let mut changed = object.clone();
            changed["spec"]["somethingElse"] = json!(true);
            let added: Vec<&str> = all()
                .into_iter()
                .filter(|rule| matches!(rule.origin, Origin::Weakness(_)))
                .map(|rule| rule.id)
                .collect();
            let verdict = judged(hook, "UPDATE", Some(&changed), Some(&object));
            for finding in verdict.denial.iter().flat_map(|denial| &denial.findings) {
                prop_assert!(!added.contains(&finding.rule), "{}", finding.rule);
            }
            // That what is stored cannot be read is told each time.
            let rest: Vec<&String> = verdict
                .warnings
                .iter()
                .filter(|warning| !warning.ends_with("was stored so, and is not judged"))
                .collect();
            prop_assert!(rest.is_empty(), "{:?}", rest);
        }
    }
}
