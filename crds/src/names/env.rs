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
/// Secret with the source profile for assumed roles. In the controllers a hub-wide name, set by the operator;
/// in pods the cluster's copy, set by whoever makes them.
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
/// File with the domains below which clusters may have zones of their own. Set by the operator; read by
/// the admission webhook.
pub const MANAGED_DOMAINS_FILE: &str = "MANAGED_DOMAINS_FILE";
/// File with the hub's networks for AWS private links. Set by the operator; read by the admission webhook.
pub const AWS_PRIVATELINK_CONTROLLER_CONFIG_FILE: &str = "AWS_PRIVATELINK_CONTROLLER_CONFIG_FILE";
/// Feature gates that are open, with commas between. Set by the operator; read by the admission webhook.
pub const HIVE_FEATURE_GATES_ENABLED: &str = "HIVE_FEATURE_GATES_ENABLED";
/// Namespaces that selector sync sets may copy Secrets from, with commas between; all when it is not set.
/// Skep's own. Set in the Deployment; read by the admission webhook.
pub const SELECTOR_SYNCSET_SECRET_NAMESPACES: &str = "SKEP_SELECTOR_SYNCSET_SECRET_NAMESPACES";
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

/// File with the hub's networks for Private Service Connect. Set by the operator; read by the controllers.
pub const PRIVATELINK_CONTROLLER_CONFIG_FILE: &str = "PRIVATELINK_CONTROLLER_CONFIG_FILE";
/// How often everything is applied to clusters again. Set by the operator from `HiveConfig`; read by the
/// cluster sync controller.
pub const SYNCSET_REAPPLY_INTERVAL: &str = "SYNCSET_REAPPLY_INTERVAL";
/// How often machine pools are compared with their clusters. Set by the operator from `HiveConfig`; read by
/// the machine pool controller.
pub const MACHINEPOOL_POLL_INTERVAL: &str = "MACHINEPOOL_POLL_INTERVAL";
/// How often clusters are asked for their version. Set by the operator from `HiveConfig`; read by the cluster
/// version controller.
pub const CLUSTERVERSION_POLL_INTERVAL: &str = "CLUSTERVERSION_POLL_INTERVAL";
/// Whether namespaces with clusters are backed up. Set by the operator; read by the backup controller.
pub const HIVE_VELERO_BACKUP: &str = "HIVE_VELERO_BACKUP";
/// Namespace for backups. Set by the operator; read by the backup controller.
pub const HIVE_VELERO_NAMESPACE: &str = "HIVE_VELERO_NAMESPACE";
/// Shortest time between two backups of a namespace. Set by the operator; read by the backup controller.
pub const HIVE_MIN_BACKUP_PERIOD_SECONDS: &str = "HIVE_MIN_BACKUP_PERIOD_SECONDS";
/// Whether clusters are registered with Argo CD. Set by the operator; read by that controller.
pub const HIVE_ARGOCD: &str = "HIVE_ARGOCD";
/// Namespace of Argo CD. Set by the operator; read by the registering controller.
pub const HIVE_ARGOCD_NAMESPACE: &str = "HIVE_ARGOCD_NAMESPACE";
/// Name servers that are asked whether a zone serves names, with commas between. Set by the user in the
/// operator's Deployment, forwarded by the operator; read by the zone controller.
pub const ZONE_CHECK_DNS_SERVERS: &str = "ZONE_CHECK_DNS_SERVERS";
/// Namespace of the operator itself. Set in its Deployment; read by the operator.
pub const HIVE_OPERATOR_NS: &str = "HIVE_OPERATOR_NS";
/// Name of the own pod, which ends in the shard's number. Set in the cluster sync `StatefulSet`; read by the
/// cluster sync controller.
pub const HIVE_CLUSTERSYNC_POD_NAME: &str = "HIVE_CLUSTERSYNC_POD_NAME";
/// Name of the own pod, which ends in the shard's number. Set in the machine pool `StatefulSet`; read by the
/// machine pool controller.
pub const HIVE_MACHINEPOOL_POD_NAME: &str = "HIVE_MACHINEPOOL_POD_NAME";
/// Whether the process acts without the lease. Set in the `StatefulSet`s; read by the controllers.
pub const HIVE_SKIP_LEADER_ELECTION: &str = "HIVE_SKIP_LEADER_ELECTION";
/// Pull policy of install pods. Set by the user, never by the operator; read by the controllers.
pub const HIVE_CLUSTER_PROVISION_IMAGE_PULL_POLICY: &str =
    "HIVE_CLUSTER_PROVISION_IMAGE_PULL_POLICY";
/// Directory for what is known of clusters' APIs. Set in the Deployments; read by the controllers.
pub const CLI_CACHE_DIR: &str = "CLI_CACHE_DIR";
/// Directory for temporary files. Set in the Deployments; read by every program.
pub const TMPDIR: &str = "TMPDIR";

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
/// Socket of an agent that holds SSH keys. Set by the user, or by the install manager when it starts an
/// agent; read by the installer.
pub const SSH_AUTH_SOCK: &str = "SSH_AUTH_SOCK";
/// File with the service account, as Google's own tools name it. Set by the user; read by the installer.
pub const GOOGLE_APPLICATION_CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Whether the bootstrap machine stays. Set by the user; read by the installer.
pub const OPENSHIFT_INSTALL_PRESERVE_BOOTSTRAP: &str = "OPENSHIFT_INSTALL_PRESERVE_BOOTSTRAP";
/// Whether logs of the bootstrap machine are gathered. Set by the user; read by the installer.
pub const OPENSHIFT_INSTALL_GATHER_BOOTSTRAP: &str = "OPENSHIFT_INSTALL_GATHER_BOOTSTRAP";
/// Whether no image is uploaded to Azure. Set by the user; read by the installer.
pub const OPENSHIFT_INSTALL_SKIP_IMAGE_UPLOAD: &str = "OPENSHIFT_INSTALL_SKIP_IMAGE_UPLOAD";
