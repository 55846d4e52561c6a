//! The crash harness, proved with a small operator that does everything right and with the same one
//! making the two classic mistakes.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Value, json};
use skep_sim::{
    actors::NoPrograms,
    apiserver::faults::{Kind, Rule},
    crash::{Scenario, for_every_effect, play},
    world::{Life, Operator, Settings, World},
};

const HOLD: &str = "example.com/hold";

/// What the toy keeps outside the hub: things by name.
type Outside = Arc<Mutex<BTreeSet<String>>>;

/// An operator for ConfigMaps labelled `toy`: each gets a Secret and a thing outside the hub, and
/// says so in an annotation; deleted, the thing goes first.
#[derive(Clone, Copy, Debug, Default)]
struct Toy {
    /// Names its Secrets at random.
    random_names: bool,
    /// Creates the thing outside before it holds the object.
    holds_too_late: bool,
    /// Believes its store instead of reading again before it acts.
    trusts_its_store: bool,
}

struct Story {
    toy: Toy,
    outside: Mutex<Outside>,
    faults: Vec<Rule>,
    frozen: bool,
}

impl Story {
    fn of(toy: Toy) -> Self {
        Self {
            toy,
            outside: Mutex::default(),
            faults: Vec::new(),
            frozen: false,
        }
    }
}

fn holds(object: &ConfigMap) -> bool {
    object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == HOLD)
}

/// Whether nothing is to be done for the object.
fn settled(object: &ConfigMap) -> bool {
    let dying = object.metadata.deletion_timestamp.is_some();
    if dying {
        !holds(object)
    } else {
        object.annotations().contains_key("done")
    }
}

impl Toy {
    async fn run(self, life: Life, outside: Outside) -> anyhow::Result<()> {
        let api: Api<ConfigMap> = Api::namespaced(life.client.clone(), "default");
        let config = watcher::Config::default().labels("toy").any_semantic();
        let mut stream = pin!(watcher(api, config).default_backoff());
        let mut store = BTreeMap::new();
        let mut pass = tokio::time::interval(Duration::from_secs(10));
        loop {
            tokio::select! {
                biased;
                event = stream.next() => match event {
                    Some(Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                        store.insert(object.name_any(), object);
                    }
                    Some(Ok(watcher::Event::Delete(object))) => {
                        store.remove(&object.name_any());
                    }
                    Some(Ok(watcher::Event::Init | watcher::Event::InitDone) | Err(_)) => continue,
                    None => anyhow::bail!("the watch ended"),
                },
                _ = pass.tick() => {}
            }
            for object in store.values() {
                // A refused step is tried again at the next pass.
                let _ = self.reconcile(&life, &outside, object).await;
            }
        }
    }

