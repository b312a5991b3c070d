//! Many clients at once, and a history of what they were told.

use std::ops::Range;

use dancecard_servers::{Mode, Proxy, Running, Way};
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::interleave::{Counterexample, explore, seeds};
use dancecard_testkit::{Clients, Progress, Random};

use crate::world::*;

trials![
    a_hundred_clients_lose_nothing,
    a_hundred_clients_lose_nothing_to_cuts_and_kills,
    requests_in_every_order_keep_their_promises,
    requests_in_every_order_near_the_cache_keep_their_promises,
];

/// How many writes are settled between two harms.
const EACH: usize = 150;
/// How many there are. Enough is left to do after the last that each has its effect.
const HARMS: usize = 12;

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
        proxy.set(Mode::Cut { way, after: random.below(20_000) as u64, once: true });
        until(async || proxy.mode() == Mode::Pass).await;
    }
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
