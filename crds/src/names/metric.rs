//! Names of the API's own metrics (docs/spec/33): dashboards and alerts ask for them.
//!
//! Whole, with prefix and suffix; a counter's suffix is written by the exposition. Each is set by the
//! controller that its line speaks of, unless it says otherwise, and read by whoever scrapes it.

/// Prefix of Skep's own metrics.
pub const SKEP_PREFIX: &str = "skep";

/// Counter: the deprovision finalizer was added.
pub const CLUSTER_DEPLOYMENTS_CREATED: &str = "hive_cluster_deployments_created_total";
/// Counter: a cluster is installed.
pub const CLUSTER_DEPLOYMENTS_INSTALLED: &str = "hive_cluster_deployments_installed_total";
/// Counter: the deprovision finalizer was removed.
pub const CLUSTER_DEPLOYMENTS_DELETED: &str = "hive_cluster_deployments_deleted_total";
/// Counter: an installation was given up.
pub const PROVISION_FAILED_TERMINAL: &str =
    "hive_cluster_deployments_provision_failed_terminal_total";
/// Histogram, seconds: from the first attempt to the installed cluster.
pub const INSTALL_JOB_DURATION: &str = "hive_cluster_deployment_install_job_duration_seconds";
/// Histogram, seconds: from the creation of a cluster to its first attempt.
pub const INSTALL_JOB_DELAY: &str = "hive_cluster_deployment_install_job_delay_seconds";
/// Histogram, seconds: from the creation of a cluster to the Job that resolves its images.
pub const IMAGE_SET_JOB_DELAY: &str = "hive_cluster_deployment_imageset_job_delay_seconds";
/// Histogram: failed attempts before an installed cluster.
pub const COMPLETED_INSTALL_RESTART: &str = "hive_cluster_deployment_completed_install_restart";
/// Counter: attempts that ended.
pub const PROVISION_RESULTS: &str = "hive_cluster_provision_results_total";
/// Counter without suffix: attempts that failed, by reason.
pub const INSTALL_ERRORS: &str = "hive_install_errors";
/// Histogram, seconds, in spite of its name: from the creation of an attempt to its failure.
pub const INSTALL_FAILURE: &str = "hive_cluster_deployment_install_failure_total";
/// Histogram, seconds, in spite of its name: from the creation of an attempt to its success.
pub const INSTALL_SUCCESS: &str = "hive_cluster_deployment_install_success_total";
/// Gauge, seconds: age of clusters that are not installed.
pub const PROVISION_UNDERWAY: &str = "hive_cluster_deployment_provision_underway_seconds";
/// Gauge: failed attempts of such clusters.
pub const PROVISION_UNDERWAY_RESTARTS: &str =
    "hive_cluster_deployment_provision_underway_install_restarts";
/// Gauge: install Jobs by state.
pub const INSTALL_JOBS: &str = "hive_install_jobs";
/// Gauge: Jobs that resolve images, by state.
pub const IMAGE_SET_JOBS: &str = "hive_imageset_jobs";
/// Gauge: uninstall Jobs by state.
pub const UNINSTALL_JOBS: &str = "hive_uninstall_jobs";
/// Histogram, seconds: duration of deletions from the cloud.
pub const UNINSTALL_JOB_DURATION: &str = "hive_cluster_deployment_uninstall_job_duration_seconds";
/// Gauge, seconds: since when clusters are being deleted.
pub const DEPROVISION_UNDERWAY: &str = "hive_cluster_deployment_deprovision_underway_seconds";

