//! Connections that break, hang and crawl, by a proxy before the server, and a server that is stopped.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, ListQuery, Retry, Store, Version, WriteMode};
use dancecard_servers::{Mode, Proxy, Way};
use dancecard_store_object::ObjectStore;
use tokio::sync::watch;

use crate::world::*;

trials![
    a_read_survives_a_connection_that_is_cut,
    a_write_that_is_cut_is_done_or_not_and_says_that_nobody_knows,
    a_write_of_which_only_the_head_arrived_is_not_done,
    a_server_that_is_not_there_is_safe_to_ask_again,
    a_server_that_hangs_up_is_unavailable,
    a_server_that_came_back_is_found,
    a_silent_server_holds_nobody_beyond_the_deadline,
    a_slow_server_is_waited_for,
    a_request_goes_on_though_nobody_looks,
    a_first_use_that_nobody_looks_at_holds_up_no_other,
    counters_are_exact_or_unknown_under_faults,
    a_server_that_is_stopped_is_waited_for_until_the_deadline,
    a_server_that_was_killed_is_found_again_with_what_it_acknowledged,
    what_was_told_before_a_kill_holds_after_it,
];

const SHORT: Duration = Duration::from_millis(400);

/// An engine behind a proxy, opened, with that much time for a request from now on.
async fn behind(timeout: Duration) -> (Proxy, ObjectStore) {
    let proxy = Proxy::start(shared().address()).unwrap();
    let config = config(&proxy.url(&shared().url()));
    connect(&config).health().await.unwrap();
    let store = connect(&config.with_timeout(timeout));
    for _ in 0..100 {
        if store.health().await.is_ok() {
            break;
        }
    }
    (proxy, store)
}

async fn a_read_survives_a_connection_that_is_cut() {
    let (proxy, store) = behind(PATIENCE).await;
    create(&store, "a").await;
    proxy.forget();
    payload(&store, "a").await.unwrap();
    let counts = proxy.counts();
    for (way, bytes) in [(Way::Requests, counts.to_server), (Way::Replies, counts.to_client)] {
        for after in (0..bytes).step_by(29) {
            proxy.set(Mode::Cut { way, after, once: true });
            assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload, "{way:?} {after}");
            proxy.set(Mode::Pass);
        }
    }
}

async fn a_write_that_is_cut_is_done_or_not_and_says_that_nobody_knows() {
    let (proxy, store) = behind(PATIENCE).await;
    let mut version = create(&store, "a").await;
    proxy.forget();
    version = store.write(&key("a"), bulk(0), WriteMode::Update(version)).await.unwrap();
    let counts = proxy.counts();
    let requests = (0..counts.to_server).step_by(101).map(|after| (Way::Requests, after));
    for (way, after) in requests.chain((0..counts.to_client).step_by(43).map(|after| (Way::Replies, after))) {
        proxy.set(Mode::Cut { way, after, once: true });
        let written = store.write(&key("a"), bulk(1), WriteMode::Update(version.clone())).await;
        proxy.set(Mode::Pass);
        // A reply whose head came through tells enough.
        if let Err(error) = &written {
            assert_is(error, ErrorKind::Unavailable, Retry::Unknown);
        }
        let found = store.load(&key("a")).await.unwrap().unwrap();
        let is_done = *found.version() != version;
        assert!(is_done || written.is_err(), "{way:?} {after}");
        assert_eq!(found.payload(), bulk(usize::from(is_done)).payload, "{way:?} {after}");
        let again = WriteMode::Update(found.version().clone());
        version = store.write(&key("a"), bulk(0), again).await.unwrap();
    }
}

/// The server of the tests takes that for an empty object, unless it is told what to expect.
async fn a_write_of_which_only_the_head_arrived_is_not_done() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let config = config(&proxy.url(&shared().url()));
    let store = connect(&config);
    let version = create(&store, "a").await;
    proxy.forget();
    let version = store.write(&key("a"), bulk(200), WriteMode::Update(version)).await.unwrap();
    let whole = proxy.counts().to_server;
    let body = raw(&config).stat(&name_of(&config, &key("a"))).await.unwrap().content_length();
    store.load(&key("a")).await.unwrap();
    proxy.set(Mode::Cut { way: Way::Requests, after: whole - body, once: true });
    let update = WriteMode::Update(version.clone());
    let error = store.write(&key("a"), bulk(200), update).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    assert_eq!(*store.load(&key("a")).await.unwrap().unwrap().version(), version);
}

async fn a_server_that_is_not_there_is_safe_to_ask_again() {
    let (proxy, store) = behind(PATIENCE).await;
    let version = create(&store, "a").await;
    proxy.set(Mode::Down);
    proxy.reset();
    assert_unreachable(&store, version).await;
}

