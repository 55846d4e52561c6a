//! A programmable cloud behind the same traits as the real ones, for tests and simulations.
//!
//! It enforces dependencies, takes its time to delete, lists late or too long, throttles, fails and
//! crashes on demand, has foreign resources that hold ours, and writes down every call. Time is
//! tokio's: under a paused clock an hour passes in a blink, and runs repeat exactly.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use skep_providers::{AccountId, fake::{FakeCloud, FakeResource}, erase::Kind};
//! let cloud = FakeCloud::new("aws");
//! let account = AccountId::new("aws", "123456789012");
//! cloud.accept("AKIAFAKE", account.clone());
//! cloud.create(&account, FakeResource::new("vpc-1", "network").tag("owner", "x").takes(Duration::from_secs(3)));
//! assert_eq!(cloud.resources(&account).len(), 1);
//! ```

mod machines;
mod sample;
mod target;
mod world;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;

pub use machines::FakeMachine;
pub use sample::{cluster, kinds, metadata};
pub use world::{FakeResource, Fault, LoggedCall};

use crate::{
    account::{Account, AccountId, Cloud, ConnectRequest, Unsupported},
    call::{Calls, Limit, NoObserver, RetryPolicy, Throttle},
    clock::{Clock, Monotonic},
    credentials::Credentials,
    erase::{ClusterFacts, EraseTarget, KindSpec, ResourceId},
    error::{Class, Error},
    listings::Listings,
    machine_sets::MachineSets,
    power::{Machine, Machines, PowerState},
    preflight::Preflight,
    zones::Zones,
};
use machines::FakeMachines;
use world::World;

/// What an account's clock shows at first, where nobody says otherwise.
const EPOCH: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// A clock that starts at a given time and moves with tokio's.
#[derive(Debug, Clone, Copy)]
pub struct FakeClock {
    epoch: Timestamp,
    started: Monotonic,
}

impl FakeClock {
    /// A clock that shows `epoch` now.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self {
            epoch,
            started: Monotonic::start(),
        }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.epoch
            .checked_add(self.started.elapsed())
            .unwrap_or(self.epoch)
    }
}

/// Where in a call a crash happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashPoint {
    /// The call has no effect.
    Before,
    /// The call has its effect, and nobody hears of it.
    After,
}

/// The cloud. Clones are the same cloud.
#[derive(Clone)]
pub struct FakeCloud {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    name: String,
    started: Monotonic,
    pub(crate) clock: Arc<dyn Clock>,
    /// Machines by infra ID.
    pub(crate) listings: Listings<AccountId, BTreeMap<String, Vec<Machine>>>,
    inner: Mutex<Inner>,
    crashed: Notify,
}

#[derive(Default)]
pub(crate) struct Inner {
    keys: BTreeMap<String, AccountId>,
    worlds: BTreeMap<AccountId, World>,
    pub(crate) latency: Duration,
    pub(crate) kinds: Option<Vec<KindSpec>>,
    /// Whether a dependency violation names the holders.
    pub(crate) names_holders: bool,
    crash: Option<(u64, CrashPoint)>,
    /// Calls of all accounts so far.
    calls: u64,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Makes one call: it takes the cloud's latency, its effect is in the middle, and at the chosen
    /// call the caller never hears of it again.
    pub(crate) async fn call<T>(
        &self,
        account: &AccountId,
        operation: &str,
        ids: &[ResourceId],
        effect: impl FnOnce(&mut World, &Settings, Duration) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (number, latency, crash) = {
            let mut inner = self.lock();
            inner.calls += 1;
            (inner.calls, inner.latency, inner.crash)
        };
        let crashes_here = |at| crash == Some((number, at));
        tokio::time::sleep(latency / 2).await;
        if crashes_here(CrashPoint::Before) {
            self.crash().await;
        }
        let result = {
            let mut inner = self.lock();
            let settings = Settings {
                names_holders: inner.names_holders,
            };
            let now = self.now();
            let world = inner.worlds.entry(account.clone()).or_default();
            world.settle(now);
            let result = match world.fault(operation) {
                Some(class) => {
                    Err(Error::new(operation, class, "injected").with_code("InjectedFault"))
                }
                None => effect(world, &settings, now),
            };
            let class = result.as_ref().err().map(|error| error.class.clone());
            let (operation, ids) = (operation.to_owned(), ids.to_vec());
            world.log.push(LoggedCall {
                at: now,
                operation,
                ids,
                class,
            });
            result
        };
        if crashes_here(CrashPoint::After) {
            self.crash().await;
        }
        tokio::time::sleep(latency / 2).await;
        result
    }

