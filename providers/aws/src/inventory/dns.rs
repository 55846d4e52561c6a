//! Hosted zones and records (`docs/spec/20 §9.4, §9.7`).
//!
//! * An owned zone goes with all its records.
//! * In a zone that clusters share, only records under the cluster's own domain go, and the boundary
//!   of labels counts; then the mark is taken off the zone.
//! * In the nearest public zone above, a record goes when it points at a load balancer of the cluster,
//!   or mirrors a private one: same name, same type, same target. It goes before its private twin,
//!   which after a crash is the only thing that tells of it. One with the name alone is shown and kept:
//!   somebody has pointed the name elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{HostedZone, ResourceRecordSet, RrType, TagResourceType};
use futures::future::try_join_all;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{ClusterFacts, Proof, Resource, ResourceId},
};

use crate::{
    client::{Api, service},
    inventory::tagged::Tagged,
    kinds::{self, rid},
    ownership::{Mark, Ownership, Tags},
};

/// A record as it has to be named to be deleted: a change must repeat the whole set.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) zone: String,
    /// The zone belongs to another account and is reached by the role for it.
    pub(crate) by_role: bool,
    pub(crate) set: ResourceRecordSet,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) resources: Vec<Resource>,
    pub(crate) records: BTreeMap<ResourceId, Record>,
}

/// Private records by type and name, which public ones may mirror.
type Twins = BTreeMap<(String, String), (ResourceId, ResourceRecordSet)>;

/// A zone of the cluster.
struct Marked {
    id: String,
    name: String,
    private: bool,
    mark: Mark,
    by_role: bool,
}

/// A name without the trailing dot, in lower case, with Route 53's octal escapes undone for `*`.
pub(crate) fn normal(name: &str) -> String {
    name.trim_end_matches('.')
        .replace("\\052", "*")
        .to_ascii_lowercase()
}

fn bare(zone_id: &str) -> &str {
    zone_id.rsplit('/').next().unwrap_or(zone_id)
}

