//! docs/spec/21 §7, row by row. The requests in `fixtures` were made by the library that kubelets make
//! theirs with; what must be left alone is made here, one fault at a time.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SanType};

use super::*;
use crate::remote::view::Settled;

const NODE: &str = "worker-0.demo.internal";
const CLIENT_ECDSA: &[u8] = include_bytes!("fixtures/client-ecdsa.pem");
const CLIENT_RSA: &[u8] = include_bytes!("fixtures/client-rsa.pem");
const SERVING_ECDSA: &[u8] = include_bytes!("fixtures/serving-ecdsa.pem");
const SERVING_RSA: &[u8] = include_bytes!("fixtures/serving-rsa.pem");

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn client() -> SigningRequest {
    SigningRequest {
        name: "csr-client".into(),
        username: BOOTSTRAPPER.into(),
        groups: strings(&[BOOTSTRAPPERS, AUTHENTICATED]),
        usages: strings(&[SIGNATURE, CLIENT_AUTH]),
        pem: CLIENT_ECDSA.to_vec(),
        settled: None,
        signer: CLIENT_SIGNER.into(),
    }
}

fn serving() -> SigningRequest {
    SigningRequest {
        name: "csr-serving".into(),
        username: format!("{NODE_USER}{NODE}"),
        groups: strings(&[NODES_GROUP, AUTHENTICATED]),
        usages: strings(&[SIGNATURE, SERVER_AUTH]),
        pem: SERVING_ECDSA.to_vec(),
        settled: None,
        signer: SERVING_SIGNER.into(),
    }
}

fn nodes() -> Vec<NodeSeen> {
    vec![NodeSeen {
        name: NODE.into(),
        control_plane: false,
        ready: false,
        reason: "NodeStatusUnknown".into(),
    }]
}

fn machines() -> Vec<MachineSeen> {
    let address = |type_: &str, address: &str| (type_.to_owned(), address.to_owned());
    vec![MachineSeen {
        name: "demo-x7k2p-worker-0".into(),
        node: Some(NODE.into()),
        interruptible: false,
        deleting: false,
        phase: Some("Running".into()),
        last_updated: None,
        addresses: vec![
            address("InternalIP", "10.0.0.5"),
            address("InternalDNS", NODE),
            address("Hostname", NODE),
        ],
    }]
}

fn judged(request: &SigningRequest) -> Result<Kind, Leave> {
    check(request, &nodes(), &machines())
}

/// A request for other names or another subject.
fn made(organizations: &[&str], common_name: &str, names: Vec<SanType>) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for organization in organizations {
        params
            .distinguished_name
            .push(DnType::OrganizationName, *organization);
    }
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.subject_alt_names = names;
    let request = params.serialize_request(&key).unwrap();
    request.pem().unwrap().into_bytes()
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn ip(address: &str) -> SanType {
    SanType::IpAddress(address.parse().unwrap())
}

/// docs/spec/21 §11: "CSR usages must match exactly a set containing key encipherment".
#[test]
fn kubelets_with_ecdsa_and_with_rsa_keys_are_approved() {
    for (request, pem, purpose, kind) in [
        (client(), CLIENT_ECDSA, CLIENT_AUTH, Kind::Client),
        (client(), CLIENT_RSA, CLIENT_AUTH, Kind::Client),
        (serving(), SERVING_ECDSA, SERVER_AUTH, Kind::Serving),
        (serving(), SERVING_RSA, SERVER_AUTH, Kind::Serving),
    ] {
        for usages in [
            vec![SIGNATURE, purpose],
            vec![SIGNATURE, ENCIPHERMENT, purpose],
            vec![purpose, ENCIPHERMENT, SIGNATURE],
        ] {
            let request = SigningRequest {
                usages: strings(&usages),
                pem: pem.to_vec(),
                ..request.clone()
            };
            assert_eq!(judged(&request), Ok(kind), "{usages:?}");
        }
    }
}

