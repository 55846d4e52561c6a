//! Labels. "CD controller" is the `ClusterDeployment` controller.

/// On everything derived from a cluster: its `ClusterDeployment`'s name. Set by whoever creates the
/// object; read to find the objects, to map their events, and to repair ownership after a restore.
pub const CLUSTER_DEPLOYMENT_NAME: &str = "hive.openshift.io/cluster-deployment-name";
/// On Jobs and Secrets of an attempt: its `ClusterProvision`'s name. Set by the `ClusterProvision`
/// controller and the install manager; read to repair ownership.
pub const CLUSTER_PROVISION_NAME: &str = "hive.openshift.io/cluster-provision-name";
/// On Jobs of an attempt: the same name again. Set by its controller; read by it to find them.
pub const CLUSTER_PROVISION: &str = "hive.openshift.io/cluster-provision";
/// On uninstall Jobs and pods: the `ClusterDeprovision`'s name. Set and read by its controller.
pub const CLUSTER_DEPROVISION_NAME: &str = "hive.openshift.io/cluster-deprovision-name";
/// On the `ClusterDeployment`: its platform. Set and kept right by the CD controller; read by a printer column,
/// metrics and users' selectors.
pub const CLUSTER_PLATFORM: &str = "hive.openshift.io/cluster-platform";
/// On the `ClusterDeployment`: its region. Set and kept right by the CD controller; read like the platform.
pub const CLUSTER_REGION: &str = "hive.openshift.io/cluster-region";
/// On the `ClusterDeployment`: a class of clusters. Set by the user; read by metrics and a printer
/// column, copied to the image set Job.
pub const CLUSTER_TYPE: &str = "hive.openshift.io/cluster-type";
/// On the `ClusterDeployment`: the cluster's version. Set by the cluster version controller; read by a
/// printer column.
pub const VERSION: &str = "hive.openshift.io/version";
/// On the `ClusterDeployment`: the version's first part. Set by the cluster version controller.
pub const VERSION_MAJOR: &str = "hive.openshift.io/version-major";
/// On the `ClusterDeployment`: the version's first two parts. Set by the cluster version controller.
pub const VERSION_MAJOR_MINOR: &str = "hive.openshift.io/version-major-minor";
/// On the `ClusterDeployment`: the version's first three parts. Set by the cluster version controller.
pub const VERSION_MAJOR_MINOR_PATCH: &str = "hive.openshift.io/version-major-minor-patch";
/// On the `ClusterDeployment` or its pool: resuming does not wait for the cluster's operators. Set by
/// the user; read by the hibernation controller.
pub const RESUME_SKIPS_CLUSTER_OPERATORS: &str = "hive.openshift.io/resume-skips-cluster-operators";
/// On Jobs that install. Set by the `ClusterProvision` controller; read by metrics.
pub const INSTALL: &str = "hive.openshift.io/install";
/// On Jobs that resolve images. Set by the CD controller; read by metrics.
pub const IMAGE_SET: &str = "hive.openshift.io/imageset";
/// On Jobs that delete a cluster. Set by the `ClusterDeprovision` controller; read by metrics.
pub const UNINSTALL: &str = "hive.openshift.io/uninstall";
/// On Jobs, their pods and network policies: which kind of Job. Set by the creating controller; read by
/// the network policies and to repair ownership.
pub const JOB_TYPE: &str = "hive.openshift.io/job-type";
/// On derived Secrets: what they hold. Set by the creator; read to repair ownership.
pub const SECRET_TYPE: &str = "hive.openshift.io/secret-type";
/// On `DNSZone`s: which kind of zone. Set by the CD controller; read to repair ownership.
pub const DNS_ZONE_TYPE: &str = "hive.openshift.io/dnszone-type";
/// On volume claims; leftover of old versions, reserved.
pub const PVC_TYPE: &str = "hive.openshift.io/pvc-type";
/// On `ConfigMap`s; leftover of old versions, reserved.
pub const INSTALL_LOG: &str = "hive.openshift.io/install-log";
/// On objects inside a cluster: the hub manages them. On machine sets set by the install manager and the
/// machine pool controller, on everything else by the cluster sync controller; read by the same.
pub const MANAGED: &str = "hive.openshift.io/managed";
/// On machine sets inside a cluster: which machine pool. Set by the install manager and the machine
/// pool controller.
pub const MACHINE_POOL: &str = "hive.openshift.io/machine-pool";
/// On any object: admission accepts its creation unseen, for restores. Set by the user.
pub const DISABLE_CREATION_WEBHOOK_FOR_DR: &str =
    "hive.openshift.io/disable-creation-webhook-for-dr";
