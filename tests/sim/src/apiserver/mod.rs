//! An executable model of the Kubernetes API server, faithful in what operators can observe.
//!
//! [`ApiServer::client`] makes a `kube::Client` whose transport is the model. Requests take a
//! seeded few milliseconds of virtual time before they are looked at, watch events a few more
//! before they are delivered, so that a seed decides how the actors interleave; each request is
//! atomic. Around the plain verbs ([`verbs`]) lie the effect log and the crash point ([`effects`]),
//! injected failures ([`faults`]) and stale views ([`views`]).
//!
//! Not modelled: `managedFields`, tables, protobuf, RBAC,
//! webhooks, aggregated discovery, field-level ownership of server-side apply.

pub mod effects;
pub mod faults;
pub mod gc;
pub mod registry;
pub mod schema;
pub mod select;
pub mod status;
pub mod store;
pub mod views;

mod defaults;
mod list;
mod patch;
mod route;
mod validate;
mod verbs;
mod watch;

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use jiff::Timestamp;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{sync::Notify, time::Instant};

pub use self::verbs::Hook;
use self::{
    effects::{Effects, Process},
    faults::Faults,
    registry::{Kind, ResourceKey},
    route::{Target, Verb},
    status::Failure,
    store::ObjectKey,
    verbs::Core,
    views::Views,
};
use crate::seed;

/// What the transport may answer with besides a response.
type Error = Box<dyn std::error::Error + Send + Sync>;
type ResponseBody = UnsyncBoxBody<Bytes, Error>;

/// How long things take, at most; the seed chooses within.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// From sending a request to its execution; at least one millisecond.
    pub request: Duration,
    /// From a change to its delivery by a watch.
    pub watch: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            request: Duration::from_millis(6),
            watch: Duration::from_millis(25),
        }
    }
}

/// The virtual clock: wall time is derived from tokio's, which is paused.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Timestamp,
    anchor: Instant,
}

impl Clock {
    /// A clock that reads `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            anchor: Instant::now(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.start + self.elapsed()
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.anchor.elapsed()
    }
}

/// The server; clones share it.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    seed: u64,
    clock: Clock,
    latency: Latency,
    core: Mutex<Core>,
    effects: Mutex<Effects>,
    faults: Mutex<Faults>,
    views: Mutex<Views>,
    /// Requests so far by agent, to seed latencies independently of other agents.
    requests: Mutex<BTreeMap<Arc<str>, u64>>,
    /// Rung after each change of anything that somebody acts on. Wakes in the order of waiting,
    /// unlike a watch channel.
    changed: Notify,
    /// Rung after each change of a Lease or an Event: every few seconds, and of no concern to anybody
    /// but those who watch them.
    chatter: Notify,
}

impl ApiServer {
    /// An empty server with the namespaces every hub has.
    pub fn new(seed: u64, clock: Clock, latency: Latency) -> Self {
        let server = Self {
            shared: Arc::new(Shared {
                seed,
                clock,
                latency,
                core: Mutex::new(Core::new(seed)),
                effects: Mutex::default(),
                faults: Mutex::new(Faults::new(seed)),
                views: Mutex::default(),
                requests: Mutex::default(),
                changed: Notify::new(),
                chatter: Notify::new(),
            }),
        };
        for name in ["default", "kube-system", "hive"] {
            server.seed_object("", "namespaces", &json!({"metadata": {"name": name}}));
        }
        server
    }

    /// A client of somebody who is not the operator, shown as `agent` in transcripts.
    pub fn client(&self, agent: &str) -> kube::Client {
        self.client_with(Endpoint {
            server: self.clone(),
            agent: agent.into(),
            process: None,
        })
    }

    /// A client of one life of the operator: its effects are counted, and once that life ends none
    /// of its requests is answered any more.
    pub fn client_of(&self, process: &Arc<Process>) -> kube::Client {
        self.client_with(self.endpoint_of(process))
    }

    /// The transport of [`Self::client_of`], for an operator that puts its own layers around it.
    pub fn endpoint_of(&self, process: &Arc<Process>) -> Endpoint {
        let agent = Arc::clone(&process.name);
        Endpoint {
            server: self.clone(),
            agent,
            process: Some(Arc::clone(process)),
        }
    }

