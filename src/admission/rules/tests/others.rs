//! `ClusterPool`s, `ClusterImageSet`s, `ClusterProvision`s, `DNSZone`s and customizations.

use serde_json::{Value, json};
use skep_crds::names::label;

use super::cluster_deployment::{platform, platform_trials};
use super::harness::{CANARY, Object, Trial};
use crate::admission::verdict::Cause::{Invalid, NotSupported, Required};

pub(super) fn trials() -> Vec<Trial> {
    [
        pools(),
        image_sets(),
        provisions(),
        provision_updates(),
        zones(),
        customizations(),
    ]
    .concat()
}

const POOLS: &str = "clusterpools";

fn pool_on(name: &str) -> Object {
    let pool = Object::new(
        "ClusterPool",
        "p",
        json!({
            "baseDomain": "hive.example",
            "imageSetRef": {"name": "openshift"},
            "platform": platform(name),
            "size": 3,
        }),
    );
    match name {
        "openstack" | "vsphere" => pool.with("spec.runningCount", 3),
        _ => pool,
    }
}

fn pools() -> Vec<Trial> {
    let pool = || pool_on("aws");
    let create = |name: &str, object: Object| Trial::create(POOLS, name, object);
    let update = |name: &str, old: Object, new: Object| Trial::update(POOLS, name, old, new);
    let durations = "clusterpool/durations";
    let mut trials = platform_trials(POOLS, pool_on);
    trials.extend([
        create(
            "63 characters of name are fine",
            pool().with("metadata.name", "a".repeat(63)),
        ),
        create(
            "64 characters of name are refused",
            pool().with("metadata.name", "a".repeat(64)),
        )
        .refused(400, "clusterpool/name-length", "metadata.name", Invalid),
        update("the platform may change", pool(), pool_on("gcp")),
        update(
            "the platform may not be broken",
            pool(),
            pool().with("spec.platform.aws.region", ""),
        )
        .refused(
            422,
            "platform/aws-region",
            "spec.platform.aws.region",
            Required,
        ),
        update(
            "a broken platform holds up every change",
            pool().with("spec.platform.aws.region", ""),
            pool()
                .with("spec.platform.aws.region", "")
                .with("spec.size", 1),
        )
        .refused(
            422,
            "platform/aws-region",
            "spec.platform.aws.region",
            Required,
        ),
        update("the size may change", pool(), pool().with("spec.size", 0)),
        update(
            "the base domain may change",
            pool(),
            pool().with("spec.baseDomain", "other.example"),
        ),
        create(
            "lifetimes are fine",
            pool().with(
                "spec.claimLifetime",
                json!({"default": "8h", "maximum": "24h"}),
            ),
        ),
        create(
            "a default lifetime above the maximum is warned of",
            pool().with(
                "spec.claimLifetime",
                json!({"default": "25h", "maximum": "24h"}),
            ),
        )
        .warned(
            "clusterpool/lifetime-within-maximum",
            "spec.claimLifetime.default",
        ),
        create(
            "a size above the maximum is warned of",
            pool().with("spec.maxSize", 2),
        )
        .warned("clusterpool/size-within-maximum", "spec.maxSize"),
        create(
            "a size within the maximum is fine",
            pool().with("spec.maxSize", 3),
        ),
        create(
            "clusters that cannot hibernate and shall are warned of",
            pool_on("openstack").with("spec.runningCount", 1),
        )
        .warned("clusterpool/always-running", "spec.runningCount"),
        create(
            "running clusters beyond the size are fine",
            pool().with("spec.runningCount", 5),
        ),
        create(
            "a duration that is too long to tell is refused",
            pool().with("spec.hibernateAfter", "99999999h"),
        )
        .refused(400, durations, "spec.hibernateAfter", Invalid),
        create(
            "a duration that is none is refused",
            pool().with("spec.claimLifetime", json!({"maximum": "1d"})),
        )
        .refused(400, durations, "spec.claimLifetime.maximum", Invalid),
        update(
            "a duration that is stored does not hold up other changes",
            pool().with("spec.hibernateAfter", "1d"),
            pool()
                .with("spec.hibernateAfter", "1d")
                .with("spec.size", 1),
        ),
        create(
            "a pool is restored with its negative size",
            pool()
                .with("spec.size", -1)
                .labelled(label::DISABLE_CREATION_WEBHOOK_FOR_DR, "true"),
        ),
        Trial::delete(POOLS, "a pool is deleted", pool()),
    ]);
    for field in ["size", "maxConcurrent", "runningCount"] {
        let path = format!("spec.{field}");
        let name = format!("a negative {field} is refused");
        let trial = Trial::create(POOLS, name, pool().with(&path, -1));
        trials.push(trial.refused(422, "clusterpool/not-negative", &path, Invalid));
    }
    let maximum = pool().with("spec.maxSize", -1).with("spec.size", -1);
    trials.push(
        create("a negative maximum is refused", maximum)
            .refused(422, "clusterpool/not-negative", "spec.maxSize", Invalid)
            .and("clusterpool/not-negative", "spec.size", Invalid),
    );
    trials
}

