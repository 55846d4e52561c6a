//! The names on the wire against the chapters of the specification: what a chapter names is a constant,
//! and what is a constant is named by a chapter. Each exception says why it is one.

#![expect(
    clippy::unwrap_used,
    reason = "a chapter or source that is not of the expected form has failed the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use skep_crds::names::{condition, controller};

/// The chapters whose names people's scripts or other programs may depend on.
const CHAPTERS: [&str; 12] = [
    "10", "20", "21", "22", "23", "30", "31", "32", "33", "40", "44", "50",
];

/// A constant of the crate's `names`.
#[derive(Debug)]
struct Constant {
    /// Module and name, such as `condition::cd::READY`.
    path: String,
    value: String,
    doc: String,
}

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(path: &str) -> BTreeMap<String, String> {
    std::fs::read_dir(folder(path))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            (stem, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Chapter numbers and texts; a chapter may have several files.
fn chapters() -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (stem, text) in files("../docs/spec") {
        let number = stem.split('-').next().unwrap();
        if CHAPTERS.contains(&number) {
            found.entry(number.to_owned()).or_default().push_str(&text);
        }
    }
    assert_eq!(found.len(), CHAPTERS.len(), "a chapter is missing");
    found
}

/// Every text constant, read from the sources so that none can be left out of a list.
fn constants() -> Vec<Constant> {
    let mut found = Vec::new();
    let mut sources = files("src/names");
    sources.insert(
        "names".into(),
        std::fs::read_to_string(folder("src/names.rs")).unwrap(),
    );
    for (file, source) in sources {
        let (mut modules, mut doc) = (vec![file], String::new());
        let mut lines = source.lines().peekable();
        while let Some(line) = lines.next() {
            let code = line.trim_start();
            if code == "#[cfg(test)]" {
                break;
            } else if let Some(text) = code.strip_prefix("/// ") {
                doc = format!("{doc} {text}");
                continue;
            } else if code.starts_with("//") {
                // An explanation between the documentation and its constant.
                continue;
            } else if let Some(name) = code.strip_prefix("pub mod ") {
                modules.extend(name.strip_suffix(" {").map(str::to_owned));
            } else if code == "}" && !line.starts_with(' ') && modules.len() > 1 {
                modules.pop();
            } else if let Some(rest) = code.strip_prefix("pub const ")
                && let Some((name, rest)) = rest.split_once(": &str =")
            {
                let literal = if rest.is_empty() {
                    lines.next().unwrap()
                } else {
                    rest
                };
                let value = literal.trim().strip_suffix(';').unwrap();
                found.push(Constant {
                    path: format!("{}::{name}", modules.join("::")),
                    value: serde_json::from_str(value).unwrap(),
                    doc: doc.clone(),
                });
            }
            doc.clear();
        }
    }
    found
}

/// The values of the constants below some modules.
fn values(modules: &[&str]) -> BTreeSet<String> {
    let all = constants().into_iter();
    let below = |path: &str| modules.iter().any(|m| path.starts_with(&format!("{m}::")));
    all.filter(|c| below(&c.path)).map(|c| c.value).collect()
}

/// The words of a text that consist of `word` characters; an ellipsis makes a word unusable.
fn words(text: &str, word: impl Fn(char) -> bool) -> BTreeSet<String> {
    text.split(|c: char| !word(c) && c != '…')
        .filter(|w| !w.is_empty() && !w.contains('…'))
        .map(str::to_owned)
        .collect()
}

/// Fails with every name of a chapter that is neither a constant nor an exception.
fn all_are_constants(
    found: &BTreeMap<String, BTreeSet<String>>,
    constants: &BTreeSet<String>,
    exceptions: &[(&str, &str)],
) {
    let mut lacking = String::new();
    let excepted = |name: &str| exceptions.iter().any(|(exception, _)| *exception == name);
    for (chapter, names) in found {
        for name in names.difference(constants).filter(|name| !excepted(name)) {
            writeln!(lacking, "chapter {chapter}: {name}").unwrap();
        }
    }
    assert!(lacking.is_empty(), "no constants:\n{lacking}");
    let seen: BTreeSet<_> = found.values().flatten().map(String::as_str).collect();
    for (exception, why) in exceptions {
        let needed = seen.contains(exception) && !constants.contains(*exception);
        assert!(needed, "{exception} needs no exception ({why})");
    }
}

#[test]
fn labels_annotations_finalizers_and_tags_are_those_of_the_chapters() {
    let word = |c: char| c.is_ascii_alphanumeric() || "./-_".contains(c);
    let domains = ["openshift.io/", "argoproj.io/", "kubectl.kubernetes.io/"];
    let found = chapters()
        .into_iter()
        .map(|(number, text)| {
            let names = words(&text, word)
                .into_iter()
                .map(|name| name.trim_end_matches(['.', '-']).to_owned())
                .filter(|name| domains.iter().any(|domain| name.contains(domain)))
                // Versions of API groups.
                .filter(|name| !name.rsplit('/').next().unwrap().starts_with("v1"))
                .filter(|name| !name.ends_with('/') && !name.starts_with("https"));
            (number, names.collect())
        })
        .collect();
    let constants = values(&["annotation", "label", "finalizer", "tag"]);
    all_are_constants(
        &found,
        &constants,
        &[(
            "hive.openshift.io/relocating",
            "a design that was never built",
        )],
    );
}

/// Chapter 10 lists annotations and labels without their common prefix.
#[test]
fn the_lists_without_prefix_are_complete() {
    let text = &chapters()["10"];
    let constants = values(&["annotation", "label"]);
    for heading in ["### 4.1 ", "### 4.2 "] {
        let (_, section) = text.split_once(heading).unwrap();
        let section = section.split("\n#").next().unwrap();
        let rows: Vec<_> = tables(section).into_iter().flat_map(|t| t.rows).collect();
        assert!(rows.len() > 10, "{heading}: the table was not found");
        for name in rows.iter().flat_map(|row| quoted(&row[0])) {
            // Two labels are quoted with their values, one annotation with its domain.
            let name = name.split(['=', ' ']).next().unwrap();
            let whole = format!("hive.openshift.io/{name}");
            let known = constants.contains(name) || constants.contains(&whole);
            assert!(known, "{heading}: {name}");
        }
    }
}

#[test]
fn metrics_are_those_of_the_chapters() {
    let word = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
    let found = chapters()
        .into_iter()
        .map(|(number, text)| {
            let names = words(&text, word).into_iter();
            let names = names.filter(|name| name.starts_with("hive_") && !name.contains('.'));
            (number, names.collect())
        })
        .collect();
    let constants: BTreeSet<_> = values(&["metric"])
        .into_iter()
        .filter(|name| name.starts_with("hive_"))
        .collect();
    assert_eq!(constants.len(), 63, "docs/spec/33 counts 63");
    all_are_constants(&found, &constants, &[]);
}

#[test]
fn environment_variables_are_those_of_the_chapters() {
    let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let found = chapters()
        .into_iter()
        .map(|(number, text)| {
            let names = quoted(&text).into_iter().flat_map(|text| {
                let text = text.split('=').next().unwrap_or_default().to_owned();
                words(&text, |c| c.is_ascii_alphanumeric() || "_-/".contains(c))
            });
            let names = names.filter(|name| {
                name.contains('_') && name.chars().all(word) && !name.starts_with('_')
            });
            (number, names.collect())
        })
        .collect();
    all_are_constants(
        &found,
        &values(&["env"]),
        &[
            ("SET_BY_DEPROVISION", "a value, see value.rs"),
            ("HIVE_CHECKSUM_ERR_97A29D08", "a value, see value.rs"),
        ],
    );
}

#[test]
fn parts_of_an_installation_are_those_of_the_chapters() {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_./<>".contains(c);
    let found = chapters()
        .into_iter()
        .map(|(number, text)| {
            let names = quoted(&text)
                .into_iter()
                .flat_map(|text| words(&text, word));
            let names = names.filter(|name| {
                let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                plain && (name.starts_with("hive-") || name.starts_with("hiveadmission"))
            });
            // A shape with a placeholder behind it.
            (number, names.filter(|name| !name.ends_with('-')).collect())
        })
        .collect();
    all_are_constants(
        &found,
        &values(&["component", "object_name", "controller"]),
        &[("hive-cluster", "a category that chapter 44 proposes")],
    );
}

#[test]
fn controllers_are_those_of_the_chapters() {
    let chapters = chapters();
    let list = |number: &str, start: &str| {
        let line = chapters[number]
            .lines()
            .find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("chapter {number} has no line {start}"))
            .to_owned()
    };
    let constants = values(&["controller"]);
    let constants: BTreeSet<_> = constants.iter().map(String::as_str).collect();
    let also = [
        controller::DEFAULT,
        controller::LEADER_LEASE,
        controller::REMOTE_MACHINE_SET,
    ];
    let labels = list("33", "`controller` label values");
    let labels: BTreeSet<_> = quoted(&labels).into_iter().skip(1).collect();
    let labels: BTreeSet<_> = labels.iter().map(String::as_str).chain(also).collect();
    assert_eq!(constants, labels);

    // The processes' list is the same but for the operator itself.
    let processes = list("40", "| 24 controllers |").replace("24 controllers", "");
    let processes = words(&processes, char::is_alphanumeric);
    assert_eq!(processes.len(), 24);
    for name in &processes {
        assert!(constants.contains(name.as_str()), "{name}");
    }

    // HiveConfig's list names them in any case.
    let lower: BTreeSet<_> = constants.iter().map(|name| name.to_lowercase()).collect();
    let row = "| HiveConfig | `spec.controllersConfig.controllers[].name` |";
    let named = list("44", row);
    let named: Vec<_> = quoted(&named).into_iter().skip(1).collect();
    assert_eq!(named.len(), 21);
    for name in named {
        assert!(lower.contains(&name.to_lowercase()), "{name}");
    }
}

