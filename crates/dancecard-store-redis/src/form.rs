//! A record as the bytes under its key.
//!
//! ```text
//! 0        layout: 0xd1, or 0xd2 with a tag
//! 1..9     version
//! 9..17    expires_at (ms) with its sign bit turned over, big-endian: bytes that compare as the moments do
//! 17..21   length of all of this, big-endian
//! 21..37   tag of the principal, if the layout says so
//! ..       the facts, as `Meta::encode` writes them
//! ..       payload
//! ```
//!
//! The scripts read and change the head at these places, see `scripts/head.lua`.

use std::sync::Arc;

use dancecard_core::{Entry, Meta, Principal, Record, RecordKey, Stored, Timestamp, Version, Versioned};
use sha2::{Digest, Sha256};

const PLAIN: u8 = 0xd1;
const TAGGED: u8 = 0xd2;
const VERSION: usize = 1;
const EXPIRY: usize = 9;
const LENGTH: usize = 17;
const HEAD: usize = 21;
pub(crate) const TAG_LENGTH: usize = 16;
/// The head with a tag.
pub(crate) const LONGEST_HEAD: usize = HEAD + TAG_LENGTH;

/// How much of a value usually holds everything but the payload.
pub(crate) const USUAL_FACTS: usize = 512;

/// Stands for a principal in the name of its index. A hash, so that names hold no text of the application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag([u8; TAG_LENGTH]);

impl Tag {
    pub(crate) fn of(principal: &Principal) -> Self {
        let digest: [u8; 32] = Sha256::digest(principal.as_str()).into();
        let mut tag = [0; TAG_LENGTH];
        tag.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(tag)
    }

