//! How many calls reach a store: what an adapter's tests assert.

use std::fmt;
use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dancecard_core::{BoxStream, Entry, ListQuery, Operation, Result, Store};

/// Calls by operation. Its text is what a script compares: `1 load, 2 writes`, or `nothing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls([u64; Operation::ALL.len()]);

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
        let counted = Operation::ALL.iter().filter(|operation| self.of(**operation) > 0);
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
pub struct Counter(Arc<[AtomicU64; Operation::ALL.len()]>);

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

    async fn counted<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.counter.count(operation);
        call.await
    }
}

impl<S: Store> Store for CountingStore<S> {
    dancecard_core::forward!(inner: engine, capabilities, is_usable, unsupported);
    dancecard_core::forward!(inner by counted: load, write, delete, replace, touch, purge_expired, health);

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.counter.count(Operation::List);
        self.inner.list(query)
    }
}
