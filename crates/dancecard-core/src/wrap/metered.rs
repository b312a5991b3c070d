//! What an engine is asked, how it answers, and how long it takes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;

use super::Operation;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;
use crate::record::{Entry, Record, Version, Versioned};
use crate::store::{BoxStream, Immediate, ListQuery, Store, WriteMode};

mod totals;

pub use totals::CallTotals;

/// What is told of each call of an engine. It runs inside the call, so it must be quick and must not panic.
///
/// [`CallTotals`] is one that counts; the crate `dancecard-observe` has one for `metrics`.
pub trait Meter: fmt::Debug + Send + Sync + 'static {
    /// A call begins. Each that began also ends.
    fn begin(&self, operation: Operation) {
        let _ = operation;
    }

    /// A call has ended.
    fn end(&self, call: &Call);
}

impl<M: Meter + ?Sized> Meter for Arc<M> {
    fn begin(&self, operation: Operation) {
        (**self).begin(operation);
    }

    fn end(&self, call: &Call) {
        (**self).end(call);
    }
}

/// One call of an engine.
#[non_exhaustive]
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// What the engine calls itself.
    pub engine: &'static str,
    /// What it was asked to do.
    pub operation: Operation,
    /// How it ended.
    pub end: CallEnd,
    /// From its beginning to its end. For a listing that is the end of the stream, what the reader did meanwhile included.
    pub took: Duration,
    /// The bytes of the payloads that were read by a load, or handed over by a write or a replace, whatever came of it.
    pub bytes: usize,
}

/// How a call of an engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallEnd {
    /// As it should.
    Done,
    /// With an error. A [`Conflict`](ErrorKind::Conflict) is an ordinary one.
    Failed(ErrorKind),
    /// Its caller went away before: a client hung up, a deadline passed, a listing was not read to its end.
    Dropped,
}

impl CallEnd {
    /// All ends there are, for a table or a set of counters. Each stands at its [`CallEnd::index`].
    pub const ALL: [Self; 15] = [
        Self::Done,
        Self::Dropped,
        Self::Failed(ErrorKind::Conflict),
        Self::Failed(ErrorKind::Unsupported),
        Self::Failed(ErrorKind::Unavailable),
        Self::Failed(ErrorKind::Corrupt),
        Self::Failed(ErrorKind::TooLarge),
        Self::Failed(ErrorKind::Full),
        Self::Failed(ErrorKind::Sealed),
        Self::Failed(ErrorKind::Ended),
        Self::Failed(ErrorKind::Refused),
        Self::Failed(ErrorKind::Value),
        Self::Failed(ErrorKind::Config),
        Self::Failed(ErrorKind::Random),
        Self::Failed(ErrorKind::Other),
    ];

    /// Its place in [`CallEnd::ALL`].
    pub fn index(self) -> usize {
        self.place().0
    }

    /// One lower-case word, as metrics give it.
    pub fn name(self) -> &'static str {
        self.place().1
    }

    fn place(self) -> (usize, &'static str) {
        match self {
            Self::Done => (0, "ok"),
            Self::Dropped => (1, "dropped"),
            Self::Failed(ErrorKind::Conflict) => (2, "conflict"),
            Self::Failed(ErrorKind::Unsupported) => (3, "unsupported"),
            Self::Failed(ErrorKind::Unavailable) => (4, "unavailable"),
            Self::Failed(ErrorKind::Corrupt) => (5, "corrupt"),
            Self::Failed(ErrorKind::TooLarge) => (6, "too_large"),
            Self::Failed(ErrorKind::Full) => (7, "full"),
            Self::Failed(ErrorKind::Sealed) => (8, "sealed"),
            Self::Failed(ErrorKind::Ended) => (9, "ended"),
            Self::Failed(ErrorKind::Refused) => (10, "refused"),
            Self::Failed(ErrorKind::Value) => (11, "value"),
            Self::Failed(ErrorKind::Config) => (12, "config"),
            Self::Failed(ErrorKind::Random) => (13, "random"),
            Self::Failed(ErrorKind::Other) => (14, "other"),
        }
    }
}

