//! Finds the reason of a failed installation in the installer's log (docs/spec/10 §15).
//!
//! Regular expressions serve only here: the installer's log is the one source of errors that has no
//! codes. The match nearest the end of the log wins, because a warning early in the log is not what
//! ended it (docs/spec/10 §26.1 W26); among matches that end at the same line, the entry further up.
//! A broken entry costs itself alone (W20). A hub's own entries come after the shipped ones and may change
//! while the process runs.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use skep_crds::names::reason::UNKNOWN_ERROR as UNKNOWN;

use super::last_words;

/// How many of the log's last lines a message quotes when nothing is recognised.
const QUOTED_LINES: usize = 3;

/// A condition's message stays readable.
const LONGEST_QUOTE: usize = 800;

const SHIPPED: &str = include_str!("log-patterns.yaml");

/// Why an attempt failed, for a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// CamelCase reason; part of the API.
    pub reason: String,
    /// One sentence for people.
    pub message: String,
}

/// The patterns.
pub struct Patterns {
    shipped: Vec<Entry>,
    /// The hub's own.
    additional: ArcSwap<Vec<Entry>>,
}

struct Entry {
    reason: String,
    message: String,
    texts: Vec<String>,
    /// Compiled when a log is first looked at: all of them together take 7 MiB and a tenth of a second.
    patterns: OnceLock<Vec<Regex>>,
}

#[derive(Deserialize)]
struct RawEntry {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "searchRegexStrings")]
    search_regex_strings: Vec<String>,
    #[serde(default, rename = "installFailingReason")]
    reason: String,
    #[serde(default, rename = "installFailingMessage")]
    message: String,
}

impl Patterns {
    /// The shipped patterns alone.
    pub fn shipped() -> Self {
        // A test shows that every shipped entry can be used.
        let (shipped, _) = read(SHIPPED);
        Self {
            shipped,
            additional: ArcSwap::default(),
        }
    }

    /// Puts the `regexes` of `additional-install-log-regexes` in the place of those from before. Gives what
    /// of them cannot be used, one line each; the rest is used.
    pub fn set_additional(&self, regexes: &str) -> Vec<String> {
        let (additional, problems) = read(regexes);
        self.additional.store(Arc::new(additional));
        problems
    }

    /// The shipped reasons in order, for documentation and tests.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.shipped.iter().map(|entry| entry.reason.as_str())
    }

    /// The verdict on a log. `None` stands for a log that was never captured. What is not the installer's own
    /// doing stands below the log, and then the log does not say why it ended.
    pub fn classify(&self, log: Option<&str>) -> Verdict {
        let Some(log) = log.filter(|log| !log.trim().is_empty()) else {
            return Verdict {
                reason: UNKNOWN.to_owned(),
                message: "the install pod ended before its log could be saved".to_owned(),
            };
        };
        if let Some(verdict) = last_words::read(log) {
            return verdict;
        }
        let additional = self.additional.load();
        let matching = |line: &str| {
            let mut entries = self.shipped.iter().chain(additional.iter());
            entries
                .find(|entry| entry.matches(line))
                .map(Entry::verdict)
        };
        let mut fallback = None;
        for verdict in log.lines().rev().filter_map(matching) {
            // A fallback recognises the family of an error only: a more telling line may stand above.
            if !verdict.reason.starts_with("Fallback") {
                return verdict;
            }
            fallback.get_or_insert(verdict);
        }
        fallback.unwrap_or_else(|| Verdict {
            reason: UNKNOWN.to_owned(),
            message: format!("the installer's log ends with: {}", last_lines(log)),
        })
    }
}

/// The entries of a document that can be used, and what cannot.
fn read(document: &str) -> (Vec<Entry>, Vec<String>) {
    let mut problems = Vec::new();
    // Entry by entry, so that one of the wrong shape does not take the others with it.
    let raw = match serde_saphyr::from_str::<Option<Vec<serde_json::Value>>>(document) {
        Ok(raw) => raw.unwrap_or_default(),
        Err(error) => {
            problems.push(format!("not a YAML list: {}", error.without_snippet()));
            Vec::new()
        }
    };
    let entries = raw
        .into_iter()
        .enumerate()
        .filter_map(|(index, raw)| entry(index + 1, raw, &mut problems))
        .collect();
    (entries, problems)
}

