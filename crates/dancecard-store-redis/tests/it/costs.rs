//! What operations cost: commands, round trips, bytes, memory.

use std::collections::BTreeMap;

use ::redis::aio::MultiplexedConnection;
use dancecard_core::{ListQuery, Record, Store, WriteMode};
use dancecard_servers::{Proxy, Running, redis};
use dancecard_store_redis::{Config, RedisStore};

use crate::world::*;

trials![
    each_operation_is_one_command,
    a_server_that_lost_the_scripts_gets_them_back,
    what_is_stored_is_hardly_more_than_the_session,
    a_string_takes_less_memory_than_a_hash,
    a_touch_carries_no_data,
    a_load_carries_the_record_once,
    a_listing_carries_no_payloads,
    the_server_keeps_a_record_a_little_longer_than_it_lives,
    a_key_takes_no_more_than_its_bytes,
];

/// A server of its own, whose counters nobody else moves.
struct Counted {
    server: Running,
    raw: MultiplexedConnection,
}

impl Counted {
    async fn new() -> Self {
        let server = redis::start().unwrap();
        let raw = raw(&server).await;
        Self { server, raw }
    }

    /// Which commands an operation made the server run, but for those that counting takes.
    async fn count(&mut self, operation: impl Future<Output = ()>) -> BTreeMap<String, u64> {
        let _: () = run(&mut self.raw, &[b"CONFIG", b"RESETSTAT"]).await;
        operation.await;
        let mut counts = commands(&mut self.raw).await;
        counts.retain(|name, _| !["config|resetstat", "info"].contains(&name.as_str()));
        counts
    }

    fn store(&self) -> (RedisStore, Config) {
        let config = config(&self.server.url());
        (connect(&config), config)
    }
}

/// Commands that were sent; those within scripts are counted as well, and cost no round trip.
fn sent(counts: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let inside =
        ["getrange", "set", "zadd", "zrange", "zrem", "zremrangebyscore", "pexpire", "persist", "strlen"];
    let inside = |name: &str| inside.contains(&name) || ["unlink", "setrange"].contains(&name);
    let outside = counts.iter().filter(|(name, _)| !counts.contains_key("evalsha") || !inside(name));
    outside.map(|(name, count)| (name.as_str(), *count)).collect()
}

async fn each_operation_is_one_command() {
    let mut counted = Counted::new().await;
    let (store, _) = counted.store();
    let version = create(&store, "a").await;
    let load = counted.count(async { drop(store.load(&key("a")).await.unwrap()) }).await;
    assert_eq!(sent(&load), [("get", 1)]);
    let missing = counted.count(async { drop(store.load(&key("none")).await.unwrap()) }).await;
    assert_eq!(sent(&missing), [("get", 1)]);
    let health = counted.count(async { store.health().await.unwrap() }).await;
    assert_eq!(sent(&health), [("get", 1)]);

    let new = counted.count(async { drop(create(&store, "b").await) }).await;
    assert_eq!(sent(&new), [("evalsha", 1)]);
    let update = WriteMode::Update(version.clone());
    let changed =
        counted.count(async { drop(store.write(&key("a"), bulk(200), update).await.unwrap()) }).await;
    assert_eq!(sent(&changed), [("evalsha", 1)]);
    let refused = WriteMode::Update(version);
    let lost =
        counted.count(async { drop(store.write(&key("a"), bulk(200), refused).await.unwrap_err()) }).await;
    assert_eq!((sent(&lost), lost.get("set")), (vec![("evalsha", 1)], None));
    let touched = counted.count(async { assert!(store.touch(&key("a"), later(9000)).await.unwrap()) }).await;
    assert_eq!(sent(&touched), [("evalsha", 1)]);

    let version = store.load(&key("b")).await.unwrap().unwrap().version().clone();
    let moved = counted
        .count(async {
            let marker = Record::new(meta().into_retired(Some(key("c"))), vec![]);
            store.replace(&key("b"), &version, marker, &key("c"), bulk(100)).await.unwrap();
        })
        .await;
    assert_eq!(sent(&moved), [("evalsha", 1)]);
    let gone = counted.count(async { store.delete(&key("a")).await.unwrap() }).await;
    assert_eq!(sent(&gone), [("evalsha", 1)]);
    let listed = counted.count(async { drop(list(&store, ListQuery::of(SECRET.into())).await) }).await;
    assert_eq!(sent(&listed), [("getrange", 1), ("zrange", 1)]);
    let all = counted.count(async { drop(list(&store, ListQuery::all()).await) }).await;
    assert_eq!(sent(&all), [("getrange", 2), ("scan", 1)]);
}

