//! The stored material, and the making of keys and certificates.
//!
//! Never keeps a key anywhere but in the value that goes into the Secret.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Span, Timestamp, tz};
use k8s_openapi::ByteString;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use zeroize::Zeroizing;

use super::super::certificate::{Certificate, CertificateError, chain_of, validity};
use super::decide::{Need, Stored};

const AUTHORITY: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
const SERVING: &str = "tls.crt";
const SERVING_KEY: &str = "tls.key";

/// Long enough that a hub which is switched off for months comes back with a trusted authority.
const AUTHORITY_DAYS: i64 = 730;
/// What is renewed after two months needs no person to remember it.
const SERVING_DAYS: i64 = 90;
/// Clocks of API servers may be behind.
const BACKDATED_DAYS: i64 = 1;
/// More than one rotation leaves behind.
const MOST_AUTHORITIES: usize = 4;

/// Keys or certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// No key.
    #[error("could not make a key")]
    Key(#[source] rcgen::Error),
    /// The authority's certificate could not be made.
    #[error("could not make the authority")]
    Authority(#[source] rcgen::Error),
    /// A name or address of the Service cannot stand in a certificate.
    #[error("{0:?} cannot be named by a certificate")]
    Name(String, #[source] rcgen::Error),
    /// The serving certificate could not be made.
    #[error("could not make the serving certificate")]
    Serving(#[source] rcgen::Error),
    /// The stored authority's key cannot be used.
    #[error("could not read the authority's key")]
    AuthorityKey(#[source] rcgen::Error),
    /// What was made cannot be served.
    #[error("what was made cannot be served")]
    Unusable(#[source] CertificateError),
    /// The time is beyond the calendar.
    #[error("the time cannot be right")]
    Time(#[source] jiff::Error),
}

/// What the Secret holds. Prints no key.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Material {
    /// PEM certificates, the newest first.
    pub(super) authorities: String,
    authority_key: Zeroizing<String>,
    serving: String,
    serving_key: Zeroizing<String>,
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Material").finish_non_exhaustive()
    }
}

impl Material {
    pub(super) fn from_secret(data: &BTreeMap<String, ByteString>) -> Self {
        let text = |key: &str| {
            let bytes = data.get(key).map(|bytes| bytes.0.clone());
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .unwrap_or_default()
        };
        Self {
            authorities: text(AUTHORITY),
            authority_key: Zeroizing::new(text(AUTHORITY_KEY)),
            serving: text(SERVING),
            serving_key: Zeroizing::new(text(SERVING_KEY)),
        }
    }

    pub(super) fn to_secret(&self) -> BTreeMap<&'static str, ByteString> {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        BTreeMap::from([
            (AUTHORITY, bytes(&self.authorities)),
            (AUTHORITY_KEY, bytes(&self.authority_key)),
            (SERVING, bytes(&self.serving)),
            (SERVING_KEY, bytes(&self.serving_key)),
        ])
    }

    pub(super) fn certificate(&self) -> Result<Certificate, CertificateError> {
        Certificate::from_pem(self.serving.as_bytes(), self.serving_key.as_bytes())
    }

    /// What of it can be used by a Service of these names.
    pub(super) fn judge(&self, names: &[String], now: Timestamp) -> Stored {
        let newest = newest(&self.authorities);
        let own_key = Certificate::from_pem(newest.as_bytes(), self.authority_key.as_bytes());
        let serving = self.certificate().ok();
        let serving = serving.filter(|found| is_trusted(found, &self.authorities, names, now));
        Stored {
            authority: own_key.ok().map(|authority| authority.validity()),
            serving: serving.map(|found| found.validity()),
        }
    }

    /// The same with what it needs.
    pub(super) fn renewed(
        &self,
        need: Need,
        names: &[String],
        now: Timestamp,
    ) -> Result<Self, IssueError> {
        let mut renewed = self.clone();
        if matches!(need, Need::Authority | Need::Everything) {
            let (certificate, key) = authority(now)?;
            renewed.authorities = certificate + &still_valid(&self.authorities, now);
            renewed.authority_key = key;
        }
        if matches!(need, Need::Serving | Need::Everything) {
            (renewed.serving, renewed.serving_key) = renewed.issue(names, now)?;
        }
        renewed.certificate().map_err(IssueError::Unusable)?;
        Ok(renewed)
    }

    /// A serving certificate of the newest authority.
    fn issue(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<(String, Zeroizing<String>), IssueError> {
        let signing = KeyPair::from_pem(&self.authority_key).map_err(IssueError::AuthorityKey)?;
        let issuer = Issuer::new(authority_params(now)?, signing);
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, names.first().map_or("", String::as_str));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        for name in names {
            params.subject_alt_names.push(alternative(name)?);
        }
        dated(&mut params, now, SERVING_DAYS)?;
        let key = KeyPair::generate().map_err(IssueError::Key)?;
        let certificate = params
            .signed_by(&key, &issuer)
            .map_err(IssueError::Serving)?;
        Ok((certificate.pem(), Zeroizing::new(key.serialize_pem())))
    }
}

fn alternative(name: &str) -> Result<SanType, IssueError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let name = name
        .try_into()
        .map_err(|error| IssueError::Name(name.to_owned(), error))?;
    Ok(SanType::DnsName(name))
}

