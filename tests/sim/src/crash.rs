//! The crash harness: a scenario is run once undisturbed, then once per effect of the operator with
//! the operator killed there and started anew. However it is killed, it must end the same.
//!
//! Between two effects nothing outside the operator changes, so N effects have N + 1 different
//! places to die: before the first, and after each.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    apiserver::effects::CrashAt,
    transcript,
    world::{Operator, Settings, World, simulate},
};

/// A story with an operator in it, which can be told again and again.
pub trait Scenario {
    /// The operator under test; also puts what it needs besides the hub next to the world.
    fn operator(&self, world: &World) -> Operator;

    /// Sets the stage, starts the actors and the operator, does what people do, and returns when
    /// the story is over.
    fn play<'a>(&'a self, world: &'a World, operator: Operator) -> BoxFuture<'a, ()>;

    /// What must be the same at the end of all runs, beside the objects of the hub: the content of
    /// a cloud account, for instance.
    fn outside(&self, _world: &World) -> Value {
        Value::Null
    }

    /// Objects of these resources must not be created oftener than in the undisturbed run.
    fn bounded(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// Takes from an object what may differ between two runs that ended the same; times, revisions
    /// and uids are gone already.
    fn normalise(&self, _plural: &str, _object: &mut Value) {}

    /// Resources that are no part of the end: by default Leases and Events.
    fn ignored(&self) -> Vec<&'static str> {
        vec!["leases", "events"]
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Normalised objects by `plural.group/namespace/name`.
    pub objects: BTreeMap<String, Value>,
    pub outside: Value,
    /// How many objects were created in each bounded resource.
    pub created: BTreeMap<String, u64>,
}

/// What a sweep did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Effects of the undisturbed run.
    pub effects: u64,
    /// Runs with a crash.
    pub variants: u64,
    /// What went wrong, one text per variant.
    pub failures: Vec<String>,
}

impl Report {
    /// Ends the test if any variant ended differently.
    pub fn assert_clean(&self) {
        assert!(
            self.failures.is_empty(),
            "{} of {} variants ended differently\n\n{}",
            self.failures.len(),
            self.variants,
            self.failures.join("\n\n")
        );
    }
}

/// One run, with at most one crash.
pub struct Run {
    pub ending: Ending,
    /// Effects of the operator.
    pub effects: u64,
    /// How often it died at a crash point.
    pub crashes: u64,
    pub transcript: String,
    pub unexpected: Vec<String>,
}

/// Plays `scenario` once.
pub fn play(scenario: &dyn Scenario, settings: Settings, crash: Option<CrashAt>) -> Run {
    simulate(settings, |world| async move {
        if let Some(point) = crash {
            world.server.effects().crash_at(point);
        }
        let operator = scenario.operator(&world);
        scenario.play(&world, operator).await;
        let (effects, crashes) = {
            let log = world.server.effects();
            (log.counted(), log.crashes())
        };
        Run {
            ending: ending(scenario, &world),
            effects,
            crashes,
            transcript: transcript::render(&world.server, transcript::Show::All),
            unexpected: world.unexpected_ends(),
        }
    })
}

/// Plays the scenario undisturbed and then with a crash at each place, on all processors: each run
/// has a scenario of its own.
pub fn for_every_effect<S: Scenario>(make: impl Fn() -> S + Sync, settings: Settings) -> Report {
    let calm = play(&make(), settings, None);
    let mut failures = Vec::new();
    if !calm.unexpected.is_empty() {
        failures.push(format!("undisturbed: {}", calm.unexpected.join("\n")));
    }
    let points = places(calm.effects);
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(failure) = variant(&make, settings, *point, &calm) {
                        found.lock().insert(*point, failure);
                    }
                }
            });
        }
    });
    failures.extend(found.into_inner().into_values());
    let variants = u64::try_from(points.len()).unwrap_or(u64::MAX);
    println!(
        "crash variants: {variants} ({} effects, {} failed)",
        calm.effects,
        failures.len()
    );
    Report {
        effects: calm.effects,
        variants,
        failures,
    }
}

