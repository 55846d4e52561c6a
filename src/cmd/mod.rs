//! The verbs of the binary.

pub mod inject;
pub mod install_manager;
pub mod pause;
pub mod update_installer_image;
