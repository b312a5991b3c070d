//! The engine beside the bare client: what a read and a write cost this process.
//!
//! `cargo bench -p dancecard-store-mysql` starts a server, and lets 32 tasks read and write sessions of 1 KiB, in
//! turn by the engine and by hand: the same columns of the same table, by prepared statements, on a connection for each
//! task.
//! [`Beside`] says what each line is. It fails when the engine takes more than it may.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_mysql::{Config, MysqlStore};
use dancecard_testkit::Beside;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Statement};
use tokio::sync::Mutex;

const TASKS: usize = 32;
const EACH: usize = 300;
const PAYLOAD: usize = 1024;

const SELECT: &str = "SELECT version, expires_at, meta, payload FROM dancecard_session WHERE `key` = ?";
const UPDATE: &str = "UPDATE dancecard_session SET version = ?, expires_at = ?, principal = ?, meta = ?, \
    payload = ? WHERE `key` = ? AND version = ?";

fn main() -> ExitCode {
    let server = match dancecard_servers::mariadb::start() {
        Ok(server) => server,
        Err(absent) => return absent.report(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut beside = Beside::new(TASKS, 15);
    runtime.block_on(compare(&server.url(), &mut beside));
    beside.verdict()
}

async fn compare(url: &str, beside: &mut Beside) {
    let config = Config::from_url(url).unwrap().with_connections(TASKS);
    let ours = Arc::new(MysqlStore::connect(config).unwrap());
    fill(&ours).await;
    let bare = Arc::new(Bare::open(url).await);
    let by_hand = |task| read_bare(Arc::clone(&bare), task);
    beside.in_turn("read", Some(Beside::READ), EACH, |task| read(Arc::clone(&ours), task), by_hand).await;
    let (name, by_hand) = ("conditional write", |task| write_bare(Arc::clone(&bare), task));
    beside.in_turn(name, Some(Beside::WRITE), EACH, |task| write(Arc::clone(&ours), task), by_hand).await;
}

fn key(task: usize) -> RecordKey {
    RecordKey::new(&[task as u8; 32])
}

fn record(number: usize) -> Record {
    let now = Timestamp::from_millis(1_767_225_600_000 + number as i64);
    let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600)));
    Record::new(meta.with_principal(Some("somebody".into())), vec![b'x'; PAYLOAD])
}

async fn fill(store: &MysqlStore) {
    for task in 0..TASKS {
        store.write(&key(task), record(0), WriteMode::Overwrite).await.unwrap();
    }
}

async fn read(store: Arc<MysqlStore>, task: usize) {
    let key = key(task);
    for _ in 0..EACH {
        assert_eq!(store.load(&key).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }
}

async fn write(store: Arc<MysqlStore>, task: usize) {
    let key = key(task);
    let mut version = store.load(&key).await.unwrap().unwrap().version().clone();
    for number in 0..EACH {
        version = store.write(&key, record(number), WriteMode::Update(version)).await.unwrap();
    }
}

/// The client, with a connection and prepared statements for each task.
struct Bare {
    clients: Vec<Mutex<(Conn, Statement, Statement)>>,
    versions: AtomicI64,
}

impl Bare {
    async fn open(url: &str) -> Self {
        let options = OptsBuilder::from_opts(Opts::from_url(url).unwrap()).prefer_socket(false);
        let mut clients = Vec::new();
        for _ in 0..TASKS {
            let mut client = Conn::new(options.clone()).await.unwrap();
            let select = client.prep(SELECT).await.unwrap();
            let update = client.prep(UPDATE).await.unwrap();
            clients.push(Mutex::new((client, select, update)));
        }
        Self { clients, versions: AtomicI64::new(1) }
    }
}

type Columns = (i64, i64, Vec<u8>, Vec<u8>);

async fn read_bare(bare: Arc<Bare>, task: usize) {
    let (client, select, _) = &mut *bare.clients[task].lock().await;
    let key = vec![task as u8; 32];
    for _ in 0..EACH {
        let row: Columns = client.exec_first(&*select, (&key,)).await.unwrap().unwrap();
        assert!(!row.2.is_empty() && row.3.len() == PAYLOAD);
    }
}

async fn write_bare(bare: Arc<Bare>, task: usize) {
    let (client, select, update) = &mut *bare.clients[task].lock().await;
    let key = vec![task as u8; 32];
    let row: Columns = client.exec_first(&*select, (&key,)).await.unwrap().unwrap();
    let (mut version, meta) = (row.0, row.2);
    for number in 0..EACH {
        let next = bare.versions.fetch_add(1, Ordering::Relaxed);
        let (expires_at, principal) = (1_767_229_200_000 + number as i64, &b"somebody"[..]);
        let payload = vec![b'x'; PAYLOAD];
        let values = (next, expires_at, principal, &meta, payload, &key, version);
        client.exec_drop(&*update, values).await.unwrap();
        assert_eq!(client.affected_rows(), 1);
        version = next;
    }
}
