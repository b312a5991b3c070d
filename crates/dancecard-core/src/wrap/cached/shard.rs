//! One part of the cache: a table of records, what evicts them, and what happened to their keys of late.

use hashbrown::HashTable;

use crate::clock::Timestamp;
use crate::id::RecordKey;
use crate::record::{Version, Versioned};

/// Keys of one stripe share a count of changes. Two that meet in one cost an entry at worst, never a wrong one.
pub(super) const STRIPES: usize = 256;

/// A record, and since when it is known that it was like that.
pub(super) struct Entry {
    hash: u64,
    key: RecordKey,
    pub(super) versioned: Versioned,
    pub(super) as_of: Timestamp,
    weight: usize,
    /// Read since the hand last passed.
    used: bool,
}

/// What happened to the keys of a stripe.
#[derive(Clone, Copy)]
struct Stripe {
    /// Grows with everything that is learned of a key: its record was loaded, listed, changed.
    generation: u64,
    /// How many changes are being made, which the engine may have made already.
    changes: u32,
    /// What was asked of the engine before this moment may be overtaken by a write that nobody knows the end of.
    closed_until: Timestamp,
}

/// Entries are weighed one by one, and evicted by a hand that goes round and takes those that were not read since it was
/// there last.
pub(super) struct Shard {
    /// Places in `entries`.
    table: HashTable<u32>,
    #[expect(clippy::vec_box, reason = "a vector that has just doubled is half empty")]
    entries: Vec<Box<Entry>>,
    hand: usize,
    bytes: usize,
    most: usize,
    stripes: Box<[Stripe]>,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

impl Shard {
    pub(super) fn new(most: usize) -> Self {
        let stripe = Stripe { generation: 0, changes: 0, closed_until: Timestamp::from_millis(i64::MIN) };
        Self {
            table: HashTable::new(),
            entries: Vec::new(),
            hand: 0,
            bytes: 0,
            most,
            stripes: vec![stripe; STRIPES].into(),
            hits: 0,
            misses: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn generation(&self, hash: u64) -> u64 {
        self.stripes.get(stripe(hash)).map_or(0, |stripe| stripe.generation)
    }

    /// Whether it is known what has become of all changes that were begun, those before this moment included.
    pub(super) fn is_settled(&self, hash: u64, since: Timestamp) -> bool {
        let is_settled = |stripe: &Stripe| stripe.changes == 0 && since >= stripe.closed_until;
        self.stripes.get(stripe(hash)).is_some_and(is_settled)
    }

    /// Something was learned of a key: whoever asked the engine before knows less.
    pub(super) fn advance(&mut self, hash: u64) {
        self.at_stripe(hash, |stripe| stripe.generation += 1);
    }

    pub(super) fn advance_all(&mut self) {
        self.stripes.iter_mut().for_each(|stripe| stripe.generation += 1);
    }

    /// A change begins. What is there is given out no more.
    pub(super) fn begin_change(&mut self, hash: u64, key: &RecordKey) -> Option<Box<Entry>> {
        self.advance(hash);
        self.at_stripe(hash, |stripe| stripe.changes += 1);
        self.remove(hash, key)
    }

    pub(super) fn end_change(&mut self, hash: u64) {
        self.at_stripe(hash, |stripe| stripe.changes -= 1);
    }

    /// A change may still be made.
    pub(super) fn close(&mut self, hash: u64, until: Timestamp) {
        self.at_stripe(hash, |stripe| stripe.closed_until = stripe.closed_until.max(until));
    }

    fn at_stripe(&mut self, hash: u64, act: impl FnOnce(&mut Stripe)) {
        if let Some(stripe) = self.stripes.get_mut(stripe(hash)) {
            act(stripe);
        }
    }

    pub(super) fn find(&mut self, hash: u64, key: &RecordKey) -> Option<&mut Entry> {
        let place = self.place(hash, key)?;
        self.entries.get_mut(place).map(|entry| &mut **entry)
    }

    pub(super) fn read(&mut self, hash: u64, key: &RecordKey) -> Option<&Entry> {
        let entry = self.find(hash, key)?;
        entry.used = true;
        Some(entry)
    }

    /// Takes the place of what was there under the key, and makes room. What is larger than the shard is not kept.
    pub(super) fn put(
        &mut self,
        hash: u64,
        key: &RecordKey,
        versioned: Versioned,
        as_of: Timestamp,
        weight: usize,
    ) {
        self.remove(hash, key);
        if weight > self.most {
            return;
        }
        while self.bytes > self.most - weight {
            self.evict_one();
        }
        let Ok(place) = u32::try_from(self.entries.len()) else { return };
        let entry = Entry { hash, key: key.clone(), versioned, as_of, weight, used: false };
        self.entries.push(Box::new(entry));
        self.bytes += weight;
        let entries = &self.entries;
        self.table.insert_unique(hash, place, |place| hash_at(entries, *place));
    }

    pub(super) fn remove(&mut self, hash: u64, key: &RecordKey) -> Option<Box<Entry>> {
        let place = self.place(hash, key)?;
        self.take(place)
    }

    /// Removes a record unless it has this version.
    pub(super) fn keep_only(&mut self, hash: u64, key: &RecordKey, version: Option<&Version>) {
        let differs = self.find(hash, key).is_some_and(|entry| Some(entry.versioned.version()) != version);
        if differs {
            self.remove(hash, key);
        }
    }

    pub(super) fn remove_expired(&mut self, now: Timestamp) {
        let mut place = 0;
        while let Some(entry) = self.entries.get(place) {
            if entry.versioned.expires_at() <= now {
                self.take(place);
            } else {
                place += 1;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.entries.clear();
        self.bytes = 0;
    }

    fn place(&self, hash: u64, key: &RecordKey) -> Option<usize> {
        let is_it = |place: &u32| self.entries.get(*place as usize).is_some_and(|entry| entry.key == *key);
        self.table.find(hash, is_it).map(|place| *place as usize)
    }

    /// Moves on to the next entry that was not read lately, and takes it.
    fn evict_one(&mut self) {
        loop {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let Some(entry) = self.entries.get_mut(self.hand) else {
                self.bytes = 0;
                return;
            };
            if !std::mem::take(&mut entry.used) {
                break;
            }
            self.hand += 1;
        }
        self.take(self.hand);
        // Past the one that came in its place: it is the newest.
        self.hand += 1;
    }

    /// Removes an entry. The last one comes in its place.
    fn take(&mut self, place: usize) -> Option<Box<Entry>> {
        let hash = self.entries.get(place)?.hash;
        if let Ok(found) = self.table.find_entry(hash, |other| *other as usize == place) {
            found.remove();
        }
        let taken = self.entries.swap_remove(place);
        self.bytes -= taken.weight;
        let (last, moved) = (self.entries.len(), self.entries.get(place).map(|entry| entry.hash));
        if let Some(pointer) = self.table.find_mut(moved.unwrap_or(0), |other| *other as usize == last) {
            *pointer = place as u32;
        }
        Some(taken)
    }
}

fn hash_at(entries: &[Box<Entry>], place: u32) -> u64 {
    entries.get(place as usize).map_or(0, |entry| entry.hash)
}

fn stripe(hash: u64) -> usize {
    (hash >> 48) as usize % STRIPES
}
