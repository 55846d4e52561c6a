//! What `decide` may look at: one ClusterDeployment, what belongs to it, and what it refers to, parsed.
//!
//! No content of any Secret stands here: facts, digests and names only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use skep_crds::names::condition::cd;
use skep_crds::names::object_name;
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, Stage, condition};

use super::decide::refusal_of;
use crate::controllers::checks::Check;
use crate::controllers::erasure;
use crate::controllers::inputs::Read;
use crate::runtime::{At, Trouble};

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that are independent of each other"
)]
pub struct Observed {
    /// The ClusterDeployment as it was read.
    pub at: At,
    /// When it was created.
    pub created: Timestamp,
    /// Since when it is being deleted.
    pub deleting_since: Option<Timestamp>,
    /// What its annotations ask for.
    pub wishes: Wishes,
    /// Labels that must be set, with their values.
    pub stale_labels: BTreeMap<String, String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Where it lives.
    pub platform: Platform,
    /// How it comes into being.
    pub origin: Origin,
    /// `spec.installed`.
    pub installed: bool,
    /// `spec.clusterMetadata`.
    pub identity: Option<Identity>,
    /// The cloud account on record.
    pub account: Option<String>,
    /// `spec.preserveOnDelete`.
    pub preserve: bool,
    /// Another ClusterDeployment that carries the same infra ID and is not being deleted.
    pub used_by: Option<String>,
    /// What an attempt needs.
    pub inputs: Inputs,
    /// The images of the release.
    pub images: Images,
    /// Attempts in order of their numbers.
    pub attempts: Vec<Attempt>,
    /// What the status says about attempts.
    pub progress: Progress,
    /// When another attempt is not to be made.
    pub limits: Limits,
    /// Pods of install Jobs that may still call the cloud.
    pub living_pods: usize,
    /// The ClusterDeprovision of this name.
    pub deprovision: Option<Deprovision>,
    /// The erasure that runs for this cluster without a ClusterDeprovision.
    pub erasure: erasure::State,
    /// Secrets that the deletion needs.
    pub secrets: Secrets,
    /// Whether the namespace is going away.
    pub namespace_terminating: bool,
    /// Whether the `ConfigMap` with trusted authorities is there.
    pub trusted_ca: bool,
    /// Settings of the operator that matter here.
    pub settings: Settings,
    /// Conditions as they are on record, as far as a decision depends on them.
    pub recorded: Recorded,
    /// What the last run failed of.
    pub trouble: Option<Trouble>,
}

impl Observed {
    /// What only the operator's process knows, as far as its conditions tell: for whoever looks from
    /// elsewhere.
    pub fn assume_recorded(&mut self, root: &ClusterDeployment) {
        let found = condition::find(root.conditions(), cd::AUTHENTICATION_FAILURE);
        if self.inputs.check != Check::Unchecked {
            return;
        }
        if let Some(found) = found.filter(|found| found.is_true() || found.is_false()) {
            let account = || {
                self.account
                    .clone()
                    .unwrap_or_else(|| "that is on record".to_owned())
            };
            self.inputs.check = if found.is_false() {
                Check::Accepted { account: account() }
            } else {
                let Credentials::Present { what, .. } = &self.inputs.credentials else {
                    return;
                };
                let begin = refusal_of(what);
                let message = found.message();
                let message = message.strip_prefix(&begin).unwrap_or(message).to_owned();
                Check::Refused {
                    message,
                    retry_at: Timestamp::MAX,
                }
            };
        }
    }

    /// Name of the ClusterDeployment.
    pub fn name(&self) -> &str {
        &self.at.key.name
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.at.key.namespace
    }

    /// Whether Skep's finalizer is on it.
    pub fn is_held(&self) -> bool {
        self.finalizers
            .iter()
            .any(|name| name == skep_crds::names::finalizer::DEPROVISION)
    }

    /// The attempt that the status names, if it exists.
    pub fn current(&self) -> Option<&Attempt> {
        let name = self.progress.provision.as_deref()?;
        self.attempts.iter().find(|attempt| attempt.name == name)
    }

