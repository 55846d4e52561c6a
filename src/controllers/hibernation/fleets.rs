//! The machines of clusters as their clouds show them: asked for by a task per cluster, read like a store.
//!
//! Opens the account of a cluster with its own credentials, from the installer's description of it. What
//! was seen is kept in memory for as long as this process leads; nothing is ever started or stopped here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use parking_lot::Mutex;
use skep_crds::ClusterDeployment;
use skep_crds::names::{object_name, secret_key};
use skep_providers::erase::{ClusterFacts, Hints};
use skep_providers::power::Machines;
use skep_providers::{Class as CloudClass, Unsupported};

use super::observed::{Fleet, Sight};
use crate::controllers::cluster_deployment::credentials_ref;
use crate::controllers::credentials::{self, Clouds};
use crate::controllers::inputs::data_of;
use crate::remote::scrub::scrub;
use crate::runtime::{
    Class, Classified, Clock, Driver, Reader, Reconcile, RequestError, TaskState, Tasks,
    error_chain,
};

/// The machines of a cluster cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret with the installer's description cannot be read.
    #[error("could not read the metadata Secret")]
    Read(#[source] RequestError),
    /// It is not there or lacks its key.
    #[error("Secret {0} has no key metadata.json")]
    NoMetadata(String),
    /// The description cannot be used.
    #[error("the description of the cluster cannot be used")]
    Facts(#[source] skep_providers::erase::FactsError),
    /// The credentials cannot be had.
    #[error("the credentials cannot be used")]
    Credentials(#[source] credentials::Error),
    /// The cloud has no machines that can be stopped.
    #[error(transparent)]
    Unsupported(Unsupported),
    /// The cloud refuses.
    #[error(transparent)]
    Cloud(skep_providers::Error),
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read(source) => source.class(),
            Self::Credentials(source) => source.class(),
            Self::NoMetadata(_) | Self::Facts(_) => Class::BlockedByUser,
            Self::Unsupported(_) => Class::Terminal,
            Self::Cloud(error) => class_of(&error.class),
        }
    }
}

/// What is done about an error of a cloud.
pub(super) const fn class_of(class: &CloudClass) -> Class {
    match class {
        CloudClass::Denied
        | CloudClass::Unauthenticated
        | CloudClass::Quota
        | CloudClass::Invalid => Class::BlockedByUser,
        CloudClass::NotFound
        | CloudClass::AlreadyExists
        | CloudClass::Throttled { .. }
        | CloudClass::DependencyViolation { .. }
        | CloudClass::Transient
        | CloudClass::Unknown => Class::BackOff,
    }
}

/// What is wrong, for people, without what changes from try to try.
pub(super) fn words(error: &Error) -> String {
    let words = error_chain(error);
    // What AWS adds is for whoever may decode it, and another each time.
    let words = words.split("Encoded authorization failure").next();
    let words = scrub(words.unwrap_or_default());
    match error {
        Error::Cloud(error) => format!("{}{words}", named(&error.class)),
        Error::Read(_)
        | Error::NoMetadata(_)
        | Error::Facts(_)
        | Error::Credentials(_)
        | Error::Unsupported(_) => words,
    }
}

const fn named(class: &CloudClass) -> &'static str {
    match class {
        CloudClass::Quota => "a quota or the capacity is used up: ",
        CloudClass::Denied => "a right is missing: ",
        CloudClass::Unauthenticated => "the credentials are not accepted: ",
        CloudClass::NotFound
        | CloudClass::AlreadyExists
        | CloudClass::Throttled { .. }
        | CloudClass::Invalid
        | CloudClass::DependencyViolation { .. }
        | CloudClass::Transient
        | CloudClass::Unknown => "",
    }
}

/// The fleets of this process. Clones share them.
#[derive(Clone)]
pub struct Fleets {
    tasks: Tasks<Sight>,
    acts: Arc<Mutex<BTreeMap<String, Acts>>>,
    clouds: Clouds,
    reader: Reader,
    clock: Clock,
}

/// When this process last did something about a cluster.
#[derive(Clone, Copy, Debug, Default)]
struct Acts {
    machines: Option<Timestamp>,
    cluster: Option<Timestamp>,
}

impl Fleets {
    /// Nothing is known yet.
    pub fn new(clouds: Clouds, reader: Reader, clock: Clock) -> Self {
        Self {
            tasks: Tasks::new(clock.clone()),
            acts: Arc::default(),
            clouds,
            reader,
            clock,
        }
    }

