//! What identifies a cluster in a cloud, parsed from the installer's `metadata.json`
//! (`docs/spec/20 §7`, `docs/spec/50 §3`) and validated so that no fact can select more than one
//! cluster (`docs/spec/20 §13.3`).
//!
//! Facts come only out of the constructors here; each of them refuses empty filters, infra IDs that
//! are too short or contain wildcards, and a cluster domain that is the base domain.

use std::collections::BTreeMap;

use serde_json::Value;

use super::resource::Proof;
use crate::credentials::Endpoints;

/// All these tags together select a resource.
pub type TagFilter = BTreeMap<String, String>;

/// What is known from elsewhere and used to check and correct the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// The base domain of the cluster's specification.
    pub base_domain: Option<String>,
    /// Infra ID that the hub recorded; a different one in the metadata is refused.
    pub infra_id: Option<String>,
}

/// AWS part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsFacts {
    /// Region of the cluster.
    pub region: String,
    /// Replaced endpoints.
    pub endpoints: Endpoints,
    /// A resource with all tags of any of these is the cluster's.
    pub filters: Vec<TagFilter>,
    /// Cluster domain without trailing dot; unknown: records in shared zones are left.
    pub cluster_domain: Option<String>,
    /// Role to assume for the shared hosted zone.
    pub hosted_zone_role: Option<String>,
}

/// Azure part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AzureFacts {
    /// Environment name (`AzurePublicCloud`, …).
    pub cloud_name: String,
    /// Region of the cluster.
    pub region: String,
    /// ARM endpoint of Azure Stack, else empty; as endpoint `arm`.
    pub endpoints: Endpoints,
    /// The cluster's resource group; `<infra ID>-rg` when the metadata leaves it empty.
    pub resource_group: String,
    /// Resource group of the base domain's zone.
    pub base_domain_resource_group: Option<String>,
}

/// Google Cloud part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GcpFacts {
    /// Region of the cluster.
    pub region: String,
    /// Project of the cluster.
    pub project: String,
    /// Host project of the network.
    pub network_project: Option<String>,
    /// Private zone's domain, without trailing dot.
    pub private_zone_domain: Option<String>,
    /// Project of the private zone.
    pub private_zone_project: Option<String>,
    /// Replaced endpoints (Private Service Connect).
    pub endpoints: Endpoints,
    /// Firewall rules belong to the user and are left alone.
    pub firewall_rules_unmanaged: bool,
    /// Whether a stop may lose the content of local SSDs; such machines cannot be stopped while nobody
    /// has said so. It comes from the cluster's specification and is not in the metadata.
    pub discard_local_ssd: Option<bool>,
}

/// Platform part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlatformFacts {
    /// Amazon Web Services.
    Aws(AwsFacts),
    /// Azure.
    Azure(AzureFacts),
    /// Google Cloud.
    Gcp(GcpFacts),
    /// A platform that Skep does not erase itself: its key in the metadata.
    Other(String),
}

/// What identifies a cluster in its cloud. Only made by the constructors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ClusterFacts {
    /// Name of the cluster; may be empty for legacy input.
    pub cluster_name: String,
    /// UUID of the cluster.
    pub cluster_id: Option<String>,
    /// Infra ID.
    pub infra_id: String,
    /// Platform part.
    pub platform: PlatformFacts,
    /// What was wrong in the metadata and was corrected, for a note to people.
    pub corrections: Vec<String>,
}

