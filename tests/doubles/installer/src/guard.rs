//! Refuses every cloud that is not an emulation (docs/spec/50 §14, point 10).
//!
//! Decides before the first call whether an endpoint may be used. It must never resolve a name: where
//! a name leads can change between the check and the call.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Result, bail};

/// The services that have an endpoint of their own, as install-configs name them.
pub(crate) const SERVICES: [&str; 6] =
    ["ec2", "elasticloadbalancing", "iam", "route53", "s3", "sts"];

/// One checked endpoint for each service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints(BTreeMap<&'static str, String>);

impl Endpoints {
    /// Picks the endpoint of each service and checks it. `named` are those of the install-config, which
    /// win over the environment's.
    pub(crate) fn checked(
        named: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        // Endpoints that are named but not used are refused too: who names one means it.
        for (service, url) in named {
            check(service, url)?;
        }
        let mut endpoints = BTreeMap::new();
        for service in SERVICES {
            let own = format!("AWS_ENDPOINT_URL_{}", variable(service));
            let url = named
                .get(service)
                .cloned()
                .or_else(|| environment(&own))
                .or_else(|| environment("AWS_ENDPOINT_URL"));
            let Some(url) = url else {
                bail!(
                    "the stand-in installer needs an explicit endpoint for {service}: \
                     platform.aws.serviceEndpoints or AWS_ENDPOINT_URL"
                );
            };
            check(service, &url)?;
            endpoints.insert(service, url);
        }
        Ok(Self(endpoints))
    }

    /// The URL of a service.
    pub(crate) fn url(&self, service: &str) -> &str {
        self.0.get(service).map_or("", String::as_str)
    }
}

fn variable(service: &str) -> &str {
    match service {
        "ec2" => "EC2",
        "elasticloadbalancing" => "ELASTIC_LOAD_BALANCING",
        "iam" => "IAM",
        "route53" => "ROUTE_53",
        "s3" => "S3",
        other => {
            debug_assert_eq!(other, "sts");
            "STS"
        }
    }
}

fn check(service: &str, url: &str) -> Result<()> {
    let refused = || {
        anyhow::anyhow!(
            "the stand-in installer refuses the endpoint of {service}, {url:?}: it is neither on the \
             loopback nor on the test network"
        )
    };
    let address = host(url).ok_or_else(refused)?;
    if allowed(address) {
        Ok(())
    } else {
        Err(refused())
    }
}

/// The address in a URL; names lead nowhere, except the one that always means this machine.
fn host(url: &str) -> Option<IpAddr> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    // User names could hide the real host from a reader.
    if authority.contains(['@', '\\']) {
        return None;
    }
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next()?,
        None => authority.split(':').next()?,
    };
    if host.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    host.parse().ok()
}

fn allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_loopback() || (first, second) == (10, 89)
        }
        IpAddr::V6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_the_test_network() {
        for url in [
            "http://127.0.0.1:5000",
            "http://127.8.9.1",
            "https://10.89.0.1:41234/",
            "http://[::1]:5000",
            "http://localhost:5000",
        ] {
            assert!(check("ec2", url).is_ok(), "{url}");
        }
        for url in [
            "https://ec2.us-east-1.amazonaws.com",
            "http://10.88.0.1",
            "http://10.890.0.1",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://localhost.example.com",
            "http://169.254.169.254",
            "http://[::ffff:127.0.0.1]",
            "127.0.0.1:5000",
            "",
        ] {
            assert!(check("ec2", url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_endpoint_must_be_given() {
        let none = |_: &str| None;
        assert!(Endpoints::checked(&BTreeMap::new(), none).is_err());
        let all = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://[::1]:1".to_owned());
        let named = BTreeMap::from([("iam".to_owned(), "http://127.0.0.1:2".to_owned())]);
        let Ok(endpoints) = Endpoints::checked(&named, all) else {
            unreachable!()
        };
        assert_eq!(endpoints.url("iam"), "http://127.0.0.1:2");
        assert_eq!(endpoints.url("ec2"), "http://[::1]:1");
    }

    #[test]
    fn a_foreign_endpoint_of_an_unused_service_is_refused_too() {
        let all = |_: &str| Some("http://127.0.0.1:1".to_owned());
        let named = BTreeMap::from([("kms".to_owned(), "https://kms.amazonaws.com".to_owned())]);
        assert!(Endpoints::checked(&named, all).is_err());
    }
}
