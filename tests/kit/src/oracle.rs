//! The leak oracle: fills an account with what belongs to other people, and tells afterwards whether
//! it is as it was. The witness itself is Python (`tests/doubles/aws/oracle.py`), so that it shares
//! neither code nor SDK with the product; this module only calls it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cloud::{Account, Cloud, home};

/// The oracle of one account.
#[derive(Clone, Debug)]
pub struct Oracle<'a> {
    cloud: &'a Cloud,
    account: &'a Account,
    regions: Vec<String>,
}

/// The cluster that the planted resources are to be confused with.
#[derive(Clone, Debug)]
pub struct Confusable<'a> {
    /// Its name.
    pub cluster: &'a str,
    /// Its base domain; the public zone of that name is planted.
    pub base_domain: &'a str,
    /// Its infra ID, when it is known beforehand.
    pub infra_id: Option<&'a str>,
}

/// Everything that an account held at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot(Value);

/// What was planted late.
#[derive(Clone, Debug)]
pub struct Late(Value);

/// What two snapshots say.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    /// The account is as it was.
    pub same: bool,
    /// What is not.
    pub differences: Vec<Difference>,
    /// How much was not counted, by kind.
    pub forgiven: BTreeMap<String, u64>,
    /// What is not counted, and why.
    pub forgiveness: String,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, Deserialize)]
pub struct Difference {
    /// `described` by the API, or `dumped` from the emulation's memory.
    pub witness: String,
    /// `new`, `missing` or `changed`.
    pub what: String,
    /// Such as `ec2:vpc`.
    pub kind: String,
    /// Region and id, or name.
    pub id: String,
    /// Name tag, if it has one.
    pub name: Option<String>,
    /// What changed, from what, to what.
    pub changes: Vec<String>,
}

/// What was alive in one snapshot and is not in the next.
#[derive(Clone, Debug, Deserialize)]
pub struct Deleted {
    /// What somebody had to delete.
    pub resources: u64,
    /// Records, objects, rules, inline policies, keys, listeners.
    pub parts: u64,
    /// What AWS deletes with its owner.
    pub with_owner: u64,
    /// Resources by kind.
    pub by_kind: BTreeMap<String, u64>,
}

impl<'a> Oracle<'a> {
    /// An oracle that looks at some regions of an account, and at its global services.
    pub fn new(cloud: &'a Cloud, account: &'a Account, regions: &[&str]) -> Self {
        Self {
            cloud,
            account,
            regions: regions.iter().map(ToString::to_string).collect(),
        }
    }

    /// Plants other people's resources. Returns their ids by role, by region.
    pub fn seed(&self, confusable: &Confusable<'_>) -> Result<Value> {
        let mut arguments = vec!["--cluster", confusable.cluster];
        arguments.extend(["--base-domain", confusable.base_domain]);
        if let Some(infra_id) = confusable.infra_id {
            arguments.extend(["--infra-id", infra_id]);
        }
        self.ask("seed", &arguments)
    }

    /// Plants other people's records below the cluster's own domain, with the cluster's names and
    /// other types. Only once the cluster is there: an installer refuses a domain that has records.
    /// `seeded` is what [`Oracle::seed`] gave.
    pub fn seed_late(&self, confusable: &Confusable<'_>, seeded: &Value) -> Result<Late> {
        let first = self
            .regions
            .first()
            .context("an oracle looks at one region at least")?;
        let zone = seeded[first]["public_zone"]
            .as_str()
            .context("nothing was seeded there")?;
        let planted = self.ask(
            "seed-late",
            &[
                "--cluster",
                confusable.cluster,
                "--base-domain",
                confusable.base_domain,
                "--public-zone",
                zone,
            ],
        )?;
        Ok(Late(planted))
    }

    /// What shall be left: what was there before, and what was planted late as it was seen `during`.
    pub fn expect(&self, before: &Snapshot, during: &Snapshot, late: &Late) -> Result<Snapshot> {
        let folder = tempfile::tempdir().context("make a folder for snapshots")?;
        let planted = folder.path().join("planted");
        std::fs::write(&planted, late.0.to_string()).context("write what was planted")?;
        let planted = planted.to_string_lossy();
        let output = self.weigh("expect", before, during, &[planted.as_ref()])?;
        let expected = serde_json::from_slice(&output).context("understand the oracle")?;
        Ok(Snapshot(expected))
    }

