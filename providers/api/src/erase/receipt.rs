//! The receipt: what was deleted, untagged and left, and the proof that nothing else remains.
//!
//! A receipt is a plain value; a crash loses at most what happened since the last checkpoint, and an
//! earlier receipt of the same erasure is merged into the later one. What went while nobody wrote it down is
//! told by the next listing; calls are not, so a receipt also counts the runs that ended without a word.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    EraseContext, EraseError,
    execute::Unfinished,
    plan::{Action, Plan, Untouched, table},
    progress::{Blocked, KindProgress, Progress},
    resource::{Disposal, Kind, Proof, Resource, ResourceId},
};
use crate::{account::AccountId, call::CallCounts};

/// A resource that is gone or untagged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disposed {
    /// Which.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why it was ours; absent for what is shared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<Proof>,
    /// When it was seen gone.
    pub at: Timestamp,
}

/// A resource that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// Which.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
    /// It belongs to the cluster: the erasure is not complete. Otherwise it is only mentioned.
    pub ours: bool,
    /// It is shared with others and still carries the cluster's mark.
    #[serde(default)]
    pub shared: bool,
}

/// A plan or an addition to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPlan {
    /// Digest of the plan.
    pub digest: String,
    /// Steps in it.
    pub steps: usize,
    /// Why it was made: `initial`, `continued` (a later run), `sweep`, `holder of …`.
    pub reason: String,
    /// When it was recorded.
    pub at: Timestamp,
}

/// What happened, and the state at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Infra ID of the cluster.
    pub infra_id: String,
    /// The account, as verified.
    pub account: AccountId,
    /// When the erasure first began.
    pub started: Timestamp,
    /// When this receipt was written.
    pub finished: Timestamp,
    /// Plans in the order they were recorded.
    pub plans: Vec<RecordedPlan>,
    /// What is gone, in order.
    pub deleted: Vec<Disposed>,
    /// From what the cluster's mark was taken, in order.
    pub untagged: Vec<Disposed>,
    /// What is still there, and why.
    pub left: Vec<Left>,
    /// Listings that failed at the end; with any, the account was not seen empty.
    pub gaps: Vec<String>,
    /// Calls made, all runs together; of a run that ended without a word, those up to its last word.
    pub calls: CallCounts,
    /// Runs that ended without a word: their process was killed. They made more calls than are counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interrupted: u32,
    /// A run was at work when this was written, and has not written since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub under_way: bool,
    /// Time that clouds imposed: the time in which nothing could be done but wait, all runs
    /// together.
    pub imposed_wait: Duration,
    /// A control plane was found, so that in-cluster controllers may have created more.
    pub control_plane: bool,
    /// A listing after the quiet period was made.
    pub swept: bool,
    /// The final listing was without gaps and found nothing of the cluster.
    pub complete: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A receipt or an unfinished erasure, small enough for a status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Digest of the first plan.
    pub plan_digest: Option<String>,
    /// Per kind.
    pub kinds: BTreeMap<Kind, KindProgress>,
    /// Oldest blocked ones, at most [`Progress::SHOWN`](super::Progress::SHOWN).
    pub blocked: Vec<Blocked>,
    /// Estimate of the time left.
    pub remaining: Option<Duration>,
    /// Nothing is left.
    pub complete: bool,
}

impl Receipt {
    /// Puts an earlier receipt of the same erasure before this one. What was left then, was ours and
    /// is not left now has gone in between: a crash came before it could be written down.
    #[must_use]
    pub fn merged(self, earlier: Self) -> Self {
        let listed = self.gaps.is_empty();
        self.joined(earlier, listed)
    }

