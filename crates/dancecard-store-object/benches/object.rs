//! The engine beside bare OpenDAL: what a read and a conditional write cost this process.
//!
//! `cargo bench -p dancecard-store-object --features s3` starts a server of the S3 interface and lets 16 tasks read and
//! write sessions of 1 KiB, in turn by the engine and by hand: the bytes and the mark of an object, and a write on the
//! condition of that mark, each with an HTTP client of its own.
//! [`Beside`] says what each line is. It fails when the engine takes more than it may.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_servers::s3;
use dancecard_store_object::{Config, ObjectStore};
use dancecard_testkit::Beside;
use opendal::options::WriteOptions;
use opendal::{HttpTransporter, OperationContext, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;

const TASKS: usize = 16;
const PAYLOAD: usize = 1024;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = match s3::start() {
        Ok(server) => server,
        Err(absent) => return absent.report(),
    };
    let mut beside = Beside::new(TASKS, 15);
    runtime.block_on(compare(&server.url(), if Beside::is_bench() { 60 } else { 2 }, &mut beside));
    beside.verdict()
}

async fn compare(url: &str, each: usize, beside: &mut Beside) {
    let config = config(url);
    let ours = Arc::new(ObjectStore::connect(config.clone()).unwrap());
    let bare = Arc::new(bare(&config));
    for task in 0..TASKS {
        ours.write(&key(task), record(0), WriteMode::Overwrite).await.unwrap();
        bare.write(&path(task), body(0)).await.unwrap();
    }
    let own = |task| read(Arc::clone(&ours), task, each);
    let by_hand = |task| read_bare(Arc::clone(&bare), task, each);
    beside.in_turn("read", Some(Beside::READ), each, own, by_hand).await;
    let own = |task| write(Arc::clone(&ours), task, each);
    let by_hand = |task| write_bare(Arc::clone(&bare), task, each);
    beside.in_turn("conditional write", Some(Beside::WRITE), each, own, by_hand).await;
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
