//! A hundred clients at once, and a history in which a lost update would show.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dancecard_core::{RecordKey, Store, Version, WriteMode};
use dancecard_store_object::ObjectStore;

use crate::world::*;

trials![a_hundred_clients_of_memory_lose_nothing];

#[cfg(feature = "s3")]
trials![on_s3: a_hundred_clients_of_s3_lose_nothing];

const CLIENTS: usize = 100;

/// A write that was acknowledged: which state it replaced, by which, and the number in it.
struct Step {
    slot: usize,
    from: Option<Version>,
    to: Version,
    number: u64,
}

fn number(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

/// Counts one up, however often others are faster.
async fn count(store: &ObjectStore, slot: usize, key: &RecordKey) -> Step {
    loop {
        let found = store.load(key).await.unwrap();
        let (from, number) = match &found {
            Some(found) => (Some(found.version().clone()), number(found.payload()) + 1),
            None => (None, 1),
        };
        let mode = from.clone().map_or(WriteMode::Create, WriteMode::Update);
        match store.write(key, record(number.to_string()), mode).await {
            Ok(to) => return Step { slot, from, to, number },
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
    }
}

async fn run(stores: Vec<ObjectStore>, rounds: usize, slots: usize) {
    let stores: Vec<_> = stores.into_iter().map(Arc::new).collect();
    let client = |client: usize| {
        let store = Arc::clone(&stores[client % stores.len()]);
        async move {
            let mut steps = Vec::new();
            for round in 0..rounds {
                let slot = (client * 31 + round * 17) % slots;
                steps.push(count(&store, slot, &key(slot)).await);
            }
            steps
        }
    };
    let tasks: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(client(number))).collect();
    let mut steps = Vec::new();
    for task in tasks {
        steps.extend(task.await.unwrap());
    }
    assert_eq!(steps.len(), CLIENTS * rounds);
    check(&steps, &stores[0], slots).await;
}

/// Each state was replaced once at most, by the next number, and the last one is there.
async fn check(steps: &[Step], store: &ObjectStore, slots: usize) {
    let mut states: HashMap<(usize, &Version), u64> = HashMap::new();
    for step in steps {
        assert!(states.insert((step.slot, &step.to), step.number).is_none(), "a version came back");
    }
    let mut replaced = HashSet::new();
    for step in steps {
        assert!(replaced.insert((step.slot, step.from.as_ref())), "two writes replaced one state");
        let before = step.from.as_ref().map_or(0, |from| states[&(step.slot, from)]);
        assert_eq!(step.number, before + 1);
    }
    for slot in 0..slots {
        let counted = steps.iter().filter(|step| step.slot == slot).count() as u64;
        assert_eq!(number(&payload(store, slot).await.unwrap()), counted);
    }
}

async fn a_hundred_clients_of_memory_lose_nothing() {
    run(vec![memory()], 20, 7).await;
}

#[cfg(feature = "s3")]
async fn a_hundred_clients_of_s3_lose_nothing() {
    let config = config(&shared().url());
    run(vec![connect(&config), connect(&config)], 5, 11).await;
}
