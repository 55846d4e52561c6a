//! What of the cluster is in the account: one file per service, put together here.
//!
//! Reads only. Discovery has two steps: indexes of the whole account first (tags of EC2, tagging API,
//! names in IAM, load balancers, buckets), all at the same time; then the details of what they name
//! and of everything inside the cluster's own networks, all at the same time again. A listing that
//! fails is a gap and does not stop the others. Mirrors `docs/spec/20 §9.3`.

pub(crate) mod balancer;
pub(crate) mod bucket;
pub(crate) mod compute;
pub(crate) mod dns;
pub(crate) mod files;
pub(crate) mod iam;
pub(crate) mod interface;
pub(crate) mod network;
pub(crate) mod select;
pub(crate) mod tagged;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, Tag};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use skep_providers::{
    Class, Error,
    erase::{ClusterFacts, Discovery, Disposal, Gap, Kind, Presence, Proof, Resource, ResourceId},
};

use crate::{
    client::Api,
    kinds::{self, rid},
    ownership::{Mark, Ownership, Tags},
};

use self::{
    balancer::Balancers,
    network::Labels,
    tagged::{Tagged, TaggedIds},
};

/// A filter of EC2.
pub(crate) fn filter<T: Into<String>>(name: &str, values: impl IntoIterator<Item = T>) -> Filter {
    tagged::build_filter(name, values)
}

pub(crate) fn tags_of(tags: Option<&[Tag]>) -> Tags {
    tags.into_iter()
        .flatten()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

pub(crate) fn name_or(tags: &Tags, id: &str) -> String {
    tags.get("Name")
        .filter(|name| !name.is_empty())
        .map_or_else(|| id.to_owned(), Clone::clone)
}

pub(crate) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}

/// What a described thing is to the cluster: its own by tag, shared by tag, its own because it lives
/// in an owned network, or nothing.
pub(crate) fn label(
    ownership: &Ownership,
    kind: &Kind,
    id: &str,
    tags: &Tags,
    parent: Option<&ResourceId>,
) -> Option<Resource> {
    let (rid_, name) = (rid(kind, id), name_or(tags, id));
    match (ownership.mark(tags), parent) {
        (Mark::Owned(proof), _) => Some(Resource::owned(rid_, kind.clone(), name, proof)),
        (Mark::Shared(key), _) => {
            Some(Resource::shared(rid_, kind.clone(), name).with_data("key", key))
        }
        (Mark::None, Some(parent)) => {
            let proof = Proof::MemberOf {
                parent: parent.clone(),
            };
            Some(Resource::owned(rid_, kind.clone(), name, proof))
        }
        (Mark::None, None) => None,
    }
}

/// Collects gaps: each failed listing counts as empty and is told.
#[derive(Default)]
struct Gaps(Vec<Gap>);

impl Gaps {
    fn take<T: Default>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        match result {
            Ok(value) => Ok(value),
            // Nothing can be listed with these credentials: the whole discovery is worthless.
            Err(error) if error.class == Class::Unauthenticated => Err(error),
            Err(error) => {
                self.0.push(Gap {
                    source: error.operation.clone(),
                    error,
                });
                Ok(T::default())
            }
        }
    }
}

/// A discovery and what the eraser has to remember of it.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) discovery: Discovery,
    pub(crate) records: BTreeMap<ResourceId, dns::Record>,
    pub(crate) owned_vpcs: BTreeSet<String>,
}

