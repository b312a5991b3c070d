//! What the conformance suite can't know: values that a server might change or refuse.

use dancecard_core::{
    ErrorKind, ListQuery, Meta, Record, RecordKey, Retry, Store, Timestamp, Version, WriteMode,
};
use dancecard_store_mysql::MysqlStore;

use crate::fixture::*;

cases! {
    sessions_of_any_size_are_kept_byte_for_byte,
    moments_are_kept_to_the_ends_of_time,
    keys_are_bytes_of_any_length,
    a_key_beyond_its_column_is_too_large,
    principals_are_any_text,
    a_payload_above_the_limit_is_refused,
    versions_of_other_engines_are_stale,
    versions_of_several_engines_never_meet,
    a_replace_that_conflicts_changes_nothing,
    a_session_beyond_the_servers_packets_is_too_large,
    connections_are_set_up_against_surprises,
}

async fn sessions_of_any_size_are_kept_byte_for_byte(place: Place) {
    let store = MysqlStore::connect(place.config().with_max_payload(64 << 20)).unwrap();
    let device = meta().with_device(Some("a \0 browser"), Some("127.0.0.1")).with_absolute_at(later(86_400));
    for size in [0, 1, 1000, 65_536, 1 << 20, 64 << 20] {
        let all: Vec<u8> = (0..=u8::MAX).rev().collect();
        let bytes = all.repeat(size / 256 + 1)[..size].to_vec();
        let version = store
            .write(&key(size), Record::new(device.clone(), bytes.clone()), WriteMode::Create)
            .await
            .unwrap();
        let found = store.load(&key(size)).await.unwrap().unwrap();
        assert!(found.payload() == bytes, "{size}");
        assert!(found.meta() == device && *found.version() == version, "{size}");
    }
}

async fn moments_are_kept_to_the_ends_of_time(place: Place) {
    let store = place.open();
    for millis in [i64::MIN, -1, 0, 1, 1_767_225_600_123, i64::MAX] {
        let at = Timestamp::from_millis(millis);
        let meta = Meta::new(at, at);
        store.write(&key(millis), Record::new(meta.clone(), vec![]), WriteMode::Create).await.unwrap();
        assert!(store.load(&key(millis)).await.unwrap().unwrap().meta() == meta, "{millis}");
    }
}

async fn keys_are_bytes_of_any_length(place: Place) {
    let store = place.open();
    let keys = [&b""[..], b"\0", b"\0\0", b"a", b"A", &[0xff; 32], b"a ", &[7; 1024]].map(RecordKey::new);
    for (number, key) in keys.iter().enumerate() {
        store.write(key, record([number as u8]), WriteMode::Create).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(store.load(key).await.unwrap().unwrap().payload(), [number as u8]);
    }
    assert_eq!(list(&store, ListQuery::all()).await.len(), keys.len());
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), keys.len());
}

