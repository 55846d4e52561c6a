//! `Machines` against the emulated project. What became of an instance is read from the emulation's own
//! memory, what was asked from its log: neither goes through the code under test. Instances are made by
//! Google's client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use serde_json::json;
use skep_gcp::Gcp;
use skep_kit::gcp::{Fault, Instance, Project};
use skep_providers::{
    Class,
    erase::{ClusterFacts, Hints},
    power::{Listing, Machine, Machines, PowerOutcome, PowerState},
};

use crate::{ZONE, ZONES, ask, cloud, connect, discarding, factory, facts, order};

pub(crate) const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_hours(1);
pub(crate) const INFRA: &str = "demo-x7k2p";

/// A project in which no state passes unless the test says so, and the machines of it.
pub(crate) struct Park {
    pub(crate) project: Project,
    gcp: Gcp,
    pub(crate) machines: Arc<dyn Machines>,
}

impl Park {
    pub(crate) async fn new() -> Self {
        let project = cloud().project().unwrap();
        let gcp = factory();
        let account = connect(&gcp, &project.key).await.unwrap();
        Self {
            machines: account.machines().unwrap(),
            project,
            gcp,
        }
    }

    /// A running instance with these labels. Returns its identifier.
    pub(crate) fn launch(&self, name: &str, labels: &[(&str, &str)], spot: bool) -> String {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        // Spread, so that a listing has several scopes.
        let zone = ZONES[name.len() % ZONES.len()];
        let model = if spot { "SPOT" } else { "STANDARD" };
        let body = json!({
            "name": name, "labels": labels, "scheduling": {"provisioningModel": model},
            "machineType": format!("zones/{zone}/machineTypes/n2-standard-4"),
        });
        let made = ask(
            &self.project,
            "insert",
            &json!({"zone": zone, "body": body}),
        );
        assert!(made["ok"].is_object(), "{made}");
        self.settle();
        format!("zones/{zone}/instances/{name}")
    }

    pub(crate) fn node(&self, infra: &str, name: &str) -> String {
        let mark = format!("kubernetes-io-cluster-{infra}");
        self.launch(&format!("{infra}-{name}"), &[(&mark, "owned")], false)
    }

    /// So many stopped workers of the cluster, in the order of their identifiers.
    async fn sleeping(&self, count: usize) -> Vec<Machine> {
        for index in 0..count {
            self.node(INFRA, &format!("worker-{index}"));
        }
        let listed = self.list(NOW).await.machines;
        succeeded(&self.machines.stop(&listed).await);
        self.settle();
        self.forget();
        listed
    }

    pub(crate) fn settle(&self) {
        cloud().settle(&self.project).unwrap();
    }

    /// Forgets the calls until now.
    fn forget(&self) {
        cloud().clear_calls(&self.project).unwrap();
    }

    fn count(&self, method: &str) -> u64 {
        let counts = cloud().counts(&self.project).unwrap();
        counts.methods.get(method).copied().unwrap_or_default()
    }

    fn failed(&self) -> BTreeMap<String, u64> {
        cloud().counts(&self.project).unwrap().failed
    }

    pub(crate) async fn list(&self, max_age: Duration) -> Listing {
        self.list_of(INFRA, max_age).await
    }

    async fn list_of(&self, infra: &str, max_age: Duration) -> Listing {
        let facts = facts(&self.project.id, infra);
        self.machines.list(&facts, max_age).await.unwrap()
    }

    fn instances(&self) -> Vec<Instance> {
        cloud().instances(&self.project).unwrap()
    }

    /// States by identifier, as the emulation has them in memory.
    pub(crate) fn states_of(&self, ids: &[&String]) -> Vec<String> {
        let states: BTreeMap<String, String> = self
            .instances()
            .into_iter()
            .map(|one| {
                (
                    format!("zones/{}/instances/{}", one.zone, one.name),
                    one.status,
                )
            })
            .collect();
        ids.iter().map(|id| states[*id].clone()).collect()
    }

    fn set_status(&self, id: &str, status: &str) {
        let named = |one: &Instance| id.ends_with(&format!("/{}", one.name));
        let at = self.instances().into_iter().find(named).unwrap();
        cloud().set_status(&self.project, &at, status).unwrap();
    }

