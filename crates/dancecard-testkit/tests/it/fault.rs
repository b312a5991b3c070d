//! Faults befall the calls they were scripted for, and no other.

use dancecard_core::{
    ErrorKind, ListQuery, MemoryStore, Meta, Record, RecordKey, Result, Retry, SharedStore, Store, Timestamp,
    Version, WriteMode,
};
use dancecard_testkit::store::collect;
use dancecard_testkit::{Fault, FaultStore, Faults, Gate, Operation};

fn faulty() -> (SharedStore, Faults) {
    let store = FaultStore::new(MemoryStore::new());
    let faults = store.faults();
    (SharedStore::new(store), faults)
}

fn key() -> RecordKey {
    RecordKey::new(b"key")
}

fn record(payload: &str) -> Record {
    Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::MAX), payload.as_bytes().to_vec())
}

async fn create(store: &SharedStore, payload: &str) -> Result<Version> {
    store.write(&key(), record(payload), WriteMode::Create).await
}

async fn loaded(store: &SharedStore) -> Option<String> {
    let found = store.load(&key()).await.unwrap()?;
    Some(String::from_utf8(found.payload().to_vec()).unwrap())
}

fn failed<T>(result: Result<T>) -> (ErrorKind, Retry) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(error.engine(), "memory");
    (error.kind(), error.retry())
}

#[tokio::test]
async fn failing_before_does_nothing() {
    let (store, faults) = faulty();
    faults.next(Operation::Write, Fault::FailBefore);
    assert_eq!(failed(create(&store, "lost").await), (ErrorKind::Unavailable, Retry::Safe));
    assert_eq!(loaded(&store).await, None);
    create(&store, "kept").await.unwrap();
    assert_eq!(loaded(&store).await.as_deref(), Some("kept"));
}

#[tokio::test]
async fn failing_after_has_taken_effect() {
    let (store, faults) = faulty();
    faults.next(Operation::Write, Fault::FailAfter);
    assert_eq!(failed(create(&store, "kept").await), (ErrorKind::Unavailable, Retry::Unknown));
    assert_eq!(loaded(&store).await.as_deref(), Some("kept"));
    faults.next(Operation::Delete, Fault::FailAfter);
    assert_eq!(failed(store.delete(&key()).await), (ErrorKind::Unavailable, Retry::Unknown));
    assert_eq!(loaded(&store).await, None);
}

