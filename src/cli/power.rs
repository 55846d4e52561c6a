//! `skep hibernate cd NAME` and `skep resume cd NAME`: whether a cluster can be asked, what is said about
//! it, and how far it is.
//!
//! Decides from the ClusterDeployment alone. It never stops or starts anything itself: the wish is
//! `spec.powerState`, and the hibernation controller fulfils it (docs/spec/21 §1).

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use jiff::SignedDuration;
use kube::ResourceExt as _;
use kube::runtime::watcher;
use skep_crds::condition::find;
use skep_crds::names::condition::cd::{HIBERNATING, READY};
use skep_crds::names::{annotation, reason, skep};
use skep_crds::v1::cluster_deployment::PowerState;
use skep_crds::{ClusterDeployment, Condition};

use super::why::span;
use crate::runtime::{Clock, error_chain};

/// What a person wants of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Its machines are stopped.
    Hibernate,
    /// Its machines run.
    Resume,
}

impl Wish {
    /// The value of `spec.powerState` that says so.
    pub const fn power_state(self) -> PowerState {
        match self {
            Self::Hibernate => PowerState::Hibernating,
            Self::Resume => PowerState::Running,
        }
    }

    /// Whether the object says so. Left empty it means to run, but only a wish that is written down
    /// outlives a pool's or a timer's.
    fn is_on_record(self, cluster: &ClusterDeployment) -> bool {
        cluster.spec.power_state == Some(self.power_state())
    }

    fn is_contradicted(self, cluster: &ClusterDeployment) -> bool {
        let hibernating = cluster.spec.power_state == Some(PowerState::Hibernating);
        hibernating != (self == Self::Hibernate)
    }

    /// The condition that tells of it.
    const fn condition(self) -> &'static str {
        match self {
            Self::Hibernate => HIBERNATING,
            Self::Resume => READY,
        }
    }
}

/// Why a cluster cannot be asked, or is no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There are no machines yet, or they are the installer's.
    #[error("the cluster is not installed; its machines can be stopped and started once it is")]
    NotInstalled,
    /// Its machines are about to be deleted.
    #[error("the cluster is being deleted")]
    BeingDeleted,
    /// An annotation keeps controllers away.
    #[error("the cluster is paused: take its annotation {0} away first")]
    Paused(&'static str),
    /// The platform cannot do it.
    #[error("the cluster cannot be stopped: {0}")]
    Unsupported(String),
    /// Somebody else wants the opposite.
    #[error("somebody asked for the opposite meanwhile (spec.powerState is {0:?})")]
    Overruled(String),
}

/// What stands in the way of any change of power.
fn hindrance(cluster: &ClusterDeployment, wish: Wish) -> Option<Refusal> {
    let is = |name: &str| annotation::is_true(cluster.annotations().get(name).map(String::as_str));
    let paused = [annotation::RECONCILE_PAUSE, annotation::POWERSTATE_PAUSE];
    if cluster.metadata.deletion_timestamp.is_some() {
        return Some(Refusal::BeingDeleted);
    }
    if !cluster.spec.installed {
        return Some(Refusal::NotInstalled);
    }
    if let Some(name) = paused.into_iter().find(|name| is(name)) {
        return Some(Refusal::Paused(name));
    }
    let hibernating = find(cluster.conditions(), HIBERNATING)?;
    (wish == Wish::Hibernate && hibernating.reason() == reason::UNSUPPORTED)
        .then(|| Refusal::Unsupported(hibernating.message().to_owned()))
}

/// What asking a cluster comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whether the wish must be written; it may be on record already.
    pub write: bool,
    /// What happens now, a sentence a line.
    pub says: Vec<String>,
}

/// Whether the cluster can be asked, and what happens then.
///
/// # Errors
/// It cannot be asked now.
pub fn judge(cluster: &ClusterDeployment, wish: Wish) -> Result<Asked, Refusal> {
    if let Some(refusal) = hindrance(cluster, wish) {
        return Err(refusal);
    }
    let write = !wish.is_on_record(cluster);
    let verb = match wish {
        Wish::Hibernate => "hibernate",
        Wish::Resume => "run",
    };
    let before = cluster.spec.power_state.as_ref().map(PowerState::as_str);
    let mut says = vec![if write {
        let before = before.filter(|text| !text.is_empty()).unwrap_or("unset");
        let after = wish.power_state();
        format!("asked to {verb} (spec.powerState: {before} → {after})")
    } else {
        format!("was asked to {verb} before; nothing is changed")
    }];
    let reached = is_reached(cluster, wish);
    says.push(match (wish, reached) {
        (Wish::Hibernate, false) => {
            "its machines are stopped, the control plane last; until it is resumed \
                                     nothing that runs on it answers"
                .to_owned()
        }
        (Wish::Hibernate, true) => "its machines are stopped already".to_owned(),
        (Wish::Resume, false) => {
            "its machines are started, the control plane first; it is ready when its \
                                  nodes and operators are"
                .to_owned()
        }
        (Wish::Resume, true) => "it runs already".to_owned(),
    });
    says.extend(warnings(cluster, wish));
    Ok(Asked { write, says })
}

