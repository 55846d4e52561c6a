//! `HiveConfig`: the configuration of the whole installation.
//!
//! Mirrors docs/spec/40 §3–4. Shapes only; nothing is required, so every field is optional
//! here and the defaults are the configuration store's.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::external::core::ResourceRequirements;
use crate::platform::azure::CloudName;
use crate::wire::{
    DURATION, LocalObjectReference, absent_spec_is_empty, null_is_present, wire_enum,
};

wire_enum! {
    /// Whether installed clusters are protected from deletion from then on.
    closed DeleteProtection {
        /// They are.
        Enabled => "enabled",
    }
}

wire_enum! {
    /// Record that leads to a private connection's endpoint.
    closed DnsRecordType {
        /// An alias of the endpoint.
        Alias => "Alias",
        /// The endpoint's addresses.
        ARecord => "ARecord",
    }
}

wire_enum! {
    /// A workload of the operator.
    closed DeploymentName {
        /// The controllers.
        Controllers => "hive-controllers",
        /// The replicas that apply sets to clusters.
        ClusterSync => "hive-clustersync",
        /// The admission server.
        Admission => "hiveadmission",
    }
}

wire_enum! {
    /// Which features are on.
    closed FeatureSet {
        /// Those that are always on.
        Default => "",
        /// Those that are listed, too.
        Custom => "Custom",
    }
}

wire_enum! {
    /// A metric of many series that is off unless asked for.
    closed DurationMetric {
        /// Clusters that are being stopped.
        CurrentStopping => "currentStopping",
        /// Clusters that are being resumed.
        CurrentResuming => "currentResuming",
        /// Resumed clusters that wait for their operators.
        CurrentWaitingForCo => "currentWaitingForCO",
        /// Clusters whose sets fail.
        CurrentClusterSyncFailing => "currentClusterSyncFailing",
        /// Past transitions to hibernation.
        CumulativeHibernated => "cumulativeHibernated",
        /// Past transitions to running.
        CumulativeResumed => "cumulativeResumed",
    }
}

wire_enum! {
    /// A controller that can be configured by itself.
    closed ConfiguredController {
        /// Installs and deletes clusters.
        ClusterDeployment => "clusterDeployment",
        /// Moves clusters to other hubs.
        ClusterRelocate => "clusterrelocate",
        /// Mirrors what a cluster's operators report.
        ClusterState => "clusterstate",
        /// Mirrors a cluster's version.
        ClusterVersion => "clusterversion",
        /// Certificates of a cluster's API.
        ControlPlaneCerts => "controlPlaneCerts",
        /// Refers from parent domains to zones.
        DnsEndpoint => "dnsendpoint",
        /// Zones for clusters' records.
        DnsZone => "dnszone",
        /// Ingress domains of clusters.
        RemoteIngress => "remoteingress",
        /// Former name of the machine pools' controller; sets nothing.
        RemoteMachineSet => "remotemachineset",
        /// Machine pools.
        MachinePool => "machinepool",
        /// Ways to log in to clusters.
        SyncIdentityProvider => "syncidentityprovider",
        /// Whether clusters can be reached.
        Unreachable => "unreachable",
        /// Backups of namespaces.
        VeleroBackup => "velerobackup",
        /// Attempts to install.
        ClusterProvision => "clusterprovision",
        /// Deletion from the cloud.
        ClusterDeprovision => "clusterDeprovision",
        /// Pools of clusters.
        ClusterPool => "clusterpool",
        /// Left-over namespaces of pools.
        ClusterPoolNamespace => "clusterpoolnamespace",
        /// Power states.
        Hibernation => "hibernation",
        /// Claims of pools' clusters.
        ClusterClaim => "clusterclaim",
        /// Metrics over all clusters.
        Metrics => "metrics",
        /// Sets that are applied to clusters.
        ClusterSync => "clustersync",
    }
}

