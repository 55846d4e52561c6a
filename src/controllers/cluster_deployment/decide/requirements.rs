//! Are the requirements of an attempt met? A chain of checks, each with the reason that the API knows for
//! it (docs/spec/10 §10, §8.1, §9) and with what a person should do.
//!
//! Every input is watched, so that a correction resumes without touching the ClusterDeployment.

use skep_crds::condition::ConditionStatus;
use skep_crds::names::condition::cd;
use skep_crds::names::{label, reason, secret_key};

use super::super::observed::{
    Credentials, InstallConfigProblem, Observed, Origin, PullSecret, Release,
};
use super::super::status::Verdict;
use super::{Building, Step};
use crate::controllers::inputs::Read;
use crate::plan::Note;

/// What keeps an attempt from being made.
pub(super) enum Obstacle {
    /// Something that the stores do not tell must be read first.
    Unread,
    /// A person must do something.
    Blocked {
        condition: &'static str,
        reason: &'static str,
        message: String,
        by: String,
        fix: String,
    },
}

impl Obstacle {
    fn missing(
        reason: &'static str,
        message: impl Into<String>,
        by: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::Blocked {
            condition: cd::REQUIREMENTS_MET,
            reason,
            message: message.into(),
            by: by.into(),
            fix: fix.into(),
        }
    }
}

type Check = fn(&Observed) -> Result<(), Obstacle>;

/// In this order; the first obstacle is told.
const CHAIN: [Check; 11] = [
    has_something_to_install,
    name_can_be_a_label,
    platform_is_supported,
    dns_is_not_managed,
    install_config_is_named,
    install_config_fits,
    customization_is_absent,
    release_is_known,
    pull_secret_is_usable,
    credentials_are_there,
    what_is_taken_along_is_there,
];

/// Records whether the requirements are met; tells whether they are.
pub(super) fn decide(plan: &mut Building, observed: &Observed) -> bool {
    match CHAIN.iter().try_for_each(|check| check(observed)) {
        Ok(()) => {
            plan.status.set(Verdict::holds(
                cd::REQUIREMENTS_MET,
                reason::ALL_REQUIREMENTS_MET,
                "all that an installation needs is there",
            ));
            true
        }
        Err(Obstacle::Unread) => {
            plan.step(Step::Confirm);
            plan.note(Note::progress(
                "ReadingInputs",
                "the referenced Secrets are read",
            ));
            image_set_is_back(plan, observed);
            false
        }
        Err(Obstacle::Blocked {
            condition,
            reason,
            message,
            by,
            fix,
        }) => {
            let status = ConditionStatus::from(condition != cd::REQUIREMENTS_MET);
            plan.status
                .set(Verdict::new(condition, status, reason, &message));
            plan.note(Note::blocked(reason, message, by, fix));
            image_set_is_back(plan, observed);
            false
        }
    }
}

/// An image set that was missed and is there again is told before the rest is judged (docs/spec/10 §8.1).
fn image_set_is_back(plan: &mut Building, observed: &Observed) {
    let missed = observed.recorded.requirements == reason::CLUSTER_IMAGE_SET_NOT_FOUND;
    let judged = plan.status.verdict(cd::REQUIREMENTS_MET).is_some();
    if missed && !judged && matches!(observed.inputs.release, Release::Image(_)) {
        plan.status.set(Verdict::unknown(
            cd::REQUIREMENTS_MET,
            reason::CLUSTER_IMAGE_SET_FOUND,
            "the ClusterImageSet is there again",
        ));
    }
}

fn own(observed: &Observed, field: &str) -> String {
    format!(
        "ClusterDeployment {}/{} {field}",
        observed.namespace(),
        observed.name()
    )
}

/// docs/spec/10 §26.1 W18: one quiet condition, not two that alternate.
fn has_something_to_install(observed: &Observed) -> Result<(), Obstacle> {
    match observed.origin {
        Origin::Provisioning => Ok(()),
        Origin::ClusterInstall => Err(Obstacle::missing(
            reason::skep::NOTHING_TO_INSTALL,
            "installation through spec.clusterInstallRef is not supported yet",
            own(observed, "spec.clusterInstallRef"),
            "use spec.provisioning",
        )),
        Origin::Unsaid => Err(Obstacle::missing(
            reason::skep::NOTHING_TO_INSTALL,
            "the ClusterDeployment says neither how to install nor that it is installed",
            own(observed, "spec"),
            "set spec.provisioning, or spec.installed with spec.clusterMetadata to adopt a cluster",
        )),
    }
}

