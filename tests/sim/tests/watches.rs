//! Watches of the model, seen through kube's own watcher: order, selectors, bookmarks, compaction,
//! stale views, and that a seed decides everything.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    core::PartialObjectMeta,
    runtime::watcher,
};
use serde_json::json;
use skep_sim::world::{Life, Settings, World, simulate};

/// Everything a watcher reported, as words.
type Seen = Arc<Mutex<Vec<String>>>;

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": {"a": "1"}}})).unwrap()
}

async fn create(client: &kube::Client, name: &str) {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    api.create(&PostParams::default(), &map(name))
        .await
        .unwrap();
}

async fn touch(client: &kube::Client, name: &str, value: &str) {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let patch = Patch::Merge(json!({"data": {"value": value}}));
    api.patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn delete(client: &kube::Client, name: &str) {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    api.delete(name, &kube::api::DeleteParams::default())
        .await
        .unwrap();
}

/// An operator that only looks.
fn looker(world: &World, config: watcher::Config) -> Seen {
    let seen = Seen::default();
    let record = Arc::clone(&seen);
    world.start_operator(Arc::new(move |life: Life| {
        let record = Arc::clone(&record);
        let config = config.clone();
        async move {
            let api: Api<ConfigMap> = Api::namespaced(life.client, "default");
            let mut stream = pin!(watcher(api, config));
            while let Some(event) = stream.next().await {
                let text = match event {
                    Ok(watcher::Event::Init) => "init".to_owned(),
                    Ok(watcher::Event::InitApply(object)) => {
                        format!("listed {}", object.name_any())
                    }
                    Ok(watcher::Event::InitDone) => "done".to_owned(),
                    Ok(watcher::Event::Apply(object)) => {
                        let value = object.data.unwrap_or_default().remove("value");
                        format!(
                            "{} {}",
                            object.metadata.name.unwrap(),
                            value.unwrap_or_default()
                        )
                    }
                    Ok(watcher::Event::Delete(object)) => format!("deleted {}", object.name_any()),
                    Err(error) => format!(
                        "error {}",
                        error.to_string().contains("410")
                            || format!("{error:?}").contains("Expired")
                    ),
                };
                record.lock().unwrap().push(text);
            }
            Ok(())
        }
        .boxed()
    }));
    seen
}

fn words(seen: &Seen) -> Vec<String> {
    seen.lock().unwrap().clone()
}

#[test]
fn a_watcher_lists_and_follows() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        create(&person, "old").await;
        let seen = looker(&world, watcher::Config::default());
        world.quiet(Duration::from_secs(5)).await;
        create(&person, "new").await;
        touch(&person, "new", "1").await;
        delete(&person, "old").await;
        // Longer than a watch lasts: it is opened again where it ended.
        tokio::time::sleep(Duration::from_secs(900)).await;
        touch(&person, "new", "2").await;
        world.quiet(Duration::from_secs(5)).await;
        assert_eq!(
            words(&seen),
            [
                "init",
                "listed old",
                "done",
                "new ",
                "new 1",
                "deleted old",
                "new 2"
            ]
        );
    });
}

#[test]
fn a_streaming_list_ends_with_its_bookmark() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        create(&person, "old").await;
        let seen = looker(&world, watcher::Config::default().streaming_lists());
        world.quiet(Duration::from_secs(5)).await;
        create(&person, "new").await;
        world.quiet(Duration::from_secs(5)).await;
        assert_eq!(words(&seen), ["init", "listed old", "done", "new "]);
    });
}

#[test]
fn a_label_selector_turns_changes_into_deletions() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        let seen = looker(&world, watcher::Config::default().labels("a=1"));
        world.quiet(Duration::from_secs(5)).await;
        create(&person, "x").await;
        let api: Api<ConfigMap> = Api::namespaced(person.clone(), "default");
        for labels in [json!({"a": "2"}), json!({"a": "3"}), json!({"a": "1"})] {
            let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
            api.patch("x", &PatchParams::default(), &patch)
                .await
                .unwrap();
        }
        world.quiet(Duration::from_secs(5)).await;
        assert_eq!(words(&seen), ["init", "done", "x ", "deleted x", "x "]);
    });
}

#[test]
fn a_compaction_ends_a_watch_that_lags_and_the_list_repairs_it() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        create(&person, "x").await;
        let seen = looker(&world, watcher::Config::default());
        world.quiet(Duration::from_secs(5)).await;
        world.server.freeze_watches("configmaps");
        touch(&person, "x", "1").await;
        create(&person, "y").await;
        world.server.compact();
        world.server.thaw_watches("configmaps");
        world.quiet(Duration::from_secs(60)).await;
        let seen = words(&seen);
        assert_eq!(seen[..3], ["init", "listed x", "done"]);
        assert!(seen.contains(&"error true".to_owned()), "{seen:?}");
        assert_eq!(
            seen[seen.len() - 4..],
            ["init", "listed x", "listed y", "done"]
        );
    });
}

