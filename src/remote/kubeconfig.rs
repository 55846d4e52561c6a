//! What a cluster's admin kubeconfig allows: a plain function from bytes to a checked way in.
//!
//! A kubeconfig is hostile input: whoever may write the Secret must not be able to have the operator run a
//! program, read a file of its pod, go through somebody's proxy, or send credentials in the clear. Only
//! data inside the document is used; everything else is refused, by name. No error quotes a value.
//! Mirrors docs/spec/32 §1.1.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Uri;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use zeroize::Zeroizing;

use super::scrub::shortened;
use crate::install::manager::documents;

/// Largest document: a Secret cannot hold more.
const LARGEST: usize = 1 << 20;

/// Fields of a user that would have the operator run or read something, and what they ask for.
const REFUSED_OF_USERS: &[(&str, &str)] = &[
    ("exec", "a program to be run"),
    ("auth-provider", "a plugin"),
    ("client-certificate", "a file to be read"),
    ("client-key", "a file to be read"),
    ("tokenFile", "a file to be read"),
    ("as", "impersonation"),
    ("as-uid", "impersonation"),
    ("as-groups", "impersonation"),
    ("as-user-extra", "impersonation"),
];

/// The same of clusters.
const REFUSED_OF_CLUSTERS: &[(&str, &str)] = &[
    ("certificate-authority", "a file to be read"),
    ("proxy-url", "a proxy"),
];

/// A kubeconfig that is not used. Names what is wrong, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is too large.
    #[error("it is larger than {LARGEST} bytes")]
    TooLarge,
    /// It is no YAML document.
    #[error("{0}")]
    Document(String),
    /// It asks for something that is not done for it.
    #[error("{kind} {name} asks for {what} ({field}), which is refused")]
    Asks {
        /// "cluster" or "user".
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field.
        field: &'static str,
        /// What it would lead to.
        what: &'static str,
    },
    /// Something that it refers to is missing.
    #[error("it has no {kind} {name}")]
    Missing {
        /// "context", "cluster", "user".
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// It does not say which context to use.
    #[error("it has no current-context")]
    NoContext,
    /// The cluster's server is missing or no URL.
    #[error("cluster {0} has no server that is a URL")]
    NoServer(String),
    /// The server is not asked over TLS.
    #[error(
        "the server of cluster {0} is not an https:// URL: credentials would be sent in the clear"
    )]
    NotEncrypted(String),
    /// Inline data that is not what it should be.
    #[error("{field} of {kind} {name} is not PEM in base64")]
    Undecodable {
        /// "cluster" or "user".
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field.
        field: &'static str,
    },
    /// The user has nothing to log in with.
    #[error("user {0} has no credentials in the document")]
    NoCredentials(String),
}

/// A way into a cluster. Does not print what is secret.
#[derive(Clone)]
pub struct Access {
    /// The API server.
    pub server: Uri,
    /// The name that its certificate must have, if not the server's host.
    pub tls_name: Option<String>,
    /// Authorities that may have signed its certificate, DER; none: those of the system.
    pub authorities: Vec<Vec<u8>>,
    /// Whether its certificate is not verified: the document's own wish.
    pub unverified: bool,
    /// How to log in.
    pub login: Login,
}

/// How to log in. Each part may be absent; one of them is there.
#[derive(Clone, Default)]
pub struct Login {
    /// Client certificate and key, PEM.
    pub certificate: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// A bearer token.
    pub token: Option<Zeroizing<String>>,
    /// User name and password.
    pub password: Option<(String, Zeroizing<String>)>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// The same cluster by another URL.
    ///
    /// # Errors
    /// It is no `https://` URL.
    pub fn through(&self, url: &str) -> Result<Self, Refused> {
        Ok(Self {
            server: server("of the override", Some(url))?,
            ..self.clone()
        })
    }

    /// With further authorities, PEM. What is no certificate in it is left out: it is the hub's setting, not
    /// the cluster's.
    #[must_use]
    pub fn trusting(mut self, bundle: Option<&str>) -> Self {
        // None means those of the system, which must not become only these.
        if let Some(bundle) = bundle.filter(|_| !self.authorities.is_empty()) {
            let more = CertificateDer::pem_slice_iter(bundle.as_bytes()).flatten();
            self.authorities.extend(more.map(|one| one.to_vec()));
            self.authorities.sort_unstable();
            self.authorities.dedup();
        }
        self
    }
}

