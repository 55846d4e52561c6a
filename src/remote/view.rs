//! What a look at a managed cluster came to: plain values that `observe` hands to `decide`.
//!
//! No client and no type of a cluster's API is in here: an `Observed` may carry a [`View`] or parts of
//! it. Nothing in it is secret: a certificate signing request is public by design, and the texts of
//! failures are scrubbed ([`super::scrub`]). Mirrors docs/spec/32 §1–4 and docs/spec/21.

use std::fmt;

use jiff::Timestamp;

/// One look at a managed cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// When the look ended.
    pub at: Timestamp,
    /// How much was looked at.
    pub depth: Depth,
    /// Through which URL the cluster was read in the end.
    pub through: Route,
    /// Whether the primary URL answered; the reason of [`Route::Secondary`] if it did not.
    pub primary: Result<(), Failure>,
    /// What was seen, or why nothing was.
    pub seen: Result<Seen, Failure>,
}

/// How much of a cluster is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Depth {
    /// Its version, its operators, and its console: two reads and one list.
    Routine,
    /// Also nodes, certificate signing requests and Machines: while it wakes.
    Waking,
}

/// Which of a cluster's two URLs (docs/spec/32 §1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// The override if there is one, else the kubeconfig's own server.
    Primary,
    /// The kubeconfig's own server, although there is an override.
    Secondary,
}

/// Why a cluster could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// What kind of failure it is: what somebody has to do about it.
    pub class: FailureClass,
    /// For people: stable while its cause is, and free of secrets.
    pub message: String,
}

/// Failures by what has to be done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// The admin kubeconfig cannot or must not be used: a person must mend it.
    Refused,
    /// There is no admin kubeconfig.
    NoKubeconfig,
    /// No connection: name not found, refused, no route.
    Dial,
    /// A connection, but none that can be trusted.
    Tls,
    /// The API server does not take the credentials.
    Unauthorized,
    /// No answer in time.
    Timeout,
    /// The API server answered with an error, or with something that cannot be read.
    Server,
}

impl FailureClass {
    /// One `CamelCase` word for programs: a label value, a note's reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "KubeconfigRefused",
            Self::NoKubeconfig => "NoKubeconfig",
            Self::Dial => "NoConnection",
            Self::Tls => "NoTrustedConnection",
            Self::Unauthorized => "Unauthorized",
            Self::Timeout => "Timeout",
            Self::Server => "ServerError",
        }
    }
}

impl Failure {
    /// A failure of this class. `message` must be scrubbed already.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What was seen of a cluster that answered. What could not be read of it is in
/// [`unreadable`](Self::unreadable), never a failure of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The ClusterVersion; `None`: there is none, or it cannot be read.
    pub version: Option<VersionSeen>,
    /// The ClusterOperators, in order of their names.
    pub operators: Vec<OperatorSeen>,
    /// The host of the console's route; `None`: there is no console, or it cannot be read.
    pub console: Option<String>,
    /// Only at [`Depth::Waking`].
    pub waking: Option<WakingSeen>,
    /// The parts that could not be read: "ClusterOperators", "Machines". Whoever concludes something
    /// from the absence of a part must look here first.
    pub unreadable: Vec<Part>,
}

impl Seen {
    /// Whether this part was read: its absence means that there is none.
    pub fn has_read(&self, part: Part) -> bool {
        !self.unreadable.contains(&part)
    }
}

/// A part of a cluster that is read by a request of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The ClusterVersion `version`.
    ClusterVersion,
    /// All ClusterOperators.
    ClusterOperators,
    /// The console's Route.
    Console,
    /// All Nodes.
    Nodes,
    /// All CertificateSigningRequests.
    SigningRequests,
    /// The Machines of `openshift-machine-api`.
    Machines,
}

/// The ClusterVersion.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionSeen {
    /// `status.desired.version`.
    pub desired: String,
    /// Whether an upgrade is under way: its condition `Progressing` is True.
    pub progressing: bool,
    /// Its condition `Upgradeable`.
    pub upgradeable: Option<ConditionSeen>,
    /// The whole status as JSON, keys sorted, so that equal statuses are equal texts.
    pub status_json: String,
}

/// A ClusterOperator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperatorSeen {
    /// Its name.
    pub name: String,
    /// Its conditions, as it lists them.
    pub conditions: Vec<ConditionSeen>,
}

/// A condition of a ClusterVersion or ClusterOperator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConditionSeen {
    /// "Available", "Degraded", "Progressing", …
    pub type_: String,
    /// "True", "False", "Unknown".
    pub status: String,
    /// For programs; may be empty.
    pub reason: String,
    /// For people; may be empty.
    pub message: String,
    /// `lastTransitionTime`.
    pub since: Option<Timestamp>,
}

/// What is seen only while a cluster wakes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WakingSeen {
    /// All Nodes, in order of their names.
    pub nodes: Vec<NodeSeen>,
    /// All CertificateSigningRequests, in order of their names.
    pub requests: Vec<SigningRequest>,
    /// The Machines, in order of their names.
    pub machines: Vec<MachineSeen>,
}

/// A Node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeSeen {
    /// Its name.
    pub name: String,
    /// Whether it carries a control-plane role.
    pub control_plane: bool,
    /// Whether its condition `Ready` is True.
    pub ready: bool,
    /// Why it is not ready, as the condition says; may be empty.
    pub reason: String,
}

/// A CertificateSigningRequest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SigningRequest {
    /// Its name.
    pub name: String,
    /// Who asked.
    pub username: String,
    /// The groups of who asked.
    pub groups: Vec<String>,
    /// What the certificate is to be used for.
    pub usages: Vec<String>,
    /// The request itself, PEM. Empty if it could not be decoded.
    pub pem: Vec<u8>,
    /// Whether it was decided on already.
    pub settled: Option<Settled>,
    /// `spec.signerName`.
    pub signer: String,
}

/// What became of a CertificateSigningRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Settled {
    /// Approved.
    Approved,
    /// Denied.
    Denied,
    /// Failed.
    Failed,
}

/// A Machine of `machine.openshift.io`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MachineSeen {
    /// Its name.
    pub name: String,
    /// The Node that it became.
    pub node: Option<String>,
    /// Whether the cloud may take it away (spot).
    pub interruptible: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// `status.phase`.
    pub phase: Option<String>,
    /// `status.lastUpdated`.
    pub last_updated: Option<Timestamp>,
    /// Its addresses: type and address.
    pub addresses: Vec<(String, String)>,
}
