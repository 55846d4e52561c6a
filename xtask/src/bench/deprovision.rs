//! The deletion of the demo's cluster from the emulated cloud, by the same engine that the controllers run:
//! `skep deprovision run` on its own. Calls are counted by the emulation, resources by the leak oracle.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use skep_kit::binaries::Binaries;
use skep_kit::cloud::{Account, Cloud, CloudOptions};
use skep_kit::oracle::{Confusable, Oracle};
use skep_kit::progress::Progress;
use skep_kit::scenario::ClusterScenario;
use skep_kit::stage::{BASE_DOMAIN, REGION};

use super::Record;

const CLUSTER: &str = "demo";
/// Of AWS's own durations: waits dominate, as they do there, and the bench takes less than a minute.
const SPEED: f64 = 0.1;
/// The engine's own wait for what a dying control plane may still create. It counts as imposed.
const QUIET_PERIOD_S: f64 = 20.0;

pub(super) fn measure(record: &mut Record, binaries: &Binaries, progress: &Progress) -> Result<()> {
    let options = CloudOptions {
        scale: Some(SPEED),
        ..CloudOptions::default()
    };
    let cloud = Cloud::start(&options, progress)?;
    let account = cloud.account()?;
    let oracle = Oracle::new(&cloud, &account, &[REGION]);
    oracle.seed(&Confusable {
        cluster: CLUSTER,
        base_domain: BASE_DOMAIN,
        infra_id: None,
    })?;
    let before = oracle.snapshot()?;
    let folder = tempfile::tempdir().context("make a folder")?;
    let step = progress.step("install a cluster in the emulated AWS", "30 s");
    install(&binaries.installer, folder.path(), &cloud, &account)?;
    step.done();
    let installed = oracle.snapshot()?;
    let credentials = folder.path().join("credentials");
    std::fs::create_dir(&credentials).context("make a folder for credentials")?;
    let write = |name: &str, text: &str| {
        let path = credentials.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    write("aws_access_key_id", &account.access_key)?;
    write("aws_secret_access_key", &account.secret_key)?;
    cloud.clear_calls(&account)?;
    let since = cloud.now()?;
    let step = progress.step("delete it", "1 min");
    let begun = Instant::now();
    let output = Command::new(&binaries.skep)
        .args(["deprovision", "run", "--yes", "--json", "--account"])
        .arg(&account.id)
        .arg("--metadata-json")
        .arg(folder.path().join("metadata.json"))
        .arg("--creds-dir")
        .arg(&credentials)
        .env_clear()
        .output()
        .context("run skep")?;
    succeeded("skep deprovision run", &output)?;
    let took = begun.elapsed().as_secs_f64();
    step.done();
    let counts = cloud.counts(&account)?;
    let waits = cloud.waits(&account, since)?;
    let after = oracle.snapshot()?;
    let deleted = oracle.deleted(&installed, &after)?;
    let (same, report) = oracle.report(&before, &after)?;
    record.condition("cloud_speed", SPEED);
    record.condition(
        "leak_oracle",
        if same {
            "the account is as it was".to_owned()
        } else {
            report
        },
    );
    record.condition("deleted_by_kind", serde_json::json!(deleted.by_kind));
    figures(record, took, &waits, &counts, &deleted);
    Ok(())
}

fn figures(
    record: &mut Record,
    took: f64,
    waits: &skep_kit::cloud::Waits,
    counts: &skep_kit::cloud::Counts,
    deleted: &skep_kit::oracle::Deleted,
) {
    let number = |count: u64| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    // The quiet period begins when the control plane has ended, whatever else is still waited for.
    let instances = waits
        .waits
        .iter()
        .filter(|wait| wait.kind.starts_with("instance"))
        .map(|wait| wait.seconds)
        .fold(0.0, f64::max);
    let imposed = waits.waves.max(instances + QUIET_PERIOD_S);
    record.figure(
        "deprovision_s",
        took,
        "-",
        "skep deprovision run, from start to end",
    );
    record.figure(
        "deprovision_imposed_s",
        imposed,
        "-",
        "instances, then the longer of the quiet period (20 s) and the slowest gateway, balancer or endpoint",
    );
    record.figure(
        "deprovision_critical_path_ratio",
        took / imposed,
        "at most 1.3",
        "wall over imposed",
    );
    record.figure(
        "deprovision_resources",
        number(deleted.resources + deleted.parts),
        "-",
        format!(
            "the oracle's count: {} resources, {} parts; {} went with their owner",
            deleted.resources, deleted.parts, deleted.with_owner
        ),
    );
    record.figure(
        "deprovision_changing_calls_per_resource",
        number(counts.changing) / number(deleted.resources.max(1)),
        "at most 1.5",
        format!("{} changing calls over resources alone", counts.changing),
    );
    record.figure(
        "deprovision_reading_calls",
        number(counts.reading),
        "at most 80 and 2 a minute of imposed wait",
        format!("allowed {:.0}", 80.0 + 2.0 * imposed / 60.0),
    );
}

fn install(installer: &Path, folder: &Path, cloud: &Cloud, account: &Account) -> Result<()> {
    let scenario = ClusterScenario {
        namespace: CLUSTER.to_owned(),
        name: CLUSTER.to_owned(),
        base_domain: BASE_DOMAIN.to_owned(),
        region: REGION.to_owned(),
        endpoint: cloud.endpoint().to_owned(),
        access_key: account.access_key.clone(),
        secret_key: account.secret_key.clone(),
        installer_env: Vec::new(),
        attempts_limit: None,
        image_set: String::new(),
    };
    // The install manager puts the merged pull secret there; any will do here.
    let config = scenario.install_config().replace(
        "pullSecret: ''",
        "pullSecret: '{\"auths\":{\"r.example.com\":{\"auth\":\"eDp4\"}}}'",
    );
    std::fs::write(folder.join("install-config.yaml"), config).context("write install-config")?;
    for verb in ["manifests", "ignition-configs", "cluster"] {
        let output = Command::new(installer)
            .args(["create", verb])
            .current_dir(folder)
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", &account.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &account.secret_key)
            .output()
            .context("run the stand-in installer")?;
        succeeded(&format!("openshift-install create {verb}"), &output)?;
    }
    Ok(())
}

fn succeeded(what: &str, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    bail!("{what}: {}\n{said}{printed}", output.status)
}
