//! What a controller is to the runtime: a way to observe, a decision, and a way to act.
//!
//! The driver ([`super::Driver`]) owns everything else. A controller looks like this, whole:
//!
//! ```
//! use std::sync::Arc;
//! use jiff::Timestamp;
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::{Resource, ResourceExt, core::ObjectMeta};
//! use skep::plan::{Note, Plan};
//! use skep::runtime::{
//!     Class, Classified, ControllerName, Freshness, Memory, Observation, Reader,
//!     Reconcile, RequestError, Store, Writer,
//! };
//!
//! /// Gives every ConfigMap that asks for it a copy of itself.
//! struct Copies {
//!     reader: Reader,
//!     writer: Writer,
//!     children: Store<ConfigMap>,
//! }
//!
//! #[derive(Clone, PartialEq, Eq, Hash, Debug)]
//! struct Observed { copy: String, exists: bool, refused: Option<String> }
//!
//! #[derive(Clone, PartialEq, Eq, Hash, Debug)]
//! enum Step { CreateCopy { name: String } }
//!
//! #[derive(Debug, thiserror::Error)]
//! enum Error {
//!     #[error("could not read the copy")]
//!     ReadCopy(#[source] RequestError),
//!     #[error("could not create the copy {name}")]
//!     CreateCopy { name: String, #[source] source: RequestError },
//! }
//!
//! impl Classified for Error {
//!     fn class(&self) -> Class {
//!         match self {
//!             Self::ReadCopy(source) => source.class(),
//!             Self::CreateCopy { source, .. } => source.class(),
//!         }
//!     }
//! }
//!
//! impl Reconcile for Copies {
//!     type Root = ConfigMap;
//!     type Observed = (String, Observed);
//!     type Status = ();
//!     type Step = Step;
//!     type Error = Error;
//!     const NAME: ControllerName = "copies";
//!
//!     async fn observe(
//!         &self, root: Arc<ConfigMap>, how: Freshness, memory: &Memory,
//!     ) -> Result<Observation<Self::Observed>, Error> {
//!         let namespace = root.namespace().unwrap_or_default();
//!         let copy = format!("{}-copy", root.name_any());
//!         let exists = self.reader.get(how, &self.children, &namespace, &copy).await
//!             .map_err(Error::ReadCopy)?.is_some();
//!         let refused = memory.failure_named("CreateCopy").map(|failure| failure.message.clone());
//!         Ok(Observation::Of((namespace, Observed { copy, exists, refused })))
//!     }
//!
//!     fn decide((_, observed): &Self::Observed, _now: Timestamp) -> Plan<(), Step> {
//!         match (observed.exists, &observed.refused) {
//!             (true, _) => Plan::nothing().because(Note::done("Copied", "the copy exists")),
//!             (false, None) => Plan::step(Step::CreateCopy { name: observed.copy.clone() }),
//!             (false, Some(why)) => Plan::step(Step::CreateCopy { name: observed.copy.clone() })
//!                 .because(Note::failed("CopyFailed", why, "tried again with growing delays")),
//!         }
//!     }
//!
//!     async fn act(&self, (namespace, _): &Self::Observed, step: Step) -> Result<(), Error> {
//!         match step {
//!             Step::CreateCopy { name } => {
//!                 let metadata = ObjectMeta {
//!                     name: Some(name.clone()), namespace: Some(namespace.clone()), ..Default::default()
//!                 };
//!                 let copy = ConfigMap { metadata, ..Default::default() };
//!                 self.writer.create(&copy).await.map(drop)
//!                     .map_err(|source| Error::CreateCopy { name, source })
//!             }
//!         }
//!     }
//! }
//! ```

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use jiff::Timestamp;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Key, Memory};
use crate::plan::{Note, Plan};

/// Name of a controller in metrics, logs and configuration: a constant of
/// `skep_crds::names::controller`.
pub type ControllerName = &'static str;

/// A kind of object that the runtime can read, store and write. Implemented by every typed resource.
pub trait Kind:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Kind for K where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// How current what `observe` reads must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// From the stores: free, possibly behind.
    Cached,
    /// From the API server and the clouds.
    Live,
}

/// What `observe` found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Observation<Observed> {
    /// There is nothing to reconcile. Only the driver may conclude that the root itself is gone.
    Absent,
    /// The object is not this controller's business at present, and why.
    Skip(Note),
    /// What `decide` may look at.
    Of(Observed),
}

/// What the driver does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// Another try right away is likely to succeed: a conflict, an object that appeared meanwhile.
    RetryNow,
    /// Another try succeeds some time: throttled, unavailable, unknown. Delays grow per object.
    BackOff,
    /// Succeeds only once something that is watched changes.
    WaitForChange,
    /// A person must change something first.
    BlockedByUser,
    /// Never succeeds.
    Terminal,
}

/// An error that knows what should be done about it.
pub trait Classified {
    /// What the driver does about it.
    fn class(&self) -> Class;
}

/// Where a kind keeps its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusPlace {
    /// Behind the status subresource.
    #[default]
    Subresource,
    /// In the object itself: the definition has no status subresource.
    Object,
}

/// One controller.
pub trait Reconcile: Send + Sync + 'static {
    /// The kind that is reconciled.
    type Root: Kind;
    /// Everything that `decide` may look at, parsed. Small: no clients, no whole objects.
    type Observed: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// The part of the root's status that this controller answers for.
    type Status: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// A closed enum of effects. Carries its precondition. Its `Debug` text holds no secret and is the
    /// same for the same effect, because failures are remembered by it.
    type Step: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What can go wrong. Its text and its sources' hold no secret.
    type Error: Classified + std::error::Error + Send + Sync + 'static;

    /// The controller's name.
    const NAME: ControllerName;
    /// Where the root keeps its status.
    const STATUS: StatusPlace = StatusPlace::Subresource;

    /// Reads and parses. [`Freshness::Cached`] never leaves the process; [`Freshness::Live`] bypasses
    /// the stores (the root that is passed in is then fresh too). `memory` is what this object's steps
    /// came to: hand over what `decide` should know of it.
    fn observe(
        &self,
        root: Arc<Self::Root>,
        how: Freshness,
        memory: &Memory,
    ) -> impl Future<Output = Result<Observation<Self::Observed>, Self::Error>> + Send;

    /// Plain function: no self, no async, no clock, no randomness.
    fn decide(observed: &Self::Observed, now: Timestamp) -> Plan<Self::Status, Self::Step>;

    /// Whether a step needs no live reads before it: it is decided from the root alone (and what this process
    /// itself holds), and is a write to the root that the API server refuses if the root is another version,
    /// so that what the stores say is proven by the write itself; or it changes nothing anywhere.
    fn rests_on_root(_step: &Self::Step) -> bool {
        false
    }

    /// Takes one step: one effect, safe to take twice.
    fn act(
        &self,
        observed: &Self::Observed,
        step: Self::Step,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The merge patch of the root's `status` that records `status`, without the outer `status` key;
    /// `None` when nothing but times would change. Plain function, like `decide`. List fields
    /// (conditions) are merged here, because a merge patch replaces a list as a whole.
    fn merge_status(
        _root: &Self::Root,
        _status: &Self::Status,
        _now: Timestamp,
    ) -> Option<serde_json::Value> {
        None
    }

    /// The object is gone from the API server: drop what is kept about it (tasks, caches). Called at
    /// least once, by the leader and by followers, never twice at a time for one object.
    fn gone(&self, _key: &Key) {}
}

/// The chain of an error's sources on one line, for people.
///
/// A source whose text already ends its parent's is skipped: kube's errors print their sources
/// themselves.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}