fn entry(number: usize, raw: serde_json::Value, problems: &mut Vec<String>) -> Option<Entry> {
    let raw: RawEntry = serde_json::from_value(raw)
        .map_err(|error| problems.push(format!("entry {number} has the wrong shape: {error}")))
        .ok()?;
    let what = format!("entry {number} ({:?})", raw.name);
    if raw.reason.is_empty() {
        problems.push(format!("{what} has no installFailingReason"));
        return None;
    }
    let mut texts = raw.search_regex_strings;
    if texts.is_empty() {
        problems.push(format!("{what} has no searchRegexStrings"));
    }
    texts.retain(|text| {
        regex_syntax::parse(text)
            .map_err(|error| problems.push(format!("{what}: {error}")))
            .is_ok()
    });
    (!texts.is_empty()).then_some(Entry {
        reason: raw.reason,
        message: raw.message,
        texts,
        patterns: OnceLock::new(),
    })
}

impl Entry {
    fn matches(&self, line: &str) -> bool {
        let patterns = self.patterns.get_or_init(|| {
            let compile = |text: &String| {
                let compiled = RegexBuilder::new(text).case_insensitive(true).build();
                compiled
                    .inspect_err(|error| {
                        tracing::warn!(pattern = text, %error, "a pattern for logs is too large");
                    })
                    .ok()
            };
            self.texts.iter().filter_map(compile).collect()
        });
        patterns.iter().any(|pattern| pattern.is_match(line))
    }

    fn verdict(&self) -> Verdict {
        Verdict {
            reason: self.reason.clone(),
            message: self.message.clone(),
        }
    }
}

/// The last lines that speak of an error, else the very last ones, as one line.
pub fn last_lines(log: &str) -> String {
    let speaks_of_error =
        |line: &&str| line.contains("level=error") || line.contains("level=fatal");
    let mut lines: Vec<&str> = log
        .lines()
        .rev()
        .filter(speaks_of_error)
        .take(QUOTED_LINES)
        .collect();
    if lines.is_empty() {
        lines = log
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(QUOTED_LINES)
            .collect();
    }
    lines.reverse();
    shortened(lines.join(" | "))
}