/// On custom resource definitions whose kind installs for a `ClusterDeployment`. Set by their authors;
/// read by the operator.
pub const CONTRACT_CLUSTER_INSTALL: &str = "contracts.hive.openshift.io/clusterinstall";
/// On the trusted CA `ConfigMap`: asks OpenShift to fill it. Set by the CD controller; read by OpenShift.
pub const INJECT_TRUSTED_CA_BUNDLE: &str = "config.openshift.io/inject-trusted-cabundle";

// Pools.
/// On the namespace of a pool's cluster: the pool's name. Set by the pool controller; read by the
/// controller that removes empty namespaces, and to share the pool's administrators.
pub const CLUSTER_POOL_NAME: &str = "hive.openshift.io/cluster-pool-name";
/// On the `ClusterDeployment` of a pool: the pool's namespace. Set by the pool controller; read by people.
pub const CLUSTERPOOL_NAMESPACE: &str = "hive.openshift.io/clusterpool-namespace";
/// On the `ClusterDeployment` of a pool: the pool's name. Set by the pool controller; read by people.
pub const CLUSTERPOOL_NAME: &str = "hive.openshift.io/clusterpool-name";
/// On a `MachinePoolNameLease`: the machine pool's name. Set by the machine pool controller; read by a
/// printer column.
pub const MACHINE_POOL_NAME: &str = "hive.openshift.io/machine-pool-name";

// What the controllers make for a cluster.
/// On a `SyncSet` that a controller made: which one. Set by that controller; read to repair ownership.
pub const SYNCSET_TYPE: &str = "hive.openshift.io/syncset-type";
/// On a Secret that registers a cluster with Argo CD: it was made here. Set by that controller; read by
/// people.
pub const CREATED_BY: &str = "hive.openshift.io/created-by";
/// On a Secret: Argo CD is to read it. Set by the registering controller; read by Argo CD.
pub const ARGOCD_SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";
/// On the Secret with the hub's credentials for AWS `PrivateLink`. Set and read by the command line.
pub const AWS_PRIVATE_LINK_HUB_CREDENTIALS: &str =
    "hive.openshift.io/awsprivatelink-hub-acct-credentials";

// The installation.
/// On the pods of an installation: which part. Set by the operator; read by it when the installation
/// moves to another namespace, and by network policies.
pub const COMPONENT: &str = "hive.openshift.io/component";
/// On the namespace of an installation. Set by the operator; read by it to find those it has left.
pub const TARGET_NAMESPACE: &str = "hive.openshift.io/target-namespace";
/// On the pods and Services of an installation: which part. Set by the operator; read by users' scrape
/// configuration.
pub const CONTROL_PLANE: &str = "control-plane";
/// On the pods and Services of an installation: always the same. Set and read by the operator.
pub const CONTROLLER_TOOLS: &str = "controller-tools.k8s.io";
/// On `ConfigMap`s of old versions, which are removed. Set by those; read by the operator.
pub const MANAGED_DOMAINS: &str = "managed-domains";
/// On a namespace: OpenShift's own monitoring looks at it. Set by old versions and by the user; read by
/// OpenShift.
pub const CLUSTER_MONITORING: &str = "openshift.io/cluster-monitoring";

// Machines inside a cluster.
/// On machines and machine sets: the infra ID. Set by the installer and the machine pool controller;
/// read by the cluster.
pub const MACHINE_CLUSTER: &str = "machine.openshift.io/cluster-api-cluster";
/// On machines: what they are for. Set by the installer and the machine pool controller; read by the
/// cluster.
pub const MACHINE_ROLE: &str = "machine.openshift.io/cluster-api-machine-role";
/// On machines: the same again. Set by the installer and the machine pool controller; read by the
/// install manager and the machine pool controller.
pub const MACHINE_TYPE: &str = "machine.openshift.io/cluster-api-machine-type";
/// On machines: their machine set. Set by the installer and the machine pool controller; read by the
/// cluster.
pub const MACHINE_SET: &str = "machine.openshift.io/cluster-api-machineset";
/// On machines that the cloud may take away. Set by the cluster; read by the hibernation controller.
pub const INTERRUPTIBLE_INSTANCE: &str = "machine.openshift.io/interruptible-instance";
/// On nodes of a control plane: one or both. Set by the cluster; read by the hibernation controller.
pub const CONTROL_PLANE_ROLES: [&str; 2] = [
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
];

/// What the API lets a label's value have at most; an object's name may have 253.
pub const LONGEST_VALUE: usize = 63;

/// Whether an object's name can be a label's value. Of one that cannot, nothing that belongs to it can be
/// found by a label, nor carry one.
pub const fn can_hold(name: &str) -> bool {
    name.len() <= LONGEST_VALUE
}