    /// The newest attempt that failed.
    pub fn newest_failed(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.stage == Stage::Failed)
    }

    /// The newest attempt that was allowed to create things, and of which something may exist, while the
    /// ClusterDeployment does not carry its identity: somebody took `spec.clusterMetadata` away.
    pub fn unrecorded(&self) -> Option<&Attempt> {
        let may_own = |attempt: &&Attempt| {
            attempt.stage != Stage::Initializing
                && !attempt.cleaned_up
                && attempt.reported.is_some()
        };
        let unknown = self.identity.is_none();
        self.attempts.iter().rev().find(may_own).filter(|_| unknown)
    }

    /// The attempt that reported the identity on record, with the installer's description.
    pub fn described_by(&self) -> Option<&Attempt> {
        let identity = self.identity.as_ref()?;
        self.attempts.iter().find(|attempt| {
            attempt.reported.as_ref().is_some_and(|reported| {
                reported.infra_id == identity.infra_id && reported.metadata_digest.is_some()
            })
        })
    }

    /// Whether some attempt tells where the identity on record comes from.
    pub fn is_explained(&self, identity: &Identity) -> bool {
        self.attempts
            .iter()
            .filter_map(|attempt| attempt.reported.as_ref())
            .any(|reported| reported.infra_id == identity.infra_id)
    }

    /// Name of the attempt of this number.
    pub fn attempt_name(&self, number: i64) -> String {
        object_name::cluster_provision(self.name(), &self.at.key.uid, number)
    }

    /// Whether the merged pull secret is stored as it should be.
    pub fn merged_pull_secret_is_current(&self) -> bool {
        match (&self.inputs.pull_secret, &self.inputs.merged) {
            (PullSecret::Ready(wanted), Read::Known(stored)) => wanted == stored,
            (_, Read::Known(_) | Read::Unread | Read::Absent) => false,
        }
    }

    /// Name of the Secret with the installer's description of the cluster.
    pub fn metadata_secret(&self) -> String {
        self.identity
            .as_ref()
            .and_then(|identity| identity.metadata_secret.clone())
            .unwrap_or_else(|| object_name::metadata_json_secret(self.name()))
    }
}

/// What annotations ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that are independent of each other"
)]
pub struct Wishes {
    /// Nothing is done.
    pub paused: bool,
    /// Deletion is refused.
    pub protected: bool,
    /// Whether the protection annotation is there, whatever its value.
    pub protection_decided: bool,
    /// When the operator deletes the object.
    pub delete_after: DeleteAfter,
    /// One attempt only.
    pub try_once: bool,
    /// Images are not resolved.
    pub minimal: bool,
    /// Where a move to another hub stands.
    pub relocation: Relocation,
}

/// `delete-after`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeleteAfter {
    /// Not asked for.
    #[default]
    Never,
    /// From this moment on.
    At(Timestamp),
    /// The value is no duration.
    Invalid(String),
}

/// Where a move to another hub stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Relocation {
    /// There is none.
    #[default]
    None,
    /// The object leaves or arrives: it is left alone.
    UnderWay(String),
    /// The object lives on another hub now.
    Complete,
    /// The annotation cannot be understood.
    Invalid(String),
}

/// Where a cluster lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Platform {
    /// Which cloud.
    pub kind: PlatformKind,
    /// Whether Skep can create and delete clusters there.
    pub supported: bool,
    /// `spec.manageDNS`.
    pub manage_dns: bool,
}

/// How a cluster comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Skep installs it.
    Provisioning,
    /// Another controller installs it.
    ClusterInstall,
    /// It says neither; an adopted cluster for example.
    Unsaid,
}

/// `spec.clusterMetadata`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The infra ID.
    pub infra_id: String,
    /// The cluster's own identifier.
    pub cluster_id: String,
    /// Secret with the administrator's kubeconfig.
    pub kubeconfig: String,
    /// Secret with the administrator's password.
    pub password: Option<String>,
    /// Secret with the installer's description.
    pub metadata_secret: Option<String>,
    /// Facts that the deletion needs, `platform.<cloud>.<fact>`.
    pub facts: PlatformFacts,
}

