//! What stands in a PKCS #10 certificate request (RFC 2986): its subject and its subject alternative
//! names.
//!
//! Only what a decision needs is taken out, and whatever is unusual about the rest refuses the whole: a
//! second list of names, a name in an alphabet that is read in more than one way. The signature is not
//! verified here; the API server has done so when the request was made, and the signer does it again.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject as _;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const EXTENSIONS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// More than any kubelet asks for, and little enough to be looked through.
const LARGEST: usize = 64 * 1024;

/// Why a request cannot be read. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unreadable(&'static str);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A certificate request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// The subject's common name; empty if it has none.
    pub(super) common_name: String,
    /// The subject's organizations.
    pub(super) organizations: Vec<String>,
    /// The subject alternative names.
    pub(super) names: Vec<San>,
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum San {
    /// A host's name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// Something else: the number of its sort.
    Other(u32),
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Other(number) => write!(f, "a name of sort {number}"),
        }
    }
}

impl Request {
    /// From PEM.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, Unreadable> {
        if pem.len() > LARGEST {
            return Err(Unreadable("it is too large"));
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem)
            .map_err(|_| Unreadable("it is no PEM of a certificate request"))?;
        let whole = AnyRef::from_der(&der).map_err(|_| NOT_DER)?;
        let [info, _algorithm, _signature] = exactly(sequence(whole)?)?;
        let [_version, subject, _key, attributes] = exactly(sequence(info)?)?;
        let mut request = Self::default();
        request.read_subject(subject)?;
        request.read_attributes(attributes)?;
        Ok(request)
    }

    /// `SEQUENCE OF SET OF { type, value }`.
    fn read_subject(&mut self, subject: AnyRef<'_>) -> Result<(), Unreadable> {
        let mut common_names = Vec::new();
        for set in sequence(subject)? {
            for pair in parts(set, Tag::Set)? {
                let [type_, value] = exactly(sequence(pair)?)?;
                match oid(type_)? {
                    COMMON_NAME => common_names.push(text(value)?),
                    ORGANIZATION => self.organizations.push(text(value)?),
                    _ => {}
                }
            }
        }
        if common_names.len() > 1 {
            return Err(Unreadable("it has several common names"));
        }
        self.common_name = common_names.pop().unwrap_or_default();
        Ok(())
    }

    /// `[0] SET OF { type, SET OF value }`; one of them carries the extensions.
    fn read_attributes(&mut self, attributes: AnyRef<'_>) -> Result<(), Unreadable> {
        let zero = Tag::ContextSpecific {
            constructed: true,
            number: TagNumber(0),
        };
        let mut lists = Vec::new();
        for attribute in parts(attributes, zero)? {
            let [type_, values] = exactly(sequence(attribute)?)?;
            if oid(type_)? == EXTENSIONS {
                lists.extend(parts(values, Tag::Set)?);
            }
        }
        let mut names = Vec::new();
        for list in lists {
            for extension in sequence(list)? {
                let parts = sequence(extension)?;
                let (Some(type_), Some(value)) = (parts.first(), parts.last()) else {
                    return Err(UNUSUAL);
                };
                if oid(*type_)? == ALTERNATIVE_NAMES {
                    names.push(*value);
                }
            }
        }
        match names.as_slice() {
            [] => Ok(()),
            [value] if value.tag() == Tag::OctetString => {
                let list = AnyRef::from_der(value.value()).map_err(|_| NOT_DER)?;
                self.names = sequence(list)?
                    .into_iter()
                    .map(general_name)
                    .collect::<Result<_, _>>()?;
                Ok(())
            }
            [_] | [_, _, ..] => Err(UNUSUAL),
        }
    }
}

const NOT_DER: Unreadable = Unreadable("it is not encoded as it must be");
const UNUSUAL: Unreadable = Unreadable("it is not built as certificate requests are");

/// RFC 5280 §4.2.1.6.
fn general_name(name: AnyRef<'_>) -> Result<San, Unreadable> {
    let Tag::ContextSpecific { number, .. } = name.tag() else {
        return Err(UNUSUAL);
    };
    match number {
        TagNumber(2) => ascii(name.value()).map(San::Dns),
        TagNumber(7) => address(name.value()).map(San::Ip),
        TagNumber(other) => Ok(San::Other(other)),
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, Unreadable> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(four).into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).map_err(|_| UNUSUAL)?;
    Ok(Ipv6Addr::from(sixteen).into())
}

fn text(value: AnyRef<'_>) -> Result<String, Unreadable> {
    match value.tag() {
        Tag::Utf8String => std::str::from_utf8(value.value())
            .map(str::to_owned)
            .map_err(|_| UNUSUAL),
        Tag::PrintableString | Tag::Ia5String => ascii(value.value()),
        _ => Err(Unreadable("a name in it is in an unusual alphabet")),
    }
}

fn ascii(bytes: &[u8]) -> Result<String, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| UNUSUAL)?;
    text.is_ascii().then(|| text.to_owned()).ok_or(UNUSUAL)
}

fn oid(value: AnyRef<'_>) -> Result<ObjectIdentifier, Unreadable> {
    value.decode_as().map_err(|_| NOT_DER)
}

fn sequence(value: AnyRef<'_>) -> Result<Vec<AnyRef<'_>>, Unreadable> {
    parts(value, Tag::Sequence)
}

/// What stands in a value of this tag.
fn parts(value: AnyRef<'_>, tag: Tag) -> Result<Vec<AnyRef<'_>>, Unreadable> {
    if value.tag() != tag {
        return Err(UNUSUAL);
    }
    let mut reader = SliceReader::new(value.value()).map_err(|_| NOT_DER)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader).map_err(|_| NOT_DER)?);
    }
    Ok(found)
}

fn exactly<const N: usize>(parts: Vec<AnyRef<'_>>) -> Result<[AnyRef<'_>; N], Unreadable> {
    parts.try_into().map_err(|_| UNUSUAL)
}
