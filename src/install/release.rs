//! Reads a release image's own description of itself: which image is the installer, which the CLI,
//! which version it is (docs/spec/10 §8.3).
//!
//! Plain functions over the two files of `/release-manifests`; nothing is read or written here. A
//! payload of an unexpected kind is an error, never silence (docs/spec/10 §26.1 W8).

use serde::Deserialize;
use skep_crds::names::value::{CLI_IMAGE, DEFAULT_INSTALLER_IMAGE};

/// What a release image resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Pull specification of the installer image.
    pub installer: String,
    /// Pull specification of the CLI image.
    pub cli: String,
    /// OpenShift version, for example `4.19.2`.
    pub version: String,
}

/// What the ClusterDeployment asks for beyond the release's own answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `provisioning.installerImageOverride`.
    pub installer_image_override: Option<String>,
    /// Annotation `installer-image-name-override`: the tag to use instead of
    /// [`DEFAULT_INSTALLER_IMAGE`].
    pub installer_tag: Option<String>,
    /// Annotation `cli-domain-from-installer-image`: the CLI image keeps its path but takes the
    /// installer image's registry host.
    pub cli_domain_from_installer: bool,
}

/// Why a release image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is no JSON.
    #[error("{file} of the release image is not valid JSON: {source}")]
    Json {
        /// Which file.
        file: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A file is of another kind than OpenShift's releases are.
    #[error(
        "{file} of the release image has kind {found:?}, expected {expected:?}: is it an OpenShift release image?"
    )]
    Kind {
        /// Which file.
        file: &'static str,
        /// The kind found.
        found: String,
        /// The kind expected.
        expected: &'static str,
    },
    /// The release lists no such image.
    #[error("the release image lists no image {tag:?}")]
    NoTag {
        /// The missing tag.
        tag: String,
    },
    /// The tag does not name a container image.
    #[error(
        "image {tag:?} of the release is a {kind:?} named {name:?}, expected a named DockerImage"
    )]
    NotAnImage {
        /// The tag.
        tag: String,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// An image without a registry host cannot lend or take one.
    #[error(
        "image {image:?} names no registry host, which the annotation cli-domain-from-installer-image needs"
    )]
    NoHost {
        /// The image.
        image: String,
    },
    /// Neither file tells a version.
    #[error("the release image tells no version")]
    NoVersion,
}

#[derive(Deserialize)]
struct ImageStream {
    #[serde(default)]
    kind: String,
    #[serde(default, rename = "apiVersion")]
    api_version: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    #[serde(default)]
    from: From,
}

