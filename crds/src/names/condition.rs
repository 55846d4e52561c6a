//! Condition types, by kind (docs/spec/10 §21, docs/spec/20 §2, docs/spec/44 §7).

/// Conditions of a `ClusterDeployment`. "CD controller" is its controller.
pub mod cd {
    /// All that an attempt needs is there. Set by the CD controller; read by pools and people.
    pub const REQUIREMENTS_MET: &str = "RequirementsMet";
    /// The cloud refuses the credentials. Set by the CD controller.
    pub const AUTHENTICATION_FAILURE: &str = "AuthenticationFailure";
    /// The zone of the base domain is not ready. Set by the CD controller from the zone.
    pub const DNS_NOT_READY: &str = "DNSNotReady";
    /// The release's images are not known. Set by the CD controller.
    pub const INSTALL_IMAGES_NOT_RESOLVED: &str = "InstallImagesNotResolved";
    /// The release could not be read. Set by the image set Job.
    pub const INSTALLER_IMAGE_RESOLUTION_FAILED: &str = "InstallerImageResolutionFailed";
    /// The install pod does not start. Set by the CD controller from the attempt.
    pub const INSTALL_LAUNCH_ERROR: &str = "InstallLaunchError";
    /// The last attempt failed. Set by the CD controller from the attempt.
    pub const PROVISION_FAILED: &str = "ProvisionFailed";
    /// No further attempt is made. Set by the CD controller; read by pools and metrics.
    pub const PROVISION_STOPPED: &str = "ProvisionStopped";
    /// The cluster is installed. Set by the CD controller; read by a printer column, pools and people.
    pub const PROVISIONED: &str = "Provisioned";
    /// The deletion from the cloud cannot begin. Set by the CD controller from the deprovision.
    pub const DEPROVISION_LAUNCH_ERROR: &str = "DeprovisionLaunchError";
    /// Something could not be synced to the cluster. Set by the CD controller from the `ClusterSync`.
    pub const SYNC_SET_FAILED: &str = "SyncSetFailed";
    /// The other controller's installation failed. Mirrored by the CD controller.
    pub const CLUSTER_INSTALL_FAILED: &str = "ClusterInstallFailed";
    /// The other controller's installation is complete. Mirrored by the CD controller.
    pub const CLUSTER_INSTALL_COMPLETED: &str = "ClusterInstallCompleted";
    /// The other controller does nothing more. Mirrored by the CD controller.
    pub const CLUSTER_INSTALL_STOPPED: &str = "ClusterInstallStopped";
    /// The other controller's requirements are met. Mirrored by the CD controller.
    pub const CLUSTER_INSTALL_REQUIREMENTS_MET: &str = "ClusterInstallRequirementsMet";
    /// The cluster does not answer. Set by the unreachable controller and by whoever fails to connect.
    pub const UNREACHABLE: &str = "Unreachable";
    /// The override of the API's location works. Set by the unreachable controller.
    pub const ACTIVE_API_URL_OVERRIDE: &str = "ActiveAPIURLOverride";
    /// The machines are stopped. Set by the hibernation controller.
    pub const HIBERNATING: &str = "Hibernating";
    /// The machines run and the cluster works. Set by the hibernation controller.
    pub const READY: &str = "Ready";
    /// Private access failed. Set by the AWS `PrivateLink` controller.
    pub const AWS_PRIVATE_LINK_FAILED: &str = "AWSPrivateLinkFailed";
    /// Private access works. Set by the AWS `PrivateLink` controller.
    pub const AWS_PRIVATE_LINK_READY: &str = "AWSPrivateLinkReady";
    /// Private access failed. Set by the private link controller.
    pub const PRIVATE_LINK_FAILED: &str = "PrivateLinkFailed";
    /// Private access works. Set by the private link controller.
    pub const PRIVATE_LINK_READY: &str = "PrivateLinkReady";
    /// A certificate of the API is missing. Set by the control plane certificates controller.
    pub const CONTROL_PLANE_CERTIFICATE_NOT_FOUND: &str = "ControlPlaneCertificateNotFound";
    /// A certificate of an ingress is missing. Set by the remote ingress controller.
    pub const INGRESS_CERTIFICATE_NOT_FOUND: &str = "IngressCertificateNotFound";
    /// The move to another hub failed. Set by the relocation controller.
    pub const RELOCATION_FAILED: &str = "RelocationFailed";
    /// Legacy; removed by the CD controller wherever it is met.
    pub const CLUSTER_IMAGE_SET_NOT_FOUND: &str = "ClusterImageSetNotFound";

