//! Servers that are down, hang, or break off: each a typed error in time, and the engine comes back by itself.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, Record, Result, Retry, Store, Version, WriteMode};
use dancecard_servers::{Mode, Proxy, Way};
use dancecard_store_memcached::{Config, MemcachedStore};

use crate::fixture::*;

cases! { "faults":
    a_server_that_is_down_is_safe_to_ask_again,
    a_connection_that_ended_is_replaced_unnoticed,
    a_server_that_hangs_does_not_hold_anybody_beyond_the_deadline,
    a_server_that_is_paused_does_not_either,
    who_hangs_while_connecting_neither,
    a_reply_that_is_cut_leaves_a_write_unknown,
    a_request_that_is_cut_leaves_nothing_half_written,
    a_server_that_refuses_is_safe_to_ask_again,
    delayed_and_slow_replies_arrive,
    too_slow_is_too_late,
    callers_beyond_the_queue_are_refused_at_once,
    a_password_is_needed_and_checked,
    a_server_without_passwords_keeps_none,
    another_runtime_takes_over,
    outside_a_runtime_it_says_so,
    counters_are_exact_or_unknown_while_connections_break,
    nothing_acknowledged_is_lost_while_connections_break,
}

/// The work ends in time; the limit leaves room for a busy machine, not for a wait without an end.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    done
}

async fn overwrite(store: &MemcachedStore, name: &str, text: &str) -> Result<Version> {
    store.write(&key(name), record(text), WriteMode::Overwrite).await
}

async fn a_server_that_is_down_is_safe_to_ask_again() {
    let server = server();
    let store = store(&server);
    server.kill();
    for _ in 0..20 {
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        assert_is(&overwrite(&store, "a", "").await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        assert_is(&store.delete(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        assert_is(&store.health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    }
    server.restart().unwrap();
    recovered(&store).await;
    create(&store, "a").await;
}

async fn a_connection_that_ended_is_replaced_unnoticed() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    create(&store, "a").await;
    for round in 0..10 {
        proxy.reset();
        // The end may not have been noticed yet; then the engine learns of it by this.
        let _ = store.health().await;
        overwrite(&store, "a", &round.to_string()).await.unwrap();
        assert_eq!(payload(&store, "a").await.unwrap(), round.to_string().as_bytes());
    }
}

async fn a_server_that_hangs_does_not_hold_anybody_beyond_the_deadline() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, HASTY);
    create(&crate::fixture::store(&server), "a").await;
    recovered(&store).await;
    proxy.set(Mode::BlackHole);
    let error = in_time(overwrite(&store, "a", "late")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    // The connection was given up, and the next one is not answered either: nothing was sent on it.
    let error = in_time(overwrite(&store, "a", "never")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert_is(&in_time(store.load(&key("a"))).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    proxy.set(Mode::Pass);
    recovered(&store).await;
    let found = payload(&crate::fixture::store(&server), "a").await.unwrap();
    assert!(found == bulk(100).payload || found == b"late");
}

async fn a_server_that_is_paused_does_not_either() {
    let server = server();
    let store = MemcachedStore::connect(config(&server).with_timeout(HASTY)).unwrap();
    create(&crate::fixture::store(&server), "a").await;
    recovered(&store).await;
    server.pause();
    assert_is(&in_time(store.delete(&key("a"))).await.unwrap_err(), ErrorKind::Unavailable, Retry::Unknown);
    assert_is(&in_time(store.load(&key("a"))).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    server.resume();
    recovered(&store).await;
    // What had been sent is carried out when the server goes on, which may be after others.
    let (other, begun) = (crate::fixture::store(&server), std::time::Instant::now());
    while payload(&other, "a").await.is_some() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it was not carried out");
    }
}

async fn who_hangs_while_connecting_neither() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, HASTY);
    let store = Arc::new(store);
    proxy.set(Mode::BlackHole);
    let loads: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { in_time(store.load(&key("a"))).await.unwrap_err() })
        })
        .collect();
    for load in loads {
        assert_is(&load.await.unwrap(), ErrorKind::Unavailable, Retry::Safe);
    }
    proxy.set(Mode::Pass);
    recovered(&store).await;
}

async fn a_reply_that_is_cut_leaves_a_write_unknown() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    for after in [0, 1, 5] {
        let cut = async || {
            recovered(&store).await;
            proxy.set(Mode::Cut { way: Way::Replies, after, once: true });
        };
        let version = overwrite(&store, "a", "old").await.unwrap();
        cut().await;
        let update = store.write(&key("a"), record("new"), WriteMode::Update(version)).await;
        assert_is(&update.unwrap_err(), ErrorKind::Unavailable, Retry::Unknown);
        assert_eq!(payload(&store, "a").await.unwrap(), b"new", "the server had it");
        cut().await;
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        cut().await;
        assert_is(&store.delete(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Unknown);
        assert_eq!(payload(&store, "a").await, None);
    }
}