pub(crate) async fn discover(
    api: &Api,
    role: Option<&Api>,
    facts: &ClusterFacts,
    ownership: &Ownership,
) -> Result<Inventory, Error> {
    let mut gaps = Gaps::default();
    let (ids, tagged, identities, users, classic, balancers, groups, buckets) = futures::join!(
        Box::pin(tagged::ec2(api, ownership)),
        Box::pin(tagged::tagging(api, ownership)),
        Box::pin(iam::roles_and_profiles(api, ownership)),
        Box::pin(iam::users(api, ownership)),
        Box::pin(balancer::classic(api)),
        Box::pin(balancer::balancers(api)),
        Box::pin(balancer::groups(api)),
        Box::pin(bucket::buckets(api)),
    );
    let indexed = ids.is_ok();
    let (ids, tagged) = (gaps.take(ids)?, gaps.take(tagged)?);
    let ids = if indexed {
        ids
    } else {
        tagged.ec2_ids(ownership)
    };
    let mut identities = gaps.take(identities)?;
    identities.users = gaps.take(users)?;
    let balancers = Balancers {
        classic: gaps.take(classic)?,
        second: gaps.take(balancers)?,
        groups: gaps.take(groups)?,
    };
    let buckets = gaps.take(buckets)?;

    let hosts = hosts(&balancers, &ids, &tagged, ownership);
    let (ec2, dns, buckets, files) = futures::join!(
        Box::pin(ec2(api, ownership, &ids)),
        Box::pin(dns::discover(api, role, facts, ownership, &tagged, &hosts)),
        Box::pin(bucket::discover(
            api,
            facts,
            ownership,
            &tagged,
            buckets.as_deref()
        )),
        Box::pin(files::discover(api, ownership, &tagged)),
    );
    let (ec2, ec2_gaps) = ec2?;
    gaps.0.extend(ec2_gaps);

    let labels = Labels {
        ownership,
        owned: &ids.owned_vpcs,
    };
    let shared = ec2.networks();
    let tags =
        gaps.take(balancer::tags(api, &balancers, &ids.owned_vpcs, &shared, &tagged).await)?;
    let mut resources = ec2.resources;
    resources.extend(labels.balancers(&balancers, &tags));
    resources.extend(iam::resources(ownership, &identities));
    let dns = gaps.take(dns)?;
    resources.extend(dns.resources);
    resources.extend(gaps.take(buckets)?);
    resources.extend(gaps.take(files)?);
    resources.extend(tagged.unknown(ownership));
    for (id, reason) in &ids.unhandled {
        resources.push(Resource::foreign(
            rid(&kinds::OTHER, id),
            kinds::OTHER,
            id,
            reason,
        ));
    }
    let resources = settled(resources, ownership);
    let discovery = Discovery {
        resources,
        gaps: gaps.0,
        control_plane_ended: ec2.control_plane_ended,
    };
    Ok(Inventory {
        discovery,
        records: dns.records,
        owned_vpcs: ids.owned_vpcs,
    })
}

/// Names under which the cluster's load balancers answer: those in its own networks and those that
/// carry its tag.
fn hosts(
    balancers: &Balancers,
    ids: &TaggedIds,
    tagged: &Tagged,
    ownership: &Ownership,
) -> BTreeSet<String> {
    let inside =
        |vpc: &Option<String>| vpc.as_ref().is_some_and(|vpc| ids.owned_vpcs.contains(vpc));
    let marked = |name: &str| {
        tagged
            .of("elasticloadbalancing", "loadbalancer/")
            .any(|(_, found, tags)| found == name && matches!(ownership.mark(tags), Mark::Owned(_)))
    };
    let classic = balancers.classic.iter().filter(|balancer| {
        inside(&balancer.vpc_id) || balancer.load_balancer_name.as_deref().is_some_and(marked)
    });
    let second = balancers.second.iter().filter(|balancer| {
        let name = balancer
            .load_balancer_arn
            .as_deref()
            .and_then(balancer::name_in_arn);
        inside(&balancer.vpc_id) || name.is_some_and(marked)
    });
    let classic = classic.filter_map(|balancer| balancer.dns_name.as_deref());
    let second = second.filter_map(|balancer| balancer.dns_name.as_deref());
    classic.chain(second).map(dns::normal).collect()
}

/// The EC2 part of a discovery.
#[derive(Default)]
struct Ec2 {
    resources: Vec<Resource>,
    control_plane_ended: bool,
}

impl Ec2 {
    /// Networks in which anything of the cluster lives.
    fn networks(&self) -> BTreeSet<String> {
        let prefix = format!("{}/", kinds::VPC);
        self.resources
            .iter()
            .flat_map(|resource| &resource.within)
            .filter_map(|id| id.as_str().strip_prefix(&prefix).map(str::to_owned))
            .collect()
    }
}

