//! Servers of a test's own, records to put into them, and a close look at errors.

use std::fs::Permissions;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use dancecard_core::{
    Error, ErrorKind, Meta, Record, RecordKey, Retry, Store, Timestamp, Version, WriteMode,
};
use dancecard_servers::memcached::{self, Options};
use dancecard_servers::{Proxy, Running, Server};
use dancecard_store_memcached::{Config, MemcachedStore};
use libtest_mimic::Trial;

/// In the payload, the key and the principal of every record here, so that a leak of any of them is seen.
pub(crate) const SECRET: &str = "canary-4711";

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A test with a runtime of two threads.
pub(crate) fn case<F, Fut>(name: &str, body: F) -> Trial
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    Trial::test(name.to_owned(), move || {
        runtime().block_on(body());
        Ok(())
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Names each function after its path in the list of tests.
macro_rules! cases {
    ($area:literal: $($name:ident),* $(,)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            vec![$(crate::fixture::case(concat!($area, "::", stringify!($name)), $name)),*]
        }
    };
}
pub(crate) use cases;

pub(crate) fn server() -> Running {
    memcached::start().unwrap()
}

/// A server whose items have so many kilobytes at most.
pub(crate) fn server_with_items(kilobytes: usize, arguments: &[&str]) -> Running {
    let (items, chunks) = (format!("{kilobytes}k"), format!("slab_chunk_max={}", kilobytes << 10));
    server_with(&[&["-I", &items, "-o", &chunks], arguments].concat())
}

pub(crate) fn server_with(arguments: &[&str]) -> Running {
    let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
    memcached::start_with(Options { arguments, ..Options::default() }).unwrap()
}

/// A deadline that a busy machine does not miss.
pub(crate) const PATIENT: Duration = Duration::from_secs(30);
/// One to be missed.
pub(crate) const HASTY: Duration = Duration::from_millis(200);

pub(crate) fn config(server: &Server) -> Config {
    Config::new([server.address().to_string()]).with_timeout(PATIENT)
}

pub(crate) fn ring(servers: &[Running]) -> Config {
    Config::new(servers.iter().map(|server| server.address().to_string())).with_timeout(PATIENT)
}

pub(crate) fn store(server: &Server) -> MemcachedStore {
    MemcachedStore::connect(config(server)).unwrap()
}

/// A proxy before the server, and an engine with this deadline behind the proxy.
pub(crate) fn behind_proxy(server: &Server, deadline: Duration) -> (Proxy, MemcachedStore) {
    let proxy = Proxy::start(server.address()).unwrap();
    let store = MemcachedStore::connect(through(&proxy).with_timeout(deadline)).unwrap();
    (proxy, store)
}

pub(crate) fn through(proxy: &Proxy) -> Config {
    Config::new([proxy.address().to_string()]).with_timeout(PATIENT)
}

pub(crate) fn key(name: impl std::fmt::Display) -> RecordKey {
    RecordKey::new(format!("{SECRET} {name}").as_bytes())
}

/// The key as memcached sees it, with the default prefix.
pub(crate) fn raw_key(name: impl std::fmt::Display) -> String {
    format!("dancecard:{}", key(name).to_hex())
}

pub(crate) fn meta() -> Meta {
    Meta::new(NOW, later(3600)).with_principal(Some(SECRET.into()))
}

pub(crate) fn record(payload: impl AsRef<[u8]>) -> Record {
    Record::new(meta(), payload.as_ref().to_vec())
}

/// A record of so many bytes.
pub(crate) fn bulk(bytes: usize) -> Record {
    record(SECRET.as_bytes().iter().copied().cycle().take(bytes).collect::<Vec<_>>())
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

pub(crate) async fn create(store: &impl Store, name: impl std::fmt::Display) -> Version {
    store.write(&key(&name), bulk(100), WriteMode::Create).await.unwrap()
}

pub(crate) async fn payload(store: &impl Store, name: impl std::fmt::Display) -> Option<Vec<u8>> {
    store.load(&key(name)).await.unwrap().map(|found| found.payload().to_vec())
}

/// Asks until the engine has found its server again.
pub(crate) async fn recovered(store: &MemcachedStore) {
    let patience = std::time::Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.health().await {
        assert!(std::time::Instant::now() < patience, "{error}");
        tokio::task::yield_now().await;
    }
}

/// A server that can't be asked for a sign of life, and so is not among those that others start.
pub(crate) struct Program(std::process::Child);

impl Program {
    pub(crate) fn start<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = std::process::Command::new("memcached");
        command.args(["-u", "nobody"]).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets the server's user have a file or folder.
pub(crate) fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
}

/// Says something to the server past the engine, and returns its answer up to the line `MN`.
pub(crate) fn raw(server: &Server, command: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(&[command.as_ref(), b"mn\r\n"].concat()).unwrap();
    let mut answer = String::new();
    let mut lines = BufReader::new(stream);
    while !answer.ends_with("MN\r\n") {
        assert!(lines.read_line(&mut answer).unwrap() > 0, "{answer}");
    }
    answer.truncate(answer.len() - 4);
    answer
}

/// How many commands about keys the server has seen.
pub(crate) fn commands(server: &Server) -> u64 {
    ["cmd_get", "cmd_set", "delete_hits", "delete_misses"].iter().map(|name| statistic(server, name)).sum()
}

/// One number of the server's statistics.
pub(crate) fn statistic(server: &Server, name: &str) -> u64 {
    let answer = raw(server, "stats\r\n");
    let line = answer.lines().find_map(|line| line.strip_prefix(&format!("STAT {name} "))).unwrap();
    line.trim().parse().unwrap()
}

#[track_caller]
pub(crate) fn assert_is(error: &Error, kind: ErrorKind, retry: Retry) {
    assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
    assert_discreet(error);
}

/// Nothing that an error shows, at any depth, may hold a key, a payload or a principal.
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
    assert!(error.to_string().starts_with("memcached: "), "{error}");
}

/// Plays a server, one connection after the other: reads a little, answers with these bytes, and goes on reading.
pub(crate) fn impostor(answers: &'static [u8]) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut some = [0; 4096];
            let _ = stream.read(&mut some);
            let _ = stream.write_all(answers);
            std::thread::spawn(move || while stream.read(&mut some).is_ok_and(|count| count > 0) {});
        }
    });
    address
}
