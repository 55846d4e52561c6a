//! What can go wrong around one attempt, and what should be done about it.

use crate::controllers::owned;
use crate::runtime::{Class, Classified, RequestError};

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
    /// Something cannot be deleted.
    #[error("could not delete {what}")]
    Delete {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// The attempt cannot be patched.
    #[error("could not change the attempt")]
    Patch {
        /// Why.
        #[source]
        source: RequestError,
    },
    /// Somebody else moved the stage.
    #[error("the attempt is no longer in stage {expected}")]
    StageMoved {
        /// Where it should have been.
        expected: String,
    },
    /// `spec.podSpec` is no pod spec.
    #[error("spec.podSpec cannot be used: {problem}")]
    PodSpec {
        /// Why.
        problem: String,
    },
    /// The ClusterDeployment is not there.
    #[error("the ClusterDeployment of this attempt does not exist")]
    NoCluster,
    /// The attempt was deleted or replaced meanwhile.
    #[error("the attempt is gone")]
    Gone,
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } | Self::Delete { source, .. } | Self::Patch { source } => {
                source.class()
            }
            Self::Create { source, .. } => source.class(),
            Self::StageMoved { .. } => Class::RetryNow,
            Self::PodSpec { .. } => Class::Terminal,
            Self::NoCluster | Self::Gone => Class::WaitForChange,
        }
    }
}
