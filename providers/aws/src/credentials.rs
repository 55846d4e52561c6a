//! Decides who acts: the factory [`Aws`] makes accounts out of Secrets and roles, keeps them by the
//! content of their source, and each account can say which one it is, by asking the cloud each time.
//!
//! Must never print a key, never write one to disk or environment, and never fall back to
//! credentials of the process when a Secret gives none. Mirrors `docs/spec/10 §14.3`,
//! `docs/spec/20 §6` and `docs/spec/24 §1`.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use aws_credential_types::{
    Credentials as Keys,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use skep_providers::{
    Account, AccountId, Class, Clock, Cloud, ConnectRequest, CredentialSource, Credentials,
    Endpoints, Error, Unsupported,
    call::{Call, CallObserver, Calls, RetryPolicy, Throttles},
    erase::{ClusterFacts, EraseTarget, PlatformFacts},
    machine_sets::MachineSets,
    power::Machines,
    preflight::Preflight,
    zones::Zones,
};
use tokio::sync::OnceCell;

use crate::{
    client::{self, Api, Clients, service},
    machines::{AccountListings, Instances, Known},
    profile::{self, Identity},
    target::Target,
};

/// Name of the cloud in account identities.
pub const CLOUD: &str = "aws";

/// Accounts that are kept; more than a hub has distinct Secrets in use at a time. Beyond it all are
/// forgotten and made again, which costs one identity call each.
const MAX_KEPT: usize = 4096;

/// Listings of instances that are kept. A large one is some megabytes; with more accounts than this, the
/// one that was not looked at longest is made again.
const MAX_LISTINGS: usize = 512;

/// Amazon Web Services: one value per process.
pub struct Aws {
    connections: SharedHttpClient,
    throttles: Arc<Throttles>,
    clock: Arc<dyn Clock>,
    listings: Arc<AccountListings>,
    accounts: Mutex<BTreeMap<Key, Arc<Session>>>,
}

/// Content of the source, region, endpoints.
pub(crate) type Key = ([u8; 32], String, Endpoints);

impl Aws {
    /// A factory whose calls are reported to `observer`; `clock` gives the times that listings tell.
    pub fn new(observer: Arc<dyn CallObserver>, clock: Arc<dyn Clock>) -> Self {
        Self::with_policy(observer, clock, RetryPolicy::default())
    }

    /// A factory with another retry policy, for tests of faults.
    pub fn with_policy(
        observer: Arc<dyn CallObserver>,
        clock: Arc<dyn Clock>,
        policy: RetryPolicy,
    ) -> Self {
        let limits = client::LIMITS.to_vec();
        Self {
            connections: client::connections(),
            throttles: Arc::new(Throttles::new(
                limits,
                client::OTHER_LIMIT,
                policy,
                observer,
            )),
            listings: Arc::new(AccountListings::new(Arc::clone(&clock), MAX_LISTINGS)),
            clock,
            accounts: Mutex::default(),
        }
    }

    /// The account of a request, without the trait around it.
    pub(crate) fn session(&self, request: ConnectRequest) -> Result<Arc<Session>, Error> {
        let ConnectRequest {
            source,
            region,
            endpoints,
        } = request;
        let region = if region.is_empty() {
            "us-east-1".to_owned()
        } else {
            region
        };
        let key = (source.fingerprint(), region, endpoints);
        if let Some(kept) = self.kept().get(&key) {
            return Ok(Arc::clone(kept));
        }
        let session = Arc::new(Session::new(self, &source, key.clone())?);
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        Ok(Arc::clone(kept.entry(key).or_insert(session)))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Arc<Session>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Cloud for Aws {
    fn name(&self) -> &str {
        CLOUD
    }

    async fn connect(&self, request: ConnectRequest) -> Result<Arc<dyn Account>, Error> {
        Ok(Arc::new(Opened(self.session(request)?)))
    }
}

/// An opened account.
pub(crate) struct Session {
    identity: Identity,
    region: String,
    endpoints: Endpoints,
    connections: SharedHttpClient,
    throttles: Arc<Throttles>,
    clients: Arc<Clients>,
    account: OnceCell<AccountId>,
    pub(crate) key: Key,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) listings: Arc<AccountListings>,
    pub(crate) known: Known,
}

impl Session {
    fn new(aws: &Aws, source: &CredentialSource, key: Key) -> Result<Self, Error> {
        let (_, region, endpoints) = key.clone();
        let connections = aws.connections.clone();
        let throttles = Arc::clone(&aws.throttles);
        let identity = profile::identity(source).map_err(|fault| {
            Error::new("credentials", Class::Unauthenticated, fault.to_string())
        })?;
        let calls = Calls::new(throttles.of(CLOUD));
        let provider = provider(&identity, &region, &endpoints, &connections, &calls);
        let clients = Arc::new(Clients::new(
            connections.clone(),
            provider,
            &region,
            endpoints.clone(),
        ));
        Ok(Self {
            identity,
            region,
            endpoints,
            connections,
            throttles,
            clients,
            account: OnceCell::new(),
            key,
            clock: Arc::clone(&aws.clock),
            listings: Arc::clone(&aws.listings),
            known: Known::default(),
        })
    }

    /// Asks the cloud, each time: keys are withdrawn without a word to the hub.
    ///
    /// A role is assumed anew, since keys of it from before outlive the right to assume it.
    pub(crate) async fn identity(&self) -> Result<AccountId, Error> {
        let calls = Calls::new(self.throttles.of(CLOUD));
        let clients = match &self.identity {
            Identity::Keys { .. } => Arc::clone(&self.clients),
            Identity::Role { .. } => Arc::new(self.clients_as(&self.identity, &calls)),
        };
        let account = caller(&Api { clients, calls }).await?;
        // Keys and roles stay with the account that they were made in.
        let _ = self.account.set(account.clone());
        Ok(account)
    }

