//! The object-safe twin of [`Store`], and the handle that everyone holds. Engine authors never need to read this.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{BoxStream, Capabilities, ClientSide, Immediate, ListQuery, Store, WriteMode};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::RecordKey;
use crate::record::{Entry, Record, Version, Versioned};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Any engine, chosen at run time. A clone is another handle on the same engine.
///
/// ```
/// use dancecard_core::{MemoryStore, SharedStore, Store};
///
/// let store = SharedStore::new(MemoryStore::new());
/// assert_eq!(store.clone().engine(), "memory");
/// ```
#[derive(Clone)]
pub struct SharedStore(Arc<dyn ErasedStore>);

impl SharedStore {
    /// Puts an engine behind a handle.
    pub fn new(store: impl Store) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

trait ErasedStore: fmt::Debug + Send + Sync {
    fn engine(&self) -> &'static str;
    fn capabilities(&self) -> Capabilities;
    fn load<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Versioned>>>;
    fn write<'a>(
        &'a self,
        key: &'a RecordKey,
        record: Record,
        mode: WriteMode,
    ) -> BoxFuture<'a, Result<Version>>;
    fn delete<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>>;
    fn replace<'a>(&'a self, step: Replace<'a>) -> BoxFuture<'a, Result<Version>>;
    fn touch<'a>(&'a self, key: &'a RecordKey, expires_at: Timestamp) -> BoxFuture<'a, Result<bool>>;
    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>>;
    fn purge_expired(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize>>;
    fn health(&self) -> BoxFuture<'_, Result<()>>;
    fn immediate(&self) -> Option<&dyn Immediate>;
    fn client_side(&self) -> Option<&dyn ClientSide>;
    fn is_usable(&self) -> bool;
    fn unsupported(&self, operation: &'static str) -> Error;
}

/// The arguments of [`Store::replace`].
struct Replace<'a> {
    old: &'a RecordKey,
    expected: &'a Version,
    retired: Record,
    new: &'a RecordKey,
    record: Record,
}

impl<S: Store> ErasedStore for S {
    fn engine(&self) -> &'static str {
        Store::engine(self)
    }

    fn capabilities(&self) -> Capabilities {
        Store::capabilities(self)
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Versioned>>> {
        Box::pin(Store::load(self, key))
    }

    fn write<'a>(
        &'a self,
        key: &'a RecordKey,
        record: Record,
        mode: WriteMode,
    ) -> BoxFuture<'a, Result<Version>> {
        Box::pin(Store::write(self, key, record, mode))
    }

    fn delete<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>> {
        Box::pin(Store::delete(self, key))
    }

    fn replace<'a>(&'a self, step: Replace<'a>) -> BoxFuture<'a, Result<Version>> {
        Box::pin(Store::replace(self, step.old, step.expected, step.retired, step.new, step.record))
    }

    fn touch<'a>(&'a self, key: &'a RecordKey, expires_at: Timestamp) -> BoxFuture<'a, Result<bool>> {
        Box::pin(Store::touch(self, key, expires_at))
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Store::list(self, query)
    }

    fn purge_expired(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize>> {
        Box::pin(Store::purge_expired(self, now, limit))
    }

    fn health(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(Store::health(self))
    }

    fn immediate(&self) -> Option<&dyn Immediate> {
        Store::immediate(self)
    }

    fn client_side(&self) -> Option<&dyn ClientSide> {
        Store::client_side(self)
    }

    fn is_usable(&self) -> bool {
        Store::is_usable(self)
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        Store::unsupported(self, operation)
    }
}

impl Store for SharedStore {
    fn engine(&self) -> &'static str {
        self.0.engine()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        match self.0.immediate() {
            Some(engine) => engine.load_now(key),
            None => self.0.load(key).await,
        }
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        match self.0.immediate() {
            Some(engine) => engine.write_now(key, record, &mode),
            None => self.0.write(key, record, mode).await,
        }
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.0.delete(key).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        self.0.replace(Replace { old, expected, retired, new, record }).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.0.touch(key, expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.0.list(query)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.0.purge_expired(now, limit).await
    }

    async fn health(&self) -> Result<()> {
        self.0.health().await
    }

    fn immediate(&self) -> Option<&dyn Immediate> {
        self.0.immediate()
    }

    fn client_side(&self) -> Option<&dyn ClientSide> {
        self.0.client_side()
    }

    fn is_usable(&self) -> bool {
        self.0.is_usable()
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        self.0.unsupported(operation)
    }
}
