//! The reconcilers: `observe`, `decide`, `act` of each kind.

pub mod cluster_provision;
