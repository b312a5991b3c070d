//! A record as columns, and back.

use std::sync::Arc;

use dancecard_core::{
    Entry, ErrorKind, Meta, Principal, Record, RecordKey, Result, Timestamp, Version, Versioned,
};
use tokio_postgres::types::FromSql;

use crate::error;
use crate::link::Blob;

/// How many bytes of a principal are in its column: an index can't hold a long one. Those that begin alike are told
/// apart by the facts.
const INDEXED: usize = 512;

/// What is written beside the key.
pub(crate) struct Row {
    pub(crate) version: i64,
    pub(crate) expires_at: i64,
    principal: Option<Principal>,
    meta: Vec<u8>,
    payload: Vec<u8>,
}

impl Row {
    /// The columns of a record.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when the payload is larger than `max_payload` bytes.
    pub(crate) fn new(
        record: Record,
        version: i64,
        max_payload: usize,
        operation: &'static str,
    ) -> Result<Self> {
        let Record { meta, payload } = record;
        if payload.len() > max_payload {
            let remedy = format!("the payload has {} bytes, max_payload allows {max_payload}", payload.len());
            return Err(error::new(ErrorKind::TooLarge, operation).with_detail(remedy));
        }
        // The marker of an ended session is nobody's, or it would stand in the list of somebody's devices.
        let principal = meta.principal().filter(|_| !meta.is_retired()).cloned();
        let mut facts = Vec::with_capacity(64);
        meta.encode(&mut facts);
        Ok(Self { version, expires_at: meta.expires_at().as_millis(), principal, meta: facts, payload })
    }

    pub(crate) fn principal(&self) -> Option<Blob<'_>> {
        self.principal.as_ref().map(indexed)
    }

    pub(crate) fn meta(&self) -> Blob<'_> {
        Blob(&self.meta)
    }

    pub(crate) fn payload(&self) -> Blob<'_> {
        Blob(&self.payload)
    }

    /// The version as callers hold it.
    pub(crate) fn version(&self) -> Version {
        Version::from_u64(self.version.cast_unsigned())
    }
}

/// The principal as its column holds it.
pub(crate) fn indexed(principal: &Principal) -> Blob<'_> {
    let bytes = principal.as_str().as_bytes();
    Blob(bytes.get(..INDEXED).unwrap_or(bytes))
}

/// The number in a version. `None` for one of another engine, which is then as stale as can be.
pub(crate) fn number_in(version: &Version) -> Option<i64> {
    version.as_u64().map(u64::cast_signed)
}

/// Reads `version, expires_at, meta, payload`.
pub(crate) fn versioned(row: &tokio_postgres::Row, operation: &'static str) -> Result<Versioned> {
    let record = Record::new(meta(row, operation)?, column::<&[u8]>(row, 3, operation)?.to_vec());
    Ok(Versioned::shared(Arc::new(record), version(row, operation)?, expires_at(row, operation)?))
}

/// Reads `version, expires_at, meta` of the record under `key`.
pub(crate) fn entry(row: &tokio_postgres::Row, key: RecordKey, operation: &'static str) -> Result<Entry> {
    let meta = meta(row, operation)?.with_expires_at(expires_at(row, operation)?);
    Ok(Entry { key, version: version(row, operation)?, meta })
}

/// Reads one column. What has another type than expected is no record.
pub(crate) fn column<'r, T: FromSql<'r>>(
    row: &'r tokio_postgres::Row,
    place: usize,
    operation: &'static str,
) -> Result<T> {
    row.try_get(place).map_err(|cause| error::new(ErrorKind::Corrupt, operation).with_source(cause))
}

fn version(row: &tokio_postgres::Row, operation: &'static str) -> Result<Version> {
    column::<i64>(row, 0, operation).map(|number| Version::from_u64(number.cast_unsigned()))
}

fn expires_at(row: &tokio_postgres::Row, operation: &'static str) -> Result<Timestamp> {
    column(row, 1, operation).map(Timestamp::from_millis)
}

fn meta(row: &tokio_postgres::Row, operation: &'static str) -> Result<Meta> {
    let bytes = column::<&[u8]>(row, 2, operation)?;
    match Meta::decode(bytes) {
        Ok((meta, length)) if length == bytes.len() => Ok(meta),
        Ok(_) => Err(error::unreadable(operation, error::new(ErrorKind::Corrupt, "decode"))),
        Err(cause) => Err(error::unreadable(operation, cause)),
    }
}