#[tokio::test]
async fn a_conflict_comes_once_and_changes_nothing() {
    let (store, faults) = faulty();
    let version = create(&store, "first").await.unwrap();
    faults.next(Operation::Write, Fault::Conflict);
    let key = key();
    let update = || store.write(&key, record("second"), WriteMode::Update(version.clone()));
    assert_eq!(failed(update().await).0, ErrorKind::Conflict);
    assert_eq!(loaded(&store).await.as_deref(), Some("first"));
    update().await.unwrap();
    assert_eq!(loaded(&store).await.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_stale_read_answers_what_was_read_before() {
    let (store, faults) = faulty();
    create(&store, "first").await.unwrap();
    faults.next(Operation::Load, Fault::StaleRead);
    assert_eq!(loaded(&store).await, None, "nothing was read before");
    assert_eq!(loaded(&store).await.as_deref(), Some("first"));
    store.write(&key(), record("second"), WriteMode::Overwrite).await.unwrap();
    faults.next(Operation::Load, Fault::StaleRead);
    assert_eq!(loaded(&store).await.as_deref(), Some("first"));
    assert_eq!(loaded(&store).await.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_truncated_payload_is_half_of_it() {
    let (store, faults) = faulty();
    let version = create(&store, "12345678").await.unwrap();
    faults.next(Operation::Load, Fault::TruncatedPayload);
    let found = store.load(&key()).await.unwrap().unwrap();
    assert_eq!((found.payload(), found.version()), (&b"1234"[..], &version));
    assert_eq!(loaded(&store).await.as_deref(), Some("12345678"));
}

#[tokio::test]
async fn lines_of_the_script_wait_for_their_call() {
    let (store, faults) = faulty();
    faults.pass(Operation::Load);
    faults.next(Operation::Load, Fault::FailBefore);
    faults.next(Operation::Touch, Fault::FailBefore);
    assert_eq!(faults.left(), 3);
    assert!(store.load(&key()).await.is_ok());
    assert!(store.load(&key()).await.is_err());
    assert!(store.load(&key()).await.is_ok());
    assert_eq!(faults.left(), 1);
    assert!(matches!(faults.struck().as_slice(), [(Operation::Load, Fault::FailBefore)]));
    assert_eq!(faults.calls().to_string(), "3 loads");
    faults.clear();
    assert_eq!(faults.left(), 0);
    assert!(store.touch(&key(), Timestamp::MAX).await.is_ok());
}

#[tokio::test]
async fn a_listing_fails_before_or_after_its_items() {
    let (store, faults) = faulty();
    create(&store, "listed").await.unwrap();
    faults.next(Operation::List, Fault::FailBefore);
    assert_eq!(failed(collect(store.list(ListQuery::all())).await).1, Retry::Safe);
    faults.next(Operation::List, Fault::FailAfter);
    let mut stream = store.list(ListQuery::all());
    assert!(dancecard_testkit::store::next(&mut stream).await.unwrap().is_ok());
    assert_eq!(failed(dancecard_testkit::store::next(&mut stream).await.unwrap()).1, Retry::Unknown);
    assert!(dancecard_testkit::store::next(&mut stream).await.is_none());
    assert_eq!(collect(store.list(ListQuery::all())).await.unwrap().len(), 1);
}

/// What a held call was overtaken by: before it took effect, or before its answer came.
#[tokio::test]
async fn a_held_call_waits_for_its_gate() {
    for (fault, overtaken) in
        [(Fault::HoldBefore as fn(Gate) -> Fault, None), (Fault::HoldAfter, Some("held"))]
    {
        let (store, faults) = faulty();
        let gate = Gate::new();
        faults.next(Operation::Write, fault(gate.clone()));
        let held = store.clone();
        let writing = tokio::spawn(async move { create(&held, "held").await });
        gate.reached().await;
        assert_eq!(loaded(&store).await.as_deref(), overtaken);
        assert!(!writing.is_finished());
        gate.open();
        writing.await.unwrap().unwrap();
        assert_eq!(loaded(&store).await.as_deref(), Some("held"));
    }
}

#[tokio::test]
async fn a_held_listing_waits_for_its_gate() {
    let (store, faults) = faulty();
    create(&store, "listed").await.unwrap();
    let gate = Gate::new();
    faults.next(Operation::List, Fault::HoldBefore(gate.clone()));
    let other = store.clone();
    let listing = tokio::spawn(async move { collect(other.list(ListQuery::all())).await.unwrap().len() });
    gate.reached().await;
    assert!(!listing.is_finished());
    gate.open();
    assert_eq!(listing.await.unwrap(), 1);
}

async fn storm(seed: u64) -> Vec<bool> {
    let (store, faults) = faulty();
    faults.at_random(seed, 300);
    let mut answers = Vec::new();
    for _ in 0..200 {
        answers.push(store.write(&key(), record("any"), WriteMode::Overwrite).await.is_ok());
        answers.push(store.load(&key()).await.is_ok());
    }
    answers
}

#[tokio::test]
async fn random_faults_are_as_many_as_asked_for_and_repeat_with_their_seed() {
    let answers = storm(7).await;
    assert_eq!(answers, storm(7).await);
    assert_ne!(answers, storm(8).await);
    let failed = answers.iter().filter(|ok| !**ok).count();
    assert!((80..160).contains(&failed), "{failed} of 400 failed");
}

#[test]
#[should_panic(expected = "can't befall a delete")]
fn a_fault_that_can_not_happen_is_refused() {
    Faults::default().next(Operation::Delete, Fault::StaleRead);
}
