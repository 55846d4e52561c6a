//! What `decide` may look at: what is wanted of a cluster's machines, what its conditions say, what its
//! cloud and the cluster itself were last seen to be.
//!
//! Parsed and small: no object and no client. The machines and the certificate requests are kept whole,
//! because a step is about single ones. Mirrors docs/spec/21 §1.

use jiff::{SignedDuration, Timestamp};
use skep_crds::ConditionStatus;
use skep_providers::power::Machine;

use crate::remote::view::WakingSeen;
use crate::runtime::At;

/// A cluster, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// The ClusterDeployment, as it was read.
    pub at: At,
    /// Why its power is not managed at present.
    pub gate: Option<Gate>,
    /// Whether the cluster is pretended: its machines obey at once.
    pub fake: bool,
    /// What its specification wants.
    pub wanted: Wanted,
    /// Whether it is to be stopped although it might not wake again.
    pub forced: bool,
    /// Whether a wake does not wait for the cluster's operators.
    pub skips_operators: bool,
    /// After how long it is stopped by itself.
    pub timer: Timer,
    /// The condition `Hibernating`.
    pub hibernating: Option<Said>,
    /// The condition `Ready`.
    pub ready: Option<Said>,
    /// Whether what is synced to the cluster has been applied once.
    pub sync_sets: SyncSets,
    /// How many machines must be stopped for the cluster to be; `None`: nobody has counted them.
    pub expected: Option<u32>,
    /// The machines, as their cloud shows them.
    pub fleet: Fleet,
    /// The cluster itself.
    pub cluster: Glimpse,
    /// What the last steps failed of.
    pub failures: Failures,
}

/// Why the power of a cluster is not managed at present, the first reason that holds (docs/spec/21 §3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// The ClusterDeployment is being deleted.
    Deleting,
    /// The cluster is not installed.
    NotInstalled,
    /// A person manages the machines.
    Paused,
    /// It is not known which machines are the cluster's.
    NoMetadata,
    /// The machines cannot be stopped, and why.
    Unsupported(String),
}

/// Which power state is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// All machines run.
    Running,
    /// All machines are stopped.
    Hibernating,
}

/// What a condition says, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Said {
    /// Its status.
    pub status: ConditionStatus,
    /// Its reason.
    pub reason: String,
    /// When the status last changed.
    pub since: Timestamp,
    /// When its words last changed: since then there was no progress.
    pub written: Timestamp,
}

/// What the period after which a cluster is stopped depends on (docs/spec/21 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timer {
    /// The period; `None`: it is not stopped by itself.
    pub after: Option<SignedDuration>,
    /// When the cluster was installed.
    pub installed: Option<Timestamp>,
    /// Whose cluster of a pool it is.
    pub pool: Pool,
}

/// Whether a cluster is of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pool {
    /// It is of no pool.
    #[default]
    None,
    /// It is of a pool, and nobody uses it.
    Free,
    /// It was of a pool until this moment.
    Claimed(Timestamp),
}

/// Whether what is synced to the cluster has been applied once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncSets {
    /// It has, or there is none.
    Applied,
    /// It has not.
    Awaited,
}

/// The machines of a cluster and what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fleet {
    /// What the cloud said last.
    pub sight: Sight,
    /// When it was last asked. What it said may be older: clusters of an account share what is listed.
    pub asked: Option<Timestamp>,
    /// Whether it is being asked.
    pub looking: bool,
    /// When this process last started or stopped some of them: what was seen before that is over.
    pub acted: Option<Timestamp>,
}

/// What a cloud said of a cluster's machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sight {
    /// Nobody has asked yet.
    #[default]
    Unseen,
    /// These are the machines.
    Seen {
        /// When the cloud was asked.
        at: Timestamp,
        /// All of them, terminated ones left out.
        machines: Vec<Machine>,
    },
    /// The cloud could not be asked.
    Lost {
        /// When.
        at: Timestamp,
        /// Why, for people.
        message: String,
    },
}

/// The cluster and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Glimpse {
    /// The last look; `None`: there was none.
    pub last: Option<Look>,
    /// Whether somebody is looking.
    pub looking: bool,
    /// When this process last changed something in it.
    pub acted: Option<Timestamp>,
}

/// What a look at the cluster came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// When it began: what happened since may not be in it.
    pub began: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// What was seen, or why nothing was.
    pub seen: Result<Sighted, String>,
}

/// What was seen of a cluster that answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sighted {
    /// Whether it is being upgraded.
    pub upgrading: bool,
    /// Its operators, in order of their names.
    pub operators: Vec<Operator>,
    /// Its nodes, certificate requests and Machines, if those were looked at.
    pub waking: Option<WakingSeen>,
}

/// An operator of the cluster, by its conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Operator {
    /// Its name.
    pub name: String,
    /// `Available` is False: the reason.
    pub unavailable: Option<String>,
    /// `Degraded` is True: the reason.
    pub degraded: Option<String>,
    /// `Progressing` is True: the reason.
    pub progressing: Option<String>,
    /// `Disabled` is True: it has nothing to do on this cluster.
    pub disabled: bool,
    /// When one of its conditions last changed.
    pub changed: Option<Timestamp>,
}

/// Why steps failed when they were last tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Failures {
    /// Machines could not be stopped.
    pub stop: Option<String>,
    /// Machines could not be started.
    pub start: Option<String>,
}

impl Observed {
    /// Whether `Hibernating` holds.
    pub fn is_hibernating(&self) -> bool {
        holds(self.hibernating.as_ref())
    }

    /// Whether `Ready` holds.
    pub fn is_ready(&self) -> bool {
        holds(self.ready.as_ref())
    }

    /// Whether what is recorded is what is wanted: nothing is to be started or stopped as far as anybody
    /// knows.
    pub fn is_settled(&self) -> bool {
        match self.wanted {
            Wanted::Running => self.is_ready(),
            Wanted::Hibernating => self.is_hibernating(),
        }
    }

    /// Since when the cluster is meant to run, the last time: a wake begins when `Hibernating` ends, or,
    /// if it never came that far, when `Ready` ended.
    pub fn resumed(&self) -> Option<Timestamp> {
        let since = |said: &Option<Said>| said.as_ref().map(|said| said.since);
        let ended = self
            .ready
            .as_ref()
            .filter(|said| said.status == ConditionStatus::False);
        since(&self.hibernating).max(ended.map(|said| said.since))
    }
}

impl Said {
    /// Whether the condition is known not to hold, for this reason.
    pub fn is_false_for(&self, reasons: &[&str]) -> bool {
        self.status == ConditionStatus::False && reasons.contains(&self.reason.as_str())
    }
}

fn holds(said: Option<&Said>) -> bool {
    said.is_some_and(|said| said.status == ConditionStatus::True)
}

impl Fleet {
    /// The machines as they are known to be after whatever this process did last.
    pub fn machines(&self) -> Option<(Timestamp, &[Machine])> {
        match &self.sight {
            Sight::Seen { at, machines } if self.acted.is_none_or(|acted| acted < *at) => {
                Some((*at, machines))
            }
            Sight::Seen { .. } | Sight::Unseen | Sight::Lost { .. } => None,
        }
    }
}

impl Operator {
    /// Why it is not as it should be, the worst first.
    pub fn trouble(&self) -> Option<(&'static str, &str)> {
        [
            ("unavailable", &self.unavailable),
            ("degraded", &self.degraded),
            ("progressing", &self.progressing),
        ]
        .into_iter()
        .find_map(|(word, reason)| reason.as_deref().map(|reason| (word, reason)))
        .filter(|_| !self.disabled)
    }
}