/// Who else decides about the cluster's power.
fn warnings(cluster: &ClusterDeployment, wish: Wish) -> Vec<String> {
    let mut warnings = Vec::new();
    if wish == Wish::Resume
        && let Some(after) = &cluster.spec.hibernate_after
    {
        let text = format!("it hibernates again when it has run for {after} (spec.hibernateAfter)");
        warnings.push(text);
    }
    if let Some(pool) = &cluster.spec.cluster_pool_ref
        && pool.claim_name.as_deref().unwrap_or_default().is_empty()
    {
        let (namespace, name) = (&pool.namespace, &pool.pool_name);
        let text = format!(
            "it is free in the pool {namespace}/{name}, which decides about its power until it is claimed"
        );
        warnings.push(text);
    }
    let forced = cluster
        .annotations()
        .get(skep::FORCE_HIBERNATION_ANNOTATION);
    if wish == Wish::Hibernate && annotation::is_true(forced.map(String::as_str)) {
        let text = format!(
            "it is stopped even if it might not wake again (annotation {})",
            skep::FORCE_HIBERNATION_ANNOTATION
        );
        warnings.push(text);
    }
    warnings
}

fn is_reached(cluster: &ClusterDeployment, wish: Wish) -> bool {
    let holds = |type_| find(cluster.conditions(), type_).is_some_and(Condition::is_true);
    match wish {
        Wish::Hibernate => holds(HIBERNATING),
        Wish::Resume => holds(READY) && !holds(HIBERNATING),
    }
}

/// How the waiting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The cluster is as it was wanted.
    Reached,
    /// It cannot become so any more.
    Refused(Refusal),
    /// There is no such ClusterDeployment any more.
    Gone,
    /// It took longer than allowed.
    TimedOut,
}

/// How far a cluster is: a line for people, and whether that is the end.
fn progress(cluster: &ClusterDeployment, wish: Wish) -> (String, Option<Ending>) {
    let condition = find(cluster.conditions(), wish.condition());
    let line = match condition {
        Some(told) if !is_from_before(told, wish) => {
            format!("{}: {}", told.reason(), told.message())
        }
        Some(_) | None => "waits for the hibernation controller".to_owned(),
    };
    let ending = if let Some(refusal) = hindrance(cluster, wish) {
        Some(Ending::Refused(refusal))
    } else if wish.is_contradicted(cluster) {
        let wanted = cluster.spec.power_state.as_ref();
        let wanted = wanted.map_or_else(String::new, ToString::to_string);
        Some(Ending::Refused(Refusal::Overruled(wanted)))
    } else {
        is_reached(cluster, wish).then_some(Ending::Reached)
    };
    (line, ending)
}

/// Whether a condition still tells of the time before the wish.
fn is_from_before(condition: &Condition, wish: Wish) -> bool {
    let before: &[&str] = match wish {
        Wish::Hibernate => &[
            reason::INITIALIZED,
            reason::RESUMING_OR_RUNNING,
            reason::SYNC_SETS_APPLIED,
        ],
        Wish::Resume => &[reason::INITIALIZED, reason::STOPPING_OR_HIBERNATING],
    };
    before.contains(&condition.reason())
}

/// Follows a cluster, as a watch of it tells, until it is as wanted; what changes becomes a line of `out`.
///
/// # Errors
/// The watch is not allowed, or nothing can be written to `out`.
pub async fn follow(
    changes: impl Stream<Item = watcher::Result<Option<ClusterDeployment>>>,
    wish: Wish,
    patience: Duration,
    clock: &Clock,
    out: &mut impl Write,
) -> anyhow::Result<Ending> {
    let mut changes = pin!(changes);
    let began = clock.elapsed();
    let mut told = String::new();
    let mut tell = |line: String| -> io::Result<()> {
        if line != told {
            let since = SignedDuration::try_from(clock.elapsed().saturating_sub(began));
            let since = span(since.unwrap_or_default());
            writeln!(out, "{since:>8}  {line}")?;
            out.flush()?;
            told = line;
        }
        Ok(())
    };
    loop {
        let change = tokio::select! {
            biased;
            change = changes.next() => change,
            () = clock.sleep_until(began.saturating_add(patience)) => return Ok(Ending::TimedOut),
        };
        match change {
            Some(Ok(Some(cluster))) => {
                let (line, ending) = progress(&cluster, wish);
                tell(line)?;
                if let Some(ending) = ending {
                    return Ok(ending);
                }
            }
            Some(Ok(None)) | None => return Ok(Ending::Gone),
            Some(Err(error)) if is_refused(&error) => return Err(error.into()),
            Some(Err(error)) => tell(format!("the hub does not answer: {}", error_chain(&error)))?,
        }
    }
}

