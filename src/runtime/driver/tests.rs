//! The driver with a toy controller, against the model of the API server.

mod together;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::ObjectMeta;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use skep_sim::apiserver::effects::Process as Life;
use skep_sim::apiserver::faults::{Kind as Fault, Rule};
use tokio_util::sync::CancellationToken;

use super::{Driver, DriverOptions, bell};
use crate::plan::{Note, Plan};
use crate::runtime::lease::Candidate;
use crate::runtime::testing::{Hub, Line, Widget};
use crate::runtime::{
    At, Class, Classified, Context, ControllerName, Freshness, Key, Memory, Observation, Process,
    ProcessError, Reader, Reconcile, RequestError, Selection, Store, StoreOptions, Writer,
};

const LABEL: &str = "widget";
const INPUT: &str = "input";

/// Makes copies under generated names, so that every repetition shows.
struct Copier {
    reader: Reader,
    writer: Writer,
    copies: Store<ConfigMap>,
    inputs: Store<ConfigMap>,
    acts: Arc<AtomicU32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Observed {
    at: At,
    wanted: u32,
    found: u32,
    finalizers: Vec<String>,
    blocked: bool,
    refused: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    AddFinalizer,
    Create { ordinal: u32 },
    Refuse,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("could not list the copies")]
    List(#[source] RequestError),
    #[error("could not create a copy")]
    Create(#[source] RequestError),
    #[error("could not add the finalizer")]
    AddFinalizer(#[source] RequestError),
    #[error("the input forbids it")]
    Refused,
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::List(error) | Self::Create(error) | Self::AddFinalizer(error) => error.class(),
            Self::Refused => Class::BlockedByUser,
        }
    }
}

impl Reconcile for Copier {
    type Root = Widget;
    type Observed = Observed;
    type Status = String;
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = "copier";

    async fn observe(
        &self,
        root: Arc<Widget>,
        how: Freshness,
        memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        assert!(root.name_any() != "boom", "this widget is not liked");
        let namespace = root.namespace().unwrap_or_default();
        let name = root.name_any();
        let copies = self
            .reader
            .labelled(how, &self.copies, &namespace, LABEL, &name)
            .await;
        let input = self.inputs.get(&namespace, &format!("{name}-input"));
        Ok(Observation::Of(Observed {
            at: At::of(root.as_ref()),
            wanted: root.spec.copies,
            found: u32::try_from(copies.map_err(Error::List)?.len()).unwrap_or(u32::MAX),
            finalizers: root.finalizers().to_vec(),
            blocked: input.is_some_and(|input| input.data.is_none()),
            refused: memory
                .failure_named("Refuse")
                .map(|failure| failure.message.clone()),
        }))
    }

    fn decide(observed: &Observed, _: Timestamp) -> Plan<String, Step> {
        let missing = observed.wanted.saturating_sub(observed.found);
        if observed.blocked {
            let phase = observed
                .refused
                .clone()
                .unwrap_or_else(|| "Trying".to_owned());
            let plan = Plan::step(Step::Refuse).intending(phase);
            return match &observed.refused {
                None => plan,
                Some(why) => plan.because(Note::blocked("Refused", why, "the input", "fill it")),
            };
        }
        if missing == 0 {
            return Plan::record("Done".to_owned()).because(Note::done("Done", "all are there"));
        }
        let mut plan = Plan::nothing().intending("Copying".to_owned());
        if observed.finalizers.is_empty() {
            plan = plan.and_step(Step::AddFinalizer);
        }
        let steps = (0..missing).map(|n| Step::Create {
            ordinal: observed.found + n,
        });
        plan.steps.extend(steps);
        plan.then_record("Copied".to_owned())
    }

    async fn act(&self, observed: &Observed, step: Step) -> Result<(), Error> {
        self.acts.fetch_add(1, Ordering::Relaxed);
        let Key {
            namespace,
            name,
            uid,
        } = &observed.at.key;
        match step {
            Step::AddFinalizer => self
                .writer
                .add_finalizer::<Widget>(&observed.at, &observed.finalizers, "test.dev/copies")
                .await
                .map_err(Error::AddFinalizer),
            Step::Create { .. } => {
                let owner = json!([{
                    "apiVersion": "test.dev/v1", "kind": "Widget", "name": name, "uid": uid,
                }]);
                let metadata = ObjectMeta {
                    namespace: Some(namespace.clone()),
                    generate_name: Some(format!("{name}-")),
                    labels: Some([(LABEL.to_owned(), name.clone())].into()),
                    owner_references: serde_json::from_value(owner).ok(),
                    ..ObjectMeta::default()
                };
                let copy = ConfigMap {
                    metadata,
                    ..ConfigMap::default()
                };
                self.writer
                    .create(&copy)
                    .await
                    .map(drop)
                    .map_err(Error::Create)
            }
            Step::Refuse => Err(Error::Refused),
        }
    }

