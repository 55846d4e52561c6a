//! Reads what a decision about a cluster's power looks at.
//!
//! From the stores and the memory of looks; live, the cloud is asked for the machines as they are now, but
//! only where one may have to be started or stopped.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use skep_crds::names::condition::cd::{HIBERNATING, READY};
use skep_crds::names::skep::{EXPECTED_MACHINES_ANNOTATION, FORCE_HIBERNATION_ANNOTATION};
use skep_crds::names::{annotation, label};
use skep_crds::platform::PlatformKind;
use skep_crds::v1::cluster_deployment::PowerState;
use skep_crds::{ClusterDeployment, ClusterSync, condition};

use super::observed::{
    Failures, Fleet, Gate, Glimpse, Look, Observed, Operator, Pool, Said, Sight, Sighted, SyncSets,
    Timer, Wanted,
};
use super::{Error, Hibernation};
use crate::controllers::cluster_deployment::duration;
use crate::controllers::gates;
use crate::plan::Note;
use crate::remote::view::{ConditionSeen, OperatorSeen, Seen, View};
use crate::remote::{Known, Target};
use crate::runtime::{At, Freshness, Memory, Observation};

/// Longer than a look takes, by either URL.
const LONGEST_LOOK: SignedDuration = SignedDuration::from_secs(45);

pub(super) async fn observe(
    hibernation: &Hibernation,
    root: Arc<ClusterDeployment>,
    how: Freshness,
    memory: &Memory,
) -> Result<Observation<Observed>, Error> {
    let shared = &hibernation.shared;
    let supported = shared.clouds.supports(root.spec.platform.kind());
    let gate = match gates::closed(&root) {
        Some(gates::Gate::Paused) => return Ok(Observation::Skip(Note::paused())),
        Some(gates::Gate::Deleting) => Some(Gate::Deleting),
        Some(gates::Gate::NotInstalled) => Some(Gate::NotInstalled),
        closed @ (Some(gates::Gate::NoMetadata) | None) => own_gate(&root, closed, supported),
    };
    let sync = shared
        .context
        .reader
        .get(
            how,
            &shared.stores.cluster_syncs,
            &root.namespace().unwrap_or_default(),
            &root.name_any(),
        )
        .await
        .map_err(|source| Error::Read {
            what: "the ClusterSync",
            source,
        })?;
    let uid = root.uid().unwrap_or_default();
    let known = Target::of(&root).map(|target| shared.remotes.known(&target));
    let mut observed = parse(&root, gate, sync.as_deref(), memory);
    observed.fleet = hibernation.fleets.known(&uid);
    observed.cluster = glimpse(known);
    observed.cluster.acted = hibernation.fleets.changed_inside(&uid);
    if how == Freshness::Live && observed.gate.is_none() && !observed.fake && may_act(&observed) {
        observed.fleet = Fleet {
            asked: Some(shared.context.clock.now()),
            sight: hibernation.fleets.ask(&root, Duration::ZERO).await,
            ..observed.fleet
        };
    }
    Ok(Observation::Of(observed))
}

/// Whether a machine may have to be started or stopped: on the way between two states, and where one was
/// found that is not as it should be.
fn may_act(observed: &Observed) -> bool {
    let strays = match &observed.fleet.sight {
        Sight::Seen { machines, .. } => machines.iter().any(|machine| {
            use skep_providers::power::PowerState as Power;
            match observed.wanted {
                Wanted::Running => machine.power == Power::Stopped,
                Wanted::Hibernating => matches!(machine.power, Power::Running | Power::Pending),
            }
        }),
        Sight::Unseen | Sight::Lost { .. } => false,
    };
    strays || !observed.is_settled()
}

/// The gates that are of this controller alone.
pub(super) fn own_gate(
    root: &ClusterDeployment,
    closed: Option<gates::Gate>,
    supported: bool,
) -> Option<Gate> {
    let is = |name: &str| annotation::is_true(root.annotations().get(name).map(String::as_str));
    let platform = root.spec.platform.kind();
    let fake = is(annotation::FAKE_CLUSTER);
    if is(annotation::POWERSTATE_PAUSE) {
        return Some(Gate::Paused);
    }
    if platform == PlatformKind::Azure && is(annotation::INFRA_DISABLED) {
        let words = "the cluster's infrastructure is disabled; it is taken to run";
        return Some(Gate::Unsupported(words.to_owned()));
    }
    if !supported && !fake {
        let words = format!(
            "machines of platform {} cannot be stopped; the cluster is taken to run",
            platform.label()
        );
        return Some(Gate::Unsupported(words));
    }
    (closed == Some(gates::Gate::NoMetadata) && !fake).then_some(Gate::NoMetadata)
}

