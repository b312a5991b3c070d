//! Does it stay as fast with many sessions? `SCALE=1000000 cargo bench -p dancecard --all-features --bench scale -- sqlite`.
//!
//! With the name of an engine (redis, postgres, sqlite, file; without one, all) it writes that many sessions (100,000 unless
//! told), each of 1 KiB, a quarter of them signed in, a tenth of them soon expired. It prints how long a load takes, after
//! as many to warm up, with 10,000 of them and with all, what a listing and one of a principal take, and how long a load
//! takes while the expired ones go: by a purge, or by the server itself. Servers are started for this and ended after;
//! files are in the system's directory for temporary files, or in `BENCH_DIR`, and not synced. It fails when a load of all takes
//! more than 1.3 times one of 10,000, or one beside expiry more than twice as long as before. Without `--bench` there are 1,000
//! sessions, and no aim counts.

#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dancecard::{
    Clock as _, Codec as _, JsonCodec, ListQuery, Meta, Record, RecordKey, SharedStore, Store, SystemClock,
    Timestamp, WriteMode,
};

const TASKS: usize = 16;
const LOADS: usize = 20_000;
const PER_PURGE: usize = 1000;
const ENGINES: [&str; 4] = ["redis", "postgres", "sqlite", "file"];

/// How many times as long as of few a load of all may take.
const FLAT: f64 = 1.3;
/// How many times as long a load may take while expired sessions go.
const BESIDE_EXPIRY: f64 = 2.0;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let full = words.iter().any(|word| word == "--bench");
    let told = std::env::var("SCALE").ok().and_then(|count| count.parse().ok());
    let count = if full { told.unwrap_or(100_000) } else { 1000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let is_wanted = |engine: &str| words.iter().all(|word| word.starts_with('-') || word == engine);
    let mut kept = true;
    for engine in ENGINES.into_iter().filter(|engine| is_wanted(engine)) {
        println!("== {engine}");
        kept &= runtime.block_on(run_on(engine, count));
    }
    ExitCode::from(u8::from(full && !kept))
}

/// Whether each aim is kept.
async fn run_on(engine: &str, count: usize) -> bool {
    let place = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(place).unwrap();
    match engine {
        "redis" => match dancecard_servers::redis::start() {
            Ok(server) => run(redis(&server.url()), count, Expiry::OfServer).await,
            Err(absent) => is_absent(&absent),
        },
        "postgres" => match dancecard_servers::postgres::start() {
            Ok(server) => run(postgres(&server.url()), count, Expiry::Purged).await,
            Err(absent) => is_absent(&absent),
        },
        "sqlite" => run(sqlite(&folder.path().join("sessions.db")), count, Expiry::Purged).await,
        _ => run(file(&folder.path().join("sessions")), count, Expiry::Purged).await,
    }
}

fn is_absent(absent: &dancecard_servers::Absent) -> bool {
    println!("{absent}");
    false
}

fn redis(url: &str) -> SharedStore {
    use dancecard::redis::{Config, RedisStore};
    // The slack is room for clocks that differ. There is one clock here, and nobody waits for a minute.
    let config = Config::from_url(url).unwrap().with_expiry_slack(Duration::ZERO);
    SharedStore::new(RedisStore::connect(config.with_timeout(Duration::from_secs(60))).unwrap())
}

fn postgres(url: &str) -> SharedStore {
    use dancecard::postgres::{Config, PostgresStore};
    SharedStore::new(PostgresStore::connect(Config::from_url(url).unwrap()).unwrap())
}

fn sqlite(path: &std::path::Path) -> SharedStore {
    use dancecard::sqlite::{Config, SqliteStore, Synchronous};
    let config = Config::new(path).with_synchronous(Synchronous::Normal);
    SharedStore::new(SqliteStore::connect(config).unwrap())
}

fn file(path: &std::path::Path) -> SharedStore {
    use dancecard::file::{Config, FileStore, Synchronous};
    let config = Config::new(path).with_synchronous(Synchronous::Normal);
    SharedStore::new(FileStore::connect(config).unwrap())
}

/// How expired sessions go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry {
    Purged,
    OfServer,
}

async fn run(store: SharedStore, count: usize, expiry: Expiry) -> bool {
    let few = 10_000.min(count);
    fill(&store, (0..few).collect()).await;
    let of_few = told("load", few, after_a_warm_up(&store, few).await);
    let begun = Instant::now();
    fill(&store, (few..count).collect()).await;
    each("write", count - few, begun.elapsed());
    let of_all = told("load", count, after_a_warm_up(&store, count).await);
    listings(&store, count).await;
    let beside = match expiry {
        Expiry::Purged => purge_beside_loads(&store, count).await,
        Expiry::OfServer => expire_beside_loads(&store, count).await,
    };
    let is_flat = within("of all beside few", of_all, of_few, FLAT);
    within("beside expiry", beside, of_all, BESIDE_EXPIRY) && is_flat
}

