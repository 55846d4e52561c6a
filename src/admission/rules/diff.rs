//! What differs between two specifications, leaf by leaf.
//!
//! Decides what counts as a difference: absent, null, false, zero, an empty text, an empty list and an
//! object of nothing but these are the same, because the API's other writers drop or add them as their
//! types have it; and so are two spellings of one quantity, which the same writers exchange. Two
//! exceptions: whether a block is there at all is a statement where the block selects something (a
//! platform) or where those types tell it apart, and the keys of a free map are values of their own.

use serde_json::Value;

use super::quantity;
use crate::admission::verdict::shown;

/// One leaf that differs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference<'a> {
    /// JSON path.
    pub(super) path: String,
    /// What it was.
    pub(super) old: Option<&'a Value>,
    /// What it is.
    pub(super) new: Option<&'a Value>,
}

/// Objects whose presence counts, and the maps whose keys do: by the path of what contains them.
pub(in crate::admission) const PRESENCE_BELOW: [&str; 3] = [
    "spec.platform",
    "spec.platform.aws.userTags",
    "spec.platform.azure.userTags",
];

/// What counts by its presence, whatever is in it: Hive's types tell absent and empty apart here. A block
/// for spot machines is the wish for them, with nothing in it as well.
pub(in crate::admission) const PRESENCE_OF: &[&str] = &[
    "spec.boundServiceAccountSigningKeySecretRef",
    "spec.clusterInstallRef",
    "spec.clusterMetadata.platform.aws.hostedZoneRole",
    "spec.clusterMetadata.platform.azure.resourceGroupName",
    "spec.clusterMetadata.platform.gcp.networkProjectID",
    "spec.platform.aws.credentialsAssumeRole",
    "spec.platform.aws.metadataService",
    "spec.platform.aws.privateLink",
    "spec.platform.aws.spotMarketOptions",
    "spec.platform.azure.osDisk.diskEncryptionSet",
    "spec.platform.azure.osImage",
    "spec.platform.gcp.osDisk.encryptionKey",
    "spec.platform.gcp.privateServiceConnect",
    "spec.platform.openstack.certificatesSecretRef",
    "spec.platform.openstack.rootVolume",
    "spec.provisioning",
    "spec.provisioning.imageSetRef",
    "spec.provisioning.installConfigSecretRef",
    "spec.provisioning.manifestsConfigMapRef",
    "spec.provisioning.manifestsSecretRef",
    "spec.provisioning.sshPrivateKeySecretRef",
    "spec.pullSecretRef",
];

/// Differences that a message lists.
const TOLD: usize = 8;

/// The value at a path that goes through objects only; null is absent.
pub(super) fn at<'a>(spec: Option<&'a Value>, path: &str) -> Option<&'a Value> {
    let mut value = spec;
    for key in path.split('.').skip(1) {
        value = value?.get(key);
    }
    value.filter(|value| !value.is_null())
}

/// Whether a value says no more than its absence.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

/// Every leaf in which two specifications differ.
pub(super) fn leaves<'a>(old: &'a Value, new: &'a Value) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    descend("spec".to_owned(), Some(old), Some(new), &mut found);
    found
}

fn descend<'a>(
    path: String,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
    found: &mut Vec<Difference<'a>>,
) {
    let [old, new] = [old, new].map(|value| value.filter(|value| !value.is_null()));
    if old == new {
        return;
    }
    // Somewhere below, presence may count although all that is there is empty.
    let counts_below = PRESENCE_BELOW
        .iter()
        .chain(PRESENCE_OF)
        .any(|p| p.starts_with(&path));
    let counts_here = PRESENCE_OF.contains(&path.as_str())
        || path
            .rsplit_once('.')
            .is_some_and(|(above, _)| PRESENCE_BELOW.contains(&above));
    let came_or_went = counts_here && old.is_some() != new.is_some();
    // A block that came or went is one difference, whatever is in it.
    if came_or_went {
        found.push(Difference { path, old, new });
        return;
    }
    if !counts_below && [old, new].into_iter().flatten().all(is_empty) {
        return;
    }
    let before = found.len();
    match (old, new) {
        (Some(Value::Object(_)) | None, Some(Value::Object(_)) | None) => {
            let fields = |value: Option<&'a Value>| value.and_then(Value::as_object);
            let (was, is) = (fields(old), fields(new));
            let added = is
                .into_iter()
                .flatten()
                .filter(|(key, _)| was.is_none_or(|was| !was.contains_key(*key)));
            let keys = was.into_iter().flatten().chain(added).map(|(key, _)| key);
            for key in keys {
                let of =
                    |fields: Option<&'a serde_json::Map<_, _>>| fields.and_then(|f| f.get(key));
                descend(format!("{path}.{key}"), of(was), of(is), found);
            }
        }
        (Some(Value::Array(_)) | None, Some(Value::Array(_)) | None) => {
            let items = |value: Option<&'a Value>| {
                value
                    .and_then(Value::as_array)
                    .map(Vec::as_slice)
                    .unwrap_or_default()
            };
            let (was, is) = (items(old), items(new));
            for index in 0..was.len().max(is.len()) {
                descend(
                    format!("{path}[{index}]"),
                    was.get(index),
                    is.get(index),
                    found,
                );
            }
            // Entries that are empty are entries.
            if was.len() != is.len() && found.len() == before {
                found.push(Difference { path, old, new });
            }
        }
        (Some(old), Some(new)) if quantity::is_one(&path) && quantity::same(old, new) => {}
        _ => found.push(Difference { path, old, new }),
    }
}

