//! What a cloud implements to be erased from: [`Inventory`] reads, [`Eraser`] changes.
//!
//! How to implement:
//! * [`Inventory::kinds`] describes each kind once: its service, how many fit one call, and the
//!   edges *that the cloud really enforces*. Rules between kinds are for what follows from kinds
//!   (network after subnets of the same network); a single known holder goes into
//!   [`Resource::uses`] instead. The engine needs both directions only once.
//! * Every call goes through a [`Calls`](crate::call::Calls) made for this target: it retries, keeps
//!   to the rate limit, counts. The eraser does not retry, wait or sleep by itself.
//! * Deleting what is not there is [`Outcome::Done`]. A deletion that goes on in the background is
//!   [`Outcome::Started`]; the engine then describes until it is gone.

use std::time::Duration;

use async_trait::async_trait;

use super::resource::{Deletion, Kind, Presence, Resource, Untagging};
use crate::{call::CallCounts, credentials::Credentials, error::Error};

/// Which pairs of two kinds an edge rule joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All pairs.
    Everywhere,
    /// Pairs with a common container ([`Resource::within`]).
    Within,
    /// Pairs whose earlier one is a machine of the control plane. For what in-cluster controllers
    /// would create again (registry bucket).
    ControlPlane,
}

/// An edge rule: the kind that carries it can go only after `kind` has gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct After {
    /// The kind that has to go first.
    pub kind: Kind,
    /// For which pairs.
    pub scope: Scope,
}

/// Description of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindSpec {
    /// The kind.
    pub kind: Kind,
    /// What people call it: "NAT gateway".
    pub title: &'static str,
    /// Service whose limits its deletion counts against: `ec2`, `iam`.
    pub service: &'static str,
    /// How many resources one [`Eraser::delete`] may take; 1 where the cloud deletes one by one.
    pub delete_batch: usize,
    /// How many one [`Inventory::describe`] may take.
    pub describe_batch: usize,
    /// How long a started deletion usually takes; zero where the answer means gone. Steers the first
    /// look and the estimate of the end.
    pub usual_wait: Duration,
    /// What has to go first.
    pub after: Vec<After>,
}

impl KindSpec {
    /// A kind that is deleted one by one, is gone at once and waits for nothing.
    pub const fn new(kind: Kind, title: &'static str, service: &'static str) -> Self {
        Self {
            kind,
            title,
            service,
            delete_batch: 1,
            describe_batch: 100,
            usual_wait: Duration::ZERO,
            after: Vec::new(),
        }
    }

    /// The same kind, deleted up to `size` by one call.
    #[must_use]
    pub fn delete_batch(mut self, size: usize) -> Self {
        self.delete_batch = size.max(1);
        self
    }

    /// The same kind, described up to `size` by one call.
    #[must_use]
    pub fn describe_batch(mut self, size: usize) -> Self {
        self.describe_batch = size.max(1);
        self
    }

    /// The same kind, whose deletion usually takes `wait` after it was started.
    #[must_use]
    pub fn usual_wait(mut self, wait: Duration) -> Self {
        self.usual_wait = wait;
        self
    }

    /// The same kind, which can go only after `kind` in `scope`.
    #[must_use]
    pub fn after(mut self, kind: Kind, scope: Scope) -> Self {
        self.after.push(After { kind, scope });
        self
    }
}

/// A listing that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What was listed: `iam:ListRoles`.
    pub source: String,
    /// Why it failed.
    pub error: Error,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Everything of the cluster, shared resources that carry its mark, and foreign resources that
    /// hold any of them, as far as known. Tombstones are left out.
    pub resources: Vec<Resource>,
    /// Listings that failed. With a gap nothing is ever declared empty.
    pub gaps: Vec<Gap>,
    /// Tombstones of control-plane machines were seen (AWS lists terminated instances for an hour):
    /// after a crash nothing else tells that in-cluster controllers ran a moment ago. Machines that
    /// are still there are found by [`Resource::control_plane`] and need not be counted here.
    pub control_plane_ended: bool,
}

/// The reading side of a cloud.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// The kinds that this cloud knows. Constant for the life of the value.
    fn kinds(&self) -> &[KindSpec];

    /// Lists everything of the cluster, all services at the same time, all pages. One service that
    /// fails is a [`Gap`]; an error is for what makes the whole listing worthless (bad credentials).
    /// A read, never answered from a cache; safe to repeat.
    async fn discover(&self) -> Result<Discovery, Error>;

    /// Where resources of one kind stand, in the order of `resources`, in one call where the cloud
    /// can ([`KindSpec::describe_batch`] at most). Not found is [`Presence::Gone`], tombstones too.
    /// Must be strongly consistent as far as the cloud allows: a describe, not a search index. A
    /// read; safe to repeat.
    async fn describe(&self, resources: &[Resource]) -> Result<Vec<Presence>, Error>;

    /// Who holds `resource`, asked after a dependency violation that named nobody. May find what
    /// discovery did not know: owned resources come with a proof, foreign ones with
    /// [`Disposal::Leave`](super::Disposal::Leave). Empty when the cloud cannot tell. A read; safe to
    /// repeat.
    async fn holders(&self, resource: &Resource) -> Result<Vec<Resource>, Error>;

    /// Calls made so far through this value, retries included.
    fn calls(&self) -> CallCounts;
}

/// What became of one item of a destructive call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Gone, released or untagged; or it was so before.
    Done,
    /// Accepted; it goes on in the background.
    Started,
    /// Not done.
    Failed(Error),
}

/// The changing side of a cloud. Nothing here takes anything but proven resources.
#[async_trait]
pub trait Eraser: Send + Sync {
    /// Deletes resources of one kind, at most [`KindSpec::delete_batch`] of them, by as few calls
    /// as possible, and does not wait. Includes what belongs to the deletion alone: detaching,
    /// emptying a bucket, removing inline policies. Outcomes in the order of `batch`; per-item
    /// failures inside a successful answer must be told. Safe to repeat.
    async fn delete(&self, batch: &[Deletion]) -> Vec<Outcome>;

    /// Takes away the references ([`Hold::Reference`](super::Hold::Reference)) by which resources of
    /// one kind hold others, and leaves the resources. Safe to repeat.
    async fn release(&self, batch: &[Deletion]) -> Vec<Outcome>;

    /// Takes the cluster's mark off shared resources of one service, at most
    /// [`UNTAG_BATCH`] of them, kinds mixed. Safe to repeat.
    async fn untag(&self, batch: &[Untagging]) -> Vec<Outcome>;
}

/// How many resources one [`Eraser::untag`] takes; the resource tagging service of AWS takes 20.
pub const UNTAG_BATCH: usize = 20;

/// Everything the engine needs from a cloud.
pub trait EraseTarget: Credentials + Inventory + Eraser {}

impl<T: Credentials + Inventory + Eraser> EraseTarget for T {}
