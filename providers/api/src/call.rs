//! The one layer that every call to a cloud goes through: retry, rate limit, metrics, tracing, and
//! the count that the deprovision engine puts into its receipt.
//!
//! [`Throttle`] is shared by everything that works in one account (a thousand erasures in one
//! account share its limits); [`Calls`] belongs to one user of it and counts what that user did.
//!
//! How to use it: `calls.call(Call::read("ec2", "ec2:DescribeVpcs"), || async { … }).await`. The
//! closure makes one attempt and turns the SDK's error into an [`Error`]; switch the SDK's own
//! retries off.

use std::{
    collections::BTreeMap,
    future::Future,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    clock::Monotonic,
    error::{Class, Error},
};

/// Counts of calls, attempts included.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    /// Calls that only read.
    pub reads: u64,
    /// Calls that change.
    pub changes: u64,
    /// Of both, those that repeated an earlier one.
    pub repeated: u64,
}

impl std::ops::Add for CallCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            reads: self.reads + other.reads,
            changes: self.changes + other.changes,
            repeated: self.repeated + other.repeated,
        }
    }
}

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It only reads.
    Read,
    /// It changes something and may be repeated (deletions, or creations with a token).
    Change,
    /// It changes something and must not be repeated unless it surely had no effect (throttled).
    ChangeOnce,
}

/// What kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// Service whose limit applies: `ec2`.
    pub service: &'static str,
    /// Operation, in the cloud's own words: `ec2:DeleteVpc`.
    pub operation: &'static str,
    /// Whether it changes anything.
    pub effect: Effect,
}

impl Call {
    /// A call that only reads.
    pub const fn read(service: &'static str, operation: &'static str) -> Self {
        Self {
            service,
            operation,
            effect: Effect::Read,
        }
    }

    /// A call that changes something and may be repeated.
    pub const fn change(service: &'static str, operation: &'static str) -> Self {
        Self {
            service,
            operation,
            effect: Effect::Change,
        }
    }
}

/// Limit of a service: calls per second, and how many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit {
    /// Calls per second.
    pub per_second: u32,
    /// Calls at once.
    pub burst: u32,
}

/// When a failed attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts, the first included.
    pub attempts: u32,
    /// First pause; doubled each time.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// An attempt that takes longer than this is given up as [`Class::Transient`].
    pub timeout: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(250),
            longest: Duration::from_secs(10),
            timeout: Duration::from_mins(1),
        }
    }
}

/// Where attempts are reported to.
pub trait CallObserver: Send + Sync {
    /// One attempt has ended. `class` is `None` for success. Must be quick.
    fn attempt(&self, account: &str, call: Call, took: Duration, class: Option<&Class>);
}

tokio::task_local! {
    static CANCEL: CancellationToken;
}

/// Runs `work`; once `cancel` is cancelled, changing calls that `work` makes through [`Calls`] on
/// this task begin no further attempt and fail as [`Class::Transient`].
pub async fn unless_cancelled<T>(cancel: CancellationToken, work: impl Future<Output = T>) -> T {
    CANCEL.scope(cancel, work).await
}

fn cancelled() -> bool {
    CANCEL
        .try_with(CancellationToken::is_cancelled)
        .unwrap_or(false)
}

/// An observer that forgets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl CallObserver for NoObserver {
    fn attempt(&self, _: &str, _: Call, _: Duration, _: Option<&Class>) {}
}

/// Rate limits and retry policy of one account.
pub struct Throttle {
    account: String,
    started: Monotonic,
    services: BTreeMap<&'static str, Service>,
    other: Service,
    policy: RetryPolicy,
    observer: Arc<dyn CallObserver>,
    spread: AtomicU64,
}

impl Throttle {
    /// Limits of `account` (a label for metrics and logs, never a secret). Services that are not
    /// listed share `other`.
    pub fn new(
        account: impl Into<String>,
        limits: &[(&'static str, Limit)],
        other: Limit,
        policy: RetryPolicy,
        observer: Arc<dyn CallObserver>,
    ) -> Self {
        let started = Monotonic::start();
        Self {
            account: account.into(),
            started,
            services: limits
                .iter()
                .map(|(service, limit)| (*service, Service::new(*limit, started)))
                .collect(),
            other: Service::new(other, started),
            policy,
            observer,
            spread: AtomicU64::new(0),
        }
    }

    fn service(&self, name: &str) -> &Service {
        self.services.get(name).unwrap_or(&self.other)
    }

    /// Waits until a call may begin.
    async fn admit(&self, service: &Service) {
        loop {
            let now = self.started.elapsed();
            let paused = service.paused_until().saturating_sub(now);
            if !paused.is_zero() {
                tokio::time::sleep(paused).await;
                continue;
            }
            match service.limiter.check() {
                Ok(()) => return,
                Err(until) => tokio::time::sleep(until.wait_time_from(now)).await,
            }
        }
    }

    /// Growing pause, spread over its upper half so that callers that failed together do not come
    /// back together. Spread by a counter rather than by chance: simulations repeat exactly.
    fn pause(&self, attempt: u32) -> Duration {
        let whole = self
            .policy
            .first
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)))
            .min(self.policy.longest);
        let step = self
            .spread
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0x9E37)
            % 1024;
        whole / 2 + whole.mul_f64(0.5 * f64::from(u32::try_from(step).unwrap_or(0)) / 1024.0)
    }
}

