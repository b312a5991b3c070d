//! The conformance suite of the engine contract, on one server and on a replica set, in a collection of its own for
//! each case.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dancecard_servers::{Absent, mongod, mongod_replica_set};
use dancecard_store_mongodb::{Config, MongodbStore};
use dancecard_testkit::store::{self, Expiring, Opened, Subject};
use dancecard_testkit::{Failure, Outcome};
use libtest_mimic::Trial;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};
use mongodb::{Client, Collection};

fn main() {
    let subjects: [(&str, Result<Vec<Trial>, Absent>); 2] = [
        ("mongodb", mongod::start().map(|server| whole("mongodb", server.url(), server))),
        (
            "mongodb-replica-set",
            mongod_replica_set::start().map(|set| whole("mongodb-replica-set", set.url(), set)),
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

async fn open(url: String, server: Arc<dyn Any + Send + Sync>) -> Opened {
    static COLLECTIONS: AtomicUsize = AtomicUsize::new(0);
    let collection = format!("case_{}", COLLECTIONS.fetch_add(1, Ordering::Relaxed));
    let brief = (url.clone(), collection.clone());
    let connect = move || Ok(MongodbStore::connect(config(&url, &collection)?)?);
    let (again, other) = (connect.clone(), connect.clone());
    Ok(Subject::new(connect()?)
        .with_reopen(move || std::future::ready(again()))
        .with_peer(move || std::future::ready(other()))
        .with_expiring(move || expiring(brief.clone()))
        .keeping(server))
}

/// The servers look for what has expired once a second.
async fn expiring((url, collection): (String, String)) -> Outcome<Expiring> {
    let brief = config(&url, &collection)?.with_expiry_slack(Duration::from_secs(1));
    let store = MongodbStore::connect(brief)?;
    let client = Client::with_uri_str(&url).await.map_err(|error| failed(&error))?;
    let documents: Collection<Document> = client.database("dancecard").collection(&collection);
    Ok(Expiring::new(store, move |key| {
        let bytes = key.as_bytes().to_vec();
        let filter = doc! { "_id": Binary { subtype: BinarySubtype::Generic, bytes } };
        let documents = documents.clone();
        async move {
            documents.find_one(filter).await.map(|found| found.is_some()).map_err(|error| failed(&error))
        }
    }))
}

fn failed(error: &mongodb::error::Error) -> Failure {
    Failure::new("an answer", error.to_string())
}

/// With more patience than the default: a busy machine may take its time. No case ends a server, so none waits for a
/// disk.
fn config(url: &str, collection: &str) -> Outcome<Config> {
    let config = Config::from_url(url)?.with_collection(collection).with_timeout(Duration::from_secs(60));
    Ok(config.with_max_payload(4 << 20).with_journal(false))
}
