//! `metadata.json` (docs/spec/50 §3).

use serde_json::{Value, json};

use super::{Identity, Inputs};
use crate::state::Asset;

/// Name of the file.
pub(crate) const FILE: &str = "metadata.json";

/// The file: one line, without a line break at its end.
pub(crate) fn file(inputs: Inputs<'_>) -> Asset {
    Asset::new(FILE, document(inputs).to_string())
}

/// The key of the tag that marks what belongs to a cluster.
pub(crate) fn cluster_tag(infra_id: &str) -> String {
    format!("kubernetes.io/cluster/{infra_id}")
}

/// The same of the Cluster API provider.
pub(crate) fn provider_tag(infra_id: &str) -> String {
    format!("sigs.k8s.io/cluster-api-provider-aws/cluster/{infra_id}")
}

fn document(inputs: Inputs<'_>) -> Value {
    let Identity { uuid, infra_id } = inputs.identity;
    let config = inputs.config;
    let aws = config.aws();
    let mut platform = json!({"region": aws.region});
    let endpoints = &config.tree["platform"]["aws"]["serviceEndpoints"];
    if endpoints.as_array().is_some_and(|list| !list.is_empty()) {
        let pair = |entry: &Value| json!({"name": entry["name"], "url": entry["url"]});
        let list: Vec<Value> = endpoints
            .as_array()
            .into_iter()
            .flatten()
            .map(pair)
            .collect();
        platform["serviceEndpoints"] = json!(list);
    }
    platform["identifier"] = json!([
        {cluster_tag(infra_id): "owned"},
        {"openshiftClusterID": uuid},
        {provider_tag(infra_id): "owned"},
    ]);
    platform["clusterDomain"] = json!(config.domain());
    if let Some(role) = aws.hosted_zone_role {
        platform["hostedZoneRole"] = json!(role);
    }
    let custom = &config.tree["featureGates"];
    let is_custom = config.view.feature_set == "CustomNoUpgrade";
    json!({
        "clusterName": config.name(),
        "clusterID": uuid,
        "infraID": infra_id,
        "aws": platform,
        "featureSet": config.view.feature_set,
        "customFeatureSet": if is_custom { gates(custom) } else { Value::Null },
    })
}

/// `Gate=true` lists become two lists of names.
fn gates(list: &Value) -> Value {
    let named = |wanted: &str| -> Vec<Value> {
        let entries = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        entries
            .filter_map(|entry| entry.split_once('='))
            .filter(|(_, value)| *value == wanted)
            .map(|(name, _)| json!(name))
            .collect()
    };
    json!({"enabled": named("true"), "disabled": named("false")})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::Facts;
    use crate::install_config::{InstallConfig, tests::GOOD};

    #[test]
    fn one_line_in_the_order_of_the_real_file() {
        let Ok(config) = InstallConfig::parse(GOOD) else {
            unreachable!()
        };
        let identity = Identity {
            uuid: "5d4e".to_owned(),
            infra_id: "demo-x7k2p".to_owned(),
        };
        let facts = Facts::default();
        let file = file(Inputs {
            config: &config,
            identity: &identity,
            facts: &facts,
        });
        assert_eq!(
            String::from_utf8_lossy(&file.data),
            r#"{"clusterName":"demo","clusterID":"5d4e","infraID":"demo-x7k2p","aws":{"region":"us-east-1","serviceEndpoints":[{"name":"ec2","url":"http://127.0.0.1:5000"}],"identifier":[{"kubernetes.io/cluster/demo-x7k2p":"owned"},{"openshiftClusterID":"5d4e"},{"sigs.k8s.io/cluster-api-provider-aws/cluster/demo-x7k2p":"owned"}],"clusterDomain":"demo.example.com"},"featureSet":"","customFeatureSet":null}"#
        );
    }
}
