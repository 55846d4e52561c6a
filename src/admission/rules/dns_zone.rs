//! Rules about `DNSZone`s. Mirrors docs/spec/41 §8; that the zone stays is in [`super::fields`].

use skep_crds::v1::dns_zone::DnsZoneSpec;

use super::names::subdomain_problem;
use super::{Case, On, Rule, Table};
use crate::admission::verdict::{Findings, quoted};

pub(super) const TABLE: Table<DnsZoneSpec> = Table(&[&[Rule::new(
    On::Create,
    "dnszone/zone",
    "`spec.zone` is a DNS name in lower case",
    zone,
)
.bad_request()]]);

fn zone(case: &Case<'_, DnsZoneSpec>, to: &mut Findings) {
    if let Some(problem) = subdomain_problem(&case.spec.zone) {
        to.invalid(
            "spec.zone",
            format!("{} {problem}", quoted(&case.spec.zone)),
        );
    }
}
