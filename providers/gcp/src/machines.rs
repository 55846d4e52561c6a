//! Instances of a cluster and their power (`docs/spec/21 §8, §11`).
//!
//! Decides what can be asked of an instance from the state that a fresh look shows it in, and how long
//! the operation that this begins is looked at: long enough to learn of a limit that is used up or of a
//! zone without machines, and not until it ends. One that fails later is told when the same machine is to
//! be switched again. It must never start or stop an instance that this
//! process has not listed for a cluster, or that is not that cluster's any more; never take one page, or
//! a listing that lacks a zone, for the whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use google_cloud_compute_v1::model::{
    Instance, InstanceAggregatedList, Operation, operation, scheduling::ProvisioningModel,
};
use google_cloud_gax::options::RequestOptionsBuilder;
use skep_providers::{
    Class, Error, Listings,
    call::Call,
    erase::{ClusterFacts, GcpFacts, PlatformFacts},
    power::{Listing, Machine, Machines, PowerOutcome, PowerState},
};
use uuid::Uuid;

use crate::{
    client::{Api, USER_AGENT, service},
    credentials::{Session, SessionKey},
    error,
    ownership::{self, Labels},
};

const LIST: Call = Call::read(service::COMPUTE, "compute:instances.aggregatedList");
const LOOK: Call = Call::read(service::COMPUTE, "compute:zoneOperations.get");

/// The largest page that Google gives.
const PAGE: u32 = 500;

/// Calls for single instances under way at a time. Google has none for many.
const AT_ONCE: usize = 8;

/// Looks at an operation, with pauses like those between attempts: about eight seconds. A zone without
/// machines says so within the first few.
const LOOKS: u32 = 5;

/// Instances that are remembered; more than a hub's clusters have. Beyond it all are forgotten, and
/// whoever acts must list again.
const MAX_KNOWN: usize = 200_000;

/// Warnings of a listing that lacks nothing. Any other leaves open what is missing.
const HARMLESS: [&str; 4] = [
    "DEPRECATED_RESOURCE_USED",
    "DEPRECATED_TYPE_USED",
    "EXPERIMENTAL_TYPE_USED",
    "NO_RESULTS_ON_PAGE",
];

/// Machines by infra ID.
type ByCluster = BTreeMap<String, Vec<Machine>>;

/// Listings of whole projects, by the session that made them.
pub(crate) type AccountListings = Listings<SessionKey, ByCluster>;

/// Of which cluster a listed instance is, and what may be lost in a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    infra_id: String,
    discard_local_ssd: Option<bool>,
}

/// The owner of each instance that was listed for a cluster, and the operations that were still under
/// way when they were looked at last.
#[derive(Default)]
pub(crate) struct Known {
    owners: Mutex<BTreeMap<String, Owner>>,
    under_way: Mutex<BTreeMap<Place, (Wish, String)>>,
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<Place, (Wish, String)>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, owner: &Owner, machines: &[Machine]) {
        let mut known = self.lock();
        if known.len() > MAX_KNOWN {
            known.clear();
        }
        for machine in machines {
            known.insert(machine.id.clone(), owner.clone());
        }
    }

    fn of(&self, machines: &[Machine]) -> BTreeMap<String, Owner> {
        let known = self.lock();
        let listed = |machine: &Machine| known.get_key_value(&machine.id);
        machines
            .iter()
            .filter_map(listed)
            .map(|(id, owner)| (id.clone(), owner.clone()))
            .collect()
    }
}

/// [`Machines`] of a project.
pub(crate) struct Instances(pub(crate) Arc<Session>);

