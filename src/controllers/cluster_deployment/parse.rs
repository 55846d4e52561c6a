//! From wire values to what a decision looks at. Plain functions; no error quotes a Secret.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use serde_json::Value;
use skep_crds::names::annotation;
use skep_crds::names::skep::{
    CLEANED_UP_ANNOTATION, CLOUD_ACCOUNT_ANNOTATION, INSTALL_PROGRESS_ANNOTATION,
};
use skep_crds::names::{condition, value};
use skep_crds::platform::PlatformKind;
use skep_crds::wire::referenced_name;
use skep_crds::{ClusterDeployment, ClusterProvision, condition as conditions};

use super::observed::{
    Attempt, DeleteAfter, Failure, Identity, PlatformFacts, Relocation, Reported, Wishes,
};
use crate::controllers::inputs::digest;
use crate::install::manager::documents;

pub(super) fn wishes(root: &ClusterDeployment, created: Timestamp) -> Wishes {
    let of = |name: &str| root.annotations().get(name).map(String::as_str);
    let is = |name: &str| annotation::is_true(of(name));
    Wishes {
        paused: is(annotation::RECONCILE_PAUSE),
        protected: is(annotation::PROTECTED_DELETE),
        protection_decided: of(annotation::PROTECTED_DELETE).is_some(),
        delete_after: delete_after(of(annotation::DELETE_AFTER), created),
        try_once: is(annotation::TRY_INSTALL_ONCE),
        minimal: is(annotation::MINIMAL_INSTALL_MODE),
        relocation: relocation(of(annotation::RELOCATE)),
    }
}

fn delete_after(value: Option<&str>, created: Timestamp) -> DeleteAfter {
    let Some(text) = value else {
        return DeleteAfter::Never;
    };
    duration(text).map_or_else(
        || DeleteAfter::Invalid(text.to_owned()),
        |after| DeleteAfter::At(created.saturating_add(after).unwrap_or(Timestamp::MAX)),
    )
}

/// `<ClusterRelocate>/<status>` (docs/spec/10 §4.1).
fn relocation(text: Option<&str>) -> Relocation {
    let Some(text) = text else {
        return Relocation::None;
    };
    match text.split_once('/') {
        Some((_, value::RELOCATE_COMPLETE)) => Relocation::Complete,
        Some((_, status @ (value::RELOCATE_OUTGOING | value::RELOCATE_INCOMING))) => {
            Relocation::UnderWay(status.to_owned())
        }
        Some(_) | None => Relocation::Invalid(text.to_owned()),
    }
}

/// A duration as the API writes them: numbers with units, added up (`1h30m`, `1.5h`, `90s`).
pub fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..end)?.parse().ok()?;
        rest = rest.get(end..)?;
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += number * seconds_of(rest.get(..end)?)?;
        rest = rest.get(end..)?;
    }
    SignedDuration::try_from_secs_f64(if negative { -total } else { total }).ok()
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

pub(super) fn identity(root: &ClusterDeployment) -> Option<Identity> {
    let metadata = root.spec.cluster_metadata.as_ref()?;
    let platform = metadata.platform.as_ref();
    let facts = PlatformFacts {
        hosted_zone_role: platform.and_then(|p| p.aws.as_ref()?.hosted_zone_role.clone()),
        resource_group: platform.and_then(|p| p.azure.as_ref()?.resource_group_name.clone()),
        network_project: platform.and_then(|p| p.gcp.as_ref()?.network_project_id.clone()),
    };
    // An object without an infra ID was never in a cloud (docs/spec/10 §19 step 5).
    (!metadata.infra_id.is_empty()).then(|| Identity {
        infra_id: metadata.infra_id.clone(),
        cluster_id: metadata.cluster_id.clone(),
        kubeconfig: metadata.admin_kubeconfig_secret_ref.name.clone(),
        password: referenced_name(metadata.admin_password_secret_ref.as_ref()).map(str::to_owned),
        metadata_secret: metadata.metadata_json_secret().map(str::to_owned),
        facts,
    })
}

pub(super) fn attempt(provision: &ClusterProvision, platform: PlatformKind) -> Attempt {
    let created = created_of(provision);
    let conditions = provision.conditions();
    let of = |type_: &str| conditions::find(conditions, type_).filter(|found| found.is_true());
    Attempt {
        name: provision.name_any(),
        uid: provision.uid().unwrap_or_default(),
        number: provision.spec.attempt,
        stage: provision.spec.stage.clone(),
        created,
        deleting: provision.metadata.deletion_timestamp.is_some(),
        reported: reported(provision, platform),
        failure: of(condition::provision::FAILED).map(|failed| Failure {
            reason: failed.reason().to_owned(),
            message: failed.message().to_owned(),
            at: failed.last_transition_time.map_or(created, |at| at.0),
        }),
        stuck: of(condition::provision::INSTALL_POD_STUCK)
            .map(|stuck| (stuck.reason().to_owned(), stuck.message().to_owned())),
        milestone: provision
            .annotations()
            .get(INSTALL_PROGRESS_ANNOTATION)
            .cloned(),
        cleaned_up: provision.annotations().contains_key(CLEANED_UP_ANNOTATION),
        clean_up_stalled: of(condition::skep::CLEAN_UP_STALLED)
            .map(|stalled| stalled.message().to_owned()),
    }
}