/// One run with a crash, and what is wrong with it.
fn variant<S: Scenario>(
    make: &(impl Fn() -> S + Sync),
    settings: Settings,
    point: CrashAt,
    calm: &Run,
) -> Option<String> {
    // A panic inside a variant is a finding about that variant, and the others still run.
    let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        play(&make(), settings, Some(point))
    }));
    match attempt {
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            Some(format!("{point:?}: {text}"))
        }
        Ok(run) => compare(point, calm, &run),
    }
}

/// The N + 1 places to die among N effects.
fn places(effects: u64) -> Vec<CrashAt> {
    let mut points = vec![CrashAt::Before(1)];
    points.extend((1..=effects).map(CrashAt::After));
    points
}

fn compare(point: CrashAt, calm: &Run, run: &Run) -> Option<String> {
    let mut found = run.unexpected.clone();
    if run.crashes != 1 {
        found.push(format!("the operator died {} times", run.crashes));
    }
    found.extend(difference(&calm.ending, &run.ending));
    if found.is_empty() {
        return None;
    }
    Some(format!(
        "{point:?}:\n  {}\n{}",
        found.join("\n  "),
        run.transcript
    ))
}

/// How two endings differ, in words.
pub fn difference(calm: &Ending, other: &Ending) -> Vec<String> {
    let mut found = Vec::new();
    for (key, object) in &calm.objects {
        match other.objects.get(key) {
            None => found.push(format!("missing: {key}")),
            Some(held) if held != object => {
                let paths = transcript::differences(object, held).join(", ");
                found.push(format!("different: {key}: {paths}"));
            }
            Some(_) => {}
        }
    }
    let extra = other
        .objects
        .keys()
        .filter(|key| !calm.objects.contains_key(*key));
    found.extend(extra.map(|key| format!("left over: {key}")));
    if calm.outside != other.outside {
        found.push(format!(
            "outside:\n    {}\n    {}",
            calm.outside, other.outside
        ));
    }
    for (resource, count) in &other.created {
        let allowed = calm.created.get(resource).copied().unwrap_or_default();
        if *count > allowed {
            found.push(format!("{resource}: {count} created instead of {allowed}"));
        }
    }
    found
}

/// How the world is now, reduced to what must not depend on crashes.
pub fn ending(scenario: &dyn Scenario, world: &World) -> Ending {
    let ignored = scenario.ignored();
    let mut objects = BTreeMap::new();
    let uids: BTreeMap<String, String> = world
        .server
        .everything()
        .values()
        .map(|object: &Arc<Value>| {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            (text("uid").to_owned(), format!("<uid of {}>", text("name")))
        })
        .collect();
    for ((resource, key), object) in world.server.everything() {
        if ignored.contains(&resource.1.as_str()) {
            continue;
        }
        let mut object = Value::clone(&object);
        volatile(&mut object, &uids);
        scenario.normalise(&resource.1, &mut object);
        objects.insert(
            format!("{}.{}/{}/{}", resource.1, resource.0, key.0, key.1),
            object,
        );
    }
    let births = world.server.births();
    let created = scenario
        .bounded()
        .into_iter()
        .map(|(group, plural)| {
            let of_resource = births
                .iter()
                .filter(|((resource, _), _)| resource.0 == group && resource.1 == plural);
            (plural.to_owned(), of_resource.map(|(_, count)| count).sum())
        })
        .collect();
    Ending {
        objects,
        outside: scenario.outside(world),
        created,
    }
}

/// Replaces times and uids by words, and drops what counts writes.
fn volatile(value: &mut Value, uids: &BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for name in [
                "resourceVersion",
                "generation",
                "managedFields",
                "observedGeneration",
            ] {
                fields.shift_remove(name);
            }
            fields.values_mut().for_each(|inner| volatile(inner, uids));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| volatile(inner, uids)),
        Value::String(text) => {
            if let Some(name) = uids.get(text) {
                text.clone_from(name);
            } else if text.parse::<jiff::Timestamp>().is_ok() {
                "<time>".clone_into(text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