/// The configuration of the whole installation.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "HiveConfig",
    plural = "hiveconfigs",
    status = "HiveConfigStatus",
    schema = "disabled",
    doc = "A `HiveConfig` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct HiveConfigSpec {
    /// Secrets with further authorities for the certificates of clusters' APIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_certificate_authorities_secret_ref: Option<Vec<LocalObjectReference>>,
    /// Registration of clusters with Argo CD.
    #[serde(rename = "argoCDConfig", skip_serializing_if = "Option::is_none")]
    pub argo_cd_config: Option<ArgoCdConfig>,
    /// Private connections on Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_private_link: Option<AwsPrivateLinkConfig>,
    /// Backups of namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupConfig>,
    /// Time after which clusters' versions are read again; only on changes when zero or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub cluster_version_poll_interval: Option<String>,
    /// Settings of the controllers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controllers_config: Option<ControllersConfig>,
    /// Whether installed clusters are protected from deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_protection: Option<DeleteProtection>,
    /// Settings of the workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_config: Option<Vec<DeploymentConfig>>,
    /// Whether no cluster is deleted from its cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprovisions_disabled: Option<bool>,
    /// Controllers that do not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_controllers: Option<Vec<String>>,
    /// Without effect; kept for objects that have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_metrics: Option<bool>,
    /// What happens when an attempt to install fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_provision_config: Option<FailedProvisionConfig>,
    /// Which features are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<FeatureGateSelection>,
    /// Secret with registry credentials for every cluster; the cluster's own win.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_pull_secret_ref: Option<LocalObjectReference>,
    /// Secret with registry credentials for the operator's own image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hive_image_pull_secret_ref: Option<LocalObjectReference>,
    /// Least importance of what is logged; info when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// Time after which machine pools are compared again; never when zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub machine_pool_poll_interval: Option<String>,
    /// Whether no controller runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_mode: Option<bool>,
    /// Domains below which zones for clusters are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_domains: Option<Vec<ManageDnsConfig>>,
    /// Settings of the metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<MetricsConfig>,
    /// Private connections on other clouds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_link: Option<PrivateLinkConfig>,
    /// `ConfigMap` with what the signatures of release images are verified by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_image_verification_config_map_ref:
        Option<ReleaseImageVerificationConfigMapReference>,
    /// Credentials by which roles in other accounts are assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_provider_credentials_config: Option<ServiceProviderCredentials>,
    /// Time after which sets are applied again in full; two hours when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub sync_set_reapply_interval: Option<String>,
    /// Namespace of the workloads, and of the Secrets named here; `hive` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
}

absent_spec_is_empty!(HiveConfigSpec);

/// Registration of clusters with Argo CD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArgoCdConfig {
    /// Whether clusters are registered.
    pub enabled: bool,
    /// Namespace of Argo CD; `argocd` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Private connections on Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsPrivateLinkConfig {
    /// Networks that resolve the clusters' names.
    #[serde(rename = "associatedVPCs", skip_serializing_if = "Option::is_none")]
    pub associated_vpcs: Option<Vec<AwsAssociatedVpc>>,
    /// Secret with the hub account's credentials.
    pub credentials_secret_ref: LocalObjectReference,
    /// Record that leads to the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-skep-default" = "Alias"))]
    pub dns_record_type: Option<DnsRecordType>,
    /// Networks that endpoints may be put into.
    #[serde(
        rename = "endpointVPCInventory",
        skip_serializing_if = "Option::is_none"
    )]
    pub endpoint_vpc_inventory: Option<Vec<AwsPrivateLinkInventory>>,
}

/// A network that resolves the clusters' names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsAssociatedVpc {
    /// Secret with the credentials of the network's account; the common ones when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
    /// Region of the network.
    pub region: String,
    /// Identifier of the network.
    #[serde(rename = "vpcID")]
    pub vpc_id: String,
}

/// A network that endpoints may be put into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsPrivateLinkInventory {
    /// Region of the network.
    pub region: String,
    /// Subnets that endpoints may be put into.
    pub subnets: Vec<AwsPrivateLinkSubnet>,
    /// Identifier of the network.
    #[serde(rename = "vpcID")]
    pub vpc_id: String,
}