async fn ec2(api: &Api, ownership: &Ownership, ids: &TaggedIds) -> Result<(Ec2, Vec<Gap>), Error> {
    let mut gaps = Gaps::default();
    let vpcs: Vec<String> = ids.owned_vpcs.iter().cloned().collect();
    let of = |kind: &Kind| ids.of(kind);
    let (instance_ids, volume_ids, snapshot_ids) = (
        of(&kinds::INSTANCE),
        of(&kinds::VOLUME),
        of(&kinds::SNAPSHOT),
    );
    let (image_ids, group_ids, host_ids) = (
        of(&kinds::IMAGE),
        of(&kinds::PLACEMENT_GROUP),
        of(&kinds::DEDICATED_HOST),
    );
    let compute = async {
        futures::join!(
            Box::pin(compute::instances(api, &vpcs, &instance_ids)),
            Box::pin(compute::volumes(api, &volume_ids)),
            Box::pin(compute::snapshots(api, &snapshot_ids)),
            Box::pin(compute::images(api, &image_ids)),
            Box::pin(compute::placement_groups(api, &group_ids)),
            Box::pin(compute::hosts(api, &host_ids)),
        )
    };
    let (vpc_ids, subnet_ids, table_ids) =
        (of(&kinds::VPC), of(&kinds::SUBNET), of(&kinds::ROUTE_TABLE));
    let (gateway_ids, sg_ids, acl_ids) = (
        of(&kinds::INTERNET_GATEWAY),
        of(&kinds::SECURITY_GROUP),
        of(&kinds::NETWORK_ACL),
    );
    let (interface_ids, address_ids, nat_ids) = (
        of(&kinds::INTERFACE),
        of(&kinds::ELASTIC_IP),
        of(&kinds::NAT_GATEWAY),
    );
    let members = async {
        futures::join!(
            Box::pin(network::vpcs(api, &vpc_ids)),
            Box::pin(network::subnets(api, &vpcs, &subnet_ids)),
            Box::pin(network::route_tables(api, &vpcs, &table_ids)),
            Box::pin(network::internet_gateways(api, &vpcs, &gateway_ids)),
            Box::pin(network::security_groups(api, &vpcs, &sg_ids)),
            Box::pin(interface::interfaces(api, &vpcs, &interface_ids)),
            Box::pin(network::addresses(api, &address_ids)),
            Box::pin(network::nat_gateways(api, &vpcs, &nat_ids)),
        )
    };
    let (endpoint_ids, service_ids, peering_ids) = (
        of(&kinds::ENDPOINT),
        of(&kinds::ENDPOINT_SERVICE),
        of(&kinds::PEERING),
    );
    let (dhcp_ids, carrier_ids, egress_ids) = (
        of(&kinds::DHCP_OPTIONS),
        of(&kinds::CARRIER_GATEWAY),
        of(&kinds::EGRESS_GATEWAY),
    );
    let edges = async {
        futures::join!(
            Box::pin(network::endpoints(api, &vpcs, &endpoint_ids)),
            Box::pin(network::endpoint_services(api, &service_ids)),
            Box::pin(network::peerings(api, &peering_ids)),
            Box::pin(network::dhcp_options(api, &dhcp_ids)),
            Box::pin(network::carrier_gateways(api, &carrier_ids)),
            Box::pin(network::egress_gateways(api, ownership, &egress_ids)),
        )
    };
    // Other than the default ones, ACLs are made by hand: looked for only where they are tagged, and
    // by `holders` when something keeps the network.
    let marked_acls = async {
        if acl_ids.is_empty() {
            Ok(Vec::new())
        } else {
            network::acls(api, &[], &acl_ids).await
        }
    };
    let (compute, members, edges, acls) = futures::join!(compute, members, edges, marked_acls);
    let (instances, volumes, snapshots, images, placement_groups, hosts) = compute;
    let (found_vpcs, subnets, tables, gateways, groups, interfaces, addresses, nats) = members;
    let (endpoints, services, peerings, dhcp, carriers, egress) = edges;

    let labels = Labels {
        ownership,
        owned: &ids.owned_vpcs,
    };
    let instances = gaps.take(instances)?;
    let groups = gaps.take(groups)?;
    let mut interfaces = gaps.take(interfaces)?;
    // In a network that is not the cluster's, interfaces that hold its security groups.
    let abroad: Vec<String> = groups
        .iter()
        .filter(|group| labels.parent(group.vpc_id.as_deref()).is_none())
        .filter(|group| {
            matches!(
                ownership.mark(&tags_of(group.tags.as_deref())),
                Mark::Owned(_)
            )
        })
        .filter_map(|group| group.group_id.clone())
        .collect();
    if !abroad.is_empty() {
        let more = gaps.take(interface::interfaces_by(api, "group-id", &abroad).await)?;
        interfaces.extend(more);
    }
    let mut resources = compute::instance_resources(ownership, &instances);
    resources.extend(compute::volume_resources(ownership, &gaps.take(volumes)?));
    resources.extend(compute::image_resources(ownership, &gaps.take(images)?));
    resources.extend(compute::snapshot_resources(
        ownership,
        &gaps.take(snapshots)?,
    ));
    let placement_groups = gaps.take(placement_groups)?;
    resources.extend(compute::placement_group_resources(
        ownership,
        &placement_groups,
    ));
    resources.extend(compute::host_resources(ownership, &gaps.take(hosts)?));
    let tables = gaps.take(tables)?;
    resources.extend(labels.vpcs(&gaps.take(found_vpcs)?));
    resources.extend(labels.subnets(&gaps.take(subnets)?, &tables));
    resources.extend(labels.route_tables(&tables));
    resources.extend(labels.internet_gateways(&gaps.take(gateways)?));
    resources.extend(labels.security_groups(&groups));
    resources.extend(labels.interfaces(&interfaces));
    resources.extend(labels.addresses(&gaps.take(addresses)?));
    resources.extend(labels.nat_gateways(&gaps.take(nats)?));
    resources.extend(labels.endpoints(&gaps.take(endpoints)?));
    resources.extend(labels.endpoint_services(&gaps.take(services)?));
    resources.extend(labels.peerings(&gaps.take(peerings)?));
    resources.extend(labels.dhcp_options(&gaps.take(dhcp)?));
    resources.extend(labels.carrier_gateways(&gaps.take(carriers)?));
    resources.extend(labels.egress_gateways(&gaps.take(egress)?));
    resources.extend(labels.acls(&gaps.take(acls)?));
    let control_plane_ended = compute::control_plane_ended(ownership, &instances);
    Ok((
        Ec2 {
            resources,
            control_plane_ended,
        },
        gaps.0,
    ))
}