async fn a_key_beyond_its_column_is_too_large(place: Place) {
    let store = place.open();
    let long = [7; 1025];
    let error = store.write(&RecordKey::new(&long), record(""), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert!(store.load(&RecordKey::new(&long)).await.unwrap().is_none());
}

async fn principals_are_any_text(place: Place) {
    let store = place.open();
    let long = "x".repeat(10_000);
    let longer = format!("{long}y");
    let all = ["", "\0", "a\0b", "a", "A", "ä", "a\u{308}", "'; --", &long, &longer];
    for (number, who) in all.iter().enumerate() {
        let of = meta().with_principal(Some((*who).into()));
        store.write(&key(number), Record::new(of, vec![]), WriteMode::Create).await.unwrap();
    }
    for (number, who) in all.iter().enumerate() {
        assert_eq!(names(&store, ListQuery::of((*who).into())).await, [number.to_string()], "{who:.9}");
    }
}

async fn a_payload_above_the_limit_is_refused(place: Place) {
    let store = MysqlStore::connect(place.config().with_max_payload(1000)).unwrap();
    assert_eq!(store.capabilities().max_payload, Some(1000));
    let version = store.write(&key("a"), bulk(1000), WriteMode::Create).await.unwrap();
    let error = store.write(&key("a"), bulk(1001), WriteMode::Update(version.clone())).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert!(error.to_string().contains("max_payload"), "{error}");
    let error = store.replace(&key("a"), &version, record(""), &key("b"), bulk(1001)).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert_eq!(payload(&store, "a").await.unwrap().len(), 1000);
}

async fn versions_of_other_engines_are_stale(place: Place) {
    let store = place.open();
    let present = create(&store, "a").await;
    for stale in [Version::from_u64(0), Version::from_u64(u64::MAX), Version::from_bytes(b"etag")] {
        let error = store.write(&key("a"), record("no"), WriteMode::Update(stale.clone())).await.unwrap_err();
        assert_is(&error, ErrorKind::Conflict, Retry::Never);
        let replaced = store.replace(&key("a"), &stale, record("no"), &key("b"), record("no")).await;
        assert_is(&replaced.unwrap_err(), ErrorKind::Conflict, Retry::Never);
    }
    assert_eq!(*store.load(&key("a")).await.unwrap().unwrap().version(), present);
    assert_eq!(payload(&store, "b").await, None);
}

async fn versions_of_several_engines_never_meet(place: Place) {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..5 {
        let store = place.open();
        for _ in 0..5 {
            let first = create(&store, "a").await;
            let second = store.write(&key("a"), record(""), WriteMode::Update(first.clone())).await.unwrap();
            let third = store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap();
            assert!([first, second, third].into_iter().all(|version| seen.insert(version)));
            store.delete(&key("a")).await.unwrap();
        }
    }
}

async fn a_replace_that_conflicts_changes_nothing(place: Place) {
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
        assert_is(&result.unwrap_err(), ErrorKind::Conflict, Retry::Never);
    }
    assert_eq!(store.load(&key("old")).await.unwrap().unwrap().version(), &present);
    assert_eq!(store.load(&key("other")).await.unwrap().unwrap().version(), &other);
    assert_eq!(list(&store, ListQuery::all()).await.len(), 2);
}

/// The server takes 16 MiB.
async fn a_session_beyond_the_servers_packets_is_too_large(place: Place) {
    let (_server, place) = fragile(place.make).await;
    let store = MysqlStore::connect(place.config().with_max_payload(64 << 20)).unwrap();
    let version = create(&store, "a").await;
    let update = WriteMode::Update(version.clone());
    let error = store.write(&key("a"), bulk(20 << 20), update.clone()).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert!(error.to_string().contains("max_allowed_packet"), "{error}");
    // As text it is twice as long.
    let error = store.replace(&key("a"), &version, record(""), &key("b"), bulk(9 << 20)).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    store.write(&key("a"), bulk(9 << 20), update).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap().len(), 9 << 20);
}

/// A server that cuts what does not fit, and locks what is read.
async fn connections_are_set_up_against_surprises(place: Place) {
    let (_server, place) = fragile(place.make).await;
    let isolation = place.make.isolation();
    place.run(&format!("SET GLOBAL sql_mode = 'ANSI_QUOTES', {isolation} = 'SERIALIZABLE'")).await;
    let store = place.open();
    create(&store, "a").await;
    let long = RecordKey::new(&[7; 1025]);
    let error = store.write(&long, record(""), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert_eq!(list(&store, ListQuery::all()).await.len(), 1);

    let table = &place.table;
    place
        .run(&format!(
            "CREATE TABLE {table}_seen (isolation text);
             CREATE TRIGGER {table}_look BEFORE UPDATE ON {table} FOR EACH ROW
                 INSERT INTO {table}_seen VALUES (@@{isolation})"
        ))
        .await;
    store.touch(&key("a"), later(9000)).await.unwrap();
    assert_eq!(place.ask(&format!("SELECT isolation FROM {table}_seen")).await, "READ-COMMITTED");
}
