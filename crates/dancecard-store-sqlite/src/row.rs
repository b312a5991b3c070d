//! A record as columns, and back.

use std::sync::Arc;

use dancecard_core::{
    Entry, ErrorKind, Meta, Principal, Record, RecordKey, Result, Timestamp, Version, Versioned,
};
use rusqlite::types::ValueRef;

use crate::error::{self, Failure, Stage};

/// What is written beside key and version. It is made by the caller, so that the one writer has less to do.
pub(crate) struct Row {
    pub(crate) expires_at: i64,
    pub(crate) principal: Option<Principal>,
    pub(crate) meta: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Row {
    /// The columns of a record.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when the payload is larger than `max_payload` bytes.
    pub(crate) fn new(record: Record, max_payload: usize, operation: &'static str) -> Result<Self> {
        let Record { meta, payload } = record;
        if payload.len() > max_payload {
            let remedy = format!("the payload has {} bytes, max_payload allows {max_payload}", payload.len());
            return Err(error::new(ErrorKind::TooLarge, operation).with_detail(remedy));
        }
        // The marker of an ended session is nobody's, or it would stand in the list of somebody's devices.
        let principal = meta.principal().filter(|_| !meta.is_retired()).cloned();
        let mut facts = Vec::with_capacity(64);
        meta.encode(&mut facts);
        Ok(Self { expires_at: meta.expires_at().as_millis(), principal, meta: facts, payload })
    }
}

/// Reads `version, expires_at, meta, payload`.
pub(crate) fn versioned(row: &rusqlite::Row<'_>, operation: &'static str) -> Result<Versioned> {
    let version = version(row, 0, operation)?;
    let expires_at = expires_at(row, 1, operation)?;
    let record = Record::new(meta(row, 2, operation)?, blob(row, 3, operation)?.to_vec());
    Ok(Versioned::shared(Arc::new(record), version, expires_at))
}

/// Reads `version, expires_at, meta, key`.
pub(crate) fn entry(row: &rusqlite::Row<'_>, operation: &'static str) -> Result<Entry> {
    let version = version(row, 0, operation)?;
    let meta = meta(row, 2, operation)?.with_expires_at(expires_at(row, 1, operation)?);
    Ok(Entry { key: RecordKey::new(blob(row, 3, operation)?), version, meta })
}

fn blob<'r>(row: &'r rusqlite::Row<'_>, column: usize, operation: &'static str) -> Result<&'r [u8]> {
    match row.get_ref(column) {
        Ok(ValueRef::Blob(bytes)) => Ok(bytes),
        Ok(_) => Err(error::new(ErrorKind::Corrupt, operation)),
        Err(cause) => Err(Failure::at(Stage::Statement)(cause).to_error(operation)),
    }
}

fn number(row: &rusqlite::Row<'_>, column: usize, operation: &'static str) -> Result<i64> {
    row.get(column).map_err(|cause| Failure::at(Stage::Statement)(cause).to_error(operation))
}

fn version(row: &rusqlite::Row<'_>, column: usize, operation: &'static str) -> Result<Version> {
    Ok(Version::from_u64(number(row, column, operation)?.cast_unsigned()))
}

fn expires_at(row: &rusqlite::Row<'_>, column: usize, operation: &'static str) -> Result<Timestamp> {
    number(row, column, operation).map(Timestamp::from_millis)
}

fn meta(row: &rusqlite::Row<'_>, column: usize, operation: &'static str) -> Result<Meta> {
    let bytes = blob(row, column, operation)?;
    match Meta::decode(bytes) {
        Ok((meta, length)) if length == bytes.len() => Ok(meta),
        Ok(_) => Err(error::unreadable(operation, error::new(ErrorKind::Corrupt, "decode"))),
        Err(cause) => Err(error::unreadable(operation, cause)),
    }
}
