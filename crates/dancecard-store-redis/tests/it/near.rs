//! Sessions in this process's memory: no commands, no lies, and nothing beyond the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{Record, Store, Version, WriteMode};
use dancecard_servers::redis_cluster;
use dancecard_servers::{Mode, Proxy, Server, redis, valkey};
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::Random;
use dancecard_testkit::store::cancel_after;

use crate::world::*;

trials![
    a_session_in_memory_is_read_without_a_command,
    the_server_is_asked_whether_it_is_still_so,
    own_writes_are_seen_at_once,
    writes_elsewhere_are_seen_within_the_bound,
    nothing_stale_stays_when_all_notices_are_heard,
    a_cut_connection_empties_the_memory,
    a_silent_connection_serves_nothing_beyond_the_bound,
    everything_that_changes_a_key_is_noticed,
    a_server_that_tracks_nothing_is_asked_each_time,
    a_session_that_is_not_there_is_asked_for_each_time,
    a_dropped_write_is_not_forgotten,
    a_cluster_tracks_on_every_node,
];

const HOUR: Duration = Duration::from_secs(3600);

/// Remembers for long, so that nothing but notices counts.
fn near(url: &str) -> Config {
    config(url).with_near_cache(1 << 22).with_near_cache_staleness(HOUR)
}

/// With the memory, and one without on the same data.
fn pair(url: &str) -> (RedisStore, RedisStore) {
    let config = near(url);
    (connect(&config), connect(&config.with_near_cache(0)))
}

async fn version(store: &RedisStore, name: impl std::fmt::Display) -> Option<Version> {
    store.load(&key(name)).await.unwrap().map(|found| found.version().clone())
}

async fn a_session_in_memory_is_read_without_a_command() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let store = connect(&near(&proxy.url(&shared().url())));
    create(&store, "a").await;
    assert!(payload(&store, "a").await.is_some());
    proxy.forget();
    for _ in 0..1000 {
        assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
    }
    let counts = proxy.counts();
    assert_eq!((counts.to_server, counts.to_client, counts.round_trips), (0, 0, 0));
}

/// When half of the time is over, one reader has the server asked while it serves. Nobody waits.
async fn the_server_is_asked_whether_it_is_still_so() {
    let server = redis::start().unwrap();
    let mut raw = raw(&server).await;
    let bound = Duration::from_millis(400);
    let store = connect(&near(&server.url()).with_near_cache_staleness(bound));
    create(&store, "a").await;
    store.load(&key("a")).await.unwrap();
    let _: () = run(&mut raw, &[b"CONFIG", b"RESETSTAT"]).await;
    let (begun, mut reads) = (Instant::now(), 0);
    while begun.elapsed() < bound * 4 {
        store.load(&key("a")).await.unwrap().unwrap();
        tokio::task::yield_now().await;
        reads += 1;
    }
    let counts = commands(&mut raw).await;
    let asked =
        counts.get("ping").copied().unwrap_or_default() + counts.get("get").copied().unwrap_or_default();
    println!("{reads} reads, {counts:?}");
    // Twice in each span of time, and a little more on a busy machine.
    assert!((1..40).contains(&asked) && reads > 1000, "{reads}: {counts:?}");
}

