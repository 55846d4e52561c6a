//! The AWS implementation of `skep-providers` against an emulated account, judged by a witness that
//! shares no code with it: after an erasure only what was there before may be left, unchanged.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is not as expected"
)]

mod cluster;
mod machines;
mod shared;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cluster::{BASE, CLUSTER_ID, Clients, DOMAIN, REGION, Shape};
use jiff::Timestamp;
use serde_json::json;
use skep_aws::Aws;
use skep_kit::{
    cloud::{Account, CallFilter, Cloud, CloudOptions, Counts, Fault},
    oracle::{Confusable, Oracle, Snapshot},
    progress::Progress,
};
use skep_providers::{
    AccountId, Class, Clock, Cloud as _, ConnectRequest, CredentialSource, Endpoint, Endpoints,
    SecretData,
    call::{Call, CallObserver, Effect, NoObserver, RetryPolicy},
    erase::{
        self, ClusterFacts, EraseContext, EraseError, EraseOptions, EraseRequest, EraseTarget,
        Hints, Receipt,
    },
};
use tokio::sync::Notify;

/// Transitional states take a fiftieth of AWS's time: visible, and soon over.
const SCALE: f64 = 0.02;

fn cloud() -> &'static Cloud {
    static CLOUD: OnceLock<Cloud> = OnceLock::new();
    CLOUD.get_or_init(|| {
        let options = CloudOptions {
            scale: Some(SCALE),
            ..CloudOptions::default()
        };
        Cloud::start(&options, &Progress::new()).expect("start the emulated cloud")
    })
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn endpoints() -> Endpoints {
    let services = [
        "ec2",
        "s3",
        "route53",
        "iam",
        "sts",
        "elasticloadbalancing",
        "tagging",
        "efs",
    ];
    let url = cloud().endpoint();
    Endpoints(
        services
            .map(|service| Endpoint {
                service: service.into(),
                url: url.into(),
            })
            .to_vec(),
    )
}

fn facts(infra: &str, hosted_zone_role: Option<&str>) -> ClusterFacts {
    let cluster = format!("kubernetes.io/cluster/{infra}");
    let capi = format!("sigs.k8s.io/cluster-api-provider-aws/cluster/{infra}");
    let metadata = json!({
        "clusterName": "demo", "clusterID": CLUSTER_ID, "infraID": infra,
        "aws": {
            "region": REGION,
            "serviceEndpoints": endpoints(),
            "identifier": [{cluster: "owned"}, {"openshiftClusterID": CLUSTER_ID}, {capi: "owned"}],
            "clusterDomain": DOMAIN,
            "hostedZoneRole": hosted_zone_role.unwrap_or_default(),
        },
    });
    let hints = Hints {
        base_domain: Some(BASE.into()),
        infra_id: Some(infra.into()),
    };
    ClusterFacts::from_metadata(metadata.to_string().as_bytes(), &hints).unwrap()
}

fn secret(id: &str, key: &str) -> SecretData {
    [
        ("aws_access_key_id", id.as_bytes().to_vec()),
        ("aws_secret_access_key", key.into()),
    ]
    .into_iter()
    .collect()
}

/// Bucket names are unique in all of AWS, so each scene has an infra ID of its own.
fn new_infra_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed) + 10_000;
    format!("demo-{number}").replace('0', "x")
}

/// An account with other people's things, a cluster in it, and the witness.
struct Scene {
    account: Account,
    clients: Clients,
    before: Snapshot,
    /// Of the account that holds the shared zone.
    role: Option<String>,
}

impl Scene {
    async fn new(shape: Option<Shape>) -> Self {
        let account = cloud().account().unwrap();
        let infra = new_infra_id();
        let planted = infra.clone();
        let seeded = account.clone();
        let before = tokio::task::spawn_blocking(move || {
            let oracle = Oracle::new(cloud(), &seeded, &[REGION]);
            let confusable = Confusable {
                cluster: "demo",
                base_domain: BASE,
                infra_id: Some(&planted),
            };
            oracle.seed(&confusable).unwrap();
            oracle.snapshot().unwrap()
        })
        .await
        .unwrap();
        let scene = Self {
            clients: Clients::new(cloud(), &account, &infra),
            role: None,
            account,
            before,
        };
        if let Some(shape) = shape {
            cluster::create(&scene.clients, shape).await;
        }
        scene
    }