/// Whatever an attempt makes is found by a label with the cluster's name.
fn name_can_be_a_label(observed: &Observed) -> Result<(), Obstacle> {
    let name = observed.name();
    if label::can_hold(name) {
        return Ok(());
    }
    let (length, longest) = (name.len(), label::LONGEST_VALUE);
    Err(Obstacle::missing(
        reason::skep::NAME_TOO_LONG,
        format!(
            "the name has {length} characters; with more than {longest} nothing can be installed"
        ),
        own(observed, "metadata.name"),
        "create the cluster under a shorter name, and delete this object",
    ))
}

/// No attempt without a way back.
fn platform_is_supported(observed: &Observed) -> Result<(), Obstacle> {
    if observed.platform.supported {
        return Ok(());
    }
    Err(Obstacle::missing(
        reason::skep::PLATFORM_NOT_SUPPORTED,
        format!(
            "clusters of platform {} cannot be deleted by this version, so none is created",
            observed.platform.kind.label()
        ),
        own(observed, "spec.platform"),
        "use a supported platform, or a version that supports this one",
    ))
}

/// The launch is gated on `DNSNotReady` (docs/spec/10 §26.1 W1), and nobody makes the zone yet.
fn dns_is_not_managed(observed: &Observed) -> Result<(), Obstacle> {
    if !observed.platform.manage_dns {
        return Ok(());
    }
    let reason = if observed.platform.kind.has_managed_dns() {
        reason::DNS_NOT_READY
    } else {
        reason::DNS_UNSUPPORTED_PLATFORM
    };
    Err(Obstacle::Blocked {
        condition: cd::DNS_NOT_READY,
        reason,
        message: "the zone of the base domain is not managed by this version".to_owned(),
        by: own(observed, "spec.manageDNS"),
        fix: "create the zone yourself and set spec.manageDNS to false".to_owned(),
    })
}

fn install_config_is_named(observed: &Observed) -> Result<(), Obstacle> {
    if observed.inputs.install_config_secret.is_some() {
        return Ok(());
    }
    Err(Obstacle::missing(
        reason::INSTALL_CONFIG_REF_NOT_SET,
        "no install-config is referenced",
        own(observed, "spec.provisioning.installConfigSecretRef"),
        "name a Secret with key install-config.yaml there",
    ))
}

fn install_config_fits(observed: &Observed) -> Result<(), Obstacle> {
    let name = observed
        .inputs
        .install_config_secret
        .as_deref()
        .unwrap_or_default();
    let secret = format!("Secret {}/{name}", observed.namespace());
    match &observed.inputs.install_config {
        Read::Known(Ok(())) => Ok(()),
        Read::Unread => Err(Obstacle::Unread),
        Read::Absent => Err(Obstacle::missing(
            reason::skep::INSTALL_CONFIG_NOT_AVAILABLE,
            format!("{secret} does not exist"),
            &secret,
            format!("create it with key {}", secret_key::INSTALL_CONFIG),
        )),
        Read::Known(Err(InstallConfigProblem::NoKey)) => Err(Obstacle::missing(
            reason::skep::INSTALL_CONFIG_NOT_AVAILABLE,
            format!("{secret} has no key {}", secret_key::INSTALL_CONFIG),
            &secret,
            "add the key",
        )),
        Read::Known(Err(InstallConfigProblem::Invalid(problem))) => Err(Obstacle::missing(
            reason::INSTALL_CONFIG_VALIDATION_FAILED,
            problem.clone(),
            &secret,
            format!("correct {} in {secret}", secret_key::INSTALL_CONFIG),
        )),
    }
}

