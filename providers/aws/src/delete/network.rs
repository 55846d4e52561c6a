//! Takes the network apart (`docs/spec/20 §9.4, §9.5`).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{IpPermission, SecurityGroup, UserIdGroupPair};
use futures::future::join_all;
use skep_providers::{
    Class, Error,
    call::Call,
    erase::{Outcome, Resource},
};

use crate::{
    client::{Api, list, service},
    delete::{done, gone, started},
    error,
    inventory::{filter, network},
    kinds::{self, native},
    target::failed,
};

/// Deletes many endpoints by one call; each may fail inside an answer that succeeds.
pub(crate) async fn delete_endpoints(api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let ids: Vec<String> = batch
        .iter()
        .map(|resource| native(resource).to_owned())
        .collect();
    let call = Call::change(service::EC2, "ec2:DeleteVpcEndpoints");
    let request = api
        .clients
        .ec2()
        .delete_vpc_endpoints()
        .set_vpc_endpoint_ids(Some(ids.clone()));
    let answer = match api.call(call, || request.clone().send()).await {
        Ok(answer) => answer,
        Err(error) => return failed(&error, batch.len()),
    };
    let refused: BTreeMap<String, Error> = answer
        .unsuccessful
        .unwrap_or_default()
        .into_iter()
        .filter_map(|item| {
            let (code, message) = match item.error {
                Some(said) => (
                    said.code.unwrap_or_default(),
                    said.message.unwrap_or_default(),
                ),
                None => Default::default(),
            };
            Some((
                item.resource_id?,
                error::from_item(call.operation, &code, &message),
            ))
        })
        .collect();
    ids.iter()
        .map(|id| match refused.get(id) {
            Some(error) => started::<()>(Err(error.clone())),
            None => Outcome::Started,
        })
        .collect()
}

/// Kinds that are deleted one by one; `None` for kinds of other files.
pub(crate) async fn delete(api: &Api, resource: &Resource) -> Option<Outcome> {
    let (kind, id) = (&resource.kind, native(resource));
    let ec2 = api.clients.ec2();
    Some(if *kind == kinds::NAT_GATEWAY {
        let call = Call::change(service::EC2, "ec2:DeleteNatGateway");
        started(
            api.call(call, || ec2.delete_nat_gateway().nat_gateway_id(id).send())
                .await,
        )
    } else if *kind == kinds::ELASTIC_IP {
        let call = Call::change(service::EC2, "ec2:ReleaseAddress");
        let sent = api
            .call(call, || ec2.release_address().allocation_id(id).send())
            .await;
        done(gone(sent.map_err(mapped_address)))
    } else if *kind == kinds::INTERNET_GATEWAY {
        done(internet_gateway(api, resource).await)
    } else if *kind == kinds::EGRESS_GATEWAY {
        let call = Call::change(service::EC2, "ec2:DeleteEgressOnlyInternetGateway");
        let sent = api.call(call, || {
            ec2.delete_egress_only_internet_gateway()
                .egress_only_internet_gateway_id(id)
                .send()
        });
        done(gone(sent.await))
    } else if *kind == kinds::CARRIER_GATEWAY {
        let call = Call::change(service::EC2, "ec2:DeleteCarrierGateway");
        started(
            api.call(call, || {
                ec2.delete_carrier_gateway().carrier_gateway_id(id).send()
            })
            .await,
        )
    } else if *kind == kinds::INTERFACE {
        let call = Call::change(service::EC2, "ec2:DeleteNetworkInterface");
        let sent = api.call(call, || {
            ec2.delete_network_interface()
                .network_interface_id(id)
                .send()
        });
        done(gone(sent.await.map_err(interface_in_use)))
    } else if *kind == kinds::SECURITY_GROUP && resource.data.contains_key(network::DEFAULT) {
        release_groups(api, &[resource]).await.pop()?
    } else if *kind == kinds::SECURITY_GROUP {
        let call = Call::change(service::EC2, "ec2:DeleteSecurityGroup");
        done(gone(
            api.call(call, || ec2.delete_security_group().group_id(id).send())
                .await,
        ))
    } else if *kind == kinds::ROUTE_TABLE {
        done(route_table(api, id).await)
    } else if *kind == kinds::SUBNET {
        let call = Call::change(service::EC2, "ec2:DeleteSubnet");
        done(gone(
            api.call(call, || ec2.delete_subnet().subnet_id(id).send())
                .await,
        ))
    } else if *kind == kinds::NETWORK_ACL {
        let call = Call::change(service::EC2, "ec2:DeleteNetworkAcl");
        done(gone(
            api.call(call, || ec2.delete_network_acl().network_acl_id(id).send())
                .await,
        ))
    } else if *kind == kinds::PEERING {
        let call = Call::change(service::EC2, "ec2:DeleteVpcPeeringConnection");
        let sent = api.call(call, || {
            ec2.delete_vpc_peering_connection()
                .vpc_peering_connection_id(id)
                .send()
        });
        started(sent.await)
    } else if *kind == kinds::ENDPOINT_SERVICE {
        endpoint_service(api, id).await
    } else if *kind == kinds::VPC {
        let call = Call::change(service::EC2, "ec2:DeleteVpc");
        done(gone(
            api.call(call, || ec2.delete_vpc().vpc_id(id).send()).await,
        ))
    } else if *kind == kinds::DHCP_OPTIONS {
        let call = Call::change(service::EC2, "ec2:DeleteDhcpOptions");
        done(gone(
            api.call(call, || {
                ec2.delete_dhcp_options().dhcp_options_id(id).send()
            })
            .await,
        ))
    } else {
        return None;
    })
}

