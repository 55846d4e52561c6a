//! Machine API manifests: control plane Machines, their set, and the `MachineSets` of the workers. The
//! workers of an aged cluster are later made from the `MachineSets` that came back from disk, so what an
//! operator changed in them shows in the cloud.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Inputs, metadata, yaml};
use crate::install_config::MachinePlatform;
use crate::state::Asset;

const NAMESPACE: &str = "openshift-machine-api";
const API_VERSION: &str = "machine.openshift.io/v1beta1";
const CLUSTER_LABEL: &str = "machine.openshift.io/cluster-api-cluster";
const MASTER_TYPE: &str = "m6i.xlarge";
const WORKER_TYPE: &str = "m6i.xlarge";

/// The manifests of `openshift/` that describe machines.
pub(crate) fn manifests(inputs: Inputs<'_>) -> Result<Vec<Asset>> {
    let config = inputs.config;
    let mut files = Vec::new();
    let control_plane = config.machine_platform(&config.view.control_plane);
    for index in 0..config.masters() {
        let zone = zone_of(&control_plane, inputs, index);
        let name = format!("{}-master-{index}", inputs.identity.infra_id);
        let machine = json!({
            "apiVersion": API_VERSION,
            "kind": "Machine",
            "metadata": {
                "labels": labels(inputs, "master"),
                "name": name,
                "namespace": NAMESPACE,
            },
            "spec": {
                "lifecycleHooks": {},
                "metadata": {},
                "providerSpec": {"value": provider_spec(inputs, Role::Master, &control_plane, &zone)},
            },
        });
        let path = format!("openshift/99_openshift-cluster-api_master-machines-{index}.yaml");
        files.push(yaml(path, &machine)?);
    }
    let workers = config.machine_platform(&config.worker_pool());
    let zones = if workers.zones.is_empty() {
        &inputs.facts.zones
    } else {
        &workers.zones
    };
    for (index, zone) in zones.iter().enumerate() {
        let replicas = share(config.workers(), zones.len(), index);
        let set = machine_set(inputs, &workers, zone, replicas);
        let path = format!("openshift/99_openshift-cluster-api_worker-machineset-{index}.yaml");
        files.push(yaml(path, &set)?);
    }
    files.push(yaml(
        "openshift/99_openshift-machine-api_master-control-plane-machine-set.yaml",
        &control_plane_set(inputs, &control_plane),
    )?);
    Ok(files)
}

/// A worker `MachineSet` as it came back from disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MachineSet {
    pub(crate) name: String,
    pub(crate) replicas: i64,
    pub(crate) zone: String,
    pub(crate) instance_type: String,
    pub(crate) ami: String,
    /// Name tag of the subnet, when it is found by name.
    pub(crate) subnet_name: Option<String>,
    /// Id of the subnet, when the user brought it.
    pub(crate) subnet_id: Option<String>,
    /// Name tags of the security groups.
    pub(crate) groups: Vec<String>,
    /// Tags of the instances.
    pub(crate) tags: Vec<(String, String)>,
}

/// Reads the `MachineSets` among files.
pub(crate) fn machine_sets(files: &[Asset]) -> Result<Vec<MachineSet>> {
    let mut sets = Vec::new();
    for file in files {
        if !file.path.contains("machineset") {
            continue;
        }
        let text = String::from_utf8_lossy(&file.data);
        let tree: Value = serde_saphyr::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}", error.without_snippet()))
            .with_context(|| format!("failed to unmarshal {}", file.path))?;
        if tree["kind"] == "MachineSet" {
            sets.push(read(&tree).with_context(|| format!("invalid {}", file.path))?);
        }
    }
    Ok(sets)
}

