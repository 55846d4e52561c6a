//! The cluster in its account, as the deprovision engine sees it: the traits of
//! `skep_providers::erase`, handed on to the files of `inventory/` and `delete/`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_trait::async_trait;
use skep_providers::{
    AccountId, Credentials, Error,
    call::CallCounts,
    erase::{
        AwsFacts, ClusterFacts, Deletion, Discovery, Eraser, Inventory, KindSpec, Outcome,
        Presence, Resource, ResourceId, Untagging,
    },
};
use tokio::sync::OnceCell;

use crate::{
    client::Api,
    credentials::Session,
    delete, describe, holders,
    inventory::{self, dns::Record},
    kinds,
    ownership::Ownership,
};

/// A cluster to be erased.
pub(crate) struct Target {
    session: Arc<Session>,
    pub(crate) facts: ClusterFacts,
    pub(crate) ownership: Ownership,
    hosted_zone_role: Option<String>,
    kinds: Vec<KindSpec>,
    api: OnceCell<Api>,
    role: OnceLock<Api>,
    /// Whole record sets, which their deletion has to repeat. Filled by discovery; what is missing
    /// is read again.
    records: Mutex<BTreeMap<ResourceId, Record>>,
    /// Networks that the last discovery found to be owned: what is in them is the cluster's.
    owned_vpcs: Mutex<BTreeSet<String>>,
}

impl Target {
    pub(crate) fn new(session: Arc<Session>, facts: ClusterFacts, aws: &AwsFacts) -> Self {
        Self {
            session,
            ownership: Ownership::new(&facts.infra_id, aws),
            facts,
            hosted_zone_role: aws.hosted_zone_role.clone().filter(|role| !role.is_empty()),
            kinds: kinds::specs(),
            api: OnceCell::new(),
            role: OnceLock::new(),
            records: Mutex::default(),
            owned_vpcs: Mutex::default(),
        }
    }

    /// Clients and call count of this erasure.
    pub(crate) async fn api(&self) -> Result<&Api, Error> {
        self.api.get_or_try_init(|| self.session.api()).await
    }

    /// The same in the account of the shared zone.
    pub(crate) fn role(&self) -> Option<&Api> {
        let arn = self.hosted_zone_role.as_deref()?;
        Some(self.role.get_or_init(|| self.session.in_role(arn)))
    }

    pub(crate) fn record(&self, id: &ResourceId) -> Option<Record> {
        self.known_records().get(id).cloned()
    }

    pub(crate) fn remember(&self, records: BTreeMap<ResourceId, Record>) {
        self.known_records().extend(records);
    }

    pub(crate) fn owned_vpcs(&self) -> BTreeSet<String> {
        self.owned_vpcs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn known_records(&self) -> std::sync::MutexGuard<'_, BTreeMap<ResourceId, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Credentials for Target {
    async fn identity(&self) -> Result<AccountId, Error> {
        self.session.identity().await
    }
}

#[async_trait]
impl Inventory for Target {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn discover(&self) -> Result<Discovery, Error> {
        let api = self.api().await?;
        let found = Box::pin(inventory::discover(
            api,
            self.role(),
            &self.facts,
            &self.ownership,
        ))
        .await?;
        *self.known_records() = found.records;
        *self
            .owned_vpcs
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = found.owned_vpcs;
        Ok(found.discovery)
    }

    async fn describe(&self, resources: &[Resource]) -> Result<Vec<Presence>, Error> {
        Box::pin(describe::describe(self, resources)).await
    }

    async fn holders(&self, resource: &Resource) -> Result<Vec<Resource>, Error> {
        Box::pin(holders::holders(self, resource)).await
    }

    fn calls(&self) -> CallCounts {
        let count = |api: Option<&Api>| api.map(|api| api.calls.counts()).unwrap_or_default();
        count(self.api.get()) + count(self.role.get())
    }
}

#[async_trait]
impl Eraser for Target {
    async fn delete(&self, batch: &[Deletion]) -> Vec<Outcome> {
        let resources: Vec<&Resource> = batch.iter().map(Deletion::resource).collect();
        let api = match self.api().await {
            Ok(api) => api,
            Err(error) => return failed(&error, batch.len()),
        };
        Box::pin(delete::delete(self, api, &resources)).await
    }

    async fn release(&self, batch: &[Deletion]) -> Vec<Outcome> {
        let resources: Vec<&Resource> = batch.iter().map(Deletion::resource).collect();
        let api = match self.api().await {
            Ok(api) => api,
            Err(error) => return failed(&error, batch.len()),
        };
        Box::pin(delete::release(api, &resources)).await
    }

    async fn untag(&self, batch: &[Untagging]) -> Vec<Outcome> {
        let resources: Vec<&Resource> = batch.iter().map(Untagging::resource).collect();
        let api = match self.api().await {
            Ok(api) => api,
            Err(error) => return failed(&error, batch.len()),
        };
        Box::pin(delete::untag::untag(self, api, &resources)).await
    }
}

pub(crate) fn failed(error: &Error, count: usize) -> Vec<Outcome> {
    (0..count).map(|_| Outcome::Failed(error.clone())).collect()
}
