//! Servers for all, collections of one's own, records to put into them, and a close look at errors.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use dancecard_core::{
    Clock, Entry, Error, ErrorKind, ListQuery, Meta, Record, RecordKey, Result, Retry, Store, SystemClock,
    Timestamp, Version, WriteMode,
};
use dancecard_servers::mongod_replica_set::{self, ReplicaSet};
use dancecard_servers::{Absent, Proxy, Running, mongod};
use dancecard_store_mongodb::{Config, MongodbStore};
use libtest_mimic::{Failed, Trial};
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};

/// In the payload, the key and the principal of every record here, so that a leak of any of them is seen.
pub(crate) const SECRET: &str = "canary-4711";

/// Servers remove what has expired by their own clock.
pub(crate) static NOW: LazyLock<Timestamp> = LazyLock::new(|| SystemClock.now());

/// Longer than anything takes that goes well, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long operations may go on when their time is up, on however busy a machine.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// The driver looks after servers on connections of its own; with these it does so only when it has to.
const QUIET: &str = "directConnection=true&serverMonitoringMode=poll&heartbeatFrequencyMS=600000";

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

/// A test on a runtime of its own, with a collection of its own.
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
    SERVER.get_or_init(mongod::start).as_ref().map_err(Clone::clone)
}

/// A replica set of one that tests share.
pub(crate) fn replica_set() -> &'static ReplicaSet {
    static SET: OnceLock<ReplicaSet> = OnceLock::new();
    SET.get_or_init(|| mongod_replica_set::start().unwrap())
}

/// A place for one collection.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) collection: String,
}

impl Place {
    pub(crate) fn new(server: &Running) -> Self {
        static COLLECTIONS: AtomicUsize = AtomicUsize::new(0);
        let collection = format!("test_{}", COLLECTIONS.fetch_add(1, Ordering::Relaxed));
        Self { url: server.url(), address: server.address(), collection }
    }

    /// A place on the replica set.
    pub(crate) fn replicated() -> Self {
        let set = replica_set();
        Self { url: set.url(), ..Self::new(&set.members()[0]) }
    }

    pub(crate) fn config(&self) -> Config {
        self.patient(&self.url)
    }

    /// However busy the machine is, the server removes nothing while a test runs.
    fn patient(&self, url: &str) -> Config {
        let config = Config::from_url(url).unwrap().with_collection(&self.collection);
        config.with_timeout(PATIENCE).with_expiry_slack(Duration::from_secs(86_400))
    }

    /// Only tests that end servers have to wait for disks.
    pub(crate) fn open(&self) -> MongodbStore {
        MongodbStore::connect(self.config().with_journal(false)).unwrap()
    }

    /// A proxy before the server, and the configuration that goes through it, and nowhere else.
    pub(crate) fn proxy(&self) -> (Proxy, Config) {
        let proxy = Proxy::start(self.address).unwrap();
        let config = self.patient(&proxy_uri(&proxy));
        (proxy, config)
    }

    /// A way to the server past the engine.
    pub(crate) async fn client(&self) -> mongodb::Client {
        mongodb::Client::with_uri_str(&self.url).await.unwrap()
    }

    pub(crate) async fn collection(&self) -> mongodb::Collection<Document> {
        self.client().await.database("dancecard").collection(&self.collection)
    }

    pub(crate) async fn run(&self, command: Document) -> Document {
        self.client().await.database("dancecard").run_command(command).await.unwrap()
    }
}

/// Through the proxy, and nowhere else.
pub(crate) fn proxy_uri(proxy: &Proxy) -> String {
    format!("mongodb://{}/?{QUIET}", proxy.address())
}

pub(crate) fn key(name: impl std::fmt::Display) -> RecordKey {
    RecordKey::new(format!("{SECRET} {name}").as_bytes())
}

/// How a key finds its document.
pub(crate) fn id(name: impl std::fmt::Display) -> Document {
    doc! { "_id": Binary { subtype: BinarySubtype::Generic, bytes: key(name).as_bytes().to_vec() } }
}

pub(crate) fn meta() -> Meta {
    Meta::new(*NOW, later(3600)).with_principal(Some(SECRET.into()))
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
    assert!(error.to_string().starts_with("mongodb: "), "{error}");
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