fn read(tree: &Value) -> Result<MachineSet> {
    let spec = &tree["spec"]["template"]["spec"]["providerSpec"]["value"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let filters = |value: &Value| -> Vec<String> {
        let values = value["filters"].as_array().into_iter().flatten();
        values
            .filter(|filter| filter["name"] == "tag:Name")
            .flat_map(|filter| filter["values"].as_array().into_iter().flatten())
            .filter_map(&text)
            .collect()
    };
    let groups = spec["securityGroups"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(&filters);
    let tags = spec["tags"].as_array().into_iter().flatten();
    Ok(MachineSet {
        name: text(&tree["metadata"]["name"]).context("no name")?,
        replicas: tree["spec"]["replicas"].as_i64().unwrap_or(1),
        zone: text(&spec["placement"]["availabilityZone"]).context("no zone")?,
        instance_type: text(&spec["instanceType"]).context("no instance type")?,
        ami: text(&spec["ami"]["id"]).context("no image")?,
        subnet_name: filters(&spec["subnet"]).into_iter().next(),
        subnet_id: text(&spec["subnet"]["id"]),
        groups: groups.collect(),
        tags: tags
            .filter_map(|tag| Some((text(&tag["name"])?, text(&tag["value"])?)))
            .collect(),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Master,
    Worker,
}

fn labels(inputs: Inputs<'_>, role: &str) -> Value {
    json!({
        CLUSTER_LABEL: inputs.identity.infra_id,
        "machine.openshift.io/cluster-api-machine-role": role,
        "machine.openshift.io/cluster-api-machine-type": role,
    })
}

fn machine_set(inputs: Inputs<'_>, pool: &MachinePlatform, zone: &str, replicas: i64) -> Value {
    let infra_id = &inputs.identity.infra_id;
    let name = format!("{infra_id}-worker-{zone}");
    let mut template = labels(inputs, "worker");
    template["machine.openshift.io/cluster-api-machineset"] = json!(name);
    json!({
        "apiVersion": API_VERSION,
        "kind": "MachineSet",
        "metadata": {
            "labels": {CLUSTER_LABEL: infra_id},
            "name": name,
            "namespace": NAMESPACE,
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {
                CLUSTER_LABEL: infra_id,
                "machine.openshift.io/cluster-api-machineset": name,
            }},
            "template": {
                "metadata": {"labels": template},
                "spec": {
                    "lifecycleHooks": {},
                    "metadata": {},
                    "providerSpec": {"value": provider_spec(inputs, Role::Worker, pool, zone)},
                },
            },
        },
    })
}

fn control_plane_set(inputs: Inputs<'_>, pool: &MachinePlatform) -> Value {
    let zones = if pool.zones.is_empty() {
        &inputs.facts.zones
    } else {
        &pool.zones
    };
    let infra_id = &inputs.identity.infra_id;
    let domains: Vec<Value> = zones
        .iter()
        .map(|zone| {
            json!({
                "placement": {"availabilityZone": zone},
                "subnet": subnet(inputs, zone, false),
            })
        })
        .collect();
    let first = zones.first().map_or("", String::as_str);
    json!({
        "apiVersion": "machine.openshift.io/v1",
        "kind": "ControlPlaneMachineSet",
        "metadata": {
            "labels": {CLUSTER_LABEL: infra_id},
            "name": "cluster",
            "namespace": NAMESPACE,
        },
        "spec": {
            "replicas": inputs.config.masters(),
            "state": "Active",
            "strategy": {"type": "RollingUpdate"},
            "selector": {"matchLabels": {
                "machine.openshift.io/cluster-api-machine-role": "master",
                "machine.openshift.io/cluster-api-machine-type": "master",
            }},
            "template": {
                "machineType": "machines_v1beta1_machine_openshift_io",
                "machines_v1beta1_machine_openshift_io": {
                    "failureDomains": {"platform": "AWS", "aws": domains},
                    "metadata": {"labels": labels(inputs, "master")},
                    "spec": {"providerSpec": {
                        "value": provider_spec(inputs, Role::Master, pool, first),
                    }},
                },
            },
        },
    })
}

fn provider_spec(inputs: Inputs<'_>, role: Role, pool: &MachinePlatform, zone: &str) -> Value {
    let infra_id = &inputs.identity.infra_id;
    let (name, default_type, groups) = match role {
        Role::Master => (
            "master",
            MASTER_TYPE,
            ["node", "lb", "controlplane"].as_slice(),
        ),
        Role::Worker => ("worker", WORKER_TYPE, ["node", "lb"].as_slice()),
    };
    let filters = |group: &&str| json!({"filters": [{"name": "tag:Name", "values": [format!("{infra_id}-{group}")]}]});
    let groups: Vec<Value> = groups.iter().map(filters).collect();
    let mut tags = vec![json!({"name": metadata::cluster_tag(infra_id), "value": "owned"})];
    for (key, value) in inputs.config.aws().user_tags {
        tags.push(json!({"name": key, "value": value}));
    }
    json!({
        "apiVersion": API_VERSION,
        "kind": "AWSMachineProviderConfig",
        "ami": {"id": image(inputs, pool)},
        "blockDevices": [{"ebs": {
            "encrypted": true,
            "iops": 0,
            "kmsKey": {"arn": ""},
            "volumeSize": 120,
            "volumeType": "gp3",
        }}],
        "capacityReservationId": "",
        "credentialsSecret": {"name": "aws-cloud-credentials"},
        "deviceIndex": 0,
        "iamInstanceProfile": {"id": format!("{infra_id}-{name}-profile")},
        "instanceType": pool.instance_type.as_deref().unwrap_or(default_type),
        "metadata": {},
        "metadataServiceOptions": {},
        "placement": {"availabilityZone": zone, "region": inputs.config.aws().region},
        "securityGroups": groups,
        "subnet": subnet(inputs, zone, false),
        "tags": tags,
        "userDataSecret": {"name": format!("{name}-user-data")},
    })
}

/// The reference to the subnet of a zone.
fn subnet(inputs: Inputs<'_>, zone: &str, public: bool) -> Value {
    let own = inputs
        .facts
        .subnets
        .iter()
        .find(|s| s.zone == zone && s.public == public);
    if let Some(subnet) = own {
        return json!({"id": subnet.id});
    }
    let name = format!("{}-subnet-private-{zone}", inputs.identity.infra_id);
    json!({"filters": [{"name": "tag:Name", "values": [name]}]})
}

/// The machine image: the user's, or one that looks like the region's.
pub(crate) fn image(inputs: Inputs<'_>, pool: &MachinePlatform) -> String {
    pool.ami_id.clone().unwrap_or_else(|| {
        let region = inputs.config.aws().region;
        let sum = region.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("ami-0{sum:016x}")
    })
}

/// The zone of the n-th machine of a pool.
pub(crate) fn zone_of(pool: &MachinePlatform, inputs: Inputs<'_>, index: i64) -> String {
    let zones = if pool.zones.is_empty() {
        &inputs.facts.zones
    } else {
        &pool.zones
    };
    let index = usize::try_from(index).unwrap_or_default();
    zones
        .get(index % zones.len().max(1))
        .cloned()
        .unwrap_or_default()
}

/// How many of `total` fall to one of `parts`: the first ones get the rest.
fn share(total: i64, parts: usize, index: usize) -> i64 {
    let (parts, index) = (i64::try_from(parts.max(1)), i64::try_from(index));
    match (parts, index) {
        (Ok(parts), Ok(index)) => total / parts + i64::from(index < total % parts),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::{Facts, Identity};
    use crate::install_config::{InstallConfig, tests::GOOD};

    #[test]
    fn machine_sets_are_read_as_they_were_written() {
        let Ok(config) = InstallConfig::parse(
            &GOOD.replace("name: worker, replicas: 3", "name: worker, replicas: 4"),
        ) else {
            unreachable!()
        };
        let identity = Identity {
            uuid: "5d4e".to_owned(),
            infra_id: "demo-x7k2p".to_owned(),
        };
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
            .map(str::to_owned)
            .to_vec();
        let facts = Facts {
            zones,
            ..Facts::default()
        };
        let files = match manifests(Inputs {
            config: &config,
            identity: &identity,
            facts: &facts,
        }) {
            Ok(files) => files,
            Err(error) => unreachable!("{error:#}"),
        };
        let Ok(sets) = machine_sets(&files) else {
            unreachable!()
        };
        assert_eq!(
            sets.iter().map(|set| set.replicas).collect::<Vec<_>>(),
            [2, 1, 1]
        );
        let Some(first) = sets.first() else {
            unreachable!()
        };
        assert_eq!(first.name, "demo-x7k2p-worker-us-east-1a");
        assert_eq!(
            first.subnet_name.as_deref(),
            Some("demo-x7k2p-subnet-private-us-east-1a")
        );
        assert_eq!(first.groups, ["demo-x7k2p-node", "demo-x7k2p-lb"]);
        assert!(first.tags.contains(&("team".to_owned(), "demo".to_owned())));
    }
}