const IMAGE_SETS: &str = "clusterimagesets";

fn image_sets() -> Vec<Trial> {
    let path = "spec.releaseImage";
    let set = |image: &str| Object::new("ClusterImageSet", "i", json!({"releaseImage": image}));
    let verified = |trial: Trial| trial.on(|settings| settings.release_verification = true);
    let create = |name: &str, image: &str| Trial::create(IMAGE_SETS, name, set(image));
    let form = |trial: Trial| trial.refused(422, "clusterimageset/digest-form", path, Invalid);
    let required = |trial: Trial| {
        verified(trial).refused(422, "clusterimageset/digest-required", path, Invalid)
    };
    let tag = "quay.example/release:4.20";
    let digest = "quay.example/release@sha256:0123abcd";
    let mut trials = vec![
        create("a tag is fine", tag),
        create("a digest is fine", digest),
        create(
            "a tag with a digest is fine",
            "quay.example/release:4.20@sha256:0123",
        ),
        create("nothing is refused", "").refused(
            422,
            "clusterimageset/release-image",
            path,
            Required,
        ),
        Trial::create(IMAGE_SETS, "a set without a specification is refused", {
            Object(json!({"metadata": {"name": "i"}}))
        })
        .refused(422, "clusterimageset/release-image", path, Required),
        verified(create(
            "a digest is fine while releases are verified",
            digest,
        )),
        required(create("a tag is refused while releases are verified", tag)),
        required(create(
            "an empty digest is refused while releases are verified",
            "quay.example/release@",
        )),
        create(
            "an empty digest is fine while they are not",
            "quay.example/release@",
        ),
        create(
            "algorithms of several parts are fine",
            "quay.example/release@a+b.c_d-e:AZ=_-",
        ),
        create("the last digest counts", "quay.example/a@b@sha256:0123"),
        Trial::update(IMAGE_SETS, "the release may change", set(tag), set(digest)),
        Trial::update(IMAGE_SETS, "the release may not go", set(tag), set("")).refused(
            422,
            "clusterimageset/release-image",
            path,
            Required,
        ),
        form(Trial::update(
            IMAGE_SETS,
            "the digest may not be broken",
            set(tag),
            set("a@b"),
        )),
        required(Trial::update(
            IMAGE_SETS,
            "a tag may not be taken while releases are verified",
            set(digest),
            set(tag),
        )),
        verified(Trial::update(
            IMAGE_SETS,
            "a tag that is stored may be relabelled while releases are verified",
            set(tag),
            set(tag).labelled("a", "b"),
        )),
        Trial::create(
            IMAGE_SETS,
            "an image that is no text cannot be read",
            set("").with(path, json!([CANARY])),
        )
        .unreadable(path),
    ];
    for broken in [
        "sha256",
        ":0123",
        "sha256:",
        "SHA256:0123",
        "sha256:01:23",
        "sha..256:0123",
        "sha256:0.1",
        "sha256:01/23",
    ] {
        let image = format!("quay.example/release@{broken}");
        let name = format!("the digest {broken:?} is refused");
        trials.push(form(Trial::create(IMAGE_SETS, name, set(&image))));
    }
    trials
}

