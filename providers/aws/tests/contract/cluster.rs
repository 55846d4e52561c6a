//! A cluster in an emulated account, made by the SDK alone: everything of `docs/spec/50 §9`, and on
//! demand what an installed cluster adds (§12). Names and tags are written out here and shared with
//! nothing that deletes.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, IamInstanceProfileSpecification, IpPermission,
    ResourceType, RunInstancesMonitoringEnabled, Tag, TagSpecification, UserIdGroupPair,
    VolumeType, VpcEndpointType,
};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, LoadBalancerSchemeEnum, LoadBalancerTypeEnum, ProtocolEnum,
    TargetTypeEnum,
};
use aws_sdk_iam::types::Tag as IamTag;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, HostedZoneConfig, ResourceRecordSet, RrType,
    TagResourceType, Vpc as ZoneVpc, VpcRegion,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_types::{SdkConfig, region::Region};
use skep_kit::cloud::{Account, Cloud};

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const CLUSTER_ID: &str = "5d4e6d0e-6a0a-4b0f-9a41-0f3c6f1c2a10";
pub(crate) const BASE: &str = "example.com";
pub(crate) const DOMAIN: &str = "demo.example.com";
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}"#;

/// How much of a cluster to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// What the installer leaves.
    Installed,
    /// With what the running cluster adds.
    Aged,
}

pub(crate) struct Clients {
    pub(crate) infra: String,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) elb: aws_sdk_elasticloadbalancing::Client,
    pub(crate) elbv2: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) s3: aws_sdk_s3::Client,
}

