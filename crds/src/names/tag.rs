//! Tags on resources in a cloud that the hub itself makes (docs/spec/23 §A3, §B4). The installer's tags are
//! the providers' matter.

/// On a hosted zone of AWS: `<namespace>/<name>` of its `DNSZone`. Set by the zone controller; read by it to
/// find the zone again.
pub const DNS_ZONE: &str = "hive.openshift.io/dnszone";
/// On endpoints and endpoint services of AWS: the infra ID of the cluster whose API they lead to. Set by the
/// AWS `PrivateLink` controller; read by it to find them again.
pub const PRIVATE_LINK_ACCESS_FOR: &str = "hive.openshift.io/private-link-access-for";
