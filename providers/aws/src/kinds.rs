//! Decides which kinds of resources AWS has for the engine, and the order that AWS enforces between
//! them (`docs/spec/20 §9.9`). What follows from a single known holder is not here but in
//! `Resource::uses`, filled by the inventory.

use std::time::Duration;

use skep_providers::erase::{Kind, KindSpec, Resource, ResourceId, Scope};

use crate::client::service::{EC2, EFS, ELB, IAM, ROUTE53, S3};

pub(crate) const INSTANCE: Kind = Kind::new("ec2/instance");
pub(crate) const VOLUME: Kind = Kind::new("ec2/volume");
pub(crate) const SNAPSHOT: Kind = Kind::new("ec2/snapshot");
pub(crate) const IMAGE: Kind = Kind::new("ec2/image");
pub(crate) const PLACEMENT_GROUP: Kind = Kind::new("ec2/placement-group");
pub(crate) const DEDICATED_HOST: Kind = Kind::new("ec2/dedicated-host");
pub(crate) const VPC: Kind = Kind::new("ec2/vpc");
pub(crate) const SUBNET: Kind = Kind::new("ec2/subnet");
pub(crate) const ROUTE_TABLE: Kind = Kind::new("ec2/route-table");
pub(crate) const INTERNET_GATEWAY: Kind = Kind::new("ec2/internet-gateway");
pub(crate) const EGRESS_GATEWAY: Kind = Kind::new("ec2/egress-only-internet-gateway");
pub(crate) const CARRIER_GATEWAY: Kind = Kind::new("ec2/carrier-gateway");
pub(crate) const NAT_GATEWAY: Kind = Kind::new("ec2/natgateway");
pub(crate) const ELASTIC_IP: Kind = Kind::new("ec2/elastic-ip");
pub(crate) const ENDPOINT: Kind = Kind::new("ec2/vpc-endpoint");
pub(crate) const ENDPOINT_SERVICE: Kind = Kind::new("ec2/vpc-endpoint-service");
pub(crate) const INTERFACE: Kind = Kind::new("ec2/network-interface");
pub(crate) const SECURITY_GROUP: Kind = Kind::new("ec2/security-group");
pub(crate) const NETWORK_ACL: Kind = Kind::new("ec2/network-acl");
pub(crate) const PEERING: Kind = Kind::new("ec2/vpc-peering-connection");
pub(crate) const DHCP_OPTIONS: Kind = Kind::new("ec2/dhcp-options");
pub(crate) const CLASSIC_BALANCER: Kind = Kind::new("elb/loadbalancer");
pub(crate) const BALANCER: Kind = Kind::new("elbv2/loadbalancer");
pub(crate) const TARGET_GROUP: Kind = Kind::new("elbv2/targetgroup");
pub(crate) const ROLE: Kind = Kind::new("iam/role");
pub(crate) const INSTANCE_PROFILE: Kind = Kind::new("iam/instance-profile");
pub(crate) const USER: Kind = Kind::new("iam/user");
pub(crate) const ZONE: Kind = Kind::new("route53/hostedzone");
pub(crate) const RECORD: Kind = Kind::new("route53/record");
pub(crate) const BUCKET: Kind = Kind::new("s3/bucket");
pub(crate) const FILE_SYSTEM: Kind = Kind::new("efs/file-system");
pub(crate) const ACCESS_POINT: Kind = Kind::new("efs/access-point");
/// Tagged with the cluster's mark, of a service that Skep does not delete from.
pub(crate) const OTHER: Kind = Kind::new("other");

/// Filters of EC2 take 200 values.
pub(crate) const FILTER_VALUES: usize = 200;

/// The identifier of a resource: its kind and the name by which AWS knows it.
pub(crate) fn rid(kind: &Kind, native: &str) -> ResourceId {
    ResourceId::from(format!("{kind}/{native}"))
}