/// An address that a gateway or balancer still has is refused as if permission lacked.
fn mapped_address(error: Error) -> Error {
    match error.code.as_str() {
        "AuthFailure" | "OperationNotPermitted" => still_used(error),
        _ => error,
    }
}

/// The same for interfaces that a service made.
fn interface_in_use(error: Error) -> Error {
    match error.code.as_str() {
        "OperationNotPermitted" | "InvalidParameterValue" => still_used(error),
        _ => error,
    }
}

fn still_used(error: Error) -> Error {
    Error {
        class: Class::DependencyViolation {
            holders: Vec::new(),
        },
        ..error
    }
}

/// Detaches, then deletes. Attachments are known from discovery; when they were others meanwhile,
/// deleting says so and they are asked for.
async fn internet_gateway(api: &Api, resource: &Resource) -> Result<(), Error> {
    let id = native(resource);
    let known = resource.data.get("vpcs").map_or("", String::as_str);
    for vpc in known.split(',').filter(|vpc| !vpc.is_empty()) {
        detach(api, id, vpc).await?;
    }
    match delete_gateway(api, id).await {
        Err(error) if matches!(error.class, Class::DependencyViolation { .. }) => {
            for found in network::internet_gateways(api, &[], &[id.to_owned()]).await? {
                for attachment in found.attachments.unwrap_or_default() {
                    if let Some(vpc) = attachment.vpc_id {
                        detach(api, id, &vpc).await?;
                    }
                }
            }
            delete_gateway(api, id).await
        }
        other => other,
    }
}

async fn detach(api: &Api, id: &str, vpc: &str) -> Result<(), Error> {
    let ec2 = api.clients.ec2();
    let call = Call::change(service::EC2, "ec2:DetachInternetGateway");
    gone(
        api.call(call, || {
            ec2.detach_internet_gateway()
                .internet_gateway_id(id)
                .vpc_id(vpc)
                .send()
        })
        .await,
    )
}

async fn delete_gateway(api: &Api, id: &str) -> Result<(), Error> {
    let ec2 = api.clients.ec2();
    let call = Call::change(service::EC2, "ec2:DeleteInternetGateway");
    gone(
        api.call(call, || {
            ec2.delete_internet_gateway().internet_gateway_id(id).send()
        })
        .await,
    )
}

/// Associations go with their subnets, which go first. Where one is left, the subnet is somebody
/// else's, and only the association is taken away.
async fn route_table(api: &Api, id: &str) -> Result<(), Error> {
    let ec2 = api.clients.ec2();
    let call = Call::change(service::EC2, "ec2:DeleteRouteTable");
    let delete = || api.call(call, || ec2.delete_route_table().route_table_id(id).send());
    match gone(delete().await) {
        Err(error) if matches!(error.class, Class::DependencyViolation { .. }) => {
            let mut dissociated = 0;
            for table in network::route_tables(api, &[], &[id.to_owned()]).await? {
                for association in table.associations.unwrap_or_default() {
                    let Some(association_id) = association.route_table_association_id else {
                        continue;
                    };
                    if association.main == Some(true) {
                        continue;
                    }
                    let call = Call::change(service::EC2, "ec2:DisassociateRouteTable");
                    let sent = api.call(call, || {
                        ec2.disassociate_route_table()
                            .association_id(&association_id)
                            .send()
                    });
                    gone(sent.await)?;
                    dissociated += 1;
                }
            }
            if dissociated == 0 {
                Err(error)
            } else {
                gone(delete().await)
            }
        }
        other => other,
    }
}

