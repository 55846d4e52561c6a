//! How far an erasure is, for status, command line and metrics. Values only.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::resource::{Kind, ResourceId};

/// What the engine is doing.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Comparing the account with the recorded one.
    #[default]
    Fence,
    /// Listing.
    Discover,
    /// Making and recording the plan.
    Plan,
    /// Deleting.
    Execute,
    /// Waiting for late creations to show up.
    Quiet,
    /// Listing again and deleting stragglers.
    Sweep,
    /// Done; the receipt is written.
    Receipt,
}

/// Done and total of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindProgress {
    /// Gone or untagged.
    pub done: usize,
    /// All of the plan and its additions.
    pub total: usize,
}

/// A resource whose deletion goes on in the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Which.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// How long it usually takes.
    pub usual: Duration,
}

/// A resource that cannot be deleted now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Which.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// Why: the cloud's error, or who holds it.
    pub why: String,
}

/// A snapshot of an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What the engine is doing.
    pub phase: Phase,
    /// Resources gone or untagged.
    pub done: usize,
    /// Resources of the plan and its additions.
    pub total: usize,
    /// The same by kind.
    pub by_kind: BTreeMap<Kind, KindProgress>,
    /// What is being waited for, oldest first, at most [`Progress::SHOWN`].
    pub waiting: Vec<Waiting>,
    /// What is blocked, oldest first, at most [`Progress::SHOWN`].
    pub blocked: Vec<Blocked>,
    /// Estimate of the time left, from the longest chain of usual waits.
    pub remaining: Option<Duration>,
}

impl Progress {
    /// How many entries the lists hold at most.
    pub const SHOWN: usize = 10;
}
