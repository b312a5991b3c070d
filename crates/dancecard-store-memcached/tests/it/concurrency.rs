//! Many clients at once, and callers who go away.

use std::collections::HashSet;
use std::sync::Arc;

use dancecard_core::{Record, Store, Version, WriteMode};
use dancecard_store_memcached::MemcachedStore;
use dancecard_testkit::Random;
use dancecard_testkit::store::cancel_after;

use crate::fixture::*;

cases! { "concurrency":
    a_hundred_clients_lose_no_update,
    callers_who_go_away_disturb_nobody,
    replies_reach_who_asked,
}

/// A payload that tells everything that was ever done to the record: the history.
async fn append(store: &MemcachedStore, name: usize, entry: &str) -> Version {
    loop {
        let found = store.load(&key(name)).await.unwrap().unwrap();
        let history = [found.payload(), entry.as_bytes(), b";"].concat();
        let next = Record::new(meta(), history);
        match store.write(&key(name), next, WriteMode::Update(found.version().clone())).await {
            Ok(version) => return version,
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
    }
}

async fn a_hundred_clients_lose_no_update() {
    const CLIENTS: usize = 100;
    const EACH: usize = 20;
    const RECORDS: usize = 10;
    let server = server();
    let stores: Vec<_> = (0..4).map(|_| Arc::new(store(&server))).collect();
    for name in 0..RECORDS {
        stores[0].write(&key(name), record(""), WriteMode::Create).await.unwrap();
    }
    let client = |client: usize| {
        let store = stores[client % stores.len()].clone();
        tokio::spawn(async move {
            let mut versions = Vec::new();
            for round in 0..EACH {
                let entry = format!("{client} {round}");
                versions.push(append(&store, (client + round) % RECORDS, &entry).await);
            }
            versions
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    let mut versions = HashSet::new();
    for client in clients {
        versions.extend(client.await.unwrap());
    }
    assert_eq!(versions.len(), CLIENTS * EACH, "a version was given twice");
    let mut entries = HashSet::new();
    for name in 0..RECORDS {
        let history = String::from_utf8(payload(&*stores[1], name).await.unwrap()).unwrap();
        entries.extend(history.split_terminator(';').map(str::to_owned));
    }
    let expected = (0..CLIENTS).flat_map(|client| (0..EACH).map(move |round| format!("{client} {round}")));
    assert_eq!(entries, expected.collect());
}

/// A session of its own for each number, of a size of its own.
fn own(number: usize) -> Record {
    record(format!("{number};").repeat(1 + number * 37 % 500))
}

async fn callers_who_go_away_disturb_nobody() {
    let server = server();
    let store = Arc::new(store(&server));
    for number in 0..50 {
        store.write(&key(number), own(number), WriteMode::Create).await.unwrap();
    }
    let caller = |seed: u64| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut random = Random::new(seed);
            for _ in 0..200 {
                let number = random.below(50);
                let name = key(number);
                match random.below(4) {
                    0 => drop(cancel_after(1, store.load(&name)).await),
                    1 => drop(cancel_after(1, store.write(&name, own(number), WriteMode::Overwrite)).await),
                    _ => assert_eq!(payload(&*store, number).await.unwrap(), own(number).payload),
                }
            }
        })
    };
    for caller in (0..20).map(caller).collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

async fn replies_reach_who_asked() {
    let server = server();
    let store = Arc::new(store(&server));
    let caller = |number: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            let bytes = if number.is_multiple_of(10) { 300_000 } else { 10 + number };
            let mine = Record::new(meta(), vec![number as u8; bytes]);
            for _ in 0..20 {
                let version = store.write(&key(number), mine.clone(), WriteMode::Overwrite).await.unwrap();
                let found = store.load(&key(number)).await.unwrap().unwrap();
                assert!(found.payload() == mine.payload && *found.version() == version);
            }
        })
    };
    for caller in (0..60).map(caller).collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}
