//! Work that takes longer than one call: started by a step, keyed by the uid of the object that it is
//! about, its progress readable like a store.
//!
//! A task that panics is over and says so; its neighbours do not notice. A task is lost with the
//! process, with its object, and with the lead: whoever starts it again lets it find its way from the
//! cloud. Nothing here retries.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Clock;

/// What is known of a task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task<P> {
    /// When it was started.
    pub started: Timestamp,
    /// What it last told.
    pub progress: P,
    /// Whether it is still at work.
    pub state: TaskState,
}

/// Whether a task is still at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// It is.
    Running,
    /// It has ended; its progress says how.
    Finished,
    /// It has panicked.
    Panicked,
}

type Bell = Arc<dyn Fn(&str) + Send + Sync>;

/// Tasks of one sort, and what they told. `P` is what a task tells of its progress, its result
/// included. Clones share the tasks.
pub struct Tasks<P> {
    inner: Arc<Inner<P>>,
}

struct Inner<P> {
    clock: Clock,
    tasks: Mutex<BTreeMap<String, Slot<P>>>,
    bells: Mutex<Vec<Bell>>,
    runs: AtomicU64,
    /// Ended by word, and perhaps still on the way to the point where they wait.
    ending: Mutex<Vec<JoinHandle<()>>>,
}

struct Slot<P> {
    task: Task<P>,
    /// Tells this run of the task from a later one for the same object.
    run: u64,
    stop: CancellationToken,
    work: Option<JoinHandle<()>>,
}

impl<P> std::fmt::Debug for Tasks<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl<P> Clone for Tasks<P> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

/// How a task tells of its progress. Outlives its use without harm: once the task was cancelled, what
/// it tells is not heard.
pub struct Progress<P> {
    inner: Weak<Inner<P>>,
    uid: String,
    run: u64,
    stop: CancellationToken,
}

impl<P: Clone + Send + Sync + 'static> Progress<P> {
    /// Replaces what is told and rings.
    pub fn tell(&self, progress: P) {
        self.change(|task| task.progress = progress);
    }

    /// Changes what is told and rings.
    pub fn update(&self, change: impl FnOnce(&mut P)) {
        self.change(|task| change(&mut task.progress));
    }

    /// Cancelled when the task is dropped: for what the task has started itself.
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    fn change(&self, change: impl FnOnce(&mut Task<P>)) {
        let Some(inner) = self.inner.upgrade() else {
            return;
        };
        {
            let mut tasks = inner.tasks.lock();
            let Some(slot) = tasks.get_mut(&self.uid).filter(|slot| slot.run == self.run) else {
                return;
            };
            change(&mut slot.task);
        }
        inner.ring(&self.uid);
    }
}

impl<P> Clone for Progress<P> {
    fn clone(&self) -> Self {
        Self {
            inner: Weak::clone(&self.inner),
            uid: self.uid.clone(),
            run: self.run,
            stop: self.stop.clone(),
        }
    }
}

