//! Facts from `metadata.json`: what is accepted, corrected and refused.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use skep_providers::erase::{
    AwsFacts, ClusterFacts, FactsError, Hints, PlatformFacts, Proof, TagFilter,
};

fn metadata(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut metadata = json!({
        "clusterName": "demo",
        "clusterID": "5d4e6d0e-6a0a-4b0f-9a41-0f3c6f1c2a10",
        "infraID": "demo-x7k2p",
        "aws": {
            "region": "us-east-1",
            "identifier": [
                { "kubernetes.io/cluster/demo-x7k2p": "owned" },
                { "openshiftClusterID": "5d4e6d0e-6a0a-4b0f-9a41-0f3c6f1c2a10" },
                { "sigs.k8s.io/cluster-api-provider-aws/cluster/demo-x7k2p": "owned" },
            ],
            "clusterDomain": "demo.example.com",
            "serviceEndpoints": [{ "name": "ec2", "url": "http://127.0.0.1:5000" }],
        },
        "featureSet": "",
        "customFeatureSet": null,
    });
    change(&mut metadata);
    serde_json::to_vec(&metadata).unwrap()
}

fn parse(change: impl FnOnce(&mut Value)) -> Result<ClusterFacts, FactsError> {
    ClusterFacts::from_metadata(&metadata(change), &Hints::default())
}