    /// Has a driver rung when machines were seen.
    pub fn rings<R: Reconcile>(&self, driver: Driver<R>) -> Driver<R> {
        driver.rung_by_tasks(&self.tasks)
    }

    /// What is known of a cluster's machines.
    pub fn known(&self, uid: &str) -> Fleet {
        let task = self.tasks.get(uid);
        Fleet {
            looking: task
                .as_ref()
                .is_some_and(|task| task.state == TaskState::Running),
            asked: task.as_ref().map(|task| task.started),
            sight: task.map_or(Sight::Unseen, |task| task.progress),
            acted: self.acts.lock().get(uid).and_then(|acts| acts.machines),
        }
    }

    /// When this process last changed something inside the cluster.
    pub fn changed_inside(&self, uid: &str) -> Option<Timestamp> {
        self.acts.lock().get(uid).and_then(|acts| acts.cluster)
    }

    /// Starts to ask for a cluster's machines, unless they are being asked for.
    pub fn look(&self, root: Arc<ClusterDeployment>, max_age: Duration) {
        let uid = root.uid().unwrap_or_default();
        let before = self.known(&uid);
        if before.looking {
            return;
        }
        self.tasks.forget(&uid);
        let this = self.clone();
        self.tasks
            .start(&uid, before.sight, move |progress| async move {
                tokio::select! {
                    biased;
                    () = progress.stop().cancelled() => {}
                    sight = Box::pin(this.ask(&root, max_age)) => progress.tell(sight),
                }
            });
    }

    /// Asks for a cluster's machines.
    pub async fn ask(&self, root: &ClusterDeployment, max_age: Duration) -> Sight {
        let at = self.clock.now();
        let listed = match self.open(root).await {
            Ok((machines, facts)) => machines.list(&facts, max_age).await.map_err(Error::Cloud),
            Err(error) => Err(error),
        };
        match listed {
            Ok(listing) => Sight::Seen {
                at: listing.at,
                machines: listing.machines,
            },
            Err(error) => Sight::Lost {
                at,
                message: words(&error),
            },
        }
    }

    /// The account of a cluster, and what identifies the cluster in it.
    pub async fn open(
        &self,
        root: &ClusterDeployment,
    ) -> Result<(Arc<dyn Machines>, ClusterFacts), Error> {
        let facts = self.facts(root).await?;
        let platform = root.spec.platform.kind();
        let (region, endpoints) = (facts.region(), facts.endpoints());
        let opened = self
            .clouds
            .open(platform, &credentials_ref(root), region, endpoints)
            .await
            .map_err(Error::Credentials)?;
        let machines = opened.machines().map_err(Error::Unsupported)?;
        Ok((machines, facts))
    }

    async fn facts(&self, root: &ClusterDeployment) -> Result<ClusterFacts, Error> {
        let metadata = root.spec.cluster_metadata.as_ref();
        let named = metadata.and_then(|metadata| metadata.metadata_json_secret());
        let name = named.map_or_else(
            || object_name::metadata_json_secret(&root.name_any()),
            str::to_owned,
        );
        let namespace = root.namespace().unwrap_or_default();
        let secret = self.reader.get_live::<Secret>(&namespace, &name).await;
        let data = secret
            .map_err(Error::Read)?
            .map(data_of)
            .unwrap_or_default();
        let description = data
            .get(secret_key::METADATA_JSON)
            .ok_or(Error::NoMetadata(name))?;
        let hints = Hints {
            infra_id: root.infra_id().map(str::to_owned),
            base_domain: Some(root.spec.base_domain.clone()),
        };
        ClusterFacts::from_metadata(description, &hints).map_err(Error::Facts)
    }

    /// Machines of a cluster were told to start or to stop: what was seen before is over.
    pub fn acted(&self, uid: &str) {
        let now = self.clock.now();
        self.acts.lock().entry(uid.to_owned()).or_default().machines = Some(now);
    }

    /// Something inside the cluster was changed: what was seen of it before is over.
    pub fn acted_inside(&self, uid: &str) {
        let now = self.clock.now();
        self.acts.lock().entry(uid.to_owned()).or_default().cluster = Some(now);
    }

    /// Forgets a cluster.
    pub fn forget(&self, uid: &str) {
        self.tasks.cancel(uid);
        self.acts.lock().remove(uid);
    }
}
