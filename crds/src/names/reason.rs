//! Reasons of conditions (docs/spec/10 §21, docs/spec/20 §2). Pools, metrics, consoles and people's tooling match
//! on them; messages may change, these may not.
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
    /// Resources are being deleted.
    pub const DELETING: &str = "Deleting";
}
