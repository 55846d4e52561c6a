//! The operator: provisions, hibernates, configures and deletes OpenShift clusters from a hub.
//!
//! # The life of a reconcile
//!
//! A person changes a `ClusterDeployment`. The one watch of that kind ([`runtime::watch()`]) decodes
//! the event, guarded, and puts the object into the kind's [`runtime::Store`]. The store tells its
//! bells; each controller's bell names the roots that the change concerns and rings their keys in the
//! controller's [`runtime::queue::Queue`]. What a person asked for goes before what belongs to an
//! object, and that before the regular second look; an object that failed is held back for a while.
//!
//! While this process does not hold the lease ([`runtime::lease`]) rings only mark. The leader's
//! [`runtime::Driver`] takes a key and runs it:
//!
//! 1. **observe** reads the stores (and the tasks' progress, and the settings) into a small typed
//!    value. Nothing leaves the process.
//! 2. **decide** makes of it a [`plan::Plan`]: a status to record, steps to take, when to look again,
//!    and why. It is a plain function; tables, properties and the model checker run the same one.
//! 3. A plan without steps records its status, if it differs in more than times, by a merge patch that
//!    names the version that was read. Most runs end here, and most of those write nothing.
//! 4. A plan with steps is thrown away and made again from live reads (**confirm live**): stores lag,
//!    and a step that was taken already must not be taken twice because nobody has seen it yet.
//! 5. The plan's intent is put on record, then **act** takes the steps one by one. A step is one
//!    effect, states what it relies on, and may be taken twice. A step that fails does not keep the
//!    next from being taken.
//! 6. All taken: the outcome is put on record. Some failed in a new way: decide runs once more with
//!    the failures in the object's [`runtime::Memory`], and what it then wants on record before any step
//!    is recorded. So failures become conditions by the one path that everything takes.
//! 7. Whatever keeps a run from its end is the object's [`runtime::Trouble`]: a note like the others,
//!    once it needs someone or lasts. Notes go to the log where they are new, to Events where they ask
//!    for it, and to the table of what is known of each object. The class of what failed, or the plan,
//!    says when the object is looked at again.
//!
//! What a step created comes back through another watch, rings again, and the circle closes. Work that
//! takes longer than a call is a task ([`runtime::Tasks`]): a step starts it, its progress rings, and
//! `observe` reads it like a store.
//!
//! # Who knows what
//!
//! [`runtime`] knows Kubernetes and nothing of Hive; [`plan`] knows Hive's words and no client;
//! [`controllers`] know both and no cloud; clouds are behind the traits of `skep_providers`, and managed
//! clusters behind [`remote`].

pub mod admission;
pub mod cli;
pub mod cmd;
pub mod controllers;
pub mod install;
pub mod plan;
pub mod remote;
pub mod runtime;
