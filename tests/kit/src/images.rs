//! Container images without a container engine: a docker-archive (one manifest, one config, one
//! layer) written file by file, and imported by containerd (docs/spec/60 §3).
//!
//! What is in each image is plain data ([`Image`]); the operator's is compared with the Dockerfile
//! by a test. The same image always gives the same bytes, so that its digest names it in the cache.
//! Nothing is ever pulled.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cache;
use crate::debian::{self, Package};
use crate::progress::Progress;

/// The operator's image.
pub const OPERATOR: &str = "localhost/skep:dev";
/// The installer's image, with the stand-in in it.
pub const INSTALLER: &str = "localhost/openshift-installer:4.19.2";
/// The CLI's image.
pub const CLI: &str = "localhost/openshift-cli:4.19.2";
/// The release image that refers to the other two.
pub const RELEASE: &str = "localhost/openshift-release:4.19.2";
/// The version of that release.
pub const RELEASE_VERSION: &str = "4.19.2";

/// The user that the operator's image runs as.
pub const OPERATOR_USER: u32 = 65532;

const BUSYBOX: &str = "/bin/busybox";
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Name and tag.
    pub reference: String,
    /// Its files, by absolute path. Missing parent folders are added.
    pub files: BTreeMap<String, Entry>,
    /// `USER`, as `uid:gid`.
    pub user: String,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `ENV`.
    pub env: BTreeMap<String, String>,
}

/// One thing in an image. All belong to root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file with its text.
    Text { mode: u32, text: String },
    /// A copy of a file of this machine.
    Copy { mode: u32, from: PathBuf },
    /// A folder.
    Folder { mode: u32 },
    /// A symbolic link.
    Link { to: String },
}

/// An image as a file.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The docker-archive.
    pub path: PathBuf,
    /// SHA-256 of the layer and the config.
    pub digest: String,
}

impl Image {
    /// An image of no files, run by root.
    pub fn empty(reference: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            files: BTreeMap::new(),
            user: "0:0".to_owned(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            env: BTreeMap::new(),
        }
    }

    /// The same image under another name.
    #[must_use]
    pub fn named(self, reference: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            ..self
        }
    }

    /// The image as a file in the cache, written unless it is there.
    pub fn archive(&self, progress: &Progress) -> Result<Archive> {
        let folder = cache::folder("images")?;
        let key = self.digest_of_inputs()?;
        let slug = self.reference.replace(['/', ':'], "_");
        let path = folder.join(format!("{slug}-{}.tar", &key[..16]));
        let note = path.with_extension("digest");
        if let (true, Ok(digest)) = (path.exists(), fs::read_to_string(&note)) {
            return Ok(Archive { path, digest });
        }
        let _lock = cache::lock("images")?;
        let step = progress.step(format!("build image {}", self.reference), "1 s");
        let digest = self
            .write(&path)
            .with_context(|| format!("build image {}", self.reference))?;
        fs::write(&note, &digest).with_context(|| format!("write {}", note.display()))?;
        remove_old(&folder);
        step.done();
        Ok(Archive { path, digest })
    }

    /// Names the image by what goes into it. Copied files count by path, size and time of change:
    /// reading a hundred megabytes on every start would cost more than it could save.
    fn digest_of_inputs(&self) -> Result<String> {
        let mut parts = vec![format!("{self:?}").into_bytes()];
        for entry in self.files.values() {
            if let Entry::Copy { from, .. } = entry {
                parts.push(stamp(from)?.into_bytes());
            }
        }
        Ok(cache::digest(parts.iter().map(Vec::as_slice)))
    }

    fn write(&self, path: &Path) -> Result<String> {
        let layer = path.with_extension("layer");
        let layer_digest = self.write_layer(&layer)?;
        let env: Vec<String> = self
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "User": self.user,
                "Env": env,
                "Entrypoint": self.entrypoint,
                "Cmd": self.command,
                "WorkingDir": "/",
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
            "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "skep-kit" }],
        })
        .to_string();
        let config_digest = cache::hex(&Sha256::digest(config.as_bytes()));
        let config_name = format!("{config_digest}.json");
        let layer_name = format!("{layer_digest}/layer.tar");
        let manifest = json!([{
            "Config": config_name,
            "RepoTags": [self.reference],
            "Layers": [layer_name],
        }])
        .to_string();

        let fresh = path.with_extension("new");
        let file = File::create(&fresh).with_context(|| format!("create {}", fresh.display()))?;
        let mut archive = tar::Builder::new(BufWriter::new(file));
        append(
            &mut archive,
            &config_name,
            0o644,
            config.len() as u64,
            config.as_bytes(),
        )?;
        let size = fs::metadata(&layer).context("measure the layer")?.len();
        let bytes = File::open(&layer).context("open the layer")?;
        append(&mut archive, &layer_name, 0o644, size, bytes)?;
        append(
            &mut archive,
            "manifest.json",
            0o644,
            manifest.len() as u64,
            manifest.as_bytes(),
        )?;
        finish(archive)?;
        fs::remove_file(&layer).context("remove the layer")?;
        // The rename makes a half-written archive impossible.
        fs::rename(&fresh, path).with_context(|| format!("rename to {}", path.display()))?;
        Ok(format!("{layer_digest}-{config_digest}"))
    }

    /// Writes the layer and returns its SHA-256.
    fn write_layer(&self, path: &Path) -> Result<String> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let mut archive = tar::Builder::new(BufWriter::new(file));
        for (name, entry) in self.complete() {
            let inside = name.trim_start_matches('/');
            match entry {
                Entry::Text { mode, text } => {
                    append(
                        &mut archive,
                        inside,
                        mode,
                        text.len() as u64,
                        text.as_bytes(),
                    )?;
                }
                Entry::Copy { mode, from } => {
                    let source =
                        File::open(&from).with_context(|| format!("open {}", from.display()))?;
                    let size = source.metadata().context("measure a file")?.len();
                    append(&mut archive, inside, mode, size, source)?;
                }
                Entry::Folder { mode } => {
                    let mut header = header(mode, 0);
                    header.set_entry_type(tar::EntryType::Directory);
                    archive
                        .append_data(&mut header, format!("{inside}/"), std::io::empty())
                        .with_context(|| format!("add {name}"))?;
                }
                Entry::Link { to } => {
                    let mut header = header(0o777, 0);
                    header.set_entry_type(tar::EntryType::Symlink);
                    archive
                        .append_link(&mut header, inside, &to)
                        .with_context(|| format!("add {name}"))?;
                }
            }
        }
        finish(archive)?;
        hash_file(path)
    }

    /// The files with every parent folder.
    fn complete(&self) -> BTreeMap<String, Entry> {
        let mut all = self.files.clone();
        for name in self.files.keys() {
            let mut at = Path::new(name);
            while let Some(parent) = at.parent().filter(|parent| *parent != Path::new("/")) {
                let folder = parent.display().to_string();
                all.entry(folder).or_insert(Entry::Folder { mode: 0o755 });
                at = parent;
            }
        }
        all
    }
}

