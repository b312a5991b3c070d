//! Reads and writes of a session of 1 KiB beside the bare commands, in alternating rounds: what the engine adds.
//!
//! `cargo bench -p dancecard-store-memcached`. The bare client is the least that one can do on a connection that is
//! shared: a task that writes what waits, one that reads, a channel to each caller. A second one has a connection for
//! each caller. [`Beside`] says what each line is. It fails when the engine takes more than it may.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_memcached::{Config, MemcachedStore};
use dancecard_testkit::Beside;

mod bare;

use bare::{Alone, Client, Shared};

const TASKS: usize = 64;
const PAYLOAD: usize = 1024;

fn main() -> ExitCode {
    let server = match dancecard_servers::memcached::start() {
        Ok(server) => server,
        Err(absent) => return absent.report(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut beside = Beside::new(TASKS, 9);
    let each = if Beside::is_bench() { 2000 } else { 2 };
    runtime.block_on(compare(&server.address().to_string(), each, &mut beside));
    beside.verdict()
}

async fn compare(address: &str, each: usize, beside: &mut Beside) {
    // No deadline that a busy machine could miss.
    let config = Config::new([address]).with_timeout(Duration::from_secs(60));
    let store = Arc::new(MemcachedStore::connect(config).unwrap());
    let shared = Arc::new(Shared::connect(address).await);
    let alone = || Alone::connect(address.to_owned());
    let own = |task| read(store.clone(), task, each);
    let by_hand = |task| bare_reads(shared.clone(), task, each);
    beside.in_turn("read, bare on one connection", Some(Beside::READ), each, own, by_hand).await;
    let by_hand = |task| with(alone(), move |client| bare_reads(client, task, each));
    beside.in_turn("read, bare on one for each task", Some(Beside::READ), each, own, by_hand).await;
    let own = |task| write(store.clone(), task, each);
    let by_hand = |task| bare_writes(shared.clone(), task, each);
    beside.in_turn("write, bare on one connection", Some(Beside::WRITE), each, own, by_hand).await;
    let by_hand = |task| with(alone(), move |client| bare_writes(client, task, each));
    beside.in_turn("write, bare on one for each task", Some(Beside::WRITE), each, own, by_hand).await;
}

async fn with<C, F: Future<Output = ()>>(connecting: impl Future<Output = C>, work: impl FnOnce(C) -> F) {
    work(connecting.await).await;
}

fn key(task: usize) -> RecordKey {
    RecordKey::new(&[task as u8; 32])
}

/// As long as the engine's keys.
fn bare_key(task: usize) -> String {
    format!("barecard::{}", key(task).to_hex())
}

fn record(task: usize) -> Record {
    let now = Timestamp::from_millis(1_767_225_600_000);
    let meta = Meta::new(now, Timestamp::MAX).with_principal(Some(format!("user{task}").into()));
    Record::new(meta, vec![b'x'; PAYLOAD])
}

async fn read(store: Arc<MemcachedStore>, task: usize, operations: usize) {
    let key = key(task);
    store.write(&key, record(task), WriteMode::Overwrite).await.unwrap();
    for _ in 0..operations {
        assert_eq!(store.load(&key).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }
}

async fn write(store: Arc<MemcachedStore>, task: usize, operations: usize) {
    let (key, record) = (key(task), record(task));
    let mut version = store.write(&key, record.clone(), WriteMode::Overwrite).await.unwrap();
    for _ in 0..operations {
        version = store.write(&key, record.clone(), WriteMode::Update(version)).await.unwrap();
    }
}

async fn bare_reads(client: impl Client, task: usize, operations: usize) {
    let (key, value) = (bare_key(task), vec![b'x'; PAYLOAD]);
    client.set(&key, &value, None).await;
    for _ in 0..operations {
        assert_eq!(client.get(&key).await.len(), PAYLOAD);
    }
}

async fn bare_writes(client: impl Client, task: usize, operations: usize) {
    let (key, value) = (bare_key(task), vec![b'x'; PAYLOAD]);
    let mut cas = client.set(&key, &value, None).await;
    for _ in 0..operations {
        // As the engine is given a record to keep.
        let value = value.clone();
        cas = client.set(&key, &value, Some(cas)).await;
    }
}