/// The encodings of another library are read likewise.
#[test]
fn a_request_of_another_library_is_the_same() {
    let user = format!("{NODE_USER}{NODE}");
    let pem = made(&[NODES_GROUP], &user, vec![dns(NODE), ip("10.0.0.5")]);
    assert_eq!(
        judged(&SigningRequest { pem, ..serving() }),
        Ok(Kind::Serving)
    );
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let subject = &mut params.distinguished_name;
    subject.push(DnType::OrganizationName, NODES_GROUP);
    subject.push(DnType::CommonName, user.as_str());
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = SigningRequest {
        pem: pem.into_bytes(),
        ..client()
    };
    assert_eq!(judged(&request), Ok(Kind::Client));
}

/// docs/spec/21 §7: groups of machines of the control plane, and of workers.
#[test]
fn both_sets_of_groups_of_the_bootstrapper_are_known() {
    let wide = SigningRequest {
        groups: strings(&[ACCOUNTS, AUTHENTICATED, BOOTSTRAPPERS]),
        ..client()
    };
    assert_eq!(judged(&wide), Ok(Kind::Client));
}

/// docs/spec/21 §11: "DNS SANs compared case-sensitively, trailing dot not trimmed".
#[test]
fn names_are_the_same_in_any_case_and_with_a_dot_at_the_end() {
    let user = format!("{NODE_USER}{NODE}");
    for name in ["WORKER-0.Demo.Internal", "worker-0.demo.internal."] {
        let pem = made(&[NODES_GROUP], &user, vec![dns(name)]);
        assert_eq!(
            judged(&SigningRequest { pem, ..serving() }),
            Ok(Kind::Serving),
            "{name}"
        );
    }
    let mut machines = machines();
    machines[0].addresses = vec![("InternalDNS".into(), "Worker-0.DEMO.internal.".into())];
    assert_eq!(check(&client(), &nodes(), &machines), Ok(Kind::Client));
}

/// docs/spec/21 §7, client: all must hold.
#[test]
fn a_client_request_with_any_fault_is_left_alone() {
    let user = format!("{NODE_USER}{NODE}");
    let pem = |organizations: &[&str], name: &str, names| SigningRequest {
        pem: made(organizations, name, names),
        ..client()
    };
    let usages = |usages: &[&str]| SigningRequest {
        usages: strings(usages),
        ..client()
    };
    let groups = |groups: &[&str]| SigningRequest {
        groups: strings(groups),
        ..client()
    };
    let rows = [
        (
            usages(&[SIGNATURE, CLIENT_AUTH, SERVER_AUTH]),
            Leave::Usages,
        ),
        (usages(&[CLIENT_AUTH]), Leave::Usages),
        (usages(&[]), Leave::Usages),
        (
            SigningRequest {
                username: user.clone(),
                ..client()
            },
            Leave::Requester,
        ),
        (groups(&[AUTHENTICATED]), Leave::Groups),
        (
            groups(&[BOOTSTRAPPERS, AUTHENTICATED, "system:masters"]),
            Leave::Groups,
        ),
        (pem(&[], &user, vec![]), Leave::Organization),
        (pem(&["system:masters"], &user, vec![]), Leave::Organization),
        (
            pem(&[NODES_GROUP, "system:masters"], &user, vec![]),
            Leave::Organization,
        ),
        (
            pem(&[NODES_GROUP], &user, vec![dns("api.demo")]),
            Leave::Names("api.demo".into()),
        ),
        (
            pem(&[NODES_GROUP], &user, vec![ip("10.0.0.5")]),
            Leave::Names("10.0.0.5".into()),
        ),
        (pem(&[NODES_GROUP], NODE_USER, vec![]), Leave::CommonName),
        (
            pem(&[NODES_GROUP], "system:admin", vec![]),
            Leave::CommonName,
        ),
        (
            pem(&[NODES_GROUP], "system:node:other", vec![]),
            Leave::NoNode("other".into()),
        ),
        (
            SigningRequest {
                signer: "kubernetes.io/kube-apiserver-client".into(),
                ..client()
            },
            Leave::Signer,
        ),
        (
            SigningRequest {
                signer: SERVING_SIGNER.into(),
                ..client()
            },
            Leave::Usages,
        ),
    ];
    for (request, why) in rows {
        assert_eq!(judged(&request), Err(why));
    }
    // The opposite of what the cluster's own approver asks for.
    assert_eq!(
        check(&client(), &[], &machines()),
        Err(Leave::NoNode(NODE.into()))
    );
    assert_eq!(
        check(&client(), &nodes(), &[]),
        Err(Leave::NoMachine(NODE.into()))
    );
    // A host's own name is not the name that the cloud gives it.
    let mut renamed = machines();
    renamed[0].addresses = vec![("Hostname".into(), NODE.into())];
    assert_eq!(
        check(&client(), &nodes(), &renamed),
        Err(Leave::NoMachine(NODE.into()))
    );
}

