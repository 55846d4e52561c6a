//! `ClusterDeployment`: a cluster as its owner wants it.
//!
//! Mirrors docs/spec/10 §2.1–2.2 and §22. Shapes and the questions that a shape alone can answer; what
//! a field means for a decision is the controllers' matter.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::external::cluster_version::ClusterVersionStatus;
use crate::external::env_var::EnvVar;
use crate::external::ingress_tuning::TuningOptions;
use crate::platform::{Platform, aws, azure, gcp};
use crate::wire::{
    DURATION, LabelSelector, LocalObjectReference, Time, referenced_name, wire_enum,
};

wire_enum! {
    /// The power state that is wanted.
    closed PowerState {
        /// Left empty: running, unless hibernation is due.
        Unset => "",
        /// All machines run.
        Running => "Running",
        /// All machines are stopped.
        Hibernating => "Hibernating",
    }
}

/// A cluster as its owner wants it.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterDeployment",
    plural = "clusterdeployments",
    namespaced,
    shortname = "cd",
    status = "ClusterDeploymentStatus",
    schema = "disabled",
    doc = "A `ClusterDeployment` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(
        name = "InfraID",
        type_ = "string",
        json_path = ".spec.clusterMetadata.infraID"
    ),
    printcolumn(
        name = "Platform",
        type_ = "string",
        json_path = r".metadata.labels.hive\.openshift\.io/cluster-platform"
    ),
    printcolumn(
        name = "Region",
        type_ = "string",
        json_path = r".metadata.labels.hive\.openshift\.io/cluster-region"
    ),
    printcolumn(
        name = "Version",
        type_ = "string",
        json_path = r".metadata.labels.hive\.openshift\.io/version"
    ),
    printcolumn(
        name = "ClusterType",
        type_ = "string",
        json_path = r".metadata.labels.hive\.openshift\.io/cluster-type"
    ),
    printcolumn(
        name = "ProvisionStatus",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Provisioned')].reason"
    ),
    printcolumn(
        name = "PowerState",
        type_ = "string",
        json_path = ".status.powerState"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDeploymentSpec {
    /// Domain under which the cluster's records are made.
    pub base_domain: String,
    /// Secret with the key that signs the cluster's service account tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_service_account_signing_key_secret_ref: Option<LocalObjectReference>,
    /// Certificates for the cluster's endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_bundles: Option<Vec<CertificateBundle>>,
    /// Object of another controller that installs the cluster, instead of `provisioning`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_install_ref: Option<ClusterInstallReference>,
    /// Identity of the installed cluster; written during the first attempt, or by whoever adopts one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_metadata: Option<ClusterMetadata>,
    /// Name of the cluster.
    pub cluster_name: String,
    /// Pool that the cluster belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_pool_ref: Option<ClusterPoolReference>,
    /// Configuration of the control plane after installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_config: Option<ControlPlaneConfig>,
    /// Time after which a running cluster is hibernated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub hibernate_after: Option<String>,
    /// Ingress domains of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxItems" = 16))]
    pub ingress: Option<Vec<Ingress>>,
    /// Number of attempts after which installation is given up; unlimited when absent, and zero
    /// means that none is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_attempts_limit: Option<i32>,
    /// Whether the cluster is installed.
    // Written even when false: other readers of the API expect the field.
    #[serde(default)]
    pub installed: bool,
    /// Whether the operator makes a zone for the base domain.
    #[serde(rename = "manageDNS", skip_serializing_if = "Option::is_none")]
    pub manage_dns: Option<bool>,
    /// Where the cluster lives.
    pub platform: Platform,
    /// The power state that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_state: Option<PowerState>,
    /// Whether the cluster stays in its cloud when this object is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_on_delete: Option<bool>,
    /// How the operator installs the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
    /// Secret with the registry credentials of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_secret_ref: Option<LocalObjectReference>,
}

impl ClusterDeploymentSpec {
    /// Whether a zone is to be made for the base domain.
    pub fn manages_dns(&self) -> bool {
        self.manage_dns.unwrap_or(false)
    }

    /// Whether the cluster stays in its cloud when the object is deleted.
    pub fn preserves_on_delete(&self) -> bool {
        self.preserve_on_delete.unwrap_or(false)
    }

    /// Name of the Secret with the registry credentials.
    pub fn pull_secret(&self) -> Option<&str> {
        referenced_name(self.pull_secret_ref.as_ref())
    }

    /// Name of the cloud credentials' Secret.
    pub fn credentials_secret(&self) -> Option<&str> {
        self.platform.credentials_secret()
    }
}

/// A certificate for some of the cluster's endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateBundle {
    /// Secret with certificate and key.
    pub certificate_secret_ref: LocalObjectReference,
    /// Whether the certificate is to be made by a certificate operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<bool>,
    /// Name by which endpoints refer to the bundle.
    pub name: String,
}

