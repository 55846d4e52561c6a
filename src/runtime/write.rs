//! Every write to the API server that the runtime and the controllers make.
//!
//! A write states what it relies on: a status and a guarded patch carry the resource version that was
//! read, a deletion the uid, a JSON patch its tests. Forced apply is for objects that Skep owns whole.
//! Nothing here decides whether to write, and nothing is written twice on its own account.
//!
//! Writes to the object being reconciled are followed ([`Writer::follow`]): the driver can then record
//! the outcome against the version that its own step made, without reading again and without a
//! conflict with itself, while a foreign write in between is still noticed.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use json_patch::jsonptr::PointerBuf;
use json_patch::{
    AddOperation, Patch as JsonPatch, PatchOperation, RemoveOperation, ReplaceOperation,
    TestOperation,
};
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};

use super::key::{At, Key};
use super::metrics::Metrics;
use super::request::{collection, describe_key, send};
use super::{Guarded, Kind, RequestError, StatusPlace, Store};

/// Writes objects. Clones share what they follow.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    manager: &'static str,
    metrics: Metrics,
    followed: Arc<Mutex<BTreeMap<String, Option<Written>>>>,
    stores: Arc<Mutex<Vec<Sink>>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// Takes the answer to a write into the store of its kind.
type Sink = Arc<dyn Fn(&Arc<dyn Any + Send + Sync>) + Send + Sync>;

/// What became of a followed object.
struct Written {
    from: String,
    version: String,
    object: Arc<dyn Any + Send + Sync>,
}

impl Writer {
    /// A writer whose changes are attributed to `manager`.
    pub fn new(client: Client, manager: &'static str, metrics: Metrics) -> Self {
        Self {
            client,
            manager,
            metrics,
            followed: Arc::default(),
            stores: Arc::default(),
        }
    }

    /// From now on, what patches return is in `store` at once, not only when the watch brings it: a
    /// decision right after a write does not rely on a version that is known to be old.
    pub fn keeps<K: Kind>(&self, store: &Store<K>) {
        let store = store.downgrade();
        self.stores.lock().push(Arc::new(move |object| {
            if let (Some(store), Ok(object)) = (store.upgrade(), Arc::clone(object).downcast::<K>())
            {
                store.put_written(object);
            }
        }));
    }

    /// Creates an object.
    ///
    /// # Errors
    /// [`super::Refusal::AlreadyExists`] is for the caller to judge: who owns what exists decides.
    pub async fn create<K: Kind + Serialize>(&self, object: &K) -> Result<K, RequestError> {
        let key = Key::of(object);
        let what = || describe_key::<K>(&key);
        let body = serde_json::to_vec(object)
            .map_err(|error| RequestError::unsent("create", what(), error.to_string()))?;
        let params = PostParams {
            field_manager: Some(self.manager.to_owned()),
            ..PostParams::default()
        };
        let request = collection::<K>(&key.namespace).create(&params, body);
        let result = send(&self.client, "create", &what, request).await;
        self.metrics.written::<K>("create", result.as_ref().err());
        result
    }

    /// Writes a part of an object's status, if the object has not changed since it was read.
    ///
    /// `status` is a merge patch of the status alone.
    ///
    /// # Errors
    /// A conflict if the object has changed.
    pub async fn patch_status<K: Kind>(
        &self,
        at: &At,
        place: StatusPlace,
        status: Value,
    ) -> Result<Arc<K>, RequestError> {
        let version = self.version_now::<K>(at);
        let body = Patch::Merge(json!({
            "metadata": { "resourceVersion": version, "uid": at.key.uid },
            "status": status,
        }));
        self.guarded("patch the status of", at, place, &body).await
    }

    /// Patches an object's status behind its subresource, if the object has not changed since it was read:
    /// for values with members that are null, which a merge patch takes for absent.
    ///
    /// # Errors
    /// A conflict if the object has changed.
    pub async fn patch_in_status<K: Kind>(
        &self,
        at: &At,
        operations: impl IntoIterator<Item = PatchOperation>,
    ) -> Result<Arc<K>, RequestError> {
        let patch = self.tested::<K>(at, operations);
        self.guarded::<K, ()>("patch the status of", at, StatusPlace::Subresource, &patch)
            .await
    }