#[async_trait]
impl Machines for Instances {
    async fn list(&self, cluster: &ClusterFacts, max_age: Duration) -> Result<Listing, Error> {
        let owner = self.owner(cluster)?;
        let listing = match self.of_account(&owner.infra_id, max_age).await? {
            Some(listing) => listing,
            None => self.of_cluster(&owner.infra_id).await?,
        };
        self.0.known.remember(&owner, &listing.machines);
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
    /// A cluster in another project would be listed as one without machines.
    fn owner(&self, cluster: &ClusterFacts) -> Result<Owner, Error> {
        let refused = |why: String| Err(Error::new(LIST.operation, Class::Invalid, why));
        match &cluster.platform {
            PlatformFacts::Gcp(GcpFacts {
                project,
                discard_local_ssd,
                ..
            }) if *project == self.0.project => Ok(Owner {
                infra_id: cluster.infra_id.clone(),
                discard_local_ssd: *discard_local_ssd,
            }),
            PlatformFacts::Gcp(GcpFacts { project, .. }) => refused(format!(
                "the cluster is in project {project}, the credentials are of {}",
                self.0.project
            )),
            PlatformFacts::Aws(_) | PlatformFacts::Azure(_) | PlatformFacts::Other(_) => {
                refused("the cluster is not on Google Cloud".to_owned())
            }
        }
    }

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
        let Session {
            listings, kept_as, ..
        } = &*self.0;
        let ask = || async {
            Box::pin(self.found(None))
                .await
                .map(|found| by_cluster(&found))
        };
        let listed = listings.within(kept_as, max_age, ask).await?;
        Ok(listed.items.get(infra_id).map(|machines| Listing {
            at: listed.at,
            machines: machines.clone(),
        }))
    }

    async fn of_cluster(&self, infra_id: &str) -> Result<Listing, Error> {
        let at = self.0.clock.now();
        let found = Box::pin(self.found(Some(infra_id))).await?;
        let machines = by_cluster(&found).remove(infra_id).unwrap_or_default();
        Ok(Listing { at, machines })
    }

