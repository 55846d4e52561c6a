//! Managed clusters as the hub reaches them: one connection per cluster, shared by all controllers, and
//! what a look at the cluster last came to (docs/spec/32 §1).
//!
//! A step starts a look ([`Remotes::look`]); it runs as a task, keeps a [`View`] in memory, and rings.
//! `observe` reads [`Remotes::known`], which never leaves the process. Writes to a cluster go through
//! [`Remotes::client`], from a step's `act`. Nothing here decides when to look or what follows from it, and
//! nothing is ever written to the hub.
//!
//! Bounded: ways in that are kept ([`pool`]), looks at a time, time and size of each answer ([`look`](self)).

mod answers;
pub mod connection;
mod failure;
mod figures;
pub mod kubeconfig;
mod look;
mod pool;
mod pretended;
pub mod scrub;
mod target;
#[cfg(test)]
mod tests;
pub mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::core::PartialObjectMeta;
use parking_lot::Mutex;
use skep_crds::names::{controller, secret_key};
use tokio::sync::Semaphore;

use self::connection::Dial;
use self::figures::Requests;
use self::kubeconfig::Access;
use self::look::Wanted;
use self::pool::Pool;
use crate::controllers::inputs::{data_of, digest, version_of};
use crate::runtime::{
    ConfigStore, Context, ControllerName, Driver, Reader, Reconcile, Store, TaskState, Tasks,
};

pub use self::target::Target;
pub use self::view::{Depth, Failure, FailureClass, Route, Seen, View};

/// Looks at a time. Each holds a connection and at most one answer; a thousand clusters that are looked at
/// after a start are through in a minute, most of which is waiting for those that do not answer.
const AT_ONCE: usize = 32;

/// What is known of a cluster, without asking it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    /// What the last look came to.
    pub view: Option<Arc<View>>,
    /// Looks in a row that did not succeed, one under way included.
    pub failures: u32,
    /// Whether the cluster is being looked at.
    pub looking: bool,
    /// When the last look began.
    pub tried: Option<Timestamp>,
    /// Whether the kubeconfig or an override changed since, or more is wanted.
    pub changed: bool,
}

/// Managed clusters. Clones share them.
#[derive(Clone)]
pub struct Remotes {
    inner: Arc<Inner>,
}

struct Inner {
    context: Context,
    secrets: Store<PartialObjectMeta<Secret>>,
    config: ConfigStore,
    dial: Dial,
    figures: Requests,
    tasks: Tasks<()>,
    pool: Pool<Basis, Way>,
    places: Semaphore,
    looks: Mutex<BTreeMap<String, Looked>>,
}

/// What a connection was made from. It holds a version of a Secret, nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Basis {
    kubeconfig: Option<String>,
    url_override: Option<String>,
    ip_override: Option<String>,
    authorities: String,
}

/// What is kept of a cluster's looks.
struct Looked {
    view: Option<Arc<View>>,
    failures: u32,
    tried: Timestamp,
    basis: Basis,
    /// Whether the whole status of the ClusterVersion was asked for.
    whole_version: bool,
}

/// How a cluster is reached: the checked kubeconfig, which is small, and what it was made into while the
/// cluster is asked often.
#[derive(Clone)]
struct Way {
    access: Arc<Access>,
    connection: Option<Arc<Connection>>,
}

/// The clients of a cluster. Each has a TLS configuration, where the kubeconfig names no authorities with all
/// of the system's.
struct Connection {
    primary: Client,
    /// Where there is an override: the kubeconfig's own server.
    secondary: Option<Client>,
}

