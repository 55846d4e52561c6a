//! What the engine knows of a thing in a cloud, and the proofs without which nothing is deleted.
//!
//! A [`Deletion`] can only be made of a [`Resource`] that carries a [`Proof`] and whose
//! [`Disposal`] is `Delete`; an [`Untagging`] only of one that is shared. The eraser takes nothing
//! else, so a foreign resource cannot reach a destructive call (`docs/spec/20 §13.3`).

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Identifier of a resource, unique in the account over all kinds and the same in every listing and
/// in the holders of a `DependencyViolation`: an ARN or `<kind>/<id>` (AWS), a resource ID in lower
/// case (Azure), a self link without host (Google Cloud).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(Arc<str>);

impl ResourceId {
    /// An identifier from its text.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ResourceId {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for ResourceId {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Name of a kind of resources, unique in its cloud: `ec2/vpc`, `network/natGateways`,
/// `compute/forwardingRules`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// A kind known at compile time.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<String> for Kind {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

/// Why a resource is known to belong to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Proof {
    /// It carries an ownership tag (AWS, Azure) or label (Google Cloud) of the cluster. Of a filter
    /// with several pairs, the pair that names the cluster.
    OwnedTag {
        /// Key of the tag.
        key: String,
        /// Value of the tag.
        value: String,
    },
    /// Its name begins with the infra ID and a dash; only for kinds that cannot carry tags.
    NamePrefix {
        /// The prefix, `<infra ID>-`.
        prefix: String,
    },
    /// It is a record whose name is the cluster's domain or ends in `.<cluster domain>`, in a zone
    /// that clusters share.
    DomainName {
        /// The cluster's domain.
        domain: String,
    },
    /// It cannot exist without a resource that is itself proven: a subnet of an owned network, a
    /// record of an owned zone, a public record that mirrors one in an owned private zone.
    MemberOf {
        /// The owned parent. It must be in the same discovery.
        parent: ResourceId,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnedTag { key, value } => write!(f, "tag {key}={value}"),
            Self::NamePrefix { prefix } => write!(f, "name {prefix}*"),
            Self::DomainName { domain } => write!(f, "under {domain}"),
            Self::MemberOf { parent } => write!(f, "member of {parent}"),
        }
    }
}

/// What has to be done about a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Disposal {
    /// It is deleted by a call.
    Delete,
    /// It goes by itself when the named resource has gone (network interface of a NAT gateway, main
    /// route table of a network, root volume of an instance). It is waited for and never called.
    Follows(ResourceId),
    /// It is shared with others: the cluster's mark is taken off and nothing else happens.
    Untag,
    /// It is only shown: a foreign holder, or something that another owner has to delete.
    Leave {
        /// Why.
        reason: String,
    },
}

/// How a resource holds another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hold {
    /// As long as it exists.
    Existence,
    /// By a reference that [`Eraser::release`](super::Eraser::release) can take away while the
    /// holder stays (a rule of a security group that names another group). The engine releases only
    /// where holders form a cycle.
    Reference,
}

/// Whether a resource is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// It is there and nothing is deleting it.
    Present,
    /// Its deletion has begun and goes on by itself.
    Going,
    /// It is not there, or only as a tombstone (`terminated`, `deleted`).
    Gone,
    /// Its deletion has begun and failed; it must be deleted again. The text is what the cloud says.
    Failed(String),
}

/// A thing in a cloud.
///
/// How to fill it: [`Resource::owned`] or [`Resource::foreign`], then the public fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Resource {
    /// Identifier.
    pub id: ResourceId,
    /// Kind; must be one of [`Inventory::kinds`](super::Inventory::kinds).
    pub kind: Kind,
    /// The name a person knows it by, or its identifier when it has none.
    pub name: String,
    /// When it was created, where the cloud says.
    pub created: Option<Timestamp>,
    /// Why it belongs to the cluster; `None` for what does not.
    pub proof: Option<Proof>,
    /// What has to be done about it.
    pub disposal: Disposal,
    /// Whether it is going already. Never `Gone`: what is gone is not listed.
    pub presence: Presence,
    /// Containers it lives in (network, zone, account-wide: none). Edge rules of scope
    /// [`Scope::Within`](super::Scope::Within) compare these; a container is `within` itself for
    /// that purpose, so a VPC need not list itself.
    pub within: BTreeSet<ResourceId>,
    /// What it holds: none of these can go before this one has gone (or was released). Identifiers
    /// that are not in the discovery are ignored.
    pub uses: BTreeMap<ResourceId, Hold>,
    /// It is a machine of the control plane: in-cluster controllers ran, a sweep is needed.
    pub control_plane: bool,
    /// What the cloud's own eraser wants to find again (attachment, allocation, record values).
    /// Never a secret; the engine does not look at it.
    pub data: BTreeMap<String, String>,
}

