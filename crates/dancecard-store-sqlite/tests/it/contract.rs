//! The sentences of the engine contract.

use dancecard_core::{
    ErrorKind, ListQuery, Meta, Record, RecordKey, SharedStore, Store, Timestamp, Version, WriteMode,
};
use dancecard_store_sqlite::SqliteStore;

use crate::fixture::*;

#[tokio::test]
async fn what_is_written_is_loaded_byte_for_byte() {
    let place = Place::new();
    let store = place.open();
    let device = meta().with_device(Some("a browser"), Some("127.0.0.1")).with_absolute_at(later(86_400));
    for size in [0, 1, 1024, 4096, 65_536, 1_000_000] {
        let bytes: Vec<u8> = (0..size).map(|place| (place % 251) as u8 ^ 0x80).collect();
        store.write(&key(size), Record::new(device.clone(), bytes.clone()), WriteMode::Create).await.unwrap();
        let found = store.load(&key(size)).await.unwrap().unwrap();
        assert_eq!(found.payload(), bytes, "{size}");
        assert!(found.meta() == device, "{size}");
    }
}

#[tokio::test]
async fn moments_are_kept_to_the_millisecond_and_to_the_ends_of_time() {
    let place = Place::new();
    let store = place.open();
    for millis in [i64::MIN, -1, 0, 1, 1_767_225_600_123, i64::MAX] {
        let at = Timestamp::from_millis(millis);
        let meta = Meta::new(at, at);
        store.write(&key(millis), Record::new(meta.clone(), vec![]), WriteMode::Create).await.unwrap();
        assert!(store.load(&key(millis)).await.unwrap().unwrap().meta() == meta, "{millis}");
    }
}

#[tokio::test]
async fn keys_are_bytes_of_any_length() {
    let place = Place::new();
    let store = place.open();
    let keys = [&b""[..], b"\0", b"\0\0", b"a", b"A", &[0xff; 32], &[7; 500]].map(RecordKey::new);
    for (number, key) in keys.iter().enumerate() {
        store.write(key, record([number as u8]), WriteMode::Create).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(store.load(key).await.unwrap().unwrap().payload(), [number as u8]);
    }
    assert_eq!(list(&store, ListQuery::all()).await.len(), keys.len());
}

#[tokio::test]
async fn absent_is_none_and_deleting_it_is_no_error() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(payload(&store, "a").await, None);
    create(&store, "a").await;
    store.delete(&key("a")).await.unwrap();
    store.delete(&key("a")).await.unwrap();
    assert_eq!(payload(&store, "a").await, None);
}

#[tokio::test]
async fn create_over_a_record_conflicts_even_if_it_expired() {
    let place = Place::new();
    let store = place.open();
    let expired = Record::new(Meta::new(NOW, Timestamp::from_millis(0)), b"old".to_vec());
    store.write(&key("a"), expired, WriteMode::Create).await.unwrap();
    let error = store.write(&key("a"), record("new"), WriteMode::Create).await.unwrap_err();
    assert!(error.is_conflict());
    assert_discreet(&error);
    assert_eq!(payload(&store, "a").await.unwrap(), b"old");
}

#[tokio::test]
async fn update_needs_the_present_version() {
    let place = Place::new();
    let store = place.open();
    let first = create(&store, "a").await;
    let second = store.write(&key("a"), record("two"), WriteMode::Update(first.clone())).await.unwrap();
    for stale in [first, Version::from_u64(0), Version::from_u64(u64::MAX), Version::from_bytes(b"etag")] {
        let error = store.write(&key("a"), record("no"), WriteMode::Update(stale)).await.unwrap_err();
        assert!(error.is_conflict());
    }
    let found = store.load(&key("a")).await.unwrap().unwrap();
    assert_eq!((found.payload(), found.version()), (&b"two"[..], &second));
}

#[tokio::test]
async fn update_never_creates() {
    let place = Place::new();
    let store = place.open();
    let version = create(&store, "a").await;
    store.delete(&key("a")).await.unwrap();
    let error = store.write(&key("a"), record("no"), WriteMode::Update(version)).await.unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(payload(&store, "a").await, None);
}

