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
pub(super) fn hash(key: &RecordKey) -> u64 {
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
        self.wheel.entry(kept.spoke()).or_default().push(hash);
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

    fn next_due(&mut self, now: Timestamp) -> Option<u64> {
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

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.table.iter().map(|kept| kept.entry()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_millis(number * SPOKE_MILLIS)
    }

    fn key(number: u64) -> RecordKey {
        RecordKey::new(&[number, !number].map(u64::to_le_bytes).concat())
    }

    fn put(shard: &mut Shard, number: u64, expires_at: Timestamp) {
        let old = shard.find(&key(number)).cloned();
        shard.put(&key(number), Record::new(Meta::new(minute(0), expires_at), Vec::new()), old.as_deref());
    }

    fn in_wheel(shard: &Shard) -> usize {
        shard.wheel.values().map(Vec::len).sum()
    }

    #[test]
    fn reclaiming_looks_only_at_what_is_due() {
        let mut shard = Shard::default();
        (0..10_000).for_each(|number| put(&mut shard, number, minute(100)));
        (10_000..10_010).for_each(|number| put(&mut shard, number, minute(5)));
        let mut looked_at = 0;
        while let Some(hash) = shard.next_due(minute(10)) {
            looked_at += 1;
            assert!(shard.take_if_expired(hash, minute(10)).is_some());
        }
        assert_eq!(looked_at, 10);
        assert_eq!((shard.table.len(), in_wheel(&shard)), (10_000, 10_000));
    }

    #[test]
    fn a_record_stands_in_the_wheel_once_however_often_it_is_used() {
        let mut shard = Shard::default();
        (0..100).for_each(|number| put(&mut shard, number, minute(5)));
        for now in 0..50 {
            for number in 0..100 {
                put(&mut shard, number, minute(now + 5));
                shard.find(&key(number)).unwrap().touch(minute(now + 6));
            }
            assert!(shard.take_expired(minute(now), 1000).is_empty());
            assert_eq!(in_wheel(&shard), 100);
        }
        assert_eq!(shard.take_expired(minute(60), 1000).len(), 100);
        assert_eq!(in_wheel(&shard), 0);
    }

    #[test]
    fn what_was_deleted_leaves_the_wheel_when_its_minute_is_over() {
        let mut shard = Shard::default();
        for number in 0..100 {
            put(&mut shard, number, minute(5));
            shard.remove(&key(number));
        }
        assert!(shard.take_expired(minute(6), 1).is_empty());
        assert_eq!(in_wheel(&shard), 0);
    }

    #[test]
    fn what_never_expires_leaves_nothing_behind() {
        let mut shard = Shard::default();
        for number in 0..100 {
            put(&mut shard, number, Timestamp::MAX);
            shard.remove(&key(number));
        }
        put(&mut shard, 0, minute(5));
        shard.find(&key(0)).unwrap().touch(Timestamp::MAX);
        assert!(shard.take_expired(minute(10), 1).is_empty());
        assert_eq!(in_wheel(&shard), 0);
        put(&mut shard, 0, minute(20));
        assert_eq!(shard.take_expired(minute(21), 1).len(), 1);
    }

    #[test]
    fn a_limit_in_the_present_minute_keeps_the_rest() {
        let mut shard = Shard::default();
        let soon = Timestamp::from_millis(SPOKE_MILLIS * 5 + 10);
        (0..10).for_each(|number| put(&mut shard, number, soon));
        assert!(shard.take_expired(soon, 10).is_empty());
        let taken = [0, 3, 10].map(|limit| shard.take_expired_just_now(soon, limit).len());
        assert_eq!(taken, [0, 3, 7]);
        assert_eq!((shard.table.len(), in_wheel(&shard)), (0, 0));
    }
}
