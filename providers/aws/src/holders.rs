//! Who keeps a resource from going, asked after AWS refused to delete it without saying why. What is
//! found and is the cluster's comes with its proof; all else is named, so that a person knows whom to
//! ask (`docs/spec/20 §13.2`).

use std::collections::BTreeSet;

use aws_sdk_ec2::types::NetworkInterface;
use futures::join;
use skep_providers::{
    Error,
    erase::{Disposal, Kind, Proof, Resource},
};

use crate::{
    client::{Api, list, service},
    inventory::{
        balancer, compute,
        dns::{self, Record},
        filter, interface,
        network::{self, Labels},
        settled,
    },
    kinds::{self, native, rid},
    target::Target,
};

pub(crate) async fn holders(target: &Target, resource: &Resource) -> Result<Vec<Resource>, Error> {
    let api = target.api().await?;
    let owned = target.owned_vpcs();
    let labels = Labels {
        ownership: &target.ownership,
        owned: &owned,
    };
    let (kind, id) = (&resource.kind, native(resource).to_owned());
    let ids = std::slice::from_ref(&id);
    let found = if *kind == kinds::VPC {
        Box::pin(of_vpc(api, &labels, ids)).await?
    } else if *kind == kinds::SUBNET {
        let interfaces = interface::interfaces_by(api, "subnet-id", ids).await?;
        let mut found = labels.interfaces(&interfaces);
        found.extend(machines_of(api, &labels, &interfaces).await?);
        found
    } else if *kind == kinds::SECURITY_GROUP {
        of_group(api, &labels, ids).await?
    } else if *kind == kinds::INTERNET_GATEWAY {
        let vpcs = network_ids(resource);
        let found = interface::interfaces_by(api, "vpc-id", &vpcs).await?;
        let public: Vec<_> = found
            .into_iter()
            .filter(|found| found.association.is_some())
            .collect();
        labels.interfaces(&public)
    } else if *kind == kinds::ELASTIC_IP {
        let addresses = network::addresses(api, ids).await?;
        let used: Vec<String> = addresses
            .into_iter()
            .filter_map(|found| found.network_interface_id)
            .collect();
        labels.interfaces(&interface::interfaces(api, &[], &used).await?)
    } else if *kind == kinds::INTERFACE || *kind == kinds::VOLUME {
        of_attached(api, target, kind, ids).await?
    } else if *kind == kinds::ROUTE_TABLE {
        let tables = network::route_tables(api, &[], ids).await?;
        let used: Vec<String> = tables
            .iter()
            .flat_map(|table| table.associations.iter().flatten())
            .filter_map(|association| association.subnet_id.clone())
            .collect();
        labels.subnets(&network::subnets(api, &[], &used).await?, &tables)
    } else if *kind == kinds::SNAPSHOT {
        let request = api
            .clients
            .ec2()
            .describe_images()
            .owners("self")
            .filters(filter("block-device-mapping.snapshot-id", ids));
        let images = list!(api, service::EC2, "ec2:DescribeImages", request, images);
        let mut found = compute::image_resources(&target.ownership, &images);
        for image in images.iter().filter_map(|image| image.image_id.as_deref()) {
            if !found.iter().any(|known| native(known) == image) {
                let reason = "image without the cluster's tag";
                found.push(Resource::foreign(
                    rid(&kinds::IMAGE, image),
                    kinds::IMAGE,
                    image,
                    reason,
                ));
            }
        }
        found
    } else if *kind == kinds::TARGET_GROUP {
        let balancers = balancer::Balancers {
            second: balancer::balancers(api).await?,
            groups: balancer::groups(api).await?,
            ..balancer::Balancers::default()
        };
        labels.balancers(&balancers, &std::collections::BTreeMap::new())
    } else if *kind == kinds::ZONE {
        of_zone(api, target, resource, &id).await?
    } else {
        Vec::new()
    };
    Ok(settled(found, &target.ownership)
        .into_iter()
        .filter(|found| found.id != resource.id)
        // What goes with the resource does not hold it.
        .filter(|found| found.disposal != Disposal::Follows(resource.id.clone()))
        // Asked for one kind, some listings bring neighbours along.
        .filter(|found| {
            *kind == kinds::VPC
                || found.uses.contains_key(&resource.id)
                || *kind == kinds::INTERNET_GATEWAY
        })
        .collect())
}

