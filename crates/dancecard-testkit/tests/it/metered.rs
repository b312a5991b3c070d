//! What the meter is told is what happened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{
    Call, CallEnd, CallTotals, ErrorKind, ListQuery, MemoryStore, Meta, Meter, MeteredStore, Operation,
    Record, RecordKey, Result, SharedStore, Store, Timestamp, WriteMode,
};
use dancecard_testkit::store::{collect, next};
use dancecard_testkit::{CountingStore, Fault, FaultStore, Faults, Gate, Random};
use parking_lot::Mutex;

/// Two milliseconds, as long as a call takes whose length matters.
const WHILE: Duration = Duration::from_millis(2);

fn key() -> RecordKey {
    RecordKey::new(b"key")
}

fn record(bytes: usize) -> Record {
    Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::MAX), vec![b'x'; bytes])
}

struct Scene {
    store: SharedStore,
    totals: Arc<CallTotals>,
    faults: Faults,
}

impl Scene {
    fn new() -> Self {
        let totals = Arc::new(CallTotals::default());
        let engine = FaultStore::new(MemoryStore::new());
        let faults = engine.faults();
        Self { store: SharedStore::new(MeteredStore::new(engine, totals.clone())), totals, faults }
    }

    fn count(&self, operation: Operation, end: CallEnd) -> u64 {
        self.totals.count(operation, end)
    }
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_end() -> Result<()> {
    let Scene { store, totals, faults } = &Scene::new();
    let count = |operation, end| totals.count(operation, end);
    let failed = |kind| CallEnd::Failed(kind);
    store.write(&key(), record(3), WriteMode::Create).await?;
    store.write(&key(), record(3), WriteMode::Create).await.unwrap_err();
    faults.next(Operation::Load, Fault::FailBefore);
    store.load(&key()).await.unwrap_err();
    store.load(&key()).await?;
    store.touch(&key(), Timestamp::MAX).await?;
    store.delete(&key()).await?;
    store.health().await?;
    store.purge_expired(Timestamp::from_millis(1), 1).await?;
    let version = store.write(&key(), record(3), WriteMode::Create).await?;
    store.replace(&key(), &version, record(1), &RecordKey::new(b"new"), record(2)).await?;
    assert_eq!(collect(store.list(ListQuery::all())).await?.len(), 2);

    assert_eq!(count(Operation::Write, CallEnd::Done), 2);
    assert_eq!(count(Operation::Write, failed(ErrorKind::Conflict)), 1);
    assert_eq!(count(Operation::Load, failed(ErrorKind::Unavailable)), 1);
    assert_eq!(totals.calls(Operation::Write), 3);
    for operation in Operation::ALL {
        let done = if operation == Operation::Write { 2 } else { 1 };
        assert_eq!(count(operation, CallEnd::Done), done, "{operation:?}");
    }
    assert_eq!(totals.in_flight(), 0);
    assert!(format!("{totals:?}").contains("\"write\": 3"), "{totals:?}");
    Ok(())
}

#[tokio::test]
async fn payloads_are_counted_in_bytes() -> Result<()> {
    let Scene { store, totals, .. } = &Scene::new();
    let version = store.write(&key(), record(1000), WriteMode::Create).await?;
    store.load(&key()).await?;
    store.load(&key()).await?;
    store.load(&RecordKey::new(b"absent")).await?;
    store.replace(&key(), &version, record(7), &RecordKey::new(b"new"), record(50)).await?;
    // What was handed over counts, also when it was refused.
    store.write(&key(), record(300), WriteMode::Create).await.unwrap_err();
    assert_eq!(totals.bytes(Operation::Write), 1300);
    assert_eq!(totals.bytes(Operation::Load), 2000);
    assert_eq!(totals.bytes(Operation::Replace), 57);
    assert_eq!(totals.bytes(Operation::Delete), 0);
    Ok(())
}

/// Spends a while, by the same clock.
fn pass_time() {
    let begun = Instant::now();
    while begun.elapsed() < WHILE {
        std::hint::spin_loop();
    }
}

#[tokio::test]
async fn a_call_is_in_flight_until_it_ends_and_its_time_is_taken() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.faults.next(Operation::Load, Fault::HoldAfter(gate.clone()));
    let (store, totals) = (scene.store.clone(), scene.totals.clone());
    let loading = tokio::spawn(async move { store.load(&key()).await });
    gate.reached().await;
    assert_eq!((totals.in_flight(), totals.calls(Operation::Load)), (1, 0));
    pass_time();
    gate.open();
    loading.await.unwrap().unwrap();
    assert_eq!((totals.in_flight(), totals.calls(Operation::Load)), (0, 1));
    assert!(totals.time(Operation::Load) >= WHILE);
    assert_eq!(totals.slowest(Operation::Load), totals.time(Operation::Load));

    scene.store.load(&key()).await.unwrap();
    assert_eq!(totals.calls(Operation::Load), 2);
    assert!(totals.time(Operation::Load) >= totals.slowest(Operation::Load));
}

