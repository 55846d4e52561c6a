//! The objects of one kind, as the watch shows them, indexed.
//!
//! A store answers from memory; it decides nothing and asks nobody. Reads give shared pointers in the
//! order of namespace and name, so that whatever is built from them is the same each time. Changes
//! ring the bells, after the store has changed and outside its lock.

mod contents;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};

use kube::core::ObjectMeta;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use self::contents::Contents;
use super::{Guarded, Kind};

/// Name of an index; a label's key for an index of a label.
pub type IndexName = &'static str;

/// The index of owners: the uids of an object's owner references.
pub const OWNER: IndexName = "owner";

/// What is done to an object before it is stored.
type Prune<K> = Arc<dyn Fn(&mut K) + Send + Sync>;

/// The values under which an index lists an object.
type IndexValues<K> = Arc<dyn Fn(&K) -> Vec<String> + Send + Sync>;

/// Told of each change.
type Bell<K> = Arc<dyn Fn(&Change<K>) + Send + Sync>;

/// One change of one object. `old` and `new` are never both `None`.
#[derive(Clone, Debug)]
pub struct Change<K> {
    /// The object before.
    pub old: Option<Guarded<K>>,
    /// The object now; `None`: it is gone.
    pub new: Option<Guarded<K>>,
    /// What kind of change.
    pub cause: Cause,
}

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Someone asks for something: the spec, a label, an annotation, a finalizer is another, the
    /// object is new, being deleted, or gone.
    Request,
    /// Only the status is another.
    Report,
    /// Listed again and unchanged.
    Relisted,
}

impl<K: Kind> Change<K> {
    /// The metadata before and now.
    pub fn metas(&self) -> impl Iterator<Item = &ObjectMeta> {
        self.old.iter().chain(&self.new).map(kube::Resource::meta)
    }
}

/// How a store is set up.
pub struct StoreOptions<K> {
    indexes: Vec<(IndexName, IndexValues<K>)>,
    labels: Vec<IndexName>,
    prune: Option<Prune<K>>,
    undecodable_only: bool,
}

impl<K> Default for StoreOptions<K> {
    fn default() -> Self {
        Self {
            indexes: Vec::new(),
            labels: Vec::new(),
            prune: None,
            undecodable_only: false,
        }
    }
}

impl<K: Kind> StoreOptions<K> {
    /// Finds objects by the value of a label.
    #[must_use]
    pub fn label(mut self, key: IndexName) -> Self {
        self.labels.push(key);
        self
    }

    /// Finds objects by whatever `values` says about them: the Secrets that they name, for example.
    #[must_use]
    pub fn index(
        mut self,
        name: IndexName,
        values: impl Fn(&K) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.indexes.push((name, Arc::new(values)));
        self
    }

    /// Keeps what cannot be decoded, and nothing else: where objects are only told about.
    #[must_use]
    pub const fn undecodable_only(mut self) -> Self {
        self.undecodable_only = true;
        self
    }

    /// Drops what nobody reads before an object is stored.
    #[must_use]
    pub fn prune(mut self, prune: impl Fn(&mut K) + Send + Sync + 'static) -> Self {
        self.prune = Some(Arc::new(prune));
        self
    }
}

/// The objects of one kind. Clones share them.
pub struct Store<K> {
    inner: Arc<Inner<K>>,
}

/// A store that does not keep itself alive: what a bell may hold.
pub(super) struct WeakStore<K> {
    inner: Weak<Inner<K>>,
}

struct Inner<K> {
    contents: RwLock<Contents<K>>,
    bells: Mutex<Vec<Bell<K>>>,
    synced: watch::Sender<bool>,
    prune: Option<Prune<K>>,
    undecodable_only: bool,
}

impl<K> std::fmt::Debug for Store<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl<K> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K> WeakStore<K> {
    pub(super) fn upgrade(&self) -> Option<Store<K>> {
        self.inner.upgrade().map(|inner| Store { inner })
    }
}

impl<K: Kind> Store<K> {
    /// An empty store.
    pub fn new(options: StoreOptions<K>) -> Self {
        let StoreOptions {
            indexes,
            labels,
            prune,
            undecodable_only,
        } = options;
        let contents = RwLock::new(Contents::new(indexes, labels));
        let synced = watch::Sender::new(false);
        Self {
            inner: Arc::new(Inner {
                contents,
                bells: Mutex::default(),
                synced,
                prune,
                undecodable_only,
            }),
        }
    }