/// The name is the same for each: the key tells which one signed.
fn authority_params(now: Timestamp) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "hiveadmission authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    dated(&mut params, now, AUTHORITY_DAYS)?;
    Ok(params)
}

fn authority(now: Timestamp) -> Result<(String, Zeroizing<String>), IssueError> {
    let key = KeyPair::generate().map_err(IssueError::Key)?;
    let params = authority_params(now)?;
    let certificate = params.self_signed(&key).map_err(IssueError::Authority)?;
    Ok((certificate.pem(), Zeroizing::new(key.serialize_pem())))
}

/// Whole days: nothing that is decided here is shorter.
fn dated(params: &mut CertificateParams, now: Timestamp, days: i64) -> Result<(), IssueError> {
    let today = now.to_zoned(tz::TimeZone::UTC).date();
    let on = |days: i64| -> Result<_, IssueError> {
        let date: Date = today
            .checked_add(Span::new().days(days))
            .map_err(IssueError::Time)?;
        let small = |part: i8| u8::try_from(part).unwrap_or_default();
        Ok(date_time_ymd(
            i32::from(date.year()),
            small(date.month()),
            small(date.day()),
        ))
    };
    params.not_before = on(-BACKDATED_DAYS)?;
    params.not_after = on(days)?;
    Ok(())
}

/// The PEM blocks of a text.
fn blocks(pem: &str) -> impl Iterator<Item = &str> {
    pem.split_inclusive("-----END CERTIFICATE-----")
        .filter(|block| block.contains("-----BEGIN CERTIFICATE-----"))
}

fn newest(authorities: &str) -> &str {
    blocks(authorities).next().unwrap_or_default()
}

/// The authorities that a certificate may still be relied on for.
fn still_valid(authorities: &str, now: Timestamp) -> String {
    let valid: Vec<&str> = blocks(authorities)
        .filter(|block| {
            let read = chain_of(block.as_bytes()).unwrap_or_default();
            read.first()
                .and_then(|der| validity(der))
                .is_some_and(|validity| validity.holds(now))
        })
        .take(MOST_AUTHORITIES - 1)
        .map(str::trim)
        .collect();
    valid.join("\n") + "\n"
}

