//! Network interfaces: whose they are, and who has to delete them.
//!
//! An interface that a service made (NAT gateway, load balancer, endpoint) cannot be deleted by
//! anybody else; it goes some time after its owner, and until then it holds its subnet, its security
//! groups and the internet gateway. Where the owner is not the cluster's, it is named, since that is
//! what a person needs to know (`docs/spec/20 §9.5, §13.2`).

use aws_sdk_ec2::types::{
    NetworkInterface, NetworkInterfaceStatus, NetworkInterfaceType as InterfaceType,
};
use skep_providers::{
    Error,
    erase::{Resource, ResourceId},
};

use crate::{
    client::{Api, list, service},
    inventory::{filter, label, network::Labels, select::select, tags_of},
    kinds::{self, rid},
};

pub(crate) async fn interfaces(
    api: &Api,
    vpcs: &[String],
    ids: &[String],
) -> Result<Vec<NetworkInterface>, Error> {
    select!(api, "ec2:DescribeNetworkInterfaces", describe_network_interfaces, network_interfaces,
        network_interface_id, by "vpc-id" in vpcs, or "network-interface-id" in ids)
}

/// Interfaces that any filter selects (`group-id`, `subnet-id`).
pub(crate) async fn interfaces_by(
    api: &Api,
    name: &str,
    values: &[String],
) -> Result<Vec<NetworkInterface>, Error> {
    let mut found = Vec::new();
    for chunk in values.chunks(kinds::FILTER_VALUES) {
        let request = api
            .clients
            .ec2()
            .describe_network_interfaces()
            .filters(filter(name, chunk));
        found.extend(list!(
            api,
            service::EC2,
            "ec2:DescribeNetworkInterfaces",
            request,
            network_interfaces
        ));
    }
    Ok(found)
}

/// Who has to delete an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It goes by itself after this.
    Follows(ResourceId),
    /// Anybody may delete it once the instance it is attached to has gone.
    AttachedTo(ResourceId),
    /// Anybody may delete it.
    Nobody,
    /// Only the service that made it can.
    Service(String),
}

/// What services write into the interfaces that they make, and what people call them.
const SERVICES: &[(&str, &str)] = &[
    ("AWS Lambda", "AWS Lambda"),
    ("EFS mount target", "an EFS mount target"),
    ("RDSNetworkInterface", "Amazon RDS"),
    ("ElastiCache", "Amazon ElastiCache"),
    ("DAX", "DynamoDB Accelerator"),
    (
        "Network Interface for Transit Gateway",
        "a transit gateway attachment",
    ),
    (
        "EC2 Instance Connect Endpoint",
        "an EC2 Instance Connect endpoint",
    ),
    ("Amazon EKS", "Amazon EKS"),
    ("arn:aws:ecs", "Amazon ECS"),
    ("VPC Firewall", "AWS Network Firewall"),
    (
        "AWS created network interface for directory",
        "AWS Directory Service",
    ),
    ("Created By Amazon Workspaces", "Amazon WorkSpaces"),
];

/// Whom an interface belongs to, by what AWS writes into it.
pub(crate) fn owner(interface: &NetworkInterface) -> Owner {
    let said = interface.description.as_deref().unwrap_or_default();
    let kind = interface.interface_type.as_ref();
    let id_in = |prefix: &str| {
        said.split_whitespace()
            .find(|word| word.starts_with(prefix))
            .map(str::to_owned)
    };
    if kind == Some(&InterfaceType::NatGateway) || said.starts_with("Interface for NAT Gateway") {
        return match id_in("nat-") {
            Some(id) => Owner::Follows(rid(&kinds::NAT_GATEWAY, &id)),
            None => Owner::Service("a NAT gateway".to_owned()),
        };
    }
    if said.starts_with("VPC Endpoint Interface") {
        return match id_in("vpce-") {
            Some(id) => Owner::Follows(rid(&kinds::ENDPOINT, &id)),
            None => Owner::Service("a VPC endpoint".to_owned()),
        };
    }
    if let Some(name) = said.strip_prefix("ELB ") {
        let kind = if name.contains('/') {
            kinds::BALANCER
        } else {
            kinds::CLASSIC_BALANCER
        };
        return Owner::Follows(rid(&kind, name));
    }
    if let Some(attachment) = &interface.attachment
        && let Some(instance) = &attachment.instance_id
    {
        let instance = rid(&kinds::INSTANCE, instance);
        return if attachment.delete_on_termination == Some(true) {
            Owner::Follows(instance)
        } else {
            Owner::AttachedTo(instance)
        };
    }
    if let Some((_, name)) = SERVICES.iter().find(|(prefix, _)| said.starts_with(prefix)) {
        return Owner::Service((*name).to_owned());
    }
    if interface.requester_managed == Some(true) {
        let by = interface
            .requester_id
            .as_deref()
            .unwrap_or("an AWS service");
        return Owner::Service(by.to_owned());
    }
    Owner::Nobody
}