/// Histogram, seconds: from the creation of a cluster until its zone served names.
pub const DNS_DELAY: &str = "hive_cluster_deployment_dns_delay_seconds";
/// Counter without suffix: clusters that moved to another hub.
pub const CLUSTER_RELOCATIONS: &str = "hive_cluster_relocations";
/// Counter without suffix: moves to another hub that were broken off, by reason.
pub const ABORTED_CLUSTER_RELOCATIONS: &str = "hive_aborted_cluster_relocations";
/// Counter: zones that went away, with or without being cleaned up.
pub const DNS_ZONES_DELETED: &str = "hive_dnszones_deleted_total";
/// Histogram, seconds: how long it took to read a root domain.
pub const MANAGED_DNS_SCRAPE: &str = "hive_managed_dns_scrape_seconds";
/// Gauge: delegations found in a root domain.
pub const MANAGED_DNS_SUBDOMAINS: &str = "hive_managed_dns_subdomains_scraped";

// The operator and all controllers.
/// Gauge: conditions of `HiveConfig`, 1 for those that hold. Set by the operator.
pub const HIVECONFIG_CONDITIONS: &str = "hive_hiveconfig_conditions";
/// Histogram, seconds: runs of the operator. Set by the operator.
pub const OPERATOR_RECONCILE: &str = "hive_operator_reconcile_seconds";
/// Histogram, seconds: runs of the controllers, by outcome. Set by every controller.
pub const CONTROLLER_RECONCILE: &str = "hive_controller_reconcile_seconds";
/// Counter: answered requests to hub and clusters. Set by every controller.
pub const KUBE_CLIENT_REQUESTS: &str = "hive_kube_client_requests_total";
/// Histogram, seconds: the same requests. Set by every controller.
pub const KUBE_CLIENT_REQUEST_DURATION: &str = "hive_kube_client_request_seconds";
/// Counter: requests that were given up. Set by every controller.
pub const KUBE_CLIENT_REQUESTS_CANCELLED: &str = "hive_kube_client_requests_cancelled_total";
/// Counter: calls to AWS, by function. Set by every controller.
pub const AWS_API_CALLS: &str = "hive_aws_api_calls_total";

// Pools and claims.
/// Gauge: clusters of a pool that are installed, run and are unclaimed.
pub const POOL_ASSIGNABLE: &str = "hive_clusterpool_clusterdeployments_assignable";
/// Gauge: clusters of a pool that are installed, do not run and are unclaimed.
pub const POOL_STANDBY: &str = "hive_clusterpool_clusterdeployments_standby";
/// Gauge: clusters of a pool that are being installed.
pub const POOL_INSTALLING: &str = "hive_clusterpool_clusterdeployments_installing";
/// Gauge: unclaimed clusters of a pool, without broken ones.
pub const POOL_UNCLAIMED: &str = "hive_clusterpool_clusterdeployments_unclaimed";
/// Gauge: claimed clusters of a pool, including those being deleted.
pub const POOL_CLAIMED: &str = "hive_clusterpool_clusterdeployments_claimed";
/// Gauge: clusters of a pool that are being deleted.
pub const POOL_DELETING: &str = "hive_clusterpool_clusterdeployments_deleting";
/// Gauge: clusters of a pool that are not made from the pool as it is now.
pub const POOL_STALE: &str = "hive_clusterpool_clusterdeployments_stale";
/// Gauge: clusters of a pool that could not be installed or resumed.
pub const POOL_BROKEN: &str = "hive_clusterpool_clusterdeployments_broken";
/// Counter without suffix: clusters of a pool that were replaced because they were stale.
pub const POOL_STALE_DELETED: &str = "hive_clusterpool_stale_clusterdeployments_deleted";
/// Histogram, seconds: from the creation of a claim until it has a cluster. Set by the pool controller.
pub const CLAIM_ASSIGNMENT_DELAY: &str = "hive_clusterclaim_assignment_delay_seconds";

