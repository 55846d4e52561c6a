//! Explores every order of events around the real `decide`, up to the bounds below, and checks what must
//! hold whatever happens (docs/spec/21 §11).
//!
//! A state is a ClusterDeployment, two machines in their cloud, and what the process holds in memory. What
//! can happen: the controller runs, from a store that may be one write behind, and may be killed after any
//! of its effects, with all that it had in memory; a look at machines or cluster ends, and shows what was so
//! when it began; the cloud brings a machine to the state that it was told; a person wants the other power
//! state; the account shows nothing once; time passes.
//!
//! Time is kept as the age of each moment in four classes and as the order of moments: [`SHORT`] is more
//! than the fastest pace, and [`LONG`] is more than any patience. So states that differ in nothing that
//! matters are one. The bounds are on how often things happen that are not the controller's, and on the
//! number of states; nearest states come first.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::controllers::hibernation::decide::{Verb, targets};

const SHORT: i64 = 11;
const LONG: i64 = 3_700;

/// How often a person changes their mind, the process is killed, and the store lags behind.
const FLIPS: u8 = 2;
const KILLS: u8 = 1;
const LAGS: u8 = 1;
/// How often the account shows nothing although there are machines.
const BLINKS: u8 = 1;

/// A mistake that the model must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// Plans made from the store are carried out as they are.
    NoConfirmLive,
    /// A machine that is on its way to be stopped is told to start.
    StartsWhileStopping,
    /// No machine at all counts as all of them stopped.
    EmptyIsStopped,
}

/// A moment: its age in seconds, and its place among the moments of that age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Moment {
    age: i64,
    place: i64,
}

