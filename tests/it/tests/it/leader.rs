//! Two processes: one acts, the other is warm and takes over.

use skep_kit::cache;
use skep_kit::fleet::Installed;

use crate::world::World;

/// What a process counted as written; nothing is counted before the first write.
fn writes(metrics: &str) -> Vec<&str> {
    let counts = metrics.lines();
    counts
        .filter(|line| line.starts_with("skep_writes_total"))
        .collect()
}

#[test]
fn only_the_leader_writes_and_a_killed_one_is_replaced() {
    let mut world = World::new("it-leader", &cache::checkout().join("crds/yaml"));
    world.start_whole("first");
    world.operators.first().unwrap().await_lead().unwrap();
    world.start_whole("second");
    let cluster = Installed::new("leader");
    world.adopt(&cluster);
    world.until_adopted(&cluster);
    let follower = world.operators.get(1).unwrap();
    assert!(!follower.leads());
    let leader = world.operators.first().unwrap();
    assert_ne!(writes(&leader.metrics().unwrap()), Vec::<&str>::new());
    assert_eq!(writes(&follower.metrics().unwrap()), Vec::<&str>::new());

    world.operators.first_mut().unwrap().kill().unwrap();
    // Restored by the only one that is left, and nothing else is written a second time.
    let before = world.writes(&cluster.namespace).len();
    world.barrier(&cluster);
    let follower = world.operators.get(1).unwrap();
    assert!(follower.leads());
    let again = world.writes(&cluster.namespace).len() - before;
    assert_eq!(again, 1, "writes of the successor");
    world.assert_nothing_refused();
}