/// The operator's image: one static binary, the authorities it trusts, and one user. No shell, and nothing to
/// write to. Deliberately the whole definition in one place.
///
/// `binary` is copied stripped: with debug information it is many times larger.
pub fn operator(binary: &Path, progress: &Progress) -> Result<Image> {
    let mut image = operator_definition();
    let stripped = strip(binary, progress)?;
    image.files.insert(
        "/usr/bin/skep".to_owned(),
        Entry::Copy {
            mode: 0o755,
            from: stripped,
        },
    );
    Ok(image)
}

/// [`operator`] with its binary named by the path that the Dockerfile copies it from.
pub fn operator_definition() -> Image {
    let passwd = format!("skep:x:{OPERATOR_USER}:{OPERATOR_USER}:skep:/:/sbin/nologin\n");
    let copy = |mode, from: &str| Entry::Copy {
        mode,
        from: PathBuf::from(from),
    };
    let text = |text: String| Entry::Text { mode: 0o644, text };
    Image {
        user: format!("{OPERATOR_USER}:{OPERATOR_USER}"),
        entrypoint: vec!["/usr/bin/skep".to_owned()],
        files: BTreeMap::from([
            ("/usr/bin/skep".to_owned(), copy(0o755, "skep")),
            (CERTIFICATES.to_owned(), copy(0o644, CERTIFICATES)),
            ("/etc/passwd".to_owned(), text(passwd)),
        ]),
        ..Image::empty(OPERATOR)
    }
}

/// The pause image around the operator's binary.
pub fn pause_of_skep(binary: &Path, progress: &Progress) -> Result<Image> {
    let from = strip(binary, progress)?;
    Ok(Image {
        entrypoint: vec!["/usr/bin/skep".to_owned(), "pause".to_owned()],
        user: format!("{OPERATOR_USER}:{OPERATOR_USER}"),
        files: BTreeMap::from([(
            "/usr/bin/skep".to_owned(),
            Entry::Copy { mode: 0o755, from },
        )]),
        ..Image::empty(crate::hub::PAUSE_IMAGE)
    })
}

/// The pause image around busybox, for hubs that run before there is an operator.
pub fn pause_of_busybox() -> Image {
    let words = ["/bin/busybox", "sleep", "infinity"];
    Image {
        entrypoint: words.map(str::to_owned).to_vec(),
        files: BTreeMap::from([(BUSYBOX.to_owned(), busybox_itself())]),
        ..Image::empty(crate::hub::PAUSE_IMAGE)
    }
}

/// An image with Debian's static busybox and all its commands, and nothing else.
pub fn busybox(reference: impl Into<String>) -> Result<Image> {
    let output = Command::new(BUSYBOX)
        .arg("--list")
        .output()
        .context("run busybox: Debian package busybox-static")?;
    let mut image = Image::empty(reference);
    for applet in String::from_utf8_lossy(&output.stdout).lines() {
        if !matches!(applet, "busybox" | "[[") {
            let link = Entry::Link {
                to: BUSYBOX.to_owned(),
            };
            image.files.insert(format!("/bin/{applet}"), link);
        }
    }
    image.files.insert(BUSYBOX.to_owned(), busybox_itself());
    image
        .files
        .insert("/tmp".to_owned(), Entry::Folder { mode: 0o1777 });
    let root = Entry::Text {
        mode: 0o644,
        text: "root:x:0:0:root:/root:/bin/sh\n".to_owned(),
    };
    image.files.insert("/etc/passwd".to_owned(), root);
    image
        .env
        .insert("PATH".to_owned(), "/usr/bin:/bin".to_owned());
    image.command = vec!["/bin/sh".to_owned()];
    Ok(image)
}