    fn merge_status(root: &Widget, status: &String, now: Timestamp) -> Option<Value> {
        let phase = root
            .status
            .as_ref()
            .and_then(|status| status.phase.as_ref());
        (phase != Some(status)).then(|| json!({ "phase": status, "at": now }))
    }
}

/// A hub with the controller on it.
struct World {
    hub: Arc<Hub>,
    life: Arc<Life>,
    context: Context,
    acts: Arc<AtomicU32>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), ProcessError>>,
}

impl World {
    fn start(options: DriverOptions, seeded: impl FnOnce(&Hub)) -> Self {
        let hub = Arc::new(Hub::new(7));
        seeded(&hub);
        Self::start_on(&hub, "operator", options, false)
    }

    /// One more process on a hub; `campaigns`: it has to win the lease first.
    fn start_on(hub: &Arc<Hub>, name: &str, options: DriverOptions, campaigns: bool) -> Self {
        Self::start_as(hub, name, hub.operator(name), options, campaigns)
    }

    fn start_as(
        hub: &Arc<Hub>,
        name: &str,
        (client, life): (Client, Arc<Life>),
        options: DriverOptions,
        campaigns: bool,
    ) -> Self {
        let context = Context::new(client.clone(), hub.clock.clone(), name);
        let mut process = Process::new(context.clone(), client.clone());
        let widgets = Store::new(StoreOptions::default());
        let copies = Store::new(StoreOptions::default().label(LABEL));
        let inputs = Store::new(StoreOptions::default());
        let acts = Arc::new(AtomicU32::new(0));
        let copier = Copier {
            reader: context.reader.clone(),
            writer: context.writer.clone(),
            copies: copies.clone(),
            inputs: inputs.clone(),
            acts: Arc::clone(&acts),
        };
        let input_of = |meta: &ObjectMeta, roots: &Store<Widget>| {
            let name = meta
                .name
                .as_deref()
                .and_then(|name| name.strip_suffix("-input"));
            let root = name.and_then(|name| roots.entry("default", name));
            root.map(|root| Key::of(&root)).into_iter().collect()
        };
        process.watch(&widgets, Selection::all());
        process.watch(&copies, Selection::all().labels(LABEL));
        process.watch(&inputs, Selection::all().labels(INPUT));
        process.controller(
            Driver::new(copier, &widgets, &context, options)
                .rung_by(&copies, bell::owner())
                .rung_by_input(&inputs, input_of),
        );
        let stop = CancellationToken::new();
        let candidate = campaigns.then(|| {
            let candidate = Candidate {
                namespace: "default".to_owned(),
                lease: "leader".to_owned(),
                identity: name.to_owned(),
            };
            (candidate, client.clone())
        });
        let running = tokio::spawn(process.run(candidate, stop.clone()));
        Self {
            hub: Arc::clone(hub),
            life,
            context,
            acts,
            stop,
            running,
        }
    }

    fn acts(&self) -> u32 {
        self.acts.load(Ordering::Relaxed)
    }

    async fn pass(&self, seconds: u64) {
        self.hub.pass(Duration::from_secs(seconds)).await;
    }

    fn seed_input(&self, name: &str, data: &Value) {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": {
                "namespace": "default", "name": format!("{name}-input"), "labels": { INPUT: "y" },
            },
        });
        self.hub.server.seed_object("", "configmaps", &map);
    }
}

#[tokio::test(start_paused = true)]
async fn copies_are_made_and_recorded_in_order() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.seed_widget("a", &json!(2));
    });
    world.pass(5).await;
    assert_eq!(world.hub.copies("a").len(), 2);
    assert_eq!(world.hub.phase("a").as_deref(), Some("Done"));
    let effects = world.hub.effects();
    let story: Vec<_> = effects
        .iter()
        .map(|effect| {
            (
                effect.request.verb,
                effect.request.plural.as_str(),
                effect.code,
            )
        })
        .collect();
    // The finalizer's patch and the statuses do not conflict with each other.
    assert_eq!(
        story,
        [
            ("PATCH", "widgets", 200),
            ("PATCH", "widgets", 200),
            ("CREATE", "configmaps", 201),
            ("CREATE", "configmaps", 201),
            ("PATCH", "widgets", 200),
            ("PATCH", "widgets", 200),
        ],
        "intent, finalizer, two copies, outcome, done"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_in_a_steady_hour() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.seed_widget("a", &json!(1));
    });
    world.pass(60).await;
    let (requests, effects) = (world.hub.server.requests(), world.hub.effects().len());
    world.pass(3600).await;
    assert_eq!(world.hub.effects().len(), effects);
    // Three watches are opened anew at their time limit, about every five minutes.
    let asked = world.hub.server.requests() - requests;
    assert!(asked <= 3 * 13, "{asked} requests");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_store_makes_nothing_twice() {
    let world = World::start(DriverOptions::default(), |_| {});
    world.pass(1).await;
    world.hub.server.freeze_watches("configmaps");
    world.hub.seed_widget("a", &json!(1));
    world.pass(30).await;
    assert_eq!(world.hub.copies("a").len(), 1);
}

