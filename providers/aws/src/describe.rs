//! Where resources stand: one describe for many of a kind, by the service's own listing, never by an
//! index of tags. What is not listed, or only as a tombstone, is gone.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Presence, Resource, ResourceId},
};

use crate::{
    client::{Api, service},
    inventory::{balancer, compute, dns, files, interface, network},
    kinds::{self, native},
    target::Target,
};

/// State by native identifier; what is missing is gone.
type States = BTreeMap<String, Presence>;

pub(crate) async fn describe(
    target: &Target,
    resources: &[Resource],
) -> Result<Vec<Presence>, Error> {
    let Some(first) = resources.first() else {
        return Ok(Vec::new());
    };
    let api = target.api().await?;
    let ids: Vec<String> = resources
        .iter()
        .map(|resource| native(resource).to_owned())
        .collect();
    let states = if first.kind == kinds::RECORD {
        records(target, api, resources).await?
    } else if let Some(states) = ec2(target, api, first, &ids).await? {
        states
    } else {
        others(api, resources).await?
    };
    Ok(ids
        .iter()
        .map(|id| states.get(id).cloned().unwrap_or(Presence::Gone))
        .collect())
}

fn states<T>(
    found: &[T],
    id: impl Fn(&T) -> Option<&str>,
    presence: impl Fn(&T) -> Presence,
) -> States {
    found
        .iter()
        .filter_map(|found| Some((id(found)?.to_owned(), presence(found))))
        .collect()
}

