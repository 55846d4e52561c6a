//! Faults on order: fail, hang or die at a stage, or after so many calls to the cloud
//! (docs/spec/50 §14, point 8).
//!
//! Decides whether a fault strikes; what a failed stage then prints is the stage's own business, so
//! that an injected failure reads like a real one.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

/// The stages of all commands, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// `create manifests`.
    Manifests,
    /// `create ignition-configs`.
    IgnitionConfigs,
    /// `create cluster`, before the first object of the cloud: IAM comes next.
    PreProvisioning,
    /// The local Cluster API control plane starts.
    CapiSystem,
    /// VPC to load balancers.
    Network,
    /// Hosted zone and records.
    Dns,
    /// The bootstrap host's configuration goes into a bucket.
    BootstrapIgnition,
    /// Bootstrap and control plane instances.
    Machines,
    /// After the machines: the last changes to the infrastructure.
    PostProvisioning,
    /// The Kubernetes API answers.
    Api,
    /// The control plane takes over from the bootstrap host.
    Bootstrap,
    /// Bootstrap resources are deleted.
    BootstrapDestroy,
    /// `ClusterVersion` becomes available; workers and what the cluster makes for itself appear.
    Initialize,
    /// Operators settle.
    OperatorsStable,
    /// The console's route appears.
    Console,
    /// `gather bootstrap`.
    Gather,
    /// `destroy cluster`.
    Destroy,
}

/// One fault on order.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fault {
    /// Where it strikes. None: anywhere, which only makes sense with `after_calls`.
    stage: Option<Stage>,
    /// What happens.
    action: Action,
    /// The error of the cloud, or the last words of the stage.
    #[serde(default)]
    error: Option<String>,
    /// Instead of the stage's own code.
    #[serde(default)]
    exit_code: Option<u8>,
    /// Strike after so many successful changing calls since the stage began (or since the command did).
    #[serde(default)]
    after_calls: Option<u32>,
    /// Count only calls of this operation, such as `CreateSubnet`.
    #[serde(default)]
    operation: Option<String>,
    /// Only in these attempts.
    #[serde(default)]
    attempts: Option<Vec<u32>>,
    /// In every attempt but this one and later ones.
    #[serde(default)]
    succeed_on_attempt: Option<u32>,
    /// Only in this command: the first word, `create`, `wait-for`, `gather` or `destroy`.
    #[serde(default)]
    command: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Fail,
    Hang,
    Kill,
}

/// What a stage is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Injected {
    /// What the cloud, or the cluster, says.
    pub(crate) error: Option<String>,
    /// Instead of the stage's own exit code.
    pub(crate) exit_code: Option<u8>,
}

/// The faults of one process. Also sits in every client of the cloud, to count its calls.
#[derive(Clone, Debug)]
pub(crate) struct Faults(Arc<Mutex<Progress>>);

#[derive(Debug)]
struct Progress {
    faults: Vec<Armed>,
    stage: Option<Stage>,
    struck: Option<Struck>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    calls: u32,
}

#[derive(Clone, Debug)]
enum Struck {
    Failed(Injected),
    Hung,
}

impl Faults {
    /// Reads the documents that order faults. An unreadable one is an error: a test whose fault is
    /// misspelt must not pass.
    pub(crate) fn parse(documents: &[&str], attempt: Option<u32>, command: &str) -> Result<Self> {
        let mut faults = Vec::new();
        for document in documents {
            for fault in orders(document)? {
                if fault.stage.is_none() && fault.after_calls.is_none() {
                    bail!("a fault needs a stage or afterCalls");
                }
                if fault.operation.is_some() && fault.after_calls.is_none() {
                    bail!("a fault with an operation needs afterCalls");
                }
                if fault.is_due(attempt, command)? {
                    faults.push(Armed { fault, calls: 0 });
                }
            }
        }
        Ok(Self(Arc::new(Mutex::new(Progress {
            faults,
            stage: None,
            struck: None,
        }))))
    }

    /// A stage begins. Faults without a count strike here; one that kills does not return, one that
    /// hangs waits until somebody ends the process.
    pub(crate) async fn enter(&self, stage: Stage) -> Result<(), Injected> {
        self.with(|progress| {
            progress.stage = Some(stage);
            for armed in &mut progress.faults {
                if armed.fault.stage == Some(stage) {
                    armed.calls = 0;
                }
            }
            let due = progress.faults.iter().find(|armed| {
                armed.fault.stage == Some(stage) && armed.fault.after_calls.unwrap_or(0) == 0
            });
            if let Some(armed) = due {
                progress.struck = Some(armed.fault.strike());
            }
        });
        self.outcome().await
    }

