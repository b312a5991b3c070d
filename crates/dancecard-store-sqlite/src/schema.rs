//! Whose file it is, and bringing its schema up to date.

use dancecard_core::{ErrorKind, Result};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::{self, Failure, Stage};
use crate::moving;

/// `dcrd`, in the header of every database that this engine made.
const APPLICATION_ID: i32 = 0x6463_7264;

/// What takes the schema from the version that is its place in the list to the next one.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// Statements that take no longer however many rows there are.
    Statements(&'static str),
    /// What is done bit by bit, in a transaction each, until it says that it is done. It may be begun and ended by
    /// different processes, and by several at once. Where there are no rows, these statements are all of it.
    Gradually(fn(&Connection) -> rusqlite::Result<bool>, &'static str),
}

pub(crate) const STEPS: &[Step] = &[
    Step::Statements(include_str!("schema.sql")),
    Step::Statements(include_str!("schema/by_place.sql")),
    Step::Gradually(moving::some, moving::END),
];

/// `application_id` and `user_version` are in the file's header, so they change with the schema or not at all.
const STATE: &str = "\
    SELECT (SELECT application_id FROM pragma_application_id), \
           (SELECT user_version FROM pragma_user_version), \
           EXISTS (SELECT 1 FROM sqlite_schema)";

/// How many steps the schema has behind it.
///
/// # Errors
/// [`ErrorKind::Config`] for a database of another application or of a newer release.
pub(crate) fn inspect(connection: &Connection, steps: &[Step]) -> Result<usize> {
    let state = connection.query_row(STATE, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (application, version, has_tables): (i32, i32, bool) = state.map_err(refused)?;
    match (application, usize::try_from(version), has_tables) {
        (0, Ok(0), false) => Ok(0),
        (APPLICATION_ID, Ok(version), true) if (1..=steps.len()).contains(&version) => Ok(version),
        (APPLICATION_ID, Ok(version), true) if version > steps.len() => Err(config(format!(
            "the database has schema version {version}, this release knows up to {}; run the newer release",
            steps.len()
        ))),
        _ => Err(config(
            "the file is another application's database; give sessions a file of their own".into(),
        )),
    }
}

/// The statements that make a new database as this release wants it.
pub(crate) fn definition() -> String {
    let steps: String = STEPS
        .iter()
        .map(|step| match step {
            Step::Statements(sql) | Step::Gradually(_, sql) => *sql,
        })
        .collect();
    let version = STEPS.len();
    format!(
        "BEGIN;\n{steps}PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\nCOMMIT;\n"
    )
}

/// Takes the steps that are missing. Of several processes that start at once, one takes a step, or a bit of it, at a time;
/// of one that is killed, the next goes on where it was.
pub(crate) fn migrate(connection: &mut Connection, steps: &[Step]) -> Result<()> {
    while inspect(connection, steps)? < steps.len() {
        advance(connection, steps)?;
    }
    Ok(())
}

/// In one transaction, as many steps as there are up to the first that needs more than one.
fn advance(connection: &mut Connection, steps: &[Step]) -> Result<()> {
    let transaction = begin(connection)?;
    let mut done = inspect(&transaction, steps)?;
    for step in &steps[done..] {
        if !step.take(&transaction).map_err(refused)? {
            break;
        }
        done += 1;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(refused)?;
    transaction.pragma_update(None, "user_version", done as i64).map_err(refused)?;
    transaction.commit().map_err(refused)
}

impl Step {
    /// Whether it is behind us now.
    fn take(self, connection: &Connection) -> rusqlite::Result<bool> {
        match self {
            Self::Statements(sql) => connection.execute_batch(sql).map(|()| true),
            Self::Gradually(work, _) => work(connection),
        }
    }
}

/// Waits for the lock as long as others change the file, which they do in order to bring it up to date.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>> {
    let mut seen = changes(connection)?;
    loop {
        match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
            Ok(transaction) => return Ok(transaction),
            Err(cause) => {
                let failure = Failure::at(Stage::Open)(cause);
                let now = changes(connection)?;
                if !failure.is_busy() || now == seen {
                    return Err(failure.to_error("open"));
                }
                seen = now;
            }
        }
    }
}

/// A number that is another one after another connection has changed the file.
fn changes(connection: &Connection) -> Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(refused)
}

fn refused(cause: rusqlite::Error) -> dancecard_core::Error {
    Failure::at(Stage::Open)(cause).to_error("open")
}

fn config(remedy: String) -> dancecard_core::Error {
    error::new(ErrorKind::Config, "open").with_detail(remedy)
}

