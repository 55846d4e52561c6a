//! Where plans and receipts of erasures are kept: one ConfigMap per erased infra ID, in the operator's own
//! namespace, so that a receipt outlives the cluster and its namespace (docs/spec/20 §13.2; design: "the
//! receipt outlives the ClusterDeployment for a set time").
//!
//! A plan is on record before the first destructive call, or the call is not made. What is kept is bounded:
//! a ConfigMap holds 1 MiB.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use skep_crds::ClusterDeprovision;
use skep_crds::names::object_name::object_name;
use skep_crds::names::{label, skep};
use skep_providers::erase::{Disposed, Journal, JournalError, Plan, Receipt};
use tokio_util::sync::CancellationToken;

use crate::runtime::lease::Claim;
use crate::runtime::{At, Clock, Key, Reader, RequestError, Writer, error_chain};

/// How long a receipt is kept.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Key of the receipt in its ConfigMap.
pub const RECEIPT_KEY: &str = "receipt.json";

/// Key of the first plan.
pub const PLAN_KEY: &str = "plan.json";

/// Key of the plans after the first, in short.
pub const ADDITIONS_KEY: &str = "additions.json";

/// A ConfigMap holds 1 MiB in all. The receipt gets half of it.
const LARGEST_RECEIPT: usize = 500 * 1024;

/// The first plan gets most of the rest.
const LARGEST_PLAN: usize = 320 * 1024;

/// Later plans are short: what a holder or the second look added.
const LARGEST_ADDITIONS: usize = 120 * 1024;

/// Plans that a receipt names: the first, and the last ones of an erasure that is blocked for long.
const MOST_PLANS: usize = 50;

/// How often the note on a ClusterDeprovision is tried while others write it.
const NOTING_TRIES: u32 = 10;

/// Receipts are kept for weeks: nobody minds a day more.
const BETWEEN_CLEANINGS: Duration = Duration::from_hours(24);

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
#[derive(Clone, Debug)]
pub struct Receipts {
    reader: Reader,
    writer: Writer,
    clock: Clock,
    namespace: String,
}

impl Receipts {
    /// Receipts kept in `namespace`, the operator's own.
    pub const fn new(reader: Reader, writer: Writer, clock: Clock, namespace: String) -> Self {
        Self {
            reader,
            writer,
            clock,
            namespace,
        }
    }

