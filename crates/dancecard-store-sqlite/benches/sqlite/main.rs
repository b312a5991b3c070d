//! Reads and writes of a session of 1 KiB, 32 at once: operations per second, latency and processor time of each.
//!
//! `cargo bench -p dancecard-store-sqlite`. The database is in the system's directory for temporary files, or in
//! `BENCH_DIR`: what is written per second is above all a property of that disk. Then the same beside bare rusqlite
//! ([`beside`]), or nothing but that, with `-- beside`. At the end a file of the first schema with `SCALE` sessions (10,240
//! unless told) is brought up to date, or nothing but that, with `-- migration`. Without `--bench`, as under `cargo test
//! --benches`, each case does a few operations only.

#![allow(clippy::unwrap_used)]

mod beside;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_sqlite::{Config, SqliteStore, Synchronous};
use dancecard_testkit::Beside;
use rusqlite::{Connection, params};
use tokio::runtime::Runtime;

const TASKS: usize = 32;
/// A multiple of the tasks, so that no two of them ever work on one session.
const SESSIONS: usize = 10_240;
const PAYLOAD: usize = 1024;

fn main() -> ExitCode {
    let full = Beside::is_bench();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let only = |part: &str| std::env::args().any(|argument| argument == part);
    if !only("migration") && !only("beside") {
        alone(&runtime, full);
    }
    let verdict = if only("migration") { ExitCode::SUCCESS } else { beside_rusqlite(&runtime, full) };
    if !only("beside") {
        let told = std::env::var("SCALE").ok().and_then(|count| count.parse().ok());
        runtime.block_on(migration(if full { told.unwrap_or(SESSIONS) } else { TASKS }));
    }
    verdict
}

fn alone(runtime: &Runtime, full: bool) {
    println!("{:<28} {:>9} {:>9} {:>9} {:>11}", "1 KiB session", "ops/s", "p50 µs", "p99 µs", "CPU µs/op");
    for level in [Synchronous::Full, Synchronous::Normal] {
        runtime.block_on(cases(level, full));
    }
}

fn beside_rusqlite(runtime: &Runtime, full: bool) -> ExitCode {
    let mut beside = Beside::new(TASKS, 9);
    for level in [Synchronous::Full, Synchronous::Normal] {
        runtime.block_on(beside::compare(level, if full { 200 } else { 2 }, &mut beside));
    }
    beside.verdict()
}

/// How long the first use takes that brings a file up to date.
async fn migration(count: usize) {
    let directory = tempfile::tempdir_in(place()).unwrap();
    let path = directory.path().join("sessions.db");
    make_old(&path, count);
    let size = || std::fs::metadata(&path).unwrap().len() >> 20;
    let (begun, cpu, before) = (Instant::now(), cpu_time(), size());
    let store = SqliteStore::open(&path).unwrap();
    store.health().await.unwrap();
    let (took, cpu) = (begun.elapsed(), cpu_time().zip(cpu).map(|(after, before)| after - before));
    store.close().await;
    let cpu = cpu.map_or("-".into(), |cpu| format!("{cpu:.1?}"));
    println!("migration of {count} sessions: {took:.1?}, CPU {cpu}, {before} to {} MiB", size());
}

/// A file as the first release made it.
fn make_old(path: &Path, count: usize) {
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    let transaction = connection.transaction().unwrap();
    transaction.execute_batch(include_str!("../../src/schema.sql")).unwrap();
    transaction.execute_batch("PRAGMA application_id = 0x64637264; PRAGMA user_version = 1").unwrap();
    let row = "INSERT INTO session (key, version, expires_at, principal, meta, payload) VALUES (?1, ?2, ?2, ?3, ?4, ?5)";
    for n in 0..count {
        let Record { meta, payload } = record(n);
        let mut facts = Vec::new();
        meta.encode(&mut facts);
        let who = meta.principal().map(|who| who.as_str().to_owned());
        transaction.execute(row, params![key(n).as_bytes(), n as i64, who, facts, payload]).unwrap();
    }
    transaction.commit().unwrap();
}

fn place() -> PathBuf {
    std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, Into::into)
}