/// For tests: a new database in memory.
#[cfg(test)]
pub(crate) fn in_memory(steps: &[Step]) -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection, steps).unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const FIRST: Step = STEPS[0];
    const NEXT: Step =
        Step::Statements("ALTER TABLE session ADD COLUMN origin TEXT; UPDATE session SET origin = 'before'");
    const GROWING: Step = Step::Gradually(
        |connection| {
            connection.execute("UPDATE session SET version = version + 1", [])?;
            connection.query_row("SELECT min(version) >= 8 FROM session", [], |row| row.get(0))
        },
        "",
    );

    fn row(connection: &Connection) -> rusqlite::Result<(i64, Option<String>)> {
        connection.query_row("SELECT version, origin FROM session", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    const ROW: &str =
        "INSERT INTO session (key, version, expires_at, meta, payload) VALUES (x'01', 5, 0, x'', x'')";

    #[test]
    fn an_old_database_gets_the_steps_that_it_lacks() {
        let mut connection = in_memory(&[FIRST]);
        connection.execute(ROW, []).unwrap();
        let steps = [FIRST, NEXT];
        migrate(&mut connection, &steps).unwrap();
        assert_eq!(inspect(&connection, &steps).unwrap(), 2);
        assert_eq!(row(&connection).unwrap(), (5, Some("before".into())));
        // Once more, and nothing happens.
        connection.execute("UPDATE session SET origin = 'after'", []).unwrap();
        migrate(&mut connection, &steps).unwrap();
        assert_eq!(row(&connection).unwrap(), (5, Some("after".into())));
    }

    #[test]
    fn a_new_database_takes_all_steps_at_once() {
        let steps = [FIRST, NEXT];
        let connection = in_memory(&steps);
        assert_eq!(inspect(&connection, &steps).unwrap(), 2);
        assert!(row(&connection).is_err_and(|error| error == rusqlite::Error::QueryReturnedNoRows));
    }

    #[test]
    fn the_definition_makes_what_the_steps_make() {
        let defined = Connection::open_in_memory().unwrap();
        defined.execute_batch(&definition()).unwrap();
        assert_eq!(inspect(&defined, STEPS).unwrap(), STEPS.len());
        let made = in_memory(STEPS);
        let [defined, made] = [defined, made].map(|connection| {
            let mut all = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
            let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            all.collect::<rusqlite::Result<Vec<(String, Option<String>)>>>().unwrap()
        });
        assert!(defined == made && !made.is_empty());
    }

    #[test]
    fn a_gradual_step_is_taken_bit_by_bit_and_gone_on_with() {
        let mut connection = in_memory(&[FIRST]);
        connection.execute(ROW, []).unwrap();
        let steps = [FIRST, GROWING, NEXT];
        let mut states = Vec::new();
        while inspect(&connection, &steps).unwrap() < steps.len() {
            advance(&mut connection, &steps).unwrap();
            let version = "SELECT version FROM session";
            let reached: i64 = connection.query_row(version, [], |row| row.get(0)).unwrap();
            states.push((inspect(&connection, &steps).unwrap(), reached));
        }
        assert_eq!(
            states,
            [(1, 6), (1, 7), (3, 8)],
            "a bit is kept, and the step after the last one follows"
        );
        assert_eq!(row(&connection).unwrap(), (8, Some("before".into())));
    }

    #[test]
    fn a_step_that_fails_leaves_the_database_as_it_was() {
        let mut connection = in_memory(&[FIRST]);
        connection.execute(ROW, []).unwrap();
        let failing = Step::Statements("DROP TABLE missing");
        assert!(migrate(&mut connection, &[FIRST, NEXT, failing]).is_err());
        assert_eq!(inspect(&connection, STEPS).unwrap(), 1);
        assert!(row(&connection).is_err(), "the column must be gone again");
    }

    #[test]
    fn an_older_release_refuses_it() {
        let connection = in_memory(&[FIRST, NEXT]);
        let error = inspect(&connection, &[FIRST]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("schema version 2"), "{error}");
    }

    thread_local! {
        /// The connection that keeps the lock, and how often it will take it again.
        static OTHER: RefCell<Option<(Connection, usize)>> = const { RefCell::new(None) };
    }

    /// The other one does some work each time that it is waited for, and nobody waits for long.
    fn work_on(_: i32) -> bool {
        OTHER.with_borrow_mut(|other| {
            let (connection, times) = other.as_mut().unwrap();
            if let Some(left) = times.checked_sub(1) {
                *times = left;
                let again = if left > 0 { "BEGIN IMMEDIATE" } else { "" };
                connection
                    .execute_batch(&format!("UPDATE work SET done = done + 1; COMMIT; {again}"))
                    .unwrap();
            }
        });
        false
    }

    #[test]
    fn whoever_waits_for_the_lock_waits_as_long_as_others_are_at_work() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sessions.db");
        let (mut waiting, other) = (Connection::open(&path).unwrap(), Connection::open(&path).unwrap());
        other
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE work (done); INSERT INTO work VALUES (0)")
            .unwrap();
        waiting.busy_handler(Some(work_on)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        OTHER.set(Some((other, 0)));
        assert!(begin(&mut waiting).is_err_and(|error| error.is_unavailable()), "nothing was done meanwhile");
        OTHER.with_borrow_mut(|other| other.as_mut().unwrap().1 = 3);
        let transaction = begin(&mut waiting).unwrap();
        let done: i64 = transaction.query_row("SELECT done FROM work", [], |row| row.get(0)).unwrap();
        assert_eq!(done, 3);
    }
}
