//! The network: VPC, subnets, gateways, routes, the endpoint of S3 (docs/spec/50 §9).

use anyhow::{Context as _, Result};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, DomainType, NatGatewayState, ResourceType, VpcEndpointType,
};

use super::{AwsResult as _, Site, ec2_tags, filter, id, specification, until};
use crate::assets::metadata;

/// The network of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) vpc: String,
    pub(crate) zones: Vec<ZoneNetwork>,
    /// Of gateways that are still being made, with the table that waits for them.
    nats: Vec<(String, String)>,
}

/// The subnets of one zone.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZoneNetwork {
    pub(crate) name: String,
    pub(crate) public: Option<String>,
    pub(crate) private: String,
}

impl Network {
    /// The public subnets.
    pub(crate) fn public_subnets(&self) -> Vec<String> {
        self.zones
            .iter()
            .filter_map(|zone| zone.public.clone())
            .collect()
    }

    /// The private subnets.
    pub(crate) fn private_subnets(&self) -> Vec<String> {
        self.zones.iter().map(|zone| zone.private.clone()).collect()
    }

    /// A zone's subnets.
    pub(crate) fn zone(&self, name: &str) -> Result<&ZoneNetwork> {
        let zone = self.zones.iter().find(|zone| zone.name == name);
        zone.with_context(|| format!("no subnet in zone {name}"))
    }
}

/// Creates the network, or marks the user's own as shared. NAT gateways are still pending afterwards.
pub(crate) async fn create(site: Site<'_>) -> Result<Network> {
    if let Some(vpc) = &site.facts.vpc {
        return adopt(site, vpc).await;
    }
    let ec2 = &site.cloud.ec2;
    let vpc = create_vpc(site).await.context("failed to create vpc")?;
    let zones = create_subnets(site, &vpc)
        .await
        .context("failed to create subnets")?;
    let gateway = create_gateway(site, &vpc)
        .await
        .context("failed to create internet gateway")?;
    let mut network = Network {
        vpc,
        zones,
        nats: Vec::new(),
    };
    let mut tables = Vec::new();
    for zone in &network.zones {
        let Some(public) = &zone.public else { continue };
        let nat = create_nat(site, public)
            .await
            .context("failed to create nat gateway")?;
        let table = create_table(site, &network.vpc, "public", &zone.name, public)
            .await
            .context("failed to create route table")?;
        ec2.create_route()
            .route_table_id(&table)
            .destination_cidr_block("0.0.0.0/0")
            .gateway_id(&gateway)
            .send()
            .await
            .aws("EC2: CreateRoute")?;
        tables.push(table);
        let table = create_table(site, &network.vpc, "private", &zone.name, &zone.private)
            .await
            .context("failed to create route table")?;
        tables.push(table.clone());
        network.nats.push((nat, table));
    }
    create_endpoint(site, &network.vpc, tables)
        .await
        .context("failed to create vpc endpoint")?;
    Ok(network)
}

/// Waits for the NAT gateways, and leads the private subnets to them.
pub(crate) async fn finish(site: Site<'_>, network: &Network) -> Result<()> {
    let ec2 = &site.cloud.ec2;
    for (nat, table) in &network.nats {
        until("nat gateway", || async {
            let request = ec2.describe_nat_gateways().nat_gateway_ids(nat).send();
            let answer = request.await.aws("EC2: DescribeNatGateways")?;
            let state = answer
                .nat_gateways()
                .first()
                .and_then(|gateway| gateway.state.clone());
            if state == Some(NatGatewayState::Failed) {
                anyhow::bail!("nat gateway {nat} has state failed");
            }
            Ok(state == Some(NatGatewayState::Available))
        })
        .await?;
        ec2.create_route()
            .route_table_id(table)
            .destination_cidr_block("0.0.0.0/0")
            .nat_gateway_id(nat)
            .send()
            .await
            .aws("EC2: CreateRoute")?;
    }
    Ok(())
}

