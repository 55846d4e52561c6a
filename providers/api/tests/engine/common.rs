//! A cluster in a fake account, and erasures of it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use skep_providers::{
    AccountId, Cloud, ConnectRequest, CredentialSource, Endpoints, SecretData,
    erase::{
        self, ClusterFacts, EraseContext, EraseError, EraseRequest, Hints, Journal, JournalError,
        Plan, Receipt,
    },
    fake::{FakeClock, FakeCloud, FakeResource, metadata},
};

pub(crate) const INFRA_ID: &str = "demo-x7k2p";
pub(crate) const OWNED: &str = "kubernetes.io/cluster/demo-x7k2p";
pub(crate) const KEY: &str = "AKIAFAKE";

pub(crate) struct Scene {
    pub(crate) cloud: FakeCloud,
    pub(crate) account: AccountId,
    pub(crate) facts: Arc<ClusterFacts>,
    pub(crate) clock: FakeClock,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let cloud = FakeCloud::new("aws");
        let account = AccountId::new("aws", "123456789012");
        cloud.accept(KEY, account.clone());
        let metadata = metadata(INFRA_ID, "demo", "example.com");
        let facts = ClusterFacts::from_metadata(metadata.as_bytes(), &Hints::default()).unwrap();
        let clock = FakeClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        Self {
            cloud,
            account,
            facts: Arc::new(facts),
            clock,
        }
    }

    pub(crate) fn with(resources: Vec<FakeResource>) -> Self {
        let scene = Self::new();
        scene.cloud.create_all(&scene.account, resources);
        scene
    }

    pub(crate) fn request(&self) -> EraseRequest {
        EraseRequest::new(Arc::clone(&self.facts), Some(self.account.clone()))
    }

    pub(crate) fn context(&self) -> EraseContext {
        EraseContext::new(Arc::new(self.clock)).0
    }

    pub(crate) async fn target(&self) -> Arc<dyn erase::EraseTarget> {
        let secret = SecretData::from_iter([("aws_access_key_id", KEY.as_bytes().to_vec())]);
        let request = ConnectRequest {
            source: CredentialSource::from_secret(secret),
            region: "us-east-1".to_owned(),
            endpoints: Endpoints::default(),
        };
        self.cloud
            .connect(request)
            .await
            .unwrap()
            .eraser(&self.facts)
            .unwrap()
    }

    pub(crate) async fn erase(&self) -> Result<Receipt, EraseError> {
        self.erase_with(self.request(), self.context()).await
    }

    pub(crate) async fn erase_with(
        &self,
        request: EraseRequest,
        context: EraseContext,
    ) -> Result<Receipt, EraseError> {
        erase::run(request, self.target().await, context).await
    }

    /// What is left in the account, by identifier.
    pub(crate) fn left(&self) -> Vec<String> {
        self.cloud
            .resources(&self.account)
            .keys()
            .map(ToString::to_string)
            .collect()
    }

    pub(crate) fn changes(&self) -> usize {
        self.cloud
            .log(&self.account)
            .iter()
            .filter(|call| call.is_change())
            .count()
    }
}

pub(crate) fn owned(id: &str, kind: &str) -> FakeResource {
    FakeResource::new(id, kind).tag(OWNED, "owned")
}

pub(crate) fn foreign(id: &str, kind: &str) -> FakeResource {
    FakeResource::new(id, kind).tag("kubernetes.io/cluster/demo-x7k2q", "owned")
}

/// A journal that remembers, and refuses on demand.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) plans: Mutex<Vec<Plan>>,
    pub(crate) receipt: Mutex<Option<Receipt>>,
    pub(crate) refuses: bool,
}

#[async_trait]
impl Journal for Record {
    async fn record_plan(&self, plan: &Plan) -> Result<(), JournalError> {
        if self.refuses {
            return Err(JournalError("read only".to_owned()));
        }
        self.plans.lock().unwrap().push(plan.clone());
        Ok(())
    }

    async fn checkpoint(&self, receipt: &Receipt) -> Result<(), JournalError> {
        *self.receipt.lock().unwrap() = Some(receipt.clone());
        Ok(())
    }
}
