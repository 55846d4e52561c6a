//! docs/spec/20 §13.4: deleting a namespace must not leak what its clusters own.

use futures::future::join_all;
use skep_e2e::{Cluster, STAGE, assert_no_secret_leaked};

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_namespace_with_three_clusters_leaves_nothing() {
    let names = ["one", "two", "three"];
    let clusters = join_all(names.map(|name| Cluster::prepare("dying", name, None))).await;
    clusters.iter().for_each(Cluster::create);
    // One is installed, the others are wherever they are by then.
    clusters[0].until_installed().await;
    assert_no_secret_leaked("dying");
    STAGE
        .hub
        .run_kubectl(&["delete", "namespace", "dying", "--wait=false"], "")
        .unwrap();
    for cluster in &clusters {
        cluster.until("its end", |object| object.is_none()).await;
        cluster.assert_nothing_left();
    }
}