    /// Takes a snapshot, after bringing transitional states to their end.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot(self.ask("snapshot", &[])?))
    }

    /// Takes a snapshot of things as they are, half-way states included.
    pub fn snapshot_unsettled(&self) -> Result<Snapshot> {
        Ok(Snapshot(self.ask("snapshot", &["--no-settle"])?))
    }

    /// What differs between two snapshots.
    pub fn compare(&self, before: &Snapshot, after: &Snapshot) -> Result<Verdict> {
        let output = self.weigh("compare", before, after, &["--json"])?;
        serde_json::from_slice(&output).context("understand the oracle's verdict")
    }

    /// The verdict for a person, and whether the account is as it was.
    pub fn report(&self, before: &Snapshot, after: &Snapshot) -> Result<(bool, String)> {
        let same = self.compare(before, after)?.same;
        let output = self.weigh("compare", before, after, &[])?;
        Ok((same, String::from_utf8_lossy(&output).trim_end().to_owned()))
    }

    /// How many resources were deleted between two snapshots.
    pub fn deleted(&self, before: &Snapshot, after: &Snapshot) -> Result<Deleted> {
        let output = self.weigh("deleted", before, after, &[])?;
        serde_json::from_slice(&output).context("understand the oracle's count")
    }

    /// Living resources by kind that are in `snapshot` and were not in `base`.
    pub fn count_new(&self, snapshot: &Snapshot, base: &Snapshot) -> Result<BTreeMap<String, u64>> {
        let folder = tempfile::tempdir().context("make a folder for snapshots")?;
        let (one, other) = (folder.path().join("snapshot"), folder.path().join("base"));
        std::fs::write(&one, snapshot.0.to_string()).context("write a snapshot")?;
        std::fs::write(&other, base.0.to_string()).context("write a snapshot")?;
        let mut command = self.command("count");
        command.arg(&one).arg("--base").arg(&other);
        let output = finished(command.output().context("run the oracle")?, &[0])?;
        serde_json::from_slice(&output).context("understand the oracle's count")
    }

    fn ask(&self, verb: &str, arguments: &[&str]) -> Result<Value> {
        let config = json!({
            "endpoint": self.cloud.endpoint(),
            "admin_token": self.cloud.admin_token(),
            "account": self.account.id,
            "access_key": self.account.access_key,
            "secret_key": self.account.secret_key,
            "regions": self.regions,
        });
        let mut child = self
            .command(verb)
            .args(["--config", "-"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("run the oracle")?;
        let mut stdin = child
            .stdin
            .take()
            .context("the oracle's input is not a pipe")?;
        stdin
            .write_all(config.to_string().as_bytes())
            .context("tell the oracle where to look")?;
        drop(stdin);
        let output = finished(
            child.wait_with_output().context("wait for the oracle")?,
            &[0],
        )?;
        serde_json::from_slice(&output).context("understand the oracle")
    }

    fn weigh(
        &self,
        verb: &str,
        before: &Snapshot,
        after: &Snapshot,
        arguments: &[&str],
    ) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().context("make a folder for snapshots")?;
        let (old, new) = (folder.path().join("before"), folder.path().join("after"));
        std::fs::write(&old, before.0.to_string()).context("write a snapshot")?;
        std::fs::write(&new, after.0.to_string()).context("write a snapshot")?;
        let mut command = self.command(verb);
        command.arg(&old).arg(&new).args(arguments);
        finished(command.output().context("run the oracle")?, &[0, 1])
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(self.cloud.python());
        command
            .arg("-B")
            .arg(home().join("oracle.py"))
            .arg(verb)
            .env_clear();
        command
    }
}

impl Snapshot {
    /// The snapshot as JSON: `described` by kind and id, `dumped` by path.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// A snapshot that was kept as JSON.
    pub fn from_json(value: Value) -> Self {
        Self(value)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.what, self.kind, self.id)?;
        if let Some(name) = &self.name {
            write!(formatter, " ({name})")?;
        }
        Ok(())
    }
}

fn finished(output: Output, codes: &[i32]) -> Result<Vec<u8>> {
    if !output
        .status
        .code()
        .is_some_and(|code| codes.contains(&code))
    {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
