//! The certificates that the installer makes: authorities, the administrator's client certificate, the
//! bootstrap host's journal certificate.

use anyhow::{Context as _, Result};
use jiff::{Timestamp, ToSpan as _};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use serde::{Deserialize, Serialize};

/// A certificate and its key, both PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
    not_before: String,
    not_after: String,
}

/// Everything that the installer signs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Certificates {
    /// The authority of the machine configuration server.
    pub(crate) root_ca: Pair,
    /// The server certificate of the machine configuration server.
    pub(crate) mcs: Pair,
    /// The authority of the API server's names.
    pub(crate) api_ca: Pair,
    /// The authority of the administrator's certificate.
    pub(crate) admin_signer: Pair,
    /// The administrator's certificate.
    pub(crate) admin: Pair,
    /// What the bootstrap host's journal is read with.
    pub(crate) journal: Pair,
    /// The authority of the routes, which the ingress operator would make at the end.
    pub(crate) router_ca: Pair,
}

impl Pair {
    /// `<subject> <end> <start>`, as the installer logs certificates.
    pub(crate) fn summary(&self) -> String {
        format!("root-ca {} {}", self.not_after, self.not_before)
    }
}

impl Certificates {
    /// Makes them all.
    pub(crate) fn generate(domain: &str) -> Result<Self> {
        let root = Authority::new("root-ca", "openshift")?;
        let api = Authority::new("kube-apiserver-lb-signer", "openshift")?;
        let admin_signer = Authority::new("admin-kubeconfig-signer", "openshift")?;
        let router = Authority::new(&format!("ingress-operator@{domain}"), "")?;
        let server = ExtendedKeyUsagePurpose::ServerAuth;
        let client = ExtendedKeyUsagePurpose::ClientAuth;
        let mcs_name = format!("api-int.{domain}");
        Ok(Self {
            mcs: root.sign("system:machine-config-server", "", &[mcs_name], server)?,
            admin: admin_signer.sign("system:admin", "system:masters", &[], client.clone())?,
            journal: root.sign("journal-gatewayd", "OpenShift Bootstrap", &[], client)?,
            root_ca: root.pair,
            api_ca: api.pair,
            admin_signer: admin_signer.pair,
            router_ca: router.pair,
        })
    }
}

struct Authority {
    pair: Pair,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str, unit: &str) -> Result<Self> {
        let key = KeyPair::generate().context("failed to generate a key")?;
        let (mut params, span) = parameters(name, "", 10)?;
        if !unit.is_empty() {
            params
                .distinguished_name
                .push(DnType::OrganizationalUnitName, unit);
        }
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        let cert = params
            .self_signed(&key)
            .context("failed to sign an authority")?;
        let pair = pair(cert.pem(), &key, span);
        Ok(Self {
            pair,
            issuer: Issuer::new(params, key),
        })
    }

    fn sign(
        &self,
        name: &str,
        organisation: &str,
        names: &[String],
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Pair> {
        let key = KeyPair::generate().context("failed to generate a key")?;
        let (mut params, span) = parameters(name, organisation, 10)?;
        params.subject_alt_names = CertificateParams::new(names)
            .context("a name cannot be put into a certificate")?
            .subject_alt_names;
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.use_authority_key_identifier_extension = true;
        let cert = params
            .signed_by(&key, &self.issuer)
            .context("failed to sign a certificate")?;
        Ok(pair(cert.pem(), &key, span))
    }
}

type Span = (String, String);

fn pair(cert: String, key: &KeyPair, (not_before, not_after): Span) -> Pair {
    Pair {
        cert,
        key: key.serialize_pem(),
        not_before,
        not_after,
    }
}

fn parameters(name: &str, organisation: &str, years: i16) -> Result<(CertificateParams, Span)> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if !organisation.is_empty() {
        params
            .distinguished_name
            .push(DnType::OrganizationName, organisation);
    }
    // Since yesterday, so that clocks need not agree.
    let today = jiff::tz::TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let start = today.checked_sub(1.day()).context("no date before today")?;
    let end = start
        .checked_add(i32::from(years).years())
        .context("no date after today")?;
    let convert = |date: jiff::civil::Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = convert(start);
    params.not_after = convert(end);
    let text = |date: jiff::civil::Date| format!("{date}T00:00:00Z");
    Ok((params, (text(start), text(end))))
}
