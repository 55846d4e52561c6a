//! What a managed cluster does when its machines start and stop: its API, its kubelets and their
//! certificates, its operators (docs/spec/60 §6, docs/spec/21 §6–7). Plain data and one function of
//! time, [`Model::step`]; whoever shows it to clients, as a real API server or as a light one, decides
//! nothing. It must never know what an operator of the hub expects.
//!
//! Times of conditions are wall time. Certificates age in days of their own, which a test lets pass.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};

use super::SpokeOptions;
use super::inventory::{Instance, State};
use super::requests::{self, Answer, Bad, Purpose, Request, Subject};

/// A machine, its Machine, its Node and its kubelet.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) instance: Instance,
    /// Its kubelet has once been known to the API server: there is a Node.
    pub(super) registered: bool,
    /// Phase of the Machine.
    pub(super) phase: &'static str,
    /// When the Machine's status changed last.
    pub(super) updated: Timestamp,
    /// Whether the Node says that it is ready, and since when it says so.
    pub(super) ready: bool,
    pub(super) since: Timestamp,
    /// Annotations that others put on the Machine, where no real API server keeps them.
    pub(super) annotations: BTreeMap<String, String>,
    /// Last day on which the API server knows the kubelet.
    pub(super) client_until: f64,
    /// Last day on which the kubelet can be asked for logs.
    pub(super) serving_until: f64,
    /// Since when the machine runs.
    running: Option<Timestamp>,
    /// Whether its kubelet has started.
    kubelet: bool,
    /// When the kubelet told last how it does.
    told: Timestamp,
    /// The request that the kubelet has made and waits for.
    asked: Option<(Purpose, String)>,
}

/// What `ClusterOperators` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// What they said before the cluster slept: nobody has looked since.
    Stale,
    /// They are at work.
    Progressing,
    /// They are done.
    Available,
}

/// A managed cluster.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) options: SpokeOptions,
    pub(super) created: Timestamp,
    /// By instance.
    pub(super) machines: BTreeMap<String, Machine>,
    /// By name.
    pub(super) requests: BTreeMap<String, Request>,
    pub(super) phase: Phase,
    /// When the operators began and ended their work.
    pub(super) progressing: Timestamp,
    pub(super) available: Timestamp,
    /// Operators that are degraded, with what they say and since when.
    pub(super) degraded: BTreeMap<String, (String, Timestamp)>,
    /// The release that it is told to be.
    pub(super) desired: String,
    /// Whether it is on the way there, and since when it is or is not.
    pub(super) upgrading: (bool, Timestamp),
    /// Why no minor upgrade is possible.
    pub(super) not_upgradeable: Option<String>,
    /// Days that have passed.
    pub(super) day: f64,
    /// Whether the API answers.
    pub(super) api: bool,
    /// A person keeps the API shut.
    pub(super) cut: bool,
    /// Since when a machine of the control plane runs.
    control_plane: Option<Timestamp>,
    /// Since when the API answers.
    answers: Timestamp,
    /// Not yet looked at.
    fresh: bool,
    /// Machines whose Machine was deleted, for the inventory to replace; and all there ever were.
    replace: Vec<Instance>,
    deleted: BTreeSet<String>,
}

impl Model {
    pub(super) fn new(options: SpokeOptions, now: Timestamp) -> Self {
        Self {
            desired: options.version.clone(),
            options,
            created: now,
            machines: BTreeMap::new(),
            requests: BTreeMap::new(),
            phase: Phase::Available,
            progressing: now,
            available: now,
            degraded: BTreeMap::new(),
            upgrading: (false, now),
            not_upgradeable: None,
            day: 0.0,
            api: false,
            cut: false,
            control_plane: None,
            answers: now,
            fresh: true,
            replace: Vec::new(),
            deleted: BTreeSet::new(),
        }
    }

    /// Lets everything happen that is due. `instances` are those of this cluster.
    pub(super) fn step(&mut self, now: Timestamp, instances: &[&Instance]) -> Result<()> {
        self.take_stock(now, instances);
        self.open_api(now);
        let ids: Vec<String> = self.machines.keys().cloned().collect();
        let mut delay = self.options.kubelet_after;
        for id in ids {
            self.run_kubelet(&id, delay, now)
                .with_context(|| format!("kubelet of {id}"))?;
            delay += self.options.stagger;
        }
        self.run_operators(now);
        self.fresh = false;
        Ok(())
    }