/// Something listens, and hangs up: it may have heard what was said.
async fn a_server_that_hangs_up_is_unavailable() {
    let (proxy, store) = behind(PATIENCE).await;
    let version = create(&store, "a").await;
    for _ in 0..3 {
        proxy.set(Mode::Refuse);
        proxy.reset();
        let loaded = store.load(&key("a")).await.map(drop).unwrap_err();
        assert_is(&loaded, ErrorKind::Unavailable, Retry::Safe);
        let listed = list(&store, ListQuery::all()).await.remove(0).map(drop).unwrap_err();
        assert_is(&listed, ErrorKind::Unavailable, Retry::Safe);
        let update = WriteMode::Update(version.clone());
        let written = store.write(&key("a"), bulk(1), update).await.map(drop).unwrap_err();
        assert_is(&written, ErrorKind::Unavailable, Retry::Unknown);
        proxy.set(Mode::Pass);
        assert_eq!(store.load(&key("a")).await.unwrap().unwrap().version(), &version);
    }
}

async fn assert_unreachable(store: &ObjectStore, version: Version) {
    for error in [
        store.load(&key("a")).await.map(drop).unwrap_err(),
        store.write(&key("b"), bulk(1), WriteMode::Create).await.map(drop).unwrap_err(),
        store.write(&key("a"), bulk(1), WriteMode::Update(version)).await.map(drop).unwrap_err(),
        store.delete(&key("a")).await.unwrap_err(),
        store.health().await.unwrap_err(),
        store.purge_expired(later(9000), 10).await.map(drop).unwrap_err(),
        list(store, ListQuery::all()).await.remove(0).map(drop).unwrap_err(),
    ] {
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    }
}

async fn a_server_that_came_back_is_found() {
    let (proxy, store) = behind(PATIENCE).await;
    let version = create(&store, "a").await;
    for _ in 0..3 {
        proxy.set(Mode::Down);
        proxy.reset();
        assert!(store.load(&key("a")).await.unwrap_err().is_unavailable());
        proxy.set(Mode::Pass);
        assert_eq!(store.load(&key("a")).await.unwrap().unwrap().version(), &version);
    }
}

async fn a_silent_server_holds_nobody_beyond_the_deadline() {
    let (proxy, store) = behind(SHORT).await;
    let created = store.write(&key("a"), bulk(1), WriteMode::Overwrite).await;
    proxy.set(Mode::BlackHole);
    let begun = Instant::now();
    assert_is(&store.load(&key("a")).await.map(drop).unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    let written = store.write(&key("a"), bulk(2), WriteMode::Overwrite).await.map(drop).unwrap_err();
    assert_is(&written, ErrorKind::Unavailable, Retry::Unknown);
    let listed = list(&store, ListQuery::all()).await.remove(0).map(drop).unwrap_err();
    assert_is(&listed, ErrorKind::Unavailable, Retry::Safe);
    // Three deadlines, and a busy machine.
    assert!(begun.elapsed() < SHORT * 3 + Duration::from_secs(10), "{:?}", begun.elapsed());
    proxy.set(Mode::Pass);
    drop(created);
}

async fn a_slow_server_is_waited_for() {
    let (proxy, store) = behind(PATIENCE).await;
    create(&store, "a").await;
    proxy.set(Mode::Slow { bytes: 64, tick: Duration::from_millis(1) });
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    let version = store.write(&key("a"), bulk(200), WriteMode::Update(version)).await.unwrap();
    proxy.set(Mode::Delay(Duration::from_millis(50)));
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(200).payload);
    store.write(&key("a"), bulk(300), WriteMode::Update(version)).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(300).payload);
}

/// OpenDAL lets requests queue for the credentials: one whose turn comes has to take it, whatever its caller does.
async fn a_request_goes_on_though_nobody_looks() {
    let (proxy, store) = behind(PATIENCE).await;
    create(&store, "a").await;
    // So that it takes more than one step.
    proxy.reset();
    proxy.forget();
    let name = key("a");
    let mut load = pin!(store.load(&name));
    let has_begun = poll_fn(|context| Poll::Ready(load.as_mut().poll(context).is_pending()));
    assert!(has_begun.await);
    let begun = Instant::now();
    while proxy.counts().to_client == 0 {
        assert!(begun.elapsed() < PATIENCE, "nothing was asked");
        tokio::task::yield_now().await;
    }
    assert_eq!(load.await.unwrap().unwrap().payload(), bulk(100).payload);
}

async fn a_first_use_that_nobody_looks_at_holds_up_no_other() {
    let store = connect(&config(&shared().url()));
    let (one, other) = (key("a"), key("b"));
    let mut first = pin!(store.load(&one));
    let has_begun = poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_pending()));
    assert!(has_begun.await);
    let second = tokio::time::timeout(PATIENCE, store.load(&other)).await;
    assert!(second.expect("it waits for the first").unwrap().is_none());
    assert!(first.await.unwrap().is_none());
}