/// A subnet that endpoints may be put into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsPrivateLinkSubnet {
    /// Availability zone of the subnet.
    pub availability_zone: String,
    /// Identifier of the subnet.
    #[serde(rename = "subnetID")]
    pub subnet_id: String,
}

/// Backups of namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupConfig {
    /// Least time between two backups of a namespace, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-skep-no-format" = true))]
    pub min_backup_period_seconds: Option<i64>,
    /// Backups by Velero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velero: Option<VeleroBackupConfig>,
}

/// Backups by Velero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VeleroBackupConfig {
    /// Whether they are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Namespace of the backup objects; `velero` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Settings of the controllers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControllersConfig {
    /// Settings of single controllers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controllers: Option<Vec<SpecificControllerConfig>>,
    /// Settings of the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<ControllerConfig>,
}

/// Settings of one controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpecificControllerConfig {
    /// The settings.
    pub config: ControllerConfig,
    /// Which controller.
    pub name: ConfiguredController,
}

/// Settings of a controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControllerConfig {
    /// Requests to the API server that may be sent at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_burst: Option<i32>,
    /// Requests to the API server a second.
    #[serde(rename = "clientQPS", skip_serializing_if = "Option::is_none")]
    pub client_qps: Option<i32>,
    /// Objects that are worked on at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_reconciles: Option<i32>,
    /// Objects that may be queued at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_burst: Option<i32>,
    /// Objects that may be queued a second.
    #[serde(rename = "queueQPS", skip_serializing_if = "Option::is_none")]
    pub queue_qps: Option<i32>,
    /// Replicas, for controllers with pods of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Resources, for controllers with pods of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

/// Settings of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentConfig {
    /// Which workload.
    pub deployment_name: DeploymentName,
    /// Resources of its container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

/// What happens when an attempt to install fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedProvisionConfig {
    /// Where logs are put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<FailedProvisionAwsConfig>,
    /// Reasons after which another attempt is made; after every reason when absent, after none when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_reasons: Option<Vec<String>>,
    /// Without effect; kept for objects that have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_gather_logs: Option<bool>,
}

/// A place for logs in an object store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedProvisionAwsConfig {
    /// Bucket for the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Secret with the credentials.
    pub credentials_secret_ref: LocalObjectReference,
    /// Region of the bucket; us-east-1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Location of a store that is not Amazon's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_endpoint: Option<String>,
}

/// Which features are on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureGateSelection {
    /// The features that are listed; null says the same as absent.
    #[serde(
        default,
        deserialize_with = "null_is_present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<FeatureGatesEnabled>", extend("x-skep-nullable" = true))]
    pub custom: Option<Option<FeatureGatesEnabled>>,
    /// Whether the list counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_set: Option<FeatureSet>,
}

/// Features that are on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureGatesEnabled {
    /// Names of the features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Vec<String>>,
}

/// Domains below which zones for clusters are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManageDnsConfig {
    /// They are with Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<ManageDnsAwsConfig>,
    /// They are with Microsoft Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<ManageDnsAzureConfig>,
    /// The domains.
    pub domains: Vec<String>,
    /// They are with Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<ManageDnsGcpConfig>,
}

/// Access to domains with Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManageDnsAwsConfig {
    /// Secret with the credentials.
    pub credentials_secret_ref: LocalObjectReference,
    /// Region whose endpoint is used; us-east-1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Access to domains with Microsoft Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManageDnsAzureConfig {
    /// Which of Azure's clouds; the public one when absent or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_name: Option<CloudName>,
    /// Secret with the service principal.
    pub credentials_secret_ref: LocalObjectReference,
    /// Resource group of the domains' zones.
    pub resource_group_name: String,
}

/// Access to domains with Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManageDnsGcpConfig {
    /// Secret with the service account's key.
    pub credentials_secret_ref: LocalObjectReference,
}

