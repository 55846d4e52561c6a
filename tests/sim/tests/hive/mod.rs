//! A hub with the real operator in it, an account in a fake cloud, and the story of one cluster.

pub(crate) mod spoke;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use self::spoke::Spoke;
use anyhow::Context as _;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use serde_json::{Value, json};
use skep::{
    controllers::{self, context::Shared},
    install::classify::Patterns,
    remote::Remotes,
    runtime::{
        Clock, Config, ConfigStore, Context, ControllerName, DriverOptions, Process,
        client::Clients, lease::Candidate,
    },
};
use skep_crds::platform::PlatformKind;
use skep_kit::scenario::ClusterScenario;
use skep_providers::{
    AccountId, Cloud,
    fake::{self, FakeClock, FakeCloud, FakeMachine, FakeResource},
    power::{Machine, PowerState},
};
use skep_sim::{
    actors::install::{self, Attempt, Script, Stage},
    apiserver::{ApiServer, schema::Definition},
    cloud,
    crash::Scenario,
    world::{Life, Operator, World},
};
use tokio_util::sync::CancellationToken;

const KEY: &str = "AKIAFAKE";
/// The API group of Hive's kinds.
pub(crate) const GROUP: &str = "hive.openshift.io";

/// The account that a story's clusters live in.
#[derive(Clone)]
pub(crate) struct Account {
    cloud: FakeCloud,
    id: AccountId,
    /// The clusters in it, from within: all stories have one.
    pub(crate) spoke: Spoke,
}

impl Account {
    /// An account in which somebody else's things already are, with names that confuse.
    fn new(start: Timestamp) -> Self {
        let cloud = FakeCloud::with_clock("aws", Arc::new(FakeClock::starting_at(start)));
        let id = AccountId::new("aws", "123456789012");
        cloud.accept(KEY, id.clone());
        for (name, kind, tag) in FOREIGN {
            cloud.create(&id, FakeResource::new(name, kind).tag(tag, "owned"));
        }
        Self {
            cloud,
            id,
            spoke: Spoke::new(start),
        }
    }

    /// The machines in it, as they are now.
    pub(crate) fn machines(&self) -> Vec<Machine> {
        let all = self.cloud.machines(&self.id);
        all.into_values().map(|machine| machine.machine).collect()
    }

    /// Somebody else switches a machine.
    pub(crate) fn set_power(&self, name: &str, power: PowerState) {
        let machines = self.machines();
        let found = machines.iter().find(|machine| machine.name == name);
        self.cloud.set_power(&self.id, &found.unwrap().id, power);
    }

    /// How often the cloud was asked for machines.
    pub(crate) fn listings(&self) -> usize {
        let log = self.cloud.log(&self.id);
        let lists = log
            .iter()
            .filter(|call| call.operation.starts_with("list:machines"));
        lists.count()
    }

    /// What was there before, as [`Story::outside`] shows it.
    pub(crate) fn before() -> Value {
        FOREIGN.iter().map(|(name, _, _)| *name).collect()
    }

    /// Calls that changed something.
    pub(crate) fn changing_calls(&self) -> usize {
        self.cloud
            .log(&self.id)
            .iter()
            .filter(|call| call.is_change())
            .count()
    }

    fn content(&self) -> Value {
        self.cloud
            .resources(&self.id)
            .keys()
            .map(ToString::to_string)
            .collect()
    }
}

/// Somebody else's resources: id, kind, tag.
const FOREIGN: [(&str, &str, &str); 3] = [
    ("demo-bucket", "bucket", "kubernetes.io/cluster/demo"),
    (
        "demo-network",
        "network",
        "kubernetes.io/cluster/demo-other",
    ),
    ("z-network", "network", "owner"),
];