/// Each increment that was acknowledged is there; each that was not is there or not, and says so.
async fn counters_are_exact_or_unknown_under_faults() {
    let (proxy, store) = behind(PATIENCE).await;
    store.write(&key("n"), record("0"), WriteMode::Create).await.unwrap();
    let (mut acknowledged, mut unknown) = (0, 0);
    let mut seed: u64 = 0x6463_7264;
    for _ in 0..40 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let found = store.load(&key("n")).await.unwrap().unwrap();
        let number: u64 = std::str::from_utf8(found.payload()).unwrap().parse().unwrap();
        assert!((acknowledged..=acknowledged + unknown).contains(&number), "{number}");
        let way = if seed >> 63 == 0 { Way::Requests } else { Way::Replies };
        proxy.set(Mode::Cut { way, after: (seed >> 40) % 1500, once: true });
        let update = WriteMode::Update(found.version().clone());
        match store.write(&key("n"), record((number + 1).to_string()), update).await {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                assert_eq!(error.retry(), Retry::Unknown, "{error}");
                unknown += 1;
            }
        }
        proxy.set(Mode::Pass);
    }
    assert!(acknowledged > 0 && unknown > 0, "{acknowledged} {unknown}");
}

async fn a_server_that_is_stopped_is_waited_for_until_the_deadline() {
    let server = dancecard_servers::s3::start().unwrap();
    let config = config(&server.url());
    connect(&config).health().await.unwrap();
    let (patient, hasty) = (connect(&config), connect(&config.clone().with_timeout(SHORT)));
    create(&patient, "a").await;
    while hasty.health().await.is_err() {}
    server.pause();
    assert_is(&hasty.load(&key("a")).await.map(drop).unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    server.resume();
    assert_eq!(payload(&patient, "a").await.unwrap(), bulk(100).payload);
    server.kill();
    assert!(patient.load(&key("a")).await.unwrap_err().is_unavailable());
}

/// Begins sessions and ends every third, until the server is gone. What was told of them, for certain: those that are, and
/// those that are no more.
async fn write_until_it_is_gone(
    store: ObjectStore,
    task: usize,
    done: watch::Sender<usize>,
) -> [Vec<String>; 2] {
    let mut told = [Vec::new(), Vec::new()];
    for number in 0.. {
        let name = format!("{task} {number}");
        if store.write(&key(&name), bulk(100), WriteMode::Create).await.is_err() {
            break;
        }
        let ends = number % 3 == 0;
        if ends && store.delete(&key(&name)).await.is_err() {
            break;
        }
        told[usize::from(ends)].push(name);
        done.send_modify(|done| *done += 1);
    }
    told
}

async fn what_was_told_before_a_kill_holds_after_it() {
    let server = dancecard_servers::s3::start().unwrap();
    let config = config(&server.url());
    let (done, mut seen) = watch::channel(0);
    let tasks: Vec<_> = (0..8)
        .map(|task| tokio::spawn(write_until_it_is_gone(connect(&config), task, done.clone())))
        .collect();
    seen.wait_for(|done| *done >= 80).await.unwrap();
    server.kill();
    let mut told = [Vec::new(), Vec::new()];
    for task in tasks {
        let [there, gone] = task.await.unwrap();
        told[0].extend(there);
        told[1].extend(gone);
    }
    server.restart().unwrap();
    let store = connect(&config);
    for (names, is_there) in told.iter().zip([true, false]) {
        assert!(names.len() >= 10, "{told:?}");
        for name in names {
            assert_eq!(payload(&store, name).await.is_some(), is_there, "{name}");
        }
    }
}

/// What was acknowledged is there, and what was deleted is not, nor does it come back by a late update.
async fn a_server_that_was_killed_is_found_again_with_what_it_acknowledged() {
    let server = dancecard_servers::s3::start().unwrap();
    let store = connect(&config(&server.url()));
    let (version, gone) = (create(&store, "a").await, create(&store, "gone").await);
    store.delete(&key("gone")).await.unwrap();
    server.kill();
    assert_is(&store.load(&key("a")).await.map(drop).unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    server.restart().unwrap();
    assert_eq!(store.load(&key("a")).await.unwrap().unwrap().version(), &version);
    let late = store.write(&key("gone"), bulk(1), WriteMode::Update(gone)).await.unwrap_err();
    assert_is(&late, ErrorKind::Conflict, Retry::Never);
    assert_eq!(payload(&store, "gone").await, None);
    store.write(&key("a"), bulk(1), WriteMode::Update(version)).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(1).payload);
    store.health().await.unwrap();
}
