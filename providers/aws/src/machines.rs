//! Instances of a cluster and their power (`docs/spec/21 §8, §11`).
//!
//! Decides which instances are a cluster's (those that carry one of its two `owned` tags, as a listing
//! shows them now), what can be asked of each from the state that it is in, and what is left to ask
//! when one instance makes AWS refuse a whole batch. It must never start, stop or terminate an instance
//! that this process has not listed for a cluster, or that a fresh look does not show as that
//! cluster's; never terminate a machine of the control plane; and never take one page, or a list of
//! terminated leftovers, for the whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    Filter, Instance, InstanceLifecycleType, InstanceStateName as State, Reservation,
};
use skep_providers::{
    Class, Error, Listings,
    call::Call,
    erase::ClusterFacts,
    power::{Listing, Machine, Machines, PowerOutcome, PowerState},
};

use crate::{
    client::{Api, list, service},
    credentials::{Key, Session},
    inventory::{compute::ROLE_TAG, filter, name_or, tags_of},
    kinds,
    ownership::Tags,
};

/// Keys of the tags that say whose a machine is, before the infra ID: that of everything in a cluster,
/// and that of Cluster API, which is all that some machines have.
const MARKS: [&str; 2] = [
    "kubernetes.io/cluster/",
    "sigs.k8s.io/cluster-api-provider-aws/cluster/",
];
const OWNED: &str = "owned";
const SHARED: &str = "shared";

/// States of an instance that is still there.
const ALIVE: [&str; 5] = ["pending", "running", "shutting-down", "stopping", "stopped"];

/// The largest page that AWS gives. Unasked it gives everything at once, or fails on it.
const PAGE: i32 = 1000;

/// Instances in one call: a refusal is then sorted out among few.
const BATCH: usize = 50;

/// Calls of one start or stop after which a refused batch is not halved any more. Enough to single out
/// several instances; when a whole zone is out of capacity, more would only be refused more often.
const CALLS: usize = 40;

/// Instances that are remembered; more than a hub's clusters have. Beyond it all are forgotten, and
/// whoever acts must list again.
const MAX_KNOWN: usize = 200_000;

/// Machines by infra ID.
type ByCluster = BTreeMap<String, Vec<Machine>>;

/// Listings of whole accounts, by the session that made them.
pub(crate) type AccountListings = Listings<Key, ByCluster>;

/// Infra ID of each instance that was listed for a cluster.
#[derive(Default)]
pub(crate) struct Known(Mutex<BTreeMap<String, String>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, infra_id: &str, machines: &[Machine]) {
        let mut known = self.lock();
        if known.len() > MAX_KNOWN {
            known.clear();
        }
        for machine in machines {
            known.insert(machine.id.clone(), infra_id.to_owned());
        }
    }

    fn of(&self, machines: &[Machine]) -> BTreeMap<String, String> {
        let known = self.lock();
        let listed = |machine: &Machine| known.get_key_value(&machine.id);
        machines
            .iter()
            .filter_map(listed)
            .map(|(id, infra_id)| (id.clone(), infra_id.clone()))
            .collect()
    }
}

/// [`Machines`] of an account in a region.
pub(crate) struct Instances(pub(crate) Arc<Session>);

#[async_trait]
impl Machines for Instances {
    async fn list(&self, cluster: &ClusterFacts, max_age: Duration) -> Result<Listing, Error> {
        let infra_id = cluster.infra_id.as_str();
        let listing = match self.of_account(infra_id, max_age).await? {
            Some(listing) => listing,
            None => self.of_cluster(infra_id).await?,
        };
        self.0.known.remember(infra_id, &listing.machines);
        Ok(listing)
    }

    async fn start(&self, machines: &[Machine]) -> Vec<PowerOutcome> {
        self.change(machines, Wish::Start).await
    }

    async fn stop(&self, machines: &[Machine]) -> Vec<PowerOutcome> {
        self.change(machines, Wish::Stop).await
    }
}

