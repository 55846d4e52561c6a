//! Are the credentials of a cluster accepted by its cloud? Asked by a task per cluster, read like a store
//! (docs/spec/10 §7, §26.4 U2).
//!
//! An answer holds for the credentials that it was asked about: a changed Secret is unchecked again. A
//! refusal is asked again with growing delays, because rights are mended outside the hub; a yes holds for
//! a moment only, because keys are withdrawn there too.

use jiff::{SignedDuration, Timestamp};
use skep_crds::platform::PlatformKind;
use skep_providers::{Class as CloudClass, Endpoints};

use super::credentials::{self, Clouds, CredentialsRef};
use crate::runtime::{Clock, Driver, Reconcile, TaskState, Tasks, error_chain};

/// First delay after an answer that was not yes; it doubles up to [`LONGEST_DELAY`].
const FIRST_DELAY: SignedDuration = SignedDuration::from_secs(15);

/// Rights that were mended in the cloud are noticed within this time.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(5);

/// How long a yes holds: long enough for the steps that lead from it to an attempt, and not as long as the
/// pause after a failed attempt (docs/spec/10 §11.2), so that each attempt is preceded by a question of its
/// own. While an installation is prepared that is at most one free call a minute.
const FRESH: SignedDuration = SignedDuration::from_secs(59);

/// What is known about some credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// Nobody has asked, or not lately.
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
    Accepted(String, Timestamp),
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
            (Some(Answer::Accepted(account, at)), _) if self.is_fresh(at) => {
                Check::Accepted { account }
            }
            (Some(Answer::Accepted(..)), _) => Check::Unchecked,
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

    fn is_fresh(&self, at: Timestamp) -> bool {
        self.clock.now().duration_since(at) < FRESH
    }

    /// Asks, unless the same is being asked or was answered with yes just now.
    pub fn ask(&self, question: Question) {
        let known = self.tasks.get(&question.uid);
        let known = known.filter(|task| task.progress.fingerprint == question.fingerprint);
        let tries = match known {
            Some(task) if task.state == TaskState::Running => return,
            Some(task) => match task.progress.answer {
                Some(Answer::Accepted(_, at)) if self.is_fresh(at) => return,
                Some(Answer::Accepted(..)) => 1,
                Some(Answer::Refused(..) | Answer::None(..)) | None => {
                    task.progress.tries.saturating_add(1)
                }
            },
            None => 1,
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
                    Ok(account) => Answer::Accepted(account, now),
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
        credentials::Error::NoSecret { .. }
        | credentials::Error::NotNamed
        | credentials::Error::NoProfile { .. } => true,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::controllers::erasure::testing::{Hub, KEY};

    const UID: &str = "0f3c6f1c-cd";
    const SAME: &str = "sha256:1";

    fn ask(hub: &Hub) {
        hub.shared.checks.ask(Question {
            uid: UID.into(),
            fingerprint: SAME.into(),
            platform: PlatformKind::Aws,
            credentials: CredentialsRef {
                namespace: "team".into(),
                secret: Some("creds".into()),
                assume_role: None,
            },
            region: "us-east-1".into(),
            endpoints: Endpoints::default(),
        });
    }

    async fn after(hub: &Hub, time: Duration) -> Check {
        hub.clock.sleep(time).await;
        hub.shared.checks.state(UID, SAME)
    }

    const SOON: Duration = Duration::from_secs(5);

    /// A key that is withdrawn in its cloud changes nothing on the hub.
    #[tokio::test(start_paused = true)]
    async fn a_yes_holds_for_a_moment_and_is_asked_for_again() {
        let hub = Hub::new();
        ask(&hub);
        let accepted = Check::Accepted {
            account: hub.account.to_string(),
        };
        assert_eq!(after(&hub, SOON).await, accepted);
        let calls = hub.cloud.calls();
        ask(&hub);
        assert_eq!(after(&hub, SOON).await, accepted);
        assert_eq!(hub.cloud.calls(), calls, "it was answered just now");

        hub.cloud.reject(KEY);
        assert_eq!(
            after(&hub, Duration::from_mins(1)).await,
            Check::Unchecked,
            "what was said before the pause after a failed attempt"
        );
        ask(&hub);
        let told = after(&hub, SOON).await;
        assert!(matches!(told, Check::Refused { .. }), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn other_credentials_are_unchecked() {
        let hub = Hub::new();
        ask(&hub);
        hub.clock.sleep(SOON).await;
        let other = hub.shared.checks.state(UID, "sha256:2");
        assert_eq!(other, Check::Unchecked);
    }
}