#[test]
fn condition_types_are_those_of_the_chapters() {
    let rows: [(&str, &[&str]); 11] = [
        ("ClusterDeployment", condition::cd::ALL),
        ("ClusterProvision", condition::provision::ALL),
        ("ClusterDeprovision", condition::deprovision::ALL),
        ("ClusterPool", condition::cluster_pool::ALL),
        ("ClusterClaim", condition::cluster_claim::ALL),
        ("MachinePool", condition::machine_pool::ALL),
        ("DNSZone", condition::dns_zone::ALL),
        ("HiveConfig", condition::hive_config::ALL),
        (
            "ClusterDeploymentCustomization",
            condition::customization::ALL,
        ),
        ("ClusterSync", condition::cluster_sync::ALL),
        (
            "ClusterInstall contract / FakeClusterInstall",
            condition::cluster_install::ALL,
        ),
    ];
    let chapters = chapters();
    let (_, section) = chapters["44"].split_once("\n## 7. ").unwrap();
    let table = tables(section.split("\n## ").next().unwrap()).remove(0);
    assert_eq!(table.rows.len(), rows.len());
    for (row, (kind, types)) in table.rows.iter().zip(rows) {
        let (named, count) = row[0].rsplit_once(" (").unwrap();
        assert_eq!(named, kind);
        let mut listed = words(&row[1], |c| c.is_ascii_alphanumeric());
        listed.retain(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
        if let Some(least) = count.strip_suffix("+)") {
            assert_eq!(listed.len().to_string(), least, "{kind}");
            // The other one stands in docs/spec/30 §1.4.
            listed.insert(condition::customization::AVAILABLE.to_owned());
        } else {
            assert_eq!(format!("{})", listed.len()), count, "{kind}");
        }
        let types: BTreeSet<String> = types.iter().map(ToString::to_string).collect();
        assert_eq!(types, listed, "{kind}");
    }

    // The other chapters' tables know no further type.
    let mut found = BTreeMap::new();
    for (number, text) in &chapters {
        let of_conditions = |table: &&Table| {
            ["Type", "Condition"].contains(&table.header[0].as_str())
                && !reasons_of(table).is_empty()
        };
        let tables = tables(text);
        let cells = tables
            .iter()
            .filter(of_conditions)
            .flat_map(|table| &table.rows);
        found.insert(
            number.clone(),
            cells.flat_map(|row| camel(&row[0])).collect(),
        );
    }
    all_are_constants(&found, &values(&["condition"]), &[]);
}

#[test]
fn reasons_are_those_of_the_chapters() {
    let mut found = BTreeMap::new();
    for (number, text) in chapters() {
        let mut reasons = BTreeSet::new();
        for table in tables(&text) {
            for column in reasons_of(&table) {
                reasons.extend(table.rows.iter().flat_map(|row| camel(&row[column])));
            }
        }
        // In running text a reason stands behind its status.
        for status in ["True/`", "False/`", "Unknown/`", "=True/", "=False/"] {
            for rest in text.split(status).skip(1) {
                let word = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                reasons.extend(camel(word));
            }
        }
        reasons.retain(|reason| !["True", "False", "Unknown"].contains(&reason.as_str()));
        found.insert(number, reasons);
    }
    assert!(found.values().map(BTreeSet::len).sum::<usize>() > 150);
    all_are_constants(
        &found,
        &values(&["reason"]),
        &[
            ("ClusterInstall", "a kind whose reasons are mirrored"),
            ("DNSError", "a condition whose reason is mirrored"),
        ],
    );
}

/// Written in a chapter in another form, and what stands there.
const WRITTEN_OTHERWISE: &[(&str, &str)] = &[
    (
        "hivecontracts.openshift.io",
        "`hivecontracts` ClusterInstall",
    ),
    (
        "hiveinternal.openshift.io",
        "hiveinternal.openshift.io/v1alpha1",
    ),
    ("kubernetes.io/dockerconfigjson", "type dockerconfigjson"),
    (
        "PrivateHostedZoneRecordsReconcileFailed",
        "PrivateHostedZone(Records)ReconcileFailed",
    ),
    (
        "ReconciledPrivateHostedZoneRecords",
        "ReconciledPrivateHostedZone(Records)",
    ),
    ("ServiceAttachmentSubnetReconcileFailed", LINKS),
    ("ServiceAttachmentFirewallReconcileFailed", LINKS),
    ("ServiceAttachmentReconcileFailed", LINKS),
    ("EndpointAddressReconcileFailed", LINKS),
    ("EndpointReconcileFailed", LINKS),
    ("ReconciledServiceAttachmentSubnet", LINKS),
    ("ReconciledServiceAttachmentFirewall", LINKS),
    ("ReconciledServiceAttachment", LINKS),
    ("ReconciledEndpointAddress", LINKS),
    ("ReconciledEndpoint", LINKS),
];

/// How chapter 23 §C writes ten reasons.
const LINKS: &str = "reasons {ServiceAttachmentSubnet, ServiceAttachmentFirewall, ServiceAttachment, \
    EndpointAddress, Endpoint}ReconcileFailed and Reconciled…";

#[test]
fn every_constant_stands_in_a_chapter() {
    let texts: String = files("../docs/spec").into_values().collect();
    let word = |c: char| c.is_ascii_alphanumeric() || "./-_<>:".contains(c);
    let all: BTreeSet<_> = words(&texts, word)
        .into_iter()
        .flat_map(|found| {
            let bare = found.trim_matches(['.', ':', '/']).to_owned();
            let bare = if found.starts_with('/') {
                format!("/{bare}")
            } else {
                bare
            };
            [found, bare]
        })
        .collect();
    let plain = words(&texts, |c: char| {
        c.is_ascii_alphanumeric() || "-_".contains(c)
    });
    let mut lacking = String::new();
    for constant in constants() {
        let own = constant.path.contains("skep") || constant.path.contains("SKEP");
        if own || constant.value.to_lowercase().contains("skep") {
            continue;
        }
        let otherwise = WRITTEN_OTHERWISE
            .iter()
            .find(|(value, _)| *value == constant.value);
        // Chapter 10 leaves out the common prefix.
        let short = constant.value.strip_prefix("hive.openshift.io/");
        let stands = match otherwise {
            Some((_, there)) => texts.contains(there),
            None if constant.value.contains(' ') => texts.contains(&constant.value),
            None => {
                all.contains(&constant.value) || plain.contains(short.unwrap_or(&constant.value))
            }
        };
        if !stands {
            writeln!(lacking, "{} = {:?}", constant.path, constant.value).unwrap();
        }
    }
    assert!(lacking.is_empty(), "in no chapter:\n{lacking}");
    for (value, _) in WRITTEN_OTHERWISE {
        assert!(!all.contains(*value), "{value} is written out");
    }
}

/// The most important modules are asked by their readers: who sets it, who reads it?
#[test]
fn every_name_says_who_sets_and_who_reads_it() {
    let mut silent = String::new();
    for constant in constants() {
        let (module, _) = constant.path.split_once("::").unwrap();
        let doc = constant.doc.to_lowercase();
        let says = match module {
            // Set by the user unless they say otherwise.
            "annotation" => {
                doc.contains("read") || doc.contains("copied") || doc.contains("old name")
            }
            "label" | "finalizer" | "tag" | "env" => ["set ", "reserved", "value of", "own name"]
                .iter()
                .any(|word| doc.contains(word)),
            _ => !doc.is_empty(),
        };
        if !says {
            writeln!(silent, "{}:{}", constant.path, constant.doc).unwrap();
        }
    }
    assert!(silent.is_empty(), "these do not say it:\n{silent}");
}

#[test]
fn every_name_is_written_once() {
    let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
    // Values of different names may coincide.
    for constant in constants()
        .into_iter()
        .filter(|c| !c.path.starts_with("value::"))
    {
        let (module, _) = constant.path.rsplit_once("::").unwrap();
        let key = (module.to_owned(), constant.value.clone());
        if let Some(other) = seen.insert(key, constant.path.clone()) {
            panic!(
                "{other} and {} are both {:?}",
                constant.path, constant.value
            );
        }
    }
}

/// A table of a chapter.
#[derive(Debug)]
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn tables(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let Some(line) = line.trim().strip_prefix('|') else {
            inside = false;
            continue;
        };
        let line = line.replace("\\|", "\u{0}");
        let cells = line.trim_end_matches('|').split('|');
        let cells: Vec<_> = cells.map(|c| c.trim().replace('\u{0}', "|")).collect();
        match tables.last_mut().filter(|_| inside) {
            None => tables.push(Table {
                header: cells,
                rows: Vec::new(),
            }),
            Some(_) if cells.iter().all(|c| c.chars().all(|c| c == '-')) => {}
            Some(table) => table.rows.push(cells),
        }
        inside = true;
    }
    for table in &mut tables {
        let width = table.header.len();
        table
            .rows
            .iter_mut()
            .for_each(|row| row.resize(width, String::new()));
    }
    tables
}