    fn id(&self) -> AccountId {
        AccountId::new("aws", &self.account.id)
    }

    fn source(&self) -> CredentialSource {
        CredentialSource::from_secret(secret(&self.account.access_key, &self.account.secret_key))
    }

    fn infra(&self) -> &str {
        &self.clients.infra
    }

    async fn target(&self) -> Arc<dyn EraseTarget> {
        target_of(
            self.infra(),
            self.role.as_deref(),
            self.source(),
            Arc::new(NoObserver),
        )
        .await
        .unwrap()
    }

    async fn snapshot(&self) -> Snapshot {
        let account = self.account.clone();
        tokio::task::spawn_blocking(move || {
            Oracle::new(cloud(), &account, &[REGION])
                .snapshot()
                .unwrap()
        })
        .await
        .unwrap()
    }

    /// Only what was there before is left, unchanged.
    async fn assert_as_before(&self) {
        let (account, before) = (self.account.clone(), self.before.clone());
        let (same, report) = tokio::task::spawn_blocking(move || {
            let oracle = Oracle::new(cloud(), &account, &[REGION]);
            let after = oracle.snapshot().unwrap();
            oracle.report(&before, &after).unwrap()
        })
        .await
        .unwrap();
        assert!(same, "the account is not as it was:\n{report}");
    }

    fn counts(&self) -> Counts {
        cloud().counts(&self.account).unwrap()
    }

    fn order(&self, fault: Fault) {
        cloud().order_fault(&fault.of(&self.account)).unwrap();
    }
}

async fn target_of(
    infra: &str,
    role: Option<&str>,
    source: CredentialSource,
    observer: Arc<dyn CallObserver>,
) -> Result<Arc<dyn EraseTarget>, skep_providers::Error> {
    let account = connect(&aws(observer), source).await?;
    account.eraser(&facts(infra, role))
}

fn aws(observer: Arc<dyn CallObserver>) -> Aws {
    let policy = RetryPolicy {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(200),
        ..RetryPolicy::default()
    };
    Aws::with_policy(observer, Arc::new(Wall), policy)
}

async fn connect(
    aws: &Aws,
    source: CredentialSource,
) -> Result<Arc<dyn skep_providers::Account>, skep_providers::Error> {
    let request = ConnectRequest {
        source,
        region: REGION.into(),
        endpoints: endpoints(),
    };
    aws.connect(request).await
}

fn request(scene: &Scene) -> EraseRequest {
    let mut request = EraseRequest::new(
        Arc::new(facts(scene.infra(), scene.role.as_deref())),
        Some(scene.id()),
    );
    request.options = EraseOptions {
        quiet_period: Duration::from_millis(100),
        patience: Duration::from_secs(20),
        poll: (Duration::from_millis(200), Duration::from_secs(1)),
        ..EraseOptions::default()
    };
    request
}

async fn erase(scene: &Scene, target: Arc<dyn EraseTarget>) -> Result<Receipt, EraseError> {
    let (context, _) = EraseContext::new(Arc::new(Wall));
    erase::run(request(scene), target, context).await
}

