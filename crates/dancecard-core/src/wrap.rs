//! Stores over stores: each is an engine itself, over any other.

mod cached;
mod deadline;
mod forward;
mod metered;
mod operation;
mod prefixed;

pub use cached::{CachedStore, NearCache};
pub use deadline::DeadlineStore;
pub use metered::{Call, CallEnd, CallTotals, Meter, MeteredStore};
pub use operation::Operation;
pub use prefixed::PrefixedStore;
