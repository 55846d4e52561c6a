//! The network: VPC, subnets, route tables, gateways, addresses, endpoints, security groups and
//! whatever else lives in it (`docs/spec/20 §9.4, §9.5`).
//!
//! Everything inside an owned VPC is the cluster's by membership, except machines without its tag
//! and interfaces of services that only their owner can delete; those are shown as holders.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{
    Address, CarrierGateway, CarrierGatewayState, DhcpOptions, EgressOnlyInternetGateway,
    InternetGateway, NatGateway, NatGatewayState, NetworkAcl, RouteTable, SecurityGroup,
    ServiceConfiguration, ServiceState, State, Subnet, Vpc, VpcEndpoint, VpcPeeringConnection,
    VpcPeeringConnectionStateReasonCode,
};
use skep_providers::{
    Error,
    call::Call,
    erase::{Presence, Resource, ResourceId},
};

use crate::{
    client::{Api, list, service},
    inventory::{filter, label, select::select, tags_of, timestamp},
    kinds::{self, rid},
    ownership::Ownership,
};

/// Mark in a group's data: the default group of a network.
pub(crate) const DEFAULT: &str = "default";

type Found<T> = Result<Vec<T>, Error>;

pub(crate) async fn vpcs(api: &Api, ids: &[String]) -> Found<Vpc> {
    let none: &[String] = &[];
    select!(api, "ec2:DescribeVpcs", describe_vpcs, vpcs, vpc_id,
        by "vpc-id" in none, or "vpc-id" in ids)
}

pub(crate) async fn subnets(api: &Api, vpcs: &[String], ids: &[String]) -> Found<Subnet> {
    select!(api, "ec2:DescribeSubnets", describe_subnets, subnets, subnet_id,
        by "vpc-id" in vpcs, or "subnet-id" in ids)
}

pub(crate) async fn route_tables(api: &Api, vpcs: &[String], ids: &[String]) -> Found<RouteTable> {
    select!(api, "ec2:DescribeRouteTables", describe_route_tables, route_tables, route_table_id,
        by "vpc-id" in vpcs, or "route-table-id" in ids)
}

pub(crate) async fn internet_gateways(
    api: &Api,
    vpcs: &[String],
    ids: &[String],
) -> Found<InternetGateway> {
    select!(api, "ec2:DescribeInternetGateways", describe_internet_gateways, internet_gateways,
        internet_gateway_id, by "attachment.vpc-id" in vpcs, or "internet-gateway-id" in ids)
}

pub(crate) async fn security_groups(
    api: &Api,
    vpcs: &[String],
    ids: &[String],
) -> Found<SecurityGroup> {
    select!(api, "ec2:DescribeSecurityGroups", describe_security_groups, security_groups, group_id,
        by "vpc-id" in vpcs, or "group-id" in ids)
}

pub(crate) async fn endpoints(api: &Api, vpcs: &[String], ids: &[String]) -> Found<VpcEndpoint> {
    select!(api, "ec2:DescribeVpcEndpoints", describe_vpc_endpoints, vpc_endpoints, vpc_endpoint_id,
        by "vpc-id" in vpcs, or "vpc-endpoint-id" in ids)
}

/// The filters of this call go by another name than all others'.
pub(crate) async fn nat_gateways(api: &Api, vpcs: &[String], ids: &[String]) -> Found<NatGateway> {
    let mut found: Vec<NatGateway> = Vec::new();
    if !vpcs.is_empty() {
        let request = api
            .clients
            .ec2()
            .describe_nat_gateways()
            .filter(filter("vpc-id", vpcs));
        found.extend(list!(
            api,
            service::EC2,
            "ec2:DescribeNatGateways",
            request,
            nat_gateways
        ));
    }
    let missing = super::select::missing(
        ids,
        found
            .iter()
            .filter_map(|found| found.nat_gateway_id.as_deref()),
    );
    for chunk in missing.chunks(kinds::FILTER_VALUES) {
        let request = api
            .clients
            .ec2()
            .describe_nat_gateways()
            .filter(filter("nat-gateway-id", chunk));
        found.extend(list!(
            api,
            service::EC2,
            "ec2:DescribeNatGateways",
            request,
            nat_gateways
        ));
    }
    Ok(found)
}