#[derive(Default, Deserialize)]
struct From {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct ReleaseMetadata {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    version: String,
}

/// Resolves the images from `image-references` and `release-metadata`.
pub fn resolve(
    image_references: &str,
    release_metadata: &str,
    wishes: &Wishes,
) -> Result<Images, Error> {
    let stream = image_stream(image_references)?;
    let installer = match &wishes.installer_image_override {
        Some(image) => image.clone(),
        None => stream.image(
            wishes
                .installer_tag
                .as_deref()
                .unwrap_or(DEFAULT_INSTALLER_IMAGE),
        )?,
    };
    let cli = stream.image(CLI_IMAGE)?;
    let cli = if wishes.cli_domain_from_installer {
        rehost(&cli, &installer)?
    } else {
        cli
    };
    let version = version(release_metadata, &stream.metadata.name)?;
    Ok(Images {
        installer,
        cli,
        version,
    })
}

fn image_stream(text: &str) -> Result<ImageStream, Error> {
    const FILE: &str = "image-references";
    const EXPECTED: &str = "image.openshift.io/v1 ImageStream";
    let stream: ImageStream =
        serde_json::from_str(text).map_err(|source| Error::Json { file: FILE, source })?;
    let found = format!("{} {}", stream.api_version, stream.kind);
    if found == EXPECTED {
        Ok(stream)
    } else {
        Err(Error::Kind {
            file: FILE,
            found,
            expected: EXPECTED,
        })
    }
}

impl ImageStream {
    fn image(&self, tag: &str) -> Result<String, Error> {
        let found = self
            .spec
            .tags
            .iter()
            .find(|candidate| candidate.name == tag)
            .ok_or_else(|| Error::NoTag {
                tag: tag.to_owned(),
            })?;
        if found.from.kind == "DockerImage" && !found.from.name.is_empty() {
            Ok(found.from.name.clone())
        } else {
            Err(Error::NotAnImage {
                tag: tag.to_owned(),
                kind: found.from.kind.clone(),
                name: found.from.name.clone(),
            })
        }
    }
}

/// `image` with everything up to its first `/` replaced by that of `host_of`.
fn rehost(image: &str, host_of: &str) -> Result<String, Error> {
    let split = |image: &str| -> Result<(String, String), Error> {
        image
            .split_once('/')
            .map(|(host, path)| (host.to_owned(), path.to_owned()))
            .ok_or_else(|| Error::NoHost {
                image: image.to_owned(),
            })
    };
    let (host, _) = split(host_of)?;
    let (_, path) = split(image)?;
    Ok(format!("{host}/{path}"))
}

fn version(text: &str, stream_name: &str) -> Result<String, Error> {
    const FILE: &str = "release-metadata";
    const EXPECTED: &str = "cincinnati-metadata-v0";
    let metadata: ReleaseMetadata =
        serde_json::from_str(text).map_err(|source| Error::Json { file: FILE, source })?;
    if metadata.kind != EXPECTED {
        return Err(Error::Kind {
            file: FILE,
            found: metadata.kind,
            expected: EXPECTED,
        });
    }
    [metadata.version.as_str(), stream_name]
        .into_iter()
        .find(|version| !version.is_empty())
        .map(str::to_owned)
        .ok_or(Error::NoVersion)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn references() -> String {
        let image = |name: &str, image: &str| json!({"name": name, "from": {"kind": "DockerImage", "name": image}});
        json!({
            "apiVersion": "image.openshift.io/v1",
            "kind": "ImageStream",
            "metadata": {"name": "4.19.1"},
            "spec": {"tags": [
                image("installer", "quay.example/r/installer@sha256:1"),
                image("baremetal-installer", "quay.example/r/baremetal@sha256:2"),
                image("cli", "other.example/r/cli@sha256:3"),
                {"name": "odd", "from": {"kind": "ImageStreamTag", "name": "x"}},
            ]},
        })
        .to_string()
    }

    const METADATA: &str = r#"{"kind":"cincinnati-metadata-v0","version":"4.19.2"}"#;

    fn with(wishes: &Wishes) -> Result<Images, String> {
        resolve(&references(), METADATA, wishes).map_err(|error| error.to_string())
    }

    /// docs/spec/10 §8.3 and §25 item 6: not `installer`.
    #[test]
    fn the_default_installer_is_the_bare_metal_one() {
        assert_eq!(
            with(&Wishes::default()),
            Ok(Images {
                installer: "quay.example/r/baremetal@sha256:2".into(),
                cli: "other.example/r/cli@sha256:3".into(),
                version: "4.19.2".into(),
            })
        );
    }

    /// docs/spec/10 §8.3: override first, then the annotation's tag.
    #[test]
    fn an_override_wins_over_the_annotation() {
        let tag = Wishes {
            installer_tag: Some("installer".into()),
            ..Wishes::default()
        };
        assert_eq!(
            with(&tag).unwrap().installer,
            "quay.example/r/installer@sha256:1"
        );
        let both = Wishes {
            installer_image_override: Some("mine/x:1".into()),
            ..tag
        };
        assert_eq!(with(&both).unwrap().installer, "mine/x:1");
    }

    /// docs/spec/10 §8.3: only the host is taken over.
    #[test]
    fn the_cli_can_take_the_installers_host() {
        let wishes = Wishes {
            cli_domain_from_installer: true,
            ..Wishes::default()
        };
        assert_eq!(with(&wishes).unwrap().cli, "quay.example/r/cli@sha256:3");
        let hostless = Wishes {
            installer_image_override: Some("bare".into()),
            ..wishes
        };
        assert!(
            with(&hostless)
                .unwrap_err()
                .contains("\"bare\" names no registry host")
        );
    }

    /// docs/spec/10 §26.1 W8: the Go operator returns no error here and loops for ever.
    #[test]
    fn a_payload_of_another_kind_is_an_error() {
        let error = resolve(
            r#"{"kind":"Pod","apiVersion":"v1"}"#,
            METADATA,
            &Wishes::default(),
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("is it an OpenShift release image?")
        );
        let error = resolve(&references(), r#"{"kind":"other"}"#, &Wishes::default());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("cincinnati-metadata-v0")
        );
    }

    #[test]
    fn missing_and_odd_tags_are_named() {
        let missing = Wishes {
            installer_tag: Some("nope".into()),
            ..Wishes::default()
        };
        assert_eq!(
            with(&missing).unwrap_err(),
            "the release image lists no image \"nope\""
        );
        let odd = Wishes {
            installer_tag: Some("odd".into()),
            ..Wishes::default()
        };
        assert!(
            with(&odd)
                .unwrap_err()
                .contains("expected a named DockerImage")
        );
    }

    /// docs/spec/10 §8.3: the metadata's version, else the stream's name, else an error.
    #[test]
    fn the_version_has_a_fallback() {
        let nameless = r#"{"kind":"cincinnati-metadata-v0"}"#;
        let images = resolve(&references(), nameless, &Wishes::default()).unwrap();
        assert_eq!(images.version, "4.19.1");
        let unnamed = references().replace("4.19.1", "");
        let error = resolve(&unnamed, nameless, &Wishes::default()).unwrap_err();
        assert_eq!(error.to_string(), "the release image tells no version");
    }
}
