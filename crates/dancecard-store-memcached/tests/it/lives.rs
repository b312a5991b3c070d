//! A server that is restarted counts from the beginning: what was loaded before must not be taken for what is there now.

use dancecard_core::{Retry, Store, Version, WriteMode};
use dancecard_servers::{Proxy, Server};
use dancecard_store_memcached::{Config, MemcachedStore};

use crate::fixture::*;

cases! { "lives":
    a_version_of_an_earlier_life_is_stale,
    a_version_of_an_earlier_life_is_stale_for_peers,
    a_version_of_an_earlier_life_is_stale_behind_a_proxy,
    a_flush_signs_out_and_versions_stay_fresh,
    a_restart_signs_out_and_nothing_returns,
    the_mark_may_be_evicted,
    a_full_server_has_no_room_for_the_mark,
}

/// The number for compare-and-swap of what is under this name.
fn cas(server: &Server, name: &str) -> u64 {
    let answer = raw(server, format!("mg {} c\r\n", raw_key(name)));
    answer.trim().strip_prefix("HD c").unwrap().parse().unwrap()
}

/// Creates the record again until it has the very number that it had in the earlier life of the server.
async fn create_with(store: &MemcachedStore, server: &Server, wanted: u64) -> Version {
    loop {
        store.delete(&key("a")).await.unwrap();
        let version = store.write(&key("a"), record("new life"), WriteMode::Create).await.unwrap();
        match cas(server, "a") {
            number if number == wanted => return version,
            number => assert!(number < wanted, "{number} has passed {wanted}"),
        }
    }
}

/// Restarts the server under a record, lets the record come back under the same number, and updates as if nothing
/// had been.
async fn outlive(server: &Server, store: &MemcachedStore, other: &MemcachedStore) {
    recovered(store).await;
    // Some numbers ahead, so that there is room to come to the same one again.
    for _ in 0..10 {
        store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap();
    }
    let old = store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap();
    let number = cas(server, "a");
    server.kill();
    server.restart().unwrap();
    recovered(store).await;
    recovered(other).await;
    let new = create_with(store, server, number).await;
    assert_ne!(old, new);
    for store in [store, other] {
        let late =
            store.write(&key("a"), record("old life"), WriteMode::Update(old.clone())).await.unwrap_err();
        assert!(late.is_conflict());
        let found = store.load(&key("a")).await.unwrap().unwrap();
        assert_eq!((found.payload(), found.version()), (&b"new life"[..], &new));
    }
    other.write(&key("a"), record("new"), WriteMode::Update(new)).await.unwrap();
}

async fn a_version_of_an_earlier_life_is_stale() {
    let server = server();
    let store = store(&server);
    outlive(&server, &store, &store).await;
    outlive(&server, &store, &store).await;
}

async fn a_version_of_an_earlier_life_is_stale_for_peers() {
    let server = server();
    outlive(&server, &store(&server), &store(&server)).await;
}

async fn a_version_of_an_earlier_life_is_stale_behind_a_proxy() {
    let server = server();
    let (_one, store) = behind_proxy(&server, PATIENT);
    let (_two, other) = behind_proxy(&server, PATIENT);
    outlive(&server, &store, &other).await;
}

async fn a_flush_signs_out_and_versions_stay_fresh() {
    let server = server();
    let (here, there) = (store(&server), store(&server));
    let old = create(&here, "a").await;
    recovered(&there).await;
    raw(&server, "flush_all\r\n");
    assert_eq!(payload(&here, "a").await, None);
    let new = create(&there, "a").await;
    assert_ne!(old, new);
    assert!(here.write(&key("a"), record(""), WriteMode::Update(old)).await.unwrap_err().is_conflict());
    // The mark went as well: an engine that connects now makes another, and goes by that.
    let later = store(&server);
    let found = later.load(&key("a")).await.unwrap().unwrap();
    later.write(&key("a"), record("later"), WriteMode::Update(found.version().clone())).await.unwrap();
    let found = here.load(&key("a")).await.unwrap().unwrap();
    here.write(&key("a"), record("here"), WriteMode::Update(found.version().clone())).await.unwrap();
    assert_eq!(payload(&there, "a").await.unwrap(), b"here");
}

async fn a_restart_signs_out_and_nothing_returns() {
    let server = server();
    let store = store(&server);
    let versions = [create(&store, "a").await, create(&store, "b").await];
    server.kill();
    let error = store.load(&key("a")).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Safe);
    server.restart().unwrap();
    recovered(&store).await;
    for (name, version) in ["a", "b"].into_iter().zip(versions) {
        assert_eq!(payload(&store, name).await, None);
        let late = store.write(&key(name), record(""), WriteMode::Update(version)).await;
        assert!(late.unwrap_err().is_conflict());
        assert_eq!(payload(&store, name).await, None);
    }
}

async fn the_mark_may_be_evicted() {
    let server = server();
    let old = store(&server);
    let version = create(&old, "a").await;
    raw(&server, "md dancecard:server-life\r\n");
    let new = store(&server);
    assert!(payload(&new, "a").await.is_some());
    old.write(&key("a"), record("old"), WriteMode::Update(version)).await.unwrap();
    let found = new.load(&key("a")).await.unwrap().unwrap();
    new.write(&key("a"), record("new"), WriteMode::Update(found.version().clone())).await.unwrap();
    assert_eq!(payload(&old, "a").await.unwrap(), b"new");
}

async fn a_full_server_has_no_room_for_the_mark() {
    let server = server_with_items(256, &["-m", "1", "-M", "-n", "900"]);
    // Everything is in one class of items, and full before the engine comes.
    let text = "x".repeat(850);
    while raw(&server, format!("ms filler{} 850\r\n{text}\r\n", statistic(&server, "total_items")))
        .starts_with("HD")
    {}
    let proxy = Proxy::start(server.address()).unwrap();
    let store =
        MemcachedStore::connect(Config::new([proxy.address().to_string()]).with_timeout(PATIENT)).unwrap();
    recovered(&store).await;
    raw(&server, "md filler0\r\nmd filler1\r\nmd filler2\r\n");
    let version = create(&store, "a").await;
    let version = store.write(&key("a"), record("b"), WriteMode::Update(version)).await.unwrap();
    // Another connection is another life, as far as one can tell: the version is stale, and a fresh one works.
    proxy.reset();
    recovered(&store).await;
    let late = store.write(&key("a"), record("c"), WriteMode::Update(version.clone())).await;
    let found = store.load(&key("a")).await.unwrap().unwrap();
    assert_eq!(late.is_ok(), found.payload() == b"c");
    store.write(&key("a"), record("d"), WriteMode::Update(found.version().clone())).await.unwrap();
}