    /// Merges `body` into an object, if the object has not changed since it was read.
    ///
    /// # Errors
    /// A conflict if the object has changed.
    pub async fn merge<K: Kind>(&self, at: &At, mut body: Value) -> Result<Arc<K>, RequestError> {
        let version = self.version_now::<K>(at);
        json_patch::merge(
            &mut body,
            &json!({ "metadata": { "resourceVersion": version, "uid": at.key.uid } }),
        );
        self.guarded("patch", at, StatusPlace::Object, &Patch::Merge(body))
            .await
    }

    /// Patches an object, if it has not changed since it was read.
    ///
    /// # Errors
    /// A conflict if the object has changed, or if a test among the operations fails.
    pub async fn patch<K: Kind>(
        &self,
        at: &At,
        operations: impl IntoIterator<Item = PatchOperation>,
    ) -> Result<Arc<K>, RequestError> {
        let patch = self.tested::<K>(at, operations);
        self.guarded::<K, ()>("patch", at, StatusPlace::Object, &patch)
            .await
    }

    /// Patches an object whatever else has changed about it: the operations bring their own tests.
    ///
    /// # Errors
    /// A conflict if a test fails, or if the object was recreated.
    pub async fn patch_tested<K: Kind>(
        &self,
        key: &Key,
        operations: impl IntoIterator<Item = PatchOperation>,
    ) -> Result<Arc<K>, RequestError> {
        let tests = [test("/metadata/uid", json!(key.uid))];
        let patch = JsonPatch(tests.into_iter().chain(operations).collect());
        self.send_patch::<K, ()>("patch", key, StatusPlace::Object, &Patch::Json(patch))
            .await
    }

    /// Adds a finalizer, unless it is there. `present` are the finalizers as they were read.
    ///
    /// # Errors
    /// A conflict if the object has changed since it was read.
    pub async fn add_finalizer<K: Kind>(
        &self,
        at: &At,
        present: &[String],
        finalizer: &str,
    ) -> Result<(), RequestError> {
        let newer = self.followed::<K>(&at.key.uid, &at.version);
        let present = newer
            .as_deref()
            .map_or(present, |object| finalizers_of(object));
        if present.iter().any(|name| name == finalizer) {
            return Ok(());
        }
        let operation = if present.is_empty() {
            add("/metadata/finalizers", json!([finalizer]))
        } else {
            add("/metadata/finalizers/-", json!(finalizer))
        };
        self.patch::<K>(at, [operation]).await.map(drop)
    }

