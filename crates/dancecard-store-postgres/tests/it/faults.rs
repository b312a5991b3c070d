//! A network that delays, cuts, swallows and refuses: typed errors in time, nothing acknowledged is lost, nothing is
//! done that was said not to be, and all is well again by itself.

use std::time::{Duration, Instant};

use dancecard_core::{DeadlineStore, Error, ErrorKind, Retry, Store, Version, WriteMode};
use dancecard_servers::{Mode, Proxy, Way};
use dancecard_store_postgres::{Config, PostgresStore};

use crate::fixture::*;

cases! {
    a_write_whose_answer_is_lost_is_unknown,
    a_write_that_never_arrives_whole_is_not_done,
    what_does_no_harm_twice_is_done_again,
    connections_that_break_while_idle_are_not_noticed,
    a_silent_network_is_given_up_in_time,
    a_deadline_around_the_engine_holds_where_the_engines_own_is_longer,
    a_refused_connection_is_safe_to_try_again,
    a_slow_network_is_only_slow,
    an_answer_that_comes_late_is_not_taken_for_another,
    one_broken_connection_leaves_the_others_at_work,
    a_connection_takes_longer_than_an_operation_may,
    dropped_operations_leave_connections_usable,
}

const SHORT: Duration = Duration::from_millis(400);

/// An engine behind a proxy, connected, with one record.
struct Network {
    proxy: Proxy,
    store: PostgresStore,
    version: Version,
}

impl Network {
    async fn new(place: &Place, set: impl Fn(Config) -> Config) -> Self {
        let version = create(&place.open(), "a").await;
        let (proxy, config) = place.proxy();
        let store = PostgresStore::connect(set(config.with_readers(1).with_writers(1))).unwrap();
        let name = key("a");
        until_it_works(|| store.touch(&name, NOW)).await;
        until_it_works(|| store.health()).await;
        Self { proxy, store, version }
    }

    async fn update(&self, version: &Version, payload: &str) -> Result<Version, Error> {
        self.store.write(&key("a"), record(payload), WriteMode::Update(version.clone())).await
    }
}

/// Lets the next connection of which so many bytes come back be cut there.
fn cut(way: Way, after: u64) -> Mode {
    Mode::Cut { way, after, once: true }
}

async fn a_write_whose_answer_is_lost_is_unknown(place: Place) {
    let net = Network::new(&place, |config| config).await;
    let direct = place.open();
    let mut version = net.version.clone();
    for after in [0, 1, 5, 20] {
        net.proxy.set(cut(Way::Replies, after));
        let error = net.update(&version, &format!("lost {after}")).await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
        // The server did it. It has an end at once, as nobody else changes the record.
        let begun = Instant::now();
        while payload(&direct, "a").await.unwrap() != format!("lost {after}").as_bytes() {
            assert!(begun.elapsed() < PATIENCE);
        }
        version = net.store.load(&key("a")).await.unwrap().unwrap().version().clone();
        version = net.update(&version, "seen").await.unwrap();
    }
}

async fn a_write_that_never_arrives_whole_is_not_done(place: Place) {
    let net = Network::new(&place, |config| config).await;
    for after in [0, 1, 50, 100] {
        // So that there is a connection to cut.
        net.store.touch(&key("a"), NOW).await.unwrap();
        net.proxy.set(cut(Way::Requests, after));
        let error = net.update(&net.version, "half").await.unwrap_err();
        // From here one can't see how far it came.
        assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
        let found = net.store.load(&key("a")).await.unwrap().unwrap();
        assert_eq!((found.version(), found.payload()), (&net.version, &*bulk(100).payload), "{after}");
    }
    net.update(&net.version, "whole").await.unwrap();
}

async fn what_does_no_harm_twice_is_done_again(place: Place) {
    let net = Network::new(&place, |config| config).await;
    for way in [Way::Requests, Way::Replies] {
        net.proxy.set(cut(way, 10));
        assert!(net.store.load(&key("a")).await.unwrap().is_some());
        net.proxy.set(cut(way, 10));
        assert!(net.store.touch(&key("a"), later(9000)).await.unwrap());
        net.proxy.set(cut(way, 10));
        assert_eq!(list(&net.store, Default::default()).await.len(), 1);
        net.proxy.set(cut(way, 10));
        net.store.delete(&key("none")).await.unwrap();
        net.proxy.set(cut(way, 10));
        assert_eq!(net.store.purge_expired(NOW, 10).await.unwrap(), 0);
        assert_eq!(net.proxy.mode(), Mode::Pass, "each was cut");
    }
}

async fn connections_that_break_while_idle_are_not_noticed(place: Place) {
    let net = Network::new(&place, |config| config).await;
    let mut version = net.version.clone();
    for round in 0..5 {
        net.proxy.reset();
        // The news travels as fast as a request, so that a write may meet it half-way.
        match net.update(&version, &round.to_string()).await {
            Ok(next) => version = next,
            Err(error) => {
                assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
                version = net.store.load(&key("a")).await.unwrap().unwrap().version().clone();
            }
        }
        net.proxy.reset();
        assert!(net.store.load(&key("a")).await.unwrap().is_some());
    }
}