fn customization_is_absent(observed: &Observed) -> Result<(), Obstacle> {
    let Some(name) = &observed.inputs.customization else {
        return Ok(());
    };
    Err(Obstacle::missing(
        reason::CUSTOMIZATION_REF_NOT_AVAILABLE,
        format!("customization {name} cannot be applied by this version"),
        own(observed, "spec.provisioning.customizationRef"),
        "remove the reference, or use manifestsSecretRef",
    ))
}

fn release_is_known(observed: &Observed) -> Result<(), Obstacle> {
    match &observed.inputs.release {
        Release::Image(_) => Ok(()),
        Release::Unnamed if observed.wishes.minimal => Ok(()),
        Release::NoImageSet(name) => Err(Obstacle::missing(
            reason::CLUSTER_IMAGE_SET_NOT_FOUND,
            format!("ClusterImageSet {name} does not exist"),
            format!("ClusterImageSet {name}"),
            "create it, or name another in spec.provisioning.imageSetRef",
        )),
        Release::Unnamed => Err(Obstacle::missing(
            reason::CLUSTER_IMAGE_SET_NOT_FOUND,
            "neither a release image nor a ClusterImageSet is named",
            own(observed, "spec.provisioning.imageSetRef"),
            "name a ClusterImageSet there",
        )),
    }
}

fn pull_secret_is_usable(observed: &Observed) -> Result<(), Obstacle> {
    let reason = reason::skep::PULL_SECRET_NOT_AVAILABLE;
    match &observed.inputs.pull_secret {
        PullSecret::Ready(_) => Ok(()),
        PullSecret::Unread => Err(Obstacle::Unread),
        PullSecret::Unnamed => Err(Obstacle::missing(
            reason,
            "no pull secret is named, and the hub has no global one",
            own(observed, "spec.pullSecretRef"),
            format!(
                "name a Secret with key {} there",
                secret_key::DOCKER_CONFIG_JSON
            ),
        )),
        PullSecret::Missing(secret) => Err(Obstacle::missing(
            reason,
            format!("pull secret {secret} does not exist"),
            format!("Secret {secret}"),
            format!("create it with key {}", secret_key::DOCKER_CONFIG_JSON),
        )),
        PullSecret::Invalid { secret, problem } => Err(Obstacle::missing(
            reason,
            format!("pull secret {secret} cannot be used: {problem}"),
            format!("Secret {secret}"),
            "correct it",
        )),
    }
}

fn credentials_are_there(observed: &Observed) -> Result<(), Obstacle> {
    match &observed.inputs.credentials {
        Credentials::Present { .. } => Ok(()),
        Credentials::Unread => Err(Obstacle::Unread),
        Credentials::Missing(secret) => Err(Obstacle::missing(
            reason::skep::CREDENTIALS_NOT_AVAILABLE,
            format!("credentials Secret {secret} does not exist"),
            format!("Secret {secret}"),
            "create it with the cloud's credentials",
        )),
        Credentials::Unnamed => Err(Obstacle::missing(
            reason::skep::CREDENTIALS_NOT_AVAILABLE,
            "no cloud credentials are named",
            own(observed, "spec.platform"),
            "name a Secret with the cloud's credentials in credentialsSecretRef",
        )),
    }
}

fn what_is_taken_along_is_there(observed: &Observed) -> Result<(), Obstacle> {
    let Some((field, name)) = &observed.inputs.not_there else {
        return Ok(());
    };
    let secret = format!("Secret {}/{name}", observed.namespace());
    Err(Obstacle::missing(
        reason::skep::REFERENCED_SECRET_NOT_AVAILABLE,
        format!("{secret}, named in {field}, does not exist"),
        secret,
        format!("create it, or change {field}"),
    ))
}

/// A Secret that is replaced (by GitOps, for example) never comes back under its name, and only the operator
/// knows why.
pub(super) fn tell_leaving(plan: &mut Building, observed: &Observed) {
    if observed.namespace_terminating {
        return;
    }
    for name in &observed.secrets.leaving {
        plan.note(Note::blocked(
            "SecretLeaving",
            format!("Secret {name} was deleted, and stays because the deletion of the cluster needs it"),
            format!("Secret {}/{name}", observed.namespace()),
            "change a Secret instead of deleting and creating it again; this one is let go as soon as the \
             ClusterDeployment refers to another, or is gone",
        ));
    }
}
