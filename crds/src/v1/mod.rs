//! The kinds of `hive.openshift.io/v1`, one module each.

pub mod cluster_deployment;
pub mod cluster_deprovision;
pub mod cluster_image_set;
pub mod cluster_provision;