const PROVISIONS: &str = "clusterprovisions";

fn provision(stage: &str) -> Object {
    let provision = Object::new(
        "ClusterProvision",
        "c1-0-x7k2p",
        json!({
            "clusterDeploymentRef": {"name": "c1"},
            "podSpec": {"containers": [{"name": "installer", "env": [{"name": "A", "value": "b"}]}]},
            "attempt": 0,
            "stage": stage,
        }),
    );
    let provision = match stage {
        "provisioning" | "complete" => provision
            .with("spec.infraID", "c1-x7k2p")
            .with("spec.clusterID", "id"),
        _ => provision,
    };
    match stage {
        "complete" => provision
            .with(
                "spec.adminKubeconfigSecretRef",
                json!({"name": "kubeconfig"}),
            )
            .with("spec.adminPasswordSecretRef", json!({"name": "password"})),
        _ => provision,
    }
}

/// A cluster that was installed elsewhere.
fn adopted() -> Object {
    provision("complete").with("spec.podSpec", json!({"containers": []}))
}

const STAGES: [&str; 4] = ["initializing", "provisioning", "complete", "failed"];

fn provisions() -> Vec<Trial> {
    let create = |name: &str, object: Object| Trial::create(PROVISIONS, name, object);
    let attempt = "spec.attempt";
    let stage = "spec.stage";
    let pod = |name: &str, pod: Value, field: &str| {
        create(name, provision("initializing").with("spec.podSpec", pod)).refused(
            400,
            "clusterprovision/pod",
            field,
            Invalid,
        )
    };
    let mut trials: Vec<Trial> = STAGES
        .iter()
        .map(|stage| Trial::create(PROVISIONS, format!("stage {stage}"), provision(stage)))
        .collect();
    trials.extend([
        create(
            "a second attempt is fine",
            provision("initializing").with(attempt, 1),
        ),
        create("a later attempt names the one before", {
            provision("initializing")
                .with(attempt, 1)
                .with("spec.prevClusterID", "id")
                .with("spec.prevInfraID", "c1-a")
        }),
        create("a provision without a cluster is refused", {
            provision("initializing").with("spec.clusterDeploymentRef.name", "")
        })
        .refused(
            422,
            "clusterprovision/cluster",
            "spec.clusterDeploymentRef.name",
            Required,
        ),
        create(
            "a negative attempt is refused",
            provision("initializing").with(attempt, -1),
        )
        .refused(422, "clusterprovision/attempt", attempt, Invalid),
        create(
            "an unknown stage is refused",
            provision("initializing").with(stage, "resting"),
        )
        .refused(422, "clusterprovision/stage", stage, NotSupported),
        create(
            "an empty stage is refused",
            provision("initializing").with(stage, ""),
        )
        .refused(422, "clusterprovision/stage", stage, NotSupported),
        create("a cluster that was installed elsewhere is fine", adopted()),
        create(
            "a pod without a list of containers installs nothing",
            adopted().with("spec.podSpec", json!({})),
        ),
        pod(
            "a pod of a wrong type is refused",
            json!({"containers": [{"name": "a", "env": CANARY}]}),
            "spec.podSpec.containers[0].env",
        ),
        pod(
            "a list of containers that is none is refused",
            json!({"containers": CANARY}),
            "spec.podSpec.containers",
        )
        .and("clusterprovision/adopted-stage", "spec.stage", Invalid),
        create(
            "quantities of a pod may be numbers",
            provision("initializing").with(
                "spec.podSpec.containers.0.resources",
                json!({"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 1.5}}),
            ),
        ),
        create(
            "a cluster that was installed elsewhere has no attempts",
            adopted().with(attempt, 1),
        )
        .refused(422, "clusterprovision/adopted-attempt", attempt, Invalid),
        create(
            "a negative attempt elsewhere is refused twice",
            adopted().with(attempt, -1),
        )
        .refused(422, "clusterprovision/attempt", attempt, Invalid)
        .and("clusterprovision/adopted-attempt", attempt, Invalid),
        create(
            "a cluster that was installed elsewhere is complete",
            adopted().with(stage, "provisioning"),
        )
        .refused(422, "clusterprovision/adopted-stage", stage, Invalid),
        create(
            "a cluster that was installed elsewhere is of a known stage",
            adopted().with(stage, "x"),
        )
        .refused(422, "clusterprovision/adopted-stage", stage, Invalid)
        .and("clusterprovision/stage", stage, NotSupported),
        create(
            "a cluster that was installed elsewhere has no cluster before",
            adopted().with("spec.prevClusterID", "id"),
        )
        .refused(
            422,
            "clusterprovision/adopted-previous",
            "spec.prevClusterID",
            Invalid,
        ),
        create(
            "a cluster that was installed elsewhere has no infrastructure before",
            adopted().with("spec.prevInfraID", "c1-a"),
        )
        .refused(
            422,
            "clusterprovision/adopted-previous",
            "spec.prevInfraID",
            Invalid,
        ),
        create("a kubeconfig is required in the end", {
            provision("complete").without("spec.adminKubeconfigSecretRef")
        })
        .refused(
            422,
            "clusterprovision/admin-secrets",
            "spec.adminKubeconfigSecretRef",
            Required,
        ),
        create("a password is required in the end", {
            provision("complete").without("spec.adminPasswordSecretRef")
        })
        .refused(
            422,
            "clusterprovision/admin-secrets",
            "spec.adminPasswordSecretRef",
            Required,
        ),
        create(
            "unknown fields are kept",
            provision("initializing").with("spec.installJob", json!({"name": "j"})),
        ),
        create(
            "an attempt that is no number cannot be read",
            provision("initializing").with(attempt, CANARY),
        )
        .unreadable(attempt),
    ]);
    for stage in ["provisioning", "complete"] {
        let name = format!("an infra ID is required in stage {stage}");
        let trial = Trial::create(PROVISIONS, name, provision(stage).without("spec.infraID"));
        trials.push(trial.refused(422, "clusterprovision/infra-id", "spec.infraID", Required));
    }
    for field in ["clusterID", "infraID", "prevClusterID", "prevInfraID"] {
        let path = format!("spec.{field}");
        let name = format!("an empty {field} is refused");
        let trial = Trial::create(PROVISIONS, name, provision("failed").with(&path, ""));
        trials.push(trial.refused(422, "clusterprovision/empty-ids", &path, Invalid));
    }
    for field in ["adminKubeconfigSecretRef", "adminPasswordSecretRef"] {
        let path = format!("spec.{field}");
        let name = format!("a nameless {field} is refused");
        let trial = Trial::create(
            PROVISIONS,
            name,
            provision("complete").with(&path, json!({"name": ""})),
        );
        trials.push(trial.refused(
            422,
            "clusterprovision/empty-secrets",
            &format!("{path}.name"),
            Invalid,
        ));
    }
    trials
}

fn provision_updates() -> Vec<Trial> {
    let update = |name: String, old: Object, new: Object| Trial::update(PROVISIONS, name, old, new);
    let mut trials = Vec::new();
    let stage = "spec.stage";
    // Fields that both stages may have, so that only the stage is judged.
    let whole = |name: &str| provision("complete").with(stage, name);
    for old in STAGES {
        for new in STAGES {
            let trial = update(format!("{old} → {new}"), whole(old), whole(new));
            let follows = old == new
                || matches!(
                    (old, new),
                    ("initializing", "provisioning" | "failed")
                        | ("provisioning", "complete" | "failed")
                );
            trials.push(if follows {
                trial
            } else {
                trial.refused(422, "clusterprovision/stage-order", stage, Invalid)
            });
        }
    }
    trials.push(update(
        "a stage that is none is left".into(),
        whole("resting"),
        whole("failed"),
    ));
    for (rule, field, value) in [
        (
            "clusterprovision/cluster-stays",
            "clusterDeploymentRef.name",
            json!("c2"),
        ),
        ("clusterprovision/attempt-stays", "attempt", json!(2)),
        (
            "clusterprovision/previous-cluster-stays",
            "prevClusterID",
            json!("other"),
        ),
        (
            "clusterprovision/previous-infra-stays",
            "prevInfraID",
            json!("other"),
        ),
    ] {
        let path = format!("spec.{field}");
        let new = provision("initializing").with(&path, value);
        let trial = update(format!("{field} stays"), provision("initializing"), new);
        trials.push(trial.refused(422, rule, &path, Invalid));
    }
    let pod = |value: &str| {
        provision("initializing").with("spec.podSpec.containers.0.env.0.value", value)
    };
    trials.push(
        update("the pod stays".into(), pod("a"), pod(CANARY)).refused(
            422,
            "clusterprovision/pod-stays",
            "spec.podSpec",
            Invalid,
        ),
    );
    for (rule, field) in [
        ("clusterprovision/cluster-id-once", "clusterID"),
        ("clusterprovision/infra-id-once", "infraID"),
        (
            "clusterprovision/kubeconfig-once",
            "adminKubeconfigSecretRef",
        ),
        ("clusterprovision/password-once", "adminPasswordSecretRef"),
    ] {
        let path = format!("spec.{field}");
        let value = |text: &str| -> Value {
            if field.ends_with("Ref") {
                json!({"name": text})
            } else {
                json!(text)
            }
        };
        let with = |text: &str| provision("failed").with(&path, value(text));
        trials.push(update(
            format!("{field} is set"),
            provision("failed"),
            with("a"),
        ));
        trials.push(
            update(format!("{field} is set once"), with("a"), with("b"))
                .refused(422, rule, &path, Invalid),
        );
        trials.push(
            update(
                format!("{field} does not go"),
                with("a"),
                provision("failed"),
            )
            .refused(422, rule, &path, Invalid),
        );
    }
    for (field, value) in [
        ("installLog", json!("log")),
        ("metadata", json!({"a": 1})),
        ("metadataJSON", json!("e30=")),
        ("prevProvisionName", json!("c1-0")),
        ("somethingUnknown", json!(true)),
    ] {
        let new = provision("initializing").with(&format!("spec.{field}"), value);
        trials.push(update(
            format!("{field} is free"),
            provision("initializing"),
            new,
        ));
    }
    let invalid = || provision("initializing").with("spec.attempt", -1);
    trials.push(update(
        "an invalid provision is relabelled".into(),
        invalid(),
        invalid().labelled("a", "b"),
    ));
    trials.push(update(
        "an invalid provision is changed while it is deleted".into(),
        invalid().being_deleted(),
        invalid().being_deleted().with("spec.installLog", "log"),
    ));
    trials
}

const ZONES: &str = "dnszones";

fn zones() -> Vec<Trial> {
    let zone = |name: &str| Object::new("DNSZone", "z", json!({"zone": name}));
    let path = "spec.zone";
    let mut trials = Vec::new();
    for good in [
        "example.com",
        "a.b-c.example.com",
        "0.example.com",
        "localhost",
    ] {
        trials.push(Trial::create(ZONES, format!("{good} is fine"), zone(good)));
    }
    for bad in [
        "",
        "in_valid.example.com",
        "Example.com",
        "example.com.",
        ".example.com",
        "-a.example.com",
        "a..b",
    ] {
        let trial = Trial::create(ZONES, format!("{bad:?} is refused"), zone(bad));
        trials.push(trial.refused(400, "dnszone/zone", path, Invalid));
    }
    let long = format!("{}.example.com", "a.".repeat(130));
    let update = |name: &str, old: Object, new: Object| Trial::update(ZONES, name, old, new);
    let cloud = |name: &str| {
        zone("example.com").with("spec.aws", json!({"credentialsSecretRef": {"name": name}}))
    };
    trials.extend([
        Trial::create(
            ZONES,
            "a zone of too many characters is refused",
            zone(&long),
        )
        .refused(400, "dnszone/zone", path, Invalid),
        update(
            "the zone stays",
            zone("a.example.com"),
            zone("b.example.com"),
        )
        .refused(400, "dnszone/zone-stays", path, Invalid),
        update("the zone does not go", zone("a.example.com"), zone("")).refused(
            400,
            "dnszone/zone-stays",
            path,
            Invalid,
        ),
        update(
            "everything else may change",
            cloud("a"),
            cloud("b").with("spec.linkToParentDomain", true),
        ),
        update("a cloud may come", zone("example.com"), cloud("a")),
        update(
            "a zone that is stored wrongly may be changed",
            zone("A.b"),
            zone("A.b").with("spec.preserveOnDelete", true),
        ),
        Trial::delete(ZONES, "a zone is deleted", zone("A.b")),
    ]);
    trials
}

const CUSTOMIZATIONS: &str = "clusterdeploymentcustomizations";

fn customizations() -> Vec<Trial> {
    let of = |patches: Value| {
        Object::new(
            "ClusterDeploymentCustomization",
            "c",
            json!({"installConfigPatches": patches}),
        )
    };
    let manifests = |glob: &str| {
        Object::new(
            "ClusterDeploymentCustomization",
            "c",
            json!({"installerManifestPatches": [{
                "manifestSelector": {"glob": glob},
                "patches": [{"op": "remove", "path": "/a"}],
            }]}),
        )
    };
    let good = || of(json!([{"op": "replace", "path": "/metadata/name", "value": "a"}]));
    let create = |name: &str, object: Object| Trial::create(CUSTOMIZATIONS, name, object);
    let form = |trial: Trial, path: &str, cause| {
        trial.refused(
            422,
            "clusterdeploymentcustomization/patch-form",
            path,
            cause,
        )
    };
    let glob = |trial: Trial, cause| {
        let path = "spec.installerManifestPatches[0].manifestSelector.glob";
        trial.refused(
            422,
            "clusterdeploymentcustomization/manifest-glob",
            path,
            cause,
        )
    };
    let broken = || of(json!([{"op": "remove", "path": "a"}]));
    let at = |field: &str| format!("spec.installConfigPatches[0].{field}");
    vec![
        create("a patch is fine", good()),
        create("no patches are fine", of(json!([]))),
        create(
            "63 characters of name are fine",
            good().with("metadata.name", "a".repeat(63)),
        ),
        create(
            "64 characters of name are refused",
            good().with("metadata.name", "a".repeat(64)),
        )
        .refused(
            400,
            "clusterdeploymentcustomization/name-length",
            "metadata.name",
            Invalid,
        ),
        create(
            "a value of JSON is fine",
            of(json!([{"op": "add", "path": "/a", "valueJSON": "{\"b\":1}"}])),
        ),
        form(
            create(
                "a value that is no JSON is refused",
                of(json!([{"op": "add", "path": "/a", "valueJSON": CANARY}])),
            ),
            &at("valueJSON"),
            Invalid,
        ),
        form(
            create("a path that is none is refused", broken()),
            &at("path"),
            Invalid,
        ),
        form(
            create(
                "a move from nowhere is refused",
                of(json!([{"op": "move", "path": "/a"}])),
            ),
            &at("from"),
            Required,
        ),
        form(
            create(
                "a copy from what is no path is refused",
                of(json!([{"op": "copy", "path": "/a", "from": "b"}])),
            ),
            &at("from"),
            Invalid,
        ),
        create("manifests are chosen", manifests("manifests/*.yaml")),
        form(
            create("patches of manifests are looked at", {
                manifests("manifests/*.yaml")
                    .with("spec.installerManifestPatches.0.patches.0.path", "/~")
            }),
            "spec.installerManifestPatches[0].patches[0].path",
            Invalid,
        ),
        glob(create("manifests must be chosen", manifests("")), Required),
        glob(
            create(
                "manifests outside are refused",
                manifests("manifests/../../*"),
            ),
            Invalid,
        ),
        glob(
            create("manifests of the system are refused", manifests("/etc/*")),
            Invalid,
        ),
        Trial::update(
            CUSTOMIZATIONS,
            "a patch that is stored does not hold up other changes",
            broken(),
            of(json!([{"op": "remove", "path": "a"}, {"op": "remove", "path": "/b"}])),
        ),
        form(
            Trial::update(
                CUSTOMIZATIONS,
                "a patch may not be broken",
                good(),
                broken(),
            ),
            &at("path"),
            Invalid,
        ),
        Trial::delete(CUSTOMIZATIONS, "a customization is deleted", broken()),
    ]
}
