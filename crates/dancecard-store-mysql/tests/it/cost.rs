//! What operations cost on the wire, counted by a proxy: one round trip each, and few bytes beside the record.

use dancecard_core::{ListQuery, Record, Store, WriteMode};
use dancecard_servers::Proxy;
use dancecard_store_mysql::MysqlStore;

use crate::fixture::*;

cases! {
    each_operation_is_one_round_trip,
    a_listing_is_a_round_trip_for_each_page,
    a_purge_is_a_round_trip_for_each_batch,
    the_first_use_connects_and_no_other,
}

/// The bytes of a session of 1 KiB: key, facts and payload.
const SESSION: u64 = 14 + 35 + 1024;

fn session() -> Record {
    bulk(1024)
}

/// What one operation costs: (round trips, bytes to the server, bytes to the client).
async fn cost(proxy: &Proxy, act: impl Future<Output = ()>) -> (u64, u64, u64) {
    proxy.forget();
    act.await;
    let counts = proxy.counts();
    assert_eq!(counts.connections, 0);
    (counts.round_trips, counts.to_server, counts.to_client)
}

#[track_caller]
fn assert_cheap(what: &str, found: (u64, u64, u64), most_there: u64, most_back: u64) {
    println!("{what}: {found:?}");
    assert_eq!(found.0, 1, "{what}: round trips");
    assert!(
        found.1 <= most_there && found.2 <= most_back,
        "{what}: {found:?}, at most {most_there}, {most_back}"
    );
}

/// Whatever is prepared once for a connection.
async fn warm_up(store: &MysqlStore) {
    let version = create(store, "warm").await;
    store.write(&key("warm"), record(""), WriteMode::Update(version)).await.unwrap();
    store.write(&key("warm"), record(""), WriteMode::Overwrite).await.unwrap();
    store.touch(&key("warm"), later(1)).await.unwrap();
    store.delete(&key("warm")).await.unwrap();
    store.health().await.unwrap();
    store.purge_expired(NOW, 10).await.unwrap();
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        list(store, query).await;
    }
}

async fn each_operation_is_one_round_trip(place: Place) {
    let (proxy, config) = place.proxy();
    let proxy = &proxy;
    let store = MysqlStore::connect(config.with_connections(1)).unwrap();
    warm_up(&store).await;

    let created = async { drop(store.write(&key("a"), session(), WriteMode::Create).await.unwrap()) };
    assert_cheap("create", cost(proxy, created).await, SESSION + 90, 60);
    let loaded = async { assert!(store.load(&key("a")).await.unwrap().is_some()) };
    assert_cheap("load", cost(proxy, loaded).await, 60, SESSION + 400);
    let none = async { assert!(store.load(&key("none")).await.unwrap().is_none()) };
    assert_cheap("load of nothing", cost(proxy, none).await, 60, 400);
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    let update = WriteMode::Update(version.clone());
    let updated = async { drop(store.write(&key("a"), session(), update.clone()).await.unwrap()) };
    assert_cheap("update", cost(proxy, updated).await, SESSION + 100, 80);
    let refused = async { assert!(store.write(&key("a"), session(), update.clone()).await.is_err()) };
    assert_cheap("conflict", cost(proxy, refused).await, SESSION + 100, 80);
    let overwritten = async { drop(store.write(&key("a"), session(), WriteMode::Overwrite).await.unwrap()) };
    assert_cheap("overwrite", cost(proxy, overwritten).await, SESSION + 90, 60);
    let touched = async { assert!(store.touch(&key("a"), later(9000)).await.unwrap()) };
    assert_cheap("touch", cost(proxy, touched).await, 70, 80);
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    let marker = Record::new(meta().into_retired(Some(key("b"))), vec![]);
    let replaced = async {
        store.replace(&key("a"), &version, marker, &key("b"), session()).await.unwrap();
    };
    // As text, in which each byte takes two.
    assert_cheap("replace", cost(proxy, replaced).await, 2 * SESSION + 800, 160);
    let deleted = async { store.delete(&key("a")).await.unwrap() };
    assert_cheap("delete", cost(proxy, deleted).await, 60, 40);
    let well = async { store.health().await.unwrap() };
    assert_cheap("health", cost(proxy, well).await, 80, 400);
}

async fn a_listing_is_a_round_trip_for_each_page(place: Place) {
    let (proxy, config) = place.proxy();
    let store = MysqlStore::connect(config.with_connections(1)).unwrap();
    warm_up(&store).await;
    for number in 0..300 {
        store.write(&key(number), session(), WriteMode::Create).await.unwrap();
    }
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        let listed = async { assert_eq!(list(&store, query).await.len(), 300) };
        let (trips, there, back) = cost(&proxy, listed).await;
        // The payloads, 300 KiB, stay where they are.
        assert!(trips == 3 && there < 500 && back < 300 * 120, "{trips}, {there}, {back}");
    }
}

async fn a_purge_is_a_round_trip_for_each_batch(place: Place) {
    let (proxy, config) = place.proxy();
    let store = MysqlStore::connect(config.with_connections(1)).unwrap();
    warm_up(&store).await;
    for number in 0..600 {
        create(&store, number).await;
    }
    let nothing = async { assert_eq!(store.purge_expired(NOW, usize::MAX).await.unwrap(), 0) };
    assert_cheap("purge of nothing", cost(&proxy, nothing).await, 80, 40);
    let all = async { assert_eq!(store.purge_expired(later(9000), usize::MAX).await.unwrap(), 600) };
    let (trips, there, back) = cost(&proxy, all).await;
    assert!(trips == 3 && there < 240 && back < 120, "{trips}, {there}, {back}");
}

async fn the_first_use_connects_and_no_other(place: Place) {
    create(&place.open(), "a").await;
    let (proxy, config) = place.proxy();
    let store = MysqlStore::connect(config).unwrap();
    assert_eq!(proxy.counts().connections, 0);
    store.health().await.unwrap();
    let first = proxy.counts();
    println!("{first:?}");
    // Hello, what it takes, how it is set, the table, the statement, the question.
    assert!(first.connections == 1 && first.round_trips <= 7, "{first:?}");
    for _ in 0..20 {
        store.health().await.unwrap();
    }
    let then = proxy.counts();
    assert_eq!((then.connections, then.round_trips), (1, first.round_trips + 20));
}
