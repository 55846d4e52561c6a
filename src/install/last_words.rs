//! What an install pod says at its end that the installer's log does not know: that it was told to stop, or
//! that something outside the installer failed (docs/spec/10 §26.1 W10, W22).
//!
//! The pod writes such a sentence where Kubernetes shows it, and below the log that it saves, because a pod
//! that was evicted is gone before anybody looks at it. The operator reads either. Texts here come from a
//! pod: they are cut, and never taken for anything but a reason of this list and words for people.

use skep_crds::names::reason::skep::{INSTALL_POD_FAILED, INSTALL_POD_INTERRUPTED};

use super::classify::{Verdict, shortened};

/// Begins the line below an installer's log.
const SPEAKER: &str = "skep: ";

/// The sentence; without a reason the installer's log is the one to ask.
pub fn of(reason: Option<&'static str>, words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match reason {
        Some(reason) => format!("{reason}: {words}"),
        None => words,
    }
}

/// A log with the sentence below it.
pub fn below(log: &str, sentence: &str) -> String {
    let end = if log.is_empty() || log.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{log}{end}{SPEAKER}{sentence}\n")
}

/// The verdict that a log or a last message ends with, if it has a reason of its own.
pub fn read(text: &str) -> Option<Verdict> {
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    let line = line.strip_prefix(SPEAKER).unwrap_or(line);
    let (reason, words) = line.split_once(": ")?;
    let known = [INSTALL_POD_INTERRUPTED, INSTALL_POD_FAILED];
    known.contains(&reason).then(|| Verdict {
        reason: reason.to_owned(),
        message: shortened(words.to_owned()),
    })
}

/// The verdict on a pod that said nothing of the kind, by what Kubernetes tells of its end.
pub fn by_kubernetes(end: &str) -> Verdict {
    Verdict {
        reason: INSTALL_POD_FAILED.to_owned(),
        message: shortened(format!(
            "the install pod failed: {}",
            end.trim_end_matches([':', ' '])
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_below_a_log_and_alone() {
        let said = of(Some(INSTALL_POD_INTERRUPTED), "the pod was told\nto stop");
        let expected = Some(Verdict {
            reason: INSTALL_POD_INTERRUPTED.to_owned(),
            message: "the pod was told to stop".to_owned(),
        });
        assert_eq!(read(&said), expected);
        for log in ["", "level=warning msg=VpcLimitExceeded", "level=info\n"] {
            assert_eq!(read(&below(log, &said)), expected, "{log:?}");
        }
    }

    #[test]
    fn the_installers_own_lines_are_nothing_of_the_kind() {
        for text in [
            "",
            "level=fatal msg=\"failed: x\"",
            "Error: something",
            &of(
                None,
                "openshift-install create cluster ended with exit status: 1",
            ),
            "InstallPodInterrupted: quoted\nlevel=fatal msg=\"failed\"",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    /// A condition's message stays readable.
    #[test]
    fn long_words_are_cut() {
        let long = of(Some(INSTALL_POD_FAILED), &"é".repeat(5000));
        assert!(read(&long).unwrap().message.len() < 1000);
    }
}
