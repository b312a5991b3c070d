//! The engine beside the bare driver: what a read and a write cost this process.
//!
//! `cargo bench -p dancecard-store-mongodb` starts a server, and a replica set of one, and lets 32 tasks read and write
//! sessions of 1 KiB, in turn by the engine and by hand: the same fields of the same collection, with the driver's raw
//! documents, its own way of repeating writes, and as many connections.
//! [`Beside`] says what each line is. It fails when the engine takes more than it may.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_servers::{mongod, mongod_replica_set};
use dancecard_store_mongodb::{Config, MongodbStore};
use dancecard_testkit::Beside;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Binary, DateTime, doc, rawdoc, spec::BinarySubtype};
use mongodb::options::{ReadConcern, WriteConcern};
use mongodb::{Client, Collection};

const TASKS: usize = 32;
const EACH: usize = 300;
const PAYLOAD: usize = 1024;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut beside = Beside::new(TASKS, 15);
    match mongod::start() {
        Ok(server) => runtime.block_on(compare("one server", &server.url(), &mut beside)),
        Err(absent) => return absent.report(),
    }
    match mongod_replica_set::start() {
        Ok(set) => runtime.block_on(compare("replica set", &set.url(), &mut beside)),
        Err(absent) => return absent.report(),
    }
    beside.verdict()
}

async fn compare(what: &str, url: &str, beside: &mut Beside) {
    let config = Config::from_url(url).unwrap().with_journal(false);
    let ours = Arc::new(MongodbStore::connect(config).unwrap());
    fill(&ours).await;
    let bare = Arc::new(Bare::open(url).await);
    let (name, by_hand) = (format!("read, {what}"), |task| read_bare(Arc::clone(&bare), task));
    beside.in_turn(&name, Some(Beside::READ), EACH, |task| read(Arc::clone(&ours), task), by_hand).await;
    let (name, by_hand) = (format!("conditional write, {what}"), |task| write_bare(Arc::clone(&bare), task));
    beside.in_turn(&name, Some(Beside::WRITE), EACH, |task| write(Arc::clone(&ours), task), by_hand).await;
}

fn key(task: usize) -> RecordKey {
    RecordKey::new(&[task as u8; 32])
}

fn record(number: usize) -> Record {
    let now = Timestamp::from_millis(4_102_444_800_000 + number as i64);
    let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600)));
    Record::new(meta.with_principal(Some("somebody".into())), vec![b'x'; PAYLOAD])
}

async fn fill(store: &MongodbStore) {
    for task in 0..TASKS {
        store.write(&key(task), record(0), WriteMode::Overwrite).await.unwrap();
    }
}

async fn read(store: Arc<MongodbStore>, task: usize) {
    let key = key(task);
    for _ in 0..EACH {
        assert_eq!(store.load(&key).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }
}

async fn write(store: Arc<MongodbStore>, task: usize) {
    let key = key(task);
    let mut version = store.load(&key).await.unwrap().unwrap().version().clone();
    for number in 0..EACH {
        version = store.write(&key, record(number), WriteMode::Update(version)).await.unwrap();
    }
}

/// The driver as its documentation shows it, with raw documents.
struct Bare {
    sessions: Collection<RawDocumentBuf>,
    versions: AtomicI64,
}

impl Bare {
    async fn open(url: &str) -> Self {
        let client = Client::with_uri_str(url).await.unwrap();
        let options = mongodb::options::CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(WriteConcern::majority())
            .build();
        let sessions = client.database("dancecard").collection_with_options("sessions", options);
        Self { sessions, versions: AtomicI64::new(1) }
    }
}

fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

async fn read_bare(bare: Arc<Bare>, task: usize) {
    for _ in 0..EACH {
        let found = bare.sessions.find_one(doc! { "_id": binary(&[task as u8; 32]) }).await.unwrap().unwrap();
        let (_, _) = (found.get_i64("v").unwrap(), found.get_datetime("e").unwrap());
        let (meta, payload) = (found.get_binary("m").unwrap(), found.get_binary("d").unwrap());
        assert!(!meta.bytes.is_empty() && payload.bytes.to_vec().len() == PAYLOAD);
    }
}

async fn write_bare(bare: Arc<Bare>, task: usize) {
    let key = binary(&[task as u8; 32]);
    let found = bare.sessions.find_one(doc! { "_id": &key }).await.unwrap().unwrap();
    let mut version = found.get_i64("v").unwrap();
    let meta = found.get_binary("m").unwrap().bytes;
    for number in 0..EACH {
        let next = bare.versions.fetch_add(1, Ordering::Relaxed);
        let expires_at = DateTime::from_millis(4_102_444_800_000 + number as i64);
        let document = rawdoc! {
            "v": next, "e": expires_at, "p": binary(b"somebody"), "m": binary(meta), "d": binary(&[b'x'; PAYLOAD]),
        };
        let wanted = doc! { "_id": &key, "v": version };
        let changed = bare.sessions.replace_one(wanted, document).await.unwrap();
        assert_eq!(changed.matched_count, 1);
        version = next;
    }
}