    /// The account of these credentials, asked for once: for limits and labels, not for a judgement.
    async fn account(&self) -> Result<AccountId, Error> {
        let api = Api {
            clients: Arc::clone(&self.clients),
            calls: Calls::new(self.throttles.of(CLOUD)),
        };
        self.account.get_or_try_init(|| caller(&api)).await.cloned()
    }

    /// Clients and a fresh count of calls, within the limits of the account.
    pub(crate) async fn api(&self) -> Result<Api, Error> {
        let account = self.account().await?;
        let calls = Calls::new(self.throttles.of(account.as_str()));
        Ok(Api {
            clients: Arc::clone(&self.clients),
            calls,
        })
    }

    /// The same identity in another role, for the zone that another account shares. Counts together
    /// with `calls` would mix two accounts' limits, so the role's account has its own.
    pub(crate) fn in_role(&self, arn: &str) -> Api {
        let calls = Calls::new(self.throttles.of(CLOUD));
        let role = Identity::Role {
            source: Box::new(self.identity.clone()),
            arn: arn.to_owned(),
            external_id: None,
            session: None,
        };
        let clients = self.clients_as(&role, &calls);
        // arn:aws:iam::123456789012:role/name
        let label = match arn.split(':').nth(4) {
            Some(account) if !account.is_empty() => format!("{CLOUD}:{account}"),
            Some(_) | None => CLOUD.to_owned(),
        };
        Api {
            clients: Arc::new(clients),
            calls: Calls::new(self.throttles.of(&label)),
        }
    }

    /// Clients of their own for an identity: they know no keys from before.
    fn clients_as(&self, identity: &Identity, calls: &Calls) -> Clients {
        let (region, endpoints) = (&self.region, &self.endpoints);
        let provider = provider(identity, region, endpoints, &self.connections, calls);
        Clients::new(
            self.connections.clone(),
            provider,
            region,
            endpoints.clone(),
        )
    }
}

/// Whose credentials the clients use.
async fn caller(api: &Api) -> Result<AccountId, Error> {
    const CALL: Call = Call::read(service::STS, "sts:GetCallerIdentity");
    let answer = api
        .call(CALL, || api.clients.sts().get_caller_identity().send())
        .await?;
    match answer.account {
        Some(account) if !account.is_empty() => Ok(AccountId::new(CLOUD, &account)),
        Some(_) | None => Err(Error::new(
            CALL.operation,
            Class::Unknown,
            "the answer names no account",
        )),
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// What callers hold of a [`Session`].
struct Opened(Arc<Session>);

#[async_trait]
impl Credentials for Opened {
    async fn identity(&self) -> Result<AccountId, Error> {
        self.0.identity().await
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

    fn eraser(&self, facts: &ClusterFacts) -> Result<Arc<dyn EraseTarget>, Error> {
        match &facts.platform {
            PlatformFacts::Aws(aws) => Ok(Arc::new(Target::new(
                Arc::clone(&self.0),
                facts.clone(),
                aws,
            ))),
            PlatformFacts::Azure(_) | PlatformFacts::Gcp(_) | PlatformFacts::Other(_) => Err(
                Error::new("eraser", Class::Invalid, "the cluster is not on AWS"),
            ),
        }
    }
}

fn provider(
    identity: &Identity,
    region: &str,
    endpoints: &Endpoints,
    connections: &SharedHttpClient,
    calls: &Calls,
) -> SharedCredentialsProvider {
    match identity {
        Identity::Keys { id, secret, token } => SharedCredentialsProvider::new(Keys::new(
            id.as_str(),
            secret.as_str(),
            token.as_ref().map(|token| token.to_string()),
            None,
            "skep",
        )),
        Identity::Role {
            source,
            arn,
            external_id,
            session,
        } => {
            let source = provider(source, region, endpoints, connections, calls);
            let clients = Clients::new(connections.clone(), source, region, endpoints.clone());
            SharedCredentialsProvider::new(AssumedRole {
                api: Api {
                    clients: Arc::new(clients),
                    calls: calls.clone(),
                },
                arn: arn.clone(),
                external_id: external_id.clone(),
                session: session.clone().unwrap_or_else(|| "skep".to_owned()),
            })
        }
    }
}

/// Keys of a role, fetched when they are needed; the SDK keeps them until shortly before they end.
struct AssumedRole {
    api: Api,
    arn: String,
    external_id: Option<String>,
    session: String,
}

impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumedRole")
            .field("arn", &self.arn)
            .finish_non_exhaustive()
    }
}

impl AssumedRole {
    async fn assume(&self) -> Result<Keys, CredentialsError> {
        const CALL: Call = Call::read(service::STS, "sts:AssumeRole");
        let answer = self
            .api
            .call(CALL, || {
                self.api
                    .clients
                    .sts()
                    .assume_role()
                    .role_arn(&self.arn)
                    .role_session_name(&self.session)
                    .set_external_id(self.external_id.clone())
                    .send()
            })
            .await
            .map_err(CredentialsError::provider_error)?;
        let keys = answer.credentials.ok_or_else(|| {
            CredentialsError::provider_error(Error::new(
                CALL.operation,
                Class::Unknown,
                "the answer holds no credentials",
            ))
        })?;
        let expires = SystemTime::try_from(keys.expiration).ok();
        Ok(Keys::new(
            keys.access_key_id,
            keys.secret_access_key,
            Some(keys.session_token),
            expires,
            "skep",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
