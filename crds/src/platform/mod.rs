//! Where a cluster lives: one optional block per cloud, and what follows from the one that is set.
//!
//! Decides which platform an object means when several blocks are set (the precedence of
//! docs/spec/10 §2.2) and which labels and Secrets follow from it. Never judges whether the block is
//! complete: that is the work of the requirement checks and of admission.

pub mod agent_bare_metal;
pub mod aws;
pub mod azure;
pub mod bare_metal;
pub mod gcp;
pub mod ibm_cloud;
pub mod none;
pub mod nutanix;
pub mod openstack;
pub mod vsphere;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::referenced_name;

/// The platform of a `ClusterDeployment`; exactly one block should be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Hosts that an agent discovers and installs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_bare_metal: Option<agent_bare_metal::Platform>,
    /// Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<aws::Platform>,
    /// Microsoft Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<azure::Platform>,
    /// Bare metal, installed through a provisioning host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baremetal: Option<bare_metal::Platform>,
    /// Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<gcp::Platform>,
    /// IBM Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ibmcloud: Option<ibm_cloud::Platform>,
    /// No platform integration at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<none::Platform>,
    /// Nutanix Prism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nutanix: Option<nutanix::Platform>,
    /// `OpenStack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openstack: Option<openstack::Platform>,
    /// vSphere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vsphere: Option<vsphere::Platform>,
}

impl Platform {
    /// The platform that counts, by the precedence of docs/spec/10 §2.2.
    pub fn kind(&self) -> PlatformKind {
        // A list rather than a match: the order *is* the rule.
        let candidates = [
            (self.aws.is_some(), PlatformKind::Aws),
            (self.azure.is_some(), PlatformKind::Azure),
            (self.gcp.is_some(), PlatformKind::Gcp),
            (self.openstack.is_some(), PlatformKind::OpenStack),
            (self.vsphere.is_some(), PlatformKind::VSphere),
            (self.baremetal.is_some(), PlatformKind::BareMetal),
            (
                self.agent_bare_metal.is_some(),
                PlatformKind::AgentBareMetal,
            ),
            (self.ibmcloud.is_some(), PlatformKind::IbmCloud),
            (self.none.is_some(), PlatformKind::None),
            (self.nutanix.is_some(), PlatformKind::Nutanix),
        ];
        candidates
            .into_iter()
            .find_map(|(set, kind)| set.then_some(kind))
            .unwrap_or(PlatformKind::Unknown)
    }

    /// The region that the platform block names, for platforms that have regions.
    pub fn region(&self) -> Option<&str> {
        match self.kind() {
            PlatformKind::Aws => self.aws.as_ref().map(|p| p.region.as_str()),
            PlatformKind::Azure => self.azure.as_ref().map(|p| p.region.as_str()),
            PlatformKind::Gcp => self.gcp.as_ref().map(|p| p.region.as_str()),
            PlatformKind::IbmCloud => self.ibmcloud.as_ref().map(|p| p.region.as_str()),
            PlatformKind::OpenStack
            | PlatformKind::VSphere
            | PlatformKind::BareMetal
            | PlatformKind::AgentBareMetal
            | PlatformKind::None
            | PlatformKind::Nutanix
            | PlatformKind::Unknown => None,
        }
    }

    /// The value that the region label must have; `None` where the label is left alone.
    pub fn region_label(&self) -> Option<&str> {
        match self.kind() {
            PlatformKind::Aws
            | PlatformKind::Azure
            | PlatformKind::Gcp
            | PlatformKind::IbmCloud => self.region(),
            PlatformKind::OpenStack | PlatformKind::VSphere | PlatformKind::Unknown => {
                Some(REGION_UNKNOWN)
            }
            PlatformKind::BareMetal
            | PlatformKind::AgentBareMetal
            | PlatformKind::None
            | PlatformKind::Nutanix => None,
        }
    }

    /// Name of the Secret with the cloud's credentials, if the platform block names one.
    ///
    /// On bare metal this is the provisioning host's SSH key, the only secret it has.
    pub fn credentials_secret(&self) -> Option<&str> {
        let reference = match self.kind() {
            PlatformKind::Aws => self.aws.as_ref()?.credentials_secret_ref.as_ref(),
            PlatformKind::Azure => self.azure.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::Gcp => self.gcp.as_ref()?.credentials_secret_ref.as_ref(),
            PlatformKind::OpenStack => self.openstack.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::VSphere => self.vsphere.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::BareMetal => self
                .baremetal
                .as_ref()
                .map(|p| &p.libvirt_ssh_private_key_secret_ref),
            PlatformKind::IbmCloud => self.ibmcloud.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::Nutanix => self.nutanix.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::AgentBareMetal | PlatformKind::None | PlatformKind::Unknown => None,
        };
        referenced_name(reference)
    }

