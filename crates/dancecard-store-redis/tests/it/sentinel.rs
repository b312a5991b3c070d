//! A service that sentinels watch.

use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};
use dancecard_servers::redis::Options;
use dancecard_servers::redis_sentinel::{self, Watched};
use dancecard_servers::{Mode, Proxy};
use dancecard_store_redis::{Config, RedisStore};

use crate::world::*;

trials![
    the_master_is_found_and_after_a_failover_the_next_one,
    what_a_replica_has_confirmed_outlives_a_failover,
    a_master_that_hangs_is_replaced_as_well,
    sentinels_that_are_down_are_passed_over,
    an_unknown_service_is_a_matter_of_configuration,
];

const SHORT: Duration = Duration::from_millis(400);
/// What a busy machine may add to a deadline.
const GRACE: Duration = Duration::from_secs(3);

fn watched() -> Watched {
    redis_sentinel::start_with(Options { durable: true, ..Options::default() }).unwrap()
}

/// Writes one session after the other, and what it is told of each, until the service has failed and works again.
async fn write_through(config: &Config, fail: impl Future<Output = ()>) {
    let store = connect(config);
    let (mut done, mut outages, mut number) = (Vec::new(), 0, 0);
    let mut fail = Some(Box::pin(fail));
    let (mut left, begun) = (200, Instant::now());
    while left > 0 {
        match store.write(&key(number), record(number.to_string()), WriteMode::Create).await {
            Ok(_) => {
                done.push(number);
                left -= usize::from(outages > 0);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                outages += 1;
            }
        }
        number += 1;
        if number == 50 {
            fail.take().unwrap().await;
        }
        assert!(begun.elapsed() < PATIENCE * 2, "it does not come back");
    }
    println!("{number} writes, {outages} refused or unknown");
    // Of those since the failover, none is lost.
    let since = done.len() - 200;
    for number in &done[since..] {
        assert_eq!(payload(&store, number).await.unwrap(), number.to_string().into_bytes());
    }
}

async fn the_master_is_found_and_after_a_failover_the_next_one() {
    let watched = watched();
    let config = config(&watched.url()).with_timeout(SHORT).with_connect_timeout(SHORT);
    let before = watched.master().unwrap().port();
    write_through(&config, async { watched.master().unwrap().kill() }).await;
    assert_ne!(watched.master().unwrap().port(), before);
}

/// With `replicas_to_wait`, a failover takes back no count and no end, and no call takes longer than it may.
async fn what_a_replica_has_confirmed_outlives_a_failover() {
    let watched = watched();
    let config = config(&watched.url()).with_timeout(SHORT).with_connect_timeout(SHORT);
    let (store, alone) = (connect(&config.clone().with_replicas_to_wait(1)), connect(&config));
    store.health().await.unwrap();
    // The replica may still be on its way to the master.
    until(async || store.write(&key("n"), record("0"), WriteMode::Overwrite).await.is_ok()).await;
    for number in 0..20 {
        until(async || store.write(&key(number), bulk(100), WriteMode::Overwrite).await.is_ok()).await;
        until(async || store.delete(&key(number)).await.is_ok()).await;
    }
    let mut counter = Counter { store: &store, sure: 0, unknown: 0 };
    counter.count(50).await;
    let killed = watched.master().unwrap();
    killed.kill();
    // The new master has no replica that could confirm anything.
    counter.store = &alone;
    counter.count(50).await;
    println!("{} sure, {} unknown", counter.sure, counter.unknown);
    let found: u64 = String::from_utf8(payload(&store, "n").await.unwrap()).unwrap().parse().unwrap();
    assert!((counter.sure..=counter.sure + counter.unknown).contains(&found), "{found}");
    for number in 0..20 {
        assert_eq!(payload(&store, number).await, None, "{number} came back");
    }
}

/// A number in a session, counted up on what was read.
struct Counter<'a> {
    store: &'a RedisStore,
    sure: u64,
    unknown: u64,
}

impl Counter<'_> {
    /// Until so many more are certain.
    async fn count(&mut self, more: u64) {
        let (until, begun) = (self.sure + more, Instant::now());
        while self.sure < until {
            assert!(begun.elapsed() < PATIENCE * 2, "it does not come back");
            let asked = Instant::now();
            self.step().await;
            assert!(asked.elapsed() < SHORT * 2 + GRACE, "{:?}", asked.elapsed());
        }
    }

    /// A read and a write, each within its deadline.
    async fn step(&mut self) {
        let Ok(Some(found)) = self.store.load(&key("n")).await else { return tokio::task::yield_now().await };
        let number: u64 = std::str::from_utf8(found.payload()).unwrap().parse().unwrap();
        let update = WriteMode::Update(found.version().clone());
        match self.store.write(&key("n"), record((number + 1).to_string()), update).await {
            Ok(_) => self.sure += 1,
            Err(error) if error.retry() == Retry::Unknown => self.unknown += 1,
            Err(error) => assert!(error.is_conflict() || error.retry() == Retry::Safe, "{error}"),
        }
    }
}

/// The old master keeps its connections and answers nothing.
async fn a_master_that_hangs_is_replaced_as_well() {
    let watched = watched();
    let config = config(&watched.url()).with_timeout(SHORT).with_connect_timeout(SHORT);
    let store = connect(&config);
    until(async || store.write(&key("before"), record("1"), WriteMode::Overwrite).await.is_ok()).await;
    let hung = watched.master().unwrap();
    hung.pause();
    until(async || store.write(&key("after"), record("1"), WriteMode::Overwrite).await.is_ok()).await;
    assert_ne!(watched.master().unwrap().port(), hung.port());
    hung.resume();
    // It takes itself for the master until the sentinels tell it otherwise; nobody is with it.
    assert_eq!(payload(&store, "after").await.unwrap(), b"1");
    until(async || store.write(&key("after"), record("2"), WriteMode::Overwrite).await.is_ok()).await;
    assert_eq!(payload(&store, "after").await.unwrap(), b"2");
}

async fn sentinels_that_are_down_are_passed_over() {
    let watched = watched();
    let proxy = Proxy::start(watched.sentinels()[0].address()).unwrap();
    let mut config = config(&watched.url());
    config.nodes.insert(0, proxy.address().to_string());
    for mode in [Mode::Down, Mode::Refuse] {
        proxy.set(mode);
        create(&connect(&config), format!("{mode:?}")).await;
    }
    config.nodes.truncate(1);
    let nobody = connect(&config.with_timeout(SHORT));
    assert_is(&nobody.health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
}

async fn an_unknown_service_is_a_matter_of_configuration() {
    let watched = redis_sentinel::start().unwrap();
    let mut config = config(&watched.url());
    config.service = "elsewhere".into();
    let error = connect(&config).health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(error.to_string().contains("service"), "{error}");
}
