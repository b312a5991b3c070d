//! Servers, engines on them, records to put there, and a close look at errors.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use dancecard_core::{
    Clock, Entry, Error, ErrorKind, ListQuery, Meta, Record, RecordKey, Result, Retry, Store, SystemClock,
    Timestamp, Version, WriteMode,
};
use dancecard_servers::redis::{self, Options};
use dancecard_servers::{Running, Server};
use dancecard_store_redis::{Config, RedisStore};
use libtest_mimic::Trial;

/// In the payload, the key, the principal and the password of everything here, so that a leak of any of them is seen.
pub(crate) const SECRET: &str = "canary-4711";

/// Long enough for a busy machine to do what takes no time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A test on a runtime of its own.
pub(crate) fn trial<F: Future<Output = ()>>(
    name: &'static str,
    body: impl FnOnce() -> F + Send + 'static,
) -> Trial {
    let name = name.strip_prefix("it::").unwrap_or(name);
    Trial::test(name, move || {
        runtime().block_on(body());
        Ok(())
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The server of all tests that don't harm it. It ends with the process.
pub(crate) fn shared() -> &'static Running {
    static SERVER: OnceLock<Running> = OnceLock::new();
    SERVER.get_or_init(|| redis::start().unwrap())
}

/// One that keeps what it acknowledged over a kill.
pub(crate) fn durable() -> Running {
    redis::start_with(Options { durable: true, ..Options::default() }).unwrap()
}

/// The defaults on a server, or a proxy before one, with a prefix that nobody else has and time for a busy machine.
pub(crate) fn config(url: &str) -> Config {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("t{}:", COUNT.fetch_add(1, Ordering::Relaxed));
    Config::from_url(url).unwrap().with_prefix(prefix).with_timeout(PATIENCE).with_connect_timeout(PATIENCE)
}

pub(crate) fn connect(config: &Config) -> RedisStore {
    RedisStore::connect(config.clone()).unwrap()
}

/// An engine on the shared server.
pub(crate) fn store() -> RedisStore {
    connect(&config(&shared().url()))
}

/// A way to a server past the engine.
pub(crate) async fn raw(server: &Server) -> MultiplexedConnection {
    raw_url(&server.url()).await
}

pub(crate) async fn raw_url(url: &str) -> MultiplexedConnection {
    let settings = ::redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let client = ::redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection_with_config(&settings).await.unwrap()
}

/// Runs a command past the engine.
pub(crate) async fn run<T: ::redis::FromRedisValue>(raw: &mut MultiplexedConnection, words: &[&[u8]]) -> T {
    let mut command = ::redis::cmd(std::str::from_utf8(words[0]).unwrap());
    for word in &words[1..] {
        command.arg(*word);
    }
    command.query_async(raw).await.unwrap()
}

/// How often the server ran which command since it was told to count.
pub(crate) async fn commands(raw: &mut MultiplexedConnection) -> BTreeMap<String, u64> {
    let info: String = run(raw, &[b"INFO", b"commandstats"]).await;
    let read = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    info.lines().filter_map(read).collect()
}

/// What a record is called on the server.
pub(crate) fn name_of(config: &Config, key: &RecordKey) -> Vec<u8> {
    [config.prefix.as_bytes(), b"s", key.as_bytes()].concat()
}

pub(crate) fn key(name: impl std::fmt::Display) -> RecordKey {
    RecordKey::new(format!("{SECRET} {name}").as_bytes())
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(seconds))
}

pub(crate) fn meta() -> Meta {
    Meta::new(now(), later(3600)).with_principal(Some(SECRET.into()))
}

pub(crate) fn record(payload: impl AsRef<[u8]>) -> Record {
    Record::new(meta(), payload.as_ref().to_vec())
}

/// A record of so many bytes.
pub(crate) fn bulk(bytes: usize) -> Record {
    record(SECRET.as_bytes().iter().copied().cycle().take(bytes).collect::<Vec<_>>())
}

/// A visitor's, of so many bytes.
pub(crate) fn anonymous(bytes: usize) -> Record {
    let meta = Meta::new(now(), later(3600)).with_idle(Some(Duration::from_secs(3600)));
    Record::new(meta.with_absolute_at(later(86_400)), vec![b'x'; bytes])
}

pub(crate) async fn create(store: &impl Store, name: impl std::fmt::Display) -> Version {
    store.write(&key(&name), bulk(100), WriteMode::Create).await.unwrap()
}

pub(crate) async fn payload(store: &impl Store, name: impl std::fmt::Display) -> Option<Vec<u8>> {
    store.load(&key(name)).await.unwrap().map(|found| found.payload().to_vec())
}

/// The listing to its end.
pub(crate) async fn list(store: &impl Store, query: ListQuery) -> Vec<Result<Entry>> {
    let mut stream = store.list(query);
    let mut entries = Vec::new();
    while let Some(entry) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
        entries.push(entry);
    }
    entries
}

/// Repeats a question until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(mut question: impl FnMut() -> F) {
    let begun = std::time::Instant::now();
    while !question().await {
        assert!(begun.elapsed() < PATIENCE * 2, "it never comes to pass");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[track_caller]
pub(crate) fn assert_is(error: &Error, kind: ErrorKind, retry: Retry) {
    assert_eq!(
        (error.kind(), error.retry()),
        (kind, retry),
        "{error}: {:?}",
        std::error::Error::source(error)
    );
    assert_discreet(error);
}

/// Nothing that an error shows, at any depth, may hold a key, a payload, a principal or a password.
#[track_caller]
pub(crate) fn assert_discreet(error: &Error) {
    let mut seen = format!("{error} {error:?}");
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        seen += &format!(" {cause} {cause:?}");
        next = cause.source();
    }
    let hex = RecordKey::new(SECRET.as_bytes()).to_hex();
    for form in [SECRET, &hex, &hex.to_uppercase()] {
        assert!(!seen.contains(form), "{seen}");
    }
    assert!(error.to_string().starts_with("redis: "), "{error}");
}
