//! Settings that the operator's own pod shows: where its Jobs may run (docs/spec/10 §5.1), and the image
//! that they get the program from, unless `HIVE_IMAGE` names one.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodSpec, Toleration};

use super::Config;
use crate::runtime::{Reader, RequestError};

/// Where pods may run. Jobs run where the operator runs, because that is where its administrator has
/// made room for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scheduling {
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that do not matter.
    pub tolerations: Vec<Toleration>,
}

impl Scheduling {
    /// The pod, to be run there. What it says itself stays.
    pub fn place(&self, pod: &mut PodSpec) {
        if !self.node_selector.is_empty() {
            let selector = pod.node_selector.get_or_insert_default();
            for (label, value) in &self.node_selector {
                selector
                    .entry(label.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        if !self.tolerations.is_empty() {
            let tolerations = pod.tolerations.get_or_insert_default();
            for toleration in &self.tolerations {
                if !tolerations.contains(toleration) {
                    tolerations.push(toleration.clone());
                }
            }
        }
    }
}

impl From<Pod> for Scheduling {
    fn from(pod: Pod) -> Self {
        let spec = pod.spec.unwrap_or_default();
        Self {
            node_selector: spec.node_selector.unwrap_or_default(),
            tolerations: spec.tolerations.unwrap_or_default(),
        }
    }
}

impl Config {
    /// The settings with those of the operator's own pod, if it runs in one. Asked once: what is asked
    /// for never changes in a pod.
    ///
    /// # Errors
    /// The pod cannot be read.
    pub async fn with_own_pod(mut self, reader: &Reader) -> Result<Self, RequestError> {
        if let (Some(namespace), Some(name)) = (&self.pod_namespace, &self.pod_name) {
            let pod = reader.get_live::<Pod>(namespace, name).await?;
            if let Some(pod) = pod {
                self.adopt(pod);
            }
        }
        Ok(self)
    }

    fn adopt(&mut self, pod: Pod) {
        // The operator's own container is the first: those that a mesh adds come after it.
        let own = pod.spec.as_ref().and_then(|spec| spec.containers.first());
        if let Some(image) = own.and_then(|container| container.image.as_ref())
            && self.operator_image.image.is_empty()
        {
            self.operator_image.image.clone_from(image);
        }
        self.scheduling = Scheduling::from(pod);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Container;

    use super::*;

    #[test]
    fn the_image_is_the_pods_own_unless_another_is_named() {
        let pod = || {
            let image = |image: &str| Container {
                image: Some(image.to_owned()),
                ..Container::default()
            };
            let spec = PodSpec {
                containers: vec![image("registry/skep:v2"), image("mesh")],
                ..PodSpec::default()
            };
            Pod {
                spec: Some(spec),
                ..Pod::default()
            }
        };
        for (named, expected) in [("", "registry/skep:v2"), ("other:1", "other:1")] {
            let mut config = Config::default();
            named.clone_into(&mut config.operator_image.image);
            config.adopt(pod());
            assert_eq!(config.operator_image.image, expected);
        }
        let mut config = Config::default();
        config.adopt(Pod::default());
        assert_eq!(config.operator_image.image, "");
    }

    fn toleration(key: &str) -> Toleration {
        Toleration {
            key: Some(key.to_owned()),
            ..Toleration::default()
        }
    }

    #[test]
    fn a_pod_keeps_what_it_says_itself() {
        let selector = |pairs: &[(&str, &str)]| {
            let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
            pairs.iter().map(owned).collect::<BTreeMap<_, _>>()
        };
        let scheduling = Scheduling {
            node_selector: selector(&[("infra", "yes"), ("arch", "amd64")]),
            tolerations: vec![toleration("a"), toleration("b")],
        };
        let mut pod = PodSpec {
            node_selector: Some(selector(&[("arch", "arm64")])),
            tolerations: Some(vec![toleration("b")]),
            ..PodSpec::default()
        };
        scheduling.place(&mut pod);
        scheduling.place(&mut pod);
        let expected = selector(&[("arch", "arm64"), ("infra", "yes")]);
        assert_eq!(pod.node_selector, Some(expected));
        let expected = vec![toleration("b"), toleration("a")];
        assert_eq!(pod.tolerations, Some(expected));
        let mut pod = PodSpec::default();
        Scheduling::default().place(&mut pod);
        assert_eq!(pod, PodSpec::default());
    }
}
