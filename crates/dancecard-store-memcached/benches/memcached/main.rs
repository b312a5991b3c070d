//! Reads and writes of a session of 1 KiB beside the bare commands, in alternating rounds: what the engine adds.
//!
//! `cargo bench -p dancecard-store-memcached`. The bare client is the least that one can do on a connection that is
//! shared: a task that writes what waits, one that reads, a channel to each caller. A second one has a connection for
//! each caller. Without `--bench`, as under `cargo test --benches`, each does a few operations only.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_memcached::{Config, MemcachedStore};

mod bare;

use bare::{Alone, Client, Shared};

const TASKS: usize = 64;
const PAYLOAD: usize = 1024;
const NAMES: [&str; 6] = [
    "read: engine",
    "read: bare, shared connection",
    "read: bare, a connection each",
    "write: engine",
    "write: bare, shared connection",
    "write: bare, a connection each",
];

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let server = match dancecard_servers::memcached::start() {
        Ok(server) => server,
        Err(absent) => return println!("{absent}"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (rounds, operations) = if full { (9, 2000) } else { (1, 2) };
    runtime.block_on(compare(&server.address().to_string(), rounds, operations));
}

async fn compare(address: &str, rounds: usize, operations: usize) {
    // No deadline that a busy machine could miss.
    let config = Config::new([address]).with_timeout(Duration::from_secs(60));
    let store = Arc::new(MemcachedStore::connect(config).unwrap());
    let shared = Arc::new(Shared::connect(address).await);
    let alone = || Alone::connect(address.to_owned());
    let mut costs: [Vec<Cost>; 6] = Default::default();
    for _ in 0..rounds {
        let measured = [
            measure(operations, |task| read(store.clone(), task, operations)).await,
            measure(operations, |task| bare_reads(shared.clone(), task, operations)).await,
            measure(operations, |task| with(alone(), move |client| bare_reads(client, task, operations)))
                .await,
            measure(operations, |task| write(store.clone(), task, operations)).await,
            measure(operations, |task| bare_writes(shared.clone(), task, operations)).await,
            measure(operations, |task| with(alone(), move |client| bare_writes(client, task, operations)))
                .await,
        ];
        costs.iter_mut().zip(measured).for_each(|(costs, cost)| costs.push(cost));
    }
    report(costs.map(median));
}

/// What an operation costs this process, by the processor and by the clock, in microseconds.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// Runs so many loops of so many operations, at once.
async fn measure<F>(operations: usize, work: impl Fn(usize) -> F) -> Cost
where
    F: Future<Output = ()> + Send + 'static,
{
    let (begun, cpu) = (Instant::now(), cpu_time());
    let loops: Vec<_> = (0..TASKS).map(|task| tokio::spawn(work(task))).collect();
    for one in loops {
        one.await.unwrap();
    }
    let each = |span: Duration| span.as_secs_f64() * 1e6 / (TASKS * operations) as f64;
    Cost { cpu: each(cpu_time() - cpu), wall: each(begun.elapsed()) }
}

async fn with<C, F: Future<Output = ()>>(connecting: impl Future<Output = C>, work: impl FnOnce(C) -> F) {
    work(connecting.await).await;
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|one, two| one.cpu.total_cmp(&two.cpu));
    costs[costs.len() / 2]
}

fn report(costs: [Cost; 6]) {
    println!(
        "{:<32} {:>9} {:>6} {:>9} {:>6}",
        "1 KiB session, 64 at once", "CPU µs", "ratio", "wall µs", "ratio"
    );
    for (place, (name, cost)) in NAMES.iter().zip(&costs).enumerate() {
        let engine = costs[place / 3 * 3];
        let (cpu, wall) = (engine.cpu / cost.cpu, engine.wall / cost.wall);
        println!("{name:<32} {:>9.2} {cpu:>6.2} {:>9.2} {wall:>6.2}", cost.cpu, cost.wall);
    }
}

/// What this process used so far, in ticks of 10 ms. Linux only.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
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