impl Remotes {
    /// No connections yet. `secrets` tells when a kubeconfig changes.
    pub fn new(
        context: &Context,
        secrets: Store<PartialObjectMeta<Secret>>,
        config: ConfigStore,
        dial: Dial,
    ) -> Self {
        let inner = Inner {
            secrets,
            config,
            dial,
            figures: Requests::new(&context.metrics, &context.clock),
            tasks: Tasks::new(context.clock.clone()),
            pool: Pool::new(),
            places: Semaphore::new(AT_ONCE),
            looks: Mutex::default(),
            context: context.clone(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Has a driver rung when a look has ended.
    pub fn rings<R: Reconcile>(&self, driver: Driver<R>) -> Driver<R> {
        driver.rung_by_tasks(&self.inner.tasks)
    }

    /// What the last look at a cluster came to.
    pub fn view(&self, uid: &str) -> Option<Arc<View>> {
        let looks = self.inner.looks.lock();
        looks.get(uid).and_then(|looked| looked.view.clone())
    }

    /// What is known of a cluster.
    pub fn known(&self, target: &Target) -> Known {
        let uid = &target.key.uid;
        let basis = self.inner.basis(target);
        let task = self.inner.tasks.get(uid);
        let looks = self.inner.looks.lock();
        let looked = looks.get(uid);
        Known {
            view: looked.and_then(|looked| looked.view.clone()),
            failures: looked.map_or(0, |looked| looked.failures),
            looking: task.is_some_and(|task| task.state == TaskState::Running),
            tried: looked.map(|looked| looked.tried),
            changed: looked.is_some_and(|looked| {
                looked.basis != basis || (target.wants_version && !looked.whole_version)
            }),
        }
    }

    /// Starts a look at a cluster, unless one is under way; tells whether it did.
    pub fn look(&self, target: &Target, depth: Depth) -> bool {
        let uid = &target.key.uid;
        let basis = self.inner.basis(target);
        // Held to the end: nobody else starts one meanwhile.
        let mut looks = self.inner.looks.lock();
        self.inner.tasks.forget(uid);
        let (inner, asked, of) = (Arc::clone(&self.inner), target.clone(), basis.clone());
        let started = self.inner.tasks.start(uid, (), move |progress| async move {
            tokio::select! {
                biased;
                () = progress.stop().cancelled() => {}
                view = inner.look(&asked, &of, depth) => {
                    inner.rest(&asked.key.uid, &of, depth);
                    inner.keep(&asked.key.uid, view);
                }
            }
        });
        if !started {
            return false;
        }
        let tried = self.inner.context.clock.now();
        let looked = looks.entry(uid.clone()).or_insert_with(|| Looked {
            view: None,
            failures: 0,
            tried,
            basis: basis.clone(),
            whole_version: false,
        });
        // Until it succeeds: one that ends in a panic has failed, too.
        looked.failures = looked.failures.saturating_add(1);
        looked.tried = tried;
        looked.basis = basis;
        looked.whole_version = target.wants_version;
        true
    }

    /// A client of a cluster by the URL that last worked, for one controller's writes.
    ///
    /// # Errors
    /// There is no kubeconfig that can be used. The cluster itself is not asked.
    pub async fn client(
        &self,
        target: &Target,
        controller: ControllerName,
    ) -> Result<Client, Failure> {
        let basis = self.inner.basis(target);
        let connection = self.inner.connection(target, &basis).await?;
        let through = self.view(&target.key.uid).map(|view| view.through);
        let client = match (through, &connection.secondary) {
            (Some(Route::Secondary), Some(secondary)) => secondary,
            (Some(Route::Primary | Route::Secondary) | None, _) => &connection.primary,
        };
        Ok(connection::named(
            client.clone(),
            controller,
            &self.inner.figures,
        ))
    }

    /// Closes and forgets everything about a cluster.
    pub fn forget(&self, uid: &str) {
        self.inner.tasks.cancel(uid);
        self.inner.pool.forget(uid);
        self.inner.looks.lock().remove(uid);
    }
}

impl Inner {
    /// What a connection to the cluster would be made from now.
    fn basis(&self, target: &Target) -> Basis {
        let secret = self.secrets.get(&target.key.namespace, &target.kubeconfig);
        let config = self.config.get();
        let authorities = config.additional_ca.as_deref().unwrap_or_default();
        Basis {
            kubeconfig: secret.map(|secret| version_of(secret.as_ref())),
            url_override: target.url_override.clone(),
            ip_override: target.ip_override.clone(),
            authorities: digest([authorities.as_bytes()]),
        }
    }

    async fn look(&self, target: &Target, basis: &Basis, depth: Depth) -> View {
        let view = |through, primary, seen| View {
            at: self.context.clock.now(),
            depth,
            through,
            primary,
            seen,
        };
        if let Some(version) = &target.pretended {
            return view(Route::Primary, Ok(()), Ok(pretended::seen(version)));
        }
        // Never closed.
        let _place = self.places.acquire().await;
        self.pool.sweep(self.context.clock.elapsed());
        let connection = match self.connection(target, basis).await {
            Ok(connection) => connection,
            Err(failure) => return view(Route::Primary, Err(failure.clone()), Err(failure)),
        };
        let wanted = Wanted {
            depth,
            console: target.wants_console,
            whole_version: target.wants_version,
        };
        let by = |client: &Client| {
            connection::named(client.clone(), controller::UNREACHABLE, &self.figures)
        };
        let first = match look::look(&by(&connection.primary), wanted).await {
            Ok(seen) => return view(Route::Primary, Ok(()), Ok(seen)),
            Err(failure) => failure,
        };
        match &connection.secondary {
            None => view(Route::Primary, Err(first.clone()), Err(first)),
            Some(secondary) => {
                let seen = look::look(&by(secondary), wanted).await;
                view(Route::Secondary, Err(first), seen)
            }
        }
    }

    fn keep(&self, uid: &str, view: View) {
        let mut looks = self.looks.lock();
        let Some(looked) = looks.get_mut(uid) else {
            return;
        };
        if view.seen.is_ok() {
            looked.failures = 0;
        }
        looked.view = Some(Arc::new(view));
    }

    /// The connection to a cluster, made if there is none from the same.
    async fn connection(&self, target: &Target, basis: &Basis) -> Result<Arc<Connection>, Failure> {
        let (uid, now) = (&target.key.uid, self.context.clock.elapsed());
        let access = match self.pool.get(uid, basis, now) {
            Some(Way {
                connection: Some(connection),
                ..
            }) => return Ok(connection),
            Some(way) => way.access,
            None => Arc::new(access(&self.context.reader, target).await?),
        };
        let connection = Arc::new(self.connect(target, &access)?);
        let way = Way {
            access,
            connection: Some(Arc::clone(&connection)),
        };
        self.pool.put(uid, basis.clone(), way, now);
        Ok(connection)
    }

    /// After a look that was the only one for minutes, the way in alone is kept.
    fn rest(&self, uid: &str, basis: &Basis, depth: Depth) {
        let now = self.context.clock.elapsed();
        if depth == Depth::Routine
            && let Some(way) = self.pool.get(uid, basis, now)
        {
            let way = Way {
                connection: None,
                ..way
            };
            self.pool.put(uid, basis.clone(), way, now);
        }
    }

    fn connect(&self, target: &Target, access: &Access) -> Result<Connection, Failure> {
        let config = self.config.get();
        let access = access.clone().trusting(config.additional_ca.as_deref());
        let address = target.ip_override.as_deref().map(str::parse).transpose();
        let address =
            address.map_err(|_| failure::refused(&"apiServerIPOverride is no IP address"))?;
        let Some(url) = &target.url_override else {
            return Ok(Connection {
                primary: (self.dial)(&access, address)?,
                secondary: None,
            });
        };
        let first = access.through(url).map_err(|why| failure::refused(&why))?;
        Ok(Connection {
            primary: (self.dial)(&first, address)?,
            secondary: Some((self.dial)(&access, address)?),
        })
    }
}

/// Reads the admin kubeconfig. Its content does not leave this function but as a way in.
async fn access(reader: &Reader, target: &Target) -> Result<Access, Failure> {
    let (namespace, name) = (&target.key.namespace, &target.kubeconfig);
    let secret = reader.get_live::<Secret>(namespace, name).await;
    // The hub's own trouble, which says nothing about the cluster and passes.
    let secret = secret.map_err(|_| {
        let words = format!("the hub could not read Secret {namespace}/{name}");
        Failure::new(FailureClass::Server, words)
    })?;
    let data = secret.map(data_of).ok_or_else(|| {
        failure::no_kubeconfig(&format!("Secret {namespace}/{name} does not exist"))
    })?;
    let bytes = data.get(secret_key::KUBECONFIG).ok_or_else(|| {
        let key = secret_key::KUBECONFIG;
        failure::no_kubeconfig(&format!("Secret {namespace}/{name} has no key {key}"))
    })?;
    kubeconfig::parse(bytes).map_err(|why| failure::refused(&why))
}
