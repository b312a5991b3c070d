//! Servers that are killed, paused, out of memory, or changing their role.

use std::time::Duration;

use dancecard_core::{Error, ErrorKind, ListQuery, Meta, Record, Retry, Store, WriteMode};
use dancecard_servers::redis::{self, Options};
use dancecard_servers::{Running, valkey};

use crate::world::*;

trials![
    what_was_acknowledged_survives_a_kill,
    a_killed_server_is_waited_for,
    a_paused_server_is_unavailable_and_comes_back,
    a_replica_takes_no_writes,
    a_replica_without_its_master_is_unavailable,
    a_server_that_reads_its_data_is_waited_for,
    a_full_server_refuses_to_grow_and_nothing_else,
    too_few_replicas_are_told,
    replicas_that_follow_are_waited_for,
    a_server_held_up_by_a_script_is_unavailable,
];

const SHORT: Duration = Duration::from_millis(300);

async fn what_was_acknowledged_survives_a_kill() {
    survives_kills(durable()).await;
}

pub(crate) fn on_valkey() -> libtest_mimic::Trial {
    let name = "outages::what_was_acknowledged_survives_a_kill_of_valkey";
    let options = Options { durable: true, ..Options::default() };
    match valkey::check() {
        Ok(()) => trial(name, async || survives_kills(valkey::start_with(options).unwrap()).await),
        Err(absent) => absent.trial(name),
    }
}

async fn survives_kills(server: Running) {
    let store = connect(&config(&server.url()));
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        for number in 0..40 {
            let name = format!("{round} {number}");
            let version = create(&store, &name).await;
            if number % 3 == 0 {
                store.delete(&key(&name)).await.unwrap();
            } else {
                acknowledged.push((name, version));
            }
        }
        server.kill();
        server.restart().unwrap();
        for (name, version) in &acknowledged {
            let found = store.load(&key(name)).await.unwrap().unwrap();
            assert_eq!((found.version(), found.payload()), (version, &bulk(100).payload[..]));
        }
        let listed = list(&store, ListQuery::of(SECRET.into())).await;
        assert_eq!(listed.len(), acknowledged.len());
    }
}

async fn a_killed_server_is_waited_for() {
    let server = durable();
    let store = connect(&config(&server.url()));
    create(&store, "a").await;
    server.kill();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { (payload(&store, "a").await, create(&store, "b").await) }
    });
    server.restart().unwrap();
    assert!(waiting.await.unwrap().0.is_some());
}

async fn a_paused_server_is_unavailable_and_comes_back() {
    let server = redis::start().unwrap();
    let store = connect(&config(&server.url()).with_timeout(SHORT).with_connect_timeout(SHORT));
    until(async || store.write(&key("a"), record("1"), WriteMode::Overwrite).await.is_ok()).await;
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    server.pause();
    let update = WriteMode::Update(version.clone());
    let error = store.write(&key("a"), record("2"), update).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    // It may read this when it goes on: then it has become something else in between, or it is what it was.
    assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    server.resume();
    until(async || store.health().await.is_ok()).await;
    until(async || {
        let found = store.load(&key("a")).await.unwrap().unwrap();
        assert_eq!(found.payload() == b"1", *found.version() == version);
        let update = WriteMode::Update(found.version().clone());
        store.write(&key("a"), record("3"), update).await.is_ok()
    })
    .await;
}