// Sync sets; set by the cluster sync controller unless said otherwise.
/// Histogram, seconds: until a `SyncSet` was applied to a cluster for the first time, by group.
pub const SYNCSET_APPLY_DURATION: &str = "hive_syncset_apply_duration_seconds";
/// Histogram, seconds: until a `SelectorSyncSet` was applied to a cluster for the first time, by name.
pub const SELECTORSYNCSET_APPLY_DURATION: &str = "hive_selectorsyncset_apply_duration_seconds";
/// Counter: objects and secrets that were written to clusters.
pub const RESOURCES_APPLIED: &str = "hive_syncsetinstance_resources_applied_total";
/// Histogram, seconds: writing one object to a cluster.
pub const RESOURCE_APPLY_DURATION: &str = "hive_syncsetinstance_apply_duration_seconds";
/// Histogram, seconds: from the installed cluster until all its sets are applied.
pub const CLUSTERSYNC_FIRST_SUCCESS: &str = "hive_clustersync_first_success_duration_seconds";
/// Gauge, seconds: since when sets of a cluster fail. Set by the metrics controller, when asked for.
pub const CLUSTERSYNC_FAILING: &str = "hive_clustersync_failing_seconds";
/// Gauge in spite of its suffix: clusters of a `SelectorSyncSet`. Set by the metrics controller.
pub const SELECTORSYNCSET_CLUSTERS: &str = "hive_selectorsyncset_clusters_total";
/// Gauge in spite of its suffix: those of them to which it is not applied. Set by the metrics controller.
pub const SELECTORSYNCSET_CLUSTERS_UNAPPLIED: &str =
    "hive_selectorsyncset_clusters_unapplied_total";
/// Gauge in spite of its suffix: pairs of `SyncSet` and cluster. Set by the metrics controller.
pub const SYNCSETS: &str = "hive_syncsets_total";
/// Gauge in spite of its suffix: those of them that are not applied. Set by the metrics controller.
pub const SYNCSETS_UNAPPLIED: &str = "hive_syncsets_unapplied_total";
/// Gauge: 1 for clusters whose syncing is paused.
pub const SYNCSET_PAUSED: &str = "hive_cluster_deployment_syncset_paused";

// The fleet; set by the metrics controller.
/// Gauge: clusters, by type, age and power state.
pub const CLUSTER_DEPLOYMENTS: &str = "hive_cluster_deployments";
/// Gauge: installed clusters, by type and age.
pub const FLEET_INSTALLED: &str = "hive_cluster_deployments_installed";
/// Gauge: clusters that are not installed, by type, age and how long they are not.
pub const FLEET_UNINSTALLED: &str = "hive_cluster_deployments_uninstalled";
/// Gauge: clusters that are being deleted, by type, age and how long they are.
pub const FLEET_DEPROVISIONING: &str = "hive_cluster_deployments_deprovisioning";
/// Gauge: clusters with a condition that is not as desired, by type, age and condition.
pub const FLEET_CONDITIONS: &str = "hive_cluster_deployments_conditions";

// Power; set by the hibernation controller, for durations above what `HiveConfig` asks for.
/// Histogram, seconds: clusters that are stopping.
pub const STOPPING: &str = "hive_cluster_deployments_stopping_seconds";
/// Histogram, seconds: clusters that are resuming.
pub const RESUMING: &str = "hive_cluster_deployments_resuming_seconds";
/// Histogram, seconds: clusters that wait for their operators.
pub const WAITING_FOR_CLUSTER_OPERATORS: &str =
    "hive_cluster_deployments_waiting_for_cluster_operators_seconds";
/// Histogram, seconds: until a cluster was stopped.
pub const HIBERNATION_TRANSITION: &str = "hive_cluster_deployments_hibernation_transition_seconds";
/// Histogram, seconds: until a cluster was resumed.
pub const RUNNING_TRANSITION: &str = "hive_cluster_deployments_running_transition_seconds";

/// Counters whose names do not end in `_total`.
pub const COUNTERS_WITHOUT_SUFFIX: &[&str] = &[
    INSTALL_ERRORS,
    CLUSTER_RELOCATIONS,
    ABORTED_CLUSTER_RELOCATIONS,
    POOL_STALE_DELETED,
];
