//! What the attempt before this one may have left in the cloud: a safety net under the operator's own
//! clean-up (docs/spec/10 §14.2 step 8, §14.6).
//!
//! The operator erases what a failed attempt leaves before it starts the next one, so there is usually
//! nothing to find here. It is looked for all the same, because two clusters of one name disturb each
//! other. With the deprovision engine, so that nothing is deleted without the same proof of ownership and
//! in no other account than that attempt's; never with less than that attempt's own description.

use std::sync::Arc;

use skep_crds::ClusterProvision;
use skep_crds::names::skep::CLOUD_ACCOUNT_ANNOTATION;
use skep_providers::erase::{
    self, ClusterFacts, EraseContext, EraseError, EraseOptions, EraseRequest, FactsError, Hints,
    Receipt,
};
use skep_providers::{Account, AccountId};
use tokio::sync::watch;

use crate::runtime::Clock;

/// The remains of the attempt before could not be erased.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody knows what it created.
    #[error("nothing describes what the attempt with infra ID {infra_id} created")]
    NoDescription {
        /// The infra ID.
        infra_id: String,
    },
    /// Its description cannot be used.
    #[error("the description of the attempt before cannot be used")]
    Description(#[source] FactsError),
    /// The account on record cannot be understood.
    #[error("the account of the attempt before is not known")]
    Account(#[source] skep_providers::account::InvalidAccountId),
    /// The cloud has no way to erase it.
    #[error("the attempt before cannot be erased")]
    Target(#[source] skep_providers::Error),
    /// The engine gave up.
    #[error("the attempt before could not be erased")]
    Erase(#[source] EraseError),
    /// Something is left that must not be met by another attempt.
    #[error("{count} resources of the attempt before are left: {words}")]
    Left {
        /// How many.
        count: usize,
        /// The first of them.
        words: String,
    },
}

/// The attempt before this one, as far as its remains are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Its infra ID.
    pub infra_id: String,
    /// The installer's description of it.
    pub metadata: Vec<u8>,
    /// The account that it was made in; `None`: nobody wrote it down.
    pub account: Option<String>,
}

impl Before {
    /// From the attempt before, if it still exists.
    ///
    /// # Errors
    /// It does not, or describes nothing.
    pub fn of(infra_id: &str, attempt: Option<&ClusterProvision>) -> Result<Self, Error> {
        let unknown = || Error::NoDescription {
            infra_id: infra_id.to_owned(),
        };
        let attempt = attempt.ok_or_else(unknown)?;
        let annotations = attempt.metadata.annotations.as_ref();
        let account = annotations.and_then(|all| all.get(CLOUD_ACCOUNT_ANNOTATION));
        Ok(Self {
            infra_id: infra_id.to_owned(),
            metadata: attempt.spec.metadata_json().ok_or_else(unknown)?.to_vec(),
            account: account.cloned(),
        })
    }
}

/// Erases what is left; gives the receipt, which is complete.
///
/// # Errors
/// Something is left, or nobody knows.
pub async fn erase(
    before: &Before,
    base_domain: &str,
    account: &Arc<dyn Account>,
    clock: &Clock,
    mut stop: watch::Receiver<bool>,
) -> Result<Receipt, Error> {
    let hints = Hints {
        infra_id: Some(before.infra_id.clone()),
        base_domain: Some(base_domain.to_owned()),
    };
    let facts =
        ClusterFacts::from_metadata(&before.metadata, &hints).map_err(Error::Description)?;
    let recorded = before.account.as_deref().map(AccountId::parse).transpose();
    let recorded = recorded.map_err(Error::Account)?;
    let target = account.eraser(&facts).map_err(Error::Target)?;
    let mut request = EraseRequest::new(Arc::new(facts), recorded);
    request.options = EraseOptions::default();
    // Nothing found in an account that nobody wrote down is as good as it gets here: this attempt installs
    // into the very account that was looked at.
    request.acknowledge_empty = true;
    let (context, _progress) = EraseContext::new(Arc::new(clock.clone()));
    let cancel = context.cancel.clone();
    let mut run = Box::pin(erase::run(request, target, context));
    let stopped = async { stop.wait_for(|stopped| *stopped).await.is_ok() };
    let ended = tokio::select! {
        ended = &mut run => ended,
        told = stopped => {
            if told {
                cancel.cancel();
            }
            run.await
        }
    };
    let receipt = ended.map_err(Error::Erase)?;
    if receipt.complete {
        return Ok(receipt);
    }
    let left: Vec<_> = receipt.left.iter().filter(|left| left.ours).collect();
    let words = left
        .iter()
        .take(3)
        .map(|left| format!("{} {} ({})", left.kind, left.name, left.why));
    Err(Error::Left {
        count: left.len(),
        words: words
            .chain(receipt.gaps.iter().cloned())
            .collect::<Vec<_>>()
            .join("; "),
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kube::core::ObjectMeta;
    use skep_crds::ClusterProvisionSpec;
    use skep_providers::fake::{FakeCloud, FakeResource, cluster, metadata};
    use skep_providers::{Cloud as _, ConnectRequest, CredentialSource, Endpoints, SecretData};

    use super::*;

    const INFRA_ID: &str = "demo-x7k2p";
    const KEY: &str = "AKIAFAKE";

    async fn cloud() -> (FakeCloud, AccountId, Arc<dyn Account>) {
        let cloud = FakeCloud::new("aws");
        let id = AccountId::new("aws", "123456789012");
        cloud.accept(KEY, id.clone());
        let secret: SecretData = [("aws_access_key_id", KEY.as_bytes().to_vec())]
            .into_iter()
            .collect();
        let request = ConnectRequest {
            source: CredentialSource {
                secret: Some(secret),
                assume_role: None,
                provider_secret: None,
            },
            region: "us-east-1".into(),
            endpoints: Endpoints::default(),
        };
        let account = cloud.connect(request).await.unwrap();
        (cloud, id, account)
    }

    fn attempt(account: Option<&AccountId>) -> ClusterProvision {
        let annotations =
            account.map(|id| [(CLOUD_ACCOUNT_ANNOTATION.to_owned(), id.to_string())].into());
        ClusterProvision {
            metadata: ObjectMeta {
                annotations,
                ..ObjectMeta::default()
            },
            spec: ClusterProvisionSpec {
                metadata_json: Some(k8s_openapi::ByteString(
                    metadata(INFRA_ID, "demo", "example.com").into_bytes(),
                )),
                ..ClusterProvisionSpec::default()
            },
            status: None,
        }
    }

    async fn erased(before: &Before, account: &Arc<dyn Account>) -> Result<Receipt, Error> {
        let (_stop, stopped) = watch::channel(false);
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        erase(before, "example.com", account, &clock, stopped).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_erased_and_nothing_else() {
        let (cloud, id, account) = cloud().await;
        // Names and tags that confuse.
        for (name, tag) in [
            ("demo-network", "kubernetes.io/cluster/demo"),
            ("other-network", "kubernetes.io/cluster/demo-x7k2p-2"),
        ] {
            cloud.create(&id, FakeResource::new(name, "network").tag(tag, "owned"));
        }
        let others = cloud.resources(&id);
        cloud.create_all(&id, cluster(INFRA_ID, 1));
        let before = Before::of(INFRA_ID, Some(&attempt(Some(&id)))).unwrap();
        let receipt = erased(&before, &account).await.unwrap();
        assert!(!receipt.deleted.is_empty());
        assert_eq!(cloud.resources(&id), others);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_left_changes_nothing() {
        let (cloud, id, account) = cloud().await;
        for recorded in [Some(&id), None] {
            let before = Before::of(INFRA_ID, Some(&attempt(recorded))).unwrap();
            let receipt = erased(&before, &account).await.unwrap();
            assert!(receipt.deleted.is_empty());
        }
        assert!(cloud.log(&id).iter().all(|call| !call.is_change()));
    }

    #[tokio::test(start_paused = true)]
    async fn another_account_is_not_touched() {
        let (cloud, id, account) = cloud().await;
        cloud.create_all(&id, cluster(INFRA_ID, 1));
        let elsewhere = AccountId::new("aws", "999999999999");
        let before = Before::of(INFRA_ID, Some(&attempt(Some(&elsewhere)))).unwrap();
        let error = erased(&before, &account).await.unwrap_err();
        assert!(
            matches!(error, Error::Erase(EraseError::WrongAccount { .. })),
            "{error}"
        );
        assert!(cloud.log(&id).iter().all(|call| !call.is_change()));
    }

    #[test]
    fn without_a_description_nothing_is_guessed() {
        let blank = ClusterProvision::new("x", ClusterProvisionSpec::default());
        for attempt in [None, Some(&blank)] {
            let error = Before::of(INFRA_ID, attempt).unwrap_err();
            assert!(matches!(error, Error::NoDescription { .. }), "{error}");
        }
    }
}
