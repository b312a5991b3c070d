//! Folders by way of OpenDAL: the last writer wins, and says so.

use dancecard_core::{ErrorKind, Store, Support, WriteMode};
use dancecard_store_object::{Config, ObjectStore};

use crate::world::*;

trials![the_last_writer_wins_where_nobody_compares, a_folder_is_not_made_unless_that_is_wanted];

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
    let error = ObjectStore::connect(config.clone().with_create(false)).unwrap_err();
    assert!(error.to_string().contains("`create` is off") && !root.exists(), "{error}");
    create(&ObjectStore::connect(config).unwrap(), "a").await;
    assert!(root.join("dancecard/sessions").is_dir());
}
