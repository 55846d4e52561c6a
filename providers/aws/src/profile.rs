//! Decides whose credentials a Secret holds: plain keys, or an AWS configuration file whose profile
//! `default` is followed through its source profiles.
//!
//! Such a file is input of a user, so this module must never do what the SDK's own reader would: run
//! a `credential_process`, or read token files, instance metadata or single sign-on caches of the
//! operator's pod. Everything but keys and roles is refused with a message that names the setting.
//! Mirrors `docs/spec/10 §14.3`, `docs/spec/20 §6` and `docs/spec/24 §1`.

use std::{collections::BTreeMap, fmt};

use skep_providers::{CredentialSource, SecretData};
use zeroize::Zeroizing;

/// Key of a Secret: access key.
pub(crate) const KEY_ID: &str = "aws_access_key_id";
/// Key of a Secret: secret key.
pub(crate) const SECRET_KEY: &str = "aws_secret_access_key";
/// Key of a Secret: configuration file.
pub(crate) const CONFIG: &str = "aws_config";

/// Longest chain of source profiles that is followed.
const MAX_CHAIN: usize = 5;

/// Settings that make the SDK fetch credentials from the machine it runs on.
const REFUSED: &[&str] = &[
    "credential_source",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "mfa_serial",
    "login_session",
];

/// Why a Secret gives no credentials. The texts name keys and settings, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("there is neither a credentials Secret nor a role to assume")]
    Nothing,
    #[error("the role cannot be assumed: there is no Secret of the service provider")]
    NoProvider,
    #[error(
        "the credentials Secret has neither {CONFIG} nor the pair {KEY_ID} and {SECRET_KEY}; it has {found}"
    )]
    NoKeys { found: String },
    #[error("{CONFIG} contains credential_process, which is forbidden")]
    CredentialProcess,
    #[error(
        "{CONFIG}, profile {profile}: {setting} is not supported, use keys or a role with source_profile"
    )]
    Setting {
        profile: String,
        setting: &'static str,
    },
    #[error("{CONFIG}, line {line}: neither a section nor a setting")]
    Syntax { line: usize },
    #[error("{CONFIG} has no profile {profile}")]
    NoProfile { profile: String },
    #[error("{CONFIG}, profile {profile}: neither keys nor role_arn with source_profile")]
    Incomplete { profile: String },
    #[error("{CONFIG}: the source profiles form a circle or a chain longer than {MAX_CHAIN}")]
    Chain,
}

/// Whose credentials to use.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Keys as they are.
    Keys {
        id: String,
        secret: Zeroizing<String>,
        token: Option<Zeroizing<String>>,
    },
    /// A role, assumed with the credentials of `source`.
    Role {
        source: Box<Identity>,
        arn: String,
        external_id: Option<String>,
        session: Option<String>,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys {
                id,
                secret: _,
                token: _,
            } => f.debug_tuple("Keys").field(id).finish(),
            Self::Role {
                source,
                arn,
                external_id: _,
                session: _,
            } => f
                .debug_struct("Role")
                .field("arn", arn)
                .field("source", source)
                .finish(),
        }
    }
}

/// The identity that a source of credentials describes.
pub(crate) fn identity(source: &CredentialSource) -> Result<Identity, Unreadable> {
    let CredentialSource {
        secret,
        assume_role,
        provider_secret,
    } = source;
    match (assume_role, provider_secret, secret) {
        (Some(role), Some(base), _) | (Some(role), None, Some(base)) => Ok(Identity::Role {
            source: Box::new(of_secret(base)?),
            arn: role.role_arn.clone(),
            external_id: role.external_id.clone().filter(|id| !id.is_empty()),
            session: None,
        }),
        (Some(_), None, None) => Err(Unreadable::NoProvider),
        (None, _, Some(secret)) => of_secret(secret),
        (None, _, None) => Err(Unreadable::Nothing),
    }
}

/// The configuration file counts before the keys.
fn of_secret(secret: &SecretData) -> Result<Identity, Unreadable> {
    if let Some(config) = secret.text(CONFIG).filter(|text| !text.is_empty()) {
        return of_config(config);
    }
    let key = |name| secret.text(name).filter(|text| !text.is_empty());
    let (Some(id), Some(value)) = (key(KEY_ID), key(SECRET_KEY)) else {
        let found = secret.keys().collect::<Vec<_>>().join(", ");
        let found = if found.is_empty() {
            "nothing".to_owned()
        } else {
            found
        };
        return Err(Unreadable::NoKeys { found });
    };
    Ok(Identity::Keys {
        id: id.to_owned(),
        secret: Zeroizing::new(value.to_owned()),
        token: key("aws_session_token").map(|token| Zeroizing::new(token.to_owned())),
    })
}