#[tokio::test]
async fn a_caller_that_goes_away_is_counted() {
    let scene = Scene::new();
    scene.faults.next(Operation::Write, Fault::HoldBefore(Gate::new()));
    let key = key();
    let write = scene.store.write(&key, record(9), WriteMode::Create);
    assert!(dancecard_testkit::store::cancel_after(1, write).await.is_none());
    assert_eq!(scene.count(Operation::Write, CallEnd::Dropped), 1);
    assert_eq!((scene.totals.in_flight(), scene.totals.bytes(Operation::Write)), (0, 9));
}

#[tokio::test]
async fn a_listing_is_one_call_to_its_end() -> Result<()> {
    let scene = Scene::new();
    for number in 0..3 {
        scene.store.write(&RecordKey::new(&[number; 32]), record(1), WriteMode::Create).await?;
    }
    let mut entries = scene.store.list(ListQuery::all());
    while let Some(entry) = next(&mut entries).await {
        entry?;
        assert_eq!((scene.totals.in_flight(), scene.totals.calls(Operation::List)), (1, 0));
    }
    assert_eq!((scene.totals.in_flight(), scene.count(Operation::List, CallEnd::Done)), (0, 1));
    drop(entries);
    drop(scene.store.list(ListQuery::all()));
    assert_eq!(scene.count(Operation::List, CallEnd::Dropped), 1);
    scene.faults.next(Operation::List, Fault::FailBefore);
    collect(scene.store.list(ListQuery::all())).await.unwrap_err();
    assert_eq!(scene.count(Operation::List, CallEnd::Failed(ErrorKind::Unavailable)), 1);
    assert_eq!(scene.totals.calls(Operation::List), 3);
    Ok(())
}

/// The memory engine answers at once behind its handle; the meter is told nevertheless.
#[tokio::test]
async fn an_engine_that_answers_at_once_is_metered_too() -> Result<()> {
    let totals = Arc::new(CallTotals::default());
    let store = MeteredStore::new(MemoryStore::new(), totals.clone());
    assert!(store.immediate().is_some());
    let store = SharedStore::new(store);
    store.write(&key(), record(40), WriteMode::Create).await?;
    store.write(&key(), record(40), WriteMode::Create).await.unwrap_err();
    store.load(&key()).await?;
    assert_eq!(totals.count(Operation::Write, CallEnd::Done), 1);
    assert_eq!(totals.count(Operation::Write, CallEnd::Failed(ErrorKind::Conflict)), 1);
    assert_eq!((totals.count(Operation::Load, CallEnd::Done), totals.bytes(Operation::Load)), (1, 40));
    Ok(())
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Diary(Mutex<Vec<String>>);

impl Meter for Diary {
    fn begin(&self, operation: Operation) {
        self.0.lock().push(format!("{} begins", operation.name()));
    }

    fn end(&self, call: &Call) {
        let Call { engine, operation, end, bytes, .. } = call;
        self.0.lock().push(format!("{engine} {}: {}, {bytes} bytes", operation.name(), end.name()));
    }
}

#[tokio::test]
async fn a_meter_is_told_of_the_beginning_and_the_end() -> Result<()> {
    let diary = Arc::new(Diary::default());
    let store = MeteredStore::new(MemoryStore::new(), diary.clone());
    store.write(&key(), record(5), WriteMode::Create).await?;
    store.write(&key(), record(6), WriteMode::Create).await.unwrap_err();
    store.delete(&key()).await?;
    let told = [
        "write begins",
        "memory write: ok, 5 bytes",
        "write begins",
        "memory write: conflict, 6 bytes",
        "delete begins",
        "memory delete: ok, 0 bytes",
    ];
    assert_eq!(*diary.0.lock(), told);
    Ok(())
}

#[test]
fn every_end_has_a_name_and_a_place_of_its_own() {
    let mut names: Vec<_> = CallEnd::ALL.iter().map(|end| end.name()).collect();
    for (place, end) in CallEnd::ALL.into_iter().enumerate() {
        assert_eq!(end.index(), place);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CallEnd::ALL.len());
    for (place, operation) in Operation::ALL.into_iter().enumerate() {
        assert_eq!(operation as usize, place);
    }
}

/// Two ways of counting, from the outside and from the inside.
#[tokio::test]
async fn it_agrees_with_what_the_engine_sees() -> Result<()> {
    let engine = CountingStore::new(MemoryStore::new());
    let (counter, totals) = (engine.counter(), Arc::new(CallTotals::default()));
    let store = MeteredStore::new(engine, totals.clone());
    let mut random = Random::named(1, "metered");
    for _ in 0..1000 {
        let key = RecordKey::new(&random.bytes(1));
        match random.below(7) {
            0 => store.delete(&key).await?,
            1 => drop(store.touch(&key, Timestamp::MAX).await?),
            2 => drop(store.write(&key, record(1), WriteMode::Create).await),
            3 => drop(store.purge_expired(Timestamp::from_millis(1), 5).await?),
            4 => drop(collect(store.list(ListQuery::all())).await?),
            5 => store.health().await?,
            _ => drop(store.load(&key).await?),
        }
    }
    for operation in Operation::ALL {
        assert_eq!(totals.calls(operation), counter.calls().of(operation), "{operation:?}");
    }
    Ok(())
}

#[test]
fn totals_have_a_fixed_size() {
    assert!(size_of::<CallTotals>() <= 1200, "{}", size_of::<CallTotals>());
}
