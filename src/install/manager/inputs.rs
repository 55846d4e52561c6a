//! Steps 2 to 7 of docs/spec/10 §14.2: reads what the pod's variables name, and puts it where the installer
//! looks for it. Whatever is read from a Secret is made known to the redactor first.

use std::collections::BTreeMap;

use skep_crds::ClusterDeployment;
use skep_crds::names::object_name::TRUSTED_CA_CONFIG_MAP;
use skep_crds::names::{env, path, secret_key};
use skep_providers::SecretData;

use super::documents;
use super::hub::Hub;
use super::projection::{self, Variables, below, write_all, write_file};
use super::redact::{Redactor, Shown};
use super::run::{Error, Settings};
use crate::install::install_config;

/// What goes into the pod's folders.
pub(super) struct Inputs<'a> {
    pub(super) settings: &'a Settings,
    pub(super) hub: &'a Hub,
    pub(super) redactor: &'a mut Redactor,
}

impl Inputs<'_> {
    /// Reads everything and puts it in place; a thing that is named and not there ends the attempt here.
    pub(super) async fn project(
        &mut self,
        cluster: &ClusterDeployment,
    ) -> Result<(install_config::Facts, Option<SecretData>, Variables), Error> {
        let root = self.settings.root.clone();
        let mut environment = Variables::new();
        let credentials = self.secret(env::CREDS_SECRET_NAME).await?;
        if let Some((name, secret)) = &credentials {
            let platform = cluster.spec.platform.kind();
            environment.extend(projection::credentials(platform, name, secret, &root)?);
        }
        if let Some((_, secret)) = self.secret(env::MANIFESTS_SECRET_NAME).await? {
            write_all(&below(&root, path::MANIFESTS), &entries(&secret))?;
        } else if let Some(name) = self.settings.named(env::MANIFESTS_CONFIGMAP_NAME) {
            let files = self.hub.required_config_map(name).await?;
            write_all(&below(&root, path::MANIFESTS), &files)?;
        }
        environment.extend(
            self.key_file(
                env::BOUND_TOKEN_SIGNING_KEY_SECRET_NAME,
                secret_key::BOUND_SA_SIGNING_KEY,
                path::BOUND_SA_SIGNING_KEY,
                env::BOUND_SA_SIGNING_KEY,
            )
            .await?,
        );
        environment.extend(
            self.key_file(
                env::SSH_PRIVATE_KEY_SECRET_PATH,
                secret_key::SSH_PRIVATE_KEY,
                path::SSH_KEYS,
                env::SSH_PRIV_KEY_PATH,
            )
            .await?,
        );
        self.trusted_authorities().await?;
        self.known_hosts(cluster)?;
        let facts = self.install_config().await?;
        Ok((facts, credentials.map(|(_, secret)| secret), environment))
    }

    /// Step 6: the install-config with the merged pull secret.
    async fn install_config(&mut self) -> Result<install_config::Facts, Error> {
        let config = self
            .required(env::INSTALLCONFIG_SECRET_NAME, secret_key::INSTALL_CONFIG)
            .await?;
        let pull = self
            .required(env::PULLSECRET_SECRET_NAME, secret_key::DOCKER_CONFIG_JSON)
            .await?;
        let facts = install_config::Facts::parse(&config).map_err(Error::InstallConfig)?;
        let merged = documents::with_pull_secret(&config, &pull)?;
        write_file(
            &self.settings.work_dir.join("install-config.yaml"),
            merged.as_bytes(),
        )?;
        Ok(facts)
    }

    async fn required(&mut self, variable: &str, key: &'static str) -> Result<String, Error> {
        let missing = |secret: &str| projection::Error::NoKey {
            secret: secret.to_owned(),
            key,
        };
        let (name, secret) = self
            .secret(variable)
            .await?
            .ok_or_else(|| missing(variable))?;
        // An install-config is no secret as a whole, but what it holds may be; its values are learnt
        // from the Secrets they come from.
        let text = secret
            .get(key)
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        Ok(text.ok_or_else(|| missing(&name))?.to_owned())
    }

    async fn key_file(
        &mut self,
        names_secret: &str,
        key: &'static str,
        folder: &str,
        names_file: &str,
    ) -> Result<Option<(String, String)>, Error> {
        let Some((name, secret)) = self.secret(names_secret).await? else {
            return Ok(None);
        };
        let bytes = secret
            .get(key)
            .ok_or(projection::Error::NoKey { secret: name, key })?;
        write_file(&below(&self.settings.root, folder).join(key), bytes)?;
        Ok(Some((names_file.to_owned(), format!("{folder}/{key}"))))
    }

    /// The Secret that a variable names, with its values learnt by the redactor.
    async fn secret(&mut self, variable: &str) -> Result<Option<(String, SecretData)>, Error> {
        let Some(name) = self.settings.named(variable) else {
            return Ok(None);
        };
        let secret = self.hub.secret(name).await?;
        // Of manifests and of an install-config every other word would be blanked.
        let learn = match variable {
            env::INSTALLCONFIG_SECRET_NAME => None,
            env::MANIFESTS_SECRET_NAME => Some(Shown::Telling),
            _ => Some(Shown::All),
        };
        if let Some(shown) = learn {
            secret
                .keys()
                .filter_map(|key| secret.get(key))
                .for_each(|value| self.redactor.learn(value, shown));
        }
        Ok(Some((name.to_owned(), secret)))
    }

    /// The hub's authorities, where `SSL_CERT_DIR` points (docs/spec/10 §14.3).
    async fn trusted_authorities(&self) -> Result<(), Error> {
        let Some(files) = self.hub.config_map(TRUSTED_CA_CONFIG_MAP).await? else {
            return Ok(());
        };
        let filled = files
            .into_iter()
            .filter(|(_, bytes)| !bytes.is_empty())
            .collect();
        Ok(write_all(
            &below(&self.settings.root, path::TRUSTED_CA_COPY),
            &filled,
        )?)
    }

    /// Step 7.
    fn known_hosts(&self, cluster: &ClusterDeployment) -> Result<(), Error> {
        let provisioning = cluster.spec.provisioning.as_ref();
        let hosts = provisioning
            .and_then(|p| p.ssh_known_hosts.clone())
            .unwrap_or_default();
        if hosts.is_empty() {
            return Ok(());
        }
        let file = below(&self.settings.root, path::HOME).join(".ssh/known_hosts");
        Ok(write_file(&file, (hosts.join("\n") + "\n").as_bytes())?)
    }
}

fn entries(secret: &SecretData) -> BTreeMap<String, Vec<u8>> {
    secret
        .keys()
        .filter_map(|key| Some((key.to_owned(), secret.get(key)?.to_vec())))
        .collect()
}