/// docs/spec/21 §7, serving: all must hold.
#[test]
fn a_serving_request_with_any_fault_is_left_alone() {
    let user = format!("{NODE_USER}{NODE}");
    let pem = |organizations: &[&str], name: &str, names| SigningRequest {
        pem: made(organizations, name, names),
        ..serving()
    };
    let good = || vec![dns(NODE)];
    let mail = SanType::Rfc822Name("root@demo".try_into().unwrap());
    let rows = [
        (
            SigningRequest {
                usages: strings(&[SIGNATURE, CLIENT_AUTH]),
                ..serving()
            },
            Leave::Usages,
        ),
        (
            SigningRequest {
                username: BOOTSTRAPPER.into(),
                ..serving()
            },
            Leave::Requester,
        ),
        (
            SigningRequest {
                username: NODE_USER.into(),
                ..serving()
            },
            Leave::Requester,
        ),
        (
            SigningRequest {
                groups: strings(&[NODES_GROUP]),
                ..serving()
            },
            Leave::Groups,
        ),
        (pem(&["demo"], &user, good()), Leave::Organization),
        (
            pem(&[NODES_GROUP], "system:node:other", good()),
            Leave::CommonName,
        ),
        (
            SigningRequest {
                username: "system:node:other".into(),
                ..pem(&[NODES_GROUP], "system:node:other", good())
            },
            Leave::NoMachine("other".into()),
        ),
        (
            pem(&[NODES_GROUP], &user, vec![dns(NODE), dns("api.demo")]),
            Leave::Names("api.demo".into()),
        ),
        (
            pem(&[NODES_GROUP], &user, vec![ip("10.0.0.6")]),
            Leave::Names("10.0.0.6".into()),
        ),
        (
            pem(&[NODES_GROUP], &user, vec![dns("10.0.0.5")]),
            Leave::Names("10.0.0.5".into()),
        ),
        (
            pem(&[NODES_GROUP], &user, vec![dns(NODE), mail]),
            Leave::Names("a name of sort 1".into()),
        ),
        (
            pem(&[NODES_GROUP], &user, vec![]),
            Leave::Names("a certificate without names".into()),
        ),
    ];
    for (request, why) in rows {
        assert_eq!(judged(&request), Err(why));
    }
}

/// docs/spec/21 §11: "One unparsable CSR returns an error for the whole pass".
#[test]
fn what_cannot_be_read_is_one_request_less() {
    let mut cut = String::from_utf8(CLIENT_ECDSA.to_vec()).unwrap();
    cut.replace_range(60..70, "AAAAAAAAAA");
    let certificate = String::from_utf8(CLIENT_ECDSA.to_vec())
        .unwrap()
        .replace("CERTIFICATE REQUEST", "CERTIFICATE");
    for pem in [
        Vec::new(),
        b"not PEM".to_vec(),
        b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n".to_vec(),
        cut.into_bytes(),
        certificate.into_bytes(),
        vec![b'A'; 1 << 20],
    ] {
        let found = judged(&SigningRequest { pem, ..client() });
        assert!(matches!(found, Err(Leave::Unreadable(_))), "{found:?}");
    }
    assert_eq!(judged(&client()), Ok(Kind::Client));
}

/// docs/spec/21 §11: "Denied or failed CSRs are retried each time".
#[test]
fn what_was_decided_on_is_left_alone() {
    for settled in [Settled::Approved, Settled::Denied, Settled::Failed] {
        let request = SigningRequest {
            settled: Some(settled),
            ..client()
        };
        assert_eq!(judged(&request), Err(Leave::Settled), "{settled:?}");
    }
}
