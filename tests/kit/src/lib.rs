//! What tests, the demo and `cargo xtask` share: a real hub, emulated clouds, images, and the judge
//! of what a deletion left behind. Test support only: the product must never depend on it, and
//! nothing here knows the product's types.
//!
//! | Module | Gives |
//! |---|---|
//! | [`hub`] | a Kubernetes control plane, with or without a node, as an object |
//! | [`cloud`] | an emulated AWS: accounts, faults, speed, log of calls |
//! | [`gcp`], [`double`] | an emulated Google Cloud; a double as a process |
//! | [`oracle`] | whether an account is as it was |
//! | [`images`] | container images written without an engine |
//! | [`process`] | programs that die with their owner, waits with deadlines |
//! | [`cache`] | the one folder for everything kept between runs |
//! | [`debian`], [`python`] | what is taken from the machine |
//! | [`stage`], [`scenario`], [`binaries`] | hub, cloud and operator together, and what people create on it |
//! | [`outside`], [`audit`], [`fleet`], [`objects`] | the operator beside a hub without a node, what it asked for, and clusters to adopt |
//! | [`spoke`] | managed clusters whose nodes follow the machines of a cloud |
//! | [`admission`] | the webhook as a process, and callers that ask it as an API server would |
//! | [`canary`] | the search for secrets in what people can read |
//! | [`progress`] | what is being done and how long it usually takes |
#![expect(
    clippy::disallowed_methods,
    reason = "test support reads the environment and the clock; the product does not see it"
)]

pub mod admission;
pub mod audit;
pub mod binaries;
pub mod cache;
pub mod canary;
pub mod cloud;
pub mod debian;
pub mod double;
pub mod fleet;
pub mod gcp;
pub mod hub;
pub mod images;
pub mod objects;
pub mod oracle;
pub mod outside;
pub mod process;
pub mod progress;
pub mod python;
pub mod scenario;
pub mod spoke;
pub mod stage;
