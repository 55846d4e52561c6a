//! Rules about `ClusterProvision`s.
//!
//! Decides whether an attempt is possible as it is written, and which stage may follow which. What must
//! not change is in [`super::fields`]. Mirrors docs/spec/41 §7.

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::Value;
use skep_crds::{ClusterProvisionSpec, LocalObjectReference, Stage};

use super::{Case, On, Rule, Table, quantity};
use crate::admission::decode::typed_tree;
use crate::admission::verdict::Findings;

type Spec = ClusterProvisionSpec;

const fn write(id: &'static str, says: &'static str, check: super::Check<Spec>) -> Rule<Spec> {
    Rule::new(On::Write, id, says, check)
}

pub(super) const TABLE: Table<Spec> = Table(&[&[
    write(
        "clusterprovision/cluster",
        "`spec.clusterDeploymentRef` has a name",
        cluster,
    ),
    write(
        "clusterprovision/attempt",
        "`spec.attempt` is not negative",
        attempt,
    ),
    write("clusterprovision/stage", "`spec.stage` is a stage", stage),
    Rule::new(
        On::Create,
        "clusterprovision/pod",
        "`spec.podSpec` can be read as what a pod is made of",
        pod,
    )
    .bad_request(),
    write(
        "clusterprovision/adopted-attempt",
        "a cluster that was installed elsewhere (no containers) has no attempt number",
        adopted_attempt,
    ),
    write(
        "clusterprovision/adopted-stage",
        "a cluster that was installed elsewhere is complete",
        adopted_stage,
    ),
    write(
        "clusterprovision/adopted-previous",
        "a cluster that was installed elsewhere has no previous attempt",
        adopted_previous,
    ),
    write(
        "clusterprovision/infra-id",
        "from stage provisioning to complete there is an infra ID",
        infra_id,
    ),
    write(
        "clusterprovision/admin-secrets",
        "in stage complete there are the administrator's Secrets",
        admin_secrets,
    ),
    write(
        "clusterprovision/empty-ids",
        "identifiers are absent rather than empty",
        empty_ids,
    ),
    write(
        "clusterprovision/empty-secrets",
        "references to Secrets have names",
        empty_secrets,
    ),
    Rule::new(
        On::Update,
        "clusterprovision/stage-order",
        "initializing → provisioning or failed, provisioning → complete or failed, nothing else",
        stage_order,
    ),
]]);

/// Whether there is no pod that installs: the cluster was installed elsewhere.
fn is_adopted(spec: &Spec) -> bool {
    let containers = spec.pod_spec.get("containers").and_then(Value::as_array);
    containers.is_none_or(Vec::is_empty)
}

/// The schema leaves the pod open; whoever starts it cannot.
fn pod(case: &Case<'_, Spec>, to: &mut Findings) {
    let mut pod = case.spec.pod_spec.clone();
    quantity::write_as_text(&mut pod);
    if let Err(error) = typed_tree::<PodSpec>(&pod, "spec.podSpec") {
        to.invalid(error.field, error.message);
    }
}

fn cluster(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.cluster_deployment().is_empty() {
        to.required(
            "spec.clusterDeploymentRef.name",
            "must name the cluster that is installed",
        );
    }
}

fn attempt(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.attempt < 0 {
        to.invalid(
            "spec.attempt",
            format!("{} must not be negative", case.spec.attempt),
        );
    }
}

fn stage(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Stage::Other(other) = &case.spec.stage {
        to.not_supported("spec.stage", other, Stage::KNOWN);
    }
}

fn adopted_attempt(case: &Case<'_, Spec>, to: &mut Findings) {
    if is_adopted(case.spec) && case.spec.attempt != 0 {
        let what = "must be 0 without containers in podSpec: the cluster was installed elsewhere";
        to.invalid("spec.attempt", format!("{} {what}", case.spec.attempt));
    }
}

fn adopted_stage(case: &Case<'_, Spec>, to: &mut Findings) {
    if is_adopted(case.spec) && case.spec.stage != Stage::Complete {
        let what =
            "must be complete without containers in podSpec: the cluster was installed elsewhere";
        to.invalid("spec.stage", what);
    }
}

fn adopted_previous(case: &Case<'_, Spec>, to: &mut Findings) {
    if !is_adopted(case.spec) {
        return;
    }
    for (path, set) in [
        ("spec.prevClusterID", case.spec.prev_cluster_id.is_some()),
        ("spec.prevInfraID", case.spec.prev_infra_id.is_some()),
    ] {
        if set {
            let what = "must not be set without containers in podSpec: there was no attempt before";
            to.invalid(path, what);
        }
    }
}

fn infra_id(case: &Case<'_, Spec>, to: &mut Findings) {
    let needed = matches!(case.spec.stage, Stage::Provisioning | Stage::Complete);
    if needed && case.spec.infra_id.is_none() {
        to.required(
            "spec.infraID",
            format!("must be set in stage {}", case.spec.stage),
        );
    }
}

fn admin_secrets(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.stage != Stage::Complete {
        return;
    }
    for (path, reference) in secrets(case.spec) {
        if reference.is_none() {
            to.required(path, "must be set in stage complete");
        }
    }
}

fn secrets(spec: &Spec) -> [(&'static str, Option<&LocalObjectReference>); 2] {
    [
        (
            "spec.adminKubeconfigSecretRef",
            spec.admin_kubeconfig_secret_ref.as_ref(),
        ),
        (
            "spec.adminPasswordSecretRef",
            spec.admin_password_secret_ref.as_ref(),
        ),
    ]
}

fn empty_ids(case: &Case<'_, Spec>, to: &mut Findings) {
    for (path, id) in [
        ("spec.clusterID", &case.spec.cluster_id),
        ("spec.infraID", &case.spec.infra_id),
        ("spec.prevClusterID", &case.spec.prev_cluster_id),
        ("spec.prevInfraID", &case.spec.prev_infra_id),
    ] {
        if id.as_ref().is_some_and(String::is_empty) {
            to.invalid(path, "must not be empty: leave it out until it is known");
        }
    }
}

fn empty_secrets(case: &Case<'_, Spec>, to: &mut Findings) {
    for (path, reference) in secrets(case.spec) {
        if reference.is_some_and(|reference| reference.name.is_empty()) {
            to.invalid(format!("{path}.name"), "must not be empty");
        }
    }
}

fn stage_order(case: &Case<'_, Spec>, to: &mut Findings) {
    let Some((_, old)) = case.old else { return };
    let (was, is) = (&old.stage, &case.spec.stage);
    let follows = match was {
        Stage::Initializing => matches!(is, Stage::Provisioning | Stage::Failed),
        Stage::Provisioning => matches!(is, Stage::Complete | Stage::Failed),
        Stage::Complete | Stage::Failed => false,
        // A stage that no rule allows: leaving it repairs the object.
        Stage::Other(_) => true,
    };
    if was != is && !follows {
        to.invalid("spec.stage", format!("cannot follow {was}: {is}"));
    }
}
