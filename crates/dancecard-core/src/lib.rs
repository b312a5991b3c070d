//! Web sessions without a web framework.
//!
//! ```text
//!   request ──► SessionManager::open ──► Session ──► handler: get, set, update, sign_in, destroy
//!                  (no I/O)                │              (reads load once; writes are a delta)
//!                                          ▼
//!   response ◄── TokenAction ◄── SessionManager::commit ── plan(facts) ──► Store: write at a version, or nothing
//! ```
//!
//! Three files are the centre: the engine contract in `store.rs`, the handle in `session.rs`, the decision in `plan.rs`.
//! This crate knows nothing of HTTP, cookies, frameworks, runtimes, or wall-clock time.
//!
//! - [`Session`] is one visitor's data during one request.
//! - [`SessionManager`] opens and commits sessions by a [`Policy`].
//! - [`Store`] is what an engine implements; [`MemoryStore`] is the reference.
//! - [`plan()`] decides, purely and totally, what a commit does.

mod bytes;
mod clock;
mod codec;
mod delta;
mod document;
mod envelope;
mod error;
mod hooks;
mod id;
mod manager;
mod memory;
mod observe;
mod plan;
mod policy;
mod record;
mod session;
mod settings;
mod store;
mod wrap;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use codec::{Codec, JsonCodec};
pub use delta::{Change, Changes};
pub use document::DocumentWriter;
pub use error::{Error, ErrorKind, Result, Retry};
pub use hooks::{HookError, HookPoint, Hooks, Moment};
pub use id::{IdGenerator, RecordKey, SessionId, SystemIds, TOKEN_LEN, Token};
pub use manager::{CarriedAction, CarriedReply, Committed, Outcome, SessionManager, TokenAction};
pub use memory::MemoryStore;
pub use observe::{Event, EventKind, Fingerprint, Observer};
pub use plan::{Facts, Intent, Plan, Presence, plan};
pub use policy::{AtLimit, ConflictPolicy, FailurePolicy, Lifetime, Policy};
pub use record::{CodecTag, Entry, Meta, Principal, Record, Stored, Version, Versioned};
pub use session::{LiveSession, Loaded, Session, Status, Typed};
pub use settings::{EngineUrl, Setting, nearest, percent_decode, slips};
pub use store::{
    BoxStream, Capabilities, Carried, ClientSide, Immediate, ListQuery, Parcel, Sealed, SharedStore, Store,
    Support, WriteMode,
};
pub use wrap::{
    CachedStore, Call, CallEnd, CallTotals, DeadlineStore, Meter, MeteredStore, NearCache, Operation,
    PrefixedStore,
};
