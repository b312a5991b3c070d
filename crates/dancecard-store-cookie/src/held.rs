//! What one request holds of the records that its client carries.

use std::collections::HashMap;

use dancecard_core::{Record, RecordKey, Timestamp};

use crate::sealing::{Bound, PayloadDigest};

/// The records under their keys: those that were brought, and those that this request made.
#[derive(Default)]
pub(crate) struct Held {
    slots: HashMap<RecordKey, Slot>,
    /// On their way to the registry: which of them is the record is known from what that has.
    drafts: Vec<(RecordKey, PayloadDigest, Record)>,
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

    /// Finds the record that has this digest in the registry: it may be a draft whose write was cut short. If nobody here has it, another response brings it, and what
    /// was brought is the best there is.
    pub(crate) fn find_registered(&mut self, key: &RecordKey, registered: &[u8], bound: Bound<'_>) -> Found {
        let is_it = |(other, digest, _): &(_, PayloadDigest, _)| other == key && digest == registered;
        if let Some(at) = self.drafts.iter().position(is_it) {
            let (_, _, record) = self.drafts.swap_remove(at);
            self.put(key, record);
        }
        self.find(key, bound)
    }

    /// Notes a record that is on its way to the registry.
    pub(crate) fn draft(&mut self, key: &RecordKey, digest: PayloadDigest, record: Record) {
        self.drafts.push((key.clone(), digest, record));
    }

    /// The registry refused a record.
    pub(crate) fn discard(&mut self, key: &RecordKey, digest: PayloadDigest) {
        self.drafts.retain(|(other, draft, _)| (other, *draft) != (key, digest));
    }

    /// Makes a record the one under its key, as it is stored now.
    pub(crate) fn put(&mut self, key: &RecordKey, record: Record) {
        self.writes += 1;
        let copy = Copy { is_changed: !record.meta.is_retired(), record, write: self.writes };
        self.set(key, Slot::Open(copy));
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