    /// Name of the Secret with additional certificate authorities of the cloud's endpoints.
    pub fn certificates_secret(&self) -> Option<&str> {
        let reference = match self.kind() {
            PlatformKind::OpenStack => self.openstack.as_ref()?.certificates_secret_ref.as_ref(),
            PlatformKind::VSphere => self.vsphere.as_ref().map(|p| &p.certificates_secret_ref),
            PlatformKind::Nutanix => self.nutanix.as_ref()?.certificates_secret_ref.as_ref(),
            PlatformKind::Aws
            | PlatformKind::Azure
            | PlatformKind::Gcp
            | PlatformKind::BareMetal
            | PlatformKind::AgentBareMetal
            | PlatformKind::IbmCloud
            | PlatformKind::None
            | PlatformKind::Unknown => None,
        };
        referenced_name(reference)
    }
}

/// Value of the region label where a platform should have a region and Skep cannot name it.
pub const REGION_UNKNOWN: &str = "unknown";

/// The platform of a `ClusterDeprovision`; exactly one block should be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeprovisionPlatform {
    /// Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<aws::Deprovision>,
    /// Microsoft Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<azure::Deprovision>,
    /// Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<gcp::Deprovision>,
    /// IBM Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ibmcloud: Option<ibm_cloud::Deprovision>,
    /// Nutanix Prism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nutanix: Option<nutanix::Deprovision>,
    /// `OpenStack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openstack: Option<openstack::Deprovision>,
    /// vSphere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vsphere: Option<vsphere::Deprovision>,
}

impl DeprovisionPlatform {
    /// The platform that counts, by the same precedence as [`Platform::kind`].
    pub fn kind(&self) -> PlatformKind {
        let candidates = [
            (self.aws.is_some(), PlatformKind::Aws),
            (self.azure.is_some(), PlatformKind::Azure),
            (self.gcp.is_some(), PlatformKind::Gcp),
            (self.openstack.is_some(), PlatformKind::OpenStack),
            (self.vsphere.is_some(), PlatformKind::VSphere),
            (self.ibmcloud.is_some(), PlatformKind::IbmCloud),
            (self.nutanix.is_some(), PlatformKind::Nutanix),
        ];
        candidates
            .into_iter()
            .find_map(|(set, kind)| set.then_some(kind))
            .unwrap_or(PlatformKind::Unknown)
    }

    /// The region that the platform block names, for platforms that have regions there.
    pub fn region(&self) -> Option<&str> {
        match self.kind() {
            PlatformKind::Aws => self.aws.as_ref().map(|p| p.region.as_str()),
            PlatformKind::Gcp => self.gcp.as_ref().map(|p| p.region.as_str()),
            PlatformKind::IbmCloud => self.ibmcloud.as_ref().map(|p| p.region.as_str()),
            PlatformKind::Azure
            | PlatformKind::OpenStack
            | PlatformKind::VSphere
            | PlatformKind::BareMetal
            | PlatformKind::AgentBareMetal
            | PlatformKind::None
            | PlatformKind::Nutanix
            | PlatformKind::Unknown => None,
        }
    }

    /// Name of the Secret with the cloud's credentials, if the platform block names one.
    pub fn credentials_secret(&self) -> Option<&str> {
        let reference = match self.kind() {
            PlatformKind::Aws => self.aws.as_ref()?.credentials_secret_ref.as_ref(),
            PlatformKind::Azure => self.azure.as_ref()?.credentials_secret_ref.as_ref(),
            PlatformKind::Gcp => self.gcp.as_ref()?.credentials_secret_ref.as_ref(),
            PlatformKind::OpenStack => self.openstack.as_ref()?.credentials_secret_ref.as_ref(),
            PlatformKind::VSphere => self.vsphere.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::IbmCloud => self.ibmcloud.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::Nutanix => self.nutanix.as_ref().map(|p| &p.credentials_secret_ref),
            PlatformKind::BareMetal
            | PlatformKind::AgentBareMetal
            | PlatformKind::None
            | PlatformKind::Unknown => None,
        };
        referenced_name(reference)
    }
}

/// What the machines of a `MachinePool` are like; exactly one block should be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePoolPlatform {
    /// Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<aws::MachinePool>,
    /// Microsoft Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<azure::MachinePool>,
    /// Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<gcp::MachinePool>,
    /// IBM Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ibmcloud: Option<ibm_cloud::MachinePool>,
    /// Nutanix Prism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nutanix: Option<nutanix::MachinePool>,
    /// `OpenStack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openstack: Option<openstack::MachinePool>,
    /// vSphere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vsphere: Option<vsphere::MachinePool>,
}

/// Which platform an object is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlatformKind {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
    /// `OpenStack`.
    OpenStack,
    /// vSphere.
    VSphere,
    /// Bare metal, installed through a provisioning host.
    BareMetal,
    /// Bare metal, installed by an agent (through a `ClusterInstall`).
    AgentBareMetal,
    /// IBM Cloud.
    IbmCloud,
    /// No platform integration.
    None,
    /// Nutanix.
    Nutanix,
    /// No platform block is set.
    Unknown,
}