/// Kinds of EC2; `None` for all others.
async fn ec2(
    target: &Target,
    api: &Api,
    first: &Resource,
    ids: &[String],
) -> Result<Option<States>, Error> {
    let there = |_: &_| Presence::Present;
    let kind = &first.kind;
    Ok(Some(if *kind == kinds::INSTANCE {
        let found = compute::instances(api, &[], ids).await?;
        states(
            &found,
            |found| found.instance_id.as_deref(),
            compute::instance_presence,
        )
    } else if *kind == kinds::VOLUME {
        use aws_sdk_ec2::types::VolumeState;
        let found = compute::volumes(api, ids).await?;
        states(
            &found,
            |found| found.volume_id.as_deref(),
            |found| match found.state {
                Some(VolumeState::Deleted) => Presence::Gone,
                Some(VolumeState::Deleting) => Presence::Going,
                _ => Presence::Present,
            },
        )
    } else if *kind == kinds::SNAPSHOT {
        let found = compute::snapshots(api, ids).await?;
        states(
            &found,
            |found| found.snapshot_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::IMAGE {
        use aws_sdk_ec2::types::ImageState;
        let found = compute::images(api, ids).await?;
        states(
            &found,
            |found| found.image_id.as_deref(),
            |found| match found.state {
                Some(ImageState::Deregistered) => Presence::Gone,
                _ => Presence::Present,
            },
        )
    } else if *kind == kinds::PLACEMENT_GROUP {
        let found = compute::placement_groups(api, ids).await?;
        states(
            &found,
            |found| found.group_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::DEDICATED_HOST {
        let found = compute::hosts(api, ids).await?;
        states(
            &found,
            |found| found.host_id.as_deref(),
            compute::host_presence,
        )
    } else if *kind == kinds::VPC {
        let found = network::vpcs(api, ids).await?;
        states(
            &found,
            |found| found.vpc_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::SUBNET {
        let found = network::subnets(api, &[], ids).await?;
        states(
            &found,
            |found| found.subnet_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::ROUTE_TABLE {
        let found = network::route_tables(api, &[], ids).await?;
        states(
            &found,
            |found| found.route_table_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::INTERNET_GATEWAY {
        let found = network::internet_gateways(api, &[], ids).await?;
        states(
            &found,
            |found| found.internet_gateway_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::EGRESS_GATEWAY {
        let found = network::egress_gateways(api, &target.ownership, ids).await?;
        states(
            &found,
            |found| found.egress_only_internet_gateway_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::CARRIER_GATEWAY {
        let found = network::carrier_gateways(api, ids).await?;
        states(
            &found,
            |found| found.carrier_gateway_id.as_deref(),
            network::carrier_presence,
        )
    } else if *kind == kinds::NAT_GATEWAY {
        let found = network::nat_gateways(api, &[], ids).await?;
        states(
            &found,
            |found| found.nat_gateway_id.as_deref(),
            network::nat_presence,
        )
    } else if *kind == kinds::ELASTIC_IP {
        let found = network::addresses(api, ids).await?;
        states(
            &found,
            |found| found.allocation_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::ENDPOINT {
        let found = network::endpoints(api, &[], ids).await?;
        states(
            &found,
            |found| found.vpc_endpoint_id.as_deref(),
            network::endpoint_presence,
        )
    } else if *kind == kinds::ENDPOINT_SERVICE {
        let found = network::endpoint_services(api, ids).await?;
        states(
            &found,
            |found| found.service_id.as_deref(),
            network::endpoint_service_presence,
        )
    } else if *kind == kinds::INTERFACE {
        let found = interface::interfaces(api, &[], ids).await?;
        states(
            &found,
            |found| found.network_interface_id.as_deref(),
            |found| {
                if interface::is_going(found) {
                    Presence::Going
                } else {
                    Presence::Present
                }
            },
        )
    } else if *kind == kinds::SECURITY_GROUP {
        let found = network::security_groups(api, &[], ids).await?;
        states(
            &found,
            |found| found.group_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::NETWORK_ACL {
        let found = network::acls(api, &[], ids).await?;
        states(
            &found,
            |found| found.network_acl_id.as_deref(),
            |_| Presence::Present,
        )
    } else if *kind == kinds::PEERING {
        let found = network::peerings(api, ids).await?;
        states(
            &found,
            |found| found.vpc_peering_connection_id.as_deref(),
            network::peering_presence,
        )
    } else if *kind == kinds::DHCP_OPTIONS {
        let found = network::dhcp_options(api, ids).await?;
        states(&found, |found| found.dhcp_options_id.as_deref(), there)
    } else {
        return Ok(None);
    }))
}

/// Kinds whose services list everything or one by one.
async fn others(api: &Api, resources: &[Resource]) -> Result<States, Error> {
    let kind = resources.first().map(|first| first.kind.clone());
    let one_of = |wanted: &[&skep_providers::erase::Kind]| {
        kind.as_ref().is_some_and(|kind| wanted.contains(&kind))
    };
    let present = |names: Vec<String>| -> States {
        names
            .into_iter()
            .map(|name| (name, Presence::Present))
            .collect()
    };
    if one_of(&[&kinds::CLASSIC_BALANCER]) {
        let found = balancer::classic(api).await?;
        return Ok(present(
            found
                .into_iter()
                .filter_map(|found| found.load_balancer_name)
                .collect(),
        ));
    }
    if one_of(&[&kinds::BALANCER, &kinds::TARGET_GROUP]) {
        let arns: Vec<String> = if one_of(&[&kinds::BALANCER]) {
            let found = balancer::balancers(api).await?;
            found
                .into_iter()
                .filter_map(|found| found.load_balancer_arn)
                .collect()
        } else {
            let found = balancer::groups(api).await?;
            found
                .into_iter()
                .filter_map(|found| found.target_group_arn)
                .collect()
        };
        let names = arns
            .iter()
            .filter_map(|arn| balancer::name_in_arn(arn))
            .map(str::to_owned);
        return Ok(present(names.collect()));
    }
    let states = try_join_all(resources.iter().map(|resource| async move {
        let presence = single(api, resource).await?;
        Ok::<_, Error>((native(resource).to_owned(), presence))
    }))
    .await?;
    Ok(states.into_iter().collect())
}

async fn single(api: &Api, resource: &Resource) -> Result<Presence, Error> {
    let name = native(resource);
    let clients = &api.clients;
    let found = if resource.kind == kinds::ROLE {
        let call = Call::read(service::IAM, "iam:GetRole");
        api.call(call, || clients.iam().get_role().role_name(name).send())
            .await
            .map(drop)
    } else if resource.kind == kinds::INSTANCE_PROFILE {
        let call = Call::read(service::IAM, "iam:GetInstanceProfile");
        api.call(call, || {
            clients
                .iam()
                .get_instance_profile()
                .instance_profile_name(name)
                .send()
        })
        .await
        .map(drop)
    } else if resource.kind == kinds::USER {
        let call = Call::read(service::IAM, "iam:GetUser");
        api.call(call, || clients.iam().get_user().user_name(name).send())
            .await
            .map(drop)
    } else if resource.kind == kinds::ZONE {
        let found = dns::zone(api, name).await?;
        return Ok(if found.is_some() {
            Presence::Present
        } else {
            Presence::Gone
        });
    } else if resource.kind == kinds::BUCKET {
        let call = Call::read(service::S3, "s3:HeadBucket");
        api.call(call, || clients.s3().head_bucket().bucket(name).send())
            .await
            .map(drop)
    } else if resource.kind == kinds::FILE_SYSTEM {
        return Ok(files::file_system(api, name)
            .await?
            .unwrap_or(Presence::Gone));
    } else if resource.kind == kinds::ACCESS_POINT {
        let found = files::access_point(api, name).await?;
        return Ok(found.map_or(Presence::Gone, |(presence, _)| presence));
    } else {
        // Never deleted, so never asked for.
        return Ok(Presence::Present);
    };
    match found {
        Ok(()) => Ok(Presence::Present),
        Err(error) if error.class == Class::NotFound => Ok(Presence::Gone),
        Err(error) => Err(error),
    }
}

/// Records, by listing each zone they are in once.
async fn records(target: &Target, api: &Api, resources: &[Resource]) -> Result<States, Error> {
    let mut zones: BTreeMap<(String, bool), Vec<ResourceId>> = BTreeMap::new();
    for resource in resources {
        if let Some(record) = target.record(&resource.id) {
            zones
                .entry((record.zone, record.by_role))
                .or_default()
                .push(resource.id.clone());
        } else if let Some((zone, _)) = native(resource).split_once('/') {
            zones
                .entry((zone.to_owned(), false))
                .or_default()
                .push(resource.id.clone());
        }
    }
    let mut states = States::new();
    for ((zone, by_role), wanted) in zones {
        let api = if by_role {
            target.role().unwrap_or(api)
        } else {
            api
        };
        let below = resources
            .iter()
            .filter(|resource| wanted.contains(&resource.id))
            .map(|resource| resource.name.trim_start_matches("*."))
            .min_by_key(|name| name.len())
            .filter(|_| wanted.len() == 1)
            .map(str::to_owned);
        for set in dns::records(api, &zone, below.as_deref()).await? {
            let id = dns::record_id(&zone, &set);
            if let Some(resource) = resources.iter().find(|resource| resource.id == id) {
                states.insert(native(resource).to_owned(), Presence::Present);
            }
        }
    }
    Ok(states)
}