/// The object that stands for an installation by another controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterInstallReference {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name, in the same namespace.
    pub name: String,
    /// API version.
    pub version: String,
}

/// Identity of an installed cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetadata {
    /// Secret with the administrator's kubeconfig.
    pub admin_kubeconfig_secret_ref: LocalObjectReference,
    /// Secret with the administrator's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password_secret_ref: Option<LocalObjectReference>,
    /// Identifier of the cluster, made by the installer.
    #[serde(rename = "clusterID")]
    pub cluster_id: String,
    /// Identifier in names and tags of the cluster's cloud resources.
    #[serde(rename = "infraID")]
    pub infra_id: String,
    /// Secret with the installer's description of the cluster.
    #[serde(
        rename = "metadataJSONSecretRef",
        skip_serializing_if = "Option::is_none"
    )]
    pub metadata_json_secret_ref: Option<LocalObjectReference>,
    /// Facts that the deletion needs; superseded by the description, still filled for old readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<ClusterPlatformMetadata>,
}

impl ClusterMetadata {
    /// Name of the Secret with the installer's description of the cluster.
    pub fn metadata_json_secret(&self) -> Option<&str> {
        referenced_name(self.metadata_json_secret_ref.as_ref())
    }
}

/// Facts of an installed cluster that its deletion needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPlatformMetadata {
    /// Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<aws::ClusterMetadata>,
    /// Microsoft Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<azure::ClusterMetadata>,
    /// Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<gcp::ClusterMetadata>,
}

/// The pool that a cluster belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPoolReference {
    /// Claim that holds the cluster; empty while it is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_name: Option<String>,
    /// When it was claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_timestamp: Option<Time>,
    /// Customization from the pool's inventory that the cluster uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_deployment_customization: Option<LocalObjectReference>,
    /// Namespace of the pool.
    pub namespace: String,
    /// Name of the pool.
    pub pool_name: String,
}

/// Configuration of the control plane after installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneConfig {
    /// Address to use for the API instead of what its name resolves to.
    #[serde(
        rename = "apiServerIPOverride",
        skip_serializing_if = "Option::is_none"
    )]
    pub api_server_ip_override: Option<String>,
    /// Location to use for the API instead of the cluster's own.
    #[serde(rename = "apiURLOverride", skip_serializing_if = "Option::is_none")]
    pub api_url_override: Option<String>,
    /// Certificates that the API serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving_certificates: Option<ControlPlaneServingCertificates>,
}

/// Certificates that the cluster's API serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneServingCertificates {
    /// Certificates for further domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional: Option<Vec<ControlPlaneAdditionalCertificate>>,
    /// Bundle for the API's own domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// A certificate for a further domain of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneAdditionalCertificate {
    /// Domain.
    pub domain: String,
    /// Name of the bundle.
    pub name: String,
}

/// An ingress domain of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// Domain, below which the routes are.
    pub domain: String,
    /// Pages that the router shows for errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_error_code_pages: Option<ConfigMapNameReference>,
    /// Name of the ingress; `default` is the cluster's first.
    pub name: String,
    /// Namespaces whose routes are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Routes that are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_selector: Option<LabelSelector>,
    /// Name of the certificate bundle to serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving_certificate: Option<String>,
    /// Tuning of the routers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuning_options: Option<TuningOptions>,
}

