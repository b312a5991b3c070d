//! No operation waits longer than it may.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::Operation;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::record::Entry;
use crate::store::{BoxStream, ListQuery, Store};

/// Seconds that a visitor still waits for a page.
const USUAL: Duration = Duration::from_secs(5);

/// A store whose operations come to an end in time.
///
/// A call that takes longer is dropped and fails with [`ErrorKind::Unavailable`]: with [`Retry::Safe`] if it reads, with
/// [`Retry::Unknown`] if it changes something, since nobody knows whether it still will. A listing has the time of a read
/// for each entry. The time that a caller spends between two entries does not count.
///
/// This crate knows no runtime, so it is given the runtime's sleep. A call that is answered at once starts no timer, and
/// an engine that never waits stays one that answers at once ([`Store::immediate`]).
///
/// ```
/// use std::time::Duration;
/// use dancecard_core::{DeadlineStore, MemoryStore, RecordKey, Store};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let store = DeadlineStore::new(MemoryStore::new(), tokio::time::sleep)
///     .with_reads(Duration::from_millis(500))
///     .with_writes(Duration::from_secs(2));
/// assert!(store.load(&RecordKey::new(b"key")).await?.is_none());
/// # Ok(()) }
/// ```
pub struct DeadlineStore<S, T> {
    inner: S,
    sleep: T,
    reads: Duration,
    writes: Duration,
}

impl<S, T, F> DeadlineStore<S, T>
where
    S: Store,
    T: Fn(Duration) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    /// A store over `inner` whose operations take five seconds at most, by this sleep.
    pub fn new(inner: S, sleep: T) -> Self {
        Self { inner, sleep, reads: USUAL, writes: USUAL }
    }

    /// How long loads, health checks, and each entry of a listing may take.
    #[must_use]
    pub fn with_reads(mut self, limit: Duration) -> Self {
        self.reads = limit;
        self
    }

    /// How long everything that changes something may take.
    #[must_use]
    pub fn with_writes(mut self, limit: Duration) -> Self {
        self.writes = limit;
        self
    }

    fn limit(&self, operation: Operation) -> Duration {
        if operation.changes() { self.writes } else { self.reads }
    }

    fn late(&self, operation: Operation) -> Error {
        let retry = if operation.changes() { Retry::Unknown } else { Retry::Safe };
        let detail = format!("no answer within {} ms", self.limit(operation).as_millis());
        Error::new(ErrorKind::Unavailable, operation.name())
            .with_engine(self.inner.engine())
            .with_retry(retry)
            .with_detail(detail)
    }

    async fn in_time<A>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<A>> + Send,
    ) -> Result<A> {
        let (mut call, mut alarm) = (pin!(call), pin!(None));
        poll_fn(|context| {
            if let Poll::Ready(answer) = call.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            if alarm.is_none() {
                alarm.set(Some((self.sleep)(self.limit(operation))));
            }
            rings(alarm.as_mut().as_pin_mut(), context).map(|()| Err(self.late(operation)))
        })
        .await
    }
}

fn rings(alarm: Option<Pin<&mut impl Future<Output = ()>>>, context: &mut Context<'_>) -> Poll<()> {
    alarm.map_or(Poll::Pending, |alarm| alarm.poll(context))
}

impl<S, T, F> Store for DeadlineStore<S, T>
where
    S: Store,
    T: Fn(Duration) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    crate::forward!(inner: engine, capabilities, is_usable, unsupported, immediate);
    crate::forward!(inner by in_time: load, write, delete, replace, touch, purge_expired, health);

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Listing { store: self, entries: Some(self.inner.list(query)), alarm: None })
    }
}

/// Ends with an error when an entry does not come in time.
struct Listing<'a, S, T, F> {
    store: &'a DeadlineStore<S, T>,
    entries: Option<BoxStream<'a, Result<Entry>>>,
    alarm: Option<Pin<Box<F>>>,
}

impl<S, T, F> Stream for Listing<'_, S, T, F>
where
    S: Store,
    T: Fn(Duration) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(entries) = &mut self.entries else { return Poll::Ready(None) };
        if let Poll::Ready(entry) = entries.as_mut().poll_next(context) {
            self.alarm = None;
            return Poll::Ready(entry);
        }
        let store = self.store;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin((store.sleep)(store.reads)));
        std::task::ready!(rings(Some(alarm.as_mut()), context));
        self.entries = None;
        Poll::Ready(Some(Err(store.late(Operation::List))))
    }
}

impl<S: fmt::Debug, T> fmt::Debug for DeadlineStore<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineStore")
            .field("inner", &self.inner)
            .field("reads", &self.reads)
            .field("writes", &self.writes)
            .finish_non_exhaustive()
    }
}
