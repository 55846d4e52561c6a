//! Events on objects, from notes.
//!
//! One Event per object, reason and text: the same note again within half an hour is not sent again,
//! later it is counted on the Event that exists. Each object may have a burst of Events and then a few
//! a minute; what is over is dropped and counted. The name of an Event follows from what it says, so
//! that a new process finds the old one's Event instead of repeating it: it looks before it tells a note
//! for the first time, and counts what is still alarming.
//!
//! An Event that cannot be written is dropped: it never keeps a controller waiting. In a namespace that is
//! going away none can be created; there the namespace itself gets it, in the default one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::core::ObjectMeta;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::metrics::Metrics;
use super::request_error::is_namespace_terminating;
use super::{Clock, Kind};
use crate::plan::Note;

/// Events that wait to be written; a fleet's worth of bad news at once.
const WAITING: usize = 1024;

/// How long the same note is not repeated. Below the hour for which API servers keep Events, so that
/// what lasts stays visible.
pub const QUIET: Duration = Duration::from_mins(30);

/// Events that one object may have at once, and how long it takes to earn another.
const BURST: u32 = 15;
const REFILL: Duration = Duration::from_secs(20);

/// Objects whose Events are remembered before those are dropped that have had none lately.
const REMEMBERED: usize = 4096;

/// Longest text that the API accepts.
const MAX_NOTE: usize = 1024;

/// Publishes notes as Events. Clones share what was published.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    clock: Clock,
    metrics: Metrics,
    controller: &'static str,
    instance: String,
    sent: Mutex<BTreeMap<String, Sent>>,
    queue: mpsc::Sender<Message>,
    waiting: Mutex<Option<mpsc::Receiver<Message>>>,
}

/// What was published about one object.
struct Sent {
    /// When each note was last sent, and how often in all, by the Event's name.
    notes: BTreeMap<String, (Duration, i32)>,
    tokens: u32,
    refilled: Duration,
}

struct Message {
    uid: String,
    namespace: String,
    name: String,
    count: i32,
    warning: bool,
    body: Value,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// A publisher; [`Events::run`] does the writing.
    pub fn new(
        client: Client,
        clock: Clock,
        metrics: Metrics,
        controller: &'static str,
        instance: &str,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let inner = Inner {
            client,
            clock,
            metrics,
            controller,
            instance: instance.to_owned(),
            sent: Mutex::default(),
            queue,
            waiting: Mutex::new(Some(waiting)),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Publishes a note on an object, unless it was published lately. `action` is what was being done,
    /// one word.
    pub fn publish<K: Kind>(&self, regarding: &ObjectMeta, action: &str, note: &Note) {
        let text = text_of(note);
        let uid = regarding.uid.clone().unwrap_or_default();
        let name = event_name(
            regarding.name.as_deref().unwrap_or_default(),
            &uid,
            &note.reason,
            &text,
        );
        let Some(count) = self.admit(&uid, &name) else {
            return;
        };
        // Events of objects without a namespace live in the default one.
        let namespace = regarding
            .namespace
            .clone()
            .unwrap_or_else(|| "default".to_owned());
        let now = micro_time(self.inner.clock.now());
        let body = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": { "name": name, "namespace": namespace },
            "eventTime": now,
            "type": if note.is_warning() { "Warning" } else { "Normal" },
            "reason": note.reason,
            "action": action,
            "note": text,
            "reportingController": self.inner.controller,
            "reportingInstance": self.inner.instance,
            "regarding": {
                "apiVersion": K::api_version(&()),
                "kind": K::kind(&()),
                "namespace": regarding.namespace,
                "name": regarding.name,
                "uid": regarding.uid,
            },
        });
        let message = Message {
            uid,
            namespace,
            name,
            count,
            warning: note.is_warning(),
            body,
        };
        if self.inner.queue.try_send(message).is_err() {
            self.inner.metrics.event("dropped");
        }
    }

    /// Writes what is published, one after another. Never returns.
    pub async fn run(self) -> Infallible {
        let waiting = self.inner.waiting.lock().take();
        if let Some(mut waiting) = waiting {
            while let Some(message) = waiting.recv().await {
                self.write(message).await;
            }
        }
        std::future::pending().await
    }

    pub(super) fn forget(&self, uid: &str) {
        self.inner.sent.lock().remove(uid);
    }

