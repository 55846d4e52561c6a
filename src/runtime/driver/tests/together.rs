//! Two controllers of one process with the same roots.

use super::*;
use tokio::sync::Semaphore;

/// Records one half of a widget's status. The first half of a widget with an odd number of copies has to
/// pass a gate before.
struct Half<const FIRST: bool> {
    gate: Arc<Semaphore>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Seen {
    copies: u32,
    recorded: bool,
}

/// Passes the gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pass;

#[derive(Debug, thiserror::Error)]
#[error("there is no gate any more")]
struct NoGate;

impl Classified for NoGate {
    fn class(&self) -> Class {
        Class::BackOff
    }
}

/// What a half says of so many copies.
fn half(first: bool, copies: u32) -> Value {
    if first {
        json!({ "at": Timestamp::from_second(i64::from(copies)).ok() })
    } else {
        json!({ "phase": format!("{copies} copies") })
    }
}

impl<const FIRST: bool> Reconcile for Half<FIRST> {
    type Root = Widget;
    type Observed = Seen;
    type Status = u32;
    type Step = Pass;
    type Error = NoGate;
    const NAME: ControllerName = if FIRST { "first" } else { "second" };

    async fn observe(
        &self,
        root: Arc<Widget>,
        _how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Seen>, NoGate> {
        let copies = root.spec.copies;
        let recorded = Self::merge_status(&root, &copies, Timestamp::UNIX_EPOCH).is_none();
        Ok(Observation::Of(Seen { copies, recorded }))
    }

    fn decide(seen: &Seen, _now: Timestamp) -> Plan<u32, Pass> {
        let gated = FIRST && seen.copies % 2 == 1 && !seen.recorded;
        let plan = if gated {
            Plan::step(Pass)
        } else {
            Plan::nothing()
        };
        plan.then_record(seen.copies)
    }

    fn rests_on_root(_step: &Pass) -> bool {
        true
    }

    async fn act(&self, _seen: &Seen, _step: Pass) -> Result<(), NoGate> {
        self.gate.acquire().await.map(drop).map_err(|_| NoGate)
    }

    fn merge_status(root: &Widget, copies: &u32, _now: Timestamp) -> Option<Value> {
        let wanted = half(FIRST, *copies);
        let told = serde_json::to_value(root.status.clone().unwrap_or_default()).ok()?;
        let differs = wanted
            .as_object()?
            .iter()
            .any(|(field, value)| told.get(field) != Some(value));
        differs.then_some(wanted)
    }
}

/// A hub with both of them on it.
struct Both {
    hub: Hub,
    gate: Arc<Semaphore>,
    running: tokio::task::JoinHandle<Result<(), ProcessError>>,
}

impl Drop for Both {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Both {
    fn start(names: &[String], line: &Line) -> Self {
        let hub = Hub::new(11);
        for name in names {
            hub.seed_widget(name, &json!(0));
        }
        let (client, _) = hub.operator_over("operator", line);
        let context = Context::new(client.clone(), hub.clock.clone(), "operator");
        let mut process = Process::new(context.clone(), client);
        let widgets = Store::new(StoreOptions::default());
        process.watch(&widgets, Selection::all());
        let gate = Arc::new(Semaphore::new(0));
        // Enough for all of them at a time: only the second could run short of places.
        let many = DriverOptions::default().concurrency(names.len());
        let first = Half::<true> {
            gate: Arc::clone(&gate),
        };
        let second = Half::<false> {
            gate: Arc::clone(&gate),
        };
        process.controller(Driver::new(first, &widgets, &context, many));
        let few = DriverOptions::default();
        process.controller(Driver::new(second, &widgets, &context, few));
        let running = tokio::spawn(process.run(None, CancellationToken::new()));
        Self { hub, gate, running }
    }

    async fn wants(&self, names: &[String], copies: u32) {
        let person = kube::Api::<Widget>::namespaced(self.hub.server.client("person"), "default");
        let body = kube::api::Patch::Merge(json!({ "spec": { "copies": copies } }));
        let params = kube::api::PatchParams::default();
        for name in names {
            let patched = person.patch(name, &params, &body);
            assert!(patched.await.is_ok());
        }
        // Less than a run may take, and enough for all that does not hang.
        self.hub.pass(Duration::from_secs(5)).await;
    }

    fn phases(&self, names: &[String]) -> BTreeSet<Option<String>> {
        names.iter().map(|name| self.hub.phase(name)).collect()
    }

    /// The operator's requests that were refused.
    fn refused(&self) -> Vec<u16> {
        let effects = self.hub.effects();
        let codes = effects.iter().map(|effect| effect.code);
        codes.filter(|code| *code >= 400).collect()
    }
}

fn named(stem: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{stem}-{number}"))
        .collect()
}

fn says(copies: u32) -> BTreeSet<Option<String>> {
    [Some(format!("{copies} copies"))].into()
}

/// Both are rung by every change, and by what the other writes; each write takes its time.
#[tokio::test(start_paused = true)]
async fn they_do_not_conflict_with_each_other() {
    let names = named("widget", 20);
    let line = Line::default();
    line.takes(40);
    let both = Both::start(&names, &line);
    both.hub.pass(Duration::from_secs(5)).await;
    for copies in [2, 4, 6] {
        both.wants(&names, copies).await;
        assert_eq!(both.phases(&names), says(copies));
    }
    assert_eq!(both.refused(), Vec::<u16>::new());
    let writes = both.hub.effects();
    let theirs = writes.iter().filter(|effect| &*effect.agent == "operator");
    assert_eq!(theirs.count(), 20 * 2 * 4, "one write of each half");
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_keeps_the_other_from_its_own_objects_only() {
    let hanging = named("hanging", 2 * DriverOptions::default().concurrency);
    let other = named("other", 1);
    let all = [hanging.clone(), other.clone()].concat();
    let both = Both::start(&all, &Line::default());
    both.hub.pass(Duration::from_secs(5)).await;
    both.wants(&hanging, 1).await;
    // The first hangs at each of them now, and this rings the second for all of them.
    both.wants(&hanging, 3).await;
    assert!(
        both.phases(&hanging).is_disjoint(&says(3)),
        "it is the first's turn"
    );
    both.wants(&other, 2).await;
    assert_eq!(both.phases(&other), says(2), "nobody is at this one");
    both.gate.add_permits(all.len());
    both.hub.pass(Duration::from_secs(5)).await;
    assert_eq!(both.phases(&hanging), says(3));
}
