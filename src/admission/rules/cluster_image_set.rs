//! Rules about `ClusterImageSet`s.
//!
//! Decides whether a release image is named, and by a digest where releases are verified. Mirrors
//! docs/spec/41 §6.

use skep_crds::ClusterImageSetSpec;

use super::{Case, On, Rule, Table};
use crate::admission::settings::Settings;
use crate::admission::verdict::{Findings, quoted};

type Spec = ClusterImageSetSpec;

const PATH: &str = "spec.releaseImage";

pub(super) const TABLE: Table<Spec> = Table(&[&[
    Rule::new(
        On::Write,
        "clusterimageset/release-image",
        "`spec.releaseImage` is set",
        set,
    ),
    Rule::new(
        On::Write,
        "clusterimageset/digest-form",
        "a digest in `spec.releaseImage` is well-formed",
        form,
    ),
    Rule::new(
        On::Write,
        "clusterimageset/digest-required",
        "`spec.releaseImage` has a digest while releases are verified",
        required,
    ),
]]);

fn set(case: &Case<'_, Spec>, to: &mut Findings) {
    if case.spec.release_image.is_empty() {
        to.required(PATH, "must name the image of a release");
    }
}

fn form(case: &Case<'_, Spec>, to: &mut Findings) {
    if let Some(problem) = form_problem(&case.spec.release_image) {
        to.invalid(PATH, problem);
    }
}

fn required(case: &Case<'_, Spec>, to: &mut Findings) {
    let image = &case.spec.release_image;
    if image.is_empty() {
        return;
    }
    if let Some(problem) = required_problem(image, case.settings) {
        to.invalid(PATH, problem);
    }
}

/// What is wrong with the digest of a release image, or with its absence.
pub(super) fn digest_problem(image: &str, settings: &Settings) -> Option<String> {
    form_problem(image).or_else(|| required_problem(image, settings))
}

/// The digest of an image; empty if it has none.
fn digest(image: &str) -> &str {
    image.rsplit_once('@').map_or("", |(_, digest)| digest)
}

fn form_problem(image: &str) -> Option<String> {
    let digest = digest(image);
    (!digest.is_empty() && !is_digest(digest)).then(|| {
        format!(
            "has the digest {}, which is not of the form algorithm:value",
            quoted(digest)
        )
    })
}

fn required_problem(image: &str, settings: &Settings) -> Option<String> {
    (settings.release_verification && digest(image).is_empty()).then(|| {
        format!(
            "{} must end with @ and a digest: this hub verifies releases, and a tag cannot be verified",
            quoted(image)
        )
    })
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, value)) = text.split_once(':') else {
        return false;
    };
    let parts = algorithm.split(['.', '+', '_', '-']);
    let lower = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let encoded = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'=' | b'_' | b'-');
    parts.into_iter().all(lower) && !value.is_empty() && value.bytes().all(encoded)
}
