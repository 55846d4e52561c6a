//! The nine webhook configurations, under Hive's names.
//!
//! They lead straight to the Service: no aggregated API stands between, whose outage would be felt by
//! everybody. The authority to trust is not part of them; the webhook writes its own, or a certificate
//! manager does, and an apply of these manifests leaves it alone.

use serde_json::{Value, json};
use skep_crds::names::annotation::PROTECTED_DELETE;

use super::{SPEC_CHANGES, condition, rule};
use crate::admission::{HOOKS, Hook, Operation};

/// Name of the webhook's Service, and of everything else of it.
pub(super) const NAME: &str = "hiveadmission";
/// Kustomize puts the namespace that is installed into in its place.
const NAMESPACE: &str = "hive";
/// As long as the API server would wait by itself; the answer takes a millisecond.
const TIMEOUT_SECONDS: u32 = 10;

pub(super) fn configurations() -> Vec<Value> {
    HOOKS.iter().map(configuration).collect()
}

fn configuration(hook: &Hook) -> Value {
    let operations: Vec<&str> = hook
        .operations
        .iter()
        .copied()
        .map(Operation::as_str)
        .collect();
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {
            "name": hook.configuration_name(),
            "labels": {"hive.openshift.io/component": NAME},
        },
        "webhooks": [{
            "name": hook.configuration_name(),
            "admissionReviewVersions": ["v1"],
            "clientConfig": {
                "service": {"name": NAME, "namespace": NAMESPACE, "path": format!("/{}", hook.plural)},
            },
            "rules": [rule(hook.resource, &operations, hook.namespaced)],
            "matchConditions": [needing_a_look(hook)],
            "matchPolicy": "Equivalent",
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": TIMEOUT_SECONDS,
        }],
    })
}

/// Which requests need a look.
fn needing_a_look(hook: &Hook) -> Value {
    if !hook.operations.contains(&Operation::Delete) {
        return condition("spec-changes", SPEC_CHANGES);
    }
    // Who takes the protection from deletion away is warned.
    let of = |object: &str| format!("{object}.metadata.annotations");
    let (old, new) = (of("oldObject"), of("object"));
    let key = PROTECTED_DELETE;
    let protection = format!(
        "has({old}) && '{key}' in {old} && !(has({new}) && '{key}' in {new} && {new}['{key}'] == {old}['{key}'])"
    );
    condition(
        "spec-or-protection-changes",
        &format!("{SPEC_CHANGES} || {protection}"),
    )
}