    /// Instances whose name begins with an infra ID, or all of the project; all pages.
    async fn found(&self, infra_id: Option<&str>) -> Result<Vec<Found>, Error> {
        let api = self.0.api().await?;
        // Infra IDs have letters, digits and dashes only.
        let filter = infra_id.map(|infra_id| format!("name eq \"{infra_id}-.*\""));
        let mut token: Option<String> = None;
        let mut all = Vec::new();
        loop {
            let page = api
                .call(LIST, || {
                    let request = api.clients.lists.aggregated_list();
                    request
                        .set_project(&self.0.project)
                        .set_max_results(PAGE)
                        .set_or_clear_filter(filter.clone())
                        .set_or_clear_page_token(token.clone())
                        .with_user_agent(USER_AGENT)
                        .send()
                })
                .await?
                .unwrap_or_default();
            is_whole(&page)?;
            let scopes: BTreeMap<_, _> = page.items.into_iter().collect();
            let instances = scopes.into_values().flat_map(|scope| scope.instances);
            all.extend(instances.filter_map(Found::of));
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    async fn change(&self, machines: &[Machine], wish: Wish) -> Vec<PowerOutcome> {
        let known = self.0.known.of(machines);
        let outcomes = if known.is_empty() {
            Ok(Outcomes::new())
        } else {
            Box::pin(self.changed(&known, wish)).await
        };
        self.0.listings.outdate(&self.0.kept_as);
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

    /// Looks at the instances afresh, one listing per cluster, and asks for what can be done from where
    /// they are.
    async fn changed(
        &self,
        known: &BTreeMap<String, Owner>,
        wish: Wish,
    ) -> Result<Outcomes, Error> {
        let mut outcomes = Outcomes::new();
        let mut asked = Vec::new();
        let clusters: BTreeSet<&str> = known.values().map(|owner| &*owner.infra_id).collect();
        for infra_id in clusters {
            for found in self.found(Some(infra_id)).await? {
                let id = found.place.to_string();
                let Some(owner) = known.get(&id).filter(|owner| owner.infra_id == infra_id) else {
                    continue;
                };
                match verdict(wish, infra_id, &found) {
                    Verdict::Ask => asked.push((id, found.place, owner.discard_local_ssd)),
                    Verdict::Settled => drop(outcomes.insert(id, Ok(()))),
                    Verdict::Refused(error) => drop(outcomes.insert(id, Err(error))),
                }
            }
        }
        let api = &self.0.api().await?;
        let done = stream::iter(asked)
            .map(|(id, place, discard)| async move {
                let result = self.asked(api, wish, &place, discard).await;
                (id, result)
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        outcomes.extend(done);
        Ok(outcomes)
    }

    /// One instance. The same request id in each attempt: an answer that was lost begins nothing twice.
    async fn asked(
        &self,
        api: &Api,
        wish: Wish,
        place: &Place,
        discard: Option<bool>,
    ) -> Result<(), Error> {
        self.failed_since(api, wish, place).await?;
        let (project, Place { zone, name }) = (&self.0.project, place);
        let request_id = Uuid::new_v4().to_string();
        let instances = &api.clients.instances;
        let call = Call::change(service::COMPUTE, wish.operation());
        let began = match wish {
            Wish::Start => {
                api.call(call, || {
                    let request = instances.start().set_project(project).set_zone(zone);
                    let request = request.set_instance(name).set_request_id(&request_id);
                    request.with_user_agent(USER_AGENT).send()
                })
                .await?
            }
            Wish::Stop => {
                api.call(call, || {
                    let request = instances.stop().set_project(project).set_zone(zone);
                    let request = request.set_instance(name).set_request_id(&request_id);
                    let request = request.set_or_clear_discard_local_ssd(discard);
                    request.with_user_agent(USER_AGENT).send()
                })
                .await?
            }
        };
        match began {
            Some(began) => self.looked_at(api, wish, place, began).await,
            // It is there already.
            None => Ok(()),
        }
    }

    /// What became of the same wish when it was last seen under way: that it is wished again says that
    /// it came to nothing. It is told once; after that the machine is switched again.
    async fn failed_since(&self, api: &Api, wish: Wish, place: &Place) -> Result<(), Error> {
        let last = self.0.known.under_way().remove(place);
        let Some((_, name)) = last.filter(|(last, _)| *last == wish) else {
            return Ok(());
        };
        let seen = self.look(api, &place.zone, &name).await;
        seen.map_or(Ok(()), |seen| error::of_operation(wish.operation(), &seen))
    }

    /// Until the operation has failed or ended, or long enough.
    async fn looked_at(
        &self,
        api: &Api,
        wish: Wish,
        place: &Place,
        began: Operation,
    ) -> Result<(), Error> {
        let mut pause = self.0.policy.first;
        let mut seen = began;
        let name = seen.name.clone().unwrap_or_default();
        for _ in 0..LOOKS {
            if seen.status == Some(operation::Status::Done) {
                return error::of_operation(wish.operation(), &seen);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.0.policy.longest);
            match self.look(api, &place.zone, &name).await {
                Some(operation) => seen = operation,
                None => return Ok(()),
            }
        }
        if seen.status != Some(operation::Status::Done) {
            let mut under_way = self.0.known.under_way();
            if under_way.len() > MAX_KNOWN {
                under_way.clear();
            }
            under_way.insert(place.clone(), (wish, name));
        }
        error::of_operation(wish.operation(), &seen)
    }

    /// `None` when it cannot be looked at: what was asked was accepted all the same, and the next
    /// listing shows what becomes of it.
    async fn look(&self, api: &Api, zone: &str, name: &str) -> Option<Operation> {
        let look = api.call(LOOK, || {
            let request = api.clients.operations.get().set_project(&self.0.project);
            let request = request.set_zone(zone).set_operation(name);
            request.with_user_agent(USER_AGENT).send()
        });
        look.await.unwrap_or_else(|error| {
            tracing::debug!(%error, name, "the operation cannot be looked at");
            None
        })
    }
}

/// Result by identifier.
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
            Self::Start => "compute:instances.start",
            Self::Stop => "compute:instances.stop",
        }
    }
}

/// Where an instance is. As text it is [`Machine::id`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    zone: String,
    name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zones/{}/instances/{}", self.zone, self.name)
    }
}

/// What is looked at of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    place: Place,
    labels: Labels,
    status: String,
    spot: bool,
}

impl Found {
    /// `None` when Google gives no name or zone, which it never does.
    fn of(instance: Instance) -> Option<Self> {
        let zone = instance.zone?.rsplit('/').next()?.to_owned();
        let name = instance.name?;
        let spot = instance.scheduling.is_some_and(|scheduling| {
            scheduling.preemptible == Some(true)
                || scheduling.provisioning_model == Some(ProvisioningModel::Spot)
        });
        let status = instance.status.as_ref().and_then(|status| status.name());
        Some(Self {
            place: Place { zone, name },
            labels: instance.labels.into_iter().collect(),
            status: status.unwrap_or("UNKNOWN").to_owned(),
            spot,
        })
    }

