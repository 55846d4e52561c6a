//! Puts Secrets and ConfigMaps where the installer looks for them: files and variables
//! (docs/spec/10 §14.2 step 2, §14.3).
//!
//! Credentials are a table, one row per platform; a platform without a row gets none and goes on, which is
//! what bare metal and agent-based platforms need (docs/spec/10 §26.1 W4). A credentials file that would run
//! a program is refused.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use skep_crds::names::{env, path, secret_key};
use skep_crds::platform::PlatformKind;
use skep_providers::SecretData;

/// Only the installer's own user may read what is projected.
const FILE_MODE: u32 = 0o400;

/// Something could not be projected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The credentials would run a program inside the pod.
    #[error("the credentials use credential_process, which is not allowed")]
    CredentialProcess,
    /// A Secret lacks a key.
    #[error("Secret {secret} has no key {key}")]
    NoKey {
        /// The Secret.
        secret: String,
        /// The key.
        key: &'static str,
    },
    /// A name inside a Secret or ConfigMap leads out of the folder.
    #[error("{name:?} is not a plain file name")]
    BadName {
        /// The name.
        name: String,
    },
}

/// Variables for the installer.
pub type Variables = Vec<(String, String)>;

/// Writes one file, replacing what a former run of the pod left.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let attempt = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)?;
        io::Write::write_all(&mut file, bytes)
    };
    attempt().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Writes every entry as a file of that name.
pub fn write_all(folder: &Path, entries: &BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
    for (name, bytes) in entries {
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            return Err(Error::BadName { name: name.clone() });
        }
        write_file(&folder.join(name), bytes)?;
    }
    Ok(())
}

/// Projects the platform's credentials below `root` (`/` in a pod) and gives the variables that go with
/// them.
pub fn credentials(
    platform: PlatformKind,
    name: &str,
    secret: &SecretData,
    root: &Path,
) -> Result<Variables, Error> {
    match platform {
        PlatformKind::Aws => aws(name, secret, root),
        PlatformKind::Azure => {
            files(secret, root, path::AZURE_CREDENTIALS)?;
            Ok(file_variable(
                env::AZURE_AUTH_LOCATION,
                path::AZURE_CREDENTIALS,
                secret_key::AZURE_SERVICE_PRINCIPAL,
            ))
        }
        PlatformKind::Gcp => {
            files(secret, root, path::GCP_CREDENTIALS)?;
            Ok(file_variable(
                env::GOOGLE_CREDENTIALS,
                path::GCP_CREDENTIALS,
                secret_key::GCP_SERVICE_ACCOUNT,
            ))
        }
        PlatformKind::OpenStack => {
            files(secret, root, path::OPENSTACK_CREDENTIALS).map(|()| Vec::new())
        }
        PlatformKind::IbmCloud => {
            let key = required(name, secret, secret_key::IBM_CLOUD_API_KEY)?;
            Ok(vec![(env::IC_API_KEY.to_owned(), key)])
        }
        PlatformKind::Nutanix => Ok(vec![
            (
                env::NUTANIX_USERNAME.to_owned(),
                required(name, secret, secret_key::USERNAME)?,
            ),
            (
                env::NUTANIX_PASSWORD.to_owned(),
                required(name, secret, secret_key::PASSWORD)?,
            ),
        ]),
        PlatformKind::VSphere
        | PlatformKind::BareMetal
        | PlatformKind::AgentBareMetal
        | PlatformKind::None
        | PlatformKind::Unknown => Ok(Vec::new()),
    }
}

fn aws(name: &str, secret: &SecretData, root: &Path) -> Result<Variables, Error> {
    if let Some(config) = secret.get(secret_key::AWS_CONFIG) {
        if contains_credential_process(config) {
            return Err(Error::CredentialProcess);
        }
        let file = format!("{}/{}", path::AWS_CREDENTIALS, secret_key::AWS_CONFIG);
        write_file(&below(root, &file), config)?;
        return Ok(vec![
            (env::AWS_CONFIG_FILE.to_owned(), file),
            (env::AWS_SDK_LOAD_CONFIG.to_owned(), "true".to_owned()),
        ]);
    }
    Ok(vec![
        (
            env::AWS_ACCESS_KEY_ID.to_owned(),
            required(name, secret, secret_key::AWS_ACCESS_KEY_ID)?,
        ),
        (
            env::AWS_SECRET_ACCESS_KEY.to_owned(),
            required(name, secret, secret_key::AWS_SECRET_ACCESS_KEY)?,
        ),
    ])
}