    /// Machines as the cloud has them.
    fn take_stock(&mut self, now: Timestamp, instances: &[&Instance]) {
        let days = self.options.certificate_days;
        let deleted = &self.deleted;
        for instance in instances.iter().filter(|one| !deleted.contains(&one.id)) {
            match self.machines.get_mut(&instance.id) {
                // A deleted machine has lost its address, but its Machine still tells of it.
                Some(machine) if instance.state == State::Gone => {
                    machine.instance.state = State::Gone;
                }
                Some(machine) => machine.instance = (*instance).clone(),
                None if instance.state == State::Gone => {}
                None => {
                    let machine = Machine {
                        instance: (*instance).clone(),
                        registered: self.fresh,
                        phase: if self.fresh {
                            "Running"
                        } else {
                            "Provisioning"
                        },
                        updated: now,
                        ready: self.fresh,
                        since: now,
                        annotations: BTreeMap::new(),
                        client_until: self.day + days,
                        serving_until: self.day + days,
                        running: None,
                        kubelet: false,
                        told: now,
                        asked: None,
                    };
                    self.machines.insert(instance.id.clone(), machine);
                }
            }
        }
        for (id, machine) in &mut self.machines {
            let listed = instances.iter().any(|instance| instance.id == *id);
            if !listed {
                machine.instance.state = State::Gone;
            }
            let runs = machine.instance.state == State::Running;
            machine.running = machine
                .running
                .filter(|_| runs)
                .or_else(|| runs.then_some(now));
        }
    }

    /// No API without a machine of the control plane.
    fn open_api(&mut self, now: Timestamp) {
        let runs = self
            .machines
            .values()
            .any(|machine| machine.instance.control_plane && machine.running.is_some());
        if !runs {
            self.control_plane = None;
            self.api = false;
            // What the operators say stays in etcd until they run again.
            self.phase = Phase::Stale;
            return;
        }
        let since = *self.control_plane.get_or_insert(now);
        let booted = self.fresh || passed(since, now, self.options.api_after);
        if booted && !self.api {
            self.api = true;
            self.answers = now;
            for machine in self.machines.values_mut() {
                machine.updated = now;
            }
            if self.fresh {
                self.phase = Phase::Available;
            }
        }
    }

    fn run_kubelet(&mut self, id: &str, delay: Duration, now: Timestamp) -> Result<()> {
        let (day, days) = (self.day, self.options.certificate_days);
        let Some(machine) = self.machines.get_mut(id) else {
            return Ok(());
        };
        machine.kubelet = machine
            .running
            .is_some_and(|since| machine.kubelet || self.fresh || passed(since, now, delay));
        if !self.api {
            return Ok(());
        }
        let runs = machine.kubelet;
        let mut ask = None;
        if runs {
            if let Some((purpose, name)) = machine.asked.clone() {
                match self.requests.get(&name) {
                    Some(Request { answer: None, .. }) => {}
                    Some(request) if request.approved() => {
                        match purpose {
                            Purpose::Client => machine.client_until = day + days,
                            Purpose::Serving => machine.serving_until = day + days,
                        }
                        machine.asked = None;
                    }
                    // Refused, or cleaned away: it asks anew.
                    Some(_) | None => machine.asked = None,
                }
            }
            let known = machine.client_until > day;
            if known {
                // Who runs renews in time.
                machine.client_until = day + days;
                machine.told = now;
                machine.registered = true;
                if machine.serving_until > day {
                    machine.serving_until = day + days;
                } else {
                    ask = Some(Purpose::Serving);
                }
            } else {
                ask = Some(Purpose::Client);
            }
            if known && !machine.ready {
                (machine.ready, machine.since) = (true, now);
            }
        }
        let silent = !runs || machine.client_until <= day;
        let heard = machine.told.max(self.answers);
        if silent && machine.ready && passed(heard, now, self.options.node_grace) {
            (machine.ready, machine.since) = (false, now);
        }
        let phase = match machine.instance.state {
            State::Gone => "Failed",
            _ if machine.registered => "Running",
            State::Running => "Provisioned",
            State::Pending | State::Stopping | State::Stopped => "Provisioning",
        };
        if machine.phase != phase {
            (machine.phase, machine.updated) = (phase, now);
        }
        let waits = machine.asked.as_ref().map(|(purpose, _)| *purpose);
        if let Some(purpose) = ask.filter(|purpose| waits != Some(*purpose)) {
            let subject = Subject {
                node: &machine.instance.host,
                address: &machine.instance.address,
            };
            let request = requests::genuine(&subject, self.options.keys, purpose)?;
            machine.asked = Some((purpose, request.name.clone()));
            self.requests.insert(request.name.clone(), request);
        }
        Ok(())
    }

