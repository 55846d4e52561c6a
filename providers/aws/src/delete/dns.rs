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
    kinds::native,
    target::Target,
};

const CHANGE: Call = Call::change(service::ROUTE53, "route53:ChangeResourceRecordSets");

/// Deletes records, zone by zone, each zone by one change.
pub(crate) async fn delete_records(
    target: &Target,
    api: &Api,
    batch: &[&Resource],
) -> Vec<Outcome> {
    let mut zones: BTreeMap<(String, bool), Vec<ResourceId>> = BTreeMap::new();
    let mut outcomes: BTreeMap<ResourceId, Outcome> = BTreeMap::new();
    for resource in batch {
        let zone = match target.record(&resource.id) {
            Some(Record { zone, by_role, .. }) => (zone, by_role),
            // Not from this process' discovery: where it is stands in its name.
            None => match native(resource).split_once('/') {
                Some((zone, _)) => (zone.to_owned(), false),
                None => continue,
            },
        };
        zones.entry(zone).or_default().push(resource.id.clone());
    }
    for ((zone, by_role), ids) in zones {
        let api = if by_role {
            target.role().unwrap_or(api)
        } else {
            api
        };
        let result = delete_in_zone(target, api, &zone, by_role, &ids).await;
        for id in ids {
            outcomes.insert(id, done(result.clone()));
        }
    }
    batch
        .iter()
        .map(|resource| {
            outcomes.remove(&resource.id).unwrap_or_else(|| {
                let text = "the record's zone is not known";
                Outcome::Failed(Error::new(CHANGE.operation, Class::Invalid, text))
            })
        })
        .collect()
}

/// A change is all or nothing and must repeat each set exactly: when one was changed or deleted
/// meanwhile, the zone is read again and what is left is deleted.
async fn delete_in_zone(
    target: &Target,
    api: &Api,
    zone: &str,
    by_role: bool,
    ids: &[ResourceId],
) -> Result<(), Error> {
    let known: Option<Vec<ResourceRecordSet>> =
        ids.iter().map(|id| Some(target.record(id)?.set)).collect();
    if let Some(sets) = known {
        match gone(change(api, zone, sets).await) {
            Err(error) if error.class == Class::Invalid => {
                tracing::debug!(%error, zone, "records have changed since discovery");
            }
            other => return other,
        }
    }
    let left: BTreeMap<ResourceId, Record> = dns::records(api, zone, None)
        .await?
        .into_iter()
        .map(|set| {
            let id = dns::record_id(zone, &set);
            (
                id,
                Record {
                    zone: zone.to_owned(),
                    by_role,
                    set,
                },
            )
        })
        .filter(|(id, _)| ids.contains(id))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    let sets = left.values().map(|record| record.set.clone()).collect();
    target.remember(left);
    gone(change(api, zone, sets).await)
}

async fn change(api: &Api, zone: &str, sets: Vec<ResourceRecordSet>) -> Result<(), Error> {
    let invalid = |fault: &dyn std::error::Error| {
        Error::new(CHANGE.operation, Class::Invalid, fault.to_string())
    };
    let mut changes = Vec::new();
    for set in sets {
        let change = Change::builder()
            .action(ChangeAction::Delete)
            .resource_record_set(set)
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
