//! Servers that are killed, restarted, halted, locked, overrun, read only and full.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};
use dancecard_servers::{Running, postgres};
use dancecard_store_postgres::PostgresStore;
use dancecard_testkit::Random;
use tokio::sync::{Mutex, MutexGuard};

use crate::fixture::*;

cases! {
    what_was_acknowledged_survives_a_kill,
    a_restart_is_waited_for,
    an_end_while_writing_is_never_a_false_success,
    a_server_that_hangs_is_given_up_in_time,
    a_locked_record_holds_up_no_other,
    connections_that_an_administrator_ends_are_made_anew,
    a_server_without_connections_left_serves_on_those_there_are,
    a_server_that_is_read_only_still_reads,
    a_full_disk_is_told_and_nothing_is_lost,
}

/// A server that may be harmed, for one test at a time.
pub(crate) async fn fragile() -> (MutexGuard<'static, Running>, Place) {
    static SERVER: OnceLock<Mutex<Running>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Mutex::new(postgres::start().unwrap())).lock().await;
    // As it was, whatever the test before did to it.
    if server.pid().is_none() {
        server.restart().unwrap();
    }
    let place = Place::new(&server);
    (server, place)
}

/// What a writer was told: what it wrote, and what it removed after that.
#[derive(Default)]
struct Acknowledged {
    there: Vec<String>,
    gone: Vec<String>,
}

/// Writes sessions one after the other until so many are acknowledged in all, and removes every third.
async fn write_until(
    store: Arc<PostgresStore>,
    task: usize,
    count: Arc<AtomicU64>,
    most: u64,
) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for number in 0.. {
        if count.load(Ordering::Relaxed) >= most {
            break;
        }
        let name = format!("{task} {number}");
        if !is_done(store.write(&key(&name), record(&name), WriteMode::Create).await) {
            continue;
        }
        count.fetch_add(1, Ordering::Relaxed);
        if number % 3 != 0 {
            acknowledged.there.push(name);
        } else if is_done(store.delete(&key(&name)).await) {
            acknowledged.gone.push(name);
        }
    }
    acknowledged
}

/// Nothing but a server that is away may be in the way.
fn is_done<T>(outcome: dancecard_core::Result<T>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error} {}", sources(&error));
            false
        }
    }
}

async fn what_was_acknowledged_survives_a_kill(_: Place) {
    let (server, place) = fragile().await;
    let store =
        Arc::new(PostgresStore::connect(place.config().with_timeout(Duration::from_secs(2))).unwrap());
    create(&*store, "first").await;
    let count = Arc::new(AtomicU64::new(0));
    let writer = |task| tokio::spawn(write_until(Arc::clone(&store), task, Arc::clone(&count), 1000));
    let writers: Vec<_> = (0..8).map(writer).collect();
    for round in 1..=3 {
        let begun = Instant::now();
        while count.load(Ordering::Relaxed) < round * 200 {
            assert!(begun.elapsed() < PATIENCE);
            tokio::task::yield_now().await;
        }
        server.kill();
        server.restart().unwrap();
    }
    let (mut there, mut gone) = (0, 0);
    for writer in writers {
        let acknowledged = writer.await.unwrap();
        for name in &acknowledged.there {
            assert_eq!(payload(&*store, name).await.as_deref(), Some(name.as_bytes()), "{name}");
        }
        for name in &acknowledged.gone {
            assert_eq!(payload(&*store, name).await, None, "{name} is back");
        }
        there += acknowledged.there.len();
        gone += acknowledged.gone.len();
    }
    assert!(there > 500 && gone > 200, "{there} and {gone}");
}

/// An operation that has the time for it lives through it.
async fn a_restart_is_waited_for(_: Place) {
    let (server, place) = fragile().await;
    let store = place.open();
    let version = create(&store, "a").await;
    store.health().await.unwrap();
    server.stop();
    let name = key("a");
    let waiting = async {
        assert!(store.load(&name).await.unwrap().is_some());
        store.write(&name, record("after"), WriteMode::Update(version)).await.unwrap();
    };
    let restarting = async { tokio::task::block_in_place(|| server.restart().unwrap()) };
    tokio::join!(waiting, restarting);
}

/// Counts on one record while the server ends, in order and not, and comes back: what was acknowledged was counted, what was refused
/// was not, and what is unknown is told as that.
async fn an_end_while_writing_is_never_a_false_success(_: Place) {
    let (server, place) = fragile().await;
    let store =
        Arc::new(PostgresStore::connect(place.config().with_timeout(Duration::from_secs(2))).unwrap());
    place.open().write(&key("counter"), record("0"), WriteMode::Create).await.unwrap();
    let sure = Arc::new(AtomicU64::new(0));
    let counting = tokio::spawn(count(Arc::clone(&store), Arc::clone(&sure)));
    for round in 1..=3 {
        let begun = Instant::now();
        while sure.load(Ordering::Relaxed) < round * 100 {
            assert!(begun.elapsed() < PATIENCE && !counting.is_finished());
            tokio::task::yield_now().await;
        }
        if round == 2 {
            server.stop();
        } else {
            server.kill();
        }
        server.restart().unwrap();
    }
    let unknown = counting.await.unwrap();
    let (sure, counted) = (sure.load(Ordering::Relaxed), number(&store).await);
    println!("{counted} counted, {sure} acknowledged, {unknown} unknown");
    assert!((sure..=sure + unknown).contains(&counted));
}

