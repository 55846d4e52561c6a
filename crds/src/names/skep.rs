//! Names that Skep adds to the API. A hub that goes back to another operator may drop all of them.

/// Finalizer on Secrets that the deletion of a cluster needs, while there is such a cluster, so that
/// deleting the namespace cannot take them first. Set and removed by the `ClusterDeployment`
/// controller.
pub const IN_USE_FINALIZER: &str = "skep.dev/in-use";
/// Annotation on a `ClusterDeployment`: the cloud account that it was installed into, as
/// `<platform>:<account>`. Set by the install manager with the infra ID; read by the deprovision
/// engine, which refuses to act in another account.
pub const CLOUD_ACCOUNT_ANNOTATION: &str = "skep.dev/cloud-account";
/// Key of the metadata Secret: the same account, for when the `ClusterDeployment` is gone. Set by the
/// install manager, read by the deprovision engine.
pub const CLOUD_ACCOUNT_SECRET_KEY: &str = "skep.dev-account";
/// Event source and field manager of everything that Skep writes.
pub const FIELD_MANAGER: &str = "skep";
/// Prefix of Skep's own labels and annotations.
pub const PREFIX: &str = "skep.dev/";
/// Annotation on a `ClusterProvision`: the installer's last milestone, one sentence for people. Set by
/// the install manager; read by the `ClusterDeployment` controller.
pub const INSTALL_PROGRESS_ANNOTATION: &str = "skep.dev/install-progress";
/// Annotation on a failed `ClusterProvision`: when nothing of it was left in the cloud. Set by its
/// controller; the next attempt waits for it.
pub const CLEANED_UP_ANNOTATION: &str = "skep.dev/cleaned-up";
/// Label on `ConfigMap`s in the operator's namespace that hold the plan and receipt of an erasure. Set
/// by the deprovision engine's journal; read by `skep deprovision receipt` and the janitor.
pub const RECEIPT_LABEL: &str = "skep.dev/receipt";
/// Label on such a `ConfigMap`: the cluster's namespace, cut to a label's length. Set and read likewise.
pub const CLUSTER_NAMESPACE_LABEL: &str = "skep.dev/cluster-namespace";
/// Annotation on such a `ConfigMap`: `<namespace>/<name>` of the `ClusterDeployment`.
pub const CLUSTER_ANNOTATION: &str = "skep.dev/cluster";
/// Annotation on such a `ConfigMap`: the infra ID that was erased.
pub const INFRA_ID_ANNOTATION: &str = "skep.dev/infra-id";
/// Annotation on such a `ConfigMap`: when the janitor may delete it (RFC 3339).
pub const EXPIRES_ANNOTATION: &str = "skep.dev/expires";
/// Annotation on a `ClusterDeprovision`: digest of the first plan. Set before the first destructive
/// call; read by people who compare it with the receipt.
pub const PLAN_DIGEST_ANNOTATION: &str = "skep.dev/plan-digest";
/// Annotation on a `ClusterDeployment` or `ClusterDeprovision`: a person's word that the credentials lead
/// to the right account, for a cluster whose account was not recorded and of which nothing is found.
/// Set by people; read by the `ClusterDeprovision` controller.
pub const ACKNOWLEDGE_EMPTY_ANNOTATION: &str = "skep.dev/acknowledge-empty";
/// Annotation on an image set Job: how often it was tried before. Set and read by the
/// `ClusterDeployment` controller, for the delay before the next try.
pub const TRIES_ANNOTATION: &str = "skep.dev/tries";
/// Annotation on an image set Job: a digest of what its result depends on. Set and read by the
/// `ClusterDeployment` controller, which repeats a failed Job at once when that changes.
pub const INPUTS_ANNOTATION: &str = "skep.dev/inputs";
/// Annotation on a merged pull secret: a digest of its sources and one of its content. Set and read by
/// the `ClusterDeployment` controller.
pub const SOURCES_ANNOTATION: &str = "skep.dev/sources";
/// Annotation on a `ClusterDeployment`: how many machines of the cluster can be stopped, counted before the
/// first of them was. Set and read by the hibernation controller, which calls a cluster stopped only when
/// so many machines are; a person may correct it.
pub const EXPECTED_MACHINES_ANNOTATION: &str = "skep.dev/expected-machines";
/// Annotation on a `ClusterDeployment`: a person's word that the cluster is to be stopped although it looks
/// as if it might not wake again. Set by people; read by the hibernation controller.
pub const FORCE_HIBERNATION_ANNOTATION: &str = "skep.dev/force-hibernation";

/// Name of the controller that lets go of Secrets that no cluster needs any more.
pub const HELD_SECRETS_CONTROLLER: &str = "heldSecrets";
/// Name of the controller that tells whether what is to be synced to a cluster arrived.
pub const SYNC_OUTCOME_CONTROLLER: &str = "syncOutcome";
