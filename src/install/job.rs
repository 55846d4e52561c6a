//! The two Jobs on the way to a cluster: one resolves images, one installs (docs/spec/10 §8.3, §13).

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use skep_crds::names::object_name::{
    INSTALLER_SERVICE_ACCOUNT, image_set_job, network_policy, provision_job,
};
use skep_crds::names::{env, label, path, value};

use super::pod_spec::{
    OwnImage, empty_dir, inject, mount, pull_secret_references, unprivileged, variable,
};
use crate::runtime::config::Scheduling;

/// An attempt may take this long, cleaning included (docs/spec/10 §13).
pub const INSTALL_DEADLINE: Duration = Duration::from_hours(3);

/// Reading two small files takes seconds; the rest of this time is for pulling images (docs/spec/10 §8.3).
const IMAGE_SET_DEADLINE: Duration = Duration::from_secs(120);

/// The pod may restart as often as the deadline allows (docs/spec/10 §8.3).
const IMAGE_SET_BACKOFF_LIMIT: i32 = 123_456;

/// Where a release image describes itself.
const RELEASE_MANIFESTS: &str = "/release-manifests";

/// The Job that runs one attempt.
pub struct InstallJob<'a> {
    /// Name of the ClusterProvision.
    pub provision: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its labels, which Job and pod inherit.
    pub labels: &'a BTreeMap<String, String>,
    /// The ClusterProvision.
    pub owner: OwnerReference,
    /// `spec.podSpec`.
    pub pod: PodSpec,
    /// Where it may run.
    pub scheduling: &'a Scheduling,
    /// Fields that users add to log lines: the annotation of the ClusterProvision.
    pub log_fields: Option<&'a str>,
}

impl InstallJob<'_> {
    /// The Job as it is created.
    pub fn build(self) -> Job {
        let mut pod = self.pod;
        self.scheduling.place(&mut pod);
        if let Some(fields) = self.log_fields {
            let containers = pod.init_containers.iter_mut().flatten();
            for container in containers.chain(&mut pod.containers) {
                let environment = container.env.get_or_insert_default();
                environment.push(variable(env::HIVE_ADDITIONAL_LOG_FIELDS, fields));
            }
        }
        let mut labels = self.labels.clone();
        labels.extend(
            [
                (label::INSTALL, value::TRUE),
                (label::CLUSTER_PROVISION, self.provision),
                (label::CLUSTER_PROVISION_NAME, self.provision),
                (label::JOB_TYPE, value::JOB_TYPE_PROVISION),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        job(Parts {
            name: provision_job(self.provision),
            namespace: self.namespace,
            labels,
            owner: self.owner,
            pod,
            backoff_limit: 0,
            deadline: INSTALL_DEADLINE,
        })
    }
}

/// The Job that resolves a release image.
pub struct ImageSetJob<'a> {
    /// Name of the ClusterDeployment.
    pub cluster: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its label `cluster-type`, if any.
    pub cluster_type: Option<&'a str>,
    /// The ClusterDeployment.
    pub owner: OwnerReference,
    /// The operator's own image.
    pub own: OwnImage,
    /// The release image.
    pub release_image: &'a str,
    /// The merged pull secret.
    pub pull_secret: &'a str,
    /// Pull secret of the operator's own image, if it is private.
    pub private_image_pull_secret: Option<&'a String>,
    /// Proxy variables of the operator's own process.
    pub proxy: &'a [(String, String)],
    /// Where it may run.
    pub scheduling: &'a Scheduling,
}

