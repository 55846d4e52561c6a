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
