//! The engine under the site: memory, with every call counted, and failures when the script wants them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dancecard_core::{
    BoxStream, Capabilities, Entry, Error, ErrorKind, ListQuery, MemoryStore, Record, RecordKey, Result,
    Retry, Store, Timestamp, Version, Versioned, WriteMode,
};
use parking_lot::Mutex;

use crate::counting::{Calls, Counter, Operation};

/// A handle; a clone is another one.
#[derive(Clone)]
pub(super) struct Watched(Arc<Inner>);

struct Inner {
    memory: MemoryStore,
    counter: Counter,
    down: Mutex<Vec<Operation>>,
    mute: Mutex<Vec<Operation>>,
    yields: AtomicBool,
}

impl Watched {
    pub(super) fn new(memory: MemoryStore) -> Self {
        Self(Arc::new(Inner {
            memory,
            counter: Counter::default(),
            down: Mutex::default(),
            mute: Mutex::default(),
            yields: AtomicBool::new(false),
        }))
    }

    pub(super) fn calls(&self) -> Calls {
        self.0.counter.calls()
    }

    /// From now on exactly these operations fail.
    pub(super) fn fail(&self, operations: &[Operation]) {
        *self.0.down.lock() = operations.to_vec();
    }

    /// From now on exactly these operations happen, and their answer is lost.
    pub(super) fn lose_answers(&self, operations: &[Operation]) {
        *self.0.mute.lock() = operations.to_vec();
    }

    /// From now on every operation waits once before it is done, and once after.
    pub(super) fn yields(&self) {
        self.0.yields.store(true, Ordering::Relaxed);
    }

    async fn call<T>(&self, operation: Operation, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.0.counter.count(operation);
        self.pause().await;
        if self.0.down.lock().contains(&operation) {
            return Err(unavailable(operation, Retry::Safe));
        }
        let done = work.await;
        self.pause().await;
        if self.0.mute.lock().contains(&operation) {
            return Err(unavailable(operation, Retry::Unknown));
        }
        done
    }

    async fn pause(&self) {
        if self.0.yields.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }
}

fn unavailable(operation: Operation, retry: Retry) -> Error {
    Error::new(ErrorKind::Unavailable, operation.name()).with_engine("watched").with_retry(retry)
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched(..)")
    }
}

impl Store for Watched {
    fn engine(&self) -> &'static str {
        "watched"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.memory.capabilities()
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.call(Operation::Load, self.0.memory.load(key)).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.call(Operation::Write, self.0.memory.write(key, record, mode)).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.call(Operation::Delete, self.0.memory.delete(key)).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        self.call(Operation::Replace, self.0.memory.replace(old, expected, retired, new, record)).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.call(Operation::Touch, self.0.memory.touch(key, expires_at)).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.0.counter.count(Operation::List);
        self.0.memory.list(query)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.call(Operation::Purge, self.0.memory.purge_expired(now, limit)).await
    }
}