fn aws(facts: &ClusterFacts) -> &AwsFacts {
    match &facts.platform {
        PlatformFacts::Aws(facts) => facts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_installers_own_metadata_is_accepted() {
    let facts = parse(|_| ()).unwrap();
    assert_eq!(facts.infra_id, "demo-x7k2p");
    assert_eq!(facts.cloud(), "aws");
    assert_eq!(facts.region(), "us-east-1");
    assert_eq!(facts.endpoints().url("EC2"), Some("http://127.0.0.1:5000"));
    assert_eq!(aws(&facts).filters.len(), 3);
    assert_eq!(facts.corrections, Vec::<String>::new());
}

#[test]
fn azure_and_google_cloud_are_parsed_and_others_are_named() {
    let azure = parse(|metadata| {
        metadata["azure"] = json!({ "cloudName": "AzurePublicCloud", "region": "eastus",
            "resourceGroupName": "", "baseDomainResourceGroupName": "dns-rg", "armEndpoint": "" });
        metadata.as_object_mut().unwrap().remove("aws");
    })
    .unwrap();
    let PlatformFacts::Azure(azure_facts) = &azure.platform else {
        panic!("{azure:?}")
    };
    assert_eq!(azure_facts.resource_group, "demo-x7k2p-rg");
    assert_eq!(azure.cluster_tag_key(), "kubernetes.io_cluster.demo-x7k2p");

    let gcp = parse(|metadata| {
        metadata["gcp"] = json!({ "region": "us-central1", "projectID": "my-project",
            "firewallRulesManagement": "Unmanaged", "privateZoneDomain": "demo.example.com." });
        metadata.as_object_mut().unwrap().remove("aws");
    })
    .unwrap();
    let PlatformFacts::Gcp(facts) = &gcp.platform else {
        panic!("{gcp:?}")
    };
    assert!(facts.firewall_rules_unmanaged);
    assert_eq!(
        facts.private_zone_domain.as_deref(),
        Some("demo.example.com")
    );

    let vsphere = parse(|metadata| {
        metadata["vsphere"] = json!({});
        metadata.as_object_mut().unwrap().remove("aws");
    })
    .unwrap();
    assert_eq!(vsphere.cloud(), "vsphere");
}

#[test]
fn infra_ids_that_select_too_much_are_refused() {
    for infra_id in [
        "",
        "a",
        "ab-c",
        "demo*x7k2p",
        "demo?x7k2",
        "demo x7k2p",
        "-demo-x7",
        "demo-x7-",
    ] {
        let error = parse(|metadata| metadata["infraID"] = json!(infra_id)).unwrap_err();
        assert!(
            matches!(error, FactsError::InfraId { .. }),
            "{infra_id:?}: {error}"
        );
    }
}

#[test]
fn filters_that_select_too_much_are_refused() {
    for identifier in [
        json!([]),
        json!([{}]),
        json!([{ "": "owned" }]),
        json!([{ "kubernetes.io/cluster/demo-x7k2p": "" }]),
        json!([{ "kubernetes.io/cluster/demo-*": "owned" }]),
        json!([{ "kubernetes.io/cluster/demo-x7k2p": "shared" }]),
        json!([{ "kubernetes.io/cluster/other-abcde": "owned" }]),
        json!([{ "team": "blue" }]),
        json!([{ "kubernetes.io/cluster/demo-x7k2p": "owned" }, {}]),
    ] {
        let text = identifier.to_string();
        let error = parse(|metadata| metadata["aws"]["identifier"] = identifier).unwrap_err();
        let refused = matches!(error, FactsError::Filter(..) | FactsError::Missing(_));
        assert!(refused, "{text}: {error}");
    }
}

#[test]
fn a_base_domain_in_the_place_of_the_clusters_is_corrected_or_refused() {
    let bytes = metadata(|metadata| metadata["aws"]["clusterDomain"] = json!("example.com"));
    let known = Hints {
        base_domain: Some("example.com.".to_owned()),
        ..Hints::default()
    };
    let facts = ClusterFacts::from_metadata(&bytes, &known).unwrap();
    assert_eq!(facts.cluster_domain(), Some("demo.example.com"));
    assert_eq!(facts.corrections.len(), 1);

    let error = ClusterFacts::from_metadata(&bytes, &Hints::default()).unwrap_err();
    assert!(matches!(error, FactsError::Domain { .. }), "{error}");

    // The base domain happens to begin with the cluster's name.
    let bytes = metadata(|metadata| metadata["aws"]["clusterDomain"] = json!("demo.example.com"));
    let known = Hints {
        base_domain: Some("demo.example.com".to_owned()),
        ..Hints::default()
    };
    let facts = ClusterFacts::from_metadata(&bytes, &known).unwrap();
    assert_eq!(facts.cluster_domain(), Some("demo.demo.example.com"));
}

#[test]
fn metadata_of_another_cluster_are_refused() {
    let hints = Hints {
        infra_id: Some("other-abcde".to_owned()),
        ..Hints::default()
    };
    let error = ClusterFacts::from_metadata(&metadata(|_| ()), &hints).unwrap_err();
    assert!(matches!(error, FactsError::OtherCluster { .. }), "{error}");
}

#[test]
fn a_parse_error_quotes_nothing() {
    let error = ClusterFacts::from_metadata(b"{\"aws\": skep-canary", &Hints::default());
    assert!(!error.unwrap_err().to_string().contains("canary"));
}

#[test]
fn a_record_belongs_at_a_boundary_of_labels_only() {
    let facts = parse(|metadata| {
        metadata["clusterName"] = json!("dev");
        metadata["aws"]["clusterDomain"] = json!("dev.example.com");
    })
    .unwrap();
    for (record, ours) in [
        ("api.dev.example.com.", true),
        ("*.apps.dev.example.com", true),
        ("API.DEV.example.com", true),
        ("api.mydev.example.com.", false),
        ("mydev.example.com", false),
        ("dev.example.com.", false),
        (".dev.example.com", false),
        ("example.com", false),
    ] {
        assert_eq!(facts.proof_by_domain(record).is_some(), ours, "{record}");
    }
}

#[test]
fn proofs_are_what_the_facts_bear_out() {
    let facts = parse(|_| ()).unwrap();
    let tags = |pairs: &[(&str, &str)]| -> TagFilter {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let own = tags(&[
        ("kubernetes.io/cluster/demo-x7k2p", "owned"),
        ("team", "blue"),
    ]);
    let proof = facts.proof_by_tags(&own).unwrap();
    assert!(facts.bear_out(&proof, "anything"));
    for tags in [
        tags(&[("kubernetes.io/cluster/demo-x7k2p", "shared")]),
        tags(&[("kubernetes.io/cluster/demo-x7k2q", "owned")]),
        tags(&[("team", "blue")]),
        BTreeMap::new(),
    ] {
        assert_eq!(facts.proof_by_tags(&tags), None, "{tags:?}");
    }
    let invented = Proof::OwnedTag {
        key: "team".to_owned(),
        value: "blue".to_owned(),
    };
    assert!(!facts.bear_out(&invented, "anything"));

    let by_name = facts.proof_by_name("demo-x7k2p-master-profile").unwrap();
    assert!(facts.bear_out(&by_name, "demo-x7k2p-master-profile"));
    assert!(!facts.bear_out(&by_name, "demo-x7k2pq-master-profile"));
    assert_eq!(facts.proof_by_name("demo-x7k2p"), None);
    let wide = Proof::NamePrefix {
        prefix: "demo".to_owned(),
    };
    assert!(!facts.bear_out(&wide, "demo-x7k2p-master-profile"));
}
