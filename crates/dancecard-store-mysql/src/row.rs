//! A record as columns, and back.

use std::sync::Arc;

use dancecard_core::{
    Entry, ErrorKind, Meta, Principal, Record, RecordKey, Result, Timestamp, Version, Versioned,
};
use mysql_async::Value;

use crate::error;

/// How many bytes of a principal are in its column: an index can't hold a long one. Those that begin alike are told
/// apart by the facts.
const INDEXED: usize = 512;

/// What is written beside the key.
pub(crate) struct Row {
    version: i64,
    expires_at: i64,
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

    /// `version, expires_at, principal, meta, payload`, and the key.
    pub(crate) fn values(&self, key: &RecordKey) -> Vec<Value> {
        let mut values = Vec::with_capacity(7);
        values.extend([
            Value::Int(self.version),
            Value::Int(self.expires_at),
            self.principal.as_ref().map_or(Value::NULL, indexed),
            Value::Bytes(self.meta.clone()),
            Value::Bytes(self.payload.clone()),
            bytes(key.as_bytes()),
        ]);
        values
    }

    /// The same as text, each named, between separators.
    pub(crate) fn literals(&self) -> [String; 5] {
        let principal = self.principal.as_ref().map(|who| literal(prefix(who)));
        [
            self.version.to_string(),
            self.expires_at.to_string(),
            principal.unwrap_or_else(|| "NULL".to_owned()),
            literal(&self.meta),
            literal(&self.payload),
        ]
    }

    /// The version as callers hold it.
    pub(crate) fn version(&self) -> Version {
        Version::from_u64(self.version.cast_unsigned())
    }
}

/// Bytes as a value of a statement.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

/// Bytes as they stand in the text of a statement, whatever is in them.
pub(crate) fn literal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("X'");
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
    }
    text.push('\'');
    text
}

/// The principal as its column holds it.
pub(crate) fn indexed(principal: &Principal) -> Value {
    bytes(prefix(principal))
}

fn prefix(principal: &Principal) -> &[u8] {
    let bytes = principal.as_str().as_bytes();
    bytes.get(..INDEXED).unwrap_or(bytes)
}

/// The number in a version. `None` for one of another engine, which is then as stale as can be.
pub(crate) fn number_in(version: &Version) -> Option<i64> {
    version.as_u64().map(u64::cast_signed)
}

/// The columns of a row. What has other types than expected is no record.
struct Columns {
    version: Version,
    expires_at: Timestamp,
    meta: Vec<u8>,
    last: Vec<u8>,
}

impl Columns {
    fn of(row: mysql_async::Row, operation: &'static str) -> Result<Self> {
        match <[Value; 4]>::try_from(row.unwrap_raw().into_iter().flatten().collect::<Vec<_>>()) {
            Ok([Value::Int(version), Value::Int(expires_at), Value::Bytes(meta), Value::Bytes(last)]) => {
                let version = Version::from_u64(version.cast_unsigned());
                Ok(Self { version, expires_at: Timestamp::from_millis(expires_at), meta, last })
            }
            _ => Err(error::new(ErrorKind::Corrupt, operation)),
        }
    }

    fn meta(&self, operation: &'static str) -> Result<Meta> {
        match Meta::decode(&self.meta) {
            Ok((meta, length)) if length == self.meta.len() => Ok(meta),
            Ok(_) => Err(error::unreadable(operation, error::new(ErrorKind::Corrupt, "decode"))),
            Err(cause) => Err(error::unreadable(operation, cause)),
        }
    }
}

/// Reads `version, expires_at, meta, payload`.
pub(crate) fn versioned(row: mysql_async::Row, operation: &'static str) -> Result<Versioned> {
    let columns = Columns::of(row, operation)?;
    let meta = columns.meta(operation)?;
    let record = Record::new(meta, columns.last);
    Ok(Versioned::shared(Arc::new(record), columns.version, columns.expires_at))
}

/// Reads `version, expires_at, meta, key`: the key, and the line of a listing, or why there is none.
pub(crate) fn line(row: mysql_async::Row, operation: &'static str) -> Result<(RecordKey, Result<Entry>)> {
    let columns = Columns::of(row, operation)?;
    let key = RecordKey::new(&columns.last);
    let meta = columns.meta(operation).map(|meta| meta.with_expires_at(columns.expires_at));
    let entry = meta.map(|meta| Entry { key: key.clone(), version: columns.version.clone(), meta });
    Ok((key, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_literal_ends_it() {
        assert_eq!(literal(b"'; \\\0\xff"), "X'273b205c00ff'");
        assert_eq!(literal(b""), "X''");
    }
}
