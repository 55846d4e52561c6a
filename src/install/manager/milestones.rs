//! Reads the installer's progress off its log (docs/spec/50 §6), so that half an hour of `provisioning` is
//! not opaque (docs/spec/10 §26.4 U10).

/// A stage of the installation that a person wants to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// One sentence.
    pub message: String,
}

/// Words of the log → the sentence. The first row that matches a line counts.
const MILESTONES: [(&str, &str); 10] = [
    (
        "Creating infrastructure resources...",
        "creating infrastructure",
    ),
    (
        "for network infrastructure to become ready...",
        "creating the network",
    ),
    (
        "Network infrastructure is ready",
        "the network is ready; creating machines",
    ),
    (
        "Control-plane machines are ready",
        "control-plane machines are ready",
    ),
    (
        "for the Kubernetes API at",
        "waiting for the new cluster's API",
    ),
    (
        "for bootstrapping to complete...",
        "bootstrapping the control plane",
    ),
    (
        "Destroying the bootstrap resources...",
        "removing the bootstrap resources",
    ),
    ("to initialize...", "waiting for the cluster to initialise"),
    (
        "cluster operator has finished progressing...",
        "waiting for the cluster's operators to settle",
    ),
    ("Install complete!", "installed"),
];

const STILL_INITIALIZING: &str = "Still waiting for the cluster to initialize: ";

/// The milestone that a line of `.openshift_install.log` stands for, if any.
pub fn of_line(line: &str) -> Option<Milestone> {
    if let Some((_, detail)) = line.split_once(STILL_INITIALIZING) {
        let detail = detail.trim_end_matches('"');
        return Some(Milestone {
            message: format!("initialising: {detail}"),
        });
    }
    MILESTONES
        .iter()
        .find(|(words, _)| line.contains(words))
        .map(|(_, message)| Milestone {
            message: (*message).to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> Option<String> {
        of_line(line).map(|milestone| milestone.message)
    }

    /// docs/spec/50 §6: lines as the installer writes them.
    #[test]
    fn lines_of_the_installer_are_recognised() {
        for (line, expected) in [
            (
                r#"time="2026-08-12T14:37:46Z" level=info msg="Creating infrastructure resources...""#,
                "creating infrastructure",
            ),
            (
                r#"level=info msg="Waiting up to 45m0s (until 3:52PM UTC) for bootstrapping to complete...""#,
                "bootstrapping the control plane",
            ),
            (
                r#"level=info msg="Waiting up to 40m0s (until 4:52PM UTC) for the cluster at https://api.d:6443 to initialize...""#,
                "waiting for the cluster to initialise",
            ),
            (
                r#"level=debug msg="Still waiting for the cluster to initialize: Working towards 4.19.2: 842 of 901 done (93% complete)""#,
                "initialising: Working towards 4.19.2: 842 of 901 done (93% complete)",
            ),
            (r#"level=info msg="Install complete!""#, "installed"),
        ] {
            assert_eq!(message(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn other_lines_say_nothing() {
        assert_eq!(message(r#"level=debug msg="Fetching Metadata...""#), None);
    }
}
