//! Reasons of conditions (docs/spec/10 §21, docs/spec/20 §2, docs/spec/21 §1, docs/spec/22 §1, docs/spec/23
//! §A1 and §B2, docs/spec/30 §1.4, docs/spec/31 §9, docs/spec/32 §0.4, docs/spec/40 §4). Pools, metrics,
//! consoles and people's tooling match on them; messages may change, these may not.
//!
//! Each is set by the controller that owns the condition under whose heading it stands. The reasons of
//! failed attempts that are read out of the installer's log are data (docs/spec/10 §15) and not listed.

// Any condition.
/// Nobody has judged yet.
pub const INITIALIZED: &str = "Initialized";
/// Message that goes with [`INITIALIZED`].
pub const INITIALIZED_MESSAGE: &str = "Condition Initialized";

// RequirementsMet.
/// Nothing is missing.
pub const ALL_REQUIREMENTS_MET: &str = "AllRequirementsMet";
/// No install-config is referenced.
pub const INSTALL_CONFIG_REF_NOT_SET: &str = "InstallConfigRefNotSet";
/// The install-config cannot be read or contradicts the `ClusterDeployment`.
pub const INSTALL_CONFIG_VALIDATION_FAILED: &str = "InstallConfigValidationFailed";
/// A referenced customization is missing.
pub const CUSTOMIZATION_REF_NOT_AVAILABLE: &str = "CustomizationRefNotAvailable";
/// The referenced image set is missing.
pub const CLUSTER_IMAGE_SET_NOT_FOUND: &str = "ClusterImageSetNotFound";
/// The image set is there again; the rest is not judged yet.
pub const CLUSTER_IMAGE_SET_FOUND: &str = "ClusterImageSetFound";

// AuthenticationFailure of a ClusterDeployment.
/// The cloud refuses the credentials.
pub const PLATFORM_AUTH_ERROR: &str = "PlatformAuthError";
/// The cloud accepts the credentials.
pub const PLATFORM_AUTH_SUCCESS: &str = "PlatformAuthSuccess";

// DNSNotReady.
/// The zone serves names.
pub const DNS_READY: &str = "DNSReady";
/// The zone is not ready yet.
pub const DNS_NOT_READY: &str = "DNSNotReady";
/// The zone was not ready in time; also a reason of `ProvisionStopped`.
pub const DNS_NOT_READY_TIMED_OUT: &str = "DNSNotReadyTimedOut";
/// Zones cannot be managed on this platform.
pub const DNS_UNSUPPORTED_PLATFORM: &str = "DNSUnsupportedPlatform";
/// A zone object of that name belongs to somebody else.
pub const DNS_ZONE_RESOURCE_CONFLICT: &str = "DNSZoneResourceConflict";
/// The credentials may not manage zones.
pub const INSUFFICIENT_CREDENTIALS: &str = "InsufficientCredentials";
/// The cloud refuses the zone's credentials.
pub const AUTHENTICATION_FAILURE: &str = "AuthenticationFailure";
/// The cloud's DNS service is not switched on.
pub const API_OPT_IN_REQUIRED_FOR_DNS: &str = "APIOptInRequiredForDNS";

// InstallImagesNotResolved.
/// The images are known.
pub const IMAGES_RESOLVED: &str = "ImagesResolved";
/// The Job that reads the release failed.
pub const JOB_TO_RESOLVE_IMAGES_FAILED: &str = "JobToResolveImagesFailed";
/// The release is not signed as it must be.
pub const RELEASE_IMAGE_VERIFICATION_FAILED: &str = "ReleaseImageVerificationFailed";
/// Without resolution an installer image must be given.
pub const MINIMAL_INSTALL_MODE_WITHOUT_IMAGE_OVERRIDE: &str =
    "MinimalInstallModeWithoutImageOverride";

// InstallerImageResolutionFailed.
/// The release could not be read.
pub const INSTALLER_IMAGE_RESOLUTION_FAILED: &str = "InstallerImageResolutionFailed";
/// The release was read.
pub const INSTALLER_IMAGE_RESOLVED: &str = "InstallerImageResolved";

