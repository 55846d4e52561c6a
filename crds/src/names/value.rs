//! Values of labels, annotations and status fields that other programs compare with.

/// A label that means yes.
pub const TRUE: &str = "true";
/// Value of the job-type label: resolves images.
pub const JOB_TYPE_IMAGE_SET: &str = "imageset";
/// Value of the job-type label: installs.
pub const JOB_TYPE_PROVISION: &str = "provision";
/// Value of the job-type label: deletes from the cloud.
pub const JOB_TYPE_DEPROVISION: &str = "deprovision";
/// Value of the secret-type label: merged registry credentials.
pub const SECRET_TYPE_MERGED_PULL_SECRET: &str = "merged-pull-secret";
/// Value of the secret-type label: the administrator's kubeconfig.
pub const SECRET_TYPE_KUBECONFIG: &str = "kubeconfig";
/// Value of the secret-type label: the administrator's password.
pub const SECRET_TYPE_KUBEADMIN_CREDENTIALS: &str = "kubeadmincreds";
/// Value of the secret-type label: the installer's description of a cluster.
pub const SECRET_TYPE_METADATA_JSON: &str = "metadata.json";
/// Value of the zone-type label: the zone of one cluster's base domain.
pub const DNS_ZONE_TYPE_CHILD: &str = "child";
/// Value of the claim-type label: install logs; leftover.
pub const PVC_TYPE_INSTALL_LOGS: &str = "installlogs";
/// `status.installerImage` and `status.cliImage` where no image is needed.
pub const NO_IMAGE: &str = "<NONE>";
/// Name of the installer's image in a release, unless an annotation names another.
pub const DEFAULT_INSTALLER_IMAGE: &str = "baremetal-installer";
/// Name of the command-line client's image in a release.
pub const CLI_IMAGE: &str = "cli";
/// User name in the administrator's Secret.
pub const KUBEADMIN: &str = "kubeadmin";
/// What the installer is told about who runs it.
pub const INSTALL_INVOKER: &str = "hive";
/// What replaces a credential in the installer's description of a cluster.
pub const REDACTED: &str = "REDACTED";
/// What replaces a log line that may hold a credential.
pub const REDACTED_LINE: &str = "REDACTED LINE OF OUTPUT";
/// Relocation status in the annotation's second half: the object leaves this hub.
pub const RELOCATE_OUTGOING: &str = "outgoing";
/// Relocation status: the object has left this hub.
pub const RELOCATE_COMPLETE: &str = "complete";
/// Relocation status: the object arrives on this hub.
pub const RELOCATE_INCOMING: &str = "incoming";
/// Pod container that runs the installer.
pub const CONTAINER_INSTALLER: &str = "installer";
/// Init container that hands over the operator's binary.
pub const CONTAINER_HIVE: &str = "hive";
/// Init container that hands over the command-line client.
pub const CONTAINER_CLI: &str = "cli";
/// Init container that hands over the release's description.
pub const CONTAINER_RELEASE: &str = "release";
/// Container that reports resolved images.
pub const CONTAINER_HIVEUTIL: &str = "hiveutil";
/// Container that deletes a cluster from its cloud.
pub const CONTAINER_DEPROVISION: &str = "deprovision";
/// Value of the syncset-type label: certificates of the API.
pub const SYNCSET_TYPE_CONTROL_PLANE_CERTS: &str = "controlplanecerts";
/// Value of the syncset-type label: ingress.
pub const SYNCSET_TYPE_REMOTE_INGRESS: &str = "remoteingress";
/// Value of the syncset-type label: identity providers.
pub const SYNCSET_TYPE_IDENTITY_PROVIDER: &str = "identityprovider";
/// Group of the metric of sets with certificates of the API.
pub const SYNCSET_METRICS_GROUP_CERTS: &str = "cp-certs";
/// Group of the metric of sets with ingresses.
pub const SYNCSET_METRICS_GROUP_INGRESS: &str = "ingress";
/// Value of a metric's label where there is nothing to say.
pub const UNSPECIFIED: &str = "unspecified";
/// Value of metrics' pool label for clusters without a pool.
pub const NO_POOL: &str = "<none>";
/// What stands in composed metadata where the deletion fills in a credential.
pub const SET_BY_DEPROVISION: &str = "SET_BY_DEPROVISION";
/// What an object that cannot be hashed adds to the digest of a backup.
pub const CHECKSUM_ERROR: &str = "HIVE_CHECKSUM_ERR_97A29D08";
/// Description of a zone on Google Cloud that the operator made.
pub const ZONE_DESCRIPTION: &str = "Managed by Hive.";
/// User data of new machines inside a cluster.
pub const WORKER_USER_DATA: &str = "worker-user-data";
/// Namespace of a cluster's machines.
pub const MACHINE_API_NAMESPACE: &str = "openshift-machine-api";
