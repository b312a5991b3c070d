//! The engine contract: the one trait that every storage engine implements.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use futures_core::Stream;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::RecordKey;
use crate::record::{Entry, Meta, Principal, Record, Version, Versioned};

mod carried;
mod erased;
mod once;

pub use carried::{Carried, ClientSide, Parcel, Sealed};
pub use erased::SharedStore;

use once::Once;

/// A stream in a box, as [`Store::list`] returns it.
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// Where sessions are kept.
///
/// An engine sees keys, bytes, expiries and versions. It never sees a session id, a value, or the policy, and it
/// never decides whether a session is alive. Each sentence below is a named case of the conformance suite in
/// `dancecard-testkit`, which is the definition of an engine.
///
/// - A record that was written is loaded byte for byte, its [`Meta`] to the millisecond, by any later `load`.
/// - `load` of a key that was never written, or was deleted, is `Ok(None)`.
/// - `load` may return an expired record. It must return every live one.
/// - [`WriteMode::Create`] on a key that has a record fails with [`ErrorKind::Conflict`].
/// - [`WriteMode::Update`] with a version that is not the present one, **or on an absent key**, fails with
///   [`ErrorKind::Conflict`]. A deleted record is never recreated by an update.
/// - A write that fails with `Conflict` changes nothing.
/// - Every write yields a version that the key never had before, also after it was deleted and created again.
/// - Writes are atomic: a reader sees the old record or the new one.
/// - An engine that can't compare and swap says so ([`Capabilities::conditional_write`]) and refuses `Update` with
///   [`ErrorKind::Unsupported`]; it never treats it as `Overwrite`.
/// - `delete` of an absent key is `Ok(())`.
/// - `touch` moves `expires_at` forward only, never creates, never changes the version or the payload, and returns
///   whether a record was there. (If it changed the version, each read would defeat a writer.)
/// - `replace` leaves the old key with `retired` and the new key with `record`, or fails with `Conflict` and
///   changes nothing; it is one step where the engine has one.
/// - `list` yields each record that lives throughout exactly once, without its payload, and none twice. With a
///   principal it yields that principal's records and no other.
/// - `purge_expired` removes only records whose `expires_at` is not after `now`, at most `limit` of them.
/// - A record that the engine can't hold is refused with [`ErrorKind::TooLarge`] or [`ErrorKind::Full`]; nothing else
///   is evicted to make room.
/// - A dropped future leaves the old state or the new one, never a mixture.
///
/// ```
/// use dancecard_core::{MemoryStore, Meta, Record, RecordKey, Store, Timestamp, WriteMode};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let store = MemoryStore::new();
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// let first = store.write(&key, Record::new(meta.clone(), b"{}".to_vec()), WriteMode::Create).await?;
/// store.write(&key, Record::new(meta.clone(), b"[]".to_vec()), WriteMode::Update(first.clone())).await?;
///
/// let stale = store.write(&key, Record::new(meta, b"()".to_vec()), WriteMode::Update(first)).await;
/// assert!(stale.is_err_and(|error| error.is_conflict()));
/// assert_eq!(store.load(&key).await?.expect("still there").payload(), b"[]");
/// # Ok(()) }
/// ```
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The engine's name, as errors and metrics give it.
    fn engine(&self) -> &'static str;

    /// What this engine can do, as it is set up now.
    fn capabilities(&self) -> Capabilities;

    /// The record under a key, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the engine can't be asked, [`ErrorKind::Corrupt`] when what is stored under
    /// the key is not a record.
    fn load(&self, key: &RecordKey) -> impl Future<Output = Result<Option<Versioned>>> + Send;

    /// Stores a record on a condition, and returns its version.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the condition does not hold; [`ErrorKind::TooLarge`] or [`ErrorKind::Full`] when
    /// there is no room; [`ErrorKind::Unavailable`] otherwise, with [`Retry::Unknown`](crate::Retry::Unknown) when
    /// the write may have happened.
    fn write(
        &self,
        key: &RecordKey,
        record: Record,
        mode: WriteMode,
    ) -> impl Future<Output = Result<Version>> + Send;

    /// Removes whatever is under a key.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when it is not known to be gone.
    fn delete(&self, key: &RecordKey) -> impl Future<Output = Result<()>> + Send;

    /// Retires the record under one key, if it has the expected version, and creates its successor under another.
    ///
    /// The provided form creates first and retires second, so that a failure between the two leaves the old session
    /// as it was; the successor, whose id nobody was told, is taken back. An engine with transactions does it in one
    /// step.
    ///
    /// # Errors
    /// Those of [`Store::write`].
    fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> impl Future<Output = Result<Version>> + Send {
        replace_in_two(self, old, WriteMode::Update(expected.clone()), retired, new, record)
    }

    /// Moves the expiry of a record forward without touching its data. `false` when there is no record.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless [`Capabilities::touch`] says otherwise; [`ErrorKind::Unavailable`].
    fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> impl Future<Output = Result<bool>> + Send {
        let _ = (key, expires_at);
        std::future::ready(Err(self.unsupported("touch")))
    }

    /// The records there are, without their payloads.
    ///
    /// A stream that can't be begun yields one error: [`ErrorKind::Unsupported`] unless [`Capabilities::list`], or
    /// for a principal [`Capabilities::principal_index`], says otherwise. Dropping the stream ends the work.
    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let _ = query;
        Box::pin(Once(Some(Err(self.unsupported("list")))))
    }

    /// Removes expired records, at most `limit` of them, and returns how many. Zero for engines that expire by
    /// themselves.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    fn purge_expired(&self, now: Timestamp, limit: usize) -> impl Future<Output = Result<usize>> + Send {
        let _ = (now, limit);
        std::future::ready(Ok(0))
    }

    /// Asks the engine whether it works, at the cost of one round trip.
    ///
    /// # Errors
    /// Whatever a `load` would meet.
    fn health(&self) -> impl Future<Output = Result<()>> + Send {
        async { self.load(&RecordKey::new(&[0; 32])).await.map(drop) }
    }

    /// The same engine for callers who need not wait, if it never does: it spares them a future on the heap.
    ///
    /// What it does must be what `load` and `write` do. Wrappers need not pass it on.
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    /// The same engine for records that travel with the client, if it is such a one. Wrappers need not pass it on.
    fn client_side(&self) -> Option<&dyn ClientSide> {
        None
    }

    /// Whether there is an engine at all. `false` is for what stands where none was chosen: then the session of a visitor
    /// without a token is asked for as well when it is first used, rather than begun empty, so that the error of `load` says what
    /// is missing. A wrapper passes it on.
    fn is_usable(&self) -> bool {
        true
    }

    /// The error of an operation that this engine does not have.
    fn unsupported(&self, operation: &'static str) -> Error {
        Error::new(ErrorKind::Unsupported, operation).with_engine(self.engine())
    }
}

