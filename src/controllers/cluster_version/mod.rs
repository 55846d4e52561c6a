//! The cluster version controller: labels, an annotation and a copy that say which version a cluster runs
//! (docs/spec/32 §3), and the address of its console (§1.3).
//!
//! Decides what they should say from what the last look saw. It never looks by itself, writes the metadata
//! and the status at most once each, and only what differs.

mod act;
mod decide;
mod observe;
#[cfg(test)]
mod tests;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use skep_crds::ClusterDeployment;
use skep_crds::external::cluster_version::ClusterVersionStatus;
use skep_crds::names::controller;

use super::context::Shared;
use crate::plan::Plan;
use crate::remote::Failure;
use crate::remote::view::VersionSeen;
use crate::runtime::{
    At, Class, Classified, ControllerName, Freshness, Memory, Observation, Reconcile, RequestError,
};

/// The controller.
pub struct Versions {
    /// What all controllers share.
    pub shared: Shared,
}

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

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Sets labels and the annotation.
    Describe {
        /// The ClusterDeployment as it was read.
        at: At,
        /// What differs.
        difference: Described,
    },
    /// Writes the copy and the address of the console.
    Record {
        /// The ClusterDeployment as it was read.
        at: At,
        /// What the copy is to be, if it differs: the inner `None` is none.
        copy: Option<Option<Box<ClusterVersionStatus>>>,
        /// What the address is to be, if it differs.
        console: Option<String>,
    },
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The labels cannot be written.
    #[error("could not label the cluster with its version")]
    Describe(#[source] RequestError),
    /// The copy cannot be written.
    #[error("could not record what the cluster says about its version")]
    Record(#[source] RequestError),
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Describe(source) | Self::Record(source) => source.class(),
        }
    }
}

impl Reconcile for Versions {
    type Root = ClusterDeployment;
    type Observed = Observed;
    type Status = ();
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::CLUSTER_VERSION;

    async fn observe(
        &self,
        root: Arc<ClusterDeployment>,
        _how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        Ok(observe::observe(&self.shared.remotes, &root))
    }

    fn decide(observed: &Observed, _now: Timestamp) -> Plan<(), Step> {
        decide::decide(observed)
    }

    /// What a look saw is as fresh as it gets, and the write names the version of the root.
    fn rests_on_root(step: &Step) -> bool {
        match step {
            Step::Describe { .. } | Step::Record { .. } => true,
        }
    }

    async fn act(&self, _observed: &Observed, step: Step) -> Result<(), Error> {
        act::act(&self.shared.context.writer, step).await
    }
}
