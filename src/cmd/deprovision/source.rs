//! Which cluster is meant: one of a hub, read with the user's own rights, or one described by files.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use skep_crds::names::skep::{CLOUD_ACCOUNT_ANNOTATION, CLOUD_ACCOUNT_SECRET_KEY, FIELD_MANAGER};
use skep_crds::names::{annotation, secret_key};
use skep_crds::platform::{DeprovisionPlatform, PlatformKind, aws};
use skep_crds::{ClusterDeployment, ClusterDeprovision, ClusterDeprovisionSpec};
use skep_providers::erase::{
    ClusterFacts, EraseOptions, EraseRequest, EraseTarget, Hints, PlatformFacts,
};
use skep_providers::{Account, AccountId, Cloud, ConnectRequest, CredentialSource, SecretData};

use crate::controllers::cluster_deprovision::legacy_metadata;
use crate::controllers::credentials::{Clouds, CredentialsRef};
use crate::controllers::receipts::{Receipts, Subject};
use crate::runtime::metrics::Metrics;
use crate::runtime::{Clock, Config, ConfigStore, Reader, Writer};

/// Where the hub's objects are.
#[derive(Debug, clap::Args)]
pub(super) struct HubArgs {
    /// Namespace of the cluster; the kubeconfig's own by default.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Namespace of the operator, where receipts are kept.
    #[arg(long, value_name = "NAMESPACE")]
    operator_namespace: Option<String>,
}

/// Which cluster is meant.
#[derive(Debug, clap::Args)]
pub(super) struct SourceArgs {
    /// Name of a ClusterDeployment or ClusterDeprovision of the hub that KUBECONFIG leads to.
    #[arg(required_unless_present = "metadata_json", conflicts_with_all = ["metadata_json", "creds_dir"])]
    name: Option<String>,
    #[command(flatten)]
    hub: HubArgs,
    /// The installer's description of the cluster, instead of a hub.
    #[arg(long, value_name = "FILE", requires = "creds_dir")]
    metadata_json: Option<PathBuf>,
    /// Directory with one file for each key of the credentials Secret.
    #[arg(long, value_name = "DIR", requires = "metadata_json")]
    creds_dir: Option<PathBuf>,
    /// The account that the cluster was installed into; another one is refused.
    #[arg(long, requires = "metadata_json", conflicts_with = "name")]
    account: Option<String>,
    /// Base domain of the cluster; a description that claims all of it is corrected.
    #[arg(
        long,
        value_name = "DOMAIN",
        requires = "metadata_json",
        conflicts_with = "name"
    )]
    base_domain: Option<String>,
}

/// What has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A gate is shut.
    #[error("refused: {0}")]
    Gate(String),
    /// There are no credentials to use.
    #[error("{0}")]
    Credentials(String),
}

/// A hub, as this user may use it.
pub(super) struct Hub {
    /// The receipts kept in it.
    pub(super) receipts: Receipts,
    /// Whose receipts.
    pub(super) subject: Subject,
    /// Namespace of the cluster.
    pub(super) namespace: String,
    reader: Reader,
    config: ConfigStore,
}

/// A cluster that can be deleted.
pub(super) struct Cluster {
    facts: Arc<ClusterFacts>,
    account: Option<AccountId>,
    opened: Arc<dyn Account>,
    /// The hub that knows it.
    pub(super) hub: Option<Hub>,
    gate: Option<String>,
    warnings: Vec<String>,
}

impl Cluster {
    /// What the engine works on.
    pub(super) fn target(&self) -> Result<Arc<dyn EraseTarget>> {
        Ok(self.opened.eraser(&self.facts)?)
    }

    /// What the engine is asked for.
    pub(super) fn request(&self, options: EraseOptions) -> EraseRequest {
        let mut request = EraseRequest::new(Arc::clone(&self.facts), self.account.clone());
        request.options = options;
        request
    }

    /// The gates of docs/spec/20 §3 hold for people too.
    pub(super) fn may_be_deleted(&self) -> Result<(), Error> {
        match &self.gate {
            Some(why) => Err(Error::Gate(why.clone())),
            None => Ok(()),
        }
    }