/// The way in that a kubeconfig gives.
///
/// # Errors
/// It is not used; the error names why.
pub fn parse(bytes: &[u8]) -> Result<Access, Refused> {
    if bytes.len() > LARGEST {
        return Err(Refused::TooLarge);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Refused::Document("it is not UTF-8 text".to_owned()))?;
    let tree = documents::parse("the kubeconfig", text)
        .map_err(|error| Refused::Document(shortened(&error.to_string(), 200)))?;
    refuse("user", &tree, REFUSED_OF_USERS)?;
    refuse("cluster", &tree, REFUSED_OF_CLUSTERS)?;
    let context = context(&tree)?;
    let of_context = |key: &str| context.get(key).and_then(Value::as_str).unwrap_or_default();
    let (cluster_name, cluster) = named(&tree, "cluster", of_context("cluster"))?;
    let (user_name, user) = named(&tree, "user", of_context("user"))?;
    let authorities = match pem(
        "cluster",
        &cluster_name,
        cluster,
        "certificate-authority-data",
    )? {
        None => Vec::new(),
        Some(bundle) => {
            let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bundle).collect();
            let all = all.ok().filter(|all| !all.is_empty());
            let all = all.ok_or_else(|| Refused::Undecodable {
                kind: "cluster",
                name: cluster_name.clone(),
                field: "certificate-authority-data",
            })?;
            all.iter().map(|one| one.to_vec()).collect()
        }
    };
    let text_of = |key: &str| cluster.get(key).and_then(Value::as_str);
    Ok(Access {
        server: server(&cluster_name, text_of("server"))?,
        tls_name: text_of("tls-server-name").map(str::to_owned),
        authorities,
        unverified: cluster.get("insecure-skip-tls-verify") == Some(&Value::Bool(true)),
        login: login(&user_name, user)?,
    })
}

/// Refuses what no entry of a kind may ask for, used or not.
fn refuse(
    kind: &'static str,
    tree: &Value,
    refused: &[(&'static str, &'static str)],
) -> Result<(), Refused> {
    for entry in entries(tree, kind) {
        for &(field, what) in refused {
            let value = entry.get(kind).and_then(|inner| inner.get(field));
            let asked = value.is_some_and(|value| match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty(),
                Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
            });
            if asked {
                let name = shown(entry.get("name").and_then(Value::as_str));
                return Err(Refused::Asks {
                    kind,
                    name,
                    field,
                    what,
                });
            }
        }
    }
    Ok(())
}

/// The list `users`, `clusters`, `contexts`.
fn entries<'a>(tree: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    let list = tree.get(format!("{kind}s")).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// The current context; the only one if none is said to be current.
fn context(tree: &Value) -> Result<&Value, Refused> {
    let current = tree.get("current-context").and_then(Value::as_str);
    if let Some(name) = current.filter(|name| !name.is_empty()) {
        return named(tree, "context", name).map(|(_, context)| context);
    }
    let mut all = entries(tree, "context");
    match (all.next(), all.next()) {
        (Some(only), None) => only.get("context").ok_or(Refused::NoContext),
        (None | Some(_), _) => Err(Refused::NoContext),
    }
}

/// The entry of a list that has this name: its name as shown, and its content.
fn named<'a>(
    tree: &'a Value,
    kind: &'static str,
    name: &str,
) -> Result<(String, &'a Value), Refused> {
    let is_named = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some(name);
    let found = entries(tree, kind).find(is_named);
    let shown = shown(Some(name));
    match found.and_then(|entry| entry.get(kind)) {
        Some(content) => Ok((shown, content)),
        None => Err(Refused::Missing { kind, name: shown }),
    }
}

fn server(cluster: &str, url: Option<&str>) -> Result<Uri, Refused> {
    let parsed = url.and_then(|url| url.trim().parse::<Uri>().ok());
    let url = parsed
        .filter(|url| url.host().is_some_and(|host| !host.is_empty()))
        .ok_or_else(|| Refused::NoServer(cluster.to_owned()))?;
    // A password in a URL would be told in every message about it.
    let is_plain = url
        .authority()
        .is_some_and(|authority| !authority.as_str().contains('@'));
    match url.scheme_str() {
        Some("https") if is_plain => Ok(url),
        Some("https") => Err(Refused::NoServer(cluster.to_owned())),
        Some(_) | None => Err(Refused::NotEncrypted(cluster.to_owned())),
    }
}

