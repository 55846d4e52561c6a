//! Certificate signing requests of kubelets, as kubelets make them, and requests that only look like
//! them (docs/spec/21 §7). Nothing here signs: a kubelet that is approved has its certificate.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
    PKCS_RSA_SHA256, SanType, SignatureAlgorithm,
};

/// Who asks for the first certificate of a kubelet.
pub const BOOTSTRAPPER: &str =
    "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper";
const BOOTSTRAPPER_GROUPS: [&str; 3] = [
    "system:serviceaccounts",
    "system:serviceaccounts:openshift-machine-config-operator",
    "system:authenticated",
];
const NODE_GROUPS: [&str; 2] = ["system:nodes", "system:authenticated"];

/// What kind of keys kubelets have, and therefore what they ask to use them for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// ECDSA, without key encipherment: OpenShift 4.14 and later.
    Ecdsa,
    /// ECDSA, asking for key encipherment all the same: before 4.14.
    EcdsaWithEncipherment,
    /// RSA.
    Rsa,
}

impl Keys {
    /// Those of the kubelets of an OpenShift release.
    pub fn of_version(version: &str) -> Self {
        let mut parts = version
            .split('.')
            .filter_map(|part| part.parse::<u32>().ok());
        match (parts.next(), parts.next()) {
            (Some(4), Some(minor)) if minor < 14 => Self::EcdsaWithEncipherment,
            _ => Self::Ecdsa,
        }
    }

    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::Ecdsa | Self::EcdsaWithEncipherment => &PKCS_ECDSA_P256_SHA256,
            Self::Rsa => &PKCS_RSA_SHA256,
        }
    }

    fn usages(self, purpose: Purpose) -> Vec<String> {
        let mut usages = vec!["digital signature"];
        if self != Self::Ecdsa {
            usages.push("key encipherment");
        }
        usages.push(match purpose {
            Purpose::Client => "client auth",
            Purpose::Serving => "server auth",
        });
        usages.into_iter().map(str::to_owned).collect()
    }
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// To be known to the API server.
    Client,
    /// To be asked for logs and commands.
    Serving,
}

impl Purpose {
    fn signer(self) -> &'static str {
        match self {
            Self::Client => "kubernetes.io/kube-apiserver-client-kubelet",
            Self::Serving => "kubernetes.io/kubelet-serving",
        }
    }
}

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `Approved`, `Denied` or `Failed`.
    pub type_: String,
    /// One word.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// A certificate signing request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Name of the object.
    pub name: String,
    /// Who asks.
    pub username: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// Who is to sign.
    pub signer: String,
    /// What for.
    pub usages: Vec<String>,
    /// The request itself.
    pub pem: Vec<u8>,
    /// How it was answered.
    pub answer: Option<Answer>,
    /// A kubelet's own, rather than planted.
    pub genuine: bool,
}

impl Request {
    /// Whether it was approved.
    pub fn approved(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| answer.type_ == "Approved")
    }
}

/// Requests that must not be approved, or that must not stop the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Not even PEM. A real API server takes no such request; only light spokes hold it.
    Unparsable,
    /// A kubelet whose node does not exist.
    Stranger,
    /// A node's name, asked for by somebody who is no kubelet.
    Impostor,
    /// A node's name, and the group of those who may do everything.
    Greedy,
    /// A serving certificate of a node, for the cluster's API as well.
    ExtraName,
    /// A serving certificate of one node, asked for by another.
    OtherNode,
    /// A stranger with a key of a kind that kubelets do not have, and words around the PEM block.
    Wrapped,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub(super) struct Subject<'a> {
    /// Name of the Node.
    pub(super) node: &'a str,
    /// Internal address of its machine.
    pub(super) address: &'a str,
}

/// The request that a kubelet makes.
pub(super) fn genuine(subject: &Subject<'_>, keys: Keys, purpose: Purpose) -> Result<Request> {
    let own = format!("system:node:{}", subject.node);
    let (username, groups): (&str, &[&str]) = match purpose {
        Purpose::Client => (BOOTSTRAPPER, &BOOTSTRAPPER_GROUPS),
        Purpose::Serving => (&own, &NODE_GROUPS),
    };
    let names = match purpose {
        Purpose::Client => Vec::new(),
        Purpose::Serving => vec![subject.node, subject.address],
    };
    Ok(Request {
        genuine: true,
        ..request(
            &pem(keys.algorithm(), "system:nodes", &own, &names)?,
            (username, groups),
            keys,
            purpose,
        )
    })
}

/// A bad request about a node; `other` is another node.
pub(super) fn bad(bad: Bad, subject: &Subject<'_>, other: &str, keys: Keys) -> Result<Request> {
    let own = format!("system:node:{}", subject.node);
    let other = format!("system:node:{other}");
    let algorithm = keys.algorithm();
    let bootstrapper = (BOOTSTRAPPER, BOOTSTRAPPER_GROUPS.as_slice());
    let client = |pem: &[u8]| request(pem, bootstrapper, keys, Purpose::Client);
    let nodes = "system:nodes";
    let stranger = "system:node:stranger.example.com";
    Ok(match bad {
        Bad::Unparsable => client(b"-----BEGIN CERTIFICATE REQUEST-----\nnothing of the kind\n"),
        Bad::Stranger => client(&pem(algorithm, nodes, stranger, &[])?),
        Bad::Impostor => {
            let groups = [
                "system:serviceaccounts",
                "system:serviceaccounts:default",
                "system:authenticated",
            ];
            let who = ("system:serviceaccount:default:default", groups.as_slice());
            request(
                &pem(algorithm, nodes, &own, &[])?,
                who,
                keys,
                Purpose::Client,
            )
        }
        Bad::Greedy => client(&pem(algorithm, "system:masters", &own, &[])?),
        Bad::ExtraName => {
            let names = [subject.node, subject.address, "api.example.com"];
            let pem = pem(algorithm, nodes, &own, &names)?;
            request(&pem, (&own, NODE_GROUPS.as_slice()), keys, Purpose::Serving)
        }
        Bad::OtherNode => {
            let pem = pem(algorithm, nodes, &own, &[subject.node, subject.address])?;
            request(
                &pem,
                (&other, NODE_GROUPS.as_slice()),
                keys,
                Purpose::Serving,
            )
        }
        Bad::Wrapped => {
            let block = pem(&PKCS_ED25519, nodes, stranger, &[])?;
            client(&[b"a word before\n", block.as_slice(), b"a word after\n"].concat())
        }
    })
}

fn request(pem: &[u8], who: (&str, &[&str]), keys: Keys, purpose: Purpose) -> Request {
    let random = uuid::Uuid::new_v4().simple().to_string();
    Request {
        name: format!("csr-{}", &random[..8]),
        username: who.0.to_owned(),
        groups: who.1.iter().map(ToString::to_string).collect(),
        signer: purpose.signer().to_owned(),
        usages: keys.usages(purpose),
        pem: pem.to_vec(),
        answer: None,
        genuine: false,
    }
}

fn pem(
    algorithm: &'static SignatureAlgorithm,
    organisation: &str,
    name: &str,
    names: &[&str],
) -> Result<Vec<u8>> {
    let key = KeyPair::generate_for(algorithm).context("generate a kubelet's key")?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, organisation);
    params.distinguished_name.push(DnType::CommonName, name);
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().context("a name of a node")?),
        });
    }
    let request = params
        .serialize_request(&key)
        .context("sign a certificate signing request")?;
    Ok(request.pem().context("encode a request")?.into_bytes())
}