impl Labels<'_> {
    /// Interfaces inside owned networks, tagged ones, and those that hold owned security groups.
    pub(crate) fn interfaces(&self, found: &[NetworkInterface]) -> Vec<Resource> {
        found
            .iter()
            .filter_map(|interface| {
                let id = interface.network_interface_id.as_deref()?;
                let tags = tags_of(interface.tag_set.as_deref());
                let parent = self.parent(interface.vpc_id.as_deref());
                let said = interface
                    .description
                    .as_deref()
                    .filter(|said| !said.is_empty());
                let name = said.unwrap_or(id);
                let rid_ = rid(&kinds::INTERFACE, id);
                let labelled = label(
                    self.ownership,
                    &kinds::INTERFACE,
                    id,
                    &tags,
                    parent.as_ref(),
                );
                let foreign = |reason: String| {
                    Resource::foreign(rid_.clone(), kinds::INTERFACE, name, reason)
                };
                let mut resource = match (owner(interface), labelled) {
                    // Nothing to prove: it is never called, only waited for.
                    (Owner::Follows(owner), labelled) => {
                        let own = labelled.unwrap_or_else(|| foreign(format!("goes with {owner}")));
                        own.following(owner)
                    }
                    (Owner::AttachedTo(instance), Some(own)) => {
                        own.with_data("attached", instance.as_str())
                    }
                    (Owner::Nobody, Some(own)) => own,
                    (Owner::Service(service), Some(_) | None) => {
                        foreign(format!("made by {service}, which has to delete it"))
                    }
                    (Owner::AttachedTo(_) | Owner::Nobody, None) => {
                        foreign("interface without the cluster's tag".to_owned())
                    }
                };
                if !tags.contains_key("Name") {
                    name.clone_into(&mut resource.name);
                }
                if let Some(vpc) = &interface.vpc_id {
                    resource = resource.within(rid(&kinds::VPC, vpc));
                }
                if let Some(subnet) = &interface.subnet_id {
                    resource = resource.using(rid(&kinds::SUBNET, subnet));
                }
                for group in interface.groups.iter().flatten() {
                    if let Some(group) = &group.group_id {
                        resource = resource.using(rid(&kinds::SECURITY_GROUP, group));
                    }
                }
                let allocation = interface
                    .association
                    .as_ref()
                    .and_then(|association| association.allocation_id.as_deref());
                if let Some(allocation) = allocation {
                    resource = resource.using(rid(&kinds::ELASTIC_IP, allocation));
                }
                Some(resource)
            })
            .collect()
    }
}

/// Whether an interface is on its way out already.
pub(crate) fn is_going(interface: &NetworkInterface) -> bool {
    interface.status == Some(NetworkInterfaceStatus::Detaching)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    fn described(text: &str) -> NetworkInterface {
        NetworkInterface::builder()
            .description(text)
            .requester_managed(true)
            .build()
    }

    #[test]
    fn what_a_service_writes_tells_the_owner() {
        let follows = |kind, id| Owner::Follows(rid(&kind, id));
        for (text, expected) in [
            (
                "Interface for NAT Gateway nat-0a1",
                follows(kinds::NAT_GATEWAY, "nat-0a1"),
            ),
            ("ELB net/demo-int/50dc6c495c0c9188", {
                follows(kinds::BALANCER, "net/demo-int/50dc6c495c0c9188")
            }),
            ("ELB a0123456789abcdef0123456789abcde", {
                follows(kinds::CLASSIC_BALANCER, "a0123456789abcdef0123456789abcde")
            }),
            (
                "VPC Endpoint Interface vpce-0f2",
                follows(kinds::ENDPOINT, "vpce-0f2"),
            ),
            (
                "AWS Lambda VPC ENI-f-1",
                Owner::Service("AWS Lambda".into()),
            ),
            (
                "EFS mount target for fs-1 (fsmt-1)",
                Owner::Service("an EFS mount target".into()),
            ),
            ("new and unknown", Owner::Service("an AWS service".into())),
        ] {
            assert_eq!(owner(&described(text)), expected, "{text}");
        }
        assert_eq!(
            owner(&NetworkInterface::builder().description("mine").build()),
            Owner::Nobody
        );
    }

    #[test]
    fn an_instance_takes_its_interfaces_along_or_not() {
        let attached = |with| {
            let attachment = NetworkInterfaceAttachment::builder()
                .instance_id("i-1")
                .delete_on_termination(with)
                .build();
            owner(&NetworkInterface::builder().attachment(attachment).build())
        };
        assert_eq!(attached(true), Owner::Follows(rid(&kinds::INSTANCE, "i-1")));
        assert_eq!(
            attached(false),
            Owner::AttachedTo(rid(&kinds::INSTANCE, "i-1"))
        );
    }
}
