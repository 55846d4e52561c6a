//! Decides who acts: the factory [`Gcp`] makes accounts out of Secrets, keeps them by the content of
//! their source, and each account can say which project it is of.
//!
//! Must never print a key, never write one to disk or environment, and never fall back to credentials of
//! the process when a Secret gives none. Mirrors `docs/spec/24 §1`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use skep_providers::{
    Account, AccountId, Class, Clock, Cloud, ConnectRequest, Credentials, Endpoints, Error,
    Unsupported,
    call::{CallObserver, Calls, RetryPolicy, Throttles},
    erase::{ClusterFacts, EraseTarget},
    machine_sets::MachineSets,
    power::Machines,
    preflight::Preflight,
    zones::Zones,
};
use tokio::sync::OnceCell;

use crate::{
    client::{self, Api, Clients, service},
    key::Key,
    machines::{AccountListings, Instances, Known},
    token::Tokens,
};

/// Name of the cloud in account identities.
pub const CLOUD: &str = "gcp";

/// Accounts that are kept; more than a hub has distinct Secrets in use at a time. Beyond it all are
/// forgotten and made again, which costs a token and one identity call each.
const MAX_KEPT: usize = 4096;

/// Listings of instances that are kept. With more projects than this, the one that was not looked at
/// longest is made again.
const MAX_LISTINGS: usize = 512;

/// Google Cloud: one value per process.
pub struct Gcp {
    connections: reqwest::Client,
    throttles: Arc<Throttles>,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    listings: Arc<AccountListings>,
    accounts: Mutex<BTreeMap<SessionKey, Arc<Session>>>,
}

/// Content of the source, and endpoints.
pub(crate) type SessionKey = ([u8; 32], Endpoints);

impl Gcp {
    /// A factory whose calls are reported to `observer`; `clock` gives the times that listings tell, and
    /// those of the assertions that become tokens. Fails when the machine has no certificates to trust.
    pub fn new(observer: Arc<dyn CallObserver>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::with_policy(observer, clock, RetryPolicy::default())
    }

    /// A factory with another retry policy, for tests of faults.
    pub fn with_policy(
        observer: Arc<dyn CallObserver>,
        clock: Arc<dyn Clock>,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let connections = client::connections()
            .map_err(|fault| Error::new("client", Class::Invalid, fault.to_string()))?;
        Ok(Self {
            connections,
            throttles: Arc::new(Throttles::new(
                client::LIMITS.to_vec(),
                client::OTHER_LIMIT,
                policy,
                observer,
            )),
            policy,
            listings: Arc::new(AccountListings::new(Arc::clone(&clock), MAX_LISTINGS)),
            clock,
            accounts: Mutex::default(),
        })
    }