fn login(name: &str, user: &Value) -> Result<Login, Refused> {
    let text = |key: &str| {
        let value = user.get(key).and_then(Value::as_str).map(str::trim);
        value.filter(|value| !value.is_empty())
    };
    let certificate = pem("user", name, user, "client-certificate-data")?;
    let key = pem("user", name, user, "client-key-data")?;
    let login = Login {
        certificate: certificate
            .zip(key)
            .map(|(certificate, key)| (certificate.to_vec(), key)),
        token: text("token").map(|token| Zeroizing::new(token.to_owned())),
        password: text("username")
            .zip(text("password"))
            .map(|(user, password)| (user.to_owned(), Zeroizing::new(password.to_owned()))),
    };
    if login.certificate.is_none() && login.token.is_none() && login.password.is_none() {
        return Err(Refused::NoCredentials(name.to_owned()));
    }
    Ok(login)
}

/// Inline data: PEM in base64.
fn pem(
    kind: &'static str,
    name: &str,
    of: &Value,
    field: &'static str,
) -> Result<Option<Zeroizing<Vec<u8>>>, Refused> {
    let undecodable = || Refused::Undecodable {
        kind,
        name: name.to_owned(),
        field,
    };
    let data = match of.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_str().ok_or_else(undecodable)?,
    };
    let joined: Zeroizing<String> = Zeroizing::new(data.split_ascii_whitespace().collect());
    if joined.is_empty() {
        return Ok(None);
    }
    let decoded = BASE64
        .decode(joined.as_bytes())
        .map_err(|_| undecodable())?;
    let decoded = Zeroizing::new(decoded);
    let is_pem = decoded.windows(10).any(|part| part == b"-----BEGIN");
    is_pem.then_some(Some(decoded)).ok_or_else(undecodable)
}