    async fn crash(&self) {
        self.crashed.notify_one();
        std::future::pending::<()>().await;
    }
}

/// Settings that effects look at.
pub(crate) struct Settings {
    pub(crate) names_holders: bool,
}

impl FakeCloud {
    /// An empty cloud of this name (`aws`, …), with a latency of 50 ms, whose dependency violations
    /// name the holders.
    pub fn new(name: &str) -> Self {
        Self::with_clock(name, Arc::new(FakeClock::starting_at(EPOCH)))
    }

    /// The same with this clock for the times that it tells.
    pub fn with_clock(name: &str, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            latency: Duration::from_millis(50),
            names_holders: true,
            ..Inner::default()
        };
        Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                started: Monotonic::start(),
                listings: Listings::new(Arc::clone(&clock), 16),
                clock,
                inner: Mutex::new(inner),
                crashed: Notify::new(),
            }),
        }
    }

    /// Credentials whose Secret has `key` under `aws_access_key_id` (or `key`) act in `account`.
    /// Unknown keys are [`Class::Unauthenticated`].
    pub fn accept(&self, key: &str, account: AccountId) {
        let mut inner = self.shared.lock();
        inner.worlds.entry(account.clone()).or_default();
        inner.keys.insert(key.to_owned(), account);
    }

    /// Credentials with `key` are no longer accepted.
    pub fn reject(&self, key: &str) {
        self.shared.lock().keys.remove(key);
    }

    /// Kinds that erasers describe, instead of the [`kinds`] of the sample.
    pub fn describe_kinds(&self, kinds: Vec<KindSpec>) {
        self.shared.lock().kinds = Some(kinds);
    }

    /// How long a call takes.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.lock().latency = latency;
    }

    /// Whether dependency violations name the holders.
    pub fn set_names_holders(&self, names: bool) {
        self.shared.lock().names_holders = names;
    }

    /// Puts a resource into an account.
    pub fn create(&self, account: &AccountId, resource: FakeResource) {
        let now = self.shared.now();
        self.world(account, |world| world.create(resource, now));
    }

    /// Puts many resources into an account.
    pub fn create_all(&self, account: &AccountId, resources: Vec<FakeResource>) {
        for resource in resources {
            self.create(account, resource);
        }
    }

    /// Puts a machine into an account. Its power is all that it has: nothing of it is erased.
    pub fn add_machine(&self, account: &AccountId, machine: FakeMachine) {
        self.world(account, |world| world.park.put(machine));
    }

    /// Takes a machine out of an account.
    pub fn remove_machine(&self, account: &AccountId, id: &str) {
        self.world(account, |world| world.park.remove(id));
    }

    /// Somebody else switches a machine.
    pub fn set_power(&self, account: &AccountId, id: &str, power: PowerState) {
        self.world(account, |world| world.park.set_power(id, power));
    }

    /// Machines of an account as they are now, by identifier.
    pub fn machines(&self, account: &AccountId) -> BTreeMap<String, FakeMachine> {
        self.world(account, |world| world.park.all())
    }

    /// In `after` from now an in-cluster controller creates `resource`, if `controller` (a machine)
    /// still exists then or ended at most `late` before: a call under way.
    pub fn create_later(
        &self,
        account: &AccountId,
        resource: FakeResource,
        after: Duration,
        controller: impl Into<ResourceId>,
        late: Duration,
    ) {
        let at = self.shared.now() + after;
        self.world(account, |world| {
            world.create_later(resource, at, controller.into(), late);
        });
    }

    /// Makes a resource deletable that was not.
    pub fn unlock(&self, account: &AccountId, id: &ResourceId) {
        self.world(account, |world| world.unlock(id));
    }

    /// Injects a fault into an account.
    pub fn fault(&self, account: &AccountId, fault: Fault) {
        self.world(account, |world| world.faults.push(fault));
    }

    /// What exists in an account now.
    pub fn resources(&self, account: &AccountId) -> BTreeMap<ResourceId, FakeResource> {
        self.world(account, |world| world.existing())
    }

    /// Calls made in an account so far.
    pub fn log(&self, account: &AccountId) -> Vec<LoggedCall> {
        self.world(account, |world| world.log.clone())
    }

    /// Deletions in an account that were refused because something still held the resource.
    pub fn violations(&self, account: &AccountId) -> u32 {
        self.world(account, |world| world.violations)
    }

    /// Calls made in all accounts so far.
    pub fn calls(&self) -> u64 {
        self.shared.lock().calls
    }

    /// From now on, call number `number` (counted from 1, over all accounts) never returns.
    pub fn crash_at(&self, number: u64, point: CrashPoint) {
        self.shared.lock().crash = Some((number, point));
    }

    /// Takes back what [`FakeCloud::crash_at`] arranged.
    pub fn never_crash(&self) {
        self.shared.lock().crash = None;
    }

    /// Returns when the crash has happened. Select on it beside the work, and drop the work.
    pub async fn crashed(&self) {
        self.shared.crashed.notified().await;
        self.shared.lock().crash = None;
    }

    fn world<T>(&self, account: &AccountId, work: impl FnOnce(&mut World) -> T) -> T {
        let now = self.shared.now();
        let mut inner = self.shared.lock();
        let world = inner.worlds.entry(account.clone()).or_default();
        world.settle(now);
        work(world)
    }
}

