//! What Skep needs to know of an install-config, and whether it fits its ClusterDeployment
//! (docs/spec/10 §10).
//!
//! The document is read as a tree and only looked at: fields that nobody here has heard of are none of
//! Skep's business, the installer judges them. No error carries a piece of the document.

use serde_json::Value;
use skep_crds::platform::PlatformKind;
use skep_providers::{Endpoint, Endpoints};

use super::manager::documents;

/// The facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// `metadata.name`.
    pub cluster_name: Option<String>,
    /// `baseDomain`.
    pub base_domain: Option<String>,
    /// The key below `platform`, for example `aws`.
    pub platform: Option<String>,
    /// `platform.<key>.region`.
    pub region: Option<String>,
    /// `platform.aws.serviceEndpoints`.
    pub endpoints: Endpoints,
    /// `platform.aws.hostedZoneRole`.
    pub hosted_zone_role: Option<String>,
    /// `replicas` of the pool `worker` of `compute`; none without such a pool.
    pub workers: u64,
}

/// What an install-config is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected<'a> {
    /// Platform of the ClusterDeployment.
    pub platform: PlatformKind,
    /// Its region, where the platform has one.
    pub region: Option<&'a str>,
    /// `spec.clusterName`.
    pub cluster_name: &'a str,
    /// `spec.baseDomain`.
    pub base_domain: &'a str,
}

impl Facts {
    /// Reads the facts; the text of an error is fit for a condition.
    pub fn parse(yaml: &str) -> Result<Self, String> {
        let tree =
            documents::parse("install-config.yaml", yaml).map_err(|error| error.to_string())?;
        if !tree.is_object() {
            return Err("install-config.yaml is not a mapping".to_owned());
        }
        let text = |path: &str| {
            tree.pointer(path)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let platform = tree.get("platform").and_then(Value::as_object);
        let platform = platform
            .and_then(|platforms| platforms.keys().next())
            .cloned();
        let region = platform
            .as_ref()
            .and_then(|key| text(&format!("/platform/{key}/region")));
        Ok(Self {
            cluster_name: text("/metadata/name"),
            base_domain: text("/baseDomain"),
            region,
            platform,
            endpoints: endpoints(&tree),
            hosted_zone_role: text("/platform/aws/hostedZoneRole"),
            workers: workers(&tree),
        })
    }

    /// Whether the install-config describes the cluster of the ClusterDeployment. Name and base domain
    /// are compared too: a difference installs a cluster that the ClusterDeployment describes wrongly,
    /// and DNS and deletion break later (docs/spec/10 §26.4 U11).
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), String> {
        let key = expected.platform.label();
        if let PlatformKind::Aws | PlatformKind::Azure | PlatformKind::Gcp = expected.platform {
            if self.platform.as_deref() != Some(key) {
                return Err(format!("install-config.yaml has no section platform.{key}"));
            }
            differs(
                &format!("platform.{key}.region"),
                self.region.as_deref(),
                expected.region,
            )?;
        }
        let Expected {
            cluster_name,
            base_domain,
            ..
        } = *expected;
        differs(
            "metadata.name",
            self.cluster_name.as_deref(),
            Some(cluster_name),
        )?;
        differs("baseDomain", self.base_domain.as_deref(), Some(base_domain))
    }
}

fn differs(path: &str, found: Option<&str>, expected: Option<&str>) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let found = found.unwrap_or("nothing");
    let expected = expected.unwrap_or("nothing");
    Err(format!(
        "install-config.yaml has {found} at {path}, the ClusterDeployment has {expected}"
    ))
}

fn workers(tree: &Value) -> u64 {
    let pools = tree.get("compute").and_then(Value::as_array);
    let pool = pools
        .into_iter()
        .flatten()
        .find(|pool| pool.get("name").and_then(Value::as_str) == Some("worker"));
    let replicas = pool.and_then(|pool| pool.get("replicas"));
    replicas.and_then(Value::as_u64).unwrap_or_default()
}

fn endpoints(tree: &Value) -> Endpoints {
    let list = tree
        .pointer("/platform/aws/serviceEndpoints")
        .and_then(Value::as_array);
    let endpoint = |item: &Value| {
        let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Endpoint {
            service: text("name")?,
            url: text("url")?,
        })
    };
    Endpoints(list.into_iter().flatten().filter_map(endpoint).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
metadata: {name: demo}
baseDomain: example.com
platform:
  aws:
    region: us-east-1
    serviceEndpoints:
    - {name: ec2, url: 'http://10.89.0.1:1'}
";

    fn expected() -> Expected<'static> {
        Expected {
            platform: PlatformKind::Aws,
            region: Some("us-east-1"),
            cluster_name: "demo",
            base_domain: "example.com",
        }
    }

    fn problem(config: &str, expected: &Expected<'_>) -> String {
        Facts::parse(config)
            .and_then(|facts| facts.check(expected))
            .unwrap_err()
    }

    #[test]
    fn a_fitting_install_config_is_accepted_and_its_endpoints_are_known() {
        let facts = Facts::parse(CONFIG).unwrap();
        assert_eq!(facts.check(&expected()), Ok(()));
        assert_eq!(facts.endpoints.url("ec2"), Some("http://10.89.0.1:1"));
    }

    /// docs/spec/10 §10: "the platform section must exist and region must equal the CD's".
    #[test]
    fn platform_and_region_must_match() {
        let azure = Expected {
            platform: PlatformKind::Azure,
            ..expected()
        };
        assert_eq!(
            problem(CONFIG, &azure),
            "install-config.yaml has no section platform.azure"
        );
        let elsewhere = Expected {
            region: Some("eu-west-1"),
            ..expected()
        };
        assert_eq!(
            problem(CONFIG, &elsewhere),
            "install-config.yaml has us-east-1 at platform.aws.region, the ClusterDeployment has eu-west-1"
        );
    }

    /// docs/spec/10 §26.4 U11.
    #[test]
    fn name_and_base_domain_must_match() {
        let named = Expected {
            cluster_name: "other",
            ..expected()
        };
        assert!(problem(CONFIG, &named).contains("has demo at metadata.name"));
        let based = Expected {
            base_domain: "example.org",
            ..expected()
        };
        assert!(problem(CONFIG, &based).contains("has example.com at baseDomain"));
    }

    #[test]
    fn what_cannot_be_parsed_is_not_shown() {
        let error = Facts::parse("pullSecret: hush\n\tx: [").unwrap_err();
        assert!(
            error.starts_with("install-config.yaml is not valid YAML"),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
        assert_eq!(
            Facts::parse("- 1").unwrap_err(),
            "install-config.yaml is not a mapping"
        );
    }
}
