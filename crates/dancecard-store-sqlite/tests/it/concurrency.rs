//! Many at once: on one engine, on two, and giving up half-way.

use std::collections::HashSet;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, ListQuery, Result, Store, Version, WriteMode};
use dancecard_store_sqlite::SqliteStore;

use crate::fixture::*;

type Write<'a> = Pin<Box<dyn Future<Output = Result<Version>> + Send + 'a>>;

fn creating<'a>(store: &'a SqliteStore, key: &'a dancecard_core::RecordKey, bytes: usize) -> Write<'a> {
    Box::pin(store.write(key, bulk(bytes), WriteMode::Create))
}

/// How many transactions the log holds: frames that name the size of the database end one.
fn commits(log: &Path) -> usize {
    let bytes = std::fs::read(log).unwrap();
    let number = |at: &[u8]| u32::from_be_bytes(at.try_into().unwrap());
    let (header, frames) = bytes.split_at(32);
    let frame = 24 + number(&header[8..12]) as usize;
    let current = |frame: &&[u8]| frame[8..16] == header[16..24];
    frames.chunks_exact(frame).take_while(current).filter(|frame| number(&frame[4..8]) > 0).count()
}

#[tokio::test]
async fn operations_that_wait_together_share_a_commit() {
    let place = Place::new();
    let store = place.open();
    create(&store, "first").await;
    let before = commits(&place.log());

    let lock = place.connection();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let keys: Vec<_> = (0..200).map(key).collect();
    let mut writes: Vec<_> = keys.iter().map(|key| creating(&store, key, 100)).collect();
    assert!(writes.iter_mut().all(|write| poll_once(write.as_mut()).is_pending()));
    lock.execute_batch("COMMIT").unwrap();
    for write in writes {
        write.await.unwrap();
    }
    // The writer may have taken some before the others were queued.
    let shared = commits(&place.log()) - before;
    assert!((1..=3).contains(&shared), "{shared} commits for 200 writes");
    assert_eq!(list(&store, ListQuery::all()).await.len(), 201);
}

#[tokio::test]
async fn a_conflict_undoes_nothing_that_shares_its_transaction() {
    let place = Place::new();
    let store = place.open();
    create(&store, 50).await;
    let lock = place.connection();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let keys: Vec<_> = (0..100).map(key).collect();
    let mut writes: Vec<_> = keys.iter().map(|key| creating(&store, key, 100)).collect();
    assert!(writes.iter_mut().all(|write| poll_once(write.as_mut()).is_pending()));
    lock.execute_batch("COMMIT").unwrap();
    for (number, write) in writes.into_iter().enumerate() {
        assert_eq!(write.await.is_err_and(|error| error.is_conflict()), number == 50, "{number}");
    }
    assert_eq!(list(&store, ListQuery::all()).await.len(), 100);
}

