//! Records as text that a cookie can hold.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dancecard_core::{Record, RecordKey, Result, Sealed};
use dancecard_seal::{OVERHEAD, Sealer};
use sha2::{Digest, Sha256};

use crate::error;

/// What binds a sealed record to its place.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) sealer: &'a Sealer,
    pub(crate) channel: &'a str,
}

impl Bound<'_> {
    /// The record, and whether the first key sealed it. What this engine sealed is a record, unless a newer release wrote
    /// it: then it is nothing to this one.
    pub(crate) fn open(&self, key: &RecordKey, text: &[u8]) -> Option<(Record, bool)> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = self.sealer.open(&self.facts(key), &sealed)?;
        Some((Record::from_envelope(&opened.plain).ok()?, opened.is_current))
    }

    pub(crate) fn seal(&self, key: &RecordKey, record: &Record) -> Result<Sealed> {
        let sealed = self.sealer.seal(&self.facts(key), &record.to_envelope())?;
        Ok(Sealed { text: URL_SAFE_NO_PAD.encode(sealed), absolute_at: record.meta.absolute_at() })
    }

    fn facts<'a>(&'a self, key: &'a RecordKey) -> [&'a [u8]; 2] {
        [self.channel.as_bytes(), key.as_bytes()]
    }
}

/// Refuses a record that would not fit, before anything is sent.
pub(crate) fn check_size(record: &Record, limit: usize) -> Result<()> {
    let bytes = base64::encoded_len(record.to_envelope().len() + OVERHEAD, false).unwrap_or(usize::MAX);
    if bytes <= limit { Ok(()) } else { Err(error::too_large(bytes, limit)) }
}

/// What tells one payload from another.
pub(crate) type PayloadDigest = [u8; 16];

pub(crate) fn digest(record: &Record) -> PayloadDigest {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(&record.payload)[..16]);
    short
}

/// What the registry gets of a record: its facts, and which data belong to them.
pub(crate) fn facts(record: &Record, digest: PayloadDigest) -> Record {
    Record::new(record.meta.clone(), digest.to_vec())
}
