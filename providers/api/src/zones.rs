//! Hosted zones, their records and delegation (`docs/spec/23 A`).

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A hosted zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Zone {
    /// The cloud's identifier: zone ID (AWS), resource ID (Azure), managed zone name (Google Cloud).
    pub id: String,
    /// Its domain without the trailing dot.
    pub domain: String,
    /// Visible only inside networks.
    pub private: bool,
    /// The name servers to delegate to, without trailing dots, sorted.
    pub name_servers: BTreeSet<String>,
    /// Tags or labels; empty where zones carry none.
    pub tags: BTreeMap<String, String>,
}

/// How to find or make a zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneRequest {
    /// The domain without the trailing dot.
    pub domain: String,
    /// The identifier, when it is known.
    pub known_id: Option<String>,
    /// A token of this request: the same token twice makes one zone (AWS: caller reference).
    pub token: String,
    /// The owner's mark. AWS: a tag. Google Cloud: part of the zone's name. Azure: the pair resource
    /// group and domain is the identity, the mark is metadata.
    pub owner: (String, String),
    /// Further tags, where the cloud has tags on zones.
    pub tags: BTreeMap<String, String>,
    /// Where the zone lives in clouds with resource groups; empty elsewhere.
    pub group: String,
}

/// A set of records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordSet {
    /// Fully qualified, without the trailing dot.
    pub name: String,
    /// `A`, `NS`, `TXT`, …
    pub kind: String,
    /// Time to live, seconds; `None` for aliases.
    pub ttl: Option<u32>,
    /// Values in the notation of a zone file, sorted.
    pub values: BTreeSet<String>,
}

/// A change of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// Makes the set be exactly this.
    Upsert(RecordSet),
    /// Removes the set of this name and type, whatever its values.
    Delete {
        /// Fully qualified, without the trailing dot.
        name: String,
        /// `A`, `NS`, …
        kind: String,
    },
}

/// Hosted zones and records.
#[async_trait]
pub trait Zones: Send + Sync {
    /// The zone of a request: by `known_id` when given and its domain matches, else by the owner's
    /// mark. A read: safe to repeat.
    async fn find(&self, request: &ZoneRequest) -> Result<Option<Zone>, Error>;

    /// The public zone of exactly this domain that the account holds; the parent of a delegation.
    async fn find_public(&self, domain: &str) -> Result<Option<Zone>, Error>;

    /// Makes the zone, or returns the one made earlier with the same token. Safe to repeat.
    async fn create(&self, request: &ZoneRequest) -> Result<Zone, Error>;

    /// Sets the request's own mark and tags and leaves all others alone. Safe to repeat.
    async fn tag(&self, zone: &Zone, request: &ZoneRequest) -> Result<(), Error>;

    /// All record sets, all pages.
    async fn records(&self, zone: &Zone) -> Result<Vec<RecordSet>, Error>;

    /// Applies changes in as few calls as the cloud allows; a batch is atomic where the cloud has
    /// atomic batches (AWS, Google Cloud), one by one elsewhere. Deleting what is not there is
    /// success. Safe to repeat.
    async fn change(&self, zone: &Zone, changes: &[RecordChange]) -> Result<(), Error>;

    /// Deletes every record but the apex NS and SOA, then the zone. Not there: success. Safe to
    /// repeat.
    async fn delete(&self, zone: &Zone) -> Result<(), Error>;
}