/// A name from the document, as it may stand in a message.
fn shown(name: Option<&str>) -> String {
    let name = name.filter(|name| !name.is_empty()).unwrap_or("(unnamed)");
    shortened(&name.escape_debug().to_string(), 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CANARY: &str = "skep-canary-7f3a";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    fn base() -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "admin",
            "clusters": [{"name": "demo", "cluster": {
                "server": "https://api.demo.example.com:6443",
                "certificate-authority-data": BASE64.encode(CERTIFICATE),
            }}],
            "contexts": [{"name": "admin", "context": {"cluster": "demo", "user": "admin"}}],
            "users": [{"name": "admin", "user": {"token": CANARY}}],
        })
    }

    /// The document with one value replaced.
    fn with(pointer: &str, value: Value) -> Vec<u8> {
        let mut tree = base();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        tree.pointer_mut(parent).unwrap()[key] = value;
        tree.to_string().into_bytes()
    }

    fn refused(document: &[u8]) -> String {
        let error = parse(document).map(drop).unwrap_err().to_string();
        assert!(!error.contains(CANARY), "{error}");
        error
    }

    #[test]
    fn the_current_contexts_cluster_and_user_are_used() {
        let access = parse(base().to_string().as_bytes()).unwrap();
        assert_eq!(access.server, "https://api.demo.example.com:6443");
        assert_eq!(access.authorities.len(), 1);
        assert!(!access.unverified);
        assert_eq!(access.login.token.as_ref().unwrap().as_str(), CANARY);
        assert!(!format!("{access:?}").contains(CANARY));
        // Without a current context the only one is.
        let only = with("/current-context", json!(""));
        assert!(parse(&only).is_ok());
        let yaml = "clusters: [{name: a, cluster: {server: 'https://a'}}]\n\
                    contexts: [{name: x, context: {cluster: a, user: u}}]\n\
                    users: [{name: u, user: {username: admin, password: skep-canary-7f3a}}]\n";
        assert!(parse(yaml.as_bytes()).unwrap().login.password.is_some());
    }

    /// docs/spec/32 §1.1, "Hardening", and what goes beyond it.
    #[test]
    fn what_would_run_read_or_relay_something_is_refused_by_name() {
        let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": CANARY});
        for (pointer, value, told) in [
            (
                "/users/0/user/exec",
                exec,
                "user admin asks for a program to be run (exec)",
            ),
            (
                "/users/0/user/auth-provider",
                json!({"name": "oidc"}),
                "a plugin (auth-provider)",
            ),
            (
                "/users/0/user/tokenFile",
                json!("/var/run/t"),
                "a file to be read (tokenFile)",
            ),
            (
                "/users/0/user/client-key",
                json!("/k"),
                "a file to be read (client-key)",
            ),
            (
                "/users/0/user/client-certificate",
                json!("/c"),
                "(client-certificate)",
            ),
            ("/users/0/user/as", json!("root"), "impersonation (as)"),
            (
                "/users/0/user/as-groups",
                json!(["system:masters"]),
                "impersonation (as-groups)",
            ),
            (
                "/clusters/0/cluster/certificate-authority",
                json!("/ca"),
                "cluster demo asks for",
            ),
            (
                "/clusters/0/cluster/proxy-url",
                json!("http://proxy"),
                "a proxy (proxy-url)",
            ),
        ] {
            let error = refused(&with(pointer, value));
            assert!(error.contains(told), "{error}");
        }
        // Also of an entry that no context uses.
        let mut tree = base();
        let other = json!({"name": "other", "user": {"exec": {"command": CANARY}}});
        tree["users"].as_array_mut().unwrap().push(other);
        let error = refused(tree.to_string().as_bytes());
        assert!(error.contains("user other"), "{error}");
    }

    #[test]
    fn what_is_missing_or_damaged_is_named_and_not_quoted() {
        for (pointer, value, told) in [
            ("/current-context", json!("nobody"), "no context nobody"),
            (
                "/contexts/0/context/cluster",
                json!("else"),
                "no cluster else",
            ),
            ("/contexts/0/context/user", json!("else"), "no user else"),
            ("/contexts", json!([]), "no context admin"),
            (
                "/clusters/0/cluster/server",
                json!(null),
                "cluster demo has no server",
            ),
            (
                "/clusters/0/cluster/server",
                json!("http://a"),
                "in the clear",
            ),
            (
                "/clusters/0/cluster/server",
                json!("ftp://a"),
                "not an https:// URL",
            ),
            (
                "/clusters/0/cluster/server",
                json!("https://u:skep-canary-7f3a@a"),
                "cluster demo has no server that is a URL",
            ),
            (
                "/clusters/0/cluster/certificate-authority-data",
                json!(CANARY),
                "certificate-authority-data of cluster demo",
            ),
            (
                "/users/0/user/client-key-data",
                json!(CANARY),
                "client-key-data of user admin",
            ),
            (
                "/users/0/user/token",
                json!(""),
                "user admin has no credentials",
            ),
        ] {
            let error = refused(&with(pointer, value));
            assert!(error.contains(told), "{error}");
        }
        assert_eq!(refused(b"{}"), "it has no current-context");
        assert!(refused(b"\xff\xfe").contains("UTF-8"));
        assert!(refused(format!("a: [{CANARY}").as_bytes()).contains("not valid YAML"));
        assert!(refused(&vec![b' '; LARGEST + 1]).contains("larger"));
    }

    #[test]
    fn a_half_of_a_key_pair_is_no_login() {
        let key = "-----BEGIN PRIVATE KEY-----\nskep-canary-7f3a\n-----END PRIVATE KEY-----\n";
        let mut tree = base();
        tree["users"][0]["user"] = json!({"client-key-data": BASE64.encode(key)});
        assert!(refused(tree.to_string().as_bytes()).contains("no credentials"));
        tree["users"][0]["user"]["client-certificate-data"] = json!(BASE64.encode(CERTIFICATE));
        let access = parse(tree.to_string().as_bytes()).unwrap();
        assert!(access.login.certificate.is_some());
    }

    #[test]
    fn further_authorities_join_those_of_the_document_only() {
        let access = parse(base().to_string().as_bytes()).unwrap();
        let other = CERTIFICATE.replace("AAAA", "AAAB");
        let both = access.clone().trusting(Some(&other));
        assert_eq!(both.authorities.len(), 2);
        assert_eq!(both.trusting(Some(CERTIFICATE)).authorities.len(), 2);
        let none = Access {
            authorities: Vec::new(),
            ..access
        };
        assert_eq!(none.trusting(Some(&other)).authorities.len(), 0);
    }

    #[test]
    fn an_override_must_be_encrypted_as_well() {
        let access = parse(base().to_string().as_bytes()).unwrap();
        let other = access.through("https://private.example.com:6443").unwrap();
        assert_eq!(other.server.host(), Some("private.example.com"));
        assert!(access.through("http://private.example.com").is_err());
        assert!(access.through("").is_err());
    }
}
