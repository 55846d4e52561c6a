//! A serving certificate with its key: read from PEM, judged, and served.
//!
//! Decides whether a pair can be served: parsable, the key belongs to the certificate, and when it is
//! valid. It never prints a key. The two dates are read from the certificate's outer structure by hand:
//! a parser of everything that a certificate may hold is ten packages for them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Why a pair cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The certificates are no PEM.
    #[error("the certificate cannot be read")]
    Certificate(#[source] rustls::pki_types::pem::Error),
    /// There is no certificate in the text.
    #[error("there is no certificate")]
    NoCertificate,
    /// The key is no PEM, or of no known kind.
    #[error("the key cannot be read")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// The key is not the certificate's.
    #[error("key and certificate do not belong together")]
    Pair(#[source] rustls::Error),
    /// It is not said when the certificate is valid.
    #[error("the certificate tells no period of validity")]
    Validity,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Validity {
    /// From here on.
    pub from: Timestamp,
    /// Until here.
    pub until: Timestamp,
}

impl Validity {
    /// Whether `now` is in it.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// A certificate chain with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    // Prints its certificate and the algorithm of its key only.
    pair: Arc<CertifiedKey>,
    validity: Validity,
}

impl Certificate {
    /// Reads a pair.
    ///
    /// # Errors
    /// It cannot be served.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = chain_of(chain)?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let validity = validity(first).ok_or(CertificateError::Validity)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(CertificateError::Key)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(CertificateError::Pair)?;
        Ok(Self {
            pair: Arc::new(pair),
            validity,
        })
    }

    /// When it is valid.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether both hold the same certificates.
    pub fn is(&self, other: &Self) -> bool {
        self.pair.cert == other.pair.cert
    }

    /// The certificates, its own first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.pair.cert
    }
}

/// The certificates of a PEM text.
///
/// # Errors
/// It is none.
pub fn chain_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(CertificateError::Certificate)
}

/// The certificate that is served at the moment. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Served {
    now: Arc<ArcSwapOption<Certificate>>,
}

impl Served {
    /// Serves this one from the next connection on. Returns whether it is another than before.
    pub fn set(&self, certificate: Certificate) -> bool {
        let other = !self.get().is_some_and(|served| served.is(&certificate));
        if other {
            self.now.store(Some(Arc::new(certificate)));
        }
        other
    }

    /// What is served.
    pub fn get(&self) -> Option<Arc<Certificate>> {
        self.now.load_full()
    }

    /// Whether what is served can be relied on at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.get().is_some_and(|served| served.validity.holds(now))
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get().map(|served| served.pair.clone())
    }
}

/// One element of a structure in DER.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const SHORT_TIME: u8 = 0x17;
const LONG_TIME: u8 = 0x18;

fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (length, rest) = rest.split_at_checked(count)?;
        let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        (length.iter().fold(0, add), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some(Element { tag, content, rest })
}

fn tagged(der: &[u8], tag: u8) -> Option<Element<'_>> {
    element(der).filter(|found| found.tag == tag)
}

/// When a certificate is valid (RFC 5280 §4.1).
pub fn validity(der: &[u8]) -> Option<Validity> {
    let certificate = tagged(der, SEQUENCE)?.content;
    let mut fields = tagged(certificate, SEQUENCE)?.content;
    // The version has a default and may be absent.
    if let Some(version) = tagged(fields, VERSION) {
        fields = version.rest;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = tagged(fields, tag)?.rest;
    }
    let period = tagged(fields, SEQUENCE)?.content;
    let from = element(period)?;
    let until = element(from.rest)?;
    Some(Validity {
        from: moment(&from)?,
        until: moment(&until)?,
    })
}

fn moment(time: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(time.content).ok()?;
    let text = match time.tag {
        // Two digits of the year: RFC 5280 §4.1.2.5.1 says of which century.
        SHORT_TIME if *text.as_bytes().first()? < b'5' => format!("20{text}"),
        SHORT_TIME => format!("19{text}"),
        LONG_TIME => text.to_owned(),
        _ => return None,
    };
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14)?;
    let part = |range| digits.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    if year == "9999" {
        // "For ever", which is a little beyond what can be expressed.
        return Some(Timestamp::MAX);
    }
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn pair(from: i32, until: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec!["example.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 2, 3);
        params.not_after = date_time_ymd(until, 11, 30);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn both_spellings_of_a_date_are_read() {
        for (from, until) in [(1999, 2049), (2024, 2050), (2049, 2999)] {
            let (chain, key) = pair(from, until);
            let read = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
            let wanted = Validity {
                from: format!("{from}-02-03T00:00:00Z").parse().unwrap(),
                until: format!("{until}-11-30T00:00:00Z").parse().unwrap(),
            };
            assert_eq!(read.validity(), wanted);
            assert!(read.validity().holds(wanted.from));
            assert!(!read.validity().holds(wanted.until));
        }
        let (chain, key) = pair(2024, 9999);
        let read = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(read.validity().until, Timestamp::MAX);
    }

    #[test]
    fn what_cannot_be_served_says_why() {
        let (chain, key) = pair(2024, 2030);
        let (_, foreign) = pair(2024, 2030);
        let told = |chain: &str, key: &str| {
            Certificate::from_pem(chain.as_bytes(), key.as_bytes())
                .map(drop)
                .map_err(|error| error.to_string())
        };
        assert_eq!(told(&chain, &key), Ok(()));
        for (chain, key, why) in [
            ("", key.as_str(), "there is no certificate"),
            (
                &chain[..chain.len() / 2],
                &key,
                "the certificate cannot be read",
            ),
            (&chain, "", "the key cannot be read"),
            (
                &chain,
                &foreign,
                "key and certificate do not belong together",
            ),
        ] {
            assert_eq!(told(chain, key), Err(why.to_owned()));
        }
    }

    #[test]
    fn no_part_of_a_certificate_makes_the_reader_fall() {
        let (chain, _) = pair(2024, 2030);
        let der = chain_of(chain.as_bytes()).unwrap().remove(0);
        for length in 0..der.len() {
            assert_eq!(validity(der.get(..length).unwrap()), None);
        }
        for at in 0..der.len().min(200) {
            let mut bent = der.to_vec();
            if let Some(byte) = bent.get_mut(at) {
                *byte ^= 0x80;
            }
            let _ = validity(&bent);
        }
    }
}
