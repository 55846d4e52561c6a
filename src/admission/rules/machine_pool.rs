//! Rules about `MachinePool`s.
//!
//! Decides by the object alone whether machine sets can be made of it. Whether the cluster, its zones or
//! its machine types exist shows when the pool is reconciled. What must not change is in
//! [`super::fields`].
//!
//! Mirrors docs/spec/41 §5; paths are those of the object, where Hive prints those of its types.

use skep_crds::platform::MachinePoolPlatform;
use skep_crds::v1::machine_pool::MachinePoolSpec;
use skep_crds::wire::Quantity;

use super::names::{label_key_problem, label_value_problem};
use super::{Case, On, Rule, Table, quantity};
use crate::admission::verdict::{Findings, quoted};

type Spec = MachinePoolSpec;

const fn write(id: &'static str, says: &'static str, check: super::Check<Spec>) -> Rule<Spec> {
    Rule::new(On::Write, id, says, check)
}

pub(super) const TABLE: Table<Spec> = Table(&[&[
    write(
        "machinepool/object-name",
        "the name is `<spec.clusterDeploymentRef.name>-<spec.name>`",
        object_name,
    ),
    write(
        "machinepool/reserved-name",
        "`spec.name` is neither master nor w",
        reserved_name,
    ),
    write(
        "machinepool/cluster",
        "`spec.clusterDeploymentRef` has a name",
        cluster,
    ),
    write("machinepool/name", "`spec.name` is set", name),
    write(
        "machinepool/replicas-or-autoscaling",
        "not both `spec.replicas` and `spec.autoscaling`",
        replicas_or_autoscaling,
    ),
    write(
        "machinepool/replicas",
        "`spec.replicas` is not negative",
        replicas,
    ),
    write("machinepool/aws-zones", "AWS: no zone is empty", aws_zones),
    write(
        "machinepool/aws-type",
        "AWS: a machine type is named",
        aws_type,
    ),
    write(
        "machinepool/aws-iops",
        "AWS: the volume's operations are not negative",
        aws_iops,
    ),
    write(
        "machinepool/aws-size",
        "AWS: the volume's size is not negative",
        aws_size,
    ),
    write(
        "machinepool/aws-volume-type",
        "AWS: a volume type is named",
        aws_volume_type,
    ),
    write(
        "machinepool/azure-zones",
        "Azure: no zone is empty",
        azure_zones,
    ),
    write(
        "machinepool/azure-type",
        "Azure: a machine type is named",
        azure_type,
    ),
    write(
        "machinepool/azure-disk",
        "Azure: the disk has a size",
        azure_disk,
    ),
    write(
        "machinepool/gcp-zones",
        "Google Cloud: no zone is empty",
        gcp_zones,
    ),
    write(
        "machinepool/gcp-type",
        "Google Cloud: a machine type is named",
        gcp_type,
    ),
    write(
        "machinepool/openstack-flavor",
        "OpenStack: a flavor is named",
        openstack_flavor,
    ),
    write(
        "machinepool/vsphere-sizes",
        "vSphere: processors, cores, memory and disk have sizes",
        vsphere_sizes,
    ),
    write(
        "machinepool/nutanix-sizes",
        "Nutanix: processors, cores and memory have sizes",
        nutanix_sizes,
    ),
    write(
        "machinepool/nutanix-disks",
        "Nutanix: data disks have sizes",
        nutanix_disks,
    ),
    write(
        "machinepool/platform",
        "exactly one platform is named",
        one_platform,
    ),
    write(
        "machinepool/autoscaling-minimum",
        "`spec.autoscaling.minReplicas` is at least 1 where machines cannot be none",
        autoscaling_minimum,
    ),
    write(
        "machinepool/autoscaling-order",
        "`spec.autoscaling.minReplicas` is at most `maxReplicas`",
        autoscaling_order,
    ),
    write("machinepool/labels", "`spec.labels` are labels", labels),
]]);

fn object_name(case: &Case<'_, Spec>, to: &mut Findings) {
    let wanted = format!(
        "{}-{}",
        case.spec.cluster_deployment_ref.name, case.spec.name
    );
    if case.meta.name() != wanted {
        to.invalid(
            "metadata.name",
            format!(
                "{} must be {}, which is <spec.clusterDeploymentRef.name>-<spec.name>",
                quoted(case.meta.name()),
                quoted(&wanted)
            ),
        );
    }
}

