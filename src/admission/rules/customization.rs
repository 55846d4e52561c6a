//! Rules about `ClusterDeploymentCustomization`s.
//!
//! Decides whether the patches have the form of patches; whether they apply shows on the cluster that
//! uses them. Mirrors docs/spec/41 §10 and docs/spec/30 §1.3.

use serde_json::value::RawValue;
use skep_crds::v1::cluster_deployment_customization::{
    ClusterDeploymentCustomizationSpec, PatchEntity, PatchOperation,
};

use super::cluster_deployment::too_long;
use super::names::LABEL;
use super::patches::pointer_problem;
use super::{Case, On, Rule, Table};
use crate::admission::verdict::{Findings, quoted};

type Spec = ClusterDeploymentCustomizationSpec;

pub(super) const TABLE: Table<Spec> = Table(&[&[
    Rule::new(
        On::Create,
        "clusterdeploymentcustomization/name-length",
        "the name has at most 63 characters",
        name_length,
    )
    .bad_request(),
    Rule::new(
        On::Write,
        "clusterdeploymentcustomization/patch-form",
        "patches have valid paths, sources and values",
        patch_form,
    )
    .mends(10)
    .spares_restored(),
    Rule::new(
        On::Write,
        "clusterdeploymentcustomization/manifest-glob",
        "manifests are chosen inside the installer's folder",
        manifest_glob,
    )
    .mends(10)
    .spares_restored(),
]]);

fn name_length(case: &Case<'_, Spec>, to: &mut Findings) {
    let length = case.meta.name().len();
    if length > LABEL {
        to.invalid("metadata.name", too_long(length));
    }
}

fn patch_form(case: &Case<'_, Spec>, to: &mut Findings) {
    for (index, patch) in case
        .spec
        .install_config_patches
        .iter()
        .flatten()
        .enumerate()
    {
        check(patch, &format!("spec.installConfigPatches[{index}]"), to);
    }
    for (outer, manifest) in case
        .spec
        .installer_manifest_patches
        .iter()
        .flatten()
        .enumerate()
    {
        for (index, patch) in manifest.patches.iter().enumerate() {
            let path = format!("spec.installerManifestPatches[{outer}].patches[{index}]");
            check(patch, &path, to);
        }
    }
}

fn check(patch: &PatchEntity, path: &str, to: &mut Findings) {
    if let Some(problem) = pointer_problem(&patch.path) {
        to.invalid(
            format!("{path}.path"),
            format!("{} {problem}", quoted(&patch.path)),
        );
    }
    let moves = matches!(patch.op, PatchOperation::Move | PatchOperation::Copy);
    match patch.from.as_deref() {
        Some(from) if moves => {
            if let Some(problem) = pointer_problem(from) {
                to.invalid(
                    format!("{path}.from"),
                    format!("{} {problem}", quoted(from)),
                );
            }
        }
        None if moves => {
            to.required(
                format!("{path}.from"),
                format!("must be set for {}", patch.op),
            );
        }
        _ => {}
    }
    let json = patch.value_json.as_deref().unwrap_or_default();
    if !json.is_empty() && serde_json::from_str::<&RawValue>(json).is_err() {
        // The value may be a credential: it is not repeated.
        to.invalid(
            format!("{path}.valueJSON"),
            "is not JSON: a text needs quotes",
        );
    }
}

fn manifest_glob(case: &Case<'_, Spec>, to: &mut Findings) {
    for (index, manifest) in case
        .spec
        .installer_manifest_patches
        .iter()
        .flatten()
        .enumerate()
    {
        let glob = &manifest.manifest_selector.glob;
        let path = format!("spec.installerManifestPatches[{index}].manifestSelector.glob");
        if glob.is_empty() {
            to.required(path, "must name manifests, such as manifests/*.yaml");
        } else if glob.starts_with('/') || glob.split('/').any(|part| part == "..") {
            let what = "must stay inside the installer's folder: no / at the beginning and no ..";
            to.invalid(path, format!("{} {what}", quoted(glob)));
        }
    }
}