impl Resource {
    /// A resource of the cluster, to be deleted.
    pub fn owned(
        id: impl Into<ResourceId>,
        kind: Kind,
        name: impl Into<String>,
        proof: Proof,
    ) -> Self {
        Self {
            proof: Some(proof),
            disposal: Disposal::Delete,
            ..Self::foreign(id, kind, name, "not of this cluster")
        }
    }

    /// A resource of somebody else, only shown.
    pub fn foreign(
        id: impl Into<ResourceId>,
        kind: Kind,
        name: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            kind,
            name: name.into(),
            created: None,
            proof: None,
            disposal: Disposal::Leave {
                reason: reason.into(),
            },
            presence: Presence::Present,
            within: BTreeSet::new(),
            uses: BTreeMap::new(),
            control_plane: false,
            data: BTreeMap::new(),
        }
    }

    /// A resource shared with others: only the cluster's mark is taken off.
    pub fn shared(id: impl Into<ResourceId>, kind: Kind, name: impl Into<String>) -> Self {
        Self {
            disposal: Disposal::Untag,
            ..Self::foreign(id, kind, name, "shared")
        }
    }

    /// The same resource, held by nothing but living in `container`.
    #[must_use]
    pub fn within(mut self, container: impl Into<ResourceId>) -> Self {
        self.within.insert(container.into());
        self
    }

    /// The same resource, holding `other` as long as it exists.
    #[must_use]
    pub fn using(mut self, other: impl Into<ResourceId>) -> Self {
        self.uses.insert(other.into(), Hold::Existence);
        self
    }

    /// The same resource, holding `other` by a reference that can be released.
    #[must_use]
    pub fn referring_to(mut self, other: impl Into<ResourceId>) -> Self {
        self.uses.entry(other.into()).or_insert(Hold::Reference);
        self
    }

    /// The same resource, which goes by itself after `other`.
    #[must_use]
    pub fn following(mut self, other: impl Into<ResourceId>) -> Self {
        self.disposal = Disposal::Follows(other.into());
        self
    }

    /// The same resource with a value for the cloud's own eraser.
    #[must_use]
    pub fn with_data(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }
}

/// The resource may not be deleted or untagged by this engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {id} has no proof of ownership for this")]
pub struct NotOurs {
    /// Which.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
}

/// A resource that may be deleted. The only argument that destructive calls take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    resource: Resource,
    proof: Proof,
}

impl Deletion {
    /// A deletion of a resource that is proven and to be deleted.
    pub fn of(resource: &Resource) -> Result<Self, NotOurs> {
        match (&resource.disposal, &resource.proof) {
            (Disposal::Delete, Some(proof)) => Ok(Self {
                resource: resource.clone(),
                proof: proof.clone(),
            }),
            (
                Disposal::Delete | Disposal::Follows(_) | Disposal::Untag | Disposal::Leave { .. },
                _,
            ) => Err(NotOurs {
                id: resource.id.clone(),
                kind: resource.kind.clone(),
            }),
        }
    }

    /// What is deleted.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Why it may be.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// A shared resource from which the cluster's mark may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untagging {
    resource: Resource,
}

impl Untagging {
    /// An untagging of a resource that is shared.
    pub fn of(resource: &Resource) -> Result<Self, NotOurs> {
        match &resource.disposal {
            Disposal::Untag => Ok(Self {
                resource: resource.clone(),
            }),
            Disposal::Delete | Disposal::Follows(_) | Disposal::Leave { .. } => Err(NotOurs {
                id: resource.id.clone(),
                kind: resource.kind.clone(),
            }),
        }
    }

    /// What is untagged.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }
}