/// The name of a `ConfigMap` inside the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapNameReference {
    /// Name.
    pub name: String,
}

/// How the operator installs the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provisioning {
    /// Customization that is applied to the installer's manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customization_ref: Option<LocalObjectReference>,
    /// Image set that names the release; a release image given here wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_set_ref: Option<ClusterImageSetReference>,
    /// Secret with the install-config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_config_secret_ref: Option<LocalObjectReference>,
    /// Further environment variables of the installer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installer_env: Option<Vec<EnvVar>>,
    /// Installer image to use instead of the release's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installer_image_override: Option<String>,
    /// `ConfigMap` with manifests to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests_config_map_ref: Option<LocalObjectReference>,
    /// Secret with manifests to add; wins over the `ConfigMap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests_secret_ref: Option<LocalObjectReference>,
    /// Image of the release; wins over the image set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_image: Option<String>,
    /// Host keys to trust when logs are gathered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_known_hosts: Option<Vec<String>>,
    /// Secret with the SSH key of the cluster's hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_private_key_secret_ref: Option<LocalObjectReference>,
}

impl Provisioning {
    /// Name of the Secret with the install-config.
    pub fn install_config_secret(&self) -> Option<&str> {
        referenced_name(self.install_config_secret_ref.as_ref())
    }

    /// Name of the image set, if one is referenced.
    pub fn image_set(&self) -> Option<&str> {
        self.image_set_ref
            .as_ref()
            .map(|r| r.name.as_str())
            .filter(|name| !name.is_empty())
    }
}

/// The name of an image set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterImageSetReference {
    /// Name.
    pub name: String,
}

/// What was observed of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDeploymentStatus {
    /// Location of the cluster's API.
    #[serde(rename = "apiURL", skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// Certificates that were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_bundles: Option<Vec<CertificateBundleStatus>>,
    /// Image with the command-line client of the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cli_image: Option<String>,
    /// What the cluster says about its version, mirrored on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_version_status: Option<ClusterVersionStatus>,
    /// Details, what needs attention first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Number of attempts that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-skep-no-format" = true))]
    pub install_restarts: Option<i64>,
    /// When the first attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_started_timestamp: Option<Time>,
    /// Version of the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_version: Option<String>,
    /// When the cluster became installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_timestamp: Option<Time>,
    /// Image of the installer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installer_image: Option<String>,
    /// What was found or made on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_status: Option<PlatformStatus>,
    /// Power state that was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_state: Option<String>,
    /// The attempt that runs, or the one that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provision_ref: Option<LocalObjectReference>,
    /// Location of the cluster's console.
    #[serde(rename = "webConsoleURL", skip_serializing_if = "Option::is_none")]
    pub web_console_url: Option<String>,
}

/// A certificate that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateBundleStatus {
    /// Whether it is there.
    pub generated: bool,
    /// Name of the bundle.
    pub name: String,
}

/// What was found or made on the platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlatformStatus {
    /// Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<aws::Status>,
    /// Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<gcp::Status>,
}

impl ClusterDeployment {
    /// The cluster's conditions; none before there is a status.
    pub fn conditions(&self) -> &[Condition] {
        self.status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default()
    }

    /// Name of the attempt that runs, or of the one that succeeded.
    pub fn provision(&self) -> Option<&str> {
        referenced_name(
            self.status
                .as_ref()
                .and_then(|status| status.provision_ref.as_ref()),
        )
    }

    /// Number of attempts that failed.
    pub fn install_restarts(&self) -> i64 {
        self.status
            .as_ref()
            .and_then(|status| status.install_restarts)
            .unwrap_or(0)
    }

    /// The infra ID, once a first attempt has one.
    pub fn infra_id(&self) -> Option<&str> {
        self.spec
            .cluster_metadata
            .as_ref()
            .map(|metadata| metadata.infra_id.as_str())
            .filter(|id| !id.is_empty())
    }
}
