//! Connections that break, hang and crawl, by a proxy before the server.

use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, ListQuery, Record, Retry, Store, WriteMode};
use dancecard_servers::{Mode, Proxy, Way, valkey};
use dancecard_store_redis::RedisStore;
use dancecard_testkit::store::cancel_after;
use libtest_mimic::Trial;

use crate::places::Place;
use crate::world::*;

/// The tests on one Redis, and all of them, one after the other, on servers of another kind.
macro_rules! on_each {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn trials() -> Vec<Trial> {
            let one = vec![$(trial(concat!("faults::", stringify!($name)), async || $name(&Place::shared()).await)),*];
            one.into_iter().chain(elsewhere()).collect()
        }

        async fn all(place: Place) {
            $(
                $name(&place).await;
                place.set(Mode::Pass);
            )*
        }
    };
}

on_each![
    a_read_survives_a_connection_that_is_cut_at_any_byte,
    a_write_that_is_cut_at_any_byte_is_done_or_not_and_says_when_nobody_knows,
    a_lost_reply_is_told_as_unknown_and_the_write_is_there,
    a_listing_survives_cut_connections,
    a_server_that_is_not_there_is_safe_to_ask_again,
    a_server_that_came_back_is_found,
    a_silent_server_holds_nobody_beyond_the_deadline,
    a_slow_server_is_waited_for_until_the_deadline,
    a_long_outage_is_answered_at_once,
];

fn elsewhere() -> Vec<Trial> {
    let name = "faults::all_of_these_on_valkey";
    let on_valkey = match valkey::check() {
        Ok(()) => trial(name, async || all(Place::alone(valkey::start().unwrap())).await),
        Err(absent) => absent.trial(name),
    };
    vec![
        trial("faults::a_reply_that_is_no_reply_is_unavailable", a_reply_that_is_no_reply_is_unavailable),
        trial(
            "faults::a_dropped_write_leaves_the_connection_whole",
            a_dropped_write_leaves_the_connection_whole,
        ),
        on_valkey,
        trial("faults::all_of_these_behind_sentinels", async || all(Place::behind_sentinels().await).await),
        trial("faults::all_of_these_in_a_cluster", async || all(Place::in_a_cluster().await).await),
    ]
}

const SHORT: Duration = Duration::from_millis(300);
/// How long operations may go on when their time is up, on however busy a machine.
const GRACE: Duration = Duration::from_secs(3);

/// Of nobody, so that a Cluster too writes it by one command.
fn visitor(payload: &str) -> Record {
    Record::new(meta().with_principal(None), payload.into())
}

fn cut(way: Way, after: u64) -> Mode {
    Mode::Cut { way, after, once: true }
}

async fn a_read_survives_a_connection_that_is_cut_at_any_byte(place: &Place) {
    let store = place.engine(PATIENCE);
    create(&store, "a").await;
    place.forget();
    store.load(&key("a")).await.unwrap();
    let (sent, got) = place.bytes();
    // Sentinels and nodes are asked after each.
    let step = if place.servers.is_empty() { 1 } else { 9 };
    for (way, bytes) in [(Way::Requests, sent), (Way::Replies, got)] {
        for after in (0..bytes).step_by(step) {
            place.set(cut(way, after));
            assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload, "{way:?} {after}");
            assert!(place.was_cut(), "{way:?} {after} of {bytes}: nothing was cut");
        }
    }
}

/// One byte more each time, first of the request, then of the reply.
async fn a_write_that_is_cut_at_any_byte_is_done_or_not_and_says_when_nobody_knows(place: &Place) {
    let store = place.engine(PATIENCE);
    let mut version = store.write(&key("a"), visitor("0"), WriteMode::Create).await.unwrap();
    place.forget();
    version = store.write(&key("a"), visitor("0"), WriteMode::Update(version)).await.unwrap();
    let (sent, got) = place.bytes();
    let requests =
        (0..sent).step_by(if place.servers.is_empty() { 7 } else { 70 }).map(|after| (Way::Requests, after));
    for (way, after) in requests.chain((0..got).map(|after| (Way::Replies, after))) {
        place.set(cut(way, after));
        let update = WriteMode::Update(version.clone());
        let written = store.write(&key("a"), visitor("1"), update).await;
        let Err(error) = written else { panic!("{way:?} {after} of {sent} and {got}: nothing was cut") };
        assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
        assert!(place.was_cut(), "{way:?} {after}: nothing was cut");
        let found = store.load(&key("a")).await.unwrap().unwrap();
        let is_done = *found.version() != version;
        assert_eq!(is_done, way == Way::Replies, "{way:?} {after}");
        assert_eq!(found.payload(), if is_done { b"1" } else { b"0" });
        version =
            store.write(&key("a"), visitor("0"), WriteMode::Update(found.version().clone())).await.unwrap();
    }
}