    /// Whether the Event is to be sent, and for the how manieth time.
    fn admit(&self, uid: &str, name: &str) -> Option<i32> {
        let now = self.inner.clock.elapsed();
        let mut sent = self.inner.sent.lock();
        if sent.len() > REMEMBERED {
            let lately = |sent: &Sent| {
                sent.notes
                    .values()
                    .any(|(at, _)| now.saturating_sub(*at) < QUIET)
            };
            sent.retain(|_, sent| lately(sent));
        }
        let sent = sent.entry(uid.to_owned()).or_insert_with(|| Sent {
            notes: BTreeMap::new(),
            tokens: BURST,
            refilled: now,
        });
        let last = sent.notes.get(name).copied();
        if last.is_some_and(|(at, _)| now.saturating_sub(at) < QUIET) {
            return None;
        }
        while sent.tokens < BURST && now.saturating_sub(sent.refilled) >= REFILL {
            sent.tokens += 1;
            sent.refilled += REFILL;
        }
        if sent.tokens == 0 {
            self.inner.metrics.event("limited");
            return None;
        }
        if sent.tokens == BURST {
            sent.refilled = now;
        }
        sent.tokens -= 1;
        let count = last.map_or(1, |(_, count)| count.saturating_add(1));
        sent.notes
            .retain(|_, (at, _)| now.saturating_sub(*at) < QUIET * 4);
        sent.notes.insert(name.to_owned(), (now, count));
        Some(count)
    }

    async fn write(&self, message: Message) {
        let outcome = match self.create_or_count(&message).await {
            Ok(()) => "written",
            Err(error) => {
                let error = super::error_chain(&error);
                tracing::debug!(event = message.name, error, "Event not written");
                "failed"
            }
        };
        self.inner.metrics.event(outcome);
    }

    async fn create_or_count(&self, message: &Message) -> Result<(), kube::Error> {
        let path = format!(
            "/apis/events.k8s.io/v1/namespaces/{}/events",
            message.namespace
        );
        let own = format!("{path}/{}", message.name);
        let mut count = message.count;
        if count == 1
            && let Some(before) = self.told_before(&own).await
        {
            if !message.warning {
                return Ok(());
            }
            count = before.saturating_add(1);
            self.remember(message, count);
        }
        if count > 1 {
            match self.count(own, count).await {
                // The server has forgotten it: it is told again.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                result => return result.map(drop),
            }
        }
        match self.create(path, &message.body).await {
            Err(kube::Error::Api(status)) if is_namespace_terminating(&status) => {
                let path = "/apis/events.k8s.io/v1/namespaces/default/events".to_owned();
                self.create(path, &about_namespace(message)).await
            }
            result => result,
        }
    }

    async fn create(&self, path: String, body: &Value) -> Result<(), kube::Error> {
        match self.send("POST", path, "application/json", body).await {
            // Told by another process at this moment.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            result => result.map(drop),
        }
    }

    /// How often a process before this one told it. That the server cannot be asked is no reason not to
    /// tell.
    async fn told_before(&self, path: &str) -> Option<i32> {
        let request = http::Request::get(path).body(Vec::new()).ok()?;
        let found = self.inner.client.request::<Value>(request).await.ok()?;
        let count = found["series"]["count"].as_i64();
        Some(
            count
                .and_then(|count| i32::try_from(count).ok())
                .unwrap_or(1),
        )
    }

    fn remember(&self, message: &Message, count: i32) {
        let mut sent = self.inner.sent.lock();
        let note = sent
            .get_mut(&message.uid)
            .and_then(|sent| sent.notes.get_mut(&message.name));
        if let Some((_, known)) = note {
            *known = count;
        }
    }

    async fn count(&self, path: String, count: i32) -> Result<Value, kube::Error> {
        let now = micro_time(self.inner.clock.now());
        let body = json!({ "series": { "count": count, "lastObservedTime": now } });
        self.send("PATCH", path, "application/merge-patch+json", &body)
            .await
    }

    async fn send(
        &self,
        method: &str,
        path: String,
        content: &str,
        body: &Value,
    ) -> Result<Value, kube::Error> {
        let bytes = serde_json::to_vec(body).map_err(kube::Error::SerdeError)?;
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content)
            .body(bytes)
            .map_err(kube::Error::HttpError)?;
        self.inner.client.request::<Value>(request).await
    }
}

/// The same Event about the namespace of its object.
fn about_namespace(message: &Message) -> Value {
    let mut body = message.body.clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (
        text(&body["regarding"]["kind"]),
        text(&body["regarding"]["name"]),
    );
    body["note"] = json!(shortened(format!("{kind} {name}: {}", text(&body["note"]))));
    body["metadata"]["namespace"] = json!("default");
    body["regarding"] =
        json!({ "apiVersion": "v1", "kind": "Namespace", "name": message.namespace });
    body
}

fn text_of(note: &Note) -> String {
    shortened(note.event_text())
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_NOTE {
        text.truncate(text.floor_char_boundary(MAX_NOTE - '…'.len_utf8()));
        text.push('…');
    }
    text
}