impl install::Account for Account {
    fn create(&self, infra_id: &str, stage: Stage) -> BoxFuture<'static, ()> {
        let mut resources = fake::cluster(infra_id, 2);
        let rest = resources.split_off(resources.len() / 2);
        match stage {
            Stage::Assets => {}
            Stage::Bootstrap => self.cloud.create_all(&self.id, resources),
            Stage::Complete => {
                self.cloud.create_all(&self.id, rest);
                for name in ["master-0", "master-1", "master-2", "worker-0", "worker-1"] {
                    let mut machine = FakeMachine::new(&format!("{infra_id}-{name}"), infra_id);
                    name.clone_into(&mut machine.machine.name);
                    machine.machine.control_plane = name.starts_with("master");
                    self.cloud.add_machine(&self.id, machine);
                }
            }
        }
        async {}.boxed()
    }
}

/// The story of a cluster: created, installed, deleted.
pub(crate) struct Story {
    pub(crate) cluster: ClusterScenario,
    pub(crate) attempts: Vec<Attempt>,
    /// The controller that carries out plans from its stores without reading again.
    pub(crate) unconfirmed: Option<ControllerName>,
    account: Mutex<Option<Account>>,
}

impl Story {
    pub(crate) fn of(attempts: Vec<Attempt>) -> Self {
        Self {
            cluster: ClusterScenario {
                namespace: "fleet".into(),
                name: "demo".into(),
                base_domain: "example.com".into(),
                region: "us-east-1".into(),
                endpoint: "http://10.89.0.1:5000".into(),
                access_key: KEY.into(),
                secret_key: skep_kit::scenario::CANARY.into(),
                installer_env: Vec::new(),
                attempts_limit: None,
                image_set: "openshift-v4.19.2".into(),
            },
            attempts,
            unconfirmed: None,
            account: Mutex::default(),
        }
    }

    /// The account of the run that goes on.
    pub(crate) fn account(&self) -> Account {
        self.account.lock().unwrap().clone().unwrap()
    }

    /// Hub, inputs, actors, operator, and the ClusterDeployment.
    pub(crate) async fn set_the_stage(&self, world: &World, operator: Operator) {
        self.set_the_stage_without(world, operator, &[]).await;
    }

    /// The same without some Secrets.
    pub(crate) async fn set_the_stage_without(
        &self,
        world: &World,
        operator: Operator,
        missing: &[&str],
    ) {
        definitions()
            .iter()
            .for_each(|definition| world.server.install_definition(definition));
        let account = self.account();
        let mut script = Script::new(Arc::new(account.clone()), self.attempts.clone());
        script.identity = Some(account.id.to_string());
        script.metadata = json!({"aws": {"region": self.cluster.region}});
        world.start_actors(Arc::new(script));
        world.start_operator(operator);
        world
            .server
            .seed_object("", "namespaces", &self.cluster.namespace_manifest());
        world.server.seed_object(
            GROUP,
            "clusterimagesets",
            &self.cluster.image_set_manifest(),
        );
        for secret in self.cluster.secrets() {
            if !missing
                .iter()
                .any(|name| secret["metadata"]["name"] == *name)
            {
                world.server.seed_object("", "secrets", &secret);
            }
        }
        // The operator is up before anybody wants something of it.
        world.quiet(Duration::from_secs(60)).await;
        create(
            world,
            "clusterdeployments",
            &self.cluster.cluster_deployment(),
        )
        .await;
    }

    pub(crate) async fn until_installed(&self, world: &World) {
        world
            .until("installed", Duration::from_hours(6), |server| {
                is_installed(server, &self.cluster.name)
            })
            .await;
        world.quiet(Duration::from_secs(60)).await;
    }

    pub(crate) async fn until_gone(&self, world: &World) {
        let (namespace, name) = (&self.cluster.namespace, &self.cluster.name);
        world
            .until("gone", Duration::from_hours(6), |server| {
                server
                    .stored(GROUP, "clusterdeployments", namespace, name)
                    .is_none()
                    .then_some(())
            })
            .await;
        world.quiet(Duration::from_secs(60)).await;
    }
}

