//! Instances and what outlives them: volumes, snapshots, images, placement groups, dedicated hosts
//! (`docs/spec/20 §9.2, §9.4, §9.8`).

use aws_sdk_ec2::types::{
    Host, Image, Instance, InstanceStateName, PlacementGroup, PlacementGroupState, Snapshot,
    Volume, VolumeState,
};
use skep_providers::{
    Error,
    erase::{Kind, Presence, Proof, Resource},
};

use crate::{
    client::{Api, list, service},
    inventory::{filter, label, name_or, select, tags_of, timestamp},
    kinds::{self, rid},
    ownership::{Mark, Ownership, Tags},
};

/// Role tag that Cluster API puts on machines.
pub(crate) const ROLE_TAG: &str = "sigs.k8s.io/cluster-api-provider-aws/role";
/// AWS Backup owns images and snapshots that carry this.
pub(crate) const BACKUP_TAG: &str = "aws:backup:source-resource";

pub(crate) async fn instances(
    api: &Api,
    vpcs: &[String],
    ids: &[String],
) -> Result<Vec<Instance>, Error> {
    let flat = |reservations: Vec<aws_sdk_ec2::types::Reservation>| {
        reservations
            .into_iter()
            .flat_map(|found| found.instances.unwrap_or_default())
    };
    let mut found: Vec<Instance> = Vec::new();
    if !vpcs.is_empty() {
        let request = api
            .clients
            .ec2()
            .describe_instances()
            .filters(filter("vpc-id", vpcs));
        let all = list!(
            api,
            service::EC2,
            "ec2:DescribeInstances",
            request,
            reservations
        );
        found.extend(flat(all));
    }
    let missing = select::missing(
        ids,
        found
            .iter()
            .filter_map(|found| found.instance_id.as_deref()),
    );
    for chunk in missing.chunks(kinds::FILTER_VALUES) {
        let request = api
            .clients
            .ec2()
            .describe_instances()
            .filters(filter("instance-id", chunk));
        let all = list!(
            api,
            service::EC2,
            "ec2:DescribeInstances",
            request,
            reservations
        );
        found.extend(flat(all));
    }
    Ok(found)
}

pub(crate) async fn volumes(api: &Api, ids: &[String]) -> Result<Vec<Volume>, Error> {
    let mut found = Vec::new();
    for chunk in ids.chunks(kinds::FILTER_VALUES) {
        let request = api
            .clients
            .ec2()
            .describe_volumes()
            .filters(filter("volume-id", chunk));
        found.extend(list!(
            api,
            service::EC2,
            "ec2:DescribeVolumes",
            request,
            volumes
        ));
    }
    Ok(found)
}

pub(crate) async fn snapshots(api: &Api, ids: &[String]) -> Result<Vec<Snapshot>, Error> {
    let mut found = Vec::new();
    for chunk in ids.chunks(kinds::FILTER_VALUES) {
        let request = api
            .clients
            .ec2()
            .describe_snapshots()
            .owner_ids("self")
            .filters(filter("snapshot-id", chunk));
        found.extend(list!(
            api,
            service::EC2,
            "ec2:DescribeSnapshots",
            request,
            snapshots
        ));
    }
    Ok(found)
}

pub(crate) async fn images(api: &Api, ids: &[String]) -> Result<Vec<Image>, Error> {
    let mut found = Vec::new();
    for chunk in ids.chunks(kinds::FILTER_VALUES) {
        let request = api
            .clients
            .ec2()
            .describe_images()
            .owners("self")
            .filters(filter("image-id", chunk));
        found.extend(list!(
            api,
            service::EC2,
            "ec2:DescribeImages",
            request,
            images
        ));
    }
    Ok(found)
}

/// Placement groups have no filter by identifier; they are few.
pub(crate) async fn placement_groups(
    api: &Api,
    ids: &[String],
) -> Result<Vec<PlacementGroup>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let call = skep_providers::call::Call::read(service::EC2, "ec2:DescribePlacementGroups");
    let answer = api
        .call(call, || {
            api.clients.ec2().describe_placement_groups().send()
        })
        .await?;
    let all = answer.placement_groups.unwrap_or_default();
    Ok(all
        .into_iter()
        .filter(|group| group.group_id.as_ref().is_some_and(|id| ids.contains(id)))
        .collect())
}

pub(crate) async fn hosts(api: &Api, ids: &[String]) -> Result<Vec<Host>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let request = api.clients.ec2().describe_hosts();
    let all = list!(api, service::EC2, "ec2:DescribeHosts", request, hosts);
    Ok(all
        .into_iter()
        .filter(|host| host.host_id.as_ref().is_some_and(|id| ids.contains(id)))
        .collect())
}