    /// Every type.
    pub const ALL: &[&str] = &[
        REQUIREMENTS_MET,
        AUTHENTICATION_FAILURE,
        DNS_NOT_READY,
        INSTALL_IMAGES_NOT_RESOLVED,
        INSTALLER_IMAGE_RESOLUTION_FAILED,
        INSTALL_LAUNCH_ERROR,
        PROVISION_FAILED,
        PROVISION_STOPPED,
        PROVISIONED,
        DEPROVISION_LAUNCH_ERROR,
        SYNC_SET_FAILED,
        CLUSTER_INSTALL_FAILED,
        CLUSTER_INSTALL_COMPLETED,
        CLUSTER_INSTALL_STOPPED,
        CLUSTER_INSTALL_REQUIREMENTS_MET,
        UNREACHABLE,
        ACTIVE_API_URL_OVERRIDE,
        HIBERNATING,
        READY,
        AWS_PRIVATE_LINK_FAILED,
        AWS_PRIVATE_LINK_READY,
        PRIVATE_LINK_FAILED,
        PRIVATE_LINK_READY,
        CONTROL_PLANE_CERTIFICATE_NOT_FOUND,
        INGRESS_CERTIFICATE_NOT_FOUND,
        RELOCATION_FAILED,
        CLUSTER_IMAGE_SET_NOT_FOUND,
    ];

    /// Types for which True is the good status; for all others it is False.
    pub const POSITIVE: &[&str] = &[
        ACTIVE_API_URL_OVERRIDE,
        HIBERNATING,
        READY,
        AWS_PRIVATE_LINK_READY,
        PRIVATE_LINK_READY,
        CLUSTER_INSTALL_COMPLETED,
        CLUSTER_INSTALL_REQUIREMENTS_MET,
        REQUIREMENTS_MET,
        PROVISIONED,
    ];

    /// Types that the CD controller sets to Unknown at first sight.
    pub const INITIALIZED_BY_CLUSTER_DEPLOYMENT: &[&str] = &[
        REQUIREMENTS_MET,
        AUTHENTICATION_FAILURE,
        DNS_NOT_READY,
        INSTALL_IMAGES_NOT_RESOLVED,
        INSTALLER_IMAGE_RESOLUTION_FAILED,
        INSTALL_LAUNCH_ERROR,
        PROVISION_FAILED,
        PROVISION_STOPPED,
        PROVISIONED,
        DEPROVISION_LAUNCH_ERROR,
        SYNC_SET_FAILED,
        CLUSTER_INSTALL_FAILED,
        CLUSTER_INSTALL_COMPLETED,
        CLUSTER_INSTALL_STOPPED,
        CLUSTER_INSTALL_REQUIREMENTS_MET,
    ];
}

/// Conditions of a `ClusterProvision`; each appears when it first holds.
pub mod provision {
    /// The Job was created. Set by the `ClusterProvision` controller.
    pub const JOB_CREATED: &str = "ClusterProvisionJobCreated";
    /// The hub knows the infra ID. Set by the `ClusterProvision` controller.
    pub const INITIALIZED: &str = "ClusterProvisionInitialized";
    /// The cluster is installed. Set by the `ClusterProvision` controller.
    pub const COMPLETED: &str = "ClusterProvisionCompleted";
    /// The attempt failed. Set by the `ClusterProvision` controller; read by the CD controller.
    pub const FAILED: &str = "ClusterProvisionFailed";
    /// The pod does not start. Set by the `ClusterProvision` controller; read by the CD controller.
    pub const INSTALL_POD_STUCK: &str = "InstallPodStuck";

