//! contract only, for now
mod bytes;
mod clock;
mod envelope;
mod error;
mod id;
mod memory;
mod record;
mod store;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Result, Retry};
pub use id::{IdGenerator, RecordKey, SessionId, SystemIds, TOKEN_LEN, Token};
pub use memory::MemoryStore;
pub use record::{CodecTag, Entry, Meta, Principal, Record, Stored, Version, Versioned};
pub use store::{BoxStream, Capabilities, ListQuery, SharedStore, Store, Support, WriteMode};