async fn a_replica_takes_no_writes() {
    let server = redis::start().unwrap();
    let store = connect(&config(&server.url()).with_timeout(SHORT));
    until(async || store.write(&key("a"), record("1"), WriteMode::Overwrite).await.is_ok()).await;
    let mut raw = raw(&server).await;
    let _: () = run(&mut raw, &[b"REPLICAOF", b"127.0.0.1", b"1"]).await;
    let error = store.write(&key("b"), record("1"), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert_is(&store.delete(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert!(payload(&store, "a").await.is_some(), "it may be read");
    let _: () = run(&mut raw, &[b"REPLICAOF", b"NO", b"ONE"]).await;
    store.delete(&key("a")).await.unwrap();
}

async fn a_replica_without_its_master_is_unavailable() {
    let server = redis::start().unwrap();
    let store = connect(&config(&server.url()).with_timeout(SHORT));
    until(async || store.health().await.is_ok()).await;
    let mut raw = raw(&server).await;
    let _: () = run(&mut raw, &[b"CONFIG", b"SET", b"replica-serve-stale-data", b"no"]).await;
    let _: () = run(&mut raw, &[b"REPLICAOF", b"127.0.0.1", b"1"]).await;
    let error = store.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(error.to_string().contains("replica"), "{error}");
    let _: () = run(&mut raw, &[b"REPLICAOF", b"NO", b"ONE"]).await;
    store.health().await.unwrap();
}

/// It takes long to read its data, as it is told to pause after each key.
async fn a_server_that_reads_its_data_is_waited_for() {
    let arguments = ["--enable-debug-command", "yes"].map(str::to_owned).to_vec();
    let server = redis::start_with(Options { durable: true, arguments, ..Options::default() }).unwrap();
    let store = connect(&config(&server.url()));
    for number in 0..400 {
        create(&store, number).await;
    }
    let mut raw = raw(&server).await;
    let _: () = run(&mut raw, &[b"CONFIG", b"SET", b"key-load-delay", b"2000"]).await;
    let _: () = run(&mut raw, &[b"CONFIG", b"SET", b"loading-process-events-interval-bytes", b"1024"]).await;
    let reload = tokio::spawn(async move {
        let _: () = run(&mut raw, &[b"DEBUG", b"LOADAOF"]).await;
    });
    assert_eq!(payload(&store, 7).await.unwrap(), bulk(100).payload);
    create(&store, "after").await;
    reload.await.unwrap();
}

/// What a server says to a write when it is full. Its memory is not the same from moment to moment, so that there may be room
/// once more just then.
async fn refusal(store: &dancecard_store_redis::RedisStore, count: &mut usize, record: Record) -> Error {
    loop {
        while store.write(&key(*count), bulk(1024), WriteMode::Create).await.is_ok() {
            *count += 1;
        }
        match store.write(&key(0), record.clone(), WriteMode::Overwrite).await {
            Err(error) => return error,
            Ok(_) => drop(store.write(&key(0), bulk(1024), WriteMode::Overwrite).await.unwrap()),
        }
    }
}

async fn a_full_server_refuses_to_grow_and_nothing_else() {
    let server = redis::start_with(Options { maxmemory: Some(4 << 20), ..Options::default() }).unwrap();
    let store = connect(&config(&server.url()));
    let mut count = 0;
    let error = loop {
        match store.write(&key(count), bulk(1024), WriteMode::Create).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_is(&error, ErrorKind::Full, Retry::Safe);
    assert!(error.to_string().contains("maxmemory"), "{error}");
    let grown = refusal(&store, &mut count, bulk(4096)).await;
    assert_is(&grown, ErrorKind::Full, Retry::Safe);
    let elses = Record::new(meta().with_principal(Some("else".into())), vec![]);
    let moved = refusal(&store, &mut count, elses).await;
    assert_is(&moved, ErrorKind::Full, Retry::Safe);
    assert_eq!(payload(&store, 0).await.unwrap(), bulk(1024).payload);

    store.write(&key(0), bulk(1024), WriteMode::Overwrite).await.unwrap();
    assert!(store.touch(&key(1), later(9000)).await.unwrap());
    let version = store.load(&key(2)).await.unwrap().unwrap().version().clone();
    let marker = Record::new(Meta::new(now(), later(60)).into_retired(None), vec![]);
    store.write(&key(2), marker, WriteMode::Update(version)).await.unwrap();
    store.delete(&key(3)).await.unwrap();
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), count - 2);
    for number in 4..count {
        store.delete(&key(number)).await.unwrap();
    }
    create(&store, "room").await;
}

async fn too_few_replicas_are_told() {
    let store = connect(&config(&shared().url()).with_replicas_to_wait(1).with_timeout(SHORT * 10));
    let error = store.write(&key("a"), record("1"), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
    assert!(error.to_string().contains("replica"), "{error}");
    assert_eq!(payload(&store, "a").await.unwrap(), b"1", "the master has it");
    let refused = store.write(&key("a"), record("2"), WriteMode::Create).await.unwrap_err();
    assert!(refused.is_conflict());
}

async fn replicas_that_follow_are_waited_for() {
    let master = redis::start().unwrap();
    let follow = ["--replicaof", "127.0.0.1", &master.port().to_string()].map(str::to_owned).to_vec();
    let replica = redis::start_with(Options { arguments: follow, ..Options::default() }).unwrap();
    let mut raw = raw(&replica).await;
    until(async || {
        let info: String = run(&mut raw.clone(), &[b"INFO", b"replication"]).await;
        info.contains("master_link_status:up")
    })
    .await;
    let config = config(&master.url()).with_replicas_to_wait(1);
    let store = connect(&config);
    for number in 0..20 {
        let version = create(&store, number).await;
        let name = name_of(&config, &key(number));
        assert_eq!(run::<i64>(&mut raw, &[b"EXISTS", &name]).await, 1, "acknowledged, so it is there");
        store.write(&key(number), bulk(1), WriteMode::Update(version)).await.unwrap();
        store.delete(&key(number)).await.unwrap();
        assert_eq!(run::<i64>(&mut raw, &[b"EXISTS", &name]).await, 0);
    }
}

async fn a_server_held_up_by_a_script_is_unavailable() {
    let options = Options {
        arguments: ["--busy-reply-threshold", "50"].map(str::to_owned).to_vec(),
        ..Options::default()
    };
    let server = redis::start_with(options).unwrap();
    let store = connect(&config(&server.url()));
    create(&store, "a").await;
    let mut raw = raw(&server).await;
    let mut other = raw_url(&server.url()).await;
    let held = tokio::spawn(async move {
        let script = b"while true do redis.call('GET', 'x') end";
        let _: Result<(), _> = ::redis::cmd("EVAL").arg(script).arg(0).query_async(&mut raw).await;
    });
    // Told so instead of kept waiting.
    until(async || {
        let answer: ::redis::RedisResult<String> = ::redis::cmd("PING").query_async(&mut other.clone()).await;
        answer.is_err_and(|error| error.code() == Some("BUSY"))
    })
    .await;
    let late = connect(&config(&server.url()).with_timeout(SHORT));
    let error = late.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    let waiting = tokio::spawn(async move { payload(&store, "a").await });
    let _: () = run(&mut other, &[b"SCRIPT", b"KILL"]).await;
    assert!(waiting.await.unwrap().is_some());
    held.await.unwrap();
}
