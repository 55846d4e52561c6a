//! One run of one object: observe, decide, confirm, and carry out.
//!
//! A plan from the stores that would do something is thrown away: the root is read live, observed
//! live, and decided again. Only steps that the root alone decides, and that the API server refuses if it
//! is another by now, are taken before that. Then, in this order: the intent is on record, the steps are taken one by
//! one (a failed one does not keep the next from being taken), the outcome is on record. A run whose
//! steps failed in a new way decides once more, with the failure in its memory, and records what is
//! then to be recorded before any step: so a failure becomes a condition at once, and by `decide`
//! alone.
//!
//! Whatever a run fails of is the object's [`Trouble`](crate::runtime::Trouble): told in an Event when it
//! needs someone or lasts, and told to be over by the first run that does not fail.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use kube::Resource;
use kube::core::ObjectMeta;
use skep_crds::names::reason::skep as reason;
use tracing::Instrument;

use super::{DriverOptions, Objects};
use crate::plan::{Note, Plan, Requeue};
use crate::runtime::backoff::seed_of;
use crate::runtime::metrics::RunOutcome;
use crate::runtime::notes::Explanation;
use crate::runtime::queue::{Hold, Queue, Taken};
use crate::runtime::store::Store;
use crate::runtime::trouble::Setback;
use crate::runtime::turns::Turn;
use crate::runtime::{
    At, Class, Classified, Context, Freshness, Key, Memory, Observation, Reconcile, Trouble,
    error_chain, memory, write,
};

/// After steps were taken the object is looked at once more, from the stores: whatever the steps
/// changed has rung by then, and a plan that should have been empty shows.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// A plan that asks for a moment that has passed is not run in a tight loop.
const SOONEST: Duration = Duration::from_millis(50);

pub(super) struct Runner<R: Reconcile> {
    pub(super) controller: R,
    pub(super) roots: Store<R::Root>,
    pub(super) queue: Queue,
    pub(super) context: Context,
    pub(super) options: DriverOptions,
    pub(super) objects: Objects,
}

/// What is kept about an object between runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    memory: Memory,
    /// Runs in a row that failed.
    failures: u32,
    /// Whether the stores are known to be behind.
    live: bool,
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    outcome: RunOutcome,
    failure: Option<Class>,
    requeue: Requeue,
    /// The reasons; `None`: nothing is known that was not known before.
    notes: Option<Vec<Note>>,
    meta: Option<ObjectMeta>,
    memory: Memory,
    live: bool,
}

impl Ended {
    fn new(outcome: RunOutcome, memory: Memory) -> Self {
        Self {
            outcome,
            failure: None,
            requeue: Requeue::Wait,
            notes: None,
            meta: None,
            memory,
            live: false,
        }
    }

    /// The run failed; `memory` knows of what.
    fn failed(class: Class, memory: Memory) -> Self {
        // What failed in the stores' picture is looked at live, and a live look costs little then.
        let live = class == Class::RetryNow;
        Self {
            failure: Some(class),
            live,
            ..Self::new(RunOutcome::Failed, memory)
        }
    }

    /// The run could not go on. Of a conflict nothing is said: the next try is at hand.
    fn stopped(setback: Setback, mut memory: Memory, now: Timestamp) -> Self {
        let class = setback.class;
        tracing::debug!(?class, error = setback.message, "run stopped");
        memory.run_failed(setback, now);
        Self {
            notes: (class != Class::RetryNow).then(Vec::new),
            ..Self::failed(class, memory)
        }
    }
}

/// What an observation led to.
enum Decided<R: Reconcile> {
    Nothing(Option<Note>),
    Plan {
        root: Arc<R::Root>,
        observed: R::Observed,
        plan: Plan<R::Status, R::Step>,
    },
}