    /// Removes a finalizer, if it is there; an object that is gone has none. `present` are the
    /// finalizers as they were read. The removal holds whatever else has changed about the object.
    ///
    /// # Errors
    /// A conflict if the list of finalizers has changed.
    pub async fn remove_finalizer<K: Kind>(
        &self,
        at: &At,
        present: &[String],
        finalizer: &str,
    ) -> Result<(), RequestError> {
        let newer = self.followed::<K>(&at.key.uid, &at.version);
        let present = newer
            .as_deref()
            .map_or(present, |object| finalizers_of(object));
        let Some(index) = present.iter().position(|name| name == finalizer) else {
            return Ok(());
        };
        let path = format!("/metadata/finalizers/{index}");
        let operations = [test(&path, json!(finalizer)), remove(&path)];
        match self.patch_tested::<K>(&at.key, operations).await {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Deletes this very object; one that is gone is deleted.
    ///
    /// # Errors
    /// A conflict if an object of this name but with another uid is there now.
    pub async fn delete<K: Kind>(
        &self,
        key: &Key,
        propagation: PropagationPolicy,
    ) -> Result<(), RequestError> {
        let preconditions = Preconditions {
            uid: Some(key.uid.clone()),
            resource_version: None,
        };
        self.delete_if::<K>(key, propagation, preconditions).await
    }

    /// Deletes this very object if it has not changed since it was read; one that is gone is deleted.
    ///
    /// # Errors
    /// A conflict if the object has changed.
    pub async fn delete_unchanged<K: Kind>(
        &self,
        at: &At,
        propagation: PropagationPolicy,
    ) -> Result<(), RequestError> {
        let preconditions = Preconditions {
            uid: Some(at.key.uid.clone()),
            resource_version: Some(at.version.clone()),
        };
        self.delete_if::<K>(&at.key, propagation, preconditions)
            .await
    }

    /// Makes an object what `object` says, taking its fields over from whoever set them. Only for what
    /// Skep owns whole: send every field that matters and no other.
    ///
    /// # Errors
    /// The server refused it or could not be asked.
    #[expect(clippy::disallowed_methods, reason = "this module owns forced apply")]
    pub async fn apply<K: Kind + Serialize>(&self, object: &K) -> Result<K, RequestError> {
        let key = Key::of(object);
        let what = || describe_key::<K>(&key);
        let mut body = serde_json::to_value(object)
            .map_err(|error| RequestError::unsent("apply", what(), error.to_string()))?;
        json_patch::merge(
            &mut body,
            &json!({ "apiVersion": K::api_version(&()), "kind": K::kind(&()) }),
        );
        let params = PatchParams::apply(self.manager).force();
        let request =
            collection::<K>(&key.namespace).patch(&key.name, &params, &Patch::Apply(&body));
        let result = send(&self.client, "apply", &what, request).await;
        self.metrics.written::<K>("apply", result.as_ref().err());
        result
    }

    /// From now on remembers what becomes of this object by writes of this process.
    pub(super) fn follow(&self, uid: &str) {
        self.followed.lock().insert(uid.to_owned(), None);
    }

    /// The object as it is after the guarded writes that began at `version`: `None` if there were
    /// none, or if someone else wrote in between.
    pub(super) fn followed<K: Kind>(&self, uid: &str, version: &str) -> Option<Arc<K>> {
        let followed = self.followed.lock();
        let written = followed.get(uid)?.as_ref()?;
        if written.from != version {
            return None;
        }
        Arc::clone(&written.object).downcast().ok()
    }

    /// Forgets a followed object.
    pub(super) fn unfollow(&self, uid: &str) {
        self.followed.lock().remove(uid);
    }

    /// The version that a write relying on `at` must name: this process's own writes since then are
    /// no reason for a conflict.
    fn version_now<K: Kind>(&self, at: &At) -> String {
        self.followed::<K>(&at.key.uid, &at.version)
            .and_then(|object| object.meta().resource_version.clone())
            .unwrap_or_else(|| at.version.clone())
    }

    /// Operations that hold for an object as it was read only.
    fn tested<K: Kind>(
        &self,
        at: &At,
        operations: impl IntoIterator<Item = PatchOperation>,
    ) -> Patch<()> {
        let tests = [
            test("/metadata/uid", json!(at.key.uid)),
            test(
                "/metadata/resourceVersion",
                json!(self.version_now::<K>(at)),
            ),
        ];
        Patch::Json(JsonPatch(tests.into_iter().chain(operations).collect()))
    }

    async fn delete_if<K: Kind>(
        &self,
        key: &Key,
        propagation: PropagationPolicy,
        preconditions: Preconditions,
    ) -> Result<(), RequestError> {
        let params = DeleteParams {
            propagation_policy: Some(propagation),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let request = collection::<K>(&key.namespace).delete(&key.name, &params);
        let what = || describe_key::<K>(key);
        let result: Result<Value, _> = send(&self.client, "delete", &what, request).await;
        self.metrics.written::<K>("delete", result.as_ref().err());
        match result {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn guarded<K: Kind, P: Serialize + std::fmt::Debug>(
        &self,
        verb: &'static str,
        at: &At,
        place: StatusPlace,
        patch: &Patch<P>,
    ) -> Result<Arc<K>, RequestError> {
        let written = self.send_patch::<K, P>(verb, &at.key, place, patch).await?;
        if let Some(entry) = self.followed.lock().get_mut(&at.key.uid) {
            // The chain starts where the object was observed. The server refuses whatever does not
            // continue from there or from where the last own write left off.
            let from = match entry {
                Some(last) if last.version == at.version => last.from.clone(),
                Some(_) | None => at.version.clone(),
            };
            let version = written.meta().resource_version.clone().unwrap_or_default();
            *entry = Some(Written {
                from,
                version,
                object: Arc::<K>::clone(&written) as _,
            });
        }
        Ok(written)
    }

    async fn send_patch<K: Kind, P: Serialize + std::fmt::Debug>(
        &self,
        verb: &'static str,
        key: &Key,
        place: StatusPlace,
        patch: &Patch<P>,
    ) -> Result<Arc<K>, RequestError> {
        let params = PatchParams {
            field_manager: Some(self.manager.to_owned()),
            ..PatchParams::default()
        };
        let collection = collection::<K>(&key.namespace);
        let request = match place {
            StatusPlace::Subresource => {
                collection.patch_subresource("status", &key.name, &params, patch)
            }
            StatusPlace::Object if K::metadata_api() => {
                collection.patch_metadata(&key.name, &params, patch)
            }
            StatusPlace::Object => collection.patch(&key.name, &params, patch),
        };
        let what = || describe_key::<K>(key);
        let result: Result<Guarded<K>, _> = send(&self.client, verb, &what, request).await;
        self.metrics.written::<K>("patch", result.as_ref().err());
        let written = result?
            .0
            .map_err(|undecodable| RequestError::undecodable(verb, what(), &undecodable))?;
        let any: Arc<dyn Any + Send + Sync> = Arc::<K>::clone(&written);
        let stores = self.stores.lock().clone();
        for store in stores {
            store(&any);
        }
        Ok(written)
    }
}

fn finalizers_of<K: Kind>(object: &K) -> &[String] {
    object.meta().finalizers.as_deref().unwrap_or_default()
}

/// `path` becomes `value`.
pub fn add(path: &str, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: pointer(path),
        value,
    })
}

/// `path`, which exists, becomes `value`.
pub fn replace(path: &str, value: Value) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation {
        path: pointer(path),
        value,
    })
}

/// `path` goes away.
pub fn remove(path: &str) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation {
        path: pointer(path),
    })
}

