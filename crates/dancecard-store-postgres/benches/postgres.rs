//! The engine beside the bare client: what a read and a write cost this process.
//!
//! `cargo bench -p dancecard-store-postgres` starts a server, and lets 32 tasks read and write sessions of 1 KiB, in
//! turn by the engine and by hand: the same columns of the same table, by prepared statements, on as many connections.
//! [`Beside`] says what each line is. It fails when the engine takes more than it may.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_postgres::{Config, PostgresStore};
use dancecard_testkit::Beside;
use tokio_postgres::{Client, NoTls, Statement};

const TASKS: usize = 32;
const EACH: usize = 1000;
const PAYLOAD: usize = 1024;

const SELECT: &str = "SELECT version, expires_at, meta, payload FROM dancecard_session WHERE key = $1";
const UPDATE: &str = "UPDATE dancecard_session SET version = $2, expires_at = $3, principal = $4, meta = $5, \
    payload = $6 WHERE key = $1 AND version = $7";

fn main() -> ExitCode {
    let server = match dancecard_servers::postgres::start() {
        Ok(server) => server,
        Err(absent) => return absent.report(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut beside = Beside::new(TASKS, 15);
    for (readers, writers) in [(1, 1), (2, 4)] {
        runtime.block_on(compare(&server.url(), readers, writers, &mut beside));
    }
    beside.verdict()
}

async fn compare(url: &str, readers: usize, writers: usize, beside: &mut Beside) {
    let config = Config::from_url(url).unwrap().with_readers(readers).with_writers(writers);
    let ours = Arc::new(PostgresStore::connect(config).unwrap());
    fill(&ours).await;
    let reading = Arc::new(Bare::open(url, readers).await);
    let writing = Arc::new(Bare::open(url, writers).await);
    let (name, aim) = (format!("read, {readers} connections"), Some(Beside::READ));
    let by_hand = |task| read_bare(Arc::clone(&reading), task);
    beside.in_turn(&name, aim, EACH, |task| read(Arc::clone(&ours), task), by_hand).await;
    let (name, aim) = (format!("conditional write, {writers} connections"), Some(Beside::WRITE));
    let by_hand = |task| write_bare(Arc::clone(&writing), task);
    beside.in_turn(&name, aim, EACH, |task| write(Arc::clone(&ours), task), by_hand).await;
}

fn key(task: usize) -> RecordKey {
    RecordKey::new(&[task as u8; 32])
}

fn record(number: usize) -> Record {
    let now = Timestamp::from_millis(1_767_225_600_000 + number as i64);
    let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600)));
    Record::new(meta.with_principal(Some("somebody".into())), vec![b'x'; PAYLOAD])
}

async fn fill(store: &PostgresStore) {
    for task in 0..TASKS {
        store.write(&key(task), record(0), WriteMode::Overwrite).await.unwrap();
    }
}

async fn read(store: Arc<PostgresStore>, task: usize) {
    let key = key(task);
    for _ in 0..EACH {
        assert_eq!(store.load(&key).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }
}

async fn write(store: Arc<PostgresStore>, task: usize) {
    let key = key(task);
    let mut version = store.load(&key).await.unwrap().unwrap().version().clone();
    for number in 0..EACH {
        version = store.write(&key, record(number), WriteMode::Update(version)).await.unwrap();
    }
}

/// The client as its documentation shows it: prepared statements, shared by tasks.
struct Bare {
    clients: Vec<(Client, Statement, Statement)>,
    versions: AtomicI64,
}

impl Bare {
    async fn open(url: &str, connections: usize) -> Self {
        let mut clients = Vec::new();
        for _ in 0..connections {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            let select = client.prepare(SELECT).await.unwrap();
            let update = client.prepare(UPDATE).await.unwrap();
            clients.push((client, select, update));
        }
        Self { clients, versions: AtomicI64::new(1) }
    }

    fn client(&self, task: usize) -> &(Client, Statement, Statement) {
        &self.clients[task % self.clients.len()]
    }
}

async fn read_bare(bare: Arc<Bare>, task: usize) {
    let (client, select, _) = bare.client(task);
    let key = vec![task as u8; 32];
    for _ in 0..EACH {
        let row = client.query_opt(select, &[&key]).await.unwrap().unwrap();
        let (_, _): (i64, i64) = (row.get(0), row.get(1));
        let (meta, payload): (Vec<u8>, Vec<u8>) = (row.get(2), row.get(3));
        assert!(!meta.is_empty() && payload.len() == PAYLOAD);
    }
}

async fn write_bare(bare: Arc<Bare>, task: usize) {
    let (client, select, update) = bare.client(task);
    let key = vec![task as u8; 32];
    let row = client.query_one(select, &[&key]).await.unwrap();
    let (mut version, meta): (i64, Vec<u8>) = (row.get(0), row.get(2));
    for number in 0..EACH {
        let next = bare.versions.fetch_add(1, Ordering::Relaxed);
        let (expires_at, principal) = (1_767_229_200_000 + number as i64, &b"somebody"[..]);
        let payload = vec![b'x'; PAYLOAD];
        let changed = client
            .execute(update, &[&key, &next, &expires_at, &principal, &meta, &payload, &version])
            .await
            .unwrap();
        assert_eq!(changed, 1);
        version = next;
    }
}
