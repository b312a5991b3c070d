//! Folders by way of OpenDAL: the last writer wins, and says so.

use dancecard_core::{ErrorKind, Retry, Store, Support, WriteMode};
use dancecard_store_object::{Config, ObjectStore};
use dancecard_testkit::SmallDisk;
use libtest_mimic::Trial;

use crate::world::*;

trials![plain: the_last_writer_wins_where_nobody_compares, a_folder_is_not_made_unless_that_is_wanted];
trials![on_a_small_disk: a_full_disk_is_told_and_loses_nothing];

pub(crate) fn trials() -> Vec<Trial> {
    let folder = tempfile::tempdir().unwrap();
    let is_possible = SmallDisk::is_possible(folder.path());
    let unless = |trial: Trial| match is_possible {
        true => trial,
        false => trial.with_kind("a small disk is root's to mount").with_ignored_flag(true),
    };
    plain().into_iter().chain(on_a_small_disk().into_iter().map(unless)).collect()
}

async fn the_last_writer_wins_where_nobody_compares() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let store = ObjectStore::connect(Config::new("fs").with_option("root", root).with_last_writer_wins(true))
        .unwrap();
    assert_eq!(store.capabilities().conditional_write, Support::None);
    assert!(store.capabilities().durable && store.capabilities().shared);
    let version = create(&store, "a").await;
    let refused = store.write(&key("a"), bulk(1), WriteMode::Update(version)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let taken = store.write(&key("a"), bulk(1), WriteMode::Create).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict);
    store.write(&key("a"), bulk(1), WriteMode::Overwrite).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(1).payload);
}

async fn a_folder_is_not_made_unless_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("sessions");
    let config = Config::new("fs").with_option("root", root.to_str().unwrap()).with_last_writer_wins(true);
    let without = ObjectStore::connect(config.clone().with_create(false)).unwrap();
    let error = without.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(error.to_string().contains("`create` is off"), "{error}");
    let store = ObjectStore::connect(config).unwrap();
    assert!(store.capabilities().list.is_supported() && !root.exists(), "nobody has used it yet");
    create(&store, "a").await;
    assert!(without.health().await.is_ok(), "it was made meanwhile");
    assert!(root.join("dancecard/sessions").is_dir());
}

async fn a_full_disk_is_told_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(folder.path(), 1 << 20).unwrap();
    let config = Config::new("fs").with_option("root", disk.path().to_str().unwrap());
    let store = ObjectStore::connect(config.with_last_writer_wins(true)).unwrap();
    let mut count = 0;
    let error = loop {
        match store.write(&key(count), bulk(100_000), WriteMode::Create).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_is(&error, ErrorKind::Full, Retry::Safe);
    assert!((5..11).contains(&count), "{count}");
    assert_eq!(payload(&store, count).await, None);
    let longer = store.write(&key(0), bulk(300_000), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&longer, ErrorKind::Full, Retry::Safe);
    for number in 0..count {
        assert_eq!(payload(&store, number).await.unwrap(), bulk(100_000).payload);
        store.delete(&key(number)).await.unwrap();
    }
    create(&store, "room").await;
}
