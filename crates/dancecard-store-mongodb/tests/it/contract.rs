//! What the conformance suite can't know: values that MongoDB might change or refuse, and where data lies.

use dancecard_core::{
    ErrorKind, ListQuery, Meta, Record, RecordKey, Retry, Store, Support, Timestamp, Version, WriteMode,
};
use dancecard_store_mongodb::{MongodbStore, ReadConcern, WriteConcern};
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};

use crate::fixture::*;

cases! {
    sessions_of_any_size_are_kept_byte_for_byte,
    moments_are_kept_to_the_ends_of_time,
    keys_are_bytes_of_any_length,
    a_record_beyond_a_document_is_refused_before_it_is_sent,
    principals_are_any_text,
    a_payload_above_the_limit_is_refused,
    versions_of_other_engines_are_stale,
    versions_of_several_engines_never_meet,
    a_replace_that_conflicts_changes_nothing,
    transactions_are_taken_where_they_are,
    truncated_and_foreign_documents_are_corrupt,
    writes_ask_for_what_is_set,
}

async fn sessions_of_any_size_are_kept_byte_for_byte(place: Place) {
    let store = place.open();
    let device = meta().with_device(Some("a \0 browser"), Some("127.0.0.1")).with_absolute_at(later(86_400));
    for size in [0, 1, 1000, 65_536, 1 << 20, 16_000_000] {
        let all: Vec<u8> = (0..=u8::MAX).rev().collect();
        let bytes = all.repeat(size / 256 + 1)[..size].to_vec();
        let created = Record::new(device.clone(), bytes.clone());
        let version = store.write(&key(size), created, WriteMode::Create).await.unwrap();
        let found = store.load(&key(size)).await.unwrap().unwrap();
        assert!(found.payload() == bytes, "{size}");
        assert!(found.meta() == device && *found.version() == version, "{size}");
    }
}

async fn moments_are_kept_to_the_ends_of_time(place: Place) {
    let store = place.open();
    for millis in [NOW.as_millis(), i64::from(u32::MAX) * 1000, i64::MAX - 1, i64::MAX] {
        let at = Timestamp::from_millis(millis);
        let meta = Meta::new(at, at);
        store.write(&key(millis), Record::new(meta.clone(), vec![]), WriteMode::Create).await.unwrap();
        assert!(store.load(&key(millis)).await.unwrap().unwrap().meta() == meta, "{millis}");
    }
}

async fn keys_are_bytes_of_any_length(place: Place) {
    let store = place.open();
    let keys = [&b""[..], b"\0", b"\0\0", b"a", b"A", &[0xff; 32], &[7; 5000]].map(RecordKey::new);
    for (number, key) in keys.iter().enumerate() {
        store.write(key, record([number as u8]), WriteMode::Create).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(store.load(key).await.unwrap().unwrap().payload(), [number as u8]);
    }
    assert_eq!(list(&store, ListQuery::all()).await.len(), keys.len());
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), keys.len());
}