impl PlatformKind {
    /// Every kind, in the order of precedence.
    pub const ALL: [Self; 11] = [
        Self::Aws,
        Self::Azure,
        Self::Gcp,
        Self::OpenStack,
        Self::VSphere,
        Self::BareMetal,
        Self::AgentBareMetal,
        Self::IbmCloud,
        Self::None,
        Self::Nutanix,
        Self::Unknown,
    ];

    /// The value of the platform label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Gcp => "gcp",
            Self::OpenStack => "openstack",
            Self::VSphere => "vsphere",
            Self::BareMetal => "baremetal",
            Self::AgentBareMetal => "agent-baremetal",
            Self::IbmCloud => "ibmcloud",
            Self::None => "none-platform",
            Self::Nutanix => "nutanix",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the operator can run a child DNS zone for clusters of this platform.
    pub fn has_managed_dns(self) -> bool {
        match self {
            Self::Aws | Self::Azure | Self::Gcp => true,
            Self::OpenStack
            | Self::VSphere
            | Self::BareMetal
            | Self::AgentBareMetal
            | Self::IbmCloud
            | Self::None
            | Self::Nutanix
            | Self::Unknown => false,
        }
    }
}

impl fmt::Display for PlatformKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_set() -> Platform {
        Platform {
            agent_bare_metal: Some(agent_bare_metal::Platform::default()),
            aws: Some(aws::Platform {
                region: "us-east-1".into(),
                ..Default::default()
            }),
            azure: Some(azure::Platform {
                region: "eastus".into(),
                ..Default::default()
            }),
            baremetal: Some(bare_metal::Platform::default()),
            gcp: Some(gcp::Platform {
                region: "us-east1".into(),
                ..Default::default()
            }),
            ibmcloud: Some(ibm_cloud::Platform {
                region: "eu-de".into(),
                ..Default::default()
            }),
            none: Some(none::Platform::default()),
            nutanix: Some(nutanix::Platform::default()),
            openstack: Some(openstack::Platform::default()),
            vsphere: Some(vsphere::Platform::default()),
        }
    }

    /// Removes the platform that counts again and again: what counts next is the precedence.
    #[test]
    fn precedence_labels_and_regions_follow_the_table() {
        let mut platform = all_set();
        let mut seen = Vec::new();
        loop {
            let kind = platform.kind();
            seen.push((
                kind,
                kind.label(),
                platform.region_label().map(str::to_owned),
            ));
            match kind {
                PlatformKind::Aws => platform.aws = None,
                PlatformKind::Azure => platform.azure = None,
                PlatformKind::Gcp => platform.gcp = None,
                PlatformKind::OpenStack => platform.openstack = None,
                PlatformKind::VSphere => platform.vsphere = None,
                PlatformKind::BareMetal => platform.baremetal = None,
                PlatformKind::AgentBareMetal => platform.agent_bare_metal = None,
                PlatformKind::IbmCloud => platform.ibmcloud = None,
                PlatformKind::None => platform.none = None,
                PlatformKind::Nutanix => platform.nutanix = None,
                PlatformKind::Unknown => break,
            }
        }
        let some = |region: &str| Some(region.to_owned());
        let expected = [
            (PlatformKind::Aws, "aws", some("us-east-1")),
            (PlatformKind::Azure, "azure", some("eastus")),
            (PlatformKind::Gcp, "gcp", some("us-east1")),
            (PlatformKind::OpenStack, "openstack", some("unknown")),
            (PlatformKind::VSphere, "vsphere", some("unknown")),
            (PlatformKind::BareMetal, "baremetal", None),
            (PlatformKind::AgentBareMetal, "agent-baremetal", None),
            (PlatformKind::IbmCloud, "ibmcloud", some("eu-de")),
            (PlatformKind::None, "none-platform", None),
            (PlatformKind::Nutanix, "nutanix", None),
            (PlatformKind::Unknown, "unknown", some("unknown")),
        ];
        assert_eq!(seen, expected);
        assert_eq!(
            PlatformKind::ALL.map(PlatformKind::label),
            expected.map(|row| row.1)
        );
    }

    #[test]
    fn an_empty_reference_names_no_secret() {
        let mut platform = Platform {
            aws: Some(aws::Platform {
                credentials_secret_ref: Some(crate::LocalObjectReference::default()),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(platform.credentials_secret(), None);
        if let Some(aws) = &mut platform.aws {
            aws.credentials_secret_ref = Some(crate::LocalObjectReference::new("aws-creds"));
        }
        assert_eq!(platform.credentials_secret(), Some("aws-creds"));
        assert_eq!(platform.certificates_secret(), None);
    }
}
