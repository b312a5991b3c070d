//! The engine itself.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Retry, Store, Timestamp,
    Version, Versioned, WriteMode,
};
use tokio::sync::mpsc;

use crate::capabilities::capabilities;
use crate::change::{Applied, Change};
use crate::config::Config;
use crate::error::{self, ENGINE};
use crate::listing::Listing;
use crate::readers::{self, Readers};
use crate::readiness::Readiness;
use crate::row::Row;
use crate::writer::{self, Held, Pace, Writer};

/// How many records that are due are looked at before others get their turn.
const PURGE_AT_ONCE: usize = 256;

/// Sessions in a SQLite database.
///
/// See the [crate's page](crate) for what it promises. Dropping it ends its threads once what was asked of them is
/// done; [`SqliteStore::close`] waits for that.
///
/// ```
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_sqlite::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("sessions.db");
/// let store = SqliteStore::open(&path)?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// store.close().await;
///
/// let again = SqliteStore::open(&path)?;
/// assert_eq!(again.load(&key).await?.expect("durable").payload(), b"{}");
/// # Ok(()) }
/// ```
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    config: Config,
    /// The writer, the last of the threads to end, holds the other end for as long as it has a connection.
    ended: Held,
}

impl SqliteStore {
    /// An engine on a database file, with the default settings.
    ///
    /// # Errors
    /// Those of [`SqliteStore::connect`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::connect(Config::new(path))
    }

    /// An engine with settings from a URL; [`Config::from_url`] says how they are written.
    ///
    /// # Errors
    /// Those of [`Config::from_url`] and [`SqliteStore::connect`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// An engine with these settings. Nothing is read or written yet: the file is opened, and made if there is none, when
    /// it is first needed. To know at once that it can be, ask for its health.
    ///
    /// Whatever is asked first may fail in the operation `open`: with [`ErrorKind::Config`] for a directory that is
    /// missing, a file that is not writable, another application's database or a newer release's;
    /// [`ErrorKind::Corrupt`] for a file that is damaged or no database; [`ErrorKind::Full`] when there is no room for
    /// the schema; [`ErrorKind::Unavailable`] when another process keeps the file locked beyond the timeout, or the
    /// system fails. Nothing was done then, and the next operation tries again.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds; [`ErrorKind::Unavailable`] when the system gives no threads.
    pub fn connect(config: Config) -> Result<Self> {
        config.validate()?;
        let file = Arc::new(Readiness::new(&config));
        let (writer, jobs) = Writer::new(config.queue);
        let (readers, questions) = Readers::new(config.readers, config.queue);
        let (held, ended) = mpsc::channel(1);
        let (held_by_readers, readers_ended) = mpsc::channel(1);
        let (own, pace) = (Arc::clone(&file), Pace { batch: config.batch, timeout: config.timeout() });
        spawn("dancecard-write", held, move || writer::run(&own, jobs, pace, readers_ended))?;
        for questions in questions {
            let file = Arc::clone(&file);
            spawn("dancecard-read", held_by_readers.clone(), move || readers::run(&file, questions))?;
        }
        Ok(Self { writer, readers, config, ended })
    }

    /// Ends the engine's threads and waits until the file is closed.
    ///
    /// Dropped before it is done, it behaves as if the engine had been dropped.
    pub async fn close(self) {
        let Self { writer, readers, mut ended, .. } = self;
        drop((writer, readers));
        let _: Option<Infallible> = ended.recv().await;
    }

    fn row(&self, record: Record, operation: &'static str) -> Result<Row> {
        Row::new(record, self.config.max_payload, operation)
    }

    async fn purge_some(&self, now: Timestamp, limit: usize) -> Result<Applied> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.writer.submit(Change::Purge { now: now.as_millis(), limit }).await
    }
}

/// Runs `life` on a thread that holds `held` until whatever `life` owns is dropped.
fn spawn(name: &str, held: mpsc::Sender<Infallible>, life: impl FnOnce() + Send + 'static) -> Result<()> {
    let run = move || {
        life();
        drop(held);
    };
    let spawned = thread::Builder::new().name(name.into()).spawn(run);
    spawned.map(drop).map_err(|cause| {
        error::new(ErrorKind::Unavailable, "open")
            .with_retry(Retry::Safe)
            .with_detail("the system gave no thread")
            .with_source(cause)
    })
}

fn version_of(applied: Applied) -> Version {
    Version::from_u64(applied.version.cast_unsigned())
}

/// The number in a version. `None` for one of another engine, which is then as stale as can be.
fn number_in(version: &Version) -> Option<i64> {
    i64::try_from(version.as_u64()?).ok()
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.config)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.readers.load(key).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let (key, row) = (key.clone(), self.row(record, "write")?);
        let change = match mode {
            WriteMode::Create => Change::Create { key, row },
            WriteMode::Update(version) => Change::Update { key, row, expected: number_in(&version) },
            WriteMode::Overwrite => Change::Overwrite { key, row },
            _ => return Err(self.unsupported("write")),
        };
        self.writer.submit(change).await.map(version_of)
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.writer.submit(Change::Delete { key: key.clone() }).await.map(drop)
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let (retired, row) = (self.row(retired, "replace")?, self.row(record, "replace")?);
        let (old, new, expected) = (old.clone(), new.clone(), number_in(expected));
        self.writer.submit(Change::Replace { old, expected, retired, new, row }).await.map(version_of)
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let touch = Change::Touch { key: key.clone(), expires_at: expires_at.as_millis() };
        self.writer.submit(touch).await.map(|applied| applied.rows > 0)
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Listing::new(&self.readers, query))
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let mut purged = 0;
        while purged < limit {
            let applied = self.purge_some(now, PURGE_AT_ONCE.min(limit - purged)).await?;
            purged += applied.rows;
            if !applied.is_more {
                break;
            }
        }
        Ok(purged)
    }
}
