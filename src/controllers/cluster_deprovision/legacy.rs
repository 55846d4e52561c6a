//! The description of a cluster that has none, made of the single facts of its order (docs/spec/20 §4,
//! "legacy"): a `metadata.json` of our own, so that it passes the same checks as the installer's.

use serde_json::json;
use skep_crds::ClusterDeprovisionSpec;

/// The description, or `None` where the facts do not suffice or the platform is not supported yet.
///
/// The cluster's domain is `<clusterName>.<baseDomain>`, never the base domain alone: that would select the
/// records of every cluster under it (docs/spec/20 §13.3).
pub fn legacy_metadata(spec: &ClusterDeprovisionSpec) -> Option<Vec<u8>> {
    let aws = spec.platform.as_ref()?.aws.as_ref()?;
    let infra_id = &spec.infra_id;
    if infra_id.is_empty() || aws.region.is_empty() {
        return None;
    }
    let name = spec.cluster_name.as_deref().filter(|name| !name.is_empty());
    let base = spec.base_domain.as_deref().filter(|base| !base.is_empty());
    let domain = name.zip(base).map(|(name, base)| format!("{name}.{base}"));
    let owned = |key: String| json!({ key: "owned" });
    let metadata = json!({
        "clusterName": name.unwrap_or_default(),
        "clusterID": spec.cluster_id,
        "infraID": infra_id,
        "aws": {
            "region": aws.region,
            "identifier": [
                owned(format!("kubernetes.io/cluster/{infra_id}")),
                owned(format!("sigs.k8s.io/cluster-api-provider-aws/cluster/{infra_id}")),
            ],
            "clusterDomain": domain,
            "hostedZoneRole": aws.hosted_zone_role,
        },
    });
    Some(metadata.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_crds::platform::{DeprovisionPlatform, aws};
    use skep_providers::erase::{ClusterFacts, Hints, PlatformFacts};

    fn spec(name: Option<&str>) -> ClusterDeprovisionSpec {
        ClusterDeprovisionSpec {
            infra_id: "demo-x7k2p".into(),
            cluster_name: name.map(str::to_owned),
            base_domain: Some("example.com".into()),
            platform: Some(DeprovisionPlatform {
                aws: Some(aws::Deprovision {
                    region: "us-east-1".into(),
                    hosted_zone_role: Some("arn:aws:iam::1:role/zone".into()),
                    ..aws::Deprovision::default()
                }),
                ..DeprovisionPlatform::default()
            }),
            ..ClusterDeprovisionSpec::default()
        }
    }

    fn facts(spec: &ClusterDeprovisionSpec) -> ClusterFacts {
        let hints = Hints {
            base_domain: spec.base_domain.clone(),
            infra_id: None,
        };
        ClusterFacts::from_metadata(&legacy_metadata(spec).unwrap(), &hints).unwrap()
    }

    /// docs/spec/20 §4, row "legacy AWS".
    #[test]
    fn single_facts_make_a_description() {
        let facts = facts(&spec(Some("demo")));
        assert_eq!(facts.infra_id, "demo-x7k2p");
        assert_eq!(facts.corrections, Vec::<String>::new());
        let PlatformFacts::Aws(aws) = facts.platform else {
            unreachable!("made for AWS")
        };
        assert_eq!(aws.filters.len(), 2);
        assert_eq!(aws.cluster_domain.as_deref(), Some("demo.example.com"));
        assert_eq!(
            aws.hosted_zone_role.as_deref(),
            Some("arn:aws:iam::1:role/zone")
        );
    }

    /// docs/spec/20 §13.3: the base domain alone selects nothing.
    #[test]
    fn without_the_name_there_is_no_domain() {
        assert_eq!(facts(&spec(None)).cluster_domain(), None);
    }

    #[test]
    fn a_platform_without_a_cloud_has_no_description() {
        let spec = ClusterDeprovisionSpec {
            platform: None,
            ..spec(Some("demo"))
        };
        assert_eq!(legacy_metadata(&spec), None);
    }
}