/// Proves the test before.
#[tokio::test(start_paused = true)]
async fn without_confirming_a_frozen_store_makes_things_twice() {
    let world = World::start(DriverOptions::default().without_confirming(), |_| {});
    world.pass(1).await;
    world.hub.server.freeze_watches("configmaps");
    world.hub.seed_widget("a", &json!(1));
    world.pass(30).await;
    assert!(
        world.hub.copies("a").len() > 1,
        "{:?}",
        world.hub.copies("a")
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_concerns_one_object_and_is_tried_again_with_growing_delays() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.seed_widget("boom", &json!(1));
        hub.seed_widget("quiet", &json!(1));
    });
    world.pass(600).await;
    assert_eq!(world.hub.phase("quiet").as_deref(), Some("Done"));
    let notes = world.context.notes.about(Some("default"), Some("boom"));
    let failures = notes.first().map(|explanation| explanation.failures);
    // From 5 ms doubling to a minute, ten minutes hold about 14 and then one a minute.
    assert!(
        failures.is_some_and(|failures| (14..=40).contains(&failures)),
        "{failures:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_object_disturbs_nobody() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.seed_widget("bad", &json!("many"));
        hub.seed_widget("good", &json!(1));
    });
    world.pass(10).await;
    assert_eq!(world.hub.phase("good").as_deref(), Some("Done"));
    assert_eq!(world.hub.phase("bad"), None);
    let events = world.hub.server.objects("events.k8s.io", "events");
    let told: BTreeSet<_> = events
        .iter()
        .filter(|event| event["reason"] == "CannotDecode")
        .map(|event| {
            event["regarding"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(told, ["bad".to_owned()].into());
    let metrics = world.context.metrics.text();
    assert!(
        metrics.contains("skep_undecodable_objects{kind=\"Widget\"} 1"),
        "{metrics}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_becomes_a_status_by_decide_and_is_not_tried_in_a_loop() {
    let world = World::start(DriverOptions::default(), |_| {});
    world.seed_input("a", &json!(null));
    world.pass(1).await;
    world.hub.seed_widget("a", &json!(1));
    world.pass(1).await;
    assert_eq!(
        world.hub.phase("a").as_deref(),
        Some("the input forbids it")
    );
    world.pass(59).await;
    let tries = world.acts();
    assert!(
        (2..=8).contains(&tries),
        "{tries} tries in the first minute"
    );
    world.pass(540).await;
    let tries = world.acts() - tries;
    assert!(tries <= 6, "{tries} tries in the nine minutes after");
}

#[tokio::test(start_paused = true)]
async fn correcting_what_blocks_resumes_at_once() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.seed_widget("a", &json!(1));
    });
    world.pass(5).await;
    world.hub.server.freeze_watches("nothing");
    let world = World::start(DriverOptions::default(), |_| {});
    world.seed_input("a", &json!(null));
    world.hub.seed_widget("a", &json!(1));
    world.pass(300).await;
    assert_eq!(
        world.hub.phase("a").as_deref(),
        Some("the input forbids it")
    );
    let person = world.hub.server.client("person");
    let inputs: kube::Api<ConfigMap> = kube::Api::namespaced(person, "default");
    let data = json!({ "data": { "a": "b" } });
    let patch = kube::api::Patch::Merge(data);
    let patched = inputs
        .patch("a-input", &kube::api::PatchParams::default(), &patch)
        .await;
    assert!(patched.is_ok());
    world.pass(1).await;
    assert_eq!(world.hub.copies("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_looked_at_live_and_passes() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.server
            .faults()
            .add(Rule::times(1, "PATCH", "widgets", Fault::Conflict));
        hub.seed_widget("a", &json!(1));
    });
    world.pass(10).await;
    assert_eq!(world.hub.phase("a").as_deref(), Some("Done"));
    assert_eq!(world.hub.copies("a").len(), 1);
}