    /// Tells what should be known beforehand.
    pub(super) fn warn(&self) -> io::Result<()> {
        let corrections = self.facts.corrections.iter().chain(&self.warnings);
        for warning in corrections {
            writeln!(io::stderr(), "note: {warning}")?;
        }
        Ok(())
    }
}

impl SourceArgs {
    /// Reads everything and opens the account. Makes no call to the cloud.
    pub(super) async fn resolve(
        &self,
        clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    ) -> Result<Cluster> {
        match (&self.name, &self.metadata_json, &self.creds_dir) {
            (Some(name), _, _) => of_hub(name, Hub::connect(&self.hub).await?, clouds).await,
            (None, Some(metadata), Some(credentials)) => {
                self.of_files(metadata, credentials, clouds).await
            }
            (None, _, _) => bail!("name a cluster, or give --metadata-json and --creds-dir"),
        }
    }

    async fn of_files(
        &self,
        metadata: &Path,
        credentials: &Path,
        clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    ) -> Result<Cluster> {
        let bytes = std::fs::read(metadata)
            .with_context(|| format!("cannot read {}", metadata.display()))?;
        let hints = Hints {
            infra_id: None,
            base_domain: self.base_domain.clone(),
        };
        let facts = ClusterFacts::from_metadata(&bytes, &hints)?;
        let platform = platform_of(&facts);
        let cloud = clouds.get(&platform);
        let cloud =
            cloud.ok_or_else(|| anyhow!("clusters on {} cannot be deleted yet", facts.cloud()))?;
        let source = CredentialSource::from_secret(read_directory(credentials)?);
        let (region, endpoints) = (facts.region().to_owned(), facts.endpoints());
        let opened = cloud
            .connect(ConnectRequest {
                source,
                region,
                endpoints,
            })
            .await;
        let opened = opened.map_err(|error| Error::Credentials(error.to_string()))?;
        let account = self
            .account
            .as_deref()
            .map(|account| account_of(account, facts.cloud()));
        Ok(Cluster {
            account: account.transpose()?,
            facts: Arc::new(facts),
            opened,
            hub: None,
            gate: None,
            warnings: Vec::new(),
        })
    }
}

impl Hub {
    /// Connects as the user's kubeconfig says.
    pub(super) async fn connect(args: &HubArgs) -> Result<Self> {
        let mut config = Config::from_environment()?;
        if let Some(namespace) = &args.operator_namespace {
            config.hive_namespace.clone_from(namespace);
        }
        let client = kube::Client::try_default()
            .await
            .context("cannot connect to the hub")?;
        let namespace = args
            .namespace
            .clone()
            .unwrap_or_else(|| client.default_namespace().to_owned());
        let reader = Reader::new(client.clone());
        let writer = Writer::new(client, FIELD_MANAGER, Metrics::new());
        let operator = config.hive_namespace.clone();
        let receipts = Receipts::new(reader.clone(), writer, Clock::real(), operator);
        let subject = Subject {
            namespace: namespace.clone(),
            cluster: String::new(),
            cluster_uid: String::new(),
            infra_id: String::new(),
        };
        Ok(Self {
            receipts,
            subject,
            namespace,
            reader,
            config: ConfigStore::new(config),
        })
    }
}

