//! Where versions come from.

use rusqlite::Connection;

const RESERVE: &str = "UPDATE version_counter SET next = next + ?1 RETURNING next";

/// Versions at a time. Large, because reserving writes a page; no matter, because 2^63 of them never run out.
const BLOCK: i64 = 1 << 20;

/// A source of numbers that no record of this database ever had.
///
/// The counter in the database is the lowest number never handed out. It is moved past a whole block in the very
/// transaction that first writes with a number of that block, so a number that can be seen in the file was taken off
/// the counter in the same commit or an earlier one. Whoever opens the file next, after whatever end of this process,
/// or writes to it at the same time from another one, reserves behind it. That makes a number unique in the whole
/// database, and so for a key, deleted and recreated or not, without a page to write for each commit.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    next: i64,
    end: i64,
}

impl Versions {
    /// The next number. To be called inside the transaction that writes it.
    pub(crate) fn next(&mut self, connection: &Connection) -> rusqlite::Result<i64> {
        if self.next == self.end {
            self.end = connection.prepare_cached(RESERVE)?.query_row([BLOCK], |row| row.get(0))?;
            self.next = self.end - BLOCK;
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Lets go of the rest of the block: the transaction that reserved it may have been rolled back.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn database() -> Connection {
        schema::in_memory(schema::STEPS)
    }

    #[test]
    fn blocks_follow_each_other_without_overlap() {
        let connection = database();
        let (mut one, mut other) = (Versions::default(), Versions::default());
        assert_eq!((one.next(&connection).unwrap(), other.next(&connection).unwrap()), (1, 1 + BLOCK));
        one.next = one.end - 1;
        assert_eq!((one.next(&connection).unwrap(), one.next(&connection).unwrap()), (BLOCK, 1 + 2 * BLOCK));
    }

    #[test]
    fn a_block_whose_reservation_was_rolled_back_is_reserved_anew() {
        let connection = database();
        let mut versions = Versions::default();
        connection.execute_batch("BEGIN").unwrap();
        assert_eq!(versions.next(&connection).unwrap(), 1);
        connection.execute_batch("ROLLBACK").unwrap();
        versions.forget();
        assert_eq!(versions.next(&connection).unwrap(), 1);
        assert_eq!(Versions::default().next(&connection).unwrap(), 1 + BLOCK);
    }

    #[test]
    fn what_is_left_of_a_block_is_never_given_out_again() {
        let connection = database();
        let mut versions = Versions::default();
        let first = versions.next(&connection).unwrap();
        versions.forget();
        assert!(versions.next(&connection).unwrap() >= first + BLOCK);
    }
}
