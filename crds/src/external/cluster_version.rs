//! The status of a cluster's `ClusterVersion`, mirrored on request into the `ClusterDeployment`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::ConditionStatus;
use crate::wire::{Time, wire_enum};

wire_enum! {
    /// Which machine architectures a release image holds.
    closed Architecture {
        /// Several.
        Multi => "Multi",
        /// One, not told which.
        Unset => "",
    }
}

wire_enum! {
    /// How a rule decides whether a risk applies.
    closed RuleType {
        /// It always applies.
        Always => "Always",
        /// A query over the cluster's metrics decides.
        PromQl => "PromQL",
    }
}

wire_enum! {
    /// Status of a condition whose values the API server enforces.
    closed StrictStatus {
        /// It is not known.
        Unknown => "Unknown",
        /// The condition holds.
        True => "True",
        /// It does not hold.
        False => "False",
    }
}

/// What the cluster says about its version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterVersionStatus {
    /// Recommended updates; null when they could not be retrieved.
    #[schemars(required)]
    #[schemars(extend("x-skep-nullable" = true, "x-kubernetes-list-type" = "atomic"))]
    pub available_updates: Option<Vec<Release>>,
    /// Optional components that are known and enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Risks that conditional updates refer to by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "minItems" = 1,
        "maxItems" = 500,
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"]
    ))]
    pub conditional_update_risks: Option<Vec<UpdateRisk>>,
    /// Updates that are recommended only when their risks do not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxItems" = 500, "x-kubernetes-list-type" = "atomic"))]
    pub conditional_updates: Option<Vec<ConditionalUpdate>>,
    /// What the version operator says about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"]
    ))]
    pub conditions: Option<Vec<OperatorCondition>>,
    /// The release that the cluster is moving to or has reached.
    pub desired: Release,
    /// Releases that were applied, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Option<Vec<UpdateHistory>>,
    /// Generation of the wish that this status answers.
    pub observed_generation: i64,
    /// Fingerprint of the applied manifests.
    pub version_hash: String,
}

/// A release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Which machine architectures the image holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Update channels that hold the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub channels: Option<Vec<String>>,
    /// Image of the release.
    pub image: String,
    /// Page that describes the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Version of the release.
    pub version: String,
}

/// Optional components of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Components that are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub enabled_capabilities: Option<Vec<String>>,
    /// Components that the release knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub known_capabilities: Option<Vec<String>>,
}

/// An update that is recommended under conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalUpdate {
    /// Whether the update is recommended for this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"]
    ))]
    pub conditions: Option<Vec<StrictCondition>>,
    /// Release that the update leads to.
    pub release: Release,
    /// Names of risks listed beside the updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        inner(length(max = 256)),
        extend("minItems" = 1, "maxItems" = 500, "x-kubernetes-list-type" = "set")
    )]
    pub risk_names: Option<Vec<String>>,
    /// Risks of the update.
    #[schemars(extend(
        "minItems" = 1,
        "maxItems" = 200,
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"]
    ))]
    pub risks: Vec<UpdateRisk>,
}

/// A reason not to update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateRisk {
    /// Whether the risk applies to this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "minItems" = 1,
        "maxItems" = 8,
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"],
        "x-kubernetes-validations" = [{
            "rule": "self.exists_one(x, x.type == 'Applies')",
            "message": "exactly one condition of type Applies is needed"
        }]
    ))]
    pub conditions: Option<Vec<StrictCondition>>,
    /// Rules that decide whether the risk applies; the first that can be evaluated counts.
    #[schemars(extend("minItems" = 1, "x-kubernetes-list-type" = "atomic"))]
    pub matching_rules: Vec<ClusterCondition>,
    /// What may go wrong.
    #[schemars(extend("minLength" = 1))]
    pub message: String,
    /// Name of the risk.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
    /// Page that describes the risk.
    #[schemars(extend("minLength" = 1, "format" = "uri"))]
    pub url: String,
}

/// A rule over the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCondition {
    /// The query, for rules over metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promql: Option<PromQl>,
    /// What kind of rule it is.
    pub r#type: RuleType,
}

/// A query over the cluster's metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromQl {
    /// The query.
    pub promql: String,
}

/// A condition whose form the API server enforces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrictCondition {
    /// When the status last changed.
    pub last_transition_time: Time,
    /// The details.
    #[schemars(extend("maxLength" = 32768))]
    pub message: String,
    /// Generation of the object that the condition is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 0))]
    pub observed_generation: Option<i64>,
    /// Why the condition has its status, in one word.
    #[schemars(extend("minLength" = 1, "maxLength" = 1024, "pattern" = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Whether the condition holds.
    pub status: StrictStatus,
    /// What the condition is about.
    #[schemars(extend(
        "maxLength" = 316,
        "pattern" = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
    ))]
    pub r#type: String,
}

/// A condition of the cluster's version operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorCondition {
    /// When the status last changed.
    pub last_transition_time: Time,
    /// The details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why the condition has its status, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the condition holds.
    pub status: ConditionStatus,
    /// What the condition is about.
    pub r#type: String,
}

/// A release that was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateHistory {
    /// Risks that were accepted for this update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_risks: Option<String>,
    /// When it was completely applied; null while it is not.
    #[schemars(required)]
    #[schemars(extend("x-skep-nullable" = true))]
    pub completion_time: Option<Time>,
    /// Image of the release.
    pub image: String,
    /// When it was begun.
    pub started_time: Time,
    /// Completed or Partial.
    pub state: String,
    /// Whether the image's signature was verified before.
    pub verified: bool,
    /// Version of the release, when it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}
