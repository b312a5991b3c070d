//! One part of the cache: a table of records, what evicts them, and what happened to their keys of late.

use std::collections::VecDeque;

use hashbrown::HashTable;

use crate::clock::Timestamp;
use crate::id::RecordKey;
use crate::record::{Version, Versioned};

/// Keys of one stripe share a count of changes. Two that meet in one cost an entry at worst, never a wrong one.
pub(super) const STRIPES: usize = 256;

/// A record, and since when it is known that it was like that.
pub(super) struct Entry {
    hash: u64,
    /// Its place in the line.
    number: u64,
    key: RecordKey,
    pub(super) versioned: Versioned,
    pub(super) as_of: Timestamp,
    weight: usize,
    /// Read since it came into the line.
    used: bool,
}

impl Entry {
    /// Forward only, as engines do.
    fn touch(&mut self, expires_at: Timestamp) {
        let later = self.versioned.expires_at().max(expires_at);
        self.versioned = self.versioned.clone().with_expires_at(later);
    }
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

/// Entries are weighed one by one, and stand in a line. To make room the first is taken, unless it was read meanwhile: then
/// it goes to the end.
pub(super) struct Shard {
    // In boxes, since a table that has just doubled is half empty.
    table: HashTable<Box<Entry>>,
    /// Hashes and numbers, also of what is gone.
    line: VecDeque<(u64, u64)>,
    next: u64,
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
            line: VecDeque::new(),
            next: 0,
            bytes: 0,
            most,
            stripes: vec![stripe; STRIPES].into(),
            hits: 0,
            misses: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
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
    pub(super) fn begin_change(&mut self, hash: u64, key: &RecordKey) {
        self.advance(hash);
        self.at_stripe(hash, |stripe| stripe.changes += 1);
        self.remove(hash, key);
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
        self.table.find_mut(hash, |entry| entry.key == *key).map(|entry| &mut **entry)
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
        while self.bytes > self.most - weight && self.evict_first() {}
        let number = self.enter(hash);
        let entry = Entry { hash, number, key: key.clone(), versioned, as_of, weight, used: false };
        self.bytes += weight;
        self.table.insert_unique(hash, Box::new(entry), |entry| entry.hash);
    }

    pub(super) fn remove(&mut self, hash: u64, key: &RecordKey) {
        self.take(hash, |entry| entry.key == *key);
    }

    /// Holds an entry against what was seen of its record: the same version is there for as long as it was seen to be, any
    /// other is removed.
    pub(super) fn confirm(&mut self, hash: u64, key: &RecordKey, seen: Option<(&Version, Timestamp)>) {
        let Some(entry) = self.find(hash, key) else { return };
        match seen.filter(|(version, _)| *version == entry.versioned.version()) {
            Some((_, expires_at)) => entry.touch(expires_at),
            None => self.remove(hash, key),
        }
    }

    pub(super) fn remove_expired(&mut self, now: Timestamp) {
        self.table.retain(|entry| entry.versioned.expires_at() > now);
        self.bytes = self.table.iter().map(|entry| entry.weight).sum();
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.line.clear();
        self.bytes = 0;
    }

    fn take(&mut self, hash: u64, is_it: impl Fn(&Entry) -> bool) {
        if let Ok(found) = self.table.find_entry(hash, |entry| is_it(entry)) {
            self.bytes -= found.remove().0.weight;
        }
    }

    /// Goes to the end of the line. Now and then those leave it that are gone.
    fn enter(&mut self, hash: u64) -> u64 {
        if self.line.len() > 2 * self.table.len() + 16 {
            let table = &self.table;
            self.line.retain(|(hash, number)| table.find(*hash, |entry| entry.number == *number).is_some());
        }
        self.next += 1;
        self.line.push_back((hash, self.next));
        self.next
    }

    /// Looks at the first in the line. `false` when there is none.
    fn evict_first(&mut self) -> bool {
        let Some((hash, number)) = self.line.pop_front() else { return false };
        let entry = self.table.find_mut(hash, |entry| entry.number == number);
        if entry.is_some_and(|entry| std::mem::take(&mut entry.used)) {
            self.line.push_back((hash, number));
        } else {
            self.take(hash, |entry| entry.number == number);
        }
        true
    }
}

fn stripe(hash: u64) -> usize {
    (hash >> 48) as usize % STRIPES
}