fn reserved_name(case: &Case<'_, Spec>, to: &mut Findings) {
    match case.spec.name.as_str() {
        "master" => to.invalid(
            "spec.name",
            "\"master\" is the control plane, which is no machine pool",
        ),
        "w" => to.invalid(
            "spec.name",
            "\"w\" is what the installer once called its own pool: take another",
        ),
        _ => {}
    }
}

fn cluster(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.cluster_deployment_ref.name.is_empty() {
        to.required(
            "spec.clusterDeploymentRef.name",
            "must name the ClusterDeployment of the cluster",
        );
    }
}

fn name(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.name.is_empty() {
        to.required(
            "spec.name",
            "must not be empty: the pool's machine sets are named after it",
        );
    }
}

fn replicas_or_autoscaling(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.replicas.is_some() && case.spec.autoscaling.is_some() {
        to.invalid(
            "spec.replicas",
            "must not be set together with autoscaling, which chooses the number",
        );
    }
}

fn replicas(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(replicas) = case.spec.replicas.filter(|replicas| *replicas < 0) {
        to.invalid("spec.replicas", format!("{replicas} must not be negative"));
    }
}

fn no_empty_zone(zones: Option<&Vec<String>>, platform: &str, to: &mut Findings) {
    for (index, zone) in zones.into_iter().flatten().enumerate() {
        if zone.is_empty() {
            to.invalid(
                format!("spec.platform.{platform}.zones[{index}]"),
                "must not be empty",
            );
        }
    }
}

fn machine_type(machine_type: &str, path: &'static str, to: &mut Findings) {
    if machine_type.is_empty() {
        to.required(path, "must name a type of machines");
    }
}

fn aws_zones(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(aws) = &case.spec.platform.aws {
        no_empty_zone(aws.zones.as_ref(), "aws", to);
    }
}

