//! Rules about `SyncSet`s and `SelectorSyncSet`s.
//!
//! Decides whether what is to be synced has the form that it needs, and whose Secrets may be copied.
//! Whether the objects are good for the cluster is the cluster's business. Contents of objects are never
//! repeated in an answer: they may be Secrets.
//!
//! Mirrors docs/spec/41 §9.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use serde_json::Value;
use skep_crds::v1::selector_sync_set::SelectorSyncSetSpec;
use skep_crds::v1::sync_set::{
    PatchType, ResourceApplyMode, SyncObjectPatch, SyncSetCommonSpec, SyncSetSpec,
};

use super::patches::{json_patch_problem, merge_patch_problem};
use super::{Case, On, Rule, Table};
use crate::admission::verdict::{Findings, quoted};

pub(super) const TABLE: Table<SyncSetSpec> = Table(&[
    Shared::<SyncSetSpec>::RULES,
    &[Rule::new(
        On::Write,
        "syncset/own-secrets",
        "Secrets are copied from the sync set's own namespace",
        own_secrets,
    )],
]);

pub(super) const SELECTOR_TABLE: Table<SelectorSyncSetSpec> = Table(&[
    Shared::<SelectorSyncSetSpec>::RULES,
    &[
        Rule::new(
            On::Write,
            "selectorsyncset/source-namespaces",
            "Secrets are copied from namespaces that the hub's administrator listed, if there is a list",
            source_namespaces,
        )
        .mends(14),
        Rule::new(
            On::Write,
            "selectorsyncset/every-cluster",
            "an empty selector chooses every cluster",
            every_cluster,
        )
        .advice(),
    ],
]);

trait Syncs: 'static {
    fn common(&self) -> &SyncSetCommonSpec;
}

impl Syncs for SyncSetSpec {
    fn common(&self) -> &SyncSetCommonSpec {
        &self.common
    }
}

impl Syncs for SelectorSyncSetSpec {
    fn common(&self) -> &SyncSetCommonSpec {
        &self.common
    }
}

struct Shared<S>(PhantomData<S>);

impl<S: Syncs> Shared<S> {
    const RULES: &'static [Rule<S>] = &[
        Rule::new(
            On::Write,
            "syncset/resource",
            "a resource is an object with a kind",
            resource,
        ),
        Rule::new(
            On::Write,
            "syncset/resource-group",
            "roles and bindings are of the Kubernetes group",
            resource_group,
        ),
        Rule::new(
            On::Write,
            "syncset/patch-type",
            "a patch's type is json, merge or strategic",
            patch_type,
        ),
        Rule::new(
            On::Write,
            "syncset/secret-names",
            "Secrets to copy have names",
            secret_names,
        ),
        Rule::new(
            On::Write,
            "syncset/apply-mode",
            "`spec.resourceApplyMode` is Upsert or Sync",
            apply_mode,
        ),
        Rule::new(
            On::Write,
            "syncset/patch-form",
            "a patch can be read as what it is",
            patch_form,
        )
        .mends(10)
        .spares_restored(),
        Rule::new(
            On::Write,
            "syncset/secret-in-plain-sight",
            "a Secret with content should not stand among the resources",
            secret_in_plain_sight,
        )
        .advice(),
        Rule::new(
            On::Write,
            "syncset/same-resource-twice",
            "a resource stands in the list once",
            same_resource_twice,
        )
        .advice(),
    ];
}

/// Resources with their places.
fn resources<S: Syncs>(spec: &S) -> impl Iterator<Item = (String, &Value)> {
    let resources = spec.common().resources.iter().flatten().enumerate();
    resources.map(|(index, resource)| (format!("spec.resources[{index}]"), resource))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn resource<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    for (path, resource) in resources(case.spec) {
        if !resource.is_object() {
            to.invalid(path, "must be an object");
        } else if text(resource, "/kind").is_empty() {
            to.invalid(path, "must have a kind");
        }
    }
}

/// The group that OpenShift keeps for clients from before Kubernetes had these kinds.
const OLD_GROUP: &str = "authorization.openshift.io";
const OLD_KINDS: [&str; 5] = [
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "SubjectAccessReview",
];

fn resource_group<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    for (path, resource) in resources(case.spec) {
        let (version, kind) = (text(resource, "/apiVersion"), text(resource, "/kind"));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if group == OLD_GROUP && OLD_KINDS.contains(&kind) {
            to.invalid(
                format!("{path}.apiVersion"),
                format!(
                    "{kind} must be of Kubernetes' own group, not {}",
                    quoted(version)
                ),
            );
        }
    }
}

fn patches<S: Syncs>(spec: &S) -> impl Iterator<Item = (String, &SyncObjectPatch)> {
    let patches = spec.common().patches.iter().flatten().enumerate();
    patches.map(|(index, patch)| (format!("spec.patches[{index}]"), patch))
}

