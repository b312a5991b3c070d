//! A hundred clients whose connections break and whose server is killed, and the history of what they were told.

use dancecard_servers::harm;
use dancecard_store_postgres::PostgresStore;
use dancecard_testkit::{Clients, Progress};

use crate::fixture::*;
use crate::outages::fragile;

cases! {
    a_hundred_clients_lose_nothing_to_cuts_and_kills,
}

/// Two thousand writes to ten records.
async fn a_hundred_clients_lose_nothing_to_cuts_and_kills(_: Place) {
    let (server, place) = fragile().await;
    let (proxy, config) = place.proxy();
    let engines: Vec<_> = (0..3).map(|_| PostgresStore::connect(config.clone()).unwrap()).collect();
    let kill = async || {
        server.kill();
        server.restart().unwrap();
    };
    let harm = async |progress: &Progress| harm(&proxy, progress, 5_000, kill).await;
    let told = Clients::new().run(engines, harm).await.unwrap();
    println!("{told:?}");
    assert_eq!(told.acknowledged + told.unknown, 2000);
    assert!(told.unknown > 0, "nothing was cut: {told:?}");
}