/// The differences, as a message tells them.
pub(super) fn told(differences: &[Difference<'_>]) -> String {
    let mut told: Vec<String> = differences
        .iter()
        .take(TOLD)
        .map(|difference| {
            let path = &difference.path;
            if is_hidden(path) {
                return format!("{path} (values are not shown)");
            }
            format!(
                "{path}: {} ⇒ {}",
                shown(difference.old),
                shown(difference.new)
            )
        })
        .collect();
    if differences.len() > TOLD {
        told.push(format!("and {} more", differences.len() - TOLD));
    }
    told.join(", ")
}

/// Whether the values at a path may be secrets: passwords, and the environment of a pod.
fn is_hidden(path: &str) -> bool {
    let name = path
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    name.contains("password") || name.contains("token") || path.starts_with("spec.podSpec")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(old: &Value, new: &Value) -> Vec<String> {
        leaves(old, new)
            .into_iter()
            .map(|difference| difference.path)
            .collect()
    }

    #[test]
    fn absent_and_empty_are_the_same() {
        let nothing = json!({});
        for empty in [
            json!({"a": null}),
            json!({"a": []}),
            json!({"a": {}}),
            json!({"a": ""}),
            json!({"a": false}),
            json!({"a": 0}),
            json!({"a": {"name": ""}}),
            json!({"platform": {"aws": null}}),
        ] {
            assert!(paths(&nothing, &empty).is_empty(), "{empty}");
            assert!(paths(&empty, &nothing).is_empty(), "{empty}");
        }
    }

    #[test]
    fn blocks_that_select_and_keys_of_maps_count() {
        let aws = json!({"platform": {"aws": {"region": "r"}}});
        let both = json!({"platform": {"aws": {"region": "r"}, "none": {}}});
        assert_eq!(paths(&aws, &both), ["spec.platform.none"]);
        assert_eq!(paths(&both, &aws), ["spec.platform.none"]);
        let tagged = json!({"platform": {"aws": {"region": "r", "userTags": {"team": ""}}}});
        assert_eq!(paths(&aws, &tagged), ["spec.platform.aws.userTags.team"]);
        assert_eq!(
            paths(&json!({}), &json!({"provisioning": {}})),
            ["spec.provisioning"]
        );
        let other = json!({"platform": {"baremetal": {}}});
        let none = json!({"platform": {"none": {}}});
        assert_eq!(
            paths(&none, &other),
            ["spec.platform.none", "spec.platform.baremetal"]
        );
        assert!(paths(&json!({"platform": {}, "installed": false}), &json!({})).is_empty());
    }

    #[test]
    fn spellings_of_a_quantity_do_not_count() {
        let pod = |cpu: Value| json!({"podSpec": {"containers": [{"resources": {"requests": {"cpu": cpu}}}]}});
        assert!(paths(&pod(json!("0.5")), &pod(json!("500m"))).is_empty());
        assert!(paths(&pod(json!("5")), &pod(json!(5))).is_empty());
        assert_eq!(paths(&pod(json!("5")), &pod(json!("5m"))).len(), 1);
        let name = |name: &str| json!({"clusterName": name});
        assert_eq!(paths(&name("1000m"), &name("1")).len(), 1);
    }

    #[test]
    fn empty_entries_of_lists_count() {
        assert_eq!(paths(&json!({"a": []}), &json!({"a": [""]})), ["spec.a"]);
        assert!(paths(&json!({"a": [{"b": ""}]}), &json!({"a": [{}]})).is_empty());
    }

    #[test]
    fn leaves_are_named() {
        let old = json!({"a": {"b": [1, {"c": "x"}]}, "d": "y", "e": 1});
        let new = json!({"a": {"b": [1, {"c": "z"}, 3]}, "d": {"f": true}});
        assert_eq!(
            paths(&old, &new),
            ["spec.a.b[1].c", "spec.a.b[2]", "spec.d", "spec.e"]
        );
        let text = told(&leaves(&old, &new));
        assert_eq!(
            text,
            "spec.a.b[1].c: \"x\" ⇒ \"z\", spec.a.b[2]: nothing ⇒ 3, spec.d: \"y\" ⇒ an object, \
             spec.e: 1 ⇒ nothing"
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let spec = |secret: &str| {
            json!({
                "platform": {"vsphere": {"infrastructure": {"password": secret}}},
                "podSpec": {"containers": [{"env": [{"name": "A", "value": secret}]}]},
            })
        };
        let (old, new) = (spec("skep-canary-7f3a"), spec("skep-canary-7f3a-2"));
        let text = told(&leaves(&old, &new));
        assert!(
            text.contains("infrastructure.password") && text.contains("spec.podSpec"),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn long_lists_are_cut() {
        let new: Value = (0..20)
            .map(|n| (format!("f{n}"), Value::from(n + 1)))
            .collect();
        assert!(told(&leaves(&Value::Null, &new)).ends_with("and 12 more"));
    }
}
