//! The search for secrets in what people can read: logs, Events, conditions, receipts, metrics.
//!
//! What is searched for is the [`CANARY`] that every Secret of the tests holds, and values of Secrets that
//! somebody else made: as they are, and as base64 in the midst of something else. Nothing that is found is
//! ever shown, only where.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::scenario::CANARY;

/// Below this a value may stand anywhere by chance.
const SHORTEST: usize = 16;

/// Keys of Secrets that hold nothing secret: identifiers, and descriptions that the API publishes elsewhere.
const PUBLIC_KEYS: [&str; 6] = [
    "aws_access_key_id",
    "skep.dev-account",
    "metadata.json",
    "ssh-publickey",
    "username",
    "ca.crt",
];

/// What is searched for: what it is, and how it may be written.
#[derive(Clone)]
struct Needle {
    what: String,
    forms: Vec<String>,
}

/// A search for secrets.
#[derive(Clone)]
pub struct Search {
    needles: Vec<Needle>,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").finish_non_exhaustive()
    }
}

impl Default for Search {
    fn default() -> Self {
        let mut search = Self {
            needles: Vec::new(),
        };
        search.add("the canary of the Secrets", CANARY);
        search
    }
}

impl Search {
    /// Searches for the values of Secrets as well, given as a list of the API server. Of a kubeconfig these
    /// are its keys.
    #[must_use]
    pub fn with_secrets(mut self, secrets: &Value) -> Self {
        for secret in secrets["items"].as_array().into_iter().flatten() {
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            for (key, value) in secret["data"].as_object().into_iter().flatten() {
                let value = value.as_str().and_then(|value| BASE64.decode(value).ok());
                let value = value.and_then(|value| String::from_utf8(value).ok());
                let Some(value) = value.filter(|_| !PUBLIC_KEYS.contains(&key.as_str())) else {
                    continue;
                };
                let what = format!("{key} of Secret {name}");
                let secret_lines = value.lines().filter_map(|line| {
                    let (field, value) = line.trim().split_once(": ")?;
                    ["client-key-data", "token", "password"]
                        .contains(&field)
                        .then_some(value)
                });
                match value.trim() {
                    one_line if !one_line.contains('\n') => self.add(&what, one_line),
                    _ => secret_lines.for_each(|line| self.add(&what, line)),
                }
            }
        }
        self
    }

    /// What is found in a text, by what it is.
    pub fn find(&self, text: &str) -> Vec<&str> {
        let found = |needle: &&Needle| needle.forms.iter().any(|form| text.contains(form));
        self.needles
            .iter()
            .filter(found)
            .map(|needle| needle.what.as_str())
            .collect()
    }

    fn add(&mut self, what: &str, value: &str) {
        if value.len() < SHORTEST {
            return;
        }
        let forms = std::iter::once(value.to_owned())
            .chain((0..3).map(|offset| base64_within(value, offset)))
            .collect();
        self.needles.push(Needle {
            what: what.to_owned(),
            forms,
        });
    }
}

/// What all base64 of a text has in common that holds `value` at this offset modulo three.
fn base64_within(value: &str, offset: usize) -> String {
    let padded = [&vec![0; offset], value.as_bytes()].concat();
    let whole = BASE64.encode(&padded);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    whole.get(first..last).unwrap_or(&whole).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_canary_is_found_however_it_is_written() {
        let search = Search::default();
        let canary = ["the canary of the Secrets"];
        for before in ["", "a", "ab", "abc", "demo:"] {
            for after in ["", "-1", "}\n"] {
                let secret = format!("{before}{CANARY}{after}");
                assert_eq!(search.find(&format!("msg={secret:?}")), canary);
                let encoded = BASE64.encode(&secret);
                let text = json!({"auth": encoded}).to_string();
                assert_eq!(search.find(&text), canary, "{before:?} {after:?}");
            }
        }
        assert!(
            search
                .find("msg=\"nothing secret\" skep-canary-")
                .is_empty()
        );
    }

    #[test]
    fn values_of_secrets_are_found_and_what_is_public_is_not() {
        let encode = |value: &str| BASE64.encode(value);
        let kubeconfig =
            "users:\n- name: admin\n  user:\n    client-key-data: QUJDREVGR0hJSktMTU5P\n";
        let secrets = json!({"items": [
            {"metadata": {"name": "admin"}, "data": {
                "username": encode("kubeadmin"),
                "password": encode("aaaaa-bbbbb-ccccc-ddddd"),
            }},
            {"metadata": {"name": "kube"}, "data": {"kubeconfig": encode(kubeconfig)}},
            {"metadata": {"name": "facts"}, "data": {
                "metadata.json": encode("{\"infraID\":\"demo-abcde\"}"),
            }},
        ]});
        let search = Search::default().with_secrets(&secrets);
        assert_eq!(
            search.find("and password: \"aaaaa-bbbbb-ccccc-ddddd\""),
            ["password of Secret admin"]
        );
        let key = "client-key-data: QUJDREVGR0hJSktMTU5P";
        assert_eq!(search.find(key), ["kubeconfig of Secret kube"]);
        let public = "kubeadmin admin {\"infraID\":\"demo-abcde\"} client-key-data";
        assert!(search.find(public).is_empty());
    }
}
