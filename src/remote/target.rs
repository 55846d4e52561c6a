//! Which cluster is meant, and how it is reached: the facts of a ClusterDeployment that matter here.

use kube::ResourceExt as _;
use skep_crds::ClusterDeployment;
use skep_crds::names::annotation;

use crate::runtime::Key;

/// A managed cluster as its ClusterDeployment describes it. Small and comparable: an `Observed` and a
/// `Step` may carry it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The ClusterDeployment.
    pub key: Key,
    /// Name of the Secret with the admin kubeconfig.
    pub kubeconfig: String,
    /// Another URL of the API, which is asked first.
    pub url_override: Option<String>,
    /// Where TCP goes instead of the URL's host.
    pub ip_override: Option<String>,
    /// Whether the console's address is to be found out.
    pub wants_console: bool,
    /// Whether the whole status of the ClusterVersion is wanted.
    pub wants_version: bool,
    /// The version that a pretended cluster reports (docs/spec/32 §1.4).
    pub pretended: Option<String>,
}

impl Target {
    /// The cluster of a ClusterDeployment; `None` before it has an admin kubeconfig.
    pub fn of(cluster: &ClusterDeployment) -> Option<Self> {
        let metadata = cluster.spec.cluster_metadata.as_ref()?;
        let control_plane = cluster.spec.control_plane_config.as_ref();
        let status = cluster.status.as_ref();
        let is =
            |name: &str| annotation::is_true(cluster.annotations().get(name).map(String::as_str));
        let set = |value: Option<&String>| value.filter(|value| !value.is_empty()).cloned();
        let version = status.and_then(|status| status.install_version.clone());
        Some(Self {
            key: Key::of(cluster),
            kubeconfig: metadata.admin_kubeconfig_secret_ref.name.clone(),
            url_override: set(control_plane.and_then(|plane| plane.api_url_override.as_ref())),
            ip_override: set(control_plane.and_then(|plane| plane.api_server_ip_override.as_ref())),
            wants_console: status.is_none_or(|status| status.web_console_url.is_none()),
            wants_version: is(annotation::SYNC_CLUSTER_VERSION_STATUS),
            pretended: is(annotation::FAKE_CLUSTER).then(|| version.unwrap_or_default()),
        })
    }
}
