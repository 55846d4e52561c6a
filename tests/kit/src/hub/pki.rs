//! Keys and certificates of one hub, made anew for each: an authority, the API server's serving
//! certificate, its client certificate towards the kubelet, and the key that signs service account
//! tokens. Having them beforehand spares the servers making their own, which costs a second of boot.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// Where the files of a hub's keys lie.
#[derive(Clone, Debug)]
pub(super) struct Pki {
    pub(super) authority: PathBuf,
    pub(super) authority_key: PathBuf,
    pub(super) serving: PathBuf,
    pub(super) serving_key: PathBuf,
    pub(super) kubelet_client: PathBuf,
    pub(super) kubelet_client_key: PathBuf,
    pub(super) accounts: PathBuf,
    pub(super) accounts_key: PathBuf,
    /// The authority's certificate in PEM.
    pub(super) authority_pem: String,
}

/// Makes all keys of a hub whose API server is reached by these names and addresses.
pub(super) fn build_pki(folder: &Path, names: &[&str], addresses: &[IpAddr]) -> Result<Pki> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let write = |name: &str, text: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    };

    let key = KeyPair::generate().context("generate the authority's key")?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "skep-hub");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let authority = params.self_signed(&key).context("sign the authority")?;
    let authority_pem = authority.pem();
    let authority_key = key.serialize_pem();
    let issuer = Issuer::new(params, key);

    let mut serving = CertificateParams::default();
    serving
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in names {
        let name = (*name).try_into().context("a name of the API server")?;
        serving.subject_alt_names.push(SanType::DnsName(name));
    }
    let addresses = addresses.iter().map(|address| SanType::IpAddress(*address));
    serving.subject_alt_names.extend(addresses);
    let serving_key = KeyPair::generate().context("generate the serving key")?;
    let serving = serving
        .signed_by(&serving_key, &issuer)
        .context("sign the serving key")?;

    let mut client = CertificateParams::default();
    client
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver-kubelet-client");
    client
        .distinguished_name
        .push(DnType::OrganizationName, "system:masters");
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client_key = KeyPair::generate().context("generate the kubelet client's key")?;
    let client = client
        .signed_by(&client_key, &issuer)
        .context("sign the kubelet client's key")?;

    let accounts = KeyPair::generate().context("generate the ServiceAccount key")?;
    Ok(Pki {
        authority: write("ca.crt", &authority_pem)?,
        authority_key: write("ca.key", &authority_key)?,
        serving: write("apiserver.crt", &serving.pem())?,
        serving_key: write("apiserver.key", &serving_key.serialize_pem())?,
        kubelet_client: write("kubelet-client.crt", &client.pem())?,
        kubelet_client_key: write("kubelet-client.key", &client_key.serialize_pem())?,
        accounts: write("service-accounts.pub", &accounts.public_key_pem())?,
        accounts_key: write("service-accounts.key", &accounts.serialize_pem())?,
        authority_pem,
    })
}
