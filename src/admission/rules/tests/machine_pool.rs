//! `MachinePool`s.

use serde_json::{Value, json};
use skep_crds::names::annotation::OVERRIDE_MACHINE_POOL_PLATFORM;

use super::harness::{CANARY, Object, Trial};
use crate::admission::verdict::Cause::{Invalid, Required};

const POOLS: &str = "machinepools";

fn platform(name: &str) -> Value {
    let block = match name {
        "aws" => {
            json!({"type": "m6i.xlarge", "zones": ["a", "b"], "rootVolume": {"iops": 100, "size": 120, "type": "gp3"}})
        }
        "azure" => json!({"type": "D4", "zones": ["1"], "osDisk": {"diskSizeGB": 128}}),
        "gcp" => json!({"type": "n2", "zones": ["a"]}),
        "openstack" => json!({"flavor": "m1.large"}),
        "vsphere" => {
            json!({"cpus": 4, "coresPerSocket": 2, "memoryMB": 16384, "osDisk": {"diskSizeGB": 120}})
        }
        "nutanix" => json!({
            "cpus": 4,
            "coresPerSocket": 2,
            "memoryMiB": 16384,
            "osDisk": {"diskSizeGiB": 120},
            "dataDisks": [{"diskSize": "10Gi"}, {"diskSize": 1_000_000}],
        }),
        _ => json!({}),
    };
    json!({name: block})
}

fn pool_on(name: &str) -> Object {
    Object::new(
        "MachinePool",
        "c1-worker",
        json!({
            "clusterDeploymentRef": {"name": "c1"},
            "name": "worker",
            "replicas": 3,
            "platform": platform(name),
        }),
    )
}

fn pool() -> Object {
    pool_on("aws")
}

fn scaling(name: &str, min: i64, max: i64) -> Object {
    pool_on(name).without("spec.replicas").with(
        "spec.autoscaling",
        json!({"minReplicas": min, "maxReplicas": max}),
    )
}

fn create(name: impl Into<String>, object: Object) -> Trial {
    Trial::create(POOLS, name, object)
}

fn update(name: impl Into<String>, old: Object, new: Object) -> Trial {
    Trial::update(POOLS, name, old, new)
}

const PLATFORMS: [&str; 7] = [
    "aws",
    "azure",
    "gcp",
    "openstack",
    "vsphere",
    "ibmcloud",
    "nutanix",
];

pub(super) fn trials() -> Vec<Trial> {
    [names(), numbers(), platforms(), labels(), updates()].concat()
}

fn names() -> Vec<Trial> {
    let object_name =
        |trial: Trial| trial.refused(422, "machinepool/object-name", "metadata.name", Invalid);
    let called = |name: &str| {
        pool()
            .with("metadata.name", format!("c1-{name}"))
            .with("spec.name", name)
    };
    vec![
        create("a name of cluster and pool is fine", pool()),
        object_name(create(
            "a name of the pool alone is refused",
            pool().with("metadata.name", "worker"),
        )),
        object_name(create(
            "a name of the cluster alone is refused",
            pool().with("metadata.name", "c1"),
        )),
        object_name(create(
            "a name of another cluster is refused",
            pool().with("metadata.name", "c2-worker"),
        )),
        create("another pool is fine", called("infra")),
        create("a pool called master is refused", called("master")).refused(
            422,
            "machinepool/reserved-name",
            "spec.name",
            Invalid,
        ),
        create("a pool called w is refused", called("w")).refused(
            422,
            "machinepool/reserved-name",
            "spec.name",
            Invalid,
        ),
        create("a pool without a name is refused", called("")).refused(
            422,
            "machinepool/name",
            "spec.name",
            Required,
        ),
        create(
            "a pool without a cluster is refused",
            pool()
                .with("spec.clusterDeploymentRef.name", "")
                .with("metadata.name", "-worker"),
        )
        .refused(
            422,
            "machinepool/cluster",
            "spec.clusterDeploymentRef.name",
            Required,
        ),
        create(
            "an empty reference is refused",
            pool()
                .with("spec.clusterDeploymentRef", json!({}))
                .with("metadata.name", "-worker"),
        )
        .refused(
            422,
            "machinepool/cluster",
            "spec.clusterDeploymentRef.name",
            Required,
        ),
        create(
            "a pool without a specification is refused",
            Object(json!({"metadata": {"name": "-"}})),
        )
        .refused(
            422,
            "machinepool/cluster",
            "spec.clusterDeploymentRef.name",
            Required,
        )
        .and("machinepool/name", "spec.name", Required)
        .and("machinepool/platform", "spec.platform", Required),
        create(
            "replicas that are no number cannot be read",
            pool().with("spec.replicas", CANARY),
        )
        .unreadable("spec.replicas"),
    ]
}

