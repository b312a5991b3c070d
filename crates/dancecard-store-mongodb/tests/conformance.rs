//! The conformance suite of the engine contract, on one server and on a replica set, in a collection of its own for
//! each case.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dancecard_servers::{Absent, mongod, mongod_replica_set};
use dancecard_store_mongodb::{Config, MongodbStore};
use dancecard_testkit::Outcome;
use dancecard_testkit::store::{self, Opened, Subject};
use libtest_mimic::Trial;

fn main() {
    let subjects: [(&str, Result<Vec<Trial>, Absent>); 2] = [
        ("mongodb", mongod::start().map(|server| whole("mongodb", server.url(), server))),
        (
            "mongodb-replica-set",
            mongod_replica_set::start().map(|set| {
                let url = set.url();
                without_bulk(whole("mongodb-replica-set", url, set))
            }),
        ),
    ];
    let trials = subjects
        .into_iter()
        .flat_map(|(name, trials)| trials.unwrap_or_else(|absent| vec![absent.trial(name)]));
    store::run(trials.collect());
}

fn whole(name: &str, url: String, server: impl Any + Send + Sync) -> Vec<Trial> {
    let server: Arc<dyn Any + Send + Sync> = Arc::new(server);
    store::trials(name, move || open(url.clone(), server.clone()))
}

/// Ten thousand records say no more of a replica set than of one server.
fn without_bulk(mut trials: Vec<Trial>) -> Vec<Trial> {
    trials.retain(|trial| !trial.name().contains("ten_thousand"));
    trials
}

async fn open(url: String, server: Arc<dyn Any + Send + Sync>) -> Opened {
    static COLLECTIONS: AtomicUsize = AtomicUsize::new(0);
    let collection = format!("case_{}", COLLECTIONS.fetch_add(1, Ordering::Relaxed));
    let connect = move || connect(&url, &collection);
    let (again, other) = (connect.clone(), connect.clone());
    Ok(Subject::new(connect()?)
        .with_reopen(move || std::future::ready(again()))
        .with_peer(move || std::future::ready(other()))
        .keeping(server))
}

/// With more patience than the default: a busy machine may take its time. No case ends a server, so none waits for a
/// disk.
fn connect(url: &str, collection: &str) -> Outcome<MongodbStore> {
    let config = Config::from_url(url)?.with_collection(collection).with_timeout(Duration::from_secs(60));
    Ok(MongodbStore::connect(config.with_max_payload(4 << 20).with_journal(false))?)
}
