//! Random clusters, random trouble.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::{collection::vec, prelude::*};
use skep_providers::{
    Class,
    erase::{EraseContext, EraseRequest, Kind, KindSpec, Receipt, ResourceId},
    fake::{CrashPoint, FakeResource, Fault},
};

use crate::common::{Record, Scene, foreign, owned};

/// One random resource; numbers are reduced to what exists.
#[derive(Debug, Clone)]
struct Seed {
    kind: usize,
    takes: u64,
    holds: Vec<usize>,
    refers: Vec<usize>,
    hidden: bool,
    follows: Option<usize>,
    control_plane: bool,
    ghost: bool,
}

#[derive(Debug, Clone)]
struct Case {
    seeds: Vec<Seed>,
    batches: Vec<usize>,
    names_holders: bool,
    faults: Vec<(usize, u32, u32, usize)>,
    stragglers: Vec<(u64, usize)>,
    foreign: usize,
}

const KINDS: [&str; 5] = ["k0", "k1", "k2", "k3", "k4"];
const OPERATIONS: [&str; 5] = ["delete", "describe", "discover", "release", "holders"];

fn seed(hidden: bool) -> impl Strategy<Value = Seed> {
    let hidden = if hidden {
        any::<bool>().boxed()
    } else {
        Just(false).boxed()
    };
    let control_plane = prop::bool::weighted(0.2);
    (
        0..KINDS.len(),
        prop_oneof![Just(0_u64), 1..40_u64],
        vec(any::<usize>(), 0..3),
        vec(any::<usize>(), 0..3),
        hidden,
        prop::option::weighted(0.2, any::<usize>()),
        control_plane,
        any::<bool>(),
    )
        .prop_map(
            |(kind, takes, holds, refers, hidden, follows, control_plane, ghost)| Seed {
                kind,
                takes,
                holds,
                refers,
                hidden,
                follows,
                control_plane,
                ghost,
            },
        )
}

fn case(hidden: bool, faults: usize) -> impl Strategy<Value = Case> {
    (
        vec(seed(hidden), 1..14),
        vec(1..4_usize, KINDS.len()),
        any::<bool>(),
        vec(
            (0..OPERATIONS.len(), 0..6_u32, 1..4_u32, 0..3_usize),
            0..=faults,
        ),
        vec((0..20_u64, 0..KINDS.len()), 0..3),
        0..4_usize,
    )
        .prop_map(
            |(seeds, batches, names_holders, faults, stragglers, foreign)| Case {
                seeds,
                batches,
                names_holders,
                faults,
                stragglers,
                foreign,
            },
        )
}

impl Case {
    /// The cluster: what is higher goes before what is lower, except that references point anywhere
    /// and may form cycles.
    fn resources(&self) -> Vec<FakeResource> {
        let count = self.seeds.len();
        let name = |place: usize| format!("r{place}");
        let build = |(place, seed): (usize, &Seed)| {
            let mut resource =
                owned(&name(place), KINDS[seed.kind]).takes(Duration::from_secs(seed.takes));
            let owner = seed.follows.filter(|_| place + 1 < count);
            for held in seed.holds.iter().filter(|_| place > 0) {
                let held = name(held % place.max(1));
                resource = if seed.hidden {
                    resource.secretly_holding(&held)
                } else {
                    resource.holding(&held)
                };
            }
            if let Some(owner) = owner {
                let owner = place + 1 + owner % (count - place - 1);
                resource = resource.following(&name(owner));
            } else {
                for other in &seed.refers {
                    let other = name(other % count);
                    let held = resource.holds.contains_key(&ResourceId::new(&other));
                    if other != name(place) && !held {
                        resource = resource.referring_to(&other);
                    }
                }
                if seed.control_plane {
                    resource = resource.control_plane();
                }
            }
            if seed.ghost {
                resource.ghost_for(Duration::from_secs(90))
            } else {
                resource
            }
        };
        self.seeds.iter().enumerate().map(build).collect()
    }

    fn kinds(&self) -> Vec<KindSpec> {
        let spec = |(kind, batch): (&&'static str, &usize)| {
            KindSpec::new(Kind::new(kind), "thing", "things")
                .delete_batch(*batch)
                .usual_wait(Duration::from_secs(10))
        };
        KINDS.iter().zip(&self.batches).map(spec).collect()
    }

    fn scene(&self) -> Scene {
        let scene = Scene::with(self.resources());
        scene.cloud.describe_kinds(self.kinds());
        scene.cloud.set_names_holders(self.names_holders);
        for (number, kind) in KINDS.iter().enumerate().take(self.foreign) {
            scene
                .cloud
                .create(&scene.account, foreign(&format!("foreign{number}"), kind));
        }
        for (operation, skip, count, kind) in &self.faults {
            let class = [
                Class::Transient,
                Class::Throttled { after: None },
                Class::Unknown,
            ];
            scene.cloud.fault(
                &scene.account,
                Fault {
                    operation: OPERATIONS[*operation].to_owned(),
                    skip: *skip,
                    count: *count,
                    class: class[*kind].clone(),
                },
            );
        }
        // What controllers create while they die.
        let master = self
            .resources()
            .into_iter()
            .find(|resource| resource.control_plane);
        if let Some(master) = master {
            for (number, (after, kind)) in self.stragglers.iter().enumerate() {
                scene.cloud.create_later(
                    &scene.account,
                    owned(&format!("straggler{number}"), KINDS[*kind]),
                    Duration::from_secs(*after),
                    master.id.clone(),
                    Duration::from_secs(5),
                );
            }
        }
        scene
    }
}

