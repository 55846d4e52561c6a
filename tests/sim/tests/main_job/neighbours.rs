//! What one cluster's trouble means for the others, and for what it leaves behind: nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use skep_kit::scenario::{CANARY, ClusterScenario};
use skep_sim::{
    actors::install::Attempt,
    apiserver::ApiServer,
    crash::Scenario as _,
    world::{Settings, World, simulate},
};

use crate::hive::{self, Account, Story};

/// What is wrong with a cluster: with its Secret of this ending, or else with itself.
type Fault = (&'static str, Option<&'static str>, fn(&mut Value));

/// Leaves the Secret out.
fn missing(secret: &mut Value) {
    *secret = Value::Null;
}

/// As the data of a Secret.
fn encoded(text: &str) -> Value {
    json!(k8s_openapi::ByteString(text.as_bytes().to_vec()))
}

/// Each way in which input is bad.
const FAULTS: [Fault; 12] = [
    ("no-config", Some("install-config"), missing),
    ("no-credentials", Some("aws-creds"), missing),
    ("no-pull-secret", Some("pull-secret"), missing),
    ("garbage-config", Some("install-config"), |secret| {
        secret["data"]["install-config.yaml"] = encoded(&format!("{CANARY}: : :"));
    }),
    ("empty-config", Some("install-config"), |secret| {
        secret["data"] = json!({});
    }),
    ("garbage-pull-secret", Some("pull-secret"), |secret| {
        secret["data"][".dockerconfigjson"] = encoded(CANARY);
    }),
    ("empty-credentials", Some("aws-creds"), |secret| {
        secret["data"] = json!({});
    }),
    ("wrong-key", Some("aws-creds"), |secret| {
        secret["data"]["aws_access_key_id"] = encoded("AKIANOBODYS");
    }),
    ("no-image-set", None, |cluster| {
        cluster["spec"]["provisioning"]["imageSetRef"]["name"] = json!("nowhere");
    }),
    ("other-domain", None, |cluster| {
        cluster["spec"]["baseDomain"] = json!("example.org");
    }),
    ("other-platform", None, |cluster| {
        let gcp = json!({"credentialsSecretRef": {"name": "x"}, "region": "r"});
        cluster["spec"]["platform"] = json!({"gcp": gcp});
    }),
    ("bad-time", None, |cluster| {
        cluster["metadata"]["annotations"] = json!({"hive.openshift.io/delete-after": "soon"});
        cluster["spec"]["provisioning"]["installConfigSecretRef"]["name"] = json!("nowhere");
    }),
];

const GOOD: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

fn named(story: &Story, name: &str) -> ClusterScenario {
    ClusterScenario {
        name: name.into(),
        ..story.cluster.clone()
    }
}

fn create_bad(world: &World, story: &Story, (name, ending, spoil): Fault) {
    let cluster = named(story, name);
    for mut secret in cluster.secrets() {
        let spoilt =
            ending.is_some_and(|ending| secret["metadata"]["name"] == format!("{name}-{ending}"));
        if spoilt {
            spoil(&mut secret);
        }
        if !secret.is_null() {
            world.server.seed_object("", "secrets", &secret);
        }
    }
    let mut manifest = cluster.cluster_deployment();
    if ending.is_none() {
        spoil(&mut manifest);
    }
    world
        .server
        .seed_object(hive::GROUP, "clusterdeployments", &manifest);
}

/// How many seconds each good cluster takes, beside the bad ones.
fn seconds_to_install(faults: &[Fault]) -> BTreeMap<&'static str, i64> {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        for fault in faults {
            create_bad(&world, &story, *fault);
        }
        for name in GOOD {
            hive::create_cluster(&world, &named(&story, name));
        }
        let mut took = BTreeMap::new();
        for name in GOOD {
            world
                .until(name, Duration::from_hours(3), |server| {
                    hive::is_installed(server, name)
                })
                .await;
            let found = stored(&world.server, "clusterdeployments", name).unwrap();
            let time = |pointer: &str| -> jiff::Timestamp {
                let text = found.pointer(pointer).and_then(Value::as_str);
                text.unwrap().parse().unwrap()
            };
            let since = time("/metadata/creationTimestamp");
            let span = time("/status/installedTimestamp").duration_since(since);
            took.insert(name, span.as_secs());
        }
        for (name, ..) in faults {
            assert_eq!(
                hive::is_installed(&world.server, name),
                None,
                "{name} is bad"
            );
        }
        took
    })
}