async fn of_hub(
    name: &str,
    mut hub: Hub,
    clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
) -> Result<Cluster> {
    let namespace = hub.namespace.clone();
    let order = hub
        .reader
        .get_live::<ClusterDeprovision>(&namespace, name)
        .await?;
    let owner = order.as_ref().and_then(|order| {
        order
            .owner_references()
            .iter()
            .find(|owner| owner.controller == Some(true))
            .cloned()
    });
    let cluster_name = owner.map_or_else(|| name.to_owned(), |owner| owner.name);
    let cluster = hub
        .reader
        .get_live::<ClusterDeployment>(&namespace, &cluster_name)
        .await?;
    let spec = match (&order, &cluster) {
        (Some(order), _) => order.spec.clone(),
        (None, Some(cluster)) => order_of(cluster).ok_or_else(|| {
            anyhow!("{namespace}/{name} has no infra ID: nothing was created for it")
        })?,
        (None, None) => bail!(
            "there is no ClusterDeployment or ClusterDeprovision {name} in namespace {namespace}"
        ),
    };
    hub.subject = Subject {
        namespace: namespace.clone(),
        cluster: cluster_name,
        cluster_uid: cluster
            .as_ref()
            .and_then(ResourceExt::uid)
            .unwrap_or_default(),
        infra_id: spec.infra_id.clone(),
    };
    let Described {
        metadata_json,
        account,
    } = describe(&hub, &spec, order.as_ref()).await?;
    let hints = Hints {
        infra_id: Some(spec.infra_id.clone()),
        base_domain: spec.base_domain.clone(),
    };
    let facts = ClusterFacts::from_metadata(&metadata_json, &hints)?;
    let platform = spec.platform.clone().unwrap_or_default();
    let role = platform
        .aws
        .as_ref()
        .and_then(|aws| aws.credentials_assume_role.as_ref());
    let credentials = CredentialsRef {
        namespace,
        secret: platform.credentials_secret().map(str::to_owned),
        assume_role: role.map(|role| (role.role_arn.clone(), role.external_id.clone())),
    };
    let opened = Clouds::new(clouds.clone(), hub.reader.clone(), hub.config.clone())
        .open(
            platform.kind(),
            &credentials,
            facts.region(),
            facts.endpoints(),
        )
        .await
        .map_err(|error| Error::Credentials(crate::runtime::error_chain(&error)))?;
    let recorded = cluster
        .as_ref()
        .and_then(|cluster| cluster.annotations().get(CLOUD_ACCOUNT_ANNOTATION).cloned());
    let account = account
        .or(recorded)
        .map(|account| AccountId::parse(&account))
        .transpose()?;
    let mut warnings = Vec::new();
    if account.is_none() {
        warnings.push("no account was recorded when the cluster was installed".to_owned());
    }
    if order.as_ref().is_some_and(|order| !order.is_completed()) {
        warnings.push("the operator may be deleting this cluster at the same time".to_owned());
    }
    let gate = gate_of(cluster.as_ref(), name);
    Ok(Cluster {
        facts: Arc::new(facts),
        account,
        opened,
        hub: Some(hub),
        gate,
        warnings,
    })
}

/// docs/spec/20 §3: what a hand-made order cannot do, a command cannot do either.
fn gate_of(cluster: Option<&ClusterDeployment>, name: &str) -> Option<String> {
    let by_files = "or describe it by --metadata-json and --creds-dir";
    let Some(cluster) = cluster else {
        return Some(format!(
            "ClusterDeployment {name} does not exist; restore it, {by_files}"
        ));
    };
    let protected = cluster.annotations().get(annotation::PROTECTED_DELETE);
    if annotation::is_true(protected.map(String::as_str)) {
        return Some(format!(
            "ClusterDeployment {name} is protected against deletion"
        ));
    }
    cluster
        .metadata
        .deletion_timestamp
        .is_none()
        .then(|| format!("ClusterDeployment {name} is not being deleted; delete it, {by_files}"))
}

/// The order that the hub would give for a cluster, as far as this command reads it.
fn order_of(cluster: &ClusterDeployment) -> Option<ClusterDeprovisionSpec> {
    let metadata = cluster.spec.cluster_metadata.as_ref()?;
    let found = metadata
        .platform
        .as_ref()
        .and_then(|platform| platform.aws.as_ref());
    let aws = cluster
        .spec
        .platform
        .aws
        .as_ref()
        .map(|platform| aws::Deprovision {
            credentials_assume_role: platform.credentials_assume_role.clone(),
            credentials_secret_ref: platform.credentials_secret_ref.clone(),
            hosted_zone_role: found.and_then(|found| found.hosted_zone_role.clone()),
            region: platform.region.clone(),
        });
    Some(ClusterDeprovisionSpec {
        base_domain: Some(cluster.spec.base_domain.clone()),
        cluster_id: Some(metadata.cluster_id.clone()),
        cluster_name: Some(cluster.spec.cluster_name.clone()),
        infra_id: metadata.infra_id.clone(),
        metadata_json_secret_ref: metadata.metadata_json_secret_ref.clone(),
        platform: Some(DeprovisionPlatform {
            aws,
            ..DeprovisionPlatform::default()
        }),
    })
}

struct Described {
    metadata_json: Vec<u8>,
    account: Option<String>,
}

