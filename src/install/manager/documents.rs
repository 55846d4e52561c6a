//! Edits to the YAML documents that belong to the user or to the installer: install-config and
//! generated manifests (docs/spec/10 §14.4, §14.5).
//!
//! Every edit is made on the tree, so that fields which nobody here has heard of survive (docs/spec/10
//! §26.1 W28: the Go operator drops them). No error carries a piece of the document: install-configs
//! hold pull secrets and passwords.

use serde_json::{Value, json};

/// A document that cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not YAML.
    #[error("{document} is not valid YAML: {problem}")]
    Parse {
        /// Which document.
        document: &'static str,
        /// The parser's words and the position, without any of the text.
        problem: String,
    },
    /// YAML, but not of the expected shape.
    #[error("{document} has no {path}, or it is not {expected}")]
    Shape {
        /// Which document.
        document: &'static str,
        /// Where in the document.
        path: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// The edited tree cannot be written as YAML.
    #[error("cannot write {document} as YAML: {problem}")]
    Write {
        /// Which document.
        document: &'static str,
        /// The writer's words.
        problem: String,
    },
}

/// Parses a YAML document into a tree. `document` is its name in errors.
pub fn parse(document: &'static str, yaml: &str) -> Result<Value, Error> {
    serde_saphyr::from_str(yaml).map_err(|error| Error::Parse {
        document,
        problem: error.without_snippet().to_string(),
    })
}

/// The document of a tree.
pub fn write(document: &'static str, tree: &Value) -> Result<String, Error> {
    serde_saphyr::to_string(tree).map_err(|error| Error::Write {
        document,
        problem: error.to_string(),
    })
}

/// The install-config with `pullSecret` set to the merged pull secret, always (docs/spec/10 §14.4).
pub fn with_pull_secret(install_config: &str, pull_secret: &str) -> Result<String, Error> {
    const DOCUMENT: &str = "install-config.yaml";
    let mut tree = parse(DOCUMENT, install_config)?;
    let members = tree.as_object_mut().ok_or(Error::Shape {
        document: DOCUMENT,
        path: "top level",
        expected: "a mapping",
    })?;
    members.insert("pullSecret".to_owned(), json!(pull_secret.trim()));
    write(DOCUMENT, &tree)
}

/// `manifests/cluster-config.yaml` with `credentialsMode` of the install-config inside it replaced
/// (annotation `override-in-cluster-credentials-mode`, docs/spec/10 §14.5 step 6).
pub fn with_credentials_mode(cluster_config: &str, mode: &str) -> Result<String, Error> {
    const DOCUMENT: &str = "manifests/cluster-config.yaml";
    const INNER: &str = "install-config in manifests/cluster-config.yaml";
    let mut config_map = parse(DOCUMENT, cluster_config)?;
    let shape = || Error::Shape {
        document: DOCUMENT,
        path: "data.install-config",
        expected: "a string",
    };
    let inner = config_map
        .pointer_mut("/data/install-config")
        .ok_or_else(shape)?;
    let mut tree = parse(INNER, inner.as_str().ok_or_else(shape)?)?;
    tree.as_object_mut()
        .ok_or(Error::Shape {
            document: INNER,
            path: "top level",
            expected: "a mapping",
        })?
        .insert("credentialsMode".to_owned(), json!(mode));
    *inner = json!(write(INNER, &tree)?);
    write(DOCUMENT, &config_map)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/10 §26.1 W28: fields that the operator does not know, and texts that look like
    /// another type, come out as they went in.
    #[test]
    fn unknown_fields_and_ambiguous_texts_survive() {
        let config = "\
apiVersion: v1
metadata: {name: demo}
newField: {deep: [1, 2.5, true, null, 'true', '0123', 'no', '1e3', '2026-01-01', '~', '']}
note: |
  two
  lines
sshKey: 'ssh-ed25519 AAAA x'
";
        let edited = with_pull_secret(config, "{\"auths\":{}}\n").unwrap();
        let mut expected = parse("expected", config).unwrap();
        expected["pullSecret"] = json!("{\"auths\":{}}");
        assert_eq!(
            parse("edited", &edited).unwrap(),
            expected,
            "edited text:\n{edited}"
        );
    }

    #[test]
    fn an_error_never_shows_the_document() {
        let error = with_pull_secret("pullSecret: 'hush-hush\n  : [", "x")
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("hush"),
            "the error shows the document: {error}"
        );
        assert!(
            error.contains("install-config.yaml is not valid YAML"),
            "{error}"
        );
    }

    #[test]
    fn a_list_is_no_install_config() {
        let error = with_pull_secret("[1]", "x").unwrap_err().to_string();
        assert_eq!(
            error,
            "install-config.yaml has no top level, or it is not a mapping"
        );
    }

    /// docs/spec/10 §14.5 step 6.
    #[test]
    fn credentials_mode_is_replaced_inside_the_config_map() {
        let manifest = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: cluster-config-v1, namespace: kube-system}
data:
  install-config: |
    baseDomain: example.com
    credentialsMode: Mint
";
        let edited = parse(
            "edited",
            &with_credentials_mode(manifest, "Manual").unwrap(),
        )
        .unwrap();
        let inner = parse("inner", edited["data"]["install-config"].as_str().unwrap()).unwrap();
        assert_eq!(
            inner,
            json!({"baseDomain": "example.com", "credentialsMode": "Manual"})
        );
    }
}
