//! Are the credentials of a cluster accepted by its cloud? Asked by a task per cluster, read like a store
//! (docs/spec/10 §7, §26.4 U2).
//!
//! An answer holds for the credentials that it was asked about: a changed Secret is unchecked again. A
//! refusal is asked again with growing delays, because rights are mended outside the hub.

use jiff::{SignedDuration, Timestamp};
use skep_crds::platform::PlatformKind;
use skep_providers::{Class as CloudClass, Endpoints};

use super::credentials::{self, Clouds, CredentialsRef};
use crate::runtime::{Clock, Driver, Reconcile, TaskState, Tasks, error_chain};

/// First delay after an answer that was not yes; it doubles up to [`LONGEST_DELAY`].
const FIRST_DELAY: SignedDuration = SignedDuration::from_secs(15);

/// Rights that were mended in the cloud are noticed within this time.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(5);

/// What is known about some credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// Nobody has asked.
    Unchecked,
    /// The cloud is being asked.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// They are good.
    Accepted {
        /// The account.
        account: String,
    },
    /// They are not.
    Refused {
        /// What the cloud says.
        message: String,
        /// When it is to be asked again.
        retry_at: Timestamp,
    },
    /// There was no answer.
    Unanswered {
        /// Why.
        message: String,
        /// When it is to be asked again.
        retry_at: Timestamp,
    },
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// UID of the ClusterDeployment, whose controller is rung.
    pub uid: String,
    /// Which credentials, region and endpoints, as one text that changes with them.
    pub fingerprint: String,
    /// The platform.
    pub platform: PlatformKind,
    /// The credentials.
    pub credentials: CredentialsRef,
    /// The region.
    pub region: String,
    /// Endpoints of the cluster's own.
    pub endpoints: Endpoints,
}

#[derive(Clone, Debug)]
struct Told {
    fingerprint: String,
    tries: u32,
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
enum Answer {
    Accepted(String),
    Refused(String, Timestamp),
    None(String, Timestamp),
}

/// The checks of this process. Clones share them.
#[derive(Clone)]
pub struct Checks {
    tasks: Tasks<Told>,
    clouds: Clouds,
    clock: Clock,
}

impl Checks {
    /// No checks yet.
    pub fn new(clouds: Clouds, clock: Clock) -> Self {
        Self {
            tasks: Tasks::new(clock.clone()),
            clouds,
            clock,
        }
    }

    /// Has a driver rung when there is an answer.
    pub fn rings<R: Reconcile>(&self, driver: Driver<R>) -> Driver<R> {
        driver.rung_by_tasks(&self.tasks)
    }

    /// What is known about the credentials with this fingerprint.
    pub fn state(&self, uid: &str, fingerprint: &str) -> Check {
        let Some(task) = self.tasks.get(uid) else {
            return Check::Unchecked;
        };
        let Told {
            fingerprint: asked,
            tries,
            answer,
        } = task.progress;
        if asked != fingerprint {
            return Check::Unchecked;
        }
        match (answer, task.state) {
            (Some(Answer::Accepted(account)), _) => Check::Accepted { account },
            (Some(Answer::Refused(message, at)), _) => Check::Refused {
                message,
                retry_at: retry_at(tries, at),
            },
            (Some(Answer::None(message, at)), _) => Check::Unanswered {
                message,
                retry_at: retry_at(tries, at),
            },
            (None, TaskState::Running) => Check::Running {
                since: task.started,
            },
            (None, TaskState::Finished | TaskState::Panicked) => Check::Unanswered {
                message: "the check ended by a fault of the program, which is in the log"
                    .to_owned(),
                retry_at: retry_at(tries, task.started),
            },
        }
    }

    /// Asks, unless the same is being asked or was answered with yes.
    pub fn ask(&self, question: Question) {
        let tries = match self.tasks.get(&question.uid) {
            Some(task) if task.progress.fingerprint == question.fingerprint => {
                let accepted = matches!(task.progress.answer, Some(Answer::Accepted(_)));
                if accepted || task.state == TaskState::Running {
                    return;
                }
                task.progress.tries.saturating_add(1)
            }
            Some(_) | None => 1,
        };
        self.tasks.cancel(&question.uid);
        let (clouds, clock) = (self.clouds.clone(), self.clock.clone());
        let told = Told {
            fingerprint: question.fingerprint.clone(),
            tries,
            answer: None,
        };
        let uid = question.uid.clone();
        self.tasks.start(&uid, told, move |progress| async move {
            let answer = tokio::select! {
                biased;
                () = progress.stop().cancelled() => return,
                answer = answer(&clouds, &question) => answer,
            };
            let now = clock.now();
            progress.update(|told| {
                told.answer = Some(match answer {
                    Ok(account) => Answer::Accepted(account),
                    Err((true, message)) => Answer::Refused(message, now),
                    Err((false, message)) => Answer::None(message, now),
                });
            });
        });
    }

    /// Forgets what was asked for a cluster.
    pub fn forget(&self, uid: &str) {
        self.tasks.cancel(uid);
    }
}

/// The account, or whether the cloud refused and what it said.
async fn answer(clouds: &Clouds, question: &Question) -> Result<String, (bool, String)> {
    let Question {
        platform,
        credentials,
        region,
        endpoints,
        ..
    } = question;
    let opened = clouds
        .open(*platform, credentials, region, endpoints.clone())
        .await;
    let account = opened.map_err(|error| (is_refusal(&error), error_chain(&error)))?;
    let identity = account.identity().await;
    let identity = identity.map_err(|error| (refuses(&error.class), error_chain(&error)))?;
    Ok(identity.to_string())
}

fn is_refusal(error: &credentials::Error) -> bool {
    match error {
        credentials::Error::NoSecret { .. } | credentials::Error::NotNamed => true,
        credentials::Error::Cloud(source) => refuses(&source.class),
        credentials::Error::Read(_) | credentials::Error::Platform(_) => false,
    }
}

fn refuses(class: &CloudClass) -> bool {
    match class {
        CloudClass::Denied | CloudClass::Unauthenticated | CloudClass::Invalid => true,
        CloudClass::NotFound
        | CloudClass::AlreadyExists
        | CloudClass::Throttled { .. }
        | CloudClass::Quota
        | CloudClass::DependencyViolation { .. }
        | CloudClass::Transient
        | CloudClass::Unknown => false,
    }
}

fn retry_at(tries: u32, at: Timestamp) -> Timestamp {
    let doubled = 1_i32
        .checked_shl(tries.saturating_sub(1).min(16))
        .unwrap_or(i32::MAX);
    let delay = FIRST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY);
    at.saturating_add(delay).unwrap_or(Timestamp::MAX)
}
