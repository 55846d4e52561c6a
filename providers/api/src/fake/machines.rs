//! Machines of the fake cloud: they take their time to start and to stop, refuse what they cannot do
//! from where they are, and can be out of capacity.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Settings, Shared, World};
use crate::{
    account::AccountId,
    erase::{ClusterFacts, ResourceId},
    error::{Class, Error},
    power::{Listing, Machine, Machines, PowerOutcome, PowerState},
};

/// A machine of the fake cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeMachine {
    /// What listings tell of it.
    pub machine: Machine,
    /// Infra ID of the cluster that it carries the mark of.
    pub infra_id: String,
    /// How long it takes to start.
    pub starts_in: Duration,
    /// How long it takes to stop.
    pub stops_in: Duration,
    /// Every start of it fails like this.
    pub unstartable: Option<Class>,
    /// When it gets to which state.
    due: Option<(Duration, PowerState)>,
}

impl FakeMachine {
    /// A running machine that starts in fifteen seconds and stops in thirty.
    pub fn new(id: &str, infra_id: &str) -> Self {
        Self {
            machine: Machine {
                id: id.to_owned(),
                name: id.to_owned(),
                power: PowerState::Running,
                spot: false,
                control_plane: false,
            },
            infra_id: infra_id.to_owned(),
            starts_in: Duration::from_secs(15),
            stops_in: Duration::from_secs(30),
            unstartable: None,
            due: None,
        }
    }

    /// A machine of the control plane.
    #[must_use]
    pub fn control_plane(mut self) -> Self {
        self.machine.control_plane = true;
        self
    }

    /// A spot machine.
    #[must_use]
    pub fn spot(mut self) -> Self {
        self.machine.spot = true;
        self
    }

    /// In this state.
    #[must_use]
    pub fn power(mut self, power: PowerState) -> Self {
        self.machine.power = power;
        self
    }

    /// Starting and stopping take this long.
    #[must_use]
    pub fn takes(mut self, starts_in: Duration, stops_in: Duration) -> Self {
        (self.starts_in, self.stops_in) = (starts_in, stops_in);
        self
    }

    /// Every start fails like this.
    #[must_use]
    pub fn unstartable(mut self, class: Class) -> Self {
        self.unstartable = Some(class);
        self
    }

    fn on_the_way(&mut self, by: PowerState, to: PowerState, at: Duration) {
        self.machine.power = by;
        self.due = Some((at, to));
    }

    fn start(&mut self, now: Duration) -> Result<(), Error> {
        match &self.machine.power {
            PowerState::Running | PowerState::Pending => Ok(()),
            PowerState::Stopped => {
                if let Some(class) = self.unstartable.clone() {
                    let error = Error::new("start", class, "cannot be started");
                    return Err(error.with_code("Refused"));
                }
                self.on_the_way(
                    PowerState::Pending,
                    PowerState::Running,
                    now + self.starts_in,
                );
                Ok(())
            }
            PowerState::Stopping | PowerState::Other(_) => Err(in_between("start")),
        }
    }

    /// `true` if it is deleted instead.
    fn stop(&mut self, now: Duration) -> Result<bool, Error> {
        match &self.machine.power {
            PowerState::Stopped | PowerState::Stopping => Ok(false),
            PowerState::Running | PowerState::Pending if self.machine.spot => {
                if self.machine.control_plane {
                    let why = "a spot machine of the control plane would be lost";
                    return Err(Error::new("stop", Class::Invalid, why));
                }
                Ok(true)
            }
            PowerState::Running => {
                self.on_the_way(
                    PowerState::Stopping,
                    PowerState::Stopped,
                    now + self.stops_in,
                );
                Ok(false)
            }
            PowerState::Pending | PowerState::Other(_) => Err(in_between("stop")),
        }
    }
}

fn in_between(verb: &str) -> Error {
    let class = Class::DependencyViolation {
        holders: Vec::new(),
    };
    Error::new(verb, class, "it is on its way to another state").with_code("IncorrectState")
}

/// Machines of an account, by identifier.
#[derive(Debug, Default)]
pub(crate) struct Park(BTreeMap<String, FakeMachine>);

impl Park {
    pub(crate) fn settle(&mut self, now: Duration) {
        for machine in self.0.values_mut() {
            if let Some((at, state)) = machine.due.take() {
                if at <= now {
                    machine.machine.power = state;
                } else {
                    machine.due = Some((at, state));
                }
            }
        }
    }

