//! `Machines` against the emulated account. What became of an instance is read from the emulation's own
//! memory, what was asked from its log: neither goes through the code under test.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_ec2::types::{
    InstanceMarketOptionsRequest, InstanceType, MarketType, ResourceType, Tag, TagSpecification,
};
use futures::future::join_all;
use skep_aws::Aws;
use skep_kit::cloud::{Account, CallFilter, Counts, Fault, Speed};
use skep_providers::{
    Class, CredentialSource,
    call::NoObserver,
    power::{Listing, Machine, Machines, PowerOutcome, PowerState},
};

use crate::{
    Scene, cloud,
    cluster::{Clients, image},
    connect, facts, new_infra_id, secret,
};

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_hours(1);

/// An account in which no state passes unless the test says so, and the machines of it.
struct Park {
    account: Account,
    clients: Clients,
    aws: Aws,
    machines: Arc<dyn Machines>,
}

impl Park {
    /// An empty account.
    async fn new() -> Self {
        Self::of(cloud().account().unwrap()).await
    }

    async fn of(account: Account) -> Self {
        cloud()
            .set_speed(Some(&account), &Speed::scale(1e6))
            .unwrap();
        let aws = crate::aws(Arc::new(NoObserver));
        let opened = connect(&aws, source(&account)).await.unwrap();
        Self {
            clients: Clients::new(cloud(), &account, &new_infra_id()),
            machines: opened.machines().unwrap(),
            account,
            aws,
        }
    }

    fn infra(&self) -> &str {
        &self.clients.infra
    }

    fn counts(&self) -> Counts {
        cloud().counts(&self.account).unwrap()
    }

    fn order(&self, fault: Fault) {
        cloud().order_fault(&fault.of(&self.account)).unwrap();
    }

    /// A running instance with these tags.
    async fn launch(&self, name: &str, tags: &[(&str, &str)], spot: bool) -> String {
        let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build();
        let named = tag(&("Name", name));
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::Instance)
            .set_tags(Some(tags.iter().map(tag).chain([named]).collect()))
            .build();
        let market = InstanceMarketOptionsRequest::builder()
            .market_type(MarketType::Spot)
            .build();
        let clients = &self.clients;
        let made = clients
            .ec2
            .run_instances()
            .image_id(image(clients).await)
            .instance_type(InstanceType::M6iXlarge)
            .min_count(1)
            .max_count(1)
            .tag_specifications(tags)
            .set_instance_market_options(spot.then_some(market))
            .send()
            .await
            .expect("RunInstances");
        self.settle();
        made.instances.unwrap().remove(0).instance_id.unwrap()
    }

    async fn node(&self, infra: &str, name: &str, spot: bool) -> String {
        let mark = format!("kubernetes.io/cluster/{infra}");
        let role = ("sigs.k8s.io/cluster-api-provider-aws/role", "node");
        self.launch(&format!("{infra}-{name}"), &[(&mark, "owned"), role], spot)
            .await
    }

    /// So many stopped workers of the scene's cluster, in the order of their identifiers.
    async fn sleeping(&self, count: usize) -> Vec<Machine> {
        for index in 0..count {
            self.node(self.infra(), &format!("worker-{index}"), false)
                .await;
        }
        let listed = self.list(NOW).await.machines;
        succeeded(&self.machines.stop(&listed).await);
        self.settle();
        self.forget();
        listed
    }

    fn settle(&self) {
        cloud().settle(Some(&self.account)).unwrap();
    }

    /// Forgets the calls until now.
    fn forget(&self) {
        cloud().clear_calls(&self.account).unwrap();
    }

    fn count(&self, action: &str) -> u64 {
        let counts = self.counts().by_action;
        let of = |count: &u64| *count;
        counts.get(&format!("ec2:{action}")).map_or(0, of)
    }

    async fn list(&self, max_age: Duration) -> Listing {
        self.list_of(self.infra(), max_age).await
    }

    async fn list_of(&self, infra: &str, max_age: Duration) -> Listing {
        let facts = facts(infra, None);
        self.machines.list(&facts, max_age).await.unwrap()
    }

    /// States by instance ID as the emulation has them in memory.
    fn states(&self) -> BTreeMap<String, String> {
        let dump = cloud().dump(&self.account).unwrap();
        let resources = dump["state"].as_object().expect("a dump");
        let state = |(path, instance): (&String, &serde_json::Value)| {
            let (_, id) = path.split_once("/instances/")?;
            let state = instance["_state"]["name"].as_str().expect("a state");
            Some((id.to_owned(), state.to_owned()))
        };
        resources.iter().filter_map(state).collect()
    }

    fn states_of(&self, ids: &[&String]) -> Vec<String> {
        let states = self.states();
        ids.iter().map(|id| states[*id].clone()).collect()
    }

    async fn tag(&self, id: &str, key: &str, value: &str) {
        let tag = Tag::builder().key(key).value(value).build();
        let ec2 = &self.clients.ec2;
        let request = ec2.create_tags().resources(id).tags(tag);
        request.send().await.expect("CreateTags");
    }
}

