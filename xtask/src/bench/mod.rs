//! `cargo xtask bench`: the figures that the project promises, measured on a real API server and an emulated
//! cloud. One function for each; set-up is shared. Nothing fails here because a figure is bad: it is printed
//! beside its target, and a person judges. The conditions say on what it was measured.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use skep_kit::progress::Progress;

mod admission;
mod demo;
mod deprovision;
mod hub;
mod latency;
mod operator;

/// Measure what the project promises, and print it beside its targets.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to measure; everything but the demo when nothing is named
    which: Vec<Which>,
    /// Print one JSON object with conditions and figures
    #[arg(long)]
    json: bool,
    /// With binaries of this profile
    #[arg(long, default_value = "release")]
    profile: Profile,
    /// How many installed clusters the hub holds
    #[arg(long, default_value_t = 100)]
    clusters: usize,
    /// Of the operator: with clusters whose APIs answer
    #[arg(long)]
    living: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Which {
    /// How long a hub takes to boot
    Hub,
    /// Adoption, latencies, memory, silence and take-over of the operator
    Operator,
    /// The deletion of a cluster from its cloud
    Deprovision,
    /// The admission webhook: latency, memory, processor time
    Admission,
    /// The whole demo, with and without its failed attempt
    Demo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Profile {
    /// Optimised, as users get it; the first build takes half an hour
    Release,
    /// As tests have it
    Dev,
}

impl Profile {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }
}

/// One measured number.
#[derive(Clone, Debug)]
struct Figure {
    name: &'static str,
    value: f64,
    target: &'static str,
    /// How it was measured, in a few words.
    how: String,
}

/// What was measured so far, and on what.
#[derive(Clone, Debug, Default)]
struct Record {
    conditions: BTreeMap<&'static str, Value>,
    figures: Vec<Figure>,
}

impl Record {
    fn condition(&mut self, name: &'static str, value: impl Into<Value>) {
        self.conditions.insert(name, value.into());
    }

    fn figure(
        &mut self,
        name: &'static str,
        value: f64,
        target: &'static str,
        how: impl Into<String>,
    ) {
        self.figures.push(Figure {
            name,
            value,
            target,
            how: how.into(),
        });
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let progress = if arguments.json {
        Progress::silent()
    } else {
        Progress::new()
    };
    let mut record = Record::default();
    machine(&mut record)?;
    record.condition("profile", arguments.profile.as_str());
    let mut which = arguments.which.clone();
    if which.is_empty() {
        which = vec![
            Which::Hub,
            Which::Operator,
            Which::Deprovision,
            Which::Admission,
        ];
    }
    which.sort();
    which.dedup();
    for one in which {
        match one {
            Which::Hub => hub::measure(&mut record, &progress)?,
            Which::Operator => {
                let binaries = build(arguments.profile, &progress)?;
                let (clusters, living) = (arguments.clusters, arguments.living);
                operator::measure(&mut record, &binaries.skep, clusters, living, &progress)?;
            }
            Which::Deprovision => {
                let binaries = build(arguments.profile, &progress)?;
                deprovision::measure(&mut record, &binaries, &progress)?;
            }
            Which::Admission => {
                let binaries = build(arguments.profile, &progress)?;
                admission::measure(&mut record, &binaries.skep, &progress)?;
            }
            Which::Demo => demo::measure(&mut record)?,
        }
    }
    if arguments.json {
        print_json(&record)
    } else {
        print_table(&record);
        Ok(())
    }
}

fn build(profile: Profile, progress: &Progress) -> Result<skep_kit::binaries::Binaries> {
    skep_kit::binaries::build_profile(profile.as_str(), progress)
}

/// The machine, as far as it makes figures comparable.
fn machine(record: &mut Record) -> Result<()> {
    let cores = std::thread::available_parallelism().context("count the processors")?;
    record.condition("cores", cores.get());
    let line = |path: &str, key: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(key));
        found
            .unwrap_or_default()
            .trim_start_matches([':', '\t', ' '])
            .trim()
            .to_owned()
    };
    record.condition("processor", line("/proc/cpuinfo", "model name"));
    record.condition("memory", line("/proc/meminfo", "MemTotal"));
    record.condition("kernel", line("/proc/sys/kernel/osrelease", ""));
    record.condition("load_before", line("/proc/loadavg", ""));
    record.condition("kubernetes", skep_kit::hub::KUBERNETES);
    record.condition("skep", env!("CARGO_PKG_VERSION"));
    Ok(())
}

fn print_json(record: &Record) -> Result<()> {
    let figures: serde_json::Map<String, Value> = record
        .figures
        .iter()
        .map(|figure| (figure.name.to_owned(), json!(figure.value)))
        .collect();
    let all = json!({"conditions": record.conditions, "figures": figures});
    let text = serde_json::to_string_pretty(&all).context("encode the figures")?;
    println!("{text}");
    Ok(())
}

fn print_table(record: &Record) {
    let mut conditions = Table::new();
    conditions.load_style(presets::NOTHING);
    for (name, value) in &record.conditions {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        conditions.add_row([(*name).to_owned(), value]);
    }
    println!("{conditions}\n");
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["Figure", "Measured", "Target", "How"]);
    for figure in &record.figures {
        table.add_row([
            figure.name,
            &rounded(figure.value),
            figure.target,
            &figure.how,
        ]);
    }
    println!("{table}");
}

fn rounded(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