fn numbers() -> Vec<Trial> {
    let minimum = "spec.autoscaling.minReplicas";
    let mut trials = vec![
        create("no replicas are fine", pool().with("spec.replicas", 0)),
        create(
            "an unset number of replicas is fine",
            pool().without("spec.replicas"),
        ),
        create(
            "negative replicas are refused",
            pool().with("spec.replicas", -1),
        )
        .refused(422, "machinepool/replicas", "spec.replicas", Invalid),
        create(
            "replicas beside autoscaling are refused",
            scaling("aws", 1, 3).with("spec.replicas", 3),
        )
        .refused(
            422,
            "machinepool/replicas-or-autoscaling",
            "spec.replicas",
            Invalid,
        ),
        create(
            "negative replicas beside autoscaling are refused twice",
            scaling("aws", 1, 3).with("spec.replicas", -3),
        )
        .refused(
            422,
            "machinepool/replicas-or-autoscaling",
            "spec.replicas",
            Invalid,
        )
        .and("machinepool/replicas", "spec.replicas", Invalid),
        create(
            "a minimum equal to the maximum is fine",
            scaling("aws", 3, 3),
        ),
        create(
            "a minimum above the maximum is refused",
            scaling("aws", 4, 3),
        )
        .refused(422, "machinepool/autoscaling-order", minimum, Invalid),
        create(
            "a minimum below the number of zones is fine",
            scaling("aws", 1, 3),
        ),
        create(
            "no platform and no minimum is refused",
            scaling("none", 0, 3).with("spec.platform", json!({})),
        )
        .refused(422, "machinepool/platform", "spec.platform", Required)
        .and("machinepool/autoscaling-minimum", minimum, Invalid),
        update(
            "replicas are not added to autoscaling",
            scaling("aws", 1, 3),
            scaling("aws", 1, 3).with("spec.replicas", 3),
        )
        .refused(
            422,
            "machinepool/replicas-or-autoscaling",
            "spec.replicas",
            Invalid,
        ),
        update(
            "a number beside autoscaling goes",
            scaling("aws", 1, 3).with("spec.replicas", 3),
            scaling("aws", 1, 3),
        ),
    ];
    for name in ["aws", "azure", "gcp", "openstack", "vsphere"] {
        trials.push(create(
            format!("{name} may scale to nothing"),
            scaling(name, 0, 3),
        ));
    }
    for name in ["ibmcloud", "nutanix"] {
        trials.push(create(
            format!("{name} may scale to one"),
            scaling(name, 1, 3),
        ));
        trials.push(
            create(
                format!("{name} may not scale to nothing"),
                scaling(name, 0, 3),
            )
            .refused(422, "machinepool/autoscaling-minimum", minimum, Invalid),
        );
    }
    trials
}