// InstallLaunchError and InstallPodStuck.
/// There is no pod, or there are several.
pub const INSTALL_POD_MISSING: &str = "InstallPodMissing";
/// The pod waits to start.
pub const POD_IN_PENDING_PHASE: &str = "PodInPendingPhase";
/// The pod runs.
pub const POD_IN_RUNNING_PHASE: &str = "PodInRunningPhase";
/// The attempt got past its start.
pub const INSTALL_LAUNCH_SUCCESSFUL: &str = "InstallLaunchSuccessful";

// ProvisionFailed.
/// The attempt does not say why it failed.
pub const MISSING_CONDITION: &str = "MissingCondition";
/// The last attempt succeeded.
pub const PROVISION_SUCCEEDED: &str = "ProvisionSucceeded";

// ProvisionStopped.
/// All attempts are used up.
pub const INSTALL_ATTEMPTS_LIMIT_REACHED: &str = "InstallAttemptsLimitReached";
/// Only one attempt was wanted.
pub const INSTALL_ONLY_ONCE_SET: &str = "InstallOnlyOnceSet";
/// The failure is not one that is tried again.
pub const FAILURE_REASON_NOT_RETRYABLE: &str = "FailureReasonNotRetryable";
/// The zone cannot become ready.
pub const DNS_ZONE_FAILED_TO_RECONCILE: &str = "DNSZoneFailedToReconcile";
/// Attempts go on.
pub const PROVISION_NOT_STOPPED: &str = "ProvisionNotStopped";

// Provisioned.
/// The cluster is being installed.
pub const PROVISIONING: &str = "Provisioning";
/// The cluster is installed.
pub const PROVISIONED: &str = "Provisioned";
/// No further attempt is made.
pub const PROVISION_STOPPED: &str = "ProvisionStopped";
/// The cluster is being deleted from its cloud.
pub const DEPROVISIONING: &str = "Deprovisioning";
/// The cluster cannot be deleted from its cloud.
pub const DEPROVISION_FAILED: &str = "DeprovisionFailed";
/// The cluster is gone from its cloud.
pub const DEPROVISIONED: &str = "Deprovisioned";
/// The other controller's installation contradicts itself.
pub const ERROR: &str = "Error";

// SyncSetFailed.
/// Something could not be synced.
pub const SYNC_SET_APPLY_FAILURE: &str = "SyncSetApplyFailure";
/// Everything is synced.
pub const SYNC_SET_APPLY_SUCCESS: &str = "SyncSetApplySuccess";
/// Nothing was synced yet.
pub const MISSING_CLUSTER_SYNC: &str = "MissingClusterSync";
/// Syncing is paused.
pub const SYNC_SET_PAUSED: &str = "SyncSetPaused";

// Unreachable and ActiveAPIURLOverride.
/// The cluster does not answer.
pub const ERROR_CONNECTING_TO_CLUSTER: &str = "ErrorConnectingToCluster";
/// The cluster answers.
pub const CLUSTER_REACHABLE: &str = "ClusterReachable";

// Hibernating.
/// The machines are stopped.
pub const HIBERNATING: &str = "Hibernating";
/// The machines run or start.
pub const RESUMING_OR_RUNNING: &str = "ResumingOrRunning";
/// The machines are told to stop.
pub const STOPPING: &str = "Stopping";
/// Some machines still run.
pub const WAITING_FOR_MACHINES_TO_STOP: &str = "WaitingForMachinesToStop";
/// The machines could not be stopped.
pub const FAILED_TO_STOP: &str = "FailedToStop";
/// The platform's machines cannot be stopped.
pub const UNSUPPORTED: &str = "Unsupported";
/// The first sync is awaited.
pub const SYNC_SETS_NOT_APPLIED: &str = "SyncSetsNotApplied";
/// The first sync is done.
pub const SYNC_SETS_APPLIED: &str = "SyncSetsApplied";
/// Power handling is paused.
pub const POWER_STATE_PAUSED: &str = "PowerStatePaused";
/// The cluster is being deleted.
pub const CLUSTER_DEPLOYMENT_DELETED: &str = "ClusterDeploymentDeleted";

// Ready.
/// The cluster works.
pub const RUNNING: &str = "Running";
/// The cluster stops or has stopped.
pub const STOPPING_OR_HIBERNATING: &str = "StoppingOrHibernating";
/// The machines are told to start.
pub const STARTING_MACHINES: &str = "StartingMachines";
/// The machines could not be started.
pub const FAILED_TO_START_MACHINES: &str = "FailedToStartMachines";
/// Some machines do not run yet.
pub const WAITING_FOR_MACHINES: &str = "WaitingForMachines";
/// Some nodes are not ready yet.
pub const WAITING_FOR_NODES: &str = "WaitingForNodes";
/// The cluster's operators get time to notice.
pub const PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE: &str = "PausingForClusterOperatorsToSettle";
/// Some of the cluster's operators are not well yet.
pub const WAITING_FOR_CLUSTER_OPERATORS: &str = "WaitingForClusterOperators";

