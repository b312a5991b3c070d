//! What lies in the folder, and what may lie there that is not ours.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use dancecard_core::{Error, ErrorKind, ListQuery, RecordKey, Store, WriteMode};
use dancecard_store_file::{FileStore, Format};

use crate::fixture::*;

fn assert_config(error: &Error, named: &str) {
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains(named), "{error}");
    assert_discreet(error);
}

async fn refused(store: &FileStore) -> Error {
    let error = store.load(&key("a")).await.unwrap_err();
    let others = [
        store.health().await.unwrap_err(),
        store.write(&key("a"), bulk(1), WriteMode::Create).await.unwrap_err(),
        store.purge_expired(NOW, 1).await.unwrap_err(),
        list(store, ListQuery::all()).await.remove(0).unwrap_err(),
        list(store, ListQuery::of("ada".into())).await.remove(0).unwrap_err(),
    ];
    others.iter().for_each(|other| assert_eq!(other.kind(), error.kind()));
    error
}

#[tokio::test]
async fn nobody_else_may_read_what_is_in_the_folder() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let shard = place.record().parent().unwrap().to_path_buf();
    for folder in [place.path(), place.path().join("sessions"), shard, place.path().join("principals")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    for file in [place.record(), place.entries().remove(0), place.path().join("dancecard.json")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn keys_become_names_of_a_fixed_alphabet() {
    let place = Place::new();
    let store = place.open();
    let keys = [&b"../../etc/passwd"[..], b"..", b"/", b"\0", b"a\nb", &[b'x'; 5000], b""];
    for key in keys.map(RecordKey::new) {
        store.write(&key, bulk(1), WriteMode::Create).await.unwrap();
    }
    assert_eq!(place.records().len(), keys.len());
    for path in place.records() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            name.strip_suffix(".json").unwrap().bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'h')
        );
    }
    let mut listed: Vec<_> =
        list(&store, ListQuery::all()).await.into_iter().map(|entry| entry.unwrap().key).collect();
    listed.sort();
    let mut expected = keys.map(RecordKey::new);
    expected.sort();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn the_index_follows_the_records() {
    let place = Place::new();
    let store = place.open();
    let version = create(&store, "a").await;
    assert_eq!(place.entries().len(), 1);
    let other = dancecard_core::Record::new(meta().with_principal(Some("ada".into())), Vec::new());
    store.write(&key("a"), other, WriteMode::Update(version)).await.unwrap();
    assert_eq!(place.entries().len(), 1);
    store.delete(&key("a")).await.unwrap();
    assert_eq!(place.entries().len(), 0);
    create(&store, "b").await;
    store.purge_expired(later(9000), 10).await.unwrap();
    assert_eq!((place.entries().len(), place.records().len()), (0, 0));
}

#[tokio::test]
async fn left_over_entries_are_tidied_up_when_they_are_met() {
    let place = Place::new();
    let store = place.open();
    for name in 0..10 {
        create(&store, name).await;
    }
    place.records().iter().take(7).for_each(|path| fs::remove_file(path).unwrap());
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 3);
    store.close().await;
    assert_eq!(place.entries().len(), 3);
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    let record = place.record();
    let beside = ["README.md", "a.json", "61.yaml", ".61.json.swp", "61.json~", "AB.json"]
        .map(|name| record.with_file_name(name));
    beside.iter().for_each(|path| fs::write(path, "mine").unwrap());
    fs::create_dir(place.path().join("sessions/notes")).unwrap();
    assert_eq!(list(&store, ListQuery::all()).await.len(), 1);
    assert_eq!(store.purge_expired(later(9000), 10).await.unwrap(), 1);
    assert!(beside.iter().all(|path| path.exists()));
}

#[tokio::test]
async fn links_folders_and_pipes_are_not_followed() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    let record = place.record();
    let elsewhere = place.path().parent().unwrap().join("elsewhere.json");
    fs::rename(&record, &elsewhere).unwrap();
    let make: [fn(&Path, &Path); 3] = [
        |elsewhere, record| symlink(elsewhere, record).unwrap(),
        |_, record| fs::create_dir(record).unwrap(),
        |_, record| assert!(std::process::Command::new("mkfifo").arg(record).status().unwrap().success()),
    ];
    for make in make {
        make(&elsewhere, &record);
        for error in [
            store.load(&key("a")).await.map(drop).unwrap_err(),
            store.touch(&key("a"), later(9000)).await.map(drop).unwrap_err(),
            store.write(&key("a"), bulk(1), WriteMode::Overwrite).await.map(drop).unwrap_err(),
            list(&store, ListQuery::all()).await.remove(0).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert_discreet(&error);
        }
        assert_eq!(store.purge_expired(later(90_000), 10).await.unwrap(), 0);
        fs::remove_file(&record).or_else(|_| fs::remove_dir(&record)).unwrap();
    }
    assert!(elsewhere.exists());
}

