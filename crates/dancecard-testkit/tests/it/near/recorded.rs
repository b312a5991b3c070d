//! An engine that gives way before and after each call, and keeps every state that its records were in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use dancecard_core::{
    BoxStream, Clock as _, Entry, ErrorKind, Immediate as _, ListQuery, ManualClock, MemoryStore, Operation,
    Record, RecordKey, Result, Retry, Store, Timestamp, Version, Versioned, WriteMode,
};
use dancecard_testkit::Random;
use parking_lot::Mutex;

use super::schedule::NEAR_TASKS;

/// A clone is another handle.
#[derive(Clone)]
pub(crate) struct History(Arc<(Mutex<Book>, ManualClock)>);

struct Book {
    random: Random,
    running: usize,
    states: BTreeMap<RecordKey, Vec<State>>,
    /// What the last change of a key by a task led to.
    effects: BTreeMap<(usize, RecordKey), usize>,
    known: BTreeMap<RecordKey, usize>,
    loads: usize,
    reads: usize,
}

/// A record as it was until the next one.
struct State {
    record: Option<(Version, Timestamp)>,
    since: Timestamp,
}

impl History {
    pub(crate) fn new(random: Random, clock: ManualClock) -> Self {
        let book = Book {
            random,
            running: 0,
            states: BTreeMap::new(),
            effects: BTreeMap::new(),
            known: BTreeMap::new(),
            loads: 0,
            reads: 0,
        };
        Self(Arc::new((Mutex::new(book), clock)))
    }

    fn book<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        act(&mut self.0.0.lock())
    }

    pub(crate) fn below(&self, limit: usize) -> usize {
        self.book(|book| book.random.below(limit))
    }

    pub(crate) fn pick<T: Copy + Default>(&self, offer: &[T]) -> T {
        self.book(|book| book.random.pick(offer).copied().unwrap_or_default())
    }

    /// The number of a task that is not done yet.
    pub(crate) fn pick_from<T>(&self, tasks: &[Option<T>]) -> Option<usize> {
        let live: Vec<usize> = (0..tasks.len()).filter(|number| tasks[*number].is_some()).collect();
        self.book(|book| book.random.pick(&live).copied())
    }

    pub(crate) fn switch_to(&self, task: usize) {
        self.book(|book| book.running = task);
    }

    /// How many loads the process with the cache made, and how many of them reached the engine.
    pub(crate) fn loads(&self) -> (usize, usize) {
        self.book(|book| (book.reads, book.loads))
    }

    pub(crate) fn count_read(&self) {
        self.book(|book| book.reads += usize::from(book.is_near()));
    }

    /// The state that a key is in.
    pub(crate) fn present(&self, key: &RecordKey) -> usize {
        self.book(|book| book.of(key).len() - 1)
    }

    /// The state that this process has seen last.
    pub(crate) fn known(&self, key: &RecordKey) -> usize {
        self.book(|book| book.known.get(key).copied().unwrap_or(0))
    }

    pub(crate) fn learn(&self, key: &RecordKey, state: Option<usize>) {
        self.book(|book| {
            let known = book.known.entry(key.clone()).or_default();
            *known = state.map_or(*known, |state| state.max(*known));
        });
    }

    /// The last state that looked like this.
    pub(crate) fn state_of(&self, key: &RecordKey, found: Option<&Versioned>) -> usize {
        let seen = found.map(|found| (found.version().clone(), found.expires_at()));
        self.book(|book| book.of(key).iter().rposition(|state| state.record == seen)).unwrap_or(0)
    }

    pub(crate) fn end_of(&self, key: &RecordKey, state: usize) -> Option<Timestamp> {
        self.book(|book| book.of(key).get(state + 1).map(|next| next.since))
    }

    pub(crate) fn first_of_version(&self, key: &RecordKey, version: &Version) -> Option<usize> {
        self.book(|book| book.of(key).iter().position(|state| state.has(version)))
    }

    pub(crate) fn last_of_version(&self, key: &RecordKey, version: &Version) -> Option<usize> {
        self.book(|book| book.of(key).iter().rposition(|state| state.has(version)))
    }

    /// The state that the running task's last change of a key led to.
    pub(crate) fn own_effect(&self, key: &RecordKey) -> Option<usize> {
        self.book(|book| book.effects.get(&(book.running, key.clone())).copied())
    }

    fn note(&self, key: &RecordKey, found: Option<Versioned>) {
        let since = self.0.1.now();
        let record = found.map(|found| (found.version().clone(), found.expires_at()));
        self.book(|book| {
            let states = book.of(key);
            if states.last().is_none_or(|last| last.record != record) {
                states.push(State { record, since });
            }
            let state = states.len() - 1;
            book.effects.insert((book.running, key.clone()), state);
        });
    }

    /// Lets others run, now and then.
    async fn pause(&self) {
        for _ in 0..self.below(3) {
            let mut paused = false;
            std::future::poll_fn(|_| match std::mem::replace(&mut paused, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
        }
    }
}

impl Book {
    fn is_near(&self) -> bool {
        self.running < NEAR_TASKS
    }

    fn of(&mut self, key: &RecordKey) -> &mut Vec<State> {
        let none = || vec![State { record: None, since: Timestamp::from_millis(0) }];
        self.states.entry(key.clone()).or_insert_with(none)
    }
}

impl State {
    fn has(&self, version: &Version) -> bool {
        self.record.as_ref().is_some_and(|(own, _)| own == version)
    }
}

/// A clone is another handle.
#[derive(Clone)]
pub(crate) struct Recorded {
    memory: Arc<MemoryStore>,
    history: History,
}

impl Recorded {
    pub(crate) fn new(history: History) -> Self {
        Self { memory: Arc::new(MemoryStore::new()), history }
    }

    /// A record from the beginning.
    pub(crate) fn create(&self, key: &RecordKey, record: Record) {
        let _ = self.memory.write_now(key, record, &WriteMode::Create);
        self.history.note(key, self.memory.load_now(key).ok().flatten());
    }

    /// Makes a change at one moment. Now and then it fails, or nobody learns that it did not.
    async fn change<T>(
        &self,
        operation: Operation,
        keys: &[&RecordKey],
        change: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.history.pause().await;
        let fault = self.history.below(40);
        let error = |retry| {
            Err(dancecard_core::Error::new(ErrorKind::Unavailable, operation.name()).with_retry(retry))
        };
        if fault == 0 {
            return error(Retry::Safe);
        }
        let answer = change.await;
        for key in keys {
            self.history.note(key, self.memory.load(key).await?);
        }
        self.history.pause().await;
        if fault == 1 { error(Retry::Unknown) } else { answer }
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorded")
    }
}

impl Store for Recorded {
    dancecard_core::forward!(memory: engine, capabilities, purge_expired);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.history.pause().await;
        self.history.book(|book| book.loads += usize::from(book.is_near()));
        let found = self.memory.load(key).await;
        self.history.pause().await;
        found
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.change(Operation::Write, &[key], self.memory.write(key, record, mode)).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.change(Operation::Delete, &[key], self.memory.delete(key)).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let replace = self.memory.replace(old, expected, retired, new, record);
        self.change(Operation::Replace, &[old, new], replace).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.change(Operation::Touch, &[key], self.memory.touch(key, expires_at)).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.memory.list(query)
    }
}