/// A store that tells a [`Meter`] of each call: what, how it ended, how long it took, how many bytes.
///
/// It costs two looks at the clock and what the meter does; it allocates nothing. An engine that answers at once
/// ([`Store::immediate`]) still does.
///
/// ```
/// use std::sync::Arc;
/// use dancecard_core::{CallEnd, CallTotals, MemoryStore, MeteredStore, Operation, RecordKey, Store};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let totals = Arc::new(CallTotals::default());
/// let store = MeteredStore::new(MemoryStore::new(), totals.clone());
/// store.load(&RecordKey::new(b"key")).await?;
/// assert_eq!(totals.count(Operation::Load, CallEnd::Done), 1);
/// assert_eq!(totals.in_flight(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MeteredStore<S, M> {
    inner: S,
    meter: M,
}

impl<S: Store, M: Meter> MeteredStore<S, M> {
    /// A store over `inner` that tells this meter.
    pub fn new(inner: S, meter: M) -> Self {
        Self { inner, meter }
    }

    fn begin(&self, operation: Operation, bytes: usize) -> Running<'_, M> {
        self.meter.begin(operation);
        let call = Call {
            engine: self.inner.engine(),
            operation,
            end: CallEnd::Dropped,
            took: Duration::ZERO,
            bytes,
        };
        Running { meter: &self.meter, begun: Instant::now(), call }
    }

    async fn measured<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let running = self.begin(operation, 0);
        let answer = call.await;
        running.end(&answer);
        answer
    }

    fn at_once(&self, operation: &'static str) -> Result<&dyn Immediate> {
        self.inner.immediate().ok_or_else(|| self.inner.unsupported(operation))
    }
}

/// A call that has begun. However it is left, the meter is told of its end.
struct Running<'a, M: Meter> {
    meter: &'a M,
    begun: Instant,
    call: Call,
}

impl<M: Meter> Running<'_, M> {
    fn end<T>(mut self, answer: &Result<T>) {
        self.call.end =
            answer.as_ref().map_or_else(|error| CallEnd::Failed(Error::kind(error)), |_| CallEnd::Done);
    }

    fn end_load(mut self, answer: &Result<Option<Versioned>>) {
        let found = answer.as_ref().ok().and_then(Option::as_ref);
        self.call.bytes = found.map_or(0, |found| found.payload().len());
        self.end(answer);
    }
}

impl<M: Meter> Drop for Running<'_, M> {
    fn drop(&mut self) {
        self.call.took = self.begun.elapsed();
        self.meter.end(&self.call);
    }
}

impl<S: Store, M: Meter> Store for MeteredStore<S, M> {
    crate::forward!(inner: engine, capabilities, is_usable, unsupported);
    crate::forward!(inner by measured: delete, touch, purge_expired, health);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let running = self.begin(Operation::Load, 0);
        let answer = self.inner.load(key).await;
        running.end_load(&answer);
        answer
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let running = self.begin(Operation::Write, record.payload.len());
        let answer = self.inner.write(key, record, mode).await;
        running.end(&answer);
        answer
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let running = self.begin(Operation::Replace, retired.payload.len() + record.payload.len());
        let answer = self.inner.replace(old, expected, retired, new, record).await;
        running.end(&answer);
        answer
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let running = Some(self.begin(Operation::List, 0));
        Box::pin(Listing { running, entries: self.inner.list(query) })
    }

    fn immediate(&self) -> Option<&dyn Immediate> {
        self.inner.immediate().map(|_| self as _)
    }
}

impl<S: Store, M: Meter> Immediate for MeteredStore<S, M> {
    fn load_now(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let running = self.begin(Operation::Load, 0);
        let answer = self.at_once("load")?.load_now(key);
        running.end_load(&answer);
        answer
    }

    fn write_now(&self, key: &RecordKey, record: Record, mode: &WriteMode) -> Result<Version> {
        let running = self.begin(Operation::Write, record.payload.len());
        let answer = self.at_once("write")?.write_now(key, record, mode);
        running.end(&answer);
        answer
    }
}

/// One call, however many entries it has.
struct Listing<'a, M: Meter> {
    running: Option<Running<'a, M>>,
    entries: BoxStream<'a, Result<Entry>>,
}

impl<M: Meter> Stream for Listing<'_, M> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = std::task::ready!(self.entries.as_mut().poll_next(context));
        match &item {
            Some(Ok(_)) => {}
            Some(failed) => self.end(failed),
            None => self.end(&Ok(())),
        }
        Poll::Ready(item)
    }
}

impl<M: Meter> Listing<'_, M> {
    fn end<T>(&mut self, answer: &Result<T>) {
        if let Some(running) = self.running.take() {
            running.end(answer);
        }
    }
}
