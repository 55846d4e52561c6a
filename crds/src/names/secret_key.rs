//! Keys of Secrets and `ConfigMap`s.

/// Registry credentials in a pull secret. Set by the user (own and global secret) and by the
/// `ClusterDeployment` controller (merged secret); read by the kubelet and the install manager.
pub const DOCKER_CONFIG_JSON: &str = ".dockerconfigjson";
/// Type of a Secret that holds registry credentials.
pub const DOCKER_CONFIG_JSON_TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The install-config. Set by the user or a pool; read by the controllers and the install manager.
pub const INSTALL_CONFIG: &str = "install-config.yaml";
/// The administrator's kubeconfig, with the operator's additional authorities. Set by the install
/// manager and the `ClusterDeployment` controller; read by everything that talks to the cluster.
pub const KUBECONFIG: &str = "kubeconfig";
/// The kubeconfig as the installer wrote it. Set by the `ClusterDeployment` controller.
pub const RAW_KUBECONFIG: &str = "raw-kubeconfig";
/// The administrator's user name. Set by the install manager; also in credentials of some platforms.
pub const USERNAME: &str = "username";
/// The administrator's password. Set by the install manager; also in credentials of some platforms.
pub const PASSWORD: &str = "password";
/// The installer's description of the cluster, without credentials. Set by the `ClusterDeployment`
/// controller; read by the deprovision engine.
pub const METADATA_JSON: &str = "metadata.json";
/// The SSH key of the cluster's hosts. Set by the user, read by the install manager.
pub const SSH_PRIVATE_KEY: &str = "ssh-privatekey";
/// The key that signs service account tokens. Set by the user, read by the install manager.
pub const BOUND_SA_SIGNING_KEY: &str = "bound-service-account-signing-key.key";
/// Access key of AWS credentials. Set by the user.
pub const AWS_ACCESS_KEY_ID: &str = "aws_access_key_id";
/// Secret key of AWS credentials. Set by the user.
pub const AWS_SECRET_ACCESS_KEY: &str = "aws_secret_access_key";
/// Session token of temporary AWS credentials. Set by the user.
pub const AWS_SESSION_TOKEN: &str = "aws_session_token";
/// An AWS configuration file instead of the two keys. Set by the user or, for an assumed role, by the
/// `ClusterDeployment` and `ClusterDeprovision` controllers.
pub const AWS_CONFIG: &str = "aws_config";
/// Azure service principal. Set by the user.
pub const AZURE_SERVICE_PRINCIPAL: &str = "osServicePrincipal.json";
/// Google Cloud service account. Set by the user.
pub const GCP_SERVICE_ACCOUNT: &str = "osServiceAccount.json";
/// `OpenStack` clouds file. Set by the user.
pub const OPENSTACK_CLOUDS: &str = "clouds.yaml";
/// IBM Cloud API key. Set by the user.
pub const IBM_CLOUD_API_KEY: &str = "ibmcloud_api_key";
/// Credentials of several vCenter servers. Set by the user.
pub const VSPHERE_VCENTERS: &str = "vCenters";
/// The injected authorities in the trusted CA `ConfigMap`. Created empty by the `ClusterDeployment`
/// controller, filled by the cluster's own injector.
pub const CA_BUNDLE: &str = "ca-bundle.crt";
/// The list of patterns in the install-log `ConfigMap`s. Shipped with the operator and extended by
/// the user; read by the `ClusterProvision` controller.
pub const REGEXES: &str = "regexes";
/// An authority, in the Secrets with the hub's additional authorities. Set by the user; read by the operator.
pub const CA_CERTIFICATE: &str = "ca.crt";
/// Authorities of vSphere, as pools demand them. Set by the user.
pub const VSPHERE_CA_CERTIFICATE: &str = ".cacert";
/// The domains of the operator, in its `ConfigMap`. Set by the operator; read by the controllers and
/// admission.
pub const MANAGED_DOMAINS: &str = "managed-domains";
/// The kinds that install for others, in their `ConfigMap`. Set by the operator; read by the controllers and
/// admission.
pub const SUPPORTED_CONTRACTS: &str = "supported-contracts";
/// The authority of OpenShift's services, in its `ConfigMap`. Set by OpenShift; read by the operator.
pub const SERVICE_CA: &str = "service-ca.crt";
/// Location of a cluster's API, in its Argo CD Secret. Set by the registering controller; read by Argo CD,
/// like the ones below.
pub const ARGOCD_SERVER: &str = "server";
/// Name of a cluster, in its Argo CD Secret. Set by the registering controller.
pub const ARGOCD_NAME: &str = "name";
/// How to log in to a cluster, in its Argo CD Secret. Set by the registering controller.
pub const ARGOCD_CONFIG: &str = "config";
