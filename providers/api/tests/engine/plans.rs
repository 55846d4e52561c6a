//! Plans: order, digest, types that guard deletions.

use skep_providers::{
    AccountId,
    erase::{
        Action, ClusterFacts, Deletion, Discovery, Gap, Hints, Kind, KindSpec, Plan, Proof,
        Resource, Scope, Untagging,
    },
    fake::metadata,
};
use skep_providers::{Class, Error};

use crate::common::{INFRA_ID, OWNED};

const GROUP: Kind = Kind::new("group");
const SUBNET: Kind = Kind::new("subnet");
const NETWORK: Kind = Kind::new("network");

fn kinds() -> Vec<KindSpec> {
    vec![
        KindSpec::new(GROUP, "group", "net"),
        KindSpec::new(SUBNET, "subnet", "net"),
        KindSpec::new(NETWORK, "network", "net").after(SUBNET, Scope::Within),
    ]
}

fn own(id: &str, kind: Kind) -> Resource {
    Resource::owned(
        id,
        kind,
        id,
        Proof::OwnedTag {
            key: OWNED.into(),
            value: "owned".into(),
        },
    )
}

fn plan(resources: Vec<Resource>) -> Plan {
    let metadata = metadata(INFRA_ID, "demo", "example.com");
    let facts = ClusterFacts::from_metadata(metadata.as_bytes(), &Hints::default()).unwrap();
    let discovery = Discovery {
        resources,
        ..Discovery::default()
    };
    Plan::build(
        &facts,
        &AccountId::new("aws", "1"),
        &kinds(),
        discovery,
        "initial",
    )
    .unwrap()
}

fn order(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn a_rule_within_joins_only_what_shares_a_container() {
    let plan = plan(vec![
        own("n1", NETWORK),
        own("n2", NETWORK),
        own("s1", SUBNET).within("n1"),
        own("s2", SUBNET).within("n1"),
    ]);
    let step = |id: &str| {
        plan.steps
            .iter()
            .find(|step| step.id.as_str() == id)
            .unwrap()
    };
    assert_eq!(step("n1").after.len(), 2);
    assert_eq!(step("n2").after.len(), 0);
    assert_eq!(order(&plan), ["n2", "s1", "s2", "n1"]);
}

#[test]
fn a_member_goes_before_nothing_and_its_proof_is_its_parents() {
    let member = |id: &str, parent: &str| {
        Resource::owned(
            id,
            SUBNET,
            id,
            Proof::MemberOf {
                parent: parent.into(),
            },
        )
    };
    let chain = plan(vec![own("n", NETWORK), member("a", "n"), member("b", "a")]);
    assert_eq!(chain.steps.len(), 3);
    let orphan = plan(vec![member("a", "b"), member("b", "a")]);
    assert!(orphan.is_empty(), "members of each other prove nothing");
    assert!(orphan.untouched.iter().all(|item| item.ours));
}

#[test]
fn a_proof_of_another_cluster_does_not_hold() {
    let proof = Proof::OwnedTag {
        key: "kubernetes.io/cluster/demo-x7k2q".into(),
        value: "owned".into(),
    };
    let plan = plan(vec![Resource::owned("n", NETWORK, "n", proof)]);
    assert!(plan.is_empty());
    assert_eq!(plan.untouched.len(), 1);
}

#[test]
fn what_follows_waits_for_its_owner_and_holds_its_own() {
    let plan = plan(vec![
        own("gateway", GROUP),
        own("interface", GROUP).using("subnet").following("gateway"),
        own("subnet", SUBNET),
    ]);
    assert_eq!(order(&plan), ["gateway", "interface", "subnet"]);
    assert_eq!(plan.steps[1].action, Action::Wait);
}

#[test]
fn a_cycle_of_existence_is_left_to_the_cloud() {
    let plan = plan(vec![own("a", GROUP).using("b"), own("b", GROUP).using("a")]);
    assert_eq!(plan.steps.len(), 2);
}

#[test]
fn what_two_services_list_is_one() {
    let plan = plan(vec![
        Resource::foreign("n", NETWORK, "n", "seen without tags"),
        own("n", NETWORK).within("x"),
        own("s", SUBNET).within("x"),
        own("s", SUBNET),
    ]);
    assert_eq!(order(&plan), ["s", "n"]);
}

#[test]
fn an_unknown_kind_is_a_fault_of_the_program() {
    let metadata = metadata(INFRA_ID, "demo", "example.com");
    let facts = ClusterFacts::from_metadata(metadata.as_bytes(), &Hints::default()).unwrap();
    let discovery = Discovery {
        resources: vec![own("x", Kind::new("mystery"))],
        ..Discovery::default()
    };
    let account = AccountId::new("aws", "1");
    assert!(Plan::build(&facts, &account, &kinds(), discovery, "initial").is_err());
}

#[test]
fn the_digest_tells_plans_apart() {
    let one = plan(vec![own("a", GROUP), own("b", GROUP)]);
    let same = plan(vec![own("b", GROUP), own("a", GROUP)]);
    let other = plan(vec![own("a", GROUP), own("c", GROUP)]);
    assert_eq!(one.digest, same.digest);
    assert_ne!(one.digest, other.digest);
    assert!(one.digest.starts_with("sha256:") && one.digest.len() == 7 + 64);
}

#[test]
fn gaps_are_shown() {
    let metadata = metadata(INFRA_ID, "demo", "example.com");
    let facts = ClusterFacts::from_metadata(metadata.as_bytes(), &Hints::default()).unwrap();
    let error = Error::new("iam:ListRoles", Class::Denied, "not allowed");
    let gaps = vec![Gap {
        source: "iam".to_owned(),
        error,
    }];
    let discovery = Discovery {
        gaps,
        ..Discovery::default()
    };
    let account = AccountId::new("aws", "1");
    let plan = Plan::build(&facts, &account, &kinds(), discovery, "initial").unwrap();
    assert!(
        plan.to_string().contains("iam: iam:ListRoles: not allowed"),
        "{plan}"
    );
}

#[test]
fn only_proven_resources_become_deletions() {
    let own = own("a", GROUP);
    assert!(Deletion::of(&own).is_ok());
    assert!(Untagging::of(&own).is_err());
    assert!(Deletion::of(&own.clone().following("b")).is_err());
    assert!(Deletion::of(&Resource::foreign("f", GROUP, "f", "no")).is_err());
    let shared = Resource::shared("s", GROUP, "s");
    assert!(Deletion::of(&shared).is_err());
    assert!(Untagging::of(&shared).is_ok());
    let mut unproven = own;
    unproven.proof = None;
    assert!(Deletion::of(&unproven).is_err());
}
