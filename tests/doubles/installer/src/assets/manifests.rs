//! `manifests/` and `openshift/`: what the bootstrap host would feed to the new cluster, and what
//! operators patch before that.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{Inputs, machines, yaml};
use crate::profile::Keys;
use crate::state::Asset;
use crate::tls::Certificates;

/// The files of `manifests/`.
pub(crate) fn common(inputs: Inputs<'_>, certificates: &Certificates) -> Result<Vec<Asset>> {
    let config = inputs.config;
    let domain = config.domain();
    let infra_id = &inputs.identity.infra_id;
    let region = config.aws().region;
    let mut redacted = config.tree.clone();
    redacted["pullSecret"] = json!("");
    let install_config = serde_saphyr::to_string(&redacted)?;
    let endpoints = config.tree["platform"]["aws"]["serviceEndpoints"].clone();
    let user_tags: Vec<Value> = config
        .aws()
        .user_tags
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    let mut platform = json!({"region": region});
    if !user_tags.is_empty() {
        platform["resourceTags"] = json!(user_tags);
    }
    if endpoints.is_array() {
        platform["serviceEndpoints"] = endpoints.clone();
    }
    let mut spec_platform = json!({"type": "AWS", "aws": {}});
    if endpoints.is_array() {
        spec_platform["aws"]["serviceEndpoints"] = endpoints;
    }
    let mut dns = json!({"baseDomain": domain, "privateZone": private_zone(inputs)});
    if let Some(zone) = &inputs.facts.public_zone {
        dns["publicZone"] = json!({"id": zone});
    }
    let cidr = config.machine_cidr().to_string();
    Ok(vec![
        yaml(
            "manifests/cloud-provider-config.yaml",
            &config_map(
                "openshift-config",
                "cloud-provider-config",
                &json!({"config": "[Global]\n", "aws": cidr}),
            ),
        )?,
        yaml(
            "manifests/cluster-config.yaml",
            &config_map(
                "kube-system",
                "cluster-config-v1",
                &json!({"install-config": install_config}),
            ),
        )?,
        yaml(
            "manifests/cluster-dns-02-config.yml",
            &cluster_kind("DNS", dns, None),
        )?,
        yaml(
            "manifests/cluster-infrastructure-02-config.yml",
            &cluster_kind(
                "Infrastructure",
                json!({
                    "cloudConfig": {"key": "config", "name": "cloud-provider-config"},
                    "platformSpec": spec_platform,
                }),
                Some(json!({
                    "apiServerInternalURI": format!("https://api-int.{domain}:6443"),
                    "apiServerURL": format!("https://api.{domain}:6443"),
                    "controlPlaneTopology": if config.masters() == 1 { "SingleReplica" } else { "HighlyAvailable" },
                    "cpuPartitioning": "None",
                    "etcdDiscoveryDomain": "",
                    "infrastructureName": infra_id,
                    "infrastructureTopology": if config.workers() == 1 { "SingleReplica" } else { "HighlyAvailable" },
                    "platform": "AWS",
                    "platformStatus": {"type": "AWS", "aws": platform},
                })),
            ),
        )?,
        yaml(
            "manifests/cluster-ingress-02-config.yml",
            &cluster_kind(
                "Ingress",
                json!({
                    "domain": format!("apps.{domain}"),
                    "loadBalancer": {"platform": {"type": "AWS", "aws": {"type": "Classic"}}},
                }),
                None,
            ),
        )?,
        yaml(
            "manifests/cluster-network-02-config.yml",
            &cluster_kind(
                "Network",
                json!({
                    "clusterNetwork": [{"cidr": "10.128.0.0/14", "hostPrefix": 23}],
                    "externalIP": {"policy": {}},
                    "networkType": config.network_type(),
                    "serviceNetwork": ["172.30.0.0/16"],
                }),
                None,
            ),
        )?,
        yaml(
            "manifests/cluster-proxy-01-config.yaml",
            &cluster_kind("Proxy", json!({"trustedCA": {"name": ""}}), Some(json!({}))),
        )?,
        yaml(
            "manifests/cluster-scheduler-02-config.yml",
            &cluster_kind(
                "Scheduler",
                json!({"mastersSchedulable": config.workers() == 0, "policy": {"name": ""}}),
                Some(json!({})),
            ),
        )?,
        yaml(
            "manifests/cvo-overrides.yaml",
            &json!({
                "apiVersion": "config.openshift.io/v1",
                "kind": "ClusterVersion",
                "metadata": {"name": "version", "namespace": "openshift-cluster-version"},
                "spec": {"channel": "stable-4.19", "clusterID": inputs.identity.uuid},
            }),
        )?,
        yaml(
            "manifests/kube-cloud-config.yaml",
            &config_map(
                "openshift-config-managed",
                "kube-cloud-config",
                &json!({"cloud.conf": "[Global]\n"}),
            ),
        )?,
        yaml(
            "manifests/kube-system-configmap-root-ca.yaml",
            &config_map(
                "kube-system",
                "root-ca",
                &json!({"ca.crt": certificates.root_ca.cert}),
            ),
        )?,
        yaml(
            "manifests/machine-config-server-ca-configmap.yaml",
            &config_map(
                "openshift-machine-config-operator",
                "machine-config-server-ca",
                &json!({"ca-bundle.crt": certificates.root_ca.cert}),
            ),
        )?,
        yaml(
            "manifests/machine-config-server-tls-secret.yaml",
            &secret(
                "openshift-machine-config-operator",
                "machine-config-server-tls",
                &[
                    ("tls.crt", &certificates.mcs.cert),
                    ("tls.key", &certificates.mcs.key),
                ],
            ),
        )?,
        yaml(
            "manifests/openshift-config-secret-pull-secret.yaml",
            &secret(
                "openshift-config",
                "pull-secret",
                &[(".dockerconfigjson", &config.view.pull_secret)],
            ),
        )?,
    ])
}

