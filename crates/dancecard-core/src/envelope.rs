//! The stored form of [`Meta`], for engines that keep it as bytes. Specified in `docs/spec/envelope.md`.
//!
//! ```text
//! 0      format, 1
//! 1      codec tag
//! 2      flags: 1 retired, 2 principal, 4 user agent, 8 address, 16 successor, 32 absolute limit
//! 3..    varints: created (ms), then as differences to it, zigzag: expires, renewed, absolute if flagged; idle (s)
//! ..     for each flagged field in order: length as varint, bytes
//! ```

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;
use crate::record::{CodecTag, Meta, Principal, Record};

const FORMAT: u8 = 1;
const RETIRED: u8 = 1;
const PRINCIPAL: u8 = 2;
const USER_AGENT: u8 = 4;
const ADDRESS: u8 = 8;
const SUCCESSOR: u8 = 16;
const ABSOLUTE: u8 = 32;
const KNOWN: u8 = RETIRED | PRINCIPAL | USER_AGENT | ADDRESS | SUCCESSOR | ABSOLUTE;

impl Meta {
    /// Writes the facts at the end of `out`: about 20 bytes for a session that nobody signed in to.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let created = self.created_at().as_millis();
        let difference = |at: Timestamp| zigzag(at.as_millis().wrapping_sub(created));
        out.extend([FORMAT, self.codec().0, flags(self)]);
        put_varint(out, zigzag(created));
        put_varint(out, difference(self.expires_at()));
        put_varint(out, difference(self.renewed_at()));
        if has_absolute(self) {
            put_varint(out, difference(self.absolute_at()));
        }
        put_varint(out, self.idle().map_or(0, |idle| idle.as_secs()));
        let texts = [self.principal().map(Principal::as_str), self.user_agent(), self.address()];
        let fields = texts.map(|text| text.map(str::as_bytes));
        for field in fields.into_iter().chain([self.successor().map(RecordKey::as_bytes)]).flatten() {
            put_varint(out, field.len() as u64);
            out.extend(field);
        }
    }

    /// Reads the facts from the beginning of `bytes`, and says how many bytes they took.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for anything that [`Meta::encode`] of this or an earlier release did not write.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize)> {
        let mut input = Input { rest: bytes };
        let meta = input.meta().ok_or_else(|| Error::new(ErrorKind::Corrupt, "decode"))?;
        Ok((meta, bytes.len() - input.rest.len()))
    }
}

impl Record {
    /// The whole record as one run of bytes: the facts, then the payload.
    ///
    /// ```
    /// use dancecard_core::{Meta, Record, Timestamp};
    ///
    /// let meta = Meta::new(Timestamp::from_millis(1_000), Timestamp::from_millis(61_000));
    /// let bytes = Record::new(meta, b"{}".to_vec()).to_envelope();
    /// assert_eq!(Record::from_envelope(&bytes)?.payload, b"{}");
    /// # Ok::<(), dancecard_core::Error>(())
    /// ```
    pub fn to_envelope(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload.len() + 48);
        self.meta.encode(&mut out);
        out.extend_from_slice(&self.payload);
        out
    }

    /// Reads [`Record::to_envelope`] back.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when the bytes are damaged, foreign, or of a newer release.
    pub fn from_envelope(bytes: &[u8]) -> Result<Self> {
        let (meta, length) = Meta::decode(bytes)?;
        Ok(Self::new(meta, bytes.get(length..).unwrap_or_default().to_vec()))
    }
}

fn flags(meta: &Meta) -> u8 {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    flag(meta.is_retired(), RETIRED)
        | flag(meta.principal().is_some(), PRINCIPAL)
        | flag(meta.user_agent().is_some(), USER_AGENT)
        | flag(meta.address().is_some(), ADDRESS)
        | flag(meta.successor().is_some(), SUCCESSOR)
        | flag(has_absolute(meta), ABSOLUTE)
}