    /// `listed`: this receipt's `left` comes from a listing without gaps. Otherwise absence tells
    /// nothing, and what was left then is taken to be left still.
    fn joined(mut self, earlier: Self, listed: bool) -> Self {
        if earlier.infra_id != self.infra_id || earlier.account != self.account {
            return self;
        }
        let still: BTreeSet<ResourceId> = self.left.iter().map(|left| left.id.clone()).collect();
        let known: BTreeSet<ResourceId> = self
            .deleted
            .iter()
            .chain(&self.untagged)
            .map(|gone| gone.id.clone())
            .collect();
        let before = |id: &ResourceId| !known.contains(id);
        let mut deleted: Vec<Disposed> = earlier
            .deleted
            .into_iter()
            .filter(|gone| before(&gone.id))
            .collect();
        let mut untagged: Vec<Disposed> = earlier
            .untagged
            .into_iter()
            .filter(|gone| before(&gone.id))
            .collect();
        for left in earlier.left {
            if !listed {
                if !still.contains(&left.id) && !known.contains(&left.id) {
                    self.left.push(left);
                }
            } else if left.ours && !still.contains(&left.id) && !known.contains(&left.id) {
                let Left {
                    id,
                    kind,
                    name,
                    shared,
                    ..
                } = left;
                let gone = Disposed {
                    id,
                    kind,
                    name,
                    proof: None,
                    at: self.started,
                };
                if shared {
                    untagged.push(gone);
                } else {
                    deleted.push(gone);
                }
            }
        }
        deleted.append(&mut self.deleted);
        untagged.append(&mut self.untagged);
        let mut plans = earlier.plans;
        plans.append(&mut self.plans);
        Self {
            started: earlier.started,
            plans,
            deleted,
            untagged,
            calls: earlier.calls + self.calls,
            interrupted: earlier.interrupted + u32::from(earlier.under_way) + self.interrupted,
            imposed_wait: earlier.imposed_wait + self.imposed_wait,
            control_plane: earlier.control_plane || self.control_plane,
            ..self
        }
    }

    /// A summary small enough for a status.
    pub fn summary(&self) -> Summary {
        let mut kinds: BTreeMap<Kind, KindProgress> = BTreeMap::new();
        for gone in self.deleted.iter().chain(&self.untagged) {
            let kind = kinds.entry(gone.kind.clone()).or_default();
            kind.done += 1;
            kind.total += 1;
        }
        for left in self.left.iter().filter(|left| left.ours) {
            kinds.entry(left.kind.clone()).or_default().total += 1;
        }
        let blocked = self
            .left
            .iter()
            .filter(|left| left.ours)
            .take(Progress::SHOWN);
        Summary {
            plan_digest: self.plans.first().map(|plan| plan.digest.clone()),
            kinds,
            blocked: blocked
                .map(|left| Blocked {
                    id: left.id.clone(),
                    kind: left.kind.clone(),
                    name: left.name.clone(),
                    since: self.finished,
                    why: left.why.clone(),
                })
                .collect(),
            remaining: None,
            complete: self.complete,
        }
    }
}

impl Progress {
    /// A summary small enough for a status.
    pub fn summary(&self, plan_digest: Option<String>) -> Summary {
        Summary {
            plan_digest,
            kinds: self.by_kind.clone(),
            blocked: self.blocked.clone(),
            remaining: self.remaining,
            complete: false,
        }
    }
}

