//! Takes the rows of an older schema to where this release keeps them.

use std::collections::BinaryHeap;

use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::change::CREATE;
use crate::place;

/// Rows in one transaction: so many that to find those that are next costs little beside moving them.
const AT_ONCE: usize = 1 << 16;

const LAST: &str = "SELECT place, row FROM session_1_moved";
const KEYS: &str = "SELECT key, rowid FROM session_1";
const ROW: &str = "\
    SELECT key, version, expires_at, principal, meta, payload FROM session_1 WHERE rowid = ?1";
const MOVED: &str = "INSERT OR REPLACE INTO session_1_moved (only, place, row) VALUES (1, ?1, ?2)";

/// What remains to be done when all are copied.
pub(crate) const END: &str = "DROP TABLE session_1;\nDROP TABLE session_1_moved;\n";

/// Where a row will be, and its number in the old table.
type Found = (i64, i64);

/// Copies some of the rows of schema 1, and removes their table once all are copied. Whether that was all.
///
/// In the order of the new table, so that it grows at its end alone: in another order each row would take a page, or
/// several, that it shares with no other.
pub(crate) fn some(connection: &Connection) -> rusqlite::Result<bool> {
    let last = connection.query_row(LAST, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let next = next(connection, last)?;
    let Some((place, row)) = next.last() else {
        return connection.execute_batch(END).map(|()| true);
    };
    let (mut from, mut to) = (connection.prepare_cached(ROW)?, connection.prepare_cached(CREATE)?);
    next.iter().try_for_each(|(_, row)| copy(*row, &mut from, &mut to))?;
    connection.execute(MOVED, params![place, row])?;
    Ok(false)
}

/// The first of those that come after the last one. All keys are looked at for it, and few of them kept in memory.
fn next(connection: &Connection, last: Option<Found>) -> rusqlite::Result<Vec<Found>> {
    let mut first = BinaryHeap::with_capacity(AT_ONCE + 1);
    let mut keys = connection.prepare_cached(KEYS)?;
    let mut rows = keys.query([])?;
    while let Some(row) = rows.next()? {
        let found = (place::of(row.get_ref(0)?.as_blob()?), row.get(1)?);
        if Some(found) > last {
            first.push(found);
        }
        if first.len() > AT_ONCE {
            first.pop();
        }
    }
    Ok(first.into_sorted_vec())
}

fn copy(row: i64, from: &mut CachedStatement<'_>, to: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
    from.query_row([row], |row| {
        let column = |column| row.get_ref(column).map(ToSqlOutput::Borrowed);
        let key = row.get_ref(0)?.as_blob()?;
        let (version, expires_at, principal) = (column(1)?, column(2)?, column(3)?);
        let (meta, payload) = (column(4)?, column(5)?);
        to.execute(params![place::of(key), key, version, expires_at, principal, meta, payload]).map(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn rows_are_moved_some_at_a_time_each_once() {
        let connection = schema::in_memory(&schema::STEPS[..2]);
        // So many that the second turn begins among rows that want one place.
        let fill = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 66000) \
                    INSERT INTO session_1 (key, version, expires_at, principal, meta, payload) \
                    SELECT CAST(n || ' ' || iif(n < 65000, 10000000 + n, ' the same') AS BLOB), n, n, 'somebody', x'01', \
                    CAST(n AS BLOB) FROM n";
        connection.execute(fill, []).unwrap();
        for copied in [65_536, 66_000] {
            assert!(!some(&connection).unwrap());
            let count = "SELECT count(*) FROM dancecard_session";
            assert_eq!(connection.query_row(count, [], |row| row.get(0)), Ok(copied));
        }
        let alike = "SELECT (SELECT count(*) FROM session_1 AS old JOIN dancecard_session AS new USING \
                     (key, version, expires_at, principal, meta, payload)), \
                     (SELECT count(*) FROM dancecard_session WHERE id < 0)";
        let counts = connection.query_row(alike, [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(counts, Ok((66_000, 1000)));
        assert!(some(&connection).unwrap());
        assert!(connection.prepare("SELECT key FROM session_1").is_err(), "the old table is gone");
    }
}
