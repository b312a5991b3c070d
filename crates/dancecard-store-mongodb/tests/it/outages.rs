//! One server that is killed, restarted and halted.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};
use dancecard_servers::{Running, mongod};
use dancecard_store_mongodb::MongodbStore;
use dancecard_testkit::{Clients, Progress};
use mongodb::bson::doc;
use tokio::sync::{Mutex, MutexGuard, watch};

use crate::fixture::*;

cases! {
    what_was_acknowledged_survives_a_kill,
    a_restart_is_waited_for,
    a_hundred_clients_lose_nothing_when_the_server_ends,
    a_server_that_hangs_is_given_up_in_time,
    a_runtime_that_ends_takes_only_its_connections,
    a_locked_record_holds_up_no_other,
}

/// How often something went well, for others to wait for.
pub(crate) type Tally = watch::Sender<u64>;

/// A server that may be harmed, for one test at a time.
async fn fragile() -> (MutexGuard<'static, Running>, Place) {
    static SERVER: OnceLock<Mutex<Running>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Mutex::new(mongod::start().unwrap())).lock().await;
    // As it was, whatever the test before did to it.
    if server.pid().is_none() {
        server.restart().unwrap();
    }
    let place = Place::new(&server);
    (server, place)
}

/// An engine that waits for the disk, as by default.
fn durable(place: &Place) -> MongodbStore {
    MongodbStore::connect(place.config()).unwrap()
}

/// What a writer was told: what it wrote, and what it removed after that.
#[derive(Default)]
pub(crate) struct Acknowledged {
    there: Vec<String>,
    gone: Vec<String>,
}

