//! The engine beside bare OpenDAL: what a read and a conditional write cost this process.
//!
//! `cargo bench -p dancecard-store-object --features s3` starts a server of the S3 interface and lets 16 tasks read and
//! write sessions of 1 KiB, in turn by the engine and by hand: the bytes and the mark of an object, and a write on the
//! condition of that mark, each with an HTTP client of its own.
//! Each line is processor time of this process, user and system, per operation: the median of the rounds, and of the
//! ratios of neighbours. Without `--bench`, as under `cargo test --benches`, there is one short round.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_servers::s3;
use dancecard_store_object::{Config, ObjectStore};
use opendal::options::WriteOptions;
use opendal::{HttpTransporter, OperationContext, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use rustix::time::{ClockId, clock_gettime};

const TASKS: usize = 16;
const PAYLOAD: usize = 1024;

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (rounds, each) = if full { (15, 60) } else { (1, 2) };
    match s3::start() {
        Ok(server) => runtime.block_on(compare(&server.url(), rounds, each)),
        Err(absent) => println!("{absent}"),
    }
}

async fn compare(url: &str, rounds: usize, each: usize) {
    let config = config(url);
    let ours = Arc::new(ObjectStore::connect(config.clone()).unwrap());
    let bare = Arc::new(bare(&config));
    for task in 0..TASKS {
        ours.write(&key(task), record(0), WriteMode::Overwrite).await.unwrap();
        bare.write(&path(task), body(0)).await.unwrap();
    }
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let own = cost(each, |task| read(Arc::clone(&ours), task, each)).await;
        reads.push((own, cost(each, |task| read_bare(Arc::clone(&bare), task, each)).await));
        let own = cost(each, |task| write(Arc::clone(&ours), task, each)).await;
        writes.push((own, cost(each, |task| write_bare(Arc::clone(&bare), task, each)).await));
    }
    println!("{:<34} {:>9} {:>9} {:>7}", "CPU µs of this process per", "engine", "by hand", "ratio");
    report("read", &reads);
    report("conditional write", &writes);
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
async fn cost<F: Future<Output = ()> + Send + 'static>(each: usize, work: impl Fn(usize) -> F) -> f64 {
    let begun = processor_time();
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(work(task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    (processor_time() - begun).as_secs_f64() * 1e6 / (TASKS * each) as f64
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn config(url: &str) -> Config {
    Config::new("s3")
        .with_option("endpoint", url)
        .with_option("bucket", s3::BUCKET)
        .with_option("region", s3::REGION)
        .with_option("access_key_id", s3::ACCESS_KEY)
        .with_option("secret_access_key", s3::SECRET_KEY)
        .with_option("disable_config_load", "true")
        .with_option("disable_ec2_metadata", "true")
        .with_timeout(Duration::from_secs(60))
}

fn bare(config: &Config) -> Operator {
    let transport = ReqwestTransport::new(reqwest::Client::new());
    let context = OperationContext::new().with_http_transport(HttpTransporter::new(transport));
    Operator::via_iter("s3", config.options.clone()).unwrap().with_context(context)
}

fn key(task: usize) -> RecordKey {
    RecordKey::new(&[task as u8; 32])
}

/// As long as the names of the engine.
fn path(task: usize) -> String {
    format!("bare-bare/sessions/{}", key(task).to_hex())
}

fn record(number: usize) -> Record {
    let now = Timestamp::from_millis(4_102_444_800_000 + number as i64);
    let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600)));
    Record::new(meta, vec![b'x'; PAYLOAD])
}

/// Each is another, so that the mark of no state comes back.
fn body(number: u64) -> Vec<u8> {
    let mut body = vec![b'x'; PAYLOAD + 40];
    body[..8].copy_from_slice(&number.to_le_bytes());
    body
}

async fn read(store: Arc<ObjectStore>, task: usize, each: usize) {
    let key = key(task);
    for _ in 0..each {
        assert_eq!(store.load(&key).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }
}

async fn write(store: Arc<ObjectStore>, task: usize, each: usize) {
    let key = key(task);
    let mut version = store.load(&key).await.unwrap().unwrap().version().clone();
    for number in 0..each {
        version = store.write(&key, record(number), WriteMode::Update(version)).await.unwrap();
    }
}

/// The bytes, and the mark that the next write names.
async fn load_bare(bare: &Operator, path: &str) -> (Vec<u8>, String) {
    let reader = bare.reader(path).await.unwrap();
    let bytes = reader.read(..).await.unwrap().to_vec();
    (bytes, reader.metadata().unwrap().etag().unwrap().to_owned())
}

async fn read_bare(bare: Arc<Operator>, task: usize, each: usize) {
    let path = path(task);
    for _ in 0..each {
        let (bytes, tag) = load_bare(&bare, &path).await;
        assert!(bytes.len() > PAYLOAD && !tag.is_empty());
    }
}

async fn write_bare(bare: Arc<Operator>, task: usize, each: usize) {
    let path = path(task);
    let (bytes, mut tag) = load_bare(&bare, &path).await;
    let first = u64::from_le_bytes(*bytes.first_chunk().unwrap());
    for number in 1..=each as u64 {
        let options = WriteOptions { if_match: Some(tag), ..WriteOptions::default() };
        let about = bare.write_options(&path, body(first + number), options).await.unwrap();
        tag = about.etag().unwrap().to_owned();
    }
}
