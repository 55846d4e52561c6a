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

mod outcomes;
mod report;

use super::{
    EraseContext, EraseError, EraseOptions, EraseTarget, UNTAG_BATCH,
    facts::ClusterFacts,
    graph::Graph,
    inventory::Outcome,
    plan::Action,
    progress::Phase,
    receipt::Ledger,
    resource::{Deletion, Kind, Presence, Resource, Untagging},
};
use crate::{account::AccountId, call, clock::Monotonic, error::Error};

/// How long calls under way are awaited after a cancel. They make no further attempt, but the one
/// under way may still bring an outcome for the receipt.
const GRACE: Duration = Duration::from_secs(10);

/// Before the receipt is first handed to the journal; the pause doubles. Most calls are made in the first
/// seconds, and a crash soon after them should not leave a receipt that knows of none.
const FIRST_CHECKPOINT: Duration = Duration::from_secs(1);

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
    checkpoint_pause: Duration,
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
    Pending {
        since: Duration,
        shown_since: Timestamp,
        look: Duration,
    },
    /// To be tried again.
    Held {
        until: Duration,
        since: Timestamp,
        why: String,
    },
    Done,
    Blocked {
        since: Timestamp,
        why: String,
    },
}

enum Event {
    Changed {
        action: Action,
        steps: Vec<NodeIndex>,
        outcomes: Vec<Outcome>,
    },
    Looked {
        kind: Kind,
        steps: Vec<NodeIndex>,
        found: Result<Vec<Presence>, Error>,
    },
    Asked {
        step: NodeIndex,
        refusal: String,
        holders: Result<Vec<Resource>, Error>,
    },
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
        let checkpoint_pause = FIRST_CHECKPOINT.min(around.options.checkpoint);
        let checkpoint_due = around.started.elapsed() + checkpoint_pause;
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
            checkpoint_pause,
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
            let until = timer
                .unwrap_or(self.checkpoint_due)
                .min(self.checkpoint_due);
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
        self.graph
            .spec(kind)
            .map_or(Duration::ZERO, |spec| spec.usual_wait)
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
            self.tracks.push(Track {
                state: State::Waiting,
                attempts: 0,
                blind: 0,
                held: None,
            });
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
        let state = State::Pending {
            since,
            shown_since: self.stamp(),
            look: since + first_look,
        };
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
            let Some(first) = self.ready.first().cloned() else {
                return;
            };
            let batch: Vec<Ready> = match first.action {
                Action::Untag => {
                    let service = self.graph.spec(&first.kind).map(|spec| spec.service);
                    let same = |ready: &&Ready| {
                        ready.action == Action::Untag
                            && self.graph.spec(&ready.kind).map(|spec| spec.service) == service
                    };
                    self.ready
                        .iter()
                        .filter(same)
                        .take(UNTAG_BATCH)
                        .cloned()
                        .collect()
                }
                Action::Delete | Action::Release | Action::Wait => {
                    let size = self
                        .graph
                        .spec(&first.kind)
                        .map_or(1, |spec| spec.delete_batch);
                    let same =
                        |ready: &&Ready| (ready.action, &ready.kind) == (first.action, &first.kind);
                    self.ready
                        .iter()
                        .filter(same)
                        .take(size.max(1))
                        .cloned()
                        .collect()
                }
            };
            for ready in &batch {
                self.ready.remove(ready);
                self.set(ready.index, State::Running);
            }
            self.begin_change(
                first.action,
                batch.into_iter().map(|ready| ready.index).collect(),
            );
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
            Event::Changed {
                action,
                steps: allowed,
                outcomes,
            }
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
            let size = self
                .graph
                .spec(&kind)
                .map_or(1, |spec| spec.describe_batch)
                .max(1);
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
                        Err(error) => {
                            return Event::Looked {
                                kind,
                                steps,
                                found: Err(error),
                            };
                        }
                    }
                }
                Event::Looked {
                    kind,
                    steps,
                    found: Ok(found),
                }
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

    /// After a cancel: nothing new begins; what is under way may end.
    async fn drain(&mut self) {
        let all = async {
            while let Some(event) = self.running.next().await {
                if let Event::Changed {
                    action,
                    steps,
                    outcomes,
                } = event
                {
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
