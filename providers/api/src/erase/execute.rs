//! Running the graph: one loop that begins whatever is ready, looks after what is going, and lets
//! each finished step release those that waited for it. No passes, no fixed sleeps.
//!
//! It never makes a destructive call for anything but a [`Deletion`] or [`Untagging`], never one
//! after a cancel, and never one for a resource that is not in a recorded plan.
//!
//! What a failure means is decided by its class alone: gone is done; a dependency becomes an edge;
//! a passing trouble is tried again a few times; everything else blocks this step, and the rest
//! goes on (`docs/spec/20 §13.2`).

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures::{Future, StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use petgraph::graph::NodeIndex;

use super::{
    EraseContext, EraseError, EraseOptions, EraseTarget, UNTAG_BATCH,
    facts::ClusterFacts,
    graph::Graph,
    inventory::Outcome,
    plan::{Action, Plan},
    progress::{Blocked, KindProgress, Phase, Progress, Waiting},
    receipt::Ledger,
    resource::{Deletion, Disposal, Hold, Kind, Presence, Resource, ResourceId, Untagging},
};
use crate::{
    account::AccountId,
    call,
    clock::Monotonic,
    error::{Class, Error},
};

/// How long calls under way are awaited after a cancel. They make no further attempt, but the one
/// under way may still bring an outcome for the receipt.
const GRACE: Duration = Duration::from_secs(10);

/// What an execution works with.
pub(crate) struct Surroundings<'a> {
    pub(crate) facts: &'a ClusterFacts,
    pub(crate) account: &'a AccountId,
    pub(crate) options: &'a EraseOptions,
    pub(crate) target: &'a Arc<dyn EraseTarget>,
    pub(crate) context: &'a EraseContext,
    pub(crate) started: Monotonic,
}

/// How the steps stand.
pub(crate) struct Execution<'a> {
    around: &'a Surroundings<'a>,
    ledger: &'a mut Ledger,
    phase: Phase,
    graph: Graph,
    tracks: Vec<Track>,
    ready: BTreeSet<Ready>,
    /// Kinds that are being described right now.
    looking: BTreeSet<Kind>,
    /// Destructive calls under way.
    changing: usize,
    running: FuturesUnordered<Pin<Box<dyn Future<Output = Event> + Send>>>,
    checkpoint_due: Duration,
}

/// A step that may begin; sorted so that what takes longest begins first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ready {
    usual_wait: std::cmp::Reverse<Duration>,
    action: Action,
    kind: Kind,
    index: NodeIndex,
}

#[derive(Debug, Clone)]
struct Track {
    state: State,
    attempts: u32,
    /// Describes that failed in a row.
    blind: u32,
    /// When it was first refused because of a holder that is not a step, and how often.
    held: Option<(Duration, u32)>,
}

#[derive(Debug, Clone)]
enum State {
    /// For other steps.
    Waiting,
    Ready,
    Running,
    /// The cloud is at it; look again at `look`.
    Pending { since: Duration, shown_since: Timestamp, look: Duration },
    /// To be tried again.
    Held { until: Duration, since: Timestamp, why: String },
    Done,
    Blocked { since: Timestamp, why: String },
}

enum Event {
    Changed { action: Action, steps: Vec<NodeIndex>, outcomes: Vec<Outcome> },
    Looked { kind: Kind, steps: Vec<NodeIndex>, found: Result<Vec<Presence>, Error> },
    Asked { step: NodeIndex, refusal: String, holders: Result<Vec<Resource>, Error> },
}

/// A step that did not end.
#[derive(Debug, Clone)]
pub(crate) struct Unfinished {
    pub(crate) resource: Arc<Resource>,
    pub(crate) why: String,
}

impl<'a> Execution<'a> {
    pub(crate) fn new(
        around: &'a Surroundings<'a>,
        ledger: &'a mut Ledger,
        graph: Graph,
        phase: Phase,
    ) -> Self {
        let checkpoint_due = around.started.elapsed() + around.options.checkpoint;
        let mut execution = Self {
            around,
            ledger,
            phase,
            graph,
            tracks: Vec::new(),
            ready: BTreeSet::new(),
            looking: BTreeSet::new(),
            changing: 0,
            running: FuturesUnordered::new(),
            checkpoint_due,
        };
        execution.track_new_steps();
        execution
    }

    /// Runs until nothing more can be done now. What did not end is in the ledger then.
    pub(crate) async fn run(mut self) -> Result<(), EraseError> {
        let ended = self.run_steps().await;
        self.ledger.unfinished = self.unfinished();
        ended
    }