    fn power(&self) -> PowerState {
        match self.status.as_str() {
            "PENDING" | "PROVISIONING" | "STAGING" => PowerState::Pending,
            "RUNNING" => PowerState::Running,
            "DEPROVISIONING" | "PENDING_STOP" | "STOPPING" => PowerState::Stopping,
            "STOPPED" | "TERMINATED" => PowerState::Stopped,
            other => PowerState::Other(other.to_owned()),
        }
    }
}

/// A zone that does not answer is no zone without instances.
fn is_whole(page: &InstanceAggregatedList) -> Result<(), Error> {
    let whole = |code: &str| HARMLESS.contains(&code);
    let of_page = page.warning.as_ref();
    let of_page = of_page.and_then(|warning| warning.code.as_ref()?.name());
    let scopes: BTreeMap<_, _> = page.items.iter().collect();
    let of_scopes = scopes.into_iter().filter_map(|(scope, list)| {
        let code = list.warning.as_ref()?.code.as_ref()?.name()?;
        Some((scope.as_str(), code))
    });
    let lacking = of_page
        .map(|code| ("project", code))
        .into_iter()
        .chain(of_scopes)
        .find(|(_, code)| !whole(code));
    let unreachable = page.unreachables.first();
    let why = match (lacking, unreachable) {
        (Some((scope, code)), _) => format!("the listing is not whole: {scope}: {code}"),
        (None, Some(scope)) => format!("the listing is not whole: {scope}: unreachable"),
        (None, None) => return Ok(()),
    };
    Err(Error::new(LIST.operation, Class::Transient, why))
}

/// What becomes of the wish for one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Ask,
    Settled,
    Refused(Error),
}

/// By what a fresh look shows, never by what the caller remembers.
fn verdict(wish: Wish, infra_id: &str, found: &Found) -> Verdict {
    if !ownership::owners(&found.place.name, &found.labels).contains(infra_id) {
        let why = format!("the instance does not carry the mark of {infra_id} any more");
        return Verdict::Refused(Error::new(wish.operation(), Class::Invalid, why));
    }
    match (wish, found.power()) {
        // Being deleted, which looks like a stop until it is gone.
        (_, PowerState::Stopping) if found.status == "DEPROVISIONING" => {
            Verdict::Refused(gone(wish))
        }
        (Wish::Start, PowerState::Running | PowerState::Pending)
        | (Wish::Stop, PowerState::Stopped | PowerState::Stopping) => Verdict::Settled,
        (Wish::Start, PowerState::Stopped) | (Wish::Stop, PowerState::Running) => Verdict::Ask,
        // On its way.
        (Wish::Start, PowerState::Stopping) | (Wish::Stop, PowerState::Pending) => {
            Verdict::Refused(in_between(wish, &found.status))
        }
        // It stays so until a person resumes or stops it.
        (_, PowerState::Other(word)) if word == "SUSPENDED" => {
            let why = "the instance is SUSPENDED, which is neither stopped nor running";
            Verdict::Refused(Error::new(wish.operation(), Class::Invalid, why))
        }
        (_, PowerState::Other(word)) => Verdict::Refused(in_between(wish, &word)),
    }
}

fn gone(wish: Wish) -> Error {
    Error::new(wish.operation(), Class::NotFound, "the instance is gone")
}

fn unlisted(wish: Wish) -> Error {
    let why = "the instance was not listed for a cluster since the account was opened";
    Error::new(wish.operation(), Class::Transient, why)
}

fn in_between(wish: Wish, status: &str) -> Error {
    let class = Class::DependencyViolation {
        holders: Vec::new(),
    };
    Error::new(wish.operation(), class, format!("the instance is {status}"))
        .with_code("resourceNotReady")
}

/// Machines of each cluster that has some among the instances, sorted by identifier.
fn by_cluster(instances: &[Found]) -> ByCluster {
    let mut found = ByCluster::new();
    for instance in instances {
        let name = &instance.place.name;
        for infra_id in ownership::owners(name, &instance.labels) {
            let machine = Machine {
                id: instance.place.to_string(),
                name: name.clone(),
                power: instance.power(),
                spot: instance.spot,
                control_plane: ownership::is_control_plane(&infra_id, name),
            };
            found.entry(infra_id).or_default().push(machine);
        }
    }
    for machines in found.values_mut() {
        machines.sort();
        // What changes between two pages may be on both.
        machines.dedup_by(|one, other| one.id == other.id);
    }
    found
}

