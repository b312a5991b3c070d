//! What operations cost: on the wire, counted by a proxy, one round trip each, and few bytes beside the record; in the server,
//! no write to an index.

use std::time::Instant;

use dancecard_core::{ListQuery, Record, Store, WriteMode};
use dancecard_servers::Proxy;
use dancecard_store_postgres::{Config, PostgresStore};

use crate::fixture::*;
use crate::outages::fragile;

cases! {
    writes_leave_the_indexes_alone,
    each_operation_is_one_round_trip,
    without_prepared_statements_it_is_one_too,
    what_waits_together_travels_together,
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

async fn each_costs(place: &Place, config: Config, proxy: &Proxy, statement: u64, description: u64) {
    let store = PostgresStore::connect(config.with_readers(1).with_writers(1)).unwrap();
    create(&store, "warm").await;
    store.health().await.unwrap();
    let cheap = |what, found, there, back| assert_cheap(what, found, there + statement, back + description);

    let created = async { drop(store.write(&key("a"), session(), WriteMode::Create).await.unwrap()) };
    cheap("create", cost(proxy, created).await, SESSION + 120, 40);
    let loaded = async { assert!(store.load(&key("a")).await.unwrap().is_some()) };
    cheap("load", cost(proxy, loaded).await, 80, SESSION + 80);
    let none = async { assert!(store.load(&key("none")).await.unwrap().is_none()) };
    cheap("load of nothing", cost(proxy, none).await, 80, 40);
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    let update = WriteMode::Update(version.clone());
    let updated = async { drop(store.write(&key("a"), session(), update.clone()).await.unwrap()) };
    cheap("update", cost(proxy, updated).await, SESSION + 130, 40);
    let refused = async { assert!(store.write(&key("a"), session(), update.clone()).await.is_err()) };
    cheap("conflict", cost(proxy, refused).await, SESSION + 130, 40);
    let overwritten = async { drop(store.write(&key("a"), session(), WriteMode::Overwrite).await.unwrap()) };
    cheap("overwrite", cost(proxy, overwritten).await, SESSION + 120, 40);
    let touched = async { assert!(store.touch(&key("a"), later(9000)).await.unwrap()) };
    cheap("touch", cost(proxy, touched).await, 90, 40);
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    let marker = Record::new(meta().into_retired(Some(key("b"))), vec![]);
    let replaced = async {
        store.replace(&key("a"), &version, marker, &key("b"), session()).await.unwrap();
    };
    cheap("replace", cost(proxy, replaced).await, SESSION + 260, 40);
    let deleted = async { store.delete(&key("a")).await.unwrap() };
    cheap("delete", cost(proxy, deleted).await, 80, 40);
    let well = async { store.health().await.unwrap() };
    cheap("health", cost(proxy, well).await, 100, 40);
    assert!(place.ask("SELECT 1").await == "1");
}

async fn each_operation_is_one_round_trip(place: Place) {
    let (proxy, config) = place.proxy();
    each_costs(&place, config, &proxy, 0, 0).await;
}

/// The text of the statement and the types of its answer travel each time, and nothing else is added.
async fn without_prepared_statements_it_is_one_too(place: Place) {
    let (proxy, config) = place.proxy();
    each_costs(&place, config.with_prepare(false), &proxy, 600, 200).await;
}

async fn what_waits_together_travels_together(place: Place) {
    let (proxy, config) = place.proxy();
    let store = PostgresStore::connect(config.with_readers(1)).unwrap();
    create(&store, "a").await;
    store.health().await.unwrap();
    proxy.set(dancecard_servers::Mode::Delay(std::time::Duration::from_millis(50)));
    proxy.forget();
    let key = key("a");
    let loads = futures_util::future::join_all((0..100).map(|_| store.load(&key)));
    assert!(loads.await.into_iter().all(|loaded| loaded.unwrap().is_some()));
    let trips = proxy.counts().round_trips;
    assert!(trips <= 10, "{trips} round trips for 100 loads at once");
}

async fn a_listing_is_a_round_trip_for_each_page(place: Place) {
    let (proxy, config) = place.proxy();
    let store = PostgresStore::connect(config.with_readers(1).with_writers(1)).unwrap();
    for number in 0..300 {
        store.write(&key(number), session(), WriteMode::Create).await.unwrap();
    }
    store.health().await.unwrap();
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        let listed = async { assert_eq!(list(&store, query).await.len(), 300) };
        let (trips, there, back) = cost(&proxy, listed).await;
        // The payloads, 300 KiB, stay where they are.
        assert!(trips == 3 && there < 500 && back < 300 * 120, "{trips}, {there}, {back}");
    }
}

async fn a_purge_is_a_round_trip_for_each_batch(place: Place) {
    let (proxy, config) = place.proxy();
    let store = PostgresStore::connect(config.with_readers(1).with_writers(1)).unwrap();
    for number in 0..600 {
        create(&store, number).await;
    }
    let nothing = async { assert_eq!(store.purge_expired(NOW, usize::MAX).await.unwrap(), 0) };
    assert_cheap("purge of nothing", cost(&proxy, nothing).await, 80, 70);
    let all = async { assert_eq!(store.purge_expired(later(9000), usize::MAX).await.unwrap(), 600) };
    let (trips, there, back) = cost(&proxy, all).await;
    assert!(trips == 3 && there < 240 && back < 240, "{trips}, {there}, {back}");
}

async fn the_first_use_connects_and_no_other(place: Place) {
    create(&place.open(), "a").await;
    let (proxy, config) = place.proxy();
    let store = PostgresStore::connect(config).unwrap();
    assert_eq!(proxy.counts().connections, 0);
    store.health().await.unwrap();
    // Hello, the table, the statements, the question.
    let first = proxy.counts();
    assert_eq!((first.connections, first.round_trips), (1, 4));
    for _ in 0..20 {
        store.health().await.unwrap();
    }
    store.touch(&key("a"), later(9000)).await.unwrap();
    // One that writes: hello, the statements, the question.
    let then = proxy.counts();
    assert_eq!((then.connections, then.round_trips), (2, 4 + 20 + 3));
}

/// An update that finds room in its page and changes no indexed column writes no index ("heap only").
///
/// On a server without other tests, whose transactions would keep old rows from being cleared away.
async fn writes_leave_the_indexes_alone(_: Place) {
    let (_server, place) = fragile().await;
    let store = place.open();
    let mut versions = Vec::new();
    for number in 0..200 {
        let written = store.write(&key(number), bulk(1024), WriteMode::Create).await.unwrap();
        versions.push(written);
    }
    for round in 1..=10 {
        for (number, version) in versions.iter_mut().enumerate() {
            let active = Record::new(meta().with_expires_at(later(3600 + round)), vec![b'x'; 1024]);
            let update = WriteMode::Update(version.clone());
            *version = store.write(&key(number), active, update).await.unwrap();
            assert!(store.touch(&key(number), later(7200 + round)).await.unwrap());
        }
    }
    // A server process tells what it did when it has nothing to do for a while, or ends.
    drop(store);
    let counts = format!(
        "SELECT n_tup_upd >= 4000 AND n_tup_hot_upd > n_tup_upd * 9 / 10 FROM pg_stat_user_tables \
         WHERE relname = '{}'",
        place.table
    );
    let begun = Instant::now();
    let client = place.client().await;
    while !client.query_one(&counts, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(begun.elapsed() < PATIENCE, "fewer than nine in ten");
        tokio::task::yield_now().await;
    }
}