async fn describe(
    hub: &Hub,
    spec: &ClusterDeprovisionSpec,
    order: Option<&ClusterDeprovision>,
) -> Result<Described> {
    let legacy = order.and_then(|order| order.annotations().get(annotation::LEGACY_DEPROVISION));
    let legacy = annotation::is_true(legacy.map(String::as_str));
    let mut data = BTreeMap::new();
    if let Some(name) = spec.metadata_json_secret() {
        let secret = hub.reader.get_live::<Secret>(&hub.namespace, name).await?;
        ensure!(
            secret.is_some() || legacy,
            "Secret {name}, which describes the cluster, is missing"
        );
        data = secret.and_then(|secret| secret.data).unwrap_or_default();
    }
    let account = data
        .remove(CLOUD_ACCOUNT_SECRET_KEY)
        .map(|ByteString(bytes)| bytes);
    let account = account.and_then(|bytes| String::from_utf8(bytes).ok());
    let metadata_json = match spec.metadata_json_secret() {
        Some(_) if !legacy => data
            .remove(secret_key::METADATA_JSON)
            .map(|ByteString(bytes)| bytes),
        Some(_) | None => legacy_metadata(spec),
    };
    let metadata_json =
        metadata_json.context("the hub does not describe the cluster well enough")?;
    Ok(Described {
        metadata_json,
        account,
    })
}

/// One file for each key, as a mounted Secret has them.
fn read_directory(directory: &Path) -> Result<SecretData> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    let mut data = SecretData::default();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Kubernetes keeps the content of a mounted Secret in entries that begin with two dots.
        if name.starts_with("..") || !entry.path().is_file() {
            continue;
        }
        let content = std::fs::read(entry.path())
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
        data.insert(name, content);
    }
    ensure_any(&data, directory)?;
    Ok(data)
}

fn ensure_any(data: &SecretData, directory: &Path) -> Result<(), Error> {
    if data.keys().next().is_none() {
        return Err(Error::Credentials(format!(
            "{} holds no files",
            directory.display()
        )));
    }
    Ok(())
}

/// `123456789012` is as good as `aws:123456789012`.
fn account_of(text: &str, cloud: &str) -> Result<AccountId> {
    if text.contains(':') {
        return Ok(AccountId::parse(text)?);
    }
    Ok(AccountId::parse(&format!("{cloud}:{text}"))?)
}

const fn platform_of(facts: &ClusterFacts) -> PlatformKind {
    match &facts.platform {
        PlatformFacts::Aws(_) => PlatformKind::Aws,
        PlatformFacts::Azure(_) => PlatformKind::Azure,
        PlatformFacts::Gcp(_) => PlatformKind::Gcp,
        PlatformFacts::Other(_) => PlatformKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_secret_is_read_by_its_keys() {
        let folder = std::env::temp_dir().join(format!("skep-creds-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("..data")).unwrap();
        assert!(
            read_directory(&folder).is_err(),
            "an empty folder holds no credentials"
        );
        std::fs::write(folder.join("aws_access_key_id"), "AKIA\n").unwrap();
        let data = read_directory(&folder).unwrap();
        assert_eq!(data.keys().collect::<Vec<_>>(), ["aws_access_key_id"]);
        assert_eq!(data.text("aws_access_key_id"), Some("AKIA"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_account_may_be_named_without_its_cloud() {
        for text in ["123456789012", "aws:123456789012"] {
            assert_eq!(
                account_of(text, "aws").unwrap(),
                AccountId::new("aws", "123456789012")
            );
        }
    }

    /// docs/spec/20 §3, step 3.
    #[test]
    fn a_living_or_protected_cluster_is_refused() {
        let mut cluster =
            ClusterDeployment::new("demo", skep_crds::ClusterDeploymentSpec::default());
        let refused = |cluster: Option<&ClusterDeployment>| gate_of(cluster, "demo").is_some();
        assert!(refused(None));
        assert!(refused(Some(&cluster)), "it is not being deleted");
        let time =
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH);
        cluster.metadata.deletion_timestamp = Some(time);
        assert!(!refused(Some(&cluster)));
        let protected = (annotation::PROTECTED_DELETE.to_owned(), "true".to_owned());
        cluster.metadata.annotations = Some([protected].into());
        assert!(refused(Some(&cluster)));
    }
}