/// Writes sessions one after the other until so many are acknowledged in all, and removes every third.
pub(crate) async fn write_until(
    store: Arc<MongodbStore>,
    task: usize,
    count: Arc<Tally>,
    most: u64,
) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for number in 0.. {
        if *count.borrow() >= most {
            break;
        }
        let name = format!("{task} {number}");
        if !is_done(store.write(&key(&name), record(&name), WriteMode::Create).await) {
            continue;
        }
        if number % 3 != 0 {
            acknowledged.there.push(name);
        } else if is_done(store.delete(&key(&name)).await) {
            acknowledged.gone.push(name);
        }
        count.send_modify(|count| *count += 1);
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

/// What the writers were told to be there is there, and what they were told to be gone is not back. How many of each.
pub(crate) async fn examine(
    store: &MongodbStore,
    writers: Vec<tokio::task::JoinHandle<Acknowledged>>,
) -> (usize, usize) {
    let (mut there, mut gone) = (0, 0);
    for writer in writers {
        let acknowledged = writer.await.unwrap();
        for name in &acknowledged.there {
            assert_eq!(payload(store, name).await.as_deref(), Some(name.as_bytes()), "{name}");
        }
        for name in &acknowledged.gone {
            assert_eq!(payload(store, name).await, None, "{name} is back");
        }
        there += acknowledged.there.len();
        gone += acknowledged.gone.len();
    }
    println!("{there} there, {gone} gone");
    (there, gone)
}

pub(crate) async fn until_counted(tally: &Tally, least: u64) {
    let mut counts = tally.subscribe();
    let reached = tokio::time::timeout(2 * PATIENCE, counts.wait_for(|count| *count >= least)).await;
    assert!(reached.is_ok_and(|reached| reached.is_ok()), "{least} were never reached");
}

async fn what_was_acknowledged_survives_a_kill(_: Place) {
    let (server, place) = fragile().await;
    let store = Arc::new(durable(&place));
    create(&*store, "first").await;
    let count = Arc::new(Tally::new(0));
    let writer = |task| tokio::spawn(write_until(Arc::clone(&store), task, Arc::clone(&count), 500));
    let writers: Vec<_> = (0..8).map(writer).collect();
    for round in 1..=3 {
        until_counted(&count, round * 100).await;
        server.kill();
        tokio::task::block_in_place(|| server.restart().unwrap());
    }
    let (there, gone) = examine(&store, writers).await;
    assert!(there >= 250 && gone >= 100, "{there} and {gone}");
}

/// An operation that has the time for it lives through it.
async fn a_restart_is_waited_for(_: Place) {
    let (server, place) = fragile().await;
    let store = durable(&place);
    let version = create(&store, "a").await;
    server.stop();
    let name = key("a");
    let waiting = async {
        assert!(store.load(&name).await.unwrap().is_some());
        store.write(&name, record("after"), WriteMode::Update(version)).await.unwrap();
    };
    let restarting = async { tokio::task::block_in_place(|| server.restart().unwrap()) };
    tokio::join!(waiting, restarting);
}

/// Killed, and ended in order.
async fn a_hundred_clients_lose_nothing_when_the_server_ends(_: Place) {
    let (server, place) = fragile().await;
    let engines = [durable(&place), durable(&place)];
    let ending = async |progress: &Progress| {
        for round in 1..=3 {
            assert!(progress.reach(round * 150).await);
            if round == 2 {
                server.kill();
            }
            tokio::task::block_in_place(|| server.restart().unwrap());
        }
    };
    let told = Clients::new().with_writes(8).run(engines, ending).await.unwrap();
    println!("{told:?}");
    assert!(told.acknowledged >= 450, "{told:?}");
}

async fn a_server_that_hangs_is_given_up_in_time(_: Place) {
    let (server, place) = fragile().await;
    let short = Duration::from_millis(400);
    let store = MongodbStore::connect(place.config().with_timeout(short)).unwrap();
    let name = key("a");
    until_it_works(|| store.write(&name, record("before"), WriteMode::Overwrite)).await;
    let version = store.load(&name).await.unwrap().unwrap().version().clone();
    server.pause();
    let begun = Instant::now();
    // It may yet happen, also after later ones, but not over them.
    let error = store.write(&key("a"), record("held"), WriteMode::Update(version)).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert!(begun.elapsed() < 2 * short + GRACE, "{:?}", begun.elapsed());
    server.resume();
    until_it_works(|| store.load(&name)).await;
    until_it_works(|| store.write(&name, record("after"), WriteMode::Overwrite)).await;
    assert_eq!(payload(&durable(&place), "a").await.unwrap(), b"after");
}

/// The driver lives in tasks of the runtime that used it first.
async fn a_runtime_that_ends_takes_only_its_connections(place: Place) {
    let store = place.open();
    let used = store.clone();
    let elsewhere = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(create(&used, "a"))
    });
    let version = elsewhere.join().unwrap();
    store.write(&key("a"), record("on"), WriteMode::Update(version)).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), b"on");
}

/// One that waits for somebody's transaction waits alone, and its time ends too.
async fn a_locked_record_holds_up_no_other(_: Place) {
    let place = Place::replicated();
    let patient = place.open();
    let names: Vec<_> = (0..20).map(key).collect();
    for name in &names {
        patient.write(name, record("before"), WriteMode::Overwrite).await.unwrap();
    }
    let client = place.client().await;
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let locked = client.database("dancecard").collection::<mongodb::bson::Document>(&place.collection);
    locked.update_one(id(0), doc! { "$set": { "other": 1 } }).session(&mut session).await.unwrap();

    let short = place.config().with_timeout(Duration::from_secs(2)).with_journal(false);
    let hurried = MongodbStore::connect(short).unwrap();
    until_it_works(|| hurried.health()).await;
    let held = hurried.write(&names[0], record("held"), WriteMode::Overwrite);
    let others = async {
        for name in &names[1..] {
            patient.write(name, record("others"), WriteMode::Overwrite).await.unwrap();
            assert!(patient.load(&names[0]).await.unwrap().is_some());
        }
        // Nothing waits for the one that is changed, but what removes it.
        assert_eq!(patient.purge_expired(later(0), 5).await.unwrap(), 0);
    };
    let (held, ()) = tokio::join!(held, others);
    let error = held.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    session.abort_transaction().await.unwrap();
    patient.write(&names[0], record("after"), WriteMode::Overwrite).await.unwrap();
}
