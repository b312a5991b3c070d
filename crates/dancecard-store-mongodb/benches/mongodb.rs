//! The engine beside the bare driver: what a read and a write cost this process.
//!
//! `cargo bench -p dancecard-store-mongodb` starts a server, and a replica set of one, and lets 32 tasks read and write
//! sessions of 1 KiB, in turn by the engine and by hand: the same fields of the same collection, with the driver's raw
//! documents, its own way of repeating writes, and as many connections.
//! Each line is processor time of this process, user and system, per operation: the median of the rounds, and of the
//! ratios of neighbours. Without `--bench`, as under `cargo test --benches`, there is one short round.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_servers::{mongod, mongod_replica_set};
use dancecard_store_mongodb::{Config, MongodbStore};
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Binary, DateTime, doc, rawdoc, spec::BinarySubtype};
use mongodb::options::{ReadConcern, WriteConcern};
use mongodb::{Client, Collection};
use rustix::time::{ClockId, clock_gettime};

const TASKS: usize = 32;
const EACH: usize = 300;
const PAYLOAD: usize = 1024;

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let rounds = if full { 15 } else { 1 };
    println!("{:<34} {:>9} {:>9} {:>7}", "CPU µs of this process per", "engine", "by hand", "ratio");
    match mongod::start() {
        Ok(server) => runtime.block_on(compare("one server", &server.url(), rounds)),
        Err(absent) => return println!("{absent}"),
    }
    match mongod_replica_set::start() {
        Ok(set) => runtime.block_on(compare("replica set", &set.url(), rounds)),
        Err(absent) => println!("{absent}"),
    }
}

async fn compare(what: &str, url: &str, rounds: usize) {
    let config = Config::from_url(url).unwrap().with_journal(false);
    let ours = Arc::new(MongodbStore::connect(config).unwrap());
    fill(&ours).await;
    let bare = Arc::new(Bare::open(url).await);
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let own = cost(|task| read(Arc::clone(&ours), task)).await;
        reads.push((own, cost(|task| read_bare(Arc::clone(&bare), task)).await));
        let own = cost(|task| write(Arc::clone(&ours), task)).await;
        writes.push((own, cost(|task| write_bare(Arc::clone(&bare), task)).await));
    }
    report(&format!("read, {what}"), &reads);
    report(&format!("conditional write, {what}"), &writes);
}

fn report(name: &str, rounds: &[(f64, f64)]) {
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let (own, bare, ratio) = (median(|round| round.0), median(|round| round.1), median(|(a, b)| a / b));
    println!("{name:<34} {own:>9.2} {bare:>9.2} {ratio:>7.2}");
}

/// Microseconds of processor time per operation.
async fn cost<F: Future<Output = ()> + Send + 'static>(work: impl Fn(usize) -> F) -> f64 {
    let begun = processor_time();
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(work(task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    (processor_time() - begun).as_secs_f64() * 1e6 / (TASKS * EACH) as f64
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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

/// The client, with a connection and prepared statements for each task.
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
