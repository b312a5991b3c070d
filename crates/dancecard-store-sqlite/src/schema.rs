//! Whose file it is, and bringing its schema up to date.

use dancecard_core::{ErrorKind, Result};
use rusqlite::{Connection, TransactionBehavior};

use crate::error::{self, Failure, Stage};

/// `dcrd`, in the header of every database that this engine made.
const APPLICATION_ID: i32 = 0x6463_7264;

/// Each step takes the schema from the version that is its place in the list to the next one.
pub(crate) const STEPS: &[&str] = &[include_str!("schema.sql")];

/// `application_id` and `user_version` are in the file's header, so they change with the schema or not at all.
const STATE: &str = "\
    SELECT (SELECT application_id FROM pragma_application_id), \
           (SELECT user_version FROM pragma_user_version), \
           EXISTS (SELECT 1 FROM sqlite_schema)";

/// How many steps the schema has behind it.
///
/// # Errors
/// [`ErrorKind::Config`] for a database of another application or of a newer release.
pub(crate) fn inspect(connection: &Connection, steps: &[&str]) -> Result<usize> {
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

/// Takes the steps that are missing, in one transaction. Of several processes that start at once, one takes them.
pub(crate) fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<()> {
    if inspect(connection, steps)? == steps.len() {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(refused)?;
    let done = inspect(&transaction, steps)?;
    for step in &steps[done..] {
        transaction.execute_batch(step).map_err(refused)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(refused)?;
    transaction.pragma_update(None, "user_version", steps.len() as i64).map_err(refused)?;
    transaction.commit().map_err(refused)
}

fn refused(cause: rusqlite::Error) -> dancecard_core::Error {
    Failure::at(Stage::Open)(cause).to_error("open")
}

fn config(remedy: String) -> dancecard_core::Error {
    error::new(ErrorKind::Config, "open").with_detail(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "ALTER TABLE session ADD COLUMN origin TEXT; UPDATE session SET origin = 'before'";

    fn made_with(steps: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, steps).unwrap();
        connection
    }

    fn row(connection: &Connection) -> rusqlite::Result<(i64, Option<String>)> {
        connection.query_row("SELECT version, origin FROM session", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    const ROW: &str =
        "INSERT INTO session (key, version, expires_at, meta, payload) VALUES (x'01', 5, 0, x'', x'')";

    #[test]
    fn an_old_database_gets_the_steps_that_it_lacks() {
        let mut connection = made_with(STEPS);
        connection.execute(ROW, []).unwrap();
        let steps = [STEPS[0], NEXT];
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
        let steps = [STEPS[0], NEXT];
        let connection = made_with(&steps);
        assert_eq!(inspect(&connection, &steps).unwrap(), 2);
        assert!(row(&connection).is_err_and(|error| error == rusqlite::Error::QueryReturnedNoRows));
    }

    #[test]
    fn a_step_that_fails_leaves_the_database_as_it_was() {
        let mut connection = made_with(STEPS);
        connection.execute(ROW, []).unwrap();
        assert!(migrate(&mut connection, &[STEPS[0], NEXT, "DROP TABLE missing"]).is_err());
        assert_eq!(inspect(&connection, STEPS).unwrap(), 1);
        assert!(row(&connection).is_err(), "the column must be gone again");
    }

    #[test]
    fn an_older_release_refuses_it() {
        let connection = made_with(&[STEPS[0], NEXT]);
        let error = inspect(&connection, STEPS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("schema version 2"), "{error}");
    }
}
