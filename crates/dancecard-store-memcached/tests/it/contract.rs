//! What the conformance suite does not see.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dancecard_core::{
    ErrorKind, ListQuery, Meta, Record, RecordKey, Retry, SharedStore, Store, Support, Timestamp, WriteMode,
};
use dancecard_store_memcached::MemcachedStore;
use dancecard_testkit::store::next;

use crate::fixture::*;

cases! { "contract":
    what_it_can_do_is_said,
    what_it_cannot_do_is_refused_by_name,
    the_server_keeps_a_record_a_little_longer_than_it_lives,
    eviction_signs_out_and_is_no_error,
    long_keys_are_told_apart,
    prefixes_separate,
    it_works_over_a_unix_socket,
    it_works_behind_the_shared_handle,
    the_payload_limit_is_held,
    a_server_with_smaller_items_loses_nothing,
    larger_items_need_a_larger_limit_on_both_sides,
    without_memory_it_is_full,
}

async fn what_it_can_do_is_said() {
    let capabilities = store(&server()).capabilities();
    assert_eq!((capabilities.conditional_write, capabilities.replace), (Support::Native, Support::Emulated));
    assert_eq!((capabilities.touch, capabilities.list), (Support::None, Support::None));
    assert_eq!(capabilities.principal_index, Support::None);
    assert!(capabilities.native_expiry && capabilities.shared && !capabilities.durable);
    assert_eq!(capabilities.max_payload, Some(1_000_000));
}

async fn what_it_cannot_do_is_refused_by_name() {
    let server = server();
    let store = store(&server);
    let before = commands(&server);
    let listed = next(&mut store.list(ListQuery::all())).await.unwrap().unwrap_err();
    let of_one = next(&mut store.list(ListQuery::of(SECRET.into()))).await.unwrap().unwrap_err();
    let touched = store.touch(&key("a"), later(1)).await.unwrap_err();
    for (error, name) in [(listed, "list"), (of_one, "list"), (touched, "touch")] {
        assert_is(&error, ErrorKind::Unsupported, Retry::Never);
        assert_eq!((error.engine(), error.operation()), ("memcached", name));
    }
    assert_eq!(commands(&server), before);
}

fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Timestamp::from_millis(millis as i64)
}

/// How long the server will keep what is under this name, in seconds; -1 is for ever.
fn left(server: &dancecard_servers::Server, name: &str) -> i64 {
    let answer = raw(server, format!("mg {} t\r\n", raw_key(name)));
    answer.trim().strip_prefix("HD t").unwrap().parse().unwrap()
}

async fn the_server_keeps_a_record_a_little_longer_than_it_lives() {
    let server = server();
    let store = store(&server);
    let month = 30 * 24 * 3600;
    for (name, life) in
        [("hour", 3600), ("almost a month", month - 61), ("month", month), ("year", 12 * month)]
    {
        let meta = Meta::new(now(), now().saturating_add(Duration::from_secs(life)));
        store.write(&key(name), Record::new(meta, vec![]), WriteMode::Create).await.unwrap();
        let (left, life) = (left(&server, name), life as i64);
        assert!((life + 58..=life + 63).contains(&left), "{name}: {left}");
    }
    let over = Record::new(Meta::new(NOW, NOW), vec![]);
    store.write(&key("over"), over, WriteMode::Create).await.unwrap();
    assert!((58..=60).contains(&left(&server, "over")));
    let endless = Record::new(Meta::new(NOW, Timestamp::MAX), vec![]);
    store.write(&key("endless"), endless, WriteMode::Create).await.unwrap();
    assert_eq!(left(&server, "endless"), -1);
}

async fn eviction_signs_out_and_is_no_error() {
    let server = server_with(&["-m", "4"]);
    let store = store(&server);
    let mut versions = Vec::new();
    for number in 0..12_000 {
        versions.push(store.write(&key(number), bulk(1024), WriteMode::Create).await.unwrap());
    }
    assert!(statistic(&server, "evictions") > 1000);
    let mut lost = 0;
    for (number, version) in versions.into_iter().enumerate() {
        if payload(&store, number).await.is_none() {
            lost += 1;
            let late = store.write(&key(number), record(""), WriteMode::Update(version)).await;
            assert!(late.unwrap_err().is_conflict());
            assert_eq!(payload(&store, number).await, None);
        }
    }
    assert!(lost > 1000, "{lost}");
}

