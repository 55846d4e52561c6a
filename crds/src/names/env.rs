//! Environment variables of the operator and of the pods that it starts.

/// Namespace of the operator. Set in its Deployment; read by the controllers.
pub const HIVE_NS: &str = "HIVE_NS";
/// Value of [`HIVE_NS`] when it is not set.
pub const HIVE_NS_DEFAULT: &str = "hive";
/// Name of the own pod. Set in the Deployment; read by the controllers for scheduling constraints.
pub const POD_NAME: &str = "POD_NAME";
/// Namespace of the own pod. Set in the Deployment; read by the controllers.
pub const POD_NAMESPACE: &str = "POD_NAMESPACE";
/// Operator image to put into pods. Set in the Deployment; read by the controllers.
pub const HIVE_IMAGE: &str = "HIVE_IMAGE";
/// Pull policy of that image. Set in the Deployment; read by the controllers.
pub const HIVE_IMAGE_PULL_POLICY: &str = "HIVE_IMAGE_PULL_POLICY";
/// Secret in the operator's namespace with registry credentials for all clusters. Set by the operator
/// from `HiveConfig`; read by the controllers.
pub const GLOBAL_PULL_SECRET: &str = "GLOBAL_PULL_SECRET";
/// Secret with which the operator's own image is pulled. Set by the operator; read by the controllers.
pub const HIVE_PRIVATE_IMAGE_PULL_SECRET: &str = "HIVE_PRIVATE_IMAGE_PULL_SECRET";
/// Whether installed clusters get the delete protection. Set by the operator; read by the controllers.
pub const PROTECTED_DELETE: &str = "PROTECTED_DELETE";
/// Whether nothing is deleted from any cloud. Set by the operator; read by the controllers.
pub const DEPROVISIONS_DISABLED: &str = "DEPROVISIONS_DISABLED";
/// File that says how failed attempts are treated. Set by the operator; read by the controllers.
pub const FAILED_PROVISION_CONFIG_FILE: &str = "FAILED_PROVISION_CONFIG_FILE";
/// Secret for uploading install logs. In the controllers a hub-wide name, set by the operator; in the
/// install pod the cluster's copy, set by the `ClusterDeployment` controller.
pub const HIVE_INSTALL_LOGS_CREDENTIALS_SECRET: &str = "HIVE_INSTALL_LOGS_CREDENTIALS_SECRET";
/// Where install logs are uploaded to. Set in the install pod; read by the install manager.
pub const HIVE_INSTALL_LOGS_UPLOAD_PROVIDER: &str = "HIVE_INSTALL_LOGS_UPLOAD_PROVIDER";
/// Region of the log bucket. Set in the install pod; read by the install manager.
pub const HIVE_INSTALL_LOGS_AWS_REGION: &str = "HIVE_INSTALL_LOGS_AWS_REGION";
/// Endpoint of the log bucket. Set in the install pod; read by the install manager.
pub const HIVE_INSTALL_LOGS_AWS_S3_URL: &str = "HIVE_INSTALL_LOGS_AWS_S3_URL";
/// Name of the log bucket. Set in the install pod; read by the install manager.
pub const HIVE_INSTALL_LOGS_AWS_S3_BUCKET: &str = "HIVE_INSTALL_LOGS_AWS_S3_BUCKET";
/// Secret with the source profile for assumed roles. In the controllers a hub-wide name, in pods the
/// cluster's copy.
pub const HIVE_AWS_SERVICE_PROVIDER_CREDENTIALS_SECRET: &str =
    "HIVE_AWS_SERVICE_PROVIDER_CREDENTIALS_SECRET";
/// Namespace of the release signatures' `ConfigMap`. Set by the operator; read by the controllers.
pub const HIVE_RELEASE_IMAGE_VERIFICATION_CONFIGMAP_NS: &str =
    "HIVE_RELEASE_IMAGE_VERIFICATION_CONFIGMAP_NS";
/// Name of the release signatures' `ConfigMap`. Set by the operator; read by the controllers.
pub const HIVE_RELEASE_IMAGE_VERIFICATION_CONFIGMAP_NAME: &str =
    "HIVE_RELEASE_IMAGE_VERIFICATION_CONFIGMAP_NAME";
/// File that lists the kinds that install for others. Set by the operator; read by the controllers.
pub const SUPPORTED_CONTRACT_IMPLEMENTATIONS_FILE: &str = "SUPPORTED_CONTRACT_IMPLEMENTATIONS_FILE";
/// File with the metrics' options. Set by the operator; read by the controllers.
pub const METRICS_CONFIG_FILE: &str = "METRICS_CONFIG_FILE";
/// File with authorities to add to kubeconfigs. Set by the operator; read by the controllers.
pub const ADDITIONAL_CA: &str = "ADDITIONAL_CA";
/// Proxy for plain requests. Set by the operator; forwarded to pods.
pub const HTTP_PROXY: &str = "HTTP_PROXY";
/// Proxy for encrypted requests. Set by the operator; forwarded to pods.
pub const HTTPS_PROXY: &str = "HTTPS_PROXY";
/// Destinations that no proxy is used for. Set by the operator; forwarded to pods.
pub const NO_PROXY: &str = "NO_PROXY";

