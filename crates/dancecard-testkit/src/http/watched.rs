//! The engine under the site: memory, with every call counted, and failures when the script wants them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dancecard_core::{
    BoxStream, Entry, Error, ErrorKind, ListQuery, MemoryStore, Operation, Result, Retry, Store,
};
use parking_lot::Mutex;

use crate::counting::{Calls, Counter};

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

    dancecard_core::forward!(0.memory: capabilities);
    dancecard_core::forward!(0.memory by call: load, write, delete, replace, touch, purge_expired);

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.0.counter.count(Operation::List);
        self.0.memory.list(query)
    }
}