/// Words from elsewhere, as a condition may quote them.
pub(super) fn shortened(mut words: String) -> String {
    if words.len() > LONGEST_QUOTE {
        words.truncate(words.floor_char_boundary(LONGEST_QUOTE));
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/spec/10 §15: the shipped reasons, in order, with the fallbacks last.
    #[test]
    fn the_shipped_list_has_the_reasons_of_the_specification() {
        let patterns = Patterns::shipped();
        assert_eq!(read(SHIPPED).1, Vec::<String>::new());
        for entry in &patterns.shipped {
            assert!(!entry.matches(""), "{}", entry.reason);
            let compiled = entry.patterns.get().map(Vec::len);
            assert_eq!(compiled, Some(entry.texts.len()), "{}", entry.reason);
        }
        let reasons: Vec<&str> = patterns.reasons().collect();
        assert_eq!(reasons.len(), 67, "{reasons:?}");
        assert_eq!(reasons.first(), Some(&"AWSInsufficientCapacity"));
        assert!(
            reasons[63..]
                .iter()
                .all(|reason| reason.starts_with("Fallback")),
            "{reasons:?}"
        );
    }

    fn classified(log: &str) -> String {
        Patterns::shipped().classify(Some(log)).reason
    }

    /// docs/spec/10 §15, some rows of the table, with the clouds' own words.
    #[test]
    fn known_errors_are_recognised() {
        for (line, reason) in [
            (
                "api error VpcLimitExceeded: The maximum number of VPCs has been reached.",
                "AWSVPCLimitExceeded",
            ),
            (
                "api error InvalidClientTokenId: The security token included in the request is invalid",
                "InvalidCredentials",
            ),
            (
                "api error VcpuLimitExceeded: You have requested more vCPU capacity",
                "VcpuLimitExceeded",
            ),
            (
                "level=error msg=Failed waiting for Kubernetes API. This error usually happens when",
                "KubeAPIWaitFailed",
            ),
            (
                "level=error msg=Bootstrap failed to complete: timed out",
                "GenericBootstrapFailed",
            ),
            (
                "Cluster operator ingress Degraded is True with X: y",
                "IngressOperatorDegraded",
            ),
            (
                "googleapi: Error 412: Precondition check failed.",
                "GCPPreconditionFailed",
            ),
            (
                "Error: SomethingLimitExceeded: no more",
                "FallbackResourceLimitExceeded",
            ),
        ] {
            assert_eq!(classified(line), reason, "{line}");
        }
    }

    /// docs/spec/10 §26.1 W26: an early warning does not outrank the error that ended the run.
    #[test]
    fn the_match_nearest_the_end_wins() {
        let log = "level=warning msg=\"VpcLimitExceeded, retrying\"\nlevel=error msg=\"TooManyBuckets\"\n";
        assert_eq!(classified(log), "S3BucketsLimitExceeded");
    }

    /// docs/spec/10 §15: fallbacks must stay last.
    #[test]
    fn a_telling_line_outranks_a_later_fallback() {
        let log = "NatGatewayLimitExceeded\nlevel=fatal msg=\"failed to create install config\"\n";
        assert_eq!(classified(log), "AWSNATGatewayLimitExceeded");
    }

    /// docs/spec/10 §26.3 E2: a short message, never the whole log.
    #[test]
    fn an_unknown_error_quotes_the_end_of_the_log_only() {
        let mut log = "x\n".repeat(5000);
        log.push_str("level=error msg=\"the moon is in the wrong house\"\nlevel=info msg=bye\n");
        let verdict = Patterns::shipped().classify(Some(&log));
        assert_eq!(verdict.reason, UNKNOWN);
        assert!(
            verdict.message.contains("wrong house"),
            "{}",
            verdict.message
        );
        assert!(verdict.message.len() < 1000, "{}", verdict.message.len());
    }

    /// docs/spec/10 §26.1 W22: a warning of an hour ago is not why the pod was told to stop.
    #[test]
    fn what_ended_the_pod_outranks_the_log() {
        let log = last_words::below(
            "level=warning msg=VpcLimitExceeded\n",
            "InstallPodInterrupted: the install pod was told to stop",
        );
        assert_eq!(classified(&log), "InstallPodInterrupted");
    }

    #[test]
    fn a_missing_log_is_said_to_be_missing() {
        let verdict = Patterns::shipped().classify(None);
        assert_eq!(verdict.reason, UNKNOWN);
        assert!(verdict.message.contains("before its log could be saved"));
    }

    /// docs/spec/10 §26.1 W20: one bad entry does not disable the others.
    #[test]
    fn a_broken_additional_entry_costs_itself_alone() {
        let additional = "
- {name: bad, searchRegexStrings: ['('], installFailingReason: Bad}
- {name: odd, searchRegexStrings: 7}
- {name: nameless, searchRegexStrings: [sun]}
- {name: empty, installFailingReason: Empty}
- {name: good, searchRegexStrings: [moon], installFailingReason: WrongHouse, installFailingMessage: m}
";
        let patterns = Patterns::shipped();
        let problems = patterns.set_additional(additional);
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert_eq!(patterns.classify(Some("the moon")).reason, "WrongHouse");
        assert_eq!(
            patterns.classify(Some("VpcLimitExceeded")).reason,
            "AWSVPCLimitExceeded"
        );
    }

    /// docs/spec/10 §15: the shipped YAML of existing hubs escapes a quote in a way that strict
    /// parsers refuse; such a document must not disable classification.
    #[test]
    fn a_document_that_does_not_parse_is_reported_and_the_shipped_patterns_still_work() {
        let patterns = Patterns::shipped();
        let problems = patterns.set_additional("- {name: \"a\\'b\"");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(
            patterns.classify(Some("VpcLimitExceeded")).reason,
            "AWSVPCLimitExceeded"
        );
    }
    /// docs/spec/10 §15: the shipped entry wins where both match, and what was taken away recognises nothing.
    #[test]
    fn a_hubs_own_entries_come_after_the_shipped_ones_and_go_again() {
        let own = "[{searchRegexStrings: [VpcLimitExceeded, moon], installFailingReason: Own}]";
        let patterns = Patterns::shipped();
        let reason = |log| patterns.classify(Some(log)).reason;
        assert_eq!(patterns.set_additional(own), Vec::<String>::new());
        assert_eq!(reason("the moon"), "Own");
        assert_eq!(reason("VpcLimitExceeded"), "AWSVPCLimitExceeded");
        assert_eq!(reason("the moon\nSomethingLimitExceeded"), "Own");
        assert_eq!(patterns.set_additional(""), Vec::<String>::new());
        assert_eq!(reason("the moon"), UNKNOWN);
    }
}