fn key(set: &ResourceRecordSet) -> (String, String) {
    (set.r#type.as_str().to_owned(), normal(&set.name))
}

/// Type, name, and the identifier of one of several weighted or located sets.
pub(crate) fn record_id(zone: &str, set: &ResourceRecordSet) -> ResourceId {
    let (kind, name) = key(set);
    let mut native = format!("{zone}/{kind}/{name}");
    if let Some(identifier) = &set.set_identifier {
        native.push('/');
        native.push_str(identifier);
    }
    rid(&kinds::RECORD, &native)
}

/// The zone's own records, which go with it.
pub(crate) fn is_apex(set: &ResourceRecordSet, zone: &str) -> bool {
    matches!(set.r#type, RrType::Ns | RrType::Soa) && normal(&set.name) == normal(zone)
}

/// Zones of exactly this name.
async fn zones_named(api: &Api, name: &str) -> Result<Vec<HostedZone>, Error> {
    let mut found = Vec::new();
    let (mut next_name, mut next_id) = (Some(name.to_owned()), None::<String>);
    loop {
        let request = api
            .clients
            .route53()
            .list_hosted_zones_by_name()
            .set_dns_name(next_name.clone())
            .set_hosted_zone_id(next_id.clone())
            .max_items(20);
        let call = Call::read(service::ROUTE53, "route53:ListHostedZonesByName");
        let page = api.call(call, || request.clone().send()).await?;
        // The listing goes on in order after the name that was asked for.
        let more = page.is_truncated
            && page
                .hosted_zones
                .iter()
                .all(|zone| normal(&zone.name) == normal(name));
        found.extend(
            page.hosted_zones
                .into_iter()
                .filter(|zone| normal(&zone.name) == normal(name)),
        );
        if !more {
            return Ok(found);
        }
        (next_name, next_id) = (page.next_dns_name, page.next_hosted_zone_id);
    }
}

async fn zone_tags(api: &Api, id: &str) -> Result<Tags, Error> {
    let call = Call::read(service::ROUTE53, "route53:ListTagsForResource");
    let answer = api
        .call(call, || {
            api.clients
                .route53()
                .list_tags_for_resource()
                .resource_type(TagResourceType::Hostedzone)
                .resource_id(id)
                .send()
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer
            .resource_tag_set
            .and_then(|set| set.tags)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tag| Some((tag.key?, tag.value?)))
            .collect()),
        Err(error) if error.class == Class::NotFound => Ok(Tags::new()),
        Err(error) => Err(error),
    }
}

/// A zone by its identifier; the tagging API names zones that are gone.
pub(crate) async fn zone(api: &Api, id: &str) -> Result<Option<HostedZone>, Error> {
    let call = Call::read(service::ROUTE53, "route53:GetHostedZone");
    let answer = api
        .call(call, || {
            api.clients.route53().get_hosted_zone().id(id).send()
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer.hosted_zone),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Records of a zone, from `below` on as far as names are below it; all without.
pub(crate) async fn records(
    api: &Api,
    zone: &str,
    below: Option<&str>,
) -> Result<Vec<ResourceRecordSet>, Error> {
    let ordered = |name: &str| normal(name).split('.').rev().collect::<Vec<_>>().join(".");
    let wanted = below.map(ordered);
    let mut found = Vec::new();
    let mut name = below.map(str::to_owned);
    let (mut kind, mut identifier) = (None::<RrType>, None::<String>);
    loop {
        let request = api
            .clients
            .route53()
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(name.clone())
            .set_start_record_type(kind.clone())
            .set_start_record_identifier(identifier.clone())
            .max_items(300);
        let call = Call::read(service::ROUTE53, "route53:ListResourceRecordSets");
        let page = match api.call(call, || request.clone().send()).await {
            Err(error) if error.class == Class::NotFound => return Ok(found),
            other => other?,
        };
        // Names are in the order of their labels from the right, compared as text: the sister
        // `demo-b` may stand between `demo` and what is below `demo`, so only the common text ends
        // the search.
        let last = page
            .resource_record_sets
            .last()
            .map(|set| ordered(&set.name));
        let past = match (&wanted, &last) {
            (Some(wanted), Some(last)) => !last.starts_with(wanted.as_str()) && last > wanted,
            (None, _) | (Some(_), None) => false,
        };
        found.extend(page.resource_record_sets);
        if !page.is_truncated || past {
            return Ok(found);
        }
        (name, kind, identifier) = (
            page.next_record_name,
            page.next_record_type,
            page.next_record_identifier,
        );
    }
}

/// The nearest public zone that holds `domain`: of its own name, or of a parent's. `known` are zones
/// by name that were asked for already.
async fn public_above(
    api: &Api,
    domain: &str,
    known: &BTreeMap<String, Vec<HostedZone>>,
) -> Result<Option<HostedZone>, Error> {
    let mut name = domain;
    loop {
        let zones = match known.get(name) {
            Some(zones) => zones.clone(),
            None => zones_named(api, name).await?,
        };
        let public = |zone: &HostedZone| {
            zone.config
                .as_ref()
                .is_none_or(|config| !config.private_zone)
        };
        if let Some(zone) = zones.into_iter().find(public) {
            return Ok(Some(zone));
        }
        match name.split_once('.') {
            // Nobody holds a zone of a single label.
            Some((_, parent)) if parent.contains('.') => name = parent,
            Some(_) | None => return Ok(None),
        }
    }
}

/// Everything of the cluster in Route 53. `role` reaches the account of a shared zone; `hosts` are
/// the names of the cluster's load balancers.
pub(crate) async fn discover(
    api: &Api,
    role: Option<&Api>,
    facts: &ClusterFacts,
    ownership: &Ownership,
    tagged: &Tagged,
    hosts: &BTreeSet<String>,
) -> Result<Found, Error> {
    let domain = facts.cluster_domain().map(normal);
    let mut known = BTreeMap::new();
    if let Some(domain) = &domain {
        known.insert(domain.clone(), zones_named(api, domain).await?);
    }
    let named = known.values().flatten().cloned().collect();
    let mut marked = own_zones(api, ownership, tagged, named).await?;
    if let Some(role) = role {
        let tagged = super::tagged::tagging(role, ownership).await?;
        marked.extend(shared_zones(role, ownership, &tagged).await?);
    }
    let mut found = Found::default();
    let mut domains: BTreeSet<String> = domain.iter().cloned().collect();
    let mut mirrored = Twins::new();

    let listed = try_join_all(marked.iter().map(|zone| {
        let api = if zone.by_role {
            role.unwrap_or(api)
        } else {
            api
        };
        let below = matches!(zone.mark, Mark::Shared(_))
            .then_some(domain.as_deref())
            .flatten();
        records(api, &zone.id, below)
    }))
    .await?;
    for (zone, sets) in marked.iter().zip(listed) {
        let zone_rid = rid(&kinds::ZONE, &zone.id);
        match &zone.mark {
            Mark::None => {}
            Mark::Owned(proof) => {
                found.resources.push(Resource::owned(
                    zone_rid.clone(),
                    kinds::ZONE,
                    &zone.name,
                    proof.clone(),
                ));
                for set in sets.into_iter().filter(|set| !is_apex(set, &zone.name)) {
                    let proof = Proof::MemberOf {
                        parent: zone_rid.clone(),
                    };
                    let id = found.push(zone, set.clone(), proof, &zone_rid);
                    if zone.private {
                        mirrored.insert(key(&set), (id, set));
                    }
                }
                if zone.private {
                    domains.insert(normal(&zone.name));
                }
            }
            Mark::Shared(mark) => {
                if domain.is_none() {
                    // Without the domain nothing tells whose records these are, and without the mark
                    // nobody would ever look again.
                    found.resources.push(Resource::foreign(
                        zone_rid,
                        kinds::ZONE,
                        &zone.name,
                        "shared zone: the cluster's domain is unknown, so its records are left",
                    ));
                    continue;
                }
                let mut shared = Resource::shared(zone_rid.clone(), kinds::ZONE, &zone.name)
                    .with_data("key", mark);
                if zone.by_role {
                    shared = shared.with_data("by", "role");
                }
                found.resources.push(shared);
                for set in sets {
                    if let Some(proof) = facts.proof_by_domain(&normal(&set.name)) {
                        let id = found.push(zone, set.clone(), proof, &zone_rid);
                        mirrored.insert(key(&set), (id, set));
                    }
                }
            }
        }
    }
    public_mirrors(api, facts, &domains, &known, &mirrored, hosts, &mut found).await?;
    Ok(found)
}

impl Found {
    fn push(
        &mut self,
        zone: &Marked,
        set: ResourceRecordSet,
        proof: Proof,
        held: &ResourceId,
    ) -> ResourceId {
        let id = record_id(&zone.id, &set);
        let name = normal(&set.name);
        let resource = Resource::owned(id.clone(), kinds::RECORD, name, proof).using(held.clone());
        self.resources.push(resource);
        let record = Record {
            zone: zone.id.clone(),
            by_role: zone.by_role,
            set,
        };
        self.records.insert(id.clone(), record);
        id
    }
}

/// Public records of the cluster.
async fn public_mirrors(
    api: &Api,
    facts: &ClusterFacts,
    domains: &BTreeSet<String>,
    known: &BTreeMap<String, Vec<HostedZone>>,
    mirrored: &Twins,
    hosts: &BTreeSet<String>,
    found: &mut Found,
) -> Result<(), Error> {
    for domain in domains {
        let Some(zone) = public_above(api, domain, known).await? else {
            continue;
        };
        let zone_id = bare(&zone.id).to_owned();
        if found
            .resources
            .iter()
            .any(|known| known.id == rid(&kinds::ZONE, &zone_id))
        {
            // Owned itself: its records are listed already.
            continue;
        }
        for set in records(api, &zone_id, Some(domain)).await? {
            if is_apex(&set, &zone.name) {
                continue;
            }
            let name = normal(&set.name);
            let id = record_id(&zone_id, &set);
            let ours = points_at(&set, hosts, &facts.infra_id);
            let resource = match mirrored.get(&key(&set)) {
                Some((twin, private)) if ours || targets(&set) == targets(private) => {
                    let proof = Proof::MemberOf {
                        parent: twin.clone(),
                    };
                    Resource::owned(id.clone(), kinds::RECORD, name, proof).using(twin.clone())
                }
                Some(_) => {
                    let why = "has the name of a record of the cluster and points elsewhere";
                    found
                        .resources
                        .push(Resource::foreign(id, kinds::RECORD, name, why));
                    continue;
                }
                None => match facts.proof_by_domain(&name).filter(|_| ours) {
                    Some(proof) => Resource::owned(id.clone(), kinds::RECORD, name, proof),
                    None => continue,
                },
            };
            found.resources.push(resource);
            let record = Record {
                zone: zone_id.clone(),
                by_role: false,
                set,
            };
            found.records.insert(id, record);
        }
    }
    Ok(())
}

/// What a record leads to: a name, or values.
fn targets(set: &ResourceRecordSet) -> BTreeSet<String> {
    let aliases = set
        .alias_target
        .iter()
        .map(|target| target.dns_name.as_str());
    let values = set.resource_records.iter().flatten();
    aliases
        .chain(values.map(|record| record.value.as_str()))
        .map(host)
        .collect()
}

/// The name that is meant, without the prefix for two families of addresses.
fn host(target: &str) -> String {
    let target = normal(target);
    target
        .strip_prefix("dualstack.")
        .map(str::to_owned)
        .unwrap_or(target)
}

/// Whether a record points at a load balancer of the cluster: one that exists, or one of the two
/// names that the installer gives.
fn points_at(set: &ResourceRecordSet, hosts: &BTreeSet<String>, infra_id: &str) -> bool {
    let aliases = set
        .alias_target
        .iter()
        .map(|target| target.dns_name.as_str());
    let names = set
        .resource_records
        .iter()
        .flatten()
        .filter(|_| set.r#type == RrType::Cname)
        .map(|record| record.value.as_str());
    aliases.chain(names).any(|target| {
        let host = host(target);
        let installers = ["ext", "int"]
            .iter()
            .any(|side| host.starts_with(&format!("{}-{side}-", infra_id.to_ascii_lowercase())));
        hosts.contains(&host) || (installers && host.contains(".elb."))
    })
}

/// Marked zones of the cluster's own account: those of its domain, and those that the tagging API
/// knows. Each is asked for its tags itself.
async fn own_zones(
    api: &Api,
    ownership: &Ownership,
    tagged: &Tagged,
    named: Vec<HostedZone>,
) -> Result<Vec<Marked>, Error> {
    // The cluster's own zone is private; a public one of its domain is a delegated zone of others
    // unless the tagging API says that it is marked.
    let is_candidate = |zone: &HostedZone| {
        let id = bare(&zone.id);
        zone.config
            .as_ref()
            .is_some_and(|config| config.private_zone)
            || tagged
                .of("route53", "hostedzone/")
                .any(|(_, known, _)| known == id)
    };
    let mut named: BTreeMap<String, HostedZone> = named
        .into_iter()
        .filter(is_candidate)
        .map(|zone| (bare(&zone.id).to_owned(), zone))
        .collect();
    let known = tagged
        .of("route53", "hostedzone/")
        .map(|(_, id, _)| id.to_owned())
        .filter(|id| !named.contains_key(id))
        .collect::<Vec<_>>();
    for found in try_join_all(known.iter().map(|id| zone(api, id)))
        .await?
        .into_iter()
        .flatten()
    {
        named.insert(bare(&found.id).to_owned(), found);
    }
    let marked = try_join_all(named.into_iter().map(|(id, zone)| async move {
        let mark = ownership.mark(&zone_tags(api, &id).await?);
        Ok::<_, Error>(marked(zone, mark, false))
    }))
    .await?;
    Ok(marked
        .into_iter()
        .filter(|zone| zone.mark != Mark::None)
        .collect())
}

/// Shared zones of the account behind the role. Owned ones there are none.
async fn shared_zones(
    api: &Api,
    ownership: &Ownership,
    tagged: &Tagged,
) -> Result<Vec<Marked>, Error> {
    let known: Vec<&str> = tagged
        .of("route53", "hostedzone/")
        .map(|(_, id, _)| id)
        .collect();
    let mut zones = Vec::new();
    for found in try_join_all(known.iter().map(|id| zone(api, id)))
        .await?
        .into_iter()
        .flatten()
    {
        let mark = ownership.mark(&zone_tags(api, bare(&found.id)).await?);
        if matches!(mark, Mark::Shared(_)) {
            zones.push(marked(found, mark, true));
        }
    }
    Ok(zones)
}

fn marked(zone: HostedZone, mark: Mark, by_role: bool) -> Marked {
    Marked {
        id: bare(&zone.id).to_owned(),
        name: normal(&zone.name),
        private: zone.config.is_some_and(|config| config.private_zone),
        mark,
        by_role,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::AliasTarget;

    use super::*;

    fn alias(name: &str, target: &str) -> ResourceRecordSet {
        let target = AliasTarget::builder()
            .hosted_zone_id("Z35")
            .dns_name(target)
            .evaluate_target_health(false)
            .build();
        let mut set = ResourceRecordSet::builder().name(name).r#type(RrType::A);
        if let Ok(target) = target {
            set = set.alias_target(target);
        }
        match set.build() {
            Ok(set) => set,
            Err(fault) => unreachable!("{fault}"),
        }
    }

    #[test]
    fn a_record_is_named_without_dots_and_escapes() {
        let set = alias("\\052.apps.Demo.example.com.", "x.");
        assert_eq!(
            record_id("Z1", &set).as_str(),
            "route53/record/Z1/A/*.apps.demo.example.com"
        );
    }

    #[test]
    fn only_load_balancers_of_the_cluster_are_pointed_at() {
        let hosts = BTreeSet::from(["a0123.us-east-1.elb.amazonaws.com".to_owned()]);
        for (target, expected) in [
            ("dualstack.a0123.us-east-1.elb.amazonaws.com.", true),
            ("demo-x7k2p-ext-5f6.elb.us-east-1.amazonaws.com.", true),
            ("demo-x7k2p2-ext-5f6.elb.us-east-1.amazonaws.com.", false),
            ("demo-x7k2p-ext-5f6.example.org.", false),
            ("other.us-east-1.elb.amazonaws.com.", false),
        ] {
            let set = alias("api.demo.example.com.", target);
            assert_eq!(points_at(&set, &hosts, "demo-x7k2p"), expected, "{target}");
        }
    }
    /// A name alone proves nothing: another cluster may have it by now.
    #[test]
    fn a_record_mirrors_another_by_its_target() {
        let private = alias(
            "api.demo.example.com.",
            "a0123.us-east-1.elb.amazonaws.com.",
        );
        for (target, expected) in [
            ("dualstack.A0123.us-east-1.elb.amazonaws.com.", true),
            ("b0123.us-east-1.elb.amazonaws.com.", false),
        ] {
            let public = alias("api.demo.example.com.", target);
            assert_eq!(targets(&public) == targets(&private), expected, "{target}");
        }
    }
}
