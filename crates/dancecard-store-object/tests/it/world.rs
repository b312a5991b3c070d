//! Services, engines on them, records to put there, and a close look at errors.

use std::future::Future;
use std::time::Duration;

use dancecard_core::{
    Entry, Error, ErrorKind, ListQuery, Meta, Record, RecordKey, Result, Retry, Store, Timestamp, Version,
    WriteMode,
};
use dancecard_store_object::{Config, ObjectStore};
use libtest_mimic::Trial;

/// In the payload, the key, the principal and the secret of everything here, so that a leak of any of them is seen.
pub(crate) const SECRET: &str = "canary-4711";

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

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

pub(crate) fn memory() -> ObjectStore {
    ObjectStore::connect(Config::new("memory")).unwrap()
}

pub(crate) fn key(name: impl std::fmt::Display) -> RecordKey {
    RecordKey::new(format!("{SECRET} {name}").as_bytes())
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

pub(crate) fn meta() -> Meta {
    Meta::new(NOW, later(3600)).with_principal(Some(SECRET.into()))
}

/// A record of the principal.
pub(crate) fn record(payload: impl AsRef<[u8]>) -> Record {
    Record::new(meta(), payload.as_ref().to_vec())
}

/// A record of nobody, of so many bytes.
pub(crate) fn bulk(bytes: usize) -> Record {
    let payload = SECRET.as_bytes().iter().copied().cycle().take(bytes).collect();
    Record::new(Meta::new(NOW, later(3600)), payload)
}

pub(crate) async fn create(store: &ObjectStore, name: impl std::fmt::Display) -> Version {
    store.write(&key(name), bulk(100), WriteMode::Create).await.unwrap()
}

pub(crate) async fn payload(store: &ObjectStore, name: impl std::fmt::Display) -> Option<Vec<u8>> {
    store.load(&key(name)).await.unwrap().map(|found| found.payload().to_vec())
}

/// The listing to its end.
pub(crate) async fn list(store: &ObjectStore, query: ListQuery) -> Vec<Result<Entry>> {
    let mut stream = store.list(query);
    let mut entries = Vec::new();
    while let Some(entry) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
        entries.push(entry);
    }
    entries
}

#[track_caller]
pub(crate) fn assert_is(error: &Error, kind: ErrorKind, retry: Retry) {
    assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
    assert_discreet(error);
}

/// Nothing that an error shows, at any depth, may hold a key, a payload, a principal or a credential.
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
    assert!(error.to_string().starts_with("object: "), "{error}");
}

#[cfg(feature = "s3")]
pub(crate) use s3::*;

#[cfg(feature = "s3")]
mod s3 {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use dancecard_servers::s3::{self, ACCESS_KEY, BUCKET, REGION, S3, SECRET_KEY};
    use opendal::{HttpTransporter, OperationContext};
    use opendal_http_transport_reqwest::ReqwestTransport;

    use super::*;

    /// Long enough for a busy machine to do what takes no time.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

    /// The server of all tests that don't harm it. It ends with the process.
    pub(crate) fn shared() -> &'static S3 {
        static SERVER: OnceLock<S3> = OnceLock::new();
        SERVER.get_or_init(|| s3::start().unwrap())
    }

    /// The settings for a server, or a proxy before one, with a prefix that nobody else has.
    pub(crate) fn config(url: &str) -> Config {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Config::new("s3")
            .with_option("endpoint", url)
            .with_option("bucket", BUCKET)
            .with_option("region", REGION)
            .with_option("access_key_id", ACCESS_KEY)
            .with_option("secret_access_key", SECRET_KEY)
            .with_option("disable_config_load", "true")
            .with_option("disable_ec2_metadata", "true")
            .with_timeout(PATIENCE)
            .with_prefix(format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn connect(config: &Config) -> ObjectStore {
        ObjectStore::connect(config.clone()).unwrap()
    }

    /// A way to the objects past the engine.
    pub(crate) fn raw(config: &Config) -> opendal::Operator {
        let transport = ReqwestTransport::new(reqwest::Client::new());
        let context = OperationContext::new().with_http_transport(HttpTransporter::new(transport));
        opendal::Operator::via_iter("s3", config.options.clone()).unwrap().with_context(context)
    }

    /// What a record is called.
    pub(crate) fn name_of(config: &Config, key: &RecordKey) -> String {
        format!("{}/sessions/{}", config.prefix, key.to_hex())
    }
}