impl Moment {
    fn at(self) -> Timestamp {
        now() - SignedDuration::from_secs(self.age) + SignedDuration::from_micros(self.place)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Condition {
    status: ConditionStatus,
    reason: String,
    since: Moment,
    written: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Root {
    wanted: Wanted,
    hibernating: Condition,
    ready: Condition,
    expected: Option<u32>,
}

/// What is lost when the process is killed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Mind {
    listing: Option<(Moment, Vec<Machine>)>,
    /// When it began and ended.
    look: Option<([Moment; 2], Result<Sighted, String>)>,
    acted: Option<Moment>,
    /// Begun, and not ended: they show what was so when they began.
    listing_begun: Option<(Moment, Vec<Machine>)>,
    look_begun: Option<(Moment, Result<Sighted, String>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    root: Root,
    /// What the store shows while it is behind.
    stale: Option<Root>,
    cloud: Vec<Machine>,
    mind: Mind,
    flips: u8,
    kills: u8,
    lags: u8,
    blinks: u8,
}

/// Two machines: one that leads and one that works.
fn begin() -> State {
    let old = Moment {
        age: LONG,
        place: 0,
    };
    let condition = |status, reason: &str| Condition {
        status,
        reason: reason.to_owned(),
        since: old,
        written: old,
    };
    State {
        root: Root {
            wanted: Wanted::Running,
            hibernating: condition(ConditionStatus::False, reason::RESUMING_OR_RUNNING),
            ready: condition(ConditionStatus::True, reason::RUNNING),
            expected: None,
        },
        stale: None,
        cloud: ["master-0", "worker-0"]
            .map(|name| machine(name, PowerState::Running))
            .to_vec(),
        mind: Mind::default(),
        flips: 0,
        kills: 0,
        lags: 0,
        blinks: 0,
    }
}

impl State {
    fn moments(&mut self) -> Vec<&mut Moment> {
        let mut all = Vec::new();
        for root in std::iter::once(&mut self.root).chain(&mut self.stale) {
            for condition in [&mut root.hibernating, &mut root.ready] {
                all.push(&mut condition.since);
                all.push(&mut condition.written);
            }
        }
        let mind = &mut self.mind;
        all.extend(mind.listing.iter_mut().map(|(at, _)| at));
        all.extend(mind.listing_begun.iter_mut().map(|(at, _)| at));
        all.extend(mind.look.iter_mut().flat_map(|(at, _)| at));
        all.extend(mind.look_begun.iter_mut().map(|(at, _)| at));
        all.extend(&mut mind.acted);
        all
    }

    /// Later than every moment so far.
    fn now(&mut self) -> Moment {
        let moments = self.moments();
        let fresh = moments.iter().filter(|at| at.age == 0);
        let place = fresh.map(|at| at.place).max().unwrap_or(0) + 1;
        Moment { age: 0, place }
    }

    fn pass(&mut self, seconds: i64) {
        for at in self.moments() {
            at.age += seconds;
        }
    }

    /// Ages become those of their class, and places are numbered anew.
    fn settle(&mut self) {
        let mut places: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
        let class = |age: i64| {
            if age >= LONG {
                LONG
            } else {
                age.min(2 * SHORT)
            }
        };
        for at in self.moments() {
            let of_age = places.entry(class(at.age)).or_default();
            of_age.push((-at.age, at.place));
        }
        for of_age in places.values_mut() {
            of_age.sort_unstable();
            of_age.dedup();
        }
        for at in self.moments() {
            let of_age = &places[&class(at.age)];
            let place = of_age.binary_search(&(-at.age, at.place)).unwrap();
            at.place = i64::try_from(place).unwrap();
            at.age = class(at.age);
        }
    }

    fn observed(&self, root: &Root, listing: Option<(Timestamp, Vec<Machine>)>) -> Observed {
        let said = |condition: &Condition| {
            Some(Said {
                status: condition.status.clone(),
                reason: condition.reason.clone(),
                since: condition.since.at(),
                written: condition.written.at(),
            })
        };
        let mind = &self.mind;
        let asked = mind.listing_begun.as_ref().or(mind.listing.as_ref());
        let kept = mind
            .listing
            .as_ref()
            .map(|(at, seen)| (at.at(), seen.clone()));
        Observed {
            at: At {
                key: Key {
                    namespace: String::new(),
                    name: String::new(),
                    uid: String::new(),
                },
                version: String::new(),
            },
            gate: None,
            fake: false,
            wanted: root.wanted,
            forced: false,
            skips_operators: false,
            timer: Timer::default(),
            hibernating: said(&root.hibernating),
            ready: said(&root.ready),
            sync_sets: SyncSets::Applied,
            expected: root.expected,
            fleet: Fleet {
                sight: match listing.or(kept) {
                    Some((at, machines)) => Sight::Seen { at, machines },
                    None => Sight::Unseen,
                },
                asked: asked.map(|(at, _)| at.at()),
                looking: mind.listing_begun.is_some(),
                acted: mind.acted.map(Moment::at),
            },
            cluster: Glimpse {
                last: mind.look.as_ref().map(|([began, at], seen)| Look {
                    began: began.at(),
                    at: at.at(),
                    seen: seen.clone(),
                }),
                looking: mind.look_begun.is_some(),
                acted: None,
            },
            failures: Failures::default(),
        }
    }

    /// What the cluster shows of itself.
    fn cluster(&self) -> Result<Sighted, String> {
        let runs = |index: usize| self.cloud[index].power == PowerState::Running;
        if !runs(0) {
            return Err("no connection".to_owned());
        }
        let mut seen = healthy();
        seen.waking.as_mut().unwrap().nodes[1].ready = runs(1);
        Ok(seen)
    }

    fn is_at_its_goal(&self) -> bool {
        let of = |condition: &Condition| condition.status == ConditionStatus::True;
        match self.root.wanted {
            Wanted::Running => of(&self.root.ready),
            Wanted::Hibernating => of(&self.root.hibernating),
        }
    }

    fn write(&mut self, status: &Status) -> Result<(), String> {
        let at = self.now();
        let before = self.root.clone();
        for (verdict, condition) in [
            (&status.hibernating, &mut self.root.hibernating),
            (&status.ready, &mut self.root.ready),
        ] {
            let Some(verdict) = verdict else { continue };
            if verdict.status != condition.status {
                condition.status = verdict.status.clone();
                condition.since = at;
                condition.written = at;
            } else if verdict.reason != condition.reason {
                condition.written = at;
            }
            condition.reason.clone_from(&verdict.reason);
        }
        let becomes = |old: &Condition, new: &Condition| {
            old.status != ConditionStatus::True && new.status == ConditionStatus::True
        };
        let every = |power: PowerState| self.cloud.iter().all(|machine| machine.power == power);
        if becomes(&before.hibernating, &self.root.hibernating) && !every(PowerState::Stopped) {
            return Err("called stopped while a machine is not".to_owned());
        }
        if becomes(&before.ready, &self.root.ready) && !every(PowerState::Running) {
            return Err("called ready while a machine does not run".to_owned());
        }
        Ok(())
    }

    /// One effect.
    fn take(&mut self, step: &Step, observed: &Observed, bug: Bug) -> Result<(), String> {
        let at = self.now();
        let shown = |state: &mut Self| {
            let blinks = state.blinks == 1;
            if blinks {
                state.blinks += 1;
                return vec![];
            }
            state.cloud.clone()
        };
        match step {
            Step::RecordExpectedMachines { count } => self.root.expected = Some(*count),
            Step::LookAtMachines { .. } => self.mind.listing_begun = Some((at, shown(self))),
            Step::Look { .. } => self.mind.look_begun = Some((at, self.cluster())),
            Step::Stop(tier) => {
                if self.root.wanted != observed.wanted && bug != Bug::NoConfirmLive {
                    return Ok(());
                }
                for target in targets(&seen_of(observed), *tier, Verb::Stop) {
                    if self.root.wanted == Wanted::Running {
                        return Err(format!("{} stopped, and wanted running", target.name));
                    }
                    self.turn(&target.id, &PowerState::Stopping);
                }
                self.mind.acted = Some(at);
            }
            Step::Start(tier) => {
                if self.root.wanted != observed.wanted && bug != Bug::NoConfirmLive {
                    return Ok(());
                }
                let mut chosen = targets(&seen_of(observed), *tier, Verb::Start);
                if bug == Bug::StartsWhileStopping {
                    let seen = seen_of(observed).into_iter();
                    chosen.extend(seen.filter(|machine| machine.power == PowerState::Stopping));
                }
                for target in chosen {
                    let actual = self.cloud.iter().find(|machine| machine.id == target.id);
                    if actual.is_some_and(|machine| machine.power == PowerState::Stopping) {
                        return Err(format!("{} started while it is being stopped", target.name));
                    }
                    self.turn(&target.id, &PowerState::Pending);
                }
                self.mind.acted = Some(at);
            }
            Step::SetHibernating | Step::Approve { .. } | Step::ReplaceMachines { .. } => {}
        }
        Ok(())
    }

    fn turn(&mut self, id: &str, power: &PowerState) {
        for machine in &mut self.cloud {
            let rests = matches!(machine.power, PowerState::Running | PowerState::Stopped);
            if machine.id == id && rests {
                machine.power = power.clone();
            }
        }
    }

    /// What a run leaves, killed after each of its effects and not killed at all.
    fn run(&self, bug: Bug) -> Result<Vec<Self>, String> {
        let shown = self.stale.as_ref().unwrap_or(&self.root);
        let mut observed = self.observed(shown, None);
        let mut plan = decide_with(bug, &observed);
        let sure = plan.steps.iter().all(Step::rests_on_root);
        let mut state = self.clone();
        if !sure && bug != Bug::NoConfirmLive {
            let at = state.now();
            let listing = (at.at(), state.cloud.clone());
            observed = state.observed(&state.root, Some(listing));
            plan = decide_with(bug, &observed);
        } else if *shown != self.root {
            // A status that was made from another version is refused; one that says nothing new is not
            // even written.
            if plan
                .intent
                .as_ref()
                .is_some_and(|intent| says_news(shown, intent))
            {
                return Ok(vec![]);
            }
            (plan.intent, plan.outcome) = (None, None);
        }
        let mut killed = Vec::new();
        if let Some(intent) = &plan.intent {
            state.write(intent)?;
            killed.push(state.clone());
        }
        for step in &plan.steps {
            state.take(step, &observed, bug)?;
            killed.push(state.clone());
        }
        if let Some(outcome) = &plan.outcome {
            state.write(outcome)?;
        }
        let mut after = vec![state];
        if self.kills < KILLS {
            after.extend(killed.into_iter().map(|mut state| {
                state.kills += 1;
                state.mind = Mind::default();
                state
            }));
        }
        Ok(after)
    }

    fn end_looks(&self) -> Vec<Self> {
        let mut after = Vec::new();
        if let Some(listing) = &self.mind.listing_begun {
            let mut state = self.clone();
            state.mind.listing = Some(listing.clone());
            state.mind.listing_begun = None;
            after.push(state);
        }
        if let Some((began, seen)) = &self.mind.look_begun {
            let mut state = self.clone();
            state.mind.look = Some(([*began, state.now()], seen.clone()));
            state.mind.look_begun = None;
            after.push(state);
        }
        after
    }

    fn cloud_goes_on(&self) -> Vec<Self> {
        let mut after = Vec::new();
        for (index, machine) in self.cloud.iter().enumerate() {
            let next = match machine.power {
                PowerState::Pending => PowerState::Running,
                PowerState::Stopping => PowerState::Stopped,
                PowerState::Running | PowerState::Stopped | PowerState::Other(_) => continue,
            };
            let mut state = self.clone();
            state.cloud[index].power = next;
            after.push(state);
        }
        after
    }

    /// Everything that can happen next.
    fn next(&self, bug: Bug) -> Result<Vec<Self>, String> {
        let mut after = Vec::new();
        for state in self.run(bug)? {
            // The store shows what was written, or what was before.
            if state.root != self.root && self.lags < LAGS {
                after.push(self.behind(&state));
            }
            after.push(Self {
                stale: None,
                ..state
            });
        }
        after.extend(self.end_looks());
        after.extend(self.cloud_goes_on());
        if self.flips < FLIPS {
            let mut state = self.clone();
            state.flips += 1;
            state.root.wanted = match self.root.wanted {
                Wanted::Running => Wanted::Hibernating,
                Wanted::Hibernating => Wanted::Running,
            };
            if self.lags < LAGS {
                after.push(self.behind(&state));
            }
            after.push(state);
        }
        if self.blinks < BLINKS {
            after.push(Self {
                blinks: self.blinks + 1,
                ..self.clone()
            });
        }
        for seconds in [SHORT, LONG] {
            let mut state = self.clone();
            state.pass(seconds);
            after.push(state);
        }
        for state in &mut after {
            state.settle();
        }
        Ok(after)
    }

    /// The store shows what was before.
    fn behind(&self, state: &Self) -> Self {
        Self {
            stale: Some(self.root.clone()),
            lags: self.lags + 1,
            ..state.clone()
        }
    }

    /// Nobody changes anything any more, and everything that is under way ends; what is missing if the
    /// cluster does not come to where it is wanted.
    fn comes_to_rest(&self) -> Result<(), String> {
        let mut state = self.clone();
        (state.stale, state.flips, state.kills, state.blinks) = (None, FLIPS, KILLS, BLINKS + 1);
        for round in 0..60 {
            for _ in 0..4 {
                if state.is_at_its_goal() {
                    return Ok(());
                }
                while let Some(next) = state.cloud_goes_on().pop() {
                    state = next;
                }
                while let Some(next) = state.end_looks().pop() {
                    state = next;
                }
                state = state.run(Bug::None)?.swap_remove(0);
            }
            state.pass(if round < 30 { SHORT } else { 10 * SHORT });
        }
        let notes = decide(&state.observed(&state.root, None), now()).notes;
        Err(format!("{notes:?} in {state:?}"))
    }
}

fn says_news(root: &Root, status: &Status) -> bool {
    [
        (&status.hibernating, &root.hibernating),
        (&status.ready, &root.ready),
    ]
    .into_iter()
    .filter_map(|(verdict, condition)| verdict.as_ref().map(|verdict| (verdict, condition)))
    .any(|(verdict, condition)| {
        verdict.status != condition.status || verdict.reason != condition.reason
    })
}

fn seen_of(observed: &Observed) -> Vec<Machine> {
    match &observed.fleet.sight {
        Sight::Seen { machines, .. } => machines.clone(),
        Sight::Unseen | Sight::Lost { .. } => vec![],
    }
}

fn decide_with(bug: Bug, observed: &Observed) -> Plan<Status, Step> {
    let empty =
        matches!(&observed.fleet.sight, Sight::Seen { machines, .. } if machines.is_empty());
    if bug == Bug::EmptyIsStopped && empty && observed.wanted == Wanted::Hibernating {
        return Plan::record(Status::hibernating("0 of 0"));
    }
    decide(observed, now())
}

/// Every state that can be reached, or the first thing that must not happen.
fn explore(bug: Bug, most: usize) -> Result<Vec<State>, String> {
    let mut known = HashSet::from([begin()]);
    // In the order in which they were found; those from `open` on are not gone on from yet.
    let mut found = vec![begin()];
    let mut open = 0;
    while let Some(state) = found.get(open).cloned() {
        open += 1;
        for next in state.next(bug)? {
            if known.len() < most && known.insert(next.clone()) {
                found.push(next);
            }
        }
    }
    Ok(found)
}

/// States that are explored at most, nearest first. Fewer than these are all that there are.
const MOST: usize = 150_000;

/// Of so many states one is followed until it comes to rest.
const FOLLOWED: usize = 25;

#[test]
fn whatever_happens_nothing_is_stopped_that_should_run_and_all_come_to_rest() {
    let states = explore(Bug::None, MOST).unwrap();
    assert!(states.len() > 10_000, "{} states", states.len());
    for state in states.iter().step_by(FOLLOWED) {
        let rest = state.comes_to_rest();
        assert_eq!(rest, Ok(()), "from {state:?}");
    }
}

#[test]
fn seeded_mistakes_are_found() {
    for (bug, words) in [
        (Bug::NoConfirmLive, "wanted running"),
        (Bug::StartsWhileStopping, "while it is being stopped"),
        (Bug::EmptyIsStopped, "called stopped while a machine is not"),
    ] {
        let found = explore(bug, MOST);
        assert!(
            found.as_ref().is_err_and(|found| found.contains(words)),
            "{bug:?}: {:?}",
            found.map(|states| states.len())
        );
    }
}
