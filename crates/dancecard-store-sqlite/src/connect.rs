//! Connections, set up.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use dancecard_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};

use crate::config::Config;
use crate::error::{self, Failure, Stage};
use crate::schema;

/// More than there are statements, so that each is prepared once.
const STATEMENTS: usize = 16;

/// A file that begins a burst of writes anew is cut to this size, in bytes, once the burst is over.
const LOG_LIMIT: i64 = 16 << 20;

/// Older releases may damage the log when two connections recycle it at once. Only a build that was told to link
/// the system's SQLite in place of the one that comes with the crate can have one.
const OLDEST_SQLITE: i32 = 3_051_003;

/// The connection that writes: makes the file if there is none, and its schema.
pub(crate) fn writer(config: &Config) -> Result<Connection> {
    demand(rusqlite::version_number())?;
    let path = locate(config)?;
    let mut connection = connect(&path, config)?;
    // Before anything is changed, lest another application's database be.
    let done = schema::inspect(&connection, schema::STEPS)?;
    if done < schema::STEPS.len() && !config.create {
        return Err(not_to_be_made());
    }
    write_ahead(&connection, config)?;
    schema::migrate(&mut connection, schema::STEPS)?;
    set_up_writer(&connection, config).map_err(refused)?;
    Ok(connection)
}

/// A connection that reads. It may write only in that the last one to be closed tidies up the log.
pub(crate) fn reader(config: &Config) -> Result<Connection> {
    let connection = connect(&locate(config)?, config)?;
    connection.pragma_update(None, "query_only", true).map_err(refused)?;
    Ok(connection)
}

fn demand(version: i32) -> Result<()> {
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(error::new(ErrorKind::Config, "open")
        .with_detail("SQLite must be 3.51.3 or later; build with the bundled one"))
}

/// The file, made if it is missing, readable by nobody else: what sessions hold is nobody else's business. SQLite
/// gives its log the same permissions.
fn locate(config: &Config) -> Result<PathBuf> {
    let path = unmistakable(&config.path).map_err(unusable)?;
    if !config.create {
        return if path.exists() { Ok(path) } else { Err(not_to_be_made()) };
    }
    match private().open(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(unusable(cause)),
        _ => Ok(path),
    }
}

/// SQLite takes a path that begins with `file:` for a URI. An absolute one doesn't.
fn unmistakable(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn connect(path: &Path, config: &Config) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(config.timeout()).map_err(refused)?;
    connection.pragma_update(None, "synchronous", config.synchronous.as_pragma()).map_err(refused)?;
    Ok(connection)
}

/// Switches to the write-ahead log. SQLite does not wait for a lock here by itself, and another process may be
/// starting on the same new file.
fn write_ahead(connection: &Connection, config: &Config) -> Result<()> {
    let deadline = Instant::now() + config.timeout();
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode.map_err(Failure::at(Stage::Open)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(no_log()),
            Err(failure) if !failure.is_busy() || Instant::now() >= deadline => {
                return Err(failure.to_error("open"));
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn set_up_writer(connection: &Connection, config: &Config) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    // What was deleted is overwritten with zeros where that costs no further write.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    if let Some(size) = config.max_size {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(size).unwrap_or(i64::MAX) / page;
        connection.pragma_update(None, "max_page_count", pages.max(1))?;
    }
    Ok(())
}

fn refused(cause: rusqlite::Error) -> Error {
    Failure::at(Stage::Open)(cause).to_error("open")
}

fn unusable(cause: io::Error) -> Error {
    error::new(ErrorKind::Config, "open")
        .with_detail("the file can't be made; its directory must exist and be writable for this process")
        .with_source(cause)
}

fn not_to_be_made() -> Error {
    error::new(ErrorKind::Config, "open").with_detail(
        "the database is missing or older than this release, and create is off; \
         make a new one by what Config::schema_sql gives, or have an older one brought up to date by one start with create on",
    )
}

fn no_log() -> Error {
    error::new(ErrorKind::Config, "open").with_detail(
        "SQLite can't keep a write-ahead log there; use a local file system, not one of a network",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Synchronous;

    #[test]
    fn connections_are_as_durable_as_set() {
        for (level, expected) in [(Synchronous::Normal, 1), (Synchronous::Full, 2)] {
            let directory = tempfile::tempdir().unwrap();
            let config = Config::new(directory.path().join("sessions.db")).with_synchronous(level);
            for connection in [writer(&config).unwrap(), reader(&config).unwrap()] {
                let set: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
                assert_eq!(set, expected);
            }
        }
    }

    #[test]
    fn an_old_sqlite_is_refused() {
        demand(rusqlite::version_number()).unwrap();
        assert_eq!(demand(3_051_002).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn no_path_is_a_uri() {
        for path in ["file:a.db?mode=memory", ":memory:", "a.db"] {
            let path = unmistakable(Path::new(path)).unwrap();
            assert!(path.is_absolute() && !path.starts_with("file:"), "{}", path.display());
        }
    }

    #[test]
    fn readers_can_not_write() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::new(directory.path().join("sessions.db"));
        let _writer = writer(&config).unwrap();
        assert!(reader(&config).unwrap().execute("DELETE FROM dancecard_session", []).is_err());
    }
}