async fn a_server_that_lost_the_scripts_gets_them_back() {
    let mut counted = Counted::new().await;
    let (store, _) = counted.store();
    create(&store, "a").await;
    let _: () = run(&mut counted.raw, &[b"SCRIPT", b"FLUSH"]).await;
    let first = counted.count(async { drop(create(&store, "b").await) }).await;
    assert_eq!((first.get("evalsha"), first.get("eval")), (Some(&1), Some(&1)));
    let second = counted.count(async { drop(create(&store, "c").await) }).await;
    assert_eq!((second.get("evalsha"), second.get("eval")), (Some(&1), None));
}

/// The session of the benchmarks has some 850 bytes as MessagePack.
async fn what_is_stored_is_hardly_more_than_the_session() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    for (name, record) in [("visitor", anonymous(850)), ("member", bulk(850))] {
        store.write(&key(name), record, WriteMode::Create).await.unwrap();
        let length: usize = run(&mut raw, &[b"STRLEN", &name_of(&config, &key(name))]).await;
        assert!(length <= 935, "1.1 times the payload: {length}");
    }
}

/// Why a record is a string and not a hash with its fields apart.
async fn a_string_takes_less_memory_than_a_hash() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    store.write(&key("a"), anonymous(850), WriteMode::Create).await.unwrap();
    let name = name_of(&config, &key("a"));
    let ours: usize = run(&mut raw, &[b"MEMORY", b"USAGE", &name]).await;
    let twin = [&name[..], b"h"].concat();
    let _: usize = run(&mut raw, &[b"HSET", &twin, b"v", &[1; 8], b"e", &[1; 8], b"d", &[1; 870]]).await;
    let _: usize = run(&mut raw, &[b"PEXPIRE", &twin, b"3600000"]).await;
    let hash: usize = run(&mut raw, &[b"MEMORY", b"USAGE", &twin]).await;
    println!("a record of 850 bytes: {ours} bytes of memory as a string, {hash} as a hash");
    assert!(ours < hash && ours <= 1150, "{ours} {hash}");
}

async fn a_touch_carries_no_data() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let store = connect(&config(&proxy.url(&shared().url())));
    store.write(&key("a"), bulk(100_000), WriteMode::Create).await.unwrap();
    proxy.forget();
    assert!(store.touch(&key("a"), later(9000)).await.unwrap());
    let counts = proxy.counts();
    assert!(counts.to_server < 300 && counts.to_client < 20, "{counts:?}");
}

async fn a_load_carries_the_record_once() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let store = connect(&config(&proxy.url(&shared().url())));
    store.write(&key("a"), bulk(10_000), WriteMode::Create).await.unwrap();
    proxy.forget();
    store.load(&key("a")).await.unwrap().unwrap();
    let counts = proxy.counts();
    assert!(counts.to_server < 100 && counts.to_client < 10_100, "{counts:?}");
}

async fn a_listing_carries_no_payloads() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let store = connect(&config(&proxy.url(&shared().url())));
    for number in 0..20 {
        store.write(&key(number), bulk(50_000), WriteMode::Create).await.unwrap();
    }
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        proxy.forget();
        assert_eq!(list(&store, query).await.len(), 20);
        let counts = proxy.counts();
        assert!(counts.to_client < 20_000, "{counts:?}");
    }
}

async fn the_server_keeps_a_record_a_little_longer_than_it_lives() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    let name = name_of(&config, &key("a"));
    let mut left = async || run::<i64>(&mut raw, &[b"PTTL", &name]).await;
    store.write(&key("a"), bulk(10), WriteMode::Create).await.unwrap();
    let usual = left().await;
    assert!((3_600_000..=3_661_000).contains(&usual), "{usual}");
    store.touch(&key("a"), later(7200)).await.unwrap();
    let touched = left().await;
    assert!((7_200_000..=7_261_000).contains(&touched), "{touched}");
    let over = Record::new(meta().with_expires_at(later(0)), vec![]);
    store.write(&key("a"), over, WriteMode::Overwrite).await.unwrap();
    let expired = left().await;
    assert!((1..=60_000).contains(&expired), "{expired}");
    store.touch(&key("a"), dancecard_core::Timestamp::MAX).await.unwrap();
    assert_eq!(left().await, -1);
}

/// Keys go in as they are, and principals by a hash.
async fn a_key_takes_no_more_than_its_bytes() {
    let mut counted = Counted::new().await;
    let (store, config) = counted.store();
    create(&store, "a").await;
    let mut names: Vec<Vec<u8>> = run(&mut counted.raw, &[b"KEYS", b"*"]).await;
    names.sort();
    let [index, record] = &names[..] else { panic!("{} names", names.len()) };
    assert_eq!(*record, name_of(&config, &key("a")));
    assert_eq!(index.len(), config.prefix.len() + 1 + 16);
    let holds = |name: &[u8]| name.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
    assert!(!holds(index), "the principal's name shows");
}
