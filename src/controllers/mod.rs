//! The reconcilers: `observe`, `decide`, `act` of each kind.

pub mod cluster_provision;
pub mod credentials;
pub mod erasure;
pub mod owned;
pub mod receipts;
