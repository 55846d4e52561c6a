//! What the cluster shares with others, what others put into its network, and what a killed
//! installer leaves half made.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, HostedZoneConfig, ResourceRecord, ResourceRecordSet, RrType,
    Tag as ZoneTag, TagResourceType, Vpc as ZoneVpc, VpcRegion,
};
use skep_kit::cloud::{Fault, NewAccount};
use skep_providers::{
    AccountId, AssumeRole, Class, CredentialSource,
    call::NoObserver,
    erase::{self, EraseContext, Journal, JournalError, Plan, Receipt},
};

use crate::{
    Scene, assert_complete,
    cluster::{BASE, Clients, Shape, public_zone, put_records},
    secret,
};

async fn tag_shared(clients: &Clients, ids: &[String]) {
    clients
        .ec2
        .create_tags()
        .set_resources(Some(ids.to_vec()))
        .tags(
            Tag::builder()
                .key(format!("kubernetes.io/cluster/{}", clients.infra))
                .value("shared")
                .build(),
        )
        .send()
        .await
        .expect("CreateTags");
}

fn owned(clients: &Clients, kind: ResourceType) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .tags(
            Tag::builder()
                .key(format!("kubernetes.io/cluster/{}", clients.infra))
                .value("owned")
                .build(),
        )
        .build()
}

