//! The kinds that the model serves: a row per resource, keyed by group and plural. Kinds of custom
//! resources differ from built-in ones in what a real server does with them: generation,
//! unconditional updates, `apiVersion`/`kind` in list items, the shape of validation messages.

use std::collections::BTreeMap;

/// One served resource.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent properties of a row"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub namespaced: bool,
    /// Whether `/status` exists; then the main resource ignores `.status` and the other way round.
    pub status: bool,
    /// Served by a `CustomResourceDefinition`.
    pub custom: bool,
    /// Whether the server maintains `metadata.generation`.
    pub generation: bool,
    /// Whether a PUT without `resourceVersion` is accepted.
    pub unconditional: bool,
}

impl Kind {
    /// A custom resource with a status subresource.
    pub fn custom(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            kind: kind.into(),
            namespaced: true,
            status: true,
            custom: true,
            generation: true,
            unconditional: false,
        }
    }

    fn core(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        Self {
            status: false,
            custom: false,
            generation: false,
            unconditional: true,
            ..Self::custom(group, version, plural, kind)
        }
    }

    #[must_use]
    pub fn cluster_scoped(self) -> Self {
        Self {
            namespaced: false,
            ..self
        }
    }

    #[must_use]
    pub fn without_status(self) -> Self {
        Self {
            status: false,
            ..self
        }
    }

    fn with_status(self) -> Self {
        Self {
            status: true,
            ..self
        }
    }

    fn with_generation(self) -> Self {
        Self {
            generation: true,
            ..self
        }
    }

    /// `group/version`, or `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `clusterdeployments.hive.openshift.io`, or `configmaps`: as Status messages name it.
    pub fn resource(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `ClusterDeployment.hive.openshift.io`, or `ConfigMap`: as validation messages name it.
    pub fn qualified_kind(&self) -> String {
        qualified(&self.kind, &self.group)
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}

/// Group and plural.
pub type ResourceKey = (String, String);

/// All served resources.
#[derive(Clone, Debug)]
pub struct Registry {
    kinds: BTreeMap<ResourceKey, Kind>,
}

impl Default for Registry {
    /// The built-in kinds an operator of this sort touches, and the kinds of `hive.openshift.io`.
    fn default() -> Self {
        let mut registry = Self {
            kinds: BTreeMap::new(),
        };
        for kind in built_in().into_iter().chain(hive()) {
            registry.add(kind);
        }
        registry
    }
}

impl Registry {
    /// Adds or replaces a resource.
    pub fn add(&mut self, kind: Kind) {
        self.kinds
            .insert((kind.group.clone(), kind.plural.clone()), kind);
    }

    pub fn get(&self, group: &str, plural: &str) -> Option<&Kind> {
        self.kinds.get(&(group.to_owned(), plural.to_owned()))
    }

    /// The resource that `apiVersion` and `kind` of an owner reference name.
    pub fn by_kind(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.kinds
            .values()
            .find(|row| row.group == group && row.kind == kind)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values()
    }
}

fn built_in() -> Vec<Kind> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    vec![
        Kind::core("", "v1", "namespaces", "Namespace")
            .cluster_scoped()
            .with_status(),
        Kind::core("", "v1", "nodes", "Node")
            .cluster_scoped()
            .with_status(),
        Kind::core("", "v1", "pods", "Pod")
            .with_status()
            .with_generation(),
        Kind::core("", "v1", "secrets", "Secret"),
        Kind::core("", "v1", "configmaps", "ConfigMap"),
        Kind::core("", "v1", "serviceaccounts", "ServiceAccount"),
        Kind::core("", "v1", "services", "Service").with_status(),
        Kind::core("", "v1", "events", "Event"),
        Kind::core("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim").with_status(),
        Kind::core("events.k8s.io", "v1", "events", "Event"),
        Kind::core("batch", "v1", "jobs", "Job")
            .with_status()
            .with_generation(),
        Kind::core("apps", "v1", "deployments", "Deployment")
            .with_status()
            .with_generation(),
        Kind::core("apps", "v1", "statefulsets", "StatefulSet")
            .with_status()
            .with_generation(),
        Kind::core(
            "networking.k8s.io",
            "v1",
            "networkpolicies",
            "NetworkPolicy",
        )
        .with_generation(),
        Kind {
            unconditional: false,
            ..Kind::core("coordination.k8s.io", "v1", "leases", "Lease")
        },
        Kind::core(RBAC, "v1", "roles", "Role"),
        Kind::core(RBAC, "v1", "rolebindings", "RoleBinding"),
        Kind::core(RBAC, "v1", "clusterroles", "ClusterRole").cluster_scoped(),
        Kind::core(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding").cluster_scoped(),
    ]
}

fn hive() -> Vec<Kind> {
    let v1 = |plural, kind| Kind::custom("hive.openshift.io", "v1", plural, kind);
    vec![
        v1("clusterdeployments", "ClusterDeployment"),
        v1("clusterprovisions", "ClusterProvision"),
        v1("clusterdeprovisions", "ClusterDeprovision"),
        v1("clusterimagesets", "ClusterImageSet").cluster_scoped(),
        v1(
            "clusterdeploymentcustomizations",
            "ClusterDeploymentCustomization",
        ),
        v1("clusterpools", "ClusterPool"),
        v1("clusterclaims", "ClusterClaim"),
        v1("dnszones", "DNSZone"),
        v1("machinepools", "MachinePool"),
        v1("syncsets", "SyncSet"),
        v1("selectorsyncsets", "SelectorSyncSet").cluster_scoped(),
        v1("hiveconfigs", "HiveConfig").cluster_scoped(),
    ]
}
