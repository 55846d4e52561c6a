//! Shapes that the API embeds and other projects define: the installer's vSphere platform, the
//! cluster's version status, router tuning, identity providers, small parts of Kubernetes' own API.
//!
//! They are kept whole because objects carry them whole. Nothing here decides anything; the
//! optional fields that newer releases add are pruned by the API server, not refused by the types.

pub mod cluster_version;
pub mod core;
pub mod env_var;
pub mod identity_provider;
pub mod ingress_tuning;
pub mod vsphere_installer;
