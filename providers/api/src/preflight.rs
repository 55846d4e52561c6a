//! What would fail later, told before anything is created: permissions, quota, collisions.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{erase::ClusterFacts, error::Error};

/// What is going to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightRequest {
    /// The cluster's domain, `<name>.<base domain>`.
    pub cluster_domain: String,
    /// The base domain, whose public zone must exist unless the cluster is internal.
    pub base_domain: String,
    /// The cluster is reachable from outside.
    pub public: bool,
    /// Machine sizes and how many of each.
    pub machines: Vec<(String, u32)>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// The installation may work.
    Warning,
    /// The installation cannot work.
    Error,
}

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// One word: `Permission`, `Quota`, `Collision`, `BaseDomain`, …
    pub topic: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Checks before an installation.
#[async_trait]
pub trait Preflight: Send + Sync {
    /// Runs all checks with reading calls only; what cannot be checked is a warning, not an error.
    /// Safe to repeat.
    async fn check(&self, request: &PreflightRequest) -> Result<Vec<Finding>, Error>;

    /// Whether anything of this cluster exists already in the account (one cheap listing).
    async fn exists(&self, cluster: &ClusterFacts) -> Result<bool, Error>;
}
