//! `install-config.yaml`: what the stand-in reads of it, and why it refuses one (docs/spec/50 §7).
//!
//! The tree is kept as it was written, unknown fields included; the typed view only reads.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::Value;

/// Name of the file.
pub(crate) const FILE: &str = "install-config.yaml";

/// A checked install-config.
#[derive(Clone, Debug)]
pub(crate) struct InstallConfig {
    /// The document, as written.
    pub(crate) tree: Value,
    /// What is read of it.
    pub(crate) view: View,
}

/// The typed view.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct View {
    api_version: String,
    pub(crate) base_domain: String,
    metadata: Metadata,
    pub(crate) control_plane: Pool,
    pub(crate) compute: Vec<Pool>,
    networking: Networking,
    platform: Platform,
    publish: Option<String>,
    pub(crate) pull_secret: String,
    pub(crate) ssh_key: String,
    pub(crate) feature_set: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
}

/// A machine pool.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pool {
    pub(crate) name: String,
    pub(crate) replicas: Option<i64>,
    platform: PoolPlatform,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PoolPlatform {
    aws: Option<MachinePlatform>,
}

/// The platform part of a machine pool.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MachinePlatform {
    pub(crate) zones: Vec<String>,
    #[serde(rename = "type")]
    pub(crate) instance_type: Option<String>,
    #[serde(rename = "amiID")]
    pub(crate) ami_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Networking {
    network_type: String,
    machine_network: Vec<Network>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    cidr: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Platform {
    aws: Option<Aws>,
}

/// `platform.aws`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Aws {
    pub(crate) region: String,
    pub(crate) user_tags: BTreeMap<String, String>,
    service_endpoints: Vec<ServiceEndpoint>,
    subnets: Vec<String>,
    vpc: Vpc,
    pub(crate) hosted_zone: Option<String>,
    pub(crate) hosted_zone_role: Option<String>,
    default_machine_platform: Option<MachinePlatform>,
    #[serde(rename = "amiID")]
    pub(crate) ami_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Vpc {
    subnets: Vec<Subnet>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Subnet {
    id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceEndpoint {
    name: String,
    url: String,
}

impl InstallConfig {
    /// Reads and checks a document. The error is the part of the message after
    /// `failed to create install config: `.
    pub(crate) fn parse(yaml: &str) -> Result<Self, String> {
        let tree: Value = serde_saphyr::from_str(yaml)
            .map_err(|error| format!("failed to unmarshal {FILE}: {}", error.without_snippet()))?;
        Self::of_tree(tree)
    }

    /// Checks a document that was read before.
    pub(crate) fn of_tree(tree: Value) -> Result<Self, String> {
        let view: View = serde_json::from_value(tree.clone())
            .map_err(|error| format!("failed to unmarshal {FILE}: {error}"))?;
        let problems = view.problems();
        match problems.as_slice() {
            [] => Ok(Self { tree, view }),
            [one] => Err(format!("invalid {FILE:?} file: {one}")),
            many => Err(format!("invalid {FILE:?} file: [{}]", many.join(", "))),
        }
    }

    /// The cluster's name.
    pub(crate) fn name(&self) -> &str {
        &self.view.metadata.name
    }

    /// `<name>.<base domain>`.
    pub(crate) fn domain(&self) -> String {
        format!("{}.{}", self.view.metadata.name, self.view.base_domain)
    }

    /// `platform.aws`, which a checked config has.
    pub(crate) fn aws(&self) -> Aws {
        self.view.platform.aws.clone().unwrap_or_default()
    }

    /// Whether the API gets a public name.
    pub(crate) fn is_public(&self) -> bool {
        self.view.publish.as_deref() != Some("Internal")
    }

    /// The network of the machines.
    pub(crate) fn machine_cidr(&self) -> Cidr {
        let first = self.view.networking.machine_network.first();
        first
            .and_then(|network| Cidr::parse(&network.cidr))
            .unwrap_or(Cidr::DEFAULT)
    }

    /// The network plug-in.
    pub(crate) fn network_type(&self) -> &str {
        match self.view.networking.network_type.as_str() {
            "" => "OVNKubernetes",
            named => named,
        }
    }

    /// How many control plane machines.
    pub(crate) fn masters(&self) -> i64 {
        self.view.control_plane.replicas.unwrap_or(3)
    }

    /// The pool of workers, and how many.
    pub(crate) fn workers(&self) -> i64 {
        let pool = self.view.compute.iter().find(|pool| pool.name == "worker");
        pool.and_then(|pool| pool.replicas).unwrap_or(3)
    }

    /// The platform part that applies to a pool: its own fields, else the default ones.
    pub(crate) fn machine_platform(&self, pool: &Pool) -> MachinePlatform {
        let own = pool.platform.aws.clone().unwrap_or_default();
        let aws = self.aws();
        let default = aws.default_machine_platform.unwrap_or_default();
        let zones = if own.zones.is_empty() {
            default.zones
        } else {
            own.zones
        };
        MachinePlatform {
            zones,
            instance_type: own.instance_type.or(default.instance_type),
            ami_id: own.ami_id.or(default.ami_id).or(aws.ami_id),
        }
    }

    /// The pool of workers.
    pub(crate) fn worker_pool(&self) -> Pool {
        let pool = self.view.compute.iter().find(|pool| pool.name == "worker");
        pool.cloned().unwrap_or_default()
    }

    /// The zones that the config names for any pool, in order.
    pub(crate) fn named_zones(&self) -> Vec<String> {
        let mut zones = self.machine_platform(&self.view.control_plane).zones;
        for zone in self.machine_platform(&self.worker_pool()).zones {
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        zones
    }

    /// The user's own subnets.
    pub(crate) fn subnets(&self) -> Vec<String> {
        let aws = self.aws();
        let listed = aws.vpc.subnets.into_iter().map(|subnet| subnet.id);
        aws.subnets.into_iter().chain(listed).collect()
    }

    /// Endpoints by service.
    pub(crate) fn service_endpoints(&self) -> BTreeMap<String, String> {
        let endpoints = self.aws().service_endpoints.into_iter();
        endpoints
            .map(|endpoint| (endpoint.name, endpoint.url))
            .collect()
    }
}

impl View {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut say = |field: &str, what: String| problems.push(format!("{field}: {what}"));
        if self.api_version != "v1" {
            say(
                "apiVersion",
                invalid(&self.api_version, "install-config version must be v1"),
            );
        }
        if self.metadata.name.is_empty() {
            say(
                "metadata.name",
                "Required value: cluster name required".to_owned(),
            );
        } else if !is_name(&self.metadata.name) {
            let why = "a name consists of lower-case letters, digits, '-' and '.', and starts and \
                       ends with a letter or digit";
            say("metadata.name", invalid(&self.metadata.name, why));
        }
        if self.base_domain.is_empty() || !is_name(self.base_domain.trim_end_matches('.')) {
            say(
                "baseDomain",
                invalid(&self.base_domain, "not a valid domain name"),
            );
        }
        if self
            .control_plane
            .replicas
            .is_some_and(|replicas| replicas < 1)
        {
            let replicas = self.control_plane.replicas.unwrap_or_default();
            say(
                "controlPlane.replicas",
                format!(
                    "Invalid value: {replicas}: number of control plane replicas must be positive"
                ),
            );
        }
        for (index, pool) in self.compute.iter().enumerate() {
            if !matches!(pool.name.as_str(), "worker" | "edge") {
                let field = format!("compute[{index}].name");
                let value = &pool.name;
                say(
                    &field,
                    format!("Unsupported value: {value:?}: supported values: \"worker\", \"edge\""),
                );
            }
            if pool.replicas.is_some_and(|replicas| replicas < 0) {
                let field = format!("compute[{index}].replicas");
                let replicas = pool.replicas.unwrap_or_default();
                say(
                    &field,
                    format!("Invalid value: {replicas}: number of replicas must not be negative"),
                );
            }
        }
        for (index, network) in self.networking.machine_network.iter().enumerate() {
            if Cidr::parse(&network.cidr).is_none() {
                let field = format!("networking.machineNetwork[{index}]");
                say(&field, invalid(&network.cidr, "invalid CIDR address"));
            }
        }
        if let Some(publish) = self.publish.as_deref()
            && !matches!(publish, "External" | "Internal" | "")
        {
            say(
                "publish",
                format!(
                    "Unsupported value: {publish:?}: supported values: \"External\", \"Internal\""
                ),
            );
        }
        self.platform_problems(&mut say);
        if self.pull_secret.is_empty() {
            say(
                "pullSecret",
                "Required value: pull secret must be specified".to_owned(),
            );
        } else if !has_auths(&self.pull_secret) {
            // The value itself is a secret.
            say("pullSecret", invalid("...", "auths required"));
        }
        problems
    }

    fn platform_problems(&self, say: &mut impl FnMut(&str, String)) {
        let Some(aws) = &self.platform.aws else {
            say(
                "platform",
                "Required value: must specify one of the platforms (aws)".to_owned(),
            );
            return;
        };
        if aws.region.is_empty() {
            say(
                "platform.aws.region",
                "Required value: region must be specified".to_owned(),
            );
        } else if !aws
            .region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            say(
                "platform.aws.region",
                invalid(&aws.region, "not a valid region"),
            );
        }
        for (index, endpoint) in aws.service_endpoints.iter().enumerate() {
            let field = format!("platform.aws.serviceEndpoints[{index}]");
            if endpoint.name.is_empty() {
                say(
                    &format!("{field}.name"),
                    "Required value: name must be set".to_owned(),
                );
            }
            let has_scheme = ["http://", "https://"]
                .iter()
                .any(|s| endpoint.url.starts_with(s));
            if !has_scheme {
                say(
                    &format!("{field}.url"),
                    invalid(&endpoint.url, "URL scheme required"),
                );
            }
            let earlier = aws.service_endpoints.iter().take(index);
            if earlier.clone().any(|other| other.name == endpoint.name) {
                say(
                    &format!("{field}.name"),
                    invalid(&endpoint.name, "duplicate service endpoint"),
                );
            }
        }
        for (key, value) in &aws.user_tags {
            let field = format!("platform.aws.userTags[{key}]");
            let domain = key.split('/').next().unwrap_or_default();
            let reserved = ["kubernetes.io", "openshift.io"]
                .iter()
                .any(|own| key.contains('/') && domain.ends_with(own));
            if key.is_empty() || key.len() > 128 || key.starts_with("aws:") {
                say(
                    &field,
                    invalid(value, "the key is not one that AWS accepts"),
                );
            } else if key == "Name" {
                say(
                    &field,
                    invalid(value, "\"Name\" key is not allowed for user defined tags"),
                );
            } else if reserved {
                say(
                    &field,
                    invalid(
                        value,
                        "key is in the kubernetes.io or openshift.io namespace",
                    ),
                );
            } else if value.len() > 256 {
                say(
                    &field,
                    invalid(value, "the value is longer than 256 characters"),
                );
            }
        }
    }
}

fn invalid(value: &str, why: &str) -> String {
    format!("Invalid value: {value:?}: {why}")
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            let ends =
                |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            label.len() <= 63
                && ends(label.bytes().next())
                && ends(label.bytes().last())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

fn has_auths(pull_secret: &str) -> bool {
    let Ok(tree) = serde_json::from_str::<Value>(pull_secret) else {
        return false;
    };
    tree.get("auths")
        .and_then(Value::as_object)
        .is_some_and(|auths| !auths.is_empty())
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: u32,
    prefix: u32,
}

impl Cidr {
    const DEFAULT: Self = Self {
        address: 0x0a00_0000,
        prefix: 16,
    };

    /// Reads `10.0.0.0/16`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let prefix: u32 = prefix.parse().ok()?;
        let valid = (8..=28).contains(&prefix);
        valid.then(|| Self {
            address: u32::from(address) & (u32::MAX << (32 - prefix)),
            prefix,
        })
    }

    /// The `index`-th of `2^bits` equal parts.
    pub(crate) fn part(self, bits: u32, index: u32) -> Self {
        let prefix = (self.prefix + bits).min(28);
        Self {
            address: self.address + (index << (32 - prefix)),
            prefix,
        }
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}/{}",
            Ipv4Addr::from(self.address),
            self.prefix
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const GOOD: &str = r#"
apiVersion: v1
baseDomain: example.com
metadata: {name: demo}
controlPlane: {name: master, replicas: 3}
compute: [{name: worker, replicas: 3}]
networking: {networkType: OVNKubernetes, machineNetwork: [{cidr: 10.0.0.0/16}]}
platform:
  aws:
    region: us-east-1
    userTags: {team: demo}
    serviceEndpoints: [{name: ec2, url: "http://127.0.0.1:5000"}]
publish: External
pullSecret: '{"auths": {"registry.example.com": {"auth": "c2tlcC1jYW5hcnktN2YzYTp4"}}}'
sshKey: ssh-ed25519 AAAA demo
anUnknownField: kept
"#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        match InstallConfig::parse(&GOOD.replace(from, to)) {
            Ok(_) => unreachable!("{to} is accepted"),
            Err(error) => error,
        }
    }

    #[test]
    fn a_good_one_is_read() {
        let Ok(config) = InstallConfig::parse(GOOD) else {
            unreachable!()
        };
        assert_eq!(config.domain(), "demo.example.com");
        assert_eq!(config.masters(), 3);
        assert_eq!(config.tree["anUnknownField"], "kept");
        assert_eq!(config.aws().user_tags["team"], "demo");
    }

    #[test]
    fn broken_ones_are_refused_with_the_field() {
        for (from, to, expected) in [
            (
                "region: us-east-1",
                "region: ''",
                "platform.aws.region: Required value",
            ),
            (
                "region: us-east-1",
                "region: US_EAST",
                "platform.aws.region: Invalid value: \"US_EAST\"",
            ),
            ("name: demo", "name: ''", "metadata.name: Required value"),
            (
                "name: demo",
                "name: De_mo",
                "metadata.name: Invalid value: \"De_mo\"",
            ),
            (
                "apiVersion: v1",
                "apiVersion: v2",
                "apiVersion: Invalid value: \"v2\"",
            ),
            (
                "baseDomain: example.com",
                "baseDomain: a_b",
                "baseDomain: Invalid value: \"a_b\"",
            ),
            (
                "10.0.0.0/16",
                "10.0.0.0",
                "networking.machineNetwork[0]: Invalid value",
            ),
            (
                "replicas: 3}\ncompute",
                "replicas: 0}\ncompute",
                "controlPlane.replicas: Invalid value: 0",
            ),
            (
                "name: worker",
                "name: wrecker",
                "compute[0].name: Unsupported value",
            ),
            (
                "team: demo",
                "kubernetes.io/x: demo",
                "platform.aws.userTags[kubernetes.io/x]: Invalid value",
            ),
            (
                "http://127",
                "127",
                "platform.aws.serviceEndpoints[0].url: Invalid value",
            ),
            (
                "publish: External",
                "publish: Sometimes",
                "publish: Unsupported value",
            ),
            (
                "pullSecret: '{\"auths\"",
                "pullSecret: '{\"others\"",
                "pullSecret: Invalid value",
            ),
            ("  aws:", "  other:", "platform: Required value"),
        ] {
            let error = refusal(from, to);
            let shape = format!("invalid \"install-config.yaml\" file: {expected}");
            assert!(error.starts_with(&shape), "{error}\nexpected {shape}");
        }
    }

    #[test]
    fn several_problems_are_listed() {
        let error = refusal("region: us-east-1\n    userTags", "userTags");
        assert!(
            error.contains("platform.aws.region: Required value"),
            "{error}"
        );
        let Err(error) = InstallConfig::parse("{}") else {
            unreachable!()
        };
        assert!(
            error.starts_with("invalid \"install-config.yaml\" file: ["),
            "{error}"
        );
    }

    #[test]
    fn a_secret_is_never_quoted() {
        for broken in [
            GOOD.replace("publish: External", "publish: [External"),
            GOOD.replace("\"auths\": {", "\"auths\" {"),
            GOOD.replace("platform:\n", "platform: true\nplatform:\n"),
        ] {
            let Err(error) = InstallConfig::parse(&broken) else {
                unreachable!("{broken}")
            };
            assert!(!error.contains("c2tlcC1j"), "{error}");
        }
    }

    #[test]
    fn networks_are_cut_into_parts() {
        let Some(network) = Cidr::parse("10.0.0.0/16") else {
            unreachable!()
        };
        assert_eq!(network.part(3, 0).to_string(), "10.0.0.0/19");
        assert_eq!(network.part(3, 5).to_string(), "10.0.160.0/19");
        assert_eq!(Cidr::parse("10.0.0.0"), None);
        assert_eq!(Cidr::parse("10.0.0.0/40"), None);
    }
}
