//! What is known of a cluster's version, and what is said of it.

use std::collections::BTreeMap;

use skep_crds::external::cluster_version::ClusterVersionStatus;

use crate::remote::Failure;
use crate::remote::view::VersionSeen;
use crate::runtime::At;

/// What is known of a cluster's version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// The ClusterDeployment.
    pub at: At,
    /// Its labels and its annotation about the version, as far as they are there.
    pub present: Described,
    /// Whether the status of the ClusterVersion is to be copied.
    pub mirrors: bool,
    /// The copy, and the address of the console, as they are there.
    pub recorded: Recorded,
    /// What the last look saw.
    pub seen: Sight,
}

/// What the last look saw that matters here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sight {
    /// Nobody has looked yet.
    None,
    /// The cluster did not answer.
    Failed(Failure),
    /// It did.
    Of {
        /// Its version; `None`: it has none, or none that can be read.
        version: Option<VersionSeen>,
        /// The host of its console, if it was asked for and there is one.
        console: Option<String>,
    },
}

/// Labels and the annotation; `None`: it is not there, or is not to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Described {
    /// The labels.
    pub labels: BTreeMap<&'static str, Option<String>>,
    /// The annotation.
    pub upgrade_unavailable: Option<String>,
}

/// What of it is in the ClusterDeployment's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// `clusterVersionStatus`.
    pub copy: Option<Box<ClusterVersionStatus>>,
    /// `webConsoleURL`.
    pub console: Option<String>,
}