/// The files of `openshift/`.
pub(crate) fn openshift(
    inputs: Inputs<'_>,
    certificates: &Certificates,
    keys: &Keys,
    password_hash: &str,
) -> Result<Vec<Asset>> {
    let domain = inputs.config.domain();
    let mut files = machines::manifests(inputs)?;
    files.push(yaml(
        "openshift/99_cloud-creds-secret.yaml",
        &secret(
            "kube-system",
            "aws-creds",
            &[
                ("aws_access_key_id", &keys.id),
                ("aws_secret_access_key", &keys.secret),
            ],
        ),
    )?);
    files.push(yaml(
        "openshift/99_kubeadmin-password-secret.yaml",
        &secret("kube-system", "kubeadmin", &[("kubeadmin", password_hash)]),
    )?);
    files.push(yaml(
        "openshift/99_role-cloud-creds-secret-reader.yaml",
        &json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "aws-creds-secret-reader", "namespace": "kube-system"},
            "rules": [{
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["aws-creds"],
                "verbs": ["get"],
            }],
        }),
    )?);
    for role in ["master", "worker"] {
        let pointer =
            super::ignition::pointer(&domain, role, &certificates.root_ca.cert).to_string();
        files.push(yaml(
            format!("openshift/99_openshift-cluster-api_{role}-user-data-secret.yaml"),
            &secret(
                "openshift-machine-api",
                &format!("{role}-user-data"),
                &[("disableTemplating", "true"), ("userData", &pointer)],
            ),
        )?);
        if !inputs.config.view.ssh_key.is_empty() {
            files.push(yaml(
                format!("openshift/99_openshift-machineconfig_99-{role}-ssh.yaml"),
                &machine_config(role, &inputs.config.view.ssh_key),
            )?);
        }
    }
    files.push(yaml(
        "openshift/openshift-install-manifests.yaml",
        &config_map(
            "openshift-config",
            "openshift-install-manifests",
            &json!({"invoker": "user", "version": super::RELEASE.version}),
        ),
    )?);
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn private_zone(inputs: Inputs<'_>) -> Value {
    if let Some(id) = inputs.config.aws().hosted_zone {
        return json!({"id": id});
    }
    let infra_id = &inputs.identity.infra_id;
    json!({"tags": {
        "Name": format!("{infra_id}-int"),
        super::metadata::cluster_tag(infra_id): "owned",
    }})
}

fn config_map(namespace: &str, name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "data": data,
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
    })
}

fn secret(namespace: &str, name: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(BASE64.encode(value))))
        .collect();
    json!({
        "apiVersion": "v1",
        "data": data,
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
    })
}

fn cluster_kind(kind: &str, spec: Value, status: Option<Value>) -> Value {
    let mut document = json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": kind,
        "metadata": {"name": "cluster"},
    });
    document["spec"] = spec;
    document["status"] = status.unwrap_or_else(|| json!({}));
    document
}

fn machine_config(role: &str, ssh_key: &str) -> Value {
    json!({
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfig",
        "metadata": {
            "labels": {"machineconfiguration.openshift.io/role": role},
            "name": format!("99-{role}-ssh"),
        },
        "spec": {"config": {
            "ignition": {"version": "3.2.0"},
            "passwd": {"users": [{"name": "core", "sshAuthorizedKeys": [ssh_key]}]},
        }},
    })
}