/// The patch holds only if `path` is `value`.
pub fn test(path: &str, value: Value) -> PatchOperation {
    PatchOperation::Test(TestOperation {
        path: pointer(path),
        value,
    })
}

/// The pointer to a key of a map: `pointer_to("/metadata/annotations", "skep.dev/x")`.
pub fn pointer_to(map: &str, key: &str) -> String {
    format!("{map}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A JSON pointer from its text; one without a leading slash is taken for the name of a member.
fn pointer(path: &str) -> PointerBuf {
    PointerBuf::parse(path).unwrap_or_else(|_| PointerBuf::from_tokens([path]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::testing::{Hub, Widget};
    use crate::runtime::{Reader, Refusal, StoreOptions};

    struct Desk {
        hub: Hub,
        writer: Writer,
        reader: Reader,
    }

    impl Desk {
        fn new() -> Self {
            let hub = Hub::new(3);
            hub.seed_widget("a", &json!(1));
            let (client, _) = hub.operator("operator");
            let writer = Writer::new(client.clone(), "skep", Metrics::new());
            Self {
                hub,
                writer,
                reader: Reader::new(client),
            }
        }

        async fn widget(&self) -> Option<Widget> {
            self.reader.get_live("default", "a").await.ok().flatten()
        }

        async fn at(&self) -> At {
            let nobody = || At {
                key: Key {
                    namespace: String::new(),
                    name: String::new(),
                    uid: String::new(),
                },
                version: String::new(),
            };
            self.widget()
                .await
                .map_or_else(nobody, |widget| At::of(&widget))
        }

        async fn foreign_write(&self) {
            let person =
                kube::Api::<Widget>::namespaced(self.hub.server.client("person"), "default");
            let body = Patch::Merge(json!({ "metadata": { "labels": { "touched": "y" } } }));
            assert!(
                person
                    .patch("a", &PatchParams::default(), &body)
                    .await
                    .is_ok()
            );
        }

        async fn phase(&self, at: &At, phase: &str) -> Result<(), RequestError> {
            let body = json!({ "phase": phase });
            self.writer
                .patch_status::<Widget>(at, StatusPlace::Subresource, body)
                .await
                .map(drop)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_status_is_written_only_on_what_was_read() {
        let desk = Desk::new();
        let at = desk.at().await;
        assert!(desk.phase(&at, "one").await.is_ok());
        let again = desk.phase(&at, "two").await;
        assert!(
            again.is_err_and(|error| error.is_conflict()),
            "the version is an old one"
        );
        assert_eq!(desk.hub.phase("a").as_deref(), Some("one"));
    }

    #[tokio::test(start_paused = true)]
    async fn own_writes_to_a_followed_object_do_not_conflict_and_foreign_ones_do() {
        let desk = Desk::new();
        let at = desk.at().await;
        desk.writer.follow(&at.key.uid);
        assert!(
            desk.writer
                .add_finalizer::<Widget>(&at, &[], "test.dev/x")
                .await
                .is_ok()
        );
        assert!(desk.phase(&at, "one").await.is_ok());
        let label = add(
            &pointer_to("/metadata/finalizers", "-"),
            json!("test.dev/y"),
        );
        assert!(desk.writer.patch::<Widget>(&at, [label]).await.is_ok());
        let newest = desk.writer.followed::<Widget>(&at.key.uid, &at.version);
        assert!(newest.is_some_and(|widget| finalizers_of(widget.as_ref()).len() == 2));
        desk.foreign_write().await;
        let after = desk.phase(&at, "two").await;
        assert!(after.is_err_and(|error| error.is_conflict()));
        desk.writer.unfollow(&at.key.uid);
        assert!(
            desk.writer
                .followed::<Widget>(&at.key.uid, &at.version)
                .is_none()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn finalizers_come_and_go_whatever_else_changes() {
        let desk = Desk::new();
        let at = desk.at().await;
        assert!(
            desk.writer
                .add_finalizer::<Widget>(&at, &[], "test.dev/x")
                .await
                .is_ok()
        );
        let stale = desk
            .writer
            .add_finalizer::<Widget>(&at, &[], "test.dev/x")
            .await;
        assert_eq!(
            stale.err().map(|error| error.refusal),
            Some(Refusal::Conflict)
        );
        let present = vec!["test.dev/x".to_owned()];
        desk.foreign_write().await;
        let removed = desk
            .writer
            .remove_finalizer::<Widget>(&at, &present, "test.dev/x")
            .await;
        assert!(removed.is_ok());
        let again = desk
            .writer
            .remove_finalizer::<Widget>(&at, &present, "test.dev/x")
            .await;
        assert!(
            again.is_err_and(|error| error.is_conflict()),
            "the list is another"
        );
        assert!(
            desk.widget()
                .await
                .is_some_and(|widget| finalizers_of(&widget).is_empty())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_deletion_meets_only_the_object_that_was_meant() {
        let desk = Desk::new();
        let at = desk.at().await;
        let key = Key {
            uid: "another".to_owned(),
            ..at.key.clone()
        };
        let refused = desk
            .writer
            .delete::<Widget>(&key, PropagationPolicy::Background)
            .await;
        assert!(refused.is_err_and(|error| error.is_conflict()));
        desk.foreign_write().await;
        let changed = desk
            .writer
            .delete_unchanged::<Widget>(&at, PropagationPolicy::Background)
            .await;
        assert!(changed.is_err_and(|error| error.is_conflict()));
        for _ in 0..2 {
            let gone = desk
                .writer
                .delete::<Widget>(&at.key, PropagationPolicy::Background)
                .await;
            assert!(gone.is_ok(), "what is gone is deleted");
        }
        assert!(desk.widget().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_is_in_the_store_at_once() {
        let desk = Desk::new();
        let store: Store<Widget> = Store::new(StoreOptions::default());
        desk.writer.keeps(&store);
        let at = desk.at().await;
        if let Some(widget) = desk.widget().await {
            store.apply(Guarded(Ok(Arc::new(widget))));
        }
        assert!(desk.phase(&at, "one").await.is_ok());
        let phase = store
            .get("default", "a")
            .and_then(|widget| widget.status.clone()?.phase);
        assert_eq!(phase.as_deref(), Some("one"));
        desk.hub.pass(Duration::from_secs(1)).await;
    }
}
