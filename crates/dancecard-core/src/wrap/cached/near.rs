//! What is kept, and the rules by which it is kept or let go.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::shard::{Entry, Shard};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{Result, Retry};
use crate::id::RecordKey;
use crate::memory::hash;
use crate::record::{Record, Version, Versioned, weight};

/// A shard holds so much at least, so that a small cache still has room for a large session.
const LEAST_OF_A_SHARD: usize = 4 << 20;
const MOST_SHARDS: usize = 16;

/// A handle on what a [`CachedStore`](super::CachedStore) holds: to look at, and to drop from. A clone is another handle.
///
/// ```
/// use dancecard_core::{CachedStore, MemoryStore, RecordKey};
///
/// let store = CachedStore::new(MemoryStore::new());
/// let near = store.near();
/// // When a message from elsewhere says that a record was changed:
/// near.forget(&RecordKey::new(b"key"));
/// // When such messages may have been missed:
/// near.clear();
/// assert_eq!(near.bytes(), 0);
/// ```
#[derive(Clone)]
pub struct NearCache(pub(super) Arc<Cache>);

impl NearCache {
    /// Drops the record under a key. What is being loaded at the moment is not kept either.
    pub fn forget(&self, key: &RecordKey) {
        self.0.learn(key, |shard, hash| shard.remove(hash, key));
    }

    /// Drops everything. What is being loaded at the moment is not kept either.
    pub fn clear(&self) {
        self.0.in_each_shard(|shard| {
            shard.clear();
            shard.advance_all();
        });
    }

    /// How many records are held.
    pub fn len(&self) -> usize {
        self.0.sum(|shard| shard.len() as u64) as usize
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes are held, counted as [`CachedStore::with_max_bytes`](super::CachedStore::with_max_bytes) says.
    pub fn bytes(&self) -> usize {
        self.0.sum(|shard| shard.bytes() as u64) as usize
    }

    /// How many loads were answered from here.
    pub fn hits(&self) -> u64 {
        self.0.sum(|shard| shard.hits)
    }

    /// How many loads went to the engine.
    pub fn misses(&self) -> u64 {
        self.0.sum(|shard| shard.misses)
    }
}

impl fmt::Debug for NearCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearCache")
            .field("max_bytes", &self.0.max_bytes)
            .field("max_age", &self.0.max_age)
            .field("len", &self.len())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// Entries, and the rules.
///
/// A load, a listing and a change are *observations* of a key. What was asked of the engine before an observation ended,
/// and is answered after it, may be older than what was observed. So each observation advances the generation of its key's
/// stripe, and an answer is kept only if the generation is the one that was there when the engine was asked. An answer
/// that came too late to be kept still drops an entry of another version. Thus whatever a caller has seen, nobody is
/// given anything older afterwards.
///
/// While a change is being made, the engine may have made it already, and a listing may show what else it did. So from the
/// moment that it begins nothing is given out under its key.
pub(super) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    /// The latest moment that callers spoke of, if it is later than our clock says.
    heard: AtomicI64,
    pub(super) max_bytes: usize,
    pub(super) max_age: Duration,
    pub(super) clocks: Clocks,
}

/// The moment at which the engine was asked.
struct Ticket {
    hash: u64,
    generation: u64,
    since: Timestamp,
}

impl Cache {
    pub(super) fn new(max_bytes: usize, max_age: Duration, clocks: Clocks) -> Self {
        let shards = (max_bytes / LEAST_OF_A_SHARD).clamp(1, MOST_SHARDS);
        let each = max_bytes / shards;
        let shards = (0..shards).map(|_| Mutex::new(Shard::new(each))).collect();
        Self { shards, heard: AtomicI64::new(i64::MIN), max_bytes, max_age, clocks }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // Bits that neither the table inside the shard nor its stripes use.
        let index = (hash >> 36) as usize % self.shards.len();
        self.shards[index].lock()
    }

    fn in_each_shard(&self, act: impl Fn(&mut Shard)) {
        self.shards.iter().for_each(|shard| act(&mut shard.lock()));
    }

    fn sum(&self, of: impl Fn(&Shard) -> u64) -> u64 {
        self.shards.iter().map(|shard| of(&shard.lock())).sum()
    }

    /// A whole millisecond less than is allowed, since a timestamp may be that much in the past.
    fn is_fresh(&self, entry: &Entry, now: Timestamp) -> bool {
        let age = now.since(entry.as_of).saturating_add(Duration::from_millis(1));
        entry.as_of <= now && age <= self.max_age && self.may_live(&entry.versioned)
    }

    /// An expired record may be gone from the engine, or live on there by now: another process may have moved its expiry.
    /// To give it out would sign somebody out.
    fn may_live(&self, record: &Versioned) -> bool {
        let heard = Timestamp::from_millis(self.heard.load(Ordering::Relaxed));
        !record.is_expired(self.clocks.wall.now().max(heard))
    }

    /// Markers are not: the end of a session, and the mark of an "end all" of another process, must be seen at once by
    /// whoever looks for them.
    fn is_kept(&self, record: &Versioned) -> bool {
        !record.written_meta().is_retired() && self.may_live(record)
    }

    /// The record under a key, or the permission to ask the engine for it.
    pub(super) fn look<'a>(&'a self, key: &'a RecordKey) -> Result<Versioned, Question<'a>> {
        let (now, hash) = (self.clocks.age.now(), hash(key));
        let mut shard = self.shard(hash);
        let fresh = shard.read(hash, key).filter(|entry| self.is_fresh(entry, now));
        if let Some(found) = fresh.map(|entry| entry.versioned.clone()) {
            shard.hits += 1;
            return Ok(found);
        }
        shard.misses += 1;
        shard.remove(hash, key);
        let ticket = Ticket { hash, generation: shard.generation(hash), since: now };
        Err(Question { cache: self, key, ticket })
    }

