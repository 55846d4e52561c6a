//! How failed attempts are treated: the file that the operator writes from its own configuration
//! (docs/spec/10 §11, §14.8).

use serde::Deserialize;

/// How failed attempts are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailedProvisionConfig {
    /// Reasons of failure after which another attempt is made. `None`: after every one; an empty list:
    /// after none.
    pub retry_reasons: Option<Vec<String>>,
    /// Where logs of failed attempts are uploaded to.
    pub aws: Option<FailedProvisionAws>,
    /// Deprecated: whether logs are not gathered.
    pub skip_gather_logs: Option<bool>,
}

/// A bucket for logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailedProvisionAws {
    /// The Secret with the bucket's credentials, in the operator's namespace.
    pub credentials_secret_ref: CredentialsSecret,
    /// The bucket's region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The bucket's endpoint, if it is not the region's.
    pub service_endpoint: String,
}

/// A Secret by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct CredentialsSecret {
    /// The name.
    pub name: String,
}