fn contains_credential_process(config: &[u8]) -> bool {
    String::from_utf8_lossy(config)
        .to_ascii_lowercase()
        .contains("credential_process")
}

fn files(secret: &SecretData, root: &Path, folder: &str) -> Result<(), Error> {
    let entries = secret
        .keys()
        .filter_map(|key| Some((key.to_owned(), secret.get(key)?.to_vec())));
    write_all(&below(root, folder), &entries.collect())
}

fn file_variable(variable: &str, folder: &str, key: &str) -> Variables {
    vec![(variable.to_owned(), format!("{folder}/{key}"))]
}

fn required(name: &str, secret: &SecretData, key: &'static str) -> Result<String, Error> {
    secret
        .text(key)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| Error::NoKey {
            secret: name.to_owned(),
            key,
        })
}

/// An absolute path of the pod, below `root`.
pub fn below(root: &Path, absolute: &str) -> PathBuf {
    root.join(absolute.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("skep-projection-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn secret(entries: &[(&str, &str)]) -> SecretData {
        entries
            .iter()
            .map(|(key, value)| (*key, value.as_bytes().to_vec()))
            .collect()
    }

    /// docs/spec/10 §14.3, row AWS.
    #[test]
    fn static_aws_keys_become_variables() {
        let folder = Folder::new("static");
        let keys = secret(&[
            ("aws_access_key_id", "AKIA\n"),
            ("aws_secret_access_key", "s"),
        ]);
        let variables = credentials(PlatformKind::Aws, "creds", &keys, &folder.0).unwrap();
        let expected = [
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ];
        assert_eq!(
            variables,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    /// docs/spec/10 §14.3: `credential_process` is refused in any case.
    #[test]
    fn a_config_that_runs_a_program_is_refused() {
        let folder = Folder::new("process");
        let config = secret(&[("aws_config", "[default]\nCredential_Process = /bin/x")]);
        let error = credentials(PlatformKind::Aws, "creds", &config, &folder.0).unwrap_err();
        assert!(matches!(error, Error::CredentialProcess), "{error}");
    }

    /// docs/spec/10 §14.2 step 2: mode 0400, replaced if present.
    #[test]
    fn files_are_private_and_replaced() {
        let folder = Folder::new("files");
        for text in ["[default]\na", "[default]\nb"] {
            let config = secret(&[("aws_config", text)]);
            credentials(PlatformKind::Aws, "creds", &config, &folder.0).unwrap();
            let file = folder.0.join("etc/aws-creds/aws_config");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            assert_eq!(
                fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o400
            );
        }
    }

    #[test]
    fn a_missing_key_is_named() {
        let folder = Folder::new("missing");
        let keys = secret(&[("aws_access_key_id", "AKIA")]);
        let error = credentials(PlatformKind::Aws, "creds", &keys, &folder.0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Secret creds has no key aws_secret_access_key"
        );
    }

    /// docs/spec/10 §26.1 W4: the Go operator crashes here.
    #[test]
    fn platforms_without_cloud_credentials_go_on() {
        let folder = Folder::new("none");
        for platform in [
            PlatformKind::BareMetal,
            PlatformKind::AgentBareMetal,
            PlatformKind::None,
        ] {
            let variables = credentials(platform, "creds", &secret(&[]), &folder.0).unwrap();
            assert_eq!(variables, []);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let folder = Folder::new("names");
        let entries = BTreeMap::from([("../x".to_owned(), Vec::new())]);
        assert!(matches!(
            write_all(&folder.0, &entries),
            Err(Error::BadName { .. })
        ));
    }
}