/// Why facts were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// The metadata cannot be parsed. The parser's text is not repeated: it may quote content.
    #[error("metadata.json cannot be parsed (line {line}, column {column})")]
    Parse {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
    },
    /// A mandatory field is missing.
    #[error("metadata.json lacks {0}")]
    Missing(&'static str),
    /// The infra ID could select other clusters' resources.
    #[error("infra ID {infra_id:?} is refused: {why}")]
    InfraId {
        /// The infra ID.
        infra_id: String,
        /// Why.
        why: &'static str,
    },
    /// A filter could select other clusters' resources.
    #[error("identifier {0} is refused: {1}")]
    Filter(usize, &'static str),
    /// The cluster domain could select other clusters' records.
    #[error("cluster domain {domain:?} is refused: {why}")]
    Domain {
        /// The domain.
        domain: String,
        /// Why.
        why: &'static str,
    },
    /// The metadata are of another cluster than the hub recorded.
    #[error("metadata.json is of infra ID {found:?}, recorded is {expected:?}")]
    OtherCluster {
        /// In the metadata.
        found: String,
        /// Recorded.
        expected: String,
    },
}

impl ClusterFacts {
    /// Parses and validates `metadata.json`. Unknown keys are ignored.
    pub fn from_metadata(metadata: &[u8], hints: &Hints) -> Result<Self, FactsError> {
        let wire: wire::Metadata =
            serde_json::from_slice(metadata).map_err(|error| FactsError::Parse {
                line: error.line(),
                column: error.column(),
            })?;
        if let Some(expected) = &hints.infra_id
            && *expected != wire.infra_id
        {
            return Err(FactsError::OtherCluster {
                found: wire.infra_id,
                expected: expected.clone(),
            });
        }
        let mut corrections = Vec::new();
        let wire::Metadata {
            cluster_name,
            cluster_id,
            infra_id,
            aws,
            azure,
            gcp,
            rest,
        } = wire;
        let platform = match (aws, azure, gcp) {
            (Some(aws), None, None) => {
                PlatformFacts::Aws(aws.into_facts(&cluster_name, hints, &mut corrections)?)
            }
            (None, Some(azure), None) => PlatformFacts::Azure(azure.into_facts(&infra_id)),
            (None, None, Some(gcp)) => PlatformFacts::Gcp(gcp.into_facts()?),
            (None, None, None) => PlatformFacts::Other(
                OTHER_PLATFORMS
                    .into_iter()
                    .find(|name| rest.get(*name).is_some_and(Value::is_object))
                    .unwrap_or("none")
                    .to_owned(),
            ),
            (_, _, _) => return Err(FactsError::Missing("a single platform")),
        };
        let cluster_id = cluster_id.filter(|id| !id.is_empty());
        Ok(Self {
            cluster_name,
            cluster_id,
            corrections,
            ..Self::checked(&infra_id, platform)?
        })
    }

    /// Facts of an AWS cluster from explicit values (legacy flow, command line).
    pub fn aws(infra_id: &str, facts: AwsFacts) -> Result<Self, FactsError> {
        Self::checked(infra_id, PlatformFacts::Aws(facts))
    }

    /// Facts of an Azure cluster from explicit values.
    pub fn azure(infra_id: &str, facts: AzureFacts) -> Result<Self, FactsError> {
        Self::checked(infra_id, PlatformFacts::Azure(facts))
    }

    /// Facts of a Google Cloud cluster from explicit values.
    pub fn gcp(infra_id: &str, facts: GcpFacts) -> Result<Self, FactsError> {
        Self::checked(infra_id, PlatformFacts::Gcp(facts))
    }

    /// Region of the cluster; empty where the platform has none.
    pub fn region(&self) -> &str {
        match &self.platform {
            PlatformFacts::Aws(facts) => &facts.region,
            PlatformFacts::Azure(facts) => &facts.region,
            PlatformFacts::Gcp(facts) => &facts.region,
            PlatformFacts::Other(_) => "",
        }
    }

    /// Replaced endpoints of the cluster.
    pub fn endpoints(&self) -> Endpoints {
        match &self.platform {
            PlatformFacts::Aws(facts) => facts.endpoints.clone(),
            PlatformFacts::Azure(facts) => facts.endpoints.clone(),
            PlatformFacts::Gcp(facts) => facts.endpoints.clone(),
            PlatformFacts::Other(_) => Endpoints::default(),
        }
    }

    /// Key of the platform in the metadata, and first part of the account's identity.
    pub fn cloud(&self) -> &str {
        match &self.platform {
            PlatformFacts::Aws(_) => "aws",
            PlatformFacts::Azure(_) => "azure",
            PlatformFacts::Gcp(_) => "gcp",
            PlatformFacts::Other(name) => name,
        }
    }

    /// The tags or labels any one of which marks a resource as the cluster's own.
    pub fn ownership_tags(&self) -> Vec<TagFilter> {
        let one = |key: String, value: &str| TagFilter::from([(key, value.to_owned())]);
        let infra_id = &self.infra_id;
        match &self.platform {
            PlatformFacts::Aws(facts) => facts.filters.clone(),
            PlatformFacts::Azure(_) => vec![
                one(format!("kubernetes.io_cluster.{infra_id}"), "owned"),
                one(
                    format!("sigs.k8s.io_cluster-api-provider-azure_cluster_{infra_id}"),
                    "owned",
                ),
            ],
            PlatformFacts::Gcp(_) => vec![
                one(format!("kubernetes-io-cluster-{infra_id}"), "owned"),
                one(format!("capg-cluster-{infra_id}"), "owned"),
            ],
            PlatformFacts::Other(_) => Vec::new(),
        }
    }

    /// The key that carries `owned` or `shared` on resources of this cluster.
    pub fn cluster_tag_key(&self) -> String {
        let infra_id = &self.infra_id;
        match &self.platform {
            PlatformFacts::Aws(_) | PlatformFacts::Other(_) => {
                format!("kubernetes.io/cluster/{infra_id}")
            }
            PlatformFacts::Azure(_) => format!("kubernetes.io_cluster.{infra_id}"),
            PlatformFacts::Gcp(_) => format!("kubernetes-io-cluster-{infra_id}"),
        }
    }

    /// The cluster's domain without trailing dot, where it is known.
    pub fn cluster_domain(&self) -> Option<&str> {
        match &self.platform {
            PlatformFacts::Aws(facts) => facts.cluster_domain.as_deref(),
            PlatformFacts::Gcp(facts) => facts.private_zone_domain.as_deref(),
            PlatformFacts::Azure(_) | PlatformFacts::Other(_) => None,
        }
    }

    /// The proof that these tags are, if they are one.
    pub fn proof_by_tags(&self, tags: &BTreeMap<String, String>) -> Option<Proof> {
        let filters = self.ownership_tags();
        let matching = filters.iter().find(|filter| {
            !filter.is_empty()
                && filter
                    .iter()
                    .all(|(key, value)| tags.get(key) == Some(value))
        })?;
        let (key, value) = matching
            .iter()
            .find(|pair| names_cluster(*pair, &self.infra_id))?;
        Some(Proof::OwnedTag {
            key: key.clone(),
            value: value.clone(),
        })
    }

    /// The proof that this name is, for kinds that cannot carry tags; on AWS also for the bucket of
    /// the bootstrap ignition, which is named by one call and tagged by the next.
    pub fn proof_by_name(&self, name: &str) -> Option<Proof> {
        let bootstrap = format!("openshift-bootstrap-data-{}", self.infra_id);
        if name == bootstrap && matches!(self.platform, PlatformFacts::Aws(_)) {
            return Some(Proof::NamePrefix { prefix: bootstrap });
        }
        let prefix = format!("{}-", self.infra_id);
        name.starts_with(&prefix)
            .then_some(Proof::NamePrefix { prefix })
    }

    /// The proof that this record name is, in a zone that clusters share. The boundary of labels
    /// counts: `api.mydev.example.com` is not under `dev.example.com`.
    pub fn proof_by_domain(&self, record: &str) -> Option<Proof> {
        let domain = self.cluster_domain()?;
        under_domain(record, domain).then(|| Proof::DomainName {
            domain: domain.to_owned(),
        })
    }

    /// Whether these facts bear out a proof for a resource of this name. `MemberOf` is borne out by
    /// its parent, which the plan checks.
    pub fn bear_out(&self, proof: &Proof, name: &str) -> bool {
        match proof {
            Proof::OwnedTag { key, value } => {
                names_cluster((key, value), &self.infra_id)
                    && self
                        .ownership_tags()
                        .iter()
                        .any(|filter| filter.get(key) == Some(value))
            }
            Proof::NamePrefix { .. } => self.proof_by_name(name).as_ref() == Some(proof),
            Proof::DomainName { .. } => self.proof_by_domain(name).as_ref() == Some(proof),
            Proof::MemberOf { .. } => true,
        }
    }

    fn checked(infra_id: &str, mut platform: PlatformFacts) -> Result<Self, FactsError> {
        check_infra_id(infra_id)?;
        match &mut platform {
            PlatformFacts::Aws(facts) => {
                check_filters(&facts.filters, infra_id)?;
                if facts.region.is_empty() {
                    return Err(FactsError::Missing("aws.region"));
                }
                let domain = facts.cluster_domain.take();
                facts.cluster_domain = domain
                    .map(|domain| normal_domain(&domain))
                    .filter(|domain| !domain.is_empty());
                if let Some(domain) = &facts.cluster_domain {
                    check_domain(domain)?;
                }
            }
            PlatformFacts::Azure(facts) => {
                if facts.resource_group.is_empty() {
                    facts.resource_group = format!("{infra_id}-rg");
                }
            }
            PlatformFacts::Gcp(facts) => {
                if facts.project.is_empty() {
                    return Err(FactsError::Missing("gcp.projectID"));
                }
                let domain = facts.private_zone_domain.take();
                facts.private_zone_domain = domain
                    .map(|domain| normal_domain(&domain))
                    .filter(|domain| !domain.is_empty());
            }
            PlatformFacts::Other(_) => {}
        }
        Ok(Self {
            cluster_name: String::new(),
            cluster_id: None,
            infra_id: infra_id.to_owned(),
            platform,
            corrections: Vec::new(),
        })
    }
}

/// Shorter infra IDs are refused. The installer's have a name, a dash and five random characters;
/// an imported cluster's may be anything, and `a-` would match half an account.
const SHORTEST_INFRA_ID: usize = 5;

/// Platforms that are recognised and not erased here.
const OTHER_PLATFORMS: [&str; 8] = [
    "openstack",
    "vsphere",
    "ibmcloud",
    "nutanix",
    "baremetal",
    "powervs",
    "powervc",
    "ovirt",
];

fn check_infra_id(infra_id: &str) -> Result<(), FactsError> {
    let refuse = |why| {
        Err(FactsError::InfraId {
            infra_id: infra_id.to_owned(),
            why,
        })
    };
    if infra_id.len() < SHORTEST_INFRA_ID {
        return refuse("it is too short to tell clusters apart");
    }
    if !infra_id
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return refuse("it contains a character other than letters, digits and dashes");
    }
    if infra_id.starts_with('-') || infra_id.ends_with('-') {
        return refuse("it begins or ends with a dash");
    }
    Ok(())
}

