//! What `decide` may look at: one order to delete, whose it is, whether it may be carried out, and how far
//! that has come.

use skep_crds::platform::PlatformKind;

use crate::controllers::erasure;

/// One order, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Name of the ClusterDeprovision.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// `status.completed`.
    pub completed: bool,
    /// The infra ID that is to be erased.
    pub infra_id: String,
    /// Whose order it is.
    pub owner: Owner,
    /// Another ClusterDeployment with the same infra ID that is not being deleted, `<namespace>/<name>`.
    pub used_by: Option<String>,
    /// Whether deletions from clouds are switched off.
    pub disabled: bool,
    /// The platform.
    pub platform: PlatformKind,
    /// Whether this process has a cloud for it.
    pub supported: bool,
    /// Where the description of the cluster comes from.
    pub description: Description,
    /// Whose credentials are used, for people.
    pub credentials: String,
    /// A text that changes with the Secrets, annotations and specification that an erasure starts from.
    pub inputs: String,
    /// Whether Secrets, annotations or the specification have changed since the erasure was last started.
    pub inputs_changed: bool,
    /// The erasure as it runs now.
    pub erasure: erasure::State,
    /// Why the erasure could not even be started, the last time.
    pub start_failure: Option<String>,
}

/// Whose order it is: its controller owner reference, looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// No ClusterDeployment is named as its controller.
    Nobody,
    /// The named ClusterDeployment does not exist.
    Missing {
        /// Its name.
        name: String,
    },
    /// It exists.
    Cluster(Cluster),
}

/// The ClusterDeployment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Whether the owner reference has another UID: a hub was restored or moved.
    pub restored: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it is protected against deletion.
    pub protected: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether the cluster is to be kept in its cloud.
    pub preserved: bool,
    /// The infra ID that it carries.
    pub infra_id: Option<String>,
}

/// Where the description of the cluster comes from (docs/spec/20 §3, §4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Description {
    /// The installer's, in a Secret.
    Metadata {
        /// Name of the Secret.
        secret: String,
    },
    /// The named Secret is not there.
    MissingSecret {
        /// Name of the Secret.
        secret: String,
    },
    /// Made of single facts of the order.
    Legacy,
    /// The order names no Secret and lacks the facts.
    Incomplete,
}