impl Instances {
    /// What the shared listing says. A cluster that is not in it may be younger than it is: that is no
    /// answer.
    async fn of_account(
        &self,
        infra_id: &str,
        max_age: Duration,
    ) -> Result<Option<Listing>, Error> {
        if max_age.is_zero() {
            return Ok(None);
        }
        let Session { listings, key, .. } = &*self.0;
        let ask = || async {
            let keys = MARKS.map(|mark| format!("{mark}*"));
            Box::pin(self.described(filter("tag-key", keys)))
                .await
                .map(|found| by_cluster(&found))
        };
        let listed = listings.within(key, max_age, ask).await?;
        Ok(listed.items.get(infra_id).map(|machines| Listing {
            at: listed.at,
            machines: machines.clone(),
        }))
    }

    async fn of_cluster(&self, infra_id: &str) -> Result<Listing, Error> {
        let at = self.0.clock.now();
        // Filters of two tags would both have to hold; the values are looked at here.
        let keys = MARKS.map(|mark| format!("{mark}{infra_id}"));
        let found = Box::pin(self.described(filter("tag-key", keys))).await?;
        let machines = by_cluster(&found).remove(infra_id).unwrap_or_default();
        Ok(Listing { at, machines })
    }

    /// Instances that are still there, all pages.
    async fn described(&self, by: Filter) -> Result<Vec<Instance>, Error> {
        let api = self.0.api().await?;
        let request = api
            .clients
            .ec2()
            .describe_instances()
            .filters(by)
            .filters(filter("instance-state-name", ALIVE))
            .max_results(PAGE);
        let all: Vec<Reservation> = list!(
            api,
            service::EC2,
            "ec2:DescribeInstances",
            request,
            reservations
        );
        let instances = |found: Reservation| found.instances.unwrap_or_default();
        Ok(all.into_iter().flat_map(instances).collect())
    }

    async fn change(&self, machines: &[Machine], wish: Wish) -> Vec<PowerOutcome> {
        let known = self.0.known.of(machines);
        let outcomes = if known.is_empty() {
            Ok(Outcomes::new())
        } else {
            Box::pin(self.changed(&known, wish)).await
        };
        self.0.listings.outdate(&self.0.key);
        let of = |machine: &Machine| match (&outcomes, known.contains_key(&machine.id)) {
            (_, false) => Err(unlisted(wish)),
            (Err(error), true) => Err(error.clone()),
            (Ok(outcomes), true) => {
                let found = outcomes.get(&machine.id).cloned();
                found.unwrap_or_else(|| Err(gone(wish)))
            }
        };
        machines
            .iter()
            .map(|machine| PowerOutcome {
                id: machine.id.clone(),
                result: of(machine),
            })
            .collect()
    }

    /// Looks at the instances afresh, and asks AWS for what can be done from where they are.
    async fn changed(
        &self,
        known: &BTreeMap<String, String>,
        wish: Wish,
    ) -> Result<Outcomes, Error> {
        let mut outcomes = Outcomes::new();
        let mut asked: BTreeMap<Request, Vec<String>> = BTreeMap::new();
        let ids: Vec<&str> = known.keys().map(String::as_str).collect();
        for chunk in ids.chunks(kinds::FILTER_VALUES) {
            let chunk = chunk.iter().copied();
            for instance in self.described(filter("instance-id", chunk)).await? {
                let id = instance.instance_id.as_deref().unwrap_or_default();
                let Some(infra_id) = known.get(id) else {
                    continue;
                };
                let settled = match verdict(wish, infra_id, &instance) {
                    Verdict::Ask(request) => {
                        asked.entry(request).or_default().push(id.to_owned());
                        continue;
                    }
                    Verdict::Settled => Ok(()),
                    Verdict::Refused(error) => Err(error),
                };
                outcomes.insert(id.to_owned(), settled);
            }
        }
        let api = self.0.api().await?;
        let mut left = CALLS;
        for (request, ids) in asked {
            for batch in ids.chunks(BATCH) {
                sorted_out(&api, request, batch, &mut left, &mut outcomes).await;
            }
        }
        Ok(outcomes)
    }
}

/// Result by instance ID.
type Outcomes = BTreeMap<String, Result<(), Error>>;

/// What the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Start,
    Stop,
}

impl Wish {
    fn operation(self) -> &'static str {
        match self {
            Self::Start => Request::Start.operation(),
            Self::Stop => Request::Stop.operation(),
        }
    }
}