async fn long_keys_are_told_apart() {
    let server = server();
    let store = store(&server);
    let keys: Vec<_> = (100..300).map(|length| RecordKey::new(&vec![b'k'; length])).collect();
    for (number, key) in keys.iter().enumerate() {
        store.write(key, record(number.to_string()), WriteMode::Create).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        let found = store.load(key).await.unwrap().unwrap();
        assert_eq!(found.payload(), number.to_string().as_bytes());
    }
}

async fn prefixes_separate() {
    let server = server();
    let shop = MemcachedStore::connect(config(&server).with_prefix("shop:")).unwrap();
    let admin = MemcachedStore::connect(config(&server).with_prefix("admin:")).unwrap();
    create(&shop, "a").await;
    assert_eq!(payload(&admin, "a").await, None);
    create(&admin, "a").await;
    admin.delete(&key("a")).await.unwrap();
    assert!(payload(&shop, "a").await.is_some());
}

async fn it_works_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let path = folder.path().join("memcached.sock");
    let server = Program::start(["-a", "0777", "-s", path.to_str().unwrap()]);
    let store = MemcachedStore::from_url(&format!("memcached://{}", path.display())).unwrap();
    recovered(&store).await;
    let version = create(&store, "a").await;
    store.write(&key("a"), record("b"), WriteMode::Update(version)).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), b"b");
    drop(server);
    let error = store.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
}

async fn it_works_behind_the_shared_handle() {
    let server = server();
    let store = SharedStore::new(store(&server));
    let version = create(&store, "a").await;
    let new = store.replace(&key("a"), &version, record(""), &key("b"), record("b")).await.unwrap();
    store.health().await.unwrap();
    assert_eq!(store.load(&key("b")).await.unwrap().unwrap().version(), &new);
}

async fn the_payload_limit_is_held() {
    let server = server();
    let store = MemcachedStore::connect(config(&server).with_max_payload(1000)).unwrap();
    let version = store.write(&key("a"), bulk(1000), WriteMode::Create).await.unwrap();
    for mode in [WriteMode::Create, WriteMode::Update(version), WriteMode::Overwrite] {
        for bytes in [1001, 1 << 20, 64 << 20] {
            let error = store.write(&key("a"), bulk(bytes), mode.clone()).await.unwrap_err();
            assert_is(&error, ErrorKind::TooLarge, Retry::Never);
        }
    }
    assert_eq!(payload(&store, "a").await.unwrap().len(), 1000);
}

/// A server drops what it had under a key for which it got an item too large, so it must not get one.
async fn a_server_with_smaller_items_loses_nothing() {
    let server = server_with_items(64, &[]);
    let store = store(&server);
    let version = create(&store, "a").await;
    let error = store.write(&key("a"), bulk(66_000), WriteMode::Update(version)).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert!(error.to_string().contains("-I"), "{error}");
    assert_eq!(payload(&store, "a").await.unwrap().len(), 100);
    // Just below the limit there is no surprise either.
    for bytes in 65_200..65_600 {
        match store.write(&key("a"), bulk(bytes), WriteMode::Overwrite).await {
            Ok(_) => assert_eq!(payload(&store, "a").await.unwrap().len(), bytes),
            Err(error) => assert_is(&error, ErrorKind::TooLarge, Retry::Never),
        }
        assert!(payload(&store, "a").await.is_some());
    }
}

async fn larger_items_need_a_larger_limit_on_both_sides() {
    let server = server_with(&["-I", "80m", "-m", "1024"]);
    let store = MemcachedStore::connect(
        config(&server).with_max_payload(64 << 20).with_timeout(Duration::from_secs(60)),
    )
    .unwrap();
    for megabytes in [1, 64] {
        let large = bulk(megabytes << 20);
        store.write(&key("a"), large.clone(), WriteMode::Overwrite).await.unwrap();
        assert!(payload(&store, "a").await.unwrap() == large.payload);
    }
}

async fn without_memory_it_is_full() {
    let server = server_with(&["-m", "4", "-M"]);
    let store = store(&server);
    let mut count = 0;
    let error = loop {
        match store.write(&key(count), bulk(1024), WriteMode::Create).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_is(&error, ErrorKind::Full, Retry::Safe);
    assert!(count > 1000, "{count}");
    for number in 0..count {
        assert_eq!(payload(&store, number).await.unwrap().len(), 1024, "{number}");
    }
    for number in 0..100 {
        store.delete(&key(number)).await.unwrap();
    }
    store.write(&key("again"), bulk(1024), WriteMode::Create).await.unwrap();
}
