//! A disk without room: what is refused is not done, what was acknowledged stays, and with room all goes on.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::ops::Range;
use std::path::Path;

use dancecard_core::{Error, ErrorKind, Meta, Record, RecordKey, Retry, Store, Timestamp, WriteMode};
use dancecard_store_sqlite::{Config, SqliteStore};
use dancecard_testkit::SmallDisk;
use libtest_mimic::Trial;
use tempfile::TempDir;

const ROOM: u64 = 1 << 20;
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(crate) fn trials() -> Vec<Trial> {
    let possible = tempfile::tempdir().is_ok_and(|folder| SmallDisk::is_possible(folder.path()));
    let case = |name, run: fn()| {
        let trial = Trial::test(format!("sqlite::full_disk::{name}"), move || {
            run();
            Ok(())
        });
        if possible { trial } else { trial.with_kind("no small disk can be mounted").with_ignored_flag(true) }
    };
    vec![
        case("what_is_refused_is_not_done", || block_on(what_is_refused_is_not_done())),
        case("with_room_it_goes_on", || block_on(with_room_it_goes_on())),
        case("without_room_for_the_file_it_is_made_later", || block_on(without_room_it_is_made_later())),
    ]
}

fn block_on(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(case);
}

fn disk() -> (SmallDisk, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (SmallDisk::mount(folder.path(), ROOM).unwrap(), folder)
}

/// With all flushes, as by default.
fn open(disk: &SmallDisk) -> SqliteStore {
    SqliteStore::connect(Config::new(disk.path().join("sessions.db"))).unwrap()
}

fn key(number: usize) -> RecordKey {
    RecordKey::new(format!("session {number}").as_bytes())
}

fn record(text: &str) -> Record {
    let meta = Meta::new(NOW, Timestamp::from_millis(NOW.as_millis() + 3_600_000));
    Record::new(meta, text.repeat(1024).into_bytes())
}

/// Writes sessions until there is no room, and says how many there are.
async fn fill(store: &SqliteStore, from: usize) -> usize {
    for number in from.. {
        match store.write(&key(number), record("a"), WriteMode::Create).await {
            Ok(_) => assert!(number < 10_000, "a disk without end"),
            Err(error) => {
                assert_full(&error);
                return number;
            }
        }
    }
    unreachable!()
}

fn assert_full(error: &Error) {
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Full, Retry::Safe), "{error}");
}

async fn assert_there(store: &SqliteStore, numbers: Range<usize>, text: &str) {
    for number in numbers {
        let found = store.load(&key(number)).await.unwrap().unwrap();
        assert!(found.payload() == record(text).payload, "session {number}");
    }
}

fn ballast(disk: &Path, bytes: usize) {
    std::fs::write(disk.join("ballast"), vec![b'x'; bytes]).unwrap();
}

async fn what_is_refused_is_not_done() {
    let (disk, _folder) = disk();
    let store = open(&disk);
    let count = fill(&store, 0).await;
    assert!(count > 50, "{count}");
    // The log may have begun again, and then there is room in it for some.
    let mut changed = 0;
    while changed < count {
        if let Err(refused) = store.write(&key(changed), record("b"), WriteMode::Overwrite).await {
            assert_full(&refused);
            break;
        }
        changed += 1;
    }
    for store in [store, open(&disk)] {
        assert_there(&store, 0..changed, "b").await;
        assert_there(&store, changed..count, "a").await;
        assert!(store.load(&key(count)).await.unwrap().is_none());
        store.close().await;
    }
}

async fn with_room_it_goes_on() {
    let (disk, _folder) = disk();
    ballast(disk.path(), 300_000);
    let store = open(&disk);
    let count = fill(&store, 0).await;
    std::fs::remove_file(disk.path().join("ballast")).unwrap();
    let more = fill(&store, count).await;
    assert!(more > count + 10, "{count}, then {more}");
    assert_there(&store, 0..more, "a").await;
}

async fn without_room_it_is_made_later() {
    let (disk, _folder) = disk();
    ballast(disk.path(), ROOM as usize);
    let store = open(&disk);
    for refused in [store.health().await, store.delete(&key(0)).await] {
        assert_full(&refused.unwrap_err());
    }
    std::fs::remove_file(disk.path().join("ballast")).unwrap();
    assert!(fill(&store, 0).await > 50);
}