    /// The object of this name, if it can be decoded.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.inner
            .contents
            .read()
            .get(namespace, name)?
            .decoded()
            .cloned()
    }

    /// The object of this name, decoded or not.
    pub fn entry(&self, namespace: &str, name: &str) -> Option<Guarded<K>> {
        self.inner.contents.read().get(namespace, name).cloned()
    }

    /// The object of this uid, decoded or not.
    pub fn by_uid(&self, uid: &str) -> Option<Guarded<K>> {
        self.inner.contents.read().by_uid(uid).cloned()
    }

    /// The objects that an index lists under `value`, in all namespaces.
    pub fn indexed(&self, index: IndexName, value: &str) -> Vec<Arc<K>> {
        let contents = self.inner.contents.read();
        contents
            .indexed(index, value)
            .filter_map(Guarded::decoded)
            .cloned()
            .collect()
    }

    /// The objects of a namespace with this value of an indexed label.
    pub fn labelled(&self, namespace: &str, label: IndexName, value: &str) -> Vec<Arc<K>> {
        let mut objects = self.indexed(label, value);
        objects
            .retain(|object| object.meta().namespace.as_deref().unwrap_or_default() == namespace);
        objects
    }

    /// The objects that name this uid among their owners.
    pub fn owned_by(&self, uid: &str) -> Vec<Arc<K>> {
        self.indexed(OWNER, uid)
    }

    /// All objects that can be decoded.
    pub fn all(&self) -> Vec<Arc<K>> {
        self.inner
            .contents
            .read()
            .all()
            .filter_map(Guarded::decoded)
            .cloned()
            .collect()
    }

    /// All objects, decoded or not.
    pub fn entries(&self) -> Vec<Guarded<K>> {
        self.inner.contents.read().all().cloned().collect()
    }

    /// How many objects cannot be decoded.
    pub fn undecodable(&self) -> usize {
        self.inner
            .contents
            .read()
            .all()
            .filter(|entry| entry.decoded().is_none())
            .count()
    }

    /// Whether the first list is complete.
    pub fn is_synced(&self) -> bool {
        *self.inner.synced.borrow()
    }

    /// Waits until the first list is complete.
    pub async fn synced(&self) {
        let mut synced = self.inner.synced.subscribe();
        // The sender lives as long as the store that is borrowed here.
        let _ = synced.wait_for(|synced| *synced).await;
    }

    /// Has `bell` told of each change from now on. It must be quick, and must not hold this store
    /// (a store that is held by its own bell is never freed).
    pub fn on_change(&self, bell: impl Fn(&Change<K>) + Send + Sync + 'static) {
        self.inner.bells.lock().push(Arc::new(bell));
    }

    /// The object was seen in a watch event.
    pub fn apply(&self, object: Guarded<K>) {
        if self.is_of_no_use(&object) {
            return self.delete(&object);
        }
        let object = self.pruned(object);
        let change = self.inner.contents.write().apply(object);
        self.ring(change);
    }

    /// The object was seen to be gone.
    pub fn delete(&self, object: &Guarded<K>) {
        let change = self
            .inner
            .contents
            .write()
            .delete(kube::Resource::meta(object));
        self.ring(change);
    }

    /// A list begins.
    pub fn list_begins(&self) {
        self.inner.contents.write().list_begins();
    }

    /// The object is in the list.
    pub fn listed(&self, object: Guarded<K>) {
        if self.is_of_no_use(&object) {
            return;
        }
        let object = self.pruned(object);
        self.inner.contents.write().listed(object);
    }

    /// The list is complete: what is not in it is gone.
    pub fn list_ends(&self) {
        let changes = self.inner.contents.write().list_ends();
        self.inner
            .synced
            .send_if_modified(|synced| !std::mem::replace(synced, true));
        self.ring(changes);
    }

    /// The object is known from the answer to an own write, ahead of the watch.
    pub(super) fn put_written(&self, object: Arc<K>) {
        let object = self.pruned(Guarded(Ok(object)));
        let change = self.inner.contents.write().put_written(object);
        self.ring(change);
    }

    pub(super) fn downgrade(&self) -> WeakStore<K> {
        WeakStore {
            inner: Arc::downgrade(&self.inner),
        }
    }

    fn is_of_no_use(&self, object: &Guarded<K>) -> bool {
        self.inner.undecodable_only && object.decoded().is_some()
    }

    fn pruned(&self, mut object: Guarded<K>) -> Guarded<K> {
        if let (Some(prune), Ok(object)) = (&self.inner.prune, &mut object.0) {
            prune(Arc::make_mut(object));
        }
        object
    }

    fn ring(&self, changes: impl IntoIterator<Item = Change<K>>) {
        let mut changes = changes.into_iter().peekable();
        if changes.peek().is_none() {
            return;
        }
        let bells = self.inner.bells.lock().clone();
        for change in changes {
            for bell in &bells {
                bell(&change);
            }
        }
    }
}
