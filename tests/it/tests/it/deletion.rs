//! The finalizer stays as long as something may be left in a cloud, and no longer (docs/spec/10 §19).

use serde_json::{Value, json};
use skep_kit::fleet::Installed;
use skep_kit::objects::hive;

use crate::world::{CD, FINALIZER, WORLD, finalizers};

const CDR: skep_kit::objects::Of<'static> = hive("ClusterDeprovision");

#[test]
fn a_cluster_that_is_to_be_preserved_goes_at_once() {
    let world = &*WORLD;
    let cluster =
        Installed::new("deletion-preserve").with(json!({"spec": {"preserveOnDelete": true}}));
    world.adopt(&cluster);
    world.until_adopted(&cluster);
    let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
    world.objects.delete(CD, namespace, name).unwrap();
    world.until(CD, namespace, name, "its end", |found| found.is_none());
    let orders = world.writes(namespace);
    let ordered = orders
        .iter()
        .any(|write| write.resource() == "clusterdeprovisions");
    assert!(!ordered, "a preserved cluster was to be deleted");
    world.assert_nothing_refused();
}

#[test]
fn the_finalizer_stays_until_the_deprovision_is_complete() {
    let world = &*WORLD;
    let cluster = Installed::new("deletion-order");
    world.adopt(&cluster);
    world.until_adopted(&cluster);
    let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
    world.objects.delete(CD, namespace, name).unwrap();
    let order = world.until(CDR, namespace, name, "a ClusterDeprovision", |found| {
        found.is_some()
    });
    let order = order.unwrap();
    assert_eq!(order["spec"]["infraID"], cluster.infra_id());
    assert_eq!(
        order["metadata"]["ownerReferences"][0]["kind"],
        "ClusterDeployment"
    );
    let waiting = world.objects.get(CD, namespace, name).unwrap().unwrap();
    assert_eq!(finalizers(&waiting), [FINALIZER]);
    // The cloud does not answer, so that only a person can say that it is done.
    world
        .objects
        .merge_status(CDR, namespace, name, &json!({"completed": true}))
        .unwrap();
    world.until(CD, namespace, name, "its end", |found| found.is_none());
    let secret = skep_kit::objects::Of {
        version: "v1",
        kind: "Secret",
    };
    for suffix in ["creds", "metadata-json"] {
        let released =
            |found: Option<&Value>| found.is_none_or(|found| finalizers(found).is_empty());
        let name = format!("{name}-{suffix}");
        world.until(secret, namespace, &name, "a released Secret", released);
    }
    world.assert_nothing_refused();
}

#[test]
fn a_protected_cluster_stays() {
    let world = &*WORLD;
    let protect = json!({
        "metadata": {"annotations": {"hive.openshift.io/protected-delete": "true"}},
        "spec": {"preserveOnDelete": true},
    });
    let cluster = Installed::new("deletion-protected").with(protect);
    world.adopt(&cluster);
    world.until_adopted(&cluster);
    let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
    world.objects.delete(CD, namespace, name).unwrap();
    let neighbour = Installed::new("deletion-protected-neighbour");
    world.adopt(&neighbour);
    world.until_adopted(&neighbour);
    let found = world.objects.get(CD, namespace, name).unwrap().unwrap();
    assert_eq!(finalizers(&found), [FINALIZER]);
    let unprotect =
        json!({"metadata": {"annotations": {"hive.openshift.io/protected-delete": null}}});
    world
        .objects
        .merge(CD, namespace, name, &unprotect)
        .unwrap();
    world.until(CD, namespace, name, "its end", |found| found.is_none());
}