/// Suffix of `<controller>-concurrent-reconciles`. Set by the operator; read by the controllers.
pub const SUFFIX_CONCURRENT_RECONCILES: &str = "-concurrent-reconciles";
/// Suffix of `<controller>-client-qps`. Set by the operator; read by the controllers.
pub const SUFFIX_CLIENT_QPS: &str = "-client-qps";
/// Suffix of `<controller>-client-burst`. Set by the operator; read by the controllers.
pub const SUFFIX_CLIENT_BURST: &str = "-client-burst";
/// Suffix of `<controller>-queue-qps`. Set by the operator; read by the controllers.
pub const SUFFIX_QUEUE_QPS: &str = "-queue-qps";
/// Suffix of `<controller>-queue-burst`. Set by the operator; read by the controllers.
pub const SUFFIX_QUEUE_BURST: &str = "-queue-burst";

/// Tells the installer who runs it. Set in the install pod; read by the installer.
pub const OPENSHIFT_INSTALL_INVOKER: &str = "OPENSHIFT_INSTALL_INVOKER";
/// Release that the installer installs. Set in the install pod; read by the installer.
pub const OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE: &str =
    "OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE";
/// Namespace of the cluster's objects. Set in install and uninstall pods; read by their main process.
pub const CLUSTERDEPLOYMENT_NAMESPACE: &str = "CLUSTERDEPLOYMENT_NAMESPACE";
/// Secret with the install-config. Set in the install pod; read by the install manager.
pub const INSTALLCONFIG_SECRET_NAME: &str = "INSTALLCONFIG_SECRET_NAME";
/// Secret with the merged registry credentials. Set in the install pod; read by the install manager.
pub const PULLSECRET_SECRET_NAME: &str = "PULLSECRET_SECRET_NAME";
/// Directories with authorities. Set in install and uninstall pods; read by the installer.
pub const SSL_CERT_DIR: &str = "SSL_CERT_DIR";
/// Value of [`SSL_CERT_DIR`].
pub const SSL_CERT_DIR_VALUE: &str = "/etc/ssl/certs/:/output/hive-trusted-cabundle/";
/// Home directory. Set in the install pod; read by the installer.
pub const HOME: &str = "HOME";
/// Secret with the cloud's credentials. Set in install and uninstall pods.
pub const CREDS_SECRET_NAME: &str = "CREDS_SECRET_NAME";
/// Secret with the cloud's authorities. Set in install and uninstall pods.
pub const CERTS_SECRET_NAME: &str = "CERTS_SECRET_NAME";
/// Secret with additional manifests. Set in the install pod; read by the install manager.
pub const MANIFESTS_SECRET_NAME: &str = "MANIFESTS_SECRET_NAME";
/// `ConfigMap` with additional manifests. Set in the install pod; read by the install manager.
pub const MANIFESTS_CONFIGMAP_NAME: &str = "MANIFESTS_CONFIGMAP_NAME";
/// Secret with the token signing key. Set in the install pod; read by the install manager.
pub const BOUND_TOKEN_SIGNING_KEY_SECRET_NAME: &str = "BOUND_TOKEN_SIGNING_KEY_SECRET_NAME";
/// Despite its name the *name* of the Secret with the SSH key. Set in the install pod; read by the
/// install manager.
pub const SSH_PRIVATE_KEY_SECRET_PATH: &str = "SSH_PRIVATE_KEY_SECRET_PATH";
/// Secret with the provisioning host's SSH key. Set in the install pod; read by the install manager.
pub const LIBVIRT_SSH_KEYS_SECRET_NAME: &str = "LIBVIRT_SSH_KEYS_SECRET_NAME";
/// Whether only manifests are made. Set in the install pod of fake clusters; read by the install
/// manager.
pub const FAKE_INSTALL: &str = "FAKE_INSTALL";
/// Fields to add to log lines. Set in pods from the annotation; read by their main process.
pub const HIVE_ADDITIONAL_LOG_FIELDS: &str = "HIVE_ADDITIONAL_LOG_FIELDS";
/// File with the token signing key. Set by the install manager for the installer.
pub const BOUND_SA_SIGNING_KEY: &str = "BOUND_SA_SIGNING_KEY";
/// File with the SSH key. Set by the install manager for the installer.
pub const SSH_PRIV_KEY_PATH: &str = "SSH_PRIV_KEY_PATH";
/// File with the provisioning host's SSH key. Set by the install manager for the installer.
pub const LIBVIRT_SSH_PRIV_KEY_PATH: &str = "LIBVIRT_SSH_PRIV_KEY_PATH";
/// Access key. Set by the install manager for the installer.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// Secret key. Set by the install manager for the installer.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// Configuration file with profiles. Set by the install manager for the installer.
pub const AWS_CONFIG_FILE: &str = "AWS_CONFIG_FILE";
/// Makes old clients read the configuration file. Set by the install manager for the installer.
pub const AWS_SDK_LOAD_CONFIG: &str = "AWS_SDK_LOAD_CONFIG";
/// File with the service principal. Set by the install manager for the installer.
pub const AZURE_AUTH_LOCATION: &str = "AZURE_AUTH_LOCATION";
/// File with the service account. Set by the install manager for the installer.
pub const GOOGLE_CREDENTIALS: &str = "GOOGLE_CREDENTIALS";
/// API key. Set by the install manager for the installer.
pub const IC_API_KEY: &str = "IC_API_KEY";
/// User name. Set by the install manager for the installer.
pub const NUTANIX_USERNAME: &str = "NUTANIX_USERNAME";
/// Password. Set by the install manager for the installer.
pub const NUTANIX_PASSWORD: &str = "NUTANIX_PASSWORD";