fn platforms() -> Vec<Trial> {
    let mut trials: Vec<Trial> = PLATFORMS
        .iter()
        .map(|name| create(format!("{name} is a platform"), pool_on(name)))
        .collect();
    for (rule, name, field) in [
        ("machinepool/aws-type", "aws", "type"),
        ("machinepool/aws-volume-type", "aws", "rootVolume.type"),
        ("machinepool/azure-type", "azure", "type"),
        ("machinepool/gcp-type", "gcp", "type"),
        ("machinepool/openstack-flavor", "openstack", "flavor"),
    ] {
        let path = format!("spec.platform.{name}.{field}");
        let what = format!("{name} with an empty {field} is refused");
        trials
            .push(create(what, pool_on(name).with(&path, "")).refused(422, rule, &path, Required));
    }
    for (rule, name, field, value) in [
        ("machinepool/aws-iops", "aws", "rootVolume.iops", -1),
        ("machinepool/aws-size", "aws", "rootVolume.size", -1),
        ("machinepool/azure-disk", "azure", "osDisk.diskSizeGB", 0),
        ("machinepool/azure-disk", "azure", "osDisk.diskSizeGB", -1),
        ("machinepool/vsphere-sizes", "vsphere", "cpus", 0),
        ("machinepool/vsphere-sizes", "vsphere", "coresPerSocket", 0),
        ("machinepool/vsphere-sizes", "vsphere", "memoryMB", 0),
        (
            "machinepool/vsphere-sizes",
            "vsphere",
            "osDisk.diskSizeGB",
            -1,
        ),
        ("machinepool/nutanix-sizes", "nutanix", "cpus", 0),
        ("machinepool/nutanix-sizes", "nutanix", "coresPerSocket", -1),
        ("machinepool/nutanix-sizes", "nutanix", "memoryMiB", 0),
    ] {
        let path = format!("spec.platform.{name}.{field}");
        let what = format!("{name} with {field} of {value} is refused");
        trials.push(
            create(what, pool_on(name).with(&path, value)).refused(422, rule, &path, Invalid),
        );
    }
    for (rule, name) in [
        ("machinepool/aws-zones", "aws"),
        ("machinepool/azure-zones", "azure"),
        ("machinepool/gcp-zones", "gcp"),
    ] {
        let path = format!("spec.platform.{name}.zones");
        let with = |zones: Value| pool_on(name).with(&path, zones);
        trials.push(create(
            format!("{name} without zones is fine"),
            with(json!([])),
        ));
        trials.push(
            create(
                format!("{name} with an empty zone is refused"),
                with(json!(["a", ""])),
            )
            .refused(422, rule, &format!("{path}[1]"), Invalid),
        );
    }
    let disk = "spec.platform.nutanix.dataDisks.0.diskSize";
    let told = "spec.platform.nutanix.dataDisks[0].diskSize";
    for size in [json!("0"), json!(0), json!("0Gi")] {
        let what = format!("nutanix with a data disk of {size} is refused");
        trials.push(create(what, pool_on("nutanix").with(disk, size)).refused(
            422,
            "machinepool/nutanix-disks",
            told,
            Invalid,
        ));
    }
    trials.extend([
        create(
            "vsphere without sizes is refused four times",
            pool_on("vsphere").with("spec.platform.vsphere", json!({})),
        )
        .refused(
            422,
            "machinepool/vsphere-sizes",
            "spec.platform.vsphere.cpus",
            Invalid,
        )
        .and(
            "machinepool/vsphere-sizes",
            "spec.platform.vsphere.coresPerSocket",
            Invalid,
        )
        .and(
            "machinepool/vsphere-sizes",
            "spec.platform.vsphere.memoryMB",
            Invalid,
        )
        .and(
            "machinepool/vsphere-sizes",
            "spec.platform.vsphere.osDisk.diskSizeGB",
            Invalid,
        ),
        create(
            "no platform is refused",
            pool().with("spec.platform", json!({})),
        )
        .refused(422, "machinepool/platform", "spec.platform", Required),
        create(
            "two platforms are refused",
            pool().with("spec.platform.ibmcloud", json!({})),
        )
        .refused(422, "machinepool/platform", "spec.platform", Invalid),
        create(
            "what is wrong is told at once",
            pool()
                .with("spec.platform.aws.type", "")
                .with("spec.name", "w"),
        )
        .refused(422, "machinepool/object-name", "metadata.name", Invalid)
        .and("machinepool/reserved-name", "spec.name", Invalid)
        .and("machinepool/aws-type", "spec.platform.aws.type", Required),
    ]);
    trials
}

fn labels() -> Vec<Trial> {
    let with = |key: &str, value: &str| pool().with("spec.labels", json!({key: value}));
    let refused = |trial: Trial| trial.refused(422, "machinepool/labels", "spec.labels", Invalid);
    vec![
        create("a label is fine", with("example.com/rack", "r_1")),
        create("an empty label is fine", with("rack", "")),
        refused(create(
            "a label with a bad key is refused",
            with("-rack", "1"),
        )),
        refused(create(
            "a label with a bad prefix is refused",
            with("Example/rack", "1"),
        )),
        refused(create(
            "a label with a bad value is refused",
            with("rack", "a b"),
        )),
        refused(create(
            "a label with a long value is refused",
            with("rack", &"a".repeat(64)),
        )),
    ]
}

