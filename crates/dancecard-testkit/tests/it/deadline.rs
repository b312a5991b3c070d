//! Nothing waits longer than it may. The clock of these tests stands still until everybody waits for it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use dancecard_core::{
    BoxStream, DeadlineStore, Entry, Error, ErrorKind, ListQuery, MemoryStore, Meta, Operation, Record,
    RecordKey, Result, Retry, SharedStore, Store, Timestamp, Version, WriteMode,
};
use dancecard_testkit::store::{collect, next};
use dancecard_testkit::{Fault, FaultStore, Faults, Gate};
use tokio::time::{Instant, Sleep, sleep};

const READS: Duration = Duration::from_millis(500);
const WRITES: Duration = Duration::from_millis(2000);

fn timed() -> (SharedStore, Faults) {
    let store = FaultStore::new(MemoryStore::new());
    let faults = store.faults();
    let timed = DeadlineStore::new(store, sleep).with_reads(READS).with_writes(WRITES);
    (SharedStore::new(timed), faults)
}

fn key() -> RecordKey {
    RecordKey::new(b"key")
}

fn record() -> Record {
    Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::MAX), b"{}".to_vec())
}

/// Calls an operation, and says how long it took.
async fn call(store: &SharedStore, operation: Operation) -> (Result<()>, Duration) {
    let (begun, version) = (Instant::now(), Version::from_u64(1));
    let answer = match operation {
        Operation::Load => store.load(&key()).await.map(drop),
        Operation::Write => store.write(&key(), record(), WriteMode::Overwrite).await.map(drop),
        Operation::Delete => store.delete(&key()).await,
        Operation::Replace => {
            store.replace(&key(), &version, record(), &RecordKey::new(b"new"), record()).await.map(drop)
        }
        Operation::Touch => store.touch(&key(), Timestamp::MAX).await.map(drop),
        Operation::List => collect(store.list(ListQuery::all())).await.map(drop),
        Operation::Purge => store.purge_expired(Timestamp::from_millis(1), 10).await.map(drop),
        _ => store.health().await,
    };
    (answer, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_cut_at_its_limit_and_says_what_is_known() {
    for operation in Operation::ALL {
        let (store, faults) = timed();
        faults.next(operation, Fault::HoldBefore(Gate::new()));
        let (answer, took) = call(&store, operation).await;
        let error = answer.expect_err("it never returns");
        let reads = matches!(operation, Operation::Load | Operation::List | Operation::Health);
        let (limit, retry) = if reads { (READS, Retry::Safe) } else { (WRITES, Retry::Unknown) };
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, retry), "{operation:?}");
        assert_eq!((error.engine(), error.operation()), ("memory", operation.name()));
        assert!(
            error.to_string().ends_with(&format!("(no answer within {} ms)", limit.as_millis())),
            "{error}"
        );
        // The timer of the runtime has a resolution of a millisecond.
        assert!(took >= limit && took <= limit + Duration::from_millis(2), "{operation:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_given() {
    for (hold, limit) in [(Operation::Load, READS), (Operation::Write, WRITES)] {
        let (store, faults) = timed();
        let gate = Gate::new();
        faults.next(hold, Fault::HoldAfter(gate.clone()));
        tokio::spawn(async move {
            sleep(limit - Duration::from_millis(5)).await;
            gate.open();
        });
        let (answer, took) = call(&store, hold).await;
        answer.unwrap();
        assert!(took < limit && took > limit / 2, "{took:?}");
    }
}

/// What is cut is dropped: it does not happen behind the caller's back.
#[tokio::test(start_paused = true)]
async fn what_is_cut_is_dropped() {
    let (store, faults) = timed();
    let gate = Gate::new();
    faults.next(Operation::Write, Fault::HoldBefore(gate.clone()));
    call(&store, Operation::Write).await.0.unwrap_err();
    gate.open();
    sleep(WRITES).await;
    assert!(store.load(&key()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_answer_at_once_starts_no_timer() {
    let timers = Arc::new(AtomicUsize::new(0));
    let counted = timers.clone();
    let count = move |_: Duration| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::pending()
    };
    // By its futures: behind its handle the memory engine needs none.
    let store = SharedStore::new(DeadlineStore::new(FaultStore::new(MemoryStore::new()), count));
    for operation in Operation::ALL {
        let _ = call(&store, operation).await;
    }
    assert_eq!(timers.load(Ordering::Relaxed), 0);
}

#[test]
fn an_engine_that_never_waits_stays_one() {
    assert!(DeadlineStore::new(MemoryStore::new(), sleep).immediate().is_some());
    assert!(DeadlineStore::new(FaultStore::new(MemoryStore::new()), sleep).immediate().is_none());
}

#[test]
fn it_shows_its_limits() {
    let store = DeadlineStore::new(MemoryStore::new(), sleep).with_writes(WRITES);
    let told = format!("{store:?}");
    assert!(told.contains("reads: 5s") && told.contains("writes: 2s"), "{told}");
}

/// An engine whose entries take their time.
#[derive(Debug)]
struct Slow {
    pauses: Vec<u64>,
}

impl Store for Slow {
    fn engine(&self) -> &'static str {
        "slow"
    }

    fn capabilities(&self) -> dancecard_core::Capabilities {
        dancecard_core::Capabilities::new()
    }

    async fn load(&self, _: &RecordKey) -> Result<Option<dancecard_core::Versioned>> {
        Ok(None)
    }

    async fn write(&self, _: &RecordKey, _: Record, _: WriteMode) -> Result<Version> {
        Err(self.unsupported("write"))
    }

    async fn delete(&self, _: &RecordKey) -> Result<()> {
        Ok(())
    }

    fn list(&self, _: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(SlowList { pauses: self.pauses.clone().into_iter(), waiting: None })
    }
}

struct SlowList {
    pauses: std::vec::IntoIter<u64>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl futures_core::Stream for SlowList {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.waiting.is_none() {
            let Some(pause) = self.pauses.next() else { return Poll::Ready(None) };
            self.waiting = Some(Box::pin(sleep(Duration::from_millis(pause))));
        }
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.as_mut().poll(context));
        }
        self.waiting = None;
        let entry = Entry { key: key(), version: Version::from_u64(1), meta: record().meta };
        Poll::Ready(Some(Ok(entry)))
    }
}

fn slow(pauses: &[u64]) -> SharedStore {
    SharedStore::new(DeadlineStore::new(Slow { pauses: pauses.to_vec() }, sleep).with_reads(READS))
}

/// Five times almost the limit, and a reader that takes longer than the engine may.
#[tokio::test(start_paused = true)]
async fn a_listing_has_the_limit_for_each_entry() {
    let store = slow(&[490; 5]);
    let mut entries = store.list(ListQuery::all());
    for _ in 0..5 {
        next(&mut entries).await.expect("an entry").unwrap();
        sleep(READS * 10).await;
    }
    assert!(next(&mut entries).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_listing_ends_when_an_entry_is_late() {
    let store = slow(&[10, 600, 10]);
    let begun = Instant::now();
    let mut entries = store.list(ListQuery::all());
    next(&mut entries).await.expect("an entry").unwrap();
    let error: Error = next(&mut entries).await.expect("an error").unwrap_err();
    assert_eq!(
        (error.kind(), error.retry(), error.operation()),
        (ErrorKind::Unavailable, Retry::Safe, "list")
    );
    assert!(begun.elapsed() < Duration::from_millis(520), "{:?}", begun.elapsed());
    assert!(next(&mut entries).await.is_none());
}
