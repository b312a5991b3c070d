//! Listings beside processes that change what is listed.

use std::collections::HashSet;
use std::sync::Arc;

use dancecard_core::{ListQuery, Store, WriteMode};

use crate::fixture::*;

/// The listing of a folder in which files are renamed meanwhile may pass one over. Ours must not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_record_is_missed_while_all_are_rewritten() {
    let place = Place::new();
    let (store, other) = (Arc::new(place.open()), place.open());
    for name in 0..300 {
        create(&*store, name).await;
    }
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for round in 0..10 {
            for name in 0..300 {
                writer.write(&key(name), bulk(round), WriteMode::Overwrite).await.unwrap();
            }
        }
    });
    while !writing.is_finished() {
        let listed: Vec<_> =
            list(&other, ListQuery::all()).await.into_iter().map(|entry| entry.unwrap().key).collect();
        let distinct: HashSet<_> = listed.iter().collect();
        assert_eq!((listed.len(), distinct.len()), (300, 300));
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_purge_with_a_small_limit_gets_everywhere() {
    let place = Place::new();
    let store = place.open();
    for name in 0..200 {
        create(&store, name).await;
    }
    let mut purged = 0;
    for _ in 0..40 {
        let some = store.purge_expired(later(9000), 5).await.unwrap();
        assert_eq!(some, 5);
        purged += some;
    }
    assert_eq!((purged, place.records().len()), (200, 0));
}
