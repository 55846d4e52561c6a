//! The runtime of the controllers: knows Kubernetes, knows nothing of Hive's kinds.
//!
//! A controller gives three functions ([`Reconcile`]); the [`Driver`] owns the rest. Objects come from
//! shared watches ([`watch()`]) into stores ([`Store`]), changes ring the queues ([`queue::Queue`]),
//! writes go through one place ([`Writer`]), time through another ([`Clock`]), settings through a
//! third ([`config`]). Only the process that holds the lease acts ([`lease`]). There is no global
//! state: dropping a [`Process`] ends everything that it started.

pub mod backoff;
pub mod client;
pub mod clock;
pub mod config;
mod context;
pub mod driver;
pub mod events;
mod guarded;
pub mod health;
mod key;
pub mod lease;
mod memory;
pub mod metrics;
pub mod notes;
mod process;
pub mod queue;
mod read;
mod reconcile;
mod request;
mod request_error;
pub mod shutdown;
pub mod store;
pub mod tasks;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod trouble;
mod turns;
pub mod watch;
pub mod write;

pub use self::clock::Clock;
pub use self::config::{Config, ConfigStore};
pub use self::context::Context;
pub use self::driver::{Driver, DriverOptions, bell};
pub use self::guarded::{Guarded, Undecodable};
pub use self::key::{At, Key};
pub use self::memory::{Failure, Memory};
pub use self::process::{GRACE, Process, ProcessError};
pub use self::read::Reader;
pub use self::reconcile::{
    Class, Classified, ControllerName, Freshness, Kind, Observation, Reconcile, StatusPlace,
    error_chain,
};
pub use self::request_error::{Refusal, RequestError};
pub use self::store::{IndexName, Store, StoreOptions};
pub use self::tasks::{Progress, Task, TaskState, Tasks};
pub use self::trouble::Trouble;
pub use self::watch::{Selection, watch};
pub use self::write::Writer;