impl<R: Reconcile> Runner<R> {
    /// Runs an object that was taken from the queue, and gives it back.
    pub(super) async fn run(&self, taken: Taken, turn: Turn) {
        self.queue.begun(&taken);
        let Taken { key, priority, .. } = taken;
        let span = tracing::info_span!(
            "reconcile",
            controller = R::NAME,
            namespace = key.namespace,
            name = key.name,
            priority = priority.as_str(),
        );
        let run = async {
            let began = self.context.clock.elapsed();
            let object = self.objects.lock().get(&key).cloned().unwrap_or_default();
            let run =
                AssertUnwindSafe(Box::pin(self.reconcile(&key, object.clone()))).catch_unwind();
            let ended = match tokio::time::timeout(self.options.timeout, run).await {
                Ok(Ok(ended)) => ended,
                Ok(Err(panic)) => {
                    tracing::error!(
                        panic = panic_text(panic.as_ref()),
                        "the controller panicked"
                    );
                    let words =
                        "the controller failed in a way that it does not know; the log tells more";
                    let setback = Setback::of_run(Class::BackOff, reason::INTERNAL_ERROR, words);
                    Ended {
                        outcome: RunOutcome::Panicked,
                        ..Ended::stopped(setback, object.memory.clone(), self.context.clock.now())
                    }
                }
                Err(_) => {
                    tracing::warn!(timeout = ?self.options.timeout, "the run took too long");
                    let words = format!("a run took longer than {:?}", self.options.timeout);
                    let setback = Setback::of_run(Class::BackOff, reason::RUN_TIMED_OUT, &words);
                    Ended {
                        outcome: RunOutcome::TimedOut,
                        ..Ended::stopped(setback, object.memory.clone(), self.context.clock.now())
                    }
                }
            };
            self.context.writer.unfollow(&key.uid);
            let took = self.context.clock.elapsed().saturating_sub(began);
            self.context.metrics.ran(R::NAME, ended.outcome, took);
            tracing::debug!(outcome = ?ended.outcome, ?took, "run ended");
            self.conclude(&key, object.failures, ended);
        };
        let run = Box::pin(run.instrument(span));
        write::run_of(R::NAME, run).await;
        drop(turn);
    }

    async fn reconcile(&self, key: &Key, object: Object) -> Ended {
        let Object {
            mut memory, live, ..
        } = object;
        let how = if live {
            Freshness::Live
        } else {
            Freshness::Cached
        };
        let mut decided = self.look(key, how, &memory).await;
        if let Ok(Decided::Plan { observed, plan, .. }) = &decided
            && how == Freshness::Cached
            && self.options.confirm_live
        {
            let (sure, rest): (Vec<_>, Vec<_>) =
                plan.steps.iter().cloned().partition(R::rests_on_root);
            if !rest.is_empty() {
                if !sure.is_empty() {
                    self.context.writer.follow(&key.uid);
                    let acts = self.act(observed, sure, &mut memory).await;
                    if let Some(class) = acts.failure {
                        return Ended::failed(class, memory);
                    }
                }
                decided = self.look(key, Freshness::Live, &memory).await;
            }
        }
        match decided {
            Err(setback) => Ended::stopped(setback, memory, self.context.clock.now()),
            Ok(Decided::Nothing(note)) => Ended {
                notes: Some(note.into_iter().collect()),
                ..Ended::new(RunOutcome::NoOp, memory)
            },
            Ok(Decided::Plan {
                root,
                observed,
                plan,
            }) => {
                self.context.writer.follow(&key.uid);
                self.carry_out(key, root, observed, plan, &mut memory).await
            }
        }
    }

    /// Observes and decides.
    async fn look(
        &self,
        key: &Key,
        how: Freshness,
        memory: &Memory,
    ) -> Result<Decided<R>, Setback> {
        let root = match how {
            Freshness::Cached => self
                .roots
                .by_uid(&key.uid)
                .and_then(|entry| entry.decoded().cloned()),
            Freshness::Live => self
                .context
                .reader
                .get_live::<R::Root>(&key.namespace, &key.name)
                .await
                .map_err(|error| unobserved(&error))?
                .filter(|root| root.meta().uid.as_deref() == Some(&key.uid))
                .map(Arc::new),
        };
        let Some(root) = root else {
            return Ok(Decided::Nothing(None));
        };
        let observed = self
            .controller
            .observe(Arc::clone(&root), how, memory)
            .await;
        match observed.map_err(|error| unobserved(&error))? {
            Observation::Absent => Ok(Decided::Nothing(None)),
            Observation::Skip(note) => Ok(Decided::Nothing(Some(note))),
            Observation::Of(observed) => {
                let plan = R::decide(&observed, self.context.clock.now());
                Ok(Decided::Plan {
                    root,
                    observed,
                    plan,
                })
            }
        }
    }

