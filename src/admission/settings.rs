//! What the rules know besides the object: facts of the hub that the operator hands over as files.
//!
//! Decides how those files are read. A file that cannot be understood is an error, never an empty
//! setting: an allow-list that is silently empty would refuse everything, a demand that is silently
//! dropped would let everything pass. One that is not there is not configured: volumes with settings are
//! optional. When the files are read is the server's matter.
//!
//! Mirrors docs/spec/41 §2 and docs/spec/40 §6.

use std::collections::BTreeSet;

use serde::Deserialize;

/// A kind that may install a cluster in the operator's stead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct ContractImplementation {
    /// API group.
    #[serde(default)]
    pub group: String,
    /// API version.
    #[serde(default)]
    pub version: String,
    /// Kind.
    #[serde(default)]
    pub kind: String,
}

/// Facts of the hub that rules look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Domains below which clusters may have zones of their own.
    pub managed_domains: Vec<String>,
    /// Regions with a network for AWS private links; none: the hub does not offer them.
    pub private_link_regions: BTreeSet<String>,
    /// Kinds that fulfil the installation contract.
    pub cluster_install: Vec<ContractImplementation>,
    /// Gates that are open.
    pub feature_gates: BTreeSet<String>,
    /// Whether release images are verified, which needs digests.
    pub release_verification: bool,
    /// Namespaces that selector sync sets may copy Secrets from; none: all.
    pub secret_source_namespaces: Option<BTreeSet<String>>,
}

/// The settings' sources, as they were read; what is absent is not configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// Content of the managed domains' file.
    pub managed_domains: Option<&'a str>,
    /// Content of the AWS private link file.
    pub private_link: Option<&'a str>,
    /// Content of the contracts' file.
    pub contracts: Option<&'a str>,
    /// Names of open gates, with commas between.
    pub feature_gates: Option<&'a str>,
    /// Name of the `ConfigMap` with the release signatures' keys.
    pub release_verification: Option<&'a str>,
    /// Namespaces that selector sync sets may copy Secrets from, with commas between.
    pub secret_source_namespaces: Option<&'a str>,
}