async fn adopt(site: Site<'_>, vpc: &str) -> Result<Network> {
    let key = metadata::cluster_tag(&site.identity.infra_id);
    let shared = ec2_tags(&[(key, "shared".to_owned())].into());
    let ids: Vec<String> = site
        .facts
        .subnets
        .iter()
        .map(|subnet| subnet.id.clone())
        .collect();
    site.cloud
        .ec2
        .create_tags()
        .set_resources(Some(ids))
        .set_tags(Some(shared))
        .send()
        .await
        .aws("EC2: CreateTags")
        .context("failed to tag the shared subnets")?;
    let mut network = Network {
        vpc: vpc.to_owned(),
        ..Network::default()
    };
    for zone in &site.facts.zones {
        let of = |public: bool| {
            let mut subnets = site.facts.subnets.iter();
            subnets
                .find(|s| s.zone == *zone && s.public == public)
                .map(|s| s.id.clone())
        };
        let private = of(false).with_context(|| format!("no private subnet in zone {zone}"))?;
        network.zones.push(ZoneNetwork {
            name: zone.clone(),
            public: of(true),
            private,
        });
    }
    Ok(network)
}

async fn create_vpc(site: Site<'_>) -> Result<String> {
    let ec2 = &site.cloud.ec2;
    let tags = site.tags(&site.name("vpc"), "common");
    let answer = ec2
        .create_vpc()
        .cidr_block(site.config.machine_cidr().to_string())
        .tag_specifications(specification(ResourceType::Vpc, &tags))
        .send()
        .await
        .aws("EC2: CreateVpc")?;
    let vpc = id(answer.vpc.and_then(|vpc| vpc.vpc_id), "VPC")?;
    let on = || AttributeBooleanValue::builder().value(true).build();
    let operation = "EC2: ModifyVpcAttribute";
    let support = ec2
        .modify_vpc_attribute()
        .vpc_id(&vpc)
        .enable_dns_support(on());
    support.send().await.aws(operation)?;
    let names = ec2
        .modify_vpc_attribute()
        .vpc_id(&vpc)
        .enable_dns_hostnames(on());
    names.send().await.aws(operation)?;
    Ok(vpc)
}

async fn create_subnets(site: Site<'_>, vpc: &str) -> Result<Vec<ZoneNetwork>> {
    let count = u32::try_from(site.facts.zones.len()).unwrap_or(u32::MAX);
    // Two subnets per zone; the network is cut into the next power of two of equal parts.
    let bits = (2 * count).next_power_of_two().trailing_zeros();
    let cidr = site.config.machine_cidr();
    let mut zones = Vec::new();
    for (index, zone) in (0..count).zip(&site.facts.zones) {
        let private = cidr.part(bits, index).to_string();
        let public = cidr.part(bits, index + count).to_string();
        zones.push(ZoneNetwork {
            name: zone.clone(),
            private: create_subnet(site, vpc, zone, "private", "internal-elb", &private).await?,
            public: Some(create_subnet(site, vpc, zone, "public", "elb", &public).await?),
        });
    }
    Ok(zones)
}

async fn create_subnet(
    site: Site<'_>,
    vpc: &str,
    zone: &str,
    role: &str,
    balancers: &str,
    cidr: &str,
) -> Result<String> {
    let ec2 = &site.cloud.ec2;
    let mut tags = site.tags(&site.name(&format!("subnet-{role}-{zone}")), role);
    tags.insert(format!("kubernetes.io/role/{balancers}"), "1".to_owned());
    let answer = ec2
        .create_subnet()
        .vpc_id(vpc)
        .availability_zone(zone)
        .cidr_block(cidr)
        .tag_specifications(specification(ResourceType::Subnet, &tags))
        .send()
        .await
        .aws("EC2: CreateSubnet")?;
    let subnet = id(answer.subnet.and_then(|subnet| subnet.subnet_id), "subnet")?;
    if role == "public" {
        ec2.modify_subnet_attribute()
            .subnet_id(&subnet)
            .map_public_ip_on_launch(AttributeBooleanValue::builder().value(true).build())
            .send()
            .await
            .aws("EC2: ModifySubnetAttribute")?;
    }
    Ok(subnet)
}

async fn create_gateway(site: Site<'_>, vpc: &str) -> Result<String> {
    let ec2 = &site.cloud.ec2;
    let tags = site.tags(&site.name("igw"), "common");
    let answer = ec2
        .create_internet_gateway()
        .tag_specifications(specification(ResourceType::InternetGateway, &tags))
        .send()
        .await
        .aws("EC2: CreateInternetGateway")?;
    let gateway = answer
        .internet_gateway
        .and_then(|gateway| gateway.internet_gateway_id);
    let gateway = id(gateway, "internet gateway")?;
    ec2.attach_internet_gateway()
        .internet_gateway_id(&gateway)
        .vpc_id(vpc)
        .send()
        .await
        .aws("EC2: AttachInternetGateway")?;
    Ok(gateway)
}