/// A replacement in two writes. The old record is retired on this condition, or without one where an engine has none.
pub(crate) async fn replace_in_two(
    store: &(impl Store + ?Sized),
    old: &RecordKey,
    mode: WriteMode,
    retired: Record,
    new: &RecordKey,
    record: Record,
) -> Result<Version> {
    let version = match store.write(new, record, WriteMode::Create).await {
        Ok(version) => version,
        Err(error) => return Err(take_back(store, new, error).await),
    };
    match store.write(old, retired, mode).await {
        Ok(_) => Ok(version),
        Err(error) if error.retry() == Retry::Unknown && has_moved(store, old, new).await => Ok(version),
        Err(error) => {
            store.delete(new).await?;
            Err(error)
        }
    }
}

/// What was perhaps created, if nobody knows. That it can't be removed either changes nothing in the error.
async fn take_back(store: &(impl Store + ?Sized), new: &RecordKey, error: Error) -> Error {
    if error.retry() == Retry::Unknown {
        let _ = store.delete(new).await;
    }
    error
}

/// Whether the old record was retired after all.
pub(crate) async fn has_moved(store: &(impl Store + ?Sized), old: &RecordKey, new: &RecordKey) -> bool {
    let found = store.load(old).await;
    found.is_ok_and(|found| found.is_some_and(|found| found.written_meta().successor() == Some(new)))
}

/// An engine that answers without waiting for anything: in this process's memory.
pub trait Immediate {
    /// What [`Store::load`] does.
    ///
    /// # Errors
    /// Those of [`Store::load`].
    fn load_now(&self, key: &RecordKey) -> Result<Option<Versioned>>;

