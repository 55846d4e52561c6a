//! Creating objects with deterministic names, twice if need be.
//!
//! An object that exists already is judged by its owner: ours is success, one whose owner is an earlier
//! life of ours (a hub was restored or moved, so UIDs changed) or nobody, with our label, is adopted, and
//! one of somebody else is an error. Nothing is ever overwritten here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use kube::api::PropagationPolicy;
use serde::Serialize;
use serde_json::json;
use skep_crds::names::label;

use crate::runtime::{At, Class, Classified, Key, Kind, Reader, RequestError, Writer};

/// An object could not be brought into being.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not do it.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// Somebody else's object has the name.
    #[error("{kind} {name} exists and belongs to {owner}: rename or delete it")]
    Foreign {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Whose it is.
        owner: String,
    },
    /// It is on its way out; its successor can be created when it is gone.
    #[error("{kind} {name} is being deleted; its successor waits for it to be gone")]
    Leaving {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Request(source) => source.class(),
            Self::Foreign { .. } | Self::Leaving { .. } => Class::BackOff,
        }
    }
}

/// The owner reference of `owner`, as its controller.
pub fn controller_of<K: Kind>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.name_any(),
        uid: owner.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Creates an object that carries the owner reference `owner`, or finds that it is there.
pub async fn create<K: Kind + Serialize>(
    reader: &Reader,
    writer: &Writer,
    object: &K,
    owner: &OwnerReference,
) -> Result<(), Error> {
    match writer.create(object).await {
        Ok(_created) => Ok(()),
        Err(error) if error.is_already_exists() => settle(reader, writer, object, owner).await,
        Err(error) => Err(error.into()),
    }
}

/// Deletes an object if it is owned by `owner`; one that is gone or somebody else's is left alone.
pub async fn delete<K: Kind>(
    reader: &Reader,
    writer: &Writer,
    namespace: &str,
    name: &str,
    owner_uid: &str,
) -> Result<(), RequestError> {
    let Some(existing) = reader.get_live::<K>(namespace, name).await? else {
        return Ok(());
    };
    if existing
        .owner_references()
        .iter()
        .any(|reference| reference.uid == owner_uid)
    {
        writer
            .delete::<K>(&Key::of(&existing), PropagationPolicy::Background)
            .await?;
    }
    Ok(())
}

async fn settle<K: Kind>(
    reader: &Reader,
    writer: &Writer,
    wanted: &K,
    owner: &OwnerReference,
) -> Result<(), Error> {
    let (namespace, name) = (wanted.namespace().unwrap_or_default(), wanted.name_any());
    let kind = || K::kind(&()).into_owned();
    let Some(existing) = reader.get_live::<K>(&namespace, &name).await? else {
        // It went away between the two calls: the next run creates it.
        return Err(Error::Leaving { kind: kind(), name });
    };
    if existing.meta().deletion_timestamp.is_some() {
        return Err(Error::Leaving { kind: kind(), name });
    }
    match judge(&existing, wanted, owner) {
        Judgement::Ours => Ok(()),
        Judgement::Orphan => {
            let references = json!({"metadata": {"ownerReferences": adopted(&existing, owner)}});
            writer.merge::<K>(&At::of(&existing), references).await?;
            Ok(())
        }
        Judgement::Foreign(owner) => Err(Error::Foreign {
            kind: kind(),
            name,
            owner,
        }),
    }
}

enum Judgement {
    Ours,
    Orphan,
    Foreign(String),
}

fn judge<K: Kind>(existing: &K, wanted: &K, owner: &OwnerReference) -> Judgement {
    let references = existing.owner_references();
    if references
        .iter()
        .any(|reference| reference.uid == owner.uid)
    {
        return Judgement::Ours;
    }
    let controller = references
        .iter()
        .find(|reference| reference.controller == Some(true));
    match controller {
        Some(other) if other.kind != owner.kind || other.name != owner.name => {
            Judgement::Foreign(format!("{} {}", other.kind, other.name))
        }
        // The same name and kind with another UID is an earlier life of the owner.
        Some(_) | None if labelled_alike(existing, wanted) => Judgement::Orphan,
        Some(_) | None => Judgement::Foreign("nobody that Skep knows".to_owned()),
    }
}

fn labelled_alike<K: Kind>(existing: &K, wanted: &K) -> bool {
    let cluster = |object: &K| object.labels().get(label::CLUSTER_DEPLOYMENT_NAME).cloned();
    let wanted = cluster(wanted);
    wanted.is_some() && cluster(existing) == wanted
}

fn adopted<K: Kind>(existing: &K, owner: &OwnerReference) -> Vec<OwnerReference> {
    let others = existing.owner_references().iter();
    let others = others
        .filter(|reference| reference.controller != Some(true))
        .cloned();
    others.chain([owner.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::batch::v1::Job;

    fn owner(uid: &str) -> OwnerReference {
        OwnerReference {
            kind: "ClusterProvision".into(),
            name: "demo-0-abcde".into(),
            uid: uid.into(),
            controller: Some(true),
            ..OwnerReference::default()
        }
    }

    fn job(cluster: Option<&str>, owner: Option<OwnerReference>) -> Job {
        let mut job = Job::default();
        let label = |name: &str| (label::CLUSTER_DEPLOYMENT_NAME.to_owned(), name.to_owned());
        job.metadata.labels = cluster.map(|name| [label(name)].into());
        job.metadata.owner_references = owner.map(|owner| vec![owner]);
        job
    }

    /// docs/spec/10 §3 "Ownership repair": UIDs change over backup and restore, labels stay.
    #[test]
    fn who_owns_what_exists_decides() {
        let wanted = job(Some("demo"), Some(owner("now")));
        let judged = |existing: &Job| match judge(existing, &wanted, &owner("now")) {
            Judgement::Ours => "ours".to_owned(),
            Judgement::Orphan => "orphan".to_owned(),
            Judgement::Foreign(whose) => whose,
        };
        let other = OwnerReference {
            name: "demo-1-zzzzz".into(),
            ..owner("other")
        };
        for (existing, expected) in [
            (job(Some("demo"), Some(owner("now"))), "ours"),
            (job(Some("demo"), Some(owner("before"))), "orphan"),
            (job(Some("demo"), None), "orphan"),
            (
                job(Some("mydemo"), Some(owner("before"))),
                "nobody that Skep knows",
            ),
            (job(None, None), "nobody that Skep knows"),
            (
                job(Some("demo"), Some(other)),
                "ClusterProvision demo-1-zzzzz",
            ),
        ] {
            assert_eq!(judged(&existing), expected, "{existing:?}");
        }
    }
}
