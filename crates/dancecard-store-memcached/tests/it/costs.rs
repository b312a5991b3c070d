//! Commands, round trips and bytes, counted by the server and by a proxy.

use std::future::Future;

use dancecard_core::{Record, Store, Version, WriteMode};
use dancecard_servers::{Counts, Server};
use dancecard_store_memcached::MemcachedStore;

use crate::fixture::*;

cases! { "costs":
    every_operation_is_one_command,
    what_cannot_be_done_is_not_sent,
    connecting_is_one_round_trip,
    every_operation_is_one_round_trip_of_few_bytes,
    operations_at_once_share_round_trips,
    a_record_is_stored_with_few_bytes_besides,
}

/// How many commands the server saw meanwhile.
async fn counted<T>(server: &Server, work: impl Future<Output = T>) -> (u64, T) {
    let before = commands(server);
    let done = work.await;
    (commands(server) - before, done)
}

async fn every_operation_is_one_command() {
    let server = server();
    let store = store(&server);
    store.health().await.unwrap();
    let (count, version) = counted(&server, create(&store, "a")).await;
    assert_eq!(count, 1);
    assert_eq!(counted(&server, store.load(&key("a"))).await.0, 1);
    assert_eq!(counted(&server, store.load(&key("absent"))).await.0, 1);
    let update = WriteMode::Update(version.clone());
    assert_eq!(counted(&server, store.write(&key("a"), record(""), update.clone())).await.0, 1);
    let (count, stale) = counted(&server, store.write(&key("a"), record(""), update)).await;
    assert!(stale.unwrap_err().is_conflict());
    assert_eq!(count, 1);
    let (count, present) = counted(&server, store.write(&key("a"), record(""), WriteMode::Overwrite)).await;
    assert_eq!(count, 1);
    let (old, present, new) = (key("a"), present.unwrap(), key("b"));
    let replace = store.replace(&old, &present, record(""), &new, record(""));
    assert_eq!(counted(&server, replace).await.0, 2);
    assert_eq!(counted(&server, store.delete(&key("b"))).await.0, 1);
    assert_eq!(counted(&server, store.delete(&key("b"))).await.0, 1);
}

async fn what_cannot_be_done_is_not_sent() {
    let server = server();
    let store = store(&server);
    let version = create(&store, "a").await;
    let foreign = WriteMode::Update(Version::from_u64(7));
    assert_eq!(counted(&server, store.write(&key("a"), record(""), foreign)).await.0, 0);
    let update = WriteMode::Update(version);
    assert_eq!(counted(&server, store.write(&key("a"), bulk(1_000_001), update)).await.0, 0);
    assert_eq!(counted(&server, store.purge_expired(later(0), 10)).await.0, 0);
    assert_eq!(counted(&server, store.touch(&key("a"), later(1))).await.0, 0);
}

async fn connecting_is_one_round_trip() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    assert_eq!(proxy.counts().connections, 0);
    store.health().await.unwrap();
    assert_eq!((proxy.counts().connections, proxy.round_trips()), (1, 2));
}

async fn every_operation_is_one_round_trip_of_few_bytes() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    store.health().await.unwrap();
    let session = || bulk(1024);
    // The key takes 36 bytes, with its prefix.
    let spent = |what: &str, up: u64, down: u64| {
        let counts = proxy.counts();
        assert_eq!((counts.round_trips, counts.connections), (1, 0), "{what}");
        assert!(counts.to_server <= up && counts.to_client <= down, "{what}: {counts:?}");
        proxy.forget();
    };
    proxy.forget();
    let version = store.write(&key("a"), session(), WriteMode::Create).await.unwrap();
    spent("create", 1024 + 130, 24);
    store.load(&key("a")).await.unwrap().unwrap();
    spent("load", 64, 1024 + 80);
    store.load(&key("absent")).await.unwrap();
    spent("load of nothing", 80, 16);
    store.write(&key("a"), session(), WriteMode::Update(version.clone())).await.unwrap();
    spent("update", 1024 + 130, 24);
    let refused = store.write(&key("a"), session(), WriteMode::Update(version)).await;
    assert!(refused.unwrap_err().is_conflict());
    spent("an update that is refused", 1024 + 130, 16);
    let refused = store.write(&key("a"), session(), WriteMode::Create).await;
    assert!(refused.unwrap_err().is_conflict());
    spent("a create that is refused", 1024 + 130, 24);
    let version = store.write(&key("a"), session(), WriteMode::Overwrite).await.unwrap();
    spent("overwrite", 1024 + 130, 24);
    replaced(&store, &version).await;
    assert_eq!(proxy.round_trips(), 2);
    let Counts { to_server, to_client, .. } = proxy.counts();
    assert!(to_server <= 1024 + 130 + 130 && to_client <= 48, "replace: {:?}", proxy.counts());
    proxy.forget();
    store.delete(&key("a")).await.unwrap();
    spent("delete", 64, 16);
    store.health().await.unwrap();
    spent("health", 4, 4);
}

/// A marker takes the place of the session, which goes on under another key.
async fn replaced(store: &MemcachedStore, version: &Version) {
    let marker = Record::new(meta().into_retired(Some(key("b"))), vec![]);
    store.replace(&key("a"), version, marker, &key("b"), bulk(1024)).await.unwrap();
}

/// On one thread everybody has asked before the first command is sent.
async fn operations_at_once_share_round_trips() {
    let server = server();
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (proxy, store) = behind_proxy(&server, PATIENT);
            create(&store, "a").await;
            proxy.forget();
            let loads = (0..200).map(|_| payload(&store, "a"));
            let found = futures_util::future::join_all(loads).await;
            assert!(found.iter().all(Option::is_some));
            proxy.round_trips()
        })
    });
    // The pieces of one write may pass the proxy one by one, with an answer between them.
    let round_trips = asked.join().unwrap();
    assert!(round_trips <= 4, "{round_trips} round trips for 200 loads");
}

async fn a_record_is_stored_with_few_bytes_besides() {
    let server = server();
    let store = store(&server);
    store.write(&key("a"), bulk(1024), WriteMode::Create).await.unwrap();
    let answer = raw(&server, format!("mg {} s\r\n", raw_key("a")));
    let size: usize = answer.trim().strip_prefix("HD s").unwrap().parse().unwrap();
    assert!((1024..=1024 + 40).contains(&size), "{size}");
}
