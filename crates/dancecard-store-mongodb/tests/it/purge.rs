//! Purging: exact, bounded, and never in anybody's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{Meta, Record, Store, Timestamp, WriteMode};
use dancecard_store_mongodb::MongodbStore;
use mongodb::bson::{DateTime, doc};

use crate::fixture::*;

cases! {
    it_removes_only_what_expired_and_no_more_than_asked,
    it_goes_by_the_touched_expiry,
    it_finds_what_expires_earlier_than_it_did,
    it_takes_nothing_that_is_written_meanwhile,
    two_at_once_share_the_work,
    the_server_removes_what_is_over_by_itself,
    a_change_of_the_slack_changes_the_index,
}

fn expiring(at: Timestamp) -> Record {
    Record::new(Meta::new(*NOW, at), vec![])
}

async fn it_removes_only_what_expired_and_no_more_than_asked(place: Place) {
    let store = place.open();
    for number in 0..700 {
        store.write(&key(number), expiring(later(number)), WriteMode::Create).await.unwrap();
    }
    for (limit, expected) in [(0, 0), (10, 10), (300, 300), (usize::MAX, 290), (usize::MAX, 0)] {
        assert_eq!(store.purge_expired(later(599), limit).await.unwrap(), expected);
    }
    let left = list(&store, Default::default()).await;
    assert!(left.iter().all(|entry| entry.as_ref().unwrap().meta.expires_at() > later(599)));
    assert_eq!(left.len(), 100);
}

async fn it_goes_by_the_touched_expiry(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    store.touch(&key("a"), later(7200)).await.unwrap();
    assert_eq!(store.purge_expired(later(3601), 10).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(7199), 10).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(7200), 10).await.unwrap(), 1);
}

/// The marker of an ended session lives for a moment, the session would have lived on.
async fn it_finds_what_expires_earlier_than_it_did(place: Place) {
    let store = place.open();
    for (name, mode) in [("update", true), ("overwrite", false), ("replace", true)] {
        let version = create(&store, name).await;
        store.touch(&key(name), later(9000)).await.unwrap();
        assert_eq!(store.purge_expired(later(3600), 10).await.unwrap(), 0, "{name}");
        let soon = expiring(later(60));
        if name == "replace" {
            store.replace(&key(name), &version, soon, &key("new"), expiring(later(9000))).await.unwrap();
        } else {
            let mode = if mode { WriteMode::Update(version) } else { WriteMode::Overwrite };
            store.write(&key(name), soon, mode).await.unwrap();
        }
        assert_eq!(store.purge_expired(later(59), 10).await.unwrap(), 0, "{name}");
        assert_eq!(store.purge_expired(later(60), 10).await.unwrap(), 1, "{name}");
    }
}

async fn it_takes_nothing_that_is_written_meanwhile(place: Place) {
    let store = Arc::new(place.open());
    let stop = Arc::new(AtomicBool::new(false));
    let purging = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                store.purge_expired(later(1000), 100).await.unwrap();
            }
        })
    };
    for round in 0..200 {
        // Over, and brought back to life before or after the purge sees it.
        store.write(&key(round), expiring(later(10)), WriteMode::Overwrite).await.unwrap();
        let touched = store.touch(&key(round), later(9000)).await.unwrap();
        assert_eq!(store.load(&key(round)).await.unwrap().is_some(), touched, "{round}");
        store.write(&key(round), expiring(later(9000)), WriteMode::Overwrite).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    purging.await.unwrap();
    assert_eq!(list(&*store, Default::default()).await.len(), 200);
}

async fn two_at_once_share_the_work(place: Place) {
    let store = place.open();
    create(&store, "live").await;
    let over = (0..5000).map(|number| doc! { "_id": number, "e": DateTime::from_millis(NOW.as_millis()) });
    place.collection().await.insert_many(over).await.unwrap();
    let (one, other) = (place.open(), place.open());
    let (one, other) =
        tokio::join!(one.purge_expired(*NOW, usize::MAX), other.purge_expired(*NOW, usize::MAX));
    let (one, other) = (one.unwrap(), other.unwrap());
    println!("{one} and {other}");
    let left = store.purge_expired(*NOW, usize::MAX).await.unwrap();
    assert_eq!(one + other + left, 5000);
    assert_eq!(list(&store, Default::default()).await.len(), 1);
}

/// Later by the slack, and never what was touched in time.
async fn the_server_removes_what_is_over_by_itself(place: Place) {
    let config = place.config().with_expiry_slack(Duration::from_secs(3600));
    let store = MongodbStore::connect(config).unwrap();
    let ago = |seconds| NOW.saturating_sub(Duration::from_secs(seconds));
    for (name, at) in [("over", ago(3700)), ("within the slack", ago(1800)), ("touched", ago(3700))] {
        let record = Record::new(Meta::new(ago(9000), ago(1800)), vec![]);
        store.write(&key(name), record, WriteMode::Create).await.unwrap();
        place.collection().await.update_one(id(name), set_expiry(at)).await.unwrap();
        if name == "touched" {
            store.write(&key(name), expiring(later(60)), WriteMode::Overwrite).await.unwrap();
        }
    }
    let begun = Instant::now();
    while store.load(&key("over")).await.unwrap().is_some() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    assert!(store.load(&key("within the slack")).await.unwrap().is_some());
    assert!(store.load(&key("touched")).await.unwrap().is_some());
}

fn set_expiry(at: Timestamp) -> mongodb::bson::Document {
    doc! { "$set": { "e": DateTime::from_millis(at.as_millis()) } }
}

async fn a_change_of_the_slack_changes_the_index(place: Place) {
    for seconds in [60, 90, 90, 30] {
        let config = place.config().with_expiry_slack(Duration::from_millis(seconds * 1000 - 1));
        MongodbStore::connect(config).unwrap().health().await.unwrap();
        let indexes = place.run(doc! { "listIndexes": &place.collection }).await;
        let batch = indexes.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        let found = batch.iter().map(|index| index.as_document().unwrap());
        let slack: Vec<_> = found.filter_map(|index| index.get_i32("expireAfterSeconds").ok()).collect();
        assert_eq!((slack, batch.len()), (vec![seconds as i32], 3));
    }
}
