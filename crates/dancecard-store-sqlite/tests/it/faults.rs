//! Full, locked, failing: each a typed error, and nothing that was acknowledged is lost.

use std::time::Duration;

use dancecard_core::{Error, ErrorKind, Retry, Store, WriteMode};
use dancecard_store_sqlite::SqliteStore;

use crate::fixture::*;

fn assert_is(error: &Error, kind: ErrorKind, retry: Retry) {
    assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
    assert_discreet(error);
}

/// Writes sessions until there is no room, and says how many there are.
async fn fill(store: &SqliteStore) -> usize {
    for number in 0.. {
        match store.write(&key(number), bulk(1024), WriteMode::Create).await {
            Ok(_) => {}
            Err(error) => {
                assert_is(&error, ErrorKind::Full, Retry::Safe);
                return number;
            }
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_full_engine_refuses_and_keeps_what_it_has() {
    let place = Place::new();
    let store = SqliteStore::connect(place.config().with_max_size(Some(200_000))).unwrap();
    let count = fill(&store).await;
    assert!(count > 50, "{count}");
    for number in 0..count {
        assert_eq!(payload(&store, number).await.unwrap(), bulk(1024).payload);
    }
    assert_eq!(payload(&store, count).await, None);
    assert!(store.touch(&key(0), later(9000)).await.unwrap());
    assert!(std::fs::metadata(place.path()).unwrap().len() <= 200_000);
}

#[tokio::test]
async fn a_full_engine_works_again_once_there_is_room() {
    let place = Place::new();
    let store = SqliteStore::connect(place.config().with_max_size(Some(200_000))).unwrap();
    let count = fill(&store).await;
    for number in 0..count / 2 {
        store.delete(&key(number)).await.unwrap();
    }
    for number in 0..count / 4 {
        create(&store, format!("again {number}")).await;
    }
    assert_eq!(store.purge_expired(later(10_000), usize::MAX).await.unwrap(), count - count / 2 + count / 4);
    assert!(fill(&store).await >= count - 5);
}

#[tokio::test]
async fn a_full_engine_takes_more_with_a_higher_limit() {
    let place = Place::new();
    let store = SqliteStore::connect(place.config().with_max_size(Some(200_000))).unwrap();
    let count = fill(&store).await;
    store.close().await;
    let store = place.open();
    create(&store, count).await;
    for number in 0..=count {
        assert!(payload(&store, number).await.is_some());
    }
}

#[tokio::test]
async fn versions_stay_fresh_when_the_first_transaction_of_all_fails() {
    let place = Place::new();
    let store = SqliteStore::connect(place.config().with_max_size(Some(200_000))).unwrap();
    let error = store.write(&key("a"), bulk(1_000_000), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::Full, Retry::Safe);
    let mut versions = std::collections::HashSet::new();
    for _ in 0..5 {
        assert!(versions.insert(store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap()));
    }
    store.close().await;
    let store = place.open();
    for _ in 0..5 {
        assert!(versions.insert(store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap()));
    }
}

#[tokio::test]
async fn a_lock_beyond_the_timeout_is_safe_to_retry_and_does_not_stop_readers() {
    let place = Place::new();
    let config = place.config().with_timeout(Duration::from_millis(20));
    let store = SqliteStore::connect(config.clone()).unwrap();
    let version = create(&store, "a").await;
    let lock = place.connection();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();

    let update = WriteMode::Update(version.clone());
    let error = store.write(&key("a"), record("no"), update.clone()).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert_is(&store.delete(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert_eq!(store.load(&key("a")).await.unwrap().unwrap().version(), &version);

    lock.execute_batch("COMMIT").unwrap();
    store.write(&key("a"), record("yes"), update).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), b"yes");
}

/// A hundred writes meet a lock that somebody keeps, and all are refused in the time that one of them has. Then it is free.
async fn a_hundred_meet_a_lock(batch: usize) {
    let place = Place::new();
    let config = place.config().with_timeout(Duration::from_millis(300)).with_batch(batch);
    let store = SqliteStore::connect(config).unwrap();
    store.delete(&key("none")).await.unwrap();
    let lock = place.connection();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let keys: Vec<_> = (0..100).map(key).collect();
    let mut writes: Vec<_> =
        keys.iter().map(|key| Box::pin(store.write(key, record(""), WriteMode::Create))).collect();
    assert!(writes.iter_mut().all(|write| poll_once(write.as_mut()).is_pending()));
    let begun = std::time::Instant::now();
    for write in writes {
        assert_is(&write.await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    }
    // One after the other it would be thirty seconds.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    lock.execute_batch("COMMIT").unwrap();
    create(&store, "after").await;
}

#[tokio::test]
async fn a_lock_is_waited_for_once_by_all_that_meet_it() {
    a_hundred_meet_a_lock(256).await;
}

#[tokio::test]
async fn nobody_waits_longer_for_a_lock_because_others_wait_for_it_too() {
    a_hundred_meet_a_lock(1).await;
}

#[tokio::test]
async fn a_file_that_is_locked_at_the_start_is_unavailable() {
    let place = Place::new();
    let lock = place.connection();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let config = place.config().with_timeout(Duration::from_millis(20));
    let store = SqliteStore::connect(config).unwrap();
    let name = key("a");
    let mut writes: Vec<_> =
        (0..9).map(|_| Box::pin(store.write(&name, record(""), WriteMode::Create))).collect();
    assert!(writes.iter_mut().all(|write| poll_once(write.as_mut()).is_pending()));
    for write in writes {
        assert_is(&write.await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    }
    assert_is(&store.load(&name).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    lock.execute_batch("COMMIT").unwrap();
    create(&store, "a").await;
}

#[tokio::test]
async fn a_missing_table_is_an_error_not_an_absent_session() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    place.connection().execute_batch("DROP TABLE dancecard_session").unwrap();
    for error in [store.load(&key("a")).await.map(drop), store.delete(&key("a")).await] {
        assert_is(&error.unwrap_err(), ErrorKind::Other, Retry::Never);
    }
}
