//! Finalizers on `ClusterDeployment`s.

/// Holds the object until its cluster is gone from the cloud. Set and removed by the
/// `ClusterDeployment` controller.
pub const DEPROVISION: &str = "hive.openshift.io/deprovision";
/// Holds the object until its Argo CD registration is gone. Set and removed by that controller.
pub const ARGOCD_CLUSTER: &str = "hive.openshift.io/argocd-cluster";
/// Holds the object until its AWS `PrivateLink` resources are gone. Set and removed by that controller.
pub const AWS_PRIVATE_LINK: &str = "hive.openshift.io/aws-private-link";
/// Holds the object until its Private Service Connect resources are gone. Set and removed by that
/// controller.
pub const PRIVATE_LINK: &str = "hive.openshift.io/private-link";