/// Facts of a cluster's cloud that its deletion needs. `None`: not known; empty: known to be none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PlatformFacts {
    /// AWS: role for a private zone in another account.
    pub hosted_zone_role: Option<String>,
    /// Azure: the resource group.
    pub resource_group: Option<String>,
    /// Google Cloud: project of a shared network.
    pub network_project: Option<String>,
}

impl PlatformFacts {
    /// The mandatory fact that is missing (docs/spec/20 §1), as its path in the spec.
    pub fn gap(&self, platform: PlatformKind) -> Option<&'static str> {
        match platform {
            PlatformKind::Aws if self.hosted_zone_role.is_none() => {
                Some("spec.clusterMetadata.platform.aws.hostedZoneRole")
            }
            PlatformKind::Azure
                if self
                    .resource_group
                    .as_deref()
                    .unwrap_or_default()
                    .is_empty() =>
            {
                Some("spec.clusterMetadata.platform.azure.resourceGroupName")
            }
            PlatformKind::Gcp if self.network_project.is_none() => {
                Some("spec.clusterMetadata.platform.gcp.networkProjectID")
            }
            PlatformKind::Aws
            | PlatformKind::Azure
            | PlatformKind::Gcp
            | PlatformKind::OpenStack
            | PlatformKind::VSphere
            | PlatformKind::BareMetal
            | PlatformKind::AgentBareMetal
            | PlatformKind::IbmCloud
            | PlatformKind::None
            | PlatformKind::Nutanix
            | PlatformKind::Unknown => None,
        }
    }
}

/// What an attempt needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inputs {
    /// Name of the Secret with the install-config.
    pub install_config_secret: Option<String>,
    /// Whether it describes this cluster.
    pub install_config: Read<Result<(), InstallConfigProblem>>,
    /// A Secret that the install pod takes along and that does not exist: the field, and its name.
    pub not_there: Option<(&'static str, String)>,
    /// Whether a customization is referenced.
    pub customization: Option<String>,
    /// The release.
    pub release: Release,
    /// The registry credentials.
    pub pull_secret: PullSecret,
    /// Digest of the merged pull secret as it is stored.
    pub merged: Read<String>,
    /// The cloud credentials.
    pub credentials: Credentials,
    /// What the cloud said about them.
    pub check: Check,
}

/// Why an install-config cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InstallConfigProblem {
    /// The Secret lacks its key.
    NoKey,
    /// It cannot be parsed, or describes another cluster.
    Invalid(String),
}

/// The release to install.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Release {
    /// None is named.
    Unnamed,
    /// The image set is missing.
    NoImageSet(String),
    /// The release image.
    Image(String),
}

/// Registry credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PullSecret {
    /// Neither a cluster's own nor a global one is named.
    Unnamed,
    /// A named Secret is missing.
    Missing(String),
    /// A named Secret cannot be used.
    Invalid {
        /// `namespace/name`.
        secret: String,
        /// Why.
        problem: String,
    },
    /// The content is not known yet.
    Unread,
    /// Digest of what the merged Secret should hold.
    Ready(String),
}

/// Cloud credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Neither a Secret nor a role is named.
    Unnamed,
    /// The Secret is missing: `namespace/name`.
    Missing(String),
    /// The content is not known yet.
    Unread,
    /// They are there. The text changes whenever what leads to the account does.
    Present {
        /// What they are, for people.
        what: String,
        /// Changes with their content, the region and the endpoints.
        fingerprint: String,
    },
}

/// The images of the release.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Images {
    /// Both images are known.
    pub resolved: bool,
    /// `spec.provisioning.installerImageOverride`.
    pub installer_override: Option<String>,
    /// The Job that resolves them.
    pub job: ImageJob,
    /// Changes with the release image, what changes its meaning, and the pull secret.
    pub inputs: String,
    /// What the Job's pod reported last, if that was a failure.
    pub reported_failure: Option<String>,
}