/// The Events of a reason: type and text.
fn told(world: &World, reason: &str) -> Vec<(String, String)> {
    let events = world.hub.server.objects("events.k8s.io", "events");
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let of_reason = events.iter().filter(|event| event["reason"] == reason);
    of_reason
        .map(|event| (text(event, "type"), text(event, "note")))
        .collect()
}

fn troubled(world: &World, reason: &str) -> Option<u32> {
    let series = format!("skep_troubled_objects{{controller=\"copier\",reason=\"{reason}\"}} ");
    let figures = world.context.metrics.text();
    let line = figures.lines().find_map(|line| line.strip_prefix(&series));
    line.and_then(|value| value.parse().ok())
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_told_at_once_and_so_is_that_it_is_back() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.server.faults().add(Rule::times(
            u64::MAX,
            "CREATE",
            "configmaps",
            Fault::Forbidden,
        ));
        hub.seed_widget("a", &json!(2));
    });
    world.pass(300).await;
    let told_once = told(&world, "MissingRight");
    assert_eq!(told_once.len(), 1, "{told_once:?}");
    let (type_, text) = &told_once[0];
    assert_eq!(type_, "Warning");
    let fix = "give system:serviceaccount:hive:hive-controllers the right to create configmaps";
    assert!(text.contains(fix), "{text}");
    assert_eq!(troubled(&world, "MissingRight"), Some(1));
    let notes = world.context.notes.about(Some("default"), Some("a"));
    assert_eq!(notes[0].notes[0].reason, "MissingRight");
    assert!(notes[0].next.is_some(), "when it is tried next");
    assert_eq!(told(&world, "Recovered"), []);
    world.hub.server.faults().clear();
    world.pass(120).await;
    assert_eq!(world.hub.copies("a").len(), 2);
    assert_eq!(told(&world, "Recovered").len(), 1);
    assert_eq!(troubled(&world, "MissingRight"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_away_for_a_moment_is_nobodys_business() {
    let away = |world: &World| {
        let rule = Rule::times(u64::MAX, "CREATE", "configmaps", Fault::InternalError);
        world.hub.server.faults().add(rule);
    };
    let world = World::start(DriverOptions::default(), |_| {});
    away(&world);
    world.hub.seed_widget("a", &json!(1));
    world.pass(5).await;
    world.hub.server.faults().clear();
    world.pass(60).await;
    assert_eq!(told(&world, "HubUnavailable"), []);
    assert_eq!(told(&world, "Recovered"), []);
    away(&world);
    world.hub.seed_widget("b", &json!(1));
    world.pass(120).await;
    assert_eq!(told(&world, "HubUnavailable").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_observed_or_recorded_is_told_too() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.server
            .faults()
            .add(Rule::times(u64::MAX, "GET", "widgets", Fault::Forbidden));
        hub.seed_widget("a", &json!(1));
    });
    world.pass(30).await;
    let read = told(&world, "MissingRight");
    assert!(
        read.len() == 1 && read[0].1.contains("could not be observed"),
        "{read:?}"
    );
    world.hub.server.faults().clear();
    world
        .hub
        .server
        .faults()
        .add(Rule::times(u64::MAX, "PATCH", "widgets", Fault::Forbidden));
    world.pass(120).await;
    let all = told(&world, "MissingRight");
    assert!(
        all.iter()
            .any(|(_, text)| text.contains("the right to patch widgets")),
        "{all:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn independent_steps_go_on_after_a_failed_one() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.server
            .faults()
            .add(Rule::times(1, "CREATE", "configmaps", Fault::InternalError));
        hub.seed_widget("a", &json!(2));
    });
    world.pass(10).await;
    assert_eq!(world.hub.copies("a").len(), 2);
    let codes: Vec<_> = world
        .hub
        .effects()
        .iter()
        .filter(|effect| effect.request.plural == "configmaps")
        .map(|effect| effect.code)
        .collect();
    assert_eq!(codes, [500, 201, 201]);
}

#[tokio::test(start_paused = true)]
async fn a_recreated_object_inherits_nothing() {
    let world = World::start(DriverOptions::default(), |_| {});
    world.seed_input("a", &json!(null));
    world.hub.seed_widget("a", &json!(1));
    world.pass(300).await;
    let person = world.hub.server.client("person");
    let widgets: kube::Api<Widget> = kube::Api::namespaced(person.clone(), "default");
    let deleted = widgets
        .delete("a", &kube::api::DeleteParams::default())
        .await;
    assert!(deleted.is_ok());
    world.pass(2).await;
    assert!(world.context.notes.about(None, Some("a")).is_empty());
    world.hub.seed_widget("a", &json!(1));
    let before = world.acts();
    world.pass(1).await;
    assert!(
        world.acts() > before,
        "the new object is not held for what the old one did"
    );
}