#[tokio::test]
async fn one_that_does_not_fit_harms_none_that_shares_its_transaction() {
    let place = Place::new();
    let store = SqliteStore::connect(place.config().with_max_size(Some(400_000))).unwrap();
    create(&store, "first").await;
    let lock = place.connection();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let keys: Vec<_> = (0..100).map(key).collect();
    let sized = |number: usize| if number == 70 { 1_000_000 } else { 100 };
    let mut writes: Vec<_> =
        keys.iter().enumerate().map(|(number, key)| creating(&store, key, sized(number))).collect();
    assert!(writes.iter_mut().all(|write| poll_once(write.as_mut()).is_pending()));
    lock.execute_batch("COMMIT").unwrap();
    for (number, write) in writes.into_iter().enumerate() {
        let outcome = write.await.map(drop).map_err(|error| error.kind());
        let expected = if number == 70 { Err(ErrorKind::Full) } else { Ok(()) };
        assert_eq!(outcome, expected, "{number}");
    }
    assert_eq!(list(&store, ListQuery::all()).await.len(), 100);
    assert_eq!(payload(&store, 70).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_creates_one_wins() {
    let place = Place::new();
    let store = Arc::new(place.open());
    for round in 0..20 {
        let racers: Vec<_> = (0..8)
            .map(|racer| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    store.write(&key(round), record(racer.to_string()), WriteMode::Create).await.is_ok()
                })
            })
            .collect();
        let mut winners = Vec::new();
        for (racer, race) in racers.into_iter().enumerate() {
            if race.await.unwrap() {
                winners.push(racer.to_string().into_bytes());
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(payload(&*store, round).await.unwrap(), winners[0]);
    }
}

async fn increment(store: &SqliteStore) -> Version {
    loop {
        let found = store.load(&key("counter")).await.unwrap().unwrap();
        let count: u64 = std::str::from_utf8(found.payload()).unwrap().parse().unwrap();
        let next = record((count + 1).to_string());
        match store.write(&key("counter"), next, WriteMode::Update(found.version().clone())).await {
            Ok(version) => return version,
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
    }
}

async fn count_on(stores: &[Arc<SqliteStore>]) {
    const TASKS: usize = 16;
    const EACH: usize = 25;
    stores[0].write(&key("counter"), record("0"), WriteMode::Create).await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(&stores[task % stores.len()]);
            tokio::spawn(async move {
                let mut versions = Vec::new();
                for _ in 0..EACH {
                    versions.push(increment(&store).await);
                }
                versions
            })
        })
        .collect();
    let mut versions = HashSet::new();
    for task in tasks {
        versions.extend(task.await.unwrap());
    }
    assert_eq!(versions.len(), TASKS * EACH);
    for store in stores {
        assert_eq!(payload(&**store, "counter").await.unwrap(), (TASKS * EACH).to_string().as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_increments_are_all_counted() {
    let place = Place::new();
    count_on(&[Arc::new(place.open())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_on_one_file_count_exactly() {
    let place = Place::new();
    count_on(&[Arc::new(place.open()), Arc::new(place.open())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_every_later_answer() {
    let place = Place::new();
    let store = Arc::new(SqliteStore::connect(place.config().with_readers(3)).unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..100 {
                    let text = format!("{task} {round}");
                    let version = store.write(&key(task), record(&text), WriteMode::Overwrite).await.unwrap();
                    for _ in 0..3 {
                        let found = store.load(&key(task)).await.unwrap().unwrap();
                        assert_eq!((found.payload(), found.version()), (text.as_bytes(), &version));
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_dropped_future_leaves_the_old_state_or_the_new() {
    let place = Place::new();
    let store = place.open();
    for round in 0..200 {
        let version = store.write(&key(round), record("old"), WriteMode::Create).await.unwrap();
        let update = WriteMode::Update(version.clone());
        match round % 4 {
            0 => begin_and_drop(store.write(&key(round), record("new"), update)),
            1 => begin_and_drop(store.delete(&key(round))),
            2 => begin_and_drop(store.load(&key(round))),
            _ => begin_and_drop(store.touch(&key(round), later(9000))),
        }
        // Operations are done in the order in which they came, so this one finds what the dropped one left.
        let left = store.write(&key(round), record("next"), WriteMode::Update(version)).await;
        let found = payload(&store, round).await;
        match round % 4 {
            0 if left.is_err() => assert_eq!(found.unwrap(), b"new"),
            1 if left.is_err() => assert_eq!(found, None),
            _ => assert_eq!((left.is_ok(), found.unwrap()), (true, b"next".to_vec())),
        }
    }
}

#[tokio::test]
async fn dropping_the_engine_ends_its_threads() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    assert!(place.log().exists());
    drop(store);
    // The last connection to be closed takes the log away.
    let deadline = Instant::now() + Duration::from_secs(30);
    while place.log().exists() {
        assert!(Instant::now() < deadline, "a connection is still open");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn closing_waits_until_the_file_is_closed() {
    let place = Place::new();
    for _ in 0..10 {
        let store = place.open();
        store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap();
        store.close().await;
        assert!(!place.log().exists());
    }
}

#[test]
fn it_needs_no_particular_runtime() {
    let place = Place::new();
    let store = place.open();
    let key = key("a");
    let mut write = creating(&store, &key, 10);
    let deadline = Instant::now() + Duration::from_secs(30);
    while poll_once(write.as_mut()).is_pending() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}