fn assert_complete(receipt: &Receipt) {
    assert!(
        receipt.complete,
        "left: {:#?}\ngaps: {:#?}",
        receipt
            .left
            .iter()
            .filter(|left| left.ours)
            .collect::<Vec<_>>(),
        receipt.gaps
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_cluster_goes_and_nothing_else() {
    let scene = Scene::new(Some(Shape::Installed)).await;
    let full = scene.snapshot().await;
    cloud().clear_calls(&scene.account).unwrap();
    let began = cloud().now().unwrap();
    let receipt = erase(&scene, scene.target().await).await.unwrap();
    let counts = scene.counts();
    let calls = cloud()
        .calls(&scene.account, &CallFilter::changing())
        .unwrap();
    let waits = cloud().waits(&scene.account, began).unwrap();
    let took = cloud().now().unwrap() - began;
    assert_complete(&receipt);
    scene.assert_as_before().await;
    let after = scene.snapshot().await;
    let deleted = Oracle::new(cloud(), &scene.account, &[REGION])
        .deleted(&full, &after)
        .unwrap();
    let shown = format!(
        "{} changing and {} reading calls for {} resources, {} parts, {} with their owner, \
         in {took:.2} s, of which {:.2} s were imposed on the critical path: {:#?}",
        counts.changing,
        counts.reading,
        deleted.resources,
        deleted.parts,
        deleted.with_owner,
        waits.waves,
        counts.by_action,
    );
    println_for_people(&shown);
    assert_eq!(receipt.calls.changes, counts.changing, "{shown}");
    assert!(counts.changing * 2 <= deleted.resources * 3, "{shown}");
    let in_vain: Vec<_> = calls
        .calls
        .iter()
        .filter(|call| call.error.is_some())
        .collect();
    assert!(
        in_vain.is_empty(),
        "nothing is changed in vain: {in_vain:#?}"
    );
    assert!(counts.reading <= 80, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aged_cluster_goes_too() {
    let scene = Scene::new(Some(Shape::Aged)).await;
    let receipt = erase(&scene, scene.target().await).await.unwrap();
    println_for_people(&format!("{:?}", receipt.calls));
    assert_complete(&receipt);
    scene.assert_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovery_is_cheap_and_changes_nothing() {
    let scene = Scene::new(Some(Shape::Installed)).await;
    let target = scene.target().await;
    cloud().clear_calls(&scene.account).unwrap();
    let plan = erase::plan(&request(&scene), target.as_ref())
        .await
        .unwrap();
    let counts = scene.counts();
    assert_eq!(counts.changing, 0, "{:?}", counts.by_action);
    assert!(
        counts.reading <= 30,
        "{} reading calls: {:#?}",
        counts.reading,
        counts.by_action
    );
    assert!(plan.gaps.is_empty(), "{:?}", plan.gaps);
    assert!(plan.control_plane);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for step in &plan.steps {
        *kinds.entry(step.kind.as_str()).or_default() += 1;
    }
    for (kind, least) in [
        ("ec2/instance", 6),
        ("ec2/subnet", 6),
        ("ec2/natgateway", 3),
        ("ec2/elastic-ip", 3),
        ("ec2/security-group", 4),
        ("elbv2/loadbalancer", 2),
        ("elbv2/targetgroup", 3),
        ("iam/role", 2),
        ("iam/instance-profile", 2),
        ("route53/hostedzone", 1),
        ("route53/record", 3),
        ("s3/bucket", 1),
        ("ec2/vpc", 1),
    ] {
        assert!(
            kinds.get(kind).copied().unwrap_or_default() >= least,
            "{kind}: {kinds:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_costs_nothing_but_looks() {
    let scene = Scene::new(None).await;
    cloud().clear_calls(&scene.account).unwrap();
    let receipt = erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    assert!(
        receipt.deleted.is_empty() && receipt.untagged.is_empty(),
        "{receipt:#?}"
    );
    assert_eq!(scene.counts().changing, 0);
    scene.assert_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_is_refused_before_anything_is_touched() {
    let scene = Scene::new(Some(Shape::Installed)).await;
    cloud().clear_calls(&scene.account).unwrap();
    let mut request = request(&scene);
    request.account = Some(AccountId::new("aws", "000000000000"));
    let (context, _) = EraseContext::new(Arc::new(Wall));
    let error = erase::run(request, scene.target().await, context)
        .await
        .unwrap_err();
    assert!(
        matches!(error, EraseError::WrongAccount { .. }),
        "{error:?}"
    );
    let counts = scene.counts();
    assert_eq!(counts.changing, 0);
    assert_eq!(
        counts.reading, 1,
        "only the identity is asked for: {:?}",
        counts.by_action
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_told_apart_and_not_shown() {
    let scene = Scene::new(None).await;
    let wrong = "skep-canary-7f3a-wrong";
    for source in [
        CredentialSource::from_secret(secret(&scene.account.access_key, wrong)),
        CredentialSource::from_secret(secret("AKIAAAAAAAAAAAAAAAAA", wrong)),
    ] {
        let target = target_of(
            scene.infra(),
            scene.role.as_deref(),
            source,
            Arc::new(NoObserver),
        )
        .await
        .unwrap();
        let error = erase(&scene, target).await.unwrap_err();
        let EraseError::Identify(error) = error else {
            unreachable!("{error:?}")
        };
        assert_eq!(error.class, Class::Unauthenticated, "{error:?}");
        assert!(
            !format!("{error:?} {error}").contains("canary"),
            "{error:?}"
        );
    }
    let empty = target_of(
        scene.infra(),
        scene.role.as_deref(),
        CredentialSource::default(),
        Arc::new(NoObserver),
    )
    .await;
    assert_eq!(empty.err().unwrap().class, Class::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_lost_answers_only_cost_time() {
    let scene = Scene::new(Some(Shape::Installed)).await;
    scene.order(
        Fault::error("RequestLimitExceeded", 503)
            .on("ec2", "*")
            .rate(0.2, 7)
            .times(30),
    );
    scene.order(
        Fault::error("Throttling", 400)
            .on("iam", "*")
            .rate(0.2, 8)
            .times(10),
    );
    scene.order(
        Fault::dropped()
            .on("ec2", "Delete*")
            .after_the_work()
            .rate(0.3, 9)
            .times(5),
    );
    scene.order(
        Fault::error("PriorRequestNotComplete", 400)
            .on("route53", "Change*")
            .times(1),
    );
    let receipt = erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    assert!(receipt.calls.repeated > 0, "{:?}", receipt.calls);
    scene.assert_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_left_and_told_and_goes_later() {
    let scene = Scene::new(Some(Shape::Installed)).await;
    scene.order(Fault::error("AccessDenied", 403).on("iam", "DeleteRole"));
    let receipt = erase(&scene, scene.target().await).await.unwrap();
    assert!(!receipt.complete);
    let left: Vec<&str> = receipt
        .left
        .iter()
        .filter(|left| left.ours)
        .map(|left| left.kind.as_str())
        .collect();
    assert_eq!(left, ["iam/role", "iam/role"], "{:#?}", receipt.left);
    assert!(
        receipt.left[0].why.contains("AccessDenied"),
        "{:#?}",
        receipt.left
    );
    cloud().clear_faults(Some(&scene.account)).unwrap();
    let receipt = erase(&scene, scene.target().await).await.unwrap();
    assert_complete(&receipt);
    scene.assert_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_listing_that_fails_nothing_is_called_empty() {
    let scene = Scene::new(None).await;
    scene.order(Fault::error("AccessDenied", 403).on("iam", "ListUsers"));
    let receipt = erase(&scene, scene.target().await).await.unwrap();
    assert!(!receipt.complete);
    assert!(
        receipt.gaps.iter().any(|gap| gap.contains("ListUsers")),
        "{:?}",
        receipt.gaps
    );
}

/// The process dies at the n-th changing call, whatever it is, and a new one finds its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_is_recovered_from() {
    for at in [1, 8, 20, 40] {
        let scene = Scene::new(Some(Shape::Installed)).await;
        let crash = Arc::new(CrashAt {
            at,
            changes: AtomicU64::new(0),
            now: Notify::new(),
        });
        let target = target_of(
            scene.infra(),
            scene.role.as_deref(),
            scene.source(),
            Arc::<CrashAt>::clone(&crash),
        )
        .await
        .unwrap();
        tokio::select! {
            // Dropped in the middle of whatever it was doing.
            () = crash.now.notified() => {}
            ended = erase(&scene, target) => { ended.unwrap(); }
        }
        let receipt = erase(&scene, scene.target().await).await.unwrap();
        assert_complete(&receipt);
        scene.assert_as_before().await;
    }
}

/// Tells when so many changing calls were answered.
struct CrashAt {
    at: u64,
    changes: AtomicU64,
    now: Notify,
}

impl CallObserver for CrashAt {
    fn attempt(&self, _: &str, call: Call, _: Duration, _: Option<&Class>) {
        if call.effect != Effect::Read
            && self.changes.fetch_add(1, Ordering::Relaxed) + 1 == self.at
        {
            self.now.notify_one();
        }
    }
}

/// Shown by `--nocapture`, for whoever tunes the number of calls.
#[expect(clippy::print_stdout, reason = "the figures of a test run")]
fn println_for_people(text: &str) {
    println!("{text}");
}