#[tokio::test(start_paused = true)]
async fn stopping_lets_go_of_everything() {
    let world = World::start(DriverOptions::default(), |hub| {
        hub.seed_widget("a", &json!(1));
    });
    world.pass(5).await;
    world.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(30), world.running).await;
    assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
    let requests = world.hub.server.requests();
    world.hub.pass(Duration::from_hours(1)).await;
    assert_eq!(
        world.hub.server.requests(),
        requests,
        "no watch was left behind"
    );
}

#[tokio::test(start_paused = true)]
async fn a_follower_does_nothing_and_takes_over_from_a_killed_leader_in_time() {
    let hub = Arc::new(Hub::new(11));
    hub.seed_widget("a", &json!(1));
    let leader = World::start_on(&hub, "first", DriverOptions::default(), true);
    hub.pass(Duration::from_secs(2)).await;
    let follower = World::start_on(&hub, "second", DriverOptions::default(), true);
    hub.pass(Duration::from_secs(10)).await;
    assert_eq!((hub.copies("a").len(), follower.acts()), (1, 0));
    leader.life.kill();
    leader.running.abort();
    hub.seed_widget("b", &json!(1));
    let killed = hub.clock.elapsed();
    hub.pass(Duration::from_secs(10)).await;
    let first_write = hub
        .effects()
        .into_iter()
        .find(|effect| effect.agent.as_ref() == "second");
    let took = first_write.map(|effect| effect.at.saturating_sub(killed));
    assert!(
        took.is_some_and(|took| took < Duration::from_secs(5)),
        "{took:?}"
    );
    assert_eq!((hub.copies("a").len(), hub.copies("b").len()), (1, 1));
    assert_eq!(hub.phase("b").as_deref(), Some("Done"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_where_it_waits_and_follows() {
    let hub = Arc::new(Hub::new(13));
    let line = Line::default();
    let operator = hub.operator_over("first", &line);
    let first = World::start_as(&hub, "first", operator, DriverOptions::default(), true);
    hub.pass(Duration::from_secs(2)).await;
    let second = World::start_on(&hub, "second", DriverOptions::default(), true);
    hub.pass(Duration::from_secs(5)).await;
    hub.seed_widget("a", &json!(40));
    while hub.copies("a").len() < 10 {
        hub.pass(Duration::from_millis(5)).await;
    }
    line.takes(3_600_000);
    hub.pass(Duration::from_secs(20)).await;
    assert!(second.context.claim.is_current() && !first.context.claim.is_current());
    assert_eq!(hub.copies("a").len(), 40, "the other has gone on");
    let acts = first.acts();
    line.takes(0);
    hub.seed_widget("b", &json!(1));
    hub.pass(Duration::from_secs(20)).await;
    assert_eq!(first.acts(), acts, "it follows");
    assert!(!first.running.is_finished());
    assert_eq!((hub.copies("a").len(), hub.copies("b").len()), (40, 1));
    second.life.kill();
    hub.seed_widget("c", &json!(1));
    hub.pass(Duration::from_secs(10)).await;
    assert!(first.context.claim.is_current(), "and leads again");
    assert_eq!((hub.copies("a").len(), hub.copies("c").len()), (40, 1));
    assert_eq!(hub.phase("c").as_deref(), Some("Done"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_is_replaced_within_seconds() {
    let hub = Arc::new(Hub::new(12));
    let leader = World::start_on(&hub, "first", DriverOptions::default(), true);
    hub.pass(Duration::from_secs(2)).await;
    let follower = World::start_on(&hub, "second", DriverOptions::default(), true);
    hub.pass(Duration::from_secs(5)).await;
    hub.seed_widget("a", &json!(1));
    hub.pass(Duration::from_millis(40)).await;
    leader.stop.cancel();
    hub.pass(Duration::from_secs(2)).await;
    assert!(leader.running.is_finished());
    assert!(follower.context.claim.is_current());
    hub.pass(Duration::from_secs(2)).await;
    assert_eq!(
        hub.copies("a").len(),
        1,
        "what the one began the other neither repeats nor forgets"
    );
    assert_eq!(hub.phase("a").as_deref(), Some("Done"));
}
