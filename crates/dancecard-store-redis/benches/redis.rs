//! Reads and writes of a session of 1 KiB beside the client's own calls on the same server.
//!
//! `cargo bench -p dancecard-store-redis`. Each side has one connection and 64 tasks at once. [`Beside`] says what each line is. It
//! fails when the engine takes more than it may.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, Version, WriteMode};
use dancecard_servers::redis::start;
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::Beside;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, Script};

const TASKS: usize = 64;
const SESSIONS: usize = 6400;
const PAYLOAD: usize = 1024;
/// A busy machine is slow. The client has a timer for each call as well.
const PATIENCE: Duration = Duration::from_secs(60);
/// What an application that writes its own compare-and-swap would run.
const COMPARE_AND_SET: &str = "\
    if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1";

fn main() -> ExitCode {
    let server = match start() {
        Ok(server) => server,
        Err(absent) => return absent.report(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut measured =
        Measured { beside: Beside::new(TASKS, 11), each: if Beside::is_bench() { 200 } else { 2 } };
    runtime.block_on(cases(&server.url(), &mut measured));
    measured.beside.verdict()
}

/// Both sides of a comparison.
struct Sides {
    client: MultiplexedConnection,
    script: Script,
    store: RedisStore,
    near: RedisStore,
    /// The present version of each session, as a request knows it that has loaded it.
    versions: Vec<Mutex<Option<Version>>>,
}

async fn cases(url: &str, measured: &mut Measured) {
    let sides = Arc::new(Sides::new(url).await);
    sides.fill().await;
    let (read, write) = (Some(Beside::READ), Some(Beside::WRITE));
    measured.case("read", read, &sides, Sides::read, Sides::client_read).await;
    measured
        .case("write, visitor", write, &sides, |sides, n| sides.write(n, false), Sides::client_write)
        .await;
    measured.case("write, member", write, &sides, |sides, n| sides.write(n, true), Sides::client_write).await;
    measured.case("touch", write, &sides, Sides::touch, Sides::client_write).await;
    measured.case("read, near cache", read, &sides, Sides::read_near, Sides::client_read).await;
}

struct Measured {
    beside: Beside,
    each: usize,
}

impl Measured {
    async fn case<A, B>(
        &mut self,
        name: &str,
        aim: Option<f64>,
        sides: &Arc<Sides>,
        ours: impl Fn(Arc<Sides>, usize) -> A + Copy + Send + 'static,
        by_hand: fn(Arc<Sides>, usize) -> B,
    ) where
        A: Future<Output = ()> + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let each = self.each;
        let own = |task| rounds(Arc::clone(sides), task, each, ours);
        let other = |task| rounds(Arc::clone(sides), task, each, by_hand);
        self.beside.in_turn(name, aim, each, own, other).await;
    }
}

/// No two tasks ever work on one session.
async fn rounds<F: Future<Output = ()>>(
    sides: Arc<Sides>,
    task: usize,
    each: usize,
    operation: impl Fn(Arc<Sides>, usize) -> F,
) {
    for number in 0..each {
        operation(Arc::clone(&sides), number * 7919 % (SESSIONS / TASKS) * TASKS + task).await;
    }
}

impl Sides {
    async fn new(url: &str) -> Self {
        let info = url.into_connection_info().unwrap();
        let settings = info.tcp_settings().clone().set_nodelay(true);
        let client = Client::open(info.set_tcp_settings(settings)).unwrap();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
        let client = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
        let config = Config::from_url(url).unwrap().with_timeout(PATIENCE);
        let near = config.clone().with_near_cache(64 << 20);
        Self {
            client,
            script: Script::new(COMPARE_AND_SET),
            store: RedisStore::connect(config).unwrap(),
            near: RedisStore::connect(near).unwrap(),
            versions: (0..SESSIONS).map(|_| Mutex::new(None)).collect(),
        }
    }

    async fn fill(&self) {
        let _: String = self.script.load_async(&mut self.client.clone()).await.unwrap();
        for n in 0..SESSIONS {
            let version = self.store.write(&key(n), record(n, false), WriteMode::Overwrite).await.unwrap();
            *self.versions[n].lock() = Some(version);
            let set = redis::cmd("SET").arg(client_key(n)).arg(value()).to_owned();
            let () = set.query_async(&mut self.client.clone()).await.unwrap();
            self.near.load(&key(n)).await.unwrap();
        }
    }

    async fn client_read(self: Arc<Self>, n: usize) {
        let get = redis::cmd("GET").arg(client_key(n)).to_owned();
        let value: Vec<u8> = get.query_async(&mut self.client.clone()).await.unwrap();
        assert!(value.len() > PAYLOAD);
    }

    async fn client_write(self: Arc<Self>, n: usize) {
        let mut call = redis::cmd("EVALSHA");
        call.arg(self.script.get_hash())
            .arg(1)
            .arg(client_key(n))
            .arg(&[1_u8; 8][..])
            .arg(value())
            .arg(3_600_000);
        let done: i64 = call.query_async(&mut self.client.clone()).await.unwrap();
        assert_eq!(done, 1);
    }

    async fn read(self: Arc<Self>, n: usize) {
        assert_eq!(self.store.load(&key(n)).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }

    async fn read_near(self: Arc<Self>, n: usize) {
        assert_eq!(self.near.load(&key(n)).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }

    async fn write(self: Arc<Self>, n: usize, member: bool) {
        let version = self.versions[n].lock().take().unwrap();
        let update = WriteMode::Update(version);
        let version = self.store.write(&key(n), record(n, member), update).await.unwrap();
        *self.versions[n].lock() = Some(version);
    }

    async fn touch(self: Arc<Self>, n: usize) {
        let at = now().saturating_add(Duration::from_secs(7200));
        assert!(self.store.touch(&key(n), at).await.unwrap());
    }
}

fn key(n: usize) -> RecordKey {
    RecordKey::new(&scattered(n))
}

fn scattered(n: usize) -> [u8; 32] {
    std::array::from_fn(|place| {
        ((n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(place as u32 * 7)) as u8
    })
}

/// As long as ours.
fn client_key(n: usize) -> Vec<u8> {
    [b"dancecard:c", &scattered(n)[..]].concat()
}

/// As many bytes as we store.
fn value() -> Vec<u8> {
    [&[1; 8][..], &[b'x'; PAYLOAD + 33]].concat()
}

fn now() -> Timestamp {
    Timestamp::from_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

fn record(n: usize, member: bool) -> Record {
    let meta = Meta::new(now(), now().saturating_add(Duration::from_secs(3600)));
    let principal = member.then(|| format!("user{}", n % 1000).into());
    Record::new(meta.with_principal(principal), vec![b'x'; PAYLOAD])
}
