//! Where a call waits until the test lets it go on.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A gate, closed at first. Calls that reach it wait until it is opened; a test can wait until one has reached it. So
/// a race is put in order without sleeping. A clone is the same gate.
///
/// ```
/// use dancecard_core::{MemoryStore, RecordKey, SharedStore, Store};
/// use dancecard_testkit::{Fault, FaultStore, Gate, Operation};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let store = FaultStore::new(MemoryStore::new());
/// let gate = Gate::new();
/// store.faults().next(Operation::Load, Fault::HoldBefore(gate.clone()));
/// let store = SharedStore::new(store);
/// let loading = tokio::spawn(async move { store.load(&RecordKey::new(b"key")).await });
/// gate.reached().await;
/// assert!(!loading.is_finished());
/// gate.open();
/// assert!(loading.await.unwrap().unwrap().is_none());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    arrivals: Semaphore,
    passage: Semaphore,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Inner { arrivals: Semaphore::new(0), passage: Semaphore::new(0) }))
    }

    /// Lets through who waits and whoever comes later.
    pub fn open(&self) {
        self.0.passage.close();
    }

    /// Waits until a call has reached the gate. Each call that did is reported once.
    pub async fn reached(&self) {
        if let Ok(arrival) = self.0.arrivals.acquire().await {
            arrival.forget();
        }
    }

    /// Waits until the gate is open.
    pub(super) async fn pass(&self) {
        self.0.arrivals.add_permits(1);
        // There never is a permit: waiting ends, with an error, when the semaphore is closed.
        let _ = self.0.passage.acquire().await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
