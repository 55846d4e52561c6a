//! What the hub's own controllers do: garbage collection, the end of namespaces, Jobs and pods.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use std::{sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Namespace, Pod},
    },
    serde::de::DeserializeOwned,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use skep_sim::{
    actors::{NoPrograms, PodRun, Programs},
    transcript::{Show, render},
    world::{Settings, World, simulate},
};

const MINUTE: Duration = Duration::from_secs(60);

fn typed<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn maps(world: &World) -> Api<ConfigMap> {
    Api::namespaced(world.client("person"), "default")
}

async fn owner(world: &World, name: &str) -> String {
    let api = maps(world);
    let object = typed(json!({"metadata": {"name": name}}));
    api.create(&PostParams::default(), &object)
        .await
        .unwrap()
        .uid()
        .unwrap()
}

async fn dependent(world: &World, name: &str, owners: &[(&str, &str)]) -> String {
    let owners: Vec<Value> = owners
        .iter()
        .map(|(name, uid)| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid,
                "blockOwnerDeletion": true})
        })
        .collect();
    let object = typed(json!({"metadata": {"name": name, "ownerReferences": owners}}));
    maps(world)
        .create(&PostParams::default(), &object)
        .await
        .unwrap()
        .uid()
        .unwrap()
}

async fn names(world: &World) -> Vec<String> {
    let list = maps(world).list(&ListParams::default()).await.unwrap();
    list.items.iter().map(kube::ResourceExt::name_any).collect()
}

#[test]
fn dependents_follow_their_owner() {
    simulate(Settings::seeded(1), |world| async move {
        world.start_actors(Arc::new(NoPrograms));
        let uid = owner(&world, "owner").await;
        let other = owner(&world, "other").await;
        let child = dependent(&world, "child", &[("owner", &uid)]).await;
        dependent(&world, "grandchild", &[("child", &child)]).await;
        dependent(&world, "shared", &[("owner", &uid), ("other", &other)]).await;
        dependent(
            &world,
            "stranger",
            &[("owner", "00000000-0000-4000-8000-000000000000")],
        )
        .await;
        world.quiet(MINUTE).await;
        assert_eq!(
            names(&world).await,
            ["child", "grandchild", "other", "owner", "shared"]
        );
        maps(&world)
            .delete("owner", &DeleteParams::background())
            .await
            .unwrap();
        world.quiet(MINUTE).await;
        assert_eq!(names(&world).await, ["other", "shared"]);
        let shared = maps(&world).get("shared").await.unwrap();
        assert_eq!(
            shared.owner_references().len(),
            1,
            "the absent owner is taken off"
        );
    });
}

#[test]
fn a_foreground_deletion_waits_for_what_blocks_it() {
    simulate(Settings::seeded(1), |world| async move {
        world.start_actors(Arc::new(NoPrograms));
        let uid = owner(&world, "owner").await;
        dependent(&world, "child", &[("owner", &uid)]).await;
        let hold = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
        maps(&world)
            .patch("child", &PatchParams::default(), &hold)
            .await
            .unwrap();
        maps(&world)
            .delete("owner", &DeleteParams::foreground())
            .await
            .unwrap();
        world.quiet(MINUTE).await;
        assert_eq!(names(&world).await, ["child", "owner"]);
        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        maps(&world)
            .patch("child", &PatchParams::default(), &release)
            .await
            .unwrap();
        world.quiet(MINUTE).await;
        assert!(names(&world).await.is_empty());
    });
}

#[test]
fn an_orphaning_deletion_releases_the_dependents() {
    simulate(Settings::seeded(1), |world| async move {
        world.start_actors(Arc::new(NoPrograms));
        let uid = owner(&world, "owner").await;
        dependent(&world, "child", &[("owner", &uid)]).await;
        maps(&world)
            .delete("owner", &DeleteParams::orphan())
            .await
            .unwrap();
        world.quiet(MINUTE).await;
        assert_eq!(names(&world).await, ["child"]);
        assert!(
            maps(&world)
                .get("child")
                .await
                .unwrap()
                .owner_references()
                .is_empty()
        );
    });
}

#[test]
fn a_namespace_ends_when_it_is_empty_and_takes_nothing_new() {
    simulate(Settings::seeded(1), |world| async move {
        world.start_actors(Arc::new(NoPrograms));
        let client = world.client("person");
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = typed(json!({"metadata": {"name": "n"}}));
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        let inside: Api<ConfigMap> = Api::namespaced(client.clone(), "n");
        for (name, finalizers) in [("free", json!([])), ("held", json!(["example.com/hold"]))] {
            let object = typed(json!({"metadata": {"name": name, "finalizers": finalizers}}));
            inside
                .create(&PostParams::default(), &object)
                .await
                .unwrap();
        }
        namespaces
            .delete("n", &DeleteParams::default())
            .await
            .unwrap();
        world.quiet(MINUTE).await;
        assert!(inside.get_opt("free").await.unwrap().is_none());
        let held = inside.get("held").await.unwrap();
        assert!(held.metadata.deletion_timestamp.is_some());
        let late = typed(json!({"metadata": {"name": "late"}}));
        let refused = inside
            .create(&PostParams::default(), &late)
            .await
            .unwrap_err();
        let kube::Error::Api(status) = refused else {
            unreachable!("{refused}")
        };
        assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
        assert_eq!(
            status.details.as_ref().unwrap().causes[0].reason,
            "NamespaceTerminating"
        );
        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        inside
            .patch("held", &PatchParams::default(), &release)
            .await
            .unwrap();
        world.quiet(MINUTE).await;
        assert!(namespaces.get_opt("n").await.unwrap().is_none());
    });
}

