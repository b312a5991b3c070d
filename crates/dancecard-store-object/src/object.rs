//! A record as one object.
//!
//! ```text
//! 0..4    "dcrd"
//! 4       layout, 1
//! 5..13   random: it makes equal records different objects, so that no mark of their content comes back
//! 13..15  length of the key, little endian; 0 when the name spells it
//! 15..19  length of the rest behind the key, little endian
//! 19..    the key; then the record in the form of the envelope
//! ```

use std::fmt;

use dancecard_core::{Record, RecordKey};

const MAGIC: &[u8; 4] = b"dcrd";
const LAYOUT: u8 = 1;
const HEADER: usize = 19;

/// The random part of an object.
pub(crate) type Nonce = [u8; 8];

/// What an object says.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) nonce: Nonce,
    pub(crate) key: Option<RecordKey>,
    pub(crate) record: Record,
}

/// Why an object is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Foreign,
    Newer,
    Cut,
    Envelope,
    NoKey,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "it is not an object of this engine",
            Self::Newer => "it is of another release",
            Self::Cut => "it has not the length that it says",
            Self::Envelope => "the record in it is damaged",
            Self::NoKey => "the key is missing",
        })
    }
}

impl std::error::Error for Fault {}

/// The bytes of an object, unless a length does not fit into it.
pub(crate) fn encode(nonce: Nonce, key: Option<&RecordKey>, record: &Record) -> Option<Vec<u8>> {
    let (key, envelope) = (key.map(RecordKey::as_bytes).unwrap_or_default(), record.to_envelope());
    let mut bytes = Vec::with_capacity(HEADER + key.len() + envelope.len());
    bytes.extend(MAGIC);
    bytes.push(LAYOUT);
    bytes.extend(nonce);
    bytes.extend(u16::try_from(key.len()).ok()?.to_le_bytes());
    bytes.extend(u32::try_from(envelope.len()).ok()?.to_le_bytes());
    bytes.extend(key);
    bytes.extend(envelope);
    Some(bytes)
}

/// What the bytes of an object say.
pub(crate) fn decode(bytes: &[u8]) -> Result<Object, Fault> {
    let (magic, rest) = bytes.split_first_chunk().ok_or(Fault::Foreign)?;
    let ([layout], rest) = rest.split_first_chunk().ok_or(Fault::Cut)?;
    match (magic == MAGIC, *layout == LAYOUT) {
        (true, true) => {}
        (true, false) => return Err(Fault::Newer),
        (false, _) => return Err(Fault::Foreign),
    }
    let (nonce, rest) = rest.split_first_chunk().ok_or(Fault::Cut)?;
    let (key_length, rest) = rest.split_first_chunk().ok_or(Fault::Cut)?;
    let (length, rest) = rest.split_first_chunk().ok_or(Fault::Cut)?;
    let (key, envelope) = rest.split_at_checked(u16::from_le_bytes(*key_length).into()).ok_or(Fault::Cut)?;
    if usize::try_from(u32::from_le_bytes(*length)) != Ok(envelope.len()) {
        return Err(Fault::Cut);
    }
    let record = Record::from_envelope(envelope).map_err(|_| Fault::Envelope)?;
    Ok(Object { nonce: *nonce, key: (!key.is_empty()).then(|| RecordKey::new(key)), record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dancecard_core::{Meta, Timestamp};

    fn object(key: Option<&RecordKey>) -> Vec<u8> {
        let meta = Meta::new(Timestamp::from_millis(1), Timestamp::from_millis(2))
            .with_principal(Some("ada".into()));
        encode([7; 8], key, &Record::new(meta, b"payload".to_vec())).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        for key in [None, Some(RecordKey::new(&[3; 300]))] {
            let found = decode(&object(key.as_ref())).unwrap();
            assert_eq!((found.nonce, found.record.payload, found.key), ([7; 8], b"payload".to_vec(), key));
        }
    }

    #[test]
    fn every_cut_and_every_addition_is_refused() {
        let bytes = object(Some(&RecordKey::new(b"key")));
        assert!((0..bytes.len()).all(|length| decode(&bytes[..length]).is_err()));
        assert_eq!(decode(&[bytes, vec![0]].concat()).map(drop), Err(Fault::Cut));
    }

    /// A byte of the payload may be any; in all that says what is what, a changed one is noticed or says something else.
    #[test]
    fn no_changed_byte_is_the_same_record() {
        let key = RecordKey::new(b"key");
        let whole = object(Some(&key));
        let record = decode(&whole).unwrap().record;
        for place in (0..whole.len()).filter(|place| !(5..13).contains(place)) {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[place] ^= 1 << bit;
                let found = decode(&changed).ok();
                let same = |found: &Object| {
                    found.record.to_envelope() == record.to_envelope() && found.key.as_ref() == Some(&key)
                };
                assert!(!found.as_ref().is_some_and(same), "{place} {bit}");
            }
        }
    }

    #[test]
    fn foreign_and_newer_objects_are_told_apart() {
        assert_eq!(decode(b"<html>not found</html>").map(drop), Err(Fault::Foreign));
        let mut newer = object(None);
        newer[4] = 2;
        assert_eq!(decode(&newer).map(drop), Err(Fault::Newer));
    }
}
