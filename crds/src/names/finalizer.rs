//! Finalizers; of a `ClusterDeployment` unless said otherwise.

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
/// On a `DNSZone`: holds it until the zone is gone from the cloud. Set and removed by its controller.
pub const DNS_ZONE: &str = "hive.openshift.io/dnszone";
/// On a `DNSZone`: holds it until its parent does not delegate to it any more. Set and removed by the
/// controller of delegations.
pub const DNS_ENDPOINT: &str = "hive.openshift.io/dnsendpoint";
/// On a `MachinePool`: holds it until its machine sets are gone from the cluster. Set and removed by its
/// controller.
pub const MACHINE_POOL: &str = "hive.openshift.io/remotemachineset";
/// On a `ClusterPool`: holds it until all its clusters are gone. Set and removed by its controller.
pub const CLUSTER_POOL: &str = "hive.openshift.io/clusters";
/// On a `ClusterClaim`: holds it until its cluster is gone. Set and removed by its controller.
pub const CLUSTER_CLAIM: &str = "hive.openshift.io/claim";

/// On a `ClusterDeploymentCustomization` in a pool's inventory: holds it while a cluster uses it. Set and
/// removed by the pool controller.
pub fn customization(cluster_pool: &str) -> String {
    format!("{}/{cluster_pool}", super::GROUP)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_customization_is_held_in_the_name_of_its_pool() {
        assert_eq!(super::customization("east"), "hive.openshift.io/east");
    }
}
