//! Many clients at once, and a history of what they were told.

use std::ops::Range;

use dancecard_servers::{Proxy, harm};
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::interleave::{Counterexample, explore, seeds};
use dancecard_testkit::{Clients, Progress};

use crate::world::*;

trials![
    a_hundred_clients_lose_nothing,
    a_hundred_clients_lose_nothing_to_cuts_and_kills,
    requests_in_every_order_keep_their_promises,
    requests_in_every_order_near_the_cache_keep_their_promises,
];

/// Several engines, as several processes have them.
pub(crate) async fn all_is_kept(config: &Config) {
    let engines: Vec<_> = (0..3).map(|_| connect(config)).collect();
    let told = Clients::new().run(engines, async |_: &Progress| {}).await.unwrap();
    assert_eq!((told.acknowledged, told.unknown), (2000, 0));
}

async fn a_hundred_clients_lose_nothing() {
    all_is_kept(&config(&shared().url())).await;
}

async fn a_hundred_clients_lose_nothing_to_cuts_and_kills() {
    let server = durable();
    let proxy = Proxy::start(server.address()).unwrap();
    let config = config(&proxy.url(&server.url()));
    let engines: Vec<_> = (0..3).map(|_| connect(&config)).collect();
    let kill = async || {
        server.kill();
        server.restart().unwrap();
    };
    let harm = async |progress: &Progress| harm(&proxy, progress, 20_000, kill).await;
    let told = Clients::new().run(engines, harm).await.unwrap();
    println!("{told:?}");
    assert_eq!(told.acknowledged + told.unknown, 2000);
    assert!(told.unknown > 0, "nothing was cut: {told:?}");
}

/// Explores on a thread of its own, since each schedule runs on one, with the engine's work on the runtime.
pub(crate) async fn schedules(range: Range<u64>, open: impl Fn() -> RedisStore + Send + 'static) {
    let runtime = tokio::runtime::Handle::current();
    let explored = tokio::task::spawn_blocking(move || {
        let _entered = runtime.enter();
        explore(open, seeds(range)).map(|report| report.schedules())
    });
    let explored: Result<usize, Counterexample> = explored.await.unwrap();
    assert!(explored.unwrap() > 0);
}

async fn requests_in_every_order_keep_their_promises() {
    schedules(0..150, store).await;
}

async fn requests_in_every_order_near_the_cache_keep_their_promises() {
    schedules(150..250, || connect(&config(&shared().url()).with_near_cache(1 << 20))).await;
}