// ClusterProvision.
/// The Job was created.
pub const JOB_CREATED: &str = "JobCreated";
/// The hub knows the infra ID.
pub const INITIALIZATION_COMPLETE: &str = "InitializationComplete";
/// The cluster is installed.
pub const INSTALL_COMPLETE: &str = "InstallComplete";
/// The Job took too long; also for deprovisions.
pub const ATTEMPT_DEADLINE_EXCEEDED: &str = "AttemptDeadlineExceeded";
/// The Job vanished.
pub const JOB_NOT_FOUND: &str = "JobNotFound";
/// The attempt does not know its Job.
pub const NO_JOB_REFERENCE: &str = "NoJobReference";
/// The Job ended before the hub knew the infra ID.
pub const INITIALIZATION_NOT_COMPLETE: &str = "InitializationNotComplete";
/// There is more than one Job.
pub const TOO_MANY_JOBS: &str = "TooManyJobs";
/// Nothing in the log says why; also for deprovisions.
pub const UNKNOWN_ERROR: &str = "UnknownError";

// ClusterDeprovision.
/// The cloud refuses the credentials.
pub const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
/// The cloud accepts the credentials.
pub const AUTHENTICATION_SUCCEEDED: &str = "AuthenticationSucceeded";
/// Nothing is left.
pub const DEPROVISION_COMPLETED: &str = "DeprovisionCompleted";

// RelocationFailed.
/// The other hub's kubeconfig is missing.
pub const MISSING_KUBECONFIG_SECRET: &str = "MissingKubeconfigSecret";
/// The other hub does not answer.
pub const NO_CONNECTION: &str = "NoConnection";
/// Copying failed.
pub const MOVE_FAILED: &str = "MoveFailed";
/// Several relocations claim the cluster.
pub const MULTIPLE_MATCHING_RELOCATES: &str = "MultipleMatchingRelocates";
/// The other hub has a different cluster of that name.
pub const CLUSTER_DEPLOYMENT_MISMATCH: &str = "ClusterDeploymentMismatch";
/// The cluster has moved.
pub const MOVE_SUCCESSFUL: &str = "MoveSuccessful";
/// No relocation claims the cluster any more.
pub const NO_MATCHING_RELOCATES: &str = "NoMatchingRelocates";

// certificate conditions.
/// A certificate of the API is missing.
pub const CONTROL_PLANE_CERTIFICATES_NOT_FOUND: &str = "ControlPlaneCertificatesNotFound";
/// The API's certificates are there.
pub const CONTROL_PLANE_CERTIFICATES_FOUND: &str = "ControlPlaneCertificatesFound";
/// A certificate of an ingress is missing.
pub const INGRESS_CERTIFICATE_NOT_FOUND: &str = "IngressCertificateNotFound";
/// The ingress certificates are there.
pub const INGRESS_CERTIFICATE_FOUND: &str = "IngressCertificateFound";

// private link conditions.
/// Private access works.
pub const PRIVATE_LINK_ACCESS_READY: &str = "PrivateLinkAccessReady";
/// The region has no inventory.
pub const UNSUPPORTED_REGION: &str = "UnsupportedRegion";
/// The cluster's load balancer was not found.
pub const DISCOVERING_NLB_FAILED: &str = "DiscoveringNLBFailed";