/// A machine whose in-cluster controllers may make things anew while it runs.
fn runs_control_plane(ownership: &Ownership, tags: &Tags, instance: &Instance) -> bool {
    let prefix = ownership.prefix();
    let named = |name: &str| {
        name.strip_prefix(&prefix)
            .is_some_and(|rest| rest.starts_with("master") || rest.starts_with("bootstrap"))
    };
    let by_role = tags
        .get(ROLE_TAG)
        .is_some_and(|role| matches!(role.as_str(), "control-plane" | "bootstrap" | "master"));
    let by_profile = instance
        .iam_instance_profile
        .as_ref()
        .and_then(|profile| profile.arn.as_deref())
        .and_then(|arn| arn.rsplit('/').next())
        .is_some_and(named);
    by_role || by_profile || tags.get("Name").is_some_and(|name| named(name))
}

pub(crate) fn instance_presence(instance: &Instance) -> Presence {
    match instance
        .state
        .as_ref()
        .and_then(|state| state.name.as_ref())
    {
        Some(InstanceStateName::Terminated) => Presence::Gone,
        Some(InstanceStateName::ShuttingDown) => Presence::Going,
        _ => Presence::Present,
    }
}

/// Whether machines of the control plane are among the terminated ones.
pub(crate) fn control_plane_ended(ownership: &Ownership, instances: &[Instance]) -> bool {
    instances.iter().any(|instance| {
        let tags = tags_of(instance.tags.as_deref());
        instance_presence(instance) == Presence::Gone
            && matches!(ownership.mark(&tags), Mark::Owned(_))
            && runs_control_plane(ownership, &tags, instance)
    })
}

/// Instances and the volumes that go with them.
pub(crate) fn instance_resources(ownership: &Ownership, instances: &[Instance]) -> Vec<Resource> {
    let mut resources = Vec::new();
    for instance in instances {
        let presence = instance_presence(instance);
        let Some(id) = instance.instance_id.as_deref() else {
            continue;
        };
        if presence == Presence::Gone {
            continue;
        }
        let tags = tags_of(instance.tags.as_deref());
        let (rid_, name) = (rid(&kinds::INSTANCE, id), name_or(&tags, id));
        let mut resource = match ownership.mark(&tags) {
            Mark::Owned(proof) => Resource::owned(rid_.clone(), kinds::INSTANCE, name, proof),
            // The network is the cluster's, the machine in it is not: a person has to decide.
            Mark::Shared(_) | Mark::None => Resource::foreign(
                rid_.clone(),
                kinds::INSTANCE,
                name,
                "instance without the cluster's tag in the cluster's network",
            ),
        };
        resource.created = instance.launch_time.as_ref().and_then(timestamp);
        resource.presence = presence;
        resource.control_plane =
            resource.proof.is_some() && runs_control_plane(ownership, &tags, instance);
        if let Some(vpc) = &instance.vpc_id {
            resource = resource.within(rid(&kinds::VPC, vpc));
        }
        for interface in instance.network_interfaces.iter().flatten() {
            if let Some(subnet) = &interface.subnet_id {
                resource = resource.using(rid(&kinds::SUBNET, subnet));
            }
        }
        if let Some(subnet) = &instance.subnet_id {
            resource = resource.using(rid(&kinds::SUBNET, subnet));
        }
        for group in instance.security_groups.iter().flatten() {
            if let Some(group) = &group.group_id {
                resource = resource.using(rid(&kinds::SECURITY_GROUP, group));
            }
        }
        let owned = resource.proof.is_some();
        for mapping in instance.block_device_mappings.iter().flatten() {
            let Some(ebs) = &mapping.ebs else { continue };
            let Some(volume) = &ebs.volume_id else {
                continue;
            };
            let volume_id = rid(&kinds::VOLUME, volume);
            if owned && ebs.delete_on_termination == Some(true) {
                let proof = Proof::MemberOf {
                    parent: rid_.clone(),
                };
                let device = mapping.device_name.as_deref().unwrap_or(volume);
                let name = format!("{} {device}", resource.name);
                resources.push(
                    Resource::owned(volume_id, kinds::VOLUME, name, proof).following(rid_.clone()),
                );
            } else {
                resource = resource.using(volume_id);
            }
        }
        resources.push(resource);
    }
    resources
}

