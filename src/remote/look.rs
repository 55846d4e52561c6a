//! Reads a managed cluster at a depth.
//!
//! The first request decides whether the cluster is reached; what fails after that is a part that could
//! not be read, and never the whole look. Requests follow each other on one connection, each with a
//! deadline of its own, and no answer is read beyond a bound. Mirrors docs/spec/32 §1–4.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use kube::Client;
use kube::client::Body;
use skep_crds::names::value;

use super::view::{Depth, Failure, FailureClass, Part, Seen, WakingSeen};
use super::{answers, failure};

/// One request, its answer read. The API server of a busy cluster answers a list in a second or two.
const REQUEST: Duration = Duration::from_secs(10);

/// All of a look by one URL. A look that takes longer is of no use to anybody who waits for it.
const LOOK: Duration = Duration::from_secs(20);

/// Largest answer: a page of nodes with their images is a tenth of it.
const LARGEST: usize = 16 << 20;

/// Most pages of a list. What is beyond is not read, and said to be so.
const PAGES: usize = 50;

/// Objects in a page: nodes are large.
const PAGE: usize = 100;

const VERSION: &str = "/apis/config.openshift.io/v1/clusterversions/version";
const OPERATORS: &str = "/apis/config.openshift.io/v1/clusteroperators";
const CONSOLE: &str = "/apis/route.openshift.io/v1/namespaces/openshift-console/routes/console";
const NODES: &str = "/api/v1/nodes";
const SIGNING_REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// What of a cluster is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// How much.
    pub(super) depth: Depth,
    /// Whether the console's Route is read.
    pub(super) console: bool,
    /// Whether the whole status of the ClusterVersion is kept.
    pub(super) whole_version: bool,
}

/// Reads the cluster.
///
/// # Errors
/// It could not be reached.
pub(super) async fn look(client: &Client, wanted: Wanted) -> Result<Seen, Failure> {
    let looking = Box::pin(read(client, wanted));
    tokio::time::timeout(LOOK, looking)
        .await
        .unwrap_or_else(|_| Err(failure::timeout()))
}

async fn read(client: &Client, wanted: Wanted) -> Result<Seen, Failure> {
    let mut reading = Reading {
        client,
        unreadable: Vec::new(),
    };
    let version = match get(client, VERSION).await {
        Ok(bytes) => {
            let version = answers::version(&bytes, wanted.whole_version);
            if version.is_none() {
                reading.unreadable.push(Part::ClusterVersion);
            }
            version
        }
        // A cluster without the kind is reached, and is no OpenShift.
        Err(Gap::Absent) => None,
        Err(Gap::Denied) => {
            reading.unreadable.push(Part::ClusterVersion);
            None
        }
        Err(Gap::Failed(failure)) => return Err(failure),
    };
    let list = Part::ClusterOperators;
    let mut operators = reading.list(list, OPERATORS, answers::operator).await;
    operators.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let console = if wanted.console {
        let found = reading.object(Part::Console, CONSOLE).await;
        found.and_then(|bytes| answers::route_host(&bytes))
    } else {
        None
    };
    let waking = match wanted.depth {
        Depth::Routine => None,
        Depth::Waking => Some(reading.waking().await),
    };
    Ok(Seen {
        version,
        operators,
        console,
        waking,
        unreadable: reading.unreadable,
    })
}

struct Reading<'a> {
    client: &'a Client,
    unreadable: Vec<Part>,
}

impl Reading<'_> {
    async fn waking(&mut self) -> WakingSeen {
        let machines = format!(
            "/apis/machine.openshift.io/v1beta1/namespaces/{}/machines",
            value::MACHINE_API_NAMESPACE
        );
        let mut nodes = self.list(Part::Nodes, NODES, answers::node).await;
        nodes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let part = Part::SigningRequests;
        let mut requests = self
            .list(part, SIGNING_REQUESTS, answers::signing_request)
            .await;
        requests.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut machines = self.list(Part::Machines, &machines, answers::machine).await;
        machines.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        WakingSeen {
            nodes,
            requests,
            machines,
        }
    }

    /// One object; `None`: there is none, or it could not be read.
    async fn object(&mut self, part: Part, path: &str) -> Option<Bytes> {
        match get(self.client, path).await {
            Ok(bytes) => Some(bytes),
            Err(Gap::Absent) => None,
            Err(Gap::Denied | Gap::Failed(_)) => {
                self.unreadable.push(part);
                None
            }
        }
    }

    /// All objects of a list that could be read.
    async fn list<T>(&mut self, part: Part, path: &str, item: fn(&str) -> Option<T>) -> Vec<T> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let begin = match &next {
                None => format!("{path}?limit={PAGE}"),
                Some(next) => format!("{path}?limit={PAGE}&continue={}", encoded(next)),
            };
            let Some(bytes) = self.object(part, &begin).await else {
                return all;
            };
            let Some(page) = answers::page(&bytes, item) else {
                self.unreadable.push(part);
                return all;
            };
            all.extend(page.items);
            if !page.whole && !self.unreadable.contains(&part) {
                self.unreadable.push(part);
            }
            next = page.next;
            if next.is_none() {
                return all;
            }
        }
        self.unreadable.push(part);
        all
    }
}

/// Why an object was not read.
enum Gap {
    /// There is none, or not even its kind.
    Absent,
    /// The API server does not show it, or it is too large.
    Denied,
    /// The API server is of no use at present.
    Failed(Failure),
}

async fn get(client: &Client, path: &str) -> Result<Bytes, Gap> {
    tokio::time::timeout(REQUEST, ask(client, path))
        .await
        .unwrap_or_else(|_| Err(Gap::Failed(failure::timeout())))
}

async fn ask(client: &Client, path: &str) -> Result<Bytes, Gap> {
    let request = Request::get(path)
        .header(header::ACCEPT, "application/json")
        .body(Body::empty())
        .map_err(|_| Gap::Denied)?;
    let answer = client.send(request).await;
    let answer = answer.map_err(|error| Gap::Failed(failure::of_error(&error)))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let bytes = match body {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(Gap::Denied),
        Err(_) => {
            let words = "the API server's answer broke off";
            return Err(Gap::Failed(Failure::new(FailureClass::Server, words)));
        }
    };
    if status.is_success() {
        return Ok(bytes);
    }
    let failed = failure::of_status(status, &answers::message(&bytes));
    Err(match failed {
        Some(failure) => Gap::Failed(failure),
        None if status == StatusCode::NOT_FOUND => Gap::Absent,
        None => Gap::Denied,
    })
}

/// A token of the server's own, as part of a query.
fn encoded(token: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(token.len());
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
