use super::super::inventory::Rack;
use super::super::{Inventory as _, Keys, Now};
use super::*;

const CLUSTER: &str = "mine-x7k2p";

/// A cluster on a rack, with a clock of its own.
struct World {
    rack: Rack,
    model: Model,
    now: Timestamp,
}

impl World {
    fn new(options: SpokeOptions) -> Self {
        let now = Timestamp::UNIX_EPOCH;
        let mut world = Self {
            rack: Rack::new().with(CLUSTER, 3, 2),
            model: Model::new(options, now),
            now,
        };
        world.pass(0);
        world
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        let machines = self.rack.list().unwrap();
        let machines: Vec<_> = machines.iter().collect();
        self.model.step(self.now, &machines).unwrap();
    }

    fn now(&self) -> Now {
        Now::of(&self.model)
    }

    fn ready(&self) -> usize {
        self.now().nodes.iter().filter(|node| node.ready).count()
    }

    /// Somebody approves everything that waits, or what is named.
    fn approve(&mut self, which: impl Fn(&Request) -> bool) -> usize {
        let open: Vec<String> = self
            .model
            .requests
            .values()
            .filter(|request| request.answer.is_none() && which(request))
            .map(|request| request.name.clone())
            .collect();
        for name in &open {
            let answer = Answer {
                type_: "Approved".to_owned(),
                reason: "Test".to_owned(),
                message: String::new(),
            };
            assert!(self.model.answer(name, answer));
        }
        open.len()
    }
}

/// Whole seconds, so that each can be stepped over.
fn slow() -> SpokeOptions {
    SpokeOptions {
        api_after: Duration::from_secs(10),
        kubelet_after: Duration::from_secs(20),
        operators_settle: Duration::from_secs(60),
        ..SpokeOptions::new(CLUSTER)
    }
}

#[test]
fn a_cluster_that_runs_is_ready_from_the_start() {
    let world = World::new(slow());
    let now = world.now();
    assert!(now.nodes_ready() && now.settled, "{now:?}");
    assert_eq!(now.nodes.len(), 5);
    assert!(now.requests.is_empty(), "{now:?}");
}