#[test]
fn frozen_late_and_lost_events_are_the_operators_alone() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        let seen = looker(&world, watcher::Config::default().any_semantic());
        world.quiet(Duration::from_secs(5)).await;
        world.server.freeze_watches("configmaps");
        create(&person, "x").await;
        world.quiet(Duration::from_secs(60)).await;
        assert_eq!(words(&seen), ["init", "done"], "frozen");
        let everybody: Api<ConfigMap> = Api::namespaced(person.clone(), "default");
        assert_eq!(
            everybody
                .list(&ListParams::default().match_any())
                .await
                .unwrap()
                .items
                .len(),
            1
        );
        world.server.thaw_watches("configmaps");
        world.quiet(Duration::from_secs(5)).await;
        assert_eq!(words(&seen), ["init", "done", "x "], "thawed");
        world.server.skip_events("configmaps", 1);
        touch(&person, "x", "lost").await;
        touch(&person, "x", "2").await;
        world.quiet(Duration::from_secs(5)).await;
        assert_eq!(words(&seen)[3..], ["x 2"], "one was lost");
        world
            .server
            .delay_watches("configmaps", Duration::from_secs(30));
        touch(&person, "x", "late").await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(words(&seen).len(), 4, "late");
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(words(&seen)[4..], ["x late"], "arrived");
    });
}

#[test]
fn a_restarted_operator_with_a_cached_list_starts_from_the_frozen_view() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        create(&person, "x").await;
        // kube asks for a cached list only when it wants it in one piece.
        let whole = watcher::Config {
            page_size: None,
            ..watcher::Config::default()
        };
        let seen = looker(&world, whole.any_semantic());
        world.quiet(Duration::from_secs(5)).await;
        world.server.freeze_watches("configmaps");
        create(&person, "y").await;
        world.kill_operator();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(
            words(&seen),
            ["init", "listed x", "done", "init", "listed x", "done"]
        );
        assert_eq!(world.lives(), 2);
        assert!(world.unexpected_ends().is_empty());
    });
}

#[test]
fn pages_are_of_one_moment_until_they_are_forgotten() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        for index in 0..5 {
            create(&person, &format!("m{index}")).await;
        }
        let api: Api<ConfigMap> = Api::namespaced(person.clone(), "default");
        let first = api.list(&ListParams::default().limit(2)).await.unwrap();
        let token = first.metadata.continue_.clone().unwrap();
        assert_eq!(first.metadata.remaining_item_count, Some(3));
        delete(&person, "m2").await;
        create(&person, "m9").await;
        let rest = api
            .list(&ListParams::default().continue_token(&token))
            .await
            .unwrap();
        let names: Vec<String> = rest.items.iter().map(kube::ResourceExt::name_any).collect();
        assert_eq!(names, ["m2", "m3", "m4"], "as it was at the first page");
        assert_eq!(
            rest.metadata.resource_version,
            first.metadata.resource_version
        );
        world.server.compact();
        create(&person, "m10").await;
        let late = api
            .list(&ListParams::default().continue_token(&token))
            .await;
        assert!(matches!(late, Err(kube::Error::Api(status)) if status.code == 410));
    });
}

#[test]
fn secrets_can_be_followed_by_metadata_alone() {
    simulate(Settings::seeded(1), |world| async move {
        let person = world.client("person");
        let whole: Api<Secret> = Api::namespaced(person.clone(), "default");
        let secret = serde_json::from_value(json!({
            "metadata": {"name": "s"}, "stringData": {"value": "skep-canary-7f3a"}}));
        whole
            .create(&PostParams::default(), &secret.unwrap())
            .await
            .unwrap();
        let listed = whole.list_metadata(&ListParams::default()).await.unwrap();
        assert_eq!(listed.items[0].metadata.name.as_deref(), Some("s"));
        let params = WatchParams::default().timeout(2);
        let stream = whole.watch_metadata(&params, "0").await.unwrap();
        let events: Vec<WatchEvent<PartialObjectMeta<Secret>>> =
            stream.try_collect().await.unwrap();
        assert!(matches!(&events[..], [WatchEvent::Added(object)] if object.name_any() == "s"));
    });
}

#[test]
fn one_seed_is_one_run_and_another_seed_another() {
    let run = |seed| {
        simulate(Settings::seeded(seed), |world| async move {
            let seen = looker(&world, watcher::Config::default());
            let mut tasks = Vec::new();
            for person in ["ann", "bob", "cy"] {
                let client = world.client(person);
                tasks.push(tokio::spawn(async move {
                    for round in 0..5 {
                        create(&client, &format!("{person}{round}")).await;
                        touch(&client, &format!("{person}{round}"), "1").await;
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            world.quiet(Duration::from_secs(5)).await;
            let lines: Vec<String> = world
                .server
                .effects()
                .log()
                .iter()
                .map(skep_sim::transcript::line)
                .collect();
            (lines, words(&seen))
        })
    };
    let mut orders = BTreeMap::new();
    for seed in 0..4 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
        orders.insert(run(seed).1, seed);
    }
    assert!(orders.len() > 1, "different seeds interleave differently");
}
