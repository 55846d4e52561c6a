//! The assets of the three `create` commands: pure functions from the install-config, the identity and
//! what the cloud said, to files (docs/spec/50 §2). Nothing here talks to the cloud.

pub(crate) mod cluster_api;
pub(crate) mod graph;
pub(crate) mod ignition;
pub(crate) mod machines;
pub(crate) mod manifests;
pub(crate) mod metadata;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::install_config::InstallConfig;
use crate::state::Asset;

/// The release that the stand-in pretends to belong to.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) version: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) image: &'static str,
}

/// The one release.
pub(crate) const RELEASE: Release = Release {
    version: "4.19.2",
    commit: "0000000000000000000000000000000000000000",
    image: "localhost/openshift-release:4.19.2",
};

/// Namespace of the local Cluster API objects.
pub(crate) const CAPI_NAMESPACE: &str = "openshift-cluster-api-guests";

/// Who the cluster is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    #[serde(rename = "UUID")]
    pub(crate) uuid: String,
    #[serde(rename = "InfraID")]
    pub(crate) infra_id: String,
}

/// What the cloud said before anything was created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The zones to use, in order.
    pub(crate) zones: Vec<String>,
    /// The user's own subnets; empty when the network is to be created.
    pub(crate) subnets: Vec<Subnet>,
    /// The VPC of those subnets.
    pub(crate) vpc: Option<String>,
    /// The public zone of the base domain; None for a private cluster.
    pub(crate) public_zone: Option<String>,
}

/// A subnet that the user brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) zone: String,
    pub(crate) public: bool,
}

/// Everything that assets are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) config: &'a InstallConfig,
    pub(crate) identity: &'a Identity,
    pub(crate) facts: &'a Facts,
}

/// A document as a file.
fn yaml(path: impl Into<String>, document: &Value) -> Result<Asset> {
    let path = path.into();
    let text =
        serde_saphyr::to_string(document).with_context(|| format!("failed to marshal {path}"))?;
    Ok(Asset::new(path, text))
}