/// The name by which AWS knows a resource.
pub(crate) fn native(resource: &Resource) -> &str {
    let id = resource.id.as_str();
    id.strip_prefix(resource.kind.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(id)
}

/// The kinds, each with what has to go before it.
///
/// Waits are what AWS usually takes: an instance about 40 s to terminate (longer when its system
/// shuts down slowly), a NAT gateway or an interface endpoint about a minute, the interfaces of a
/// load balancer a few minutes at worst.
pub(crate) fn specs() -> Vec<KindSpec> {
    let seconds = Duration::from_secs;
    let spec = |kind: &Kind, title, service| {
        KindSpec::new(kind.clone(), title, service).describe_batch(FILTER_VALUES)
    };
    // What in-cluster controllers would make again waits for the end of the control plane.
    let remade = |spec: KindSpec| spec.after(INSTANCE, Scope::ControlPlane);
    let in_network = |spec: KindSpec, kinds: &[&Kind]| {
        kinds.iter().fold(spec, |spec, kind| {
            spec.after((*kind).clone(), Scope::Within)
        })
    };
    vec![
        spec(&INSTANCE, "instance", EC2)
            .delete_batch(FILTER_VALUES)
            .usual_wait(seconds(40)),
        remade(spec(&VOLUME, "volume", EC2)),
        spec(&SNAPSHOT, "snapshot", EC2),
        spec(&IMAGE, "image", EC2),
        spec(&PLACEMENT_GROUP, "placement group", EC2),
        spec(&DEDICATED_HOST, "dedicated host", EC2).delete_batch(100),
        remade(spec(&CLASSIC_BALANCER, "classic load balancer", ELB)),
        spec(&BALANCER, "load balancer", ELB),
        spec(&TARGET_GROUP, "target group", ELB),
        spec(&ENDPOINT_SERVICE, "endpoint service", EC2),
        spec(&NAT_GATEWAY, "NAT gateway", EC2).usual_wait(seconds(45)),
        spec(&ENDPOINT, "VPC endpoint", EC2)
            .delete_batch(25)
            .usual_wait(seconds(30)),
        spec(&PEERING, "VPC peering", EC2),
        spec(&ELASTIC_IP, "elastic IP", EC2),
        spec(&INTERFACE, "network interface", EC2).usual_wait(seconds(10)),
        in_network(
            spec(&INTERNET_GATEWAY, "internet gateway", EC2),
            // Detaching fails while public addresses are mapped in the network.
            &[
                &INSTANCE,
                &NAT_GATEWAY,
                &CLASSIC_BALANCER,
                &BALANCER,
                &INTERFACE,
            ],
        ),
        spec(&EGRESS_GATEWAY, "egress-only internet gateway", EC2),
        spec(&CARRIER_GATEWAY, "carrier gateway", EC2),
        spec(&SECURITY_GROUP, "security group", EC2),
        spec(&SUBNET, "subnet", EC2),
        spec(&ROUTE_TABLE, "route table", EC2),
        spec(&NETWORK_ACL, "network ACL", EC2),
        in_network(
            spec(&VPC, "VPC", EC2),
            &[
                &INSTANCE,
                &CLASSIC_BALANCER,
                &BALANCER,
                &ENDPOINT_SERVICE,
                &NAT_GATEWAY,
                &ENDPOINT,
                &PEERING,
                &INTERFACE,
                &INTERNET_GATEWAY,
                &EGRESS_GATEWAY,
                &CARRIER_GATEWAY,
                &SECURITY_GROUP,
                &SUBNET,
                &ROUTE_TABLE,
                &NETWORK_ACL,
            ],
        ),
        spec(&DHCP_OPTIONS, "DHCP options", EC2),
        spec(&INSTANCE_PROFILE, "instance profile", IAM),
        spec(&ROLE, "role", IAM),
        remade(spec(&USER, "user", IAM)),
        // A thousand changes fit one call; a public record is kept in step with its private one.
        remade(spec(&RECORD, "DNS record", ROUTE53).delete_batch(500)),
        remade(spec(&ZONE, "hosted zone", ROUTE53)),
        remade(spec(&BUCKET, "bucket", S3)),
        spec(&ACCESS_POINT, "file access point", EFS),
        remade(spec(&FILE_SYSTEM, "file system", EFS)).usual_wait(seconds(10)),
        spec(&OTHER, "other", "tagging"),
    ]
}
