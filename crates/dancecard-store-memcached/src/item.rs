//! A record as an item of memcached, and back.
//!
//! The value is the record's envelope: its facts, then its payload. The client flags hold the length of the payload,
//! so that a value that was cut, or is somebody else's, is not taken for a record.

use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, Result, Stored, Timestamp, Version, Versioned};
use sha2::{Digest, Sha256};

use crate::error;

/// Memcached takes no longer keys.
const LONGEST_KEY: usize = 250;
/// A time to live of more seconds than these is taken for a moment.
const LONGEST_SPAN: u64 = 30 * 24 * 3600;
/// The last moment that every version of the server can read.
const LAST_MOMENT: u64 = i32::MAX as u64;
/// Without an end.
const FOR_EVER: u32 = 0;

/// The key as memcached sees it: the prefix and the key in hexadecimal digits, or, where that would be too long, a
/// plus sign and the digits of its SHA-256.
pub(crate) fn key(prefix: &str, key: &RecordKey) -> Vec<u8> {
    let bytes = key.as_bytes();
    let mut text = Vec::with_capacity(prefix.len() + bytes.len() * 2);
    text.extend_from_slice(prefix.as_bytes());
    if prefix.len() + bytes.len() * 2 > LONGEST_KEY {
        text.push(b'+');
        put_hex(&mut text, &Sha256::digest(bytes));
    } else {
        put_hex(&mut text, bytes);
    }
    text
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// How long the server is to keep a record: until a little after its expiry, and a little from now in any case.
pub(crate) fn ttl(expires_at: Timestamp, now: Timestamp, slack: Duration) -> u32 {
    let left = expires_at.since(now).saturating_add(slack);
    let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
    if seconds <= LONGEST_SPAN {
        return u32::try_from(seconds.max(1)).unwrap_or(FOR_EVER);
    }
    let moment = u64::try_from(now.as_millis() / 1000 + 1).unwrap_or(0).saturating_add(seconds);
    if moment > LAST_MOMENT { FOR_EVER } else { u32::try_from(moment).unwrap_or(FOR_EVER) }
}

/// Reads a value, without copying it.
pub(crate) fn versioned(value: Vec<u8>, flags: u32, version: Version) -> Result<Versioned> {
    let (meta, start) = Meta::decode(&value).map_err(|cause| error::unreadable("load", Some(cause)))?;
    if value.len() - start != flags as usize {
        return Err(error::unreadable("load", None));
    }
    let expires_at = meta.expires_at();
    Ok(Versioned::shared(Arc::new(Item { meta, value, start }), version, expires_at))
}

/// The client flags of a record.
pub(crate) fn flags(record: &Record) -> u32 {
    u32::try_from(record.payload.len()).unwrap_or(u32::MAX)
}

/// A value as it came.
struct Item {
    meta: Meta,
    value: Vec<u8>,
    /// Where the payload begins.
    start: usize,
}

impl Stored for Item {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn payload(&self) -> &[u8] {
        self.value.get(self.start..).unwrap_or_default()
    }

    /// The facts' text is in there once more.
    fn held(&self) -> usize {
        self.value.capacity()
    }
}

/// A version: in which life of the server, and which of its compare-and-swap numbers.
pub(crate) fn version(life: u64, cas: u64) -> Version {
    let mut bytes = [0; 16];
    let (first, second) = bytes.split_at_mut(8);
    first.copy_from_slice(&life.to_le_bytes());
    second.copy_from_slice(&cas.to_le_bytes());
    Version::from_bytes(&bytes)
}

/// The parts of a version. `None` for one of another engine, which is then as stale as can be.
pub(crate) fn life_and_cas(version: &Version) -> Option<(u64, u64)> {
    let (numbers, rest) = version.as_bytes().as_chunks::<8>();
    match numbers {
        [life, cas] if rest.is_empty() => Some((u64::from_le_bytes(*life), u64::from_le_bytes(*cas))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const SLACK: Duration = Duration::from_secs(60);

    fn after(span: Duration) -> u32 {
        ttl(NOW.saturating_add(span), NOW, SLACK)
    }

    #[test]
    fn short_spans_are_relative_and_long_ones_are_moments() {
        assert_eq!(after(Duration::ZERO), 60);
        assert_eq!(after(Duration::from_millis(1)), 61);
        assert_eq!(after(Duration::from_secs(LONGEST_SPAN - 60)), 2_592_000);
        assert_eq!(after(Duration::from_secs(LONGEST_SPAN - 59)), 1_767_225_601 + 2_592_001);
        assert_eq!(after(Duration::from_secs(300_000_000)), 1_767_225_601 + 300_000_060);
    }

    #[test]
    fn what_is_over_is_kept_for_a_moment_and_what_never_ends_for_ever() {
        assert_eq!(ttl(Timestamp::from_millis(0), NOW, SLACK), 60);
        assert_eq!(ttl(Timestamp::from_millis(i64::MIN), NOW, SLACK), 60);
        assert_eq!(ttl(Timestamp::MAX, NOW, SLACK), FOR_EVER);
        assert_eq!(after(Duration::from_secs(400_000_000)), FOR_EVER);
    }

    proptest! {
        #[test]
        fn never_too_early(expires in any::<i64>(), slack in 2_000..100_000_u64) {
            let (expires_at, slack) = (Timestamp::from_millis(expires), Duration::from_millis(slack));
            let end = match ttl(expires_at, NOW, slack) {
                FOR_EVER => i64::MAX,
                span if u64::from(span) <= LONGEST_SPAN => NOW.as_millis() + i64::from(span) * 1000,
                moment => i64::from(moment) * 1000,
            };
            let wanted = expires.max(NOW.as_millis()).saturating_add(slack.as_millis() as i64);
            prop_assert!(end >= wanted);
        }

        #[test]
        fn versions_are_read_back(life: u64, cas: u64) {
            prop_assert_eq!(life_and_cas(&version(life, cas)), Some((life, cas)));
        }
    }

    #[test]
    fn versions_of_others_are_none() {
        for foreign in [Version::from_u64(7), Version::from_bytes(b""), Version::from_bytes(&[7; 24])] {
            assert_eq!(life_and_cas(&foreign), None);
        }
    }

    #[test]
    fn keys_fit_and_differ() {
        assert_eq!(key("p:", &RecordKey::new(b"\x00\xffa")), b"p:00ff61");
        let longest = RecordKey::new(&[7; 124]);
        assert_eq!(key("p:", &longest).len(), 250);
        let long = key("p:", &RecordKey::new(&[7; 125]));
        assert_eq!((long.len(), &long[..3]), (67, &b"p:+"[..]));
        assert_ne!(long, key("p:", &RecordKey::new(&[8; 125])));
    }

    #[test]
    fn a_value_that_was_cut_is_no_record() {
        let record = Record::new(Meta::new(NOW, NOW.saturating_add(SLACK)), b"payload".to_vec());
        let (bytes, flags) = (record.to_envelope(), flags(&record));
        assert_eq!(versioned(bytes.clone(), flags, version(1, 2)).unwrap().payload(), b"payload");
        for length in 0..bytes.len() {
            assert!(versioned(bytes[..length].to_vec(), flags, version(1, 2)).is_err(), "{length}");
        }
    }
}
