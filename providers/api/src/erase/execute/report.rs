//! What is told while the graph runs: progress, what is left, the receipt so far.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Execution, State, Unfinished};
use crate::erase::{
    EraseError,
    plan::Action,
    progress::{Blocked, KindProgress, Progress, Waiting},
    resource::Kind,
};

impl Execution<'_> {
    pub(super) fn unfinished(&self) -> Vec<Unfinished> {
        let mut unfinished = Vec::new();
        for index in self.graph.nodes() {
            let node = self.graph.node(index);
            let why = match self.state(index) {
                State::Done => continue,
                State::Blocked { why, .. } | State::Held { why, .. } => why.clone(),
                State::Waiting if node.action == Action::Untag => {
                    "its mark is taken off when everything else has gone".to_owned()
                }
                State::Waiting => {
                    let before: Vec<String> = self
                        .graph
                        .before(index)
                        .filter(|before| !self.is_done(*before))
                        .map(|before| self.graph.node(before).resource.id.to_string())
                        .collect();
                    format!("waits for {}", before.join(", "))
                }
                State::Ready | State::Running | State::Pending { .. } => "under way".to_owned(),
            };
            if node.action != Action::Release {
                unfinished.push(Unfinished {
                    resource: Arc::clone(&node.resource),
                    why,
                });
            }
        }
        unfinished
    }

    pub(super) fn publish(&self) {
        let progress = self.progress();
        self.around.context.progress.send_if_modified(|shown| {
            let changed = *shown != progress;
            *shown = progress;
            changed
        });
    }

    fn progress(&self) -> Progress {
        let mut by_kind: BTreeMap<Kind, KindProgress> = self.ledger.by_kind();
        let mut waiting = Vec::new();
        let mut blocked = Vec::new();
        for index in self.graph.nodes() {
            let node = self.graph.node(index);
            let resource = &node.resource;
            if node.action != Action::Release && !self.is_done(index) {
                by_kind.entry(resource.kind.clone()).or_default().total += 1;
            }
            let (id, kind, name) = (
                resource.id.clone(),
                resource.kind.clone(),
                resource.name.clone(),
            );
            match self.state(index) {
                State::Pending { shown_since, .. } => waiting.push(Waiting {
                    id,
                    kind,
                    name,
                    since: *shown_since,
                    usual: self.usual_wait(index),
                }),
                State::Blocked { since, why } | State::Held { since, why, .. } => {
                    blocked.push(Blocked {
                        id,
                        kind,
                        name,
                        since: *since,
                        why: why.clone(),
                    });
                }
                State::Waiting | State::Ready | State::Running | State::Done => {}
            }
        }
        waiting.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        blocked.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        waiting.truncate(Progress::SHOWN);
        blocked.truncate(Progress::SHOWN);
        Progress {
            phase: self.phase,
            done: by_kind.values().map(|kind| kind.done).sum(),
            total: by_kind.values().map(|kind| kind.total).sum(),
            by_kind,
            waiting,
            blocked,
            remaining: Some(self.remaining()),
        }
    }

    /// From the longest chain of usual waits. Whole seconds: finer would only make the watch ring.
    fn remaining(&self) -> Duration {
        let now = self.now();
        let left = self.graph.longest_wait(|index| match self.state(index) {
            State::Done | State::Blocked { .. } => None,
            State::Pending { since, .. } => Some(
                self.usual_wait(index)
                    .saturating_sub(now.saturating_sub(*since)),
            ),
            State::Waiting | State::Ready | State::Running | State::Held { .. } => {
                Some(self.usual_wait(index))
            }
        });
        Duration::from_secs(left.as_secs())
    }

    pub(super) async fn checkpoint(&mut self) -> Result<(), EraseError> {
        if self.now() < self.checkpoint_due {
            return Ok(());
        }
        self.checkpoint_pause = (self.checkpoint_pause * 2).min(self.around.options.checkpoint);
        self.checkpoint_due = self.now() + self.checkpoint_pause;
        let unfinished = self.unfinished();
        let receipt = self.ledger.receipt(
            &unfinished,
            self.around.context.clock.now(),
            self.around.target.calls(),
        );
        self.ledger.checkpoint(self.around.context, &receipt).await
    }
}
