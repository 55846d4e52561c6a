//! The whole run, and the second look: in-cluster controllers may create things until their machine
//! stops, and clouds list some things late. An account is called empty only after a listing without
//! gaps that was made after the quiet period and found nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    EraseContext, EraseError, EraseOptions, EraseRequest, EraseTarget, Receipt,
    execute::{Execution, Surroundings, Unfinished},
    fence,
    graph::Graph,
    inventory::Discovery,
    plan::{Action, Plan},
    progress::{Phase, Progress},
    receipt::Ledger,
    resource::{Kind, Presence, Resource, ResourceId},
};
use crate::clock::Monotonic;

pub(crate) async fn run(
    request: EraseRequest,
    target: Arc<dyn EraseTarget>,
    context: EraseContext,
) -> Result<Receipt, EraseError> {
    let EraseRequest {
        ref facts,
        ref options,
        ..
    } = request;
    show(&context, Phase::Fence);
    let account = fence(&request, &*target).await?;
    let started = context.clock.now();
    let mut ledger = Ledger::new(&facts.infra_id, &account, started, request.previous.clone());
    let around = Surroundings {
        facts,
        account: &account,
        options,
        target: &target,
        context: &context,
        started: Monotonic::start(),
    };
    let ended = Box::pin(rounds(&request, &around, &mut ledger)).await;
    let receipt = |ledger: &Ledger| Receipt {
        under_way: false,
        ..ledger.receipt(&ledger.unfinished, context.clock.now(), target.calls())
    };
    match ended {
        Ok(complete) => {
            let receipt = Receipt {
                complete,
                ..receipt(&ledger)
            };
            show(&context, Phase::Receipt);
            ledger.checkpoint(&context, &receipt).await?;
            Ok(receipt)
        }
        Err(error) => Err(error.with_receipt(receipt(&ledger))),
    }
}

/// Discover, plan, execute, and again until a listing finds nothing or nothing moves any more. Says
/// whether the account was seen empty.
async fn rounds(
    request: &EraseRequest,
    around: &Surroundings<'_>,
    ledger: &mut Ledger,
) -> Result<bool, EraseError> {
    let Surroundings {
        facts,
        account,
        options,
        target,
        context,
        started,
    } = around;
    let mut stuck: Option<BTreeSet<ResourceId>> = None;
    for round in 0..=options.sweeps {
        let (reason, phase) = match round {
            0 => (ledger.first_reason(), Phase::Execute),
            _ => ("sweep", Phase::Sweep),
        };
        show(
            context,
            if round == 0 {
                Phase::Discover
            } else {
                Phase::Sweep
            },
        );
        let listed_at = started.elapsed();
        let discovery = discover(around, ledger).await?;
        if round == 0 && discovery.control_plane_ended {
            // Seen only as a tombstone: it ended at an unknown time, at the latest now.
            ledger.control_plane_ended = Some(listed_at);
        }
        let mut graph = Graph::new(target.kinds());
        let Discovery {
            resources,
            gaps,
            control_plane_ended,
        } = discovery;
        graph
            .add(facts, resources)
            .map_err(|fault| EraseError::Inventory(fault.to_string()))?;
        let plan = Plan::of_graph(facts, account, &graph, &gaps, control_plane_ended, reason);
        ledger.control_plane |= plan.control_plane;
        ledger.gaps.clone_from(&plan.gaps);
        ledger.untouched.clone_from(&plan.untouched);
        ledger.listed = gaps.is_empty();
        let reasons = std::mem::take(&mut ledger.unfinished);
        ledger.follow_up(&reasons, context.clock.now(), |id| {
            graph.find(id).is_some() || graph.untouched.contains_key(id)
        });
        let claimed = plan.untouched.iter().any(|item| item.ours);

        if plan.is_empty() {
            let sure = request.account.is_some() || request.acknowledge_empty;
            if round == 0 && !sure && !claimed && gaps.is_empty() && !ledger.found_before() {
                return Err(EraseError::EmptyUnconfirmed {
                    infra_id: facts.infra_id.clone(),
                    found: (*account).clone(),
                });
            }
            if settled(ledger, options, listed_at) || !gaps.is_empty() {
                return Ok(gaps.is_empty() && !claimed);
            }
            quiet(around, ledger).await?;
            continue;
        }
        let now: BTreeSet<ResourceId> = plan.steps.iter().map(|step| step.id.clone()).collect();
        if stuck.as_ref().is_some_and(|stuck| now.is_subset(stuck)) {
            // The same as before and nothing new: trying again at once would change nothing.
            ledger.unfinished = remaining(&graph, &reasons);
            return Ok(false);
        }
        check_cancel(context)?;
        ledger.record_plan(context, &plan).await?;
        let before = remaining(&graph, &[]);
        let so_far = ledger.receipt(&before, context.clock.now(), target.calls());
        ledger.checkpoint(context, &so_far).await?;
        ledger.unfinished = before;
        Execution::new(around, ledger, graph, phase).run().await?;
        let left: BTreeSet<ResourceId> = ledger
            .unfinished
            .iter()
            .map(|step| step.resource.id.clone())
            .collect();
        stuck = (!left.is_empty()).then_some(left);
        quiet(around, ledger).await?;
    }
    Ok(false)
}