/// Whether an API server that trusts these authorities would talk to this certificate under each name.
fn is_trusted(
    certificate: &Certificate,
    authorities: &str,
    names: &[String],
    now: Timestamp,
) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(chain_of(authorities.as_bytes()).unwrap_or_default());
    let [own, between @ ..] = certificate.chain() else {
        return false;
    };
    let Ok(own) = ParsedCertificate::try_from(own) else {
        return false;
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let algorithms = provider.signature_verification_algorithms.all;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let roots = Arc::new(roots);
    verify_server_cert_signed_by_trust_anchor(&own, &roots, between, now, algorithms).is_ok()
        && names.iter().all(|name| {
            ServerName::try_from(name.as_str())
                .is_ok_and(|name| verify_server_name(&own, &name).is_ok())
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::decide::decide;
    use super::*;
    use crate::runtime::clock::after;

    fn names() -> Vec<String> {
        vec!["hiveadmission.hive.svc".to_owned(), "127.0.0.1".to_owned()]
    }

    fn day(day: u64) -> Timestamp {
        let start: Timestamp = "2030-01-31T15:00:00Z".parse().unwrap();
        after(start, Duration::from_hours(24 * day))
    }

    fn made() -> Material {
        let nothing = Material::default();
        let need = decide(nothing.judge(&names(), day(0)), day(0));
        assert_eq!(need, Need::Everything);
        nothing.renewed(need, &names(), day(0)).unwrap()
    }

    #[test]
    fn what_was_made_is_trusted_and_survives_the_secret() {
        let made = made();
        let stored: BTreeMap<String, ByteString> = made
            .to_secret()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let read = Material::from_secret(&stored);
        assert!(read == made);
        assert_eq!(decide(read.judge(&names(), day(0)), day(0)), Need::Nothing);
        let certificate = read.certificate().unwrap();
        assert!(is_trusted(
            &certificate,
            &read.authorities,
            &names(),
            day(0)
        ));
        assert!(!is_trusted(
            &certificate,
            &read.authorities,
            &names(),
            day(91)
        ));
    }

    #[test]
    fn foreign_or_damaged_material_is_not_relied_on() {
        let (made, other) = (made(), made());
        let foreign_authority = Material {
            authorities: other.authorities.clone(),
            ..made.clone()
        };
        let judged = foreign_authority.judge(&names(), day(0));
        assert_eq!(judged, Stored::default());
        let foreign_key = Material {
            serving_key: other.serving_key.clone(),
            ..made.clone()
        };
        assert_eq!(foreign_key.judge(&names(), day(0)).serving, None);
        let renamed = vec!["hiveadmission.elsewhere.svc".to_owned()];
        let judged = made.judge(&renamed, day(0));
        assert_eq!(decide(judged, day(0)), Need::Serving);
        for text in ["", "-----BEGIN CERTIFICATE-----", "\u{0}"] {
            let damaged = Material {
                authorities: text.to_owned(),
                ..made.clone()
            };
            assert_eq!(
                damaged.judge(&names(), day(0)),
                Stored::default(),
                "{text:?}"
            );
        }
    }

    /// Each day for three years: whoever trusts the bundle of any day of the last week trusts what is
    /// served today, and the bundle does not grow.
    #[test]
    fn rotations_are_not_noticed() {
        let mut material = made();
        let mut published = vec![material.authorities.clone()];
        for today in 1..1100 {
            let now = day(today);
            let need = decide(material.judge(&names(), now), now);
            assert_ne!(need, Need::Everything, "day {today}");
            if need != Need::Nothing {
                material = material.renewed(need, &names(), now).unwrap();
            }
            let yesterdays = published.last().unwrap();
            let served = material.certificate().unwrap();
            assert!(
                is_trusted(&served, yesterdays, &names(), now),
                "day {today}"
            );
            assert!(blocks(&material.authorities).count() <= 3, "day {today}");
            published.push(material.authorities.clone());
        }
        let first = published.first().unwrap();
        assert_ne!(newest(first), newest(&material.authorities));
    }

    #[test]
    fn nothing_prints_a_key() {
        let made = made();
        let shown = format!("{made:?} {:?}", made.certificate().unwrap());
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    }
}