/// Puts together what several listings said of one thing, and corrects what only the whole can tell.
pub(crate) fn settled(found: Vec<Resource>, ownership: &Ownership) -> Vec<Resource> {
    let mut by_id: BTreeMap<ResourceId, Resource> = BTreeMap::new();
    for resource in found {
        match by_id.get_mut(&resource.id) {
            None => {
                by_id.insert(resource.id.clone(), resource);
            }
            Some(known) => merge(known, resource),
        }
    }
    // What goes by itself with something that is not ours, or not there any more, is not ours to
    // wait for unless it is proven itself.
    let goes_nowhere: Vec<ResourceId> = by_id
        .values()
        .filter(|resource| match &resource.disposal {
            Disposal::Follows(owner) => match by_id.get(owner) {
                Some(owner) => matches!(owner.disposal, Disposal::Leave { .. } | Disposal::Untag),
                None => resource.proof.is_none(),
            },
            Disposal::Delete | Disposal::Untag | Disposal::Leave { .. } => false,
        })
        .map(|resource| resource.id.clone())
        .collect();
    for id in goes_nowhere {
        if let Some(resource) = by_id.get_mut(&id)
            && let Disposal::Follows(owner) = &resource.disposal
        {
            let reason = format!("goes with {owner}");
            resource.disposal = Disposal::Leave { reason };
            resource.proof = None;
        }
    }
    // In-cluster controllers make their load balancers anew while the control plane runs.
    let resources: Vec<Resource> = by_id.into_values().collect();
    let remade = balancer::remade(&resources, ownership.infra_id());
    resources
        .into_iter()
        .map(|resource| {
            if resource.control_plane && resource.presence != Presence::Gone {
                remade.iter().cloned().fold(resource, Resource::using)
            } else {
                resource
            }
        })
        .collect()
}