/// Volumes of their own. Those that go with their instance come before them in the listing and win.
pub(crate) fn volume_resources(ownership: &Ownership, volumes: &[Volume]) -> Vec<Resource> {
    volumes
        .iter()
        .filter(|volume| volume.state != Some(VolumeState::Deleted))
        .filter_map(|volume| {
            let tags = tags_of(volume.tags.as_deref());
            let mut resource = plain(
                ownership,
                &kinds::VOLUME,
                volume.volume_id.as_deref()?,
                &tags,
            )?;
            resource.created = volume.create_time.as_ref().and_then(timestamp);
            if volume.state == Some(VolumeState::Deleting) {
                resource.presence = Presence::Going;
            }
            Some(resource)
        })
        .collect()
}

pub(crate) fn snapshot_resources(ownership: &Ownership, snapshots: &[Snapshot]) -> Vec<Resource> {
    snapshots
        .iter()
        .filter_map(|snapshot| {
            let tags = tags_of(snapshot.tags.as_deref());
            let id = snapshot.snapshot_id.as_deref()?;
            let mut resource = plain(ownership, &kinds::SNAPSHOT, id, &tags)?;
            if tags.contains_key(BACKUP_TAG) {
                resource = left_to_backup(&resource);
            }
            resource.created = snapshot.start_time.as_ref().and_then(timestamp);
            Some(resource)
        })
        .collect()
}

/// Images with the snapshots they are made of: those carry no tags of their own as a rule, and belong
/// to the image that is owned.
pub(crate) fn image_resources(ownership: &Ownership, images: &[Image]) -> Vec<Resource> {
    let mut resources = Vec::new();
    for image in images {
        let Some(id) = image.image_id.as_deref() else {
            continue;
        };
        let tags = tags_of(image.tags.as_deref());
        let Some(mut resource) = plain(ownership, &kinds::IMAGE, id, &tags) else {
            continue;
        };
        if !tags.contains_key("Name")
            && let Some(name) = &image.name
        {
            resource.name.clone_from(name);
        }
        if tags.contains_key(BACKUP_TAG) {
            resources.push(left_to_backup(&resource));
            continue;
        }
        let owned = resource.proof.is_some();
        for mapping in image.block_device_mappings.iter().flatten() {
            let Some(snapshot) = mapping
                .ebs
                .as_ref()
                .and_then(|ebs| ebs.snapshot_id.as_deref())
            else {
                continue;
            };
            let snapshot_id = rid(&kinds::SNAPSHOT, snapshot);
            if owned {
                let proof = Proof::MemberOf {
                    parent: resource.id.clone(),
                };
                let name = format!("{} snapshot", resource.name);
                resources.push(Resource::owned(
                    snapshot_id.clone(),
                    kinds::SNAPSHOT,
                    name,
                    proof,
                ));
            }
            resource = resource.using(snapshot_id);
        }
        resources.push(resource);
    }
    resources
}

pub(crate) fn placement_group_resources(
    ownership: &Ownership,
    groups: &[PlacementGroup],
) -> Vec<Resource> {
    groups
        .iter()
        .filter(|group| group.state != Some(PlacementGroupState::Deleted))
        .filter_map(|group| {
            let tags = tags_of(group.tags.as_deref());
            let id = group.group_id.as_deref()?;
            let name = group.group_name.as_deref()?;
            let mut resource = plain(ownership, &kinds::PLACEMENT_GROUP, id, &tags)?;
            name.clone_into(&mut resource.name);
            // Placement groups are deleted by name.
            Some(resource.with_data("name", name))
        })
        .collect()
}

pub(crate) fn host_presence(host: &Host) -> Presence {
    // The SDK names this type after its older operation.
    use aws_sdk_ec2::types::AllocationState as State;
    match &host.state {
        Some(State::Released | State::ReleasedPermanentFailure) => Presence::Gone,
        _ => Presence::Present,
    }
}

pub(crate) fn host_resources(ownership: &Ownership, hosts: &[Host]) -> Vec<Resource> {
    hosts
        .iter()
        .filter(|host| host_presence(host) != Presence::Gone)
        .filter_map(|host| {
            let tags = tags_of(host.tags.as_deref());
            plain(
                ownership,
                &kinds::DEDICATED_HOST,
                host.host_id.as_deref()?,
                &tags,
            )
        })
        .collect()
}

fn left_to_backup(resource: &Resource) -> Resource {
    Resource::foreign(
        resource.id.clone(),
        resource.kind.clone(),
        resource.name.clone(),
        "kept by AWS Backup: delete the recovery point there",
    )
}

/// A resource that only its own tags can prove.
pub(crate) fn plain(ownership: &Ownership, kind: &Kind, id: &str, tags: &Tags) -> Option<Resource> {
    label(ownership, kind, id, tags, None)
}
