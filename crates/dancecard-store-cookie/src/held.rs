//! What one request holds of the records that its client carries.

use std::collections::HashMap;

use dancecard_core::{Record, RecordKey, Timestamp};

use crate::sealing::{Bound, PayloadDigest, digest};

/// The records under their keys: those that were brought, and those that this request made.
#[derive(Default)]
pub(crate) struct Held {
    slots: HashMap<RecordKey, Slot>,
    /// All that was sent to the registry: which of them is the record is known from what that has.
    drafts: Vec<Draft>,
    writes: u64,
    /// The response is on its way.
    pub(crate) is_sent: bool,
}

enum Slot {
    /// As it was brought, not opened yet.
    Unread(Vec<u8>),
    Open(Copy),
    /// The data that was brought under another key, of a session that got a new id meanwhile.
    Borrowed(Record),
    /// Deleted, not there yet, or not to be opened.
    Nothing,
}

struct Copy {
    record: Record,
    /// The client has an older one.
    is_changed: bool,
    /// Which write of this request it comes from; 0 as it was brought.
    write: u64,
}

/// A record that was sent to the registry, or the one that was brought before.
struct Draft {
    key: RecordKey,
    digest: PayloadDigest,
    write: u64,
    record: Record,
}

/// What is known of a key.
pub(crate) enum Found {
    /// Nobody brought it, and nobody made it.
    Unknown,
    /// The client has an id for it, and no data that could be opened.
    Nothing,
    Record(Record),
    /// To be read only: the client's id for it is on its way in another response.
    Borrowed(Record),
}

impl Held {
    pub(crate) fn new(brought: Vec<(RecordKey, Vec<u8>)>) -> Self {
        let slots = brought.into_iter().map(|(key, text)| (key, Slot::Unread(text)));
        Self { slots: slots.collect(), ..Self::default() }
    }

    fn slot(&mut self, key: &RecordKey) -> Option<&mut Slot> {
        self.slots.get_mut(key)
    }

    fn set(&mut self, key: &RecordKey, new: Slot) {
        self.slots.insert(key.clone(), new);
    }

    pub(crate) fn knows(&self, key: &RecordKey) -> bool {
        self.slots.contains_key(key)
    }

    /// Opens a record when it is first asked for.
    pub(crate) fn find(&mut self, key: &RecordKey, bound: Bound<'_>) -> Found {
        self.slot(key).map_or(Found::Unknown, |slot| slot.open(key, bound).found())
    }

    /// Finds the record that has this digest in the registry: of several writes at once, or one that was cut short, it says
    /// which counts. If nobody here has it, another response brings it, and what was brought is the best there is.
    pub(crate) fn find_registered(&mut self, key: &RecordKey, registered: &[u8], bound: Bound<'_>) -> Found {
        let is_it = |draft: &&Draft| draft.key == *key && draft.digest == registered;
        let Some(draft) = self.drafts.iter().rev().find(is_it) else { return self.find(key, bound) };
        let (write, record) = (draft.write, draft.record.clone());
        self.put(key, write, record.clone());
        Found::Record(record)
    }

    /// Notes a record that is on its way to the registry, and gives the number of the write.
    pub(crate) fn draft(&mut self, key: &RecordKey, digest: PayloadDigest, record: Record) -> u64 {
        self.writes += 1;
        self.drafts.push(Draft { key: key.clone(), digest, write: self.writes, record });
        self.writes
    }

    /// The registry refused a record.
    pub(crate) fn discard(&mut self, write: u64) {
        self.drafts.retain(|draft| draft.write != write);
    }

    /// Makes a record the one under its key, unless a later write did so already.
    pub(crate) fn put(&mut self, key: &RecordKey, write: u64, record: Record) {
        match self.slot(key).and_then(Slot::copy) {
            Some(copy) if copy.write >= write => return,
            // Whoever asked the registry before may still come for it.
            Some(copy) if copy.write == 0 => {
                let (digest, record) = (digest(&copy.record), copy.record.clone());
                self.drafts.push(Draft { key: key.clone(), digest, write: 0, record });
            }
            _ => {}
        }
        let copy = Copy { is_changed: !record.meta.is_retired(), record, write };
        self.set(key, Slot::Open(copy));
    }

    /// As [`Held::put`], where there is no registry.
    pub(crate) fn put_now(&mut self, key: &RecordKey, record: Record) {
        self.writes += 1;
        self.put(key, self.writes, record);
        self.drafts.clear();
    }

    pub(crate) fn lend(&mut self, key: &RecordKey, record: Record) {
        self.set(key, Slot::Borrowed(record));
    }

    pub(crate) fn remove(&mut self, key: &RecordKey) {
        self.set(key, Slot::Nothing);
    }

    /// Leaves a record to the registry, whole.
    pub(crate) fn forget(&mut self, key: &RecordKey) {
        self.slots.remove(key);
        self.drafts.retain(|draft| draft.key != *key);
    }

    /// Which write of this request a record comes from.
    pub(crate) fn write_of(&mut self, key: &RecordKey) -> u64 {
        self.slot(key).and_then(|slot| slot.copy()).map_or(0, |copy| copy.write)
    }

    /// Moves the expiry forward; whether there is a record.
    pub(crate) fn touch(&mut self, key: &RecordKey, expires_at: Timestamp, bound: Bound<'_>) -> bool {
        let copy = self.slot(key).and_then(|slot| slot.open(key, bound).copy());
        if let Some(copy) = copy {
            if copy.record.meta.expires_at() < expires_at {
                copy.record.meta = copy.record.meta.clone().with_expires_at(expires_at);
                copy.is_changed = true;
            }
            return true;
        }
        false
    }

    /// Removes what has expired, of what was opened.
    pub(crate) fn purge(&mut self, now: Timestamp, limit: usize) -> usize {
        let expired = self.slots.values_mut().filter_map(|slot| slot.is_expired(now).then_some(slot));
        expired.take(limit).map(|slot| *slot = Slot::Nothing).count()
    }

    /// A living record that the client has in an older form.
    pub(crate) fn changed(&mut self) -> Option<RecordKey> {
        let is_changed = |copy: &mut Copy| copy.is_changed && !copy.record.meta.is_retired();
        self.slots.iter_mut().find_map(|(key, slot)| slot.copy().is_some_and(is_changed).then(|| key.clone()))
    }
}

impl Slot {
    /// One that was sealed with an old key counts as changed, so that the response brings it sealed anew.
    fn open(&mut self, key: &RecordKey, bound: Bound<'_>) -> &mut Self {
        if let Self::Unread(text) = self {
            *self = match bound.open(key, text) {
                Some((record, is_current)) => Self::Open(Copy { record, is_changed: !is_current, write: 0 }),
                None => Self::Nothing,
            };
        }
        self
    }

    fn copy(&mut self) -> Option<&mut Copy> {
        match self {
            Self::Open(copy) => Some(copy),
            _ => None,
        }
    }

    fn found(&self) -> Found {
        match self {
            Self::Open(copy) => Found::Record(copy.record.clone()),
            Self::Borrowed(record) => Found::Borrowed(record.clone()),
            Self::Unread(_) | Self::Nothing => Found::Nothing,
        }
    }

    fn is_expired(&mut self, now: Timestamp) -> bool {
        self.copy().is_some_and(|copy| copy.record.meta.is_expired(now))
    }
}
