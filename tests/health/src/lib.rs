//! What generic tools make of an object: verdicts that tests compare with what a phase of its life means.
//!
//! [`kstatus`] are the rules by which Flux, kpt and others wait; [`argocd`] runs the health check that
//! `manifests/argocd` ships. Both see objects as plain JSON and know nothing of Skep.

pub mod argocd;
pub mod kstatus;