async fn a_request_that_is_cut_leaves_nothing_half_written() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    overwrite(&store, "a", "old").await.unwrap();
    for after in [0, 1, 50, 100, 150, 1000] {
        recovered(&store).await;
        proxy.set(Mode::Cut { way: Way::Requests, after, once: true });
        let error = store.write(&key("a"), bulk(5000), WriteMode::Overwrite).await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
        assert_eq!(payload(&store, "a").await.unwrap(), b"old", "cut after {after} bytes");
    }
}

async fn a_server_that_refuses_is_safe_to_ask_again() {
    let server = server();
    for mode in [Mode::Down, Mode::Refuse] {
        let (proxy, store) = behind_proxy(&server, PATIENT);
        proxy.set(mode);
        let error = in_time(overwrite(&store, "a", "")).await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
        proxy.set(Mode::Pass);
        recovered(&store).await;
        overwrite(&store, "a", "").await.unwrap();
    }
}

async fn delayed_and_slow_replies_arrive() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    let large = bulk(100_000);
    store.write(&key("a"), large.clone(), WriteMode::Create).await.unwrap();
    let modes =
        [Mode::Delay(Duration::from_millis(20)), Mode::Slow { bytes: 1000, tick: Duration::from_millis(1) }];
    for mode in modes {
        proxy.set(mode);
        assert!(payload(&store, "a").await.unwrap() == large.payload);
        store.write(&key("a"), large.clone(), WriteMode::Overwrite).await.unwrap();
    }
}

async fn too_slow_is_too_late() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, HASTY);
    let patient = crate::fixture::store(&server);
    patient.write(&key("a"), bulk(500_000), WriteMode::Create).await.unwrap();
    recovered(&store).await;
    proxy.set(Mode::Slow { bytes: 100, tick: Duration::from_millis(20) });
    assert_is(&in_time(store.load(&key("a"))).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    proxy.set(Mode::Pass);
    recovered(&store).await;
    assert_eq!(payload(&patient, "a").await.unwrap().len(), 500_000);
}

async fn callers_beyond_the_queue_are_refused_at_once() {
    let server = server();
    let proxy = Proxy::start(server.address()).unwrap();
    let config =
        Config::new([proxy.address().to_string()]).with_timeout(Duration::from_secs(2)).with_queue(8);
    let store = Arc::new(MemcachedStore::connect(config).unwrap());
    recovered(&store).await;
    proxy.set(Mode::BlackHole);
    let load = |store: Arc<MemcachedStore>| async move { store.load(&key("a")).await.map(drop) };
    let waiting: Vec<_> = (0..20).map(|_| tokio::spawn(load(store.clone()))).collect();
    let mut refused = 0;
    for (place, load) in waiting.into_iter().enumerate() {
        let error = load.await.unwrap().unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
        refused += usize::from(error.to_string().contains("too many operations wait"));
        assert!(place < 20);
    }
    assert_eq!(refused, 12);
    proxy.set(Mode::Pass);
    recovered(&store).await;
}

async fn a_password_is_needed_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    std::fs::write(&file, "alice:open-sesame:\nbob:42\n").unwrap();
    open_to_all(folder.path());
    open_to_all(&file);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let _server = Program::start(["-l", "127.0.0.1", "-U", "0", "-p", &port, "-Y", file.to_str().unwrap()]);
    let config = || Config::new([format!("127.0.0.1:{port}")]).with_timeout(PATIENT);
    let alice = MemcachedStore::connect(config().with_sign_in("alice", "open-sesame:")).unwrap();
    recovered(&alice).await;
    create(&alice, "a").await;
    let bob = MemcachedStore::connect(config().with_sign_in("bob", "42")).unwrap();
    assert!(payload(&bob, "a").await.is_some());
    for wrong in [config().with_sign_in("bob", "43"), config().with_sign_in("carol", "canary-4711"), config()]
    {
        let store = MemcachedStore::connect(wrong).unwrap();
        for _ in 0..3 {
            let error = store.load(&key("a")).await.unwrap_err();
            assert_is(&error, ErrorKind::Config, Retry::Never);
            assert!(error.to_string().contains("password"), "{error}");
        }
    }
}