    /// A change of the record under a key begins.
    pub(super) fn change<'a>(&'a self, key: &'a RecordKey) -> Change<'a> {
        let (since, hash) = (self.clocks.age.now(), hash(key));
        let mut shard = self.shard(hash);
        shard.begin_change(hash, key);
        let ticket = Ticket { hash, generation: shard.generation(hash), since };
        Change { cache: self, key, ticket, end: End::Unknown }
    }

    /// What a write is going to leave, for the cache, unless it is not to be kept.
    pub(super) fn copy_of(&self, key: &RecordKey, record: &Record) -> Option<Record> {
        self.heard.fetch_max(record.meta.renewed_at().as_millis(), Ordering::Relaxed);
        let room = self.max_bytes / self.shards.len();
        let fits = weight(key, &record.meta, record.payload.len()) <= room;
        (fits && !record.meta.is_retired()).then(|| record.clone())
    }

    /// A listing shows which version a record has, and when it expires.
    pub(super) fn listed(&self, entry: &crate::record::Entry) {
        let seen = (&entry.version, entry.meta.expires_at());
        self.learn(&entry.key, |shard, hash| shard.confirm(hash, &entry.key, Some(seen)));
    }

    /// A purge has removed what it was to remove, or a part of it.
    pub(super) fn purged(&self, now: Timestamp) {
        // Not the maximum: the callers' clock may have been set back.
        self.heard.store(now.as_millis(), Ordering::Relaxed);
        self.in_each_shard(|shard| {
            shard.remove_expired(now);
            shard.advance_all();
        });
    }

    fn learn(&self, key: &RecordKey, act: impl FnOnce(&mut Shard, u64)) {
        let hash = hash(key);
        let mut shard = self.shard(hash);
        shard.advance(hash);
        act(&mut shard, hash);
    }
}

impl Ticket {
    /// Whether nothing was learned of the key since the engine was asked, and nothing is being done to it. From now on
    /// something was learned.
    fn is_latest(&self, shard: &mut Shard) -> bool {
        let latest = shard.generation(self.hash) == self.generation;
        shard.advance(self.hash);
        latest && shard.is_settled(self.hash, self.since)
    }
}

/// A load that the engine is asked for. If it is given up, nothing was learned.
pub(super) struct Question<'a> {
    cache: &'a Cache,
    key: &'a RecordKey,
    ticket: Ticket,
}

impl Question<'_> {
    pub(super) fn answered(self, found: Option<&Versioned>) {
        let Self { cache, key, ticket } = self;
        let mut shard = cache.shard(ticket.hash);
        if !ticket.is_latest(&mut shard) {
            let seen = found.map(|found| (found.version(), found.expires_at()));
            return shard.confirm(ticket.hash, key, seen);
        }
        match found.filter(|found| cache.is_kept(found)) {
            Some(found) => shard.put_as_of(ticket.since, ticket.hash, key, found.clone()),
            None => shard.remove(ticket.hash, key),
        }
    }
}

/// A change that is being made. However it is left, the cache is told.
pub(super) struct Change<'a> {
    cache: &'a Cache,
    key: &'a RecordKey,
    ticket: Ticket,
    end: End,
}

/// What is there now, as far as anybody knows.
enum End {
    /// The old record, the new one, or the old one for a while.
    Unknown,
    /// Something else, or nothing.
    Other,
    /// This.
    Written(Versioned),
}

impl Change<'_> {
    /// The record was written, if the answer says so.
    pub(super) fn written(mut self, answer: &Result<Version>, record: Option<Record>) {
        self.end = match (answer, record) {
            (Ok(version), Some(record)) => End::Written(Versioned::new(record, version.clone())),
            _ => end(answer),
        };
    }

    /// It was made, if the answer says so, and what it left is not known.
    pub(super) fn made<T>(mut self, answer: &Result<T>) {
        self.end = end(answer);
    }
}

fn end<T>(answer: &Result<T>) -> End {
    match answer {
        Err(error) if error.retry() == Retry::Unknown => End::Unknown,
        _ => End::Other,
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let Ticket { hash, since, .. } = self.ticket;
        let mut shard = self.cache.shard(hash);
        shard.end_change(hash);
        let latest = self.ticket.is_latest(&mut shard);
        match std::mem::replace(&mut self.end, End::Other) {
            End::Unknown => {
                shard.close(hash, self.cache.clocks.age.now().saturating_add(self.cache.max_age));
            }
            End::Written(written) if latest && self.cache.is_kept(&written) => {
                shard.put_as_of(since, hash, self.key, written);
            }
            _ => {}
        }
    }
}

impl Shard {
    fn put_as_of(&mut self, as_of: Timestamp, hash: u64, key: &RecordKey, versioned: Versioned) {
        let weight = versioned.weight(key);
        self.put(hash, key, versioned, as_of, weight);
    }
}

/// Where the time comes from.
#[derive(Clone)]
pub(super) struct Clocks {
    /// How old an entry is.
    age: Arc<dyn Clock>,
    /// Whether a record has expired.
    wall: Arc<dyn Clock>,
}

impl Clocks {
    pub(super) fn system() -> Self {
        Self { age: Arc::new(SteadyClock(Instant::now())), wall: Arc::new(SystemClock) }
    }

    pub(super) fn both(clock: impl Clock) -> Self {
        let clock = Arc::new(clock);
        Self { age: clock.clone(), wall: clock }
    }
}

/// Time that does not jump when the wall clock is set.
#[derive(Debug)]
struct SteadyClock(Instant);

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).saturating_add(self.0.elapsed())
    }
}
