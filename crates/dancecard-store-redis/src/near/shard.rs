//! A part of the cache, under one lock.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use dancecard_core::{RecordKey, Versioned};

use super::Tracked;

/// A session that is kept.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Versioned,
    pub(super) source: Arc<Tracked>,
    bytes: usize,
    /// Whether it was served since it last stood at the front of the queue.
    used: bool,
    /// Which of the places in the queue is its own.
    place: u64,
}

impl Entry {
    pub(super) fn new(key: &RecordKey, record: Versioned, source: Arc<Tracked>) -> Self {
        let bytes = record.weight(key);
        Self { record, source, bytes, used: false, place: 0 }
    }
}

/// Sessions up to a number of bytes. The first that was not served lately goes first.
#[derive(Debug)]
pub(super) struct Shard {
    entries: HashMap<RecordKey, Entry>,
    queue: VecDeque<(RecordKey, u64)>,
    places: u64,
    bytes: usize,
    limit: usize,
    changes: u64,
}

impl Shard {
    pub(super) fn new(limit: usize) -> Self {
        let (entries, queue) = (HashMap::new(), VecDeque::new());
        Self { entries, queue, places: 0, bytes: 0, limit, changes: 0 }
    }

    /// How often something here was dropped because it changed, or might have been there and changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&mut self, key: &RecordKey) -> Option<&Entry> {
        let entry = self.entries.get_mut(key)?;
        entry.used = true;
        Some(entry)
    }

    pub(super) fn put(&mut self, key: &RecordKey, mut entry: Entry) {
        if entry.bytes > self.limit {
            return;
        }
        self.remove(key);
        self.places += 1;
        entry.place = self.places;
        self.bytes += entry.bytes;
        self.queue.push_back((key.clone(), self.places));
        self.entries.insert(key.clone(), entry);
        self.make_room();
    }

    /// Drops what is under a key, and whatever a reader is about to put there.
    pub(super) fn drop_key(&mut self, key: &RecordKey) {
        self.changes += 1;
        self.remove(key);
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.changes += 1;
        self.entries.clear();
        self.queue.clear();
        self.bytes = 0;
    }

    /// Drops what was read through a connection.
    pub(super) fn clear_of(&mut self, source: &Arc<Tracked>) {
        self.changes += 1;
        self.entries.retain(|_, entry| !Arc::ptr_eq(&entry.source, source));
        self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        self.tidy();
    }

    fn remove(&mut self, key: &RecordKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
            if self.queue.len() > 2 * self.entries.len() + 64 {
                self.tidy();
            }
        }
    }

    fn make_room(&mut self) {
        while self.bytes > self.limit {
            let Some((key, place)) = self.queue.pop_front() else { return };
            let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.place == place) else {
                continue;
            };
            if std::mem::take(&mut entry.used) {
                self.queue.push_back((key, place));
            } else {
                self.bytes -= entry.bytes;
                self.entries.remove(&key);
            }
        }
    }

    /// Takes the places out of the queue that belong to nobody any more.
    fn tidy(&mut self) {
        let entries = &self.entries;
        self.queue.retain(|(key, place)| entries.get(key).is_some_and(|entry| entry.place == *place));
    }
}