fn patch_type<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    for (path, patch) in patches(case.spec) {
        if let Some(PatchType::Other(other)) = &patch.patch_type {
            to.not_supported(format!("{path}.patchType"), other, PatchType::KNOWN);
        }
    }
}

fn patch_form<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    let templates = case.spec.common().enable_patch_templates.unwrap_or(false);
    for (path, patch) in patches(case.spec) {
        // A template is a patch only once it was filled in.
        if templates && patch.patch.contains("{{") {
            continue;
        }
        let problem = match &patch.patch_type {
            Some(PatchType::Json) => json_patch_problem(&patch.patch),
            None | Some(PatchType::Unset | PatchType::Strategic | PatchType::Merge) => {
                merge_patch_problem(&patch.patch)
            }
            Some(PatchType::Other(_)) => None,
        };
        if let Some(problem) = problem {
            to.invalid(format!("{path}.patch"), problem);
        }
    }
}

fn secret_names<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    for (index, mapping) in case
        .spec
        .common()
        .secret_mappings
        .iter()
        .flatten()
        .enumerate()
    {
        for (end, reference) in [
            ("sourceRef", &mapping.source_ref),
            ("targetRef", &mapping.target_ref),
        ] {
            if reference.name.is_empty() {
                let path = format!("spec.secretMappings[{index}].{end}.name");
                to.required(path, "must name a Secret");
            }
        }
    }
}

/// Namespaces of the Secrets to copy, with their paths; those that say none are left out.
fn sources<S: Syncs>(spec: &S) -> impl Iterator<Item = (String, &str)> {
    let mappings = spec.common().secret_mappings.iter().flatten().enumerate();
    mappings.filter_map(|(index, mapping)| {
        let namespace = mapping
            .source_ref
            .namespace
            .as_deref()
            .filter(|ns| !ns.is_empty())?;
        Some((
            format!("spec.secretMappings[{index}].sourceRef.namespace"),
            namespace,
        ))
    })
}

fn own_secrets(case: &Case<'_, SyncSetSpec>, to: &mut Findings) {
    let own = case.meta.namespace();
    for (path, namespace) in sources(case.spec).filter(|(_, namespace)| *namespace != own) {
        let (namespace, own) = (quoted(namespace), quoted(own));
        to.invalid(
            path,
            format!("{namespace} must be the sync set's own namespace, {own}"),
        );
    }
}

fn source_namespaces(case: &Case<'_, SelectorSyncSetSpec>, to: &mut Findings) {
    let Some(allowed) = &case.settings.secret_source_namespaces else {
        return;
    };
    for (path, namespace) in sources(case.spec).filter(|(_, ns)| !allowed.contains(*ns)) {
        let namespace = quoted(namespace);
        to.forbidden(
            path,
            format!("{namespace} is no namespace that Secrets may be copied from"),
        );
    }
}

fn apply_mode<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    if let Some(ResourceApplyMode::Other(other)) = &case.spec.common().resource_apply_mode {
        to.not_supported("spec.resourceApplyMode", other, ResourceApplyMode::KNOWN);
    }
}

fn secret_in_plain_sight<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    for (path, resource) in resources(case.spec) {
        let secret = text(resource, "/kind") == "Secret" && text(resource, "/apiVersion") == "v1";
        let filled = ["data", "stringData"].into_iter().any(|key| {
            resource
                .get(key)
                .and_then(Value::as_object)
                .is_some_and(|data| !data.is_empty())
        });
        if secret && filled {
            to.warn(
                &path,
                "this Secret can be read by everyone who may read sync sets: use secretMappings",
            );
        }
    }
}

fn same_resource_twice<S: Syncs>(case: &Case<'_, S>, to: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (path, resource) in resources(case.spec) {
        let name = text(resource, "/metadata/name");
        let identity = (
            text(resource, "/apiVersion"),
            text(resource, "/kind"),
            text(resource, "/metadata/namespace"),
            name,
        );
        if !name.is_empty() && !seen.insert(identity) {
            to.warn(
                &path,
                "is in the list already: the last one wins on every round",
            );
        }
    }
}

fn every_cluster(case: &Case<'_, SelectorSyncSetSpec>, to: &mut Findings) {
    let selector = case.spec.cluster_deployment_selector.as_ref();
    let empty = selector.is_none_or(|selector| {
        selector
            .match_labels
            .as_ref()
            .is_none_or(std::collections::BTreeMap::is_empty)
            && selector
                .match_expressions
                .as_ref()
                .is_none_or(Vec::is_empty)
    });
    if empty {
        to.warn(
            "spec.clusterDeploymentSelector",
            "is empty and chooses every cluster of the hub",
        );
    }
}
