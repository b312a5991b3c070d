//! Servers that are killed, restarted, halted, locked, overrun, read only and full.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, ListQuery, Retry, Store, WriteMode};
use dancecard_store_mysql::MysqlStore;
use dancecard_testkit::{Clients, Progress, Random};
use mysql_async::prelude::Queryable;

use crate::fixture::*;

cases! {
    what_was_acknowledged_survives_a_kill,
    a_restart_is_waited_for,
    a_hundred_clients_lose_nothing_when_the_server_ends,
    a_server_that_hangs_is_given_up_in_time,
    a_locked_record_holds_up_no_other,
    connections_that_an_administrator_ends_are_made_anew,
    a_server_without_connections_left_serves_on_those_there_are,
    a_server_that_is_read_only_still_reads,
    a_full_disk_is_told_and_nothing_is_lost,
}

/// What a writer was told: what it wrote, and what it removed after that.
#[derive(Default)]
struct Acknowledged {
    there: Vec<String>,
    gone: Vec<String>,
}

/// Writes sessions one after the other until so many are acknowledged in all, and removes every third.
async fn write_until(store: Arc<MysqlStore>, task: usize, count: Arc<AtomicU64>, most: u64) -> Acknowledged {
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

async fn what_was_acknowledged_survives_a_kill(place: Place) {
    let (server, place) = fragile(place.make).await;
    let store = Arc::new(MysqlStore::connect(place.config().with_timeout(Duration::from_secs(2))).unwrap());
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
async fn a_restart_is_waited_for(place: Place) {
    let (server, place) = fragile(place.make).await;
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

/// Killed, ended in order, and killed again.
async fn a_hundred_clients_lose_nothing_when_the_server_ends(place: Place) {
    let (server, place) = fragile(place.make).await;
    let config = place.config().with_timeout(Duration::from_secs(5));
    let engines = [(); 2].map(|()| MysqlStore::connect(config.clone()).unwrap());
    until_it_works(|| engines[0].health()).await;
    let ending = async |progress: &Progress| {
        for round in 1..=3 {
            assert!(progress.reach(round * 300).await);
            if round == 2 {
                server.stop();
            } else {
                server.kill();
            }
            tokio::task::block_in_place(|| server.restart().unwrap());
        }
    };
    let told = Clients::new().with_writes(15).run(engines, ending).await.unwrap();
    println!("{told:?}");
    assert!(told.acknowledged >= 1000, "{told:?}");
}

async fn a_server_that_hangs_is_given_up_in_time(place: Place) {
    let (server, place) = fragile(place.make).await;
    let short = Duration::from_millis(400);
    let store = MysqlStore::connect(place.config().with_timeout(short)).unwrap();
    let name = key("a");
    until_it_works(|| store.write(&name, record("before"), WriteMode::Overwrite)).await;
    until_it_works(|| store.health()).await;
    let version = store.load(&name).await.unwrap().unwrap().version().clone();
    // So that the statement is prepared.
    let version = store.write(&name, record("again"), WriteMode::Update(version)).await.unwrap();
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
    let store = MysqlStore::connect(place.config().with_timeout(short).with_connections(2)).unwrap();
    let names: Vec<_> = (0..20).map(key).collect();
    for name in &names {
        until_it_works(|| store.write(name, record("before"), WriteMode::Overwrite)).await;
    }
    let mut client = place.client().await;
    let lock = format!("SELECT 1 FROM {} WHERE `key` = ? FOR UPDATE", place.table);
    client.query_drop("START TRANSACTION").await.unwrap();
    client.exec_drop(lock, (key(0).as_bytes(),)).await.unwrap();

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
    client.query_drop("COMMIT").await.unwrap();
    until_it_works(|| store.write(&names[0], record("after"), WriteMode::Overwrite)).await;
}

async fn connections_that_an_administrator_ends_are_made_anew(place: Place) {
    let (_server, place) = fragile(place.make).await;
    let store = place.open();
    let mut version = create(&store, "a").await;
    for round in 0..5 {
        let mut client = place.client().await;
        let others: Vec<u64> = client
            .query("SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND user = 'dancecard'")
            .await
            .unwrap();
        assert!(!others.is_empty());
        for other in others {
            // It may end by itself meanwhile.
            let _ = client.query_drop(format!("KILL {other}")).await;
        }
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
    let user = format!("{}_app", place.table);
    create(&place.open(), "made").await;
    place
        .run(&format!("CREATE USER {user} WITH MAX_USER_CONNECTIONS 3; GRANT ALL ON dancecard.* TO {user}"))
        .await;
    let config = place.config().with_credentials(user, "");
    let store = Arc::new(MysqlStore::connect(config.clone().with_connections(8)).unwrap());
    // It would like eight, and gets three.
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for _ in 0..20 {
                    store.write(&key(number), record("x"), WriteMode::Overwrite).await.unwrap();
                    assert!(store.load(&key(number)).await.unwrap().is_some());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let other = MysqlStore::connect(config.with_timeout(Duration::from_millis(300))).unwrap();
    let error = other.health().await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(sources(&error).contains("1226"), "{}", sources(&error));
    drop(store);
    until_it_works(|| other.health()).await;
}

async fn a_server_that_is_read_only_still_reads(place: Place) {
    let (_server, place) = fragile(place.make).await;
    create(&place.open(), "a").await;
    // An administrator may write all the same.
    place
        .run("CREATE USER IF NOT EXISTS app; GRANT SELECT, INSERT, UPDATE, DELETE ON dancecard.* TO app")
        .await;
    let store = MysqlStore::connect(place.config().with_credentials("app", "").with_connections(1)).unwrap();
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    place.run("SET GLOBAL read_only = ON").await;
    let update = WriteMode::Update(version);
    let name = key("a");
    let error = store.touch(&name, later(1)).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(error.to_string().contains("read only"), "{error}");
    let refused = store.write(&name, record("no"), update.clone()).await.unwrap_err();
    assert_is(&refused, ErrorKind::Unavailable, Retry::Safe);
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);

    place.run("SET GLOBAL read_only = OFF").await;
    until_it_works(|| store.touch(&name, later(1))).await;
    store.write(&name, record("yes"), update).await.unwrap();
}

/// A tablespace that may not grow, which is what a full disk looks like from within.
async fn a_full_disk_is_told_and_nothing_is_lost(place: Place) {
    let little = ["--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:48M"];
    let server = place.make.start(&little).unwrap();
    let place = Place::new(place.make, &server);
    let store = place.open();
    create(&store, "first").await;
    let large = Random::new(1).bytes(1 << 20);
    let mut count = 0;
    let error = loop {
        match store.write(&key(count), record(&large), WriteMode::Create).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_is(&error, ErrorKind::Full, Retry::Safe);
    println!("{count} of 1 MiB");
    assert!((5..52).contains(&count), "{count}");
    assert_eq!(payload(&store, count).await, None);
    for number in 0..count {
        assert!(payload(&store, number).await.unwrap() == large);
    }
    assert!(payload(&store, "first").await.is_some());
    // Of a full tablespace nothing can be removed either; it is an administrator's to make it larger.
    server.restart().unwrap();
    until_it_works(|| store.health()).await;
    assert_eq!(list(&store, ListQuery::all()).await.len(), count + 1);
}
