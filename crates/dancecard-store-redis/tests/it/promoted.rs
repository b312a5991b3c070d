//! The near cache while masters are replaced, and connections of one node of a cluster break.

use std::time::{Duration, Instant};

use dancecard_core::{Store, WriteMode};
use dancecard_servers::redis::Options;
use dancecard_servers::{Mode, Running, redis_cluster, redis_sentinel};
use dancecard_store_redis::RedisStore;
use tokio::sync::watch;

use crate::places::Place;
use crate::world::*;

trials![
    what_a_promoted_master_ended_is_not_served_behind_sentinels,
    what_a_promoted_master_ended_is_not_served_in_a_cluster,
    a_cut_connection_takes_along_what_was_read_from_its_node,
];

/// Of an operation.
const DEADLINE: Duration = Duration::from_millis(400);

fn durable() -> Options {
    Options { durable: true, ..Options::default() }
}

async fn what_a_promoted_master_ended_is_not_served_behind_sentinels() {
    let watched = redis_sentinel::start_with(durable()).unwrap();
    ended_while_it_hangs(&watched.url(), async |_| watched.master().unwrap()).await;
}

async fn what_a_promoted_master_ended_is_not_served_in_a_cluster() {
    let cluster = redis_cluster::start_with(durable()).unwrap();
    let holder = async |name: &[u8]| {
        for master in cluster.masters() {
            let mut raw = raw(master).await;
            let found = ::redis::cmd("EXISTS").arg(name).query_async::<i64>(&mut raw).await;
            if found.is_ok_and(|found| found == 1) {
                return master;
            }
        }
        panic!("no master has it");
    };
    ended_while_it_hangs(&cluster.url(), holder).await;
}

/// One engine has a session in memory. Its master hangs, another one is promoted, and the session is ended there. The first
/// engine, which is asked all the time, serves it from memory for no longer than the bound; nor later, when the old master
/// goes on.
async fn ended_while_it_hangs<'a>(url: &str, holder: impl AsyncFn(&[u8]) -> &'a Running) {
    let config = config(url).with_timeout(DEADLINE).with_connect_timeout(DEADLINE);
    let bound = Duration::from_millis(config.near_cache_staleness_ms);
    let confirmed = connect(&config.clone().with_replicas_to_wait(1));
    let (other, store) = (connect(&config), connect(&config.clone().with_near_cache(1 << 20)));
    until(async || confirmed.write(&key("a"), bulk(100), WriteMode::Overwrite).await.is_ok()).await;
    until(async || store.load(&key("a")).await.is_ok_and(|found| found.is_some())).await;
    let hung = holder(&name_of(&config, &key("a"))).await;
    hung.pause();
    let (told, ended) = watch::channel(None);
    let asking = tokio::spawn({
        let store = store.clone();
        async move { served_until_gone(&store, bound, ended).await }
    });
    until(async || other.delete(&key("a")).await.is_ok()).await;
    told.send_replace(Some(Instant::now()));
    let served = asking.await.unwrap();
    println!("served {served} times, and never later than {bound:?} after the end");
    assert!(served > 0);
    hung.resume();
    let resumed = Instant::now();
    while resumed.elapsed() < bound * 2 {
        let found = store.load(&key("a")).await;
        assert!(!found.is_ok_and(|found| found.is_some()), "served {:?} after it went on", resumed.elapsed());
        tokio::task::yield_now().await;
    }
}

/// How often it was served, until it was seen to be gone.
async fn served_until_gone(
    store: &RedisStore,
    bound: Duration,
    ended: watch::Receiver<Option<Instant>>,
) -> usize {
    let (mut served, begun) = (0, Instant::now());
    loop {
        let since = ended.borrow().map(|ended| ended.elapsed());
        match store.load(&key("a")).await {
            Ok(Some(_)) => {
                assert!(since.is_none_or(|since| since <= bound), "served {since:?} after its end");
                served += 1;
            }
            Ok(None) => return served,
            Err(_) => {}
        }
        tokio::task::yield_now().await;
        assert!(begun.elapsed() < PATIENCE * 2, "it does not come back");
    }
}

/// What the other nodes told stays, and costs no command.
async fn a_cut_connection_takes_along_what_was_read_from_its_node() {
    let place = Place::in_a_cluster().await;
    let config =
        config(&place.url).with_near_cache(1 << 20).with_near_cache_staleness(Duration::from_secs(3600));
    let store = connect(&config);
    for number in 0..60 {
        create(&store, number).await;
        assert!(payload(&store, number).await.is_some());
    }
    place.forget();
    let node = &place.proxies[0];
    node.reset();
    let mut raw = raw(&place.servers[0]).await;
    let pattern = format!("{}s*", config.prefix);
    let its_own: Vec<Vec<u8>> = run(&mut raw, &[b"KEYS", pattern.as_bytes()]).await;
    assert!(its_own.len() > 5 && its_own.len() < 55, "{}", its_own.len());
    // Past the engine, which is not told of it.
    node.set(Mode::Refuse);
    for name in &its_own {
        let _: i64 = run(&mut raw, &[b"DEL", name]).await;
    }
    node.set(Mode::Pass);
    for number in 0..60 {
        let was_there = its_own.contains(&name_of(&config, &key(number)));
        until(async || store.load(&key(number)).await.is_ok_and(|found| found.is_none() == was_there)).await;
    }
    let asked = place.proxies[1..].iter().map(|proxy| proxy.counts().round_trips).sum::<u64>();
    // The map of slots may be asked for.
    assert!(asked < 5, "{asked}");
}