impl Clients {
    pub(crate) fn new(cloud: &Cloud, account: &Account, infra: &str) -> Self {
        let keys = Credentials::new(&account.access_key, &account.secret_key, None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(aws_sdk_ec2::config::BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(cloud.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(true)
            .build();
        Self {
            infra: infra.to_owned(),
            ec2: aws_sdk_ec2::Client::new(&config),
            elb: aws_sdk_elasticloadbalancing::Client::new(&config),
            elbv2: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
        }
    }
}

fn tagged(clients: &Clients, kind: ResourceType, name: &str) -> TagSpecification {
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    TagSpecification::builder()
        .resource_type(kind)
        .tags(tag("Name", name))
        .tags(tag(
            &format!("kubernetes.io/cluster/{infra}", infra = clients.infra),
            "owned",
        ))
        .tags(tag(
            &format!(
                "sigs.k8s.io/cluster-api-provider-aws/cluster/{infra}",
                infra = clients.infra
            ),
            "owned",
        ))
        .build()
}

fn role_tag(clients: &Clients, kind: ResourceType, name: &str, role: &str) -> TagSpecification {
    let mut tags = tagged(clients, kind.clone(), name).tags.unwrap();
    tags.push(
        Tag::builder()
            .key("sigs.k8s.io/cluster-api-provider-aws/role")
            .value(role)
            .build(),
    );
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags))
        .build()
}

fn owned(clients: &Clients) -> (String, String) {
    (
        format!("kubernetes.io/cluster/{infra}", infra = clients.infra),
        "owned".to_owned(),
    )
}

/// What carries the cluster's tag.
pub(crate) fn tag_filter(clients: &Clients) -> Filter {
    let name = format!("tag:kubernetes.io/cluster/{}", clients.infra);
    Filter::builder().name(name).values("owned").build()
}

/// Makes the cluster; panics name the call that failed.
pub(crate) async fn create(clients: &Clients, shape: Shape) {
    let network = network(clients).await;
    let groups = security_groups(clients, &network.vpc).await;
    let int = balancer(clients, &network, "int", &["6443", "22623"], &groups.lb).await;
    let ext = balancer(clients, &network, "ext", &["6443"], &groups.lb).await;
    identities(clients).await;
    let private_zone = private_zone(clients, &network.vpc, &int, &ext).await;
    bootstrap_bucket(clients).await;
    instances(clients, &network, &groups).await;
    if shape == Shape::Aged {
        aged(clients, &network, &private_zone).await;
    }
}

struct Network {
    vpc: String,
    public: Vec<String>,
    private: Vec<String>,
}

async fn network(clients: &Clients) -> Network {
    let ec2 = &clients.ec2;
    let vpc = ec2
        .create_vpc()
        .cidr_block("10.0.0.0/16")
        .tag_specifications(tagged(
            clients,
            ResourceType::Vpc,
            &format!("{infra}-vpc", infra = clients.infra),
        ))
        .send()
        .await
        .expect("CreateVpc");
    let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
    let gateway = ec2
        .create_internet_gateway()
        .tag_specifications(tagged(
            clients,
            ResourceType::InternetGateway,
            &format!("{infra}-igw", infra = clients.infra),
        ))
        .send()
        .await
        .expect("CreateInternetGateway");
    let gateway = gateway
        .internet_gateway
        .unwrap()
        .internet_gateway_id
        .unwrap();
    ec2.attach_internet_gateway()
        .vpc_id(&vpc)
        .internet_gateway_id(&gateway)
        .send()
        .await
        .expect("AttachInternetGateway");
    let mut network = Network {
        vpc: vpc.clone(),
        public: Vec::new(),
        private: Vec::new(),
    };
    let mut tables = Vec::new();
    for (index, zone) in ZONES.iter().enumerate() {
        let public = subnet(clients, &vpc, "public", zone, index).await;
        let private = subnet(clients, &vpc, "private", zone, index + 8).await;
        let address = ec2
            .allocate_address()
            .domain(aws_sdk_ec2::types::DomainType::Vpc)
            .tag_specifications(tagged(
                clients,
                ResourceType::ElasticIp,
                &format!("{infra}-eip-apiserver", infra = clients.infra),
            ))
            .send()
            .await
            .expect("AllocateAddress");
        let nat = ec2
            .create_nat_gateway()
            .subnet_id(&public)
            .allocation_id(address.allocation_id.unwrap())
            .tag_specifications(tagged(
                clients,
                ResourceType::Natgateway,
                &format!("{infra}-nat", infra = clients.infra),
            ))
            .send()
            .await
            .expect("CreateNatGateway");
        let nat = nat.nat_gateway.unwrap().nat_gateway_id.unwrap();
        let public_table = table(clients, &vpc, "public", zone, &public).await;
        ec2.create_route()
            .route_table_id(&public_table)
            .destination_cidr_block("0.0.0.0/0")
            .gateway_id(&gateway)
            .send()
            .await
            .expect("CreateRoute");
        let private_table = table(clients, &vpc, "private", zone, &private).await;
        ec2.create_route()
            .route_table_id(&private_table)
            .destination_cidr_block("0.0.0.0/0")
            .nat_gateway_id(&nat)
            .send()
            .await
            .expect("CreateRoute");
        tables.extend([public_table, private_table]);
        network.public.push(public);
        network.private.push(private);
    }
    ec2.create_vpc_endpoint()
        .vpc_id(&vpc)
        .service_name(format!("com.amazonaws.{REGION}.s3"))
        .vpc_endpoint_type(VpcEndpointType::Gateway)
        .set_route_table_ids(Some(tables))
        .tag_specifications(tagged(
            clients,
            ResourceType::VpcEndpoint,
            &format!("{infra}-vpce-s3", infra = clients.infra),
        ))
        .send()
        .await
        .expect("CreateVpcEndpoint");
    network
}

async fn subnet(clients: &Clients, vpc: &str, side: &str, zone: &str, number: usize) -> String {
    let name = format!("{infra}-subnet-{side}-{zone}", infra = clients.infra);
    let made = clients
        .ec2
        .create_subnet()
        .vpc_id(vpc)
        .availability_zone(zone)
        .cidr_block(format!("10.0.{}.0/20", number * 16))
        .tag_specifications(tagged(clients, ResourceType::Subnet, &name))
        .send()
        .await
        .expect("CreateSubnet");
    made.subnet.unwrap().subnet_id.unwrap()
}

async fn table(clients: &Clients, vpc: &str, side: &str, zone: &str, subnet: &str) -> String {
    let name = format!("{infra}-rt-{side}-{zone}", infra = clients.infra);
    let made = clients
        .ec2
        .create_route_table()
        .vpc_id(vpc)
        .tag_specifications(tagged(clients, ResourceType::RouteTable, &name))
        .send()
        .await
        .expect("CreateRouteTable");
    let table = made.route_table.unwrap().route_table_id.unwrap();
    clients
        .ec2
        .associate_route_table()
        .route_table_id(&table)
        .subnet_id(subnet)
        .send()
        .await
        .expect("AssociateRouteTable");
    table
}

struct Groups {
    control_plane: String,
    node: String,
    lb: String,
}

async fn security_groups(clients: &Clients, vpc: &str) -> Groups {
    let mut ids = Vec::new();
    for name in ["apiserver-lb", "controlplane", "node", "lb"] {
        let name = format!("{infra}-{name}", infra = clients.infra);
        let made = clients
            .ec2
            .create_security_group()
            .vpc_id(vpc)
            .group_name(&name)
            .description("cluster")
            .tag_specifications(tagged(clients, ResourceType::SecurityGroup, &name))
            .send()
            .await
            .expect("CreateSecurityGroup");
        ids.push(made.group_id.unwrap());
    }
    let groups = Groups {
        control_plane: ids[1].clone(),
        node: ids[2].clone(),
        lb: ids[0].clone(),
    };
    // The cycle that makes deletion hard.
    for (group, other) in [(1, 2), (2, 1), (1, 0), (2, 2), (1, 3)] {
        let pair = UserIdGroupPair::builder().group_id(&ids[other]).build();
        let rule = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(1000 + i32::try_from(group * 10 + other).unwrap())
            .to_port(2000)
            .user_id_group_pairs(pair)
            .build();
        clients
            .ec2
            .authorize_security_group_ingress()
            .group_id(&ids[group])
            .ip_permissions(rule)
            .send()
            .await
            .expect("AuthorizeSecurityGroupIngress");
    }
    groups
}

struct Balancer {
    host: String,
    zone: String,
}

async fn balancer(
    clients: &Clients,
    network: &Network,
    side: &str,
    ports: &[&str],
    group: &str,
) -> Balancer {
    let tag = |key: String, value: &str| {
        aws_sdk_elasticloadbalancingv2::types::Tag::builder()
            .key(key)
            .value(value)
            .build()
    };
    let tags = vec![
        tag(
            format!("kubernetes.io/cluster/{infra}", infra = clients.infra),
            "owned",
        ),
        tag(
            format!(
                "sigs.k8s.io/cluster-api-provider-aws/cluster/{infra}",
                infra = clients.infra
            ),
            "owned",
        ),
    ];
    let internal = side == "int";
    let made = clients
        .elbv2
        .create_load_balancer()
        .name(format!("{infra}-{side}", infra = clients.infra))
        .r#type(LoadBalancerTypeEnum::Network)
        .scheme(if internal {
            LoadBalancerSchemeEnum::Internal
        } else {
            LoadBalancerSchemeEnum::InternetFacing
        })
        .set_subnets(Some(
            if internal {
                &network.private
            } else {
                &network.public
            }
            .clone(),
        ))
        .security_groups(group)
        .set_tags(Some(tags.clone()))
        .send()
        .await
        .expect("CreateLoadBalancer");
    let made = made.load_balancers.unwrap().remove(0);
    let arn = made.load_balancer_arn.unwrap();
    for port in ports {
        let number: i32 = port.parse().unwrap();
        let target = clients
            .elbv2
            .create_target_group()
            .name(format!("{side}-{port}-1732470000"))
            .protocol(ProtocolEnum::Tcp)
            .port(number)
            .vpc_id(&network.vpc)
            .target_type(TargetTypeEnum::Ip)
            .set_tags(Some(tags.clone()))
            .send()
            .await
            .expect("CreateTargetGroup");
        let target = target
            .target_groups
            .unwrap()
            .remove(0)
            .target_group_arn
            .unwrap();
        clients
            .elbv2
            .create_listener()
            .load_balancer_arn(&arn)
            .protocol(ProtocolEnum::Tcp)
            .port(number)
            .default_actions(
                Action::builder()
                    .r#type(ActionTypeEnum::Forward)
                    .target_group_arn(target)
                    .build(),
            )
            .send()
            .await
            .expect("CreateListener");
    }
    Balancer {
        host: made.dns_name.unwrap(),
        zone: made.canonical_hosted_zone_id.unwrap(),
    }
}

async fn identities(clients: &Clients) {
    let (key, value) = owned(clients);
    let tag = IamTag::builder().key(key).value(value).build().unwrap();
    for machine in ["master", "worker"] {
        let (role, profile) = (
            format!("{infra}-{machine}-role", infra = clients.infra),
            format!("{infra}-{machine}-profile", infra = clients.infra),
        );
        clients
            .iam
            .create_role()
            .role_name(&role)
            .assume_role_policy_document(TRUST)
            .tags(tag.clone())
            .send()
            .await
            .expect("CreateRole");
        clients
            .iam
            .put_role_policy()
            .role_name(&role)
            .policy_name(format!("{infra}-{machine}-policy", infra = clients.infra))
            .policy_document(POLICY)
            .send()
            .await
            .expect("PutRolePolicy");
        clients
            .iam
            .create_instance_profile()
            .instance_profile_name(&profile)
            .tags(tag.clone())
            .send()
            .await
            .expect("CreateInstanceProfile");
        clients
            .iam
            .add_role_to_instance_profile()
            .instance_profile_name(&profile)
            .role_name(&role)
            .send()
            .await
            .expect("AddRoleToInstanceProfile");
    }
}

fn alias(name: &str, target: &Balancer) -> ResourceRecordSet {
    ResourceRecordSet::builder()
        .name(format!("{name}.{DOMAIN}."))
        .r#type(RrType::A)
        .alias_target(
            AliasTarget::builder()
                .hosted_zone_id(&target.zone)
                .dns_name(&target.host)
                .evaluate_target_health(false)
                .build()
                .unwrap(),
        )
        .build()
        .unwrap()
}

pub(crate) async fn put_records(clients: &Clients, zone: &str, sets: Vec<ResourceRecordSet>) {
    let changes = sets
        .into_iter()
        .map(|set| {
            Change::builder()
                .action(ChangeAction::Create)
                .resource_record_set(set)
                .build()
                .unwrap()
        })
        .collect();
    clients
        .route53
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(
            ChangeBatch::builder()
                .set_changes(Some(changes))
                .build()
                .unwrap(),
        )
        .send()
        .await
        .expect("ChangeResourceRecordSets");
}

/// The public zone of the base domain, which was there before.
pub(crate) async fn public_zone(clients: &Clients) -> String {
    let found = clients
        .route53
        .list_hosted_zones_by_name()
        .dns_name(BASE)
        .send()
        .await
        .expect("ListHostedZonesByName");
    let zone = found
        .hosted_zones
        .into_iter()
        .find(|zone| {
            zone.name.trim_end_matches('.') == BASE
                && !zone
                    .config
                    .as_ref()
                    .is_some_and(|config| config.private_zone)
        })
        .expect("the public zone of the base domain");
    zone.id.rsplit('/').next().unwrap().to_owned()
}

async fn private_zone(clients: &Clients, vpc: &str, int: &Balancer, ext: &Balancer) -> String {
    let made = clients
        .route53
        .create_hosted_zone()
        .name(DOMAIN)
        .caller_reference(&clients.infra)
        .hosted_zone_config(HostedZoneConfig::builder().private_zone(true).build())
        .vpc(
            ZoneVpc::builder()
                .vpc_region(VpcRegion::UsEast1)
                .vpc_id(vpc)
                .build(),
        )
        .send()
        .await
        .expect("CreateHostedZone");
    let zone = made
        .hosted_zone
        .unwrap()
        .id
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let (key, value) = owned(clients);
    for (key, value) in [
        (key, value),
        (
            "Name".to_owned(),
            format!("{infra}-int", infra = clients.infra),
        ),
    ] {
        clients
            .route53
            .change_tags_for_resource()
            .resource_type(TagResourceType::Hostedzone)
            .resource_id(&zone)
            .add_tags(
                aws_sdk_route53::types::Tag::builder()
                    .key(key)
                    .value(value)
                    .build(),
            )
            .send()
            .await
            .expect("ChangeTagsForResource");
    }
    put_records(
        clients,
        &zone,
        vec![alias("api", int), alias("api-int", int)],
    )
    .await;
    let public = public_zone(clients).await;
    put_records(clients, &public, vec![alias("api", ext)]).await;
    zone
}

async fn tag_bucket(clients: &Clients, bucket: &str) {
    let (key, value) = owned(clients);
    let tag = aws_sdk_s3::types::Tag::builder()
        .key(key)
        .value(value)
        .build()
        .unwrap();
    let tags = aws_sdk_s3::types::Tagging::builder()
        .tag_set(tag)
        .build()
        .unwrap();
    clients
        .s3
        .put_bucket_tagging()
        .bucket(bucket)
        .tagging(tags)
        .send()
        .await
        .expect("PutBucketTagging");
}

async fn bootstrap_bucket(clients: &Clients) {
    let bucket = format!("openshift-bootstrap-data-{infra}", infra = clients.infra);
    clients
        .s3
        .create_bucket()
        .bucket(&bucket)
        .send()
        .await
        .expect("CreateBucket");
    tag_bucket(clients, &bucket).await;
    clients
        .s3
        .put_object()
        .bucket(&bucket)
        .key("bootstrap.ign")
        .body(ByteStream::from_static(b"{}"))
        .send()
        .await
        .expect("PutObject");
}

async fn instances(clients: &Clients, network: &Network, groups: &Groups) {
    let image = image(clients).await;
    for index in 0..3 {
        let name = format!("{infra}-master-{index}", infra = clients.infra);
        run(
            clients,
            &image,
            &name,
            "control-plane",
            &network.private[index],
            groups,
        )
        .await;
    }
    for (index, zone) in ZONES.iter().enumerate() {
        let name = format!("{infra}-worker-{zone}-abcd{index}", infra = clients.infra);
        run(
            clients,
            &image,
            &name,
            "node",
            &network.private[index],
            groups,
        )
        .await;
    }
}

pub(crate) async fn image(clients: &Clients) -> String {
    let found = clients
        .ec2
        .describe_images()
        .filters(Filter::builder().name("state").values("available").build())
        .send()
        .await
        .expect("DescribeImages");
    found
        .images
        .unwrap_or_default()
        .into_iter()
        .find_map(|image| image.image_id)
        .unwrap_or_else(|| "ami-12c6146b".to_owned())
}

async fn run(
    clients: &Clients,
    image: &str,
    name: &str,
    role: &str,
    subnet: &str,
    groups: &Groups,
) {
    let (profile, group) = if role == "node" {
        ("worker", &groups.node)
    } else {
        ("master", &groups.control_plane)
    };
    let disk = EbsBlockDevice::builder()
        .volume_size(120)
        .volume_type(VolumeType::Gp3)
        .delete_on_termination(true)
        .build();
    clients
        .ec2
        .run_instances()
        .image_id(image)
        .min_count(1)
        .max_count(1)
        .subnet_id(subnet)
        .security_group_ids(group)
        .instance_type(aws_sdk_ec2::types::InstanceType::M6iXlarge)
        .iam_instance_profile(
            IamInstanceProfileSpecification::builder()
                .name(format!("{infra}-{profile}-profile", infra = clients.infra))
                .build(),
        )
        .monitoring(
            RunInstancesMonitoringEnabled::builder()
                .enabled(false)
                .build(),
        )
        .block_device_mappings(
            BlockDeviceMapping::builder()
                .device_name("/dev/xvda")
                .ebs(disk)
                .build(),
        )
        .tag_specifications(role_tag(clients, ResourceType::Instance, name, role))
        .tag_specifications(role_tag(clients, ResourceType::Volume, name, role))
        .send()
        .await
        .expect("RunInstances");
}

/// What the cluster's own controllers make later.
async fn aged(clients: &Clients, network: &Network, private_zone: &str) {
    let name = "a0123456789abcdef0123456789abcde";
    let made = clients
        .ec2
        .create_security_group()
        .vpc_id(&network.vpc)
        .group_name(format!("k8s-elb-{name}"))
        .description("router")
        .tag_specifications(tagged(
            clients,
            ResourceType::SecurityGroup,
            &format!("k8s-elb-{name}"),
        ))
        .send()
        .await
        .expect("CreateSecurityGroup");
    let group = made.group_id.unwrap();
    let (key, value) = owned(clients);
    let listener = aws_sdk_elasticloadbalancing::types::Listener::builder()
        .protocol("TCP")
        .load_balancer_port(443)
        .instance_protocol("TCP")
        .instance_port(31443)
        .build()
        .unwrap();
    let tag = |key: &str, value: &str| {
        aws_sdk_elasticloadbalancing::types::Tag::builder()
            .key(key)
            .value(value)
            .build()
            .unwrap()
    };
    let classic = clients
        .elb
        .create_load_balancer()
        .load_balancer_name(name)
        .listeners(listener)
        .set_subnets(Some(network.public.clone()))
        .security_groups(&group)
        .tags(tag(&key, &value))
        .tags(tag(
            "kubernetes.io/service-name",
            "openshift-ingress/router-default",
        ))
        .send()
        .await
        .expect("CreateLoadBalancer");
    let host = Balancer {
        host: classic.dns_name.unwrap(),
        zone: "Z35SXDOTRQ7X7K".to_owned(),
    };
    put_records(clients, private_zone, vec![alias("*.apps", &host)]).await;
    let public = public_zone(clients).await;
    put_records(clients, &public, vec![alias("*.apps", &host)]).await;

    let registry = format!(
        "{infra}-image-registry-{REGION}-bcdfg",
        infra = clients.infra
    );
    clients
        .s3
        .create_bucket()
        .bucket(&registry)
        .send()
        .await
        .expect("CreateBucket");
    tag_bucket(clients, &registry).await;
    let versioning = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    clients
        .s3
        .put_bucket_versioning()
        .bucket(&registry)
        .versioning_configuration(versioning)
        .send()
        .await
        .expect("PutBucketVersioning");
    for _ in 0..2 {
        for key in ["docker/registry/v2/a", "docker/registry/v2/b"] {
            clients
                .s3
                .put_object()
                .bucket(&registry)
                .key(key)
                .body(ByteStream::from_static(b"layer"))
                .send()
                .await
                .expect("PutObject");
        }
    }
    clients
        .s3
        .delete_object()
        .bucket(&registry)
        .key("docker/registry/v2/a")
        .send()
        .await
        .expect("DeleteObject");
    clients
        .s3
        .create_multipart_upload()
        .bucket(&registry)
        .key("docker/registry/v2/c")
        .send()
        .await
        .expect("CreateMultipartUpload");

    for component in ["openshift-ingress-abcde", "aws-ebs-csi-fghij"] {
        let user = format!("{infra}-{component}", infra = clients.infra);
        let tag = IamTag::builder().key(&key).value(&value).build().unwrap();
        clients
            .iam
            .create_user()
            .user_name(&user)
            .tags(tag)
            .send()
            .await
            .expect("CreateUser");
        clients
            .iam
            .put_user_policy()
            .user_name(&user)
            .policy_name(format!("{user}-policy"))
            .policy_document(POLICY)
            .send()
            .await
            .expect("PutUserPolicy");
        clients
            .iam
            .create_access_key()
            .user_name(&user)
            .send()
            .await
            .expect("CreateAccessKey");
    }
    let volume = clients
        .ec2
        .create_volume()
        .availability_zone(ZONES[0])
        .size(10)
        .tag_specifications(tagged(clients, ResourceType::Volume, "pvc-1"))
        .send()
        .await
        .expect("CreateVolume");
    clients
        .ec2
        .create_snapshot()
        .volume_id(volume.volume_id.unwrap())
        .tag_specifications(tagged(clients, ResourceType::Snapshot, "snapshot-1"))
        .send()
        .await
        .expect("CreateSnapshot");
    // Untagged, by hand: only membership proves it.
    clients
        .ec2
        .create_network_interface()
        .subnet_id(&network.private[0])
        .description("left over")
        .send()
        .await
        .expect("CreateNetworkInterface");
}
