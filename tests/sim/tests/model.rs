//! The model of the API server: each verb, each refusal, as a golden table. The same table is asked
//! of a real server by the conformance test.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod requests;

use serde_json::json;
use skep_sim::world::{Settings, simulate};

#[test]
fn answers_every_request_of_the_table() {
    let answers = simulate(Settings::seeded(1), |world| async move {
        world.server.seed_object("", "namespaces", &json!({"metadata": {"name": "n"}}));
        requests::answers(&world.client("tester"), &requests::table("n")).await
    });
    insta::with_settings!({snapshot_path => "../golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("requests", requests::shown(&answers));
    });
}
