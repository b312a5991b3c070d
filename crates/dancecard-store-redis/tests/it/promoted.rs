//! The near cache while masters are replaced, and connections of one node of a cluster break.

use std::time::{Duration, Instant};

use dancecard_core::{Store, WriteMode};
use dancecard_servers::redis::Options;
use dancecard_servers::{Mode, Running, redis_cluster, redis_sentinel};

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

/// One engine has a session in memory. Its master hangs, another one is promoted, the session is ended there, and the old
/// master goes on. The first engine is asked all the time.
async fn ended_while_it_hangs<'a>(url: &str, holder: impl AsyncFn(&[u8]) -> &'a Running) {
    let config = config(url).with_timeout(DEADLINE).with_connect_timeout(DEADLINE);
    let bound = Duration::from_millis(config.near_cache_staleness_ms);
    let confirmed = connect(&config.clone().with_replicas_to_wait(1));
    let (other, store) = (connect(&config), connect(&config.clone().with_near_cache(1 << 20)));
    until(async || confirmed.write(&key("a"), bulk(100), WriteMode::Overwrite).await.is_ok()).await;
    until(async || store.load(&key("a")).await.is_ok_and(|found| found.is_some())).await;
    let hung = holder(&name_of(&config, &key("a"))).await;
    hung.pause();
    let (told, ended) = tokio::sync::watch::channel(None);
    let asking = tokio::spawn(async move { served_until(&store, bound, ended).await });
    until(async || other.delete(&key("a")).await.is_ok()).await;
    told.send_replace(Some(Instant::now()));
    hung.resume();
    let (before, after) = asking.await.unwrap();
    println!("served {before} times before the end, {after} times within {bound:?} of it, and never later");
    assert!(before > 0);
}

/// How often it was served before the end, and how often since; until it is gone for twice the bound.
async fn served_until(
    store: &dancecard_store_redis::RedisStore,
    bound: Duration,
    ended: tokio::sync::watch::Receiver<Option<Instant>>,
) -> (usize, usize) {
    let (mut before, mut after, mut gone) = (0, 0, 0);
    loop {
        let since = ended.borrow().map(|ended| ended.elapsed());
        let found = store.load(&key("a")).await;
        tokio::task::yield_now().await;
        match (found, since) {
            (Ok(Some(_)), None) => before += 1,
            (Ok(Some(_)), Some(since)) => {
                assert!(since <= bound, "served {since:?} after its end");
                after += 1;
            }
            (Ok(None), Some(_)) => gone += 1,
            _ => {}
        }
        if gone > 0 && since.is_some_and(|since| since > bound * 2) {
            return (before, after);
        }
        assert!(since.unwrap_or_default() < PATIENCE * 2, "it does not come back");
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
