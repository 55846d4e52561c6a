//! Which certificate requests of a waking cluster are approved (docs/spec/21 §7).
//!
//! A cluster that slept past the end of its kubelets' certificates comes up with kubelets that nobody
//! knows; the cluster's own approver leaves their requests alone, because their nodes exist already. What
//! is approved here must be exactly what such a kubelet asks for: from the account that machines boot with,
//! for a node that exists and whose Machine says that the name is its own; or from the node itself, for
//! names and addresses that are all its Machine's. Anything else is left to whoever else may decide, and
//! so is a request that was decided on. One bad request keeps no other from being looked at.

mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

pub use self::request::Unreadable;
use self::request::{Request, San};
use crate::remote::view::{MachineSeen, NodeSeen, SigningRequest};

const NODE_USER: &str = "system:node:";
const NODES_GROUP: &str = "system:nodes";
const AUTHENTICATED: &str = "system:authenticated";
const ACCOUNTS: &str = "system:serviceaccounts";
const BOOTSTRAPPERS: &str = "system:serviceaccounts:openshift-machine-config-operator";
const BOOTSTRAPPER: &str =
    "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper";

const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING_SIGNER: &str = "kubernetes.io/kubelet-serving";

const SIGNATURE: &str = "digital signature";
/// Only RSA keys are used to encipher keys; kubelets with ECDSA keys leave it out.
const ENCIPHERMENT: &str = "key encipherment";
const CLIENT_AUTH: &str = "client auth";
const SERVER_AUTH: &str = "server auth";

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The kubelet shows it to the API.
    Client,
    /// The kubelet serves with it.
    Serving,
}

/// Why a request is left to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Leave {
    /// It was decided on.
    Settled,
    /// It is for another signer than those of kubelets.
    Signer,
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It is to be used for something else.
    Usages,
    /// Somebody else asks.
    Requester,
    /// Who asks is in other groups.
    Groups,
    /// It is of another organisation.
    Organization,
    /// Its name is no node's, or not that of who asks.
    CommonName,
    /// It asks for names or addresses that it may not have.
    Names(String),
    /// There is no node of the name.
    NoNode(String),
    /// No Machine stands for the node.
    NoMachine(String),
}

impl fmt::Display for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled => f.write_str("it was decided on"),
            Self::Signer => f.write_str("it is no kubelet's"),
            Self::Unreadable(why) => write!(f, "it cannot be read: {why}"),
            Self::Usages => f.write_str("its usages are no kubelet's"),
            Self::Requester => f.write_str("its requester may not ask for it"),
            Self::Groups => f.write_str("its requester's groups are no kubelet's"),
            Self::Organization => f.write_str("its organization is not system:nodes"),
            Self::CommonName => f.write_str("its name is not that of its node"),
            Self::Names(name) => write!(f, "{name} is not the node's"),
            Self::NoNode(name) => write!(f, "there is no node {name}"),
            Self::NoMachine(name) => write!(f, "no Machine stands for node {name}"),
        }
    }
}