#[tokio::test]
async fn overwrite_needs_nothing() {
    let place = Place::new();
    let store = place.open();
    let first = store.write(&key("a"), record("one"), WriteMode::Overwrite).await.unwrap();
    let second = store.write(&key("a"), record("two"), WriteMode::Overwrite).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(payload(&store, "a").await.unwrap(), b"two");
}

#[tokio::test]
async fn no_version_is_ever_used_twice() {
    let place = Place::new();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let store = place.open();
        for _ in 0..5 {
            let first = create(&store, "a").await;
            let second = store.write(&key("a"), record(""), WriteMode::Update(first.clone())).await.unwrap();
            let third = store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap();
            assert!([first, second, third].into_iter().all(|version| seen.insert(version)));
            store.delete(&key("a")).await.unwrap();
        }
        store.close().await;
    }
}

#[tokio::test]
async fn touch_moves_the_expiry_forward_and_nothing_else() {
    let place = Place::new();
    let store = place.open();
    let version = create(&store, "a").await;
    for (asked, expected) in [(later(7200), later(7200)), (later(60), later(7200))] {
        assert!(store.touch(&key("a"), asked).await.unwrap());
        let found = store.load(&key("a")).await.unwrap().unwrap();
        assert_eq!((found.expires_at(), found.meta().expires_at()), (expected, expected));
        assert_eq!((found.version(), found.payload()), (&version, &*bulk(100).payload));
    }
    assert!(!store.touch(&key("b"), later(1)).await.unwrap());
    assert_eq!(payload(&store, "b").await, None);
}

#[tokio::test]
async fn an_update_after_a_touch_sets_its_own_expiry() {
    let place = Place::new();
    let store = place.open();
    let version = create(&store, "a").await;
    store.touch(&key("a"), later(9000)).await.unwrap();
    store.write(&key("a"), record(""), WriteMode::Update(version)).await.unwrap();
    assert_eq!(store.load(&key("a")).await.unwrap().unwrap().expires_at(), later(3600));
}

#[tokio::test]
async fn replace_retires_one_and_creates_the_other() {
    let place = Place::new();
    let store = place.open();
    let old = create(&store, "old").await;
    let marker = Record::new(meta().into_retired(Some(key("new"))), vec![]);
    let new = store.replace(&key("old"), &old, marker, &key("new"), record("new")).await.unwrap();

    let retired = store.load(&key("old")).await.unwrap().unwrap();
    assert_eq!(retired.meta().successor(), Some(&key("new")));
    assert!(retired.version() != &old && retired.version() != &new);
    let found = store.load(&key("new")).await.unwrap().unwrap();
    assert_eq!((found.payload(), found.version()), (&b"new"[..], &new));
}

#[tokio::test]
async fn a_replace_that_conflicts_changes_nothing() {
    let place = Place::new();
    let store = place.open();
    let stale = create(&store, "old").await;
    let present = store.write(&key("old"), record("live"), WriteMode::Overwrite).await.unwrap();
    let other = create(&store, "other").await;
    let attempts = [
        ("old", &stale, "new"),
        ("gone", &stale, "new"),
        ("old", &present, "other"),
        ("old", &present, "old"),
    ];
    for (old, expected, new) in attempts {
        let result = store.replace(&key(old), expected, record("no"), &key(new), record("no")).await;
        let error = result.unwrap_err();
        assert!(error.is_conflict(), "{old} {new}");
        assert_discreet(&error);
    }
    assert_eq!(store.load(&key("old")).await.unwrap().unwrap().version(), &present);
    assert_eq!(store.load(&key("other")).await.unwrap().unwrap().version(), &other);
    assert_eq!(list(&store, ListQuery::all()).await.len(), 2);
}

#[tokio::test]
async fn purge_removes_only_what_expired_and_no_more_than_asked() {
    let place = Place::new();
    let store = place.open();
    let expiring = |at| Record::new(Meta::new(NOW, at), vec![]);
    for number in 0..700 {
        store.write(&key(number), expiring(later(number)), WriteMode::Create).await.unwrap();
    }
    assert_eq!(store.purge_expired(later(599), 0).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(599), 10).await.unwrap(), 10);
    assert_eq!(store.purge_expired(later(599), 300).await.unwrap(), 300);
    assert_eq!(store.purge_expired(later(599), usize::MAX).await.unwrap(), 290);
    assert_eq!(store.purge_expired(later(599), usize::MAX).await.unwrap(), 0);
    let left = list(&store, ListQuery::all()).await;
    assert!(left.iter().all(|entry| entry.as_ref().unwrap().meta.expires_at() > later(599)));
    assert_eq!(left.len(), 100);
}

