//! The reference engine: sessions in this process's memory, shared with their readers, never copied.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;
use crate::record::{Entry, Principal, Record, Version, Versioned};
use crate::store::{BoxStream, Capabilities, Immediate, ListQuery, Store, Support, WriteMode};

mod listing;
mod principals;
mod shard;
#[cfg(test)]
mod tests;

use listing::Listing;
use principals::PrincipalIndex;
pub(crate) use shard::hash;
use shard::{Kept, Shard};

const ENGINE: &str = "memory";
const SHARDS: usize = 64;

/// Sessions in memory.
///
/// A `load` is one reference count; a session of 1 KiB costs less than 1.25 KiB (`memory_per_session` in the tests
/// states the figure). It never evicts a live session: at its limit it refuses new ones with [`ErrorKind::Full`].
/// Expired sessions are reclaimed a few with each new one and by [`Store::purge_expired`], in proportion to what
/// expired. Nothing survives the process, and no other process sees it.
///
/// ```
/// use dancecard_core::{MemoryStore, SessionManager};
///
/// let manager = SessionManager::new(MemoryStore::new().with_max_sessions(1_000_000));
/// ```
pub struct MemoryStore {
    shards: Box<[Padded]>,
    principals: PrincipalIndex,
    count: AtomicUsize,
    max_sessions: usize,
}

/// A shard on cache lines of its own, so that two cores don't contend for one line.
#[repr(align(128))]
#[derive(Default)]
struct Padded(Mutex<Shard>);

impl MemoryStore {
    /// An empty store without a limit.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Padded::default()).collect(),
            principals: PrincipalIndex::default(),
            count: AtomicUsize::new(0),
            max_sessions: usize::MAX,
        }
    }

    /// Refuses to hold more records than this, the markers of sessions that just ended included.
    #[must_use]
    pub fn with_max_sessions(mut self, limit: usize) -> Self {
        self.max_sessions = limit;
        self
    }

    /// How many records there are, expired ones that were not reclaimed yet included.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // Bits that the table inside the shard does not use.
        let index = (hash >> 40) as usize % SHARDS;
        &self.shards[index].0
    }

    /// Reclaims a little of what expired, by the writer's own idea of the time, and counts the new record.
    fn make_room(&self, shard: &mut Shard, now: Timestamp) -> Result<()> {
        self.forget(shard.take_expired(now, 2));
        let taken = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < self.max_sessions).then_some(count + 1)
        });
        taken.map(drop).map_err(|_| Error::new(ErrorKind::Full, "write").with_engine(ENGINE))
    }

    /// Counts and unindexes what was removed. The shard is still locked, so that nobody can put it back in between.
    fn forget(&self, gone: Vec<Arc<Kept>>) -> usize {
        self.count.fetch_sub(gone.len(), Ordering::Relaxed);
        gone.iter().for_each(|kept| self.reindex(Some(kept), None));
        gone.len()
    }

    fn reindex(&self, old: Option<&Kept>, new: Option<&Kept>) {
        let principal = |kept: Option<&Kept>| -> Option<Principal> { kept?.meta.principal().cloned() };
        let (before, after) = (principal(old), principal(new));
        if before == after {
            return;
        }
        if let (Some(who), Some(kept)) = (before, old) {
            self.principals.remove(&who, &kept.key);
        }
        if let (Some(who), Some(kept)) = (after, new) {
            self.principals.insert(who, &kept.key);
        }
    }

    fn delete_now(&self, key: &RecordKey) {
        let hash = shard::hash(key);
        let mut shard = self.shard(hash).lock();
        let gone = shard.remove(hash, key);
        self.forget(gone.into_iter().collect());
    }

    fn entry(&self, key: &RecordKey) -> Option<Entry> {
        let hash = shard::hash(key);
        self.shard(hash).lock().find(hash, key).map(|kept| kept.entry())
    }
}

fn check(old: Option<&Kept>, mode: &WriteMode) -> Result<()> {
    let allowed = match mode {
        WriteMode::Create => old.is_none(),
        WriteMode::Update(version) => old.is_some_and(|kept| version.as_u64() == Some(kept.version)),
        WriteMode::Overwrite => true,
    };
    if allowed { Ok(()) } else { Err(Error::new(ErrorKind::Conflict, "write").with_engine(ENGINE)) }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
            .with_conditional_write(Support::Native)
            .with_replace(Support::Emulated)
            .with_touch(Support::Native)
            .with_list(Support::Native)
            .with_principal_index(Support::Native)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.load_now(key)
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.write_now(key, record, &mode)
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.delete_now(key);
        Ok(())
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let hash = shard::hash(key);
        let shard = self.shard(hash).lock();
        let found = shard.find(hash, key);
        if let Some(kept) = found {
            kept.touch(expires_at);
        }
        Ok(found.is_some())
    }

    fn immediate(&self) -> Option<&dyn Immediate> {
        Some(self)
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Listing::new(self, query))
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let mut purged = 0;
        for shard in &self.shards {
            let mut shard = shard.0.lock();
            purged += self.forget(shard.take_expired(now, limit - purged));
            purged += self.forget(shard.take_expired_just_now(now, limit - purged));
        }
        Ok(purged)
    }
}

impl Immediate for MemoryStore {
    fn load_now(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let hash = shard::hash(key);
        let kept = self.shard(hash).lock().find(hash, key).cloned();
        Ok(kept.map(Kept::into_versioned))
    }

    fn write_now(&self, key: &RecordKey, record: Record, mode: &WriteMode) -> Result<Version> {
        let hash = shard::hash(key);
        let mut shard = self.shard(hash).lock();
        let version = shard.next_version();
        let Some(place) = shard.place(hash, key) else {
            check(None, mode)?;
            self.make_room(&mut shard, record.meta.renewed_at())?;
            let kept = Kept::new(key, record, version);
            self.reindex(None, Some(&kept));
            shard.insert(hash, kept);
            return Ok(Version::from_u64(version));
        };
        check(Some(place), mode)?;
        let old = std::mem::replace(place, Kept::new(key, record, version));
        let kept = place.clone();
        if kept.expires_in_an_earlier_minute_than(&old) {
            shard.expect_expiry(hash, &kept);
        }
        self.reindex(Some(&old), Some(&kept));
        Ok(Version::from_u64(version))
    }
}