    /// What [`Store::write`] does.
    ///
    /// # Errors
    /// Those of [`Store::write`].
    fn write_now(&self, key: &RecordKey, record: Record, mode: &WriteMode) -> Result<Version>;
}

/// On what condition a write happens.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteMode {
    /// Only if there is no record.
    Create,
    /// Only if the record has this version.
    Update(Version),
    /// Always. The session layer writes sessions like that only on engines that can't compare, and for migration.
    Overwrite,
}

/// How an engine comes by an ability.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Support {
    /// It does not have it, and refuses.
    #[default]
    None,
    /// It has it, at the price of more work than the engine's own operation would cost.
    Emulated,
    /// The engine's server or format does it.
    Native,
}

impl Support {
    /// Whether the ability is there at all.
    pub fn is_supported(self) -> bool {
        self != Self::None
    }
}

/// What an engine can do, as data. Start from the default, which can do nothing, and set what is true.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Compare-and-swap on the version.
    pub conditional_write: Support,
    /// Retiring one record and creating another in one step.
    pub replace: Support,
    /// Moving the expiry without rewriting the payload.
    pub touch: Support,
    /// Listing all records.
    pub list: Support,
    /// Listing one principal's records without reading the others.
    pub principal_index: Support,
    /// Whether the engine drops expired records by itself.
    pub native_expiry: bool,
    /// Whether records survive the end of the process.
    pub durable: bool,
    /// Whether other processes see the same records.
    pub shared: bool,
    /// Whether a copy of a record that the client kept still counts after the record was deleted. If so, a sign-out can't
    /// be enforced.
    pub client_keeps: bool,
    /// The largest payload, in bytes, if there is a limit.
    pub max_payload: Option<usize>,
}

impl Capabilities {
    /// An engine that can do nothing beyond load, create, overwrite and delete.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`Capabilities::conditional_write`].
    #[must_use]
    pub fn with_conditional_write(mut self, support: Support) -> Self {
        self.conditional_write = support;
        self
    }

    /// Sets [`Capabilities::replace`].
    #[must_use]
    pub fn with_replace(mut self, support: Support) -> Self {
        self.replace = support;
        self
    }

    /// Sets [`Capabilities::touch`].
    #[must_use]
    pub fn with_touch(mut self, support: Support) -> Self {
        self.touch = support;
        self
    }

    /// Sets [`Capabilities::list`].
    #[must_use]
    pub fn with_list(mut self, support: Support) -> Self {
        self.list = support;
        self
    }

    /// Sets [`Capabilities::principal_index`].
    #[must_use]
    pub fn with_principal_index(mut self, support: Support) -> Self {
        self.principal_index = support;
        self
    }

    /// Sets [`Capabilities::native_expiry`].
    #[must_use]
    pub fn with_native_expiry(mut self, does: bool) -> Self {
        self.native_expiry = does;
        self
    }

    /// Sets [`Capabilities::durable`].
    #[must_use]
    pub fn with_durable(mut self, does: bool) -> Self {
        self.durable = does;
        self
    }

    /// Sets [`Capabilities::shared`].
    #[must_use]
    pub fn with_shared(mut self, does: bool) -> Self {
        self.shared = does;
        self
    }

    /// Sets [`Capabilities::client_keeps`].
    #[must_use]
    pub fn with_client_keeps(mut self, does: bool) -> Self {
        self.client_keeps = does;
        self
    }

    /// Sets [`Capabilities::max_payload`].
    #[must_use]
    pub fn with_max_payload(mut self, bytes: Option<usize>) -> Self {
        self.max_payload = bytes;
        self
    }
}

/// Which records to list. The default is all of them.
#[non_exhaustive]
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Only this principal's.
    pub principal: Option<Principal>,
}

impl ListQuery {
    /// All records.
    pub fn all() -> Self {
        Self::default()
    }

    /// The records of one principal.
    pub fn of(principal: Principal) -> Self {
        Self { principal: Some(principal) }
    }

    /// Whether a record with these facts is asked for.
    pub fn matches(&self, meta: &Meta) -> bool {
        self.principal.is_none() || self.principal.as_ref() == meta.principal()
    }
}