async fn create_nat(site: Site<'_>, subnet: &str) -> Result<String> {
    let ec2 = &site.cloud.ec2;
    let tags = site.tags(&site.name("eip-apiserver"), "apiserver");
    let address = ec2
        .allocate_address()
        .domain(DomainType::Vpc)
        .tag_specifications(specification(ResourceType::ElasticIp, &tags))
        .send()
        .await
        .aws("EC2: AllocateAddress")?;
    let tags = site.tags(&site.name("nat"), "common");
    let answer = ec2
        .create_nat_gateway()
        .subnet_id(subnet)
        .allocation_id(id(address.allocation_id, "address")?)
        .tag_specifications(specification(ResourceType::Natgateway, &tags))
        .send()
        .await
        .aws("EC2: CreateNatGateway")?;
    id(
        answer
            .nat_gateway
            .and_then(|gateway| gateway.nat_gateway_id),
        "NAT gateway",
    )
}

async fn create_table(
    site: Site<'_>,
    vpc: &str,
    role: &str,
    zone: &str,
    subnet: &str,
) -> Result<String> {
    let ec2 = &site.cloud.ec2;
    let tags = site.tags(&site.name(&format!("rt-{role}-{zone}")), "common");
    let answer = ec2
        .create_route_table()
        .vpc_id(vpc)
        .tag_specifications(specification(ResourceType::RouteTable, &tags))
        .send()
        .await
        .aws("EC2: CreateRouteTable")?;
    let table = id(
        answer.route_table.and_then(|table| table.route_table_id),
        "route table",
    )?;
    ec2.associate_route_table()
        .route_table_id(&table)
        .subnet_id(subnet)
        .send()
        .await
        .aws("EC2: AssociateRouteTable")?;
    Ok(table)
}

async fn create_endpoint(site: Site<'_>, vpc: &str, tables: Vec<String>) -> Result<()> {
    let tags = site.tags(&site.name("vpce-s3"), "common");
    site.cloud
        .ec2
        .create_vpc_endpoint()
        .vpc_id(vpc)
        .vpc_endpoint_type(VpcEndpointType::Gateway)
        .service_name(format!("com.amazonaws.{}.s3", site.cloud.region))
        .set_route_table_ids(Some(tables))
        .tag_specifications(specification(ResourceType::VpcEndpoint, &tags))
        .send()
        .await
        .aws("EC2: CreateVpcEndpoint")?;
    Ok(())
}

/// The id of a security group or a subnet by its Name tag, as Machine API finds them.
pub(crate) async fn subnet_named(site: Site<'_>, name: &str) -> Result<String> {
    let answer = site
        .cloud
        .ec2
        .describe_subnets()
        .filters(filter("tag:Name", name))
        .send()
        .await
        .aws("EC2: DescribeSubnets")?;
    id(
        answer
            .subnets()
            .first()
            .and_then(|subnet| subnet.subnet_id.clone()),
        name,
    )
}

/// The network that an earlier run created.
pub(crate) async fn find(site: Site<'_>) -> Result<Network> {
    if let Some(vpc) = &site.facts.vpc {
        return adopt(site, vpc).await;
    }
    let answer = site
        .cloud
        .ec2
        .describe_vpcs()
        .filters(filter("tag:Name", &site.name("vpc")))
        .send()
        .await
        .aws("EC2: DescribeVpcs")?;
    let vpc = id(
        answer.vpcs().first().and_then(|vpc| vpc.vpc_id.clone()),
        "VPC",
    )?;
    let mut network = Network {
        vpc,
        ..Network::default()
    };
    for zone in &site.facts.zones {
        let of = |role: &str| site.name(&format!("subnet-{role}-{zone}"));
        network.zones.push(ZoneNetwork {
            name: zone.clone(),
            public: Some(subnet_named(site, &of("public")).await?),
            private: subnet_named(site, &of("private")).await?,
        });
    }
    Ok(network)
}