/// Counts until 400 are acknowledged, and says how many are unknown.
async fn count(store: Arc<PostgresStore>, sure: Arc<AtomicU64>) -> u64 {
    let mut unknown = 0;
    while sure.load(Ordering::Relaxed) < 400 {
        let Ok(Some(found)) = store.load(&key("counter")).await else { continue };
        let counted: u64 = std::str::from_utf8(found.payload()).unwrap().parse().unwrap();
        let update = WriteMode::Update(found.version().clone());
        match store.write(&key("counter"), record((counted + 1).to_string()), update).await {
            Ok(_) => drop(sure.fetch_add(1, Ordering::Relaxed)),
            Err(error) if error.retry() == Retry::Unknown => unknown += 1,
            Err(error) => assert!(error.is_unavailable() || error.is_conflict(), "{error}"),
        }
    }
    unknown
}

async fn number(store: &PostgresStore) -> u64 {
    String::from_utf8(payload(store, "counter").await.unwrap()).unwrap().parse().unwrap()
}

async fn a_server_that_hangs_is_given_up_in_time(_: Place) {
    let (server, place) = fragile().await;
    let short = Duration::from_millis(400);
    let store = PostgresStore::connect(place.config().with_timeout(short)).unwrap();
    let name = key("a");
    until_it_works(|| store.write(&name, record("before"), WriteMode::Overwrite)).await;
    until_it_works(|| store.health()).await;
    let version = store.load(&name).await.unwrap().unwrap().version().clone();
    server.pause();
    // It may yet happen, also after later ones, but not over them.
    let write = store.write(&name, record("held"), WriteMode::Update(version));
    assert_is(&within(short, write).await.unwrap_err(), ErrorKind::Unavailable, Retry::Unknown);
    assert_is(&within(short, store.load(&name)).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    server.resume();
    until_it_works(|| store.load(&name)).await;
    until_it_works(|| store.write(&name, record("after"), WriteMode::Overwrite)).await;
    assert_eq!(payload(&store, "a").await.unwrap(), b"after");
}

/// One that waits for a lock waits on a connection. Others find another, and its time ends too.
async fn a_locked_record_holds_up_no_other(place: Place) {
    let short = Duration::from_secs(2);
    let store = PostgresStore::connect(place.config().with_timeout(short).with_writers(2)).unwrap();
    let names: Vec<_> = (0..20).map(key).collect();
    for name in &names {
        until_it_works(|| store.write(name, record("before"), WriteMode::Overwrite)).await;
    }
    let client = place.client().await;
    let lock = format!("SELECT 1 FROM {} WHERE key = $1 FOR UPDATE", place.table);
    client.batch_execute("BEGIN").await.unwrap();
    client.execute(&lock, &[&key(0).as_bytes()]).await.unwrap();

    let held = store.write(&names[0], record("held"), WriteMode::Overwrite);
    let others = async {
        for name in &names[1..] {
            until_it_works(|| store.write(name, record("others"), WriteMode::Overwrite)).await;
            assert!(store.load(&names[0]).await.unwrap().is_some());
        }
        // Nothing waits for the one that is changed.
        assert_eq!(store.purge_expired(later(9000), 5).await.unwrap(), 5);
    };
    let (held, ()) = tokio::join!(held, others);
    let error = held.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_discreet(&error);
    client.batch_execute("COMMIT").await.unwrap();
    until_it_works(|| store.write(&names[0], record("after"), WriteMode::Overwrite)).await;
}

async fn connections_that_an_administrator_ends_are_made_anew(_: Place) {
    let (_server, place) = fragile().await;
    let store = place.open();
    let mut version = create(&store, "a").await;
    for round in 0..5 {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE application_name = 'dancecard'";
        assert_ne!(place.ask(end).await, "0");
        assert!(payload(&store, "a").await.is_some());
        let written = store.write(&key("a"), record(round.to_string()), WriteMode::Update(version)).await;
        version = match written {
            Ok(version) => version,
            Err(error) => {
                assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
                store.load(&key("a")).await.unwrap().unwrap().version().clone()
            }
        };
    }
}

async fn a_server_without_connections_left_serves_on_those_there_are(place: Place) {
    let (role, database) = (format!("{}_app", place.table), format!("{}_db", place.table));
    place.run(&format!("CREATE DATABASE {database} CONNECTION LIMIT 3")).await;
    create(&PostgresStore::connect(place.config().with_database(&database)).unwrap(), "made").await;
    let grant = format!("CREATE ROLE {role} LOGIN; GRANT ALL ON {} TO {role}", place.table);
    place.client_of(&database).await.batch_execute(&grant).await.unwrap();
    let config = place.config().with_credentials(&role, "").with_database(database);
    let store = Arc::new(PostgresStore::connect(config.clone().with_readers(4).with_writers(4)).unwrap());
    let name = key("made");
    until_it_works(|| store.load(&name)).await;
    until_it_works(|| store.touch(&name, later(1))).await;
    // It would like eight, and gets three.
    let has_all = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (store, has_all) = (Arc::clone(&store), Arc::clone(&has_all));
            tokio::spawn(async move {
                while !has_all.load(Ordering::SeqCst) {
                    store.write(&key(number), record("x"), WriteMode::Overwrite).await.unwrap();
                    assert!(store.load(&key(number)).await.unwrap().is_some());
                }
            })
        })
        .collect();
    let held = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'");
    let begun = Instant::now();
    while place.ask(&held).await != "3" {
        assert!(begun.elapsed() < PATIENCE, "fewer than three");
    }
    has_all.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    let other = PostgresStore::connect(config.with_timeout(Duration::from_millis(300))).unwrap();
    let error = other.health().await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(sources(&error).contains("53300"), "{}", sources(&error));
    drop(store);
    until_it_works(|| other.health()).await;
}