/// The same thing from two listings: a machine that takes its volume along knows more than the
/// volume's own listing; a tag proves more than membership.
fn merge(known: &mut Resource, other: Resource) {
    if matches!(known.disposal, Disposal::Leave { .. }) && other.proof.is_some() {
        *known = other;
        return;
    }
    known.created = known.created.or(other.created);
    if let (Some(Proof::MemberOf { .. }) | None, Some(Proof::OwnedTag { .. })) =
        (&known.proof, &other.proof)
    {
        known.proof = other.proof;
        known.name = other.name;
    }
    if other.presence == Presence::Going {
        known.presence = Presence::Going;
    }
    known.within.extend(other.within);
    for (id, hold) in other.uses {
        known.uses.entry(id).or_insert(hold);
    }
    for (key, value) in other.data {
        known.data.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use skep_providers::{Endpoints, erase::AwsFacts};

    use super::*;

    fn ownership() -> Ownership {
        let filter = [(
            "kubernetes.io/cluster/demo-x7k2p".to_owned(),
            "owned".to_owned(),
        )];
        let facts = AwsFacts {
            region: "us-east-1".into(),
            endpoints: Endpoints::default(),
            filters: vec![filter.into_iter().collect()],
            cluster_domain: None,
            hosted_zone_role: None,
        };
        Ownership::new("demo-x7k2p", &facts)
    }

    fn owned(kind: &Kind, id: &str) -> Resource {
        let proof = Proof::MemberOf {
            parent: rid(&kinds::VPC, "vpc-1"),
        };
        Resource::owned(rid(kind, id), kind.clone(), id, proof)
    }

    fn find(resources: &[Resource], id: &ResourceId) -> Resource {
        resources
            .iter()
            .find(|resource| resource.id == *id)
            .cloned()
            .into_iter()
            .next()
            .unwrap_or_else(|| unreachable!("{id} is not among {resources:#?}"))
    }

    #[test]
    fn what_goes_with_a_foreign_owner_is_left_with_it() {
        let instance = Resource::foreign(
            rid(&kinds::INSTANCE, "i-1"),
            kinds::INSTANCE,
            "mine",
            "somebody's",
        );
        let interface = owned(&kinds::INTERFACE, "eni-1").following(instance.id.clone());
        let found = settled(vec![instance, interface.clone()], &ownership());
        let interface = find(&found, &interface.id);
        assert!(
            matches!(interface.disposal, Disposal::Leave { .. }),
            "{interface:?}"
        );
        assert_eq!(interface.proof, None);
    }

    #[test]
    fn what_lost_its_owner_is_waited_for_only_if_it_is_proven() {
        let gone = rid(&kinds::BALANCER, "net/x/1");
        let inside = owned(&kinds::INTERFACE, "eni-1").following(gone.clone());
        let outside = Resource::foreign(
            rid(&kinds::INTERFACE, "eni-2"),
            kinds::INTERFACE,
            "ELB net/x/1",
            "",
        )
        .following(gone.clone());
        let found = settled(vec![inside.clone(), outside.clone()], &ownership());
        assert_eq!(find(&found, &inside.id).disposal, Disposal::Follows(gone));
        assert!(matches!(
            find(&found, &outside.id).disposal,
            Disposal::Leave { .. }
        ));
    }

    #[test]
    fn a_volume_that_goes_with_its_machine_keeps_to_that_and_gets_its_tag() {
        let machine = owned(&kinds::INSTANCE, "i-1");
        let with = owned(&kinds::VOLUME, "vol-1").following(machine.id.clone());
        let tag = Proof::OwnedTag {
            key: "k".into(),
            value: "owned".into(),
        };
        let alone = Resource::owned(with.id.clone(), kinds::VOLUME, "master-0", tag.clone());
        let found = settled(vec![machine.clone(), with, alone.clone()], &ownership());
        let volume = find(&found, &alone.id);
        assert_eq!(volume.disposal, Disposal::Follows(machine.id));
        assert_eq!(
            (volume.proof, volume.name.as_str()),
            (Some(tag), "master-0")
        );
    }

    #[test]
    fn balancers_of_services_wait_for_the_control_plane_and_the_installers_do_not() {
        let mut machine = owned(&kinds::INSTANCE, "i-1");
        machine.control_plane = true;
        let mut own = owned(&kinds::BALANCER, "net/a/1");
        "demo-x7k2p-int".clone_into(&mut own.name);
        let mut of_service = owned(&kinds::BALANCER, "net/b/2");
        "a0123456789abcdef0123456789abcde".clone_into(&mut of_service.name);
        let found = settled(
            vec![machine.clone(), own.clone(), of_service.clone()],
            &ownership(),
        );
        let uses = find(&found, &machine.id).uses;
        assert_eq!(uses.keys().collect::<Vec<_>>(), [&of_service.id]);
    }
}