/// `<object>.<hash of what it says>`.
fn event_name(object: &str, uid: &str, reason: &str, text: &str) -> String {
    let mut hash = Sha256::new();
    for part in [uid, reason, text] {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut name = object[..object.floor_char_boundary(200)].to_owned();
    name.push('.');
    for byte in digest.iter().take(8) {
        // Writing to a String does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn micro_time(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
    use kube::Api;
    use kube::api::{DeleteParams, PostParams};

    use super::*;
    use crate::runtime::testing::Hub;

    fn map(uid: &str) -> ObjectMeta {
        ObjectMeta {
            namespace: Some("default".to_owned()),
            name: Some("a".to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectMeta::default()
        }
    }

    fn told(hub: &Hub) -> Vec<(String, i64)> {
        let events = hub.server.objects("events.k8s.io", "events");
        let shown = |event: &Value| {
            let count = event["series"]["count"].as_i64().unwrap_or(1);
            (event["note"].as_str().unwrap_or_default().to_owned(), count)
        };
        let mut told: Vec<_> = events.iter().map(|event| shown(event)).collect();
        told.sort();
        told
    }

    fn publisher(hub: &Hub) -> Events {
        let (client, _) = hub.operator("operator");
        let events = Events::new(client, hub.clock.clone(), Metrics::new(), "skep", "pod");
        tokio::spawn(events.clone().run());
        events
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_note_is_told_once_and_counted_later() {
        let hub = Hub::new(1);
        let events = publisher(&hub);
        let note = Note::blocked("NoSecret", "Secret x is missing", "Secret x", "create it");
        for _ in 0..10 {
            events.publish::<ConfigMap>(&map("u"), "Reconcile", &note);
            hub.pass(Duration::from_secs(60)).await;
        }
        let text = "Secret x is missing: create it".to_owned();
        assert_eq!(told(&hub), [(text.clone(), 1)]);
        hub.pass(QUIET).await;
        events.publish::<ConfigMap>(&map("u"), "Reconcile", &note);
        hub.pass(Duration::from_secs(1)).await;
        assert_eq!(told(&hub), [(text.clone(), 2)]);
        // A new process finds the Event of the old one, and creates no second one.
        let events = publisher(&hub);
        events.publish::<ConfigMap>(&map("u"), "Reconcile", &note);
        let other = Note::blocked("NoSecret", "Secret y is missing", "Secret y", "create it");
        events.publish::<ConfigMap>(&map("u"), "Reconcile", &other);
        hub.pass(Duration::from_secs(1)).await;
        assert_eq!(
            told(&hub),
            [(text, 3), ("Secret y is missing: create it".to_owned(), 1)]
        );
        // What alarms nobody is told once, whoever tells it.
        let done = Note::done("Done", "it is done").as_event();
        for _ in 0..2 {
            let events = publisher(&hub);
            events.publish::<ConfigMap>(&map("v"), "Reconcile", &done);
            hub.pass(Duration::from_secs(1)).await;
        }
        assert!(told(&hub).contains(&("it is done".to_owned(), 1)));
        let effects = hub.server.effects();
        let refused = effects.log().iter().filter(|effect| effect.code == 409);
        assert_eq!(refused.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_object_cannot_flood() {
        let hub = Hub::new(1);
        let events = publisher(&hub);
        for n in 0..100 {
            let note = Note::failed("Broken", format!("try {n}"), "tried again");
            events.publish::<ConfigMap>(&map("u"), "Reconcile", &note);
        }
        events.publish::<ConfigMap>(&map("v"), "Reconcile", &Note::failed("Other", "x", ""));
        hub.pass(Duration::from_secs(10)).await;
        assert_eq!(told(&hub).len(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_dying_namespace_cannot_take_is_told_of_the_namespace() {
        let hub = Hub::new(1);
        let events = publisher(&hub);
        let (client, _) = hub.operator("person");
        let spaces: Api<Namespace> = Api::all(client.clone());
        let maps: Api<ConfigMap> = Api::namespaced(client, "team");
        let space = json!({ "metadata": { "name": "team" } });
        let held = json!({ "metadata": { "name": "held", "finalizers": ["test.dev/held"] } });
        let create = PostParams::default();
        let space = serde_json::from_value(space).expect("a namespace");
        let held = serde_json::from_value(held).expect("a ConfigMap");
        spaces.create(&create, &space).await.expect("a namespace");
        maps.create(&create, &held).await.expect("a ConfigMap");
        let ended = spaces.delete("team", &DeleteParams::default()).await;
        ended.expect("a namespace that goes away");
        let of = ObjectMeta {
            namespace: Some("team".to_owned()),
            ..map("u")
        };
        let note = Note::failed("Blocked", "an interface of others", "tried again");
        events.publish::<ConfigMap>(&of, "Reconcile", &note);
        hub.pass(Duration::from_secs(1)).await;
        let events = hub.server.objects("events.k8s.io", "events");
        let [event] = events.as_slice() else {
            panic!("one Event is expected: {events:?}");
        };
        assert_eq!(event["metadata"]["namespace"], "default");
        let regarding = json!({ "apiVersion": "v1", "kind": "Namespace", "name": "team" });
        assert_eq!(event["regarding"], regarding);
        let text = event["note"].as_str().unwrap_or_default();
        assert!(text.starts_with("ConfigMap a: an interface"), "{text}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let note = Note::progress("Long", "é".repeat(2000));
        let text = text_of(&note);
        assert!(
            text.len() <= MAX_NOTE && text.ends_with('…'),
            "{}",
            text.len()
        );
    }
}
