//! Certificates without anybody's help: an authority and a serving certificate of the process's own, in a
//! Secret that all replicas share, and the authority's certificate in the webhook configurations.
//!
//! Every replica does the same, led by nobody: the Secret is written by compare-and-set, so that one of
//! them wins, and what follows from it is the same for all. The order of a round is what keeps requests
//! from failing: first the Secret, then the configurations trust it, then it is served.
//!
//! The Secret is shipped empty with the manifests, so that the process may read and write this one and
//! create none. Without an API server nothing changes: what is served is served on.

mod decide;
mod issue;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use self::decide::{Need, decide};
use self::issue::{IssueError, Material};
use super::certificate::{CertificateError, Served};
use crate::runtime::Clock;
use crate::runtime::error_chain;

/// A certificate lives for months; a look an hour would do if no change were ever missed.
const LOOK: Duration = Duration::from_mins(10);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(5);
const MANAGER: &str = "skep-admission";
const CONFLICT: u16 = 409;

/// A round failed. The next one comes soon.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    /// The Secret could not be read.
    #[error("could not read Secret {name}")]
    ReadSecret {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The Secret could not be written.
    #[error("could not write Secret {name}")]
    WriteSecret {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// There is no Secret to write to.
    #[error("there is no Secret {0}; it is part of the manifests and is not created here")]
    NoSecret(String),
    /// The configurations could not be listed.
    #[error("could not list the webhook configurations")]
    ListConfigurations(#[source] Box<kube::Error>),
    /// A configuration could not be written.
    #[error("could not write the authority into webhook configuration {name}")]
    Publish {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// Nothing could be made.
    #[error("could not renew")]
    Issue(#[source] IssueError),
    /// What is stored cannot be served.
    #[error("what is stored cannot be served")]
    Serve(#[source] CertificateError),
}

/// Keeps the certificate served, valid and trusted.
#[derive(Clone)]
pub struct Keeper {
    /// With the rights to the Secret and the configurations.
    pub client: Client,
    /// For watches.
    pub watching: Client,
    /// Namespace of the Secret.
    pub namespace: String,
    /// The Secret.
    pub secret: String,
    /// DNS names and addresses under which the API server calls.
    pub names: Vec<String>,
    /// Names of the webhook configurations.
    pub configurations: Vec<String>,
    /// Where it is served.
    pub served: Served,
    /// The time.
    pub clock: Clock,
}

impl Keeper {
    /// Runs for ever.
    pub async fn run(self) -> std::convert::Infallible {
        let mut bells = self.bells();
        loop {
            let pause = match self.round().await {
                Ok(()) => LOOK,
                Err(error) => {
                    tracing::warn!(error = error_chain(&error), "the certificate is not kept");
                    AGAIN
                }
            };
            tokio::select! {
                Some(()) = bells.next() => {}
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    /// Rings when the Secret or a configuration may have changed, or a watch broke.
    fn bells(&self) -> BoxStream<'static, ()> {
        let secrets: Api<Secret> = Api::namespaced(self.watching.clone(), &self.namespace);
        let only = watcher::Config::default().fields(&format!("metadata.name={}", self.secret));
        let secrets = watcher(secrets, only).default_backoff().map(drop);
        let configurations: Api<ValidatingWebhookConfiguration> = Api::all(self.watching.clone());
        let names = self.configurations.clone();
        let configurations = watcher(configurations, watcher::Config::default())
            .default_backoff()
            .filter(move |event| {
                let concerns = match event {
                    Ok(watcher::Event::Apply(changed)) => names.contains(&changed.name_any()),
                    Ok(watcher::Event::InitDone) => true,
                    _ => false,
                };
                std::future::ready(concerns)
            })
            .map(drop);
        stream::select(secrets, configurations).boxed()
    }

    async fn round(&self) -> Result<(), ManagedError> {
        let material = self.keep_secret().await?;
        self.publish(&material.authorities).await?;
        let certificate = material.certificate().map_err(ManagedError::Serve)?;
        let until = certificate.validity().until;
        if self.served.set(certificate) {
            tracing::info!(%until, "a certificate of our own is served");
        }
        Ok(())
    }

    /// What the Secret holds after it was brought up to date.
    async fn keep_secret(&self) -> Result<Material, ManagedError> {
        loop {
            // Another replica was first: what it wrote is as good.
            if let Some(kept) = self.try_to_keep_secret().await? {
                return Ok(kept);
            }
        }
    }

    /// The same, unless somebody else wrote in between.
    async fn try_to_keep_secret(&self) -> Result<Option<Material>, ManagedError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let name = || self.secret.clone();
        let found = api.get_opt(&self.secret).await;
        let found = found.map_err(|source| ManagedError::ReadSecret {
            name: name(),
            source: Box::new(source),
        })?;
        let found = found.ok_or_else(|| ManagedError::NoSecret(name()))?;
        let material = Material::from_secret(&found.data.clone().unwrap_or_default());
        let now = self.clock.now();
        let need = decide(material.judge(&self.names, now), now);
        if need == Need::Nothing {
            return Ok(Some(material));
        }
        let renewed = material
            .renewed(need, &self.names, now)
            .map_err(ManagedError::Issue)?;
        let data: BTreeMap<&str, ByteString> = renewed.to_secret();
        // The version makes it a compare-and-set.
        let patch = json!({
            "metadata": {"resourceVersion": found.resource_version()},
            "data": data,
        });
        let (params, patch) = (PatchParams::apply(MANAGER), Patch::Merge(&patch));
        match api.patch(&self.secret, &params, &patch).await {
            Ok(_) => {
                tracing::info!(made = ?need, "renewed what is served");
                Ok(Some(renewed))
            }
            Err(kube::Error::Api(status)) if status.code == CONFLICT => Ok(None),
            Err(source) => Err(ManagedError::WriteSecret {
                name: name(),
                source: Box::new(source),
            }),
        }
    }

    /// Writes the authorities into the configurations that do not have them.
    async fn publish(&self, authorities: &str) -> Result<(), ManagedError> {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let listed = api.list(&ListParams::default()).await;
        let listed = listed.map_err(|error| ManagedError::ListConfigurations(Box::new(error)))?;
        for configuration in listed {
            let name = configuration.name_any();
            if !self.configurations.contains(&name) {
                continue;
            }
            let patch = trusting(&configuration, authorities);
            if patch.0.is_empty() {
                continue;
            }
            let written = api
                .patch(&name, &PatchParams::default(), &Patch::Json::<()>(patch))
                .await;
            written.map_err(|source| ManagedError::Publish {
                name: name.clone(),
                source: Box::new(source),
            })?;
            tracing::info!(configuration = name, "the webhook configuration trusts us");
        }
        Ok(())
    }
}

/// Puts the authorities into each webhook of a configuration that lacks them. Each is named, so that a
/// change of the list in between makes the patch fail and not hit another.
fn trusting(
    configuration: &ValidatingWebhookConfiguration,
    authorities: &str,
) -> json_patch::Patch {
    let wanted = ByteString(authorities.as_bytes().to_vec());
    let mut steps = Vec::new();
    for (at, webhook) in configuration.webhooks.iter().flatten().enumerate() {
        if webhook.client_config.ca_bundle.as_ref() != Some(&wanted) {
            let path = format!("/webhooks/{at}");
            steps
                .push(json!({"op": "test", "path": format!("{path}/name"), "value": webhook.name}));
            let path = format!("{path}/clientConfig/caBundle");
            steps.push(json!({"op": "add", "path": path, "value": wanted}));
        }
    }
    // Tests and additions are always well-formed.
    serde_json::from_value(serde_json::Value::Array(steps)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_trust_yet_is_patched_by_name() {
        let webhook = |name: &str, bundle: Option<&str>| {
            let bundle = bundle.map(|text| ByteString(text.as_bytes().to_vec()));
            json!({
                "name": name,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {"caBundle": bundle},
            })
        };
        let configuration = serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "webhooks": [webhook("old", Some("old")), webhook("new", Some("new")), webhook("bare", None)],
        }))
        .unwrap();
        let patch = serde_json::to_value(trusting(&configuration, "new")).unwrap();
        let bundle = json!(ByteString(b"new".to_vec()));
        let wanted = json!([
            {"op": "test", "path": "/webhooks/0/name", "value": "old"},
            {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle},
            {"op": "test", "path": "/webhooks/2/name", "value": "bare"},
            {"op": "add", "path": "/webhooks/2/clientConfig/caBundle", "value": bundle},
        ]);
        assert_eq!(patch, wanted);
    }
}
