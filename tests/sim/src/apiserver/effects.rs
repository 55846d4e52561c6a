//! The effect log: every request that changes something, in order; those of the operator are
//! numbered. A crash point names one of them: the operator is dead from just before or just after
//! it, which is where a real process can be killed as far as anybody outside can tell.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::sync::Notify;

use super::{
    ApiServer,
    patch::Format,
    route::{Target, Verb},
};
use crate::seed;

/// One life of the operator, from its start to its crash.
#[derive(Debug)]
pub struct Process {
    pub name: Arc<str>,
    /// 1 for the first life.
    pub life: u64,
    dead: AtomicBool,
}

impl Process {
    pub fn new(name: &str, life: u64) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            life,
            dead: AtomicBool::new(false),
        })
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// From now on nothing answers this process: what is left of it can do no harm.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }
}

/// Where the operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashAt {
    /// The numbered effect is asked for and never happens.
    Before(u64),
    /// It happens, and its answer never arrives.
    After(u64),
}

/// What a changing request asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub verb: &'static str,
    pub group: String,
    pub plural: String,
    pub namespace: String,
    pub name: String,
    pub subresource: Option<String>,
    /// Of a patch: merge, json, strategic or apply.
    pub format: Option<&'static str>,
    pub dry_run: bool,
    /// A short hash of the body: two requests with the same digest asked for the same thing.
    pub digest: String,
}

impl Request {
    pub(super) fn of(verb: Verb, target: &Target, content_type: &str, body: &[u8]) -> Self {
        let format = Format::of(content_type)
            .ok()
            .filter(|_| verb == Verb::Patch);
        // The name of a new object is in its body.
        let given = if verb == Verb::Create {
            serde_json::from_slice(body).ok()
        } else {
            None
        };
        let given = given
            .and_then(|object: Value| object["metadata"]["name"].as_str().map(ToOwned::to_owned));
        Self {
            verb: verb.label(),
            group: target.kind.group.clone(),
            plural: target.kind.plural.clone(),
            namespace: target.scope().to_owned(),
            name: target.name.clone().or(given).unwrap_or_default(),
            subresource: target.subresource.clone(),
            format: format.map(Format::label),
            dry_run: target.flag("dryRun"),
            digest: seed::short(body),
        }
    }

    /// An effect outside the hub, such as a call to a cloud.
    pub fn outside(what: &str) -> Self {
        Self {
            verb: "CALL",
            group: String::new(),
            plural: "cloud".into(),
            namespace: String::new(),
            name: what.to_owned(),
            subresource: None,
            format: None,
            dry_run: false,
            digest: String::new(),
        }
    }

    /// Leases and Events carry no decision, and a dry run changes nothing: dying around them is
    /// dying between two other effects.
    fn counts(&self) -> bool {
        !self.dry_run && !super::is_chatter(&self.plural)
    }
}

/// One request that was carried out or refused.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The number, of the operator's effects that count.
    pub number: Option<u64>,
    /// Virtual time since the start of the world.
    pub at: Duration,
    pub agent: Arc<str>,
    pub request: Request,
    pub code: u16,
    pub before: Option<Arc<Value>>,
    pub after: Option<Arc<Value>>,
}

impl Effect {
    /// Whether something is different now.
    pub fn changed(&self) -> bool {
        match (&self.before, &self.after) {
            // A write that changes nothing leaves the stored object in its place.
            (Some(before), Some(after)) => !Arc::ptr_eq(before, after),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }
}

/// The log and the crash point.
#[derive(Debug, Default)]
pub struct Effects {
    log: Vec<Effect>,
    counted: u64,
    crash_at: Option<CrashAt>,
    crashes: u64,
    bell: Arc<Notify>,
}

/// The place of one request in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    number: Option<u64>,
    crash_at: Option<CrashAt>,
}

impl Point {
    pub(super) fn crashes_before(self) -> bool {
        self.number
            .is_some_and(|number| self.crash_at == Some(CrashAt::Before(number)))
    }

    pub(super) fn crashes_after(self) -> bool {
        self.number
            .is_some_and(|number| self.crash_at == Some(CrashAt::After(number)))
    }
}

impl Effects {
    /// Lets the operator die once, there.
    pub fn crash_at(&mut self, point: CrashAt) {
        self.crash_at = Some(point);
    }

    /// How many of the operator's effects were counted so far.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// How often the operator died at a crash point.
    pub fn crashes(&self) -> u64 {
        self.crashes
    }

    /// Everything that was asked for so far.
    pub fn log(&self) -> &[Effect] {
        &self.log
    }

    /// Rung when the operator dies at a crash point.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    pub(super) fn begin(&mut self, process: Option<&Process>, request: &Request) -> Point {
        let counts = process.is_some_and(|process| !process.is_dead()) && request.counts();
        let number = counts.then(|| {
            self.counted += 1;
            self.counted
        });
        Point {
            number,
            crash_at: self.crash_at,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the columns of one log line")]
    pub(super) fn end(
        &mut self,
        agent: &Arc<str>,
        at: Duration,
        point: Point,
        mut request: Request,
        code: u16,
        before: Option<Arc<Value>>,
        after: Option<Arc<Value>>,
    ) {
        if request.name.is_empty() {
            let named = after
                .as_ref()
                .and_then(|object| object["metadata"]["name"].as_str());
            named.unwrap_or_default().clone_into(&mut request.name);
        }
        let agent = Arc::clone(agent);
        self.log.push(Effect {
            number: point.number,
            at,
            agent,
            request,
            code,
            before,
            after,
        });
    }

    pub(super) fn crash(&mut self, process: Option<&Process>) {
        if let Some(process) = process {
            process.kill();
        }
        self.crash_at = None;
        self.crashes += 1;
        self.bell.notify_one();
    }
}

impl ApiServer {
    /// Runs an effect outside the hub for the operator: it is logged, numbered, and a crash point
    /// like any other. A dead process gets no answer and does nothing.
    pub async fn around<T>(
        &self,
        process: &Arc<Process>,
        what: &str,
        call: impl Future<Output = T>,
    ) -> T {
        tokio::time::sleep(self.delay_of_request(&process.name)).await;
        if process.is_dead() {
            std::future::pending::<()>().await;
        }
        let request = Request::outside(what);
        let point = self.effects().begin(Some(process), &request);
        if point.crashes_before() {
            self.effects().crash(Some(process));
            std::future::pending::<()>().await;
        }
        let result = call.await;
        let at = self.clock().elapsed();
        self.effects()
            .end(&process.name, at, point, request, 200, None, None);
        self.ring();
        if point.crashes_after() {
            self.effects().crash(Some(process));
            std::future::pending::<()>().await;
        }
        result
    }
}