async fn own_writes_are_seen_at_once() {
    let store = connect(&near(&shared().url()));
    let reading = Arc::new(AtomicBool::new(true));
    create(&store, 0).await;
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (store, reading) = (store.clone(), reading.clone());
            tokio::spawn(async move {
                while reading.load(Ordering::Relaxed) {
                    store.load(&key(0)).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 0..1500_u32 {
        let written = store.write(&key(0), record(round.to_le_bytes()), WriteMode::Overwrite).await.unwrap();
        assert_eq!(version(&store, 0).await, Some(written), "{round}");
    }
    reading.store(false, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    let present = version(&store, 0).await.unwrap();
    let marker = Record::new(meta().into_retired(Some(key("next"))), vec![]);
    store.replace(&key(0), &present, marker, &key("next"), record("next")).await.unwrap();
    assert!(store.load(&key(0)).await.unwrap().unwrap().meta().is_retired());
    assert!(store.touch(&key("next"), later(9000)).await.unwrap());
    assert!(store.load(&key("next")).await.unwrap().unwrap().expires_at() > later(8000));
    store.delete(&key("next")).await.unwrap();
    assert!(store.load(&key("next")).await.unwrap().is_none());
}

/// From the acknowledgement of a write elsewhere to the first read that sees it. A read that begins later than the bound,
/// as it is by default, sees it in any case.
async fn writes_elsewhere_are_seen_within_the_bound() {
    let config = config(&shared().url());
    let bound = Duration::from_millis(config.near_cache_staleness_ms);
    let (store, other) = (connect(&config.clone().with_near_cache(1 << 22)), connect(&config));
    create(&other, "a").await;
    let mut delays = Vec::new();
    for round in 0..300 {
        store.load(&key("a")).await.unwrap();
        let expected = match round % 3 {
            0 => {
                other.delete(&key("a")).await.unwrap();
                None
            }
            _ => Some(other.write(&key("a"), bulk(100), WriteMode::Overwrite).await.unwrap()),
        };
        let written = Instant::now();
        let mut asked = written.elapsed();
        while version(&store, "a").await != expected {
            assert!(asked <= bound, "not seen {asked:?} after it was written");
            tokio::task::yield_now().await;
            asked = written.elapsed();
        }
        delays.push(written.elapsed());
    }
    delays.sort();
    println!(
        "writes elsewhere are seen after {:?} at the median, {:?} in 99 of 100 cases, {:?} at most",
        delays[150], delays[297], delays[299]
    );
    assert!(delays[150] < Duration::from_millis(50), "{:?}", delays[150]);
}

/// Readers and writers on few keys, here and elsewhere. When a command was answered, all notices before it were heard,
/// so from then on memory and server must say the same.
async fn nothing_stale_stays_when_all_notices_are_heard() {
    let (store, other) = pair(&shared().url());
    for number in 0..8 {
        create(&other, number).await;
    }
    for round in 0..40 {
        let work = (0..32).map(|task| {
            let (store, other) = (store.clone(), other.clone());
            tokio::spawn(async move {
                let mut random = Random::named(round * 100 + task, "near");
                for _ in 0..25 {
                    let key = key(random.below(8));
                    match (task % 8, random.below(4)) {
                        (0, 0) => drop(other.write(&key, bulk(100), WriteMode::Overwrite).await.unwrap()),
                        (1, 0) => drop(store.write(&key, bulk(100), WriteMode::Overwrite).await.unwrap()),
                        _ => drop(store.load(&key).await.unwrap()),
                    }
                    tokio::task::yield_now().await;
                }
            })
        });
        for task in work.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        store.health().await.unwrap();
        for number in 0..8 {
            assert_eq!(version(&store, number).await, version(&other, number).await, "round {round}");
        }
    }
}

async fn a_cut_connection_empties_the_memory() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let config = near(&proxy.url(&shared().url())).with_timeout(Duration::from_millis(200));
    let store = connect(&config);
    let other = connect(&self::config(&shared().url()).with_prefix(config.prefix.clone()));
    for round in 0..10 {
        let before = other.write(&key("a"), bulk(100), WriteMode::Overwrite).await.unwrap();
        until(async || store.load(&key("a")).await.is_ok_and(|found| found.is_some())).await;
        store.health().await.unwrap();
        assert_eq!(version(&store, "a").await, Some(before), "{round}");
        proxy.set(Mode::Down);
        proxy.reset();
        let after = other.write(&key("a"), bulk(100), WriteMode::Overwrite).await.unwrap();
        // Until it has noticed, and it is not told of anything meanwhile.
        until(async || store.load(&key("a")).await.is_err()).await;
        proxy.set(Mode::Pass);
        until(async || store.health().await.is_ok()).await;
        assert_eq!(version(&store, "a").await, Some(after), "{round}");
    }
}

/// Nobody learns that the connection is dead. A sign-out elsewhere counts all the same.
async fn a_silent_connection_serves_nothing_beyond_the_bound() {
    let bound = Duration::from_millis(300);
    let proxy = Proxy::start(shared().address()).unwrap();
    let config = near(&proxy.url(&shared().url()))
        .with_near_cache_staleness(bound)
        .with_timeout(Duration::from_millis(200))
        .with_connect_timeout(Duration::from_millis(200));
    let store = connect(&config);
    let other = connect(&self::config(&shared().url()).with_prefix(config.prefix.clone()));
    create(&other, "a").await;
    until(async || store.load(&key("a")).await.is_ok_and(|found| found.is_some())).await;
    proxy.set(Mode::BlackHole);
    other.delete(&key("a")).await.unwrap();
    let (signed_out, mut served) = (Instant::now(), 0);
    while signed_out.elapsed() < bound * 4 {
        let asked = signed_out.elapsed();
        if let Ok(Some(_)) = store.load(&key("a")).await {
            assert!(asked <= bound, "served {asked:?} after the sign-out");
            served += 1;
        }
        tokio::task::yield_now().await;
    }
    println!("served {served} times within {bound:?} of the sign-out, and never later");
    proxy.set(Mode::Pass);
    until(async || store.load(&key("a")).await.is_ok_and(|found| found.is_none())).await;
}

async fn everything_that_changes_a_key_is_noticed() {
    changes_are_noticed(&redis::start().unwrap()).await;
}

/// The same on Valkey, where there is one.
pub(crate) fn on_valkey() -> libtest_mimic::Trial {
    let name = "near::valkey_notices_everything_that_changes_a_key";
    match valkey::check() {
        Ok(()) => trial(name, async || changes_are_noticed(&valkey::start().unwrap()).await),
        Err(absent) => absent.trial(name),
    }
}

async fn changes_are_noticed(server: &Server) {
    let (store, other) = pair(&server.url());
    let prefix = format!("{store:?}");
    let prefix = prefix.split("prefix: \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let config = config(&server.url()).with_prefix(prefix);
    let mut raw = raw(server).await;
    let name = name_of(&config, &key("a"));
    let gone: [&[&[u8]]; 6] = [
        &[b"DEL", &name],
        &[b"FLUSHALL"],
        &[b"FLUSHDB", b"ASYNC"],
        &[b"PEXPIRE", &name, b"1"],
        &[b"RENAME", &name, b"elsewhere"],
        &[b"EVAL", b"return redis.call('DEL', KEYS[1])", b"1", &name],
    ];
    for words in gone {
        create(&other, "a").await;
        assert!(payload(&store, "a").await.is_some() && payload(&store, "a").await.is_some());
        let _: ::redis::Value = run(&mut raw, words).await;
        until(async || payload(&store, "a").await.is_none()).await;
    }
    create(&other, "a").await;
    assert!(payload(&store, "a").await.is_some());
    let _: ::redis::Value = run(&mut raw, &[b"CLIENT", b"KILL", b"TYPE", b"normal"]).await;
    // The other's connection was ended too, and it may learn of that only now.
    let again = async || other.write(&key("a"), bulk(1), WriteMode::Overwrite).await;
    let after = match again().await {
        Err(_) => again().await.unwrap(),
        Ok(version) => version,
    };
    until(async || version(&store, "a").await.as_ref() == Some(&after)).await;
}

async fn a_server_that_tracks_nothing_is_asked_each_time() {
    let server = redis::start().unwrap();
    let mut raw = raw(&server).await;
    let _: () =
        run(&mut raw, &[b"ACL", b"SETUSER", b"u", b"on", b">p", b"~*", b"+@all", b"-client|tracking"]).await;
    let store = connect(&near(&format!("redis://u:p@{}", server.address())));
    create(&store, "a").await;
    let _: () = run(&mut raw, &[b"CONFIG", b"RESETSTAT"]).await;
    for _ in 0..10 {
        assert!(payload(&store, "a").await.is_some());
    }
    assert_eq!(commands(&mut raw).await.get("get"), Some(&10));
}

async fn a_session_that_is_not_there_is_asked_for_each_time() {
    let (store, other) = pair(&shared().url());
    for _ in 0..100 {
        assert!(payload(&store, "a").await.is_none());
        create(&other, "a").await;
        assert!(payload(&store, "a").await.is_some());
        other.delete(&key("a")).await.unwrap();
        until(async || payload(&store, "a").await.is_none()).await;
    }
}

/// Whoever drops a write does not know whether it happens. The memory must not think that it did not.
async fn a_dropped_write_is_not_forgotten() {
    let (store, other) = pair(&shared().url());
    create(&store, "a").await;
    for round in 0..300 {
        store.load(&key("a")).await.unwrap();
        let key = key("a");
        let write = store.write(&key, bulk(round), WriteMode::Overwrite);
        drop(cancel_after(1 + round % 3, write).await);
        store.load(&key).await.unwrap();
        store.health().await.unwrap();
        assert_eq!(version(&store, "a").await, version(&other, "a").await, "{round}");
    }
}

async fn a_cluster_tracks_on_every_node() {
    let cluster = redis_cluster::start().unwrap();
    let (store, other) = pair(&cluster.url());
    for number in 0..60 {
        create(&other, number).await;
        assert!(payload(&store, number).await.is_some());
    }
    for master in cluster.masters() {
        let mut raw = raw_url(&format!("redis://{}", master.address())).await;
        let _: () = run(&mut raw, &[b"CONFIG", b"RESETSTAT"]).await;
    }
    for number in 0..60 {
        assert!(payload(&store, number).await.is_some());
    }
    for master in cluster.masters() {
        let mut raw = raw_url(&format!("redis://{}", master.address())).await;
        assert_eq!(commands(&mut raw).await.get("get"), None);
    }
    for number in 0..60 {
        let written = other.write(&key(number), bulk(10), WriteMode::Overwrite).await.unwrap();
        until(async || version(&store, number).await.as_ref() == Some(&written)).await;
    }
}
