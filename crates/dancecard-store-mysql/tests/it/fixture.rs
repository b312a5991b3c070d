//! A server for all, tables of one's own, records to put into them, and a close look at errors.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{
    Entry, Error, ErrorKind, ListQuery, Meta, Record, RecordKey, Result, Retry, Store, Timestamp, Version,
    WriteMode,
};
use dancecard_servers::{Absent, Proxy, Running, mariadb, mysql};
use dancecard_store_mysql::{Config, MysqlStore};
use libtest_mimic::{Failed, Trial};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Value};
use tokio::sync::{Mutex, MutexGuard};

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
        pub(crate) fn trials(make: crate::fixture::Make) -> Vec<libtest_mimic::Trial> {
            let module = module_path!().rsplit("::").next().unwrap();
            vec![$(crate::fixture::trial(make, format!("{module}::{}", stringify!($name)), $name)),*]
        }
    };
}
pub(crate) use cases;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    MariaDb,
    MySql,
}

impl Make {
    /// What the variable for the isolation of transactions is called.
    pub(crate) fn isolation(self) -> &'static str {
        if self == Self::MySql { "transaction_isolation" } else { "tx_isolation" }
    }

    /// A server with more words for its command line.
    pub(crate) fn start(self, arguments: &[&str]) -> Result<Running, Absent> {
        let arguments = arguments.iter().copied().map(str::to_owned).collect();
        match self {
            Self::MariaDb => mariadb::start_with(mariadb::Options { arguments, ..Default::default() }),
            Self::MySql => mysql::start_with(mysql::Options { arguments, ..Default::default() }),
        }
    }
}

/// A test on a runtime of its own, with a table of its own.
pub(crate) fn trial<F>(make: Make, name: String, test: fn(Place) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    let name = if make == Make::MySql { format!("mysql::{name}") } else { name };
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let place = Place::new(make, server_of(make).map_err(|absent| Failed::from(absent.to_string()))?);
            test(place).await;
            Ok(())
        })
    })
}

/// The server that most tests share. It ends with this process.
pub(crate) fn server() -> Result<&'static Running, Absent> {
    server_of(Make::MariaDb)
}

pub(crate) fn server_of(make: Make) -> Result<&'static Running, Absent> {
    static MARIADB: OnceLock<Result<Running, Absent>> = OnceLock::new();
    static MYSQL: OnceLock<Result<Running, Absent>> = OnceLock::new();
    let server = if make == Make::MySql { &MYSQL } else { &MARIADB };
    // For what is as large as can be.
    let server = server.get_or_init(|| make.start(&["--max-allowed-packet=128M"]));
    server.as_ref().map_err(Clone::clone)
}

/// A server that may be harmed, and whose defaults may be changed, for one test at a time.
pub(crate) async fn fragile(make: Make) -> (MutexGuard<'static, Running>, Place) {
    static MARIADB: OnceLock<Mutex<Running>> = OnceLock::new();
    static MYSQL: OnceLock<Mutex<Running>> = OnceLock::new();
    let server = if make == Make::MySql { &MYSQL } else { &MARIADB };
    let server =
        server.get_or_init(|| Mutex::new(make.start(&["--max-allowed-packet=16M"]).unwrap())).lock().await;
    // As it was, whatever the test before did to it.
    if server.pid().is_none() {
        server.restart().unwrap();
    }
    let place = Place::new(make, &server);
    let isolation = make.isolation();
    place.run(&format!("SET GLOBAL read_only = DEFAULT, sql_mode = DEFAULT, {isolation} = DEFAULT")).await;
    (server, place)
}

/// A place for one table.
pub(crate) struct Place {
    pub(crate) make: Make,
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) table: String,
}

impl Place {
    pub(crate) fn new(make: Make, server: &Running) -> Self {
        static TABLES: AtomicUsize = AtomicUsize::new(0);
        let table = format!("test_{}", TABLES.fetch_add(1, Ordering::Relaxed));
        Self { make, url: server.url(), address: server.address(), table }
    }

    pub(crate) fn config(&self) -> Config {
        Config::from_url(&self.url).unwrap().with_table(&self.table).with_timeout(PATIENCE)
    }

    pub(crate) fn open(&self) -> MysqlStore {
        MysqlStore::connect(self.config()).unwrap()
    }

    /// A proxy before the server, and the configuration that goes through it.
    pub(crate) fn proxy(&self) -> (Proxy, Config) {
        let proxy = Proxy::start(self.address).unwrap();
        let config = Config::from_url(&proxy.url(&self.url)).unwrap();
        (proxy, config.with_table(&self.table).with_timeout(PATIENCE))
    }

    /// A way to the server past the engine.
    pub(crate) async fn client(&self) -> Conn {
        Conn::from_url(format!("{}?prefer_socket=false", self.url)).await.unwrap()
    }

    /// The one value that a query gives, as text.
    pub(crate) async fn ask(&self, query: &str) -> String {
        let value: Option<Option<Value>> = self.client().await.query_first(query).await.unwrap();
        value.flatten().map_or("NULL".into(), |value| text(&value))
    }

    /// The same of a table that has the statements that run at the moment. MySQL can't show it while one of them has bytes that
    /// are no text.
    pub(crate) async fn ask_of_statements(&self, query: &str) -> String {
        const NO_TEXT: u16 = 3854;
        let begun = Instant::now();
        loop {
            match self.client().await.query_first::<Option<Value>, _>(query).await {
                Err(mysql_async::Error::Server(error)) if error.code == NO_TEXT => {
                    assert!(begun.elapsed() < PATIENCE, "{error}");
                }
                value => return value.unwrap().flatten().map_or("NULL".into(), |value| text(&value)),
            }
        }
    }

    pub(crate) async fn run(&self, statements: &str) {
        self.client().await.query_drop(statements).await.unwrap();
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    }
}

/// A table of the numbers from 1 to 10,000 times so many, in a column `seq`, for servers of every make.
pub(crate) fn numbers(times: usize) -> String {
    let digits = |count: usize| {
        (1..count).fold("SELECT 0 AS d".to_owned(), |all, d| format!("{all} UNION ALL SELECT {d}"))
    };
    let (ten, more) = (digits(10), digits(times));
    format!(
        "(SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS seq \
         FROM ({ten}) AS a, ({ten}) AS b, ({ten}) AS c, ({ten}) AS e, ({more}) AS f) AS numbers"
    )
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
    assert!(error.to_string().starts_with("mysql: "), "{error}");
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