/// A cluster of this private link was looked at, and its load balancer is not there yet.
pub const DISCOVERING_NLB_NOT_YET_FOUND: &str = "DiscoveringNLBNotYetFound";
/// The endpoint service could not be made right.
pub const VPC_ENDPOINT_SERVICE_RECONCILE_FAILED: &str = "VPCEndpointServiceReconcileFailed";
/// The endpoint service is right.
pub const RECONCILED_VPC_ENDPOINT_SERVICE: &str = "ReconciledVPCEndpointService";
/// The endpoint could not be made right.
pub const VPC_ENDPOINT_RECONCILE_FAILED: &str = "VPCEndpointReconcileFailed";
/// The endpoint is right.
pub const RECONCILED_VPC_ENDPOINT: &str = "ReconciledVPCEndpoint";
/// No network of the hub has a subnet where the cluster is.
pub const NO_SUPPORTED_AZS_IN_INVENTORY: &str = "NoSupportedAZsInInventory";
/// The name of the cluster's API is not known.
pub const COULD_NOT_CALCULATE_API_DOMAIN: &str = "CouldNotCalculateAPIDomain";
/// The private zone could not be made right.
pub const PRIVATE_HOSTED_ZONE_RECONCILE_FAILED: &str = "PrivateHostedZoneReconcileFailed";
/// The private zone is right.
pub const RECONCILED_PRIVATE_HOSTED_ZONE: &str = "ReconciledPrivateHostedZone";
/// The private zone's records could not be made right.
pub const PRIVATE_HOSTED_ZONE_RECORDS_RECONCILE_FAILED: &str =
    "PrivateHostedZoneRecordsReconcileFailed";
/// The private zone's records are right.
pub const RECONCILED_PRIVATE_HOSTED_ZONE_RECORDS: &str = "ReconciledPrivateHostedZoneRecords";
/// The private zone could not be made known to the hub's networks.
pub const ASSOCIATING_VPCS_TO_HOSTED_ZONE_FAILED: &str = "AssociatingVPCsToHostedZoneFailed";
/// The hub's networks know the private zone.
pub const RECONCILED_ASSOCIATIONS_TO_VPCS: &str = "ReconciledAssociationsToVPCs";
/// The subnet of the service attachment could not be made right.
pub const SERVICE_ATTACHMENT_SUBNET_RECONCILE_FAILED: &str =
    "ServiceAttachmentSubnetReconcileFailed";
/// The subnet of the service attachment is right.
pub const RECONCILED_SERVICE_ATTACHMENT_SUBNET: &str = "ReconciledServiceAttachmentSubnet";
/// The firewall rule of the service attachment could not be made right.
pub const SERVICE_ATTACHMENT_FIREWALL_RECONCILE_FAILED: &str =
    "ServiceAttachmentFirewallReconcileFailed";
/// The firewall rule of the service attachment is right.
pub const RECONCILED_SERVICE_ATTACHMENT_FIREWALL: &str = "ReconciledServiceAttachmentFirewall";
/// The service attachment could not be made right.
pub const SERVICE_ATTACHMENT_RECONCILE_FAILED: &str = "ServiceAttachmentReconcileFailed";
/// The service attachment is right.
pub const RECONCILED_SERVICE_ATTACHMENT: &str = "ReconciledServiceAttachment";
/// The endpoint's address could not be made right.
pub const ENDPOINT_ADDRESS_RECONCILE_FAILED: &str = "EndpointAddressReconcileFailed";
/// The endpoint's address is right.
pub const RECONCILED_ENDPOINT_ADDRESS: &str = "ReconciledEndpointAddress";
/// The endpoint of Google Cloud could not be made right.
pub const ENDPOINT_RECONCILE_FAILED: &str = "EndpointReconcileFailed";
/// The endpoint of Google Cloud is right.
pub const RECONCILED_ENDPOINT: &str = "ReconciledEndpoint";
/// What a failed attempt left could not be cleaned up.
pub const CLEANUP_FOR_PROVISION_REATTEMPT_FAILED: &str = "CleanupForProvisionReattemptFailed";
/// What a failed attempt left is cleaned up.
pub const PREVIOUS_ATTEMPT_CLEANUP_COMPLETE: &str = "PreviousAttemptCleanupComplete";
/// What a deleted cluster left could not be cleaned up.
pub const CLEANUP_FOR_DEPROVISION_FAILED: &str = "CleanupForDeprovisionFailed";
/// What a deleted cluster left is cleaned up.
pub const DEPROVISION_CLEANUP_COMPLETE: &str = "DeprovisionCleanupComplete";

