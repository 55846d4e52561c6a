//! The operator is killed in the midst of the job, on the real hub: same end, no attempt more, nothing
//! forgotten. The simulation does this at every single effect; here are six drawn ones with real pods.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use skep_e2e::{Cluster, PATIENCE, STAGE};
use skep_kit::audit::{Reader, Request};
use skep_kit::outside::USER;

/// Another seed draws other moments; the test must hold for each.
const SEED: u64 = 20_261_124;
/// Effects of an undisturbed installation that a kill may follow. It has a few more (the simulation's golden
/// transcript lists them), so that every drawn one is reached.
const OF_INSTALLATION: usize = 34;
/// The same of a deletion.
const OF_DELETION: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_operator_neither_repeats_nor_forgets() {
    let mut source = StdRng::seed_from_u64(SEED);
    let mut draw =
        |count, of| -> BTreeSet<usize> { sample(&mut source, of, count).iter().collect() };
    let (installation, deletion) = (draw(4, OF_INSTALLATION), draw(2, OF_DELETION));
    let cluster = Cluster::prepare("crash", "survivor", None).await;
    let mut effects = Effects::of(&cluster);
    cluster.create();
    kill_after(&mut effects, &installation).await;
    cluster.until_installed().await;
    assert_eq!(
        cluster.attempts().await.len(),
        1,
        "a crash costs no attempt (seed {SEED}: {installation:?})"
    );
    cluster.begin_deletion().await;
    let mut effects = Effects::from_now(effects);
    kill_after(&mut effects, &deletion).await;
    cluster.until("its end", |object| object.is_none()).await;
    cluster.assert_nothing_left();
}

/// Kills the operator after each of these effects: the first time its processes are killed where they are,
/// later its pods are taken away.
async fn kill_after(effects: &mut Effects, moments: &BTreeSet<usize>) {
    for (index, moment) in moments.iter().enumerate() {
        effects.until(moment + 1).await;
        if index == 0 {
            STAGE.kill_operator().unwrap();
        } else {
            STAGE.evict_operator().unwrap();
        }
    }
}

/// What the operator did in a cluster's namespace, as the API server recorded it.
struct Effects {
    log: Reader,
    namespace: String,
    seen: Vec<String>,
}

impl Effects {
    fn of(cluster: &Cluster) -> Self {
        Self {
            log: Reader::new(&STAGE.hub.audit_log(), USER),
            namespace: cluster.scenario.namespace.clone(),
            seen: Vec::new(),
        }
    }

    fn from_now(mut earlier: Self) -> Self {
        earlier.read();
        earlier.seen.clear();
        earlier
    }

    fn read(&mut self) {
        let more = self.log.more().unwrap();
        let effects = more.iter().filter(|request| {
            let about_it = request.namespace() == self.namespace && request.resource() != "events";
            about_it && request.is_write() && request.code() < 300
        });
        self.seen.extend(effects.map(Request::describe));
    }

    /// Waits until there were so many.
    async fn until(&mut self, count: usize) {
        let enough = async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            while self.seen.len() < count {
                look.tick().await;
                self.read();
            }
        };
        let ended = tokio::time::timeout(PATIENCE, enough).await;
        assert!(
            ended.is_ok(),
            "expected {count} effects (seed {SEED}), there are: {:#?}\n{}",
            self.seen,
            STAGE.operator_log()
        );
    }
}