impl<P: Clone + Send + Sync + 'static> Tasks<P> {
    /// No tasks.
    pub fn new(clock: Clock) -> Self {
        let inner = Inner {
            clock,
            tasks: Mutex::default(),
            bells: Mutex::default(),
            runs: AtomicU64::default(),
            ending: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Starts a task about an object, unless there is one, running or ended; tells whether it did.
    ///
    /// An ended task stays, so that `observe` can read what it came to; [`Tasks::forget`] makes room
    /// for another.
    pub fn start<F>(&self, uid: &str, first: P, work: impl FnOnce(Progress<P>) -> F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut tasks = self.inner.tasks.lock();
        if tasks.contains_key(uid) {
            return false;
        }
        let stop = CancellationToken::new();
        let run = self.inner.runs.fetch_add(1, Ordering::Relaxed);
        let progress = Progress {
            inner: Arc::downgrade(&self.inner),
            uid: uid.to_owned(),
            run,
            stop: stop.clone(),
        };
        let task = Task {
            started: self.inner.clock.now(),
            progress: first,
            state: TaskState::Running,
        };
        tasks.insert(
            uid.to_owned(),
            Slot {
                task,
                run,
                stop,
                work: None,
            },
        );
        let work = AssertUnwindSafe(work(progress.clone()));
        let handle = tokio::spawn(async move {
            let state = match work.catch_unwind().await {
                Ok(()) => TaskState::Finished,
                Err(panic) => {
                    tracing::error!(
                        uid = progress.uid,
                        panic = text_of(panic.as_ref()),
                        "task panicked"
                    );
                    TaskState::Panicked
                }
            };
            progress.change(|task| task.state = state);
        });
        if let Some(slot) = tasks.get_mut(uid) {
            slot.work = Some(handle);
        }
        true
    }

    /// What is known of the task about an object.
    pub fn get(&self, uid: &str) -> Option<Task<P>> {
        self.inner
            .tasks
            .lock()
            .get(uid)
            .map(|slot| slot.task.clone())
    }

    /// Ends and forgets the task about an object: it is told to stop, and dropped where it waits next.
    pub fn cancel(&self, uid: &str) {
        if let Some(work) = self.take_out(uid) {
            work.abort();
            self.await_later(work);
        }
    }

    /// Forgets the task about an object: it is told to stop, and comes to its end by itself, unheard. For a
    /// task that heeds that and has something to write down.
    pub fn dismiss(&self, uid: &str) {
        if let Some(work) = self.take_out(uid) {
            self.await_later(work);
        }
    }

    fn take_out(&self, uid: &str) -> Option<JoinHandle<()>> {
        let slot = self.inner.tasks.lock().remove(uid)?;
        slot.stop.cancel();
        slot.work
    }

    fn await_later(&self, work: JoinHandle<()>) {
        let mut ending = self.inner.ending.lock();
        ending.retain(|work| !work.is_finished());
        ending.push(work);
    }

    /// Forgets the task about an object if it has ended.
    pub fn forget(&self, uid: &str) {
        let mut tasks = self.inner.tasks.lock();
        if tasks
            .get(uid)
            .is_some_and(|slot| slot.task.state != TaskState::Running)
        {
            tasks.remove(uid);
        }
    }

    /// Has `bell` told the uid whenever a task tells something or ends.
    pub fn on_change(&self, bell: impl Fn(&str) + Send + Sync + 'static) {
        self.inner.bells.lock().push(Arc::new(bell));
    }
}

/// Tasks of any sort, to be stopped.
#[async_trait]
pub(super) trait Stop: Send + Sync {
    /// Ends and forgets all tasks, and returns when none is under way any more. They are told to stop,
    /// and dropped where they wait when `grace` is over. Dropped itself, it is to be called again.
    async fn stop(&self, grace: Duration);

    /// Ends and forgets all tasks: each is dropped where it waits next.
    fn abort(&self);
}

#[async_trait]
impl<P: Clone + Send + Sync + 'static> Stop for Tasks<P> {
    async fn stop(&self, grace: Duration) {
        let mut ending = Ending::of(&self.inner);
        if !grace.is_zero() && tokio::time::timeout(grace, ending.ended()).await.is_err() {
            tracing::warn!(?grace, "tasks were still under way");
        }
        for work in &ending.works {
            work.abort();
        }
        ending.ended().await;
    }

    fn abort(&self) {
        for work in &Ending::of(&self.inner).works {
            work.abort();
        }
    }
}

/// Tasks that were told to stop and whose end is awaited, if not here then by the next who asks.
struct Ending<'a> {
    works: Vec<JoinHandle<()>>,
    rest: &'a Mutex<Vec<JoinHandle<()>>>,
}

impl<'a> Ending<'a> {
    fn of<P>(inner: &'a Inner<P>) -> Self {
        let slots = std::mem::take(&mut *inner.tasks.lock());
        let mut works = std::mem::take(&mut *inner.ending.lock());
        for slot in slots.into_values() {
            slot.stop.cancel();
            works.extend(slot.work);
        }
        Self {
            works,
            rest: &inner.ending,
        }
    }