/// A source that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The list of managed domains.
    #[error("the managed domains cannot be understood")]
    ManagedDomains(#[source] serde_json::Error),
    /// The AWS private link settings.
    #[error("the AWS private link settings cannot be understood")]
    PrivateLink(#[source] serde_json::Error),
    /// The contracts.
    #[error("the supported contracts cannot be understood")]
    Contracts(#[source] serde_json::Error),
}

fn written(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// Name of the contract that installing kinds fulfil.
const CLUSTER_INSTALL: &str = "clusterinstall";

impl ContractImplementation {
    /// The kind that is known to fulfil the contract on every hub, whatever its definitions say
    /// (docs/spec/40 §6).
    fn built_in() -> Self {
        Self {
            group: "extensions.hive.openshift.io".to_owned(),
            version: "v1beta1".to_owned(),
            kind: "AgentClusterInstall".to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct ManagedDomain {
    #[serde(default)]
    domains: Vec<String>,
}

#[derive(Deserialize)]
struct PrivateLink {
    #[serde(rename = "endpointVPCInventory", default)]
    inventory: Option<Vec<Network>>,
}

#[derive(Deserialize)]
struct Network {
    #[serde(default)]
    region: String,
}

#[derive(Deserialize)]
struct Contract {
    name: String,
    #[serde(default)]
    supported: Option<Vec<ContractImplementation>>,
}

impl Settings {
    /// The settings that these sources say.
    ///
    /// # Errors
    /// One of the sources cannot be understood.
    pub fn read(sources: &Sources<'_>) -> Result<Self, SettingsError> {
        let domains: Option<Vec<ManagedDomain>> = match written(sources.managed_domains) {
            Some(text) => serde_json::from_str(text).map_err(SettingsError::ManagedDomains)?,
            None => None,
        };
        let link: Option<PrivateLink> = match written(sources.private_link) {
            Some(text) => serde_json::from_str(text).map_err(SettingsError::PrivateLink)?,
            None => None,
        };
        let contracts: Option<Vec<Contract>> = match written(sources.contracts) {
            Some(text) => serde_json::from_str(text).map_err(SettingsError::Contracts)?,
            None => None,
        };
        let names = |text: &str| {
            text.split(',')
                .map(str::trim)
                .filter(|n| !n.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Ok(Self {
            managed_domains: domains
                .into_iter()
                .flatten()
                .flat_map(|d| d.domains)
                .collect(),
            private_link_regions: link
                .and_then(|link| link.inventory)
                .into_iter()
                .flatten()
                .map(|network| network.region)
                .collect(),
            cluster_install: contracts
                .into_iter()
                .flatten()
                .filter(|contract| contract.name == CLUSTER_INSTALL)
                .filter_map(|contract| contract.supported)
                .flatten()
                .chain([ContractImplementation::built_in()])
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            feature_gates: written(sources.feature_gates)
                .map(names)
                .unwrap_or_default(),
            release_verification: written(sources.release_verification).is_some(),
            secret_source_namespaces: written(sources.secret_source_namespaces).map(names),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_become_settings() {
        let settings = Settings::read(&Sources {
            managed_domains: Some(r#"[{"domains":["a.example","b.example"],"aws":{"credentialsSecretRef":{"name":"x"}}},{"domains":["c.example"]}]"#),
            private_link: Some(r#"{"credentialsSecretRef":{"name":"x"},"endpointVPCInventory":[{"vpcID":"v","region":"us-east-1","subnets":[]}]}"#),
            contracts: Some(r#"[{"name":"other","supported":[{"group":"g","version":"v","kind":"K"}]},{"name":"clusterinstall","supported":[{"group":"extensions.hive.openshift.io","version":"v1beta1","kind":"AgentClusterInstall","config":{"skipImageSetJob":"true"}},{"group":"installers.example.com","version":"v1","kind":"Other"}]}]"#),
            feature_gates: Some("One, Two,"),
            release_verification: Some("keys"),
            secret_source_namespaces: Some("hive"),
        })
        .unwrap();
        assert_eq!(
            settings.managed_domains,
            ["a.example", "b.example", "c.example"]
        );
        assert!(settings.private_link_regions.contains("us-east-1"));
        let kinds: Vec<&str> = settings
            .cluster_install
            .iter()
            .map(|known| known.kind.as_str())
            .collect();
        assert_eq!(kinds, ["AgentClusterInstall", "Other"]);
        assert_eq!(
            settings.feature_gates,
            BTreeSet::from(["One".to_owned(), "Two".to_owned()])
        );
        assert!(settings.release_verification);
        assert_eq!(
            settings.secret_source_namespaces,
            Some(BTreeSet::from(["hive".to_owned()]))
        );
    }

    #[test]
    fn nothing_and_null_are_no_settings_but_for_the_kind_that_installs_everywhere() {
        let default = Settings {
            cluster_install: vec![ContractImplementation::built_in()],
            ..Settings::default()
        };
        let nothing = Settings::read(&Sources::default()).unwrap();
        assert_eq!(nothing, default);
        let null = Some("null\n");
        let nulls = Sources {
            managed_domains: null,
            private_link: null,
            contracts: null,
            ..Sources::default()
        };
        assert_eq!(Settings::read(&nulls).unwrap(), default);
        let inventory = Sources {
            private_link: Some(r#"{"endpointVPCInventory":null}"#),
            ..Sources::default()
        };
        assert_eq!(Settings::read(&inventory).unwrap(), default);
    }

    #[test]
    fn what_cannot_be_understood_is_an_error() {
        for text in ["{", "7", r#"[{"domains":"a"}]"#] {
            let sources = Sources {
                managed_domains: Some(text),
                ..Sources::default()
            };
            assert!(Settings::read(&sources).is_err(), "{text}");
        }
        let sources = Sources {
            private_link: Some("[1]"),
            ..Sources::default()
        };
        assert!(Settings::read(&sources).is_err());
        let sources = Sources {
            contracts: Some(r#"[{"supported":[]}]"#),
            ..Sources::default()
        };
        assert!(Settings::read(&sources).is_err());
    }
}
