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
        self.0.iter().for_each(|observer| observer.on(event));
    }
}