    /// The record about `subject`, to be continued.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn open(
        &self,
        subject: &Subject,
    ) -> Result<Opened<impl Journal + use<>>, RequestError> {
        let entries = self.entries(subject).await?;
        let receipt = entries
            .get(RECEIPT_KEY)
            .and_then(|text| serde_json::from_str(text).ok());
        let journal = Record {
            receipts: self.clone(),
            subject: subject.clone(),
            entries: tokio::sync::Mutex::new(entries),
        };
        Ok(Opened { receipt, journal })
    }

    /// Whether a receipt says that nothing of `subject` is left.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn prove(&self, subject: &Subject) -> Result<bool, RequestError> {
        #[derive(serde::Deserialize)]
        struct Said {
            complete: bool,
        }
        let entries = self.entries(subject).await?;
        let said = entries
            .get(RECEIPT_KEY)
            .and_then(|text| serde_json::from_str::<Said>(text).ok());
        Ok(said.is_some_and(|said| said.complete))
    }

    /// The ConfigMaps of the plans and receipts of a cluster, the oldest first.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn of_cluster(
        &self,
        namespace: &str,
        cluster: &str,
    ) -> Result<Vec<Arc<ConfigMap>>, RequestError> {
        let selector = format!(
            "{}={},{}={}",
            label::CLUSTER_DEPLOYMENT_NAME,
            shortened(cluster),
            skep::CLUSTER_NAMESPACE_LABEL,
            shortened(namespace),
        );
        let mut found = self
            .reader
            .list_live::<ConfigMap>(&self.namespace, &selector)
            .await?;
        let whole = format!("{namespace}/{cluster}");
        found.retain(|config_map| {
            config_map.annotations().get(skep::CLUSTER_ANNOTATION) == Some(&whole)
        });
        found.sort_by_key(|config_map| config_map.creation_timestamp());
        Ok(found)
    }

    /// Annotates a ClusterDeprovision with the digest of its first plan. One that has such an annotation
    /// keeps it: later plans are additions to the first.
    ///
    /// # Errors
    /// The ClusterDeprovision is gone or could not be written: nothing may be deleted then.
    pub async fn note_plan(&self, deprovision: &Key, digest: &str) -> Result<(), NotNoted> {
        for _ in 0..NOTING_TRIES {
            let Key {
                namespace,
                name,
                uid,
            } = deprovision;
            let found = self
                .reader
                .get_live::<ClusterDeprovision>(namespace, name)
                .await?;
            let found = found.filter(|found| found.uid().as_ref() == Some(uid));
            let found = found.filter(|found| found.metadata.deletion_timestamp.is_none());
            let found = found.ok_or(NotNoted::Gone)?;
            if found
                .annotations()
                .contains_key(skep::PLAN_DIGEST_ANNOTATION)
            {
                return Ok(());
            }
            let noted = json!({
                "metadata": {"annotations": {skep::PLAN_DIGEST_ANNOTATION: digest}},
            });
            match self
                .writer
                .merge::<ClusterDeprovision>(&At::of(&found), noted)
                .await
            {
                Ok(_) => return Ok(()),
                // Its own controller writes the status meanwhile.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(NotNoted::Contended)
    }

    /// Deletes what has been kept long enough. Cheap: one list.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn expire(&self) -> Result<(), RequestError> {
        let selector = skep::RECEIPT_LABEL;
        let now = self.clock.now();
        for found in self
            .reader
            .list_live::<ConfigMap>(&self.namespace, selector)
            .await?
        {
            let expires = found.metadata.annotations.as_ref();
            let expires = expires.and_then(|all| all.get(skep::EXPIRES_ANNOTATION));
            if expires
                .and_then(|text| text.parse::<Timestamp>().ok())
                .is_some_and(|at| at <= now)
            {
                let propagation = kube::api::PropagationPolicy::Background;
                self.writer
                    .delete::<ConfigMap>(&Key::of(found.as_ref()), propagation)
                    .await?;
            }
        }
        Ok(())
    }

    async fn entries(&self, subject: &Subject) -> Result<Entries, RequestError> {
        let name = subject.config_map();
        let found = self
            .reader
            .get_live::<ConfigMap>(&self.namespace, &name)
            .await?;
        let mut data = found
            .and_then(|config_map| config_map.data)
            .unwrap_or_default();
        let known = [PLAN_KEY, ADDITIONS_KEY, RECEIPT_KEY];
        Ok(known
            .into_iter()
            .filter_map(|key| Some((key, data.remove(key)?)))
            .collect())
    }

    async fn store(&self, subject: &Subject, entries: &Entries) -> Result<(), RequestError> {
        let expires = self
            .clock
            .now()
            .saturating_add(RETENTION)
            .unwrap_or(Timestamp::MAX);
        let labels = [
            (skep::RECEIPT_LABEL, "true"),
            (label::CLUSTER_DEPLOYMENT_NAME, &shortened(&subject.cluster)),
            (
                skep::CLUSTER_NAMESPACE_LABEL,
                &shortened(&subject.namespace),
            ),
        ];
        let annotations = [
            (skep::EXPIRES_ANNOTATION, expires.to_string()),
            (
                skep::CLUSTER_ANNOTATION,
                format!("{}/{}", subject.namespace, subject.cluster),
            ),
            (skep::INFRA_ID_ANNOTATION, subject.infra_id.clone()),
        ];
        let config_map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(subject.config_map()),
                namespace: Some(self.namespace.clone()),
                labels: Some(
                    labels
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .into(),
                ),
                annotations: Some(
                    annotations
                        .map(|(key, value)| (key.to_owned(), value))
                        .into(),
                ),
                ..ObjectMeta::default()
            },
            data: Some(
                entries
                    .iter()
                    .map(|(key, text)| ((*key).to_owned(), text.clone()))
                    .collect(),
            ),
            ..ConfigMap::default()
        };
        self.writer.apply(&config_map).await.map(drop)
    }
}

/// A label's value is at most 63 characters; the full name stands in an annotation.
fn shortened(name: &str) -> String {
    name.chars()
        .take(63)
        .collect::<String>()
        .trim_end_matches(['-', '.', '_'])
        .to_owned()
}

/// What the ConfigMap holds, by key.
type Entries = BTreeMap<&'static str, String>;

/// A record that is continued.
pub struct Opened<J> {
    /// The receipt so far, if there is one that can be read.
    pub receipt: Option<Receipt>,
    /// Continues the record.
    pub journal: J,
}