/// It works in batches, and a writer has its turn between them.
#[tokio::test]
async fn a_purge_locks_no_writer_out() {
    let place = Place::new();
    let store = std::sync::Arc::new(place.open());
    let creating: Vec<_> = (0..5000)
        .map(|number| {
            let (store, record) = (store.clone(), Record::new(Meta::new(NOW, later(10)), vec![]));
            tokio::spawn(async move { store.write(&key(number), record, WriteMode::Create).await.unwrap() })
        })
        .collect();
    for created in creating {
        created.await.unwrap();
    }
    let mut version = create(&*store, "live").await;
    let is_over = std::cell::Cell::new(false);
    let purging = async {
        let purged = store.purge_expired(later(10), usize::MAX).await.unwrap();
        is_over.set(true);
        purged
    };
    let writing = async {
        let mut writes = 0;
        while !is_over.get() {
            version =
                store.write(&key("live"), record("live"), WriteMode::Update(version.clone())).await.unwrap();
            writes += 1;
        }
        writes
    };
    let (purged, writes) = tokio::join!(purging, writing);
    println!("{writes} writes");
    assert_eq!(purged, 5000);
    assert!(writes >= 5, "{writes}");
}

#[tokio::test]
async fn purge_goes_by_the_touched_expiry() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    store.touch(&key("a"), later(7200)).await.unwrap();
    assert_eq!(store.purge_expired(later(3601), 10).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(7200), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn a_payload_above_the_limit_is_refused() {
    let place = Place::new();
    let store = dancecard_store_sqlite::SqliteStore::connect(place.config().with_max_payload(1000)).unwrap();
    assert_eq!(store.capabilities().max_payload, Some(1000));
    let version = store.write(&key("a"), bulk(1000), WriteMode::Create).await.unwrap();
    let error = store.write(&key("a"), bulk(1001), WriteMode::Update(version.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_discreet(&error);
    let error = store.replace(&key("a"), &version, record(""), &key("b"), bulk(1001)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(payload(&store, "a").await.unwrap().len(), 1000);
}

#[tokio::test]
async fn it_works_behind_the_shared_handle() {
    let place = Place::new();
    let store = SharedStore::new(place.open());
    assert_eq!((store.engine(), store.capabilities().durable), ("sqlite", true));
    let version = create(&store, "a").await;
    store.replace(&key("a"), &version, record(""), &key("b"), record("b")).await.unwrap();
    store.health().await.unwrap();
    assert_eq!(payload(&store, "b").await.unwrap(), b"b");
    assert_eq!(list(&store, ListQuery::all()).await.len(), 2);
}

#[tokio::test]
async fn records_survive_closing_and_opening() {
    let place = Place::new();
    let store = place.open();
    let version = create(&store, "a").await;
    store.touch(&key("a"), later(9000)).await.unwrap();
    store.close().await;
    let found = place.open().load(&key("a")).await.unwrap().unwrap();
    assert_eq!((found.version(), found.expires_at()), (&version, later(9000)));
}

#[tokio::test]
async fn a_large_session_is_kept_and_a_larger_one_refused() {
    let place = Place::new();
    let store = SqliteStore::connect(place.config().with_max_payload(64 << 20)).unwrap();
    for size in [1 << 20, 64 << 20] {
        let version = store.write(&key(size), bulk(size), WriteMode::Create).await.unwrap();
        assert!(payload(&store, size).await.unwrap() == bulk(size).payload);
        let mode = WriteMode::Update(version);
        let larger = store.write(&key(size), bulk((64 << 20) + 1), mode).await.unwrap_err();
        assert_eq!(larger.kind(), ErrorKind::TooLarge);
        assert_discreet(&larger);
        assert!(payload(&store, size).await.unwrap() == bulk(size).payload);
    }
}