fn updates() -> Vec<Trial> {
    let platform_stays = "machinepool/platform-stays";
    let type_path = "spec.platform.aws.type";
    let other = || pool().with(type_path, "m6i.2xlarge");
    let overridden = |value: &str| other().annotated(OVERRIDE_MACHINE_POOL_PLATFORM, value);
    let broken = || pool().with("spec.platform.aws.rootVolume.size", "x");
    let spot = || pool().with("spec.platform.aws.spotMarketOptions", json!({}));
    let disks = |size: &str| {
        pool_on("nutanix").with(
            "spec.platform.nutanix.dataDisks",
            json!([{"diskSize": size}]),
        )
    };
    let mut trials = vec![
        update("nothing changes", pool(), pool()),
        update("replicas change", pool(), pool().with("spec.replicas", 5)),
        update(
            "replicas give way to autoscaling",
            pool(),
            scaling("aws", 1, 3),
        ),
        update(
            "labels change",
            pool(),
            pool().with("spec.labels", json!({"a": "b"})),
        ),
        update(
            "machine labels change",
            pool(),
            pool().with("spec.machineLabels", json!({"a": "b"})),
        ),
        update(
            "taints change",
            pool(),
            pool().with("spec.taints", json!([{"key": "a", "effect": "NoSchedule"}])),
        ),
        update(
            "replicas do not become negative",
            pool(),
            pool().with("spec.replicas", -1),
        )
        .refused(422, "machinepool/replicas", "spec.replicas", Invalid),
        update(
            "the cluster stays",
            pool(),
            pool().with("spec.clusterDeploymentRef.name", "c2"),
        )
        .refused(422, "machinepool/object-name", "metadata.name", Invalid)
        .and(
            "machinepool/cluster-stays",
            "spec.clusterDeploymentRef",
            Invalid,
        ),
        update(
            "the pool's name stays",
            pool(),
            pool().with("spec.name", "other"),
        )
        .refused(422, "machinepool/object-name", "metadata.name", Invalid)
        .and("machinepool/name-stays", "spec.name", Invalid),
        update("the platform stays", pool(), other()).refused(
            422,
            platform_stays,
            "spec.platform",
            Invalid,
        ),
        update("the platform is not exchanged", pool(), pool_on("ibmcloud")).refused(
            422,
            platform_stays,
            "spec.platform",
            Invalid,
        ),
        update(
            "the platform may change while the annotation says so",
            pool(),
            overridden("true"),
        ),
        update("the annotation must mean yes", pool(), overridden("false")).refused(
            422,
            platform_stays,
            "spec.platform",
            Invalid,
        ),
        update(
            "the annotation must be on the new object",
            pool().annotated(OVERRIDE_MACHINE_POOL_PLATFORM, "true"),
            other(),
        )
        .refused(422, platform_stays, "spec.platform", Invalid),
        update(
            "the annotation lifts no other rule",
            pool(),
            overridden("true").with(type_path, ""),
        )
        .refused(422, "machinepool/aws-type", type_path, Required),
        update("spot machines are not switched on", pool(), spot()).refused(
            422,
            platform_stays,
            "spec.platform",
            Invalid,
        ),
        update("spot machines are not switched off", spot(), pool()).refused(
            422,
            platform_stays,
            "spec.platform",
            Invalid,
        ),
        update(
            "a root volume does not come empty",
            pool_on("openstack"),
            pool_on("openstack").with(
                "spec.platform.openstack.rootVolume",
                json!({"size": 0, "type": ""}),
            ),
        )
        .refused(422, platform_stays, "spec.platform", Invalid),
        update(
            "a size keeps its amount in another spelling",
            disks("1Gi"),
            disks("1024Mi").with("spec.replicas", 1),
        ),
        update("a size is not changed", disks("1Gi"), disks("1G")).refused(
            422,
            platform_stays,
            "spec.platform",
            Invalid,
        ),
        update(
            "an empty list of zones is none",
            pool().with("spec.platform.aws.zones", json!([])),
            {
                pool()
                    .without("spec.platform.aws.zones")
                    .with("spec.replicas", 1)
            },
        ),
        update(
            "a finalizer of an invalid pool goes",
            {
                pool()
                    .with("spec.replicas", -1)
                    .with("metadata.finalizers", json!(["a"]))
            },
            pool().with("spec.replicas", -1),
        ),
        update(
            "an invalid pool is changed while it is deleted",
            pool().with("spec.replicas", -1).being_deleted(),
            pool().with("spec.replicas", -2).being_deleted(),
        ),
        update("an unreadable pool is repaired", broken(), pool()).refused(
            422,
            platform_stays,
            "spec.platform",
            Invalid,
        ),
        update(
            "an unreadable pool is repaired with the annotation",
            broken(),
            pool().annotated(OVERRIDE_MACHINE_POOL_PLATFORM, "true"),
        ),
        Trial::delete(POOLS, "a pool is deleted", pool()),
    ];
    trials.push(update(
        "a pool of another kind of platform keeps it",
        pool_on("nutanix"),
        pool_on("nutanix").with("spec.replicas", 1),
    ));
    trials
}
