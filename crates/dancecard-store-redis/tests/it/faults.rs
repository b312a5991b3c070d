//! Connections that break, hang and crawl, by a proxy before the server.

use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, ListQuery, Record, Retry, Store, WriteMode};
use dancecard_servers::{Mode, Proxy, Way};
use dancecard_store_redis::RedisStore;
use dancecard_testkit::store::cancel_after;

use crate::world::*;

trials![
    a_read_survives_a_connection_that_is_cut_at_any_byte,
    a_write_that_is_cut_at_any_byte_is_done_or_not_and_says_when_nobody_knows,
    a_lost_reply_is_told_as_unknown_and_the_write_is_there,
    a_listing_survives_cut_connections,
    a_server_that_is_not_there_is_safe_to_ask_again,
    a_server_that_came_back_is_found,
    a_silent_server_holds_nobody_beyond_the_deadline,
    a_slow_server_is_waited_for_until_the_deadline,
    a_long_outage_is_answered_at_once,
    a_reply_that_is_no_reply_is_unavailable,
    a_dropped_write_leaves_the_connection_whole,
];

const SHORT: Duration = Duration::from_millis(300);
/// How long operations may go on when their time is up, on however busy a machine.
const GRACE: Duration = Duration::from_secs(3);

fn proxy() -> Proxy {
    Proxy::start(shared().address()).unwrap()
}

/// An engine behind a proxy, with that much time for an operation.
fn behind(proxy: &Proxy, timeout: Duration) -> RedisStore {
    connect(&config(&proxy.url(&shared().url())).with_timeout(timeout).with_connect_timeout(timeout))
}

fn cut(way: Way, after: u64) -> Mode {
    Mode::Cut { way, after, once: true }
}

async fn a_read_survives_a_connection_that_is_cut_at_any_byte() {
    let proxy = proxy();
    let store = behind(&proxy, PATIENCE);
    create(&store, "a").await;
    proxy.forget();
    store.load(&key("a")).await.unwrap();
    let counts = proxy.counts();
    for (way, bytes) in [(Way::Requests, counts.to_server), (Way::Replies, counts.to_client)] {
        for after in 0..bytes {
            proxy.set(cut(way, after));
            assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload, "{way:?} {after}");
            assert_eq!(proxy.mode(), Mode::Pass, "{way:?} {after} of {bytes}: nothing was cut");
        }
    }
}

/// One byte more each time, first of the request, then of the reply.
async fn a_write_that_is_cut_at_any_byte_is_done_or_not_and_says_when_nobody_knows() {
    let proxy = proxy();
    let store = behind(&proxy, PATIENCE);
    let mut version = store.write(&key("a"), record("0"), WriteMode::Create).await.unwrap();
    proxy.forget();
    version = store.write(&key("a"), record("0"), WriteMode::Update(version)).await.unwrap();
    let counts = proxy.counts();
    let requests = (0..counts.to_server).step_by(7).map(|after| (Way::Requests, after));
    for (way, after) in requests.chain((0..counts.to_client).map(|after| (Way::Replies, after))) {
        proxy.set(cut(way, after));
        let update = WriteMode::Update(version.clone());
        let error = store.write(&key("a"), record("1"), update).await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
        let found = store.load(&key("a")).await.unwrap().unwrap();
        let is_done = *found.version() != version;
        assert_eq!(is_done, way == Way::Replies, "{way:?} {after}");
        assert_eq!(found.payload(), if is_done { b"1" } else { b"0" });
        version =
            store.write(&key("a"), record("0"), WriteMode::Update(found.version().clone())).await.unwrap();
    }
}