    /// They begin once the control plane's nodes are ready, and end when all are.
    fn run_operators(&mut self, now: Timestamp) {
        if !self.api {
            return;
        }
        let mut alive = self
            .machines
            .values()
            .filter(|machine| machine.instance.state != State::Gone);
        let ready = |machine: &Machine| machine.ready;
        if self.phase == Phase::Stale
            && alive
                .clone()
                .filter(|machine| machine.instance.control_plane)
                .all(ready)
        {
            self.phase = Phase::Progressing;
            self.progressing = now;
        }
        if self.phase == Phase::Progressing
            && passed(self.progressing, now, self.options.operators_settle)
            && alive.all(ready)
        {
            self.phase = Phase::Available;
            self.available = now;
        }
    }

    /// A bad request, about the first worker.
    pub(super) fn plant(&mut self, bad: Bad) -> Result<String> {
        let mut nodes = self.machines.values().map(|machine| &machine.instance);
        let subject = nodes.clone().find(|one| !one.control_plane);
        let subject = subject.context("there is no worker to plant a request about")?;
        let other = nodes.find(|one| one.host != subject.host);
        let other = other.context("there is no other node")?;
        let names = Subject {
            node: &subject.host,
            address: &subject.address,
        };
        let request = requests::bad(bad, &names, &other.host, self.options.keys)?;
        let name = request.name.clone();
        self.requests.insert(name.clone(), request);
        Ok(name)
    }

    /// Somebody answered a request. False when there is none of this name.
    pub(super) fn answer(&mut self, name: &str, answer: Answer) -> bool {
        let Some(request) = self.requests.get_mut(name) else {
            return false;
        };
        // The first answer stands, as kubelets go by it.
        request.answer.get_or_insert(answer);
        true
    }

    /// Somebody deleted a Machine. False when there is none of this name.
    pub(super) fn delete_machine(&mut self, name: &str) -> bool {
        let mut machines = self.machines.values();
        let Some(machine) = machines.find(|machine| machine.instance.name == name) else {
            return false;
        };
        let instance = machine.instance.clone();
        self.machines.remove(&instance.id);
        self.deleted.insert(instance.id.clone());
        if !instance.control_plane {
            self.replace.push(instance);
        }
        true
    }

    /// What the inventory shall replace, once.
    pub(super) fn take_replacements(&mut self) -> Vec<Instance> {
        std::mem::take(&mut self.replace)
    }

    /// Lets days pass. Who runs renews in time.
    pub(super) fn pass_days(&mut self, days: f64) {
        for machine in self.machines.values_mut() {
            if self.api && machine.kubelet {
                for until in [&mut machine.client_until, &mut machine.serving_until] {
                    if *until > self.day {
                        *until += days;
                    }
                }
            }
        }
        self.day += days;
    }

    /// No kubelet that sleeps is known to the API server any more when it wakes; and none that runs.
    pub(super) fn expire_certificates(&mut self) {
        for machine in self.machines.values_mut() {
            machine.client_until = self.day;
            machine.serving_until = self.day;
        }
    }

    /// Begins an upgrade to the next patch release, or ends it.
    pub(super) fn upgrade(&mut self, begin: bool, now: Timestamp) {
        if begin && !self.upgrading.0 {
            self.desired = next_patch(&self.options.version);
        } else if !begin && self.upgrading.0 {
            self.options.version = self.desired.clone();
        }
        if self.upgrading.0 != begin {
            self.upgrading = (begin, now);
        }
    }
}

/// Whether a time has passed since a moment.
fn passed(since: Timestamp, now: Timestamp, length: Duration) -> bool {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    now.duration_since(since) >= length
}

fn next_patch(version: &str) -> String {
    version
        .rsplit_once('.')
        .and_then(|(minor, patch)| Some(format!("{minor}.{}", patch.parse::<u32>().ok()? + 1)))
        .unwrap_or_else(|| version.to_owned())
}

#[cfg(test)]
mod tests;
