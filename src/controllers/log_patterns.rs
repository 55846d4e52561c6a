//! A hub's own patterns over installers' logs: the ConfigMap `additional-install-log-regexes` of the
//! operator's namespace (docs/spec/10 §15), followed while the process runs.
//!
//! What of it cannot be used is told in the log and in an Event on the ConfigMap, and costs itself alone. The
//! shipped patterns are never affected, and without the ConfigMap they are all there is.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::ObjectMeta;
use skep_crds::names::object_name::ADDITIONAL_INSTALL_LOG_REGEXES_CONFIG_MAP as NAME;
use skep_crds::names::secret_key::REGEXES;

use crate::install::classify::Patterns;
use crate::plan::Note;
use crate::runtime::events::Events;
use crate::runtime::store::Cause;
use crate::runtime::{Process, Selection, Store, StoreOptions};

/// Problems that an Event names; the log has them all.
const TOLD: usize = 3;

/// Keeps `patterns` as the ConfigMap says. It is read before the process is ready.
pub fn follow(process: &mut Process, namespace: &str, patterns: &Arc<Patterns>) {
    let store = Store::<ConfigMap>::new(StoreOptions::default());
    let (events, patterns) = (process.context().events.clone(), Arc::clone(patterns));
    store.on_change(move |change| match (&change.new, change.cause) {
        // It is there as before.
        (_, Cause::Relisted) => {}
        (None, _) => {
            patterns.set_additional("");
            tracing::info!("only the shipped log patterns are used");
        }
        (Some(found), _) => {
            if let Some(config_map) = found.decoded() {
                take(config_map, &patterns, &events);
            }
        }
    });
    process.follow(&store, Selection::all().namespace(namespace).name(NAME));
}

fn take(config_map: &ConfigMap, patterns: &Patterns, events: &Events) {
    let regexes = config_map.data.as_ref().and_then(|data| data.get(REGEXES));
    let mut problems = patterns.set_additional(regexes.map_or("", String::as_str));
    if regexes.is_none() {
        problems.push(format!("there is no key {REGEXES}"));
    }
    tracing::info!(
        problems = problems.len(),
        "the hub's own log patterns were read"
    );
    for problem in &problems {
        tracing::warn!(config_map = NAME, problem, "a log pattern cannot be used");
    }
    if !problems.is_empty() {
        tell(&config_map.metadata, &problems, events);
    }
}

fn tell(metadata: &ObjectMeta, problems: &[String], events: &Events) {
    let mut told: Vec<String> = problems.iter().take(TOLD).cloned().collect();
    if problems.len() > TOLD {
        told.push(format!("and {} more", problems.len() - TOLD));
    }
    let note = Note::blocked(
        "LogPatternsUnusable",
        told.join("; "),
        format!("ConfigMap {NAME}, key {REGEXES}"),
        "correct what is named; all other patterns are used",
    );
    events.publish::<ConfigMap>(metadata, "ReadLogPatterns", &note);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kube::Api;
    use kube::api::{DeleteParams, Patch, PatchParams};
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::controllers::erasure::testing::Hub;

    const SOON: Duration = Duration::from_secs(5);

    fn config_map(name: &str, regexes: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": "hive", "name": name},
            "data": {REGEXES: regexes},
        })
    }

    fn own(text: &str) -> String {
        format!("- {{searchRegexStrings: ['{text}'], installFailingReason: Own}}\n")
    }

    #[tokio::test(start_paused = true)]
    async fn a_hubs_own_patterns_are_followed() {
        let hub = Hub::new();
        hub.seed("", "configmaps", &config_map(NAME, &own("moon")));
        hub.seed("", "configmaps", &config_map("other", &own("sun")));
        let context = hub.shared.context.clone();
        let client = context.client.clone();
        let mut process = Process::new(context, client);
        let patterns = Arc::new(Patterns::shipped());
        follow(&mut process, "hive", &patterns);
        let (stop, ready) = (CancellationToken::new(), process.health());
        let running = tokio::spawn(process.run(None, stop.clone()));
        let reason = |log| patterns.classify(Some(log)).reason;
        while !ready.is_ready() {
            hub.clock.sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(reason("the moon"), "Own", "read at the start");
        assert_eq!(reason("the sun"), "UnknownError");

        let api = Api::<ConfigMap>::namespaced(hub.server.client("person"), "hive");
        let half = own("star") + &own("(");
        let changed = Patch::Merge(json!({"data": {REGEXES: half}}));
        let params = PatchParams::default();
        api.patch(NAME, &params, &changed).await.unwrap();
        hub.clock.sleep(SOON).await;
        assert_eq!(reason("the moon"), "UnknownError");
        assert_eq!(reason("a star"), "Own");
        let events = hub.server.objects("events.k8s.io", "events");
        let warnings = events
            .iter()
            .filter(|event| event["type"] == "Warning" && event["regarding"]["name"] == NAME);
        assert_eq!(warnings.count(), 1, "{events:#?}");

        api.delete(NAME, &DeleteParams::default()).await.unwrap();
        hub.clock.sleep(SOON).await;
        assert_eq!(reason("a star"), "UnknownError");
        assert_eq!(reason("VpcLimitExceeded"), "AWSVPCLimitExceeded");
        stop.cancel();
        assert_eq!(running.await.unwrap(), Ok(()));
    }
}