async fn cases(level: Synchronous, full: bool) {
    let directory = tempfile::tempdir_in(place()).unwrap();
    let path = directory.path().join("sessions.db");
    let store = Arc::new(SqliteStore::connect(Config::new(&path).with_synchronous(level)).unwrap());
    let (sessions, rounds) = if full { (SESSIONS, 4000) } else { (TASKS, 2) };

    let name = |what: &str| format!("{what}, {level:?}");
    measure(&name("create"), sessions / TASKS, TASKS, |n| create(Arc::clone(&store), n)).await;
    measure(&name("read"), rounds, TASKS, |n| read(Arc::clone(&store), n % sessions)).await;
    measure(&name("write"), rounds / 2, TASKS, |n| write(Arc::clone(&store), n % sessions)).await;
    measure(&name("read, then write"), rounds / 2, TASKS, |n| count(Arc::clone(&store), n % sessions)).await;
    measure(&name("touch"), rounds / 2, TASKS, |n| touch(Arc::clone(&store), n % sessions)).await;
    measure(&name("read, one at a time"), rounds, 1, |n| read(Arc::clone(&store), n % sessions)).await;
    measure(&name("write, one at a time"), rounds / 2, 1, |n| write(Arc::clone(&store), n % sessions)).await;
    println!("{:<28} {:>9} bytes", name("log"), log_size(&path));
}

/// Runs `tasks` loops of `rounds` operations each, at once.
async fn measure<F>(name: &str, rounds: usize, tasks: usize, operation: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (begun, cpu) = (Instant::now(), cpu_time());
    let loops: Vec<_> = (0..tasks)
        .map(|task| {
            // The sessions of one loop, in an order without pattern.
            let work: Vec<F> = (0..rounds).map(|round| operation(scatter(round) * tasks + task)).collect();
            tokio::spawn(time_each(work))
        })
        .collect();
    let mut times = Vec::new();
    for one in loops {
        times.extend(one.await.unwrap());
    }
    report(name, times, begun.elapsed(), cpu_time().zip(cpu).map(|(after, before)| after - before));
}

fn scatter(round: usize) -> usize {
    round * 7919
}

async fn time_each<F: Future<Output = ()>>(work: Vec<F>) -> Vec<Duration> {
    let mut times = Vec::with_capacity(work.len());
    for operation in work {
        let begun = Instant::now();
        operation.await;
        times.push(begun.elapsed());
    }
    times
}

fn report(name: &str, mut times: Vec<Duration>, wall: Duration, cpu: Option<Duration>) {
    times.sort_unstable();
    let count = times.len();
    let per_second = count as f64 / wall.as_secs_f64();
    let cpu = cpu.map_or("-".into(), |cpu| format!("{:.1}", cpu.as_secs_f64() * 1e6 / count as f64));
    let (p50, p99) = (times[count / 2].as_micros(), times[count * 99 / 100].as_micros());
    println!("{name:<28} {per_second:>9.0} {p50:>9} {p99:>9} {cpu:>11}");
}

/// What this process used so far, in ticks of 10 ms. Linux only.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn log_size(path: &Path) -> u64 {
    std::fs::metadata(path.with_extension("db-wal")).map_or(0, |file| file.len())
}

fn key(n: usize) -> RecordKey {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(place as u32 * 7);
        *byte = mixed as u8;
    }
    bytes[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    RecordKey::new(&bytes)
}

fn record(n: usize) -> Record {
    let now = Timestamp::from_millis(1_767_225_600_000 + n as i64);
    let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600)));
    Record::new(meta.with_principal(Some(format!("user{n}").into())), vec![b'x'; PAYLOAD])
}

async fn create(store: Arc<SqliteStore>, n: usize) {
    store.write(&key(n % SESSIONS), record(n), WriteMode::Create).await.unwrap();
}

async fn read(store: Arc<SqliteStore>, n: usize) {
    if let Some(record) = store.load(&key(n)).await.unwrap() {
        assert_eq!(record.payload().len(), PAYLOAD);
    }
}

async fn write(store: Arc<SqliteStore>, n: usize) {
    store.write(&key(n), record(n), WriteMode::Overwrite).await.unwrap();
}

async fn count(store: Arc<SqliteStore>, n: usize) {
    let mode = match store.load(&key(n)).await.unwrap() {
        Some(record) => WriteMode::Update(record.version().clone()),
        None => WriteMode::Create,
    };
    store.write(&key(n), record(n), mode).await.unwrap();
}

async fn touch(store: Arc<SqliteStore>, n: usize) {
    store.touch(&key(n), Timestamp::from_millis(1_800_000_000_000)).await.unwrap();
}