fn stored(server: &ApiServer, plural: &str, name: &str) -> Option<Arc<Value>> {
    server.stored(hive::GROUP, plural, "fleet", name)
}

/// The texts of the Events of a reason.
fn told(world: &World, reason: &str) -> Vec<String> {
    let events = world.server.objects("events.k8s.io", "events");
    let events = events.iter().filter(|event| event["reason"] == reason);
    events
        .map(|event| event["note"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn bad_input_of_some_clusters_delays_no_other() {
    let alone = seconds_to_install(&[]);
    let beside = seconds_to_install(&FAULTS);
    for (name, seconds) in &alone {
        // Requests take some random milliseconds each, so that a second may end in between.
        let delay = beside[name] - seconds;
        assert!(
            delay <= 1,
            "{name}: {seconds} s alone, {delay} s longer beside bad ones"
        );
    }
}

/// People take finalizers off when something hangs.
#[test]
fn a_cluster_whose_finalizer_is_taken_off_does_not_keep_its_namespace() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        story.until_installed(&world).await;
        let installed = stored(&world.server, "clusterdeployments", "demo").unwrap();
        let infra_id = installed["spec"]["clusterMetadata"]["infraID"]
            .as_str()
            .unwrap();
        hive::delete(&world, "clusterdeployments", "demo").await;
        let ordered = |server: &ApiServer| stored(server, "clusterdeprovisions", "demo").map(drop);
        world
            .until("a ClusterDeprovision", Duration::from_hours(1), ordered)
            .await;
        let nothing = json!({"metadata": {"finalizers": null}});
        hive::merge(&world, "clusterdeployments", "demo", &nothing).await;
        hive::delete_namespace(&world, &story.cluster.namespace).await;
        let gone = |server: &ApiServer| {
            let found = server.stored("", "namespaces", "", "fleet");
            found.is_none().then_some(())
        };
        world
            .until("the end of the namespace", Duration::from_mins(10), gone)
            .await;
        // Events are written a little later.
        world
            .until("an Event", Duration::from_mins(1), |_| {
                (!told(&world, "ClusterForgotten").is_empty()).then_some(())
            })
            .await;
        let told = told(&world, "ClusterForgotten");
        assert!(told.len() == 1 && told[0].contains(infra_id), "{told:?}");
        assert_ne!(
            story.outside(&world),
            Account::before(),
            "nothing else tells"
        );
    });
}

/// GitOps replaces a Secret by deleting and creating it.
#[test]
fn a_deleted_secret_stays_as_long_as_it_is_needed_and_says_so() {
    let story = Story::of(vec![Attempt::succeeding()]);
    simulate(Settings::seeded(1), |world| async move {
        let operator = story.operator(&world);
        story.set_the_stage(&world, operator).await;
        story.until_installed(&world).await;
        let name = "demo-aws-creds";
        hive::delete_secret(&world, name).await;
        world
            .until("an Event", Duration::from_mins(1), |_| {
                (!told(&world, "SecretLeaving").is_empty()).then_some(())
            })
            .await;
        let told = told(&world, "SecretLeaving");
        assert!(told.len() == 1 && told[0].contains(name), "{told:?}");
        assert!(world.server.stored("", "secrets", "fleet", name).is_some());
        let mut other = story.cluster.credentials();
        other["metadata"]["name"] = json!("other-creds");
        world.server.seed_object("", "secrets", &other);
        let changed = json!({"spec": {"platform": {"aws": {
            "credentialsSecretRef": {"name": "other-creds"},
        }}}});
        hive::merge(&world, "clusterdeployments", "demo", &changed).await;
        world
            .until("its end", Duration::from_mins(1), |server| {
                let found = server.stored("", "secrets", "fleet", name);
                found.is_none().then_some(())
            })
            .await;
    });
}
