//! Many at once, on one engine and on several: nothing is lost, nothing is counted twice.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use dancecard_core::{ErrorKind, Store, Version, WriteMode};
use dancecard_store_mongodb::MongodbStore;

use crate::fixture::*;

cases! {
    a_hundred_clients_lose_no_update,
    a_hundred_clients_of_a_replica_set_lose_no_update,
    of_racing_creates_one_wins,
    of_racing_replaces_one_wins,
    of_racing_transactions_one_wins,
    transactions_that_cross_never_deadlock_for_good,
    what_was_acknowledged_is_in_every_later_answer,
}

/// One update: the version that it was made on, the one that it made, and what was then stored.
struct Step {
    from: Version,
    to: Version,
    count: u64,
}

async fn count(store: &MongodbStore, name: usize) -> Step {
    loop {
        let found = store.load(&key(name)).await.unwrap().unwrap();
        let count = 1 + std::str::from_utf8(found.payload()).unwrap().parse::<u64>().unwrap();
        let update = WriteMode::Update(found.version().clone());
        match store.write(&key(name), record(count.to_string()), update).await {
            Ok(to) => return Step { from: found.version().clone(), to, count },
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
}

async fn a_hundred_clients_lose_no_update(place: Place) {
    lose_no_update(place).await;
}

async fn a_hundred_clients_of_a_replica_set_lose_no_update(_: Place) {
    lose_no_update(Place::replicated()).await;
}

/// Five records, a hundred clients of two engines, eight updates each. The history of each record must be one chain:
/// no two updates were made on the same version, and each version was made once.
async fn lose_no_update(place: Place) {
    let stores = [Arc::new(place.open()), Arc::new(place.open())];
    let mut first = BTreeMap::new();
    for name in 0..5 {
        first.insert(name, stores[0].write(&key(name), record("0"), WriteMode::Create).await.unwrap());
    }
    let clients: Vec<_> = (0..100)
        .map(|client| {
            let store = Arc::clone(&stores[client % 2]);
            tokio::spawn(async move {
                let mut steps = Vec::new();
                for round in 0..8 {
                    let name = (client + round) % 5;
                    steps.push((name, count(&store, name).await));
                }
                steps
            })
        })
        .collect();
    let mut history: BTreeMap<usize, Vec<Step>> = BTreeMap::new();
    for client in clients {
        for (name, step) in client.await.unwrap() {
            history.entry(name).or_default().push(step);
        }
    }
    for (name, mut steps) in history {
        steps.sort_by_key(|step| step.count);
        let mut present = first[&name].clone();
        let mut seen = HashSet::from([present.clone()]);
        for (number, step) in steps.iter().enumerate() {
            assert_eq!((step.count, &step.from), (number as u64 + 1, &present), "record {name}");
            assert!(seen.insert(step.to.clone()), "a version twice");
            present = step.to.clone();
        }
        assert_eq!(*stores[0].load(&key(name)).await.unwrap().unwrap().version(), present);
        assert_eq!(steps.len(), 160);
    }
}

async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(run: impl Fn(usize) -> F) -> Vec<T> {
    let racers: Vec<_> = (0..8).map(|racer| tokio::spawn(run(racer))).collect();
    futures_util::future::join_all(racers).await.into_iter().map(Result::unwrap).collect()
}

async fn of_racing_creates_one_wins(place: Place) {
    let store = Arc::new(place.open());
    for round in 0..10 {
        let outcomes = race(|racer| {
            let store = Arc::clone(&store);
            async move { store.write(&key(round), record(racer.to_string()), WriteMode::Create).await }
        })
        .await;
        let winners: Vec<_> = (0..8).filter(|racer| outcomes[*racer].is_ok()).collect();
        assert!(outcomes.iter().flat_map(|outcome| outcome.as_ref().err()).all(|error| error.is_conflict()));
        assert_eq!(winners.len(), 1);
        assert_eq!(payload(&*store, round).await.unwrap(), winners[0].to_string().as_bytes());
    }
}

async fn of_racing_replaces_one_wins(place: Place) {
    of_racing_ones_one_wins(place).await;
}

async fn of_racing_transactions_one_wins(_: Place) {
    of_racing_ones_one_wins(Place::replicated()).await;
}

async fn of_racing_ones_one_wins(place: Place) {
    let store = Arc::new(place.open());
    for round in 0..10 {
        let version = create(&*store, format!("{round} old")).await;
        let outcomes = race(|racer| {
            let (store, version) = (Arc::clone(&store), version.clone());
            async move {
                let (old, new) = (key(format!("{round} old")), key(format!("{round} {racer}")));
                store.replace(&old, &version, record(racer.to_string()), &new, record("new")).await
            }
        })
        .await;
        assert!(outcomes.iter().flat_map(|outcome| outcome.as_ref().err()).all(|error| error.is_conflict()));
        let mut successors = 0;
        for (racer, outcome) in outcomes.iter().enumerate() {
            let there = payload(&*store, format!("{round} {racer}")).await.is_some();
            assert_eq!(there, outcome.is_ok());
            successors += usize::from(there);
        }
        assert_eq!(successors, 1);
    }
}

/// Two that each replace what the other creates lock in opposite order; the server lets one go, and it tries again.
async fn transactions_that_cross_never_deadlock_for_good(_: Place) {
    let place = Place::replicated();
    let store = Arc::new(place.open());
    for round in 0..10 {
        let (one, other) = (format!("{round} one"), format!("{round} other"));
        let versions = [create(&*store, &one).await, create(&*store, &other).await];
        let cross = |from: String, to: String, version: Version| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.replace(&key(from), &version, record("retired"), &key(to), record("new")).await
            })
        };
        let [first, second] = versions;
        let crossing = [cross(one.clone(), other.clone(), first), cross(other, one, second)];
        for outcome in crossing {
            assert!(outcome.await.unwrap().unwrap_err().is_conflict());
        }
    }
}

async fn what_was_acknowledged_is_in_every_later_answer(place: Place) {
    let stores = [Arc::new(place.open()), Arc::new(place.open())];
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let stores = stores.clone();
            tokio::spawn(async move {
                for round in 0..30 {
                    let text = format!("{task} {round}");
                    let store = &stores[round % 2];
                    let version = store.write(&key(task), record(&text), WriteMode::Overwrite).await.unwrap();
                    for store in &stores {
                        let found = store.load(&key(task)).await.unwrap().unwrap();
                        assert_eq!((found.payload(), found.version()), (text.as_bytes(), &version));
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
