//! The operations that write, each one statement whose condition is part of it.
//!
//! So an operation whose condition does not hold changes nothing, and many of them can share a transaction without
//! a savepoint around each.

use dancecard_core::{Principal, RecordKey};
use rusqlite::{CachedStatement, Connection, params};

use crate::row::Row;
use crate::versions::Versions;

const CREATE: &str = "\
    INSERT INTO session (key, version, expires_at, principal, meta, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (key) DO NOTHING";
const OVERWRITE: &str = "\
    INSERT INTO session (key, version, expires_at, principal, meta, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (key) DO UPDATE SET version = excluded.version, expires_at = excluded.expires_at, \
        principal = excluded.principal, meta = excluded.meta, payload = excluded.payload";
const UPDATE: &str = "\
    UPDATE session SET version = ?2, expires_at = ?3, principal = ?4, meta = ?5, payload = ?6 \
    WHERE key = ?1 AND version = ?7";
const SUCCEED: &str = "\
    INSERT INTO session (key, version, expires_at, principal, meta, payload) SELECT ?1, ?2, ?3, ?4, ?5, ?6 \
    WHERE EXISTS (SELECT 1 FROM session WHERE key = ?7 AND version = ?8) \
    ON CONFLICT (key) DO NOTHING";
const DELETE: &str = "DELETE FROM session WHERE key = ?1";
const TOUCH: &str = "UPDATE session SET expires_at = max(expires_at, ?2) WHERE key = ?1";
const PURGE: &str = "\
    DELETE FROM session WHERE rowid IN (SELECT rowid FROM session WHERE expires_at <= ?1 LIMIT ?2)";

/// An operation for the writer.
pub(crate) enum Change {
    /// Stores a row if there is none.
    Create { key: RecordKey, row: Row },
    /// Stores a row in place of the one with that version. No version matches `None`, as nothing equals NULL.
    Update { key: RecordKey, row: Row, expected: Option<i64> },
    /// Stores a row.
    Overwrite { key: RecordKey, row: Row },
    /// Retires one row and creates its successor.
    Replace { old: RecordKey, expected: Option<i64>, retired: Row, new: RecordKey, row: Row },
    /// Removes a row.
    Delete { key: RecordKey },
    /// Moves an expiry forward.
    Touch { key: RecordKey, expires_at: i64 },
    /// Removes some rows that expired.
    Purge { now: i64, limit: i64 },
}

/// What an operation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Applied {
    /// How many rows it stored, removed or found.
    pub(crate) rows: usize,
    /// The version of the row that it stored last; without meaning when it stored none.
    pub(crate) version: i64,
}

impl Change {
    /// The operation's name in errors.
    pub(crate) fn operation(&self) -> &'static str {
        match self {
            Self::Create { .. } | Self::Update { .. } | Self::Overwrite { .. } => "write",
            Self::Replace { .. } => "replace",
            Self::Delete { .. } => "delete",
            Self::Touch { .. } => "touch",
            Self::Purge { .. } => "purge",
        }
    }

    /// Whether having found no row means that a condition did not hold.
    pub(crate) fn is_conditional(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Update { .. } | Self::Replace { .. })
    }

    /// Does it, inside the transaction that is open.
    pub(crate) fn apply(&self, tables: &mut Tables<'_>) -> rusqlite::Result<Applied> {
        match self {
            Self::Create { key, row } => tables.insert(CREATE, key, row),
            Self::Overwrite { key, row } => tables.insert(OVERWRITE, key, row),
            Self::Update { key, row, expected } => tables.update(key, row, *expected),
            Self::Replace { old, expected, retired, new, row } => {
                let applied = tables.succeed(new, row, old, *expected)?;
                if applied.rows > 0 {
                    tables.update(old, retired, *expected)?;
                }
                Ok(applied)
            }
            Self::Delete { key } => tables.run(DELETE, params![key.as_bytes()]),
            Self::Touch { key, expires_at } => tables.run(TOUCH, params![key.as_bytes(), expires_at]),
            Self::Purge { now, limit } => tables.run(PURGE, params![now, limit]),
        }
    }
}

/// The tables, inside a transaction.
pub(crate) struct Tables<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) versions: &'c mut Versions,
}

impl Tables<'_> {
    fn insert(&mut self, sql: &str, key: &RecordKey, row: &Row) -> rusqlite::Result<Applied> {
        let version = self.versions.next(self.connection)?;
        let Row { expires_at, meta, payload, .. } = row;
        let rows = self.statement(sql)?.execute(params![
            key.as_bytes(),
            version,
            expires_at,
            principal(row),
            meta,
            payload
        ])?;
        Ok(Applied { rows, version })
    }

    fn update(&mut self, key: &RecordKey, row: &Row, expected: Option<i64>) -> rusqlite::Result<Applied> {
        let version = self.versions.next(self.connection)?;
        let Row { expires_at, meta, payload, .. } = row;
        let rows = self.statement(UPDATE)?.execute(params![
            key.as_bytes(),
            version,
            expires_at,
            principal(row),
            meta,
            payload,
            expected
        ])?;
        Ok(Applied { rows, version })
    }

    /// Creates a row on the condition that another one, which the same transaction then retires, is as expected.
    fn succeed(
        &mut self,
        key: &RecordKey,
        row: &Row,
        old: &RecordKey,
        expected: Option<i64>,
    ) -> rusqlite::Result<Applied> {
        let version = self.versions.next(self.connection)?;
        let Row { expires_at, meta, payload, .. } = row;
        let rows = self.statement(SUCCEED)?.execute(params![
            key.as_bytes(),
            version,
            expires_at,
            principal(row),
            meta,
            payload,
            old.as_bytes(),
            expected
        ])?;
        Ok(Applied { rows, version })
    }

    fn run(&mut self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<Applied> {
        let rows = self.statement(sql)?.execute(values)?;
        Ok(Applied { rows, version: 0 })
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }
}

fn principal(row: &Row) -> Option<&str> {
    row.principal.as_ref().map(Principal::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_index() {
        [CREATE, OVERWRITE, UPDATE, SUCCEED, DELETE, TOUCH, PURGE]
            .into_iter()
            .for_each(crate::query_plan::assert_by_index);
    }
}