fn check_filters(filters: &[TagFilter], infra_id: &str) -> Result<(), FactsError> {
    if filters.is_empty() {
        return Err(FactsError::Missing("aws.identifier"));
    }
    for (index, filter) in filters.iter().enumerate() {
        if filter.is_empty() {
            return Err(FactsError::Filter(
                index,
                "an empty filter matches everything",
            ));
        }
        for (key, value) in filter {
            let text = [key.as_str(), value.as_str()];
            if text.iter().any(|text| text.trim().is_empty()) {
                return Err(FactsError::Filter(
                    index,
                    "an empty key or value matches too much",
                ));
            }
            if text.iter().any(|text| text.contains(['*', '?'])) {
                return Err(FactsError::Filter(index, "it contains a wildcard"));
            }
        }
        if !filter.iter().any(|pair| names_cluster(pair, infra_id)) {
            return Err(FactsError::Filter(index, "no tag in it names the cluster"));
        }
        let other_cluster = filter.keys().any(|key| {
            CLUSTER_TAG_PREFIXES
                .iter()
                .any(|prefix| key.strip_prefix(prefix).is_some_and(|id| id != infra_id))
        });
        if other_cluster {
            return Err(FactsError::Filter(index, "it names another cluster"));
        }
        let shared = filter.iter().any(|(key, value)| {
            CLUSTER_TAG_PREFIXES
                .iter()
                .any(|prefix| key.starts_with(prefix))
                && value != "owned"
        });
        if shared {
            return Err(FactsError::Filter(index, "it selects what is not owned"));
        }
    }
    Ok(())
}