    async fn carry_out(
        &self,
        key: &Key,
        root: Arc<R::Root>,
        observed: R::Observed,
        plan: Plan<R::Status, R::Step>,
        memory: &mut Memory,
    ) -> Ended {
        let Plan {
            intent,
            steps,
            outcome,
            requeue,
            notes,
        } = plan;
        let meta = root.meta().clone();
        let mut recorded = false;
        if let Some(intent) = &intent {
            match self.record(&root, intent).await {
                Ok(written) => recorded |= written,
                Err(setback) => {
                    let now = self.context.clock.now();
                    return Ended::stopped(setback, std::mem::take(memory), now);
                }
            }
        }
        let acted = !steps.is_empty();
        let Acts { failure, news } = self.act(&observed, steps, memory).await;
        if let Some(class) = failure {
            let ended = Ended {
                requeue,
                notes: Some(notes),
                meta: Some(meta),
                ..Ended::failed(class, memory.clone())
            };
            if news && self.context.claim.is_current() {
                return self.record_failure(key, ended).await;
            }
            return ended;
        }
        if let Some(outcome) = &outcome {
            match self.record(&root, outcome).await {
                Ok(written) => recorded |= written,
                Err(setback) => {
                    let now = self.context.clock.now();
                    return Ended::stopped(setback, std::mem::take(memory), now);
                }
            }
        }
        let ran = match (acted, recorded) {
            (true, _) => RunOutcome::Acted,
            (false, true) => RunOutcome::Recorded,
            (false, false) => RunOutcome::NoOp,
        };
        let requeue = if acted {
            let again = crate::runtime::clock::after(self.context.clock.now(), SECOND_LOOK);
            requeue.or_earlier(Requeue::At(again))
        } else {
            requeue
        };
        let ended = Ended::new(ran, std::mem::take(memory));
        Ended {
            requeue,
            notes: Some(notes),
            meta: Some(meta),
            ..ended
        }
    }

    async fn act(&self, observed: &R::Observed, steps: Vec<R::Step>, memory: &mut Memory) -> Acts {
        let mut acts = Acts {
            failure: None,
            news: false,
        };
        let mut setback: Option<Setback> = None;
        for step in steps {
            let name = memory::variant_name(&step);
            if !self.context.claim.is_current() {
                tracing::warn!(
                    step = name,
                    "step not taken: this process may not lead any more"
                );
                acts.failure = Some(Class::BackOff);
                return acts;
            }
            let result = Box::pin(self.controller.act(observed, step.clone())).await;
            let now = self.context.clock.now();
            match result {
                Ok(()) => {
                    tracing::debug!(step = ?step, "step taken");
                    self.context.metrics.stepped(R::NAME, name, "ok");
                    memory.record_success(&step);
                }
                Err(error) => {
                    let (class, message) = (error.class(), error_chain(&error));
                    if class == Class::RetryNow {
                        tracing::info!(step = name, ?class, error = message, "step failed");
                    } else {
                        tracing::warn!(step = name, ?class, error = message, "step failed");
                    }
                    self.context
                        .metrics
                        .stepped(R::NAME, name, &format!("{class:?}"));
                    let known = memory.failure_of(&step).is_some_and(|failure| {
                        failure.class == class && failure.message == message
                    });
                    // A conflict is no news: the next try is at hand.
                    acts.news |= !known && class != Class::RetryNow;
                    acts.failure = Some(acts.failure.map_or(class, |other| other.min(class)));
                    memory.record_failure(&step, class, message, now);
                    let one = Setback::of(class, "", &error);
                    setback = Some(match setback.take() {
                        Some(other) if !one.outweighs(&other) => other,
                        Some(_) | None => one,
                    });
                }
            }
        }
        if let Some(setback) = setback {
            let told = |memory: &Memory| memory.trouble().map(|trouble| trouble.reason);
            let before = told(memory);
            memory.run_failed(setback, self.context.clock.now());
            acts.news |= told(memory) != before;
        }
        acts
    }

