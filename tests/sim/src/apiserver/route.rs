//! From an HTTP request to what it asks: the path, the query and the `Accept` header, nothing else.

use std::collections::BTreeMap;

use http::{Method, header, request::Parts};

use super::{
    registry::{Kind, Registry},
    status::{Answer, Failure},
};

/// What a request is about.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
    pub(super) query: BTreeMap<String, String>,
    /// Only metadata is wanted (`as=PartialObjectMetadata`, or its list).
    pub(super) partial: bool,
}

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// As transcripts show it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::List => "LIST",
            Self::Watch => "WATCH",
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::DeleteCollection => "DELETECOLLECTION",
        }
    }
}

impl Target {
    /// A boolean query parameter.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.query
            .get(name)
            .is_some_and(|value| value == "true" || value == "1" || value == "All")
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The part of the store that is addressed.
    pub(super) fn scope(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }
}

/// Reads the head of a request.
pub(super) fn parse(parts: &Parts, registry: &Registry) -> Answer<(Verb, Target)> {
    let path = parts.uri.path().trim_matches('/');
    let mut segments: Vec<&str> = path.split('/').collect();
    let (group, version, rest) = match segments.first().copied() {
        Some("api") if segments.len() >= 3 => ("", segments[1], segments.split_off(2)),
        Some("apis") if segments.len() >= 4 => (segments[1], segments[2], segments.split_off(3)),
        _ => return Err(Failure::no_such_path()),
    };
    // `namespaces/NAME` and its own subresources are the Namespace object, the rest is inside it.
    let namespace_itself =
        group.is_empty() && (rest.len() <= 2 || matches!(rest[2], "status" | "finalize"));
    let (namespace, rest) = match rest.as_slice() {
        ["namespaces", namespace, inner @ ..] if !namespace_itself => {
            (Some((*namespace).to_owned()), inner.to_vec())
        }
        _ => (None, rest),
    };
    let kind = rest
        .first()
        .and_then(|plural| registry.get(group, plural))
        .filter(|kind| kind.version == version && (kind.namespaced || namespace.is_none()))
        .ok_or_else(Failure::no_such_path)?
        .clone();
    let name = rest.get(1).map(|name| decode(name));
    let subresource = rest.get(2).map(|name| (*name).to_owned());
    let known = match subresource.as_deref() {
        None => true,
        Some("status") => kind.status,
        Some("finalize") => kind.plural == "namespaces",
        Some(_) => false,
    };
    if rest.len() > 3 || !known || (kind.namespaced && name.is_some() && namespace.is_none()) {
        return Err(Failure::no_such_resource());
    }
    let accept = parts
        .headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let target = Target {
        kind,
        namespace,
        name,
        subresource,
        query: query(parts.uri.query().unwrap_or_default()),
        partial: accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata")),
    };
    let verb = match (&parts.method, target.name.is_some()) {
        (&Method::GET, true) => Verb::Get,
        (&Method::GET, false) if target.flag("watch") => Verb::Watch,
        (&Method::GET, false) => Verb::List,
        (&Method::POST, false) => Verb::Create,
        (&Method::PUT, true) => Verb::Update,
        (&Method::PATCH, true) => Verb::Patch,
        (&Method::DELETE, true) if target.subresource.is_none() => Verb::Delete,
        (&Method::DELETE, false) => Verb::DeleteCollection,
        _ => return Err(Failure::method_not_allowed()),
    };
    if verb == Verb::Create && target.kind.namespaced && target.namespace.is_none() {
        return Err(Failure::method_not_allowed());
    }
    Ok((verb, target))
}

fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Undoes percent and plus encoding.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = escaped {
            plain.push(byte);
            at += 3;
        } else {
            plain.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