    #[allow(clippy::unused_self, reason = "reads as a method of the server")]
    fn client_with(&self, endpoint: Endpoint) -> kube::Client {
        kube::Client::new(endpoint, "default")
    }

    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// Serves one more resource.
    pub fn register(&self, kind: Kind) {
        self.shared.core.lock().registry.add(kind);
    }

    /// Completes or refuses objects before they are stored, after the built-in defaults.
    pub fn add_hook(&self, hook: Hook) {
        self.shared.core.lock().hooks.push(hook);
    }

    /// Puts an object there without a request: the state a scenario starts from.
    pub fn seed_object(&self, group: &str, plural: &str, object: &Value) {
        let now = self.shared.clock.now();
        let mut core = self.shared.core.lock();
        let kind = core
            .registry
            .get(group, plural)
            .cloned()
            .expect("a served resource");
        let namespace = kind.namespaced.then(|| {
            object["metadata"]["namespace"]
                .as_str()
                .unwrap_or("default")
                .to_owned()
        });
        let target = Target {
            kind,
            namespace,
            name: None,
            subresource: None,
            query: BTreeMap::new(),
            partial: false,
        };
        let body = object.to_string();
        core.answer(
            Verb::Create,
            &target,
            "application/json",
            body.as_bytes(),
            now,
        )
        .unwrap_or_else(|failure| panic!("seeding {plural}: {}", failure.body["message"]));
        drop(core);
        self.ring();
    }

    /// A copy of one object as stored.
    pub fn object(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let found = self.stored(group, plural, namespace, name);
        found.map(|object| Value::clone(&object))
    }

    /// One object as stored, to look at.
    pub fn stored(
        &self,
        group: &str,
        plural: &str,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<Value>> {
        let core = self.shared.core.lock();
        let kind = core.registry.get(group, plural)?;
        core.store
            .get(kind, &(namespace.to_owned(), name.to_owned()))
    }

    /// All objects of a resource as stored.
    pub fn objects(&self, group: &str, plural: &str) -> Vec<Arc<Value>> {
        let resource = (group.to_owned(), plural.to_owned());
        let core = self.shared.core.lock();
        let mut shelves = core.store.shelves();
        let shelf = shelves.find(|(key, _)| **key == resource);
        shelf
            .map(|(_, shelf)| shelf.objects.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Everything that is stored, by resource and key.
    pub fn everything(&self) -> BTreeMap<(ResourceKey, ObjectKey), Arc<Value>> {
        let core = self.shared.core.lock();
        let shelves = core.store.shelves();
        shelves
            .flat_map(|(resource, shelf)| {
                let objects = shelf.objects.iter();
                objects
                    .map(move |(key, object)| ((resource.clone(), key.clone()), Arc::clone(object)))
            })
            .collect()
    }

    /// How many objects were ever created under each key.
    pub fn births(&self) -> BTreeMap<(ResourceKey, ObjectKey), u64> {
        self.shared.core.lock().births().clone()
    }

    /// Forgets the history: a watch that did not see everything yet ends with 410.
    pub fn compact(&self) {
        self.shared.core.lock().store.compact();
        self.ring();
    }

    /// The effect log and the crash point.
    pub fn effects(&self) -> parking_lot::MutexGuard<'_, Effects> {
        self.shared.effects.lock()
    }

    /// The rules by which requests fail.
    pub fn faults(&self) -> parking_lot::MutexGuard<'_, Faults> {
        self.shared.faults.lock()
    }

    /// From now on the operator's watches of this resource deliver nothing; its cache is frozen.
    /// Lists that may be answered from the server's cache (`resourceVersion=0`) freeze too.
    pub fn freeze_watches(&self, plural: &str) {
        let revision = self.shared.core.lock().store.revision();
        self.shared.views.lock().freeze(plural, revision);
    }

    /// Ends a freeze: what happened meanwhile is delivered in order.
    pub fn thaw_watches(&self, plural: &str) {
        self.shared.views.lock().thaw(plural);
        self.ring();
    }

    /// The operator's watches of this resource lag by so much more.
    pub fn delay_watches(&self, plural: &str, by: Duration) {
        self.shared.views.lock().delay(plural, by);
        self.ring();
    }

    /// The operator's watches lose the next `count` events of this resource.
    pub fn skip_events(&self, plural: &str, count: u64) {
        self.shared.views.lock().skip(plural, count);
    }

    /// Returns after the next change of anything but Leases and Events.
    pub async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// Calls `look` now and after every change until it finds something.
    pub async fn when<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look(self) {
                return found;
            }
            changed.await;
        }
    }

    fn ring(&self) {
        self.shared.changed.notify_waiters();
        self.shared.chatter.notify_waiters();
    }

    /// The bell of one resource.
    fn bell(&self, plural: &str) -> &Notify {
        if is_chatter(plural) {
            &self.shared.chatter
        } else {
            &self.shared.changed
        }
    }

    fn delay_of_request(&self, agent: &Arc<str>) -> Duration {
        let mut requests = self.shared.requests.lock();
        let count = requests.entry(Arc::clone(agent)).or_default();
        *count += 1;
        let bound = u64::try_from(self.shared.latency.request.as_millis())
            .unwrap_or(1)
            .max(1);
        let parts = ["request", agent, &count.to_string()];
        Duration::from_millis(1 + seed::below(bound, self.shared.seed, &parts))
    }

    /// All requests so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.lock().values().sum()
    }
}

