//! Processor time of our reads and writes beside the same work on plain files, and what the disk gives when many write.
//!
//! `cargo bench -p dancecard-store-file`. The folders are in the system's directory for temporary files, or in
//! `BENCH_DIR`. Rounds of both sides alternate, so that both see the same machine. The plain side is what an application
//! writes for itself: `spawn_blocking` around a read, or around a read, a comparison, a new file, and a rename under a
//! lock. Without `--bench`, as under `cargo test --benches`, each case does a few operations only.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{Codec as _, JsonCodec, Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_file::{Config, FileStore, Format, Synchronous};
use rustix::time::{ClockId, clock_gettime};

const TASKS: usize = 32;
const SESSIONS: usize = 4096;
const ROUNDS: usize = 7;

struct Bench {
    place: PathBuf,
    operations: usize,
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let place = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let bench = Bench { place, operations: if full { 2048 } else { 32 } };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        bench.ratios().await;
        bench.throughput().await;
    });
}

impl Bench {
    /// Ours beside plain files, without waiting for the disk.
    async fn ratios(&self) {
        println!("{:<26} {:>12} {:>12} {:>7}", "CPU per operation", "ours µs", "plain µs", "ratio");
        for format in [Format::Json, Format::MsgPack, Format::Yaml] {
            let folder = tempfile::tempdir_in(&self.place).unwrap();
            let config = Config::new(folder.path().join("ours"))
                .with_synchronous(Synchronous::Normal)
                .with_format(format);
            let store = Arc::new(FileStore::connect(config).unwrap());
            let plain = Arc::new(Plain::new(folder.path().join("plain"), false));
            for n in 0..SESSIONS.min(self.operations) {
                write(Arc::clone(&store), n).await;
                let plain = Arc::clone(&plain);
                tokio::task::spawn_blocking(move || plain.write(n)).await.unwrap();
            }
            self.compare(
                &format!("read, {format:?}"),
                |n| read(Arc::clone(&store), n),
                |n| plain_read(Arc::clone(&plain), n),
            )
            .await;
            self.compare(
                &format!("write, {format:?}"),
                |n| write(Arc::clone(&store), n),
                |n| plain_write(Arc::clone(&plain), n),
            )
            .await;
        }
    }