impl fmt::Display for Receipt {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.complete {
            "complete, nothing left"
        } else {
            "NOT complete"
        };
        writeln!(
            f,
            "Receipt for {} in {}: {state}",
            self.infra_id, self.account
        )?;
        writeln!(f, "from {:.0} to {:.0}", self.started, self.finished)?;
        writeln!(
            f,
            "calls: {}{} changing, {} reading; waited for the cloud: {} s; second look: {}",
            if self.interrupted > 0 {
                "at least "
            } else {
                ""
            },
            self.calls.changes,
            self.calls.reads,
            self.imposed_wait.as_secs(),
            if self.swept { "yes" } else { "not needed" },
        )?;
        if self.interrupted > 0 {
            writeln!(
                f,
                "interrupted: {} times, with calls that nobody could count any more",
                self.interrupted
            )?;
        }
        for plan in &self.plans {
            writeln!(
                f,
                "plan ({}): {} steps, {}",
                plan.reason, plan.steps, plan.digest
            )?;
        }
        let mut counts: BTreeMap<&Kind, [usize; 3]> = BTreeMap::new();
        for gone in &self.deleted {
            counts.entry(&gone.kind).or_default()[0] += 1;
        }
        for gone in &self.untagged {
            counts.entry(&gone.kind).or_default()[1] += 1;
        }
        for left in self.left.iter().filter(|left| left.ours) {
            counts.entry(&left.kind).or_default()[2] += 1;
        }
        let rows: Vec<[String; 4]> = counts
            .into_iter()
            .map(|(kind, [deleted, untagged, left])| {
                [
                    kind.to_string(),
                    deleted.to_string(),
                    untagged.to_string(),
                    left.to_string(),
                ]
            })
            .collect();
        if !rows.is_empty() {
            writeln!(f)?;
            table(f, ["KIND", "DELETED", "UNTAGGED", "LEFT"], &rows)?;
        }
        for left in &self.left {
            writeln!(f, "left: {} {}: {}", left.kind, left.id, left.why)?;
        }
        for gap in &self.gaps {
            writeln!(f, "could not be listed: {gap}")?;
        }
        Ok(())
    }
}

/// The receipt while it is being written.
#[derive(Debug)]
pub(crate) struct Ledger {
    infra_id: String,
    account: AccountId,
    started: Timestamp,
    earlier: Option<Receipt>,
    plans: Vec<RecordedPlan>,
    deleted: Vec<Disposed>,
    untagged: Vec<Disposed>,
    pub(crate) untouched: Vec<Untouched>,
    pub(crate) unfinished: Vec<Unfinished>,
    /// Of earlier rounds, not ended and not seen since because of gaps.
    unseen: Vec<Unfinished>,
    pub(crate) gaps: Vec<String>,
    pub(crate) imposed_wait: Duration,
    pub(crate) control_plane: bool,
    /// When the last control-plane machine was seen gone, on the run's own time scale.
    pub(crate) control_plane_ended: Option<Duration>,
    pub(crate) swept: bool,
    /// The last listing of this run had no gaps, so that absence means gone.
    pub(crate) listed: bool,
}

impl Ledger {
    pub(crate) fn new(
        infra_id: &str,
        account: &AccountId,
        started: Timestamp,
        earlier: Option<Receipt>,
    ) -> Self {
        let earlier =
            earlier.filter(|earlier| earlier.infra_id == infra_id && earlier.account == *account);
        Self {
            infra_id: infra_id.to_owned(),
            account: account.clone(),
            started,
            // Controllers that ran before a crash may have created something since.
            control_plane: earlier
                .as_ref()
                .is_some_and(|earlier| earlier.control_plane),
            earlier,
            plans: Vec::new(),
            deleted: Vec::new(),
            untagged: Vec::new(),
            untouched: Vec::new(),
            unfinished: Vec::new(),
            unseen: Vec::new(),
            gaps: Vec::new(),
            imposed_wait: Duration::ZERO,
            control_plane_ended: None,
            swept: false,
            listed: false,
        }
    }

    /// Whether an earlier run found anything of the cluster.
    pub(crate) fn found_before(&self) -> bool {
        self.earlier.as_ref().is_some_and(|earlier| {
            !earlier.deleted.is_empty()
                || !earlier.untagged.is_empty()
                || earlier.left.iter().any(|left| left.ours)
        })
    }

    /// What did not end in the last round and is not listed any more: it has gone by itself since,
    /// or, when the listing had gaps, it was not seen and counts as left.
    pub(crate) fn follow_up(
        &mut self,
        unfinished: &[Unfinished],
        at: Timestamp,
        is_listed: impl Fn(&ResourceId) -> bool,
    ) {
        let mut absent = std::mem::take(&mut self.unseen);
        absent.extend_from_slice(unfinished);
        absent.retain(|step| !is_listed(&step.resource.id));
        if self.listed {
            for step in absent {
                let action = match step.resource.disposal {
                    Disposal::Untag => Action::Untag,
                    Disposal::Delete | Disposal::Follows(_) | Disposal::Leave { .. } => {
                        Action::Delete
                    }
                };
                self.done(action, &step.resource, at);
            }
        } else {
            self.unseen = absent;
        }
    }