    async fn run_steps(&mut self) -> Result<(), EraseError> {
        loop {
            if self.around.context.cancel.is_cancelled() {
                self.drain().await;
                return Err(EraseError::Cancelled { receipt: None });
            }
            self.resume_held();
            self.release_untagging();
            self.begin_changes();
            self.begin_looks();
            self.publish();
            let now = self.now();
            let timer = self.next_time();
            if self.running.is_empty() && timer.is_none() {
                return Ok(());
            }
            let idle = self.running.is_empty();
            let until = timer.unwrap_or(self.checkpoint_due).min(self.checkpoint_due);
            let cancel = self.around.context.cancel.clone();
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                event = self.running.next(), if !idle => event,
                () = tokio::time::sleep(until.saturating_sub(now)) => None,
            };
            if idle {
                self.ledger.imposed_wait += self.now().saturating_sub(now);
            }
            if let Some(event) = event {
                self.take(event).await?;
            }
            self.checkpoint().await?;
        }
    }

    fn now(&self) -> Duration {
        self.around.started.elapsed()
    }

    fn stamp(&self) -> Timestamp {
        self.around.context.clock.now()
    }

    fn usual_wait(&self, index: NodeIndex) -> Duration {
        let kind = &self.graph.node(index).resource.kind;
        self.graph.spec(kind).map_or(Duration::ZERO, |spec| spec.usual_wait)
    }

    fn state(&self, index: NodeIndex) -> &State {
        &self.tracks[index.index()].state
    }

    fn set(&mut self, index: NodeIndex, state: State) {
        self.tracks[index.index()].state = state;
    }

    fn is_done(&self, index: NodeIndex) -> bool {
        matches!(self.state(index), State::Done)
    }

    // Beginnings.

    /// Gives a state to every step that has none yet.
    fn track_new_steps(&mut self) {
        let new: Vec<NodeIndex> = self.graph.nodes().skip(self.tracks.len()).collect();
        for _ in &new {
            self.tracks.push(Track { state: State::Waiting, attempts: 0, blind: 0, held: None });
        }
        for index in new {
            let node = self.graph.node(index);
            let going = node.resource.presence == Presence::Going;
            if going && matches!(node.action, Action::Delete) {
                // An earlier run, or somebody else, has begun it.
                self.set_pending(index, self.around.options.poll.0);
            } else {
                self.consider(index);
            }
        }
    }

    /// Lets a waiting step begin if nothing is before it any more.
    fn consider(&mut self, index: NodeIndex) {
        let action = self.graph.node(index).action;
        if !matches!(self.state(index), State::Waiting)
            || action == Action::Untag
            || self.graph.before(index).any(|before| !self.is_done(before))
        {
            return;
        }
        match action {
            Action::Wait => self.set_pending(index, Duration::ZERO),
            Action::Delete | Action::Release => self.set_ready(index),
            Action::Untag => {}
        }
    }

    fn set_ready(&mut self, index: NodeIndex) {
        let node = self.graph.node(index);
        let ready = Ready {
            usual_wait: std::cmp::Reverse(self.usual_wait(index)),
            action: node.action,
            kind: node.resource.kind.clone(),
            index,
        };
        self.ready.insert(ready);
        self.set(index, State::Ready);
    }

    fn set_pending(&mut self, index: NodeIndex, first_look: Duration) {
        let since = self.now();
        let state =
            State::Pending { since, shown_since: self.stamp(), look: since + first_look };
        self.set(index, state);
    }

    /// What is shared is let go last: while anything of the cluster is there, its mark may be the
    /// only thing that leads to it.
    fn release_untagging(&mut self) {
        let rest_is_done = |index: &NodeIndex| {
            self.graph.node(*index).action == Action::Untag || self.is_done(*index)
        };
        if !self.graph.nodes().all(|index| rest_is_done(&index)) {
            return;
        }
        let untagging: Vec<NodeIndex> = self
            .graph
            .nodes()
            .filter(|index| matches!(self.state(*index), State::Waiting))
            .collect();
        for index in untagging {
            self.set_ready(index);
        }
    }

    fn resume_held(&mut self) {
        let now = self.now();
        for index in self.graph.nodes() {
            if matches!(self.state(index), State::Held { until, .. } if *until <= now) {
                self.set_ready(index);
            }
        }
    }

    /// Begins destructive calls, as many as fit, same kinds together.
    fn begin_changes(&mut self) {
        while self.changing < self.around.options.concurrency.max(1) {
            let Some(first) = self.ready.first().cloned() else { return };
            let batch: Vec<Ready> = match first.action {
                Action::Untag => {
                    let service = self.graph.spec(&first.kind).map(|spec| spec.service);
                    let same = |ready: &&Ready| {
                        ready.action == Action::Untag
                            && self.graph.spec(&ready.kind).map(|spec| spec.service) == service
                    };
                    self.ready.iter().filter(same).take(UNTAG_BATCH).cloned().collect()
                }
                Action::Delete | Action::Release | Action::Wait => {
                    let size = self.graph.spec(&first.kind).map_or(1, |spec| spec.delete_batch);
                    let same =
                        |ready: &&Ready| (ready.action, &ready.kind) == (first.action, &first.kind);
                    self.ready.iter().filter(same).take(size.max(1)).cloned().collect()
                }
            };
            for ready in &batch {
                self.ready.remove(ready);
                self.set(ready.index, State::Running);
            }
            self.begin_change(first.action, batch.into_iter().map(|ready| ready.index).collect());
        }
    }

    fn begin_change(&mut self, action: Action, steps: Vec<NodeIndex>) {
        let mut allowed = Vec::with_capacity(steps.len());
        let mut deletions = Vec::new();
        let mut untaggings = Vec::new();
        for index in steps {
            let resource = Arc::clone(&self.graph.node(index).resource);
            let proven = match action {
                Action::Untag => Untagging::of(&resource).map(|item| untaggings.push(item)),
                Action::Delete | Action::Release | Action::Wait => {
                    Deletion::of(&resource).map(|item| deletions.push(item))
                }
            };
            match proven {
                Ok(()) => allowed.push(index),
                Err(refusal) => self.block(index, refusal.to_string()),
            }
        }
        if allowed.is_empty() {
            return;
        }
        self.changing += 1;
        let target = Arc::clone(self.around.target);
        let cancel = self.around.context.cancel.clone();
        self.running.push(Box::pin(async move {
            let outcomes = call::unless_cancelled(cancel, async {
                match action {
                    Action::Delete | Action::Wait => target.delete(&deletions).await,
                    Action::Release => target.release(&deletions).await,
                    Action::Untag => target.untag(&untaggings).await,
                }
            })
            .await;
            Event::Changed { action, steps: allowed, outcomes }
        }));
    }

    /// Looks after what is pending: a kind is described whole as soon as one of it is due.
    fn begin_looks(&mut self) {
        let now = self.now();
        let mut pending: BTreeMap<Kind, Vec<NodeIndex>> = BTreeMap::new();
        let mut due = BTreeSet::new();
        for index in self.graph.nodes() {
            if let State::Pending { look, .. } = self.state(index) {
                let kind = self.graph.node(index).resource.kind.clone();
                if *look <= now {
                    due.insert(kind.clone());
                }
                pending.entry(kind).or_default().push(index);
            }
        }
        for (kind, steps) in pending {
            if !due.contains(&kind) || !self.looking.insert(kind.clone()) {
                continue;
            }
            let size = self.graph.spec(&kind).map_or(1, |spec| spec.describe_batch).max(1);
            let resources: Vec<Resource> = steps
                .iter()
                .map(|index| Resource::clone(&self.graph.node(*index).resource))
                .collect();
            let target = Arc::clone(self.around.target);
            self.running.push(Box::pin(async move {
                let mut found = Vec::with_capacity(resources.len());
                for chunk in resources.chunks(size) {
                    match target.describe(chunk).await {
                        Ok(part) => found.extend(part),
                        Err(error) => return Event::Looked { kind, steps, found: Err(error) },
                    }
                }
                Event::Looked { kind, steps, found: Ok(found) }
            }));
        }
    }

    /// When something is due without an event; `None` if never.
    fn next_time(&self) -> Option<Duration> {
        self.graph
            .nodes()
            .filter_map(|index| match self.state(index) {
                State::Pending { look, .. } => {
                    let kind = &self.graph.node(index).resource.kind;
                    (!self.looking.contains(kind)).then_some(*look)
                }
                State::Held { until, .. } => Some(*until),
                State::Waiting
                | State::Ready
                | State::Running
                | State::Done
                | State::Blocked { .. } => None,
            })
            .min()
    }

    // Endings.

    async fn take(&mut self, event: Event) -> Result<(), EraseError> {
        match event {
            Event::Changed { action, steps, outcomes } => {
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
            Event::Asked { step, refusal, holders } => self.asked(step, refusal, holders).await?,
        }
        Ok(())
    }

    fn changed(&mut self, index: NodeIndex, action: Action, outcome: Outcome) {
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

    fn finish(&mut self, index: NodeIndex) {
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

    fn block(&mut self, index: NodeIndex, why: String) {
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
        shortest.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(longest)
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
        self.set(index, State::Held { until: self.now() + pause, since, why });
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
            Event::Asked { step, refusal, holders }
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
        let hold = holders
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
        let unknown: Vec<Resource> =
            holders.into_iter().filter(|holder| self.graph.find(&holder.id).is_none()).collect();
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
            self.ledger.record_plan(self.around.context, &addition).await?;
            self.track_new_steps();
        }
        let known = ids.iter().filter_map(|id| self.graph.find(id)).collect();
        if !self.wait_for(step, known, hold) {
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
                tracks.get(step.index()).is_some_and(|track| matches!(track.state, State::Done))
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
        let (since, times) = track.held.map_or((now, 1), |(since, times)| (since, times + 1));
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
        let State::Pending { since, shown_since, .. } = *self.state(index) else { return };
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
                self.set(index, State::Pending { since, shown_since, look });
            }
            (true, true) => self.again(index, None, "its deletion does not end".to_owned()),
            (true, false) => self.block(index, "it does not go by itself".to_owned()),
        }
    }

    fn could_not_look(&mut self, index: NodeIndex, error: &Error) {
        let State::Pending { since, shown_since, .. } = *self.state(index) else { return };
        let track = &mut self.tracks[index.index()];
        track.blind += 1;
        let blind = track.blind;
        if blind >= self.around.options.attempts {
            self.block(index, format!("it cannot be seen whether it is gone: {error}"));
        } else {
            let look = self.now() + self.growing(blind);
            self.set(index, State::Pending { since, shown_since, look });
        }
    }

    /// A quarter of the time waited so far: what is quick is noticed at once, what is slow costs few
    /// calls. When it usually takes much longer, the looks between are saved.
    fn until_next_look(&self, waited: Duration, usual: Duration) -> Duration {
        let (shortest, longest) = self.around.options.poll;
        let interval = (waited / 4).clamp(shortest, longest.max(shortest));
        let likely = usual * 3 / 4;
        if waited >= QUICK && waited + interval < likely { likely - waited } else { interval }
    }

    // Telling.

    fn unfinished(&self) -> Vec<Unfinished> {
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
                unfinished.push(Unfinished { resource: Arc::clone(&node.resource), why });
            }
        }
        unfinished
    }

    fn publish(&self) {
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
            let (id, kind, name) =
                (resource.id.clone(), resource.kind.clone(), resource.name.clone());
            match self.state(index) {
                State::Pending { shown_since, .. } => waiting.push(Waiting {
                    id,
                    kind,
                    name,
                    since: *shown_since,
                    usual: self.usual_wait(index),
                }),
                State::Blocked { since, why } | State::Held { since, why, .. } => {
                    blocked.push(Blocked { id, kind, name, since: *since, why: why.clone() });
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
            State::Pending { since, .. } => {
                Some(self.usual_wait(index).saturating_sub(now.saturating_sub(*since)))
            }
            State::Waiting | State::Ready | State::Running | State::Held { .. } => {
                Some(self.usual_wait(index))
            }
        });
        Duration::from_secs(left.as_secs())
    }

    async fn checkpoint(&mut self) -> Result<(), EraseError> {
        if self.now() < self.checkpoint_due {
            return Ok(());
        }
        self.checkpoint_due = self.now() + self.around.options.checkpoint;
        let unfinished = self.unfinished();
        let receipt = self.ledger.receipt(
            &unfinished,
            self.around.context.clock.now(),
            self.around.target.calls(),
        );
        self.ledger.checkpoint(self.around.context, &receipt).await
    }

    /// After a cancel: nothing new begins; what is under way may end.
    async fn drain(&mut self) {
        let all = async {
            while let Some(event) = self.running.next().await {
                if let Event::Changed { action, steps, outcomes } = event {
                    for (index, outcome) in steps.into_iter().zip(outcomes) {
                        self.changed(index, action, outcome);
                    }
                }
            }
        };
        // Whatever did not end in time is found again in the cloud.
        let _ = tokio::time::timeout(GRACE, all).await;
    }
}

/// Up to this long nothing is assumed about a kind's usual wait.
const QUICK: Duration = Duration::from_secs(10);

/// A deletion that was accepted and after this time still does not show was forgotten by the cloud.
const FORGOTTEN: Duration = Duration::from_secs(60);
