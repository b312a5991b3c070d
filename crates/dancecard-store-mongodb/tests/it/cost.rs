//! What operations cost on the wire, counted by a proxy, and at the server, counted by itself: one command each, and few
//! bytes beside the record.

use dancecard_core::{ListQuery, Record, Store, WriteMode};
use dancecard_servers::Proxy;
use dancecard_store_mongodb::MongodbStore;
use mongodb::bson::doc;

use crate::fixture::*;

cases! {
    each_operation_is_one_round_trip,
    each_operation_on_a_replica_set_is_one_round_trip,
    the_server_counts_one_command_for_each_operation,
    a_listing_is_a_round_trip_for_each_page,
    a_purge_is_two_round_trips_for_each_batch,
    the_first_use_connects_and_no_other,
}

/// The bytes of a session of 1 KiB: key, principal, facts and payload.
const SESSION: u64 = 14 + 11 + 35 + 1024;

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
fn assert_cheap(what: &str, found: (u64, u64, u64), trips: u64, most_there: u64, most_back: u64) {
    println!("{what}: {found:?}");
    assert_eq!(found.0, trips, "{what}: round trips");
    assert!(
        found.1 <= most_there && found.2 <= most_back,
        "{what}: {found:?}, at most {most_there}, {most_back}"
    );
}

/// `there`, `back`: how many bytes more each command and each answer may have. `replace`: its round trips, and how often
/// that many bytes come on top.
async fn each_costs(place: &Place, there: u64, back: u64, replace: u64) {
    let (proxy, config) = place.proxy();
    let store = MongodbStore::connect(config).unwrap();
    create(&store, "warm").await;
    store.health().await.unwrap();
    let cheap = |what, found, ours, theirs| assert_cheap(what, found, 1, ours + there, theirs + back);

    let created = async { drop(store.write(&key("a"), session(), WriteMode::Create).await.unwrap()) };
    cheap("create", cost(&proxy, created).await, SESSION + 280, 50);
    let loaded = async { assert!(store.load(&key("a")).await.unwrap().is_some()) };
    cheap("load", cost(&proxy, loaded).await, 240, SESSION + 180);
    let missed = async { assert!(store.load(&key("none")).await.unwrap().is_none()) };
    cheap("miss", cost(&proxy, missed).await, 240, 110);
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    let update = WriteMode::Update(version.clone());
    let updated = async { drop(store.write(&key("a"), session(), update.clone()).await.unwrap()) };
    cheap("update", cost(&proxy, updated).await, SESSION + 330, 70);
    let refused = async { assert!(store.write(&key("a"), session(), update.clone()).await.is_err()) };
    cheap("conflict", cost(&proxy, refused).await, SESSION + 330, 70);
    let overwritten = async { drop(store.write(&key("a"), session(), WriteMode::Overwrite).await.unwrap()) };
    cheap("overwrite", cost(&proxy, overwritten).await, SESSION + 330, 70);
    let touched = async { assert!(store.touch(&key("a"), later(9000)).await.unwrap()) };
    cheap("touch", cost(&proxy, touched).await, 320, 70);
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    let marker = Record::new(meta().into_retired(Some(key("b"))), vec![]);
    let replaced = async {
        store.replace(&key("a"), &version, marker, &key("b"), session()).await.unwrap();
    };
    let found = cost(&proxy, replaced).await;
    assert_cheap("replace", found, replace, SESSION + 700 + replace * there, 200 + replace * back);
    let deleted = async { store.delete(&key("a")).await.unwrap() };
    cheap("delete", cost(&proxy, deleted).await, 290, 50);
    let well = async { store.health().await.unwrap() };
    cheap("health", cost(&proxy, well).await, 260, 110);
}

async fn each_operation_is_one_round_trip(place: Place) {
    each_costs(&place, 0, 0, 2).await;
}

/// Both sides tell the time of the set with each message.
async fn each_operation_on_a_replica_set_is_one_round_trip(_: Place) {
    each_costs(&Place::replicated(), 150, 250, 3).await;
}

async fn the_server_counts_one_command_for_each_operation(place: Place) {
    use dancecard_servers::mongod;
    let alone = mongod::start().unwrap();
    let place = Place { url: alone.url(), address: alone.address(), ..place };
    let store = place.open();
    let version = create(&store, "a").await;
    let counters = || async {
        let status = place.run(doc! { "serverStatus": 1 }).await;
        let counters = status.get_document("opcounters").unwrap();
        ["insert", "query", "update", "delete", "getmore"].map(|kind| counters.get_i64(kind).unwrap())
    };
    let before = counters().await;
    let version = store.write(&key("a"), session(), WriteMode::Update(version)).await.unwrap();
    store.write(&key("a"), session(), WriteMode::Update(version)).await.unwrap();
    store.write(&key("b"), session(), WriteMode::Create).await.unwrap();
    store.write(&key("b"), session(), WriteMode::Overwrite).await.unwrap();
    store.touch(&key("b"), later(9000)).await.unwrap();
    for _ in 0..7 {
        assert!(store.load(&key("a")).await.unwrap().is_some());
    }
    store.delete(&key("a")).await.unwrap();
    store.delete(&key("a")).await.unwrap();
    let after = counters().await;
    let spent: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    // Servers count deletes and queries of their own sessions and of what expires, too, but not within moments.
    assert_eq!(spent, [1, 7, 4, 2, 0]);
}

async fn a_listing_is_a_round_trip_for_each_page(place: Place) {
    let (proxy, config) = place.proxy();
    let store = MongodbStore::connect(config.with_journal(false)).unwrap();
    for number in 0..300 {
        store.write(&key(number), session(), WriteMode::Create).await.unwrap();
    }
    store.health().await.unwrap();
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        let listed = async { assert_eq!(list(&store, query).await.len(), 300) };
        let (trips, there, back) = cost(&proxy, listed).await;
        // The payloads, 300 KiB, stay where they are.
        assert!(trips == 3 && there < 1100 && back < 300 * 150, "{trips}, {there}, {back}");
    }
}

async fn a_purge_is_two_round_trips_for_each_batch(place: Place) {
    let (proxy, config) = place.proxy();
    let store = MongodbStore::connect(config.with_journal(false)).unwrap();
    for number in 0..600 {
        create(&store, number).await;
    }
    let nothing = async { assert_eq!(store.purge_expired(*NOW, usize::MAX).await.unwrap(), 0) };
    assert_cheap("purge of nothing", cost(&proxy, nothing).await, 1, 280, 110);
    let all = async { assert_eq!(store.purge_expired(later(9000), usize::MAX).await.unwrap(), 600) };
    let (trips, there, back) = cost(&proxy, all).await;
    assert!(trips == 6 && there < 600 * 40 + 1500 && back < 600 * 45 + 1000, "{trips}, {there}, {back}");
}

async fn the_first_use_connects_and_no_other(place: Place) {
    create(&place.open(), "a").await;
    let (proxy, config) = place.proxy();
    let store = MongodbStore::connect(config).unwrap();
    assert_eq!(proxy.counts().connections, 0);
    store.health().await.unwrap();
    // One to watch the server, one to work: each says hello. Then: what is it, the indexes, the question.
    let first = proxy.counts();
    assert_eq!((first.connections, first.round_trips), (2, 2 + 3));
    for _ in 0..20 {
        store.health().await.unwrap();
    }
    store.touch(&key("a"), later(9000)).await.unwrap();
    let then = proxy.counts();
    assert_eq!((then.connections, then.round_trips), (2, 2 + 3 + 21));
}