    fn session(&self, request: ConnectRequest) -> Result<Arc<Session>, Error> {
        let ConnectRequest {
            source,
            region: _,
            endpoints,
        } = request;
        let kept_as = (source.fingerprint(), endpoints);
        if let Some(kept) = self.kept().get(&kept_as) {
            return Ok(Arc::clone(kept));
        }
        let key = Key::of(&source).map_err(|fault| {
            Error::new("credentials", Class::Unauthenticated, fault.to_string())
        })?;
        let session = Arc::new(Session::new(self, key, kept_as.clone())?);
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        Ok(Arc::clone(kept.entry(kept_as).or_insert(session)))
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<SessionKey, Arc<Session>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Cloud for Gcp {
    fn name(&self) -> &str {
        CLOUD
    }

    async fn connect(&self, request: ConnectRequest) -> Result<Arc<dyn Account>, Error> {
        Ok(Arc::new(Opened(self.session(request)?)))
    }
}

/// An opened account.
pub(crate) struct Session {
    /// The project that the key belongs to; calls are made in no other.
    pub(crate) project: String,
    /// `compute` and `cloudresourcemanager`.
    compute: String,
    projects: String,
    connections: reqwest::Client,
    throttles: Arc<Throttles>,
    tokens: Arc<Tokens>,
    clients: OnceCell<Arc<Clients>>,
    account: OnceCell<AccountId>,
    pub(crate) policy: RetryPolicy,
    pub(crate) kept_as: SessionKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) listings: Arc<AccountListings>,
    pub(crate) known: Known,
}

impl Session {
    fn new(gcp: &Gcp, key: Key, kept_as: SessionKey) -> Result<Self, Error> {
        let endpoints = &kept_as.1;
        // Before the account is known its calls share the limits of the cloud's name.
        let calls = Calls::new(gcp.throttles.of(CLOUD));
        let project = key.project.clone();
        let tokens = Tokens::new(
            key,
            format!("{}/token", client::endpoint(endpoints, service::OAUTH)?),
            gcp.connections.clone(),
            Arc::clone(&gcp.clock),
            calls,
        );
        Ok(Self {
            project,
            compute: client::endpoint(endpoints, service::COMPUTE)?,
            projects: client::endpoint(endpoints, service::PROJECTS)?,
            connections: gcp.connections.clone(),
            throttles: Arc::clone(&gcp.throttles),
            tokens: Arc::new(tokens),
            clients: OnceCell::new(),
            account: OnceCell::new(),
            policy: gcp.policy,
            kept_as,
            clock: Arc::clone(&gcp.clock),
            listings: Arc::clone(&gcp.listings),
            known: Known::default(),
        })
    }

    /// The account, asked for once.
    async fn account(&self) -> Result<AccountId, Error> {
        self.account
            .get_or_try_init(|| async {
                let calls = Calls::new(self.throttles.of(CLOUD));
                let answer = client::project(
                    &self.connections,
                    &self.projects,
                    &self.tokens,
                    &calls,
                    &self.project,
                )
                .await?;
                match answer["projectId"].as_str() {
                    Some(id) if !id.is_empty() => Ok(AccountId::new(CLOUD, id)),
                    Some(_) | None => Err(Error::new(
                        "cloudresourcemanager:projects.get",
                        Class::Unknown,
                        "the answer names no project",
                    )),
                }
            })
            .await
            .cloned()
    }

    /// Clients and a fresh count of calls, within the limits of the project.
    pub(crate) async fn api(&self) -> Result<Api, Error> {
        let account = self.account().await?;
        let made = || async {
            Clients::new(&self.compute, &self.tokens)
                .await
                .map(Arc::new)
        };
        Ok(Api {
            clients: Arc::clone(self.clients.get_or_try_init(made).await?),
            tokens: Arc::clone(&self.tokens),
            calls: Calls::new(self.throttles.of(account.as_str())),
        })
    }
}

/// What callers hold of a [`Session`].
struct Opened(Arc<Session>);

#[async_trait]
impl Credentials for Opened {
    async fn identity(&self) -> Result<AccountId, Error> {
        self.0.account().await
    }
}

fn unsupported(capability: &'static str) -> Unsupported {
    Unsupported {
        cloud: CLOUD.to_owned(),
        capability,
    }
}

impl Account for Opened {
    fn machines(&self) -> Result<Arc<dyn Machines>, Unsupported> {
        Ok(Arc::new(Instances(Arc::clone(&self.0))))
    }

    fn zones(&self) -> Result<Arc<dyn Zones>, Unsupported> {
        Err(unsupported("zones"))
    }

    fn machine_sets(&self) -> Result<Arc<dyn MachineSets>, Unsupported> {
        Err(unsupported("machine sets"))
    }

    fn preflight(&self) -> Result<Arc<dyn Preflight>, Unsupported> {
        Err(unsupported("preflight"))
    }

    fn eraser(&self, _: &ClusterFacts) -> Result<Arc<dyn EraseTarget>, Error> {
        let why = unsupported("erasing").to_string();
        Err(Error::new("eraser", Class::Invalid, why))
    }
}