    /// Has a new failure decided upon, and records what comes of it; no step is taken.
    async fn record_failure(&self, key: &Key, ended: Ended) -> Ended {
        match self.look(key, Freshness::Live, &ended.memory).await {
            Ok(Decided::Plan { root, plan, .. }) => {
                if let Some(status) = plan.status_before_steps()
                    && let Err(setback) = self.record(&root, status).await
                {
                    tracing::debug!(error = setback.message, "failure not recorded");
                }
                let requeue = ended.requeue.or_earlier(plan.requeue);
                Ended {
                    notes: Some(plan.notes),
                    requeue,
                    ..ended
                }
            }
            Ok(Decided::Nothing(_)) => ended,
            Err(setback) => {
                tracing::debug!(error = setback.message, "failure not observed");
                ended
            }
        }
    }

    /// Writes a status if it would change anything but times; tells whether it did.
    async fn record(&self, root: &Arc<R::Root>, status: &R::Status) -> Result<bool, Setback> {
        let at = At::of(root.as_ref());
        // What this run's own writes made of the root is what the status is merged into.
        let newer = self
            .context
            .writer
            .followed::<R::Root>(&at.key.uid, &at.version);
        let root = newer.as_ref().unwrap_or(root);
        let Some(body) = R::merge_status(root, status, self.context.clock.now()) else {
            return Ok(false);
        };
        if !self.context.claim.is_current() {
            let words = "this process may not lead";
            return Err(Setback::of_run(Class::BackOff, reason::STEP_FAILED, words));
        }
        let writer = &self.context.writer;
        writer
            .patch_status::<R::Root>(&at, R::STATUS, body)
            .await
            .map(|_| true)
            .map_err(|error| Setback::of(error.class(), "", &error))
    }

