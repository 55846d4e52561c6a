//! The driver: everything about a controller that is not observing, deciding or acting.
//!
//! It watches the bells, takes objects from the queue, and runs them: at most one run per object (`turns`),
//! each run bounded in time, its panics caught, its failures remembered and answered with growing
//! delays. What one run does is in [`run`]. It never decides anything about an object.
//!
//! A controller is put together like this:
//!
//! ```text
//! let driver = Driver::new(controller, &clusters, &context, DriverOptions::default())
//!     .rung_by(&jobs, bell::owner())
//!     .rung_by(&provisions, bell::label(label::CLUSTER_DEPLOYMENT_NAME))
//!     .rung_by_input(&secrets, bell::index(SECRETS_OF_CLUSTER))
//!     .rung_by_tasks(&deprovisions);
//! process.controller(driver);
//! ```

pub mod bell;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::core::ObjectMeta;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::run::{Object, Runner};
use super::backoff::{Backoff, seed_of};
use super::queue::{Priority, Queue, Taken};
use super::store::{Cause, Change, Store};
use super::tasks::Stop;
use super::turns::Turn;
use super::{Context, Key, Kind, Reconcile, Tasks};

/// How long tasks are given to come to a good end when the process stops: an erasure awaits the calls
/// that are under way and writes down what was done. Within the process's own grace.
const WIND_DOWN: Duration = Duration::from_secs(12);

/// How a controller is run.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// Runs at a time.
    pub concurrency: usize,
    /// How long one run may take, live reads and steps included. What takes longer is a task.
    pub timeout: Duration,
    /// Delays after failures that pass by themselves. The first is short because most of them are
    /// conflicts; the longest is what a person would wait for a hub to come back.
    pub backoff: Backoff,
    /// Delays after failures that someone has to mend. Whatever is mended visibly rings; these are for
    /// what is mended elsewhere, a cloud account's rights for example.
    pub patience: Backoff,
    /// After how long an object is looked at again although nothing rang: a run from the stores, which
    /// costs no request.
    pub resync: Duration,
    /// Whether a plan from the stores that would do something is made again from live reads.
    #[doc(hidden)]
    pub confirm_live: bool,
    /// Whether it is run at all.
    pub enabled: bool,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            concurrency: 5,
            timeout: Duration::from_mins(1),
            backoff: Backoff::new(Duration::from_millis(5), Duration::from_mins(1)),
            patience: Backoff::new(Duration::from_secs(1), Duration::from_mins(5)),
            resync: Duration::from_mins(10),
            confirm_live: true,
            enabled: true,
        }
    }
}

impl DriverOptions {
    /// With this many runs at a time.
    #[must_use]
    pub const fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Not run at all, where this holds.
    #[must_use]
    pub const fn disabled(mut self, disabled: bool) -> Self {
        self.enabled = !disabled;
        self
    }

    /// Carries out plans from the stores as they are: only to prove that a test would notice.
    #[doc(hidden)]
    #[must_use]
    pub const fn without_confirming(mut self) -> Self {
        self.confirm_live = false;
        self
    }
}

/// One controller, ready to run.
pub struct Driver<R: Reconcile> {
    runner: Arc<Runner<R>>,
    /// What the controller's steps have started.
    tasks: Started,
}

impl<R: Reconcile> Driver<R> {
    /// A driver for `controller`, whose roots are in `roots`.
    pub fn new(
        controller: R,
        roots: &Store<R::Root>,
        context: &Context,
        options: DriverOptions,
    ) -> Self {
        let queue = Queue::new(context.clock.clone(), context.metrics.queue(R::NAME));
        let runner = Arc::new(Runner {
            controller,
            roots: roots.clone(),
            queue,
            context: context.clone(),
            options,
            objects: Mutex::default(),
        });
        context.writer.keeps(roots);
        let bell = Arc::downgrade(&runner);
        roots.on_change(move |change| {
            if let Some(runner) = bell.upgrade() {
                runner.root_changed(change);
            }
        });
        Self {
            runner,
            tasks: Started::default(),
        }
    }

    /// Rings for the roots that `roots_of` names when an object changes that the controller made.
    #[must_use]
    pub fn rung_by<C: Kind>(
        self,
        store: &Store<C>,
        roots_of: impl Fn(&ObjectMeta, &Store<R::Root>) -> Vec<Key> + Send + Sync + 'static,
    ) -> Self {
        self.ring_on(store, roots_of, Priority::Event)
    }

    /// Rings for the roots that `roots_of` names when an object changes that people provide. A change
    /// of one may be what a person was asked for, so it ends patience.
    #[must_use]
    pub fn rung_by_input<C: Kind>(
        self,
        store: &Store<C>,
        roots_of: impl Fn(&ObjectMeta, &Store<R::Root>) -> Vec<Key> + Send + Sync + 'static,
    ) -> Self {
        self.ring_on(store, roots_of, Priority::Request)
    }

