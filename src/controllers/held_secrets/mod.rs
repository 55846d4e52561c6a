//! The held-Secrets controller: lets go of Secrets that no ClusterDeployment refers to any more.
//!
//! The deletion of a cluster lets its own Secrets go. What is left for this controller: a finalizer that was
//! taken off a ClusterDeployment by hand, a Secret that was exchanged for another, a deletion beside a
//! neighbour that cannot be read. Such a Secret would keep its namespace for ever, and nobody would tell.
//!
//! Decides, for one namespace: which held Secrets are let go, and whether one of them is the last that knows
//! of a cluster. It must never let a Secret go that a ClusterDeployment of the namespace refers to in any
//! way; one that cannot be read may refer to all of them.

mod act;
mod decide;
mod observe;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use skep_crds::names::skep::HELD_SECRETS_CONTROLLER;

use super::context::Shared;
use crate::plan::Plan;
use crate::runtime::{
    Class, Classified, ControllerName, Freshness, Key, Memory, Observation, Reconcile, RequestError,
};

pub use act::set_held;

/// The metadata of a Secret.
type Meta = PartialObjectMeta<Secret>;

/// The controller.
pub struct HeldSecrets {
    /// What all controllers share.
    pub shared: Shared,
}

/// The held Secrets of a namespace that no ClusterDeployment refers to, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Those.
    pub free: BTreeMap<String, Free>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Free {
    /// Which.
    pub key: Key,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is to be deleted, and is kept from it.
    pub deleting: bool,
    /// The cluster that it describes.
    pub infra_id: Option<String>,
}

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Takes the finalizer from a Secret.
    Release {
        /// Which.
        key: Key,
    },
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The namespace cannot be read.
    #[error("it is not known who needs the held Secrets")]
    Read(#[source] RequestError),
    /// A Secret cannot be let go.
    #[error("could not let Secret {name} go")]
    Release {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: RequestError,
    },
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read(source) | Self::Release { source, .. } => source.class(),
        }
    }
}

impl Reconcile for HeldSecrets {
    type Root = PartialObjectMeta<Namespace>;
    type Observed = Observed;
    type Status = ();
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = HELD_SECRETS_CONTROLLER;

    async fn observe(
        &self,
        root: Arc<Self::Root>,
        how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        let observed = observe::observe(&self.shared, &root.name_any(), how).await;
        observed.map(Observation::Of).map_err(Error::Read)
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<(), Step> {
        decide::decide(observed, now)
    }

    async fn act(&self, _observed: &Observed, step: Step) -> Result<(), Error> {
        let (reader, writer) = (&self.shared.context.reader, &self.shared.context.writer);
        match step {
            Step::Release { key } => {
                let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
                set_held(reader, writer, namespace, name, Some(&key.uid), false)
                    .await
                    .map_err(|source| Error::Release {
                        name: key.name.clone(),
                        source,
                    })
            }
        }
    }
}
