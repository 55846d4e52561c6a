//! A sample cluster of the shape that an installation on AWS leaves, smaller in number.

use std::time::Duration;

use super::FakeResource;
use crate::erase::{Kind, KindSpec, Scope};

const SECOND: Duration = Duration::from_secs(1);

/// Kinds of the sample, with the dependencies that the cloud enforces.
pub fn kinds() -> Vec<KindSpec> {
    let spec = |kind: &'static str, title, service| KindSpec::new(Kind::new(kind), title, service);
    let kind = Kind::new;
    vec![
        spec("instance", "instance", "compute")
            .delete_batch(100)
            .usual_wait(SECOND * 30),
        spec("load-balancer", "load balancer", "network"),
        spec("nat-gateway", "NAT gateway", "network").usual_wait(SECOND * 60),
        spec("interface", "network interface", "network").usual_wait(SECOND * 5),
        spec("address", "address", "network"),
        spec("gateway", "internet gateway", "network").after(kind("address"), Scope::Everywhere),
        spec("security-group", "security group", "network"),
        spec("subnet", "subnet", "network"),
        spec("network", "network", "network")
            .after(kind("subnet"), Scope::Within)
            .after(kind("security-group"), Scope::Within)
            .after(kind("gateway"), Scope::Within),
        spec("volume", "volume", "compute"),
        spec("profile", "instance profile", "identity"),
        spec("role", "role", "identity"),
        spec("bucket", "bucket", "storage").after(kind("instance"), Scope::ControlPlane),
        spec("record", "record", "dns").delete_batch(100),
        spec("zone", "hosted zone", "dns").after(kind("record"), Scope::Within),
    ]
}

/// A cluster with `zones` availability zones: network, gateways, balancers, groups that refer to
/// each other, machines, roles, a bucket and records.
pub fn cluster(infra_id: &str, zones: usize) -> Vec<FakeResource> {
    let key = format!("kubernetes.io/cluster/{infra_id}");
    let id = |name: &str| format!("{infra_id}/{name}");
    let owned = |name: &str, kind: &str| {
        FakeResource::new(&id(name), kind)
            .named(&format!("{infra_id}-{name}"))
            .tag(&key, "owned")
    };
    let mut all = vec![
        owned("network", "network"),
        owned("gateway", "gateway")
            .holding(&id("network"))
            .within(&id("network")),
        owned("controlplane", "security-group")
            .within(&id("network"))
            .referring_to(&id("node")),
        owned("node", "security-group")
            .within(&id("network"))
            .referring_to(&id("controlplane"))
            .referring_to(&id("balancer")),
        owned("balancer", "security-group").within(&id("network")),
        owned("role", "role"),
        owned("profile", "profile").holding(&id("role")),
        owned("bucket", "bucket"),
        owned("zone", "zone"),
    ];
    for name in ["api", "api-int", "apps"] {
        let record = FakeResource::new(&id(&format!("record-{name}")), "record");
        all.push(
            record
                .within(&id("zone"))
                .holding(&id("zone"))
                .member_of(&id("zone")),
        );
    }
    for zone in 0..zones {
        let subnet = format!("subnet-{zone}");
        let [nat, address, machine, volume, balancer] =
            ["nat", "address", "master", "volume", "balancer"].map(|name| format!("{name}-{zone}"));
        let interface = |owner: &str, takes: Duration| {
            FakeResource::new(&id(&format!("{owner}-interface")), "interface")
                .within(&id("network"))
                .holding(&id(&subnet))
                .member_of(&id(owner))
                .following(&id(owner))
                .takes(takes)
        };
        all.extend([
            owned(&subnet, "subnet")
                .within(&id("network"))
                .holding(&id("network")),
            owned(&address, "address"),
            owned(&nat, "nat-gateway")
                .within(&id("network"))
                .holding(&id(&subnet))
                .holding(&id(&address))
                .takes(SECOND * 50),
            interface(&nat, Duration::ZERO),
            owned(&volume, "volume"),
            owned(&machine, "instance")
                .within(&id("network"))
                .holding(&id(&subnet))
                .holding(&id("controlplane"))
                .holding(&id(&volume))
                .holding(&id("profile"))
                .control_plane()
                .takes(SECOND * 25),
            owned(&balancer, "load-balancer")
                .within(&id("network"))
                .holding(&id(&subnet))
                .holding(&id("balancer")),
            interface(&balancer, SECOND * 4).holding(&id("balancer")),
        ]);
    }
    all
}

/// `metadata.json` of such a cluster.
pub fn metadata(infra_id: &str, cluster_name: &str, base_domain: &str) -> String {
    let tag = |key: String| serde_json::json!({ key: "owned" });
    serde_json::json!({
        "clusterName": cluster_name,
        "clusterID": "5d4e6d0e-6a0a-4b0f-9a41-0f3c6f1c2a10",
        "infraID": infra_id,
        "aws": {
            "region": "us-east-1",
            "identifier": [
                tag(format!("kubernetes.io/cluster/{infra_id}")),
                tag(format!("sigs.k8s.io/cluster-api-provider-aws/cluster/{infra_id}")),
            ],
            "clusterDomain": format!("{cluster_name}.{base_domain}"),
        },
    })
    .to_string()
}
