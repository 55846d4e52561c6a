//! Machines of the fake cloud, which tests of power states rely on.

use std::{sync::Arc, time::Duration};

use skep_providers::{
    Class, Cloud as _, ConnectRequest, CredentialSource, Endpoints, SecretData,
    fake::FakeMachine,
    power::{Machines, PowerState},
};

use crate::common::{INFRA_ID, KEY, Scene};

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_hours(1);

async fn machines(scene: &Scene) -> Arc<dyn Machines> {
    let secret = SecretData::from_iter([("aws_access_key_id", KEY.as_bytes().to_vec())]);
    let request = ConnectRequest {
        source: CredentialSource::from_secret(secret),
        region: "us-east-1".to_owned(),
        endpoints: Endpoints::default(),
    };
    let account = scene.cloud.connect(request).await.unwrap();
    account.machines().unwrap()
}

fn scene() -> Scene {
    let scene = Scene::new();
    for machine in [
        FakeMachine::new("m-0", INFRA_ID).control_plane(),
        FakeMachine::new("w-0", INFRA_ID),
        FakeMachine::new("w-1", INFRA_ID).spot(),
        FakeMachine::new("other", "demo-x7k2q"),
    ] {
        scene.cloud.add_machine(&scene.account, machine);
    }
    scene
}

async fn states(scene: &Scene, machines: &dyn Machines) -> Vec<(String, PowerState)> {
    let listing = machines.list(&scene.facts, NOW).await.unwrap();
    let state = |machine: skep_providers::power::Machine| (machine.id, machine.power);
    listing.machines.into_iter().map(state).collect()
}

#[tokio::test(start_paused = true)]
async fn machines_pass_through_their_states_and_spot_ones_are_lost() {
    let scene = scene();
    let machines = machines(&scene).await;
    let all = machines.list(&scene.facts, NOW).await.unwrap().machines;
    let stopped = machines.stop(&all).await;
    assert!(stopped.iter().all(|outcome| outcome.result.is_ok()));
    let two = |state: &PowerState| ["m-0", "w-0"].map(|id| (id.to_owned(), state.clone()));
    assert_eq!(states(&scene, &*machines).await, two(&PowerState::Stopping));
    let early = machines.start(&all).await;
    let classes: Vec<Class> = early
        .into_iter()
        .map(|outcome| outcome.result.unwrap_err().class)
        .collect();
    let held = Class::DependencyViolation {
        holders: Vec::new(),
    };
    assert_eq!(classes, [held.clone(), held, Class::NotFound]);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(states(&scene, &*machines).await, two(&PowerState::Stopped));
    machines.start(&all).await;
    assert_eq!(states(&scene, &*machines).await, two(&PowerState::Pending));
    tokio::time::advance(Duration::from_secs(16)).await;
    assert_eq!(states(&scene, &*machines).await, two(&PowerState::Running));
    let others = scene.cloud.machines(&scene.account);
    assert_eq!(others["other"].machine.power, PowerState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_the_account_serves_until_something_changes() {
    let scene = scene();
    let machines = machines(&scene).await;
    for _ in 0..5 {
        let listing = machines.list(&scene.facts, HOUR).await.unwrap();
        assert_eq!(listing.machines.len(), 3);
    }
    let calls = || scene.cloud.log(&scene.account).len();
    assert_eq!(calls(), 1);
    let worker = machines
        .list(&scene.facts, HOUR)
        .await
        .unwrap()
        .machines
        .remove(1);
    machines.stop(&[worker]).await;
    let listing = machines.list(&scene.facts, HOUR).await.unwrap();
    assert_eq!(listing.machines[1].power, PowerState::Stopping);
    assert_eq!(calls(), 3);
}
