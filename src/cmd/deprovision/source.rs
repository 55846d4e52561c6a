//! Which cluster is meant: one of a hub, read with the user's own rights, or one described by files; and
//! whether it may be deleted.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use skep_crds::names::skep::{CLOUD_ACCOUNT_ANNOTATION, CLOUD_ACCOUNT_SECRET_KEY};
use skep_crds::names::{annotation, secret_key};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, ClusterDeprovision};
use skep_providers::erase::{
    ClusterFacts, EraseOptions, EraseRequest, EraseTarget, Hints, PlatformFacts,
};
use skep_providers::{Account, AccountId, Cloud, ConnectRequest, CredentialSource, SecretData};

use crate::cli::why::operator_settings;
use crate::controllers::cluster_deprovision::{by_hand, legacy_metadata};
use crate::controllers::context::Shared;
use crate::controllers::credentials::CredentialsRef;
use crate::controllers::receipts::{Receipts, Subject};
use crate::runtime::metrics::Metrics;
use crate::runtime::{Clock, Config, ConfigStore, Context as RuntimeContext, Reader};

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
    shared: Shared,
    /// Why the operator's settings are not known.
    unread: Option<String>,
}

/// A cluster that can be deleted.
pub(super) struct Cluster {
    facts: Arc<ClusterFacts>,
    account: Option<AccountId>,
    opened: Arc<dyn Account>,
    /// The hub that knows it.
    pub(super) hub: Option<OfHub>,
    warnings: Vec<String>,
}

/// What a hub knows of a cluster.
pub(super) struct OfHub {
    /// The hub.
    pub(super) hub: Hub,
    cluster: Option<ClusterDeployment>,
    /// The order, as it is or as the hub would give it.
    order: Arc<ClusterDeprovision>,
    in_operators_hands: bool,
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

    /// Tells what should be known beforehand.
    pub(super) fn warn(&self) -> io::Result<()> {
        let corrections = self.facts.corrections.iter().chain(&self.warnings);
        for warning in corrections {
            writeln!(io::stderr(), "note: {warning}")?;
        }
        Ok(())
    }
}

impl OfHub {
    /// The gates of docs/spec/20 §3 hold for people too; they are asked once, before the first call.
    /// `beside`: although the operator deletes the cluster as well.
    pub(super) async fn may_be_deleted(&self, beside: bool) -> Result<()> {
        let refuse = |why: String| Err(Error::Gate(why).into());
        let by_files = "restore it, or describe the cluster by --metadata-json and --creds-dir";
        let (name, hub) = (&self.hub.subject.cluster, &self.hub);
        if self.cluster.is_none() {
            return refuse(format!(
                "ClusterDeployment {name} does not exist; {by_files}"
            ));
        }
        if let Some(why) = &hub.unread {
            return refuse(format!(
                "{why}, and they may forbid all deletions; name its namespace with --operator-namespace"
            ));
        }
        let refusal = by_hand::refusal(&hub.shared, &self.order).await;
        let refusal = refusal.map_err(|error| {
            let why = crate::runtime::error_chain(&error);
            Error::Gate(format!(
                "not all that forbids a deletion can be read: {why}"
            ))
        })?;
        if let Some(why) = refusal {
            return refuse(why);
        }
        if self.in_operators_hands && !beside {
            return refuse(format!(
                "the operator deletes ClusterDeployment {name} itself; `skep why cd {name} -n {}` tells how \
                 far it is. Only if it does not, give --beside-the-operator",
                hub.namespace
            ));
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
            (Some(name), _, _) => of_hub(name, Hub::connect(&self.hub, clouds).await?).await,
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
            warnings: Vec::new(),
        })
    }
}

impl Hub {
    /// Connects as the user's kubeconfig says.
    pub(super) async fn connect(
        args: &HubArgs,
        clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    ) -> Result<Self> {
        let mut environment = Config::from_environment()?;
        if let Some(namespace) = &args.operator_namespace {
            environment.hive_namespace.clone_from(namespace);
        }
        let client = kube::Client::try_default()
            .await
            .context("cannot connect to the hub")?;
        let namespace = args
            .namespace
            .clone()
            .unwrap_or_else(|| client.default_namespace().to_owned());
        let reader = Reader::new(client.clone());
        let (settings, unread) = operator_settings(&reader, &environment.hive_namespace).await;
        let config = if unread.is_some() {
            environment
        } else {
            // Whoever forbids deletions in either place means it.
            let disabled = settings.deprovisions_disabled || environment.deprovisions_disabled;
            Config {
                deprovisions_disabled: disabled,
                ..settings
            }
        };
        let clock = Clock::real();
        let context =
            RuntimeContext::with_metrics(client, clock, "skep-deprovision", Metrics::new());
        let shared = Shared::new(context, ConfigStore::new(config), clouds.clone());
        let subject = Subject {
            namespace: namespace.clone(),
            cluster: String::new(),
            cluster_uid: String::new(),
            infra_id: String::new(),
        };
        Ok(Self {
            receipts: shared.erasures.receipts().clone(),
            subject,
            namespace,
            shared,
            unread: unread.map(|note| note.message),
        })
    }

    const fn reader(&self) -> &Reader {
        &self.shared.context.reader
    }
}

async fn of_hub(name: &str, mut hub: Hub) -> Result<Cluster> {
    let namespace = hub.namespace.clone();
    let order = hub
        .reader()
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
        .reader()
        .get_live::<ClusterDeployment>(&namespace, &cluster_name)
        .await?;
    let in_operators_hands = cluster
        .as_ref()
        .is_some_and(|cluster| by_hand::is_in_operators_hands(order.as_ref(), cluster));
    let order = match (order, &cluster) {
        (Some(order), _) => order,
        (None, Some(cluster)) => by_hand::order_of(cluster).ok_or_else(|| {
            anyhow!("{namespace}/{name} has no infra ID: nothing was created for it")
        })?,
        (None, None) => bail!(
            "there is no ClusterDeployment or ClusterDeprovision {name} in namespace {namespace}"
        ),
    };
    let spec = &order.spec;
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
    } = describe(&hub, &order).await?;
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
    let clouds = &hub.shared.clouds;
    let opened = clouds
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
    Ok(Cluster {
        facts: Arc::new(facts),
        account,
        opened,
        hub: Some(OfHub {
            hub,
            cluster,
            order: Arc::new(order),
            in_operators_hands,
        }),
        warnings,
    })
}

struct Described {
    metadata_json: Vec<u8>,
    account: Option<String>,
}

async fn describe(hub: &Hub, order: &ClusterDeprovision) -> Result<Described> {
    let spec = &order.spec;
    let legacy = order.annotations().get(annotation::LEGACY_DEPROVISION);
    let legacy = annotation::is_true(legacy.map(String::as_str));
    let mut data = BTreeMap::new();
    if let Some(name) = spec.metadata_json_secret() {
        let secret = hub
            .reader()
            .get_live::<Secret>(&hub.namespace, name)
            .await?;
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
}
