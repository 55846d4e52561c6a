//! Tells what happens to the cluster while it happens: each change once, with the time since the start.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use skep_kit::scenario::ClusterScenario;
use skep_kit::stage::Stage;

use super::log::{Follower, Shown};

/// Kinds that are watched. Of install pods only the log is told: the rest their Job says.
const KINDS: &str = "clusterdeployments,clusterprovisions,clusterdeprovisions,jobs,pods";

/// The label of install pods.
const INSTALL_POD: &str = "/metadata/labels/hive.openshift.io~1install";

/// The container of an install pod that runs the installer.
const INSTALLER: &str = "installer";

/// When the story is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// `spec.installed` is true.
    Installed,
    /// The ClusterDeployment is gone.
    Gone,
}

/// Something that happened.
enum Happened {
    /// An object changed; `None` when it was deleted.
    Object {
        kind: String,
        name: String,
        object: Option<Box<Value>>,
    },
    /// A line of the installer's log.
    Log(String),
}

/// Follows the objects of a namespace.
pub(super) struct Story<'a> {
    stage: &'a Stage,
    cluster: String,
    namespace: String,
    shown: Shown,
    start: Instant,
    happened: Receiver<Happened>,
    tell: Sender<Happened>,
    said: BTreeMap<String, String>,
    children: Vec<Child>,
    /// By pod.
    logs: BTreeMap<String, Follower>,
}

impl<'a> Story<'a> {
    pub(super) fn new(stage: &'a Stage, cluster: &ClusterScenario, verbose: bool) -> Result<Self> {
        let (tell, happened) = channel();
        let mut story = Self {
            stage,
            cluster: cluster.name.clone(),
            namespace: cluster.namespace.clone(),
            shown: Shown::new(verbose),
            start: Instant::now(),
            happened,
            tell,
            said: BTreeMap::new(),
            children: Vec::new(),
            logs: BTreeMap::new(),
        };
        for kind in KINDS.split(',') {
            story.watch(kind)?;
        }
        Ok(story)
    }