#[async_trait]
impl Cloud for FakeCloud {
    fn name(&self) -> &str {
        &self.shared.name
    }

    async fn connect(&self, request: ConnectRequest) -> Result<Arc<dyn Account>, Error> {
        let secret = request.source.secret.or(request.source.provider_secret);
        let key = secret
            .as_ref()
            .and_then(|secret| {
                secret
                    .text("aws_access_key_id")
                    .or_else(|| secret.text("key"))
            })
            .ok_or_else(|| Error::new("connect", Class::Invalid, "the Secret has no key"))?;
        Ok(Arc::new(FakeAccount {
            shared: Arc::clone(&self.shared),
            key: key.to_owned(),
        }))
    }
}

/// An account opened with a key.
struct FakeAccount {
    shared: Arc<Shared>,
    key: String,
}

impl FakeAccount {
    fn unsupported<T>(&self, capability: &'static str) -> Result<T, Unsupported> {
        Err(Unsupported {
            cloud: self.shared.name.clone(),
            capability,
        })
    }
}

#[async_trait]
impl Credentials for FakeAccount {
    async fn identity(&self) -> Result<AccountId, Error> {
        identity(&self.shared, &self.key).await
    }
}

pub(crate) async fn identity(shared: &Shared, key: &str) -> Result<AccountId, Error> {
    let account = shared.lock().keys.get(key).cloned();
    let Some(account) = account else {
        return Err(Error::new(
            "identity",
            Class::Unauthenticated,
            "unknown key",
        ));
    };
    let found = account.clone();
    shared
        .call(&account, "identity", &[], |_, _, _| Ok(found))
        .await
}

impl Account for FakeAccount {
    fn machines(&self) -> Result<Arc<dyn Machines>, Unsupported> {
        Ok(Arc::new(FakeMachines {
            shared: Arc::clone(&self.shared),
            key: self.key.clone(),
        }))
    }

    fn zones(&self) -> Result<Arc<dyn Zones>, Unsupported> {
        self.unsupported("zones")
    }

    fn machine_sets(&self) -> Result<Arc<dyn MachineSets>, Unsupported> {
        self.unsupported("machine sets")
    }

    fn preflight(&self) -> Result<Arc<dyn Preflight>, Unsupported> {
        self.unsupported("preflight")
    }

    fn eraser(&self, facts: &ClusterFacts) -> Result<Arc<dyn EraseTarget>, Error> {
        let kinds = self.shared.lock().kinds.clone().unwrap_or_else(kinds);
        let limit = Limit {
            per_second: 50,
            burst: 50,
        };
        let throttle = Throttle::new(
            &self.key,
            &[],
            limit,
            RetryPolicy::default(),
            Arc::new(NoObserver),
        );
        Ok(Arc::new(target::FakeTarget {
            shared: Arc::clone(&self.shared),
            key: self.key.clone(),
            facts: facts.clone(),
            kinds,
            calls: Calls::new(Arc::new(throttle)),
        }))
    }
}