    async fn compare<A, B>(&self, name: &str, ours: impl Fn(usize) -> A, plain: impl Fn(usize) -> B)
    where
        A: Future<Output = ()> + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let (mut us, mut them) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            us.push(self.cpu(&ours).await);
            them.push(self.cpu(&plain).await);
        }
        us.sort_by(f64::total_cmp);
        them.sort_by(f64::total_cmp);
        let (us, them) = (us[ROUNDS / 2], them[ROUNDS / 2]);
        println!("{name:<26} {us:>12.1} {them:>12.1} {:>7.2}", us / them);
    }

    /// Microseconds of processor time for one operation, many at once.
    async fn cpu<F: Future<Output = ()> + Send + 'static>(&self, operation: &impl Fn(usize) -> F) -> f64 {
        let before = cpu_time();
        self.many(operation).await;
        (cpu_time() - before).as_secs_f64() * 1e6 / self.operations as f64
    }

    async fn many<F: Future<Output = ()> + Send + 'static>(&self, operation: &impl Fn(usize) -> F) {
        let each = self.operations / TASKS;
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let work: Vec<F> = (0..each).map(|round| operation(number(task, round))).collect();
                tokio::spawn(async move {
                    for one in work {
                        one.await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    /// Writes a second when each waits for the disk, by the number of threads.
    async fn throughput(&self) {
        println!("\n{:<26} {:>12} {:>12}", "writes that wait for disk", "per second", "ms each");
        for writers in [1, 4, 16, 64] {
            let folder = tempfile::tempdir_in(&self.place).unwrap();
            let config = Config::new(folder.path().join("ours")).with_writers(writers);
            let store = Arc::new(FileStore::connect(config).unwrap());
            let bench = Self { place: PathBuf::new(), operations: self.operations.min(2048) };
            bench.many(&|n| write(Arc::clone(&store), n)).await;
            let begun = Instant::now();
            bench.many(&|n| write(Arc::clone(&store), n)).await;
            let seconds = begun.elapsed().as_secs_f64();
            let per_second = bench.operations as f64 / seconds;
            println!(
                "{:<26} {per_second:>12.0} {:>12.2}",
                format!("{writers} threads, {TASKS} tasks"),
                TASKS as f64 / per_second * 1e3
            );
        }
    }
}

/// No two tasks work on one session.
fn number(task: usize, round: usize) -> usize {
    (round * 7919) % (SESSIONS / TASKS) * TASKS + task
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn key(n: usize) -> RecordKey {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = ((n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(place as u32 * 7)) as u8;
    }
    RecordKey::new(&bytes)
}

/// A session of 1 KiB.
fn payload(n: usize) -> Vec<u8> {
    let text = format!(
        r#"{{"user":{{"id":{n},"name":"Ada Lovelace"}},"cart":[{{"sku":"a-17","qty":2}}],"theme":"dark","note":"{}"}}"#,
        "x".repeat(850)
    );
    JsonCodec.open(text.as_bytes()).unwrap().unwrap()
}

fn record(n: usize) -> Record {
    let now = Timestamp::from_millis(1_767_225_600_000);
    Record::new(Meta::new(now, now.saturating_add(Duration::from_secs(3600))), payload(n))
}

async fn read(store: Arc<FileStore>, n: usize) {
    let found = store.load(&key(n)).await.unwrap();
    assert!(found.is_none_or(|found| found.payload().len() > 900));
}

/// As the session layer does it: at the version that was read.
async fn write(store: Arc<FileStore>, n: usize) {
    let mode = match store.load(&key(n)).await.unwrap() {
        Some(found) => WriteMode::Update(found.version().clone()),
        None => WriteMode::Create,
    };
    store.write(&key(n), record(n), mode).await.unwrap();
}

/// What an application does for itself.
struct Plain {
    root: PathBuf,
    flush: bool,
}

impl Plain {
    fn new(root: PathBuf, flush: bool) -> Self {
        for shard in 0..256 {
            fs::create_dir_all(root.join(format!("{shard:02x}"))).unwrap();
        }
        Self { root, flush }
    }

    fn shard(&self, n: usize) -> PathBuf {
        self.root.join(format!("{:02x}", n * 37 % 256))
    }

    fn path(&self, n: usize) -> PathBuf {
        self.shard(n).join(format!("{}.json", key(n).to_hex()))
    }

    fn read(&self, n: usize) -> Option<Vec<u8>> {
        fs::read(self.path(n)).ok()
    }

    /// Reads, compares, and replaces, under a lock.
    fn write(&self, n: usize) {
        let before = self.read(n);
        let lock = fs::File::create(self.root.join(format!("{:02x}.lock", n * 37 % 256))).unwrap();
        lock.lock().unwrap();
        if self.read(n) != before {
            return;
        }
        let fresh = self.shard(n).join(format!(".{n}"));
        let mut file = fs::File::create(&fresh).unwrap();
        file.write_all(&payload(n)).unwrap();
        if self.flush {
            file.sync_all().unwrap();
        }
        fs::rename(&fresh, self.path(n)).unwrap();
        flush(&self.shard(n), self.flush);
    }
}

fn flush(folder: &Path, does: bool) {
    if does {
        fs::File::open(folder).unwrap().sync_all().unwrap();
    }
}

async fn plain_read(plain: Arc<Plain>, n: usize) {
    let found = tokio::task::spawn_blocking(move || plain.read(n)).await.unwrap();
    assert!(found.is_none_or(|found| found.len() > 900));
}

/// A read and a write, each on its own, as ours.
async fn plain_write(plain: Arc<Plain>, n: usize) {
    plain_read(Arc::clone(&plain), n).await;
    tokio::task::spawn_blocking(move || plain.write(n)).await.unwrap();
}
