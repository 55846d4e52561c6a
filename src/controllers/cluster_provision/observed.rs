//! What `decide` may look at: one attempt, its Job, its pods, and how far its clean-up has come.

use jiff::Timestamp;
use skep_crds::names::condition::skep::CLEAN_UP_STALLED;
use skep_crds::names::object_name;
use skep_crds::{ClusterProvision, Stage, condition};

use crate::controllers::erasure::{self, Trouble};
use crate::install::classify;

/// One attempt, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Name of the ClusterProvision.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Number of the attempt, from zero.
    pub attempt: i64,
    /// Name of the ClusterDeployment.
    pub cluster: String,
    /// Whether nothing is deleted from any cloud on this hub.
    pub disabled: bool,
    /// Whose rights a clean-up uses: "Secret demo/aws-creds".
    pub credentials: String,
    /// Whether the ClusterDeployment is paused: nothing is begun or decided then (docs/spec/10 §26.4 U6).
    pub paused: bool,
    /// `spec.stage`.
    pub stage: Stage,
    /// `spec.infraID`, written by the install pod.
    pub infra_id: Option<String>,
    /// The infra ID that the ClusterDeployment carries.
    pub recorded_infra_id: Option<String>,
    /// `status.jobRef`.
    pub job_ref: Option<String>,
    /// The Job that runs the attempt.
    pub job: Job,
    /// The Job's pods.
    pub pods: Pods,
    /// Whether Role, RoleBinding and admin Secrets exist.
    pub rights_prepared: bool,
    /// What the installer's log and its pod say, should the attempt have failed.
    pub log_verdict: classify::Verdict,
    /// The installer's last milestone.
    pub progress: Option<String>,
    /// Whether nothing of a failed attempt is left.
    pub cleaned_up: bool,
    /// The clean-up as it runs now.
    pub clean_up: erasure::State,
}

impl Observed {
    /// Name of the Job that runs this attempt.
    pub fn job_name(&self) -> String {
        object_name::provision_job(&self.name)
    }

    /// What only the operator's process knows, as far as its conditions tell: for whoever looks from
    /// elsewhere.
    pub fn assume_recorded(&mut self, root: &ClusterProvision) {
        let found = condition::find(root.conditions(), CLEAN_UP_STALLED);
        if self.clean_up != erasure::State::Idle {
            return;
        }
        if let Some(found) = found.filter(|found| found.is_true())
            && let Some(trouble) = Trouble::of_reason(found.reason())
        {
            let begin = self.unerased();
            let message = found.message();
            self.clean_up = erasure::State::Failing {
                trouble,
                message: message.strip_prefix(&begin).unwrap_or(message).to_owned(),
                retry_at: Timestamp::MAX,
            };
        }
    }

    /// How the message begins of a clean-up that does not succeed.
    pub(super) fn unerased(&self) -> String {
        let infra_id = self.infra_id.as_deref().unwrap_or_default();
        format!("what the attempt left behind ({infra_id}) could not be erased: ")
    }
}

/// The Job of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// There is none.
    Absent,
    /// There are several, which nobody here creates.
    Many(usize),
    /// There is one.
    One {
        /// Its name.
        name: String,
        /// When it was created.
        created: Timestamp,
        /// How far it is.
        phase: JobPhase,
    },
}

/// How far a Job is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobPhase {
    /// Not finished.
    Running,
    /// Its pod succeeded.
    Succeeded,
    /// It gave up.
    Failed {
        /// Its condition's reason, for example `DeadlineExceeded`.
        reason: String,
        /// Its condition's message.
        message: String,
    },
}

/// The pods of an attempt's Job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pods {
    /// There is none.
    None,
    /// There are several.
    Many(usize),
    /// There is one that has not started.
    Pending {
        /// Whether it waits for something that does not pass by itself: an image, a node.
        stuck: bool,
        /// What it waits for.
        message: String,
    },
    /// There is one, running or on its way to its end.
    Running,
    /// All have ended.
    Ended,
}

impl Pods {
    /// Whether a container may still call the cloud.
    pub const fn may_still_act(&self) -> bool {
        match self {
            Self::None | Self::Ended => false,
            Self::Many(_) | Self::Pending { .. } | Self::Running => true,
        }
    }
}
