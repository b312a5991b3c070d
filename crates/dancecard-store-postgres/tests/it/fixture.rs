//! A server for all, tables of one's own, records to put into them, and a close look at errors.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{
    Entry, Error, ErrorKind, ListQuery, Meta, Record, RecordKey, Result, Retry, Store, Timestamp, Version,
    WriteMode,
};
use dancecard_servers::{Absent, Proxy, Running};
use dancecard_store_postgres::{Config, PostgresStore};
use libtest_mimic::{Failed, Trial};
use tokio_postgres::{Client, NoTls};

/// In the payload, the key and the principal of every record here, so that a leak of any of them is seen.
pub(crate) const SECRET: &str = "canary-4711";

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Longer than anything takes that goes well, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long an operation may go on when its time is up, on however busy a machine: less than a connection may take by
/// default, which it must not wait for.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// The tests of a module, each named and run by itself.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            let module = module_path!().rsplit("::").next().unwrap();
            vec![$(crate::fixture::trial(format!("{module}::{}", stringify!($name)), $name)),*]
        }
    };
}
pub(crate) use cases;

/// A test on a runtime of its own, with a table of its own.
pub(crate) fn trial<F>(name: String, test: fn(Place) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let place = Place::new(server().map_err(|absent| Failed::from(absent.to_string()))?);
            test(place).await;
            Ok(())
        })
    })
}

/// The server that most tests share. It ends with this process.
pub(crate) fn server() -> Result<&'static Running, Absent> {
    static SERVER: OnceLock<Result<Running, Absent>> = OnceLock::new();
    SERVER.get_or_init(dancecard_servers::postgres::start).as_ref().map_err(Clone::clone)
}

/// A place for one table.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) table: String,
}

impl Place {
    pub(crate) fn new(server: &Running) -> Self {
        static TABLES: AtomicUsize = AtomicUsize::new(0);
        let table = format!("test_{}", TABLES.fetch_add(1, Ordering::Relaxed));
        Self { url: server.url(), address: server.address(), table }
    }

    pub(crate) fn config(&self) -> Config {
        Config::from_url(&self.url).unwrap().with_table(&self.table).with_timeout(PATIENCE)
    }

    pub(crate) fn open(&self) -> PostgresStore {
        PostgresStore::connect(self.config()).unwrap()
    }

    /// A proxy before the server, and the configuration that goes through it.
    pub(crate) fn proxy(&self) -> (Proxy, Config) {
        let proxy = Proxy::start(self.address).unwrap();
        let config = Config::from_url(&proxy.url(&self.url)).unwrap();
        (proxy, config.with_table(&self.table).with_timeout(PATIENCE))
    }

    /// A way to the server past the engine.
    pub(crate) async fn client(&self) -> Client {
        self.client_of("postgres").await
    }

    pub(crate) async fn client_of(&self, database: &str) -> Client {
        let mut target: tokio_postgres::Config = self.url.parse().unwrap();
        let (client, connection) = target.dbname(database).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// The one value that a query gives, as text.
    pub(crate) async fn ask(&self, query: &str) -> String {
        let rows = self.client().await.simple_query(query).await.unwrap();
        let row = rows.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        row.unwrap_or("NULL").to_owned()
    }

    pub(crate) async fn run(&self, statements: &str) {
        self.client().await.batch_execute(statements).await.unwrap();
    }
}

pub(crate) fn key(name: impl std::fmt::Display) -> RecordKey {
    RecordKey::new(format!("{SECRET} {name}").as_bytes())
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

/// The listing to its end.
pub(crate) async fn list(store: &impl Store, query: ListQuery) -> Vec<Result<Entry>> {
    let mut stream = store.list(query);
    let mut entries = Vec::new();
    while let Some(entry) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
        entries.push(entry);
    }
    entries
}

/// The names of the keys of a listing.
pub(crate) async fn names(store: &impl Store, query: ListQuery) -> Vec<String> {
    let entries = list(store, query).await.into_iter();
    let text = |entry: Result<Entry>| String::from_utf8(entry.unwrap().key.as_bytes().to_vec()).unwrap();
    entries.map(|entry| text(entry).replace(&format!("{SECRET} "), "")).collect()
}

/// Repeats something until it goes well, as an application would, and says how long that took.
pub(crate) async fn until_it_works<T, F: Future<Output = Result<T>>>(mut act: impl FnMut() -> F) -> Duration {
    let begun = Instant::now();
    loop {
        match act().await {
            Ok(_) => return begun.elapsed(),
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// What an operation says that has so much time, and no more.
pub(crate) async fn within<T>(limit: Duration, operation: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let said = operation.await;
    assert!(begun.elapsed() < limit + GRACE, "{:?}", begun.elapsed());
    said
}

#[track_caller]
pub(crate) fn assert_is(error: &Error, kind: ErrorKind, retry: Retry) {
    assert_eq!((error.kind(), error.retry()), (kind, retry), "{error} {}", sources(error));
    assert_discreet(error);
}

/// Nothing that an error shows, at any depth, may hold a key, a payload or a principal.
#[track_caller]
pub(crate) fn assert_discreet(error: &Error) {
    let seen = format!("{error} {error:?} {}", sources(error));
    let hex = RecordKey::new(SECRET.as_bytes()).to_hex();
    for form in [SECRET, &hex, &hex.to_uppercase()] {
        assert!(!seen.contains(form), "{seen}");
    }
    assert!(error.to_string().starts_with("postgres: "), "{error}");
}

pub(crate) fn sources(error: &Error) -> String {
    let mut text = String::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text += &format!(" {cause} {cause:?}");
        next = cause.source();
    }
    text
}