fn of_config(text: &str) -> Result<Identity, Unreadable> {
    // Anywhere, in comments too: what another reader takes for a setting must not pass here.
    if text.to_ascii_lowercase().contains("credential_process") {
        return Err(Unreadable::CredentialProcess);
    }
    follow(&profiles(text)?, "default", MAX_CHAIN)
}

type Profile = BTreeMap<String, Zeroizing<String>>;

fn follow(
    profiles: &BTreeMap<String, Profile>,
    name: &str,
    depth: usize,
) -> Result<Identity, Unreadable> {
    if depth == 0 {
        return Err(Unreadable::Chain);
    }
    let profile = profiles.get(name).ok_or_else(|| Unreadable::NoProfile {
        profile: name.to_owned(),
    })?;
    if let Some(setting) = REFUSED
        .iter()
        .find(|setting| profile.contains_key(**setting))
    {
        return Err(Unreadable::Setting {
            profile: name.to_owned(),
            setting,
        });
    }
    let value = |key: &str| profile.get(key).filter(|value| !value.is_empty());
    let keys = || match (value(KEY_ID), value(SECRET_KEY)) {
        (Some(id), Some(secret)) => Some(Identity::Keys {
            id: id.to_string(),
            secret: secret.clone(),
            token: value("aws_session_token").cloned(),
        }),
        (None, _) | (_, None) => None,
    };
    let incomplete = || Unreadable::Incomplete {
        profile: name.to_owned(),
    };
    let Some(arn) = value("role_arn") else {
        return keys().ok_or_else(incomplete);
    };
    let source = match value("source_profile") {
        // A profile may name itself as the source: then its own keys are meant.
        Some(source) if source.as_str() == name => keys().ok_or_else(incomplete)?,
        Some(source) => follow(profiles, source, depth - 1)?,
        None => return Err(incomplete()),
    };
    Ok(Identity::Role {
        source: Box::new(source),
        arn: arn.to_string(),
        external_id: value("external_id").map(|id| id.to_string()),
        session: value("role_session_name").map(|name| name.to_string()),
    })
}

/// Sections and settings of a configuration file. Indented lines are nested settings (`s3 =`), of
/// which none matters here.
fn profiles(text: &str) -> Result<BTreeMap<String, Profile>, Unreadable> {
    let mut found: BTreeMap<String, Profile> = BTreeMap::new();
    // `None` in sections that are no profiles (`[sso-session x]`, `[services x]`).
    let mut current: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let title = rest
                .split_once(']')
                .map(|(title, _)| title.trim())
                .ok_or(Unreadable::Syntax { line: index + 1 })?;
            let mut words = title.split_whitespace();
            current = match (words.next(), words.next(), words.next()) {
                (Some("profile"), Some(name), None) | (Some(name), None, None) => {
                    Some(name.to_owned())
                }
                _ => None,
            };
            if let Some(name) = &current {
                found.entry(name.clone()).or_default();
            }
        } else if line.starts_with([' ', '\t']) {
            // Indented keys are common in Secrets made of YAML block text; nested settings of the
            // SDK have keys that this module never looks at.
            read_setting(&mut found, current.as_deref(), trimmed);
        } else if !read_setting(&mut found, current.as_deref(), trimmed) {
            return Err(Unreadable::Syntax { line: index + 1 });
        }
    }
    Ok(found)
}