    /// Draws the conclusions from a run: what is remembered, when the object is looked at again, what
    /// is told.
    fn conclude(&self, key: &Key, failures: u32, ended: Ended) {
        let now = self.context.clock.elapsed();
        let failures = if ended.failure.is_some() {
            failures.saturating_add(1)
        } else {
            0
        };
        let known = self.roots.by_uid(&key.uid).is_some();
        let wanted = match ended.requeue {
            Requeue::Wait => None,
            Requeue::At(when) => Some(now + self.context.clock.until(when).max(SOONEST)),
        };
        let (hold, retry) = match ended.failure {
            None => (None, None),
            Some(class) => self.after_failure(key, class, failures, now),
        };
        let resync = now + self.resync_delay(key);
        let next = [wanted, retry, Some(resync)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(resync);
        if known {
            let Ended {
                mut memory,
                live,
                notes,
                meta,
                failure,
                ..
            } = ended;
            let trouble = memory.untold_trouble().filter(|_| failure.is_some());
            let trouble = trouble.cloned();
            let over = failure.is_none().then(|| memory.run_went_well()).flatten();
            let idle = memory.is_empty() && failures == 0 && !live;
            {
                let mut objects = self.objects.lock();
                if idle {
                    objects.remove(key);
                } else {
                    objects.insert(
                        key.clone(),
                        Object {
                            memory,
                            failures,
                            live,
                        },
                    );
                }
                let held = objects
                    .values()
                    .filter(|object| object.failures > 0)
                    .count();
                self.context.metrics.held(R::NAME, held);
                let troubles = objects
                    .values()
                    .filter_map(|object| object.memory.trouble())
                    .map(|trouble| trouble.reason);
                self.context.metrics.troubled(R::NAME, troubles);
            }
            self.queue.ring_at(key, next);
            let next = wanted.or(retry).map(|_| next.saturating_sub(now));
            self.tell_trouble(key, trouble.as_ref(), over.as_ref());
            let notes = notes.map(|notes| with_trouble(notes, trouble.as_ref()));
            self.tell(key, notes, meta, next, failures);
        }
        // What is gone is not held, and what went away just now leaves nothing behind.
        self.queue.done(key, hold.filter(|_| known));
        if known && self.roots.by_uid(&key.uid).is_none() {
            self.queue.forget(key);
            self.objects.lock().remove(key);
            self.context.notes.forget(key, R::NAME);
        }
    }

    /// Until when the object is held, and when it is tried again.
    fn after_failure(
        &self,
        key: &Key,
        class: Class,
        failures: u32,
        now: Duration,
    ) -> (Option<Hold>, Option<Duration>) {
        let seed = seed_of(&key.uid);
        let soon = now + self.options.backoff.delay(failures, seed);
        let late = now + self.options.patience.delay(failures, seed);
        match class {
            Class::RetryNow | Class::BackOff => (
                Some(Hold {
                    until: soon,
                    soft: false,
                }),
                Some(soon),
            ),
            // Whatever changes is looked at, but not in a tight loop with the own report of the failure.
            Class::WaitForChange => (
                Some(Hold {
                    until: soon,
                    soft: true,
                }),
                Some(late),
            ),
            Class::BlockedByUser => (
                Some(Hold {
                    until: late,
                    soft: true,
                }),
                Some(late),
            ),
            Class::Terminal => (
                Some(Hold {
                    until: late,
                    soft: true,
                }),
                None,
            ),
        }
    }

    /// What keeps failing, and that it does no longer, as Events.
    fn tell_trouble(&self, key: &Key, trouble: Option<&Trouble>, over: Option<&Trouble>) {
        let told = trouble.filter(|trouble| trouble.told).map(Trouble::note);
        let Some(note) = told.or_else(|| over.map(Trouble::recovery)) else {
            return;
        };
        if let Some(root) = self.roots.by_uid(&key.uid) {
            let events = &self.context.events;
            events.publish::<R::Root>(root.meta(), "Reconcile", &note);
        }
    }

    fn tell(
        &self,
        key: &Key,
        notes: Option<Vec<Note>>,
        meta: Option<ObjectMeta>,
        next: Option<Duration>,
        failures: u32,
    ) {
        let Some(notes) = notes else { return };
        let now = self.context.clock.now();
        if let Some(meta) = meta {
            // What was only going to happen, but for a failure, is not announced.
            let is_trouble = |note: &Note| reason::TROUBLES.contains(&note.reason.as_str());
            let told = |note: &&Note| {
                note.emit_event && !is_trouble(note) && (failures == 0 || note.is_warning())
            };
            for note in notes.iter().filter(told) {
                self.context
                    .events
                    .publish::<R::Root>(&meta, "Reconcile", note);
            }
        }
        let said = notes.clone();
        let changed = self.context.notes.record(Explanation {
            kind: R::Root::kind(&()).into_owned(),
            key: key.clone(),
            controller: R::NAME,
            notes,
            since: now,
            next: next.map(|next| crate::runtime::clock::after(now, next)),
            failures,
        });
        if changed {
            for note in said {
                if note.is_warning() {
                    tracing::warn!(reason = note.reason, "{note}");
                } else {
                    tracing::info!(reason = note.reason, "{note}");
                }
            }
        }
    }
}

/// What the steps of a run came to.
struct Acts {
    failure: Option<Class>,
    /// Whether something failed that had not failed in this way before.
    news: bool,
}

/// The trouble before the reasons of the plan, unless these tell it already.
fn with_trouble(notes: Vec<Note>, trouble: Option<&Trouble>) -> Vec<Note> {
    let Some(trouble) = trouble else { return notes };
    let known = |note: &Note| note.is_warning() && note.message.contains(&trouble.message);
    if trouble.advice.is_none() && notes.iter().any(known) {
        return notes;
    }
    std::iter::once(trouble.note()).chain(notes).collect()
}

fn unobserved<E: Classified + std::error::Error + 'static>(error: &E) -> Setback {
    Setback::of(error.class(), "could not be observed", error)
}

/// A panic's message, if it is a text.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
