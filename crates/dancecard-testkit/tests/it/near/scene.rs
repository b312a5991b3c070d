//! A near cache over an engine that counts and fails, and another process that uses the engine too.

use std::future::Future;
use std::time::Duration;

use dancecard_core::{
    Clock as _, ListQuery, ManualClock, MemoryStore, Meta, Record, RecordKey, Result, SharedStore, Store,
    Timestamp, Version, Versioned, WriteMode,
};
use dancecard_testkit::store::collect;
use dancecard_testkit::{
    Counter, CountingStore, Failure, Fault, FaultStore, Faults, Gate, Operation, Outcome,
};
use tokio::task::JoinHandle;

/// How long the caches of the scenes give out a record.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(5);

/// What the caches of the scenes hold at most.
pub(crate) const MAX_BYTES: usize = 100_000;

const TICK: Duration = Duration::from_millis(1);

pub(crate) struct Scene {
    /// The engine through the cache: this process.
    pub(crate) near: SharedStore,
    /// The engine itself: another process.
    pub(crate) far: SharedStore,
    pub(crate) faults: Faults,
    pub(crate) clock: ManualClock,
    counter: Counter,
}

impl Scene {
    pub(crate) fn new(cache: impl FnOnce(SharedStore, ManualClock) -> SharedStore) -> Self {
        Self::over(SharedStore::new(MemoryStore::new()), cache)
    }

    pub(crate) fn over(
        far: SharedStore,
        cache: impl FnOnce(SharedStore, ManualClock) -> SharedStore,
    ) -> Self {
        let faulty = FaultStore::new(far.clone());
        let (faults, clock) = (faulty.faults(), ManualClock::default());
        let counting = CountingStore::new(faulty);
        let counter = counting.counter();
        let near = cache(SharedStore::new(counting), clock.clone());
        Self { near, far, faults, clock, counter }
    }

    pub(crate) fn key(&self) -> RecordKey {
        RecordKey::new(&[7; 32])
    }

    pub(crate) fn other_key(&self) -> RecordKey {
        RecordKey::new(&[8; 32])
    }

    pub(crate) fn record(&self, payload: &str) -> Record {
        Record::new(self.meta(), payload.as_bytes().to_vec())
    }

    /// Of a session that lives for an hour.
    pub(crate) fn meta(&self) -> Meta {
        Meta::new(self.clock.now(), self.in_seconds(3600))
    }

    pub(crate) fn marker(&self) -> Record {
        Record::new(self.meta().into_retired(None), Vec::new())
    }

    pub(crate) fn in_seconds(&self, seconds: u64) -> Timestamp {
        self.clock.now().saturating_add(Duration::from_secs(seconds))
    }

    /// A record that this process has read.
    pub(crate) async fn read(&self, payload: &str) -> Result<Versioned> {
        self.far.write(&self.key(), self.record(payload), WriteMode::Overwrite).await?;
        let found = self.near.load(&self.key()).await?;
        found.ok_or_else(|| dancecard_core::Error::new(dancecard_core::ErrorKind::Other, "load"))
    }

    /// Another process writes.
    pub(crate) async fn write_elsewhere(&self, record: Record) -> Result<Version> {
        self.far.write(&self.key(), record, WriteMode::Overwrite).await
    }

    /// This process writes.
    pub(crate) async fn write_here(&self, payload: &str) -> Result<Version> {
        let seen = self.far.load(&self.key()).await?;
        let mode = seen.map_or(WriteMode::Create, |seen| WriteMode::Update(seen.version().clone()));
        self.near.write(&self.key(), self.record(payload), mode).await
    }

    /// What this process reads.
    pub(crate) async fn seen(&self) -> Result<Option<String>> {
        let found = self.near.load(&self.key()).await?;
        Ok(found.map(|found| String::from_utf8_lossy(found.payload()).into_owned()))
    }

    /// Fails unless this process reads this.
    pub(crate) async fn sees(&self, payload: &str) -> Outcome {
        same("read here:", self.seen().await?, Some(payload.to_owned()))
    }

    pub(crate) async fn sees_nothing(&self) -> Outcome {
        same("read here:", self.seen().await?, None)
    }

    /// Fails unless a read costs so many calls of the engine.
    pub(crate) async fn reads_for(&self, calls: &str) -> Outcome {
        let before = self.counter.calls();
        self.near.load(&self.key()).await?;
        same("a read costs", (self.counter.calls() - before).to_string(), calls.to_owned())
    }

    pub(crate) async fn list(&self) -> Result<usize> {
        Ok(collect(self.near.list(ListQuery::all())).await?.len())
    }

    /// Just before a record that is read now is too old.
    pub(crate) fn almost_outlast(&self) {
        self.clock.advance(MAX_AGE - TICK);
    }

    pub(crate) fn tick(&self) {
        self.clock.advance(TICK);
    }

    /// The next answer of an operation waits at the gate, when the engine has given it.
    pub(crate) fn hold_answer(&self, operation: Operation) -> Gate {
        let gate = Gate::new();
        self.faults.next(operation, Fault::HoldAfter(gate.clone()));
        gate
    }

    /// A read that has come as far as the gate.
    pub(crate) async fn begin_read(&self) -> Held<Option<Versioned>> {
        let (near, key) = (self.near.clone(), self.key());
        self.begin(Operation::Load, async move { near.load(&key).await }).await
    }

    /// A call that the engine has answered, and whose answer is on its way.
    pub(crate) async fn begin<T: Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Held<T> {
        let gate = self.hold_answer(operation);
        let call = tokio::spawn(call);
        gate.reached().await;
        Held { gate, call }
    }
}

/// A call whose answer is on its way.
pub(crate) struct Held<T> {
    gate: Gate,
    call: JoinHandle<Result<T>>,
}

impl<T> Held<T> {
    /// The answer arrives.
    pub(crate) async fn arrive(self) -> Result<T> {
        self.gate.open();
        self.call.await.expect("a call that does not panic")
    }

    /// The caller goes away.
    pub(crate) async fn give_up(self) {
        self.call.abort();
        let _ = self.call.await;
    }
}

/// Fails unless the two are equal.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Outcome {
    let failure = || Failure::new(format!("{what} {expected:?}"), format!("{got:?}"));
    if got == expected { Ok(()) } else { Err(failure()) }
}

/// Fails unless the call failed.
pub(crate) fn fails<T>(answer: Result<T>) -> Outcome {
    answer.map_or(Ok(()), |_| Err(Failure::new("an error", "success")))
}