/// What AWS is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Request {
    Start,
    Stop,
    Terminate,
}

impl Request {
    fn operation(self) -> &'static str {
        match self {
            Self::Start => "ec2:StartInstances",
            Self::Stop => "ec2:StopInstances",
            Self::Terminate => "ec2:TerminateInstances",
        }
    }

    async fn send(self, api: &Api, ids: &[String]) -> Result<(), Error> {
        let call = Call::change(service::EC2, self.operation());
        let (ec2, ids) = (api.clients.ec2(), Some(ids.to_vec()));
        match self {
            Self::Start => {
                let request = ec2.start_instances().set_instance_ids(ids);
                api.call(call, || request.clone().send()).await.map(drop)
            }
            Self::Stop => {
                let request = ec2.stop_instances().set_instance_ids(ids);
                api.call(call, || request.clone().send()).await.map(drop)
            }
            Self::Terminate => {
                let request = ec2.terminate_instances().set_instance_ids(ids);
                api.call(call, || request.clone().send()).await.map(drop)
            }
        }
    }
}

/// Makes a call for many. Where AWS refuses all of them because of one, the call is made again for each
/// half, as long as calls are left.
async fn sorted_out(
    api: &Api,
    request: Request,
    batch: &[String],
    left: &mut usize,
    outcomes: &mut Outcomes,
) {
    let mut open = vec![batch];
    while let Some(ids) = open.pop() {
        let result = request.send(api, ids).await;
        *left = left.saturating_sub(1);
        if let Err(error) = &result
            && ids.len() > 1
            && *left > 0
            && may_be_of_one(&error.class)
        {
            let (first, second) = ids.split_at(ids.len() / 2);
            open.extend([second, first]);
            continue;
        }
        for id in ids {
            outcomes.insert(id.clone(), result.clone());
        }
    }
}

/// Whether one instance of many may be what a call was refused for: its state, its being gone, no
/// capacity for its type in its zone. What is about the caller or the way to AWS is the same for all.
fn may_be_of_one(class: &Class) -> bool {
    match class {
        Class::NotFound
        | Class::Quota
        | Class::Invalid
        | Class::DependencyViolation { .. }
        | Class::Unknown => true,
        Class::AlreadyExists
        | Class::Throttled { .. }
        | Class::Denied
        | Class::Unauthenticated
        | Class::Transient => false,
    }
}

/// What becomes of the wish for one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Ask(Request),
    Settled,
    Refused(Error),
}

/// By what a fresh look shows, never by what the caller remembers.
fn verdict(wish: Wish, infra_id: &str, instance: &Instance) -> Verdict {
    let tags = tags_of(instance.tags.as_deref());
    if !owners(&tags).contains(infra_id) {
        let why = format!("the instance does not carry the mark of {infra_id} any more");
        return Verdict::Refused(Error::new(wish.operation(), Class::Invalid, why));
    }
    match (wish, state(instance)) {
        (_, Some(State::Terminated | State::ShuttingDown)) => Verdict::Refused(gone(wish)),
        (Wish::Start, Some(State::Running | State::Pending))
        | (Wish::Stop, Some(State::Stopped | State::Stopping)) => Verdict::Settled,
        (Wish::Start, Some(State::Stopped)) => Verdict::Ask(Request::Start),
        (Wish::Stop, Some(State::Running | State::Pending)) if is_spot(instance) => {
            if is_control_plane(infra_id, &tags) {
                let why = "a spot instance cannot be stopped, and one of the control plane must not \
                           be terminated";
                return Verdict::Refused(Error::new(wish.operation(), Class::Invalid, why));
            }
            Verdict::Ask(Request::Terminate)
        }
        (Wish::Stop, Some(State::Running)) => Verdict::Ask(Request::Stop),
        // On its way, or in a state that this version does not know.
        (_, other) => Verdict::Refused(in_between(wish, other)),
    }
}

fn gone(wish: Wish) -> Error {
    Error::new(wish.operation(), Class::NotFound, "the instance is gone")
}