fn network_ids(resource: &Resource) -> Vec<String> {
    let prefix = format!("{}/", kinds::VPC);
    resource
        .within
        .iter()
        .filter_map(|id| id.as_str().strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

/// Everything that can be in a network, tagged or not.
async fn of_vpc(api: &Api, labels: &Labels<'_>, vpcs: &[String]) -> Result<Vec<Resource>, Error> {
    let (instances, subnets, tables, gateways, groups, interfaces) = join!(
        Box::pin(compute::instances(api, vpcs, &[])),
        Box::pin(network::subnets(api, vpcs, &[])),
        Box::pin(network::route_tables(api, vpcs, &[])),
        Box::pin(network::internet_gateways(api, vpcs, &[])),
        Box::pin(network::security_groups(api, vpcs, &[])),
        Box::pin(interface::interfaces(api, vpcs, &[])),
    );
    let (nats, endpoints, peerings, acls, private_gateways, transits) = join!(
        Box::pin(network::nat_gateways(api, vpcs, &[])),
        Box::pin(network::endpoints(api, vpcs, &[])),
        Box::pin(network::peerings_of(api, vpcs)),
        Box::pin(network::acls(api, vpcs, &[])),
        Box::pin(vpn_gateways(api, vpcs)),
        Box::pin(transit_attachments(api, vpcs)),
    );
    let tables = tables?;
    let mut found = compute::instance_resources(labels.ownership, &instances?);
    found.retain(|found| found.kind == kinds::INSTANCE);
    found.extend(labels.subnets(&subnets?, &tables));
    found.extend(labels.route_tables(&tables));
    found.extend(labels.internet_gateways(&gateways?));
    found.extend(labels.security_groups(&groups?));
    found.extend(labels.interfaces(&interfaces?));
    found.extend(labels.nat_gateways(&nats?));
    found.extend(labels.endpoints(&endpoints?));
    found.extend(labels.peerings(&peerings?));
    found.extend(labels.acls(&acls?));
    // Rare, and not in every list of permissions: without an answer the others are still named.
    found.extend(private_gateways.unwrap_or_default());
    found.extend(transits.unwrap_or_default());
    Ok(found)
}

async fn vpn_gateways(api: &Api, vpcs: &[String]) -> Result<Vec<Resource>, Error> {
    let call = skep_providers::call::Call::read(service::EC2, "ec2:DescribeVpnGateways");
    let request = api
        .clients
        .ec2()
        .describe_vpn_gateways()
        .filters(filter("attachment.vpc-id", vpcs));
    let answer = api.call(call, || request.clone().send()).await?;
    Ok(answer
        .vpn_gateways
        .unwrap_or_default()
        .into_iter()
        .filter_map(|gateway| gateway.vpn_gateway_id)
        .map(|id| {
            let reason = "VPN gateway attached to the network: detach it";
            Resource::foreign(rid(&kinds::OTHER, &id), kinds::OTHER, id, reason)
        })
        .collect())
}

async fn transit_attachments(api: &Api, vpcs: &[String]) -> Result<Vec<Resource>, Error> {
    let request = api
        .clients
        .ec2()
        .describe_transit_gateway_vpc_attachments()
        .filters(filter("vpc-id", vpcs));
    let found = list!(
        api,
        service::EC2,
        "ec2:DescribeTransitGatewayVpcAttachments",
        request,
        transit_gateway_vpc_attachments
    );
    Ok(found
        .into_iter()
        .filter_map(|attachment| attachment.transit_gateway_attachment_id)
        .map(|id| {
            let reason = "transit gateway attachment in the network: delete it";
            Resource::foreign(rid(&kinds::OTHER, &id), kinds::OTHER, id, reason)
        })
        .collect())
}

/// Interfaces that have the group, and groups whose rules name it.
async fn of_group(api: &Api, labels: &Labels<'_>, ids: &[String]) -> Result<Vec<Resource>, Error> {
    let naming = |name: &'static str| async move {
        let request = api
            .clients
            .ec2()
            .describe_security_groups()
            .filters(filter(name, ids));
        let found = list!(
            api,
            service::EC2,
            "ec2:DescribeSecurityGroups",
            request,
            security_groups
        );
        Ok::<_, Error>(found)
    };
    let (interfaces, ingress, egress) = futures::try_join!(
        interface::interfaces_by(api, "group-id", ids),
        naming("ip-permission.group-id"),
        naming("egress.ip-permission.group-id"),
    )?;
    let groups: Vec<_> = ingress.into_iter().chain(egress).collect();
    let mut found = labels.interfaces(&interfaces);
    found.extend(machines_of(api, labels, &interfaces).await?);
    found.extend(labels.security_groups(&groups));
    let known: BTreeSet<String> = found.iter().map(|found| native(found).to_owned()).collect();
    for group in &groups {
        let Some(id) = group.group_id.as_deref().filter(|id| !known.contains(*id)) else {
            continue;
        };
        let name = group.group_name.as_deref().unwrap_or(id);
        let reason = "security group of somebody else with a rule that names the cluster's group";
        let mut foreign = Resource::foreign(
            rid(&kinds::SECURITY_GROUP, id),
            kinds::SECURITY_GROUP,
            name,
            reason,
        );
        for held in ids {
            foreign = foreign.referring_to(rid(&kinds::SECURITY_GROUP, held));
        }
        found.push(foreign);
    }
    Ok(found)
}

/// The machines that interfaces are attached to: a person knows a machine, not its interface.
async fn machines_of(
    api: &Api,
    labels: &Labels<'_>,
    interfaces: &[NetworkInterface],
) -> Result<Vec<Resource>, Error> {
    let attached = interfaces
        .iter()
        .filter_map(|found| found.attachment.as_ref());
    let ids: Vec<String> = attached
        .filter_map(|found| found.instance_id.clone())
        .collect();
    let instances = compute::instances(api, &[], &ids).await?;
    let mut machines = compute::instance_resources(labels.ownership, &instances);
    machines.retain(|found| found.kind == kinds::INSTANCE);
    Ok(machines)
}

/// Instances that a volume or an interface is attached to.
async fn of_attached(
    api: &Api,
    target: &Target,
    kind: &Kind,
    ids: &[String],
) -> Result<Vec<Resource>, Error> {
    let instances: Vec<String> = if *kind == kinds::VOLUME {
        let volumes = compute::volumes(api, ids).await?;
        let attached = volumes
            .into_iter()
            .flat_map(|found| found.attachments.unwrap_or_default());
        attached
            .filter_map(|attachment| attachment.instance_id)
            .collect()
    } else {
        let interfaces = interface::interfaces(api, &[], ids).await?;
        let attached = interfaces.into_iter().filter_map(|found| found.attachment);
        attached
            .filter_map(|attachment| attachment.instance_id)
            .collect()
    };
    let found = compute::instances(api, &[], &instances).await?;
    let mut resources = compute::instance_resources(&target.ownership, &found);
    resources.retain(|found| found.kind == kinds::INSTANCE);
    let held: Vec<_> = ids.iter().map(|id| rid(kind, id)).collect();
    Ok(resources
        .into_iter()
        .map(|resource| held.iter().cloned().fold(resource, Resource::using))
        .collect())
}

/// Records that were made since the discovery.
async fn of_zone(
    api: &Api,
    target: &Target,
    zone: &Resource,
    id: &str,
) -> Result<Vec<Resource>, Error> {
    if zone.proof.is_none() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut records = std::collections::BTreeMap::new();
    for set in dns::records(api, id, None).await? {
        if dns::is_apex(&set, &zone.name) {
            continue;
        }
        let record_id = dns::record_id(id, &set);
        let proof = Proof::MemberOf {
            parent: zone.id.clone(),
        };
        let name = dns::normal(&set.name);
        found.push(
            Resource::owned(record_id.clone(), kinds::RECORD, name, proof).using(zone.id.clone()),
        );
        records.insert(
            record_id,
            Record {
                zone: id.to_owned(),
                by_role: false,
                set,
            },
        );
    }
    target.remember(records);
    Ok(found)
}