/// Whether a listing made at `listed_at` saw whatever a control plane may have left.
fn settled(ledger: &mut Ledger, options: &EraseOptions, listed_at: Duration) -> bool {
    if !ledger.control_plane {
        return true;
    }
    let ended = *ledger.control_plane_ended.get_or_insert(listed_at);
    let settled = listed_at >= ended + options.quiet_period;
    ledger.swept |= settled;
    settled
}

/// Waits for the rest of the quiet period, which began when the control plane ended.
async fn quiet(around: &Surroundings<'_>, ledger: &mut Ledger) -> Result<(), EraseError> {
    let Surroundings {
        options,
        context,
        started,
        ..
    } = around;
    check_cancel(context)?;
    if !ledger.control_plane {
        return Ok(());
    }
    let now = started.elapsed();
    let ended = *ledger.control_plane_ended.get_or_insert(now);
    let rest = (ended + options.quiet_period).saturating_sub(now);
    if !rest.is_zero() {
        show(context, Phase::Quiet);
        tokio::select! {
            () = context.cancel.cancelled() => {}
            () = tokio::time::sleep(rest) => {}
        }
        ledger.imposed_wait += started.elapsed().saturating_sub(now);
        check_cancel(context)?;
    }
    Ok(())
}

/// Lists, and drops what is listed although it was seen gone: search indexes forget late, and a
/// straggler of the same identifier is told from a ghost by describing it.
async fn discover(around: &Surroundings<'_>, ledger: &Ledger) -> Result<Discovery, EraseError> {
    let mut discovery = around
        .target
        .discover()
        .await
        .map_err(|error| EraseError::Discover {
            source: Box::new(error),
            receipt: None,
        })?;
    let mut kept = Vec::new();
    let mut by_kind: BTreeMap<Kind, Vec<Resource>> = BTreeMap::new();
    for resource in discovery.resources {
        if ledger.was_deleted(&resource.id) {
            by_kind
                .entry(resource.kind.clone())
                .or_default()
                .push(resource);
        } else {
            kept.push(resource);
        }
    }
    for suspects in by_kind.into_values() {
        let size = around
            .target
            .kinds()
            .iter()
            .find(|spec| {
                suspects
                    .first()
                    .is_some_and(|suspect| suspect.kind == spec.kind)
            })
            .map_or(1, |spec| spec.describe_batch.max(1));
        for chunk in suspects.chunks(size) {
            match around.target.describe(chunk).await {
                Ok(found) => kept.extend(
                    chunk
                        .iter()
                        .zip(found)
                        .filter(|(_, presence)| *presence != Presence::Gone)
                        .map(|(suspect, _)| suspect.clone()),
                ),
                // Better deleted once more than believed gone.
                Err(_) => kept.extend_from_slice(chunk),
            }
        }
    }
    discovery.resources = kept;
    Ok(discovery)
}

/// Everything of a graph as unfinished, with the reasons known from before.
fn remaining(graph: &Graph, known: &[Unfinished]) -> Vec<Unfinished> {
    graph
        .nodes()
        .map(|index| graph.node(index))
        .filter(|node| node.action != Action::Release)
        .map(|node| Unfinished {
            resource: Arc::clone(&node.resource),
            why: known
                .iter()
                .find(|step| step.resource.id == node.resource.id)
                .map_or_else(|| "not begun".to_owned(), |step| step.why.clone()),
        })
        .collect()
}

fn check_cancel(context: &EraseContext) -> Result<(), EraseError> {
    if context.cancel.is_cancelled() {
        Err(EraseError::Cancelled { receipt: None })
    } else {
        Ok(())
    }
}

fn show(context: &EraseContext, phase: Phase) {
    context
        .progress
        .send_if_modified(|progress: &mut Progress| {
            let changed = progress.phase != phase;
            progress.phase = phase;
            changed
        });
}
