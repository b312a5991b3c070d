//! The conformance suite: the definition of an engine, sentence by sentence.
//!
//! Every sentence of the [`Store`](dancecard_core::Store) contract is the title of at least one [`Case`]; [`cases`]
//! lists them. [`trials`] turns them into named tests for one engine, [`run`] is the `main` of such a test binary.

mod case;
mod contract;
mod env;
mod expect;
mod expiring;
mod handles;
mod harness;
mod poll;
mod subject;
mod tasks;

mod cancellation;
mod capabilities;
mod concurrency;
mod conditional;
mod errors;
mod expiry;
mod identity;
mod immediate;
mod interference;
mod limits;
mod listing;
mod model;
mod native_expiry;
mod principals;
mod replace;

pub use case::{Case, Need, Threads, cases};
pub use env::{Env, Settings};
pub use expiring::Expiring;
pub use harness::{run, trials, trials_with};
pub use poll::{cancel_after, collect, next};
pub use subject::{Factory, Opened, Profile, Subject};