/// The columns of a table that hold reasons of conditions.
fn reasons_of(table: &Table) -> Vec<usize> {
    let statuses = table
        .header
        .iter()
        .filter(|cell| ["True", "False"].contains(&cell.as_str()));
    let by_status = statuses.count() == 2;
    let holds = |cell: &str| {
        let cell = cell.to_lowercase();
        // Chapter 10 §15 lists what is read out of logs; that is data.
        cell.contains("reason") && !cell.starts_with("reasons, with")
            || by_status && ["true", "false"].contains(&cell.as_str())
            || by_status && cell.starts_with("unknown")
    };
    let columns = table.header.iter().enumerate();
    columns
        .filter(|(_, cell)| holds(cell))
        .map(|(at, _)| at)
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    let parts = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    parts.map(str::to_owned).collect()
}

/// The words of a cell that begin with a capital; those between backticks, if there are any.
fn camel(cell: &str) -> BTreeSet<String> {
    let text = match quoted(cell).join(" ") {
        quoted if quoted.is_empty() => cell.to_owned(),
        quoted => quoted,
    };
    let mut words = words(&text, |c| c.is_ascii_alphanumeric() || ".".contains(c));
    words.retain(|word| word.starts_with(|c: char| c.is_ascii_uppercase()) && word.len() > 2);
    words
}
