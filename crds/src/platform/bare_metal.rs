//! Bare metal through a provisioning host: what a `ClusterDeployment` says.
//!
//! Mirrors docs/spec/10 §2.2. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LocalObjectReference;

/// A cluster on bare metal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Secret with the SSH key of the provisioning host.
    #[serde(rename = "libvirtSSHPrivateKeySecretRef")]
    pub libvirt_ssh_private_key_secret_ref: LocalObjectReference,
}
