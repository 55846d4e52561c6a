//! The kinds of `hiveinternal.openshift.io/v1alpha1`, one module each: the operator's own book-keeping.

pub mod cluster_sync;
pub mod cluster_sync_lease;
pub mod fake_cluster_install;
