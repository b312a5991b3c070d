//! A hundred clients at once, and a history in which a lost update would show.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dancecard_core::{RecordKey, Store, Version, WriteMode};
use dancecard_store_file::{FileStore, Synchronous};

use crate::fixture::*;

const CLIENTS: usize = 100;
const ROUNDS: usize = 10;
const KEYS: usize = 7;

/// A write that was acknowledged: which state it replaced, by which, and the number in it.
struct Step {
    key: usize,
    from: Option<Version>,
    to: Version,
    number: u64,
}

fn number(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

/// Counts one up, however often others are faster.
async fn count(store: &FileStore, slot: usize, key: &RecordKey) -> Step {
    loop {
        let found = store.load(key).await.unwrap();
        let (from, number) = match &found {
            Some(found) => (Some(found.version().clone()), number(found.payload()) + 1),
            None => (None, 1),
        };
        let mode = from.clone().map_or(WriteMode::Create, WriteMode::Update);
        match store.write(key, record(number.to_string()), mode).await {
            Ok(to) => return Step { key: slot, from, to, number },
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
    }
}

async fn client(store: Arc<FileStore>, client: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..ROUNDS {
        let slot = (client * 31 + round * 17) % KEYS;
        steps.push(count(&store, slot, &key(slot)).await);
        assert!(store.touch(&key(slot), later(4000)).await.unwrap());
    }
    steps
}

/// Each state was replaced once at most, by the next number, and the last one is there.
async fn check(steps: &[Step], store: &FileStore) {
    let mut states: HashMap<(usize, &Version), u64> = HashMap::new();
    for step in steps {
        assert!(states.insert((step.key, &step.to), step.number).is_none(), "a version came back");
    }
    let mut replaced = HashSet::new();
    for step in steps {
        assert!(replaced.insert((step.key, step.from.as_ref())), "two writes replaced one state");
        let before = step.from.as_ref().map_or(0, |from| states[&(step.key, from)]);
        assert_eq!(step.number, before + 1);
    }
    for slot in 0..KEYS {
        let counted = steps.iter().filter(|step| step.key == slot).count() as u64;
        assert_eq!(number(&payload(store, slot).await.unwrap()), counted);
    }
}

async fn run(level: Synchronous) {
    let place = Place::new();
    let config = place.config().with_synchronous(level);
    let stores = [0, 1].map(|_| Arc::new(FileStore::connect(config.clone()).unwrap()));
    let tasks: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(client(Arc::clone(&stores[number % 2]), number))).collect();
    let mut steps = Vec::new();
    for task in tasks {
        steps.extend(task.await.unwrap());
    }
    assert_eq!(steps.len(), CLIENTS * ROUNDS);
    check(&steps, &stores[0]).await;
    assert!(place.unfinished().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_clients_of_two_engines_lose_nothing() {
    run(Synchronous::Normal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_when_each_write_waits_for_the_disk() {
    run(Synchronous::Full).await;
}