impl Scenario for Story {
    fn operator(&self, world: &World) -> Operator {
        let account = Account::new(world.now());
        *self.account.lock().unwrap() = Some(account.clone());
        let unconfirmed = self.unconfirmed;
        Arc::new(move |life| operate(life, account.clone(), unconfirmed).boxed())
    }

    fn play<'a>(&'a self, world: &'a World, operator: Operator) -> BoxFuture<'a, ()> {
        async move {
            self.set_the_stage(world, operator).await;
            self.until_installed(world).await;
            delete(world, "clusterdeployments", &self.cluster.name).await;
            self.until_gone(world).await;
        }
        .boxed()
    }

    fn outside(&self, _: &World) -> Value {
        self.account().content()
    }

    fn normalise(&self, plural: &str, object: &mut Value) {
        if plural != "configmaps" || object["metadata"]["labels"]["skep.dev/receipt"] != "true" {
            return;
        }
        // What a receipt proves is the same however often it was interrupted; when and by how many
        // calls is not.
        let text = object["data"]["receipt.json"].as_str().unwrap_or_default();
        let receipt: Value = serde_json::from_str(text).unwrap();
        let ids = |list: &str| -> BTreeSet<String> {
            let items = receipt[list].as_array().into_iter().flatten();
            items
                .map(|item| item["id"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        object["data"] = json!({
            "infraId": receipt["infraId"],
            "account": receipt["account"],
            "deleted": ids("deleted"),
            "untagged": ids("untagged"),
            "left": ids("left"),
            "complete": receipt["complete"],
        });
    }

    fn bounded(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            (GROUP, "clusterprovisions"),
            (GROUP, "clusterdeprovisions"),
            ("batch", "jobs"),
        ]
    }
}

fn definitions() -> &'static [Definition] {
    static PARSED: OnceLock<Vec<Definition>> = OnceLock::new();
    PARSED.get_or_init(|| {
        Definition::parse_folder(concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/yaml"))
    })
}

/// The patterns over the installer's log; compiling them takes longer than a simulated day.
fn patterns() -> Arc<Patterns> {
    static COMPILED: OnceLock<Arc<Patterns>> = OnceLock::new();
    Arc::clone(COMPILED.get_or_init(|| Arc::new(Patterns::shipped())))
}

/// One life of the operator, wired as `skep controllers` wires it.
async fn operate(
    life: Life,
    account: Account,
    unconfirmed: Option<ControllerName>,
) -> anyhow::Result<()> {
    let variables = [
        ("HIVE_NS", "hive"),
        ("POD_NAME", "skep-controllers-0"),
        ("POD_NAMESPACE", "hive"),
        ("HIVE_IMAGE", "localhost/skep:dev"),
    ];
    let variables = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let config = Config::from_variables(&variables).context("settings")?;
    let clock = Clock::starting_at(life.now());
    let clients = Clients::same(life.client.clone());
    let identity = format!("skep-{}", life.process.life);
    let candidate = Candidate {
        namespace: config.hive_namespace.clone(),
        lease: "hive-controllers-leader".to_owned(),
        identity: identity.clone(),
    };
    let dial = account.spoke.dial(&account);
    let aws: Arc<dyn Cloud> = cloud::seen_by(&life, Arc::new(account.cloud));
    let context = Context::new(clients.requests.clone(), clock, &identity);
    let clouds = BTreeMap::from([(PlatformKind::Aws, aws)]);
    let config = ConfigStore::new(config);
    let shared = Shared::new(context.clone(), config.clone(), clouds);
    let secrets = shared.stores.secrets.clone();
    let shared = Shared {
        remotes: Remotes::new(&context, secrets, config, dial),
        ..shared
    };
    let mut process = Process::new(context, clients.watches.clone());
    controllers::add_with(&mut process, &shared, patterns(), &|name| {
        if unconfirmed == Some(name) {
            DriverOptions::default().without_confirming()
        } else {
            DriverOptions::default()
        }
    });
    process
        .run(Some((candidate, clients.lease)), CancellationToken::new())
        .await?;
    Ok(())
}

/// What `skep why` tells a person about the story's cluster.
pub(crate) async fn why(world: &World, story: &Story) -> String {
    let clock = Clock::starting_at(world.now());
    let context = Context::new(world.client("person"), clock, "skep-why");
    let aws: Arc<dyn Cloud> = Arc::new(story.account().cloud);
    let clouds = BTreeMap::from([(PlatformKind::Aws, aws)]);
    let shared = Shared::new(context, ConfigStore::new(Config::default()), clouds);
    let (namespace, name) = (&story.cluster.namespace, &story.cluster.name);
    let node = skep::cli::why::cluster(&shared, namespace, name).await;
    skep::cli::why::text(&node.unwrap().unwrap(), world.now())
}

/// Whether the cluster is installed.
pub(crate) fn is_installed(server: &ApiServer, name: &str) -> Option<()> {
    let cluster = server.stored(GROUP, "clusterdeployments", "fleet", name)?;
    (cluster["spec"]["installed"] == true).then_some(())
}

/// How many attempts there ever were, of all clusters.
pub(crate) fn attempts(world: &World) -> u64 {
    let births = world.server.births();
    let attempts = births
        .iter()
        .filter(|((resource, _), _)| resource.1 == "clusterprovisions");
    attempts.map(|(_, count)| count).sum()
}

/// A condition of a cluster as it is now.
pub(crate) fn condition(world: &World, cluster: &str, kind: &str) -> Value {
    let cluster = world
        .server
        .stored(GROUP, "clusterdeployments", "fleet", cluster);
    let conditions = cluster.unwrap_or_default()["status"]["conditions"].clone();
    let found = conditions
        .as_array()
        .into_iter()
        .flatten()
        .find(|found| found["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// What a person creates for one more cluster.
pub(crate) fn create_cluster(world: &World, cluster: &ClusterScenario) {
    for secret in cluster.secrets() {
        world.server.seed_object("", "secrets", &secret);
    }
    world
        .server
        .seed_object(GROUP, "clusterdeployments", &cluster.cluster_deployment());
}

/// A person creates an object of Hive's.
pub(crate) async fn create(world: &World, plural: &str, object: &Value) {
    let namespace = object["metadata"]["namespace"].as_str().unwrap();
    let path = format!("/apis/{GROUP}/v1/namespaces/{namespace}/{plural}");
    ask(world, "POST", &path, object).await;
}

/// A person deletes an object of Hive's.
pub(crate) async fn delete(world: &World, plural: &str, name: &str) {
    let path = format!("/apis/{GROUP}/v1/namespaces/fleet/{plural}/{name}");
    ask(
        world,
        "DELETE",
        &path,
        &json!({"propagationPolicy": "Background"}),
    )
    .await;
}

/// A person changes an object of Hive's.
pub(crate) async fn merge(world: &World, plural: &str, name: &str, body: &Value) {
    let path = format!("/apis/{GROUP}/v1/namespaces/fleet/{plural}/{name}");
    ask(world, "PATCH", &path, body).await;
}

/// A person deletes a Secret.
pub(crate) async fn delete_secret(world: &World, name: &str) {
    let path = format!("/api/v1/namespaces/fleet/secrets/{name}");
    ask(world, "DELETE", &path, &json!({})).await;
}

/// A person deletes a namespace.
pub(crate) async fn delete_namespace(world: &World, name: &str) {
    ask(
        world,
        "DELETE",
        &format!("/api/v1/namespaces/{name}"),
        &json!({}),
    )
    .await;
}

async fn ask(world: &World, method: &str, path: &str, body: &Value) {
    let content_type = if method == "PATCH" {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(body.to_string().into_bytes())
        .unwrap();
    world
        .client("person")
        .request::<Value>(request)
        .await
        .unwrap();
}