/// Pods do what their label says.
struct Labelled;

impl Programs for Labelled {
    fn program(&self, run: PodRun) -> Option<BoxFuture<'static, i32>> {
        let what = run.label("do").unwrap_or_default().to_owned();
        match what.as_str() {
            "succeed" => Some(
                async { tokio::time::sleep(MINUTE).await }
                    .map(|()| 0)
                    .boxed(),
            ),
            "fail" => Some(
                async { tokio::time::sleep(MINUTE).await }
                    .map(|()| 1)
                    .boxed(),
            ),
            "obey" => Some(
                async move {
                    run.terminate.notified().await;
                    0
                }
                .boxed(),
            ),
            "refuse" => Some(std::future::pending().boxed()),
            _ => None,
        }
    }
}

async fn job(world: &World, what: &str, spec: Value) -> Api<Job> {
    let jobs: Api<Job> = Api::namespaced(world.client("person"), "default");
    let mut object = json!({
        "metadata": {"name": what},
        "spec": {"template": {
            "metadata": {"labels": {"do": what}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]},
        }},
    });
    json_patch::merge(&mut object["spec"], &spec);
    jobs.create(&PostParams::default(), &typed(object))
        .await
        .unwrap();
    jobs
}

async fn pods(world: &World) -> Vec<Pod> {
    let pods: Api<Pod> = Api::namespaced(world.client("person"), "default");
    pods.list(&ListParams::default()).await.unwrap().items
}

fn verdict(job: &Job) -> Vec<String> {
    let conditions = job
        .status
        .as_ref()
        .and_then(|status| status.conditions.clone());
    let text = |condition: k8s_openapi::api::batch::v1::JobCondition| {
        format!(
            "{}/{}",
            condition.type_,
            condition.reason.unwrap_or_default()
        )
    };
    conditions
        .unwrap_or_default()
        .into_iter()
        .map(text)
        .collect()
}

#[test]
fn a_job_succeeds() {
    simulate(Settings::seeded(1), |world| async move {
        world.start_actors(Arc::new(Labelled));
        let jobs = job(&world, "succeed", json!({"backoffLimit": 0})).await;
        world.quiet(5 * MINUTE).await;
        let job = jobs.get("succeed").await.unwrap();
        assert_eq!(
            verdict(&job),
            [
                "SuccessCriteriaMet/CompletionsReached",
                "Complete/CompletionsReached"
            ]
        );
        assert_eq!(pods(&world).await.len(), 1);
        insta::with_settings!({snapshot_path => "../golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("job_succeeds", render(&world.server, Show::All));
        });
    });
}

#[test]
fn a_job_fails_at_its_limit_and_at_its_deadline() {
    simulate(Settings::seeded(1), |world| async move {
        world.start_actors(Arc::new(Labelled));
        let jobs = job(&world, "fail", json!({"backoffLimit": 2})).await;
        job(
            &world,
            "refuse",
            json!({"backoffLimit": 0, "activeDeadlineSeconds": 900}),
        )
        .await;
        job(
            &world,
            "pending",
            json!({"backoffLimit": 0, "activeDeadlineSeconds": 120}),
        )
        .await;
        world.quiet(20 * MINUTE).await;
        let failed = jobs.get("fail").await.unwrap();
        assert_eq!(
            verdict(&failed),
            [
                "FailureTarget/BackoffLimitExceeded",
                "Failed/BackoffLimitExceeded"
            ]
        );
        assert_eq!(failed.status.unwrap().failed, Some(3));
        for late in ["refuse", "pending"] {
            let late = jobs.get(late).await.unwrap();
            assert_eq!(
                verdict(&late),
                ["FailureTarget/DeadlineExceeded", "Failed/DeadlineExceeded"]
            );
        }
        let left: Vec<String> = pods(&world)
            .await
            .iter()
            .map(kube::ResourceExt::name_any)
            .collect();
        assert!(
            left.iter().all(|name| name.starts_with("fail-")),
            "{left:?}"
        );
    });
}

#[test]
fn a_deleted_job_takes_its_pod_along_after_the_grace_period() {
    simulate(Settings::seeded(1), |world| async move {
        world.start_actors(Arc::new(Labelled));
        let jobs = job(&world, "refuse", json!({"backoffLimit": 0})).await;
        tokio::time::sleep(MINUTE).await;
        jobs.delete("refuse", &DeleteParams::background())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(pods(&world).await[0].metadata.deletion_timestamp.is_some());
        assert!(jobs.get_opt("refuse").await.unwrap().is_none());
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(pods(&world).await.is_empty());

        let jobs = job(&world, "obey", json!({"backoffLimit": 0})).await;
        tokio::time::sleep(MINUTE).await;
        jobs.delete("obey", &DeleteParams::foreground())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(pods(&world).await.is_empty());
        assert!(jobs.get_opt("obey").await.unwrap().is_none());

        let jobs = job(&world, "succeed", json!({"backoffLimit": 0})).await;
        tokio::time::sleep(5 * MINUTE).await;
        jobs.delete("succeed", &DeleteParams::default())
            .await
            .unwrap();
        world.quiet(MINUTE).await;
        assert_eq!(
            pods(&world).await.len(),
            1,
            "the API orphans the pods of Jobs by default"
        );
    });
}
