//! Annotations. "CD controller" is the `ClusterDeployment` controller; unless said otherwise an
//! annotation is on the `ClusterDeployment` and set by the user.
//!
//! Booleans are read leniently by [`is_true`], except where a comment says otherwise.

/// The object is left alone. Read by every controller of the chain.
pub const RECONCILE_PAUSE: &str = "hive.openshift.io/reconcile-pause";
/// Nothing is synced to the cluster. Read by the sync controllers and the CD controller.
pub const SYNCSET_PAUSE: &str = "hive.openshift.io/syncset-pause";
/// Machines are neither stopped nor started. Read by the hibernation controller.
pub const POWERSTATE_PAUSE: &str = "hive.openshift.io/powerstate-pause";
/// Cloud calls are skipped and the good state reported. Read by controllers of Azure clusters.
pub const INFRA_DISABLED: &str = "hive.openshift.io/infra-disabled";
/// The cluster is pretended, for scale tests. Read by every controller of the chain.
pub const FAKE_CLUSTER: &str = "hive.openshift.io/fake-cluster";
/// Deletion is refused. Set by the user, or by the CD controller when protection is on; read by
/// admission, the CD controller and the `ClusterDeprovision` controller.
pub const PROTECTED_DELETE: &str = "hive.openshift.io/protected-delete";
/// `<ClusterRelocate>/<status>`. Set by the relocation controller; read by the CD controller.
pub const RELOCATE: &str = "hive.openshift.io/relocate";
/// Duration from creation after which the operator deletes the object. Read by the CD controller.
pub const DELETE_AFTER: &str = "hive.openshift.io/delete-after";
/// Installation is given up after the first failure. Only exactly `true` counts for older versions.
/// Read by the CD controller.
pub const TRY_INSTALL_ONCE: &str = "hive.openshift.io/try-install-once";
/// Duration that the install pod stays up after a failure. Read by the install manager.
pub const PAUSE_ON_INSTALL_FAILURE: &str = "hive.openshift.io/pause-on-install-failure";
/// How often to wait again for completion after a late failure. Read by the install manager.
pub const WAIT_FOR_INSTALL_COMPLETE_EXECUTIONS: &str =
    "hive.openshift.io/wait-for-install-complete-executions";
/// Log lines that may hold passwords are kept. Read by the install manager.
pub const DISABLE_INSTALL_LOG_PASSWORD_REDACTION: &str =
    "hive.openshift.io/disable-install-log-password-redaction";
/// Images are not resolved from the release. Read by the CD controller and the install manager.
pub const MINIMAL_INSTALL_MODE: &str = "hive.openshift.io/minimal-install-mode";
/// Name of the installer's image in the release. Read by the image resolution.
pub const INSTALLER_IMAGE_NAME_OVERRIDE: &str = "hive.openshift.io/installer-image-name-override";
/// The client's image comes from the installer image's registry. Read by the image resolution.
pub const CLI_DOMAIN_FROM_INSTALLER_IMAGE: &str =
    "hive.openshift.io/cli-domain-from-installer-image";
/// Credentials mode to write into the cluster's configuration. Read by the install manager.
pub const OVERRIDE_IN_CLUSTER_CREDENTIALS_MODE: &str =
    "hive.openshift.io/override-in-cluster-credentials-mode";
/// JSON map of fields for log lines. Copied by the CD controller to derived objects; read by all.
pub const ADDITIONAL_LOG_FIELDS: &str = "hive.openshift.io/additional-log-fields";
/// The deletion uses single arguments instead of the installer's description. Copied by the CD
/// controller to the `ClusterDeprovision`.
pub const LEGACY_DEPROVISION: &str = "hive.openshift.io/legacy-deprovision";
/// The cluster's version status is mirrored. Read by the cluster version controller.
pub const SYNC_CLUSTER_VERSION_STATUS: &str = "hive.openshift.io/sync-clusterversion-status";
/// Time from creation until the zone was ready. Set and read by the CD controller.
pub const DNS_READY: &str = "hive.openshift.io/dnsready";
/// The cluster is to leave its pool. Set by the claim or pool controller; read by the pool controller.
pub const REMOVE_CLUSTER_FROM_POOL: &str = "hive.openshift.io/remove-cluster-from-pool";
/// Old name of [`REMOVE_CLUSTER_FROM_POOL`].
pub const REMOVE_CLAIMED_CLUSTER_FROM_POOL: &str =
    "hive.openshift.io/remove-claimed-cluster-from-pool";
/// Fingerprint of the pool's template. Set and read by the pool controller.
pub const CLUSTER_POOL_SPEC_HASH: &str = "hive.openshift.io/cluster-pool-spec-hash";
/// Infra ID whose AWS `PrivateLink` resources are cleaned up. Set and read by that controller.
pub const AWS_PRIVATE_LINK_LAST_CLEANUP_FOR: &str =
    "aws-private-link-controller.hive.openshift.io/last-cleanup-for";