impl ImageSetJob<'_> {
    /// The Job as it is created. Skep's binary reads the release image from inside it, so that no file is
    /// copied and no shell is needed.
    pub fn build(self) -> Job {
        let mut labels = BTreeMap::from(
            [
                (label::IMAGE_SET, value::TRUE),
                (label::CLUSTER_DEPLOYMENT_NAME, self.cluster),
                (label::JOB_TYPE, value::JOB_TYPE_IMAGE_SET),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        labels.extend(
            self.cluster_type
                .map(|kind| (label::CLUSTER_TYPE.to_owned(), kind.to_owned())),
        );
        let mut pod = PodSpec {
            restart_policy: Some("OnFailure".to_owned()),
            service_account_name: Some(INSTALLER_SERVICE_ACCOUNT.to_owned()),
            image_pull_secrets: Some(pull_secret_references(
                self.pull_secret,
                self.private_image_pull_secret,
            )),
            init_containers: Some(vec![inject(&self.own, path::RELEASE_COMMON, Vec::new())]),
            containers: vec![self.reader()],
            volumes: Some(vec![empty_dir("output")]),
            ..PodSpec::default()
        };
        self.scheduling.place(&mut pod);
        job(Parts {
            name: image_set_job(self.cluster),
            namespace: self.namespace,
            labels,
            owner: self.owner,
            pod,
            backoff_limit: IMAGE_SET_BACKOFF_LIMIT,
            deadline: IMAGE_SET_DEADLINE,
        })
    }

    fn reader(&self) -> Container {
        let command = [
            "/common/skep",
            "update-installer-image",
            "--work-dir",
            RELEASE_MANIFESTS,
            "--cluster-deployment-name",
            self.cluster,
            "--cluster-deployment-namespace",
            self.namespace,
        ];
        let proxy = self.proxy.iter().map(|(name, value)| variable(name, value));
        Container {
            name: value::CONTAINER_HIVEUTIL.to_owned(),
            image: Some(self.release_image.to_owned()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: Some(command.map(str::to_owned).to_vec()),
            env: Some(proxy.chain([variable(env::HOME, "/tmp")]).collect()),
            volume_mounts: Some(vec![mount("output", path::RELEASE_COMMON)]),
            security_context: Some(unprivileged()),
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            ..Container::default()
        }
    }
}

/// The network policy of a cluster's Jobs of one type: nothing comes in, everything goes out. It keeps the
/// pods working under a site-wide default deny.
pub fn network_policy_for(
    cluster: &str,
    namespace: &str,
    job_type: &str,
    owner: OwnerReference,
) -> NetworkPolicy {
    let of_type = BTreeMap::from([(label::JOB_TYPE.to_owned(), job_type.to_owned())]);
    let mut labels = of_type.clone();
    // With the cluster's name, so that two clusters of a namespace never claim each other's policy
    // (docs/spec/10 §26.1 W7).
    labels.insert(
        label::CLUSTER_DEPLOYMENT_NAME.to_owned(),
        cluster.to_owned(),
    );
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(network_policy(cluster, job_type)),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels.clone()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(labels),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            egress: Some(vec![NetworkPolicyEgressRule::default()]),
            ..NetworkPolicySpec::default()
        }),
    }
}

struct Parts<'a> {
    name: String,
    namespace: &'a str,
    labels: BTreeMap<String, String>,
    owner: OwnerReference,
    pod: PodSpec,
    backoff_limit: i32,
    deadline: Duration,
}

