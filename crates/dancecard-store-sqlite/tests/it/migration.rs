//! Files of an older release: brought up to date without loss, also when that is cut short, and by several at once.

use std::path::Path;
use std::sync::Barrier;

use dancecard_core::{ListQuery, Meta, Store, Timestamp, Version, WriteMode};
use dancecard_store_sqlite::SqliteStore;
use rusqlite::{Connection, params};

use crate::crash::{PATH, assert_sound, size, start};
use crate::fixture::*;

/// As the first release made it.
const FIRST: &str = include_str!("../../src/schema.sql");

const RECORDS: u64 = 2500;

/// Every third is somebody's.
fn facts(number: u64) -> Meta {
    let who = number.is_multiple_of(3).then(|| SECRET.into());
    Meta::new(NOW, later(3600 + number)).with_principal(who)
}

/// Every seventh was touched since it was written.
fn expiry(number: u64) -> Timestamp {
    if number.is_multiple_of(7) { later(90_000) } else { later(3600 + number) }
}

fn data(number: u64) -> Vec<u8> {
    format!("{number} ").repeat(number as usize % 400).into_bytes()
}

/// Makes a file of schema 1.
fn make(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let transaction = connection.transaction().unwrap();
    transaction.execute_batch(FIRST).unwrap();
    transaction
        .execute_batch(
            "PRAGMA application_id = 0x64637264; PRAGMA user_version = 1; UPDATE version_counter SET next = 9000",
        )
        .unwrap();
    let row = "INSERT INTO session (key, version, expires_at, principal, meta, payload) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for number in 0..RECORDS {
        let mut meta = Vec::new();
        facts(number).encode(&mut meta);
        let who = number.is_multiple_of(3).then_some(SECRET);
        let (key, expiry) = (key(number), expiry(number).as_millis());
        transaction
            .execute(row, params![key.as_bytes(), number.cast_signed(), expiry, who, meta, data(number)])
            .unwrap();
    }
    transaction.commit().unwrap();
}

async fn assert_complete(place: &Place) {
    let store = place.open();
    for number in 0..RECORDS {
        let found = store.load(&key(number)).await.unwrap().unwrap();
        assert_eq!((found.payload(), found.expires_at()), (&*data(number), expiry(number)), "{number}");
        assert_eq!(found.version(), &Version::from_u64(number));
        assert!(found.written_meta() == &facts(number), "{number}");
    }
    assert_eq!(list(&store, ListQuery::all()).await.len() as u64, RECORDS);
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len() as u64, RECORDS.div_ceil(3));
    store.close().await;
    assert_sound(place);
}

#[tokio::test]
async fn everything_is_there_and_goes_on_as_before() {
    let place = Place::new();
    make(&place.path());
    assert_complete(&place).await;

    let store = place.open();
    let update = WriteMode::Update(Version::from_u64(5));
    let version = store.write(&key(5), record("new"), update.clone()).await.unwrap();
    assert!(version.as_u64().unwrap() >= 9000, "versions go on where they were");
    assert!(store.write(&key(5), record("stale"), update).await.unwrap_err().is_conflict());
    assert!(store.write(&key(6), record("no"), WriteMode::Create).await.unwrap_err().is_conflict());
    let gone = (0..RECORDS).filter(|number| expiry(*number) <= later(5000)).count();
    assert_eq!(store.purge_expired(later(5000), usize::MAX).await.unwrap(), gone);
}

#[tokio::test]
async fn a_process_of_the_older_release_finds_nothing_to_misread() {
    let place = Place::new();
    make(&place.path());
    let older = place.connection();
    let mut load = older.prepare("SELECT payload FROM session WHERE key = ?1").unwrap();
    assert!(load.exists([key(1).as_bytes()]).unwrap());
    place.open().health().await.unwrap();
    assert!(load.exists([key(1).as_bytes()]).unwrap_err().to_string().contains("no such table"));
}

#[test]
fn several_that_start_at_once_share_the_work() {
    let place = Place::new();
    make(&place.path());
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = place.open();
                start.wait();
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(store.health()).unwrap();
            });
        }
    });
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(assert_complete(&place));
}

#[tokio::test]
#[ignore = "the process that the test of kills starts"]
async fn child_that_is_killed() {
    let store = SqliteStore::open(std::env::var_os(PATH).unwrap()).unwrap();
    store.health().await.unwrap();
    store.close().await;
}

/// Lets a child open the file, and kills it when the log has grown to so many bytes, if it is not done by then.
fn run_and_kill(place: &Place, bytes: u64) {
    let mut child = start("migration::child_that_is_killed", &place.path(), 0);
    while size(&place.log()) < bytes && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // It may have ended just now.
    let _ = child.kill();
    child.wait().unwrap();
}

#[tokio::test]
async fn killed_while_it_moves_rows_it_goes_on_the_next_time() {
    for bytes in [0, 1, 50_000, 400_000, 800_000, 1_600_000, 2_400_000, 3_200_000] {
        let place = Place::new();
        make(&place.path());
        // And once more while it finds out how far the first one came.
        (0..2).for_each(|_| run_and_kill(&place, bytes));
        assert_complete(&place).await;
    }
}
