//! What authors of `dancecard` engines and adapters run.
//!
//! An engine is whatever passes the suite in [`store`]: each sentence of the
//! [`Store`](dancecard_core::Store) contract is a named case there. To run it on yours, give it a test binary
//! without the usual harness, in `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! dancecard-testkit = "0.1"
//!
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! and in `tests/conformance.rs` say how to open an engine without records. Each case opens its own:
//!
//! ```no_run
//! use dancecard_core::MemoryStore; // yours
//! use dancecard_testkit::store::{self, Opened, Subject};
//!
//! async fn open() -> Opened {
//!     let subject = Subject::new(MemoryStore::new());
//!     Ok(subject.with_limited(|| async { Ok(MemoryStore::new().with_max_sessions(100)) }))
//! }
//!
//! fn main() {
//!     store::run(store::trials("memory", open));
//! }
//! ```
//!
//! `cargo test` (or `cargo nextest run`) then shows `memory::conditional::stale_update_conflicts` and its like, and
//! ignores, with the reason, what the engine does not claim to do. A durable engine also says how its data is
//! [reopened](store::Subject::with_reopen), one that several processes share how it is [opened
//! twice](store::Subject::with_peer), one that drops expired records by itself how [that is
//! seen](store::Subject::with_expiring). Engines that need a server: see [`require`].
//!
//! An engine of a server also shows what it is worth when connections break and the server is killed: [`Clients`] are a
//! hundred that write at once meanwhile, and hold what they were told against what is there.
//!
//! A bench of an engine shows what it takes [beside](Beside) the client that it is built on.
//!
//! An adapter is whatever passes the suite in [`http`], whose front page says how to run it.
//!
//! `DANCECARD_TEST_SEED`, `DANCECARD_TEST_SEQUENCES` and `DANCECARD_TEST_OPERATIONS` vary what is random,
//! `DANCECARD_TEST_RECORDS` how many records many are.

pub mod http;
pub mod interleave;
pub mod require;
pub mod store;

mod beside;
mod clients;
mod counting;
mod failure;
mod fault;
mod random;
mod small_disk;

pub use beside::Beside;
pub use clients::{Clients, Progress, Told};
pub use counting::{Calls, Counter, CountingStore};
pub use dancecard_core::Operation;
pub use failure::{Failure, Outcome};
pub use fault::{Fault, FaultStore, Faults, Gate};
pub use random::Random;
pub use small_disk::SmallDisk;
