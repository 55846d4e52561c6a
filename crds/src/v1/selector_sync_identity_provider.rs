//! `SelectorSyncIdentityProvider`: ways to log in, for clusters that are chosen by their labels.
//!
//! Mirrors docs/spec/32 §7. Shapes only. An absent or empty selector chooses every cluster.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external::identity_provider::IdentityProvider;
use crate::v1::sync_identity_provider::IdentityProviderStatus;
use crate::wire::LabelSelector;

/// Ways to log in, for clusters that are chosen by their labels.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "SelectorSyncIdentityProvider",
    plural = "selectorsyncidentityproviders",
    status = "IdentityProviderStatus",
    schema = "disabled",
    doc = "A `SelectorSyncIdentityProvider` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct SelectorSyncIdentityProviderSpec {
    /// Labels of the clusters that they are for, in any namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_deployment_selector: Option<LabelSelector>,
    /// The ways to log in, in this order.
    pub identity_providers: Vec<IdentityProvider>,
}