    /// Every type.
    pub const ALL: &[&str] = &[
        JOB_CREATED,
        INITIALIZED,
        COMPLETED,
        FAILED,
        INSTALL_POD_STUCK,
    ];
    /// Types for which True is the good status.
    pub const POSITIVE: &[&str] = &[JOB_CREATED, INITIALIZED, COMPLETED];
}

/// Conditions of a `ClusterDeprovision`; each appears when it first holds.
pub mod deprovision {
    /// The cloud refuses the credentials. Set by the `ClusterDeprovision` controller; mirrored into the
    /// `ClusterDeployment`.
    pub const AUTHENTICATION_FAILURE: &str = "AuthenticationFailure";
    /// The last try to delete failed. Set by the `ClusterDeprovision` controller.
    pub const DEPROVISION_FAILED: &str = "DeprovisionFailed";

    /// Every type.
    pub const ALL: &[&str] = &[AUTHENTICATION_FAILURE, DEPROVISION_FAILED];
}

/// Conditions of an installation by another controller.
pub mod cluster_install {
    /// All that the installation needs is there.
    pub const REQUIREMENTS_MET: &str = "RequirementsMet";
    /// The cluster is installed.
    pub const COMPLETED: &str = "Completed";
    /// The last attempt failed.
    pub const FAILED: &str = "Failed";
    /// Nothing more is done.
    pub const STOPPED: &str = "Stopped";

    /// Every type.
    pub const ALL: &[&str] = &[REQUIREMENTS_MET, COMPLETED, FAILED, STOPPED];
    /// Types for which True is the good status.
    pub const POSITIVE: &[&str] = &[REQUIREMENTS_MET, COMPLETED];
}

/// Conditions of a `DNSZone` that the CD controller reads.
pub mod dns_zone {
    /// The zone serves names.
    pub const ZONE_AVAILABLE: &str = "ZoneAvailable";
    /// The zone is delegated from its parent.
    pub const PARENT_LINK_CREATED: &str = "ParentLinkCreated";
    /// The domain is not one of the operator's.
    pub const DOMAIN_NOT_MANAGED: &str = "DomainNotManaged";
    /// The credentials may not manage zones.
    pub const INSUFFICIENT_CREDENTIALS: &str = "InsufficientCredentials";
    /// The cloud refuses the credentials.
    pub const AUTHENTICATION_FAILURE: &str = "AuthenticationFailure";
    /// The cloud's DNS service is not switched on.
    pub const API_OPT_IN_REQUIRED: &str = "APIOptInRequired";
    /// Anything else that went wrong.
    pub const DNS_ERROR: &str = "DNSError";

    /// Every type.
    pub const ALL: &[&str] = &[
        ZONE_AVAILABLE,
        PARENT_LINK_CREATED,
        DOMAIN_NOT_MANAGED,
        INSUFFICIENT_CREDENTIALS,
        AUTHENTICATION_FAILURE,
        API_OPT_IN_REQUIRED,
        DNS_ERROR,
    ];
    /// Types for which True is the good status.
    pub const POSITIVE: &[&str] = &[ZONE_AVAILABLE, PARENT_LINK_CREATED];
}

/// Conditions of a `ClusterPool`, set by its controller.
pub mod cluster_pool {
    /// Something that new clusters need is not there; looked at when clusters are to be added.
    pub const MISSING_DEPENDENCIES: &str = "MissingDependencies";
    /// More clusters may be made.
    pub const CAPACITY_AVAILABLE: &str = "CapacityAvailable";
    /// All unclaimed clusters are made from the pool as it is now.
    pub const ALL_CLUSTERS_CURRENT: &str = "AllClustersCurrent";
    /// All customizations of the inventory can be used.
    pub const INVENTORY_VALID: &str = "InventoryValid";
    /// No cluster keeps the pool from going away; looked at while it is being deleted.
    pub const DELETION_POSSIBLE: &str = "DeletionPossible";

    /// Every type.
    pub const ALL: &[&str] = &[
        MISSING_DEPENDENCIES,
        CAPACITY_AVAILABLE,
        ALL_CLUSTERS_CURRENT,
        INVENTORY_VALID,
        DELETION_POSSIBLE,
    ];
    /// Types for which True is the good status.
    pub const POSITIVE: &[&str] = &[
        CAPACITY_AVAILABLE,
        ALL_CLUSTERS_CURRENT,
        INVENTORY_VALID,
        DELETION_POSSIBLE,
    ];
}