    async fn reconcile(
        self,
        life: &Life,
        outside: &Outside,
        seen: &ConfigMap,
    ) -> anyhow::Result<()> {
        let api: Api<ConfigMap> = Api::namespaced(life.client.clone(), "default");
        let name = seen.name_any();
        if settled(seen) {
            return Ok(());
        }
        let object = if self.trusts_its_store {
            seen.clone()
        } else {
            match api.get_opt(&name).await? {
                Some(object) if !settled(&object) => object,
                _ => return Ok(()),
            }
        };
        let held = holds(&object);
        let dying = object.metadata.deletion_timestamp.is_some();
        let thing = format!("thing of {name}");
        if dying {
            if held {
                let gone = Arc::clone(outside);
                let deleted = thing.clone();
                life.server
                    .around(&life.process, &format!("delete {thing}"), async move {
                        gone.lock().unwrap().remove(&deleted);
                    })
                    .await;
                self.finalizers(&api, &object, json!([])).await?;
            }
            return Ok(());
        }
        if self.holds_too_late {
            self.make(life, outside, &thing).await;
        }
        if !held {
            self.finalizers(&api, &object, json!([HOLD])).await?;
        }
        if !self.holds_too_late {
            self.make(life, outside, &thing).await;
        }
        self.secret(life, &object).await?;
        let patch = json!({"metadata": {"annotations": {"done": "yes"}}});
        api.patch(&name, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        Ok(())
    }

    async fn make(self, life: &Life, outside: &Outside, thing: &str) {
        let made = Arc::clone(outside);
        let name = thing.to_owned();
        life.server
            .around(&life.process, &format!("create {thing}"), async move {
                made.lock().unwrap().insert(name);
            })
            .await;
    }

    async fn finalizers(
        self,
        api: &Api<ConfigMap>,
        object: &ConfigMap,
        to: Value,
    ) -> kube::Result<()> {
        let patch = json!({"metadata": {
            "resourceVersion": object.metadata.resource_version, "finalizers": to}});
        api.patch(
            &object.name_any(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await?;
        Ok(())
    }

    async fn secret(self, life: &Life, owner: &ConfigMap) -> kube::Result<()> {
        let secrets: Api<Secret> = Api::namespaced(life.client.clone(), "default");
        let name = owner.name_any();
        let mut metadata = json!({"ownerReferences": [{
            "apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": owner.uid()}]});
        if self.random_names {
            metadata["generateName"] = format!("{name}-").into();
        } else {
            metadata["name"] = format!("{name}-secret").into();
        }
        let secret = serde_json::from_value(json!({"metadata": metadata})).unwrap();
        match secrets.create(&PostParams::default(), &secret).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            result => result.map(|_| ()),
        }
    }
}

impl Scenario for Story {
    fn operator(&self, world: &World) -> Operator {
        let outside = Outside::default();
        *self.outside.lock().unwrap() = Arc::clone(&outside);
        for rule in &self.faults {
            world.server.faults().add(rule.clone());
        }
        let toy = self.toy;
        Arc::new(move |life| toy.run(life, Arc::clone(&outside)).boxed())
    }

    fn play<'a>(&'a self, world: &'a World, operator: Operator) -> BoxFuture<'a, ()> {
        async move {
            world.start_actors(Arc::new(NoPrograms));
            world.start_operator(operator);
            let api: Api<ConfigMap> = Api::namespaced(world.client("person"), "default");
            for name in ["a", "b"] {
                let object = json!({"metadata": {"name": name, "labels": {"toy": ""}}});
                let object = serde_json::from_value(object).unwrap();
                api.create(&PostParams::default(), &object).await.unwrap();
            }
            if self.frozen {
                // The operator's store stays at the moment after the creation.
                tokio::time::sleep(Duration::from_millis(5)).await;
                world.server.freeze_watches("configmaps");
                tokio::time::sleep(Duration::from_secs(60)).await;
                world.server.thaw_watches("configmaps");
            }
            let hour = Duration::from_secs(3600);
            world
                .until("both are done", hour, |server| {
                    let done = |name| {
                        let object = server.stored("", "configmaps", "default", name);
                        object.is_some_and(|o| o["metadata"]["annotations"]["done"] == "yes")
                    };
                    (done("a") && done("b")).then_some(())
                })
                .await;
            world.quiet(Duration::from_secs(60)).await;
            api.delete("a", &DeleteParams::default()).await.unwrap();
            world
                .until("the first is gone", hour, |server| {
                    server
                        .stored("", "configmaps", "default", "a")
                        .is_none()
                        .then_some(())
                })
                .await;
            world.quiet(Duration::from_secs(60)).await;
        }
        .boxed()
    }

    fn outside(&self, _: &World) -> Value {
        json!(*self.outside.lock().unwrap().lock().unwrap())
    }

    fn bounded(&self) -> Vec<(&'static str, &'static str)> {
        vec![("", "secrets")]
    }
}

#[test]
fn an_operator_that_does_it_right_ends_the_same_however_it_dies() {
    let report = for_every_effect(|| Story::of(Toy::default()), Settings::seeded(1));
    report.assert_clean();
    assert_eq!(report.variants, report.effects + 1);
    assert!(report.effects >= 10, "{} effects", report.effects);
}

#[test]
fn random_names_are_found_out() {
    let toy = Toy {
        random_names: true,
        ..Toy::default()
    };
    let report = for_every_effect(|| Story::of(toy), Settings::seeded(1));
    let found = report.failures.join("\n");
    assert!(found.contains("secrets: 3 created instead of 2"), "{found}");
}

#[test]
fn an_effect_before_its_record_is_found_out_when_the_object_goes_meanwhile() {
    /// The person changes their mind before the operator is back.
    struct Hasty(Story);

    impl Scenario for Hasty {
        fn operator(&self, world: &World) -> Operator {
            self.0.operator(world)
        }

        fn play<'a>(&'a self, world: &'a World, operator: Operator) -> BoxFuture<'a, ()> {
            async move {
                world.start_actors(Arc::new(NoPrograms));
                world.start_operator(operator);
                let api: Api<ConfigMap> = Api::namespaced(world.client("person"), "default");
                let object = json!({"metadata": {"name": "a", "labels": {"toy": ""}}});
                let object = serde_json::from_value(object).unwrap();
                api.create(&PostParams::default(), &object).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1500)).await;
                let _ = api.delete("a", &DeleteParams::default()).await;
                world.quiet(Duration::from_secs(60)).await;
                assert!(
                    api.list(&ListParams::default())
                        .await
                        .unwrap()
                        .items
                        .is_empty()
                );
            }
            .boxed()
        }

        fn outside(&self, world: &World) -> Value {
            self.0.outside(world)
        }
    }
    let right = || Hasty(Story::of(Toy::default()));
    for_every_effect(right, Settings::seeded(1)).assert_clean();
    let wrong = || {
        Hasty(Story::of(Toy {
            holds_too_late: true,
            ..Toy::default()
        }))
    };
    let report = for_every_effect(wrong, Settings::seeded(1));
    let found = report.failures.join("\n");
    assert!(found.contains("thing of a"), "{found}");
}

#[test]
fn a_frozen_store_proves_that_reading_again_is_needed() {
    let frozen = |toy| {
        let mut story = Story::of(Toy {
            random_names: true,
            ..toy
        });
        story.frozen = true;
        play(&story, Settings::seeded(1), None).ending.created["secrets"]
    };
    // With random names only the record stands between one Secret and many.
    let reads_again = frozen(Toy::default());
    let trusts = frozen(Toy {
        trusts_its_store: true,
        ..Toy::default()
    });
    assert!(trusts > 2, "{trusts}");
    assert!(reads_again <= trusts, "{reads_again} {trusts}");
}

#[test]
fn refusals_and_lost_answers_do_not_change_how_it_ends() {
    let calm = play(&Story::of(Toy::default()), Settings::seeded(1), None);
    for seed in 0..8 {
        let mut story = Story::of(Toy::default());
        for (percent, kind) in [
            (20, Kind::Conflict),
            (20, Kind::InternalError),
            (20, Kind::TooManyRequests(Duration::from_secs(1))),
            (20, Kind::AnswerLost),
        ] {
            let rule = Rule {
                percent,
                ..Rule::times(5, "", "", kind)
            };
            story.faults.push(rule);
        }
        let run = play(&story, Settings::seeded(seed), None);
        let differences = skep_sim::crash::difference(&calm.ending, &run.ending);
        assert!(
            differences.is_empty(),
            "seed {seed}: {differences:?}\n{}",
            run.transcript
        );
    }
}
