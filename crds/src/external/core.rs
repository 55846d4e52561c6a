//! Small shapes of Kubernetes' own API: taints, resource requirements, subjects of a role binding.
//!
//! Written out here because they sit in values that are compared and hashed, which the generated
//! Kubernetes types cannot be.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::{Quantity, Time, wire_enum};

wire_enum! {
    /// What a taint does to pods that do not tolerate it.
    open TaintEffect {
        /// New ones stay away.
        NoSchedule => "NoSchedule",
        /// New ones stay away where possible.
        PreferNoSchedule => "PreferNoSchedule",
        /// All of them leave.
        NoExecute => "NoExecute",
    }
}

/// A mark on a node that keeps pods away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// What it does to pods that do not tolerate it.
    pub effect: TaintEffect,
    /// Key of the taint.
    pub key: String,
    /// When it was put on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_added: Option<Time>,
    /// Value of the taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What a container needs of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRequirements {
    /// Claims of the pod that the container uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"]
    ))]
    pub claims: Option<Vec<ResourceClaim>>,
    /// The most it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<BTreeMap<String, Quantity>>,
    /// What is set aside for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<BTreeMap<String, Quantity>>,
}

/// A claim of the pod that a container uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceClaim {
    /// Name of the claim.
    pub name: String,
    /// The one request of the claim that is used; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// Somebody who is given rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Subject {
    /// API group of the subject's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_group: Option<String>,
    /// User, Group or `ServiceAccount`.
    pub kind: String,
    /// Name of the subject.
    pub name: String,
    /// Namespace of the subject, for those that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}
