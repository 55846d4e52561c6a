//! The ClusterDeployment controller: from creation to installed or given up, and to the end of what it
//! stands for (docs/spec/10 §5–11, §18–19).

mod act;
mod decide;
mod observe;
mod observed;
mod parse;
mod reading;
mod status;
#[cfg(test)]
mod tests;
mod workers;

use std::sync::Arc;

use jiff::Timestamp;
use skep_crds::ClusterDeployment;
use skep_crds::names::controller;

use super::context::Shared;
use super::{credentials, owned};
use crate::plan::Plan;
use crate::runtime::{
    Class, Classified, ControllerName, Freshness, Key, Memory, Observation, Reconcile, RequestError,
};

pub use decide::Step;
pub use observed::{Attempt, Deprovision, ImageJob, Observed};
pub use parse::duration;
pub use reading::credentials_ref;
pub use status::{Reference, Status, Verdict};
pub use workers::workers;

/// The controller and what it reads.
pub struct Clusters {
    /// What all controllers share.
    pub shared: Shared,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something cannot be read.
    #[error("could not read {what}")]
    Read {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// Something cannot be created.
    #[error("could not create {what}")]
    Create {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: owned::Error,
    },
    /// Something cannot be written.
    #[error("could not write {what}")]
    Write {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// Something cannot be deleted.
    #[error("could not delete {what}")]
    Delete {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// An input changed between the decision and the step.
    #[error("{what} has changed meanwhile")]
    Changed {
        /// What.
        what: String,
    },
    /// The credentials cannot be had.
    #[error("could not read the credentials")]
    Credentials {
        /// Why.
        #[source]
        source: credentials::Error,
    },
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Delete { source, .. } => source.class(),
            Self::Create { source, .. } => source.class(),
            Self::Credentials { source } => source.class(),
            Self::Changed { .. } => Class::RetryNow,
        }
    }
}

impl Reconcile for Clusters {
    type Root = ClusterDeployment;
    type Observed = Observed;
    type Status = Status;
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::CLUSTER_DEPLOYMENT;

    async fn observe(
        &self,
        root: Arc<ClusterDeployment>,
        how: Freshness,
        memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        let mut observed = Box::pin(observe::observe(self, &root, how)).await?;
        observed.trouble = memory.trouble().cloned();
        Ok(Observation::Of(observed))
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<Status, Step> {
        decide::decide(observed, now)
    }

    fn rests_on_root(step: &Step) -> bool {
        step.rests_on_root()
    }

    async fn act(&self, observed: &Observed, step: Step) -> Result<(), Error> {
        Box::pin(act::act(self, observed, step)).await
    }

    fn merge_status(
        root: &ClusterDeployment,
        status: &Status,
        now: Timestamp,
    ) -> Option<serde_json::Value> {
        status::merge(root, status, now)
    }

    fn gone(&self, key: &Key) {
        self.shared.checks.forget(&key.uid);
        self.shared.erasures.abandon(&key.uid);
        self.shared.remotes.forget(&key.uid);
    }
}