/// A flag of its own, since every difference occurs: the marker that a rotation leaves ends with the moment it begins.
fn has_absolute(meta: &Meta) -> bool {
    meta.absolute_at() != Timestamp::MAX
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn meta(&mut self) -> Option<Meta> {
        let &[FORMAT, codec, flags] = self.take(3)? else { return None };
        if flags & !KNOWN != 0 {
            return None;
        }
        let created = unzigzag(self.varint()?);
        let expires = self.moment(created)?;
        let renewed = self.moment(created)?;
        let absolute = if flags & ABSOLUTE == 0 { Timestamp::MAX } else { self.moment(created)? };
        let meta = Meta::new(Timestamp::from_millis(created), expires)
            .with_absolute_at(absolute)
            .with_renewed_at(renewed)
            .with_idle(self.idle()?)
            .with_codec(CodecTag(codec));
        self.rare(meta, flags)
    }

    fn rare(&mut self, meta: Meta, flags: u8) -> Option<Meta> {
        let principal = self.text(flags & PRINCIPAL)?.map(Principal::from);
        let user_agent = self.text(flags & USER_AGENT)?;
        let address = self.text(flags & ADDRESS)?;
        let successor = self.field(flags & SUCCESSOR)?.map(RecordKey::new);
        if flags & RETIRED != 0 {
            return Some(meta.into_retired(successor));
        }
        Some(meta.with_principal(principal).with_device(user_agent, address))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn moment(&mut self, created: i64) -> Option<Timestamp> {
        self.varint().map(|difference| after(created, difference))
    }

    fn idle(&mut self) -> Option<Option<Duration>> {
        let seconds = u32::try_from(self.varint()?).ok()?;
        Some((seconds > 0).then(|| Duration::from_secs(seconds.into())))
    }

    fn field(&mut self, present: u8) -> Option<Option<&'a [u8]>> {
        if present == 0 {
            return Some(None);
        }
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length).map(Some)
    }

    fn text(&mut self, present: u8) -> Option<Option<&'a str>> {
        match self.field(present)? {
            None => Some(None),
            Some(bytes) => std::str::from_utf8(bytes).ok().map(Some),
        }
    }
}

fn after(created: i64, difference: u64) -> Timestamp {
    Timestamp::from_millis(created.wrapping_add(unzigzag(difference)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn any_meta() -> impl Strategy<Value = Meta> {
        let times = (any::<i64>(), any::<i64>(), option::of(any::<i64>()), any::<i64>(), any::<u32>());
        let texts = (option::of(any::<String>()), option::of(any::<String>()), option::of(any::<String>()));
        (times, texts, any::<u8>(), option::of(option::of(any::<[u8; 32]>()))).prop_map(
            |((created, expires, absolute, renewed, idle), (principal, agent, address), codec, retired)| {
                let idle = (idle > 0).then(|| Duration::from_secs(idle.into()));
                let absolute = absolute.map_or(Timestamp::MAX, Timestamp::from_millis);
                let meta = Meta::new(Timestamp::from_millis(created), Timestamp::from_millis(expires))
                    .with_absolute_at(absolute)
                    .with_renewed_at(Timestamp::from_millis(renewed))
                    .with_idle(idle)
                    .with_codec(CodecTag(codec));
                match retired {
                    Some(successor) => meta.into_retired(successor.map(|key| RecordKey::new(&key))),
                    None => meta
                        .with_principal(principal.map(Principal::from))
                        .with_device(agent.as_deref(), address.as_deref()),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(meta in any_meta(), payload: Vec<u8>) {
            let bytes = Record::new(meta.clone(), payload.clone()).to_envelope();
            let record = Record::from_envelope(&bytes).unwrap();
            prop_assert!(record.meta == meta);
            prop_assert_eq!(record.payload, payload);
        }

        #[test]
        fn damage_is_an_error_or_another_record_never_a_panic(bytes: Vec<u8>) {
            let _ = Record::from_envelope(&bytes);
        }

        #[test]
        fn every_cut_is_refused(meta in any_meta()) {
            let mut bytes = Vec::new();
            meta.encode(&mut bytes);
            for length in 0..bytes.len() {
                prop_assert!(Meta::decode(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn an_anonymous_session_costs_some_twenty_bytes() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600)))
            .with_absolute_at(now.saturating_add(Duration::from_secs(86_400)))
            .with_idle(Some(Duration::from_secs(3600)));
        let mut bytes = Vec::new();
        meta.encode(&mut bytes);
        assert_eq!(bytes.len(), 20);
    }

    /// Read as no limit, the marker that a sign-in leaves would let requests with the old id through to the new session.
    #[test]
    fn a_limit_at_the_beginning_is_a_limit() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let mut bytes = Vec::new();
        Meta::new(now, Timestamp::MAX).with_absolute_at(now).encode(&mut bytes);
        assert_eq!(Meta::decode(&bytes).unwrap().0.absolute_at(), now);
    }

    #[test]
    fn unknown_flags_and_formats_are_refused() {
        let mut bytes = Vec::new();
        Meta::new(Timestamp::from_millis(0), Timestamp::from_millis(1)).encode(&mut bytes);
        for (place, value) in [(0, 2), (2, 64), (2, 0x80)] {
            let mut damaged = bytes.clone();
            damaged[place] = value;
            assert_eq!(Meta::decode(&damaged).map(drop).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