// DNSZone; set by the zone controller, about delegation by that of delegations.
/// The zone serves names.
pub const ZONE_AVAILABLE: &str = "ZoneAvailable";
/// The zone does not serve names yet.
pub const ZONE_UNAVAILABLE: &str = "ZoneUnavailable";
/// The parent delegates to the zone.
pub const PARENT_LINK_CREATED: &str = "ParentLinkCreated";
/// The parent does not delegate to the zone yet.
pub const PARENT_LINK_NOT_CREATED: &str = "ParentLinkNotCreated";
/// The domain is below none of the operator's.
pub const DOMAIN_NOT_MANAGED: &str = "DomainNotManaged";
/// The domain is below one of the operator's.
pub const FOUND_MANAGED_DOMAIN: &str = "FoundManagedDomain";
/// The credentials may not manage zones.
pub const ACCESS_DENIED: &str = "AccessDenied";
/// The credentials may manage zones.
pub const ACCESS_GRANTED: &str = "AccessGranted";
/// The cloud's DNS service is not switched on.
pub const REQUIRED_APIS_NOT_ENABLED: &str = "RequiredAPIsNotEnabled";
/// The cloud's DNS service is switched on.
pub const REQUIRED_APIS_ENABLED: &str = "RequiredAPIsEnabled";
/// The cloud answers with an error.
pub const CLOUD_ERROR: &str = "CloudError";
/// No client for the cloud could be made.
pub const ACTUATOR_NOT_INITIALIZED: &str = "ActuatorNotInitialized";
/// The zone's relocation contradicts itself.
pub const RELOCATION_ERROR: &str = "RelocationError";
/// Nothing is wrong.
pub const NO_ERROR: &str = "NoError";

// MachinePool; set by its controller.
/// Fewer machines are asked for than the platform needs.
pub const MIN_REPLICAS_TOO_SMALL: &str = "MinReplicasTooSmall";
/// Enough machines are asked for.
pub const ENOUGH_REPLICAS: &str = "EnoughReplicas";
/// No short name is free.
pub const OUT_OF_MACHINE_POOL_NAMES: &str = "OutOfMachinePoolNames";
/// A short name is free.
pub const MACHINE_POOL_NAMES_AVAILABLE: &str = "MachinePoolNamesAvailable";
/// There are neither as many subnets as zones, nor twice as many, nor none.
pub const WRONG_NUMBER_OF_SUBNETS: &str = "WrongNumberOfSubnets";
/// The cloud does not know the subnets.
pub const SUBNETS_NOT_FOUND: &str = "SubnetsNotFound";
/// A zone has several subnets.
pub const MORE_THAN_ONE_SUBNET_FOR_ZONE: &str = "MoreThanOneSubnetForZone";
/// Some zones have no subnet.
pub const NOT_ENOUGH_SUBNETS_FOR_ZONES: &str = "NotEnoughSubnetsForZones";
/// A zone has no private subnet.
pub const NO_SUBNET_FOR_AVAILABILITY_ZONE: &str = "NoSubnetForAvailabilityZone";
/// The subnets can be used.
pub const VALID_SUBNETS: &str = "ValidSubnets";
/// Security groups are given in two ways.
pub const SECURITY_GROUP_OPTION_CONFLICT: &str = "SecurityGroupOptionConflict";
/// What is asked for can be done.
pub const CONFIGURATION_SUPPORTED: &str = "ConfigurationSupported";
/// The machine sets are known.
pub const MACHINE_SET_GENERATION_SUCCEEDED: &str = "MachineSetGenerationSucceeded";
/// The machine sets could not be worked out.
pub const MACHINE_SET_GENERATION_FAILED: &str = "MachineSetGenerationFailed";
/// The cluster has what the pool says.
pub const SYNC_SUCCEEDED: &str = "SyncSucceeded";
/// The machine sets could not be written.
pub const MACHINE_SET_SYNC_FAILED: &str = "MachineSetSyncFailed";
/// The machine autoscalers could not be written.
pub const MACHINE_AUTOSCALER_SYNC_FAILED: &str = "MachineAutoscalerSyncFailed";
/// The cluster autoscaler could not be written.
pub const CLUSTER_AUTOSCALER_SYNC_FAILED: &str = "ClusterAutoscalerSyncFailed";
/// In the status of a machine set: several of its machines failed.
pub const MULTIPLE_MACHINES_FAILED: &str = "MultipleMachinesFailed";