fn unlisted(wish: Wish) -> Error {
    let why = "the instance was not listed for a cluster since the account was opened";
    Error::new(wish.operation(), Class::Transient, why)
}

fn in_between(wish: Wish, state: Option<&State>) -> Error {
    let class = Class::DependencyViolation {
        holders: Vec::new(),
    };
    let state = state.map_or("in no state", State::as_str);
    Error::new(wish.operation(), class, format!("the instance is {state}"))
        .with_code("IncorrectInstanceState")
}

/// Machines of each cluster whose mark is among the instances, sorted by identifier.
fn by_cluster(instances: &[Instance]) -> ByCluster {
    let mut found = ByCluster::new();
    for instance in instances {
        let tags = tags_of(instance.tags.as_deref());
        let (Some(id), Some(power)) = (instance.instance_id.as_deref(), power(instance)) else {
            continue;
        };
        for infra_id in owners(&tags) {
            found.entry(infra_id.to_owned()).or_default().push(Machine {
                id: id.to_owned(),
                name: name_or(&tags, id),
                power: power.clone(),
                spot: is_spot(instance),
                control_plane: is_control_plane(infra_id, &tags),
            });
        }
    }
    for machines in found.values_mut() {
        machines.sort();
        // What changes between two pages may be on both.
        machines.dedup_by(|one, other| one.id == other.id);
    }
    found
}

/// Infra IDs whose mark says `owned`. A mark of the same cluster that says `shared` outweighs it.
fn owners(tags: &Tags) -> BTreeSet<&str> {
    let named = |key: &'_ str| -> Option<usize> {
        MARKS
            .iter()
            .find(|mark| key.starts_with(**mark))
            .map(|mark| mark.len())
    };
    let shared = |infra_id: &str| {
        MARKS.iter().any(|mark| {
            tags.get(&format!("{mark}{infra_id}"))
                .is_some_and(|value| value == SHARED)
        })
    };
    tags.iter()
        .filter(|(_, value)| *value == OWNED)
        .filter_map(|(key, _)| named(key).map(|start| &key[start..]))
        .filter(|infra_id| !infra_id.is_empty() && !shared(infra_id))
        .collect()
}

fn is_spot(instance: &Instance) -> bool {
    instance.instance_lifecycle == Some(InstanceLifecycleType::Spot)
}

/// By the role that Cluster API writes, else by the name that the installer gives. A bootstrap machine
/// is none: it ends with the installation.
fn is_control_plane(infra_id: &str, tags: &Tags) -> bool {
    let by_role = tags
        .get(ROLE_TAG)
        .is_some_and(|role| matches!(role.as_str(), "control-plane" | "master"));
    let by_name = tags
        .get("Name")
        .and_then(|name| name.strip_prefix(infra_id))
        .is_some_and(|rest| rest.starts_with("-master-"));
    by_role || by_name
}

fn state(instance: &Instance) -> Option<&State> {
    instance.state.as_ref()?.name.as_ref()
}

