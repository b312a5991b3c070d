//! The file: how it is made, and whose it must be.

use std::fs;
use std::path::Path;
use std::sync::Barrier;

use dancecard_core::{Error, ErrorKind, Store, WriteMode};
use dancecard_store_sqlite::{Config, SqliteStore};

use crate::fixture::*;

async fn refusal(config: Config) -> Error {
    let error = SqliteStore::connect(config).unwrap().health().await.unwrap_err();
    assert_discreet(&error);
    assert_eq!(error.operation(), "open");
    error
}

fn pragma(place: &Place, name: &str) -> String {
    let query = format!("PRAGMA {name}");
    let value: rusqlite::types::Value = place.connection().query_row(&query, [], |row| row.get(0)).unwrap();
    format!("{value:?}")
}

#[tokio::test]
async fn a_new_file_is_marked_as_ours_and_written_ahead() {
    let place = Place::new();
    let store = place.open();
    assert!(!place.path().exists(), "not before the first use");
    store.health().await.unwrap();
    assert_eq!(pragma(&place, "application_id"), format!("Integer({})", u32::from_be_bytes(*b"dcrd")));
    assert_eq!(pragma(&place, "user_version"), "Integer(3)");
    assert_eq!(pragma(&place, "journal_mode"), "Text(\"wal\")");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    for path in [place.path(), place.log()] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_path_that_looks_like_a_uri_is_a_path() {
    let place = Place::new();
    let path = place.path().with_file_name("file:x?mode=memory");
    let store = SqliteStore::open(&path).unwrap();
    create(&store, "a").await;
    store.close().await;
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[test]
fn engines_that_start_at_once_on_a_new_file_all_open_it() {
    for _ in 0..40 {
        let place = Place::new();
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            let opening = || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let store = SqliteStore::open(place.path()).unwrap();
                start.wait();
                runtime.block_on(store.delete(&key("none")))
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(opening)).collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
        assert_eq!(pragma(&place, "user_version"), "Integer(3)");
    }
}

#[tokio::test]
async fn a_missing_directory_is_a_mistake_in_the_configuration() {
    let place = Place::new();
    let error = refusal(Config::new(place.path().join("missing/sessions.db"))).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("directory must exist"), "{error}");
}

#[tokio::test]
async fn with_create_off_an_administrator_makes_it() {
    let place = Place::new();
    let config = place.config().with_create(false);
    let store = SqliteStore::connect(config.clone()).unwrap();
    for file_is_there in [false, true] {
        if file_is_there {
            fs::write(place.path(), "").unwrap();
        }
        let error = store.health().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("create is off"), "{error}");
        assert_eq!(store.delete(&key("a")).await.unwrap_err().kind(), ErrorKind::Config);
        assert_eq!(place.path().exists(), file_is_there);
    }
    assert_eq!(fs::read(place.path()).unwrap(), b"");
    place.connection().execute_batch(&config.schema_sql().unwrap()).unwrap();
    create(&store, "a").await;
    assert!(payload(&place.open(), "a").await.is_some());
}

#[tokio::test]
async fn a_mistake_that_is_put_right_is_forgotten() {
    let place = Place::new();
    let path = place.path().with_file_name("missing").join("sessions.db");
    let store = SqliteStore::open(&path).unwrap();
    let refused = [store.health().await, store.delete(&key("a")).await];
    assert!(refused.into_iter().all(|refused| refused.unwrap_err().kind() == ErrorKind::Config));
    fs::create_dir(path.parent().unwrap()).unwrap();
    create(&store, "a").await;
    assert!(payload(&store, "a").await.is_some());
}

#[tokio::test]
async fn a_directory_in_its_place_is_a_mistake_in_the_configuration() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    assert_eq!(refusal(place.config()).await.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn another_applications_database_is_refused_and_left_alone() {
    for ids in
        ["", "PRAGMA application_id = 1", "PRAGMA user_version = 7", "PRAGMA application_id = 0x64637264"]
    {
        let place = Place::new();
        place.connection().execute_batch(&format!("CREATE TABLE bank (money); {ids}")).unwrap();
        let before = fs::read(place.path()).unwrap();
        let error = refusal(place.config()).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{ids}");
        assert!(error.to_string().contains("file of their own"), "{error}");
        assert!(fs::read(place.path()).unwrap() == before, "{ids}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused_and_left_alone() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    store.close().await;
    place.connection().execute_batch("PRAGMA user_version = 4").unwrap();
    let error = refusal(place.config()).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("run the newer release"), "{error}");
    place.connection().execute_batch("PRAGMA user_version = 3").unwrap();
    assert!(payload(&place.open(), "a").await.is_some());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let place = Place::new();
    fs::write(place.path(), [b'x'; 10_000]).unwrap();
    let error = refusal(place.config()).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("backup"), "{error}");
    assert_eq!(fs::read(place.path()).unwrap(), [b'x'; 10_000]);
}

/// Writes over all pages of the file but the first.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[4096..].fill(0x5a);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn damage_is_told_and_never_read_as_a_session() {
    let place = Place::new();
    let store = place.open();
    for number in 0..50 {
        store.write(&key(number), bulk(1024), WriteMode::Create).await.unwrap();
    }
    store.close().await;
    damage(&place.path());
    let store = place.open();
    let errors = [
        store.load(&key(1)).await.map(drop).unwrap_err(),
        store.write(&key(1), record(""), WriteMode::Overwrite).await.map(drop).unwrap_err(),
        store.delete(&key(1)).await.unwrap_err(),
        list(&store, Default::default()).await.remove(0).map(drop).unwrap_err(),
        store.health().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_discreet(&error);
    }
}

/// The same file, hurt in one of many ways.
fn hurt(whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for page in (4096..whole.len()).step_by(4096) {
        for byte in [0, 0xff, 0x5a] {
            let mut hurt = whole.to_vec();
            hurt[page..page + 4096].fill(byte);
            all.push((format!("page at {page} filled with {byte}"), hurt));
        }
        all.push((format!("cut at {page}"), whole[..page].to_vec()));
        all.push((format!("cut within the page at {page}"), whole[..page + 1000].to_vec()));
    }
    all
}

#[tokio::test]
async fn whichever_page_is_damaged_a_session_is_whole_or_an_error() {
    let place = Place::new();
    let store = place.open();
    for number in 0..50 {
        store.write(&key(number), bulk(1024), WriteMode::Create).await.unwrap();
    }
    store.close().await;
    let mut errors = 0;
    for (how, bytes) in hurt(&fs::read(place.path()).unwrap()) {
        let place = Place::new();
        fs::write(place.path(), bytes).unwrap();
        let store = place.open();
        for number in 0..50 {
            match store.load(&key(number)).await {
                Ok(Some(found)) => assert!(found.payload() == bulk(1024).payload, "{how}"),
                // The rest of a page that was cut is zeros to SQLite, and so no row.
                Ok(None) => assert!(how.starts_with("cut within"), "{how}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{how}: {error}");
                    assert_discreet(&error);
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 50, "{errors}");
}