async fn a_lost_reply_is_told_as_unknown_and_the_write_is_there(place: &Place) {
    let store = place.engine(PATIENCE);
    // What is cut is a reply, and no greeting.
    for name in ["new", "next"] {
        assert!(payload(&store, name).await.is_none());
    }
    let version = store.write(&key("old"), visitor("old"), WriteMode::Create).await.unwrap();
    let lose = || place.set(cut(Way::Replies, 0));
    lose();
    let error = store.write(&key("new"), visitor("new"), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    place.set(Mode::Pass);
    assert_eq!(payload(&store, "new").await.unwrap(), b"new");
    lose();
    let marker = Record::new(meta().with_principal(None).into_retired(None), vec![]);
    let error =
        store.replace(&key("old"), &version, marker, &key("next"), visitor("next")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    place.set(Mode::Pass);
    // A Cluster's replacement is two writes, of which the first is taken back.
    let is_done = !place.is_cluster();
    assert_eq!(payload(&store, "next").await, is_done.then(|| b"next".to_vec()));
    assert_eq!(store.load(&key("old")).await.unwrap().unwrap().meta().is_retired(), is_done);
    // What can be done twice is done until it is answered.
    lose();
    assert!(store.touch(&key("new"), later(9000)).await.unwrap());
    lose();
    store.delete(&key("new")).await.unwrap();
    assert_eq!(payload(&store, "new").await, None);
}

async fn a_listing_survives_cut_connections(place: &Place) {
    let store = place.engine(PATIENCE);
    for number in 0..600 {
        create(&store, number).await;
    }
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        for after in [0, 1, 1000, 20_000, 60_000].into_iter().take(if place.is_cluster() { 3 } else { 5 }) {
            place.set(cut(Way::Replies, after));
            let entries = list(&store, query.clone()).await;
            let mut keys: Vec<_> = entries.into_iter().map(|entry| entry.unwrap().key).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), 600, "{query:?} {after}");
            assert!(place.was_cut(), "{query:?} {after}: nothing was cut");
        }
    }
}

async fn a_server_that_is_not_there_is_safe_to_ask_again(place: &Place) {
    for mode in [Mode::Down, Mode::Refuse] {
        place.set(mode);
        let store = place.engine(SHORT);
        let begun = Instant::now();
        let error = store.write(&key("a"), record("a"), WriteMode::Create).await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        assert_is(&store.delete(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        assert_is(&store.health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        let listed = list(&store, ListQuery::all()).await;
        assert_is(listed[0].as_ref().unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        assert_eq!(listed.len(), 1);
        assert!(begun.elapsed() < SHORT * 5 + GRACE, "{:?}", begun.elapsed());
    }
}

async fn a_server_that_came_back_is_found(place: &Place) {
    let store = place.engine(PATIENCE);
    create(&store, "a").await;
    for mode in [Mode::Down, Mode::Refuse] {
        place.set(mode);
        place.reset();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { payload(&store, "a").await }
        });
        place.set(Mode::Pass);
        assert!(waiting.await.unwrap().is_some());
        store.write(&key("a"), bulk(100), WriteMode::Overwrite).await.unwrap();
    }
}

async fn a_silent_server_holds_nobody_beyond_the_deadline(place: &Place) {
    let store = place.engine(SHORT);
    until(async || store.write(&key("a"), visitor("first"), WriteMode::Overwrite).await.is_ok()).await;
    place.set(Mode::BlackHole);
    let begun = Instant::now();
    let error = store.write(&key("a"), visitor("late"), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    let taken = begun.elapsed();
    assert!(taken >= SHORT && taken < SHORT + GRACE, "{taken:?}");
    // The connection is given up: from now on nothing leaves.
    let error = store.write(&key("a"), visitor("later"), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    place.set(Mode::Pass);
    until(async || store.health().await.is_ok()).await;
    // What was held back may have arrived by now, or went with its connection.
    let found = payload(&store, "a").await.unwrap();
    assert!(found == b"late" || found == b"first");
}

async fn a_slow_server_is_waited_for_until_the_deadline(place: &Place) {
    let store = place.engine(PATIENCE);
    create(&store, "a").await;
    place.set(Mode::Delay(Duration::from_millis(100)));
    let begun = Instant::now();
    assert!(payload(&store, "a").await.is_some());
    assert!(begun.elapsed() >= Duration::from_millis(100));
    place.set(Mode::Slow { bytes: 20, tick: Duration::from_millis(2) });
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
    let late = place.engine(SHORT);
    place.set(Mode::Delay(SHORT * 3));
    assert_is(&late.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    place.set(Mode::Pass);
    until(async || late.health().await.is_ok()).await;
}

/// At first an operation waits, since a restart is short. When that has not helped, the next ones fail at once.
async fn a_long_outage_is_answered_at_once(place: &Place) {
    place.set(Mode::Down);
    let store = place.engine(SHORT);
    let begun = Instant::now();
    store.load(&key("a")).await.unwrap_err();
    store.load(&key("a")).await.unwrap_err();
    assert!(begun.elapsed() >= SHORT);
    let begun = Instant::now();
    for _ in 0..1000 {
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    }
    // Waiting each time would take five minutes.
    assert!(begun.elapsed() < PATIENCE * 2, "{:?}", begun.elapsed());
    place.set(Mode::Pass);
    until(async || store.health().await.is_ok()).await;
}

async fn a_reply_that_is_no_reply_is_unavailable() {
    let web = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = web.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in web.incoming() {
            let _ = std::io::Write::write_all(&mut stream.unwrap(), b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let store = connect(&config(&format!("redis://{address}")).with_timeout(SHORT));
    let error = store.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
}

async fn a_dropped_write_leaves_the_connection_whole() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let store = connect(&config(&proxy.url(&shared().url())));
    create(&store, "a").await;
    for number in 0..200 {
        let payload = vec![number as u8; 5000];
        let key = key("a");
        drop(cancel_after(number % 4, store.write(&key, record(payload), WriteMode::Overwrite)).await);
        let found = payload_of(&store).await;
        assert!(found.iter().all(|byte| *byte == found[0]) || found == bulk(100).payload);
    }
    assert_eq!(proxy.counts().connections, 1);
}

async fn payload_of(store: &RedisStore) -> Vec<u8> {
    payload(store, "a").await.unwrap()
}
