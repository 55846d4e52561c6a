//! Why a request to a cluster failed, told apart by what somebody has to do about it.
//!
//! Messages are made here from what the failure is; a foreign text is used only where nothing better is
//! known, and then scrubbed. Mirrors docs/spec/32 §1 and its weaknesses 3 and 6.

use std::error::Error;
use std::io;

use http::StatusCode;
use rustls::{CertificateError, Error as TlsError};

use super::scrub::scrub;
use super::view::{Failure, FailureClass};

/// A request that came to no answer.
pub(super) fn of_error(error: &kube::Error) -> Failure {
    if let Some(failure) = classed(error) {
        return failure;
    }
    let deepest = deepest(error);
    let words = if ["dns error", "lookup address"]
        .iter()
        .any(|word| deepest.contains(word))
    {
        "its name cannot be resolved".to_owned()
    } else {
        scrub(&deepest)
    };
    Failure::new(
        FailureClass::Dial,
        format!("the API server cannot be reached: {words}"),
    )
}

/// The failure that an error or one of its causes stands for.
fn classed(error: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(tls) = error.downcast_ref::<TlsError>() {
        return Some(of_tls(tls));
    }
    let io = error.downcast_ref::<io::Error>();
    // What an I/O error carries is not among its sources: those begin below it.
    let carried = io.and_then(|io| classed(io.get_ref()?));
    carried
        .or_else(|| io.and_then(of_io))
        .or_else(|| error.source().and_then(classed))
}

/// What the innermost cause says.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// No answer in time.
pub(super) fn timeout() -> Failure {
    Failure::new(
        FailureClass::Timeout,
        "the API server did not answer in time",
    )
}

/// An answer that says that the server is of no use at present. `None`: the cluster was reached.
pub(super) fn of_status(status: StatusCode, message: &str) -> Option<Failure> {
    let message = scrub(message);
    match status.as_u16() {
        401 => Some(Failure::new(
            FailureClass::Unauthorized,
            "the API server does not take the credentials of the admin kubeconfig",
        )),
        429 | 500.. => Some(Failure::new(
            FailureClass::Server,
            if message.is_empty() {
                format!("the API server answered {}", status.as_u16())
            } else {
                format!("the API server answered {}: {message}", status.as_u16())
            },
        )),
        _ => None,
    }
}

/// The kubeconfig is not used.
pub(super) fn refused(why: &impl std::fmt::Display) -> Failure {
    Failure::new(
        FailureClass::Refused,
        format!("the admin kubeconfig is not used: {why}"),
    )
}

/// There is no kubeconfig.
pub(super) fn no_kubeconfig(what: &str) -> Failure {
    Failure::new(FailureClass::NoKubeconfig, what)
}

/// Kinds that say by themselves what happened.
fn of_io(error: &io::Error) -> Option<Failure> {
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection was refused",
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => "the connection broke off",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no route to it"
        }
        io::ErrorKind::TimedOut => return Some(timeout()),
        _ => return None,
    };
    Some(Failure::new(
        FailureClass::Dial,
        format!("the API server cannot be reached: {words}"),
    ))
}

/// Expiry is told without its moments: they would make the message another one at each try.
fn of_tls(error: &TlsError) -> Failure {
    let words = match error {
        TlsError::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet".to_owned()
            }
            CertificateError::UnknownIssuer => {
                "its certificate is signed by an authority that the kubeconfig does not name"
                    .to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            other => scrub(&other.to_string()),
        },
        other => scrub(&other.to_string()),
    };
    Failure::new(
        FailureClass::Tls,
        format!("the API server cannot be trusted: {words}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(error: impl Into<tower::BoxError>) -> kube::Error {
        kube::Error::Service(error.into())
    }

    /// docs/spec/32, weakness 3: "API error", "no connection" and "bad credentials" are told apart.
    #[test]
    fn failures_are_told_apart_however_deep_their_cause_lies() {
        let tls = |why| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                TlsError::InvalidCertificate(why),
            )
        };
        let kind = |kind: io::ErrorKind| io::Error::from(kind);
        for (error, class, told) in [
            (
                kind(io::ErrorKind::ConnectionRefused),
                FailureClass::Dial,
                "refused",
            ),
            (
                kind(io::ErrorKind::HostUnreachable),
                FailureClass::Dial,
                "no route",
            ),
            (
                kind(io::ErrorKind::UnexpectedEof),
                FailureClass::Dial,
                "broke off",
            ),
            (
                kind(io::ErrorKind::TimedOut),
                FailureClass::Timeout,
                "in time",
            ),
            (tls(CertificateError::Expired), FailureClass::Tls, "expired"),
            (
                tls(CertificateError::UnknownIssuer),
                FailureClass::Tls,
                "authority",
            ),
            (
                tls(CertificateError::NotValidForName),
                FailureClass::Tls,
                "another name",
            ),
            (
                io::Error::other("dns error: no such host"),
                FailureClass::Dial,
                "resolved",
            ),
            (io::Error::other("odd"), FailureClass::Dial, "odd"),
        ] {
            let failure = of_error(&service(io::Error::other(error)));
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.message.contains(told), "{failure}");
        }
    }

    #[test]
    fn an_answer_is_a_failure_only_if_the_server_is_of_no_use() {
        let class = |code: u16| {
            let status = StatusCode::from_u16(code).unwrap();
            of_status(status, "etcd leader changed").map(|failure| failure.class)
        };
        for (code, expected) in [
            (200, None),
            (403, None),
            (404, None),
            (401, Some(FailureClass::Unauthorized)),
            (429, Some(FailureClass::Server)),
            (500, Some(FailureClass::Server)),
            (503, Some(FailureClass::Server)),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }
}
