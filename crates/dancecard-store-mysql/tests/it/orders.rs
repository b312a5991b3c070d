//! The promises of the session layer over this engine, in many orders of its calls.

use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_store_mysql::MysqlStore;
use dancecard_testkit::interleave::{explore, seeds};

use crate::fixture::*;

cases! {
    in_many_orders,
}

/// Each schedule has a table of its own.
async fn in_many_orders(place: Place) {
    let tables = AtomicUsize::new(0);
    let open = || {
        let table = format!("{}_{}", place.table, tables.fetch_add(1, Ordering::Relaxed));
        let config = place.config().with_table(table).with_connections(2);
        MysqlStore::connect(config).unwrap()
    };
    let report = tokio::task::block_in_place(|| explore(open, seeds(0..60))).unwrap();
    println!("{} schedules, {} calls", report.schedules(), report.calls());
    assert!(report.schedules() > 0 && report.calls() > 10 * report.schedules());
}
