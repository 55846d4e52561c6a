//! `cluster-api/`: the objects that the local Cluster API control plane is given.

use anyhow::Result;
use serde_json::{Value, json};

use super::{CAPI_NAMESPACE, Inputs, machines, yaml};
use crate::state::Asset;

const CORE: &str = "cluster.x-k8s.io/v1beta1";
const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io/v1beta2";

/// The files of `cluster-api/`.
pub(crate) fn manifests(inputs: Inputs<'_>) -> Result<Vec<Asset>> {
    let config = inputs.config;
    let infra_id = &inputs.identity.infra_id;
    let aws = config.aws();
    let subnets: Vec<Value> = inputs
        .facts
        .subnets
        .iter()
        .map(|subnet| {
            json!({
                "id": subnet.id,
                "availabilityZone": subnet.zone,
                "isPublic": subnet.public,
            })
        })
        .collect();
    let mut network = json!({
        "vpc": {"cidrBlock": config.machine_cidr().to_string()},
        "subnets": subnets,
    });
    if let Some(vpc) = &inputs.facts.vpc {
        network["vpc"] = json!({"id": vpc});
    }
    let mut files = vec![
        yaml(
            "cluster-api/000_capi-namespace.yaml",
            &json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": CAPI_NAMESPACE},
            }),
        )?,
        yaml(
            "cluster-api/01_aws-cluster-controller-identity-default.yaml",
            &json!({
                "apiVersion": INFRASTRUCTURE,
                "kind": "AWSClusterControllerIdentity",
                "metadata": {"name": "default", "namespace": CAPI_NAMESPACE},
                "spec": {"allowedNamespaces": {}},
            }),
        )?,
        yaml("cluster-api/01_capi-cluster.yaml", &cluster(infra_id))?,
        yaml(
            "cluster-api/02_infra-cluster.yaml",
            &object(
                INFRASTRUCTURE,
                "AWSCluster",
                infra_id,
                infra_id,
                json!({
                    "additionalTags": aws.user_tags,
                    "controlPlaneEndpoint": {"host": "", "port": 0},
                    "controlPlaneLoadBalancer": {
                        "loadBalancerType": "nlb",
                        "name": format!("{infra_id}-int"),
                        "scheme": "internal",
                    },
                    "network": network,
                    "region": aws.region,
                    "s3Bucket": {"name": format!("openshift-bootstrap-data-{infra_id}")},
                }),
            ),
        )?,
    ];
    let pool = config.machine_platform(&config.view.control_plane);
    let mut names = vec![(format!("{infra_id}-bootstrap"), 0, true)];
    for index in 0..config.masters() {
        names.push((format!("{infra_id}-master-{index}"), index, false));
    }
    for (name, index, bootstrap) in names {
        let zone = machines::zone_of(&pool, inputs, index);
        let secret = if bootstrap { "bootstrap" } else { "master" };
        let machine = object(
            INFRASTRUCTURE,
            "AWSMachine",
            infra_id,
            &name,
            json!({
                "additionalTags": aws.user_tags,
                "ami": {"id": machines::image(inputs, &pool)},
                "iamInstanceProfile": format!("{infra_id}-master-profile"),
                "instanceType": pool.instance_type.as_deref().unwrap_or("m6i.xlarge"),
                "publicIP": bootstrap,
                "rootVolume": {"size": 120, "type": "gp3", "encrypted": true},
                "subnet": {"filters": [{"name": "availability-zone", "values": [zone]}]},
            }),
        );
        files.push(yaml(
            format!("cluster-api/machines/10_inframachine_{name}.yaml"),
            &machine,
        )?);
        let core = object(
            CORE,
            "Machine",
            infra_id,
            &name,
            json!({
                "bootstrap": {"dataSecretName": format!("{infra_id}-{secret}")},
                "clusterName": infra_id,
                "infrastructureRef": {"apiVersion": INFRASTRUCTURE, "kind": "AWSMachine", "name": name},
            }),
        );
        files.push(yaml(
            format!("cluster-api/machines/10_machine_{name}.yaml"),
            &core,
        )?);
    }
    Ok(files)
}

/// A core Cluster.
pub(crate) fn cluster(infra_id: &str) -> Value {
    object(
        CORE,
        "Cluster",
        infra_id,
        infra_id,
        json!({"infrastructureRef": {
            "apiVersion": INFRASTRUCTURE,
            "kind": "AWSCluster",
            "name": infra_id,
            "namespace": CAPI_NAMESPACE,
        }}),
    )
}

fn object(api_version: &str, kind: &str, cluster: &str, name: &str, spec: Value) -> Value {
    let mut document = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "labels": {"cluster.x-k8s.io/cluster-name": cluster},
            "name": name,
            "namespace": CAPI_NAMESPACE,
        },
    });
    document["spec"] = spec;
    document
}