/// Connections are turned away first, or the service cannot go.
async fn endpoint_service(api: &Api, id: &str) -> Outcome {
    let ec2 = api.clients.ec2();
    let rejected = async {
        let request = ec2
            .describe_vpc_endpoint_connections()
            .filters(filter("service-id", [id]));
        let found = list!(
            api,
            service::EC2,
            "ec2:DescribeVpcEndpointConnections",
            request,
            vpc_endpoint_connections
        );
        let open: Vec<String> = found
            .into_iter()
            .filter(|connection| {
                use aws_sdk_ec2::types::State;
                !matches!(
                    connection.vpc_endpoint_state,
                    Some(State::Rejected | State::Deleted | State::Deleting | State::Expired)
                )
            })
            .filter_map(|connection| connection.vpc_endpoint_id)
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let call = Call::change(service::EC2, "ec2:RejectVpcEndpointConnections");
        let request = ec2
            .reject_vpc_endpoint_connections()
            .service_id(id)
            .set_vpc_endpoint_ids(Some(open));
        let answer = api.call(call, || request.clone().send()).await?;
        match answer
            .unsuccessful
            .unwrap_or_default()
            .into_iter()
            .next()
            .and_then(|i| i.error)
        {
            Some(said) => Err(error::from_item(
                call.operation,
                said.code.as_deref().unwrap_or_default(),
                said.message.as_deref().unwrap_or_default(),
            )),
            None => Ok(()),
        }
    };
    if let Err(error) = gone::<()>(rejected.await) {
        return Outcome::Failed(error);
    }
    let call = Call::change(service::EC2, "ec2:DeleteVpcEndpointServiceConfigurations");
    let sent = api
        .call(call, || {
            ec2.delete_vpc_endpoint_service_configurations()
                .service_ids(id)
                .send()
        })
        .await;
    let refused = match sent {
        Ok(answer) => answer.unsuccessful.unwrap_or_default().into_iter().next(),
        Err(error) => return done(gone::<()>(Err(error))),
    };
    match refused.and_then(|item| item.error) {
        Some(said) => done(gone::<()>(Err(error::from_item(
            call.operation,
            said.code.as_deref().unwrap_or_default(),
            said.message.as_deref().unwrap_or_default(),
        )))),
        None => Outcome::Done,
    }
}

/// Revokes the rules by which groups name other groups; rules that name address ranges hold nobody
/// and go with their group.
pub(crate) async fn release_groups(api: &Api, batch: &[&Resource]) -> Vec<Outcome> {
    let ids: Vec<String> = batch
        .iter()
        .map(|resource| native(resource).to_owned())
        .collect();
    let found = match network::security_groups(api, &[], &ids).await {
        Ok(found) => found,
        Err(error) => return failed(&error, batch.len()),
    };
    join_all(ids.iter().map(|id| async {
        let group = found
            .iter()
            .find(|group| group.group_id.as_ref() == Some(id));
        match group {
            Some(group) => done(revoke(api, id, group).await),
            None => Outcome::Done,
        }
    }))
    .await
}

async fn revoke(api: &Api, id: &str, group: &SecurityGroup) -> Result<(), Error> {
    let ec2 = api.clients.ec2();
    let ingress = naming_others(id, group.ip_permissions.as_deref());
    if !ingress.is_empty() {
        let call = Call::change(service::EC2, "ec2:RevokeSecurityGroupIngress");
        let request = ec2
            .revoke_security_group_ingress()
            .group_id(id)
            .set_ip_permissions(Some(ingress));
        gone(api.call(call, || request.clone().send()).await)?;
    }
    let egress = naming_others(id, group.ip_permissions_egress.as_deref());
    if !egress.is_empty() {
        let call = Call::change(service::EC2, "ec2:RevokeSecurityGroupEgress");
        let request = ec2
            .revoke_security_group_egress()
            .group_id(id)
            .set_ip_permissions(Some(egress));
        gone(api.call(call, || request.clone().send()).await)?;
    }
    Ok(())
}

/// The part of rules that names groups other than `id`, as a request to revoke it. Of each rule only
/// what identifies it is repeated: descriptions and names of peerings that are gone would not match.
fn naming_others(id: &str, rules: Option<&[IpPermission]>) -> Vec<IpPermission> {
    let mut revoked = Vec::new();
    for rule in rules.unwrap_or_default() {
        let mut seen = BTreeSet::new();
        let pairs: Vec<UserIdGroupPair> = rule
            .user_id_group_pairs
            .iter()
            .flatten()
            .filter(|pair| pair.group_id.as_deref().is_some_and(|other| other != id))
            .filter(|pair| seen.insert(pair.group_id.clone()))
            .map(|pair| {
                UserIdGroupPair::builder()
                    .set_group_id(pair.group_id.clone())
                    .set_user_id(pair.user_id.clone())
                    .build()
            })
            .collect();
        if !pairs.is_empty() {
            revoked.push(
                IpPermission::builder()
                    .set_ip_protocol(rule.ip_protocol.clone())
                    .set_from_port(rule.from_port)
                    .set_to_port(rule.to_port)
                    .set_user_id_group_pairs(Some(pairs))
                    .build(),
            );
        }
    }
    revoked
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::IpRange;

    use super::*;

    #[test]
    fn only_the_part_of_a_rule_that_names_others_is_revoked() {
        let pair = |id: &str| {
            UserIdGroupPair::builder()
                .group_id(id)
                .user_id("1")
                .description("why")
                .build()
        };
        let rules = [
            IpPermission::builder()
                .ip_protocol("tcp")
                .from_port(10250)
                .to_port(10250)
                .user_id_group_pairs(pair("sg-self"))
                .user_id_group_pairs(pair("sg-other"))
                .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/16").build())
                .build(),
            IpPermission::builder()
                .ip_protocol("-1")
                .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
                .build(),
        ];
        let expected = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(10250)
            .to_port(10250)
            .user_id_group_pairs(
                UserIdGroupPair::builder()
                    .group_id("sg-other")
                    .user_id("1")
                    .build(),
            )
            .build();
        assert_eq!(naming_others("sg-self", Some(&rules)), [expected]);
    }
}
