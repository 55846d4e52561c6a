//! Where plans and receipts of erasures are kept: one ConfigMap per erased infra ID, in the operator's own
//! namespace, so that a receipt outlives the cluster and its namespace (docs/spec/20 §13.2; design: "the
//! receipt outlives the ClusterDeployment for a set time").
//!
//! A plan is on record before the first destructive call, or the call is not made. What is kept is bounded:
//! a ConfigMap holds 1 MiB.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use skep_crds::names::object_name::object_name;
use skep_crds::names::{label, skep};
use skep_providers::erase::{Journal, JournalError, Plan, Receipt};

use crate::runtime::{Clock, Key, Reader, RequestError, Writer, error_chain};

/// How long a receipt is kept.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Key of the receipt in its ConfigMap.
pub const RECEIPT_KEY: &str = "receipt.json";

/// Key of the first plan.
pub const PLAN_KEY: &str = "plan.json";

/// Half of what a ConfigMap can hold, so that plan and receipt fit together.
const LARGEST_ENTRY: usize = 480 * 1024;

/// What was erased, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Namespace of the ClusterDeployment.
    pub namespace: String,
    /// Its name.
    pub cluster: String,
    /// Its UID.
    pub cluster_uid: String,
    /// The infra ID.
    pub infra_id: String,
}

impl Subject {
    /// Name of the ConfigMap: unique by infra ID and ClusterDeployment.
    pub fn config_map(&self) -> String {
        let tail: String = self.cluster_uid.chars().take(8).collect();
        object_name(&format!("receipt-{}", self.infra_id), &tail)
    }
}

/// The receipts of a hub. Clones share the connection.
#[derive(Clone)]
pub struct Receipts {
    reader: Reader,
    writer: Writer,
    clock: Clock,
    namespace: String,
}

impl Receipts {
    /// Receipts kept in `namespace`, the operator's own.
    pub const fn new(reader: Reader, writer: Writer, clock: Clock, namespace: String) -> Self {
        Self { reader, writer, clock, namespace }
    }

    /// The receipt so far, if there is one that can be read.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn load(&self, subject: &Subject) -> Result<Option<Receipt>, RequestError> {
        let found = self.reader.get_live::<ConfigMap>(&self.namespace, &subject.config_map()).await?;
        let text = found.and_then(|config_map| config_map.data?.remove(RECEIPT_KEY));
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// A journal that records about `subject`.
    pub fn journal(&self, subject: Subject) -> impl Journal + use<> {
        Record { receipts: self.clone(), subject, entries: tokio::sync::Mutex::default() }
    }

    /// Deletes what has been kept long enough. Cheap: one list.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn expire(&self) -> Result<(), RequestError> {
        let selector = skep::RECEIPT_LABEL;
        let now = self.clock.now();
        for found in self.reader.list_live::<ConfigMap>(&self.namespace, selector).await? {
            let expires = found.metadata.annotations.as_ref();
            let expires = expires.and_then(|all| all.get(skep::EXPIRES_ANNOTATION));
            if expires.and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|at| at <= now) {
                let propagation = kube::api::PropagationPolicy::Background;
                self.writer.delete::<ConfigMap>(&Key::of(found.as_ref()), propagation).await?;
            }
        }
        Ok(())
    }

    async fn store(
        &self,
        subject: &Subject,
        entries: &BTreeMap<&'static str, String>,
    ) -> Result<(), RequestError> {
        let expires = self.clock.now().saturating_add(RETENTION).unwrap_or(Timestamp::MAX);
        let labels = [
            (skep::RECEIPT_LABEL, "true"),
            (label::CLUSTER_DEPLOYMENT_NAME, &shortened(&subject.cluster)),
            (skep::CLUSTER_NAMESPACE_LABEL, &shortened(&subject.namespace)),
        ];
        let annotations = [
            (skep::EXPIRES_ANNOTATION, expires.to_string()),
            (skep::CLUSTER_ANNOTATION, format!("{}/{}", subject.namespace, subject.cluster)),
            (skep::INFRA_ID_ANNOTATION, subject.infra_id.clone()),
        ];
        let config_map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(subject.config_map()),
                namespace: Some(self.namespace.clone()),
                labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
                annotations: Some(annotations.map(|(key, value)| (key.to_owned(), value)).into()),
                ..ObjectMeta::default()
            },
            data: Some(entries.iter().map(|(key, text)| ((*key).to_owned(), text.clone())).collect()),
            ..ConfigMap::default()
        };
        self.writer.apply(&config_map).await.map(drop)
    }
}

/// A label's value is at most 63 characters; the full name stands in an annotation.
fn shortened(name: &str) -> String {
    name.chars().take(63).collect::<String>().trim_end_matches(['-', '.', '_']).to_owned()
}

struct Record {
    receipts: Receipts,
    subject: Subject,
    entries: tokio::sync::Mutex<BTreeMap<&'static str, String>>,
}

impl Record {
    async fn put(&self, key: &'static str, text: String) -> Result<(), JournalError> {
        let mut entries = self.entries.lock().await;
        entries.insert(key, text);
        let stored = self.receipts.store(&self.subject, &entries).await;
        stored.map_err(|error| JournalError(error_chain(&error)))
    }
}

#[async_trait]
impl Journal for Record {
    async fn record_plan(&self, plan: &Plan) -> Result<(), JournalError> {
        // Later plans of a run are additions, which the receipt lists; the first is the plan.
        if self.entries.lock().await.contains_key(PLAN_KEY) {
            return Ok(());
        }
        self.put(PLAN_KEY, bounded(plan, &plan.digest)?).await
    }

    async fn checkpoint(&self, receipt: &Receipt) -> Result<(), JournalError> {
        self.put(RECEIPT_KEY, bounded_receipt(receipt)?).await
    }
}

fn bounded(plan: &Plan, digest: &str) -> Result<String, JournalError> {
    let text = serde_json::to_string(plan).map_err(|error| JournalError(error.to_string()))?;
    if text.len() <= LARGEST_ENTRY {
        return Ok(text);
    }
    let counts: BTreeMap<String, usize> =
        plan.counts().into_iter().map(|(kind, count)| (kind.to_string(), count)).collect();
    let short = serde_json::json!({"digest": digest, "counts": counts, "shortened": true});
    Ok(short.to_string())
}

/// A receipt that is too long loses the oldest entries of what is gone, never what is left.
fn bounded_receipt(receipt: &Receipt) -> Result<String, JournalError> {
    let mut receipt = receipt.clone();
    loop {
        let text = serde_json::to_string(&receipt).map_err(|error| JournalError(error.to_string()))?;
        if text.len() <= LARGEST_ENTRY || receipt.deleted.is_empty() {
            return Ok(text);
        }
        let half = receipt.deleted.len().div_ceil(2);
        receipt.deleted.drain(..half);
    }
}
