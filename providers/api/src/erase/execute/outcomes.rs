//! What follows from an outcome, a refusal or a look. The class of an error alone decides.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use petgraph::graph::NodeIndex;

use super::{Event, Execution, State};
use crate::{
    erase::{
        EraseError,
        inventory::Outcome,
        plan::{Action, Plan},
        resource::{Disposal, Hold, Presence, Resource, ResourceId},
    },
    error::{Class, Error},
};

/// Up to this long nothing is assumed about a kind's usual wait.
const QUICK: Duration = Duration::from_secs(10);

/// A deletion that was accepted and after this time still does not show was forgotten by the cloud.
const FORGOTTEN: Duration = Duration::from_mins(1);

impl Execution<'_> {
    pub(super) async fn take(&mut self, event: Event) -> Result<(), EraseError> {
        match event {
            Event::Changed {
                action,
                steps,
                outcomes,
            } => {
                self.changing = self.changing.saturating_sub(1);
                let mut outcomes = outcomes.into_iter();
                for index in steps {
                    let outcome = outcomes.next().unwrap_or_else(|| {
                        let message = "the eraser gave no outcome for this resource";
                        Outcome::Failed(Error::new("delete", Class::Unknown, message))
                    });
                    self.changed(index, action, outcome);
                }
            }
            Event::Looked { kind, steps, found } => {
                self.looking.remove(&kind);
                match found {
                    Ok(found) => {
                        let mut found = found.into_iter();
                        for index in steps {
                            self.looked(index, found.next().unwrap_or(Presence::Present));
                        }
                    }
                    Err(error) => {
                        for index in steps {
                            self.could_not_look(index, &error);
                        }
                    }
                }
            }
            Event::Asked {
                step,
                refusal,
                holders,
            } => self.asked(step, refusal, holders).await?,
        }
        Ok(())
    }

    pub(super) fn changed(&mut self, index: NodeIndex, action: Action, outcome: Outcome) {
        match (outcome, action) {
            (Outcome::Done, _) | (Outcome::Started, Action::Release | Action::Untag) => {
                self.finish(index);
            }
            (Outcome::Started, Action::Delete | Action::Wait) => {
                self.set_pending(index, self.around.options.poll.0);
            }
            (Outcome::Failed(error), _) => match error.class.clone() {
                Class::NotFound => self.finish(index),
                Class::DependencyViolation { holders } => {
                    self.refused(index, &holders, error.to_string());
                }
                Class::Throttled { after } => self.again(index, after, error.to_string()),
                Class::Transient | Class::Unknown | Class::AlreadyExists => {
                    self.again(index, None, error.to_string());
                }
                Class::Denied | Class::Unauthenticated | Class::Quota | Class::Invalid => {
                    self.block(index, error.to_string());
                }
            },
        }
    }

    pub(super) fn finish(&mut self, index: NodeIndex) {
        self.set(index, State::Done);
        let at = self.stamp();
        let node = self.graph.node(index);
        self.ledger.done(node.action, &node.resource, at);
        if node.resource.control_plane && node.action == Action::Delete {
            self.ledger.control_plane_ended = Some(self.now());
        }
        for next in self.graph.waiting_for(index).collect::<Vec<_>>() {
            self.consider(next);
        }
    }

    pub(super) fn block(&mut self, index: NodeIndex, why: String) {
        let resource = &self.graph.node(index).resource;
        tracing::info!(kind = %resource.kind, id = %resource.id, why, "blocked");
        let since = self.stamp();
        self.set(index, State::Blocked { since, why });
    }

    /// Tries again after a growing pause, a few times.
    fn again(&mut self, index: NodeIndex, after: Option<Duration>, why: String) {
        let track = &mut self.tracks[index.index()];
        track.attempts += 1;
        let attempts = track.attempts;
        if attempts >= self.around.options.attempts {
            self.block(index, why);
        } else {
            let pause = after.unwrap_or_else(|| self.growing(attempts));
            self.hold_back(index, pause, why);
        }
    }

    fn growing(&self, times: u32) -> Duration {
        let (shortest, longest) = self.around.options.poll;
        shortest
            .saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)))
            .min(longest)
    }

    fn hold_back(&mut self, index: NodeIndex, pause: Duration, why: String) {
        let since = match self.state(index) {
            State::Held { since, .. } => *since,
            State::Waiting
            | State::Ready
            | State::Running
            | State::Pending { .. }
            | State::Done
            | State::Blocked { .. } => self.stamp(),
        };
        self.set(
            index,
            State::Held {
                until: self.now() + pause,
                since,
                why,
            },
        );
    }

    // Dependencies that nobody knew.

    /// The cloud refused because of holders. Named ones become edges; else it is asked who they are.
    fn refused(&mut self, index: NodeIndex, holders: &[ResourceId], refusal: String) {
        let mut known = BTreeSet::new();
        let mut unknown = holders.is_empty();
        for holder in holders {
            match self.graph.find(holder) {
                Some(step) => {
                    known.insert(step);
                }
                None => unknown = true,
            }
        }
        if self.wait_for(index, known, Hold::Existence) {
            return;
        }
        if unknown {
            self.ask(index, refusal);
        } else {
            self.hold_by_nobody(index, refusal);
        }
    }

    fn ask(&mut self, step: NodeIndex, refusal: String) {
        let target = Arc::clone(self.around.target);
        let resource = Arc::clone(&self.graph.node(step).resource);
        self.running.push(Box::pin(async move {
            let holders = target.holders(&resource).await;
            Event::Asked {
                step,
                refusal,
                holders,
            }
        }));
    }

    async fn asked(
        &mut self,
        step: NodeIndex,
        refusal: String,
        holders: Result<Vec<Resource>, Error>,
    ) -> Result<(), EraseError> {
        let holders = match holders {
            Ok(holders) => holders,
            Err(error) => {
                self.hold_by_nobody(step, format!("{refusal} (holders unknown: {error})"));
                return Ok(());
            }
        };
        let held = self.graph.node(step).resource.id.clone();
        let manner = holders
            .iter()
            .filter_map(|holder| holder.uses.get(&held))
            .copied()
            .min()
            .unwrap_or(Hold::Existence);
        let ids: Vec<ResourceId> = holders.iter().map(|holder| holder.id.clone()).collect();
        let strangers: Vec<String> = holders
            .iter()
            .filter(|holder| matches!(holder.disposal, Disposal::Leave { .. }))
            .map(|holder| format!("{} {}", holder.kind, holder.id))
            .collect();
        let unknown: Vec<Resource> = holders
            .into_iter()
            .filter(|holder| self.graph.find(&holder.id).is_none())
            .collect();
        let new = self
            .graph
            .add(self.around.facts, unknown)
            .map_err(|fault| EraseError::Inventory(fault.to_string()))?;
        if !new.is_empty() {
            let reason = format!("holder of {held}");
            let addition = Plan::of_nodes(
                self.around.facts,
                self.around.account,
                &self.graph,
                &new,
                &reason,
            );
            self.ledger
                .record_plan(self.around.context, &addition)
                .await?;
            self.track_new_steps();
        }
        let known = ids.iter().filter_map(|id| self.graph.find(id)).collect();
        if !self.wait_for(step, known, manner) {
            let why = if strangers.is_empty() {
                refusal
            } else {
                format!("{refusal} (held by {})", strangers.join(", "))
            };
            self.hold_by_nobody(step, why);
        }
        Ok(())
    }

    /// Makes `index` wait for those of `holders` that are not done. `false` if there are none.
    fn wait_for(&mut self, index: NodeIndex, holders: BTreeSet<NodeIndex>, hold: Hold) -> bool {
        for holder in holders {
            let tracks = &self.tracks;
            let over = |step: NodeIndex| {
                tracks
                    .get(step.index())
                    .is_some_and(|track| matches!(track.state, State::Done))
            };
            if holder != index && !over(holder) {
                self.graph.hold(holder, index, hold, over);
            }
        }
        self.track_new_steps();
        let waits = self.graph.before(index).any(|before| !self.is_done(before));
        if waits {
            self.tracks[index.index()].held = None;
            self.set(index, State::Waiting);
        }
        // Where a cycle was opened, others may have become free.
        for step in self.graph.nodes() {
            self.consider(step);
        }
        waits
    }

    /// Held, and nothing that we delete is to blame: the cloud may be late, or a stranger holds it.
    fn hold_by_nobody(&mut self, index: NodeIndex, why: String) {
        let now = self.now();
        let track = &mut self.tracks[index.index()];
        let (since, times) = track
            .held
            .map_or((now, 1), |(since, times)| (since, times + 1));
        track.held = Some((since, times));
        if now.saturating_sub(since) >= self.around.options.patience {
            let id = &self.graph.node(index).resource.id;
            let why = match self.graph.foreign_holders.get(id) {
                Some(holders) if !why.contains("held by") => {
                    let holders: Vec<&str> = holders.iter().map(String::as_str).collect();
                    format!("{why} (held by {})", holders.join(", "))
                }
                Some(_) | None => why,
            };
            self.block(index, why);
        } else {
            let pause = self.growing(times);
            self.hold_back(index, pause, why);
        }
    }

    // Looking.

    fn looked(&mut self, index: NodeIndex, presence: Presence) {
        let State::Pending {
            since, shown_since, ..
        } = *self.state(index)
        else {
            return;
        };
        self.tracks[index.index()].blind = 0;
        let now = self.now();
        let waited = now.saturating_sub(since);
        let usual = self.usual_wait(index);
        let patience = self.around.options.patience;
        let own = self.graph.node(index).action == Action::Delete;
        let overdue = match presence {
            Presence::Gone => return self.finish(index),
            Presence::Failed(why) if own => return self.again(index, None, why),
            Presence::Failed(why) => return self.block(index, why),
            // A describe may lag behind the deletion, but not for long.
            Presence::Present if own => waited > FORGOTTEN.max(usual * 3),
            Presence::Present | Presence::Going => waited > patience.max(usual * 3),
        };
        match (overdue, own) {
            (false, _) => {
                let look = now + self.until_next_look(waited, usual);
                self.set(
                    index,
                    State::Pending {
                        since,
                        shown_since,
                        look,
                    },
                );
            }
            (true, true) => self.again(index, None, "its deletion does not end".to_owned()),
            (true, false) => self.block(index, "it does not go by itself".to_owned()),
        }
    }

    fn could_not_look(&mut self, index: NodeIndex, error: &Error) {
        let State::Pending {
            since, shown_since, ..
        } = *self.state(index)
        else {
            return;
        };
        let track = &mut self.tracks[index.index()];
        track.blind += 1;
        let blind = track.blind;
        if blind >= self.around.options.attempts {
            self.block(
                index,
                format!("it cannot be seen whether it is gone: {error}"),
            );
        } else {
            let look = self.now() + self.growing(blind);
            self.set(
                index,
                State::Pending {
                    since,
                    shown_since,
                    look,
                },
            );
        }
    }

    /// A quarter of the time waited so far: what is quick is noticed at once, what is slow costs few
    /// calls. When it usually takes much longer, the looks between are saved, and then they come
    /// twice as often: a chain of waits must not grow by a third.
    fn until_next_look(&self, waited: Duration, usual: Duration) -> Duration {
        let (shortest, longest) = self.around.options.poll;
        let every = |part: u32| (waited / part).clamp(shortest, longest.max(shortest));
        let likely = usual * 3 / 4;
        if waited < QUICK || usual.is_zero() {
            every(4)
        } else if waited + every(4) < likely {
            likely.saturating_sub(waited)
        } else {
            every(8)
        }
    }
}
