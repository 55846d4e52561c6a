//! The model of the API server: each verb, each refusal, as a golden table. The same table is asked
//! of a real server by the conformance test.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod requests;

use std::fmt::Write as _;

use requests::Answered;

#[test]
fn answers_every_request_of_the_table() {
    let answers = requests::answers_of_the_model();
    insta::with_settings!({snapshot_path => "../golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("requests", shown(&answers));
    });
}

/// The answers as lines, for golden files.
fn shown(answers: &[Answered]) -> String {
    let mut text = String::new();
    for answer in answers {
        let _ = writeln!(
            text,
            "{}: {}\n    {}",
            answer.about, answer.code, answer.body
        );
    }
    text
}