fn source(account: &Account) -> CredentialSource {
    CredentialSource::from_secret(secret(&account.access_key, &account.secret_key))
}

fn succeeded(outcomes: &[PowerOutcome]) {
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
    // Other people's machines are in the account.
    let park = Park::of(Scene::new(None).await.account).await;
    let infra = park.infra().to_owned();
    let (own, capa) = (
        format!("kubernetes.io/cluster/{infra}"),
        format!("sigs.k8s.io/cluster-api-provider-aws/cluster/{infra}"),
    );
    let master = park
        .launch(&format!("{infra}-master-0"), &[(&own, "owned")], false)
        .await;
    let by_capa = park.launch("capi-worker", &[(&capa, "owned")], false).await;
    let spot = park.node(&infra, "worker-spot", true).await;
    let ended = park.node(&infra, "worker-ended", false).await;
    let end = park.clients.ec2.terminate_instances();
    end.instance_ids(&ended)
        .send()
        .await
        .expect("TerminateInstances");
    let mut foreign = vec![
        park.launch("without", &[("team", "network")], false).await,
        park.launch("shared", &[(&own, "shared")], false).await,
        park.launch("shared-too", &[(&own, "shared"), (&capa, "owned")], false)
            .await,
        park.launch(&format!("{infra}-master-1"), &[], false).await,
    ];
    for neighbour in [&infra[..infra.len() - 1], &format!("{infra}x")] {
        foreign.push(park.node(neighbour, "worker", false).await);
    }
    let (own_ones, before) = ([&master, &by_capa, &spot, &ended], park.states());
    assert!(before.len() > own_ones.len() + foreign.len(), "{before:?}");

    let listing = park.list(NOW).await;
    let mut ids: Vec<&str> = listing.machines.iter().map(|one| one.id.as_str()).collect();
    let mut expected = [master.as_str(), &by_capa, &spot];
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(powers(&listing), vec![PowerState::Running; 3]);
    for machine in &listing.machines {
        assert_eq!(machine.spot, machine.id == spot, "{machine:?}");
        assert_eq!(machine.control_plane, machine.id == master, "{machine:?}");
    }
    let kept = [&master, &by_capa];

    succeeded(&park.machines.stop(&listing.machines).await);
    assert_eq!(park.states_of(&kept), ["stopping"; 2]);
    assert_eq!(park.states_of(&[&spot]), ["shutting-down"]);
    assert_eq!(powers(&park.list(NOW).await), vec![PowerState::Stopping; 3]);

    // What stops cannot be started yet: nobody is asked in vain.
    park.forget();
    let early = park.machines.start(&listing.machines).await;
    for outcome in &early {
        let error = outcome.result.clone().unwrap_err();
        let expected = if outcome.id == spot {
            Class::NotFound
        } else {
            Class::DependencyViolation {
                holders: Vec::new(),
            }
        };
        assert_eq!(error.class, expected, "{error}");
    }
    assert_eq!(park.counts().changing, 0);
    succeeded(
        &park
            .machines
            .stop(&park.list(NOW).await.machines[..0])
            .await,
    );

    park.settle();
    let asleep = park.list(NOW).await;
    assert_eq!(powers(&asleep), vec![PowerState::Stopped; 2]);
    succeeded(&park.machines.stop(&asleep.machines).await);
    assert_eq!(park.states_of(&kept), ["stopped"; 2]);

    succeeded(&park.machines.start(&asleep.machines).await);
    assert_eq!(park.states_of(&kept), ["pending"; 2]);
    assert_eq!(powers(&park.list(NOW).await), vec![PowerState::Pending; 2]);
    succeeded(&park.machines.start(&asleep.machines).await);
    let held = labels(&park.machines.stop(&asleep.machines).await);
    assert_eq!(held, ["dependency_violation"; 2]);
    park.settle();
    assert_eq!(powers(&park.list(NOW).await), vec![PowerState::Running; 2]);
    let mut after = park.states();
    for id in own_ones {
        after.insert(id.clone(), before[id].clone());
    }
    assert_eq!(after, before, "somebody else's machine was switched");
    let errors = park.counts().errors;
    assert!(errors.is_empty(), "nothing is asked in vain: {errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_are_read_and_terminated_ones_are_not_asked_for() {
    let park = Park::new().await;
    for index in 0..7 {
        park.node(park.infra(), &format!("worker-{index}"), false)
            .await;
    }
    cloud().set_page(&park.account, 2).unwrap();
    park.forget();
    assert_eq!(park.list(NOW).await.machines.len(), 7);
    assert_eq!(park.count("DescribeInstances"), 4);
    park.forget();
    assert_eq!(park.list(HOUR).await.machines.len(), 7);
    assert_eq!(park.count("DescribeInstances"), 4);
    let calls = cloud()
        .calls(&park.account, &CallFilter::action("DescribeInstances"))
        .unwrap();
    for call in calls.calls {
        let asked = format!("{:?}", call.params);
        assert!(asked.contains("instance-state-name"), "{asked}");
        assert!(!asked.contains("terminated"), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clusters_of_an_account_cost_one_listing() {
    let park = Park::new().await;
    let infras: Vec<String> = (0..12)
        .map(|index| format!("{}-{index:02}", park.infra()))
        .collect();
    for infra in &infras {
        park.node(infra, "worker", false).await;
    }
    park.forget();
    // Each cluster opens the account by itself, as controllers do.
    let look = |infra: String| {
        let park = &park;
        async move {
            let account = connect(&park.aws, source(&park.account)).await.unwrap();
            let machines = account.machines().unwrap();
            machines.list(&facts(&infra, None), HOUR).await.unwrap()
        }
    };
    for _ in 0..3 {
        for listing in join_all(infras.iter().cloned().map(look)).await {
            assert_eq!(powers(&listing), [PowerState::Running], "{listing:?}");
        }
    }
    assert_eq!(park.count("DescribeInstances"), 1);

    // Before something is changed, the one cluster is looked at; afterwards nobody is told old news.
    let fresh = park.list_of(&infras[0], NOW).await;
    assert_eq!(park.count("DescribeInstances"), 2);
    succeeded(&park.machines.stop(&fresh.machines).await);
    assert_eq!(park.count("DescribeInstances"), 3);
    assert_eq!(
        powers(&look(infras[0].clone()).await),
        [PowerState::Stopping]
    );
    assert_eq!(
        powers(&look(infras[1].clone()).await),
        [PowerState::Running]
    );
    assert_eq!(park.count("DescribeInstances"), 4);

    // A cluster that the listing does not know may be younger than it is.
    let young = format!("{}-yy", park.infra());
    park.node(&young, "worker", false).await;
    assert_eq!(powers(&look(young).await), [PowerState::Running]);
    assert_eq!(park.count("DescribeInstances"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_that_is_refused_does_not_keep_the_others() {
    for (code, status, label) in [
        ("IncorrectInstanceState", 400, "dependency_violation"),
        ("InsufficientInstanceCapacity", 500, "quota"),
        ("InvalidInstanceID.NotFound", 400, "not_found"),
    ] {
        let park = Park::new().await;
        let machines = park.sleeping(8).await;
        let bad = machines[5].id.clone();
        let mut fault = Fault::error(code, status).on("ec2", "StartInstances");
        fault.params.insert("InstanceId*".into(), bad.clone());
        park.order(fault);
        let outcomes = park.machines.start(&machines).await;
        let ids: Vec<&String> = machines.iter().map(|machine| &machine.id).collect();
        for (outcome, state) in outcomes.iter().zip(park.states_of(&ids)) {
            let expected = if outcome.id == bad {
                (label, "stopped")
            } else {
                ("ok", "pending")
            };
            let found = labels(std::slice::from_ref(outcome))[0];
            assert_eq!((found, state.as_str()), expected, "{code}: {outcome:?}");
        }
        // All eight; then halves of eight, four and two.
        assert_eq!(park.count("StartInstances"), 7, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_without_capacity_is_not_asked_without_end() {
    let park = Park::new().await;
    let machines = park.sleeping(6).await;
    park.order(Fault::error("InsufficientInstanceCapacity", 500).on("ec2", "StartInstances"));
    let outcomes = park.machines.start(&machines).await;
    assert_eq!(labels(&outcomes), vec!["quota"; 6]);
    assert!(park.count("StartInstances") <= 11, "{:?}", park.counts());
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_and_lost_answers_only_cost_time() {
    let park = Park::new().await;
    let machines = park.sleeping(3).await;
    let order = |fault: Fault| park.order(fault);
    order(
        Fault::error("RequestLimitExceeded", 503)
            .on("ec2", "DescribeInstances")
            .times(2),
    );
    order(
        Fault::dropped()
            .on("ec2", "StartInstances")
            .after_the_work()
            .times(1),
    );
    succeeded(&park.machines.start(&machines).await);
    assert_eq!(park.count("StartInstances"), 2);
    park.settle();
    order(Fault::error("RequestLimitExceeded", 503).on("ec2", "StopInstances"));
    let outcomes = park.machines.stop(&machines).await;
    assert_eq!(labels(&outcomes), vec!["throttled"; 3]);
    let ids: Vec<&String> = machines.iter().map(|machine| &machine.id).collect();
    assert_eq!(park.states_of(&ids), vec!["running"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_told_once_and_not_kept() {
    let park = Park::new().await;
    let machines = park.sleeping(4).await;
    let denied = |action: &str| Fault::error("UnauthorizedOperation", 403).on("ec2", action);
    park.order(denied("StartInstances"));
    let outcomes = park.machines.start(&machines).await;
    assert_eq!(labels(&outcomes), vec!["denied"; 4]);
    assert_eq!(park.count("StartInstances"), 1);

    park.order(denied("DescribeInstances"));
    let facts = facts(park.infra(), None);
    for max_age in [NOW, HOUR] {
        let error = park.machines.list(&facts, max_age).await.unwrap_err();
        assert_eq!(error.class, Class::Denied, "{error}");
    }
    let outcomes = park.machines.stop(&machines).await;
    assert_eq!(labels(&outcomes), vec!["denied"; 4]);
    cloud().clear_faults(Some(&park.account)).unwrap();
    assert_eq!(park.list(HOUR).await.machines.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_listed_and_still_carries_the_mark_is_switched() {
    let park = Park::new().await;
    let infra = park.infra().to_owned();
    let own = park.node(&infra, "worker-own", false).await;
    let sold = park.node(&infra, "worker-sold", false).await;
    let foreign = park.node(&format!("{infra}x"), "worker", false).await;
    let mut machines = park.list(NOW).await.machines;
    assert_eq!(machines.len(), 2);
    machines.sort_by_key(|machine| machine.id == sold);
    machines.push(Machine {
        id: foreign.clone(),
        ..machines[0].clone()
    });
    let mark = format!("kubernetes.io/cluster/{infra}");
    park.tag(&sold, &mark, "shared").await;
    let outcomes = park.machines.stop(&machines).await;
    assert_eq!(labels(&outcomes), ["ok", "invalid", "transient"]);
    let states = park.states_of(&[&own, &sold, &foreign]);
    assert_eq!(states, ["stopping", "running", "running"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_machine_of_the_control_plane_is_not_lost() {
    let park = Park::new().await;
    let infra = park.infra().to_owned();
    let mark = format!("kubernetes.io/cluster/{infra}");
    let name = format!("{infra}-master-0");
    let master = park.launch(&name, &[(&mark, "owned")], true).await;
    let listing = park.list(NOW).await;
    let outcomes = park.machines.stop(&listing.machines).await;
    assert_eq!(labels(&outcomes), ["invalid"]);
    assert_eq!(park.states_of(&[&master]), ["running"]);
}