/// The throttles of a process, by account.
pub struct Throttles {
    limits: Vec<(&'static str, Limit)>,
    other: Limit,
    policy: RetryPolicy,
    observer: Arc<dyn CallObserver>,
    by_account: Mutex<BTreeMap<String, Arc<Throttle>>>,
}

impl Throttles {
    /// The same limits for each account.
    pub fn new(
        limits: Vec<(&'static str, Limit)>,
        other: Limit,
        policy: RetryPolicy,
        observer: Arc<dyn CallObserver>,
    ) -> Self {
        Self {
            limits,
            other,
            policy,
            observer,
            by_account: Mutex::default(),
        }
    }

    /// The throttle of `account`, made when it is first asked for.
    pub fn of(&self, account: &str) -> Arc<Throttle> {
        let mut by_account = self
            .by_account
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(by_account.entry(account.to_owned()).or_insert_with(|| {
            Arc::new(Throttle::new(
                account,
                &self.limits,
                self.other,
                self.policy,
                Arc::clone(&self.observer),
            ))
        }))
    }
}

/// A user of a [`Throttle`], with its own counts. Clones count together.
#[derive(Clone)]
pub struct Calls {
    throttle: Arc<Throttle>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    reads: AtomicU64,
    changes: AtomicU64,
    repeated: AtomicU64,
}

impl Calls {
    /// A user with counts at zero.
    pub fn new(throttle: Arc<Throttle>) -> Self {
        Self {
            throttle,
            counters: Arc::default(),
        }
    }

    /// The same limits, counts at zero.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(Arc::clone(&self.throttle))
    }

    /// Attempts made so far.
    pub fn counts(&self) -> CallCounts {
        CallCounts {
            reads: self.counters.reads.load(Ordering::Relaxed),
            changes: self.counters.changes.load(Ordering::Relaxed),
            repeated: self.counters.repeated.load(Ordering::Relaxed),
        }
    }

    /// Makes a call: waits for the rate limit, runs attempts until one succeeds, fails for good, or
    /// none is left. Throttled and transient attempts are repeated; of [`Effect::ChangeOnce`] only
    /// throttled ones. A throttled attempt holds back the whole service for the account, since the
    /// limit is the account's.
    pub async fn call<T, Attempt, Work>(&self, call: Call, mut attempt: Attempt) -> Result<T, Error>
    where
        Attempt: FnMut() -> Work,
        Work: Future<Output = Result<T, Error>>,
    {
        let Call {
            service: name,
            operation,
            effect,
        } = call;
        let throttle = &self.throttle;
        let service = throttle.service(name);
        let mut made = 0;
        loop {
            throttle.admit(service).await;
            if effect != Effect::Read && cancelled() {
                return Err(Error::new(operation, Class::Transient, "cancelled"));
            }
            made += 1;
            self.count(effect, made > 1);
            let span = tracing::debug_span!("cloud_call", account = %throttle.account, operation, attempt = made);
            let began = throttle.started.elapsed();
            let result = tokio::time::timeout(throttle.policy.timeout, attempt().instrument(span))
                .await
                .unwrap_or_else(|_| {
                    Err(Error::new(operation, Class::Transient, "no answer in time"))
                });
            let took = throttle.started.elapsed().saturating_sub(began);
            let error = match result {
                Ok(value) => {
                    throttle
                        .observer
                        .attempt(&throttle.account, call, took, None);
                    return Ok(value);
                }
                Err(error) => error,
            };
            throttle
                .observer
                .attempt(&throttle.account, call, took, Some(&error.class));
            let pause = throttle.pause(made);
            let again = match (&error.class, effect) {
                (Class::Throttled { after }, _) => {
                    let pause = after.unwrap_or(pause);
                    service.pause_until(throttle.started.elapsed() + pause);
                    true
                }
                (Class::Transient, Effect::Read | Effect::Change) => true,
                (
                    Class::Transient
                    | Class::NotFound
                    | Class::AlreadyExists
                    | Class::Denied
                    | Class::Unauthenticated
                    | Class::Quota
                    | Class::Invalid
                    | Class::DependencyViolation { .. }
                    | Class::Unknown,
                    _,
                ) => false,
            };
            if !again || made >= throttle.policy.attempts {
                tracing::debug!(%error, operation, attempt = made, "call failed");
                return Err(error);
            }
            tracing::debug!(%error, operation, attempt = made, "call is repeated");
            if !matches!(error.class, Class::Throttled { .. }) {
                tokio::time::sleep(pause).await;
            }
        }
    }

    fn count(&self, effect: Effect, repeated: bool) {
        let counter = match effect {
            Effect::Read => &self.counters.reads,
            Effect::Change | Effect::ChangeOnce => &self.counters.changes,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if repeated {
            self.counters.repeated.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Service {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    /// On the throttle's own time scale.
    paused_until: Mutex<Duration>,
}

impl Service {
    fn new(limit: Limit, started: Monotonic) -> Self {
        let at_least_one = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limit.per_second))
            .allow_burst(at_least_one(limit.burst));
        Self {
            limiter: RateLimiter::direct_with_clock(quota, TokioClock(started)),
            paused_until: Mutex::default(),
        }
    }

    fn paused_until(&self) -> Duration {
        *self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pause_until(&self, at: Duration) {
        let mut paused = self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *paused = at.max(*paused);
    }
}

/// The rate limiter's clock is tokio's, so that paused time holds for it too.
#[derive(Debug, Clone, Copy)]
struct TokioClock(Monotonic);

impl GovernorClock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
