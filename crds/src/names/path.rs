//! Paths inside the install pod (docs/spec/10 §13–14): a contract between the pod's volumes, the install
//! manager and the installer.

/// Shared between the pod's containers; the installer's working directory.
pub const OUTPUT: &str = "/output";
/// Files to keep after a failure.
pub const LOGS: &str = "/logs";
/// The install-config as the user wrote it.
pub const INSTALL_CONFIG: &str = "/installconfig";
/// The merged pull secret.
pub const PULL_SECRET: &str = "/pullsecret";
/// Home directory; the installer binary is copied there because the shared volume may forbid
/// execution.
pub const HOME: &str = "/home/hive";
/// The user's additional manifests.
pub const MANIFESTS: &str = "/manifests";
/// The key that signs service account tokens.
pub const BOUND_SA_SIGNING_KEY: &str = "/boundsasigningkey";
/// The SSH key of the cluster's hosts.
pub const SSH_KEYS: &str = "/sshkeys";
/// The SSH key of the provisioning host.
pub const LIBVIRT_SSH_KEYS: &str = "/libvirtsshkeys";
/// The mounted trusted CA `ConfigMap`.
pub const TRUSTED_CA_BUNDLE: &str = "/hive-trusted-cabundle";
/// Where the authorities are copied to for the installer.
pub const TRUSTED_CA_COPY: &str = "/output/hive-trusted-cabundle";
/// AWS credentials.
pub const AWS_CREDENTIALS: &str = "/etc/aws-creds";
/// Azure credentials.
pub const AZURE_CREDENTIALS: &str = "/.azure";
/// Google Cloud credentials.
pub const GCP_CREDENTIALS: &str = "/.gcp";
/// `OpenStack` credentials.
pub const OPENSTACK_CREDENTIALS: &str = "/etc/openstack";
/// `OpenStack` authorities.
pub const OPENSTACK_CERTIFICATES: &str = "/etc/openstack-ca";
/// vSphere credentials.
pub const VSPHERE_CREDENTIALS: &str = "/vsphere-credentials";
/// vSphere authorities.
pub const VSPHERE_CERTIFICATES: &str = "/vsphere-certificates";
/// Nutanix authorities.
pub const NUTANIX_CERTIFICATES: &str = "/nutanix-certificates";
/// Shared between the containers of the image set's pod.
pub const RELEASE_COMMON: &str = "/common";