/// Infra ID whose Private Service Connect resources are cleaned up. Set and read by that controller.
pub const PRIVATE_LINK_LAST_CLEANUP_FOR: &str =
    "private-link-controller.hive.openshift.io/last-cleanup-for";
/// On a machine pool: a security group to add to workers at installation. Read by the install manager.
pub const EXTRA_WORKER_SECURITY_GROUP: &str = "hive.openshift.io/extra-worker-security-group";
/// On a machine pool: its platform may be changed, and is enforced. Set by the user; read by admission
/// and the machine pool controller.
pub const OVERRIDE_MACHINE_POOL_PLATFORM: &str = "hive.openshift.io/override-machinepool-platform";
/// On a machine pool: the image of its machines. Set by the user; read by the machine pool controller.
pub const IMAGE_ID_OVERRIDE: &str = "hive.openshift.io/image-id-override";
/// The next minor version is out of reach, and why; empty when it is not. Set by the cluster version
/// controller; read by people and consoles.
// docs/spec/10 §4.2 lists it among the labels; its value is a sentence, which no label can be.
pub const MINOR_VERSION_UPGRADE_UNAVAILABLE: &str =
    "hive.openshift.io/minor-version-upgrade-unavailable";
/// On a `SyncSet`: value of a metric's label. Set by the user, and by the controllers that make such
/// sets; read by the cluster sync controller.
pub const SYNCSET_METRICS_GROUP: &str = "hive.openshift.io/syncset-metrics-group";
/// On the uninstall Job: fingerprint of its specification. Set and read by the `ClusterDeprovision`
/// controller.
pub const JOB_HASH: &str = "hive.openshift.io/jobhash";
/// On custom resource definitions of installing kinds: a JSON map of options. Set by their authors;
/// read by the operator.
pub const CONTRACT_CLUSTER_INSTALL_CONFIG: &str =
    "contracts.hive.openshift.io/clusterinstall.config";

/// On the admission Deployment and its pods: fingerprint of the authority of the API server's
/// aggregator. Set by the operator; a change makes the Deployment replace its pods, which alone read it,
/// like those of the ones below.
pub const CA_HASH: &str = "hive.openshift.io/ca-hash";
/// On the admission pods: fingerprint of their configuration. Set and read by the operator.
pub const HIVE_ADMISSION_INPUT_SOURCES_HASH: &str =
    "hive.openshift.io/hive-admission-input-sources-hash";
/// On the admission pods: fingerprint of the certificate that they serve. Set and read by the operator.
pub const SERVING_CERT_SECRET_HASH: &str = "hive.openshift.io/serving-cert-secret-hash";
/// On the controllers' pods: fingerprint of their configuration. Set and read by the operator.
pub const HIVECONFIG_HASH: &str = "hive.openshift.io/hiveconfig-hash";
/// On the cluster sync `StatefulSet`: fingerprint of its specification. Set and read by the operator.
pub const CLUSTERSYNC_STATEFULSET_SPEC_HASH: &str =
    "hive.openshift.io/clustersync-statefulset-spec-hash";
/// On the machine pool `StatefulSet`: fingerprint of its specification. Set and read by the operator.
pub const MACHINEPOOL_STATEFULSET_SPEC_HASH: &str =
    "hive.openshift.io/machinepool-statefulset-spec-hash";
/// On the admission Service: asks OpenShift for a certificate. Set by the operator; read by OpenShift.
pub const SERVING_CERT_SECRET_NAME: &str = "service.alpha.openshift.io/serving-cert-secret-name";
/// On a Machine inside a cluster: it goes without being drained. Set by the hibernation controller; read
/// by the cluster.
pub const EXCLUDE_NODE_DRAINING: &str = "machine.openshift.io/exclude-node-draining";
/// On objects inside a cluster: what was applied last. Set and read by the cluster sync controller, and
/// by every client that applies in the old way.
pub const LAST_APPLIED_CONFIGURATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether an annotation's value means yes, in any spelling that this API's clients use.
///
/// The accepted spellings are `1`, `t`, `T`, `true`, `True` and `TRUE`; anything else is no.
pub fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "t" | "T" | "true" | "True" | "TRUE"))
}

#[cfg(test)]
mod tests {
    use super::is_true;

    #[test]
    fn booleans_are_read_leniently() {
        for yes in ["1", "t", "T", "true", "True", "TRUE"] {
            assert!(is_true(Some(yes)), "{yes} means yes");
        }
        for no in ["", "0", "f", "false", "yes", "tRUE", " true"] {
            assert!(!is_true(Some(no)), "{no:?} means no");
        }
        assert!(!is_true(None));
    }
}
