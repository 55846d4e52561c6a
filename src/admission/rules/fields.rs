//! The fields that must not change, or only in one direction: one table for all kinds.
//!
//! The webhook judges updates by it, and the policies that protect data on a hub without the webhook
//! are generated from it, so that both say the same. Decides by trees rather than by types: what is
//! protected stays protected in an object that does not decode.
//!
//! Of the entries that are at or above a changed field the one with the longest path decides. An entry
//! with [`Change::Free`] is therefore an exception from the one above it. Absent and empty are the same
//! (see [`super::diff`]).
//!
//! Mirrors docs/spec/41 §3.3, §5, §7, §8 and §13.

use serde_json::Value;
use skep_crds::names::annotation::{self, OVERRIDE_MACHINE_POOL_PLATFORM};

use super::diff::{self, Difference, at, is_empty};
use crate::admission::decode::Meta;
use crate::admission::verdict::{Findings, Style};

/// How a field may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// In any way: an exception from the entry above.
    Free,
    /// Not at all, not even from absent to present.
    Never,
    /// Once, from absent to present.
    OnceSet,
    /// In any way but from present to absent.
    NotCleared,
    /// In any way but from there, empty or not, to not there.
    NotRemoved,
    /// In any way but between absent and present.
    SamePresence,
    /// Only in the update that makes the field at this path present, and not from being absent itself.
    WithFirst(&'static str),
}

impl Change {
    /// What the entry allows, as the table in docs/admission.md says it.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Free => "may change",
            Self::Never => "must not change",
            Self::OnceSet => "may be set once",
            Self::NotCleared => "may change, but not be removed or emptied",
            Self::NotRemoved => "may change, but not be removed",
            Self::SamePresence => "may be neither added nor removed",
            Self::WithFirst(_) => "may change once, together with the named field's first value",
        }
    }
}

/// Since when an entry binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Since the object exists.
    Creation,
    /// Since `spec.installed` is true.
    Installed,
}

/// One entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Id of the rule.
    pub id: &'static str,
    /// Resource whose objects are meant.
    pub resource: &'static str,
    /// JSON path; what is below is meant too.
    pub path: &'static str,
    /// How it may change.
    pub change: Change,
    /// Since when that is so.
    pub since: Since,
    /// Which refusal a forbidden change leads to.
    pub style: Style,
    /// Annotation on the new object that lifts the entry when it means yes.
    pub unless: Option<&'static str>,
}

impl Field {
    const fn new(
        id: &'static str,
        resource: &'static str,
        path: &'static str,
        change: Change,
    ) -> Self {
        Self {
            id,
            resource,
            path,
            change,
            since: Since::Creation,
            style: Style::Invalid,
            unless: None,
        }
    }

    const fn bad_request(self) -> Self {
        Self {
            style: Style::BadRequest,
            ..self
        }
    }

    const fn once_installed(self) -> Self {
        Self {
            since: Since::Installed,
            ..self
        }
    }

    const fn unless(self, annotation: &'static str) -> Self {
        Self {
            unless: Some(annotation),
            ..self
        }
    }