/// The installer's image: a shell, as the installer's own scripts expect, the authorities, and the
/// stand-in under the installer's name.
pub fn installer(stand_in: &Path, progress: &Progress) -> Result<Image> {
    let mut image = busybox(INSTALLER)?;
    let from = strip(stand_in, progress)?;
    image.files.insert(
        "/bin/openshift-install".to_owned(),
        Entry::Copy { mode: 0o755, from },
    );
    let from = PathBuf::from(CERTIFICATES);
    image
        .files
        .insert(CERTIFICATES.to_owned(), Entry::Copy { mode: 0o644, from });
    image.entrypoint = vec!["/bin/openshift-install".to_owned()];
    image.command = Vec::new();
    Ok(image)
}

/// The CLI's image: a shell. Skep brings its own binary along.
pub fn cli() -> Result<Image> {
    busybox(CLI)
}

/// The release image: what installer and CLI images belong to a version, as OpenShift's own release
/// images say it.
pub fn release() -> Result<Image> {
    let tag = |name: &str, image: &str| {
        json!({
            "name": name,
            "from": { "kind": "DockerImage", "name": image },
            "generation": null,
            "importPolicy": {},
            "referencePolicy": { "type": "Source" },
        })
    };
    let references = json!({
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": { "name": RELEASE_VERSION },
        "spec": {
            "lookupPolicy": { "local": false },
            "tags": [
                tag("baremetal-installer", INSTALLER),
                tag("cli", CLI),
                tag("installer", INSTALLER),
            ],
        },
        "status": { "dockerImageRepository": "" },
    });
    let metadata = json!({
        "kind": "cincinnati-metadata-v0",
        "version": RELEASE_VERSION,
        "previous": [],
        "metadata": { "description": "" },
    });
    let mut image = busybox(RELEASE)?;
    for (name, document) in [
        ("image-references", references),
        ("release-metadata", metadata),
    ] {
        let text = format!("{document:#}\n");
        let path = format!("/release-manifests/{name}");
        image.files.insert(path, Entry::Text { mode: 0o644, text });
    }
    Ok(image)
}

/// A stripped copy of a binary, in the cache.
pub fn strip(binary: &Path, progress: &Progress) -> Result<PathBuf> {
    let key = cache::digest([stamp(binary)?.as_bytes()]);
    let stripped = cache::folder("images/stripped")?.join(&key[..32]);
    if stripped.exists() {
        return Ok(stripped);
    }
    debian::install(
        &[Package {
            name: "binutils",
            provides: "strip",
        }],
        progress,
    )?;
    let _lock = cache::lock("strip")?;
    let fresh = stripped.with_extension("new");
    let output = Command::new("strip")
        .arg("--strip-all")
        .arg("-o")
        .arg(&fresh)
        .arg(binary)
        .output()
        .context("run strip")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("strip {}: {}", binary.display(), said.trim());
    }
    fs::rename(&fresh, &stripped).with_context(|| format!("rename to {}", stripped.display()))?;
    if let Some(folder) = stripped.parent() {
        remove_old(folder);
    }
    Ok(stripped)
}

/// Removes files that nobody used for a day: each build of the operator leaves a hundred megabytes.
/// Best effort: it only saves space.
fn remove_old(folder: &Path) {
    const DAY: Duration = Duration::from_hours(24);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let written = meta.modified().ok().and_then(|at| at.elapsed().ok());
        if meta.is_file() && written.is_some_and(|age| age > DAY) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn busybox_itself() -> Entry {
    Entry::Copy {
        mode: 0o755,
        from: PathBuf::from(BUSYBOX),
    }
}

/// Path, size and time of change of a file.
fn stamp(path: &Path) -> Result<String> {
    let meta = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?;
    let (size, s, ns) = (meta.len(), meta.mtime(), meta.mtime_nsec());
    Ok(format!("{} {size} {s}.{ns}", path.display()))
}

fn header(mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    mode: u32,
    size: u64,
    bytes: impl Read,
) -> Result<()> {
    archive
        .append_data(&mut header(mode, size), name, bytes)
        .with_context(|| format!("add {name}"))
}

fn finish(archive: tar::Builder<BufWriter<File>>) -> Result<()> {
    let writer = archive.into_inner().context("finish an archive")?;
    writer
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .context("write an archive")?;
    Ok(())
}

fn hash_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let read = file
            .read(&mut block)
            .with_context(|| format!("read {}", path.display()))?;
        if read == 0 {
            return Ok(cache::hex(&hash.finalize()));
        }
        hash.update(&block[..read]);
    }
}
