//! Reads and writes of a session of 1 KiB beside the client's own calls on the same server: processor time of this
//! process, per operation and as a ratio, and operations per second.
//!
//! `cargo bench -p dancecard-store-redis`. Each side has one connection and 64 tasks at once; their rounds take turns, so
//! that whatever else the machine does falls on both. Without `--bench`, as under `cargo test --benches`, each case does a
//! few operations only.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, Version, WriteMode};
use dancecard_servers::redis::start;
use dancecard_store_redis::{Config, RedisStore};
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

fn main() {
    let server = match start() {
        Ok(server) => server,
        Err(absent) => return println!("{absent}"),
    };
    let full = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "{:<22} {:>10} {:>10} {:>9} {:>9} {:>7}",
        "1 KiB session", "client/s", "ours/s", "CPU µs", "ours µs", "ratio"
    );
    runtime.block_on(cases(&server.url(), full));
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

async fn cases(url: &str, full: bool) {
    let sides = Arc::new(Sides::new(url).await);
    sides.fill().await;
    let (rounds, operations) = if full { (11, 200) } else { (1, 2) };
    let measure = |name| Measured { name, rounds, operations, sides: sides.clone() };
    measure("read").run(Sides::client_read, Sides::read).await;
    measure("write, visitor").run(Sides::client_write, |sides, n| sides.write(n, false)).await;
    measure("write, member").run(Sides::client_write, |sides, n| sides.write(n, true)).await;
    measure("touch").run(Sides::client_write, Sides::touch).await;
    measure("read, near cache").run(Sides::client_read, Sides::read_near).await;
}

struct Measured {
    name: &'static str,
    rounds: usize,
    operations: usize,
    sides: Arc<Sides>,
}

impl Measured {
    /// Rounds of one side and of the other in turn; the middle one of each counts.
    async fn run<A, B>(
        &self,
        client: fn(Arc<Sides>, usize) -> A,
        ours: impl Fn(Arc<Sides>, usize) -> B + Copy + Send + 'static,
    ) where
        A: Future<Output = ()> + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let (mut theirs, mut own) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            theirs.push(self.round(client).await);
            own.push(self.round(ours).await);
        }
        let (client, ours) = (middle(theirs), middle(own));
        let ratio = ours.cpu / client.cpu;
        let Self { name, .. } = self;
        println!(
            "{name:<22} {:>10.0} {:>10.0} {:>9.2} {:>9.2} {ratio:>7.2}",
            client.per_second, ours.per_second, client.cpu, ours.cpu
        );
    }

    async fn round<F>(&self, operation: impl Fn(Arc<Sides>, usize) -> F + Copy + Send + 'static) -> Round
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let loops: Vec<_> = (0..TASKS)
            .map(|task| {
                let (sides, operations) = (self.sides.clone(), self.operations);
                tokio::spawn(async move {
                    for number in 0..operations {
                        // No two tasks ever work on one session.
                        operation(sides.clone(), number * 7919 % (SESSIONS / TASKS) * TASKS + task).await;
                    }
                })
            })
            .collect();
        for one in loops {
            one.await.unwrap();
        }
        let count = (TASKS * self.operations) as f64;
        let cpu = (cpu_time() - cpu).as_secs_f64() * 1e6 / count;
        Round { cpu, per_second: count / begun.elapsed().as_secs_f64() }
    }
}

#[derive(Clone, Copy)]
struct Round {
    /// Microseconds of processor time per operation.
    cpu: f64,
    per_second: f64,
}

fn middle(mut rounds: Vec<Round>) -> Round {
    rounds.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    rounds[rounds.len() / 2]
}

/// What this process used so far, system time included.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
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