    /// Whose index the record is in. The marker of an ended session is nobody's, or it would stand in a list of devices.
    pub(crate) fn of_record(meta: &Meta) -> Option<Self> {
        meta.principal().filter(|_| !meta.is_retired()).map(Self::of)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The bytes of a record. `None` if they are more than a length can tell.
pub(crate) fn encode(record: &Record, version: u64, tag: Option<Tag>) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(LONGEST_HEAD + 64 + record.payload.len());
    bytes.push(if tag.is_some() { TAGGED } else { PLAIN });
    bytes.extend(version.to_le_bytes());
    bytes.extend(sortable(record.meta.expires_at()));
    bytes.extend([0; 4]);
    if let Some(tag) = tag {
        bytes.extend(tag.0);
    }
    record.meta.encode(&mut bytes);
    bytes.extend_from_slice(&record.payload);
    let length = u32::try_from(bytes.len()).ok()?;
    bytes.get_mut(LENGTH..HEAD)?.copy_from_slice(&length.to_be_bytes());
    Some(bytes)
}

/// A moment as bytes that compare as moments do.
pub(crate) fn sortable(at: Timestamp) -> [u8; 8] {
    (at.as_millis().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// What stands before the facts.
struct Head {
    version: Version,
    expires_at: Timestamp,
    length: usize,
    end: usize,
}

fn head(bytes: &[u8]) -> Option<Head> {
    let end = match bytes.first() {
        Some(&PLAIN) => HEAD,
        Some(&TAGGED) => LONGEST_HEAD,
        _ => return None,
    };
    let expiry = u64::from_be_bytes(bytes.get(EXPIRY..LENGTH)?.try_into().ok()?) ^ (1 << 63);
    Some(Head {
        version: Version::from_bytes(bytes.get(VERSION..EXPIRY)?),
        expires_at: Timestamp::from_millis(expiry.cast_signed()),
        length: u32::from_be_bytes(bytes.get(LENGTH..HEAD)?.try_into().ok()?) as usize,
        end,
    })
}

/// Reads a whole value. `None` if it is none of ours, or not all of it.
pub(crate) fn decode(bytes: Vec<u8>) -> Option<Versioned> {
    let head = head(&bytes).filter(|head| head.length == bytes.len())?;
    let (meta, length) = Meta::decode(bytes.get(head.end..)?).ok()?;
    let held = Held { payload: head.end + length, meta, bytes };
    Some(Versioned::shared(Arc::new(held), head.version, head.expires_at))
}

/// What the beginning of a value tells.
pub(crate) enum Facts {
    /// Everything.
    Entry(Box<Entry>),
    /// Not everything: more of the value is needed.
    Cut,
    /// It is none of ours.
    Foreign,
}

/// Reads the facts from the beginning of a value, of which at most so many bytes were asked for.
pub(crate) fn facts(key: &RecordKey, bytes: &[u8], asked: usize) -> Facts {
    let Some(head) = head(bytes) else { return Facts::Foreign };
    match Meta::decode(bytes.get(head.end..).unwrap_or_default()) {
        Ok((meta, _)) => {
            let meta = meta.with_expires_at(head.expires_at);
            Facts::Entry(Box::new(Entry { key: key.clone(), version: head.version, meta }))
        }
        Err(_) if bytes.len() == asked && head.length > asked => Facts::Cut,
        Err(_) => Facts::Foreign,
    }
}

/// A record in the bytes that came, not copied out of them.
struct Held {
    bytes: Vec<u8>,
    meta: Meta,
    /// Where the payload begins.
    payload: usize,
}

impl Stored for Held {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload..).unwrap_or_default()
    }

    /// The facts' text is in there once more.
    fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn record(principal: Option<&str>, bytes: usize) -> Record {
        let meta = Meta::new(NOW, NOW.saturating_add(Duration::from_secs(3600)))
            .with_absolute_at(NOW.saturating_add(Duration::from_secs(86_400)))
            .with_idle(Some(Duration::from_secs(3600)))
            .with_principal(principal.map(Into::into));
        Record::new(meta, vec![b'x'; bytes])
    }

    fn encoded(record: &Record) -> Vec<u8> {
        encode(record, 7, Tag::of_record(&record.meta)).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        for record in [record(None, 0), record(Some("ada"), 850)] {
            let found = decode(encoded(&record)).unwrap();
            assert_eq!((found.payload(), found.meta() == record.meta), (&record.payload[..], true));
            assert_eq!(found.version().as_u64(), Some(7));
        }
    }

    #[test]
    fn a_session_of_850_bytes_takes_less_than_950() {
        assert_eq!(encoded(&record(None, 850)).len(), 850 + 21 + 20);
        assert_eq!(encoded(&record(Some("ada@example.org"), 850)).len(), 850 + 37 + 20 + 16);
    }

    #[test]
    fn every_cut_and_every_addition_is_noticed() {
        let whole = encoded(&record(Some("ada"), 10));
        for length in 0..whole.len() {
            assert!(decode(whole[..length].to_vec()).is_none(), "{length}");
        }
        assert!(decode([&whole[..], b"x"].concat()).is_none());
    }

    #[test]
    fn what_others_wrote_is_not_taken_for_a_record() {
        for foreign in [&b""[..], b"{\"user\": 7}", &[0xd1], &[0xd3; 100], &[0xd1; 100], &[0xd2; 100]] {
            assert!(decode(foreign.to_vec()).is_none());
            assert!(matches!(facts(&RecordKey::new(b"k"), foreign, 512), Facts::Foreign));
        }
    }

    #[test]
    fn facts_need_no_payload_and_say_when_they_are_cut() {
        let whole = encoded(&record(Some(&"a".repeat(600)), 100));
        let key = RecordKey::new(b"k");
        assert!(matches!(facts(&key, &whole[..512], 512), Facts::Cut));
        let Facts::Entry(entry) = facts(&key, &whole[..700], 700) else { panic!("no entry") };
        assert_eq!(entry.meta.principal().unwrap().as_str().len(), 600);
        assert!(matches!(facts(&key, &whole[..512], 600), Facts::Foreign));
    }

    #[test]
    fn moments_compare_as_their_bytes() {
        let moments = [i64::MIN, -1, 0, 1, 255, 256, 1_767_225_600_000, i64::MAX];
        assert!(moments.map(|at| sortable(Timestamp::from_millis(at))).is_sorted());
    }

    #[test]
    fn nobody_owns_a_marker() {
        let marker = record(Some("ada"), 0).meta.into_retired(None).with_principal(Some("ada".into()));
        assert_eq!(Tag::of_record(&marker), None);
        assert_eq!(Tag::of_record(&record(Some("ada"), 0).meta), Some(Tag::of(&"ada".into())));
    }
}