/// Everything that follows from the objects alone.
pub(super) fn parse(
    root: &ClusterDeployment,
    gate: Option<Gate>,
    sync: Option<&ClusterSync>,
    memory: &Memory,
) -> Observed {
    let of = |name: &str| root.annotations().get(name).map(String::as_str);
    let is = |name: &str| annotation::is_true(of(name));
    let skips = root.labels().get(label::RESUME_SKIPS_CLUSTER_OPERATORS);
    let failed = |step: &str| {
        memory
            .failure_named(step)
            .map(|failure| failure.message.clone())
    };
    Observed {
        at: At::of(root),
        gate,
        fake: is(annotation::FAKE_CLUSTER),
        wanted: match root.spec.power_state {
            Some(PowerState::Hibernating) => Wanted::Hibernating,
            Some(PowerState::Unset | PowerState::Running | PowerState::Other(_)) | None => {
                Wanted::Running
            }
        },
        forced: is(FORCE_HIBERNATION_ANNOTATION),
        skips_operators: annotation::is_true(skips.map(String::as_str)),
        timer: timer(root),
        hibernating: said(root, HIBERNATING),
        ready: said(root, READY),
        sync_sets: sync_sets(sync),
        expected: of(EXPECTED_MACHINES_ANNOTATION).and_then(|text| text.parse().ok()),
        fleet: Fleet::default(),
        cluster: Glimpse::default(),
        failures: Failures {
            stop: failed("Stop"),
            start: failed("Start"),
        },
    }
}

fn said(root: &ClusterDeployment, type_: &str) -> Option<Said> {
    let found = condition::find(root.conditions(), type_)?;
    let created = root.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let since = found.last_transition_time.map(|time| time.0).or(created)?;
    Some(Said {
        status: found.status.clone(),
        reason: found.reason().to_owned(),
        since,
        written: found.last_probe_time.map_or(since, |time| time.0),
    })
}

fn timer(root: &ClusterDeployment) -> Timer {
    let pool = match &root.spec.cluster_pool_ref {
        None => Pool::None,
        Some(pool) => {
            let claim = pool.claim_name.as_deref().unwrap_or_default();
            match pool.claimed_timestamp {
                Some(at) if !claim.is_empty() => Pool::Claimed(at.0),
                Some(_) | None => Pool::Free,
            }
        }
    };
    let status = root.status.as_ref();
    Timer {
        after: root.spec.hibernate_after.as_deref().and_then(duration),
        installed: status
            .and_then(|status| status.installed_timestamp)
            .map(|time| time.0),
        pool,
    }
}

/// A cluster that nobody syncs anything to has no `ClusterSync`.
fn sync_sets(sync: Option<&ClusterSync>) -> SyncSets {
    let Some(sync) = sync else {
        return SyncSets::Applied;
    };
    let status = sync.status.as_ref();
    let applied = status.is_some_and(|status| status.first_success_time.is_some());
    if applied {
        SyncSets::Applied
    } else {
        SyncSets::Awaited
    }
}

pub(super) fn glimpse(known: Option<Known>) -> Glimpse {
    let Some(known) = known else {
        return Glimpse::default();
    };
    let last = known.view.as_deref();
    Glimpse {
        last: last.map(|view| look(&known, view)),
        looking: known.looking,
        acted: None,
    }
}

fn look(known: &Known, view: &View) -> Look {
    // While another is under way, or after one that came to nothing, the beginning of this one is not
    // known any more.
    let tried = known
        .tried
        .filter(|tried| !known.looking && *tried <= view.at);
    let earliest = || {
        view.at
            .saturating_sub(LONGEST_LOOK)
            .unwrap_or(Timestamp::MIN)
    };
    Look {
        began: tried.unwrap_or_else(earliest),
        at: view.at,
        seen: match &view.seen {
            Ok(seen) => Ok(sighted(seen)),
            Err(failure) => Err(failure.message.clone()),
        },
    }
}

fn sighted(seen: &Seen) -> Sighted {
    Sighted {
        upgrading: seen
            .version
            .as_ref()
            .is_some_and(|version| version.progressing),
        operators: seen.operators.iter().map(operator).collect(),
        waking: seen.waking.clone(),
    }
}

fn operator(seen: &OperatorSeen) -> Operator {
    let of = |type_: &str, status: &str| {
        let mut all = seen.conditions.iter();
        all.find(|condition| condition.type_ == type_ && condition.status == status)
    };
    let reason = |condition: &ConditionSeen| condition.reason.clone();
    Operator {
        name: seen.name.clone(),
        unavailable: of("Available", "False").map(reason),
        degraded: of("Degraded", "True").map(reason),
        progressing: of("Progressing", "True").map(reason),
        disabled: of("Disabled", "True").is_some(),
        changed: seen
            .conditions
            .iter()
            .filter_map(|condition| condition.since)
            .max(),
    }
}