    pub(crate) fn was_deleted(&self, id: &ResourceId) -> bool {
        self.deleted.iter().any(|gone| gone.id == *id)
    }

    pub(crate) fn done(&mut self, action: Action, resource: &Resource, at: Timestamp) {
        let list = match action {
            Action::Release => return,
            Action::Delete | Action::Wait => &mut self.deleted,
            Action::Untag => &mut self.untagged,
        };
        list.retain(|gone| gone.id != resource.id);
        list.push(Disposed {
            id: resource.id.clone(),
            kind: resource.kind.clone(),
            name: resource.name.clone(),
            proof: resource.proof.clone(),
            at,
        });
    }

    /// Done so far, as done and total.
    pub(crate) fn by_kind(&self) -> BTreeMap<Kind, KindProgress> {
        let mut by_kind: BTreeMap<Kind, KindProgress> = BTreeMap::new();
        for gone in self.deleted.iter().chain(&self.untagged) {
            let kind = by_kind.entry(gone.kind.clone()).or_default();
            kind.done += 1;
            kind.total += 1;
        }
        by_kind
    }

    /// Puts a plan on record, durably, before anything of it is done.
    pub(crate) async fn record_plan(
        &mut self,
        context: &EraseContext,
        plan: &Plan,
    ) -> Result<(), EraseError> {
        context
            .journal
            .record_plan(plan)
            .await
            .map_err(|source| EraseError::Journal {
                source,
                receipt: None,
            })?;
        self.plans.push(RecordedPlan {
            digest: plan.digest.clone(),
            steps: plan.steps.len(),
            reason: plan.reason.clone(),
            at: context.clock.now(),
        });
        Ok(())
    }

    pub(crate) async fn checkpoint(
        &self,
        context: &EraseContext,
        receipt: &Receipt,
    ) -> Result<(), EraseError> {
        context
            .journal
            .checkpoint(receipt)
            .await
            .map_err(|source| EraseError::Journal {
                source,
                receipt: None,
            })
    }

    /// Why a run's first plan is made.
    pub(crate) fn first_reason(&self) -> &'static str {
        let planned = |earlier: &Receipt| !earlier.plans.is_empty();
        if self.earlier.as_ref().is_some_and(planned) {
            "continued"
        } else {
            "initial"
        }
    }

    /// The receipt as of now, earlier runs included. Not `complete` and still under way: that is for the
    /// end to say.
    pub(crate) fn receipt(
        &self,
        unfinished: &[Unfinished],
        now: Timestamp,
        calls: CallCounts,
    ) -> Receipt {
        let mut left: Vec<Left> = unfinished
            .iter()
            .chain(&self.unseen)
            .map(|step| Left {
                id: step.resource.id.clone(),
                kind: step.resource.kind.clone(),
                name: step.resource.name.clone(),
                why: step.why.clone(),
                ours: true,
                shared: step.resource.disposal == Disposal::Untag,
            })
            .collect();
        left.extend(self.untouched.iter().map(|item| Left {
            id: item.id.clone(),
            kind: item.kind.clone(),
            name: item.name.clone(),
            why: item.reason.clone(),
            ours: item.ours,
            shared: false,
        }));
        let receipt = Receipt {
            infra_id: self.infra_id.clone(),
            account: self.account.clone(),
            started: self.started,
            finished: now,
            plans: self.plans.clone(),
            deleted: self.deleted.clone(),
            untagged: self.untagged.clone(),
            left,
            gaps: self.gaps.clone(),
            calls,
            interrupted: 0,
            under_way: true,
            imposed_wait: self.imposed_wait,
            control_plane: self.control_plane,
            swept: self.swept,
            complete: false,
        };
        match &self.earlier {
            Some(earlier) => receipt.joined(earlier.clone(), self.listed),
            None => receipt,
        }
    }
}
