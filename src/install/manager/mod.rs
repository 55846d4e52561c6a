//! `skep install-manager`: drives `openshift-install` inside the installer image (docs/spec/10 §14).

pub mod documents;
pub mod redact;
pub mod runner;