async fn a_silent_network_is_given_up_in_time(place: Place) {
    let net = Network::new(&place, |config| config.with_timeout(SHORT)).await;
    net.proxy.set(Mode::BlackHole);
    let begun = Instant::now();
    let error = within(SHORT, net.update(&net.version, "held")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    let error = within(SHORT, net.store.load(&key("a"))).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    // No connection can be made either, so that nothing was sent.
    let error = within(SHORT, net.update(&net.version, "unsent")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert_is(&within(SHORT, net.store.health()).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert!(begun.elapsed() >= 4 * SHORT && begun.elapsed() < 4 * SHORT + GRACE, "{:?}", begun.elapsed());

    net.proxy.reset();
    net.proxy.set(Mode::Pass);
    until_it_works(|| net.store.health()).await;
    let found = net.store.load(&key("a")).await.unwrap().unwrap();
    assert!(found.payload() != b"unsent");
    until_it_works(|| net.update(found.version(), "again")).await;
}

/// The wrapper's, whose error says as much as the engine's would. What it gave up may be done, or not.
async fn a_deadline_around_the_engine_holds_where_the_engines_own_is_longer(place: Place) {
    let Network { proxy, store, version, .. } =
        Network::new(&place, |config| config.with_timeout(PATIENCE)).await;
    let timed = DeadlineStore::new(store, tokio::time::sleep).with_reads(SHORT).with_writes(SHORT);
    proxy.set(Mode::BlackHole);
    let update = WriteMode::Update(version);
    let error = within(SHORT, timed.write(&key("a"), record("held"), update)).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    let error = within(SHORT, timed.load(&key("a"))).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    proxy.reset();
    proxy.set(Mode::Pass);
    until_it_works(|| timed.health()).await;
    assert!(timed.load(&key("a")).await.unwrap().is_some());
}

async fn a_refused_connection_is_safe_to_try_again(place: Place) {
    for mode in [Mode::Down, Mode::Refuse] {
        let (proxy, config) = place.proxy();
        let store = PostgresStore::connect(config.with_timeout(SHORT)).unwrap();
        proxy.set(mode);
        let begun = Instant::now();
        for _ in 0..3 {
            let name = key(1);
            let write = store.write(&name, record(""), WriteMode::Overwrite);
            let error = within(SHORT, write).await.unwrap_err();
            assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
            assert!(std::error::Error::source(&error).is_some(), "it says what is in the way");
        }
        assert!(begun.elapsed() < 3 * SHORT + GRACE, "{:?}", begun.elapsed());
        proxy.set(Mode::Pass);
        until_it_works(|| store.health()).await;
        let name = key("a");
        until_it_works(|| store.write(&name, record(""), WriteMode::Overwrite)).await;
    }
}

async fn a_slow_network_is_only_slow(place: Place) {
    let net = Network::new(&place, |config| config).await;
    let millisecond = Duration::from_millis(1);
    let slow = [Mode::Delay(20 * millisecond), Mode::Slow { bytes: 50, tick: millisecond }];
    let mut version = net.version.clone();
    for mode in slow {
        net.proxy.set(mode);
        version = net.update(&version, "slow").await.unwrap();
        assert_eq!(payload(&net.store, "a").await.unwrap(), b"slow");
        assert_eq!(list(&net.store, Default::default()).await.len(), 1);
    }
}

/// Each waits less than its answer takes, so that answers come when other questions wait for theirs.
async fn an_answer_that_comes_late_is_not_taken_for_another(place: Place) {
    let net = Network::new(&place, |config| config.with_timeout(Duration::from_millis(60))).await;
    let patient = place.open();
    for number in 0..20 {
        patient.write(&key(number), record(number.to_string()), WriteMode::Create).await.unwrap();
    }
    net.proxy.set(Mode::Delay(Duration::from_millis(25)));
    let mut answered = 0;
    for number in (0..20).cycle().take(60) {
        if let Ok(found) = net.store.load(&key(number)).await {
            assert_eq!(found.unwrap().payload(), number.to_string().as_bytes());
            answered += 1;
        }
    }
    net.proxy.set(Mode::Pass);
    until_it_works(|| net.store.health()).await;
    println!("{answered} of 60 in time");
}

async fn one_broken_connection_leaves_the_others_at_work(place: Place) {
    let (proxy, config) = place.proxy();
    let store = PostgresStore::connect(config.with_readers(3).with_writers(1)).unwrap();
    create(&store, "a").await;
    let name = key("a");
    for _ in 0..20 {
        futures_util::future::join_all((0..20).map(|_| store.load(&name))).await;
    }
    proxy.set(cut(Way::Replies, 0));
    let loads = futures_util::future::join_all((0..50).map(|_| store.load(&name))).await;
    assert!(loads.into_iter().all(|loaded| loaded.unwrap().is_some()));
}

/// The first operation gives up; its connection is made all the same, and serves the next.
async fn a_connection_takes_longer_than_an_operation_may(place: Place) {
    create(&place.open(), "a").await;
    let (proxy, config) = place.proxy();
    // Far more than a busy machine takes for an operation that is not delayed.
    let config = config.with_readers(1).with_connect_timeout(PATIENCE).with_timeout(Duration::from_secs(3));
    let store = PostgresStore::connect(config).unwrap();
    proxy.set(Mode::Delay(Duration::from_secs(2)));
    let error = store.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    proxy.set(Mode::Pass);
    let name = key("a");
    until_it_works(|| store.load(&name)).await;
    assert_eq!(proxy.counts().connections, 1);
}

async fn dropped_operations_leave_connections_usable(place: Place) {
    let net = Network::new(&place, |config| config).await;
    net.proxy.set(Mode::Delay(Duration::from_millis(5)));
    let name = key("a");
    for round in 0..50 {
        let mut load = Box::pin(net.store.load(&name));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(load.as_mut().poll(&mut context).is_pending());
        drop(load);
        if round % 10 == 0 {
            assert!(payload(&net.store, "a").await.is_some());
        }
    }
    assert_eq!(net.proxy.counts().connections, 2, "none was given up");
}
