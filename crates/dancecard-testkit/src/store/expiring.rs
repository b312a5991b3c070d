//! An engine whose expired records are soon gone, and how to see that they are.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{RecordKey, SharedStore, Store};

use super::subject::BoxFuture;
use crate::failure::Outcome;

type Question = Arc<dyn Fn(RecordKey) -> BoxFuture<'static, Outcome<bool>> + Send + Sync>;

/// An empty engine that claims native expiry, set up to drop records soon after their end, and a way to ask its server past it.
///
/// An engine that hid expired records from its own answers would keep its word without anything being dropped, so it is the
/// server that is asked.
pub struct Expiring {
    pub(super) store: SharedStore,
    pub(super) within: Duration,
    holds: Question,
}

impl Expiring {
    /// The engine, and whether its server has anything under a key of it.
    pub fn new<Fut>(store: impl Store, holds: impl Fn(RecordKey) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = Outcome<bool>> + Send + 'static,
    {
        let holds: Question = Arc::new(move |key| Box::pin(holds(key)));
        Self { store: SharedStore::new(store), within: Duration::from_secs(60), holds }
    }

    /// How long after a record's end it may still be there, on however busy a machine: a minute, unless this says otherwise.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    pub(super) async fn holds(&self, key: &RecordKey) -> Outcome<bool> {
        (self.holds)(key.clone()).await.map_err(|failure| failure.at("asking the server"))
    }
}

impl fmt::Debug for Expiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiring").field("store", &self.store).finish_non_exhaustive()
    }
}
