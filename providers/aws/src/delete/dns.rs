//! Takes records out of zones by batches, and deletes empty zones (`docs/spec/20 §9.4, §9.7`).

use std::collections::BTreeMap;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet};
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Outcome, Resource, ResourceId},
};

use crate::{
    client::{Api, service},
    delete::{done, gone},
    inventory::dns::{self, Record},
    target::Target,
};

const CHANGE: Call = Call::change(service::ROUTE53, "route53:ChangeResourceRecordSets");

/// Why a record stays although its name was proven.
const CHANGED: &str =
    "the record was changed after it was found, so it is kept; the next listing judges it anew";

/// Records as they were when their ownership was proven.
type Proven = BTreeMap<ResourceId, ResourceRecordSet>;

/// Deletes records, zone by zone, each zone by one change.
pub(crate) async fn delete_records(
    target: &Target,
    api: &Api,
    batch: &[&Resource],
) -> Vec<Outcome> {
    let mut zones: BTreeMap<(String, bool), Proven> = BTreeMap::new();
    let mut outcomes: BTreeMap<ResourceId, Outcome> = BTreeMap::new();
    for resource in batch {
        let id = resource.id.clone();
        match target.record(&id) {
            Some(Record { zone, by_role, set }) => {
                zones.entry((zone, by_role)).or_default().insert(id, set);
            }
            None => {
                outcomes.insert(
                    id,
                    refused("what the record held when it was found is not known"),
                );
            }
        }
    }
    for ((zone, by_role), proven) in zones {
        let api = if by_role {
            target.role().unwrap_or(api)
        } else {
            api
        };
        outcomes.extend(delete_in_zone(api, &zone, proven).await);
    }
    batch
        .iter()
        .map(|resource| {
            outcomes
                .remove(&resource.id)
                .unwrap_or_else(|| refused("the record was named twice"))
        })
        .collect()
}

/// A change is all or nothing and must repeat each set exactly: when one was changed or deleted
/// meanwhile, the zone is read again and what is still as it was is deleted.
///
/// A set that holds something else is not: for public records their target is the proof, and somebody
/// may have pointed the name at another cluster. The next discovery judges it.
async fn delete_in_zone(api: &Api, zone: &str, proven: Proven) -> BTreeMap<ResourceId, Outcome> {
    let all = |ids: Proven, result: Result<(), Error>| -> BTreeMap<ResourceId, Outcome> {
        ids.into_keys()
            .map(|id| (id, done(result.clone())))
            .collect()
    };
    match gone(change(api, zone, proven.values()).await) {
        Err(error) if error.class == Class::Invalid => {
            tracing::debug!(%error, zone, "records have changed since discovery");
        }
        other => return all(proven, other),
    }
    let mut now: Proven = match dns::records(api, zone, None).await {
        Ok(sets) => sets
            .into_iter()
            .map(|set| (dns::record_id(zone, &set), set))
            .collect(),
        Err(error) => return all(proven, Err(error)),
    };
    let mut outcomes = BTreeMap::new();
    let mut unchanged = Proven::new();
    for (id, set) in proven {
        match now.remove(&id) {
            None => {
                outcomes.insert(id, Outcome::Done);
            }
            Some(found) if found == set => {
                unchanged.insert(id, set);
            }
            Some(_) => {
                outcomes.insert(id, refused(CHANGED));
            }
        }
    }
    if !unchanged.is_empty() {
        let result = gone(change(api, zone, unchanged.values()).await);
        outcomes.extend(all(unchanged, result));
    }
    outcomes
}

fn refused(why: &str) -> Outcome {
    Outcome::Failed(Error::new(CHANGE.operation, Class::Invalid, why))
}

async fn change<'a>(
    api: &Api,
    zone: &str,
    sets: impl Iterator<Item = &'a ResourceRecordSet>,
) -> Result<(), Error> {
    let invalid = |fault: &dyn std::error::Error| {
        Error::new(CHANGE.operation, Class::Invalid, fault.to_string())
    };
    let mut changes = Vec::new();
    for set in sets {
        let change = Change::builder()
            .action(ChangeAction::Delete)
            .resource_record_set(set.clone())
            .build()
            .map_err(|fault| invalid(&fault))?;
        changes.push(change);
    }
    let batch = ChangeBatch::builder()
        .set_changes(Some(changes))
        .build()
        .map_err(|fault| invalid(&fault))?;
    let request = api
        .clients
        .route53()
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch);
    api.call(CHANGE, || request.clone().send()).await.map(drop)
}

pub(crate) async fn delete_zone(api: &Api, id: &str) -> Result<(), Error> {
    let route53 = api.clients.route53();
    let call = Call::change(service::ROUTE53, "route53:DeleteHostedZone");
    gone(
        api.call(call, || route53.delete_hosted_zone().id(id).send())
            .await,
    )
}
