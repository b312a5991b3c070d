//! How many calls reach a store: what an adapter's tests assert.

use std::fmt;
use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dancecard_core::{
    BoxStream, Capabilities, Entry, Error, ListQuery, Record, RecordKey, Result, Store, Timestamp, Version,
    Versioned, WriteMode,
};

/// An operation of [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Store::load`]
    Load,
    /// [`Store::write`]
    Write,
    /// [`Store::delete`]
    Delete,
    /// [`Store::replace`]
    Replace,
    /// [`Store::touch`]
    Touch,
    /// [`Store::list`]
    List,
    /// [`Store::purge_expired`]
    Purge,
    /// [`Store::health`]
    Health,
}

pub(crate) const OPERATIONS: [Operation; 8] = [
    Operation::Load,
    Operation::Write,
    Operation::Delete,
    Operation::Replace,
    Operation::Touch,
    Operation::List,
    Operation::Purge,
    Operation::Health,
];

impl Operation {
    /// Its name, as errors give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Touch => "touch",
            Self::List => "list",
            Self::Purge => "purge",
            Self::Health => "health",
        }
    }
}

/// Calls by operation. Its text is what a script compares: `1 load, 2 writes`, or `nothing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls([u64; OPERATIONS.len()]);

impl Calls {
    /// How often an operation was called.
    pub fn of(&self, operation: Operation) -> u64 {
        self.0.get(operation as usize).copied().unwrap_or_default()
    }

    /// How many calls there were in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The calls since an earlier count.
impl Sub for Calls {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index].saturating_sub(earlier.0[index])))
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = OPERATIONS.iter().filter(|operation| self.of(**operation) > 0);
        let told = counted.map(|operation| {
            let count = self.of(*operation);
            format!("{count} {}{}", operation.name(), if count == 1 { "" } else { "s" })
        });
        let told: Vec<_> = told.collect();
        f.write_str(if told.is_empty() { "nothing" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}

/// Reads the counts of a store that was given away. A clone reads the same counts.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<[AtomicU64; OPERATIONS.len()]>);

impl Counter {
    /// The calls so far.
    pub fn calls(&self) -> Calls {
        Calls(std::array::from_fn(|index| self.0[index].load(Ordering::SeqCst)))
    }

    pub(crate) fn count(&self, operation: Operation) {
        if let Some(count) = self.0.get(operation as usize) {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A store that counts the calls it passes on. A listing counts when it is begun.
///
/// ```
/// use dancecard_core::{MemoryStore, RecordKey, Store};
/// use dancecard_testkit::CountingStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let store = CountingStore::new(MemoryStore::new());
/// let counter = store.counter();
/// store.load(&RecordKey::new(b"key")).await?;
/// let before = counter.calls();
/// store.load(&RecordKey::new(b"key")).await?;
/// store.delete(&RecordKey::new(b"key")).await?;
/// assert_eq!((counter.calls() - before).to_string(), "1 load, 1 delete");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CountingStore<S> {
    inner: S,
    counter: Counter,
}

impl<S: Store> CountingStore<S> {
    /// A store that counts the calls to `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner, counter: Counter::default() }
    }

    /// A handle on the counts.
    pub fn counter(&self) -> Counter {
        self.counter.clone()
    }
}

impl<S: Store> Store for CountingStore<S> {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.counter.count(Operation::Load);
        self.inner.load(key).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.counter.count(Operation::Write);
        self.inner.write(key, record, mode).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.counter.count(Operation::Delete);
        self.inner.delete(key).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        self.counter.count(Operation::Replace);
        self.inner.replace(old, expected, retired, new, record).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.counter.count(Operation::Touch);
        self.inner.touch(key, expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.counter.count(Operation::List);
        self.inner.list(query)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.counter.count(Operation::Purge);
        self.inner.purge_expired(now, limit).await
    }

    async fn health(&self) -> Result<()> {
        self.counter.count(Operation::Health);
        self.inner.health().await
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        self.inner.unsupported(operation)
    }
}
