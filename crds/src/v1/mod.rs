//! The kinds of `hive.openshift.io/v1`, one module each.

pub mod checkpoint;
pub mod cluster_claim;
pub mod cluster_deployment;
pub mod cluster_deployment_customization;
pub mod cluster_deprovision;
pub mod cluster_image_set;
pub mod cluster_pool;
pub mod cluster_provision;
pub mod cluster_relocate;
pub mod cluster_state;
pub mod dns_zone;
pub mod hive_config;
pub mod machine_pool;
pub mod machine_pool_name_lease;
pub mod selector_sync_identity_provider;
pub mod selector_sync_set;
pub mod sync_identity_provider;
pub mod sync_set;
