//! The conformance suite of the engine contract, on real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_servers::redis::{self, Options};
use dancecard_servers::{Absent, Running};
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::store::{self, Opened, Subject};
use dancecard_testkit::{Failure, Outcome};
use libtest_mimic::Trial;
use parking_lot::Mutex;

fn main() {
    let trials = [("redis", one())];
    let trials = trials
        .into_iter()
        .flat_map(|(engine, trials)| trials.unwrap_or_else(|absent: Absent| vec![absent.trial(engine)]));
    store::run(trials.collect());
}

fn one() -> Result<Vec<Trial>, Absent> {
    let server = Arc::new(redis::start()?);
    Ok(store::trials("redis", move || open(server.clone())))
}

/// A prefix of its own for each case.
async fn open(server: Arc<Running>) -> Opened {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("case-{}:", COUNT.fetch_add(1, Ordering::Relaxed));
    let config = Config::from_url(&server.url())?.with_prefix(prefix);
    let (again, other, small) = (config.clone(), config.clone(), Arc::new(Mutex::new(Vec::new())));
    let kept = (server, small.clone());
    Ok(Subject::new(connect(config)?)
        .with_reopen(move || std::future::ready(connect(again.clone())))
        .with_peer(move || std::future::ready(connect(other.clone())))
        .with_limited(move || std::future::ready(limited(&small)))
        .keeping(kept))
}

fn connect(config: Config) -> Outcome<RedisStore> {
    Ok(RedisStore::connect(config)?)
}

/// With room for some thousand records.
fn limited(kept: &Mutex<Vec<Running>>) -> Outcome<RedisStore> {
    let options = Options { maxmemory: Some(8 << 20), ..Options::default() };
    let failed = |absent: Absent| Failure::new("a small server", absent.to_string());
    let server = redis::start_with(options).map_err(failed)?;
    let store = connect(Config::from_url(&server.url())?)?;
    kept.lock().push(server);
    Ok(store)
}
