//! `.openshift_install_state.json`, and the files that one command leaves for the next
//! (docs/spec/50 §2, §5).
//!
//! The state lets consecutive commands agree on identity, password and certificates. Nothing outside
//! this program may read it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Name of the file.
pub(crate) const FILE: &str = ".openshift_install_state.json";

/// Keys, named like the assets' types in the real installer.
pub(crate) mod key {
    pub(crate) const INSTALL_CONFIG: &str = "*installconfig.InstallConfig";
    pub(crate) const CLUSTER_ID: &str = "*installconfig.ClusterID";
    pub(crate) const PASSWORD: &str = "*password.KubeadminPassword";
    pub(crate) const CERTIFICATES: &str = "*tls.RootCA";
    pub(crate) const KUBECONFIG: &str = "*kubeconfig.AdminClient";
    pub(crate) const PLATFORM: &str = "*installconfig.PlatformFacts";
    pub(crate) const MANIFESTS: &str = "*manifests.Manifests";
    pub(crate) const OPENSHIFT: &str = "*manifests.Openshift";
    pub(crate) const CLUSTER_API: &str = "*clusterapi.Cluster";
    pub(crate) const SIGNING_KEY: &str = "*tls.BoundSASigningKey";
    pub(crate) const IGNITION: &str = "*bootstrap.Bootstrap";
    pub(crate) const METADATA: &str = "*cluster.Metadata";
    pub(crate) const PROGRESS: &str = "*cluster.Cluster";
}

/// A file of an asset: its path in the working directory and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) path: String,
    pub(crate) data: Vec<u8>,
    pub(crate) mode: u32,
}

impl Asset {
    /// A file that others may read.
    pub(crate) fn new(path: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            data: data.into(),
            mode: 0o640,
        }
    }
}

/// The working directory with its state.
#[derive(Debug)]
pub(crate) struct State {
    dir: PathBuf,
    tree: Map<String, Value>,
}

impl State {
    /// Reads the state, empty when there is none yet.
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let tree = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("failed to unmarshal state file {}", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(error).context("failed to load state file"),
        };
        Ok(Self {
            dir: dir.to_owned(),
            tree,
        })
    }

    /// The working directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether an asset is in the state.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.tree.contains_key(key)
    }

    /// Reads an asset.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.tree.get(key) else {
            return Ok(None);
        };
        serde_json::from_value(value.clone())
            .map(Some)
            .with_context(|| format!("failed to unmarshal {key} of the state file"))
    }

    /// Stores an asset and writes the file: each fetched target is on disk before the next begins.
    pub(crate) fn set(&mut self, key: &str, value: &impl Serialize) -> Result<()> {
        let value = serde_json::to_value(value).context("failed to marshal an asset")?;
        self.tree.insert(key.to_owned(), value);
        self.save()
    }

    /// Stores files of an asset.
    pub(crate) fn set_files(&mut self, key: &str, files: &[Asset]) -> Result<()> {
        let list: Vec<Value> = files
            .iter()
            .map(|file| json!({"Filename": file.path, "Data": BASE64.encode(&file.data)}))
            .collect();
        self.set(key, &json!({"FileList": list}))
    }

    /// Reads files of an asset.
    pub(crate) fn files(&self, key: &str) -> Result<Vec<Asset>> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct File {
            filename: String,
            data: String,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Files {
            file_list: Vec<File>,
        }
        let Some(files) = self.get::<Files>(key)? else {
            return Ok(Vec::new());
        };
        let decode = |file: File| {
            let data = BASE64
                .decode(&file.data)
                .context("a file of the state is not base64")?;
            Ok(Asset::new(file.filename, data))
        };
        files.file_list.into_iter().map(decode).collect()
    }

    fn save(&self) -> Result<()> {
        let mut bytes = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        self.tree
            .serialize(&mut serde_json::Serializer::with_formatter(
                &mut bytes, format,
            ))
            .context("failed to marshal the state file")?;
        write(&self.dir, &Asset::new(FILE, bytes)).context("failed to write the state file")
    }

    /// Writes files of an asset into the working directory.
    pub(crate) fn write(&self, files: &[Asset]) -> Result<()> {
        files.iter().try_for_each(|file| write(&self.dir, file))
    }

    /// Reads a file of the working directory.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.dir.join(path)) {
            Ok(data) => Ok(Some(data)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("failed to read {path}")),
        }
    }

    /// Whether there is such a file or folder.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.dir.join(path).exists()
    }

    /// Reads all files of a folder, sorted by path.
    pub(crate) fn read_folder(&self, folder: &str) -> Result<Vec<Asset>> {
        let mut files = Vec::new();
        collect(&self.dir, Path::new(folder), &mut files)
            .with_context(|| format!("failed to read {folder}"))?;
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(files)
    }

    /// Deletes what a later command has consumed: files, and folders with all that is in them.
    pub(crate) fn consume(&self, paths: &[&str]) -> Result<()> {
        for path in paths {
            let full = self.dir.join(path);
            let removed = if full.is_dir() {
                fs::remove_dir_all(&full)
            } else {
                fs::remove_file(&full)
            };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("failed to remove {path}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn write(dir: &Path, file: &Asset) -> Result<()> {
    let path = dir.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("failed to create {}", parent.display()))?;
    }
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(file.mode);
    open.open(&path)
        .and_then(|mut handle| handle.write_all(&file.data))
        .with_context(|| format!("failed to write {}", path.display()))
}

fn collect(dir: &Path, folder: &Path, files: &mut Vec<Asset>) -> std::io::Result<()> {
    let entries = match fs::read_dir(dir.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(dir, &path, files)?;
        } else {
            let data = fs::read(dir.join(&path))?;
            files.push(Asset::new(path.to_string_lossy(), data));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_indented_by_four_and_survives() {
        let Ok(dir) = tempfile::tempdir() else {
            unreachable!()
        };
        let Ok(mut state) = State::load(dir.path()) else {
            unreachable!()
        };
        assert!(!state.has(key::CLUSTER_ID));
        let identity = json!({"UUID": "u", "InfraID": "demo-x7k2p"});
        assert!(state.set(key::CLUSTER_ID, &identity).is_ok());
        let files = [Asset::new("manifests/a.yaml", "a: 1\n")];
        assert!(state.set_files(key::MANIFESTS, &files).is_ok());
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap_or_default();
        assert!(
            text.starts_with("{\n    \"*installconfig.ClusterID\": {\n        \"UUID\""),
            "{text}"
        );
        let Ok(again) = State::load(dir.path()) else {
            unreachable!()
        };
        assert_eq!(
            again.get::<Value>(key::CLUSTER_ID).ok().flatten(),
            Some(identity)
        );
        assert_eq!(again.files(key::MANIFESTS).unwrap_or_default(), files);
    }
}
