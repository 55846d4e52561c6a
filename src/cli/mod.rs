//! What the command line knows beyond wiring.

pub mod power;
pub mod why;

/// Whether a person means a ClusterDeployment.
pub fn is_cluster_deployment(kind: &str) -> bool {
    matches!(
        kind.to_ascii_lowercase().as_str(),
        "cd" | "clusterdeployment" | "clusterdeployments"
    )
}