/// Conditions of a `ClusterClaim`, set by its controller.
pub mod cluster_claim {
    /// The claim has no cluster yet.
    pub const PENDING: &str = "Pending";
    /// The claim's cluster runs.
    pub const CLUSTER_RUNNING: &str = "ClusterRunning";

    /// Every type.
    pub const ALL: &[&str] = &[PENDING, CLUSTER_RUNNING];
    /// Types for which True is the good status.
    pub const POSITIVE: &[&str] = &[CLUSTER_RUNNING];
}

/// Conditions of a `MachinePool`, set by its controller.
pub mod machine_pool {
    /// The pool is smaller than one machine per zone.
    pub const NOT_ENOUGH_REPLICAS: &str = "NotEnoughReplicas";
    /// No short name is free for the pool's machines.
    pub const NO_MACHINE_POOL_NAME_LEASES_AVAILABLE: &str = "NoMachinePoolNameLeasesAvailable";
    /// The subnets cannot be used.
    pub const INVALID_SUBNETS: &str = "InvalidSubnets";
    /// The cluster's version or platform does not know what is asked for.
    pub const UNSUPPORTED_CONFIGURATION: &str = "UnsupportedConfiguration";
    /// The cluster's `MachineSets` could be worked out.
    pub const MACHINE_SETS_GENERATED: &str = "MachineSetsGenerated";
    /// The cluster has what the pool says.
    pub const SYNCED: &str = "Synced";

    /// Every type.
    pub const ALL: &[&str] = &[
        NOT_ENOUGH_REPLICAS,
        NO_MACHINE_POOL_NAME_LEASES_AVAILABLE,
        INVALID_SUBNETS,
        UNSUPPORTED_CONFIGURATION,
        MACHINE_SETS_GENERATED,
        SYNCED,
    ];
    /// Types for which True is the good status.
    pub const POSITIVE: &[&str] = &[MACHINE_SETS_GENERATED, SYNCED];
}

/// Conditions of the `HiveConfig`, set by the operator.
pub mod hive_config {
    /// The configuration is applied.
    pub const READY: &str = "Ready";

    /// Every type.
    pub const ALL: &[&str] = &[READY];
}

/// Conditions of a `ClusterDeploymentCustomization`; those of the platform's own shape.
pub mod customization {
    /// No cluster uses it. Set by the pool and the CD controllers.
    pub const AVAILABLE: &str = "Available";
    /// It could be applied, and its cluster came to be. Set by the pool controller.
    pub const APPLY_SUCCEEDED: &str = "ApplySucceeded";

    /// Every type.
    pub const ALL: &[&str] = &[AVAILABLE, APPLY_SUCCEEDED];
}

/// Conditions of a `ClusterSync`, set by its controller.
pub mod cluster_sync {
    /// Something could not be synced.
    pub const FAILED: &str = "Failed";

    /// Every type.
    pub const ALL: &[&str] = &[FAILED];
}

/// Conditions that Skep adds; sorted last and never counted in the API's own metrics.
pub mod skep {
    /// The controllers are still working towards the wish.
    pub const RECONCILING: &str = "Reconciling";
    /// The controllers cannot go on without a change from outside.
    pub const STALLED: &str = "Stalled";
    /// On a `ClusterDeprovision`: the cluster is being deleted from its cloud; the message says how far,
    /// or why not. Set by its controller; read by the `ClusterDeployment` controller and by people.
    pub const DEPROVISION_PROGRESSING: &str = "DeprovisionProgressing";
    /// On a failed `ClusterProvision`: what the attempt left in its cloud cannot be erased, and the next
    /// attempt waits for it. Appears when it first holds. Set by its controller; read by `skep why` and by
    /// people.
    pub const CLEAN_UP_STALLED: &str = "CleanUpStalled";

    /// Every type that Skep adds to a `ClusterDeployment`.
    pub const ALL: &[&str] = &[RECONCILING, STALLED];
    /// Added types for which True is the good status.
    pub const POSITIVE: &[&str] = &[];
}