    /// Rings for the root that a task is about when the task has something new to tell. The tasks end
    /// with the driver, and with the lead.
    #[must_use]
    pub fn rung_by_tasks<P: Clone + Send + Sync + 'static>(mut self, tasks: &Tasks<P>) -> Self {
        let roots = self.runner.roots.downgrade();
        let queue = self.runner.queue.clone();
        tasks.on_change(move |uid| {
            if let Some(root) = roots.upgrade().and_then(|roots| roots.by_uid(uid)) {
                queue.ring(&Key::of(&root), Priority::Event);
            }
        });
        self.tasks.0.push(Arc::new(tasks.clone()));
        self
    }

    /// Whether it is to be run at all.
    pub(super) fn is_enabled(&self) -> bool {
        self.runner.options.enabled
    }

    /// Rings from elsewhere: for what is neither a store nor a task. Weak: it does not keep the
    /// controller alive.
    pub fn queue(&self) -> Queue {
        self.runner.queue.clone()
    }

    /// Runs until `stop`, then lets the runs end that are under way, and the tasks come to a good end.
    /// Nothing runs while this process does not lead; a lead that is lost stops everything where it
    /// waits, and another begins with a clean memory.
    pub async fn run(self, stop: CancellationToken) {
        let Self { runner, tasks } = self;
        loop {
            let reign = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                reign = runner.context.claim.reign() => reign,
            };
            runner.lead();
            let mut runs = JoinSet::new();
            tokio::select! {
                biased;
                () = reign.over() => {}
                () = runner.work(&mut runs, &stop) => {}
            }
            if stop.is_cancelled() {
                tokio::select! {
                    biased;
                    () = reign.over() => {}
                    () = finish(&mut runs, &tasks) => {}
                }
            }
            // Nothing of it is under way any more when the reign is let go.
            runs.shutdown().await;
            for tasks in &tasks.0 {
                tasks.stop(Duration::ZERO).await;
            }
            runner.follow();
            if stop.is_cancelled() {
                return;
            }
            tracing::info!(controller = R::NAME, "stepped down");
        }
    }

    fn ring_on<C: Kind>(
        self,
        store: &Store<C>,
        roots_of: impl Fn(&ObjectMeta, &Store<R::Root>) -> Vec<Key> + Send + Sync + 'static,
        priority: Priority,
    ) -> Self {
        let roots = self.runner.roots.downgrade();
        let queue = self.runner.queue.clone();
        store.on_change(move |change: &Change<C>| {
            let Some(roots) = roots.upgrade() else { return };
            let priority = match change.cause {
                Cause::Request => priority,
                Cause::Report => Priority::Event,
                Cause::Relisted => Priority::Resync,
            };
            let mut keys: Vec<Key> = change
                .metas()
                .flat_map(|meta| roots_of(meta, &roots))
                .collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                queue.ring(&key, priority);
            }
        });
        self
    }
}

/// Tasks that a controller's steps start. They end with the driver, also when it is only dropped.
#[derive(Default)]
struct Started(Vec<Arc<dyn Stop>>);

impl Drop for Started {
    fn drop(&mut self) {
        for tasks in &self.0 {
            tasks.abort();
        }
    }
}

/// Lets what is under way come to its end.
async fn finish(runs: &mut JoinSet<()>, tasks: &Started) {
    while runs.join_next().await.is_some() {}
    for tasks in &tasks.0 {
        tasks.stop(WIND_DOWN).await;
    }
}

impl<R: Reconcile> Runner<R> {
    /// Runs what the queue hands out, until `stop`.
    async fn work(self: &Arc<Self>, runs: &mut JoinSet<()>, stop: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(_) = runs.join_next(), if !runs.is_empty() => {}
                taken = self.queue.take(), if runs.len() < self.options.concurrency => {
                    if let Some(turn) = self.turn(&taken) {
                        let runner = Arc::clone(self);
                        runs.spawn(async move { runner.run(taken, turn).await });
                    }
                }
            }
        }
    }

    /// The turn at an object that was taken from the queue. While it is another controller's, the object
    /// goes back and waits there: it takes no place among the runs.
    fn turn(&self, taken: &Taken) -> Option<Turn> {
        let (queue, back) = (self.queue.clone(), taken.clone());
        let over = move || queue.put_back(&back);
        self.context.turns.take(&taken.key.uid, over)
    }

    fn root_changed(&self, change: &Change<R::Root>) {
        let key_of = |side: &Option<_>| side.as_ref().map(Key::of);
        let (old, new) = (key_of(&change.old), key_of(&change.new));
        if let Some(gone) = old.filter(|old| new.as_ref() != Some(old)) {
            self.forget(&gone);
        }
        if let Some(key) = new {
            let priority = match change.cause {
                Cause::Request => Priority::Request,
                Cause::Report => Priority::Event,
                Cause::Relisted => Priority::Resync,
            };
            self.queue.ring(&key, priority);
        }
    }

    fn forget(&self, key: &Key) {
        self.queue.forget(key);
        self.objects.lock().remove(key);
        self.context.notes.forget(key, R::NAME);
        self.context.events.forget(&key.uid);
        self.controller.gone(key);
    }

    /// This process leads from now on: every root is looked at once.
    fn lead(&self) {
        for root in self.roots.entries() {
            self.queue.ring(&Key::of(&root), Priority::Resync);
        }
        self.queue.lead();
    }

    /// This process does not lead any more. What was remembered of runs is of no use to the next lead:
    /// others may have acted in between.
    fn follow(&self) {
        self.queue.follow();
        self.objects.lock().clear();
        self.context.notes.forget_all(R::NAME);
        self.context.metrics.held(R::NAME, 0);
        self.context.metrics.troubled(R::NAME, std::iter::empty());
    }

    /// When an object is looked at again although nothing rang: about `resync` from now, spread by the
    /// object's uid so that a fleet does not come back at once.
    fn resync_delay(&self, key: &Key) -> Duration {
        Backoff::new(self.options.resync, self.options.resync).delay(1, seed_of(&key.uid))
    }
}

/// What is kept about objects between runs.
type Objects = Mutex<BTreeMap<Key, Object>>;
