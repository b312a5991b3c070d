//! An engine that gives way before and after each call, so that every other task can get in between.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use dancecard_core::{
    BoxStream, Clock as _, Entry, ListQuery, ManualClock, Record, RecordKey, Result, Store, Timestamp,
    Version, Versioned, WriteMode,
};
use futures_core::Stream;

use super::failing::{Attempt, Failing};
use super::history::{History, Key, What, seen};
use crate::store::collect;

/// Pending once before each call and once after, and keeps the history. Replaces in one step, the engine's own.
pub(super) struct PacedStore<S> {
    engine: Arc<S>,
    history: History,
    clock: ManualClock,
    inside: Inside,
    failing: Failing,
}

/// Whether the running task waits for the engine itself, and not at one of our pauses.
#[derive(Debug, Clone, Default)]
pub(super) struct Inside(Arc<AtomicBool>);

impl Inside {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    async fn run<T>(&self, call: impl Future<Output = T>) -> T {
        self.0.store(true, Ordering::SeqCst);
        let output = call.await;
        self.0.store(false, Ordering::SeqCst);
        output
    }
}

/// Lets another task run.
pub(super) async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<S> Clone for PacedStore<S> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            history: self.history.clone(),
            clock: self.clock.clone(),
            inside: self.inside.clone(),
            failing: self.failing.clone(),
        }
    }
}

impl<S> fmt::Debug for PacedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PacedStore")
    }
}

impl<S: Store> PacedStore<S> {
    pub(super) fn new(
        engine: S,
        history: History,
        clock: ManualClock,
        inside: Inside,
        failing: Failing,
    ) -> Self {
        Self { engine: Arc::new(engine), history, clock, inside, failing }
    }

    /// What is stored now, without pauses.
    pub(super) async fn entries(&self) -> Result<Vec<Entry>> {
        collect(self.engine.list(ListQuery::all())).await
    }

    pub(super) async fn look(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.engine.load(key).await
    }

    async fn call<T>(
        &self,
        attempt: Attempt,
        call: impl Future<Output = Result<T>>,
        note: impl FnOnce(&T) -> Option<What>,
    ) -> Result<T> {
        self.history.count_call();
        pause().await;
        if !attempt.happens() {
            return self.fail(attempt).await;
        }
        let done = self.inside.run(call).await;
        let what = match &done {
            Ok(value) => note(value),
            Err(error) => Some(What::Refused(attempt.operation, error.kind())),
        };
        what.into_iter().for_each(|what| self.history.note(self.clock.now(), what));
        // An answer is lost whatever it says.
        if attempt.is_done() {
            pause().await;
            return done;
        }
        self.fail(attempt).await
    }

    async fn fail<T>(&self, attempt: Attempt) -> Result<T> {
        self.history.note(self.clock.now(), What::Failed(attempt.operation, attempt.about));
        pause().await;
        Err(attempt.error(self.engine.engine()))
    }