/// The Job that resolves images.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ImageJob {
    /// There is none.
    Absent,
    /// It is on its way out.
    Leaving,
    /// It runs.
    Running {
        /// Its UID.
        uid: String,
        /// Since when.
        since: Timestamp,
        /// What its pod waits for, if that does not pass by itself.
        stuck: Option<String>,
    },
    /// It has ended.
    Ended {
        /// Its UID.
        uid: String,
        /// When.
        at: Timestamp,
        /// How often it was tried before.
        tries: u32,
        /// The inputs that it had.
        inputs: String,
        /// Its reason and message, if it failed.
        failure: Option<(String, String)>,
    },
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Name of the ClusterProvision.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its number, from zero.
    pub number: i64,
    /// `spec.stage`.
    pub stage: Stage,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What the install pod reported.
    pub reported: Option<Reported>,
    /// Why and when it failed.
    pub failure: Option<Failure>,
    /// Why its pod does not start.
    pub stuck: Option<(String, String)>,
    /// The installer's last milestone.
    pub milestone: Option<String>,
    /// Whether nothing of it is left.
    pub cleaned_up: bool,
    /// Why what it left behind cannot be erased.
    pub clean_up_stalled: Option<String>,
}

impl Attempt {
    /// Whether it may still give a cluster.
    pub fn is_active(&self) -> bool {
        self.stage != Stage::Failed && !self.deleting
    }
}

/// What an install pod reported about the cluster-to-be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reported {
    /// The infra ID.
    pub infra_id: String,
    /// The cluster's own identifier.
    pub cluster_id: String,
    /// Secret with the administrator's kubeconfig.
    pub kubeconfig: Option<String>,
    /// Secret with the administrator's password.
    pub password: Option<String>,
    /// The account, if it is on record.
    pub account: Option<String>,
    /// Digest of the installer's description and the account; `None` without a description.
    pub metadata_digest: Option<String>,
    /// Facts in that description.
    pub facts: PlatformFacts,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The classified reason.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// What the status says about attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// `status.provisionRef`.
    pub provision: Option<String>,
    /// `status.installRestarts`.
    pub restarts: i64,
    /// `status.installStartedTimestamp` is set.
    pub started: bool,
    /// `status.installedTimestamp` is set.
    pub stamped: bool,
    /// `status.apiURL` is set.
    pub api_url_known: bool,
}

/// When another attempt is not to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// `spec.installAttemptsLimit`.
    pub attempts: Option<i32>,
    /// Reasons after which another attempt is made; `None`: all.
    pub retry_reasons: Option<Vec<String>>,
}

/// The ClusterDeprovision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deprovision {
    /// Its UID.
    pub uid: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether nothing is left.
    pub completed: bool,
    /// The infra ID that it deletes.
    pub infra_id: String,
    /// Its condition `AuthenticationFailure`: whether it holds, reason, message.
    pub authentication: Option<(bool, String, String)>,
    /// What it says about its progress.
    pub summary: Option<String>,
}

/// Secrets that the deletion needs, and the administrator's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Secrets {
    /// Secrets that exist, are needed, and are not held yet.
    pub to_hold: Vec<String>,
    /// Secrets that are needed and held, and that somebody has deleted.
    pub leaving: Vec<String>,
    /// Held Secrets of the namespace that nobody but this cluster needs.
    pub to_release: Vec<String>,
    /// Digest of the metadata Secret's content and account.
    pub metadata: Read<String>,
    /// Admin Secrets without the cluster's label or owner.
    pub unclaimed: Vec<String>,
    /// The API's location in the admin kubeconfig; inside, `None`: none that can be used.
    pub api_url: Read<Option<String>>,
    /// AWS hosted zone role in the install-config of an installed cluster whose spec lacks it.
    pub discovered_zone_role: Read<Option<String>>,
}

/// Settings of the operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Whether installed clusters get the delete protection.
    pub protect: bool,
    /// Whether nothing is deleted from any cloud.
    pub deprovisions_disabled: bool,
    /// Whether the operator knows its own image, without which no pod can be made.
    pub image_known: bool,
}

/// Conditions on record that a decision depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// Reason of `RequirementsMet`.
    pub requirements: String,
    /// Reason of `Provisioned`.
    pub provisioned: String,
    /// Whether a receipt proves it where that reason is `Deprovisioned`: anybody who may write a status
    /// can write the word. Taken on trust until a live look asks.
    pub receipt: bool,
    /// Whether `DeprovisionLaunchError` holds.
    pub launch_error: bool,
    /// Whether `InstallLaunchError` holds.
    pub install_launch_error: bool,
}
