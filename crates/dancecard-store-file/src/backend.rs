//! The engine itself.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Retry, Store, Timestamp,
    Version, Versioned, WriteMode,
};
use tokio::sync::mpsc;

use crate::capabilities::capabilities;
use crate::change::{Change, Done, Target};
use crate::config::Config;
use crate::error::{self, ENGINE};
use crate::folder::Folder;
use crate::listing::{Listing, Threads};
use crate::name::{Name, Shard};
use crate::readers::{self, Readers};
use crate::writers::{self, Writers};

/// How many expired records are removed before others get their turn.
const PURGE_AT_ONCE: usize = 64;

/// Who reads nested data calls himself for each level, which takes some kilobytes.
const STACK: usize = 4 << 20;

/// Sessions in a folder of files.
///
/// See the [crate's page](crate) for what it promises. Dropping it ends its threads once what was asked of them is
/// done; [`FileStore::close`] waits for that.
///
/// ```
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_file::FileStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("sessions");
/// let store = FileStore::open(&path)?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// store.close().await;
///
/// let again = FileStore::open(&path)?;
/// assert_eq!(again.load(&key).await?.expect("durable").payload(), b"{}");
/// # Ok(()) }
/// ```
pub struct FileStore {
    writers: Writers,
    readers: Readers,
    config: Config,
    /// The shard at which the last purge stopped.
    purged: AtomicU8,
    /// Each thread holds the other end for as long as it lives.
    ended: mpsc::Receiver<Infallible>,
}

impl FileStore {
    /// An engine on a folder, with the default settings.
    ///
    /// # Errors
    /// Those of [`FileStore::connect`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::connect(Config::new(path))
    }

    /// An engine with settings from a URL; [`Config::from_url`] says how they are written.
    ///
    /// # Errors
    /// Those of [`Config::from_url`] and [`FileStore::connect`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// An engine with these settings. Nothing is read or written yet: the folder is looked at, and made if there is
    /// none, when it is first needed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds, [`ErrorKind::Unavailable`] when the system gives no threads.
    pub fn connect(config: Config) -> Result<Self> {
        config.validate()?;
        Self::on(Folder::new(&config), config)
    }

    pub(crate) fn on(folder: Folder, config: Config) -> Result<Self> {
        let folder = Arc::new(folder);
        let (writers, jobs) = Writers::new(config.writers, config.queue);
        let (readers, questions) = Readers::new(config.readers, config.queue);
        let (held, ended) = mpsc::channel(1);
        for jobs in jobs {
            let folder = Arc::clone(&folder);
            spawn("dancecard-write", held.clone(), move || writers::run(&folder, jobs))?;
        }
        for questions in questions {
            let folder = Arc::clone(&folder);
            spawn("dancecard-read", held.clone(), move || readers::run(&folder, questions))?;
        }
        Ok(Self { writers, readers, config, purged: AtomicU8::new(0), ended })
    }

    /// Ends the engine's threads and waits until what was asked of them is done.
    ///
    /// Dropped before it is done, it behaves as if the engine had been dropped.
    pub async fn close(self) {
        let Self { writers, readers, mut ended, .. } = self;
        drop((writers, readers));
        let _: Option<Infallible> = ended.recv().await;
    }

    fn accept(&self, record: &Record, operation: &'static str) -> Result<()> {
        if record.payload.len() <= self.config.max_payload {
            return Ok(());
        }
        let detail =
            format!("it has {} bytes; max_payload is {}", record.payload.len(), self.config.max_payload);
        Err(error::new(ErrorKind::TooLarge, operation).with_detail(detail))
    }

    async fn version_of(&self, change: Change) -> Result<Version> {
        let operation = change.operation();
        match self.writers.submit(change).await? {
            Done::Version(version) => Ok(version),
            _ => Err(error::stopped(operation, Retry::Unknown)),
        }
    }

    async fn count_of(&self, change: Change) -> Result<usize> {
        match self.writers.submit(change).await? {
            Done::Count(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// Removes what is expired in a shard, at most so much.
    async fn purge_shard(&self, shard: Shard, now: Timestamp, limit: usize) -> Result<usize> {
        let candidates = self.readers.expired(shard, now).await?;
        if candidates.names.is_empty() && candidates.unfinished {
            self.purge_some(shard, Vec::new(), now, 0).await?;
        }
        let mut purged = 0;
        for names in candidates.names.chunks(PURGE_AT_ONCE).take_while(|_| limit > 0) {
            purged += self.purge_some(shard, names.to_vec(), now, limit - purged).await?;
            if purged == limit {
                break;
            }
        }
        Ok(purged)
    }

    async fn purge_some(
        &self,
        shard: Shard,
        names: Vec<Name>,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize> {
        self.count_of(Change::Purge { shard, names, now, limit }).await
    }
}

/// Runs `life` on a thread that holds `held` until whatever `life` owns is dropped.
fn spawn(name: &str, held: mpsc::Sender<Infallible>, life: impl FnOnce() + Send + 'static) -> Result<()> {
    let run = move || {
        life();
        drop(held);
    };
    let spawned = thread::Builder::new().name(name.into()).stack_size(STACK).spawn(run);
    spawned.map(drop).map_err(|cause| {
        error::new(ErrorKind::Unavailable, "open")
            .with_retry(Retry::Safe)
            .with_detail("the system gave no thread")
            .with_source(cause)
    })
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store for FileStore {
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
        self.accept(&record, "write")?;
        if !matches!(mode, WriteMode::Create | WriteMode::Update(_) | WriteMode::Overwrite) {
            return Err(self.unsupported("write"));
        }
        self.version_of(Change::Write { target: Target::of(key), record, mode }).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.writers.submit(Change::Delete { target: Target::of(key) }).await.map(drop)
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        self.accept(&retired, "replace")?;
        self.accept(&record, "replace")?;
        let (old, new, expected) = (Target::of(old), Target::of(new), expected.clone());
        self.version_of(Change::Replace { old, expected, retired, new, record }).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        if !self.config.touch {
            return Err(self.unsupported("touch"));
        }
        self.count_of(Change::Touch { target: Target::of(key), expires_at }).await.map(|count| count > 0)
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Listing::new(Threads { readers: &self.readers, writers: &self.writers }, query))
    }

    /// Goes on where the last purge stopped, so that with a small limit every shard has its turn.
    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let mut shards = self.readers.shards("purge").await?;
        let first = Shard(self.purged.load(Ordering::Relaxed));
        let passed = shards.partition_point(|shard| *shard < first);
        shards.rotate_left(passed);
        let mut purged = 0;
        for shard in shards {
            if purged == limit {
                break;
            }
            self.purged.store(shard.0, Ordering::Relaxed);
            purged += self.purge_shard(shard, now, limit - purged).await?;
        }
        Ok(purged)
    }

    async fn health(&self) -> Result<()> {
        self.readers.health().await
    }
}
