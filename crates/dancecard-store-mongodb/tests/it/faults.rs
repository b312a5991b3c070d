//! A network that delays, cuts, swallows and refuses: typed errors in time, nothing acknowledged is lost, nothing is
//! done that was said not to be, and all is well again by itself.

use std::time::{Duration, Instant};

use dancecard_core::{Error, ErrorKind, Retry, Store, Version, WriteMode};
use dancecard_servers::{Mode, Proxy, Way};
use dancecard_store_mongodb::{Config, MongodbStore};

use crate::fixture::*;

cases! {
    a_write_whose_answer_is_lost_is_unknown,
    a_replica_set_tells_a_repeated_write_from_a_second_one,
    a_transaction_whose_answers_are_lost_is_done_once,
    a_write_that_never_arrives_whole_is_not_done,
    what_does_no_harm_twice_is_done_again,
    connections_that_break_while_idle_are_not_noticed,
    a_silent_network_is_given_up_in_time,
    a_refused_connection_is_safe_to_try_again,
    a_slow_network_is_only_slow,
    an_answer_that_comes_late_is_not_taken_for_another,
    dropped_operations_disturb_no_other,
}

const SHORT: Duration = Duration::from_millis(400);

/// An engine behind a proxy, connected, with one record.
struct Network {
    proxy: Proxy,
    store: MongodbStore,
    version: Version,
}

impl Network {
    async fn new(place: &Place, set: impl Fn(Config) -> Config) -> Self {
        let version = create(&place.open(), "a").await;
        let (proxy, config) = place.proxy();
        let store = MongodbStore::connect(set(config.with_journal(false))).unwrap();
        let name = key("a");
        until_it_works(|| store.touch(&name, *NOW)).await;
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

/// Lost on the way there or on the way back, it is sent again under its number, and done once.
async fn a_replica_set_tells_a_repeated_write_from_a_second_one(_: Place) {
    let place = Place::replicated();
    let net = Network::new(&place, |config| config).await;
    let mut version = net.version.clone();
    for (way, after) in [(Way::Replies, 0), (Way::Replies, 20), (Way::Requests, 0), (Way::Requests, 100)] {
        net.proxy.set(cut(way, after));
        let name = key(format!("{way:?} {after}"));
        version = net.update(&version, "once").await.unwrap();
        assert_eq!(net.proxy.mode(), Mode::Pass, "it was cut");
        net.proxy.set(cut(way, after));
        let created = net.store.write(&name, record("new"), WriteMode::Create).await.unwrap();
        net.proxy.set(cut(way, after));
        let overwritten = net.store.write(&name, record("newer"), WriteMode::Overwrite).await.unwrap();
        assert_ne!(created, overwritten);
        for (name, expected) in [(&key("a"), &version), (&name, &overwritten)] {
            assert_eq!(net.store.load(name).await.unwrap().unwrap().version(), expected);
        }
    }
    // Without numbers nobody knows.
    let config = net_config(&place, &net.proxy).await;
    net.proxy.set(cut(Way::Replies, 0));
    let lost = config.write(&key("a"), record("lost"), WriteMode::Update(version)).await.unwrap_err();
    assert_is(&lost, ErrorKind::Unavailable, Retry::Unknown);
}

/// An engine that was told not to number its writes.
async fn net_config(place: &Place, proxy: &Proxy) -> MongodbStore {
    let mut config = place.config().with_journal(false);
    config.uri = format!("{}&retryWrites=false", proxy_uri(proxy));
    let store = MongodbStore::connect(config).unwrap();
    store.health().await.unwrap();
    store
}

async fn a_transaction_whose_answers_are_lost_is_done_once(_: Place) {
    let place = Place::replicated();
    let net = Network::new(&place, |config| config).await;
    for after in [0, 100, 250, 400, 550, 700, 850, 1000] {
        let (old, new) = (format!("old {after}"), format!("new {after}"));
        let version = create(&net.store, &old).await;
        net.proxy.set(cut(Way::Replies, after));
        let made =
            net.store.replace(&key(&old), &version, record("retired"), &key(&new), record("new")).await;
        net.proxy.set(Mode::Pass);
        assert_eq!(net.store.load(&key(&new)).await.unwrap().unwrap().version(), &made.unwrap(), "{after}");
        assert_eq!(payload(&net.store, &old).await.unwrap(), b"retired");
    }
}

async fn a_write_that_never_arrives_whole_is_not_done(place: Place) {
    let net = Network::new(&place, |config| config).await;
    for after in [0, 1, 50, 100] {
        // So that there is a connection to cut.
        net.store.touch(&key("a"), *NOW).await.unwrap();
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
        assert_eq!(net.store.purge_expired(*NOW, 10).await.unwrap(), 0);
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
    for place in [place, Place::replicated()] {
        silence(&place).await;
    }
}

async fn silence(place: &Place) {
    let net = Network::new(place, |config| config.with_timeout(SHORT)).await;
    net.proxy.set(Mode::BlackHole);
    let begun = Instant::now();
    assert_is(&net.update(&net.version, "held").await.unwrap_err(), ErrorKind::Unavailable, Retry::Unknown);
    assert_is(&net.store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    // No connection can be made either, so that nothing was sent.
    assert_is(&net.update(&net.version, "unsent").await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert_is(&net.store.health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert!(begun.elapsed() >= 4 * SHORT && begun.elapsed() < 4 * SHORT + GRACE, "{:?}", begun.elapsed());

    net.proxy.reset();
    net.proxy.set(Mode::Pass);
    until_it_works(|| net.store.health()).await;
    let found = net.store.load(&key("a")).await.unwrap().unwrap();
    assert!(found.payload() != b"unsent");
    until_it_works(|| net.update(found.version(), "again")).await;
}

async fn a_refused_connection_is_safe_to_try_again(place: Place) {
    for place in [place, Place::replicated()] {
        refusal(&place).await;
    }
}

async fn refusal(place: &Place) {
    for mode in [Mode::Down, Mode::Refuse] {
        let (proxy, config) = place.proxy();
        let store = MongodbStore::connect(config.with_timeout(SHORT)).unwrap();
        proxy.set(mode);
        let begun = Instant::now();
        for _ in 0..3 {
            let error = store.write(&key(1), record(""), WriteMode::Overwrite).await.unwrap_err();
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
    for place in [place, Place::replicated()] {
        slowness(&place).await;
    }
}

async fn slowness(place: &Place) {
    let net = Network::new(place, |config| config).await;
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

async fn dropped_operations_disturb_no_other(place: Place) {
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
    // An answer that nobody waits for any more goes to nobody else.
    assert!(payload(&net.store, "a").await.is_some());
}
