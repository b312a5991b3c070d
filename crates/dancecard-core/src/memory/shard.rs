//! One part of the table, with the wheel that finds what expired without looking at the rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hashbrown::HashTable;

use crate::clock::Timestamp;
use crate::id::RecordKey;
use crate::record::{Entry, Meta, Record, Stored, Version, Versioned};

/// A spoke of the wheel covers a minute: coarse enough to be cheap, fine enough to reclaim soon.
const SPOKE_MILLIS: i64 = 60_000;

/// A record as it lies in memory: one allocation, one more for the payload.
pub(super) struct Kept {
    pub(super) key: RecordKey,
    pub(super) meta: Meta,
    pub(super) version: u64,
    expires_at: AtomicI64,
    payload: Box<[u8]>,
}

impl Kept {
    pub(super) fn new(key: &RecordKey, record: Record, version: u64) -> Arc<Self> {
        Arc::new(Self {
            key: key.clone(),
            version,
            expires_at: AtomicI64::new(record.meta.expires_at().as_millis()),
            payload: record.payload.into_boxed_slice(),
            meta: record.meta,
        })
    }

    /// Whether the wheel will look at this record later than at another in its place.
    pub(super) fn expires_in_an_earlier_minute_than(&self, other: &Self) -> bool {
        self.spoke() < other.spoke()
    }

    pub(super) fn into_versioned(self: Arc<Self>) -> Versioned {
        let (version, expires_at) = (Version::from_u64(self.version), self.expires_at());
        Versioned::shared(self, version, expires_at)
    }

    pub(super) fn entry(&self) -> Entry {
        Entry {
            key: self.key.clone(),
            version: Version::from_u64(self.version),
            meta: self.meta.clone().with_expires_at(self.expires_at()),
        }
    }

    pub(super) fn touch(&self, expires_at: Timestamp) {
        self.expires_at.fetch_max(expires_at.as_millis(), Ordering::Relaxed);
    }

    fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at.load(Ordering::Relaxed))
    }

    fn spoke(&self) -> i64 {
        spoke_of(self.expires_at())
    }
}

fn spoke_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(SPOKE_MILLIS)
}

impl Stored for Kept {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Mixes the key's bytes. Our own keys are hashes already; foreign ones may begin with the time of day.
pub(crate) fn hash(key: &RecordKey) -> u64 {
    let (words, rest) = key.as_bytes().as_chunks::<8>();
    let tail = rest.iter().fold(rest.len() as u64, |tail, byte| tail << 8 | u64::from(*byte));
    words.iter().fold(tail, |hash, word| mix(hash ^ u64::from_le_bytes(*word)))
}

fn mix(bits: u64) -> u64 {
    let product = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}

/// The table and its wheel. Each record stands in the wheel once, under the hash of its key, at the minute in which it
/// was last known to expire; a record that was touched since is moved on when its minute comes.
#[derive(Default)]
pub(super) struct Shard {
    table: HashTable<Arc<Kept>>,
    wheel: BTreeMap<i64, Vec<u64>>,
    last_version: u64,
}

impl Shard {
    pub(super) fn find(&self, hash: u64, key: &RecordKey) -> Option<&Arc<Kept>> {
        self.table.find(hash, |kept| kept.key == *key)
    }

    /// The record under a key, to be replaced.
    pub(super) fn place(&mut self, hash: u64, key: &RecordKey) -> Option<&mut Arc<Kept>> {
        self.table.find_mut(hash, |kept| kept.key == *key)
    }

    /// A version that no record of this shard ever had.
    pub(super) fn next_version(&mut self) -> u64 {
        self.last_version += 1;
        self.last_version
    }

    /// Adds a record under a key that has none.
    pub(super) fn insert(&mut self, hash: u64, kept: Arc<Kept>) {
        self.expect_expiry(hash, &kept);
        self.table.insert_unique(hash, kept, |kept| self::hash(&kept.key));
    }

    /// Puts a record into the wheel: one that is new, or expires sooner than the one whose place it took.
    pub(super) fn expect_expiry(&mut self, hash: u64, kept: &Kept) {
        self.enter(kept.spoke(), hash);
    }

    /// What never expires needs no place in the wheel, where it would be left behind when it is deleted.
    fn enter(&mut self, spoke: i64, hash: u64) {
        if spoke < spoke_of(Timestamp::MAX) {
            self.wheel.entry(spoke).or_default().push(hash);
        }
    }

    pub(super) fn remove(&mut self, hash: u64, key: &RecordKey) -> Option<Arc<Kept>> {
        let found = self.table.find_entry(hash, |kept| kept.key == *key).ok()?;
        Some(found.remove().0)
    }

    /// Removes at most `limit` records that expired in a minute that is over at `now`.
    pub(super) fn take_expired(&mut self, now: Timestamp, limit: usize) -> Vec<Arc<Kept>> {
        let mut gone = Vec::new();
        while gone.len() < limit {
            let Some(hash) = self.next_due(now) else { break };
            gone.extend(self.take_if_expired(hash, now));
        }
        gone
    }

    /// Removes at most `limit` records that expired in the very minute of `now`.
    pub(super) fn take_expired_just_now(&mut self, now: Timestamp, limit: usize) -> Vec<Arc<Kept>> {
        let mut gone = Vec::new();
        if limit == 0 {
            return gone;
        }
        for hash in self.wheel.remove(&spoke_of(now)).unwrap_or_default() {
            if gone.len() < limit {
                gone.extend(self.take_if_expired(hash, now));
            } else {
                self.wheel.entry(spoke_of(now)).or_default().push(hash);
            }
        }
        gone
    }

    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<u64> {
        let mut spoke = self.wheel.first_entry().filter(|spoke| *spoke.key() < spoke_of(now))?;
        let hash = spoke.get_mut().pop();
        if spoke.get().is_empty() {
            spoke.remove();
        }
        hash
    }

    fn take_if_expired(&mut self, hash: u64, now: Timestamp) -> Option<Arc<Kept>> {
        let found = self.table.find_entry(hash, |kept| self::hash(&kept.key) == hash).ok()?;
        if found.get().expires_at() <= now {
            return Some(found.remove().0);
        }
        let spoke = found.get().spoke();
        self.enter(spoke, hash);
        None
    }

    /// How many places of the wheel are taken.
    #[cfg(test)]
    pub(super) fn in_wheel(&self) -> usize {
        self.wheel.values().map(Vec::len).sum()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.table.iter().map(|kept| kept.entry()).collect()
    }
}