impl From<Unreadable> for Leave {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

/// Whether a request is one that a kubelet of this cluster makes, and of which kind.
///
/// # Errors
/// Why it is left to others.
pub fn check(
    request: &SigningRequest,
    nodes: &[NodeSeen],
    machines: &[MachineSeen],
) -> Result<Kind, Leave> {
    if request.settled.is_some() {
        return Err(Leave::Settled);
    }
    match request.signer.as_str() {
        CLIENT_SIGNER => client(request, nodes, machines).map(|()| Kind::Client),
        SERVING_SIGNER => serving(request, machines).map(|()| Kind::Serving),
        _ => Err(Leave::Signer),
    }
}

fn client(
    request: &SigningRequest,
    nodes: &[NodeSeen],
    machines: &[MachineSeen],
) -> Result<(), Leave> {
    is_used_for(request, CLIENT_AUTH)?;
    if request.username != BOOTSTRAPPER {
        return Err(Leave::Requester);
    }
    // Control-plane machines and workers boot with slightly different groups.
    let groups = set(&request.groups);
    let narrow = BTreeSet::from([BOOTSTRAPPERS, AUTHENTICATED]);
    let wide = BTreeSet::from([BOOTSTRAPPERS, AUTHENTICATED, ACCOUNTS]);
    if groups != narrow && groups != wide {
        return Err(Leave::Groups);
    }
    let asked = Request::parse(&request.pem)?;
    if asked.organizations != [NODES_GROUP] {
        return Err(Leave::Organization);
    }
    if let Some(name) = asked.names.first() {
        return Err(Leave::Names(name.to_string()));
    }
    let name = node_of(&asked.common_name)?;
    // The one who may ask for a node that does not exist yet is the cluster's own approver's business.
    if !nodes.iter().any(|node| node.name == name) {
        return Err(Leave::NoNode(name.to_owned()));
    }
    let is_its = |machine: &&MachineSeen| has_dns_name(machine, &["InternalDNS"], name);
    match machines.iter().find(is_its) {
        Some(_) => Ok(()),
        None => Err(Leave::NoMachine(name.to_owned())),
    }
}

fn serving(request: &SigningRequest, machines: &[MachineSeen]) -> Result<(), Leave> {
    is_used_for(request, SERVER_AUTH)?;
    let name = node_of(&request.username).map_err(|_| Leave::Requester)?;
    let groups = set(&request.groups);
    if !groups.contains(NODES_GROUP) || !groups.contains(AUTHENTICATED) {
        return Err(Leave::Groups);
    }
    let asked = Request::parse(&request.pem)?;
    if !asked.organizations.iter().any(|name| name == NODES_GROUP) {
        return Err(Leave::Organization);
    }
    if asked.common_name != request.username {
        return Err(Leave::CommonName);
    }
    let machine = machines
        .iter()
        .find(|machine| machine.node.as_deref() == Some(name));
    let Some(machine) = machine else {
        return Err(Leave::NoMachine(name.to_owned()));
    };
    if asked.names.is_empty() {
        return Err(Leave::Names("a certificate without names".to_owned()));
    }
    match asked.names.iter().find(|name| !is_of(machine, name)) {
        Some(name) => Err(Leave::Names(name.to_string())),
        None => Ok(()),
    }
}

/// With and without the enciphering of keys.
fn is_used_for(request: &SigningRequest, purpose: &str) -> Result<(), Leave> {
    let usages = set(&request.usages);
    let elliptic = BTreeSet::from([SIGNATURE, purpose]);
    let rsa = BTreeSet::from([SIGNATURE, purpose, ENCIPHERMENT]);
    if usages == elliptic || usages == rsa {
        Ok(())
    } else {
        Err(Leave::Usages)
    }
}

fn node_of(user: &str) -> Result<&str, Leave> {
    user.strip_prefix(NODE_USER)
        .filter(|name| !name.is_empty())
        .ok_or(Leave::CommonName)
}

fn is_of(machine: &MachineSeen, name: &San) -> bool {
    match name {
        San::Dns(name) => has_dns_name(machine, &["InternalDNS", "ExternalDNS", "Hostname"], name),
        San::Ip(address) => machine
            .addresses
            .iter()
            .filter(|(type_, _)| ["InternalIP", "ExternalIP"].contains(&type_.as_str()))
            .any(|(_, text)| text.parse::<IpAddr>().ok() == Some(*address)),
        San::Other(_) => false,
    }
}

/// Names of hosts are the same in any case, and with the dot of the root or without.
fn has_dns_name(machine: &MachineSeen, types: &[&str], name: &str) -> bool {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let wanted = bare(name);
    machine
        .addresses
        .iter()
        .filter(|(type_, _)| types.contains(&type_.as_str()))
        .any(|(_, address)| bare(address) == wanted)
}

fn set(items: &[String]) -> BTreeSet<&str> {
    items.iter().map(String::as_str).collect()
}