    pub(crate) fn put(&mut self, machine: FakeMachine) {
        self.0.insert(machine.machine.id.clone(), machine);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    pub(crate) fn set_power(&mut self, id: &str, power: PowerState) {
        if let Some(machine) = self.0.get_mut(id) {
            machine.machine.power = power;
            machine.due = None;
        }
    }

    pub(crate) fn all(&self) -> BTreeMap<String, FakeMachine> {
        self.0.clone()
    }

    fn by_cluster(&self) -> BTreeMap<String, Vec<Machine>> {
        let mut found: BTreeMap<String, Vec<Machine>> = BTreeMap::new();
        for machine in self.0.values() {
            let of_cluster = found.entry(machine.infra_id.clone()).or_default();
            of_cluster.push(machine.machine.clone());
        }
        found
    }

    fn change(
        &mut self,
        id: &str,
        work: impl FnOnce(&mut FakeMachine) -> Result<bool, Error>,
    ) -> PowerOutcome {
        let result = match self.0.get_mut(id) {
            None => Err(Error::new("power", Class::NotFound, "no such machine")),
            Some(machine) => work(machine),
        };
        if result == Ok(true) {
            self.0.remove(id);
        }
        PowerOutcome {
            id: id.to_owned(),
            result: result.map(drop),
        }
    }
}

/// [`Machines`] of an account.
pub(crate) struct FakeMachines {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: String,
}

impl FakeMachines {
    fn account(&self) -> Result<AccountId, Error> {
        let account = self.shared.lock().keys.get(&self.key).cloned();
        account.ok_or_else(|| Error::new("machines", Class::Unauthenticated, "unknown key"))
    }

    async fn by_cluster(
        &self,
        account: &AccountId,
        operation: &str,
    ) -> Result<BTreeMap<String, Vec<Machine>>, Error> {
        let list = |world: &mut World, _: &Settings, _| Ok(world.park.by_cluster());
        self.shared.call(account, operation, &[], list).await
    }

    async fn change(
        &self,
        verb: &str,
        machines: &[Machine],
        work: impl Fn(&mut FakeMachine, Duration) -> Result<bool, Error>,
    ) -> Vec<PowerOutcome> {
        let ids: Vec<ResourceId> = machines
            .iter()
            .map(|machine| ResourceId::new(&machine.id))
            .collect();
        let changed = match self.account() {
            Err(error) => Err(error),
            Ok(account) => {
                let operation = format!("{verb}:machines");
                let call = self
                    .shared
                    .call(&account, &operation, &ids, |world, _, now| {
                        let each = machines.iter().map(|machine| {
                            let park = &mut world.park;
                            park.change(&machine.id, |machine| work(machine, now))
                        });
                        Ok(each.collect())
                    });
                let changed = call.await;
                self.shared.listings.outdate(&account);
                changed
            }
        };
        changed.unwrap_or_else(|error| {
            let failed = |machine: &Machine| PowerOutcome {
                id: machine.id.clone(),
                result: Err(error.clone()),
            };
            machines.iter().map(failed).collect()
        })
    }
}

#[async_trait]
impl Machines for FakeMachines {
    async fn list(&self, cluster: &ClusterFacts, max_age: Duration) -> Result<Listing, Error> {
        let account = self.account()?;
        let known = &cluster.infra_id;
        if !max_age.is_zero() {
            let listings = &self.shared.listings;
            let listed = listings
                .within(&account, max_age, || {
                    self.by_cluster(&account, "list:machines")
                })
                .await?;
            if let Some(machines) = listed.items.get(known) {
                return Ok(Listing {
                    at: listed.at,
                    machines: machines.clone(),
                });
            }
        }
        let at = self.shared.clock.now();
        let mut found = self
            .by_cluster(&account, "list:machines-of-cluster")
            .await?;
        Ok(Listing {
            at,
            machines: found.remove(known).unwrap_or_default(),
        })
    }

    async fn start(&self, machines: &[Machine]) -> Vec<PowerOutcome> {
        let start = |machine: &mut FakeMachine, now| machine.start(now).map(|()| false);
        self.change("start", machines, start).await
    }

    async fn stop(&self, machines: &[Machine]) -> Vec<PowerOutcome> {
        self.change("stop", machines, FakeMachine::stop).await
    }
}