async fn byo_network(clients: &Clients) -> (String, Vec<String>) {
    let vpc = clients
        .ec2
        .create_vpc()
        .cidr_block("10.9.0.0/16")
        .send()
        .await
        .expect("CreateVpc");
    let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
    let mut subnets = Vec::new();
    for (number, zone) in ["us-east-1a", "us-east-1b"].iter().enumerate() {
        let made = clients
            .ec2
            .create_subnet()
            .vpc_id(&vpc)
            .availability_zone(*zone)
            .cidr_block(format!("10.9.{number}.0/24"))
            .send()
            .await
            .expect("CreateSubnet");
        subnets.push(made.subnet.unwrap().subnet_id.unwrap());
    }
    (vpc, subnets)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_others_only_loses_the_mark() {
    let mut scene = Scene::new(None).await;
    let (vpc, subnets) = byo_network(&scene.clients).await;
    scene.before = scene.snapshot().await;
    let clients = &scene.clients;
    tag_shared(clients, &subnets).await;
    let group = clients
        .ec2
        .create_security_group()
        .vpc_id(&vpc)
        .group_name(format!("{}-node", clients.infra))
        .description("cluster")
        .tag_specifications(owned(clients, ResourceType::SecurityGroup))
        .send()
        .await
        .expect("CreateSecurityGroup")
        .group_id
        .unwrap();
    // Carries the cluster's group, and the tag only where the balancer's own service says so.
    clients
        .elbv2
        .create_load_balancer()
        .name(format!("{}-int", clients.infra))
        .r#type(aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum::Network)
        .set_subnets(Some(subnets))
        .security_groups(&group)
        .tags(
            aws_sdk_elasticloadbalancingv2::types::Tag::builder()
                .key(format!("kubernetes.io/cluster/{}", clients.infra))
                .value("owned")
                .build(),
        )
        .send()
        .await
        .expect("CreateLoadBalancer");
    let receipt = crate::erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    let untagged: Vec<&str> = receipt
        .untagged
        .iter()
        .map(|item| item.kind.as_str())
        .collect();
    assert_eq!(untagged, ["ec2/subnet", "ec2/subnet"], "{receipt:#?}");
    scene.assert_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_others_in_the_network_is_named_and_kept() {
    let scene = Scene::new(Some(Shape::Installed)).await;
    let clients = &scene.clients;
    let subnets = clients
        .ec2
        .describe_subnets()
        .filters(crate::cluster::tag_filter(clients))
        .send()
        .await
        .expect("DescribeSubnets");
    let subnet = subnets.subnets.unwrap().remove(0).subnet_id.unwrap();
    let made = clients
        .ec2
        .run_instances()
        .image_id(crate::cluster::image(clients).await)
        .min_count(1)
        .max_count(1)
        .subnet_id(subnet)
        .send()
        .await
        .expect("RunInstances");
    let machine = made.instances.unwrap().remove(0).instance_id.unwrap();

    let receipt = crate::erase(&scene, scene.target().await).await.unwrap();
    assert!(!receipt.complete);
    let foreign = receipt
        .left
        .iter()
        .find(|left| left.id.as_str().ends_with(&machine));
    assert!(
        foreign.is_some_and(|left| !left.ours),
        "{:#?}",
        receipt.left
    );
    let ours: Vec<&str> = receipt
        .left
        .iter()
        .filter(|left| left.ours)
        .map(|left| left.kind.as_str())
        .collect();
    assert!(
        ours.contains(&"ec2/vpc") && ours.contains(&"ec2/subnet"),
        "{:#?}",
        receipt.left
    );
    assert!(!ours.contains(&"ec2/instance"), "{:#?}", receipt.left);
    let named = receipt
        .left
        .iter()
        .filter(|left| left.ours && left.why.contains(&machine))
        .count();
    assert!(
        named > 0,
        "somebody has to be told which machine: {:#?}",
        receipt.left
    );

    clients
        .ec2
        .terminate_instances()
        .instance_ids(machine)
        .send()
        .await
        .expect("Terminate");
    let receipt = crate::erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_bucket_that_was_not_tagged_yet_goes_by_its_name() {
    let scene = Scene::new(None).await;
    let bucket = format!("openshift-bootstrap-data-{}", scene.infra());
    scene
        .clients
        .s3
        .create_bucket()
        .bucket(bucket)
        .send()
        .await
        .expect("CreateBucket");
    let receipt = crate::erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    scene.assert_as_before().await;
}

/// What the installer's own list of permissions lacks is never needed.
#[tokio::test(flavor = "multi_thread")]
async fn the_permissions_that_an_installer_has_are_enough() {
    let scene = Scene::new(Some(Shape::Aged)).await;
    for (service, action) in [
        ("iam", "ListInstanceProfiles"),
        ("iam", "ListAttachedUserPolicies"),
        ("s3", "ListBuckets"),
    ] {
        scene.order(Fault::error("AccessDenied", 403).on(service, action));
    }
    let receipt = crate::erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    scene.assert_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_assumed_with_the_providers_keys() {
    let new = NewAccount {
        roles: vec!["skep-test".into()],
        ..NewAccount::default()
    };
    let account = crate::cloud().create_account(&new).unwrap();
    let role = account.roles[0].as_str();
    let source = CredentialSource {
        assume_role: Some(AssumeRole {
            role_arn: role.into(),
            external_id: Some("word".into()),
        }),
        provider_secret: Some(secret(&account.access_key, &account.secret_key)),
        ..CredentialSource::default()
    };
    let target = crate::target_of("demo-x7k2p", None, source, Arc::new(NoObserver))
        .await
        .unwrap();
    let found = target.identity().await.unwrap();
    assert_eq!(found, AccountId::new("aws", &account.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_zone_of_another_account_only_the_clusters_own_records_go() {
    let new = NewAccount {
        roles: vec!["dns".into()],
        ..NewAccount::default()
    };
    let owner = crate::cloud().create_account(&new).unwrap();
    let of_owner = Clients::new(crate::cloud(), &owner, "none");
    let vpc = of_owner
        .ec2
        .create_vpc()
        .cidr_block("10.1.0.0/16")
        .send()
        .await
        .expect("CreateVpc");
    let made = of_owner
        .route53
        .create_hosted_zone()
        .name(BASE)
        .caller_reference("shared")
        .hosted_zone_config(HostedZoneConfig::builder().private_zone(true).build())
        .vpc(
            ZoneVpc::builder()
                .vpc_region(VpcRegion::UsEast1)
                .vpc_id(vpc.vpc.unwrap().vpc_id.unwrap())
                .build(),
        )
        .send()
        .await
        .expect("CreateHostedZone");
    let zone = made
        .hosted_zone
        .unwrap()
        .id
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    // No boundary of labels lies between these and the cluster's domain.
    let of_others = ["api.mydemo", "demo", "api.demo-b", "*.apps.demo2"];
    let all = of_others
        .iter()
        .chain(&["api.demo", "api-int.demo", "*.apps.demo"]);
    let sets = all.map(|name| address(&format!("{name}.{BASE}"))).collect();
    put_records(&of_owner, &zone, sets).await;

    let mut scene = Scene::new(None).await;
    scene.role = Some(owner.roles[0].clone());
    let key = format!("kubernetes.io/cluster/{}", scene.infra());
    of_owner
        .route53
        .change_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(&zone)
        .add_tags(ZoneTag::builder().key(&key).value("shared").build())
        .add_tags(ZoneTag::builder().key("team").value("network").build())
        .send()
        .await
        .expect("ChangeTagsForResource");
    let public = public_zone(&scene.clients).await;
    put_records(
        &scene.clients,
        &public,
        vec![address(&format!("api-int.demo.{BASE}"))],
    )
    .await;

    let receipt = crate::erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    assert_eq!(receipt.deleted.len(), 4, "{:#?}", receipt.deleted);
    assert_eq!(receipt.untagged.len(), 1, "{:#?}", receipt.untagged);
    scene.assert_as_before().await;
    let left = of_owner
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(&zone)
        .send()
        .await
        .expect("ListResourceRecordSets");
    let mut names: Vec<String> = left
        .resource_record_sets
        .into_iter()
        .filter(|set| set.r#type == RrType::A)
        .map(|set| set.name.replace("\\052", "*"))
        .collect();
    names.sort();
    let mut expected = of_others.map(|name| format!("{name}.{BASE}.")).to_vec();
    expected.sort();
    assert_eq!(names, expected);
    let tags = of_owner
        .route53
        .list_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(&zone)
        .send()
        .await
        .expect("ListTagsForResource");
    let tags = tags.resource_tag_set.unwrap().tags.unwrap();
    assert_eq!(
        tags.len(),
        1,
        "only the cluster's mark is taken off: {tags:?}"
    );
}

/// Somebody else's hand between the plan and its first call.
struct Meanwhile {
    route53: aws_sdk_route53::Client,
    zone: String,
    set: ResourceRecordSet,
}

impl Meanwhile {
    async fn change(&self, action: ChangeAction) {
        let change = Change::builder()
            .action(action)
            .resource_record_set(self.set.clone())
            .build()
            .unwrap();
        let batch = ChangeBatch::builder().changes(change).build().unwrap();
        self.route53
            .change_resource_record_sets()
            .hosted_zone_id(&self.zone)
            .change_batch(batch)
            .send()
            .await
            .expect("ChangeResourceRecordSets");
    }

    async fn is_there(&self) -> bool {
        let listed = self
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(&self.zone)
            .send()
            .await
            .expect("ListResourceRecordSets");
        let values = self.set.resource_records();
        listed
            .resource_record_sets
            .iter()
            .any(|found| found.name == self.set.name && found.resource_records() == values)
    }
}

#[async_trait]
impl Journal for Meanwhile {
    async fn record_plan(&self, plan: &Plan) -> Result<(), JournalError> {
        if plan.reason == "initial" {
            self.change(ChangeAction::Upsert).await;
        }
        Ok(())
    }

    async fn checkpoint(&self, _: &Receipt) -> Result<(), JournalError> {
        Ok(())
    }
}

/// The name belongs to somebody else by now: to another cluster of that name, or to a page that says that
/// this one is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_pointed_elsewhere_meanwhile_is_kept_and_told() {
    let scene = Scene::new(Some(Shape::Installed)).await;
    let meanwhile = Arc::new(Meanwhile {
        route53: scene.clients.route53.clone(),
        zone: public_zone(&scene.clients).await,
        set: address(&format!("api.demo.{BASE}")),
    });
    let (mut context, _) = EraseContext::new(Arc::new(crate::Wall));
    context.journal = Arc::<Meanwhile>::clone(&meanwhile);
    let first = erase::run(crate::request(&scene), scene.target().await, context)
        .await
        .unwrap();
    assert!(meanwhile.is_there().await, "{first:#?}");
    assert!(!first.complete);
    let kept = format!("api.demo.{BASE}");
    let is_told = |left: &erase::Left| left.name == kept && !left.ours;
    assert!(first.left.iter().any(is_told), "{:#?}", first.left);

    let receipt = crate::erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    assert!(meanwhile.is_there().await, "{receipt:#?}");
    meanwhile.change(ChangeAction::Delete).await;
    scene.assert_as_before().await;
}

/// Keys are withdrawn while a process runs; what was said before counts no more.
#[tokio::test(flavor = "multi_thread")]
async fn the_cloud_is_asked_whose_the_keys_are_each_time() {
    let new = NewAccount {
        roles: vec!["skep-test".into()],
        ..NewAccount::default()
    };
    let account = crate::cloud().create_account(&new).unwrap();
    let keys = secret(&account.access_key, &account.secret_key);
    let role = CredentialSource {
        assume_role: Some(AssumeRole {
            role_arn: account.roles[0].clone(),
            external_id: None,
        }),
        provider_secret: Some(keys.clone()),
        ..CredentialSource::default()
    };
    for (source, refused) in [
        (CredentialSource::from_secret(keys), "GetCallerIdentity"),
        (role, "AssumeRole"),
    ] {
        let observer = Arc::new(NoObserver);
        let target = crate::target_of("demo-x7k2p", None, source, observer)
            .await
            .unwrap();
        let found = target.identity().await.unwrap();
        assert_eq!(found, AccountId::new("aws", &account.id));
        let fault = Fault::error("InvalidClientTokenId", 403).on("sts", refused);
        crate::cloud().order_fault(&fault.of(&account)).unwrap();
        let error = target.identity().await.unwrap_err();
        assert_eq!(error.class, Class::Unauthenticated, "{error:?}");
        crate::cloud().clear_faults(Some(&account)).unwrap();
        assert!(target.identity().await.is_ok());
    }
}

fn address(name: &str) -> ResourceRecordSet {
    ResourceRecordSet::builder()
        .name(format!("{name}."))
        .r#type(RrType::A)
        .ttl(60)
        .resource_records(
            ResourceRecord::builder()
                .value("192.0.2.1")
                .build()
                .unwrap(),
        )
        .build()
        .unwrap()
}
