//! What is said of an erasure that does not succeed: one wording for the three controllers that start one.

use skep_crds::names::reason;

use super::Trouble;
use crate::plan::Note;

/// What happens next without a person. Stable words: the moment would make another Event of each try.
pub const AGAIN: &str = "it is tried again with growing delays";

/// What a trouble is about.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Name of the ClusterDeployment.
    pub cluster: &'a str,
    /// Whose rights are used: "Secret demo/aws-creds".
    pub credentials: &'a str,
    /// Where the cluster is described: the name of the metadata Secret, or of what stands in for it.
    pub description: &'a str,
}

impl Trouble {
    /// The condition's reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Authentication => reason::AUTHENTICATION_FAILED,
            Self::WrongAccount => reason::skep::ACCOUNT_MISMATCH,
            Self::Metadata => reason::skep::METADATA_INCOMPLETE,
            Self::Blocked | Self::Other => reason::UNKNOWN_ERROR,
        }
    }

    /// The trouble that a reason on record stands for; none if it is no trouble of an erasure.
    pub fn of_reason(reason: &str) -> Option<Self> {
        let all = [
            Self::Authentication,
            Self::WrongAccount,
            Self::Metadata,
            Self::Other,
        ];
        all.into_iter().find(|trouble| trouble.reason() == reason)
    }

    /// What a person has to do, or that nobody has to.
    pub fn note(self, message: &str, words: Words<'_>) -> Note {
        let why = self.reason();
        match self {
            Self::Authentication => Note::blocked(
                why,
                message,
                words.credentials,
                "correct the credentials or their rights",
            ),
            Self::WrongAccount => Note::blocked(
                why,
                message,
                words.credentials,
                format!(
                    "nothing was touched; correct the credentials, or, if the account is right and \
                     empty, set the annotation skep.dev/acknowledge-empty of ClusterDeployment {} to \
                     true",
                    words.cluster
                ),
            ),
            Self::Metadata => {
                let by = format!("the description of the cluster in {}", words.description);
                Note::blocked(why, message, by, "correct it")
            }
            Self::Blocked | Self::Other => Note::failed(why, message, AGAIN),
        }
    }
}
