//! What happens to sessions, and what engines are asked, told to the crates `tracing` and `metrics`, each behind a feature
//! of its name.
//!
//! ```
//! # #[cfg(all(feature = "tracing", feature = "metrics"))] {
//! use dancecard_core::{MemoryStore, SessionManager};
//! use dancecard_observe::{MetricsObserver, Observers, TracingObserver};
//!
//! let observers = Observers::new().and(TracingObserver).and(MetricsObserver);
//! let manager = SessionManager::new(MemoryStore::new()).with_observer(observers);
//! # }
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dancecard_core::{Event, Observer};

#[cfg(feature = "metrics")]
mod meter;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "metrics")]
pub use self::meter::MetricsMeter;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRIC, MetricsObserver};
#[cfg(feature = "tracing")]
pub use self::tracing::TracingObserver;

/// Several observers as one, told in order.
#[derive(Debug, Clone, Default)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    #[must_use]
    pub fn and(mut self, observer: impl Observer) -> Self {
        self.0.push(Arc::new(observer));
        self
    }
}

impl Observer for Observers {
    fn on(&self, event: &Event<'_>) {
        for observer in &self.0 {
            // One that breaks must not keep the others from hearing. The panic was reported already.
            let _ = catch_unwind(AssertUnwindSafe(|| observer.on(event)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use dancecard_core::{MemoryStore, SessionManager};

    use super::*;

    #[derive(Debug)]
    struct Clumsy;

    impl Observer for Clumsy {
        fn on(&self, _: &Event<'_>) {
            std::panic::resume_unwind(Box::new("the observer is broken"));
        }
    }

    #[derive(Debug, Clone, Default)]
    struct Counter(Arc<AtomicUsize>);

    impl Observer for Counter {
        fn on(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn one_that_panics_keeps_no_other_from_hearing() -> dancecard_core::Result<()> {
        let counter = Counter::default();
        let observers = Observers::new().and(Clumsy).and(counter.clone());
        let manager = SessionManager::new(MemoryStore::new()).with_observer(observers);
        let session = manager.open([]);
        session.set("a", 1)?;
        manager.commit(&session).await?;
        assert_eq!(counter.0.load(Ordering::Relaxed), 1);
        Ok(())
    }
}