/// The plan's digest could not be noted on its ClusterDeprovision.
#[derive(Debug, thiserror::Error)]
pub enum NotNoted {
    /// There is nobody left who wants the deletion.
    #[error("the ClusterDeprovision is gone")]
    Gone,
    /// Somebody else writes it all the time.
    #[error("the ClusterDeprovision changes all the time")]
    Contended,
    /// The API server did not do it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Deletes old receipts now and then, while this process leads, until `stop`.
pub async fn janitor(receipts: Receipts, claim: Claim, stop: CancellationToken) {
    let clock = receipts.clock.clone();
    let cleanings = async {
        loop {
            if let Err(error) = receipts.expire().await {
                tracing::warn!(
                    error = error_chain(&error),
                    "old receipts could not be deleted"
                );
            }
            clock.sleep(BETWEEN_CLEANINGS).await;
        }
    };
    let mut cleanings = std::pin::pin!(cleanings);
    let work = async {
        loop {
            let reign = claim.reign().await;
            tokio::select! {
                biased;
                () = reign.over() => {}
                () = &mut cleanings => {}
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// The journal of one erasure.
struct Record {
    receipts: Receipts,
    subject: Subject,
    entries: tokio::sync::Mutex<Entries>,
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
        let additions = {
            let entries = self.entries.lock().await;
            let first = !entries.contains_key(PLAN_KEY);
            (!first).then(|| entries.get(ADDITIONS_KEY).cloned().unwrap_or_default())
        };
        match additions {
            None => self.put(PLAN_KEY, bounded_plan(plan)?).await,
            Some(earlier) => {
                self.put(ADDITIONS_KEY, bounded_additions(&earlier, plan)?)
                    .await
            }
        }
    }

    async fn checkpoint(&self, receipt: &Receipt) -> Result<(), JournalError> {
        self.put(RECEIPT_KEY, bounded_receipt(receipt)?).await
    }
}

fn text_of(value: &impl serde::Serialize) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(|error| JournalError(error.to_string()))
}

/// A plan that is too long is kept as its digest and its counts.
fn bounded_plan(plan: &Plan) -> Result<String, JournalError> {
    let text = text_of(plan)?;
    if text.len() <= LARGEST_PLAN {
        return Ok(text);
    }
    let counts: BTreeMap<String, usize> = plan
        .counts()
        .into_iter()
        .map(|(kind, count)| (kind.to_string(), count))
        .collect();
    let (digest, reason) = (&plan.digest, &plan.reason);
    text_of(&json!({"digest": digest, "reason": reason, "counts": counts, "shortened": true}))
}

/// Plans after the first, in short; when they become too many, the oldest go.
fn bounded_additions(earlier: &str, plan: &Plan) -> Result<String, JournalError> {
    let mut additions: Vec<Value> = serde_json::from_str(earlier).unwrap_or_default();
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| json!({"action": step.action, "kind": step.kind, "id": step.id}))
        .collect();
    additions.push(json!({"digest": plan.digest, "reason": plan.reason, "steps": steps}));
    loop {
        let text = text_of(&additions)?;
        if text.len() <= LARGEST_ADDITIONS {
            return Ok(text);
        }
        if additions.len() > 1 {
            additions.remove(0);
        } else {
            additions =
                vec![json!({"digest": plan.digest, "reason": plan.reason, "shortened": true})];
        }
    }
}

/// A receipt that is too long loses the oldest entries of what is gone, and only then details of what is
/// left, never the number of it.
fn bounded_receipt(receipt: &Receipt) -> Result<String, JournalError> {
    let mut receipt = receipt.clone();
    // The first plan is the one that people compare; an erasure that is blocked for weeks makes thousands.
    let plans = receipt.plans.len();
    if plans > MOST_PLANS {
        receipt.plans.drain(1..=plans - MOST_PLANS);
    }
    loop {
        let text = text_of(&receipt)?;
        if text.len() <= LARGEST_RECEIPT {
            return Ok(text);
        }
        let longest = [receipt.deleted.len(), receipt.untagged.len()]
            .into_iter()
            .max();
        match longest {
            Some(length) if length > 0 => {
                let halve = |list: &mut Vec<Disposed>| drop(list.drain(..list.len().div_ceil(2)));
                halve(&mut receipt.deleted);
                halve(&mut receipt.untagged);
            }
            Some(_) | None if receipt.left.len() > 1 => {
                let dropped = receipt.left.len() / 2;
                receipt.left.truncate(receipt.left.len() - dropped);
                receipt.gaps.push(format!(
                    "{dropped} more resources are left that had no room here"
                ));
            }
            Some(_) | None => return Ok(text),
        }
    }
}