pub(crate) async fn addresses(api: &Api, ids: &[String]) -> Found<Address> {
    let mut found = Vec::new();
    for chunk in ids.chunks(kinds::FILTER_VALUES) {
        let call = Call::read(service::EC2, "ec2:DescribeAddresses");
        let request = api
            .clients
            .ec2()
            .describe_addresses()
            .filters(filter("allocation-id", chunk));
        let answer = api.call(call, || request.clone().send()).await?;
        found.extend(answer.addresses.unwrap_or_default());
    }
    Ok(found)
}

pub(crate) async fn endpoint_services(api: &Api, ids: &[String]) -> Found<ServiceConfiguration> {
    let none: &[String] = &[];
    select!(api, "ec2:DescribeVpcEndpointServiceConfigurations",
        describe_vpc_endpoint_service_configurations, service_configurations, service_id,
        by "service-id" in none, or "service-id" in ids)
}

pub(crate) async fn peerings(api: &Api, ids: &[String]) -> Found<VpcPeeringConnection> {
    let none: &[String] = &[];
    select!(api, "ec2:DescribeVpcPeeringConnections", describe_vpc_peering_connections,
        vpc_peering_connections, vpc_peering_connection_id,
        by "requester-vpc-info.vpc-id" in none, or "vpc-peering-connection-id" in ids)
}

/// Peerings of networks, whichever side asked for them.
pub(crate) async fn peerings_of(api: &Api, vpcs: &[String]) -> Found<VpcPeeringConnection> {
    let side = |name: &'static str| async move {
        let request = api
            .clients
            .ec2()
            .describe_vpc_peering_connections()
            .filters(filter(name, vpcs));
        let all = list!(
            api,
            service::EC2,
            "ec2:DescribeVpcPeeringConnections",
            request,
            vpc_peering_connections
        );
        Ok::<_, Error>(all)
    };
    let (mut all, accepted) = futures::try_join!(
        side("requester-vpc-info.vpc-id"),
        side("accepter-vpc-info.vpc-id")
    )?;
    all.extend(accepted);
    Ok(all)
}

pub(crate) async fn acls(api: &Api, vpcs: &[String], ids: &[String]) -> Found<NetworkAcl> {
    select!(api, "ec2:DescribeNetworkAcls", describe_network_acls, network_acls, network_acl_id,
        by "vpc-id" in vpcs, or "network-acl-id" in ids)
}

pub(crate) async fn dhcp_options(api: &Api, ids: &[String]) -> Found<DhcpOptions> {
    let none: &[String] = &[];
    select!(api, "ec2:DescribeDhcpOptions", describe_dhcp_options, dhcp_options, dhcp_options_id,
        by "dhcp-options-id" in none, or "dhcp-options-id" in ids)
}

pub(crate) async fn carrier_gateways(api: &Api, ids: &[String]) -> Found<CarrierGateway> {
    let none: &[String] = &[];
    select!(api, "ec2:DescribeCarrierGateways", describe_carrier_gateways, carrier_gateways,
        carrier_gateway_id, by "vpc-id" in none, or "carrier-gateway-id" in ids)
}

/// Egress-only gateways can only be filtered by tag.
pub(crate) async fn egress_gateways(
    api: &Api,
    ownership: &Ownership,
    ids: &[String],
) -> Found<EgressOnlyInternetGateway> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let request = api
        .clients
        .ec2()
        .describe_egress_only_internet_gateways()
        .filters(filter("tag-key", ownership.keys()));
    Ok(list!(
        api,
        service::EC2,
        "ec2:DescribeEgressOnlyInternetGateways",
        request,
        egress_only_internet_gateways
    ))
}

pub(crate) fn nat_presence(gateway: &NatGateway) -> Presence {
    match &gateway.state {
        Some(NatGatewayState::Deleted) => Presence::Gone,
        Some(NatGatewayState::Deleting) => Presence::Going,
        _ => Presence::Present,
    }
}

pub(crate) fn endpoint_presence(endpoint: &VpcEndpoint) -> Presence {
    match &endpoint.state {
        Some(State::Deleted | State::Expired) => Presence::Gone,
        Some(State::Deleting) => Presence::Going,
        _ => Presence::Present,
    }
}

pub(crate) fn peering_presence(peering: &VpcPeeringConnection) -> Presence {
    use VpcPeeringConnectionStateReasonCode as Code;
    match peering
        .status
        .as_ref()
        .and_then(|status| status.code.as_ref())
    {
        Some(Code::Deleted | Code::Expired | Code::Failed | Code::Rejected) => Presence::Gone,
        Some(Code::Deleting) => Presence::Going,
        _ => Presence::Present,
    }
}

