//! The Google Cloud implementation of `skep-providers` against an emulated project, judged by Google's
//! own client (`tests/doubles/gcp/judge.py`), which shares no code with it. The cases have the names that
//! they have for the other clouds.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is not as expected"
)]

mod credentials;
mod judge;
mod machines;

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_gcp::Gcp;
use skep_kit::{
    gcp::{self, Fault, Project},
    progress::Progress,
};
use skep_providers::{
    Account, Clock, Cloud as _, ConnectRequest, CredentialSource, Endpoint, Endpoints, Error,
    call::{NoObserver, RetryPolicy},
    erase::{ClusterFacts, Hints, PlatformFacts},
};

const ZONE: &str = "us-central1-a";
const ZONES: [&str; 3] = [ZONE, "us-central1-b", "us-central1-c"];

/// No state passes unless a test says so.
fn cloud() -> &'static gcp::Gcp {
    static CLOUD: OnceLock<gcp::Gcp> = OnceLock::new();
    CLOUD.get_or_init(|| gcp::Gcp::start(1e6, &Progress::new()).expect("start the emulated cloud"))
}

/// Google's own client answers one question at a time.
fn judge() -> MutexGuard<'static, gcp::Judge> {
    static JUDGE: OnceLock<Mutex<gcp::Judge>> = OnceLock::new();
    JUDGE
        .get_or_init(|| Mutex::new(cloud().judge().expect("start Google's client")))
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn factory() -> Gcp {
    let policy = RetryPolicy {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(200),
        ..RetryPolicy::default()
    };
    Gcp::with_policy(Arc::new(NoObserver), Arc::new(Wall), policy).unwrap()
}

fn endpoints(url: &str) -> Endpoints {
    let services = ["compute", "oauth2", "cloudresourcemanager"];
    let endpoint = |service: &str| Endpoint {
        service: service.into(),
        url: url.into(),
    };
    Endpoints(services.map(endpoint).to_vec())
}

fn source(key: &Value) -> CredentialSource {
    let file = key.to_string().into_bytes();
    CredentialSource::from_secret([("osServiceAccount.json", file)].into_iter().collect())
}

async fn connect(gcp: &Gcp, key: &Value) -> Result<Arc<dyn Account>, Error> {
    let request = ConnectRequest {
        source: source(key),
        region: String::new(),
        endpoints: endpoints(cloud().endpoint()),
    };
    gcp.connect(request).await
}

fn facts(project: &str, infra: &str) -> ClusterFacts {
    let metadata = json!({
        "clusterName": "demo", "infraID": infra,
        "gcp": {"region": "us-central1", "projectID": project},
    });
    ClusterFacts::from_metadata(metadata.to_string().as_bytes(), &Hints::default()).unwrap()
}

fn discarding(project: &str, infra: &str, discard: bool) -> ClusterFacts {
    let mut facts = facts(project, infra);
    if let PlatformFacts::Gcp(gcp) = &mut facts.platform {
        gcp.discard_local_ssd = Some(discard);
    }
    facts
}

fn order(project: &Project, fault: &Fault) {
    cloud().order(project, fault).unwrap();
}

fn ask(project: &Project, call: &str, arguments: &Value) -> Value {
    judge().ask(project, call, arguments).unwrap()
}