    /// Whether a field at `path` is this entry's field or below it.
    fn covers(&self, path: &str) -> bool {
        path.strip_prefix(self.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

const CD: &str = "clusterdeployments";
const PROVISION: &str = "clusterprovisions";
const POOL: &str = "machinepools";
const ZONE: &str = "dnszones";

/// The table.
pub const FIELDS: &[Field] = &[
    Field::new(
        "clusterdeployment/base-domain-stays",
        CD,
        "spec.baseDomain",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/signing-key-stays",
        CD,
        "spec.boundServiceAccountSigningKeySecretRef",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/install-ref-stays",
        CD,
        "spec.clusterInstallRef",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/cluster-name-stays",
        CD,
        "spec.clusterName",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/manage-dns-stays",
        CD,
        "spec.manageDNS",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/platform-stays",
        CD,
        "spec.platform",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/agent-selector-may-change",
        CD,
        "spec.platform.agentBareMetal.agentSelector",
        Change::Free,
    ),
    Field::new(
        "clusterdeployment/allowed-principals-may-change",
        CD,
        "spec.platform.aws.privateLink.additionalAllowedPrincipals",
        Change::Free,
    ),
    Field::new(
        "clusterdeployment/discard-local-ssd-may-change",
        CD,
        "spec.platform.gcp.discardLocalSsdOnHibernate",
        Change::Free,
    ),
    // The one conversion of a stored shape: from the flat fields to failure domains.
    Field::new(
        "clusterdeployment/vsphere-converts-once",
        CD,
        "spec.platform.vsphere",
        Change::WithFirst("spec.platform.vsphere.infrastructure"),
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/provisioning-stays",
        CD,
        "spec.provisioning",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/pull-secret-stays",
        CD,
        "spec.pullSecretRef",
        Change::Never,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/ingress-not-emptied",
        CD,
        "spec.ingress",
        Change::NotCleared,
    )
    .bad_request(),
    Field::new(
        "clusterdeployment/installed-stays",
        CD,
        "spec.installed",
        Change::NotCleared,
    ),
    Field::new(
        "clusterdeployment/metadata-stays",
        CD,
        "spec.clusterMetadata",
        Change::OnceSet,
    )
    .once_installed(),
    Field::new(
        "clusterdeployment/metadata-platform-once",
        CD,
        "spec.clusterMetadata.platform",
        Change::OnceSet,
    )
    .once_installed(),
    Field::new(
        "clusterdeployment/resource-group-not-cleared",
        CD,
        "spec.clusterMetadata.platform.azure.resourceGroupName",
        Change::NotRemoved,
    )
    .once_installed(),
    Field::new(
        "clusterdeployment/hosted-zone-role-not-cleared",
        CD,
        "spec.clusterMetadata.platform.aws.hostedZoneRole",
        Change::NotRemoved,
    )
    .once_installed(),
    Field::new(
        "clusterdeployment/network-project-not-cleared",
        CD,
        "spec.clusterMetadata.platform.gcp.networkProjectID",
        Change::NotRemoved,
    )
    .once_installed(),
    Field::new(
        "clusterdeployment/metadata-json-not-cleared",
        CD,
        "spec.clusterMetadata.metadataJSONSecretRef",
        Change::NotCleared,
    )
    .once_installed(),
    Field::new(
        "clusterdeployment/pool-ref-presence",
        CD,
        "spec.clusterPoolRef",
        Change::SamePresence,
    ),
    Field::new(
        "clusterdeployment/pool-namespace-stays",
        CD,
        "spec.clusterPoolRef.namespace",
        Change::Never,
    ),
    Field::new(
        "clusterdeployment/pool-name-stays",
        CD,
        "spec.clusterPoolRef.poolName",
        Change::Never,
    ),
    Field::new(
        "clusterdeployment/pool-customization-stays",
        CD,
        "spec.clusterPoolRef.clusterDeploymentCustomization",
        Change::Never,
    ),
    Field::new(
        "clusterdeployment/claim-stays",
        CD,
        "spec.clusterPoolRef.claimName",
        Change::OnceSet,
    ),
    Field::new(
        "clusterprovision/cluster-stays",
        PROVISION,
        "spec.clusterDeploymentRef.name",
        Change::Never,
    ),
    Field::new(
        "clusterprovision/pod-stays",
        PROVISION,
        "spec.podSpec",
        Change::Never,
    ),
    Field::new(
        "clusterprovision/attempt-stays",
        PROVISION,
        "spec.attempt",
        Change::Never,
    ),
    Field::new(
        "clusterprovision/previous-cluster-stays",
        PROVISION,
        "spec.prevClusterID",
        Change::Never,
    ),
    Field::new(
        "clusterprovision/previous-infra-stays",
        PROVISION,
        "spec.prevInfraID",
        Change::Never,
    ),
    Field::new(
        "clusterprovision/cluster-id-once",
        PROVISION,
        "spec.clusterID",
        Change::OnceSet,
    ),
    Field::new(
        "clusterprovision/infra-id-once",
        PROVISION,
        "spec.infraID",
        Change::OnceSet,
    ),
    Field::new(
        "clusterprovision/kubeconfig-once",
        PROVISION,
        "spec.adminKubeconfigSecretRef",
        Change::OnceSet,
    ),
    Field::new(
        "clusterprovision/password-once",
        PROVISION,
        "spec.adminPasswordSecretRef",
        Change::OnceSet,
    ),
    Field::new(
        "machinepool/cluster-stays",
        POOL,
        "spec.clusterDeploymentRef",
        Change::Never,
    ),
    Field::new("machinepool/name-stays", POOL, "spec.name", Change::Never),
    Field::new(
        "machinepool/platform-stays",
        POOL,
        "spec.platform",
        Change::Never,
    )
    .unless(OVERRIDE_MACHINE_POOL_PLATFORM),
    Field::new("dnszone/zone-stays", ZONE, "spec.zone", Change::Never).bad_request(),
];

/// Top-level fields of specifications that the table leaves free. Together with [`FIELDS`] they are all
/// fields of the kind, which a test compares with the schema: a new field is a decision.
pub const FREE: &[(&str, &[&str])] = &[
    (
        CD,
        &[
            "certificateBundles",
            "controlPlaneConfig",
            "hibernateAfter",
            "installAttemptsLimit",
            "powerState",
            "preserveOnDelete",
        ],
    ),
    (
        PROVISION,
        &[
            "installLog",
            "metadata",
            "metadataJSON",
            "prevProvisionName",
            "stage",
        ],
    ),
    (
        POOL,
        &[
            "autoscaling",
            "labels",
            "machineLabels",
            "replicas",
            "taints",
        ],
    ),
    (
        ZONE,
        &[
            "aws",
            "azure",
            "gcp",
            "linkToParentDomain",
            "preserveOnDelete",
        ],
    ),
];

/// Whether any field of the resource is protected.
pub(super) fn any_for(resource: &str) -> bool {
    FIELDS.iter().any(|field| field.resource == resource)
}

/// Judges the change from one specification to another.
pub(super) fn judge(
    resource: &str,
    (old, new): (&Value, &Value),
    meta: &Meta,
    without: Option<&str>,
    to: &mut Findings,
) {
    let lifted = |field: &Field| {
        field
            .unless
            .is_some_and(|name| annotation::is_true(meta.annotation(name)))
    };
    let fields = FIELDS
        .iter()
        .filter(|field| field.resource == resource && without != Some(field.id) && !lifted(field));
    let fields: Vec<&Field> = fields.collect();
    let installed = [old, new].into_iter().all(|spec| {
        at(Some(spec), "spec.installed").is_some_and(|value| *value == Value::Bool(true))
    });

    let mut differences = diff::leaves(old, new);
    // A block that came or went is one finding, not one for each field in it.
    for field in fields
        .iter()
        .filter(|field| field.change == Change::SamePresence)
    {
        let [was, is] = [old, new].map(|spec| at(Some(spec), field.path).is_some());
        if was != is {
            to.begin(field.id, field.style);
            let what = if is { "added" } else { "removed" };
            to.invalid(
                field.path,
                format!("must not be {what} once the object exists"),
            );
            differences.retain(|difference| !field.covers(&difference.path));
        }
    }

    let mut refused: Vec<(&Field, Vec<Difference<'_>>)> = Vec::new();
    for difference in differences {
        let deciding = fields
            .iter()
            .filter(|field| field.covers(&difference.path))
            .max_by_key(|field| field.path.len());
        let Some(field) = deciding else { continue };
        if field.since == Since::Installed && !installed || allows(field, old, new) {
            continue;
        }
        match refused.iter_mut().find(|(known, _)| known.id == field.id) {
            Some((_, known)) => known.push(difference),
            None => refused.push((field, vec![difference])),
        }
    }
    let mut bad_requests = refused
        .iter()
        .filter(|(f, _)| f.style == Style::BadRequest)
        .count();
    for (field, differences) in &refused {
        to.begin(field.id, field.style);
        let mut message = format!("{}: {}", field.change.refusal(), diff::told(differences));
        if field.style == Style::BadRequest {
            bad_requests -= 1;
            if bad_requests == 0 {
                message.push_str(&may_change(resource));
            }
        }
        to.invalid(field.path, message);
    }
}

impl Change {
    const fn refusal(self) -> &'static str {
        match self {
            Self::Free | Self::SamePresence => "must stay as it is",
            Self::Never => "must not change",
            Self::OnceSet => "must not change once it is set",
            Self::NotCleared | Self::NotRemoved => "must not be removed once it is set",
            Self::WithFirst(_) => "must not change, except once to the shape with infrastructure",
        }
    }
}

fn allows(field: &Field, old: &Value, new: &Value) -> bool {
    let [was, is] = [old, new].map(|spec| at(Some(spec), field.path).is_some_and(|v| !is_empty(v)));
    match field.change {
        Change::Free | Change::SamePresence => true,
        Change::Never => false,
        Change::OnceSet => !was,
        Change::NotCleared => !was || is,
        Change::NotRemoved => {
            let [had, has] = [old, new].map(|spec| at(Some(spec), field.path).is_some());
            !had || has
        }
        Change::WithFirst(path) => {
            let [had, first] = [field.path, path].map(|path| at(Some(old), path).is_some());
            had && !first && at(Some(new), path).is_some()
        }
    }
}

/// Tells which fields of the kind may change, some of them within limits.
fn may_change(resource: &str) -> String {
    let top = FREE
        .iter()
        .filter(|(of, _)| *of == resource)
        .flat_map(|(_, names)| names.iter().map(|name| format!("spec.{name}")));
    let of = FIELDS.iter().filter(|field| field.resource == resource);
    let below = of
        .filter(|field| {
            let top = field.path.matches('.').count() == 1;
            match field.change {
                Change::Free => true,
                Change::OnceSet
                | Change::NotCleared
                | Change::NotRemoved
                | Change::SamePresence => top,
                Change::Never | Change::WithFirst(_) => false,
            }
        })
        .map(|field| field.path.to_owned());
    let names: Vec<String> = top.chain(below).collect();
    format!(
        " (what may change, some of it within limits: {})",
        names.join(", ")
    )
}
