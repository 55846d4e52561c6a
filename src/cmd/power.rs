//! `skep hibernate cd NAME` and `skep resume cd NAME`: writes the wish, and waits if asked to.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use jiff::SignedDuration;
use kube::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;
use skep_crds::ClusterDeployment;
use skep_crds::names::skep::FIELD_MANAGER;

use crate::cli::is_cluster_deployment;
use crate::cli::power::{Ending, Refusal, Wish, follow, judge};
use crate::runtime::client::{Clients, Limits};
use crate::runtime::metrics::Metrics;
use crate::runtime::write::Writer;
use crate::runtime::{At, Clock, Reader};

/// What the exit code says; for scripts, so it never changes.
const EXIT_CODES: &str = "\
Exit codes:
  0  the cluster was asked; with --wait: it is as it was asked to be
  1  it could not be done: no hub, no right, no such cluster
  2  wrong usage
  3  it was asked, and is not as wanted within --timeout
  4  refused: not installed, being deleted, paused, or its machines cannot be stopped;
     with --wait also when somebody asks for the opposite";

/// Somebody else may write the object at the same time; more often than this nobody does.
const TRIES: usize = 5;

/// Ask for a power state.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// The kind: cd, or clusterdeployment
    kind: String,
    /// The name
    name: String,
    /// The namespace; the kubeconfig's when not given
    #[arg(short, long)]
    namespace: Option<String>,
    /// Tell how far it is until it is done
    #[arg(long)]
    wait: bool,
    /// How long to wait: 90s, 1h30m
    #[arg(long, default_value = "30m", value_parser = duration, requires = "wait")]
    timeout: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from(parsed).map_err(|_| "a time to wait is not negative".to_owned())
}

/// Asks, and prints what happens then. What was refused is printed here, as it has an exit code of its own.
pub async fn run(args: Args, wish: Wish) -> Result<ExitCode> {
    if !is_cluster_deployment(&args.kind) {
        bail!("{:?} has no power state: name a cd", args.kind);
    }
    let clock = Clock::real();
    let metrics = Metrics::new();
    let clients = Clients::infer(Limits::default(), &clock, &metrics).await?;
    let namespace = args
        .namespace
        .clone()
        .unwrap_or_else(|| clients.requests.default_namespace().to_owned());
    let hub = Hub {
        reader: Reader::new(clients.requests.clone()),
        writer: Writer::new(clients.requests.clone(), FIELD_MANAGER, metrics),
    };
    let mut out = io::stdout();
    if let Err(refusal) = hub.ask(&namespace, &args.name, wish, &mut out).await? {
        writeln!(io::stderr(), "error: {namespace}/{}: {refusal}", args.name)?;
        return Ok(ExitCode::from(REFUSED));
    }
    if !args.wait {
        return Ok(ExitCode::SUCCESS);
    }
    let api: Api<ClusterDeployment> = Api::namespaced(clients.watches, &namespace);
    let changes = watch(api, &args.name);
    let ending = follow(changes, wish, args.timeout, &clock, &mut out).await;
    let code = match ending.context("cannot follow the ClusterDeployment")? {
        Ending::Reached => 0,
        Ending::Gone => {
            bail!("the ClusterDeployment {namespace}/{} is gone", args.name)
        }
        Ending::TimedOut => {
            writeln!(io::stderr(), "error: not within {:?}", args.timeout)?;
            3
        }
        Ending::Refused(refusal) => {
            writeln!(io::stderr(), "error: {refusal}")?;
            REFUSED
        }
    };
    Ok(ExitCode::from(code))
}

const REFUSED: u8 = 4;

/// The object as it is and becomes, `None` when it is gone; a watch that breaks begins anew.
fn watch(
    api: Api<ClusterDeployment>,
    name: &str,
) -> impl futures::Stream<Item = watcher::Result<Option<ClusterDeployment>>> + use<> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut listed = false;
    watcher(api, config)
        .default_backoff()
        .filter_map(move |event| {
            let change = match event {
                Ok(watcher::Event::Init) => {
                    listed = false;
                    None
                }
                Ok(watcher::Event::InitApply(cluster)) => {
                    listed = true;
                    Some(Ok(Some(cluster)))
                }
                // What is not in the list is not there.
                Ok(watcher::Event::InitDone) => (!listed).then_some(Ok(None)),
                Ok(watcher::Event::Apply(cluster)) => Some(Ok(Some(cluster))),
                Ok(watcher::Event::Delete(_)) => Some(Ok(None)),
                Err(error) => Some(Err(error)),
            };
            std::future::ready(change)
        })
}

struct Hub {
    reader: Reader,
    writer: Writer,
}