fn read_setting(found: &mut BTreeMap<String, Profile>, section: Option<&str>, line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let value = value
        .split(" #")
        .next()
        .and_then(|value| value.split(" ;").next());
    if let Some(profile) = section.and_then(|name| found.get_mut(name)) {
        profile.insert(
            key.trim().to_ascii_lowercase(),
            Zeroizing::new(value.unwrap_or_default().trim().to_owned()),
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use skep_providers::AssumeRole;

    use super::*;

    fn secret(entries: &[(&str, &str)]) -> SecretData {
        entries
            .iter()
            .map(|(key, value)| (*key, value.as_bytes().to_vec()))
            .collect()
    }

    fn of(entries: &[(&str, &str)]) -> Result<Identity, Unreadable> {
        identity(&CredentialSource::from_secret(secret(entries)))
    }

    fn keys(id: &str, value: &str) -> Identity {
        Identity::Keys {
            id: id.into(),
            secret: Zeroizing::new(value.into()),
            token: None,
        }
    }

    #[test]
    fn keys_are_trimmed() {
        let found = of(&[(KEY_ID, "AKIA1\n"), (SECRET_KEY, " s \n")]);
        assert_eq!(found, Ok(keys("AKIA1", "s")));
    }

    #[test]
    fn missing_keys_name_what_is_there() {
        let found = of(&[(KEY_ID, "AKIA1"), ("other", "x")]);
        assert_eq!(
            found,
            Err(Unreadable::NoKeys {
                found: format!("{KEY_ID}, other")
            })
        );
        assert_eq!(
            of(&[]),
            Err(Unreadable::NoKeys {
                found: "nothing".into()
            })
        );
        assert_eq!(
            identity(&CredentialSource::default()),
            Err(Unreadable::Nothing)
        );
    }

    #[test]
    fn the_configuration_file_counts_before_the_keys() {
        let config = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";
        let found = of(&[(CONFIG, config), (KEY_ID, "X"), (SECRET_KEY, "Y")]);
        assert_eq!(found, Ok(keys("A", "B")));
    }

    #[test]
    fn a_role_is_followed_to_its_source() {
        let config = "[profile source]\naws_access_key_id=A\naws_secret_access_key=B\n\
                      [default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = source\n\
                      external_id = e # why\nrole_session_name = s\n";
        let found = of(&[(CONFIG, config)]);
        assert_eq!(
            found,
            Ok(Identity::Role {
                source: Box::new(keys("A", "B")),
                arn: "arn:aws:iam::1:role/r".into(),
                external_id: Some("e".into()),
                session: Some("s".into()),
            })
        );
    }

    /// What the operator writes for `credentialsAssumeRole` (docs/spec/10 §11.1 step 8) is one assumption;
    /// naming the role beside it would be another, which a role that does not trust itself refuses.
    #[test]
    fn the_secret_of_an_assumed_role_is_that_role_already() {
        let config = "[default]\nsource_profile = source\nrole_arn = arn:aws:iam::2:role/install\n\n\
                      [profile source]\naws_access_key_id = A\naws_secret_access_key = skep-canary-7f3a\n";
        let once = Identity::Role {
            source: Box::new(keys("A", "skep-canary-7f3a")),
            arn: "arn:aws:iam::2:role/install".into(),
            external_id: None,
            session: None,
        };
        let alone = CredentialSource::from_secret(secret(&[(CONFIG, config)]));
        assert_eq!(identity(&alone).as_ref(), Ok(&once));
        let named_too = CredentialSource {
            assume_role: Some(AssumeRole {
                role_arn: "arn:aws:iam::2:role/install".into(),
                external_id: None,
            }),
            ..alone
        };
        assert_ne!(identity(&named_too), Ok(once));
    }

    #[test]
    fn nothing_of_the_operators_machine_is_read() {
        for (config, expected) in [
            (
                "[other]\nCredential_Process = /bin/sh\n",
                Unreadable::CredentialProcess,
            ),
            (
                "# CREDENTIAL_PROCESS\n[default]\n",
                Unreadable::CredentialProcess,
            ),
            (
                "[default]\nrole_arn = r\nweb_identity_token_file = /token\n",
                Unreadable::Setting {
                    profile: "default".into(),
                    setting: "web_identity_token_file",
                },
            ),
            (
                "[default]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n",
                Unreadable::Setting {
                    profile: "default".into(),
                    setting: "credential_source",
                },
            ),
            (
                "[default]\nrole_arn = r\nsource_profile = a\n[a]\nrole_arn = q\nsource_profile = default\n",
                Unreadable::Chain,
            ),
            (
                "[other]\na=b\n",
                Unreadable::NoProfile {
                    profile: "default".into(),
                },
            ),
            (
                "[default]\nregion=x\n",
                Unreadable::Incomplete {
                    profile: "default".into(),
                },
            ),
            ("[default]\nnonsense\n", Unreadable::Syntax { line: 2 }),
        ] {
            assert_eq!(of(&[(CONFIG, config)]), Err(expected), "{config}");
        }
    }

    #[test]
    fn a_role_needs_the_providers_secret() {
        let role = AssumeRole {
            role_arn: "arn:aws:iam::2:role/x".into(),
            external_id: None,
        };
        let mut source = CredentialSource {
            assume_role: Some(role),
            ..Default::default()
        };
        assert_eq!(identity(&source), Err(Unreadable::NoProvider));
        source.provider_secret = Some(secret(&[(KEY_ID, "P"), (SECRET_KEY, "Q")]));
        assert_eq!(
            identity(&source),
            Ok(Identity::Role {
                source: Box::new(keys("P", "Q")),
                arn: "arn:aws:iam::2:role/x".into(),
                external_id: None,
                session: None,
            })
        );
    }

    #[test]
    fn secrets_do_not_print() {
        let shown = format!("{:?}", of(&[(KEY_ID, "AKIA1"), (SECRET_KEY, "hidden")]));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
