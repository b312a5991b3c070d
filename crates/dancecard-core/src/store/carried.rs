//! Records that travel with the client, sealed, instead of lying on a server.

use std::fmt;
use std::sync::Arc;

use super::SharedStore;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::RecordKey;

/// What an engine is besides, whose records travel with the client.
///
/// Adapters need not know of it: `dancecard-http` asks for it, and sends what is to be sent. Each request gets a store of
/// its own over what it brought, so that everything above the engine is the same as with any other.
pub trait ClientSide: Send + Sync {
    /// An engine for one request, over what that brought, and where its response takes from what it takes back. Nothing is
    /// opened before it is loaded.
    fn receive(&self, brought: Carried<'_>) -> (SharedStore, Arc<dyn Parcel>);
}

/// What one request brought.
pub struct Carried<'a> {
    /// What it came in, the name of the cookie for example. A record that was sealed for one does not come out of another.
    pub channel: &'a str,
    /// How many bytes of text can be sent back, the id not counted.
    pub limit: usize,
    /// Under each key that the client has an id for, what it sent along: anything at all, or nothing.
    pub records: Vec<(RecordKey, Vec<u8>)>,
}

/// What the response to one request takes back.
pub trait Parcel: fmt::Debug + Send + Sync {
    /// Which record the client has in an older form, if any.
    fn changed(&self) -> Option<RecordKey>;

    /// Seals the record under a key. From now on nothing can be stored in it: the head of the response is on its way.
    ///
    /// # Errors
    /// [`ErrorKind::Random`](crate::ErrorKind::Random); [`ErrorKind::Ended`](crate::ErrorKind::Ended) when there is no
    /// record under the key.
    fn seal(&self, key: &RecordKey) -> Result<Sealed>;
}

/// A record as the client gets it.
pub struct Sealed {
    /// The sealed record, in characters that a cookie can hold.
    pub text: String,
    /// When the session ends however active it is.
    pub absolute_at: Timestamp,
}

impl fmt::Debug for Carried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carried")
            .field("channel", &self.channel)
            .field("limit", &self.limit)
            .field("records", &self.records.len())
            .finish()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}
