//! What the tests of erasures share: a hub in memory and an account of the fake cloud.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_crds::platform::PlatformKind;
use skep_providers::fake::{FakeCloud, cluster, metadata};
use skep_providers::{AccountId, Cloud};
use skep_sim::apiserver::{ApiServer, Clock as ServerClock, Latency};

use super::{Erasures, Request, State};
use crate::controllers::context::Shared;
use crate::controllers::credentials::CredentialsRef;
use crate::controllers::receipts::Subject;
use crate::runtime::{Clock, Config, ConfigStore, Context};

/// The infra ID of the cluster in the account.
pub(in crate::controllers) const INFRA_ID: &str = "demo-x7k2p";

/// The access key that the account accepts.
pub(in crate::controllers) const KEY: &str = "AKIAFAKE";

/// A hub, a cloud, and an account in it.
pub(in crate::controllers) struct Hub {
    pub(in crate::controllers) server: ApiServer,
    pub(in crate::controllers) clock: Clock,
    pub(in crate::controllers) cloud: FakeCloud,
    pub(in crate::controllers) account: AccountId,
    pub(in crate::controllers) shared: Shared,
}

impl Hub {
    /// A hub with credentials for an account that holds a cluster of one zone.
    pub(in crate::controllers) fn new() -> Self {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let server = ApiServer::new(7, ServerClock::starting_at(start), Latency::default());
        let clock = Clock::starting_at(start);
        let cloud = FakeCloud::new("aws");
        let account = AccountId::new("aws", "123456789012");
        cloud.accept(KEY, account.clone());
        cloud.create_all(&account, cluster(INFRA_ID, 1));
        let context = Context::new(server.client("operator"), clock.clone(), "test");
        let clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>> =
            [(PlatformKind::Aws, Arc::new(cloud.clone()) as Arc<dyn Cloud>)].into();
        let shared = Shared::new(context, ConfigStore::new(Config::default()), clouds);
        let hub = Self {
            server,
            clock,
            cloud,
            account,
            shared,
        };
        hub.seed(
            "",
            "namespaces",
            &json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"},
            }),
        );
        hub.seed_secret("creds", &[("aws_access_key_id", KEY)]);
        hub
    }

    pub(in crate::controllers) fn erasures(&self) -> &Erasures {
        &self.shared.erasures
    }

    pub(in crate::controllers) fn seed(&self, group: &str, plural: &str, object: &Value) {
        self.server.seed_object(group, plural, object);
    }

    /// A Secret in namespace `team`.
    pub(in crate::controllers) fn seed_secret(&self, name: &str, data: &[(&str, &str)]) {
        let encode = |text: &str| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(text)
        };
        let data: BTreeMap<&str, String> = data
            .iter()
            .map(|(key, text)| (*key, encode(text)))
            .collect();
        self.seed(
            "",
            "secrets",
            &json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"namespace": "team", "name": name},
                "data": data,
            }),
        );
    }

    /// The erasure of the cluster, started by the object with this UID.
    pub(in crate::controllers) fn request(&self, started_by: &str) -> Request {
        Request {
            started_by: started_by.to_owned(),
            subject: subject(),
            platform: PlatformKind::Aws,
            metadata_json: metadata(INFRA_ID, "demo", "example.com").into_bytes(),
            base_domain: Some("example.com".into()),
            account: Some(self.account.to_string()),
            credentials: CredentialsRef {
                namespace: "team".into(),
                secret: Some("creds".into()),
                assume_role: None,
            },
        }
    }

    /// The ConfigMap with plan and receipt.
    pub(in crate::controllers) fn record(&self) -> Option<Value> {
        self.server
            .object("", "configmaps", "hive", &subject().config_map())
    }

    /// How many resources the account holds.
    pub(in crate::controllers) fn resources(&self) -> usize {
        self.cloud.resources(&self.account).len()
    }

    /// Destructive calls so far.
    pub(in crate::controllers) fn changes(&self) -> usize {
        self.cloud
            .log(&self.account)
            .iter()
            .filter(|call| call.is_change())
            .count()
    }

    /// Lets time pass until the erasure is in a state, or an hour is over.
    pub(in crate::controllers) async fn until(
        &self,
        started_by: &str,
        reached: impl Fn(&State) -> bool,
    ) -> State {
        for _ in 0..3600 {
            let state = self.erasures().state(started_by);
            if reached(&state) {
                return state;
            }
            self.clock.sleep(Duration::from_secs(1)).await;
        }
        self.erasures().state(started_by)
    }
}

/// Whose cluster it is.
pub(in crate::controllers) fn subject() -> Subject {
    Subject {
        namespace: "team".into(),
        cluster: "demo".into(),
        cluster_uid: "0f3c6f1c-cd".into(),
        infra_id: INFRA_ID.into(),
    }
}
