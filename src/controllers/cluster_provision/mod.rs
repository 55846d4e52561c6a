//! The ClusterProvision controller: one attempt to install a cluster, from its Job to its end
//! (docs/spec/10 §12).

mod decide;
mod observed;
mod status;
#[cfg(test)]
mod tests;

pub use decide::{Step, decide};
pub use observed::{CleanUp, Job, JobPhase, Observed, Pods};
pub use status::{JobRef, Status, Verdict};
