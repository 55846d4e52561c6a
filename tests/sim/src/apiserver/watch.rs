//! WATCH: the history of a resource from a revision on, as a stream of lines.
//!
//! A stream is a cursor into the store's history, not a queue that is filled: it can fall behind,
//! freeze, lose events and be overtaken by a compaction, as real watches are.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Endpoint, Error, ResponseBody, partial,
    registry::Kind,
    route::Target,
    select::Selector,
    status::{Answer, Failure},
    store::{Change, Event},
    verbs,
};
use crate::seed;

/// How often a quiet watch says how far it got; the real server takes about as long.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// The real server's shortest random limit for clients that name none.
const DEFAULT_TIMEOUT: u64 = 1800;

struct Watch {
    endpoint: Endpoint,
    kind: Kind,
    scope: Option<String>,
    selector: Selector,
    partial: bool,
    /// The last revision that was looked at.
    cursor: u64,
    bookmarks: Option<Instant>,
    deadline: Instant,
    ready: VecDeque<Bytes>,
    ended: bool,
}

/// What a look at the history says to do next.
enum Next {
    Emitted,
    WaitUntil(Instant),
    WaitForChange,
}

/// Opens the stream of a watch request.
pub(super) fn open(endpoint: &Endpoint, target: &Target) -> Answer<ResponseBody> {
    let seconds = target
        .text("timeoutSeconds")
        .and_then(|text| text.parse().ok());
    let now = Instant::now();
    let mut watch = Watch {
        endpoint: endpoint.clone(),
        kind: target.kind.clone(),
        scope: target.namespace.clone(),
        selector: verbs::selector(target)?,
        partial: target.partial,
        cursor: 0,
        bookmarks: target
            .flag("allowWatchBookmarks")
            .then(|| now + BOOKMARK_EVERY),
        deadline: now + Duration::from_secs(seconds.unwrap_or(DEFAULT_TIMEOUT)),
        ready: VecDeque::new(),
        ended: false,
    };
    watch.begin(target)?;
    let frames = futures::stream::unfold(watch, |mut watch| async move {
        let bytes = watch.next().await?;
        Some((Ok::<_, Error>(Frame::data(bytes)), watch))
    });
    Ok(StreamBody::new(frames).boxed_unsync())
}

impl Watch {
    /// Finds the cursor, and lists what exists where the request asks for it.
    fn begin(&mut self, target: &Target) -> Answer<()> {
        let limit = self.endpoint.limit(target);
        let server = self.endpoint.server.clone();
        let mut core = server.shared.core.lock();
        let newest = core.store.revision();
        let given = target.text("resourceVersion").unwrap_or("0");
        let given = given
            .parse::<u64>()
            .map_err(|_| Failure::bad_request(&format!("invalid resource version: {given:?}")))?;
        let initial = target
            .query
            .get("sendInitialEvents")
            .map(|value| value == "true");
        if !initial.unwrap_or(given == 0) {
            self.cursor = if given == 0 { newest } else { given };
            return Ok(());
        }
        self.cursor = limit.unwrap_or(newest);
        let objects = core
            .store
            .shelf(&self.kind)
            .at(self.cursor)
            .unwrap_or_default();
        for (key, object) in objects {
            if self.in_scope(&key.0) && self.selector.matches(&object) {
                self.emit("ADDED", &object);
            }
        }
        if initial.is_some() && self.bookmarks.is_some() {
            self.bookmark(true);
        }
        Ok(())
    }

    async fn next(&mut self) -> Option<Bytes> {
        let server = self.endpoint.server.clone();
        loop {
            self.endpoint.stay_if_dead().await;
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            if self.ended || Instant::now() >= self.deadline {
                return None;
            }
            let mut changed = std::pin::pin!(server.bell(&self.kind.plural).notified());
            changed.as_mut().enable();
            let limit = self
                .bookmarks
                .map_or(self.deadline, |at| at.min(self.deadline));
            let until = match self.look() {
                Next::Emitted => continue,
                Next::WaitUntil(at) => at.min(self.deadline),
                Next::WaitForChange => limit,
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = tokio::time::sleep_until(until) => {}
            }
            if self.bookmarks.is_some_and(|at| Instant::now() >= at) {
                self.bookmarks = Some(Instant::now() + BOOKMARK_EVERY);
                if self.caught_up() {
                    self.bookmark(false);
                }
            }
        }
    }