    async fn ended(&mut self) {
        while let Some(work) = self.works.last_mut() {
            // A panic is told by the task itself; one that was dropped has ended as well.
            let _ = work.await;
            self.works.pop();
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.rest.lock().append(&mut self.works);
    }
}

impl<P> Inner<P> {
    fn ring(&self, uid: &str) {
        let bells = self.bells.lock().clone();
        for bell in bells {
            bell(uid);
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tasks() -> (Tasks<u32>, Arc<Mutex<Vec<String>>>) {
        let tasks = Tasks::new(Clock::starting_at(Timestamp::UNIX_EPOCH));
        let rung = Arc::new(Mutex::new(Vec::new()));
        let bell = Arc::clone(&rung);
        tasks.on_change(move |uid| bell.lock().push(uid.to_owned()));
        (tasks, rung)
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_tells_ends_and_is_not_started_twice() {
        let (tasks, rung) = tasks();
        let work = |progress: Progress<u32>| async move {
            progress.tell(1);
            tokio::time::sleep(Duration::from_secs(1)).await;
            progress.update(|count| *count += 1);
        };
        assert!(tasks.start("u", 0, work));
        assert!(!tasks.start("u", 0, work));
        settle().await;
        let task = tasks.get("u");
        assert_eq!(
            task.map(|task| (task.progress, task.state)),
            Some((2, TaskState::Finished))
        );
        assert_eq!(rung.lock().len(), 3, "told twice, ended once");
        assert!(!tasks.start("u", 0, work), "what it came to is kept");
        tasks.forget("u");
        assert!(tasks.start("u", 0, work));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_one_task() {
        let (tasks, _) = tasks();
        tasks.start("bad", 0, |_| async { panic!("no") });
        tasks.start("good", 0, |progress| async move { progress.tell(7) });
        settle().await;
        assert_eq!(
            tasks.get("bad").map(|task| task.state),
            Some(TaskState::Panicked)
        );
        assert_eq!(tasks.get("good").map(|task| task.progress), Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_cancelled_task_tells_is_not_heard() {
        let (tasks, rung) = tasks();
        let kept = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&kept);
        tasks.start("u", 0, |progress| async move {
            *keep.lock() = Some(progress.clone());
            std::future::pending::<()>().await;
        });
        settle().await;
        tasks.cancel("u");
        tasks.start("u", 5, |_| std::future::pending());
        let old = kept.lock().take();
        if let Some(old) = old {
            old.tell(9);
            assert!(old.stop().is_cancelled());
        }
        assert_eq!(tasks.get("u").map(|task| task.progress), Some(5));
        assert!(rung.lock().is_empty());
        tasks.abort();
        assert_eq!(tasks.get("u"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stopped_has_ended() {
        struct Alive(Arc<AtomicU64>);
        impl Drop for Alive {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let alive = Arc::new(AtomicU64::new(0));
        let wrote = Arc::new(AtomicU64::new(0));
        let (tasks, _) = tasks();
        let start = |uid: &str, takes: Option<Duration>| {
            let (alive, wrote) = (Arc::clone(&alive), Arc::clone(&wrote));
            alive.fetch_add(1, Ordering::Relaxed);
            tasks.start(uid, 0, move |progress| async move {
                let _alive = Alive(alive);
                progress.stop().cancelled().await;
                match takes {
                    None => std::future::pending().await,
                    Some(takes) => tokio::time::sleep(takes).await,
                }
                wrote.fetch_add(1, Ordering::Relaxed);
            })
        };
        start("orderly", Some(Duration::from_secs(3)));
        start("late", Some(Duration::from_secs(30)));
        start("deaf", None);
        start("cancelled", None);
        start("dismissed", Some(Duration::from_secs(3)));
        settle().await;
        tasks.cancel("cancelled");
        tasks.dismiss("dismissed");
        // Given up in the middle, and begun again.
        let hurried =
            tokio::time::timeout(Duration::from_secs(1), tasks.stop(Duration::from_secs(60)));
        assert!(hurried.await.is_err());
        tasks.stop(Duration::from_secs(10)).await;
        assert_eq!(alive.load(Ordering::Relaxed), 0, "none is under way");
        assert_eq!(wrote.load(Ordering::Relaxed), 2, "two came to a good end");
        assert!(start("again", None));
        settle().await;
        tasks.stop(Duration::ZERO).await;
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}
