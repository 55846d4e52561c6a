//! Tells what happens to the cluster while it happens: each change once, with the time since the start.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use skep_kit::scenario::ClusterScenario;
use skep_kit::stage::Stage;

/// Kinds that are watched. Pods are left out: their Job says the same, and their log is shown.
const KINDS: &str = "clusterdeployments,clusterprovisions,clusterdeprovisions,jobs";

/// Lines of the installer's log that a person wants to see.
const TELLING: [&str; 3] = ["level=info", "level=error", "level=fatal"];

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
    verbose: bool,
    start: Instant,
    happened: Receiver<Happened>,
    tell: Sender<Happened>,
    said: BTreeMap<String, String>,
    children: Vec<Child>,
}

impl<'a> Story<'a> {
    pub(super) fn new(stage: &'a Stage, cluster: &ClusterScenario, verbose: bool) -> Result<Self> {
        let (tell, happened) = channel();
        let mut story = Self {
            stage,
            cluster: cluster.name.clone(),
            namespace: cluster.namespace.clone(),
            verbose,
            start: Instant::now(),
            happened,
            tell,
            said: BTreeMap::new(),
            children: Vec::new(),
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
                    if self.object(&kind, &name, object.as_deref(), until)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn object(
        &mut self,
        kind: &str,
        name: &str,
        object: Option<&Value>,
        until: Until,
    ) -> Result<bool> {
        let Some(object) = object else {
            self.say(&format!("{kind}/{name}"), "gone");
            return Ok(until == Until::Gone && kind == "ClusterDeployment" && name == self.cluster);
        };
        for (subject, sentence) in sentences(kind, name, object) {
            self.say(&subject, &sentence);
        }
        if kind == "Job"
            && self
                .said
                .insert(format!("log of {name}"), String::new())
                .is_none()
        {
            self.follow_log(name)?;
        }
        let installed = object.pointer("/spec/installed") == Some(&Value::Bool(true));
        Ok(until == Until::Installed && kind == "ClusterDeployment" && installed)
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

    fn log(&self, line: &str) {
        let telling = TELLING.iter().any(|word| line.contains(word));
        if !self.verbose && !telling {
            return;
        }
        let message = line.split_once("msg=").map_or(line, |(_, message)| message);
        println!(
            "{:>5} s      │ {}",
            self.start.elapsed().as_secs(),
            message.trim_matches('"')
        );
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

    fn follow_log(&mut self, job: &str) -> Result<()> {
        if !job.ends_with("-provision") {
            return Ok(());
        }
        let name = format!("job/{job}");
        let arguments = [
            "logs",
            "-f",
            &name,
            "-n",
            &self.namespace,
            "-c",
            "installer",
            "--pod-running-timeout=5m",
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
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(Happened::Log(line)).is_err() {
                    break;
                }
            }
        });
        self.children.push(child);
        Ok(())
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
