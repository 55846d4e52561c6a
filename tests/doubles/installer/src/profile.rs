//! Where AWS credentials come from: the environment, or a profile of the configuration files, by a
//! role if the profile says so.
//!
//! Read here rather than by the SDK's default chain, because that chain finds endpoints of its own for
//! the calls it makes, and this program may only call checked ones.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

/// The profiles of configuration files, by name.
pub(crate) type Profiles = BTreeMap<String, BTreeMap<String, String>>;

/// A pair of keys.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

/// How to get credentials.
pub(crate) struct Source {
    /// The keys to sign with first.
    pub(crate) keys: Keys,
    /// Roles to assume with them, one after the other.
    pub(crate) roles: Vec<Role>,
    /// Where they came from, for the log.
    pub(crate) origin: String,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session: String,
}

/// Finds the credentials.
pub(crate) fn find(environment: impl Fn(&str) -> Option<String>) -> Result<Source> {
    let keys = (
        environment("AWS_ACCESS_KEY_ID"),
        environment("AWS_SECRET_ACCESS_KEY"),
    );
    if let (Some(id), Some(secret)) = keys {
        let token = environment("AWS_SESSION_TOKEN");
        return Ok(Source {
            keys: Keys { id, secret, token },
            roles: Vec::new(),
            origin: "default AWS environment variables".to_owned(),
        });
    }
    let home = environment("HOME").unwrap_or_default();
    let config = environment("AWS_CONFIG_FILE").unwrap_or_else(|| format!("{home}/.aws/config"));
    let shared = environment("AWS_SHARED_CREDENTIALS_FILE")
        .unwrap_or_else(|| format!("{home}/.aws/credentials"));
    let mut profiles = Profiles::new();
    let mut seen = None;
    for path in [config, shared] {
        if let Ok(text) = std::fs::read_to_string(&path) {
            parse(&text, &mut profiles);
            seen.get_or_insert(path);
        }
    }
    let profile = environment("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let Some(path) = seen else {
        bail!("no AWS credentials: neither environment variables nor a configuration file");
    };
    let (keys, roles) = resolve(&profiles, &profile)?;
    Ok(Source {
        keys,
        roles,
        origin: format!("the {profile:?} profile in file {path:?}"),
    })
}

/// Adds the sections of a file. Values of a later file win.
fn parse(text: &str, profiles: &mut Profiles) {
    let mut section = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = trimmed.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default().trim();
            let name = header.strip_prefix("profile").map_or(header, |name| {
                if name.starts_with(char::is_whitespace) {
                    name.trim()
                } else {
                    header
                }
            });
            profiles.entry(name.to_owned()).or_default();
            section = Some(name.to_owned());
        } else if let (Some(section), Some((key, value))) = (&section, trimmed.split_once('=')) {
            let profile = profiles.entry(section.clone()).or_default();
            profile.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
}

/// Follows a profile to the keys it starts from; roles come in the order in which they are assumed.
fn resolve(profiles: &Profiles, name: &str) -> Result<(Keys, Vec<Role>)> {
    let mut roles = Vec::new();
    let mut name = name;
    // A chain longer than the number of profiles is a circle.
    for _ in 0..=profiles.len() {
        let profile = profiles
            .get(name)
            .with_context(|| format!("no AWS profile {name:?}"))?;
        if profile.contains_key("credential_process") {
            bail!("credential_process is not supported");
        }
        let keys = (
            profile.get("aws_access_key_id"),
            profile.get("aws_secret_access_key"),
        );
        let source = profile.get("source_profile").map(String::as_str);
        if let Some(arn) = profile.get("role_arn")
            && (source != Some(name) || !roles.iter().any(|role: &Role| role.arn == *arn))
        {
            roles.insert(
                0,
                Role {
                    arn: arn.clone(),
                    external_id: profile.get("external_id").cloned(),
                    session: profile
                        .get("role_session_name")
                        .cloned()
                        .unwrap_or_else(|| "openshift-install".to_owned()),
                },
            );
            match source {
                Some(other) if other != name => {
                    name = other;
                    continue;
                }
                _ => {}
            }
        }
        if let (Some(id), Some(secret)) = keys {
            let token = profile.get("aws_session_token").cloned();
            return Ok((
                Keys {
                    id: id.clone(),
                    secret: secret.clone(),
                    token,
                },
                roles,
            ));
        }
        match source {
            Some(other) if other != name => name = other,
            _ => bail!("AWS profile {name:?} has no keys"),
        }
    }
    bail!("AWS profile {name:?} refers to itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
[default]
role_arn = arn:aws:iam::123456789012:role/installer
source_profile = source
external_id=xyz
# a comment
[profile source]
aws_access_key_id = AKIA
aws_secret_access_key = s=e=c

[profile circle]
source_profile = circle2
[profile circle2]
source_profile = circle
";

    fn profiles() -> Profiles {
        let mut profiles = Profiles::new();
        parse(FILE, &mut profiles);
        profiles
    }

    #[test]
    fn a_role_is_assumed_with_the_keys_of_its_source() {
        let Ok((keys, roles)) = resolve(&profiles(), "default") else {
            unreachable!()
        };
        assert_eq!((keys.id.as_str(), keys.secret.as_str()), ("AKIA", "s=e=c"));
        let [role] = roles.as_slice() else {
            unreachable!("{roles:?}")
        };
        assert_eq!(role.arn, "arn:aws:iam::123456789012:role/installer");
        assert_eq!(role.external_id.as_deref(), Some("xyz"));
    }

    #[test]
    fn what_leads_nowhere_is_an_error() {
        for name in ["circle", "missing"] {
            assert!(resolve(&profiles(), name).is_err(), "{name}");
        }
        let mut profiles = Profiles::new();
        parse("[default]\ncredential_process = /bin/sh\n", &mut profiles);
        assert!(resolve(&profiles, "default").is_err());
    }

    #[test]
    fn the_environment_wins() {
        let found = find(|name| match name {
            "AWS_ACCESS_KEY_ID" => Some("AKIB".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
            _ => None,
        });
        let Ok(source) = found else { unreachable!() };
        assert_eq!(source.keys.id, "AKIB");
        assert_eq!(source.origin, "default AWS environment variables");
    }
}
