//! Does it stay as fast with many sessions? `SCALE=1000000 cargo bench -p dancecard-store-file --bench scale`.
//!
//! It writes that many sessions (100,000 unless told), each of 1 KiB, a quarter of them signed in, a tenth of them soon
//! expired, and prints how long a load takes with 10,000 of them and with all, what a listing and one of a principal
//! take, and how long a load takes while the expired ones are purged. The folder is in the system's directory for
//! temporary files, or in `BENCH_DIR`. Without `--bench` there are 1,000 sessions.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{ListQuery, Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_file::{Config, FileStore, Synchronous};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const TASKS: usize = 16;
const LOADS: usize = 20_000;

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let told = std::env::var("SCALE").ok().and_then(|count| count.parse().ok());
    let count = if full { told.unwrap_or(100_000) } else { 1000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(count));
}

async fn run(count: usize) {
    let place = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(place).unwrap();
    let config = Config::new(folder.path().join("sessions")).with_synchronous(Synchronous::Normal);
    let store = Arc::new(FileStore::connect(config).unwrap());

    let few = 10_000.min(count);
    fill(&store, 0, few).await;
    told("load", few, median(&store, few, || false).await);
    let begun = Instant::now();
    fill(&store, few, count).await;
    each("write", count - few, begun.elapsed());
    told("load", count, median(&store, count, || false).await);

    let begun = Instant::now();
    assert_eq!(listed(&store, ListQuery::all()).await, count);
    each("list", count, begun.elapsed());
    let begun = Instant::now();
    let sessions = listed(&store, ListQuery::of("user 7".into())).await;
    println!("list {sessions} sessions of one principal: {:?}", begun.elapsed());

    let begun = Instant::now();
    assert_eq!(store.purge_expired(NOW, usize::MAX).await.unwrap(), 0);
    each("purge of nothing", count, begun.elapsed());
    purge_beside_loads(&store, count).await;
}

async fn purge_beside_loads(store: &Arc<FileStore>, count: usize) {
    let done = Arc::new(AtomicBool::new(false));
    let (purger, stop) = (Arc::clone(store), Arc::clone(&done));
    let begun = Instant::now();
    let purging = tokio::spawn(async move {
        let purged = purger.purge_expired(later(60), usize::MAX).await.unwrap();
        stop.store(true, Ordering::Relaxed);
        (purged, begun.elapsed())
    });
    let beside = median(store, count, || done.load(Ordering::Relaxed)).await;
    let (purged, took) = purging.await.unwrap();
    assert_eq!(purged, count.div_ceil(10));
    each("purge", purged, took);
    told("load beside the purge", count, beside);
}

fn told(what: &str, count: usize, (median, loads): (Duration, usize)) {
    println!("{what}, of {count} sessions: {median:?} (median of {loads})");
}

fn each(what: &str, count: usize, took: Duration) {
    println!("{what} {count}: {took:.1?}, {:.1?} each", took / u32::try_from(count.max(1)).unwrap());
}

async fn fill(store: &Arc<FileStore>, from: usize, to: usize) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for n in (from..to).filter(|n| n % TASKS == task) {
                    store.write(&key(n), record(n), WriteMode::Create).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// The median time of loads one at a time, in an order without pattern, of those of the first sessions that stay.
async fn median(store: &FileStore, count: usize, is_over: impl Fn() -> bool) -> (Duration, usize) {
    let mut times = Vec::new();
    while times.len() < LOADS && !is_over() {
        let n = (times.len() * 7_368_787) % count / 10 * 10 + 1 + times.len() % 9;
        let begun = Instant::now();
        let found = store.load(&key(n.min(count - 1))).await.unwrap();
        times.push(begun.elapsed());
        assert!(found.is_some());
    }
    times.sort_unstable();
    (times.get(times.len() / 2).copied().unwrap_or_default(), times.len())
}

async fn listed(store: &FileStore, query: ListQuery) -> usize {
    let mut stream = store.list(query);
    let mut count = 0;
    while let Some(entry) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
        entry.unwrap();
        count += 1;
    }
    count
}

fn key(n: usize) -> RecordKey {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = ((n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(place as u32 * 7)) as u8;
    }
    RecordKey::new(&bytes)
}

fn record(n: usize) -> Record {
    use dancecard_core::Codec as _;
    let text = format!(r#"{{"user":{n},"note":"{}"}}"#, "x".repeat(960));
    let payload = dancecard_core::JsonCodec.open(text.as_bytes()).unwrap().unwrap();
    let who = (n % 4 == 3).then(|| format!("user {}", n / 4 % 20_000).into());
    let meta = Meta::new(NOW, later(if n.is_multiple_of(10) { 60 } else { 3600 })).with_principal(who);
    Record::new(meta, payload)
}

fn later(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}