    /// Tells until the end, or fails after `limit`.
    pub(super) fn tell(&mut self, until: Until, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(happened) = self.happened.recv_timeout(left) else {
                let why = self
                    .stage
                    .skep(&["why", "cd", &self.cluster, "-n", &self.namespace]);
                bail!(
                    "not {until:?} within {} s:\n{}",
                    limit.as_secs(),
                    why.unwrap_or_default()
                );
            };
            match happened {
                Happened::Log(line) => self.log(&line),
                Happened::Object { kind, name, object } => {
                    if self.object(&kind, &name, object.as_deref(), until) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn object(&mut self, kind: &str, name: &str, object: Option<&Value>, until: Until) -> bool {
        let Some(object) = object else {
            if kind != "Pod" {
                self.say(&format!("{kind}/{name}"), "gone");
            }
            return until == Until::Gone && kind == "ClusterDeployment" && name == self.cluster;
        };
        for (subject, sentence) in sentences(kind, name, object) {
            self.say(&subject, &sentence);
        }
        if kind == "Pod"
            && object.pointer(INSTALL_POD) == Some(&Value::from("true"))
            && has_begun(object)
        {
            self.follow_log(name);
        }
        let installed = object.pointer("/spec/installed") == Some(&Value::Bool(true));
        until == Until::Installed && kind == "ClusterDeployment" && installed
    }

    fn say(&mut self, subject: &str, sentence: &str) {
        if self.said.get(subject).is_some_and(|said| said == sentence) {
            return;
        }
        self.said.insert(subject.to_owned(), sentence.to_owned());
        println!(
            "{:>5} s  {subject}: {sentence}",
            self.start.elapsed().as_secs()
        );
    }

    fn log(&mut self, line: &str) {
        let elapsed = self.start.elapsed();
        for line in self.shown.of(line, elapsed) {
            println!("{:>5} s      │ {line}", elapsed.as_secs());
        }
    }

    /// `kubectl get --watch`, one process per kind.
    fn watch(&mut self, kind: &str) -> Result<()> {
        let arguments = [
            "get",
            kind,
            "-n",
            &self.namespace,
            "-o",
            "json",
            "--watch",
            "--output-watch-events",
        ];
        let mut child = self
            .stage
            .hub
            .kubectl(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start kubectl")?;
        let output = child
            .stdout
            .take()
            .context("kubectl's output is not a pipe")?;
        let tell = self.tell.clone();
        std::thread::spawn(move || {
            let events = serde_json::Deserializer::from_reader(BufReader::new(output));
            for event in events.into_iter::<Value>().map_while(Result::ok) {
                let text = |path: &str| {
                    event
                        .pointer(path)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned()
                };
                let deleted = text("/type") == "DELETED";
                let object = (!deleted).then(|| Box::new(event["object"].clone()));
                let (kind, name) = (text("/object/kind"), text("/object/metadata/name"));
                if tell.send(Happened::Object { kind, name, object }).is_err() {
                    break;
                }
            }
        });
        self.children.push(child);
        Ok(())
    }

    fn follow_log(&mut self, pod: &str) {
        if self.logs.contains_key(pod) {
            return;
        }
        let tell = self.tell.clone();
        let called = self.stage.hub.kubectl(&[]);
        let program = called.get_program().to_owned();
        let always: Vec<_> = called.get_args().map(ToOwned::to_owned).collect();
        let kubectl = move |arguments: &[&str]| {
            let mut kubectl = Command::new(&program);
            kubectl.args(&always).args(arguments);
            kubectl
        };
        let follower = Follower::start(
            Box::new(kubectl),
            self.namespace.clone(),
            pod.to_owned(),
            INSTALLER,
            move |line| tell.send(Happened::Log(line)).is_ok(),
        );
        self.logs.insert(pod.to_owned(), follower);
    }
}

impl Drop for Story<'_> {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether the installer of a pod runs, or has run.
fn has_begun(pod: &Value) -> bool {
    let statuses = pod
        .pointer("/status/containerStatuses")
        .and_then(Value::as_array);
    statuses.into_iter().flatten().any(|status| {
        let state = &status["state"];
        let begun = state["running"].is_object() || state["terminated"].is_object();
        status["name"] == INSTALLER && begun
    })
}

/// What an object says, by subject.
fn sentences(kind: &str, name: &str, object: &Value) -> Vec<(String, String)> {
    let text = |path: &str| {
        object
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match kind {
        "ClusterDeployment" => conditions(object)
            .filter(|(type_, status, _)| match *type_ {
                "Provisioned" => true,
                "RequirementsMet" => *status != "Unknown",
                "ProvisionFailed"
                | "AuthenticationFailure"
                | "DeprovisionLaunchError"
                | "ProvisionStopped"
                | "InstallLaunchError" => *status == "True",
                _ => false,
            })
            .map(|(type_, status, why)| {
                (
                    format!("cluster {name} {type_}"),
                    format!("{status}, {why}"),
                )
            })
            .collect(),
        "ClusterProvision" => {
            let mut all = vec![(
                format!("attempt {name}"),
                format!("stage {}", text("/spec/stage")),
            )];
            if object
                .pointer("/metadata/annotations/skep.dev~1cleaned-up")
                .is_some()
            {
                all.push((
                    format!("attempt {name} clean-up"),
                    "nothing of it is left in AWS".to_owned(),
                ));
            }
            all
        }
        "ClusterDeprovision" => conditions(object)
            .map(|(type_, status, why)| (format!("deletion {type_}"), format!("{status}, {why}")))
            .collect(),
        "Job" => {
            let state = if object.pointer("/status/succeeded").is_some() {
                "succeeded"
            } else if object.pointer("/status/failed").is_some() {
                "failed"
            } else {
                "running"
            };
            vec![(format!("job {name}"), state.to_owned())]
        }
        _ => Vec::new(),
    }
}

fn conditions(object: &Value) -> impl Iterator<Item = (&str, &str, String)> {
    let all = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    all.into_iter().flatten().map(|condition| {
        let text = |key: &str| {
            condition
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        (
            text("type"),
            text("status"),
            format!("{}: {}", text("reason"), text("message")),
        )
    })
}