fn within(what: &str, one: Duration, other: Duration, aim: f64) -> bool {
    let times = one.as_secs_f64() / other.as_secs_f64();
    println!("{what}: {times:.2} times, at most {aim} are due");
    times <= aim
}

async fn listings(store: &SharedStore, count: usize) {
    let begun = Instant::now();
    assert_eq!(listed(store, ListQuery::all()).await, count);
    each("list", count, begun.elapsed());
    let begun = Instant::now();
    let sessions = listed(store, ListQuery::of("user 7".into())).await;
    println!("list {sessions} sessions of one principal: {:?}", begun.elapsed());
}

async fn purge_beside_loads(store: &SharedStore, count: usize) -> Duration {
    let begun = Instant::now();
    assert_eq!(store.purge_expired(now(), PER_PURGE).await.unwrap(), 0);
    each("purge of nothing", count, begun.elapsed());
    let done = Arc::new(AtomicBool::new(false));
    let (purger, stop) = (store.clone(), Arc::clone(&done));
    let begun = Instant::now();
    let purging = tokio::spawn(async move {
        let purged = purge(&purger).await;
        stop.store(true, Ordering::Relaxed);
        (purged, begun.elapsed())
    });
    let beside = median(store, count, || done.load(Ordering::Relaxed)).await;
    let (purged, took) = purging.await.unwrap();
    assert_eq!(purged, count.div_ceil(10));
    each("purge", purged, took);
    told("load beside the purge", count, beside)
}

/// In steps, as a sweeper does.
async fn purge(store: &SharedStore) -> usize {
    let mut purged = 0;
    loop {
        let now = later(SOON + 1);
        match store.purge_expired(now, PER_PURGE).await.unwrap() {
            0 => return purged,
            some => purged += some,
        }
    }
}

/// A tenth of the sessions end at one moment, as far as the server is concerned.
async fn expire_beside_loads(store: &SharedStore, count: usize) -> Duration {
    let ending: Vec<usize> = (0..count).step_by(10).collect();
    let begun = Instant::now();
    let at = now().saturating_add(Duration::from_secs(5 + ending.len() as u64 / 2000));
    write(store, ending.clone(), move |n| record(n, at), WriteMode::Overwrite).await;
    each("write again", ending.len(), begun.elapsed());
    tokio::time::sleep(at.since(now())).await;
    let begun = Instant::now();
    let beside = told("load while the server expires", count, median(store, count, || false).await);
    println!("for {:.1?}", begun.elapsed());
    assert_eq!(listed(store, ListQuery::all()).await, count - ending.len());
    beside
}

fn told(what: &str, count: usize, (median, loads): (Duration, usize)) -> Duration {
    println!("{what}, of {count} sessions: {median:.1?} (median of {loads})");
    median
}

fn each(what: &str, count: usize, took: Duration) {
    println!("{what} {count}: {took:.1?}, {:.1?} each", took / u32::try_from(count.max(1)).unwrap());
}

async fn fill(store: &SharedStore, numbers: Vec<usize>) {
    let expires_at = |n: usize| if n.is_multiple_of(10) { later(SOON) } else { later(24 * 3600) };
    write(store, numbers, move |n| record(n, expires_at(n)), WriteMode::Create).await;
}

async fn write(
    store: &SharedStore,
    numbers: Vec<usize>,
    record: impl Fn(usize) -> Record + Send + Sync + 'static,
    mode: WriteMode,
) {
    let (numbers, record) = (Arc::new(numbers), Arc::new(record));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, numbers, record) = (store.clone(), Arc::clone(&numbers), Arc::clone(&record));
            let mode = mode.clone();
            tokio::spawn(async move {
                for n in numbers.iter().skip(task).step_by(TASKS) {
                    store.write(&key(*n), record(*n), mode.clone()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// As many loads before the ones that count, so that caches hold what they hold in the long run.
async fn after_a_warm_up(store: &SharedStore, count: usize) -> (Duration, usize) {
    median(store, count, || false).await;
    median(store, count, || false).await
}

/// The median time of loads one at a time, in an order without pattern, of those of the first sessions that stay.
async fn median(store: &SharedStore, count: usize, is_over: impl Fn() -> bool) -> (Duration, usize) {
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

async fn listed(store: &SharedStore, query: ListQuery) -> usize {
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

fn record(n: usize, expires_at: Timestamp) -> Record {
    let text = format!(r#"{{"user":{n},"note":"{}"}}"#, "x".repeat(960));
    let payload = JsonCodec.open(text.as_bytes()).unwrap().unwrap();
    let who = (n % 4 == 3).then(|| format!("user {}", n / 4 % 20_000).into());
    Record::new(Meta::new(now(), expires_at).with_principal(who), payload)
}

/// Seconds; more than it takes to write them all, so that nothing goes before its time.
const SOON: u64 = 4 * 3600;

fn now() -> Timestamp {
    SystemClock.now()
}

fn later(seconds: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(seconds))
}