async fn a_server_that_is_read_only_still_reads(_: Place) {
    let (_server, place) = fragile().await;
    let store = place.open();
    let version = create(&store, "a").await;
    let read_only = |is: &str| {
        let change = format!("ALTER SYSTEM SET default_transaction_read_only = {is}");
        let place = &place;
        async move {
            let client = place.client().await;
            client.batch_execute("SET default_transaction_read_only = off").await.unwrap();
            client.batch_execute(&change).await.unwrap();
            client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        }
    };
    read_only("on").await;
    let begun = Instant::now();
    while place.ask("SHOW default_transaction_read_only").await != "on" {
        assert!(begun.elapsed() < PATIENCE);
    }
    let update = WriteMode::Update(version);
    let name = key("a");
    let error = loop {
        match store.touch(&name, later(1)).await {
            Ok(_) => assert!(begun.elapsed() < PATIENCE),
            Err(error) => break error,
        }
    };
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(error.to_string().contains("read only"), "{error}");
    let refused = store.write(&name, record("no"), update.clone()).await.unwrap_err();
    assert_is(&refused, ErrorKind::Unavailable, Retry::Safe);
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);

    read_only("off").await;
    until_it_works(|| store.touch(&name, later(1))).await;
    store.write(&name, record("yes"), update).await.unwrap();
}

/// As the user whose folder it is: another may not, not even root everywhere.
fn limit_files(server: &Running, bytes: u64) {
    use std::os::unix::fs::MetadataExt;
    let folder = std::fs::metadata(server.folder()).unwrap();
    let (user, group) = (format!("--reuid={}", folder.uid()), format!("--regid={}", folder.gid()));
    let own = ["setpriv", &user, &group, "--clear-groups"];
    let prefix: &[&str] = if rustix::process::geteuid().is_root() { &own } else { &[] };
    let (pid, limit) = (format!("--pid={}", server.pid().unwrap()), format!("--fsize={bytes}"));
    let words: Vec<_> = prefix.iter().copied().chain(["prlimit", &pid, &limit]).collect();
    assert!(std::process::Command::new(words[0]).args(&words[1..]).status().unwrap().success());
}

/// No file of the server may grow beyond some size that is no multiple of a page, as when the disk is full within one.
async fn a_full_disk_is_told_and_nothing_is_lost(_: Place) {
    let (server, place) = fragile().await;
    limit_files(&server, 17_000_000);
    // Connections that are made from now on have that limit.
    let store = place.open();
    let mut random = Random::new(1);
    let large = random.bytes(128 << 10);
    let mut count = 0;
    let error = loop {
        match store.write(&key(count), record(&large), WriteMode::Create).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_is(&error, ErrorKind::Full, Retry::Safe);
    assert!((50..150).contains(&count), "{count}");
    assert_eq!(payload(&store, count).await, None);
    for number in 0..count {
        assert!(payload(&store, number).await.unwrap() == large);
    }
    assert_eq!(store.purge_expired(later(9000), count / 2).await.unwrap(), count / 2);
    // What is free the server finds when it cleans up, which it does by itself after a while.
    place.run(&format!("VACUUM {}", place.table)).await;
    store.write(&key("again"), record(&large), WriteMode::Create).await.unwrap();
    // The next one has no limit.
    server.restart().unwrap();
}