fn reported(provision: &ClusterProvision, platform: PlatformKind) -> Option<Reported> {
    let spec = &provision.spec;
    let infra_id = spec.infra_id.clone().filter(|id| !id.is_empty())?;
    let account = provision
        .annotations()
        .get(CLOUD_ACCOUNT_ANNOTATION)
        .cloned();
    let metadata = spec.metadata_json().filter(|bytes| !bytes.is_empty());
    let name = |reference| referenced_name(reference).map(str::to_owned);
    Some(Reported {
        cluster_id: spec.cluster_id.clone().unwrap_or_default(),
        kubeconfig: name(spec.admin_kubeconfig_secret_ref.as_ref()),
        password: name(spec.admin_password_secret_ref.as_ref()),
        metadata_digest: metadata.map(|bytes| metadata_digest(bytes, account.as_deref())),
        facts: metadata.map_or_else(PlatformFacts::default, |bytes| {
            facts_of_metadata(bytes, platform, &infra_id)
        }),
        account,
        infra_id,
    })
}

/// One digest for the installer's description and the account beside it.
pub(super) fn metadata_digest(metadata: &[u8], account: Option<&str>) -> String {
    digest([metadata, account.unwrap_or_default().as_bytes()])
}

/// The facts in the installer's description; what it does not say is known to be none
/// (docs/spec/10 §11.2).
pub(super) fn facts_of_metadata(
    metadata: &[u8],
    platform: PlatformKind,
    infra_id: &str,
) -> PlatformFacts {
    let tree: Value = serde_json::from_slice(metadata).unwrap_or_default();
    let text = |path: &str| {
        tree.pointer(path)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    match platform {
        PlatformKind::Aws => PlatformFacts {
            hosted_zone_role: Some(text("/aws/hostedZoneRole").unwrap_or_default()),
            ..PlatformFacts::default()
        },
        PlatformKind::Azure => PlatformFacts {
            resource_group: Some(
                text("/azure/resourceGroupName")
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| format!("{infra_id}-rg")),
            ),
            ..PlatformFacts::default()
        },
        PlatformKind::Gcp => PlatformFacts {
            network_project: Some(text("/gcp/networkProjectID").unwrap_or_default()),
            ..PlatformFacts::default()
        },
        PlatformKind::OpenStack
        | PlatformKind::VSphere
        | PlatformKind::BareMetal
        | PlatformKind::AgentBareMetal
        | PlatformKind::IbmCloud
        | PlatformKind::None
        | PlatformKind::Nutanix
        | PlatformKind::Unknown => PlatformFacts::default(),
    }
}

/// The API's location in a kubeconfig: that of the current context's cluster, else of the only one.
pub(super) fn api_url(kubeconfig: &str) -> Option<String> {
    let tree = documents::parse("kubeconfig", kubeconfig).ok()?;
    let named = |list: &str, name: &str| {
        let list = tree.get(list)?.as_array()?;
        list.iter()
            .find(|item| item.get("name").and_then(Value::as_str) == Some(name))
            .cloned()
    };
    let current = tree.get("current-context").and_then(Value::as_str);
    let cluster = current
        .and_then(|name| named("contexts", name))
        .and_then(|context| {
            context
                .pointer("/context/cluster")?
                .as_str()
                .map(str::to_owned)
        })
        .and_then(|name| named("clusters", &name))
        .or_else(|| tree.pointer("/clusters/0").cloned())?;
    cluster
        .pointer("/cluster/server")?
        .as_str()
        .map(str::to_owned)
}

pub(super) fn created_of<K: kube::Resource>(object: &K) -> Timestamp {
    object
        .meta()
        .creation_timestamp
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_api_writes_them() {
        for (text, seconds) in [
            ("8h", 28_800),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            ("90s", 90),
            ("0", 0),
        ] {
            assert_eq!(
                duration(text),
                Some(SignedDuration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in ["", "8", "h", "8 h", "8d", "-", "1..5h"] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    /// docs/spec/10 §4.1.
    #[test]
    fn relocation_is_read_from_the_second_half() {
        assert_eq!(relocation(Some("r/complete")), Relocation::Complete);
        assert_eq!(
            relocation(Some("r/outgoing")),
            Relocation::UnderWay("outgoing".into())
        );
        assert_eq!(relocation(Some("r")), Relocation::Invalid("r".into()));
        assert_eq!(relocation(None), Relocation::None);
    }

    /// docs/spec/10 §11.2: "AWS `hostedZoneRole`; Azure resourceGroupName, default `<`infraID`>-rg`; GCP
    /// networkProjectID".
    #[test]
    fn what_the_description_does_not_say_is_known_to_be_none() {
        let facts = |json: &str, platform| facts_of_metadata(json.as_bytes(), platform, "demo-x");
        assert_eq!(
            facts("{}", PlatformKind::Aws).hosted_zone_role.as_deref(),
            Some("")
        );
        let role = r#"{"aws":{"hostedZoneRole":"arn:x"}}"#;
        assert_eq!(
            facts(role, PlatformKind::Aws).hosted_zone_role.as_deref(),
            Some("arn:x")
        );
        assert_eq!(
            facts("{}", PlatformKind::Azure).resource_group.as_deref(),
            Some("demo-x-rg")
        );
        assert_eq!(
            facts("{}", PlatformKind::Gcp).network_project.as_deref(),
            Some("")
        );
    }

    #[test]
    fn the_api_url_is_that_of_the_current_context() {
        let kubeconfig = "
clusters: [{name: a, cluster: {server: 'https://a'}}, {name: b, cluster: {server: 'https://b'}}]
contexts: [{name: admin, context: {cluster: b, user: u}}]
current-context: admin
";
        assert_eq!(api_url(kubeconfig).as_deref(), Some("https://b"));
        assert_eq!(
            api_url("clusters: [{cluster: {server: s}}]").as_deref(),
            Some("s")
        );
        assert_eq!(api_url("{}"), None);
    }
}
