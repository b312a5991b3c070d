//! The promises of the session layer over this engine, in many orders of its calls.

use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_store_mongodb::MongodbStore;
use dancecard_testkit::interleave::{explore, seeds};

use crate::fixture::*;

cases! {
    in_many_orders,
    in_many_orders_on_a_replica_set,
}

async fn in_many_orders(place: Place) {
    explore_all(&place);
}

async fn in_many_orders_on_a_replica_set(_: Place) {
    explore_all(&Place::replicated());
}

/// Each schedule has a collection of its own, and a clock of its own, by which the server must not expire anything.
fn explore_all(place: &Place) {
    let collections = AtomicUsize::new(0);
    let open = || {
        let collection = format!("{}_{}", place.collection, collections.fetch_add(1, Ordering::Relaxed));
        let config =
            place.config().with_collection(collection).with_journal(false).with_create_indexes(false);
        MongodbStore::connect(config).unwrap()
    };
    let report = tokio::task::block_in_place(|| explore(open, seeds(0..30))).unwrap();
    println!("{} schedules, {} calls", report.schedules(), report.calls());
    assert!(report.schedules() > 0 && report.calls() > 10 * report.schedules());
}
