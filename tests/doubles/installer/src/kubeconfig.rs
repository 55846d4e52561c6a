//! `auth/kubeconfig` (docs/spec/50 §4): of a cluster that cannot be reached, or of an API server that
//! the environment names.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::tls::Certificates;

/// Path in the working directory.
pub(crate) const FILE: &str = "auth/kubeconfig";

/// What a kubeconfig is made from. All certificates and keys are PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Access {
    server: String,
    authorities: String,
    client_cert: String,
    client_key: String,
    token: Option<String>,
}

impl Access {
    /// To the cluster that would have been installed.
    pub(crate) fn of_cluster(domain: &str, certificates: &Certificates) -> Self {
        Self {
            server: format!("https://api.{domain}:6443"),
            authorities: certificates.api_ca.cert.clone(),
            client_cert: certificates.admin.cert.clone(),
            client_key: certificates.admin.key.clone(),
            token: None,
        }
    }

    /// To the API server of another kubeconfig's current context.
    pub(crate) fn of_spoke(kubeconfig: &str) -> Result<Self> {
        let tree: Value = serde_saphyr::from_str(kubeconfig)
            .map_err(|error| anyhow::anyhow!("{}", error.without_snippet()))
            .context("the spoke's kubeconfig")?;
        let context = match tree["current-context"].as_str() {
            Some(name) => named(&tree["contexts"], name)["context"].clone(),
            None => tree["contexts"][0]["context"].clone(),
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let cluster = &named(&tree["clusters"], &text(&context["cluster"]))["cluster"];
        let user = &named(&tree["users"], &text(&context["user"]))["user"];
        let server = text(&cluster["server"]);
        if server.is_empty() {
            anyhow::bail!("the spoke's kubeconfig names no server");
        }
        Ok(Self {
            server,
            authorities: pem(cluster, "certificate-authority")?,
            client_cert: pem(user, "client-certificate")?,
            client_key: pem(user, "client-key")?,
            token: user["token"].as_str().map(str::to_owned),
        })
    }

    /// Puts another authority in front.
    pub(crate) fn with_authority(mut self, cert: &str) -> Self {
        self.authorities.insert_str(0, cert);
        self
    }

    /// The document.
    pub(crate) fn document(&self, cluster: &str) -> Result<String> {
        let mut target = json!({"server": self.server});
        if !self.authorities.is_empty() {
            target["certificate-authority-data"] = json!(BASE64.encode(&self.authorities));
        }
        let mut user = json!({});
        if !self.client_cert.is_empty() {
            user["client-certificate-data"] = json!(BASE64.encode(&self.client_cert));
            user["client-key-data"] = json!(BASE64.encode(&self.client_key));
        }
        if let Some(token) = &self.token {
            user["token"] = json!(token);
        }
        let document = json!({
            "clusters": [{"cluster": target, "name": cluster}],
            "contexts": [{"context": {"cluster": cluster, "user": "admin"}, "name": "admin"}],
            "current-context": "admin",
            "preferences": {},
            "users": [{"name": "admin", "user": user}],
            "apiVersion": "v1",
            "kind": "Config",
        });
        serde_saphyr::to_string(&document).context("failed to marshal the kubeconfig")
    }
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array()
        .and_then(|entries| entries.iter().find(|entry| entry["name"] == name))
        .unwrap_or(&Value::Null)
}

/// Inline data, or the file that is named instead.
fn pem(entry: &Value, field: &str) -> Result<String> {
    let bytes = if let Some(data) = entry[format!("{field}-data").as_str()].as_str() {
        BASE64
            .decode(data)
            .with_context(|| format!("{field}-data is not base64"))?
    } else if let Some(path) = entry[field].as_str() {
        std::fs::read(path).with_context(|| format!("read {path}"))?
    } else {
        return Ok(String::new());
    };
    String::from_utf8(bytes).with_context(|| format!("{field} is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_and_a_spoke() {
        let Ok(certificates) = Certificates::generate("demo.example.com") else {
            unreachable!()
        };
        let access = Access::of_cluster("demo.example.com", &certificates);
        let Ok(document) = access.document("demo") else {
            unreachable!()
        };
        let Ok(tree) = serde_saphyr::from_str::<Value>(&document) else {
            unreachable!()
        };
        assert_eq!(tree["clusters"][0]["name"], "demo");
        assert_eq!(
            tree["clusters"][0]["cluster"]["server"],
            "https://api.demo.example.com:6443"
        );
        assert_eq!(tree["current-context"], "admin");
        // Read back as a spoke, it is the same access.
        assert_eq!(Access::of_spoke(&document).ok().as_ref(), Some(&access));
        let router = certificates.router_ca.cert.as_str();
        let last = access.clone().with_authority(router);
        assert_eq!(last.authorities, format!("{router}{}", access.authorities));
    }

    #[test]
    fn a_spoke_without_a_server_is_an_error() {
        assert!(Access::of_spoke("{}").is_err());
    }
}