#[test]
fn a_wake_takes_api_then_nodes_then_operators() {
    let mut world = World::new(slow());
    world.rack.stop_all(CLUSTER);
    world.pass(100);
    assert!(!world.now().api);
    world.rack.start_all(CLUSTER);
    let seen = [0, 9, 1, 10, 59, 1].map(|seconds| {
        world.pass(seconds);
        let now = world.now();
        (
            now.api,
            if now.api { world.ready() } else { 0 },
            now.settled,
        )
    });
    let expected = [
        (false, 0, false),
        (false, 0, false),
        (true, 0, false),
        (true, 5, false),
        (true, 5, false),
        (true, 5, true),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn one_machine_of_the_control_plane_is_enough_and_workers_are_not() {
    let mut world = World::new(slow());
    world.rack.set(CLUSTER, State::Stopped, |one| {
        !one.name.ends_with("master-1")
    });
    world.pass(1);
    assert!(world.now().api);
    assert_eq!(world.ready(), 1);
    world.rack.start_all(CLUSTER);
    world
        .rack
        .set(CLUSTER, State::Stopping, |one| one.control_plane);
    world.pass(1);
    assert!(!world.now().api, "a machine that stops serves nothing");
}

#[test]
fn nodes_that_fell_silent_say_so_after_a_grace() {
    let mut world = World::new(SpokeOptions {
        node_grace: Duration::from_secs(40),
        ..slow()
    });
    world.rack.stop_all(CLUSTER);
    world.pass(1000);
    world
        .rack
        .set(CLUSTER, State::Running, |one| one.control_plane);
    world.pass(0);
    world.pass(10);
    assert_eq!(
        world.ready(),
        5,
        "what etcd remembers from before the sleep"
    );
    world.pass(39);
    assert_eq!(world.ready(), 5);
    world.pass(1);
    assert_eq!(world.ready(), 3, "nobody heard of the workers");
}

#[test]
fn certificates_expire_in_sleep_only() {
    let mut world = World::new(slow());
    world.model.pass_days(400.0);
    world.pass(1);
    assert_eq!(world.ready(), 5, "who runs renews");
    world.rack.stop_all(CLUSTER);
    world.pass(1);
    world.model.pass_days(29.0);
    world.rack.start_all(CLUSTER);
    world.pass(0);
    world.pass(30);
    assert_eq!(world.ready(), 5, "a nap is no matter");
}

#[test]
fn expired_kubelets_wait_for_a_client_and_then_for_a_serving_certificate() {
    let mut world = World::new(slow());
    world.rack.stop_all(CLUSTER);
    world.pass(1);
    world.model.pass_days(40.0);
    world.rack.start_all(CLUSTER);
    world.pass(0);
    world.pass(30);
    world.pass(30);
    let now = world.now();
    assert_eq!((world.ready(), now.requests.len()), (0, 5));
    for request in &now.requests {
        assert_eq!(request.username, requests::BOOTSTRAPPER);
        assert_eq!(request.usages, ["digital signature", "client auth"]);
    }
    assert_eq!(world.approve(|_| true), 5);
    world.pass(1);
    let now = world.now();
    assert!(now.nodes_ready(), "{now:?}");
    let serving: Vec<_> = now.waiting().collect();
    assert_eq!(serving.len(), 5);
    let nodes: Vec<_> = now
        .nodes
        .iter()
        .map(|node| format!("system:node:{}", node.name))
        .collect();
    assert!(
        serving
            .iter()
            .all(|request| nodes.contains(&request.username)),
        "{serving:?}"
    );
    assert!(now.nodes.iter().all(|node| !node.serving_valid));
    world.approve(|_| true);
    world.pass(1);
    let now = world.now();
    assert!(now.nodes.iter().all(|node| node.serving_valid) && now.waiting().count() == 0);
}

#[test]
fn no_bad_request_that_is_approved_makes_a_node_ready() {
    let mut world = World::new(slow());
    world.rack.stop_all(CLUSTER);
    world.pass(1);
    world.model.expire_certificates();
    world.rack.start_all(CLUSTER);
    world.pass(0);
    world.pass(30);
    let all = [
        Bad::Unparsable,
        Bad::Stranger,
        Bad::Impostor,
        Bad::Greedy,
        Bad::ExtraName,
        Bad::OtherNode,
        Bad::Wrapped,
    ];
    for bad in all {
        world.model.plant(bad).unwrap();
    }
    assert_eq!(world.approve(|request| !request.genuine), all.len());
    world.pass(100);
    assert_eq!(world.ready(), 0);
    world.approve(|request| request.genuine);
    world.pass(1);
    assert_eq!(world.ready(), 5);
}

#[test]
fn a_kubelet_that_is_denied_asks_anew() {
    let mut world = World::new(slow());
    world.model.expire_certificates();
    world.pass(30);
    let first: Vec<String> = world.model.requests.keys().cloned().collect();
    let denied = Answer {
        type_: "Denied".to_owned(),
        reason: String::new(),
        message: String::new(),
    };
    for name in &first {
        world.model.answer(name, denied.clone());
    }
    world.pass(1);
    assert_eq!(world.ready(), 0);
    assert_eq!(world.now().waiting().count(), 5);
}

#[test]
fn older_releases_and_rsa_ask_for_encipherment() {
    for (version, keys, encipherment) in [
        ("4.13.9", None, true),
        ("4.14.0", None, false),
        ("4.20.1", Some(Keys::Rsa), true),
    ] {
        let options = slow().version(version);
        let keys = keys.unwrap_or(options.keys);
        let mut world = World::new(SpokeOptions { keys, ..options });
        world.model.expire_certificates();
        world.pass(30);
        let now = world.now();
        let asks = |request: &Request| request.usages.iter().any(|use_| use_ == "key encipherment");
        assert!(
            now.requests
                .iter()
                .all(|request| asks(request) == encipherment),
            "{version}"
        );
    }
}

#[test]
fn a_deleted_machine_is_replaced_once_and_the_new_one_joins() {
    let mut world = World::new(slow());
    let worker = world
        .now()
        .nodes
        .into_iter()
        .find(|node| !node.control_plane)
        .unwrap();
    assert!(world.model.delete_machine(&worker.machine));
    assert!(!world.model.delete_machine(&worker.machine), "it is gone");
    world.pass(1);
    assert_eq!(
        world.now().nodes.len(),
        4,
        "its instance is still there and not taken for a new one"
    );
    let replaced = world.model.take_replacements();
    assert_eq!(replaced.len(), 1);
    world.rack.replace(&replaced[0]).unwrap();
    world.pass(0);
    world.pass(30);
    let now = world.now();
    assert!(now.nodes_ready() && now.nodes.len() == 5, "{now:?}");
    assert!(now.nodes.iter().all(|node| node.name != worker.name));
    assert!(world.model.take_replacements().is_empty());
}

#[test]
fn an_upgrade_moves_the_version_when_it_ends() {
    let mut world = World::new(slow().version("4.16.9"));
    world.model.upgrade(true, world.now);
    assert_eq!(
        (
            world.model.desired.as_str(),
            world.model.options.version.as_str()
        ),
        ("4.16.10", "4.16.9")
    );
    world.model.upgrade(false, world.now);
    assert_eq!(world.model.options.version, "4.16.10");
}
