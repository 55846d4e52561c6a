//! The main job as people know it from Hive's documentation: the Secrets, the ClusterImageSet and the
//! ClusterDeployment that a user creates, as plain manifests.
//!
//! Demo and tests build their objects here and nowhere else, so that what the demo shows is what the
//! tests prove. Nothing here knows Skep: only the API's wire names are used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// Stands in every Secret of every test: a test searches logs, Events, conditions, receipts and
/// metrics for it afterwards.
pub const CANARY: &str = "skep-canary-7f3a";

/// The AWS services for which an install-config of the tests names an endpoint.
pub const SERVICES: [&str; 8] = [
    "ec2",
    "s3",
    "route53",
    "iam",
    "sts",
    "elasticloadbalancing",
    "tagging",
    "efs",
];

/// The release that the images of the development hub pretend to be.
pub const RELEASE: &str = "4.19.2";

/// One AWS cluster and what it is made from.
#[derive(Clone, Debug)]
pub struct ClusterScenario {
    /// Namespace of all namespaced objects.
    pub namespace: String,
    /// Name of the ClusterDeployment and of the cluster.
    pub name: String,
    /// The base domain; its public zone exists in the account beforehand.
    pub base_domain: String,
    /// AWS region.
    pub region: String,
    /// Where the emulated cloud answers, as pods see it.
    pub endpoint: String,
    /// Access key of the account.
    pub access_key: String,
    /// Secret key of the account.
    pub secret_key: String,
    /// `provisioning.installerEnv`, in order: faults and time scale of the stand-in installer.
    pub installer_env: Vec<(String, String)>,
    /// `installAttemptsLimit`, if any.
    pub attempts_limit: Option<i32>,
    /// Name of the ClusterImageSet.
    pub image_set: String,
}

impl ClusterScenario {
    /// The Namespace.
    pub fn namespace_manifest(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
    }

    /// The pull secret, the SSH key, the cloud credentials and the install-config, in that order.
    pub fn secrets(&self) -> Vec<Value> {
        vec![
            self.secret(
                "pull-secret",
                "kubernetes.io/dockerconfigjson",
                &[(".dockerconfigjson", pull_secret())],
            ),
            self.secret(
                "ssh-key",
                "Opaque",
                &[
                    (
                        "ssh-privatekey",
                        format!("{CANARY} is no real private key\n"),
                    ),
                    ("ssh-publickey", "ssh-ed25519 AAAA demo".to_owned()),
                ],
            ),
            self.credentials(),
            self.secret(
                "install-config",
                "Opaque",
                &[("install-config.yaml", self.install_config())],
            ),
        ]
    }

    /// The cloud credentials Secret alone, for tests that leave it out or spoil it first.
    pub fn credentials(&self) -> Value {
        self.secret(
            "aws-creds",
            "Opaque",
            &[
                ("aws_access_key_id", self.access_key.clone()),
                ("aws_secret_access_key", self.secret_key.clone()),
            ],
        )
    }

    /// The ClusterImageSet, which points at the release image of the development hub.
    pub fn image_set_manifest(&self) -> Value {
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": "ClusterImageSet",
            "metadata": {"name": self.image_set},
            "spec": {"releaseImage": format!("localhost/openshift-release:{RELEASE}")},
        })
    }

    /// The ClusterDeployment.
    pub fn cluster_deployment(&self) -> Value {
        let env: Vec<Value> = self
            .installer_env
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let mut manifest = json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": "ClusterDeployment",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "baseDomain": self.base_domain,
                "clusterName": self.name,
                "platform": {"aws": {
                    "credentialsSecretRef": {"name": self.named("aws-creds")},
                    "region": self.region,
                }},
                "provisioning": {
                    "imageSetRef": {"name": self.image_set},
                    "installConfigSecretRef": {"name": self.named("install-config")},
                    "sshPrivateKeySecretRef": {"name": self.named("ssh-key")},
                    "installerEnv": env,
                },
                "pullSecretRef": {"name": self.named("pull-secret")},
            },
        });
        if let Some(limit) = self.attempts_limit {
            manifest["spec"]["installAttemptsLimit"] = json!(limit);
        }
        manifest
    }

    /// Everything, in the order in which a person creates it.
    pub fn manifests(&self) -> Vec<Value> {
        let mut all = vec![self.namespace_manifest(), self.image_set_manifest()];
        all.extend(self.secrets());
        all.push(self.cluster_deployment());
        all
    }

    /// `install-config.yaml` of a small cluster in three zones.
    pub fn install_config(&self) -> String {
        let endpoints: Vec<String> = SERVICES
            .iter()
            .map(|service| format!("    - name: {service}\n      url: {}\n", self.endpoint))
            .collect();
        let endpoints = endpoints.concat();
        format!(
            "apiVersion: v1
baseDomain: {base_domain}
metadata:
  name: {name}
controlPlane:
  name: master
  replicas: 3
compute:
- name: worker
  replicas: 3
networking:
  networkType: OVNKubernetes
  machineNetwork:
  - cidr: 10.0.0.0/16
platform:
  aws:
    region: {region}
    userTags:
      team: demo
    serviceEndpoints:
{endpoints}publish: External
pullSecret: ''
sshKey: ssh-ed25519 AAAA {CANARY}
",
            base_domain = self.base_domain,
            name = self.name,
            region = self.region,
        )
    }

    fn named(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    fn secret(&self, suffix: &str, kind: &str, data: &[(&str, String)]) -> Value {
        let data: serde_json::Map<String, Value> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(BASE64.encode(value))))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self.named(suffix), "namespace": self.namespace},
            "type": kind,
            "data": data,
        })
    }
}

fn pull_secret() -> String {
    let auth = BASE64.encode(format!("demo:{CANARY}"));
    json!({"auths": {"registry.example.com": {"auth": auth}}}).to_string()
}

/// What makes the first attempt of a cluster fail, with a real error of the cloud and in the midst of the
/// network: VPC, subnets, addresses and a NAT gateway exist by then. Later attempts succeed.
pub fn first_attempt_fails() -> String {
    json!([{
        "stage": "network",
        "action": "fail",
        "operation": "CreateNatGateway",
        "afterCalls": 1,
        "error": "operation error EC2: CreateNatGateway, https response error StatusCode: 400, api error \
                  NatGatewayLimitExceeded: The maximum number of NAT gateways has been reached.",
        "attempts": [0],
    }])
    .to_string()
}
