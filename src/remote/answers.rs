//! What is read of a cluster's answers: a few fields each, and none that must be there.
//!
//! The cluster's API server is not ours: fields may be missing, be of another type, or be huge. Each object
//! is decoded by itself, so that one that cannot be read leaves its neighbours alone, and texts are cut to
//! a bound. Plain functions from bytes to the values of [`super::view`].

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use skep_crds::names::label;

use super::scrub::shortened;
use super::view::{
    ConditionSeen, MachineSeen, NodeSeen, OperatorSeen, Settled, SigningRequest, VersionSeen,
};

/// Longest message of a condition, in characters.
const LONGEST_MESSAGE: usize = 4_096;

/// One page of a list.
pub(super) struct Page<T> {
    /// What could be read.
    pub(super) items: Vec<T>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
    /// Whether everything could be read.
    pub(super) whole: bool,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
struct ListMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// One page of a list. `None`: it is no list at all.
pub(super) fn page<T>(bytes: &[u8], item: fn(&str) -> Option<T>) -> Option<Page<T>> {
    let raw: RawPage<'_> = serde_json::from_slice(bytes).ok()?;
    let all = raw.items.unwrap_or_default();
    let items: Vec<T> = all.iter().filter_map(|raw| item(raw.get())).collect();
    Some(Page {
        whole: items.len() == all.len(),
        items,
        next: raw.metadata.next.filter(|next| !next.is_empty()),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCondition {
    #[serde(rename = "type")]
    type_: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    last_transition_time: Option<String>,
}

impl RawCondition {
    fn seen(self) -> ConditionSeen {
        let Self {
            type_,
            status,
            reason,
            message,
            last_transition_time,
        } = self;
        ConditionSeen {
            type_,
            status,
            reason: reason.unwrap_or_default(),
            message: shortened(&message.unwrap_or_default(), LONGEST_MESSAGE),
            since: moment(last_transition_time.as_deref()),
        }
    }
}

fn moment(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

#[derive(Default, Deserialize)]
struct Conditions {
    #[serde(default)]
    conditions: Option<Vec<RawCondition>>,
}

impl Conditions {
    fn seen(self) -> Vec<ConditionSeen> {
        let all = self.conditions.unwrap_or_default();
        all.into_iter().map(RawCondition::seen).collect()
    }
}

#[derive(Deserialize)]
struct WithConditions {
    metadata: Meta,
    #[serde(default)]
    status: Conditions,
}

/// The ClusterVersion. Its whole status is kept only where somebody wants it.
pub(super) fn version(bytes: &[u8], whole: bool) -> Option<VersionSeen> {
    #[derive(Deserialize)]
    struct Raw {
        status: Value,
    }
    #[derive(Deserialize)]
    struct Desired {
        version: String,
    }
    #[derive(Deserialize)]
    struct Status {
        desired: Desired,
        #[serde(flatten)]
        rest: Conditions,
    }
    let Raw { mut status } = serde_json::from_slice(bytes).ok()?;
    let Status { desired, rest } = Status::deserialize(&status).ok()?;
    let conditions = rest.seen();
    let find = |type_: &str| conditions.iter().find(|found| found.type_ == type_);
    let status_json = if whole {
        status.sort_all_objects();
        status.to_string()
    } else {
        String::new()
    };
    Some(VersionSeen {
        desired: desired.version,
        progressing: find("Progressing").is_some_and(|found| found.status == "True"),
        upgradeable: find("Upgradeable").cloned(),
        status_json,
    })
}

/// A ClusterOperator.
pub(super) fn operator(text: &str) -> Option<OperatorSeen> {
    let WithConditions { metadata, status } = serde_json::from_str(text).ok()?;
    Some(OperatorSeen {
        name: metadata.name,
        conditions: status.seen(),
    })
}

/// The host of a Route.
pub(super) fn route_host(bytes: &[u8]) -> Option<String> {
    let tree: Value = serde_json::from_slice(bytes).ok()?;
    let host = tree.pointer("/spec/host")?.as_str()?;
    // A name and nothing else: it becomes a link that people follow.
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    (!host.is_empty() && host.len() <= 253 && host.chars().all(is_name)).then(|| host.to_owned())
}

/// A Node.
pub(super) fn node(text: &str) -> Option<NodeSeen> {
    let WithConditions { metadata, status } = serde_json::from_str(text).ok()?;
    let labels = metadata.labels.unwrap_or_default();
    let conditions = status.seen();
    let ready = conditions.into_iter().find(|found| found.type_ == "Ready");
    let is_ready = ready.as_ref().is_some_and(|found| found.status == "True");
    Some(NodeSeen {
        name: metadata.name,
        control_plane: label::CONTROL_PLANE_ROLES
            .iter()
            .any(|role| labels.contains_key(*role)),
        ready: is_ready,
        reason: match ready {
            Some(found) if !is_ready => found.reason,
            Some(_) => String::new(),
            None => "NoStatus".to_owned(),
        },
    })
}

/// A CertificateSigningRequest.
pub(super) fn signing_request(text: &str) -> Option<SigningRequest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        #[serde(default)]
        username: String,
        #[serde(default)]
        groups: Option<Vec<String>>,
        #[serde(default)]
        usages: Option<Vec<String>>,
        #[serde(default)]
        request: String,
        #[serde(default)]
        signer_name: String,
    }
    #[derive(Deserialize)]
    struct Raw {
        metadata: Meta,
        spec: Spec,
        #[serde(default)]
        status: Conditions,
    }
    let Raw {
        metadata,
        spec,
        status,
    } = serde_json::from_str(text).ok()?;
    let conditions = status.seen();
    let is = |type_: &str| conditions.iter().any(|found| found.type_ == type_);
    let settled = [
        ("Denied", Settled::Denied),
        ("Failed", Settled::Failed),
        ("Approved", Settled::Approved),
    ];
    Some(SigningRequest {
        name: metadata.name,
        username: spec.username,
        groups: spec.groups.unwrap_or_default(),
        usages: spec.usages.unwrap_or_default(),
        pem: BASE64.decode(spec.request).unwrap_or_default(),
        settled: settled
            .into_iter()
            .find_map(|(type_, settled)| is(type_).then_some(settled)),
        signer: spec.signer_name,
    })
}

/// A Machine.
pub(super) fn machine(text: &str) -> Option<MachineSeen> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        name: String,
    }
    #[derive(Deserialize)]
    struct Address {
        #[serde(rename = "type", default)]
        type_: String,
        #[serde(default)]
        address: String,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        #[serde(default)]
        node_ref: Option<Named>,
        #[serde(default)]
        phase: Option<String>,
        #[serde(default)]
        last_updated: Option<String>,
        #[serde(default)]
        addresses: Option<Vec<Address>>,
    }
    #[derive(Deserialize)]
    struct Raw {
        metadata: Meta,
        #[serde(default)]
        status: Status,
    }
    let Raw { metadata, status } = serde_json::from_str(text).ok()?;
    let labels = metadata.labels.unwrap_or_default();
    let addresses = status.addresses.unwrap_or_default();
    Some(MachineSeen {
        name: metadata.name,
        node: status.node_ref.map(|node| node.name),
        interruptible: labels.contains_key(label::INTERRUPTIBLE_INSTANCE),
        deleting: metadata.deletion_timestamp.is_some(),
        phase: status.phase,
        last_updated: moment(status.last_updated.as_deref()),
        addresses: addresses
            .into_iter()
            .map(|address| (address.type_, address.address))
            .collect(),
    })
}

/// What a server says about an answer that is an error.
pub(super) fn message(bytes: &[u8]) -> String {
    let tree: Option<Value> = serde_json::from_slice(bytes).ok();
    let message = tree.as_ref().and_then(|tree| tree.get("message")?.as_str());
    message.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_object_that_cannot_be_read_leaves_its_neighbours_alone() {
        let list = json!({
            "metadata": {"continue": "more"},
            "items": [
                {"metadata": {"name": "dns"}, "status": {"conditions": [
                    {"type": "Available", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                ]}},
                {"metadata": {"name": "odd"}, "status": {"conditions": "none"}},
                {"metadata": {}},
                {"metadata": {"name": "new"}},
            ],
        });
        let page = page(list.to_string().as_bytes(), operator).unwrap();
        let names: Vec<&str> = page.items.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["dns", "new"]);
        assert_eq!((page.whole, page.next.as_deref()), (false, Some("more")));
        let since = page.items[0].conditions[0].since.unwrap();
        assert_eq!(since.to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn an_empty_list_is_whole_and_no_list_is_none() {
        let empty = page(br#"{"items":null}"#, operator).unwrap();
        assert!(empty.whole && empty.items.is_empty() && empty.next.is_none());
        assert!(page(b"<html>", operator).is_none());
        assert!(page(br#"{"items":{}}"#, operator).is_none());
    }

    #[test]
    fn a_version_is_read_whole_only_where_it_is_wanted() {
        let object = json!({"status": {
            "desired": {"version": "4.19.2", "image": "x"},
            "conditions": [
                {"type": "Progressing", "status": "True"},
                {"type": "Upgradeable", "status": "False", "message": "no"},
            ],
            "availableUpdates": null,
        }});
        let bytes = object.to_string().into_bytes();
        let seen = version(&bytes, false).unwrap();
        assert_eq!((seen.desired.as_str(), seen.progressing), ("4.19.2", true));
        assert_eq!(seen.upgradeable.unwrap().message, "no");
        assert_eq!(seen.status_json, "");
        let whole = version(&bytes, true).unwrap().status_json;
        assert!(
            whole.starts_with(r#"{"availableUpdates":null,"conditions""#),
            "{whole}"
        );
        assert!(version(b"{}", true).is_none());
        assert!(version(br#"{"status":{"desired":{}}}"#, true).is_none());
    }

    #[test]
    fn a_route_leads_to_a_host_and_nowhere_else() {
        let host = |host: &str| route_host(json!({"spec": {"host": host}}).to_string().as_bytes());
        assert_eq!(
            host("console.example.com").as_deref(),
            Some("console.example.com")
        );
        for odd in ["", "a/b", "a@b", "javascript:alert(1)", "a b"] {
            assert_eq!(host(odd), None, "{odd}");
        }
    }

    #[test]
    fn nodes_and_machines_and_requests_are_read() {
        let roles = json!({"node-role.kubernetes.io/master": ""});
        let conditions =
            json!([{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]);
        let text = json!({
            "metadata": {"name": "n", "labels": roles}, "status": {"conditions": conditions},
        });
        let seen = node(&text.to_string()).unwrap();
        assert_eq!((seen.control_plane, seen.ready), (true, false));
        assert_eq!(seen.reason, "NodeStatusUnknown");
        let text = json!({
            "metadata": {"name": "m", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"machine.openshift.io/interruptible-instance": ""}},
            "status": {"nodeRef": {"name": "n"}, "phase": "Running",
                "lastUpdated": "2026-01-01T00:00:00Z",
                "addresses": [{"type": "InternalDNS", "address": "n.ec2.internal"}]},
        });
        let seen = machine(&text.to_string()).unwrap();
        assert!(seen.interruptible && seen.deleting && seen.last_updated.is_some());
        assert_eq!(seen.node.as_deref(), Some("n"));
        assert_eq!(
            seen.addresses,
            [("InternalDNS".into(), "n.ec2.internal".into())]
        );
        let text = json!({
            "metadata": {"name": "csr-1"},
            "spec": {"request": BASE64.encode("PEM"), "username": "u", "groups": ["g"],
                "usages": ["client auth"], "signerName": "kubernetes.io/kubelet-serving"},
            "status": {"conditions": [{"type": "Approved", "status": "True"}]},
        });
        let seen = signing_request(&text.to_string()).unwrap();
        assert_eq!(
            (seen.pem.as_slice(), seen.settled),
            (b"PEM".as_slice(), Some(Settled::Approved))
        );
        let pending = json!({"metadata": {"name": "csr-2"}, "spec": {"request": "%%"}});
        let seen = signing_request(&pending.to_string()).unwrap();
        assert_eq!((seen.pem.len(), seen.settled), (0, None));
    }
}
