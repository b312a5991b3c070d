//! A hundred clients whose connections break and whose server is killed, and the history of what they were told.

use std::time::Duration;

use dancecard_servers::{Mode, Proxy, Running, Way};
use dancecard_store_postgres::PostgresStore;
use dancecard_testkit::{Clients, Progress, Random};

use crate::fixture::*;
use crate::outages::fragile;

cases! {
    a_hundred_clients_lose_nothing_to_cuts_and_kills,
}

/// How many writes are settled between two harms.
const EACH: usize = 150;
/// How many there are. Enough is left to do after the last that each has its effect.
const HARMS: usize = 12;

/// Two thousand writes to ten records.
async fn a_hundred_clients_lose_nothing_to_cuts_and_kills(_: Place) {
    let (server, place) = fragile().await;
    let (proxy, config) = place.proxy();
    let engines: Vec<_> = (0..3).map(|_| PostgresStore::connect(config.clone()).unwrap()).collect();
    let harm = async |progress: &Progress| harm(&server, &proxy, progress).await;
    let told = Clients::new().run(engines, harm).await.unwrap();
    println!("{told:?}");
    assert_eq!(told.acknowledged + told.unknown, 2000);
    assert!(told.unknown > 0, "nothing was cut: {told:?}");
}

/// Cuts connections in the middle of requests and of replies, and kills the server every third time instead.
async fn harm(server: &Running, proxy: &Proxy, progress: &Progress) {
    let mut random = Random::new(7);
    for number in 1..=HARMS {
        assert!(progress.reach(number * EACH).await);
        if number % 3 == 0 {
            server.kill();
            server.restart().unwrap();
            continue;
        }
        let way = if random.chance(500) { Way::Requests } else { Way::Replies };
        proxy.set(Mode::Cut { way, after: random.below(5_000) as u64, once: true });
        tokio::time::timeout(PATIENCE, passes(proxy)).await.unwrap();
    }
}

/// Until what was to be cut is.
async fn passes(proxy: &Proxy) {
    while proxy.mode() != Mode::Pass {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