/// Keys of ownership tags, up to the infra ID.
const CLUSTER_TAG_PREFIXES: [&str; 2] = [
    "kubernetes.io/cluster/",
    "sigs.k8s.io/cluster-api-provider-aws/cluster/",
];

/// Whether a tag belongs to one cluster alone: it carries the infra ID or the cluster's UUID.
fn names_cluster((key, value): (&String, &String), infra_id: &str) -> bool {
    key.contains(infra_id) || value.contains(infra_id) || key == "openshiftClusterID"
}

fn check_domain(domain: &str) -> Result<(), FactsError> {
    let refuse = |why| {
        Err(FactsError::Domain {
            domain: domain.to_owned(),
            why,
        })
    };
    if domain.contains(['*', '?']) {
        return refuse("it contains a wildcard");
    }
    if domain.split('.').any(str::is_empty) {
        return refuse("it has an empty label");
    }
    if !domain.contains('.') {
        return refuse("a single label would select too much");
    }
    Ok(())
}

fn normal_domain(domain: &str) -> String {
    domain.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// Whether `record` is strictly under `domain`, at a boundary of labels.
fn under_domain(record: &str, domain: &str) -> bool {
    normal_domain(record)
        .strip_suffix(&normal_domain(domain))
        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// The file as the installer writes it.
mod wire {
    use serde::Deserialize;
    use serde_json::{Map, Value};

    use super::{AwsFacts, AzureFacts, FactsError, GcpFacts, Hints, TagFilter, normal_domain};
    use crate::credentials::{Endpoint, Endpoints};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Metadata {
        #[serde(default)]
        pub(super) cluster_name: String,
        #[serde(default, rename = "clusterID")]
        pub(super) cluster_id: Option<String>,
        #[serde(default, rename = "infraID")]
        pub(super) infra_id: String,
        #[serde(default)]
        pub(super) aws: Option<Aws>,
        #[serde(default)]
        pub(super) azure: Option<Azure>,
        #[serde(default)]
        pub(super) gcp: Option<Gcp>,
        #[serde(flatten)]
        pub(super) rest: Map<String, Value>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Aws {
        #[serde(default)]
        region: String,
        #[serde(default)]
        service_endpoints: Option<Vec<Endpoint>>,
        #[serde(default)]
        identifier: Option<Vec<TagFilter>>,
        #[serde(default)]
        cluster_domain: Option<String>,
        #[serde(default)]
        hosted_zone_role: Option<String>,
    }

    impl Aws {
        pub(super) fn into_facts(
            self,
            cluster_name: &str,
            hints: &Hints,
            corrections: &mut Vec<String>,
        ) -> Result<AwsFacts, FactsError> {
            let cluster_domain =
                checked_cluster_domain(self.cluster_domain, cluster_name, hints, corrections)?;
            Ok(AwsFacts {
                region: self.region,
                endpoints: Endpoints(self.service_endpoints.unwrap_or_default()),
                filters: self.identifier.unwrap_or_default(),
                cluster_domain,
                hosted_zone_role: some_text(self.hosted_zone_role),
            })
        }
    }

    /// Metadata that were written afterwards for old clusters carry the base domain where the
    /// cluster's domain belongs: records of every cluster under it would count as this one's.
    fn checked_cluster_domain(
        domain: Option<String>,
        cluster_name: &str,
        hints: &Hints,
        corrections: &mut Vec<String>,
    ) -> Result<Option<String>, FactsError> {
        let Some(domain) = some_text(domain).map(|domain| normal_domain(&domain)) else {
            return Ok(None);
        };
        let refuse = |why| {
            Err(FactsError::Domain {
                domain: domain.clone(),
                why,
            })
        };
        let name = cluster_name.to_ascii_lowercase();
        let base = hints.base_domain.as_deref().map(normal_domain);
        if base.as_ref() == Some(&domain) {
            if name.is_empty() {
                return refuse("it is the base domain, and the cluster's name is unknown");
            }
            let corrected = format!("{name}.{domain}");
            corrections.push(format!(
                "metadata.json names the base domain {domain} as the cluster's domain; \
                 {corrected} is used"
            ));
            return Ok(Some(corrected));
        }
        if !name.is_empty() && !domain.starts_with(&format!("{name}.")) {
            return refuse("it does not begin with the cluster's name");
        }
        Ok(Some(domain))
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Azure {
        #[serde(default)]
        arm_endpoint: Option<String>,
        #[serde(default)]
        cloud_name: Option<String>,
        #[serde(default)]
        region: Option<String>,
        #[serde(default)]
        resource_group_name: Option<String>,
        #[serde(default)]
        base_domain_resource_group_name: Option<String>,
    }

    impl Azure {
        pub(super) fn into_facts(self, infra_id: &str) -> AzureFacts {
            let arm = some_text(self.arm_endpoint).map(|url| Endpoint {
                service: "arm".to_owned(),
                url,
            });
            AzureFacts {
                cloud_name: some_text(self.cloud_name)
                    .unwrap_or_else(|| "AzurePublicCloud".to_owned()),
                region: self.region.unwrap_or_default(),
                endpoints: Endpoints(arm.into_iter().collect()),
                resource_group: some_text(self.resource_group_name)
                    .unwrap_or_else(|| format!("{infra_id}-rg")),
                base_domain_resource_group: some_text(self.base_domain_resource_group_name),
            }
        }
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Gcp {
        #[serde(default)]
        region: Option<String>,
        #[serde(default, rename = "projectID")]
        project_id: Option<String>,
        #[serde(default, rename = "networkProjectID")]
        network_project_id: Option<String>,
        #[serde(default)]
        private_zone_domain: Option<String>,
        #[serde(default, rename = "privateZoneProjectID")]
        private_zone_project_id: Option<String>,
        #[serde(default)]
        endpoint: Option<Value>,
        #[serde(default)]
        firewall_rules_management: Option<String>,
    }

    impl Gcp {
        pub(super) fn into_facts(self) -> Result<GcpFacts, FactsError> {
            let endpoint = self
                .endpoint
                .as_ref()
                .and_then(|endpoint| endpoint.get("name"));
            let endpoint = endpoint.and_then(Value::as_str).map(|name| Endpoint {
                service: "psc".to_owned(),
                url: name.to_owned(),
            });
            Ok(GcpFacts {
                region: self.region.unwrap_or_default(),
                project: some_text(self.project_id).ok_or(FactsError::Missing("gcp.projectID"))?,
                network_project: some_text(self.network_project_id),
                private_zone_domain: some_text(self.private_zone_domain),
                private_zone_project: some_text(self.private_zone_project_id),
                endpoints: Endpoints(endpoint.into_iter().collect()),
                firewall_rules_unmanaged: self
                    .firewall_rules_management
                    .is_some_and(|managed| managed.eq_ignore_ascii_case("unmanaged")),
                discard_local_ssd: None,
            })
        }
    }

    fn some_text(text: Option<String>) -> Option<String> {
        text.map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }
}