    /// Takes at most one event from the history.
    fn look(&mut self) -> Next {
        let server = self.endpoint.server.clone();
        let operator = self.endpoint.process.is_some();
        let mut core = server.shared.core.lock();
        let mut views = server.shared.views.lock();
        let plural = &self.kind.plural;
        let frozen = if operator {
            views.frozen_at(plural)
        } else {
            None
        };
        let lag = if operator {
            views.delay_of(plural)
        } else {
            Duration::ZERO
        };
        let shelf = core.store.shelf(&self.kind);
        if self.cursor < shelf.floor {
            let message = format!(
                "too old resource version: {} ({})",
                self.cursor, shelf.floor
            );
            let error = Failure::expired(&message).body;
            self.push(&json!({"type": "ERROR", "object": error}));
            self.ended = true;
            return Next::Emitted;
        }
        let first = shelf
            .log
            .partition_point(|event| event.revision <= self.cursor);
        let Some(event) = shelf.log.get(first).cloned() else {
            return Next::WaitForChange;
        };
        if frozen.is_some_and(|revision| event.revision > revision) {
            return Next::WaitForChange;
        }
        let due = event.at + lag + self.latency(event.revision);
        if due > Instant::now() {
            return Next::WaitUntil(due);
        }
        self.cursor = event.revision;
        let Some((change, object)) = self.seen(&event) else {
            return Next::Emitted;
        };
        if !(operator && views.loses_one(&self.kind.plural)) {
            self.emit(change, &object);
        }
        Next::Emitted
    }

    /// How a change looks through the selector: leaving it is a deletion, entering an addition.
    fn seen(&self, event: &Event) -> Option<(&'static str, Arc<Value>)> {
        if !self.in_scope(&event.key.0) {
            return None;
        }
        let was = event
            .before
            .as_ref()
            .is_some_and(|before| self.selector.matches(before));
        let is = event.change != Change::Deleted && self.selector.matches(&event.object);
        let object = Arc::clone(&event.object);
        match (was, is) {
            (false, false) => None,
            (false, true) => Some(("ADDED", object)),
            (true, true) => Some(("MODIFIED", object)),
            (true, false) => {
                let mut last = event.before.as_ref().map(|before| Value::clone(before))?;
                last["metadata"]["resourceVersion"] = event.revision.to_string().into();
                Some(("DELETED", Arc::new(last)))
            }
        }
    }

    fn in_scope(&self, namespace: &str) -> bool {
        self.scope.as_deref().is_none_or(|scope| scope == namespace)
    }

    fn latency(&self, revision: u64) -> Duration {
        let shared = &self.endpoint.server.shared;
        let bound = u64::try_from(shared.latency.watch.as_millis()).unwrap_or_default();
        let parts = [
            "watch",
            &self.endpoint.agent,
            &self.kind.plural,
            &revision.to_string(),
        ];
        Duration::from_millis(seed::below(bound, shared.seed, &parts))
    }

    /// Whether the history holds nothing newer that this watch may see.
    fn caught_up(&self) -> bool {
        let mut core = self.endpoint.server.shared.core.lock();
        let shelf = core.store.shelf(&self.kind);
        shelf
            .log
            .back()
            .is_none_or(|event| event.revision <= self.cursor)
    }

    fn emit(&mut self, change: &str, object: &Value) {
        let object = if self.partial {
            partial(object)
        } else {
            object.clone()
        };
        self.push(&json!({"type": change, "object": object}));
    }

    /// Says how far the watch got, which may be further than its last event.
    fn bookmark(&mut self, initial_events_end: bool) {
        let (kind, version) = if self.partial {
            (
                "PartialObjectMetadata".to_owned(),
                "meta.k8s.io/v1".to_owned(),
            )
        } else {
            (self.kind.kind.clone(), self.kind.api_version())
        };
        let mut metadata = json!({"resourceVersion": self.cursor.to_string()});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": kind, "apiVersion": version, "metadata": metadata});
        self.push(&json!({"type": "BOOKMARK", "object": object}));
    }

    fn push(&mut self, line: &Value) {
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        self.ready.push_back(bytes.into());
    }
}
