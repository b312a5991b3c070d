//! Many at once, on one engine and on several: nothing is lost, nothing is counted twice.

use std::sync::Arc;

use dancecard_core::{Store, Version, WriteMode};
use dancecard_servers::break_connections;
use dancecard_store_mongodb::MongodbStore;
use dancecard_testkit::{Clients, Progress, Told};

use crate::fixture::*;

cases! {
    a_hundred_clients_lose_no_update,
    a_hundred_clients_of_a_replica_set_lose_no_update,
    a_hundred_clients_on_breaking_connections_lose_no_update,
    a_hundred_clients_of_a_replica_set_on_breaking_connections_lose_no_update,
    of_racing_creates_one_wins,
    of_racing_replaces_one_wins,
    of_racing_transactions_one_wins,
    transactions_that_cross_never_deadlock_for_good,
    what_was_acknowledged_is_in_every_later_answer,
}

/// Eight updates of each.
fn clients() -> Clients {
    Clients::new().with_writes(8)
}

async fn a_hundred_clients_lose_no_update(place: Place) {
    lose_no_update(place).await;
}

async fn a_hundred_clients_of_a_replica_set_lose_no_update(_: Place) {
    lose_no_update(Place::replicated()).await;
}

async fn lose_no_update(place: Place) {
    let nothing = async |_: &Progress| {};
    let told = clients().run([place.open(), place.open()], nothing).await.unwrap();
    assert_eq!((told.acknowledged, told.unknown), (800, 0));
}

async fn a_hundred_clients_on_breaking_connections_lose_no_update(place: Place) {
    let told = while_connections_break(place).await;
    assert!(told.acknowledged > 600 && told.unknown > 0, "{told:?}");
}

/// The server knows a write again that is sent twice.
async fn a_hundred_clients_of_a_replica_set_on_breaking_connections_lose_no_update(_: Place) {
    let told = while_connections_break(Place::replicated()).await;
    assert_eq!((told.acknowledged, told.unknown), (800, 0));
}

async fn while_connections_break(place: Place) -> Told {
    let (proxy, config) = place.proxy();
    let config = config.with_journal(false);
    let engines = [(); 2].map(|()| MongodbStore::connect(config.clone()).unwrap());
    let breaking = async |progress: &Progress| break_connections(&proxy, progress, 20, 20_000).await;
    let told = clients().run(engines, breaking).await.unwrap();
    println!("{told:?}");
    told
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
