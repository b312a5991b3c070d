//! What a record takes in this process's memory when it is kept.

use super::{Meta, Versioned};
use crate::id::RecordKey;

/// What an entry takes besides the bytes of its payload: itself, its places in two tables, the record around the payload.
/// Measured; see `bytes_are_counted_as_they_are` in the tests.
const ENTRY: usize = 352;
/// The same for facts that most sessions lack, besides their text.
const RARE: usize = 208;
/// Keys and versions up to this length lie in the entry.
const INLINE: usize = 38;

impl Versioned {
    /// How many bytes this counts for in a cache that keeps it under a key: what its engine's form
    /// [holds](super::Stored::held), its facts, the key, and some 350 bytes for its places in the cache's tables.
    ///
    /// ```
    /// use dancecard_core::{Meta, Record, RecordKey, Timestamp, Version, Versioned};
    ///
    /// let of = |name: String| {
    ///     let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX).with_principal(Some(name.as_str().into()));
    ///     Versioned::new(Record::new(meta, vec![0; 100]), Version::from_u64(1)).weight(&RecordKey::new(b"key"))
    /// };
    /// assert_eq!(of("a".repeat(1000)), of("ada".into()) + 997);
    /// ```
    pub fn weight(&self, key: &RecordKey) -> usize {
        weight(key, self.written_meta(), self.stored.held())
    }
}

/// Of a record whose form holds so many bytes besides its facts.
pub(crate) fn weight(key: &RecordKey, meta: &Meta, held: usize) -> usize {
    let texts = [meta.principal().map(|who| who.as_str()), meta.user_agent(), meta.address()];
    let lengths = texts.into_iter().flatten().map(str::len).chain(meta.successor().map(spilt));
    let rare = lengths.reduce(|sum, length| sum + length).map_or(0, |length| length + RARE);
    ENTRY + held + rare + spilt(key)
}

/// What a key takes besides its place in the entry.
fn spilt(key: &RecordKey) -> usize {
    Some(key.as_bytes().len()).filter(|length| *length > INLINE).unwrap_or(0)
}
