//! A record as a document, and back.

use std::sync::Arc;

use dancecard_core::{
    Entry, ErrorKind, Meta, Principal, Record, RecordKey, Result, Timestamp, Version, Versioned,
};
use mongodb::bson::raw::{CStr, RawBinaryRef, RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use mongodb::bson::{DateTime, spec::BinarySubtype};

use crate::error;

pub(crate) const KEY: &CStr = cstr!("_id");
pub(crate) const VERSION: &CStr = cstr!("v");
pub(crate) const EXPIRES_AT: &CStr = cstr!("e");
pub(crate) const PRINCIPAL: &CStr = cstr!("p");
const META: &CStr = cstr!("m");
pub(crate) const PAYLOAD: &CStr = cstr!("d");

/// How many bytes of a principal are indexed. Those that begin alike are told apart by the facts.
const INDEXED: usize = 512;
/// The most that a server takes.
const LARGEST_DOCUMENT: usize = 16 << 20;

/// Bytes as they stand in a document.
pub(crate) fn binary(bytes: &[u8]) -> RawBinaryRef<'_> {
    RawBinaryRef { subtype: BinarySubtype::Generic, bytes }
}

/// A moment as an index that expires records wants it.
pub(crate) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millis())
}

/// The principal as it is indexed.
pub(crate) fn indexed(principal: &Principal) -> RawBinaryRef<'_> {
    let bytes = principal.as_str().as_bytes();
    binary(bytes.get(..INDEXED).unwrap_or(bytes))
}

/// The number in a version. `None` for one of another engine, which is then as stale as can be.
pub(crate) fn number_in(version: &Version) -> Option<i64> {
    version.as_u64().map(u64::cast_signed)
}

/// The version as callers hold it.
pub(crate) fn version_of(number: i64) -> Version {
    Version::from_u64(number.cast_unsigned())
}

/// The document of a record. With a key it is one to insert, without it one to put in the place of another.
///
/// # Errors
/// [`ErrorKind::TooLarge`] when the payload has more than `max_payload` bytes, or the whole more than a server takes.
pub(crate) fn write(
    key: Option<&RecordKey>,
    record: &Record,
    version: i64,
    max_payload: usize,
    operation: &'static str,
) -> Result<RawDocumentBuf> {
    let Record { meta, payload } = record;
    if payload.len() > max_payload {
        let remedy = format!("the payload has {} bytes, max_payload allows {max_payload}", payload.len());
        return Err(error::new(ErrorKind::TooLarge, operation).with_detail(remedy));
    }
    let mut facts = Vec::with_capacity(64);
    meta.encode(&mut facts);
    let mut document = RawDocumentBuf::new();
    if let Some(key) = key {
        document.append(KEY, binary(key.as_bytes()));
    }
    document.append(VERSION, version);
    document.append(EXPIRES_AT, date(meta.expires_at()));
    // The marker of an ended session is nobody's, or it would stand in the list of somebody's devices.
    if let Some(principal) = meta.principal().filter(|_| !meta.is_retired()) {
        document.append(PRINCIPAL, indexed(principal));
    }
    document.append(META, binary(&facts));
    document.append(PAYLOAD, binary(payload));
    if document.as_bytes().len() > LARGEST_DOCUMENT {
        let remedy = "the record is larger than a document may be, 16 MiB";
        return Err(error::new(ErrorKind::TooLarge, operation).with_detail(remedy));
    }
    Ok(document)
}

/// Reads a whole document.
pub(crate) fn versioned(document: &RawDocument, operation: &'static str) -> Result<Versioned> {
    let parts = Parts::of(document);
    let read = || {
        let payload = parts.payload?.to_vec();
        Some((Record::new(parts.meta()?, payload), parts.version?, parts.expires_at?))
    };
    let (record, version, expires_at) = read().ok_or_else(|| error::unreadable(operation))?;
    Ok(Versioned::shared(Arc::new(record), version_of(version), expires_at))
}

/// Reads what a listing shows of the record under a key.
pub(crate) fn entry(document: &RawDocument, key: RecordKey, operation: &'static str) -> Result<Entry> {
    let parts = Parts::of(document);
    let read = || Some((parts.meta()?, parts.version?, parts.expires_at?));
    let (meta, version, expires_at) = read().ok_or_else(|| error::unreadable(operation))?;
    Ok(Entry { key, version: version_of(version), meta: meta.with_expires_at(expires_at) })
}

/// The fields that are there and have the right type. What follows damage is not read.
#[derive(Default)]
struct Parts<'a> {
    version: Option<i64>,
    expires_at: Option<Timestamp>,
    meta: Option<&'a [u8]>,
    payload: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(document: &'a RawDocument) -> Self {
        let mut parts = Self::default();
        for (name, value) in document.iter().map_while(std::result::Result::ok) {
            match name.as_str() {
                "v" => parts.version = value.as_i64(),
                "e" => parts.expires_at = moment(value),
                "m" => parts.meta = bytes(value),
                "d" => parts.payload = bytes(value),
                _ => {}
            }
        }
        parts
    }

    fn meta(&self) -> Option<Meta> {
        let bytes = self.meta?;
        let (meta, length) = Meta::decode(bytes).ok()?;
        (length == bytes.len()).then_some(meta)
    }
}

fn moment(value: RawBsonRef<'_>) -> Option<Timestamp> {
    value.as_datetime().map(|date| Timestamp::from_millis(date.timestamp_millis()))
}

fn bytes(value: RawBsonRef<'_>) -> Option<&[u8]> {
    value.as_binary().map(|binary| binary.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let meta = Meta::new(Timestamp::from_millis(1), Timestamp::from_millis(2));
        Record::new(meta.with_principal(Some("somebody".into())), b"{}".to_vec())
    }

    #[test]
    fn what_is_written_is_read() {
        let document = write(Some(&RecordKey::new(b"key")), &record(), -7, 100, "write").unwrap();
        let found = versioned(&document, "load").unwrap();
        assert!(found.meta() == record().meta && found.payload() == b"{}");
        assert_eq!(*found.version(), version_of(-7));
    }

    #[test]
    fn every_field_is_missed() {
        let whole = write(None, &record(), 1, 100, "write").unwrap();
        for missing in [VERSION, EXPIRES_AT, META, PAYLOAD] {
            let mut document = RawDocumentBuf::new();
            for (name, value) in whole.iter().map(std::result::Result::unwrap) {
                if name != missing {
                    document.append(name, value);
                }
            }
            assert_eq!(versioned(&document, "load").map(drop).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_record_is_refused_before_it_is_sent() {
        let large = Record::new(record().meta, vec![0; 17 << 20]);
        for limit in [100, usize::MAX] {
            let error = write(None, &large, 1, limit, "write").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge);
        }
    }
}