    fn written(&self, key: &RecordKey, record: &Record, mode: &WriteMode) -> What {
        let key = self.history.key(key);
        let seen = || seen(&record.meta, &record.payload);
        match mode {
            _ if record.meta.is_retired() => What::Retired(key, self.history.marker(&record.meta)),
            WriteMode::Create => What::Created(key, seen()),
            WriteMode::Update(_) => What::Updated(key, seen()),
            _ => What::Overwritten(key, seen()),
        }
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<(usize, Vec<Key>)> {
        let before = self.entries().await?;
        let count = self.engine.purge_expired(now, limit).await?;
        let after = self.entries().await?;
        let gone = before.iter().filter(|entry| after.iter().all(|other| other.key != entry.key));
        Ok((count, gone.map(|entry| self.history.key(&entry.key)).collect()))
    }
}

impl<S: Store> Store for PacedStore<S> {
    dancecard_core::forward!(engine: engine, capabilities, is_usable, unsupported);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let name = self.history.key(key);
        self.call(self.failing.reading("load"), self.engine.load(key), |_| Some(What::Loaded(name))).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let what = self.written(key, &record, &mode);
        let created = (mode == WriteMode::Create).then(|| self.history.key(key));
        self.call(self.failing.changing("write", created), self.engine.write(key, record, mode), |_| {
            Some(what)
        })
        .await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        let name = self.history.key(key);
        self.call(self.failing.changing("delete", Some(name)), self.engine.delete(key), |()| {
            Some(What::Deleted(name))
        })
        .await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let marker = self.history.marker(&retired.meta);
        let seen = seen(&record.meta, &record.payload);
        let successor = self.history.key(new);
        let what = What::Replaced(self.history.key(old), marker, successor, seen);
        let call = self.engine.replace(old, expected, retired, new, record);
        self.call(self.failing.changing("replace", Some(successor)), call, |_| Some(what)).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let name = self.history.key(key);
        self.call(self.failing.changing("touch", None), self.engine.touch(key, expires_at), |there| {
            there.then_some(What::Touched(name, expires_at))
        })
        .await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.history.count_call();
        Box::pin(PacedList { store: self, query: Some(query), entries: None, paused: false })
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let call = self.purge(now, limit);
        let purged = self
            .call(self.failing.changing("purge", None), call, |(_, gone)| Some(What::Purged(gone.clone())))
            .await;
        purged.map(|(count, _)| count)
    }
}

/// Gives way before the list is asked for, and before each entry.
struct PacedList<'a, S> {
    store: &'a PacedStore<S>,
    query: Option<ListQuery>,
    entries: Option<BoxStream<'a, Result<Entry>>>,
    paused: bool,
}

impl<S: Store> Stream for PacedList<'_, S> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !std::mem::replace(&mut self.paused, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let store = self.store;
        if let Some(query) = self.query.take() {
            let attempt = store.failing.reading("list");
            if !attempt.is_done() {
                store.history.note(store.clock.now(), What::Failed("list", None));
                return Poll::Ready(Some(Err(attempt.error(store.engine.engine()))));
            }
            store.history.note(store.clock.now(), What::Listed);
            self.entries = Some(store.engine.list(query));
        }
        let Some(entries) = &mut self.entries else { return Poll::Ready(None) };
        let polled = entries.as_mut().poll_next(context);
        store.inside.0.store(polled.is_pending(), Ordering::SeqCst);
        self.paused = polled.is_pending();
        polled
    }
}

/// The same engine with the replacement that the contract provides: two writes, with pauses between them.
pub(super) struct TwoStepStore<S>(pub(super) PacedStore<S>);

impl<S> fmt::Debug for TwoStepStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TwoStepStore")
    }
}

impl<S: Store> Store for TwoStepStore<S> {
    dancecard_core::forward!(0: engine, capabilities, is_usable, unsupported);
    dancecard_core::forward!(0: load, write, delete, touch, list, purge_expired, health);
}

/// Notes the loads that a wrapper answers by itself. Those that it asks the engine for take a pause at least, and are
/// noted there.
pub(super) struct SeenStore<W> {
    wrapper: W,
    history: History,
    clock: ManualClock,
}

impl<W: Store> SeenStore<W> {
    pub(super) fn new(wrapper: W, history: History, clock: ManualClock) -> Self {
        Self { wrapper, history, clock }
    }
}

impl<W: fmt::Debug> fmt::Debug for SeenStore<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SeenStore").field(&self.wrapper).finish()
    }
}

impl<W: Store> Store for SeenStore<W> {
    dancecard_core::forward!(wrapper: engine, capabilities, is_usable, unsupported);
    dancecard_core::forward!(wrapper: write, delete, replace, touch, list, purge_expired, health);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let (mut load, mut polled) = (pin!(self.wrapper.load(key)), false);
        let (found, at_once) = poll_fn(|context| {
            let at_once = !std::mem::replace(&mut polled, true);
            load.as_mut().poll(context).map(|found| (found, at_once))
        })
        .await;
        if at_once {
            self.history.note(self.clock.now(), What::Loaded(self.history.key(key)));
        }
        found
    }
}
