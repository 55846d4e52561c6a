//! A hub's own patterns over installers' logs are followed with the shipped rights (docs/spec/10 §15).

use serde_json::{Value, json};
use skep_kit::objects::Of;
use skep_kit::process::wait_until;

use crate::world::{PATIENCE, WORLD};

const EVENT: Of<'static> = Of {
    version: "events.k8s.io/v1",
    kind: "Event",
};
const NAME: &str = "additional-install-log-regexes";

#[test]
fn a_pattern_that_cannot_be_used_is_told_on_its_config_map() {
    let world = &*WORLD;
    let regexes = "[{name: broken, searchRegexStrings: ['('], installFailingReason: Broken}]";
    let config_map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "hive", "name": NAME},
        "data": {"regexes": regexes},
    });
    world.objects.create(&config_map).unwrap();
    let is_told = |event: &Value| {
        let note = event["note"].as_str().unwrap_or_default();
        event["regarding"]["name"] == NAME && event["type"] == "Warning" && note.contains("broken")
    };
    let told = wait_until("an Event on the ConfigMap", PATIENCE, || {
        let events = world.objects.list(EVENT, "hive")?;
        Ok(if events.iter().any(is_told) {
            Ok(())
        } else {
            Err(format!("{} Events, none of it", events.len()))
        })
    });
    told.unwrap();
    world.assert_nothing_refused();
}
