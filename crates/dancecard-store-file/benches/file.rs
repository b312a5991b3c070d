//! Processor time of our reads and writes beside the same work on plain files, and what the disk gives when many write.
//!
//! `cargo bench -p dancecard-store-file`. The folders are in the system's directory for temporary files, or in
//! `BENCH_DIR`. [`Beside`] says what each line is; it fails when ours take more than they may. The plain side is what an application
//! writes for itself: `spawn_blocking` around a read, or around a read, a comparison, a new file, and a rename under a
//! lock.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{Codec as _, JsonCodec, Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_file::{Config, FileStore, Format, Synchronous};
use dancecard_testkit::Beside;

const TASKS: usize = 32;
const SESSIONS: usize = 4096;

struct Bench {
    place: PathBuf,
    operations: usize,
}

fn main() -> ExitCode {
    let place = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let bench = Bench { place, operations: if Beside::is_bench() { 2048 } else { 32 } };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut beside = Beside::new(TASKS, 7);
    for format in [Format::Json, Format::MsgPack, Format::Yaml] {
        runtime.block_on(bench.compare(format, &mut beside));
    }
    runtime.block_on(bench.throughput());
    beside.verdict()
}

impl Bench {
    /// Ours beside plain files, without waiting for the disk.
    async fn compare(&self, format: Format, beside: &mut Beside) {
        let folder = tempfile::tempdir_in(&self.place).unwrap();
        let config =
            Config::new(folder.path().join("ours")).with_synchronous(Synchronous::Normal).with_format(format);
        let store = Arc::new(FileStore::connect(config).unwrap());
        let plain = Arc::new(Plain::new(folder.path().join("plain"), false));
        for n in 0..SESSIONS.min(self.operations) {
            write(Arc::clone(&store), n).await;
            plain_write(Arc::clone(&plain), n).await;
        }
        let each = self.operations / TASKS;
        let own = |task| rounds(each, task, on(&store, read));
        let by_hand = |task| rounds(each, task, on(&plain, plain_read));
        beside.in_turn(&format!("read, {format:?}"), Some(Beside::READ), each, own, by_hand).await;
        let own = |task| rounds(each, task, on(&store, write));
        let by_hand = |task| rounds(each, task, on(&plain, plain_write));
        beside.in_turn(&format!("read and write, {format:?}"), Some(Beside::WRITE), each, own, by_hand).await;
    }

    /// Writes a second when each waits for the disk, by the number of threads.
    async fn throughput(&self) {
        println!("\n{:<26} {:>12} {:>12}", "writes that wait for disk", "per second", "ms each");
        for writers in [1, 4, 16, 64] {
            let folder = tempfile::tempdir_in(&self.place).unwrap();
            let config = Config::new(folder.path().join("ours")).with_writers(writers);
            let store = Arc::new(FileStore::connect(config).unwrap());
            self.write_all(&store).await;
            let begun = Instant::now();
            self.write_all(&store).await;
            let per_second = self.operations as f64 / begun.elapsed().as_secs_f64();
            println!(
                "{:<26} {per_second:>12.0} {:>12.2}",
                format!("{writers} threads, {TASKS} tasks"),
                TASKS as f64 / per_second * 1e3
            );
        }
    }

    async fn write_all(&self, store: &Arc<FileStore>) {
        let each = self.operations / TASKS;
        let tasks: Vec<_> =
            (0..TASKS).map(|task| tokio::spawn(rounds(each, task, on(store, write)))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

/// An operation on what it works on.
fn on<S, F>(side: &Arc<S>, operation: fn(Arc<S>, usize) -> F) -> impl Fn(usize) -> F + use<S, F> {
    let side = Arc::clone(side);
    move |n| operation(Arc::clone(&side), n)
}

async fn rounds<F: Future<Output = ()>>(each: usize, task: usize, operation: impl Fn(usize) -> F) {
    for round in 0..each {
        operation(number(task, round)).await;
    }
}

/// No two tasks work on one session.
fn number(task: usize, round: usize) -> usize {
    (round * 7919) % (SESSIONS / TASKS) * TASKS + task
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
