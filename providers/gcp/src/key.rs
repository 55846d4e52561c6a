//! Decides whose credentials a Secret holds: the key of one service account.
//!
//! The Secret is a user's, so this module takes nothing from it but the key: never another kind of
//! credential (they name programs to run and files of the operator's pod to read), never the token
//! endpoint in the file, to which a signed assertion would be sent. Mirrors `docs/spec/24 §1`.

use std::fmt;

use serde_json::{Map, Value};
use skep_providers::{CredentialSource, SecretData};
use zeroize::Zeroizing;

/// Key of a Secret: the key file of a service account.
pub(crate) const KEY_FILE: &str = "osServiceAccount.json";
const UNIVERSE: &str = "googleapis.com";
const KIND: &str = "service_account";

/// Why a Secret gives no credentials. The texts name keys and fields, never values of secret ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("there is no credentials Secret")]
    Nothing,
    #[error("to act as another service account is not supported on Google Cloud yet")]
    OtherAccount,
    #[error("the credentials Secret has no {KEY_FILE}; it has {found}")]
    NoKeyFile { found: String },
    #[error("{KEY_FILE} is no JSON object")]
    NoJson,
    #[error("{KEY_FILE} is of type {found:?}; only the key of a service account is taken")]
    Kind { found: String },
    #[error("{KEY_FILE} lacks {0}")]
    Missing(&'static str),
    #[error("{KEY_FILE} names the project {found:?}, which cannot be one")]
    Project { found: String },
    #[error("{KEY_FILE} is of universe {found:?}; only {UNIVERSE} is supported")]
    Universe { found: String },
}

/// The key of a service account.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) email: String,
    pub(crate) project: String,
    pub(crate) id: Zeroizing<String>,
    pub(crate) private: Zeroizing<String>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.email).finish()
    }
}

impl Key {
    /// The key that a source of credentials holds.
    pub(crate) fn of(source: &CredentialSource) -> Result<Self, Unreadable> {
        let CredentialSource {
            secret,
            assume_role,
            provider_secret: _,
        } = source;
        match (assume_role, secret) {
            (Some(_), _) => Err(Unreadable::OtherAccount),
            (None, Some(secret)) => Self::of_secret(secret),
            (None, None) => Err(Unreadable::Nothing),
        }
    }

    fn of_secret(secret: &SecretData) -> Result<Self, Unreadable> {
        let Some(text) = secret.text(KEY_FILE).filter(|text| !text.is_empty()) else {
            let found = secret.keys().collect::<Vec<_>>().join(", ");
            let found = if found.is_empty() {
                "nothing".to_owned()
            } else {
                found
            };
            return Err(Unreadable::NoKeyFile { found });
        };
        // The parser's own text may quote the content.
        let file: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| Unreadable::NoJson)?;
        let of = |name| file.get(name).and_then(Value::as_str).map(str::trim);
        let found = of("type").unwrap_or_default();
        if found != KIND {
            return Err(Unreadable::Kind {
                found: found.to_owned(),
            });
        }
        let found = of("universe_domain").unwrap_or(UNIVERSE);
        if found != UNIVERSE {
            return Err(Unreadable::Universe {
                found: found.to_owned(),
            });
        }
        let field = |name| {
            of(name)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .ok_or(Unreadable::Missing(name))
        };
        let project = field("project_id")?;
        // It becomes part of paths.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
        if !project.bytes().all(plain) || project.starts_with('.') {
            return Err(Unreadable::Project { found: project });
        }
        Ok(Self {
            email: field("client_email")?,
            project,
            id: Zeroizing::new(field("private_key_id")?),
            private: Zeroizing::new(field("private_key")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use skep_providers::AssumeRole;

    use super::*;

    const CANARY: &str = "skep-canary-7f3a";

    fn file() -> Value {
        json!({
            "type": "service_account", "project_id": "demo-project", "private_key_id": CANARY,
            "private_key": CANARY, "client_email": "installer@demo-project.iam.gserviceaccount.com",
            "token_uri": "https://elsewhere.example.com/token",
        })
    }

    fn source(text: &str) -> CredentialSource {
        let secret = [(KEY_FILE, text.as_bytes().to_vec())].into_iter().collect();
        CredentialSource::from_secret(secret)
    }

    fn with(name: &str, value: &Value) -> String {
        let mut file = file();
        file[name] = value.clone();
        file.to_string()
    }

    #[test]
    fn a_key_file_is_a_key_that_does_not_print() {
        let key = Key::of(&source(&format!("{}\n", file()))).unwrap();
        assert_eq!(key.project, "demo-project");
        assert_eq!(key.private.as_str(), CANARY);
        let shown = format!("{key:?}");
        assert!(
            shown.contains("installer@") && !shown.contains(CANARY),
            "{shown}"
        );
    }

    #[test]
    fn what_is_no_key_of_a_service_account_is_refused_without_being_told() {
        let nothing = CredentialSource::default();
        let other = CredentialSource::from_secret(
            [("aws_access_key_id", CANARY.into())].into_iter().collect(),
        );
        let role = CredentialSource {
            assume_role: Some(AssumeRole {
                role_arn: "other@demo-project.iam.gserviceaccount.com".to_owned(),
                external_id: None,
            }),
            ..source(&file().to_string())
        };
        let external = json!({
            "type": "external_account",
            "credential_source": {"executable": {"command": CANARY}},
        });
        for (source, expected) in [
            (nothing, Unreadable::Nothing),
            (role, Unreadable::OtherAccount),
            (
                other,
                Unreadable::NoKeyFile {
                    found: "aws_access_key_id".to_owned(),
                },
            ),
            (
                source(&format!("{{\"private_key\": {CANARY}")),
                Unreadable::NoJson,
            ),
            (source(&json!([CANARY]).to_string()), Unreadable::NoJson),
            (
                source(&external.to_string()),
                Unreadable::Kind {
                    found: "external_account".to_owned(),
                },
            ),
            (
                source(&with("universe_domain", &json!("example.com"))),
                Unreadable::Universe {
                    found: "example.com".to_owned(),
                },
            ),
            (
                source(&with("private_key", &json!(""))),
                Unreadable::Missing("private_key"),
            ),
            (
                source(&with("project_id", &json!(7))),
                Unreadable::Missing("project_id"),
            ),
            (
                source(&with("project_id", &json!("../demo"))),
                Unreadable::Project {
                    found: "../demo".to_owned(),
                },
            ),
        ] {
            let refused = Key::of(&source).unwrap_err();
            assert_eq!(refused, expected);
            assert!(!refused.to_string().contains(CANARY), "{refused}");
        }
    }
}