/// Whether the person may not watch: asking again does not help.
fn is_refused(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => matches!(status.code, 401 | 403),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use serde_json::{Value, json};

    use super::*;

    fn cluster(
        spec: &Value,
        annotations: &Value,
        conditions: &[(&str, &str, &str, &str)],
    ) -> ClusterDeployment {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(type_, status, reason, message)| {
                json!({"type": type_, "status": status, "reason": reason, "message": message})
            })
            .collect();
        let mut all = json!({
            "clusterName": "demo", "baseDomain": "example.com", "installed": true,
            "platform": {"aws": {"region": "us-east-1", "credentialsSecretRef": {"name": "creds"}}},
        });
        json_patch::merge(&mut all, spec);
        serde_json::from_value(json!({
            "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
            "metadata": {"name": "demo", "namespace": "team", "annotations": annotations},
            "spec": all, "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn running(power_state: Option<&str>) -> ClusterDeployment {
        let conditions = [
            (HIBERNATING, "False", "ResumingOrRunning", "it runs"),
            (READY, "True", "Running", "it works"),
        ];
        cluster(&json!({"powerState": power_state}), &json!({}), &conditions)
    }

    fn sleeping(power_state: &str) -> ClusterDeployment {
        let conditions = [
            (HIBERNATING, "True", "Hibernating", "it sleeps"),
            (READY, "False", "StoppingOrHibernating", "it sleeps"),
        ];
        cluster(&json!({"powerState": power_state}), &json!({}), &conditions)
    }

    fn step(power_state: &str, type_: &str, reason: &str, message: &str) -> ClusterDeployment {
        let conditions = [(type_, "False", reason, message)];
        cluster(&json!({"powerState": power_state}), &json!({}), &conditions)
    }

    #[test]
    fn the_wish_is_written_once_and_told() {
        let rows = [
            (running(None), Wish::Hibernate, "unset → Hibernating"),
            (
                running(Some("Running")),
                Wish::Hibernate,
                "Running → Hibernating",
            ),
            (running(Some("")), Wish::Resume, "unset → Running"),
            (
                sleeping("Hibernating"),
                Wish::Resume,
                "Hibernating → Running",
            ),
        ];
        for (cluster, wish, expected) in &rows {
            let asked = judge(cluster, *wish).unwrap();
            assert!(asked.write, "{expected}");
            let told = format!("(spec.powerState: {expected})");
            assert!(asked.says[0].ends_with(&told), "{:?}", asked.says);
        }
        let rows = [
            (sleeping("Hibernating"), Wish::Hibernate),
            (running(Some("Running")), Wish::Resume),
        ];
        for (cluster, wish) in &rows {
            let asked = judge(cluster, *wish).unwrap();
            assert!(!asked.write, "{wish:?}");
            assert!(
                asked.says[0].ends_with("nothing is changed"),
                "{:?}",
                asked.says
            );
        }
        let says = |cluster, wish| judge(&cluster, wish).unwrap().says[1].clone();
        assert_eq!(
            says(running(Some("Running")), Wish::Resume),
            "it runs already"
        );
        let sleeps = says(sleeping("Hibernating"), Wish::Hibernate);
        assert_eq!(sleeps, "its machines are stopped already");
        assert!(says(running(None), Wish::Hibernate).contains("the control plane last"));
        assert!(says(sleeping("Hibernating"), Wish::Resume).contains("the control plane first"));
    }

    #[test]
    fn others_who_decide_about_the_power_are_named() {
        let pool = json!({"namespace": "pools", "poolName": "small"});
        let spec =
            json!({"hibernateAfter": "8h", "clusterPoolRef": pool, "powerState": "Hibernating"});
        let forced = json!({skep::FORCE_HIBERNATION_ANNOTATION: "true"});
        let cluster = cluster(&spec, &forced, &[]);
        let says = judge(&cluster, Wish::Resume).unwrap().says.join("\n");
        assert!(says.contains("again when it has run for 8h"), "{says}");
        assert!(says.contains("free in the pool pools/small"), "{says}");
        assert!(!says.contains("force"), "{says}");
        let says = judge(&cluster, Wish::Hibernate).unwrap().says.join("\n");
        assert!(!says.contains("8h"), "{says}");
        assert!(
            says.contains("annotation skep.dev/force-hibernation"),
            "{says}"
        );
    }

    #[test]
    fn a_cluster_that_cannot_be_asked_says_why() {
        let mut deleted = running(None);
        let now = jiff::Timestamp::UNIX_EPOCH;
        deleted.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        let with = |name: &str| cluster(&json!({}), &json!({name: "true"}), &[]);
        let unsupported = [(HIBERNATING, "False", "Unsupported", "no machines there")];
        let unsupported = cluster(&json!({}), &json!({}), &unsupported);
        let refused = |cluster: &ClusterDeployment, expected| {
            assert_eq!(judge(cluster, Wish::Hibernate), Err(expected));
        };
        let early = cluster(&json!({"installed": false}), &json!({}), &[]);
        refused(&early, Refusal::NotInstalled);
        refused(&deleted, Refusal::BeingDeleted);
        for name in [annotation::RECONCILE_PAUSE, annotation::POWERSTATE_PAUSE] {
            refused(&with(name), Refusal::Paused(name));
        }
        let why = "no machines there".to_owned();
        refused(&unsupported, Refusal::Unsupported(why));
        assert!(judge(&unsupported, Wish::Resume).is_ok());
    }

    async fn followed(
        wish: Wish,
        changes: Vec<watcher::Result<Option<ClusterDeployment>>>,
    ) -> (anyhow::Result<Ending>, String) {
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
        // A change a minute, and then nothing more.
        let changes = stream::iter(changes)
            .then(|change| async {
                tokio::time::sleep(Duration::from_mins(1)).await;
                change
            })
            .chain(stream::pending());
        let mut out = Vec::new();
        let patience = Duration::from_mins(30);
        let ending = follow(changes, wish, patience, &clock, &mut out).await;
        (ending, String::from_utf8(out).unwrap())
    }

    fn trouble(code: u16) -> watcher::Error {
        let status = kube::core::Status::failure("no", "Refused").with_code(code);
        watcher::Error::WatchError(status.boxed())
    }

    #[tokio::test(start_paused = true)]
    async fn progress_is_told_when_it_changes() {
        let two = || {
            step(
                "Hibernating",
                HIBERNATING,
                "Stopping",
                "4 of 6 machines are stopped",
            )
        };
        let changes = vec![
            Ok(Some(running(Some("Hibernating")))),
            Ok(Some(two())),
            Ok(Some(two())),
            Err(trouble(500)),
            Ok(Some(sleeping("Hibernating"))),
        ];
        let (ending, told) = followed(Wish::Hibernate, changes).await;
        assert_eq!(ending.unwrap(), Ending::Reached);
        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        let [first, second, third, fourth] = lines[..] else {
            unreachable!("{told}")
        };
        assert_eq!(first, "1m 0s  waits for the hibernation controller");
        assert_eq!(second, "2m 0s  Stopping: 4 of 6 machines are stopped");
        assert!(
            third.starts_with("4m 0s  the hub does not answer"),
            "{third}"
        );
        assert_eq!(fourth, "5m 0s  Hibernating: it sleeps");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_runs_when_it_is_ready_and_not_before() {
        let changes = vec![
            Ok(Some(sleeping("Running"))),
            Ok(Some(step(
                "Running",
                READY,
                "WaitingForNodes",
                "2 of 6 nodes",
            ))),
            Ok(Some(running(Some("Running")))),
        ];
        let (ending, told) = followed(Wish::Resume, changes).await;
        assert_eq!(ending.unwrap(), Ending::Reached);
        assert!(told.contains("3m 0s  Running: it works"), "{told}");
        assert!(
            told.contains("2m 0s  WaitingForNodes: 2 of 6 nodes"),
            "{told}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_when_it_is_in_vain() {
        let slow = step("Running", READY, "WaitingForNodes", "2 of 6 nodes");
        let paused = json!({annotation::POWERSTATE_PAUSE: "true"});
        let paused = cluster(&json!({"powerState": "Running"}), &paused, &[]);
        for (last, expected) in [
            (None, Ending::TimedOut),
            (Some(None), Ending::Gone),
            (
                Some(Some(sleeping("Hibernating"))),
                Ending::Refused(Refusal::Overruled("Hibernating".into())),
            ),
            (
                Some(Some(paused)),
                Ending::Refused(Refusal::Paused(annotation::POWERSTATE_PAUSE)),
            ),
        ] {
            let changes = std::iter::once(Some(slow.clone())).chain(last).map(Ok);
            let (ending, _) = followed(Wish::Resume, changes.collect()).await;
            assert_eq!(ending.unwrap(), expected);
        }
        let (ending, _) = followed(Wish::Resume, vec![Err(trouble(403))]).await;
        assert!(ending.is_err(), "who may not watch would wait for ever");
    }
}
