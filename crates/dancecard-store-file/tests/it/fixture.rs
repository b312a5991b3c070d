//! Folders that vanish after the test, records to put into them, and a close look at errors.

use std::fmt::Display;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dancecard_core::{
    Entry, Error, ListQuery, Meta, Record, RecordKey, Result, Store, Timestamp, Version, WriteMode,
};
use dancecard_store_file::{Config, FileStore, Format, Synchronous};
use tempfile::TempDir;

/// In the payload, the key and the principal of every record here, so that a leak of any of them is seen.
pub(crate) const SECRET: &str = "canary-4711";

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(crate) const FORMATS: [Format; 3] = [Format::Json, Format::Yaml, Format::MsgPack];

/// A place for one folder.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("sessions")
    }

    /// As it is set up by default, but for the waiting for the disk.
    pub(crate) fn config(&self) -> Config {
        Config::new(self.path()).with_synchronous(Synchronous::Normal)
    }

    pub(crate) fn open(&self) -> FileStore {
        FileStore::connect(self.config()).unwrap()
    }

    pub(crate) fn open_as(&self, format: Format) -> FileStore {
        FileStore::connect(self.config().with_format(format)).unwrap()
    }

    /// The files of records.
    pub(crate) fn records(&self) -> Vec<PathBuf> {
        files(&self.path().join("sessions")).into_iter().filter(|path| !is_hidden(path)).collect()
    }

    /// The only one.
    pub(crate) fn record(&self) -> PathBuf {
        let records = self.records();
        assert_eq!(records.len(), 1);
        records[0].clone()
    }

    /// The files that some process did not finish.
    pub(crate) fn unfinished(&self) -> Vec<PathBuf> {
        files(&self.path().join("sessions")).into_iter().filter(|path| is_hidden(path)).collect()
    }

    /// The entries of the index.
    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        files(&self.path().join("principals"))
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with('.')
}

/// The files two levels deep.
fn files(folder: &Path) -> Vec<PathBuf> {
    let inside =
        |folder: &Path| fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    inside(folder).flat_map(|shard| inside(&shard).collect::<Vec<_>>()).collect()
}

pub(crate) fn key(name: impl Display) -> RecordKey {
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

/// A session with data, as the session layer hands it over.
pub(crate) fn session(json: &str) -> Record {
    use dancecard_core::Codec as _;
    record(dancecard_core::JsonCodec.open(json.as_bytes()).unwrap().unwrap())
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

pub(crate) async fn create(store: &impl Store, name: impl Display) -> Version {
    store.write(&key(&name), bulk(100), WriteMode::Create).await.unwrap()
}

pub(crate) async fn payload(store: &impl Store, name: impl Display) -> Option<Vec<u8>> {
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

/// Nothing that an error shows, at any depth, may hold a key, a payload, a principal or a path.
#[track_caller]
pub(crate) fn assert_discreet(error: &Error) {
    let mut seen = format!("{error} {error:?}");
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        seen += &format!(" {cause} {cause:?}");
        next = cause.source();
    }
    let hex = RecordKey::new(SECRET.as_bytes()).to_hex();
    for form in [SECRET, &hex, &hex.to_uppercase(), "/tmp"] {
        assert!(!seen.contains(form), "{seen}");
    }
    assert!(error.to_string().starts_with("file: "), "{error}");
}