impl Hub {
    /// Writes the wish, on the object that was judged, and tells what happens then.
    async fn ask(
        &self,
        namespace: &str,
        name: &str,
        wish: Wish,
        out: &mut impl io::Write,
    ) -> Result<Result<(), Refusal>> {
        let mut tries = 1;
        loop {
            let found = self
                .reader
                .get_live::<ClusterDeployment>(namespace, name)
                .await
                .context("cannot read the ClusterDeployment")?;
            let Some(cluster) = found else {
                bail!("there is no ClusterDeployment {namespace}/{name}");
            };
            let asked = match judge(&cluster, wish) {
                Ok(asked) => asked,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if asked.write {
                let body = json!({"spec": {"powerState": wish.power_state()}});
                let at = At::of(&cluster);
                match self.writer.merge::<ClusterDeployment>(&at, body).await {
                    Ok(_) => {}
                    Err(error) if error.is_conflict() && tries < TRIES => {
                        tries += 1;
                        continue;
                    }
                    Err(error) => return Err(error).context("cannot write spec.powerState"),
                }
            }
            for line in asked.says {
                writeln!(out, "{namespace}/{name}: {line}")?;
            }
            return Ok(Ok(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kube::ResourceExt as _;
    use serde_json::Value;
    use skep_sim::apiserver::{ApiServer, Clock as ServerClock, Latency};

    use super::*;
    use crate::runtime::StatusPlace;

    /// A hub with an installed cluster, without an operator.
    struct Place {
        server: ApiServer,
        hub: Hub,
    }

    impl Place {
        fn new() -> Self {
            let start = Timestamp::from_second(1_800_000_000).unwrap();
            let server = ApiServer::new(7, ServerClock::starting_at(start), Latency::default());
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"},
            });
            server.seed_object("", "namespaces", &namespace);
            let cluster = json!({
                "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
                "metadata": {"name": "demo", "namespace": "team"},
                "spec": {
                    "clusterName": "demo", "baseDomain": "example.com", "installed": true,
                    "platform": {
                        "aws": {"region": "us-east-1", "credentialsSecretRef": {"name": "creds"}},
                    },
                },
            });
            server.seed_object("hive.openshift.io", "clusterdeployments", &cluster);
            let client = server.client("person");
            let hub = Hub {
                reader: Reader::new(client.clone()),
                writer: Writer::new(client, FIELD_MANAGER, Metrics::new()),
            };
            Self { server, hub }
        }

        fn cluster(&self) -> Value {
            let found =
                self.server
                    .object("hive.openshift.io", "clusterdeployments", "team", "demo");
            found.unwrap()
        }

        async fn ask(&self, wish: Wish) -> (Result<(), Refusal>, String) {
            let mut out = Vec::new();
            let asked = self.hub.ask("team", "demo", wish, &mut out).await.unwrap();
            (asked, String::from_utf8(out).unwrap())
        }

        /// What the hibernation controller writes.
        async fn record(&self, reason: &str, hibernating: &str) {
            let reader = &self.hub.reader;
            let found = reader.get_live::<ClusterDeployment>("team", "demo").await;
            let status = json!({"conditions": [
                {"type": "Hibernating", "status": hibernating, "reason": reason, "message": "m"},
            ]});
            self.hub
                .writer
                .patch_status::<ClusterDeployment>(
                    &At::of(&found.unwrap().unwrap()),
                    StatusPlace::Subresource,
                    status,
                )
                .await
                .unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_wish_is_written_once() {
        let place = Place::new();
        let (asked, said) = place.ask(Wish::Hibernate).await;
        asked.unwrap();
        assert!(said.contains("team/demo: asked to hibernate"), "{said}");
        let written = place.cluster();
        assert_eq!(written["spec"]["powerState"], "Hibernating");
        let (asked, said) = place.ask(Wish::Hibernate).await;
        asked.unwrap();
        assert!(said.contains("nothing is changed"), "{said}");
        assert_eq!(place.cluster(), written);
        place.ask(Wish::Resume).await.0.unwrap();
        assert_eq!(place.cluster()["spec"]["powerState"], "Running");
        let nobody = place
            .hub
            .ask("team", "nobody", Wish::Resume, &mut io::sink())
            .await;
        assert!(nobody.unwrap_err().to_string().contains("team/nobody"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_follows_the_cluster_until_it_sleeps_or_is_gone() {
        let place = Place::new();
        place.ask(Wish::Hibernate).await.0.unwrap();
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        let api = || Api::<ClusterDeployment>::namespaced(place.server.client("person"), "team");
        let patience = Duration::from_hours(1);
        let mut out = Vec::new();
        let work = async {
            for (reason, status) in [("Stopping", "False"), ("Hibernating", "True")] {
                clock.sleep(Duration::from_mins(1)).await;
                place.record(reason, status).await;
            }
        };
        let changes = watch(api(), "demo");
        let (ending, ()) = tokio::join!(
            follow(changes, Wish::Hibernate, patience, &clock, &mut out),
            work
        );
        assert_eq!(ending.unwrap(), Ending::Reached);
        let said = String::from_utf8(out).unwrap();
        let told: Vec<&str> = said
            .lines()
            .filter_map(|line| line.trim().split("  ").nth(1))
            .collect();
        assert_eq!(
            told,
            [
                "waits for the hibernation controller",
                "Stopping: m",
                "Hibernating: m"
            ]
        );
        let found = api().get("demo").await.unwrap();
        let delete = async {
            clock.sleep(Duration::from_mins(1)).await;
            let params = kube::api::DeleteParams::default();
            api().delete(&found.name_any(), &params).await.unwrap();
        };
        let changes = watch(api(), "demo");
        let mut sink = io::sink();
        let (ending, ()) = tokio::join!(
            follow(changes, Wish::Resume, patience, &clock, &mut sink),
            delete
        );
        let overruled = Ending::Refused(Refusal::Overruled("Hibernating".into()));
        assert_eq!(ending.unwrap(), overruled);
        let changes = watch(api(), "demo");
        let ending = follow(changes, Wish::Hibernate, patience, &clock, &mut io::sink()).await;
        assert_eq!(ending.unwrap(), Ending::Gone);
    }

    #[test]
    fn a_time_to_wait_is_written_as_people_do() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_mins(90)));
        for wrong in ["-1m", "soon", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
