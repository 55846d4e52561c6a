//! `SyncIdentityProvider`: ways to log in, for clusters that are named.
//!
//! Mirrors docs/spec/32 §7. Shapes only.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external::identity_provider::IdentityProvider;
use crate::wire::LocalObjectReference;

/// Ways to log in, for clusters that are named.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "SyncIdentityProvider",
    plural = "syncidentityproviders",
    namespaced,
    status = "IdentityProviderStatus",
    schema = "disabled",
    doc = "A `SyncIdentityProvider` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct SyncIdentityProviderSpec {
    /// Clusters that they are for, in the object's own namespace.
    pub cluster_deployment_refs: Vec<LocalObjectReference>,
    /// The ways to log in, in this order.
    pub identity_providers: Vec<IdentityProvider>,
}

/// Nothing is recorded about identity providers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProviderStatus {}