/// `None` for what is no machine any more.
fn power(instance: &Instance) -> Option<PowerState> {
    Some(match state(instance) {
        Some(State::Pending) => PowerState::Pending,
        Some(State::Running) => PowerState::Running,
        Some(State::Stopping | State::ShuttingDown) => PowerState::Stopping,
        Some(State::Stopped) => PowerState::Stopped,
        Some(State::Terminated) => return None,
        Some(other) => PowerState::Other(other.as_str().to_owned()),
        None => PowerState::Other("unknown".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceState, Tag};

    use super::*;

    const INFRA: &str = "demo-x7k2p";
    const CLUSTER: &str = "kubernetes.io/cluster/demo-x7k2p";
    const CAPA: &str = "sigs.k8s.io/cluster-api-provider-aws/cluster/demo-x7k2p";

    fn instance(state: State, tags: &[(&str, &str)]) -> Instance {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        Instance::builder()
            .instance_id("i-1")
            .state(InstanceState::builder().name(state).build())
            .set_tags(Some(tags.collect()))
            .build()
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    fn class(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Ask(request) => request.operation(),
            Verdict::Settled => "settled",
            Verdict::Refused(error) => error.class.label(),
        }
    }

    #[test]
    fn what_is_asked_depends_on_the_state_that_it_is_in() {
        for (state, start, stop) in [
            (State::Pending, "settled", "dependency_violation"),
            (State::Running, "settled", "ec2:StopInstances"),
            (State::Stopping, "dependency_violation", "settled"),
            (State::Stopped, "ec2:StartInstances", "settled"),
            (State::ShuttingDown, "not_found", "not_found"),
            (State::Terminated, "not_found", "not_found"),
            (
                State::from("hovering"),
                "dependency_violation",
                "dependency_violation",
            ),
        ] {
            let instance = instance(state.clone(), &[(CLUSTER, "owned")]);
            assert_eq!(
                class(verdict(Wish::Start, INFRA, &instance)),
                start,
                "{state}"
            );
            assert_eq!(
                class(verdict(Wish::Stop, INFRA, &instance)),
                stop,
                "{state}"
            );
        }
    }

    #[test]
    fn spot_instances_are_terminated_but_not_the_control_plane() {
        let spot = |state: State, tags| {
            let mut instance = instance(state, tags);
            instance.instance_lifecycle = Some(InstanceLifecycleType::Spot);
            class(verdict(Wish::Stop, INFRA, &instance))
        };
        let worker = &[(CAPA, "owned"), ("Name", "demo-x7k2p-worker-a-abcde")];
        let master = &[(CAPA, "owned"), ("Name", "demo-x7k2p-master-0")];
        assert_eq!(spot(State::Running, worker), "ec2:TerminateInstances");
        assert_eq!(spot(State::Pending, worker), "ec2:TerminateInstances");
        assert_eq!(spot(State::Stopped, worker), "settled");
        assert_eq!(spot(State::Running, master), "invalid");
    }

    #[test]
    fn nothing_is_asked_of_what_lost_its_mark() {
        for marks in [
            &[][..],
            &[(CLUSTER, "shared")],
            &[(CLUSTER, "Owned")],
            &[("kubernetes.io/cluster/demo-x7k2", "owned")],
            &[("kubernetes.io/cluster/demo-x7k2pp", "owned")],
            &[(CLUSTER, "shared"), (CAPA, "owned")],
        ] {
            for (wish, state) in [(Wish::Start, State::Stopped), (Wish::Stop, State::Running)] {
                let instance = instance(state, marks);
                assert_eq!(
                    class(verdict(wish, INFRA, &instance)),
                    "invalid",
                    "{marks:?}"
                );
                assert!(!by_cluster(&[instance]).contains_key(INFRA), "{marks:?}");
            }
        }
    }

    #[test]
    fn either_mark_makes_it_a_clusters() {
        for marks in [
            &[(CLUSTER, "owned")][..],
            &[(CAPA, "owned")],
            &[(CLUSTER, "owned"), (CAPA, "owned")],
        ] {
            assert_eq!(owners(&tags(marks)), BTreeSet::from([INFRA]), "{marks:?}");
        }
        let empty = [("kubernetes.io/cluster/", "owned")];
        assert_eq!(owners(&tags(&empty)), BTreeSet::new());
    }

    #[test]
    fn the_control_plane_is_known_by_role_or_name() {
        for (pairs, expected) in [
            (&[(ROLE_TAG, "control-plane")][..], true),
            (&[("Name", "demo-x7k2p-master-2")], true),
            (&[("Name", "demo-x7k2p-masterful-2")], false),
            (&[("Name", "demo-x7k2pp-master-2")], false),
            (
                &[("Name", "demo-x7k2p-bootstrap"), (ROLE_TAG, "bootstrap")],
                false,
            ),
            (
                &[("Name", "demo-x7k2p-worker-a-abcde"), (ROLE_TAG, "node")],
                false,
            ),
        ] {
            assert_eq!(is_control_plane(INFRA, &tags(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_machine_that_is_on_two_pages_counts_once() {
        let both = [
            instance(State::Pending, &[(CLUSTER, "owned")]),
            instance(State::Running, &[(CLUSTER, "owned")]),
            instance(State::Terminated, &[(CLUSTER, "owned")]),
        ];
        assert_eq!(by_cluster(&both)[INFRA].len(), 1);
    }
}