#[cfg(test)]
mod tests {
    use google_cloud_compute_v1::model::{
        InstancesScopedList, instance_aggregated_list, instances_scoped_list,
    };

    use super::*;

    const INFRA: &str = "demo-x7k2p";
    const MARK: &str = "kubernetes-io-cluster-demo-x7k2p";

    fn found(status: &str, labels: &[(&str, &str)]) -> Found {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Found {
            place: Place {
                zone: "us-central1-a".to_owned(),
                name: format!("{INFRA}-gpu-a-7hk2z"),
            },
            labels: labels.iter().map(pair).collect(),
            status: status.to_owned(),
            spot: false,
        }
    }

    fn label(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Ask => "ask",
            Verdict::Settled => "settled",
            Verdict::Refused(error) => error.class.label(),
        }
    }

    #[test]
    fn what_is_asked_depends_on_the_state_that_it_is_in() {
        for (status, start, stop) in [
            ("PENDING", "settled", "dependency_violation"),
            ("PROVISIONING", "settled", "dependency_violation"),
            ("STAGING", "settled", "dependency_violation"),
            ("RUNNING", "settled", "ask"),
            ("PENDING_STOP", "dependency_violation", "settled"),
            ("STOPPING", "dependency_violation", "settled"),
            ("STOPPED", "ask", "settled"),
            ("TERMINATED", "ask", "settled"),
            ("DEPROVISIONING", "not_found", "not_found"),
            ("SUSPENDING", "dependency_violation", "dependency_violation"),
            ("SUSPENDED", "invalid", "invalid"),
            ("REPAIRING", "dependency_violation", "dependency_violation"),
            ("HOVERING", "dependency_violation", "dependency_violation"),
        ] {
            let found = found(status, &[(MARK, "owned")]);
            assert_eq!(
                label(verdict(Wish::Start, INFRA, &found)),
                start,
                "{status}"
            );
            assert_eq!(label(verdict(Wish::Stop, INFRA, &found)), stop, "{status}");
        }
    }

    #[test]
    fn nothing_is_asked_of_what_lost_its_mark() {
        for labels in [
            &[][..],
            &[(MARK, "shared")],
            &[("kubernetes-io-cluster-demo", "owned")],
            &[("kubernetes-io-cluster-demo-x7k2p-gpu", "owned")],
        ] {
            for (wish, status) in [(Wish::Start, "TERMINATED"), (Wish::Stop, "RUNNING")] {
                let found = found(status, labels);
                assert_eq!(label(verdict(wish, INFRA, &found)), "invalid", "{labels:?}");
                assert!(!by_cluster(&[found]).contains_key(INFRA), "{labels:?}");
            }
        }
    }

    #[test]
    fn a_machine_that_is_on_two_pages_counts_once() {
        let marks = &[(MARK, "owned")];
        let both = [found("STAGING", marks), found("RUNNING", marks)];
        assert_eq!(by_cluster(&both)[INFRA].len(), 1);
    }

    #[test]
    fn a_listing_that_lacks_a_zone_is_an_error() {
        let scope = |code: &str| {
            let warning = instances_scoped_list::Warning::new().set_code(code);
            InstancesScopedList::new().set_warning(warning)
        };
        let page = |code: &str| {
            let items = [("zones/us-central1-a".to_owned(), scope(code))];
            InstanceAggregatedList::new().set_items(items)
        };
        assert_eq!(is_whole(&page("NO_RESULTS_ON_PAGE")), Ok(()));
        let whole = instance_aggregated_list::Warning::new().set_code("PARTIAL_SUCCESS");
        for page in [
            page("UNREACHABLE"),
            page("SOMETHING_NEW"),
            InstanceAggregatedList::new().set_warning(whole),
            InstanceAggregatedList::new().set_unreachables(["zones/us-central1-a"]),
        ] {
            assert_eq!(is_whole(&page).unwrap_err().class, Class::Transient);
        }
    }
}
