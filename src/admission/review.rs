//! One request, as the API server describes it, and the way to its verdict.
//!
//! Decides which rules a request meets at all: those of the hook that was called, if the request is
//! about the hook's own resource. Everything else is allowed without a look at the object.
//!
//! Mirrors docs/spec/41 §1–2.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use skep_crds::names::GROUP;

use super::rules;
use super::settings::Settings;
use super::verdict::Verdict;

/// What is done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// It is connected to.
    Connect,
}

impl Operation {
    /// The API's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// A kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct GroupVersionKind<'a> {
    /// Group.
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    /// Version.
    #[serde(borrow, default)]
    pub version: Cow<'a, str>,
    /// Kind.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
}

/// A resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct GroupVersionResource<'a> {
    /// Group.
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    /// Version.
    #[serde(borrow, default)]
    pub version: Cow<'a, str>,
    /// Resource.
    #[serde(borrow, default)]
    pub resource: Cow<'a, str>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    /// Name.
    pub username: String,
    /// UID.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    #[serde(skip)]
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The request of an `AdmissionReview`. Objects stay as they were sent until a rule needs them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// Identifies the review.
    #[serde(borrow, default)]
    pub uid: Cow<'a, str>,
    /// Kind of the object in the request.
    #[serde(borrow, default)]
    pub kind: GroupVersionKind<'a>,
    /// Resource that is written.
    #[serde(borrow, default)]
    pub resource: GroupVersionResource<'a>,
    /// Part of the resource that is written; none: the object itself.
    #[serde(default)]
    pub sub_resource: Option<String>,
    /// Name of the object; none if the API server is to make one.
    #[serde(default)]
    pub name: Option<String>,
    /// Namespace of the object.
    #[serde(default)]
    pub namespace: Option<String>,
    /// What is done.
    pub operation: Operation,
    /// Who does it.
    #[serde(default)]
    pub user_info: UserInfo,
    /// The object as it will be.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// The object as it is.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    /// Whether nothing will be stored.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

impl Request<'_> {
    /// Part of the resource that is written; none: the object itself, however that is said.
    pub fn part(&self) -> Option<&str> {
        self.sub_resource.as_deref().filter(|part| !part.is_empty())
    }

    /// Name of the object; empty if the API server has not said one.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// One registered webhook: a resource and what of it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Resource under which the hook is served, which is also the first part of its configuration's name.
    pub plural: &'static str,
    /// Resource that it judges.
    pub resource: &'static str,
    /// Kind of that resource.
    pub kind: &'static str,
    /// Whether objects of the kind are in namespaces.
    pub namespaced: bool,
    /// What it is asked about.
    pub operations: &'static [Operation],
}

const WRITES: &[Operation] = &[Operation::Create, Operation::Update];

/// Every hook (docs/spec/41 §1).
pub const HOOKS: [Hook; 9] = [
    Hook {
        plural: "clusterdeploymentvalidators",
        resource: "clusterdeployments",
        kind: "ClusterDeployment",
        namespaced: true,
        operations: &[Operation::Create, Operation::Update, Operation::Delete],
    },
    Hook {
        plural: "clusterdeploymentcustomizationvalidators",
        resource: "clusterdeploymentcustomizations",
        kind: "ClusterDeploymentCustomization",
        namespaced: true,
        operations: WRITES,
    },
    Hook {
        plural: "clusterimagesetvalidators",
        resource: "clusterimagesets",
        kind: "ClusterImageSet",
        namespaced: false,
        operations: WRITES,
    },
    Hook {
        plural: "clusterpoolvalidators",
        resource: "clusterpools",
        kind: "ClusterPool",
        namespaced: true,
        operations: WRITES,
    },
    Hook {
        plural: "clusterprovisionvalidators",
        resource: "clusterprovisions",
        kind: "ClusterProvision",
        namespaced: true,
        operations: WRITES,
    },
    Hook {
        plural: "dnszonevalidators",
        resource: "dnszones",
        kind: "DNSZone",
        namespaced: true,
        operations: WRITES,
    },
    Hook {
        plural: "machinepoolvalidators",
        resource: "machinepools",
        kind: "MachinePool",
        namespaced: true,
        operations: WRITES,
    },
    Hook {
        plural: "selectorsyncsetvalidators",
        resource: "selectorsyncsets",
        kind: "SelectorSyncSet",
        namespaced: false,
        operations: WRITES,
    },
    Hook {
        plural: "syncsetvalidators",
        resource: "syncsets",
        kind: "SyncSet",
        namespaced: true,
        operations: WRITES,
    },
];

impl Hook {
    /// The hook that is served under this resource.
    pub fn served_as(plural: &str) -> Option<&'static Self> {
        HOOKS.iter().find(|hook| hook.plural == plural)
    }

    /// Name of the hook's configuration and of the webhook in it.
    pub fn configuration_name(&self) -> String {
        format!("{}.admission.{GROUP}", self.plural)
    }

    /// Whether a request is about what this hook judges.
    fn judges(&self, request: &Request<'_>) -> bool {
        let resource = &request.resource;
        resource.group == GROUP && resource.version == "v1" && resource.resource == self.resource
    }
}

/// Judges a request that came to this hook.
pub fn review(hook: &Hook, request: &Request<'_>, settings: &Settings) -> Verdict {
    review_without(hook, request, settings, None)
}

/// The same with one rule left out, to show that the rule is needed.
pub(super) fn review_without(
    hook: &Hook,
    request: &Request<'_>,
    settings: &Settings,
    without: Option<&str>,
) -> Verdict {
    if !hook.judges(request) {
        return Verdict::allowed();
    }
    rules::judge(hook, request, settings, without)
}
