//! The counts that adapters' tests rely on.

use dancecard_core::{
    ListQuery, MemoryStore, Meta, Record, RecordKey, SharedStore, Store, Timestamp, WriteMode,
};
use dancecard_testkit::{Calls, CountingStore, Operation};

fn record() -> Record {
    Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::MAX), b"{}".to_vec())
}

#[tokio::test]
async fn every_operation_is_counted_once_also_when_it_fails() {
    let store = CountingStore::new(MemoryStore::new());
    let counter = store.counter();
    let store = SharedStore::new(store);
    let (key, other) = (RecordKey::new(b"one"), RecordKey::new(b"other"));
    let version = store.write(&key, record(), WriteMode::Create).await.unwrap();
    store.write(&key, record(), WriteMode::Create).await.unwrap_err();
    store.load(&key).await.unwrap();
    store.touch(&key, Timestamp::MAX).await.unwrap();
    store.replace(&key, &version, record(), &other, record()).await.unwrap();
    store.delete(&key).await.unwrap();
    store.purge_expired(Timestamp::from_millis(1), 10).await.unwrap();
    store.health().await.unwrap();
    drop(store.list(ListQuery::all()));
    let told = "1 load, 2 writes, 1 delete, 1 replace, 1 touch, 1 list, 1 purge, 1 health";
    assert_eq!(counter.calls().to_string(), told);
    assert_eq!(counter.calls().total(), 9);
    assert_eq!(counter.calls().of(Operation::Write), 2);
}

#[tokio::test]
async fn nothing_is_counted_when_nothing_is_called() {
    let store = CountingStore::new(MemoryStore::new());
    let counter = store.counter();
    assert_eq!((store.engine(), counter.calls()), ("memory", Calls::default()));
    let before = counter.calls();
    assert_eq!((counter.calls() - before).to_string(), "nothing");
}
