//! The conformance suite of the engine contract, on real servers of each kind.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Store, Timestamp,
    Version, Versioned, WriteMode,
};
use dancecard_servers::redis::{self, Options};
use dancecard_servers::redis_cluster::{self, Cluster};
use dancecard_servers::redis_sentinel::{self, Watched};
use dancecard_servers::{Absent, Running, Server, valkey};
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::store::{self, Expiring, Opened, Subject};
use dancecard_testkit::{Failure, Outcome};
use libtest_mimic::Trial;
use parking_lot::Mutex;

fn main() {
    let subjects: [(&str, Result<Vec<Trial>, Absent>); 5] = [
        ("redis", redis::start().map(|server| whole("redis", server.url(), one(&server), server))),
        ("valkey", valkey::start().map(|server| whole("valkey", server.url(), one(&server), server))),
        ("redis-cluster", redis_cluster::start().map(in_cluster)),
        ("redis-sentinel", redis_sentinel::start().and_then(behind_sentinels)),
        ("redis-near", redis::start().map(near_the_cache)),
    ];
    let trials = subjects
        .into_iter()
        .flat_map(|(name, trials)| trials.unwrap_or_else(|absent| vec![absent.trial(name)]));
    store::run(trials.collect());
}

fn one(server: &Server) -> Vec<String> {
    vec![server.url()]
}

fn in_cluster(cluster: Cluster) -> Vec<Trial> {
    let masters = cluster.masters().into_iter().map(|master| master.url()).collect();
    whole("redis-cluster", cluster.url(), masters, cluster)
}

fn behind_sentinels(watched: Watched) -> Result<Vec<Trial>, Absent> {
    watched.settle()?;
    let servers = watched.servers().iter().map(|server| server.url()).collect();
    Ok(whole("redis-sentinel", watched.url(), servers, watched))
}

fn near_the_cache(server: Running) -> Vec<Trial> {
    let url = server.url() + "?near_cache_bytes=4000000";
    whole("redis-near", url, one(&server), server)
}

/// The suite by way of this URL. The servers that hold the data are asked past the engine.
fn whole(name: &str, url: String, servers: Vec<String>, running: impl Any + Send + Sync) -> Vec<Trial> {
    let running: Arc<dyn Any + Send + Sync> = Arc::new(running);
    store::trials(name, move || open(url.clone(), servers.clone(), running.clone()))
}

/// A prefix of its own for each case.
async fn open(url: String, servers: Vec<String>, running: Arc<dyn Any + Send + Sync>) -> Opened {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("case-{}:", COUNT.fetch_add(1, Ordering::Relaxed));
    let config = Config::from_url(&url)?.with_prefix(prefix);
    let (again, other, small) = (config.clone(), config.clone(), Arc::new(Mutex::new(Vec::new())));
    let kept = (running, small.clone());
    let brief = config.clone().with_expiry_slack(Duration::from_secs(1));
    Ok(Subject::new(connect(config)?)
        .with_reopen(move || std::future::ready(connect(again.clone())))
        .with_peer(move || std::future::ready(connect(other.clone())))
        .with_limited(move || limited(small.clone()))
        .with_expiring(move || std::future::ready(expiring(&brief, &servers)))
        .keeping(kept))
}

fn expiring(config: &Config, servers: &[String]) -> Outcome<Expiring> {
    let (store, prefix, servers) = (connect(config.clone())?, config.prefix.clone(), servers.to_vec());
    Ok(Expiring::new(store, move |key| {
        let name = [prefix.as_bytes(), b"s", key.as_bytes()].concat();
        is_held(servers.clone(), name)
    }))
}

/// Whether one of the servers has the key. In a Cluster, all but one say that it is not theirs.
async fn is_held(servers: Vec<String>, name: Vec<u8>) -> Outcome<bool> {
    for server in servers {
        match exists(&server, &name).await {
            Ok(0) => {}
            Ok(_) => return Ok(true),
            Err(error) if error.code() == Some("MOVED") => {}
            Err(error) => return Err(Failure::new("an answer", error.to_string())),
        }
    }
    Ok(false)
}

async fn exists(server: &str, name: &[u8]) -> ::redis::RedisResult<u64> {
    let mut raw = ::redis::Client::open(server)?.get_multiplexed_async_connection().await?;
    ::redis::cmd("EXISTS").arg(name).query_async(&mut raw).await
}

fn connect(config: Config) -> Outcome<RedisStore> {
    Ok(RedisStore::connect(config)?)
}

/// With room for some thousand records.
async fn limited(kept: Arc<Mutex<Vec<Running>>>) -> Outcome<Steady> {
    let options = Options { maxmemory: Some(5 << 20), ..Options::default() };
    let failed = |absent: Absent| Failure::new("a small server", absent.to_string());
    let server = redis::start_with(options).map_err(failed)?;
    let store = connect(Config::from_url(&server.url())?)?;
    let client = ::redis::Client::open(server.url());
    let raw = async { client?.get_multiplexed_async_connection().await };
    let raw = raw.await.map_err(|error| Failure::new("a connection", error.to_string()))?;
    kept.lock().push(server);
    Ok(Steady { store, raw, was_full: AtomicBool::new(false) })
}

/// An engine whose server stays full once it was. A server counts its own buffers, and gives some of them back now and
/// then: right at the limit there would be room for one more.
struct Steady {
    store: RedisStore,
    raw: ::redis::aio::MultiplexedConnection,
    was_full: AtomicBool,
}

impl Steady {
    async fn noting<T>(&self, result: Result<T>) -> Result<T> {
        let is_full = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Full);
        if is_full && !self.was_full.swap(true, Ordering::SeqCst) {
            let lower = ::redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(9 << 19).to_owned();
            let _: () = lower.query_async(&mut self.raw.clone()).await.unwrap_or_default();
        }
        result
    }
}

impl fmt::Debug for Steady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl Store for Steady {
    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.store.load(key).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.noting(self.store.write(key, record, mode).await).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.store.delete(key).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.store.touch(key, expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.store.list(query)
    }
}