    /// Whether a fault struck in the middle of a stage; hangs when it is one that hangs.
    pub(crate) async fn outcome(&self) -> Result<(), Injected> {
        match self.with(|progress| progress.struck.clone()) {
            None => Ok(()),
            Some(Struck::Failed(injected)) => Err(injected),
            Some(Struck::Hung) => std::future::pending().await,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Progress) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn completed(&self, operation: &str) {
        self.with(|progress| {
            let stage = progress.stage;
            for armed in &mut progress.faults {
                let Some(after) = armed.fault.after_calls else {
                    continue;
                };
                let here = armed.fault.stage.is_none() || armed.fault.stage == stage;
                let counted = armed
                    .fault
                    .operation
                    .as_deref()
                    .is_none_or(|o| o == operation);
                if !here || !counted || after == 0 {
                    continue;
                }
                armed.calls += 1;
                if armed.calls == after {
                    progress.struck = Some(armed.fault.strike());
                    break;
                }
            }
        });
    }
}

impl Fault {
    fn is_due(&self, attempt: Option<u32>, command: &str) -> Result<bool> {
        if self
            .command
            .as_deref()
            .is_some_and(|wanted| wanted != command)
        {
            return Ok(false);
        }
        if self.attempts.is_none() && self.succeed_on_attempt.is_none() {
            return Ok(true);
        }
        let Some(attempt) = attempt else {
            bail!(
                "a fault names attempts, but neither OPENSHIFT_INSTALL_STANDIN_ATTEMPT nor the host's \
                 name tells which attempt this is"
            );
        };
        let listed = self
            .attempts
            .as_ref()
            .is_none_or(|attempts| attempts.contains(&attempt));
        let early = self
            .succeed_on_attempt
            .is_none_or(|success| attempt < success);
        Ok(listed && early)
    }

    fn strike(&self) -> Struck {
        match self.action {
            Action::Fail => Struck::Failed(Injected {
                error: self.error.clone(),
                exit_code: self.exit_code,
            }),
            Action::Hang => Struck::Hung,
            Action::Kill => die(),
        }
    }
}

fn die() -> Struck {
    // Nothing is flushed and nothing cleaned up: that is the point. The signal needs no permission and
    // does not come back.
    let _ = kill(Pid::this(), Signal::SIGKILL);
    Struck::Hung
}

fn orders(document: &str) -> Result<Vec<Fault>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
        faults: Vec<Fault>,
    }
    let list = document.trim_start().starts_with('[');
    let orders = if list {
        serde_json::from_str(document)
    } else {
        serde_json::from_str::<Document>(document).map(|document| document.faults)
    };
    orders.context("faults of the stand-in installer")
}

/// Only calls that change something count: a test can then know beforehand how many there are.
fn changes(operation: &str) -> bool {
    !["Describe", "Get", "List", "Head", "Assume"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "StandInFaults"
    }

    /// Once a fault has struck, no further call leaves the process.
    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.with(|progress| progress.struck.is_some()) {
            return Err("an injected fault stopped the installer".into());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let succeeded = matches!(context.output_or_error(), Some(Ok(_)));
        if let Some(metadata) = cfg.load::<Metadata>()
            && succeeded
            && changes(metadata.name())
        {
            self.completed(metadata.name());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(document: &str, attempt: Option<u32>) -> Result<Faults> {
        Faults::parse(&[document], attempt, "create")
    }

    async fn strikes(document: &str, attempt: Option<u32>, stage: Stage) -> bool {
        match faults(document, attempt) {
            Ok(faults) => faults.enter(stage).await.is_err(),
            Err(error) => unreachable!("{document}: {error:#}"),
        }
    }

    #[tokio::test]
    async fn a_fault_strikes_at_its_stage_only() {
        let document =
            r#"[{"stage": "network", "action": "fail", "error": "VpcLimitExceeded: no"}]"#;
        assert!(strikes(document, None, Stage::Network).await);
        assert!(!strikes(document, None, Stage::Dns).await);
    }

    #[tokio::test]
    async fn attempts_are_counted_from_the_environment() {
        let only = r#"{"faults": [{"stage": "api", "action": "fail", "attempts": [0, 2]}]}"#;
        let until = r#"[{"stage": "api", "action": "fail", "succeedOnAttempt": 2}]"#;
        for (attempt, by_list, by_success) in [
            (0, true, true),
            (1, false, true),
            (2, true, false),
            (3, false, false),
        ] {
            assert_eq!(
                strikes(only, Some(attempt), Stage::Api).await,
                by_list,
                "{attempt}"
            );
            assert_eq!(
                strikes(until, Some(attempt), Stage::Api).await,
                by_success,
                "{attempt}"
            );
        }
        assert!(faults(only, None).is_err(), "the attempt is not known");
    }

    #[tokio::test]
    async fn calls_are_counted_within_the_stage() {
        let document = r#"[{"stage": "network", "action": "fail", "afterCalls": 2,
                            "operation": "CreateSubnet", "exitCode": 1}]"#;
        let Ok(faults) = faults(document, None) else {
            unreachable!()
        };
        assert_eq!(faults.enter(Stage::PreProvisioning).await, Ok(()));
        faults.completed("CreateSubnet");
        assert_eq!(faults.enter(Stage::Network).await, Ok(()));
        faults.completed("CreateVpc");
        faults.completed("CreateSubnet");
        assert_eq!(faults.outcome().await, Ok(()));
        faults.completed("CreateSubnet");
        assert_eq!(
            faults.outcome().await,
            Err(Injected {
                error: None,
                exit_code: Some(1)
            })
        );
    }

    #[test]
    fn a_misspelt_fault_is_an_error() {
        for document in [
            "{}",
            "[{}]",
            r#"[{"action": "fail"}]"#,
            r#"[{"stage": "netwrok", "action": "fail"}]"#,
            r#"[{"stage": "network", "action": "explode"}]"#,
            r#"[{"stage": "network", "action": "fail", "afterCals": 1}]"#,
            r#"[{"stage": "network", "action": "fail", "operation": "CreateVpc"}]"#,
        ] {
            assert!(faults(document, Some(0)).is_err(), "{document}");
        }
    }

    #[test]
    fn only_changing_calls_count() {
        assert!(changes("CreateVpc") && changes("RunInstances") && changes("PutObject"));
        assert!(!changes("DescribeVpcs") && !changes("ListHostedZonesByName"));
    }
}