async fn a_lost_reply_is_told_as_unknown_and_the_write_is_there() {
    let proxy = proxy();
    let store = behind(&proxy, PATIENCE);
    let version = create(&store, "old").await;
    let lose = || proxy.set(cut(Way::Replies, 0));
    lose();
    let error = store.write(&key("new"), record("new"), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    assert_eq!(payload(&store, "new").await.unwrap(), b"new");
    lose();
    let marker = Record::new(meta().into_retired(None), vec![]);
    let error = store.replace(&key("old"), &version, marker, &key("next"), record("next")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    assert_eq!(payload(&store, "next").await.unwrap(), b"next");
    assert!(store.load(&key("old")).await.unwrap().unwrap().meta().is_retired());
    // What can be done twice is done until it is answered.
    lose();
    assert!(store.touch(&key("new"), later(9000)).await.unwrap());
    lose();
    store.delete(&key("new")).await.unwrap();
    assert_eq!(payload(&store, "new").await, None);
}

async fn a_listing_survives_cut_connections() {
    let proxy = proxy();
    let store = behind(&proxy, PATIENCE);
    for number in 0..600 {
        create(&store, number).await;
    }
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        for after in [0, 1, 1000, 20_000, 60_000] {
            proxy.set(cut(Way::Replies, after));
            let entries = list(&store, query.clone()).await;
            let mut keys: Vec<_> = entries.into_iter().map(|entry| entry.unwrap().key).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), 600, "{query:?} {after}");
            assert_eq!(proxy.mode(), Mode::Pass, "{query:?} {after}: nothing was cut");
        }
    }
}

async fn a_server_that_is_not_there_is_safe_to_ask_again() {
    let proxy = proxy();
    for mode in [Mode::Down, Mode::Refuse] {
        proxy.set(mode);
        let store = behind(&proxy, SHORT);
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

async fn a_server_that_came_back_is_found() {
    let proxy = proxy();
    let store = behind(&proxy, PATIENCE);
    create(&store, "a").await;
    for mode in [Mode::Down, Mode::Refuse] {
        proxy.set(mode);
        proxy.reset();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { payload(&store, "a").await }
        });
        proxy.set(Mode::Pass);
        assert!(waiting.await.unwrap().is_some());
        store.write(&key("a"), bulk(100), WriteMode::Overwrite).await.unwrap();
    }
}

async fn a_silent_server_holds_nobody_beyond_the_deadline() {
    let proxy = proxy();
    let store = behind(&proxy, SHORT);
    until(async || store.write(&key("a"), bulk(100), WriteMode::Overwrite).await.is_ok()).await;
    proxy.set(Mode::BlackHole);
    let begun = Instant::now();
    let error = store.write(&key("a"), record("late"), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    let taken = begun.elapsed();
    assert!(taken >= SHORT && taken < SHORT + GRACE, "{taken:?}");
    // The connection is given up: from now on nothing leaves.
    let error = store.write(&key("a"), record("later"), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    proxy.set(Mode::Pass);
    until(async || store.health().await.is_ok()).await;
    // What was held back may have arrived by now, or went with its connection.
    let found = payload(&store, "a").await.unwrap();
    assert!(found == b"late" || found == bulk(100).payload);
}

async fn a_slow_server_is_waited_for_until_the_deadline() {
    let proxy = proxy();
    let store = behind(&proxy, PATIENCE);
    create(&store, "a").await;
    proxy.set(Mode::Delay(Duration::from_millis(100)));
    let begun = Instant::now();
    assert!(payload(&store, "a").await.is_some());
    assert!(begun.elapsed() >= Duration::from_millis(100));
    proxy.set(Mode::Slow { bytes: 20, tick: Duration::from_millis(2) });
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
    let late = behind(&proxy, SHORT);
    proxy.set(Mode::Delay(SHORT * 3));
    assert_is(&late.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    proxy.set(Mode::Pass);
    until(async || late.health().await.is_ok()).await;
}

/// At first an operation waits, since a restart is short. When that has not helped, the next ones fail at once.
async fn a_long_outage_is_answered_at_once() {
    let proxy = proxy();
    proxy.set(Mode::Down);
    let store = behind(&proxy, SHORT);
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
    proxy.set(Mode::Pass);
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
    let proxy = proxy();
    let store = behind(&proxy, PATIENCE);
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
