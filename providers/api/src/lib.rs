//! What Skep knows about clouds in general: capability traits, value types, error classes and the
//! deprovision engine.
//!
//! A cloud crate (`skep-aws`, later Azure and Google Cloud) implements [`Cloud`] and [`Account`] and
//! whatever capabilities it has; everything above it speaks only these traits. `docs/providers.md`
//! says, method by method, what each cloud does behind them.
//!
//! This crate never links a cloud SDK and never knows Kubernetes. It reads no environment, no file
//! and no wall clock: time comes in as a [`Clock`], waiting is tokio time, so that a paused clock
//! simulates hours in a blink.
//!
//! * [`credentials`]: a Secret or an assumed role becomes an [`Account`] that can say who it is.
//! * [`power`]: machines and their power state. [`zones`]: hosted zones and records.
//!   [`machine_sets`]: generator of `MachineSet`s. [`preflight`]: what would fail, told before.
//! * [`call`]: the one layer every call to a cloud goes through. [`listings`]: one listing of an account
//!   for everybody who asks.
//! * [`erase`]: fence, discover, plan, execute, sweep, receipt (`docs/spec/20`).
//! * [`fake`]: a programmable cloud behind the same traits, for tests and simulations.
#![warn(missing_docs)]

pub mod account;
pub mod call;
pub mod clock;
pub mod credentials;
pub mod erase;
pub mod error;
pub mod fake;
pub mod listings;
pub mod machine_sets;
pub mod power;
pub mod preflight;
pub mod zones;

pub use account::{Account, AccountId, Cloud, ConnectRequest, Unsupported};
pub use clock::Clock;
pub use credentials::{AssumeRole, CredentialSource, Credentials, Endpoint, Endpoints, SecretData};
pub use error::{Class, Error};
pub use listings::{Listed, Listings};
