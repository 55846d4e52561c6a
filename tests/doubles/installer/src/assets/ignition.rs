//! Ignition configs: the bootstrap host's holds every manifest that came back from disk, the others
//! point at the machine configuration server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::state::Asset;
use crate::tls::Certificates;

/// Names of the files.
pub(crate) const FILES: [&str; 3] = ["bootstrap.ign", "master.ign", "worker.ign"];

/// The three files.
pub(crate) fn files(
    domain: &str,
    certificates: &Certificates,
    release_image: &str,
    manifests: &[Asset],
) -> Vec<Asset> {
    let root = &certificates.root_ca.cert;
    let pointers = ["master", "worker"].map(|role| {
        Asset::new(
            format!("{role}.ign"),
            pointer(domain, role, root).to_string(),
        )
    });
    let mut files = vec![Asset::new(
        "bootstrap.ign",
        bootstrap(certificates, release_image, manifests).to_string(),
    )];
    files.extend(pointers);
    files
}

/// A config that points at the machine configuration server.
pub(crate) fn pointer(domain: &str, role: &str, root_ca: &str) -> Value {
    let authority = format!(
        "data:text/plain;charset=utf-8;base64,{}",
        BASE64.encode(root_ca)
    );
    json!({"ignition": {
        "config": {"merge": [{"source": format!("https://api-int.{domain}:22623/config/{role}")}]},
        "security": {"tls": {"certificateAuthorities": [{"source": authority}]}},
        "version": "3.2.0",
    }})
}

fn bootstrap(certificates: &Certificates, release_image: &str, manifests: &[Asset]) -> Value {
    let mut files = vec![
        file(
            "/etc/motd",
            "This is the bootstrap node; it will be destroyed when the master is fully up.\n",
        ),
        file("/opt/openshift/release-image", release_image),
        file("/opt/openshift/tls/root-ca.crt", &certificates.root_ca.cert),
        file(
            "/opt/openshift/tls/journal-gatewayd.crt",
            &certificates.journal.cert,
        ),
    ];
    for manifest in manifests {
        files.push(encoded(
            &format!("/opt/openshift/{}", manifest.path),
            &manifest.data,
        ));
    }
    json!({
        "ignition": {"version": "3.2.0"},
        "storage": {"files": files},
        "systemd": {"units": [{"enabled": true, "name": "bootkube.service"}]},
    })
}

fn file(path: &str, text: &str) -> Value {
    encoded(path, text.as_bytes())
}

fn encoded(path: &str, data: &[u8]) -> Value {
    json!({
        "path": path,
        "mode": 384,
        "overwrite": true,
        "user": {"name": "root"},
        "contents": {"source": format!("data:text/plain;charset=utf-8;base64,{}", BASE64.encode(data))},
    })
}
