//! The folder: where everything in it lies, and whether it is ours.
//!
//! ```text
//! dancecard.json                        whose folder it is, and in which format
//! sessions/5c/<key>.json                a record
//! principals/a41/<principal>-<key>      empty: the record may be that principal's
//! locks/5c                              locked while something in sessions/5c is changed
//! spare                                 room for a change on a full disk
//! ```

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::config::{Config, Synchronous};
use crate::disk::{self, Disk};
use crate::error::Failure;
use crate::format::Format;
use crate::lock::{Lock, NoLock};
use crate::name::{Name, Owner, Shard};

mod found;
mod prepare;

pub(crate) use found::{Candidates, version};

/// How the names of files begin that are not finished.
const UNFINISHED: &str = ".new-";

/// No file of ours is larger: the largest payload in base64, and the facts.
pub(crate) const LARGEST_FILE: u64 = 2_000_000_000;

/// The folder of one engine.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) disk: Disk,
    pub(crate) format: Format,
    root: PathBuf,
    create: bool,
    keeps_times: bool,
    patience: Duration,
    is_ready: AtomicBool,
    preparing: Mutex<()>,
}

impl Folder {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            disk: Disk::new(config.synchronous == Synchronous::Full),
            format: config.format,
            root: config.path.clone(),
            create: config.create,
            keeps_times: config.touch,
            patience: Duration::from_millis(config.lock_timeout_ms),
            is_ready: AtomicBool::new(false),
            preparing: Mutex::new(()),
        }
    }

    pub(crate) fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    pub(crate) fn shard(&self, shard: Shard) -> PathBuf {
        self.sessions().join(shard.to_string())
    }

    pub(crate) fn record(&self, name: &Name) -> PathBuf {
        self.shard(name.shard()).join(format!("{}.{}", name.stem(), self.format.word()))
    }

    /// Where a file is written before it gets its name.
    pub(crate) fn unfinished(&self, shard: Shard, nonce: &str) -> PathBuf {
        self.shard(shard).join(format!("{UNFINISHED}{nonce}"))
    }

    pub(crate) fn principals(&self) -> PathBuf {
        self.root.join("principals")
    }

    pub(crate) fn spare(&self) -> PathBuf {
        self.root.join("spare")
    }

    fn mark(&self) -> PathBuf {
        self.root.join("dancecard.json")
    }

    fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Sees that the folder is there and ours; once, until it is missed.
    pub(crate) fn ready(&self) -> Result<(), Failure> {
        if self.is_ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let _alone = self.preparing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !self.is_ready.load(Ordering::Acquire) {
            self.prepare()?;
            self.is_ready.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// What was not found may be absent, or the whole folder may be: a disk that is not mounted must not sign all users
    /// out.
    pub(crate) fn confirm_absence(&self) -> Result<(), Failure> {
        match disk::open(&self.mark())? {
            Some(_) => Ok(()),
            None => {
                self.is_ready.store(false, Ordering::Release);
                Err(Failure::unavailable("the folder is gone; put it back"))
            }
        }
    }

    /// Waits for the locks of shards. Whoever needs two takes them in one order, so that nobody waits in a circle.
    pub(crate) fn lock(&self, mut shards: Vec<Shard>) -> Result<Vec<Lock>, Failure> {
        self.ready()?;
        shards.sort_unstable();
        shards.dedup();
        let deadline = Instant::now() + self.patience;
        shards.into_iter().map(|shard| self.lock_one(shard, deadline)).collect()
    }

    fn lock_one(&self, shard: Shard, deadline: Instant) -> Result<Lock, Failure> {
        Lock::take(&self.locks().join(shard.to_string()), deadline).map_err(|reason| match reason {
            NoLock::Busy => Failure::unavailable("another process keeps a lock in the folder"),
            NoLock::Failed(cause) => self.missed(cause),
        })
    }

    /// The failure for something that has to be in the folder.
    pub(crate) fn missed(&self, cause: std::io::Error) -> Failure {
        if cause.kind() == std::io::ErrorKind::NotFound {
            self.is_ready.store(false, Ordering::Release);
        }
        cause.into()
    }

    /// The names of the files in a shard. Without its lock, one that is being changed may be missing.
    pub(crate) fn names(&self, shard: Shard) -> Result<Vec<Name>, Failure> {
        let found = disk::names(&self.shard(shard))?;
        let ending = self.format.word();
        let stem = |file: &str| Name::parse(file.strip_suffix(ending)?.strip_suffix('.')?);
        Ok(found.iter().filter_map(|file| stem(file)).filter(|name| name.shard() == shard).collect())
    }

    /// The shards that there are.
    pub(crate) fn shards(&self) -> Result<Vec<Shard>, Failure> {
        self.ready()?;
        let found = disk::names(&self.sessions())?;
        if found.is_empty() {
            self.confirm_absence()?;
        }
        let mut shards: Vec<_> = found.iter().filter_map(|name| Shard::parse(name)).collect();
        shards.retain(|shard| disk::is_folder(&self.shard(*shard)).unwrap_or(false));
        shards.sort_unstable();
        Ok(shards)
    }

    /// Removes what processes that were ended left unfinished. The shard's lock must be held: what is unfinished under
    /// it is nobody's.
    pub(crate) fn sweep(&self, shard: Shard) {
        let folder = self.shard(shard);
        for name in disk::names(&folder).unwrap_or_default() {
            if name.starts_with(UNFINISHED) {
                let _ = self.disk.remove(&folder.join(name));
            }
        }
    }

    /// The entries of a principal, as far as they name records.
    pub(crate) fn entries(&self, owner: &Owner) -> Result<Vec<Name>, Failure> {
        self.ready()?;
        let found = disk::names(&self.principals().join(owner.folder()))?;
        if found.is_empty() {
            self.confirm_absence()?;
        }
        Ok(found.iter().filter_map(|entry| owner.record(entry)).collect())
    }
}