// ClusterPool; set by its controller.
/// Something that new clusters need is not there.
pub const MISSING: &str = "Missing";
/// All that new clusters need is there.
pub const VERIFIED: &str = "Verified";
/// More clusters may be made; of a customization: no cluster uses it.
pub const AVAILABLE: &str = "Available";
/// The pool has as many clusters as it may.
pub const MAX_CAPACITY: &str = "MaxCapacity";
/// All clusters are made from the pool as it is now.
pub const CLUSTER_DEPLOYMENTS_CURRENT: &str = "ClusterDeploymentsCurrent";
/// Some clusters are not.
pub const SOME_CLUSTER_DEPLOYMENTS_STALE: &str = "SomeClusterDeploymentsStale";
/// Some clusters do not tell.
pub const SOME_CLUSTER_DEPLOYMENTS_UNKNOWN: &str = "SomeClusterDeploymentsUnknown";
/// All of the inventory can be used.
pub const VALID: &str = "Valid";
/// Some of the inventory cannot be used.
pub const INVALID: &str = "Invalid";
/// No cluster keeps the pool from going away.
pub const DELETION_POSSIBLE: &str = "DeletionPossible";
/// Some clusters keep the pool from going away.
pub const CLUSTER_DEPLOYMENTS_PENDING_CLEANUP: &str = "ClusterDeploymentsPendingCleanup";

// ClusterClaim; set by its controller, on assignment by the pool's.
/// No cluster can be assigned.
pub const NO_CLUSTERS: &str = "NoClusters";
/// A cluster is assigned; it does not say so itself yet.
pub const CLUSTER_ASSIGNED: &str = "ClusterAssigned";
/// The cluster belongs to another claim.
pub const ASSIGNMENT_CONFLICT: &str = "AssignmentConflict";
/// The claim has its cluster.
pub const CLUSTER_CLAIMED: &str = "ClusterClaimed";
/// The claim's cluster is not running yet.
pub const RESUMING: &str = "Resuming";
/// The claim's cluster is being deleted.
pub const CLUSTER_DELETING: &str = "ClusterDeleting";
/// The claim's cluster is gone.
pub const CLUSTER_DELETED: &str = "ClusterDeleted";

// ClusterDeploymentCustomization; set by the pool controller.
/// A cluster uses it.
pub const RESERVED: &str = "Reserved";
/// Its cluster is being installed.
pub const INSTALLATION_PENDING: &str = "InstallationPending";
/// Its cluster is installed.
pub const SUCCEEDED: &str = "Succeeded";
/// It cannot be applied.
pub const BROKEN_BY_SYNTAX: &str = "BrokenBySyntax";
/// Its cluster could not be installed.
pub const BROKEN_BY_CLOUD: &str = "BrokenByCloud";

// ClusterSync; set by its controller.
/// All sets are applied.
pub const SUCCESS: &str = "Success";
/// Some sets could not be applied.
pub const FAILURE: &str = "Failure";

// FakeClusterInstall; set by its controller.
/// The installation goes on.
pub const IN_PROGRESS: &str = "InProgress";
/// The requirements are not met yet.
pub const WAITING_FOR_REQUIREMENTS: &str = "WaitingForRequirements";
/// The cluster is installed.
pub const CLUSTER_INSTALLED: &str = "ClusterInstalled";

// HiveConfig; set by the operator.
/// Everything is applied.
pub const DEPLOYMENT_SUCCESS: &str = "DeploymentSuccess";
/// The `ConfigMap`s with authorities cannot be watched.
pub const ERROR_ESTABLISHING_CONFIG_MAP_WATCH: &str = "ErrorEstablishingConfigMapWatch";
/// The certificate's Secret cannot be watched.
pub const ERROR_ESTABLISHING_SECRET_WATCH: &str = "ErrorEstablishingSecretWatch";
/// The hub's API could not be discovered.
pub const ERROR_CREATING_RESOURCE_HELPER: &str = "ErrorCreatingResourceHelper";
/// The namespace could not be made.
pub const ERROR_CREATING_HIVE_NAMESPACE: &str = "ErrorCreatingHiveNamespace";
/// Earlier namespaces could not be listed.
pub const ERROR_LISTING_TARGET_NAMESPACES: &str = "ErrorListingTargetNamespaces";
/// Earlier namespaces could not be cleaned up.
pub const ERROR_SCRUBBING_OLD_NAMESPACES: &str = "ErrorScrubbingOldNamespaces";
/// The domains could not be written.
pub const ERROR_SETTING_UP_MANAGED_DOMAINS: &str = "ErrorSettingUpManagedDomains";
/// The networks for AWS `PrivateLink` could not be written.
pub const ERROR_DEPLOYING_AWS_PRIVATELINK_CONFIGMAP: &str = "ErrorDeployingAWSPrivatelinkConfigmap";
/// The networks for Private Service Connect could not be written.
pub const ERROR_DEPLOYING_PRIVATELINK_CONFIGMAP: &str = "ErrorDeployingPrivatelinkConfigmap";
/// The rules for failed attempts could not be written.
pub const ERROR_DEPLOYING_FAILED_PROVISION_CONFIGMAP: &str =
    "ErrorDeployingFailedProvisionConfigmap";
