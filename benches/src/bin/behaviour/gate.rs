//! Holds requests between their read and their write.

use tokio::sync::Semaphore;

pub(crate) struct Gate {
    reached: Semaphore,
    opened: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { reached: Semaphore::new(0), opened: Semaphore::new(0) }
    }
}

impl Gate {
    /// Waits to be let through.
    pub(crate) async fn pass(&self) {
        self.reached.add_permits(1);
        self.opened.acquire().await.expect("never closed").forget();
    }

    /// Waits until so many have come.
    pub(crate) async fn until(&self, requests: u32) {
        self.reached.acquire_many(requests).await.expect("never closed").forget();
    }

    pub(crate) fn open(&self, requests: usize) {
        self.opened.add_permits(requests);
    }
}
