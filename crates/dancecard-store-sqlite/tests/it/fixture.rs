//! Databases that vanish after the test, records to put into them, and a close look at errors.

use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dancecard_core::{
    Entry, Error, ListQuery, Meta, Record, RecordKey, Result, Store, Timestamp, Version, WriteMode,
};
use dancecard_store_sqlite::{Config, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

/// In the payload, the key and the principal of every record here, so that a leak of any of them is seen.
pub(crate) const SECRET: &str = "canary-4711";

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A place for one database.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("sessions.db")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.path().join("sessions.db-wal")
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.path())
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).unwrap()
    }

    /// A way to the file past the engine.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
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

/// Asks a future once, without waiting, and without tokio's idea of when a task has had enough.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    pin!(tokio::task::unconstrained(future)).poll(&mut Context::from_waker(Waker::noop()))
}

/// Begins a future, and gives up on it.
pub(crate) fn begin_and_drop(future: impl Future) {
    let _ = poll_once(pin!(future));
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
    assert!(error.to_string().starts_with("sqlite: "), "{error}");
}