/// Runs under paused time.
fn paused<T>(work: impl Future<Output = T>) -> T {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    builder
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

/// Runs until complete, as a controller does. Faults run out: at most nine listings fail.
async fn erase_until_complete(scene: &Scene, mut previous: Option<Receipt>) -> Receipt {
    for _ in 0..12 {
        let request = EraseRequest {
            previous: previous.take(),
            ..scene.request()
        };
        match scene.erase_with(request, scene.context()).await {
            Ok(receipt) if receipt.complete => return receipt,
            Ok(receipt) => previous = Some(receipt),
            Err(error) => previous = error.receipt().cloned(),
        }
    }
    panic!(
        "never complete: {}",
        previous
            .map(|receipt| receipt.to_string())
            .unwrap_or_default()
    );
}

fn ids(resources: impl IntoIterator<Item = ResourceId>) -> BTreeSet<ResourceId> {
    resources.into_iter().collect()
}

/// Only foreign resources are left, and they are as they were.
fn assert_only_foreign(scene: &Scene, case: &Case) {
    let left = scene.cloud.resources(&scene.account);
    assert_eq!(left.len(), case.foreign, "{:?}", left.keys());
    for (number, resource) in left.into_values().enumerate() {
        assert_eq!(
            resource,
            foreign(&format!("foreign{number}"), KINDS[number])
        );
    }
    for call in scene
        .cloud
        .log(&scene.account)
        .iter()
        .filter(|call| call.is_change())
    {
        assert!(
            call.ids
                .iter()
                .all(|id| !id.as_str().starts_with("foreign")),
            "{call:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Where the cloud tells what holds what and nothing fails: no deletion comes too early, and
    /// calls are few.
    #[test]
    fn no_deletion_before_its_dependants(case in case(false, 0)) {
        paused(async {
            let scene = case.scene();
            let receipt = scene.erase().await.unwrap();
            assert!(receipt.complete, "{receipt}");
            assert_only_foreign(&scene, &case);
            assert_eq!(scene.cloud.violations(&scene.account), 0);
            // At worst every second one of a tangle of references is released first.
            let deleted = receipt.deleted.len() as u64;
            assert!(receipt.calls.changes <= 2 * deleted, "{} calls", receipt.calls.changes);
            assert_eq!(receipt.calls.repeated, 0);
        });
    }

    /// Hidden holders, throttling, failures, stragglers, late listings: it ends empty all the same.
    #[test]
    fn it_always_ends_empty(case in case(true, 3)) {
        paused(async {
            let scene = case.scene();
            let receipt = erase_until_complete(&scene, None).await;
            assert_only_foreign(&scene, &case);
            let all = ids(case.resources().into_iter().map(|resource| resource.id));
            let told = ids(receipt.deleted.iter().map(|gone| gone.id.clone()));
            assert!(all.is_subset(&told), "not told: {:?}", all.difference(&told));
        });
    }

    /// A crash at any call, then a new process with what the journal holds.
    #[test]
    fn a_crash_changes_nothing(
        case in case(true, 1),
        number in 1..120_u64,
        before in any::<bool>(),
        remembered in any::<bool>(),
    ) {
        paused(async {
            let scene = case.scene();
            let point = if before { CrashPoint::Before } else { CrashPoint::After };
            scene.cloud.crash_at(number, point);
            let journal = Arc::new(Record::default());
            let context = EraseContext { journal: journal.clone(), ..scene.context() };
            tokio::select! {
                _ = scene.erase_with(scene.request(), context) => {}
                () = scene.cloud.crashed() => {}
            }
            scene.cloud.never_crash();
            let previous = journal.receipt.lock().unwrap().clone().filter(|_| remembered);
            erase_until_complete(&scene, previous).await;
            assert_only_foreign(&scene, &case);
        });
    }

    /// A cancel at any time: nothing destructive begins after it, and a later run ends empty.
    #[test]
    fn a_cancel_stops_and_loses_nothing(case in case(true, 2), moment in 0..60_000_u64) {
        paused(async {
            let scene = case.scene();
            let context = scene.context();
            let cancel = context.cancel.clone();
            let stop = async {
                tokio::time::sleep(Duration::from_millis(moment)).await;
                cancel.cancel();
                tokio::time::sleep(Duration::from_millis(26)).await;
                scene.changes()
            };
            let (result, then) = tokio::join!(scene.erase_with(scene.request(), context), stop);
            assert_eq!(scene.changes(), then);
            let previous = match result {
                Ok(receipt) => Some(receipt),
                Err(error) => error.receipt().cloned(),
            };
            erase_until_complete(&scene, previous).await;
            assert_only_foreign(&scene, &case);
        });
    }

    /// The same discovery in another order is the same plan.
    #[test]
    fn the_digest_does_not_depend_on_the_order(case in case(true, 0), turn in any::<usize>()) {
        paused(async {
            let scene = case.scene();
            let target = scene.target().await;
            let one = target.discover().await.unwrap();
            let mut two = one.clone();
            let turn = turn % two.resources.len().max(1);
            two.resources.rotate_left(turn);
            let plan = |discovery| {
                skep_providers::erase::Plan::build(
                    &scene.facts, &scene.account, target.kinds(), discovery, "initial",
                ).unwrap()
            };
            assert_eq!(plan(one), plan(two));
        });
    }
}
