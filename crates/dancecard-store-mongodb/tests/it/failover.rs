//! A replica set of three that loses its primary.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, ListQuery, Store, WriteMode};
use dancecard_servers::Running;
use dancecard_servers::mongod_replica_set::{self, ReplicaSet};
use dancecard_store_mongodb::MongodbStore;
use dancecard_testkit::{Clients, Progress};
use mongodb::bson::doc;

use crate::fixture::*;
use crate::outages::{Tally, examine, until_counted, write_until};

cases! {
    a_primary_may_end_and_step_down,
}

fn place(set: &ReplicaSet) -> Place {
    Place { url: set.url(), ..Place::new(&set.members()[0]) }
}

fn primary(set: &ReplicaSet) -> &Running {
    let begun = Instant::now();
    loop {
        match set.primary() {
            Some(primary) => return primary,
            None => assert!(begun.elapsed() < 2 * PATIENCE, "no primary"),
        }
        std::thread::yield_now();
    }
}

/// One set for all of it: three servers take a while to come up.
async fn a_primary_may_end_and_step_down(_: Place) {
    let set = mongod_replica_set::start_with(3).unwrap();
    what_the_majority_has_survives_a_kill(&set).await;
    a_hundred_clients_lose_nothing(&set).await;
    rotations_are_whole(&set).await;
    without_a_majority_nothing_is_acknowledged(&set).await;
}

/// No write that was acknowledged is lost, nothing that was deleted is back, and all goes on by itself.
async fn what_the_majority_has_survives_a_kill(set: &ReplicaSet) {
    let place = place(set);
    let store = Arc::new(MongodbStore::connect(place.config()).unwrap());
    let acknowledged = Arc::new(Tally::new(0));
    let writer = |task| tokio::spawn(write_until(Arc::clone(&store), task, Arc::clone(&acknowledged), 300));
    let writers: Vec<_> = (0..6).map(writer).collect();
    until_counted(&acknowledged, 100).await;
    let lost = tokio::task::block_in_place(|| primary(set));
    lost.kill();
    until_counted(&acknowledged, 200).await;
    tokio::task::block_in_place(|| {
        lost.restart().unwrap();
        set.settle().unwrap();
    });
    let (there, gone) = examine(&store, writers).await;
    assert!(there >= 150 && gone >= 60, "{there} and {gone}");
}

/// The primary steps down, and the next one is killed. A write that the old primary got and the new one gets again is
/// one.
async fn a_hundred_clients_lose_nothing(set: &ReplicaSet) {
    let place = place(set);
    let engines = [(); 2].map(|()| MongodbStore::connect(place.config()).unwrap());
    let failing_over = async |progress: &Progress| {
        assert!(progress.reach(100).await);
        let step_down = doc! { "replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 5 };
        // It may take the connection with it.
        let _ = place.client().await.database("admin").run_command(step_down).await;
        assert!(progress.reach(200).await);
        let lost = tokio::task::block_in_place(|| primary(set));
        lost.kill();
        assert!(progress.reach(300).await);
        tokio::task::block_in_place(|| lost.restart().unwrap());
    };
    let told = Clients::new().with_writes(4).run(engines, failing_over).await.unwrap();
    println!("{told:?}");
    assert_eq!((told.acknowledged, told.unknown), (400, 0), "there was time to find out");
}

/// Each rotation took place as a whole, or not at all.
async fn rotations_are_whole(set: &ReplicaSet) {
    tokio::task::block_in_place(|| set.settle().unwrap());
    let place = place(set);
    let store = Arc::new(MongodbStore::connect(place.config()).unwrap());
    let done = Arc::new(Tally::new(0));
    let rotating = tokio::spawn({
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        async move {
            let mut version = create(&*store, 0).await;
            for number in 1..80 {
                let (old, new) = (key(number - 1), key(number));
                let rotated = store.replace(&old, &version, record("retired"), &new, record("live")).await;
                version = rotated.unwrap();
                done.send_modify(|done| *done += 1);
            }
        }
    });
    until_counted(&done, 20).await;
    let lost = tokio::task::block_in_place(|| primary(set));
    lost.kill();
    rotating.await.unwrap();
    tokio::task::block_in_place(|| lost.restart().unwrap());
    assert_eq!(list(&*store, ListQuery::all()).await.len(), 80);
    for number in 0..79 {
        assert_eq!(payload(&*store, number).await.unwrap(), b"retired", "{number}");
    }
    assert_eq!(payload(&*store, 79).await.unwrap(), b"live");
}

/// One of three can't know what the others have.
async fn without_a_majority_nothing_is_acknowledged(set: &ReplicaSet) {
    tokio::task::block_in_place(|| set.settle().unwrap());
    let place = place(set);
    let short = place.config().with_timeout(Duration::from_secs(3));
    let store = MongodbStore::connect(short).unwrap();
    let name = key("a");
    until_it_works(|| store.write(&name, record("before"), WriteMode::Overwrite)).await;
    let others = tokio::task::block_in_place(|| {
        let primary = primary(set).port();
        set.members().iter().filter(move |member| member.port() != primary).collect::<Vec<_>>()
    });
    others.iter().for_each(|member| member.pause());
    for _ in 0..3 {
        let error = store.write(&name, record("alone"), WriteMode::Overwrite).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error} {}", sources(&error));
        assert_discreet(&error);
    }
    others.iter().for_each(|member| member.resume());
    until_it_works(|| store.write(&name, record("together"), WriteMode::Overwrite)).await;
    assert_eq!(payload(&place.open(), "a").await.unwrap(), b"together");
}