fn aws_type(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(aws) = &case.spec.platform.aws {
        machine_type(&aws.r#type, "spec.platform.aws.type", to);
    }
}

fn aws_iops(case: &Case<'_, Spec>, to: &mut Findings) {
    let iops = case
        .spec
        .platform
        .aws
        .as_ref()
        .and_then(|aws| aws.root_volume.iops);
    if let Some(iops) = iops.filter(|iops| *iops < 0) {
        to.invalid(
            "spec.platform.aws.rootVolume.iops",
            format!("{iops} must not be negative"),
        );
    }
}

fn aws_size(case: &Case<'_, Spec>, to: &mut Findings) {
    let size = case
        .spec
        .platform
        .aws
        .as_ref()
        .map_or(0, |aws| aws.root_volume.size);
    if size < 0 {
        to.invalid(
            "spec.platform.aws.rootVolume.size",
            format!("{size} must not be negative"),
        );
    }
}

fn aws_volume_type(case: &Case<'_, Spec>, to: &mut Findings) {
    if case
        .spec
        .platform
        .aws
        .as_ref()
        .is_some_and(|aws| aws.root_volume.r#type.is_empty())
    {
        to.required(
            "spec.platform.aws.rootVolume.type",
            "must name a type of volumes, such as gp3",
        );
    }
}

fn azure_zones(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(azure) = &case.spec.platform.azure {
        no_empty_zone(azure.zones.as_ref(), "azure", to);
    }
}

fn azure_type(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(azure) = &case.spec.platform.azure {
        machine_type(&azure.r#type, "spec.platform.azure.type", to);
    }
}

fn azure_disk(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(azure) = &case.spec.platform.azure {
        let size = i64::from(azure.os_disk.disk_size_gb);
        positive("spec.platform.azure.osDisk.diskSizeGB", Some(size), to);
    }
}

fn gcp_zones(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(gcp) = &case.spec.platform.gcp {
        no_empty_zone(gcp.zones.as_ref(), "gcp", to);
    }
}

fn gcp_type(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(gcp) = &case.spec.platform.gcp {
        machine_type(&gcp.r#type, "spec.platform.gcp.type", to);
    }
}

fn openstack_flavor(case: &Case<'_, Spec>, to: &mut Findings) {
    if case
        .spec
        .platform
        .openstack
        .as_ref()
        .is_some_and(|openstack| openstack.flavor.is_empty())
    {
        to.required(
            "spec.platform.openstack.flavor",
            "must name a flavor of machines",
        );
    }
}

fn positive(path: &'static str, value: Option<i64>, to: &mut Findings) {
    match value {
        Some(value) if value > 0 => {}
        Some(value) => to.invalid(path, format!("{value} must be greater than 0")),
        None => to.invalid(path, "must be set and greater than 0"),
    }
}

fn vsphere_sizes(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(vsphere) = &case.spec.platform.vsphere else {
        return;
    };
    let disk = vsphere.os_disk.as_ref().and_then(|disk| disk.disk_size_gb);
    for (path, value) in [
        ("spec.platform.vsphere.cpus", vsphere.cpus.map(i64::from)),
        (
            "spec.platform.vsphere.coresPerSocket",
            vsphere.cores_per_socket.map(i64::from),
        ),
        ("spec.platform.vsphere.memoryMB", vsphere.memory_mb),
        (
            "spec.platform.vsphere.osDisk.diskSizeGB",
            disk.map(i64::from),
        ),
    ] {
        positive(path, value, to);
    }
}

fn nutanix_sizes(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(nutanix) = &case.spec.platform.nutanix else {
        return;
    };
    for (path, value) in [
        ("spec.platform.nutanix.cpus", nutanix.cpus),
        (
            "spec.platform.nutanix.coresPerSocket",
            nutanix.cores_per_socket,
        ),
        ("spec.platform.nutanix.memoryMiB", nutanix.memory_mib),
    ] {
        positive(path, value, to);
    }
}

fn nutanix_disks(case: &Case<'_, Spec>, to: &mut Findings) {
    let disks = case
        .spec
        .platform
        .nutanix
        .as_ref()
        .and_then(|nutanix| nutanix.data_disks.as_ref());
    for (index, disk) in disks.into_iter().flatten().enumerate() {
        if is_zero(&disk.disk_size) {
            let path = format!("spec.platform.nutanix.dataDisks[{index}].diskSize");
            to.invalid(path, "must be greater than 0");
        }
    }
}

/// Whether a quantity is nothing, in any of its spellings.
fn is_zero(quantity: &Quantity) -> bool {
    match quantity {
        Quantity::Int(number) => *number == 0,
        Quantity::Text(text) => text.is_empty() || quantity::nanos(text) == Some(0),
    }
}

/// The platforms that are named.
fn platforms(platform: &MachinePoolPlatform) -> Vec<&'static str> {
    [
        (platform.aws.is_some(), "aws"),
        (platform.azure.is_some(), "azure"),
        (platform.gcp.is_some(), "gcp"),
        (platform.openstack.is_some(), "openstack"),
        (platform.vsphere.is_some(), "vsphere"),
        (platform.ibmcloud.is_some(), "ibmcloud"),
        (platform.nutanix.is_some(), "nutanix"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect()
}

fn one_platform(case: &Case<'_, Spec>, to: &mut Findings) {
    match platforms(&case.spec.platform).as_slice() {
        [] => to.required(
            "spec.platform",
            "needs exactly one of aws, azure, gcp, openstack, vsphere, ibmcloud, nutanix",
        ),
        [_] => {}
        several => {
            let several = several.join(" and ");
            to.invalid(
                "spec.platform",
                format!("names {several}, but one only is allowed"),
            );
        }
    }
}

fn autoscaling_minimum(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(autoscaling) = &case.spec.autoscaling else {
        return;
    };
    let can_be_none = platforms(&case.spec.platform)
        .iter()
        .any(|name| matches!(*name, "aws" | "azure" | "gcp" | "openstack" | "vsphere"));
    if autoscaling.min_replicas < 1 && !can_be_none {
        to.invalid(
            "spec.autoscaling.minReplicas",
            format!(
                "{} must be at least 1 on this platform",
                autoscaling.min_replicas
            ),
        );
    }
}

fn autoscaling_order(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some(autoscaling) = &case.spec.autoscaling else {
        return;
    };
    let (min, max) = (autoscaling.min_replicas, autoscaling.max_replicas);
    if min > max {
        to.invalid(
            "spec.autoscaling.minReplicas",
            format!("{min} must not be greater than maxReplicas, which is {max}"),
        );
    }
}

fn labels(case: &Case<'_, Spec>, to: &mut Findings) {
    for (key, value) in case.spec.labels.iter().flatten() {
        if let Some(problem) = label_key_problem(key) {
            to.invalid("spec.labels", format!("the key {} {problem}", quoted(key)));
        }
        if let Some(problem) = label_value_problem(value) {
            let value = quoted(value);
            to.invalid(
                "spec.labels",
                format!("the value {value} of {} {problem}", quoted(key)),
            );
        }
    }
}