/// Settings of the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsConfig {
    /// Labels of metrics, and the label of clusters that each takes its value from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_cluster_deployment_labels: Option<BTreeMap<String, String>>,
    /// Metrics that are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_with_duration: Option<Vec<MetricWithDuration>>,
}

/// A metric that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricWithDuration {
    /// Least duration that is reported.
    #[schemars(extend("pattern" = DURATION))]
    pub duration: String,
    /// Which metric.
    pub name: DurationMetric,
}

/// Private connections on other clouds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateLinkConfig {
    /// Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<GcpPrivateServiceConnectConfig>,
}

/// Private connections on Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpPrivateServiceConnectConfig {
    /// Secret with the hub project's key.
    pub credentials_secret_ref: LocalObjectReference,
    /// Networks that endpoints may be put into.
    #[serde(
        rename = "endpointVPCInventory",
        skip_serializing_if = "Option::is_none"
    )]
    pub endpoint_vpc_inventory: Option<Vec<GcpPrivateServiceConnectInventory>>,
}

/// A network that endpoints may be put into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpPrivateServiceConnectInventory {
    /// Name of the network.
    pub network: String,
    /// Subnets that endpoints may be put into.
    pub subnets: Vec<GcpPrivateServiceConnectSubnet>,
}

/// A subnet that endpoints may be put into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpPrivateServiceConnectSubnet {
    /// Region of the subnet.
    pub region: String,
    /// Name of the subnet.
    pub subnet: String,
}

/// A `ConfigMap` with what signatures are verified by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseImageVerificationConfigMapReference {
    /// Name of the `ConfigMap`.
    pub name: String,
    /// Namespace of the `ConfigMap`.
    pub namespace: String,
}

/// Credentials by which roles in other accounts are assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceProviderCredentials {
    /// Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsServiceProviderCredentials>,
}

/// Credentials by which roles in other accounts are assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsServiceProviderCredentials {
    /// Secret with the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
}

/// How the configuration was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HiveConfigStatus {
    /// Fingerprint of the authority of the API server's own requests.
    #[serde(
        rename = "aggregatorClientCAHash",
        skip_serializing_if = "Option::is_none"
    )]
    pub aggregator_client_ca_hash: Option<String>,
    /// Details of the installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Whether the observed generation is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_applied: Option<bool>,
    /// Generation that was last worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    fn config(spec: &Value) -> Value {
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": "HiveConfig",
            "metadata": {"name": "hive"},
            "spec": spec,
        })
    }

    #[test]
    fn an_absent_spec_is_an_empty_one() -> Result<(), serde_json::Error> {
        let mut object = config(&json!({}));
        let empty: HiveConfig = from_value(object.clone())?;
        if let Some(fields) = object.as_object_mut() {
            fields.remove("spec");
        }
        let absent: HiveConfig = from_value(object)?;
        assert_eq!(absent, empty);
        assert_eq!(to_value(absent)?, config(&json!({})));
        assert_eq!(from_value::<HiveConfig>(config(&Value::Null))?, empty);
        Ok(())
    }

    #[test]
    fn a_spec_of_another_type_is_not_an_empty_one() {
        for spec in [json!([]), json!("hive"), json!({"targetNamespace": 1})] {
            assert!(from_value::<HiveConfig>(config(&spec)).is_err(), "{spec}");
        }
    }

    #[test]
    fn null_absent_and_empty_stay_apart() -> Result<(), serde_json::Error> {
        for spec in [
            json!({"featureGates": {}}),
            json!({"featureGates": {"custom": null}}),
            json!({"featureGates": {"custom": {}}}),
            json!({"featureGates": {"custom": {"enabled": []}}}),
            json!({"failedProvisionConfig": {}}),
            json!({"failedProvisionConfig": {"retryReasons": []}}),
        ] {
            let object = config(&spec);
            assert_eq!(to_value(from_value::<HiveConfig>(object.clone())?)?, object);
        }
        Ok(())
    }
}