async fn a_server_without_passwords_keeps_none() {
    let server = server();
    let store = MemcachedStore::connect(config(&server).with_sign_in("alice", SECRET)).unwrap();
    create(&store, "a").await;
    assert_eq!(raw(&server, "mg dancecard-sign-in v\r\n"), "EN\r\n");
}

async fn another_runtime_takes_over() {
    let server = server();
    let store = Arc::new(store(&server));
    for round in 0..5 {
        let there = store.clone();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async { overwrite(&there, "a", &round.to_string()).await.map(drop) })
        });
        thread.join().unwrap().unwrap();
        assert_eq!(payload(&*store, "a").await.unwrap(), round.to_string().as_bytes());
    }
}

async fn outside_a_runtime_it_says_so() {
    let server = server();
    let store = store(&server);
    let asked = std::thread::spawn(move || {
        let key = key("a");
        let mut load = std::pin::pin!(store.load(&key));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match load.as_mut().poll(&mut context) {
            std::task::Poll::Ready(Err(error)) => error,
            other => panic!("{other:?}"),
        }
    });
    assert_is(&asked.join().unwrap(), ErrorKind::Config, Retry::Never);
}

/// What became of the increments of one task.
#[derive(Default)]
struct Tally {
    certain: u64,
    unknown: u64,
}

async fn increment(store: &MemcachedStore, tally: &mut Tally) -> Result<()> {
    let found = store.load(&key("counter")).await?.unwrap();
    let count: u64 = std::str::from_utf8(found.payload()).unwrap().parse().unwrap();
    let next = Record::new(meta(), (count + 1).to_string().into_bytes());
    let update = WriteMode::Update(found.version().clone());
    let written = store.write(&key("counter"), next, update).await;
    match &written {
        Ok(_) => tally.certain += 1,
        Err(error) if error.is_conflict() => return Ok(()),
        Err(error) => tally.unknown += u64::from(error.retry() == Retry::Unknown),
    }
    written.map(drop)
}

/// Breaks connections, now and then, on the way there or on the way back, until the work is done.
async fn breaking<T>(proxy: &Proxy, work: impl Future<Output = T>) -> (u64, T) {
    let (mut work, mut cuts) = (pin!(work), 0_u64);
    loop {
        let way = if cuts.is_multiple_of(2) { Way::Replies } else { Way::Requests };
        proxy.set(Mode::Cut { way, after: cuts * 379 % 9001, once: true });
        while proxy.mode() != Mode::Pass {
            let done = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            if let Poll::Ready(done) = done {
                proxy.set(Mode::Pass);
                return (cuts, done);
            }
            tokio::task::yield_now().await;
        }
        cuts += 1;
    }
}

async fn counters_are_exact_or_unknown_while_connections_break() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    let store = Arc::new(store);
    overwrite(&store, "counter", "0").await.unwrap();
    let count = |store: Arc<MemcachedStore>| async move {
        let mut tally = Tally::default();
        while tally.certain + tally.unknown < 40 {
            if increment(&store, &mut tally).await.is_err() {
                recovered(&store).await;
            }
        }
        tally
    };
    let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(count(store.clone()))).collect();
    let (cuts, tallies) = breaking(&proxy, futures_util::future::join_all(tasks)).await;
    recovered(&store).await;
    let tallies: Vec<_> = tallies.into_iter().map(|tally| tally.unwrap()).collect();
    let certain: u64 = tallies.iter().map(|tally| tally.certain).sum();
    let unknown: u64 = tallies.iter().map(|tally| tally.unknown).sum();
    let count: u64 = String::from_utf8(payload(&*store, "counter").await.unwrap()).unwrap().parse().unwrap();
    println!("{cuts} cuts: {certain} certain, {unknown} unknown, {count} counted");
    assert!((certain..=certain + unknown).contains(&count), "{certain} certain, {unknown} unknown: {count}");
    assert!(cuts > 5 && certain > 100 && unknown > 0, "{cuts} cuts, {certain} certain, {unknown} unknown");
}

async fn nothing_acknowledged_is_lost_while_connections_break() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    let work = async {
        let mut kept = Vec::new();
        for round in 0..300 {
            match overwrite(&store, &round.to_string(), &format!("of {round}")).await {
                Ok(_) => kept.push(round),
                Err(_) => recovered(&store).await,
            }
        }
        kept
    };
    let (cuts, kept) = breaking(&proxy, work).await;
    recovered(&store).await;
    for round in &kept {
        assert_eq!(payload(&store, round).await.unwrap(), format!("of {round}").as_bytes());
    }
    assert!(cuts > 5 && (100..300).contains(&kept.len()), "{cuts} cuts, {} kept", kept.len());
}