#[tokio::test]
async fn parts_of_the_folder_that_are_links_are_refused() {
    for part in ["sessions", "principals", "locks"] {
        let place = Place::new();
        let elsewhere = place.path().parent().unwrap().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::create_dir(place.path()).unwrap();
        symlink(&elsewhere, place.path().join(part)).unwrap();
        assert_config(&refused(&place.open()).await, "link");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_folder_with_other_things_is_refused_and_left_as_it_is() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    fs::write(place.path().join("thesis.txt"), "mine").unwrap();
    assert_config(&refused(&place.open()).await, "other things");
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "thesis.txt" || name == ".lock"), "{left:?}");
}

#[tokio::test]
async fn an_empty_folder_is_taken() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("lost+found")).unwrap();
    fs::write(place.path().join(".gitkeep"), "").unwrap();
    create(&place.open(), "a").await;
    assert_eq!(payload(&place.open(), "a").await.unwrap(), bulk(100).payload);
}

#[tokio::test]
async fn another_format_and_another_release_are_refused_by_name() {
    let place = Place::new();
    create(&place.open(), "a").await;
    assert_config(&refused(&place.open_as(Format::Yaml)).await, "holds json");
    let mark = place.path().join("dancecard.json");
    let text = fs::read_to_string(&mark).unwrap();
    for (from, to, named) in [
        (r#""layout": 1"#, r#""layout": 2"#, "another release"),
        (r#""sessions""#, r#""other""#, "another release"),
        (r#""json""#, r#""xml""#, "not readable"),
        ("{", "", "not readable"),
    ] {
        fs::write(&mark, text.replacen(from, to, 1)).unwrap();
        assert_config(&refused(&place.open()).await, named);
    }
    fs::write(&mark, text).unwrap();
    assert!(payload(&place.open(), "a").await.is_some());
}

#[tokio::test]
async fn folders_that_can_not_be_are_refused_by_name() {
    let place = Place::new();
    let parent = place.path();
    let store = FileStore::open(parent.join("deep/sessions")).unwrap();
    assert_config(&refused(&store).await, "must exist");
    let store = FileStore::connect(place.config().with_create(false)).unwrap();
    assert_config(&refused(&store).await, "`create` is off");
    fs::write(&parent, "a file").unwrap();
    assert_config(&refused(&place.open()).await, "not lead to a folder");
    assert_config(&refused(&FileStore::open(parent.join("inside")).unwrap()).await, "");
}

/// A disk that is not mounted must not sign all users out.
#[tokio::test]
async fn while_the_folder_is_gone_no_session_is_absent() {
    let place = Place::new();
    let store = FileStore::connect(place.config().with_create(false)).unwrap();
    fs::create_dir(place.path()).unwrap();
    create(&store, "a").await;
    let aside = place.path().with_extension("aside");
    fs::rename(place.path(), &aside).unwrap();
    let first = store.load(&key("a")).await.unwrap_err();
    assert!(first.is_unavailable(), "{first}");
    assert_config(&refused(&store).await, "no such folder");
    fs::rename(&aside, place.path()).unwrap();
    assert!(payload(&store, "a").await.is_some());
    store.delete(&key("nobody")).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_was_removed_is_made_again() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    fs::remove_dir_all(place.path()).unwrap();
    for _ in 0..2 {
        let _ = store.write(&key("b"), bulk(1), WriteMode::Create).await;
    }
    assert_eq!(payload(&store, "b").await.unwrap(), bulk(1).payload);
    assert_eq!(payload(&store, "a").await, None);
}

#[tokio::test]
async fn a_shard_that_was_removed_is_made_again() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    fs::remove_dir_all(place.record().parent().unwrap()).unwrap();
    assert_eq!(payload(&store, "a").await, None);
    create(&store, "a").await;
}

#[tokio::test]
async fn no_file_is_larger_than_it_must_be() {
    let place = Place::new();
    let store = place.open();
    let json = format!(r#"{{"user":"{}","list":[{}1]}}"#, "x".repeat(800), "1,".repeat(100));
    store.write(&key("a"), session(&json), WriteMode::Create).await.unwrap();
    let size = fs::metadata(place.record()).unwrap().len() as usize;
    assert!(size < json.len() + 300, "{size} for {}", json.len());
}