fn job(parts: Parts<'_>) -> Job {
    Job {
        metadata: ObjectMeta {
            name: Some(parts.name),
            namespace: Some(parts.namespace.to_owned()),
            labels: Some(parts.labels.clone()),
            owner_references: Some(vec![parts.owner]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            completions: Some(1),
            backoff_limit: Some(parts.backoff_limit),
            active_deadline_seconds: Some(parts.deadline.as_secs().cast_signed()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(parts.labels),
                    ..ObjectMeta::default()
                }),
                spec: Some(parts.pod),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Toleration;

    use super::*;
    use crate::install::pod_spec;

    fn scheduling() -> Scheduling {
        Scheduling {
            node_selector: BTreeMap::from([("infra".to_owned(), "yes".to_owned())]),
            tolerations: vec![Toleration {
                key: Some("infra".to_owned()),
                operator: Some("Exists".to_owned()),
                ..Toleration::default()
            }],
        }
    }

    /// docs/spec/10 §5.1: nodeSelector and tolerations of the operator's pod are copied to all Jobs.
    #[test]
    fn jobs_run_where_the_operator_runs() {
        for job in [install(), image_set()] {
            let pod = job.spec.unwrap().template.spec.unwrap();
            let Scheduling {
                node_selector,
                tolerations,
            } = scheduling();
            assert_eq!(pod.node_selector, Some(node_selector));
            assert_eq!(pod.tolerations, Some(tolerations));
        }
    }

    /// docs/spec/10 §13: the Job adds `HIVE_ADDITIONAL_LOG_FIELDS`.
    #[test]
    fn every_container_knows_the_additional_log_fields() {
        let pod = install().spec.unwrap().template.spec.unwrap();
        for container in pod.init_containers.unwrap().iter().chain(&pod.containers) {
            let last = container.env.as_ref().unwrap().last().unwrap();
            assert_eq!(last.name, "HIVE_ADDITIONAL_LOG_FIELDS");
            assert_eq!(last.value.as_deref(), Some("{\"team\":\"blue\"}"));
        }
    }

    fn install() -> Job {
        let inherited = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
        let pod = pod_spec::build(&pod_spec::tests::inputs());
        let owner = OwnerReference::default();
        InstallJob {
            provision: "demo-0-abcde",
            namespace: "team",
            labels: &inherited,
            owner,
            pod,
            scheduling: &scheduling(),
            log_fields: Some("{\"team\":\"blue\"}"),
        }
        .build()
    }

    fn image_set() -> Job {
        ImageSetJob {
            cluster: "demo",
            namespace: "team",
            cluster_type: Some("managed"),
            owner: OwnerReference::default(),
            own: OwnImage {
                image: "skep:1".into(),
                pull_policy: "IfNotPresent".into(),
            },
            release_image: "release:1",
            pull_secret: "demo-merged-pull-secret",
            private_image_pull_secret: None,
            proxy: &[],
            scheduling: &scheduling(),
        }
        .build()
    }

    /// docs/spec/10 §3 and §13: name, labels, limits.
    #[test]
    fn the_install_job_is_the_specified_one() {
        let job = install();
        assert_eq!(job.metadata.name.as_deref(), Some("demo-0-abcde-provision"));
        let spec = job.spec.unwrap();
        assert_eq!(
            (
                spec.completions,
                spec.backoff_limit,
                spec.active_deadline_seconds
            ),
            (Some(1), Some(0), Some(10_800))
        );
        let labels = spec.template.metadata.unwrap().labels.unwrap();
        for (name, expected) in [
            ("hive.openshift.io/install", "true"),
            ("hive.openshift.io/cluster-provision", "demo-0-abcde"),
            ("hive.openshift.io/cluster-provision-name", "demo-0-abcde"),
            ("hive.openshift.io/job-type", "provision"),
            ("team", "blue"),
        ] {
            assert_eq!(
                labels.get(name).map(String::as_str),
                Some(expected),
                "label {name} of the pod"
            );
        }
        assert_eq!(
            job.metadata.labels,
            Some(labels),
            "Job and pod carry the same labels"
        );
    }

    /// docs/spec/10 §8.3: name, labels, limits, and that it runs inside the release image.
    #[test]
    fn the_image_set_job_is_the_specified_one() {
        let job = image_set();
        assert_eq!(job.metadata.name.as_deref(), Some("demo-imageset"));
        let spec = job.spec.unwrap();
        assert_eq!(
            (spec.backoff_limit, spec.active_deadline_seconds),
            (Some(123_456), Some(120))
        );
        let labels = job.metadata.labels.unwrap();
        assert_eq!(labels["hive.openshift.io/imageset"], "true");
        assert_eq!(labels["hive.openshift.io/job-type"], "imageset");
        assert_eq!(labels["hive.openshift.io/cluster-type"], "managed");
        let pod = spec.template.spec.unwrap();
        assert_eq!(pod.restart_policy.as_deref(), Some("OnFailure"));
        assert_eq!(
            pod.service_account_name.as_deref(),
            Some("cluster-installer")
        );
        assert_eq!(pod.containers[0].image.as_deref(), Some("release:1"));
    }

    /// docs/spec/10 §26.1 W7.
    #[test]
    fn a_network_policy_selects_the_pods_of_its_own_cluster() {
        let owner = OwnerReference::default();
        let policy = network_policy_for("demo", "team", "provision", owner);
        assert_eq!(policy.metadata.name.as_deref(), Some("demo-provision"));
        let selector = policy
            .spec
            .unwrap()
            .pod_selector
            .unwrap()
            .match_labels
            .unwrap();
        assert_eq!(
            selector["hive.openshift.io/cluster-deployment-name"],
            "demo"
        );
        assert_eq!(selector["hive.openshift.io/job-type"], "provision");
    }
}