/// The metrics' options could not be written.
pub const ERROR_DEPLOYING_METRICS_CONFIG_CONFIGMAP: &str = "ErrorDeployingMetricsConfigConfigmap";
/// The controllers' limits could not be written.
pub const ERROR_DEPLOYING_CONTROLLERS_CONFIGMAP: &str = "ErrorDeployingControllersConfigmap";
/// The feature gates could not be written.
pub const ERROR_DEPLOYING_FEATURE_GATES_CONFIGMAP: &str = "ErrorDeployingFeatureGatesConfigmap";
/// The controllers could not be deployed.
pub const ERROR_DEPLOYING_HIVE: &str = "ErrorDeployingHive";
/// The cluster sync controller could not be deployed.
pub const ERROR_DEPLOYING_CLUSTER_SYNC: &str = "ErrorDeployingClusterSync";
/// The machine pool controller could not be deployed.
pub const ERROR_DEPLOYING_MACHINE_POOL: &str = "ErrorDeployingMachinePool";
/// The admission webhook could not be deployed.
pub const ERROR_DEPLOYING_HIVE_ADMISSION: &str = "ErrorDeployingHiveAdmission";

/// Reasons that Skep adds.
pub mod skep {
    /// Skep cannot delete clusters of this platform yet, so it does not make any. Set by the
    /// `ClusterDeployment` controller on `RequirementsMet`, and by the `ClusterDeprovision` controller.
    pub const PLATFORM_NOT_SUPPORTED: &str = "PlatformNotSupported";
    /// The credentials lead to another account than the one that the cluster was installed into. Set
    /// by the `ClusterDeprovision` controller.
    pub const ACCOUNT_MISMATCH: &str = "AccountMismatch";
    /// A referenced pull secret is missing or cannot be read, or there is none. Set by the
    /// `ClusterDeployment` controller on `RequirementsMet`.
    pub const PULL_SECRET_NOT_AVAILABLE: &str = "PullSecretNotAvailable";
    /// A Secret that an attempt takes along (SSH key, manifests, signing key of bound service account tokens)
    /// is missing. Set by the `ClusterDeployment` controller on `RequirementsMet`.
    pub const REFERENCED_SECRET_NOT_AVAILABLE: &str = "ReferencedSecretNotAvailable";
    /// The install pod was told to stop (its node was drained, for example) before the installer was done.
    /// Set by the `ClusterProvision` controller on `ClusterProvisionFailed`.
    pub const INSTALL_POD_INTERRUPTED: &str = "InstallPodInterrupted";
    /// The install pod failed before the installer ran, or beside it. Set by the `ClusterProvision`
    /// controller on `ClusterProvisionFailed`.
    pub const INSTALL_POD_FAILED: &str = "InstallPodFailed";
    /// Reasons of failures that other operators call `UnknownError`: where that one is tried again, these are.
    pub const UNKNOWN_ELSEWHERE: &[&str] = &[INSTALL_POD_INTERRUPTED, INSTALL_POD_FAILED];
    /// The referenced install-config Secret is missing or lacks its key. Set by the
    /// `ClusterDeployment` controller on `RequirementsMet`.
    pub const INSTALL_CONFIG_NOT_AVAILABLE: &str = "InstallConfigNotAvailable";
    /// The referenced credentials Secret is missing or lacks its keys. Set by the `ClusterDeployment`
    /// controller on `RequirementsMet`.
    pub const CREDENTIALS_NOT_AVAILABLE: &str = "CredentialsNotAvailable";
    /// The deletion cannot begin because a fact that it needs is not known. Set by the
    /// `ClusterDeployment` controller on `DeprovisionLaunchError`.
    pub const METADATA_INCOMPLETE: &str = "MetadataIncomplete";
    /// The object names an infra ID that no attempt on record explains. Set by the `ClusterDeployment`
    /// controller on `RequirementsMet`.
    pub const METADATA_UNEXPLAINED: &str = "MetadataUnexplained";
    /// The object is protected against deletion. Set by the `ClusterDeployment` controller on
    /// `DeprovisionLaunchError`.
    pub const DELETE_PROTECTED: &str = "DeleteProtected";
    /// The object says neither how to install nor who installs. Set by the `ClusterDeployment`
    /// controller on `RequirementsMet`.
    pub const NOTHING_TO_INSTALL: &str = "NothingToInstall";
    /// The object's name is too long to be a label's value, by which everything of an attempt is found.
    /// Set by the `ClusterDeployment` controller on `RequirementsMet`.
    pub const NAME_TOO_LONG: &str = "NameTooLong";
    /// The order to delete is not of a `ClusterDeployment`, or of another one than it says. Set by the
    /// `ClusterDeprovision` controller, like the ones below, on `DeprovisionProgressing`.
    pub const NOT_OWNED: &str = "NotOwned";
    /// The `ClusterDeployment` is not being deleted: nothing of a living cluster is touched.
    pub const CLUSTER_NOT_BEING_DELETED: &str = "ClusterNotBeingDeleted";
    /// Another `ClusterDeployment`, which is not being deleted, carries the same infra ID.
    pub const IN_USE_BY_ANOTHER: &str = "InUseByAnother";
    /// The `ClusterDeployment` says that its cluster stays in its cloud.
    pub const PRESERVED: &str = "Preserved";
    /// The `ClusterDeployment` is paused: nothing is begun, and what runs is stopped.
    pub const PAUSED: &str = "Paused";
    /// Deletions from clouds are switched off for this hub.
    pub const DEPROVISIONS_DISABLED: &str = "DeprovisionsDisabled";
    /// The deletion is about to begin or to be tried again.
    pub const STARTING: &str = "Starting";
    /// Nothing of a failed attempt is left. Set by the `ClusterProvision` controller on `CleanUpStalled`.
    pub const CLEANED_UP: &str = "CleanedUp";
    /// Resources are being deleted.
    pub const DELETING: &str = "Deleting";
    /// The operator lacks a right on the hub. Like the ones below told by every controller, in an Event
    /// and on `Stalled` of a `ClusterDeployment`.
    pub const MISSING_RIGHT: &str = "MissingRight";
    /// A `ResourceQuota` of the hub is used up.
    pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
    /// An admission webhook of the hub refuses what the operator writes.
    pub const REFUSED_BY_WEBHOOK: &str = "RefusedByWebhook";
    /// The API server refuses what the operator writes.
    pub const REFUSED: &str = "Refused";
    /// The API server does not answer, or asks for patience.
    pub const HUB_UNAVAILABLE: &str = "HubUnavailable";
    /// Something else keeps failing.
    pub const STEP_FAILED: &str = "StepFailed";
    /// A run took longer than runs may.
    pub const RUN_TIMED_OUT: &str = "RunTimedOut";
    /// The controller failed in a way that it does not know.
    pub const INTERNAL_ERROR: &str = "InternalError";
    /// What kept failing works again.
    pub const RECOVERED: &str = "Recovered";
    /// Every reason of a failure that keeps an object from getting on.
    pub const TROUBLES: &[&str] = &[
        MISSING_RIGHT,
        QUOTA_EXCEEDED,
        REFUSED_BY_WEBHOOK,
        REFUSED,
        HUB_UNAVAILABLE,
        STEP_FAILED,
        RUN_TIMED_OUT,
        INTERNAL_ERROR,
    ];
    /// The cluster is not stopped as it is wanted, because it might not wake again. Set by the hibernation
    /// controller on `Hibernating`.
    pub const HIBERNATION_HELD: &str = "HibernationHeld";
    /// What an installation needs is being looked at and made. Set on `Reconciling`, like the ones below
    /// on it or on `Stalled`, by whoever writes the conditions of the object.
    pub const PREPARING: &str = "Preparing";
    /// Everything is as it is wanted.
    pub const SETTLED: &str = "Settled";
    /// Nothing goes on: see `Stalled`.
    pub const STALLED: &str = "Stalled";
    /// Nothing needs to be done from outside.
    pub const NOT_STALLED: &str = "NotStalled";
}