    fn label(&self, id: &str, key: &str, value: &str) {
        let parts: Vec<&str> = id.split('/').collect();
        let labels = json!({key: value});
        let arguments = json!({"zone": parts[1], "instance": parts[3], "labels": labels});
        let answer = ask(&self.project, "labels", &arguments);
        assert!(answer["ok"].is_object(), "{answer}");
    }
}

pub(crate) fn succeeded(outcomes: &[PowerOutcome]) {
    let failed: Vec<_> = outcomes.iter().filter(|one| one.result.is_err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn labels(outcomes: &[PowerOutcome]) -> Vec<&'static str> {
    let label = |outcome: &PowerOutcome| match &outcome.result {
        Ok(()) => "ok",
        Err(error) => error.class.label(),
    };
    outcomes.iter().map(label).collect()
}

fn powers(listing: &Listing) -> Vec<PowerState> {
    let power = |machine: &Machine| machine.power.clone();
    listing.machines.iter().map(power).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_sleeps_and_wakes_and_nothing_else_does() {
    let park = Park::new().await;
    let mark = format!("kubernetes-io-cluster-{INFRA}");
    let capg = format!("capg-cluster-{INFRA}");
    let longer = format!("{INFRA}-a1b2c");
    let longer_mark = format!("kubernetes-io-cluster-{longer}");
    let own = [
        park.launch(&format!("{INFRA}-master-0"), &[(&mark, "owned")], false),
        park.launch(&format!("{INFRA}-gpu-a-7hk2z"), &[(&capg, "owned")], false),
        park.launch(&format!("{INFRA}-worker-spot"), &[(&mark, "owned")], true),
        // Of an installation that did not label its machines.
        park.launch(&format!("{INFRA}-worker-b-7hk2z"), &[("team", "a")], false),
    ];
    let foreign = [
        park.launch("jump-host", &[(&mark, "owned")], false),
        park.launch(&format!("{INFRA}-guest"), &[(&mark, "shared")], false),
        park.launch(&format!("{INFRA}-guest-2"), &[], false),
        // Clusters whose infra ID extends this one's, with and without labels, and one that it extends.
        park.launch(
            &format!("{longer}-master-0"),
            &[(&longer_mark, "owned")],
            false,
        ),
        park.launch(&format!("{longer}-worker-a-7hk2z"), &[], false),
        park.node(&format!("{INFRA}p"), "master-0"),
        park.node(&INFRA[..INFRA.len() - 1], "master-0"),
        park.node("demo", "x7k2p-worker-c-7hk2z"),
    ];
    let (own, foreign): (Vec<&String>, Vec<&String>) =
        (own.iter().collect(), foreign.iter().collect());

    let listing = park.list(NOW).await;
    let mut ids: Vec<&String> = listing.machines.iter().map(|one| &one.id).collect();
    let mut expected = own.clone();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(powers(&listing), vec![PowerState::Running; 4]);
    for machine in &listing.machines {
        assert_eq!(
            machine.control_plane,
            machine.name.contains("-master-"),
            "{machine:?}"
        );
        assert_eq!(machine.spot, machine.name.ends_with("-spot"), "{machine:?}");
    }
    let shared = park.list(HOUR).await;
    assert_eq!(shared.machines, listing.machines);
    assert_eq!(park.list_of(&longer, NOW).await.machines.len(), 2);

    succeeded(&park.machines.stop(&listing.machines).await);
    assert_eq!(park.states_of(&own), ["STOPPING"; 4]);
    assert_eq!(powers(&park.list(NOW).await), vec![PowerState::Stopping; 4]);

    // What stops cannot be started yet: nobody is asked in vain.
    park.forget();
    let early = park.machines.start(&listing.machines).await;
    assert_eq!(labels(&early), ["dependency_violation"; 4]);
    succeeded(&park.machines.stop(&listing.machines).await);
    assert_eq!(cloud().counts(&park.project).unwrap().changing, 0);

    park.settle();
    let asleep = park.list(NOW).await;
    assert_eq!(powers(&asleep), vec![PowerState::Stopped; 4]);
    succeeded(&park.machines.stop(&asleep.machines).await);
    assert_eq!(park.states_of(&own), ["TERMINATED"; 4]);

    succeeded(&park.machines.start(&asleep.machines).await);
    assert_eq!(park.states_of(&own), ["STAGING"; 4]);
    assert_eq!(powers(&park.list(NOW).await), vec![PowerState::Pending; 4]);
    succeeded(&park.machines.start(&asleep.machines).await);
    let held = labels(&park.machines.stop(&asleep.machines).await);
    assert_eq!(held, ["dependency_violation"; 4]);
    park.settle();
    assert_eq!(powers(&park.list(NOW).await), vec![PowerState::Running; 4]);
    assert_eq!(park.states_of(&foreign), vec!["RUNNING"; foreign.len()]);
    assert!(
        park.failed().is_empty(),
        "nothing is asked in vain: {:?}",
        park.failed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_are_read_and_only_what_is_needed_of_them() {
    let park = Park::new().await;
    for index in 0..7 {
        park.node(INFRA, &format!("worker-{}", "x".repeat(index + 1)));
    }
    cloud().set_page(&park.project, 2).unwrap();
    for max_age in [NOW, HOUR] {
        park.forget();
        assert_eq!(park.list(max_age).await.machines.len(), 7);
        assert_eq!(park.count("instances.aggregatedList"), 4);
    }
    for call in cloud().calls(&park.project, "instances.*").unwrap() {
        let fields = &call.params["fields"];
        assert!(fields.contains("instances(name,"), "{fields}");
        assert!(!fields.contains("metadata"), "{fields}");
    }
    cloud().set_unreachable(&park.project, &[ZONE]).unwrap();
    let facts = facts(&park.project.id, INFRA);
    let young = Duration::from_nanos(1);
    for max_age in [NOW, young] {
        let error = park.machines.list(&facts, max_age).await.unwrap_err();
        assert_eq!(error.class, Class::Transient, "{error}");
        assert!(error.message.contains("zones/us-central1-a"), "{error}");
    }
    let outcomes = park.machines.stop(&park.list(HOUR).await.machines).await;
    assert_eq!(labels(&outcomes), ["transient"; 7]);
    assert_eq!(park.count("instances.stop"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clusters_of_an_account_cost_one_listing() {
    let park = Park::new().await;
    let infras: Vec<String> = (0..12).map(|index| format!("many-{index:05}")).collect();
    for infra in &infras {
        park.node(infra, "worker");
    }
    park.forget();
    // Each cluster opens the account by itself, as controllers do.
    let look = |infra: String| {
        let park = &park;
        async move {
            let account = connect(&park.gcp, &park.project.key).await.unwrap();
            let machines = account.machines().unwrap();
            let facts = facts(&park.project.id, &infra);
            machines.list(&facts, HOUR).await.unwrap()
        }
    };
    for _ in 0..3 {
        for listing in join_all(infras.iter().cloned().map(look)).await {
            assert_eq!(powers(&listing), [PowerState::Running], "{listing:?}");
        }
    }
    let listings = || park.count("instances.aggregatedList");
    assert_eq!(listings(), 1);

    // Before something is changed, the one cluster is looked at; afterwards nobody is told old news.
    let fresh = park.list_of(&infras[0], NOW).await;
    assert_eq!(listings(), 2);
    succeeded(&park.machines.stop(&fresh.machines).await);
    assert_eq!(listings(), 3);
    assert_eq!(
        powers(&look(infras[0].clone()).await),
        [PowerState::Stopping]
    );
    assert_eq!(
        powers(&look(infras[1].clone()).await),
        [PowerState::Running]
    );
    assert_eq!(listings(), 4);

    // A cluster that the listing does not know may be younger than it is.
    let young = "many-99999".to_owned();
    park.node(&young, "worker");
    assert_eq!(powers(&look(young).await), [PowerState::Running]);
    assert_eq!(listings(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_that_is_refused_does_not_keep_the_others() {
    let start = "instances.start";
    for (fault, label) in [
        (
            Fault::error(start, 400, "resourceNotReady"),
            "dependency_violation",
        ),
        (Fault::error(start, 404, "notFound"), "not_found"),
        (Fault::error(start, 403, "quotaExceeded"), "quota"),
        (Fault::operation(start, 403, "QUOTA_EXCEEDED"), "quota"),
        (
            Fault::operation(start, 503, "ZONE_RESOURCE_POOL_EXHAUSTED"),
            "quota",
        ),
        (
            Fault::operation(start, 400, "RESOURCE_NOT_READY"),
            "dependency_violation",
        ),
    ] {
        let park = Park::new().await;
        let machines = park.sleeping(4).await;
        cloud()
            .set_speed(&park.project, 1e6, &[("operation.failing", 0.0)])
            .unwrap();
        let bad = &machines[2];
        order(&park.project, &fault.clone().of_instance(&bad.name));
        let outcomes = park.machines.start(&machines).await;
        let ids: Vec<&String> = machines.iter().map(|machine| &machine.id).collect();
        for (outcome, state) in outcomes.iter().zip(park.states_of(&ids)) {
            let expected = if outcome.id == bad.id {
                (label, "TERMINATED")
            } else {
                ("ok", "STAGING")
            };
            let found = labels(std::slice::from_ref(outcome))[0];
            assert_eq!((found, state.as_str()), expected, "{fault:?}: {outcome:?}");
        }
        assert_eq!(park.count(start), 4, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_without_capacity_is_not_asked_without_end() {
    let park = Park::new().await;
    let machines = park.sleeping(6).await;
    cloud()
        .set_speed(&park.project, 1e6, &[("operation.failing", 0.0)])
        .unwrap();
    let fault = Fault::operation("instances.start", 503, "ZONE_RESOURCE_POOL_EXHAUSTED");
    order(&park.project, &fault);
    let outcomes = park.machines.start(&machines).await;
    assert_eq!(labels(&outcomes), ["quota"; 6]);
    assert_eq!(park.count("instances.start"), 6);
    for outcome in outcomes {
        let error = outcome.result.unwrap_err();
        assert_eq!(error.code, "ZONE_RESOURCE_POOL_EXHAUSTED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_change_is_success() {
    let park = Park::new().await;
    let machines = park.sleeping(2).await;
    // Somebody else was quicker than our look.
    order(
        &park.project,
        &Fault::error("instances.start", 304, "notModified"),
    );
    succeeded(&park.machines.start(&machines).await);
    assert_eq!(park.count("instances.start"), 2);
    assert_eq!(park.count("zoneOperations.get"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_goes_on_is_not_waited_for() {
    let park = Park::new().await;
    let machines = park.sleeping(2).await;
    succeeded(&park.machines.start(&machines).await);
    // Five looks at each; neither has ended.
    assert_eq!(park.count("zoneOperations.get"), 10);
    park.settle();
    park.forget();
    order(
        &park.project,
        &Fault::error("zoneOperations.get", 403, "forbidden"),
    );
    succeeded(&park.machines.stop(&machines).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_comes_later_is_told_the_next_time() {
    let park = Park::new().await;
    let machines = park.sleeping(1).await;
    let fault = Fault::operation("instances.start", 503, "ZONE_RESOURCE_POOL_EXHAUSTED");
    order(&park.project, &fault.times(1));
    succeeded(&park.machines.start(&machines).await);
    park.settle();
    assert_eq!(powers(&park.list(NOW).await), [PowerState::Stopped]);
    assert_eq!(labels(&park.machines.start(&machines).await), ["quota"]);
    assert_eq!(park.count("instances.start"), 1);
    succeeded(&park.machines.start(&machines).await);
    assert_eq!(park.count("instances.start"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_and_lost_answers_only_cost_time() {
    let park = Park::new().await;
    let machines = park.sleeping(3).await;
    let limit = |method| Fault::error(method, 403, "rateLimitExceeded");
    let later = Fault::error("instances.aggregatedList", 429, "rateLimitExceeded");
    order(&park.project, &limit("instances.aggregatedList").times(2));
    order(&park.project, &later.retry_after(1).times(1));
    order(&park.project, &Fault::lost("instances.start").times(1));
    succeeded(&park.machines.start(&machines).await);
    assert_eq!(park.count("instances.start"), 4);
    let calls = cloud().calls(&park.project, "instances.start").unwrap();
    let mut requests: Vec<&String> = calls.iter().map(|call| &call.params["requestId"]).collect();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), 3, "what is repeated is the same request");
    park.settle();
    order(&park.project, &limit("instances.stop"));
    let outcomes = park.machines.stop(&machines).await;
    assert_eq!(labels(&outcomes), ["throttled"; 3]);
    let ids: Vec<&String> = machines.iter().map(|machine| &machine.id).collect();
    assert_eq!(park.states_of(&ids), ["RUNNING"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_told_once_and_not_kept() {
    let park = Park::new().await;
    let machines = park.sleeping(4).await;
    let denied = |method| Fault::error(method, 403, "forbidden");
    order(&park.project, &denied("instances.start"));
    let outcomes = park.machines.start(&machines).await;
    assert_eq!(labels(&outcomes), ["denied"; 4]);
    assert_eq!(park.count("instances.start"), 4);

    order(&park.project, &denied("instances.aggregatedList"));
    let facts = facts(&park.project.id, INFRA);
    for max_age in [NOW, HOUR] {
        let error = park.machines.list(&facts, max_age).await.unwrap_err();
        assert_eq!(error.class, Class::Denied, "{error}");
    }
    let outcomes = park.machines.stop(&machines).await;
    assert_eq!(labels(&outcomes), ["denied"; 4]);
    cloud().clear_faults(&park.project).unwrap();
    assert_eq!(park.list(HOUR).await.machines.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_listed_and_still_carries_the_mark_is_switched() {
    let park = Park::new().await;
    let own = park.node(INFRA, "gpu-own");
    let sold = park.node(INFRA, "gpu-sold");
    let foreign = park.node(&format!("{INFRA}x"), "worker");
    let mut machines = park.list(NOW).await.machines;
    assert_eq!(machines.len(), 2);
    machines.sort_by_key(|machine| machine.id == sold);
    machines.push(Machine {
        id: foreign.clone(),
        ..machines[0].clone()
    });
    park.label(&sold, &format!("kubernetes-io-cluster-{INFRA}"), "shared");
    let outcomes = park.machines.stop(&machines).await;
    assert_eq!(labels(&outcomes), ["ok", "invalid", "transient"]);
    let states = park.states_of(&[&own, &sold, &foreign]);
    assert_eq!(states, ["STOPPING", "RUNNING", "RUNNING"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_mean_neither_are_shown_and_left() {
    let park = Park::new().await;
    let id = park.node(INFRA, "worker");
    for (status, label) in [
        ("SUSPENDED", "invalid"),
        ("SUSPENDING", "dependency_violation"),
        ("REPAIRING", "dependency_violation"),
    ] {
        park.set_status(&id, status);
        let listing = park.list(NOW).await;
        assert_eq!(powers(&listing), [PowerState::Other(status.to_owned())]);
        park.forget();
        assert_eq!(
            labels(&park.machines.start(&listing.machines).await),
            [label]
        );
        assert_eq!(
            labels(&park.machines.stop(&listing.machines).await),
            [label]
        );
        assert_eq!(cloud().counts(&park.project).unwrap().changing, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_disks_are_discarded_only_if_somebody_said_so() {
    let park = Park::new().await;
    let name = format!("{INFRA}-worker-a-7hk2z");
    let body = json!({
        "name": name, "disks": [{"type": "SCRATCH"}],
        "machineType": format!("zones/{ZONE}/machineTypes/n2-standard-4"),
    });
    ask(
        &park.project,
        "insert",
        &json!({"zone": ZONE, "body": body}),
    );
    park.settle();
    let unsaid = park.list(NOW).await;
    assert_eq!(
        labels(&park.machines.stop(&unsaid.machines).await),
        ["invalid"]
    );
    let facts = discarding(&park.project.id, INFRA, true);
    let said = park.machines.list(&facts, NOW).await.unwrap();
    succeeded(&park.machines.stop(&said.machines).await);
    assert_eq!(park.states_of(&[&said.machines[0].id]), ["STOPPING"]);
    let calls = cloud().calls(&park.project, "instances.stop").unwrap();
    assert_eq!(calls.last().unwrap().params["discardLocalSsd"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_another_project_is_not_one_without_machines() {
    let park = Park::new().await;
    let elsewhere = json!({"infraID": INFRA, "vsphere": {}}).to_string();
    let elsewhere = ClusterFacts::from_metadata(elsewhere.as_bytes(), &Hints::default());
    for facts in [facts("another-project", INFRA), elsewhere.unwrap()] {
        let error = park.machines.list(&facts, NOW).await.unwrap_err();
        assert_eq!(error.class, Class::Invalid, "{error}");
    }
    assert_eq!(park.count("instances.aggregatedList"), 0);
    assert_eq!(park.list(NOW).await.machines, []);
}