pub(crate) fn endpoint_service_presence(service: &ServiceConfiguration) -> Presence {
    match &service.service_state {
        Some(ServiceState::Deleted) => Presence::Gone,
        Some(ServiceState::Deleting) => Presence::Going,
        _ => Presence::Present,
    }
}

pub(crate) fn carrier_presence(gateway: &CarrierGateway) -> Presence {
    match &gateway.state {
        Some(CarrierGatewayState::Deleted) => Presence::Gone,
        Some(CarrierGatewayState::Deleting) => Presence::Going,
        _ => Presence::Present,
    }
}

/// Turns what was described into resources. `owned` are the identifiers of owned networks.
pub(crate) struct Labels<'o> {
    pub(crate) ownership: &'o Ownership,
    pub(crate) owned: &'o BTreeSet<String>,
}

impl Labels<'_> {
    /// The owned network of that name, as a parent that proves its members.
    pub(crate) fn parent(&self, vpc: Option<&str>) -> Option<ResourceId> {
        vpc.filter(|vpc| self.owned.contains(*vpc))
            .map(|vpc| rid(&kinds::VPC, vpc))
    }

    pub(crate) fn vpcs(&self, found: &[Vpc]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|vpc| {
                let id = vpc.vpc_id.as_deref()?;
                let tags = tags_of(vpc.tags.as_deref());
                let mut resource = label(self.ownership, &kinds::VPC, id, &tags, None)?;
                if let Some(options) = &vpc.dhcp_options_id {
                    resource = resource.using(rid(&kinds::DHCP_OPTIONS, options));
                }
                Some(resource)
            })
            .collect()
    }

    /// `tables` tells which route table each subnet holds.
    pub(crate) fn subnets(&self, found: &[Subnet], tables: &[RouteTable]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|subnet| {
                let id = subnet.subnet_id.as_deref()?;
                let tags = tags_of(subnet.tags.as_deref());
                let parent = self.parent(subnet.vpc_id.as_deref());
                let mut resource =
                    label(self.ownership, &kinds::SUBNET, id, &tags, parent.as_ref())?;
                if let Some(vpc) = &subnet.vpc_id {
                    resource = resource.within(rid(&kinds::VPC, vpc));
                }
                // The association goes with the subnet, so the table waits for it and needs no call
                // of its own to be dissociated.
                for table in tables {
                    let associated = table
                        .associations
                        .iter()
                        .flatten()
                        .any(|association| association.subnet_id.as_deref() == Some(id));
                    if let (true, Some(table)) = (associated, &table.route_table_id) {
                        resource = resource.using(rid(&kinds::ROUTE_TABLE, table));
                    }
                }
                Some(resource)
            })
            .collect()
    }

    /// The main table is not listed: nobody can delete it, and it goes with its network.
    pub(crate) fn route_tables(&self, found: &[RouteTable]) -> Vec<Resource> {
        let is_main = |table: &RouteTable| {
            table
                .associations
                .iter()
                .flatten()
                .any(|association| association.main == Some(true))
        };
        found
            .iter()
            .filter_map(|table| {
                let id = table.route_table_id.as_deref()?;
                let tags = tags_of(table.tags.as_deref());
                let parent = self.parent(table.vpc_id.as_deref());
                let resource = label(
                    self.ownership,
                    &kinds::ROUTE_TABLE,
                    id,
                    &tags,
                    parent.as_ref(),
                )?;
                if is_main(table) && resource.proof.is_some() {
                    return None;
                }
                let vpc = rid(&kinds::VPC, table.vpc_id.as_deref()?);
                Some(resource.within(vpc))
            })
            .collect()
    }

    pub(crate) fn internet_gateways(&self, found: &[InternetGateway]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|gateway| {
                let id = gateway.internet_gateway_id.as_deref()?;
                let tags = tags_of(gateway.tags.as_deref());
                let vpcs: Vec<&str> = gateway
                    .attachments
                    .iter()
                    .flatten()
                    .filter_map(|attachment| attachment.vpc_id.as_deref())
                    .collect();
                let parent = vpcs.iter().find_map(|vpc| self.parent(Some(vpc)));
                let mut resource = label(
                    self.ownership,
                    &kinds::INTERNET_GATEWAY,
                    id,
                    &tags,
                    parent.as_ref(),
                )?;
                for vpc in &vpcs {
                    resource = resource.within(rid(&kinds::VPC, vpc));
                }
                if !vpcs.is_empty() {
                    resource = resource.with_data("vpcs", vpcs.join(","));
                }
                Some(resource)
            })
            .collect()
    }

    pub(crate) fn nat_gateways(&self, found: &[NatGateway]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|gateway| {
                let id = gateway.nat_gateway_id.as_deref()?;
                let presence = nat_presence(gateway);
                if presence == Presence::Gone {
                    return None;
                }
                let tags = tags_of(gateway.tags.as_deref());
                let parent = self.parent(gateway.vpc_id.as_deref());
                let mut resource = label(
                    self.ownership,
                    &kinds::NAT_GATEWAY,
                    id,
                    &tags,
                    parent.as_ref(),
                )?;
                resource.presence = presence;
                resource.created = gateway.create_time.as_ref().and_then(timestamp);
                if let Some(vpc) = &gateway.vpc_id {
                    resource = resource.within(rid(&kinds::VPC, vpc));
                }
                if let Some(subnet) = &gateway.subnet_id {
                    resource = resource.using(rid(&kinds::SUBNET, subnet));
                }
                for address in gateway.nat_gateway_addresses.iter().flatten() {
                    if let Some(allocation) = &address.allocation_id {
                        resource = resource.using(rid(&kinds::ELASTIC_IP, allocation));
                    }
                }
                Some(resource)
            })
            .collect()
    }

    pub(crate) fn addresses(&self, found: &[Address]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|address| {
                let id = address.allocation_id.as_deref()?;
                let tags = tags_of(address.tags.as_deref());
                let mut resource = label(self.ownership, &kinds::ELASTIC_IP, id, &tags, None)?;
                if let (false, Some(ip)) = (tags.contains_key("Name"), &address.public_ip) {
                    resource.name.clone_from(ip);
                }
                Some(resource)
            })
            .collect()
    }

    pub(crate) fn endpoints(&self, found: &[VpcEndpoint]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|endpoint| {
                let id = endpoint.vpc_endpoint_id.as_deref()?;
                let presence = endpoint_presence(endpoint);
                if presence == Presence::Gone {
                    return None;
                }
                let tags = tags_of(endpoint.tags.as_deref());
                let parent = self.parent(endpoint.vpc_id.as_deref());
                let mut resource =
                    label(self.ownership, &kinds::ENDPOINT, id, &tags, parent.as_ref())?;
                if endpoint.requester_managed == Some(true) {
                    resource = Resource::foreign(
                        resource.id.clone(),
                        kinds::ENDPOINT,
                        resource.name.clone(),
                        "endpoint that an AWS service manages: it goes with what that service made",
                    );
                }
                resource.presence = presence;
                resource.created = endpoint.creation_timestamp.as_ref().and_then(timestamp);
                if let Some(vpc) = &endpoint.vpc_id {
                    resource = resource.within(rid(&kinds::VPC, vpc));
                }
                for subnet in endpoint.subnet_ids.iter().flatten() {
                    resource = resource.using(rid(&kinds::SUBNET, subnet));
                }
                for group in endpoint.groups.iter().flatten() {
                    if let Some(group) = &group.group_id {
                        resource = resource.using(rid(&kinds::SECURITY_GROUP, group));
                    }
                }
                Some(resource)
            })
            .collect()
    }

    pub(crate) fn endpoint_services(&self, found: &[ServiceConfiguration]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|configuration| {
                let id = configuration.service_id.as_deref()?;
                let presence = endpoint_service_presence(configuration);
                if presence == Presence::Gone {
                    return None;
                }
                let tags = tags_of(configuration.tags.as_deref());
                let mut resource =
                    label(self.ownership, &kinds::ENDPOINT_SERVICE, id, &tags, None)?;
                resource.presence = presence;
                let balancers = [
                    &configuration.network_load_balancer_arns,
                    &configuration.gateway_load_balancer_arns,
                ];
                for arn in balancers.into_iter().flatten().flatten() {
                    if let Some(name) = super::balancer::name_in_arn(arn) {
                        resource = resource.using(rid(&kinds::BALANCER, name));
                    }
                }
                Some(resource)
            })
            .collect()
    }

    /// The default group cannot be deleted and goes with its network; it is listed only where its
    /// rules name other groups, and its deletion takes those rules away.
    pub(crate) fn security_groups(&self, found: &[SecurityGroup]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|group| {
                let id = group.group_id.as_deref()?;
                let tags = tags_of(group.tags.as_deref());
                let parent = self.parent(group.vpc_id.as_deref());
                let mut resource = label(
                    self.ownership,
                    &kinds::SECURITY_GROUP,
                    id,
                    &tags,
                    parent.as_ref(),
                )?;
                if let (false, Some(name)) = (tags.contains_key("Name"), &group.group_name) {
                    resource.name.clone_from(name);
                }
                let vpc = rid(&kinds::VPC, group.vpc_id.as_deref()?);
                for other in referred_groups(group).filter(|other| *other != id) {
                    resource = resource.referring_to(rid(&kinds::SECURITY_GROUP, other));
                }
                if group.group_name.as_deref() == Some("default") && resource.proof.is_some() {
                    if resource.uses.is_empty() {
                        return None;
                    }
                    resource = resource.with_data(DEFAULT, "true");
                }
                Some(resource.within(vpc))
            })
            .collect()
    }

    pub(crate) fn acls(&self, found: &[NetworkAcl]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|acl| {
                let id = acl.network_acl_id.as_deref()?;
                let tags = tags_of(acl.tags.as_deref());
                let parent = self.parent(acl.vpc_id.as_deref());
                let mut resource = label(
                    self.ownership,
                    &kinds::NETWORK_ACL,
                    id,
                    &tags,
                    parent.as_ref(),
                )?;
                let vpc = rid(&kinds::VPC, acl.vpc_id.as_deref()?);
                if acl.is_default == Some(true) && resource.proof.is_some() {
                    resource = resource.following(vpc.clone());
                }
                Some(resource.within(vpc))
            })
            .collect()
    }

    pub(crate) fn peerings(&self, found: &[VpcPeeringConnection]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|peering| {
                let id = peering.vpc_peering_connection_id.as_deref()?;
                let presence = peering_presence(peering);
                if presence == Presence::Gone {
                    return None;
                }
                let tags = tags_of(peering.tags.as_deref());
                let sides = [&peering.requester_vpc_info, &peering.accepter_vpc_info];
                let vpcs: Vec<&str> = sides
                    .into_iter()
                    .flatten()
                    .filter_map(|side| side.vpc_id.as_deref())
                    .collect();
                let parent = vpcs.iter().find_map(|vpc| self.parent(Some(vpc)));
                let mut resource =
                    label(self.ownership, &kinds::PEERING, id, &tags, parent.as_ref())?;
                resource.presence = presence;
                for vpc in vpcs {
                    resource = resource.within(rid(&kinds::VPC, vpc));
                }
                Some(resource)
            })
            .collect()
    }

    pub(crate) fn dhcp_options(&self, found: &[DhcpOptions]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|options| {
                let tags = tags_of(options.tags.as_deref());
                let id = options.dhcp_options_id.as_deref()?;
                label(self.ownership, &kinds::DHCP_OPTIONS, id, &tags, None)
            })
            .collect()
    }

    pub(crate) fn carrier_gateways(&self, found: &[CarrierGateway]) -> Vec<Resource> {
        found
            .iter()
            .filter(|gateway| carrier_presence(gateway) != Presence::Gone)
            .filter_map(|gateway| {
                let tags = tags_of(gateway.tags.as_deref());
                let id = gateway.carrier_gateway_id.as_deref()?;
                let resource = label(self.ownership, &kinds::CARRIER_GATEWAY, id, &tags, None)?;
                Some(match &gateway.vpc_id {
                    Some(vpc) => resource.within(rid(&kinds::VPC, vpc)),
                    None => resource,
                })
            })
            .collect()
    }

    pub(crate) fn egress_gateways(&self, found: &[EgressOnlyInternetGateway]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|gateway| {
                let tags = tags_of(gateway.tags.as_deref());
                let id = gateway.egress_only_internet_gateway_id.as_deref()?;
                let mut resource = label(self.ownership, &kinds::EGRESS_GATEWAY, id, &tags, None)?;
                for attachment in gateway.attachments.iter().flatten() {
                    if let Some(vpc) = &attachment.vpc_id {
                        resource = resource.within(rid(&kinds::VPC, vpc));
                    }
                }
                Some(resource)
            })
            .collect()
    }
}

/// Groups that the rules of a group name.
pub(crate) fn referred_groups(group: &SecurityGroup) -> impl Iterator<Item = &str> {
    group
        .ip_permissions
        .iter()
        .chain(&group.ip_permissions_egress)
        .flatten()
        .flat_map(|rule| rule.user_id_group_pairs.iter().flatten())
        .filter_map(|pair| pair.group_id.as_deref())
}