async fn a_record_beyond_a_document_is_refused_before_it_is_sent(place: Place) {
    let (proxy, config) = place.proxy();
    let store = MongodbStore::connect(config.with_max_payload(16_700_000)).unwrap();
    let version = create(&store, "a").await;
    proxy.forget();
    for record in [bulk(64 << 20), bulk(16_700_001)] {
        let error = store.write(&key("b"), record.clone(), WriteMode::Create).await.unwrap_err();
        assert_is(&error, ErrorKind::TooLarge, Retry::Never);
        let error = store.write(&key("a"), record, WriteMode::Update(version.clone())).await.unwrap_err();
        assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    }
    // The payload alone would do.
    let long = meta().with_principal(Some("x".repeat(100_000).into()));
    let record = Record::new(long, vec![0; 16_700_000]);
    let error = store.write(&key("b"), record, WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert!(error.to_string().contains("16 MiB"), "{error}");
    assert_eq!(proxy.counts().to_server, 0);
    store.write(&key("b"), bulk(16_700_000), WriteMode::Create).await.unwrap();
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
    let store = MongodbStore::connect(place.config().with_max_payload(1000)).unwrap();
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
    conflict_and_change_nothing(place.open()).await;
    conflict_and_change_nothing(Place::replicated().open()).await;
}

async fn conflict_and_change_nothing(store: MongodbStore) {
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

async fn transactions_are_taken_where_they_are(place: Place) {
    let replicated = Place::replicated();
    let cases = [
        (place.config(), Support::Emulated),
        (place.config().with_transactions(false), Support::Emulated),
        (replicated.config(), Support::Native),
        (replicated.config().with_transactions(false), Support::Emulated),
    ];
    for (config, expected) in cases {
        let store = MongodbStore::connect(config).unwrap();
        assert_eq!(store.capabilities().replace, expected, "by the look of the configuration");
        store.health().await.unwrap();
        assert_eq!(store.capabilities().replace, expected);
    }
    // Nothing in the configuration says so.
    let mut config = place.config();
    config.uri = replicated.url.replace("replicaSet=dancecard", "directConnection=true");
    let store = MongodbStore::connect(config).unwrap();
    assert_eq!(store.capabilities().replace, Support::Emulated);
    store.health().await.unwrap();
    assert_eq!(store.capabilities().replace, Support::Native);
}

async fn truncated_and_foreign_documents_are_corrupt(place: Place) {
    let store = place.open();
    let spoilt = [
        doc! { "$unset": { "v": 1 } },
        doc! { "$set": { "v": "canary-4711" } },
        doc! { "$unset": { "e": 1 } },
        doc! { "$set": { "e": 12 } },
        doc! { "$set": { "m": "canary-4711" } },
        doc! { "$set": { "m": Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 1] } } },
        doc! { "$unset": { "d": 1 } },
        doc! { "$set": { "d": ["canary-4711"] } },
    ];
    for (number, change) in spoilt.into_iter().enumerate() {
        let version = create(&store, number).await;
        let changed = place.collection().await.update_one(id(number), change).await.unwrap();
        assert_eq!(changed.modified_count, 1);
        assert_is(&store.load(&key(number)).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
        let created = store.write(&key(number), record(""), WriteMode::Create).await;
        assert!(created.unwrap_err().is_conflict());
        let _ = store.write(&key(number), record(""), WriteMode::Update(version)).await;
        store.write(&key(number), record("new"), WriteMode::Overwrite).await.unwrap();
        assert_eq!(payload(&store, number).await.unwrap(), b"new");
    }
    let mut foreign = id("foreign");
    foreign.insert("name", "canary-4711");
    place.collection().await.insert_one(foreign).await.unwrap();
    assert_is(&store.load(&key("foreign")).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
}

/// The server's own record of what it was asked for.
async fn writes_ask_for_what_is_set(_: Place) {
    let place = Place::replicated();
    let own = format!("{}_db", place.collection);
    let config = place.config().with_database(&own);
    place.client().await.database(&own).run_command(doc! { "profile": 2 }).await.unwrap();
    let cases = [
        (config.clone(), "majority", doc! { "w": "majority", "j": true }),
        (config.clone().with_journal(false), "majority", doc! { "w": "majority" }),
        (
            config.clone().with_write_concern(WriteConcern::Members(1)).with_journal(false),
            "local",
            doc! { "w": 1_i64 },
        ),
        (
            config.with_read_concern(ReadConcern::Linearizable),
            "linearizable",
            doc! { "w": "majority", "j": true },
        ),
    ];
    for (number, (config, level, mut concern)) in cases.into_iter().enumerate() {
        let store = MongodbStore::connect(config).unwrap();
        create(&store, number).await;
        assert!(payload(&store, number).await.is_some());
        concern.insert("wtimeout", PATIENCE.as_millis() as i32);
        let profile = place.client().await.database(&own).collection::<Document>("system.profile");
        let last = |name: &str| {
            let command = doc! { format!("command.{name}"): &place.collection };
            profile.find_one(command).sort(doc! { "$natural": -1 })
        };
        let insert = last("insert").await.unwrap().unwrap();
        let find = last("find").await.unwrap().unwrap();
        assert_eq!(insert.get_document("command").unwrap().get_document("writeConcern").unwrap(), &concern);
        let asked = find.get_document("command").unwrap().get_document("readConcern").unwrap();
        assert_eq!(asked.get_str("level").unwrap(), level);
    }
}
