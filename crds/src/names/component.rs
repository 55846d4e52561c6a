//! Names of the objects that make up an installation, in its namespace unless said otherwise (docs/spec/40
//! §1, §6–9, docs/spec/30 §3.9).
//!
//! All are made by the operator; people's scripts, network policies and dashboards ask for them by name.

/// Deployment of the operator itself. Set up by whoever installs; read by the operator for its own image.
pub const OPERATOR: &str = "hive-operator";
/// Deployment, Service, service account, role and network policy of the controllers.
pub const CONTROLLERS: &str = "hive-controllers";
/// `StatefulSet` and Service of the cluster sync controller.
pub const CLUSTERSYNC: &str = "hive-clustersync";
/// `StatefulSet` and Service of the machine pool controller.
pub const MACHINEPOOL: &str = "hive-machinepool";
/// Deployment, Service, service account, role and network policy of the admission webhook.
pub const ADMISSION: &str = "hiveadmission";
/// Service account and role of consoles.
pub const FRONTEND: &str = "hive-frontend";

/// Lease of the operator. That of the controllers is [`super::controller::LEADER_LEASE`].
pub const OPERATOR_LEASE: &str = "hive-operator-leader";
/// Secret with the certificate that the admission webhook serves. Made by OpenShift or by the user; read by
/// the webhook.
pub const ADMISSION_SERVING_CERT: &str = "hiveadmission-serving-cert";
/// Secret with the admission webhook's token, where the cluster makes none by itself.
pub const ADMISSION_TOKEN: &str = "hiveadmission-sa-token";
/// Secret with the authorities that are added to kubeconfigs.
pub const ADDITIONAL_CA: &str = "hive-additional-ca";

/// `ConfigMap` with the domains below which clusters may have zones.
pub const MANAGED_DOMAINS: &str = "hive-managed-domains";
/// `ConfigMap` with the hub's networks for AWS `PrivateLink`.
pub const AWS_PRIVATE_LINK: &str = "aws-private-link";
/// `ConfigMap` with the hub's networks for Private Service Connect.
pub const PRIVATE_LINK: &str = "private-link";
/// `ConfigMap` with the metrics' options.
pub const METRICS_CONFIG: &str = "hive-metrics-config";
/// `ConfigMap` with the kinds that install for others.
pub const SUPPORTED_CONTRACTS: &str = "hive-supported-contracts";
/// `ConfigMap` with the controllers' limits, as environment variables.
pub const CONTROLLERS_CONFIG: &str = "hive-controllers-config";
/// `ConfigMap` with the open feature gates, as an environment variable.
pub const FEATURE_GATES: &str = "hive-feature-gates";

/// Cluster role for people who may do everything here; also of a binding.
pub const ADMIN_ROLE: &str = "hive-admin";
/// Group that has [`ADMIN_ROLE`].
pub const ADMIN_GROUP: &str = "hive-admins";
/// Cluster role for people who may look at everything here; also of a binding.
pub const READER_ROLE: &str = "hive-reader";
/// Group that has [`READER_ROLE`].
pub const READER_GROUP: &str = "hive-readers";
/// Cluster role for people who look after pools. Bound by the user in a pool's namespace; read by the pool
/// controller.
pub const CLUSTER_POOL_ADMIN_ROLE: &str = "hive-cluster-pool-admin";
/// Cluster role of old versions, which the operator removes.
pub const OLD_MANAGER_ROLE: &str = "manager-role";
/// Cluster role binding of old versions, which the operator removes.
pub const OLD_MANAGER_ROLE_BINDING: &str = "manager-rolebinding";

/// Name of the one `HiveConfig` that counts, set by the user, and of the `Checkpoint` of every namespace, set
/// and read by the backup controller.
pub const SINGLETON: &str = "hive";
