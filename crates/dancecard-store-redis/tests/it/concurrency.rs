//! Many clients at once, and a history of what they were told.

use std::ops::Range;
use std::time::Duration;

use dancecard_core::{Store, WriteMode};
use dancecard_servers::redis::Options;
use dancecard_servers::{harm, redis_cluster, redis_sentinel, valkey};
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::interleave::{Counterexample, explore, seeds};
use dancecard_testkit::{Clients, Progress};

use libtest_mimic::Trial;

use crate::places::Place;
use crate::world::*;

trials![
    a_hundred_clients_lose_nothing,
    a_hundred_clients_lose_nothing_to_cuts_and_kills,
    a_hundred_clients_lose_nothing_to_cuts_and_kills_behind_sentinels,
    a_hundred_clients_lose_nothing_to_cuts_and_kills_in_a_cluster,
    a_hundred_clients_lose_nothing_to_a_failover_behind_sentinels,
    a_hundred_clients_lose_nothing_to_a_failover_in_a_cluster,
    requests_in_every_order_keep_their_promises,
    requests_in_every_order_near_the_cache_keep_their_promises,
];

/// Several engines, as several processes have them.
pub(crate) async fn all_is_kept(config: &Config) {
    let engines: Vec<_> = (0..3).map(|_| connect(config)).collect();
    let told = Clients::new().run(engines, async |_: &Progress| {}).await.unwrap();
    assert_eq!((told.acknowledged, told.unknown), (2000, 0));
}

async fn a_hundred_clients_lose_nothing() {
    all_is_kept(&config(&shared().url())).await;
}

async fn a_hundred_clients_lose_nothing_to_cuts_and_kills() {
    all_is_kept_by(Place::alone(durable())).await;
}

/// While connections to one of the servers are cut, and it is killed and started again.
async fn all_is_kept_by(place: Place) {
    // With this prefix, a Cluster has some of the records on each node.
    let config = config(&place.url).with_prefix("f:");
    let engines: Vec<_> = (0..3).map(|_| connect(&config)).collect();
    let kill = async || {
        place.servers[0].kill();
        place.servers[0].restart().unwrap();
        if place.is_cluster() {
            place.announce().await;
        }
    };
    let harm = async |progress: &Progress| harm(&place.proxies[0], progress, 20_000, kill).await;
    let told = Clients::new().run(engines, harm).await.unwrap();
    println!("{told:?}");
    assert_eq!(told.acknowledged + told.unknown, 2000);
    assert!(told.unknown > 0, "nothing was cut: {told:?}");
}

async fn a_hundred_clients_lose_nothing_to_cuts_and_kills_behind_sentinels() {
    all_is_kept_by(Place::behind_sentinels().await).await;
}

async fn a_hundred_clients_lose_nothing_to_cuts_and_kills_in_a_cluster() {
    all_is_kept_by(Place::in_a_cluster().await).await;
}

pub(crate) fn on_valkey() -> Trial {
    let name = "concurrency::a_hundred_clients_lose_nothing_to_cuts_and_kills_on_valkey";
    let options = Options { durable: true, ..Options::default() };
    match valkey::check() {
        Ok(()) => {
            trial(name, async || all_is_kept_by(Place::alone(valkey::start_with(options).unwrap())).await)
        }
        Err(absent) => absent.trial(name),
    }
}

/// What was acknowledged is on a replica, so a master that is killed takes none of the shared records back.
async fn a_hundred_clients_lose_nothing_to_a_failover_behind_sentinels() {
    let watched = redis_sentinel::start().unwrap();
    let config = config(&watched.url());
    // Late, since each write takes its whole time from then on.
    all_is_kept_without(config, 1700, async || watched.master().unwrap().kill()).await;
}

/// The master comes back as the replica of the one that was promoted, so that what is written is certain again.
async fn a_hundred_clients_lose_nothing_to_a_failover_in_a_cluster() {
    let cluster = redis_cluster::start().unwrap();
    // All in one slot, so that nobody gets on without its master.
    let config = config(&cluster.url()).with_prefix("{f}:");
    let kill = async || {
        let mut masters = Vec::new();
        for master in cluster.masters() {
            masters.push((run::<u64>(&mut raw(master).await, &[b"DBSIZE"]).await, master));
        }
        let (_, fullest) = masters.into_iter().max_by_key(|(records, _)| *records).unwrap();
        fullest.kill();
        until(async || cluster.masters().len() == 3).await;
        fullest.restart().unwrap();
    };
    all_is_kept_without(config, 800, kill).await;
}

/// As long as the promoted master has no replica, nothing that it is told is certain.
async fn all_is_kept_without(config: Config, settled: usize, kill: impl AsyncFnOnce()) {
    let short = Duration::from_millis(400);
    let config = config.with_replicas_to_wait(1).with_timeout(short).with_connect_timeout(short);
    let engines: Vec<_> = (0..3).map(|_| connect(&config)).collect();
    until(async || engines[0].write(&key("first"), record("1"), WriteMode::Overwrite).await.is_ok()).await;
    engines[0].delete(&key("first")).await.unwrap();
    let harm = async |progress: &Progress| {
        assert!(progress.reach(settled).await, "the clients are done before the harm is");
        kill().await;
    };
    let told = Clients::new().run(engines, harm).await.unwrap();
    println!("{told:?}");
    assert_eq!(told.acknowledged + told.unknown, 2000);
    assert!(told.acknowledged > 500 && told.unknown > 0, "{told:?}");
}

/// Explores on a thread of its own, since each schedule runs on one, with the engine's work on the runtime.
pub(crate) async fn schedules(range: Range<u64>, open: impl Fn() -> RedisStore + Send + 'static) {
    let runtime = tokio::runtime::Handle::current();
    let explored = tokio::task::spawn_blocking(move || {
        let _entered = runtime.enter();
        explore(open, seeds(range)).map(|report| report.schedules())
    });
    let explored: Result<usize, Counterexample> = explored.await.unwrap();
    assert!(explored.unwrap() > 0);
}

async fn requests_in_every_order_keep_their_promises() {
    schedules(0..150, store).await;
}

async fn requests_in_every_order_near_the_cache_keep_their_promises() {
    schedules(150..250, || connect(&config(&shared().url()).with_near_cache(1 << 20))).await;
}