/// The transport of one client.
#[derive(Clone)]
pub struct Endpoint {
    server: ApiServer,
    agent: Arc<str>,
    process: Option<Arc<Process>>,
}

impl tower::Service<Request<Body>> for Endpoint {
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Self::Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.clone().serve(request).boxed()
    }
}

impl Endpoint {
    async fn serve(self, request: Request<Body>) -> Result<Response<ResponseBody>, Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let server = &self.server;
        tokio::time::sleep(server.delay_of_request(&self.agent)).await;
        self.stay_if_dead().await;
        if parts.uri.path() == "/version" {
            let version = json!({
                "major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "",
                "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.25",
                "compiler": "gc", "platform": "linux/amd64",
            });
            return respond(200, &version);
        }
        let parsed = route::parse(&parts, &server.shared.core.lock().registry);
        let (verb, target) = match parsed {
            Ok(parsed) => parsed,
            Err(failure) => return respond(failure.code, &failure.body),
        };
        match verb {
            Verb::Watch => self.watch(&target),
            Verb::List => self.list(&target),
            Verb::Get => self.get(&target),
            Verb::Create | Verb::Update | Verb::Patch | Verb::Delete | Verb::DeleteCollection => {
                let content_type = parts.headers.get(header::CONTENT_TYPE);
                let content_type = content_type.and_then(|value| value.to_str().ok());
                self.mutate(
                    verb,
                    &target,
                    content_type.unwrap_or("application/json"),
                    &body,
                )
                .await
            }
        }
    }

    /// Nobody answers a process that was killed.
    async fn stay_if_dead(&self) {
        if self
            .process
            .as_ref()
            .is_some_and(|process| process.is_dead())
        {
            std::future::pending::<()>().await;
        }
    }

    fn get(&self, target: &Target) -> Result<Response<ResponseBody>, Error> {
        if let Some(failure) = self.fault(Verb::Get, target) {
            return respond(failure.code, &failure.body);
        }
        let now = self.server.shared.clock.now();
        let mut core = self.server.shared.core.lock();
        let cached = target.text("resourceVersion") == Some("0");
        let frozen = cached.then(|| self.limit(target)).flatten();
        let answer = match frozen {
            Some(revision) => list::frozen(&mut core, target, revision),
            None => core.answer(Verb::Get, target, "", &[], now),
        };
        match answer {
            Ok((code, object)) => respond(code, &presented(target, &object)),
            Err(failure) => respond(failure.code, &failure.body),
        }
    }

    fn list(&self, target: &Target) -> Result<Response<ResponseBody>, Error> {
        if let Some(failure) = self.fault(Verb::List, target) {
            return respond(failure.code, &failure.body);
        }
        let limit = self.limit(target);
        let answer = list::list(&mut self.server.shared.core.lock(), target, limit);
        match answer {
            Ok(body) => respond(200, &body),
            Err(failure) => respond(failure.code, &failure.body),
        }
    }

    fn watch(&self, target: &Target) -> Result<Response<ResponseBody>, Error> {
        if let Some(failure) = self.fault(Verb::Watch, target) {
            return respond(failure.code, &failure.body);
        }
        match watch::open(self, target) {
            Ok(body) => Ok(Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(body)?),
            Err(failure) => respond(failure.code, &failure.body),
        }
    }

    async fn mutate(
        &self,
        verb: Verb,
        target: &Target,
        content_type: &str,
        body: &[u8],
    ) -> Result<Response<ResponseBody>, Error> {
        let server = &self.server;
        let shown = effects::Request::of(verb, target, content_type, body);
        let point = server.effects().begin(self.process.as_deref(), &shown);
        if point.crashes_before() {
            server.effects().crash(self.process.as_deref());
            std::future::pending::<()>().await;
        }
        let fault = self.fault(verb, target);
        let (answer, before, after) = if let Some(failure) = fault {
            (Err(failure), None, None)
        } else {
            let now = server.shared.clock.now();
            let mut core = server.shared.core.lock();
            let key = (
                target.scope().to_owned(),
                target.name.clone().unwrap_or_default(),
            );
            let before = core.store.get(&target.kind, &key);
            let answer = core.answer(verb, target, content_type, body, now);
            let named = answer
                .as_ref()
                .ok()
                .filter(|_| verb == Verb::Create)
                .and_then(|reply| reply.1["metadata"]["name"].as_str().map(ToOwned::to_owned));
            let key = (key.0, named.unwrap_or(key.1));
            let after = core.store.get(&target.kind, &key);
            (answer, before, after)
        };
        let answer = match self.lost(verb, target, &answer) {
            Some(failure) => Err(failure),
            None => answer,
        };
        let code = match &answer {
            Ok((code, _)) => *code,
            Err(failure) => failure.code,
        };
        let at = server.shared.clock.elapsed();
        server
            .effects()
            .end(&self.agent, at, point, shown, code, before, after);
        server.bell(&target.kind.plural).notify_waiters();
        if point.crashes_after() {
            server.effects().crash(self.process.as_deref());
            std::future::pending::<()>().await;
        }
        match answer {
            Ok((code, object)) if object["kind"] == "Status" => respond(code, &object),
            Ok((code, object)) => respond(code, &presented(target, &object)),
            Err(failure) => respond(failure.code, &failure.body),
        }
    }

    fn fault(&self, verb: Verb, target: &Target) -> Option<Box<Failure>> {
        self.server.faults().before(&self.agent, verb, target)
    }

    /// A failure reported although the request was carried out.
    fn lost(
        &self,
        verb: Verb,
        target: &Target,
        answer: &status::Answer<verbs::Reply>,
    ) -> Option<Box<Failure>> {
        answer.as_ref().ok()?;
        self.server.faults().after(&self.agent, verb, target)
    }

    /// The revision at which this client's view of the resource is frozen.
    fn limit(&self, target: &Target) -> Option<u64> {
        self.process.as_ref()?;
        self.server
            .shared
            .views
            .lock()
            .frozen_at(&target.kind.plural)
    }
}

fn respond(code: u16, body: &Value) -> Result<Response<ResponseBody>, Error> {
    let bytes = match body {
        Value::String(text) => Bytes::from(text.clone()),
        body => Bytes::from(serde_json::to_vec(body)?),
    };
    let body = Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync();
    Ok(Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)?)
}

/// An object as the client asked to see it.
fn presented(target: &Target, object: &Value) -> Value {
    if target.partial {
        partial(object)
    } else {
        object.clone()
    }
}

/// Leases and Events carry no decision.
fn is_chatter(plural: &str) -> bool {
    matches!(plural, "leases" | "events")
}

/// An object reduced to its metadata.
fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}
