//! The operations that write, each a statement whose condition is part of it.
//!
//! So an operation whose condition does not hold changes nothing, and many of them can share a transaction without
//! a savepoint around each. What writes over a row is tried in the cheapest form first; if that finds no row, in the one
//! for all cases.

use dancecard_core::{Principal, RecordKey};
use rusqlite::{CachedStatement, Connection, ToSql, params};

use crate::place;
use crate::row::Row;
use crate::versions::Versions;

pub(crate) const CREATE: &str = concat!(
    "INSERT INTO dancecard_session (id, key, version, expires_at, purge_at, principal, meta, payload) VALUES (",
    place::found_or_free!(),
    ", ?2, ?3, ?4, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING"
);
const OVERWRITE: &str = concat!(
    "INSERT INTO dancecard_session (id, key, version, expires_at, purge_at, principal, meta, payload) VALUES (",
    place::found_or_free!(),
    ", ?2, ?3, ?4, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET version = excluded.version, \
     expires_at = excluded.expires_at, purge_at = excluded.purge_at, principal = excluded.principal, \
     meta = excluded.meta, payload = excluded.payload"
);
/// Writes no index, since it changes nothing that is in one: most writes over a row are like that.
macro_rules! in_place {
    () => {
        "UPDATE dancecard_session SET version = ?3, expires_at = ?4, meta = ?6, payload = ?7 \
         WHERE id = ?1 AND key = ?2 AND principal IS ?5 AND purge_at <= ?4"
    };
}
const OVERWRITE_IN_PLACE: &str = in_place!();
const UPDATE_IN_PLACE: &str = concat!(in_place!(), " AND version = ?8");
const UPDATE: &str = concat!(
    "UPDATE dancecard_session SET version = ?3, expires_at = ?4, purge_at = min(purge_at, ?4), principal = ?5, \
     meta = ?6, payload = ?7 WHERE version = ?8 AND id = ",
    place::found!("?1", "?2")
);
const SUCCEED: &str = concat!(
    "INSERT INTO dancecard_session (id, key, version, expires_at, purge_at, principal, meta, payload) SELECT ",
    place::found_or_free!(),
    ", ?2, ?3, ?4, ?4, ?5, ?6, ?7 \
     WHERE EXISTS (SELECT 1 FROM dancecard_session WHERE version = ?10 AND id = ",
    place::found!("?8", "?9"),
    ") ON CONFLICT (id) DO NOTHING"
);
const DELETE: &str = concat!("DELETE FROM dancecard_session WHERE id = ", place::found!("?1", "?2"));
const TOUCH: &str = concat!(
    "UPDATE dancecard_session SET expires_at = max(expires_at, ?3) WHERE id = ",
    place::found!("?1", "?2")
);
/// Of what a purge would look at, that which is still alive has to wait until it expires.
const KEEP: &str = "\
    UPDATE dancecard_session SET purge_at = expires_at WHERE expires_at > ?1 AND id IN \
        (SELECT id FROM dancecard_session WHERE purge_at <= ?1 ORDER BY purge_at LIMIT ?2)";
const PURGE: &str = "\
    DELETE FROM dancecard_session WHERE expires_at <= ?1 AND id IN \
        (SELECT id FROM dancecard_session WHERE purge_at <= ?1 ORDER BY purge_at LIMIT ?2)";

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
    /// Whether there may be more that it would have removed, had it been allowed to look at more rows.
    pub(crate) is_more: bool,
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
            Self::Create { key, row } => tables.create(key, row),
            Self::Overwrite { key, row } => tables.overwrite(key, row),
            Self::Update { key, row, expected } => tables.update(key, row, *expected),
            Self::Replace { old, expected, retired, new, row } => {
                let applied = tables.succeed(new, row, old, *expected)?;
                if applied.rows > 0 {
                    tables.update(old, retired, *expected)?;
                }
                Ok(applied)
            }
            Self::Delete { key } => tables.run(DELETE, params![place::of(key.as_bytes()), key.as_bytes()]),
            Self::Touch { key, expires_at } => {
                tables.run(TOUCH, params![place::of(key.as_bytes()), key.as_bytes(), expires_at])
            }
            Self::Purge { now, limit } => tables.purge(*now, *limit),
        }
    }
}

/// The tables, inside a transaction.
pub(crate) struct Tables<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) versions: &'c mut Versions,
}

impl Tables<'_> {
    fn create(&mut self, key: &RecordKey, row: &Row) -> rusqlite::Result<Applied> {
        let version = self.versions.next(self.connection)?;
        let (key, who) = (key.as_bytes(), principal(row));
        let Row { expires_at, meta, payload, .. } = row;
        self.store(&[CREATE], version, params![place::of(key), key, version, expires_at, who, meta, payload])
    }

    fn overwrite(&mut self, key: &RecordKey, row: &Row) -> rusqlite::Result<Applied> {
        let version = self.versions.next(self.connection)?;
        let (key, who, place) = (key.as_bytes(), principal(row), place::of(key.as_bytes()));
        let Row { expires_at, meta, payload, .. } = row;
        let values = params![place, key, version, expires_at, who, meta, payload];
        self.store(&[OVERWRITE_IN_PLACE, OVERWRITE], version, values)
    }

    fn update(&mut self, key: &RecordKey, row: &Row, expected: Option<i64>) -> rusqlite::Result<Applied> {
        let version = self.versions.next(self.connection)?;
        let (key, who, place) = (key.as_bytes(), principal(row), place::of(key.as_bytes()));
        let Row { expires_at, meta, payload, .. } = row;
        let values = params![place, key, version, expires_at, who, meta, payload, expected];
        self.store(&[UPDATE_IN_PLACE, UPDATE], version, values)
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
        let (key, old, who) = (key.as_bytes(), old.as_bytes(), principal(row));
        let Row { expires_at, meta, payload, .. } = row;
        let (place, before) = (place::of(key), place::of(old));
        let values = params![place, key, version, expires_at, who, meta, payload, before, old, expected];
        self.store(&[SUCCEED], version, values)
    }

    /// The first of the statements that stores a row, if one does.
    fn store(&self, statements: &[&str], version: i64, values: &[&dyn ToSql]) -> rusqlite::Result<Applied> {
        let mut rows = 0;
        for sql in statements {
            rows = self.statement(sql)?.execute(values)?;
            if rows > 0 {
                break;
            }
        }
        Ok(Applied { rows, version, is_more: false })
    }

    /// Looks at so many rows that are due, removes those that expired, and has the others wait until they do.
    fn purge(&self, now: i64, limit: i64) -> rusqlite::Result<Applied> {
        let gone = self.statement(PURGE)?.execute(params![now, limit])?;
        let rest = limit.saturating_sub_unsigned(gone as u64);
        let kept = if rest > 0 { self.statement(KEEP)?.execute(params![now, rest])? } else { 0 };
        Ok(Applied { rows: gone, version: 0, is_more: kept as i64 == rest })
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<Applied> {
        let rows = self.statement(sql)?.execute(values)?;
        Ok(Applied { rows, version: 0, is_more: false })
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
        [CREATE, OVERWRITE, OVERWRITE_IN_PLACE, UPDATE_IN_PLACE, UPDATE, SUCCEED, DELETE, TOUCH, KEEP, PURGE]
            .into_iter()
            .for_each(crate::query_plan::assert_by_index);
    }
}
