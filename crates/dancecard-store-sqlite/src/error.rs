//! From SQLite's result codes to the errors that callers act on.

use std::sync::Arc;

use dancecard_core::{Error, ErrorKind, Retry};
use rusqlite::ErrorCode;

pub(crate) const ENGINE: &str = "sqlite";

/// An error of this engine.
pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

/// The error of an operation whose thread is gone.
pub(crate) fn stopped(operation: &'static str, retry: Retry) -> Error {
    new(ErrorKind::Unavailable, operation).with_retry(retry).with_detail("the engine's thread has ended")
}

/// The same error for another of those who waited for what failed once for all of them.
pub(crate) fn again(error: &Arc<Error>) -> Error {
    let same = new(error.kind(), error.operation()).with_retry(error.retry()).with_source(Arc::clone(error));
    match error.detail() {
        Some(detail) => same.with_detail(detail.to_owned()),
        None => same,
    }
}

/// The error for a row that is not a record.
pub(crate) fn unreadable(operation: &'static str, cause: Error) -> Error {
    new(ErrorKind::Corrupt, operation)
        .with_detail(
            "a stored record is not readable by this release; delete it, or run the release that wrote it",
        )
        .with_source(cause)
}

/// How far an operation had come when SQLite refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The file was being opened.
    Open,
    /// There was no transaction yet.
    Begin,
    /// Inside a transaction, which is then rolled back.
    Statement,
    /// The transaction was being committed.
    Commit,
}

/// What SQLite refused, and when. Several operations may have failed by it, so it can be told more than once.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    stage: Stage,
    // Its text holds names, paths and SQL, never a bound value: those are all parameters.
    cause: Arc<rusqlite::Error>,
}

impl Failure {
    /// For `map_err`.
    pub(crate) fn at(stage: Stage) -> impl Fn(rusqlite::Error) -> Self {
        move |cause| Self { stage, cause: Arc::new(cause) }
    }

    /// Whether nothing was done for any operation of the batch, and each may fare better alone.
    pub(crate) fn allows_another_try(&self) -> bool {
        self.stage != Stage::Begin && !self.outcome_is_unknown()
    }

    /// Whether the transaction did not even begin.
    pub(crate) fn is_at_begin(&self) -> bool {
        self.stage == Stage::Begin
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }

    /// As the error of an operation.
    pub(crate) fn to_error(&self, operation: &'static str) -> Error {
        let Verdict(kind, retry, remedy) = verdict(self.code(), self.stage);
        let retry = if self.outcome_is_unknown() { Retry::Unknown } else { retry };
        new(kind, operation).with_retry(retry).with_detail(remedy).with_source(Arc::clone(&self.cause))
    }

    /// Whether the operation may yet turn out to have happened.
    ///
    /// A failed commit is undone in this process's view. But once its last frame is in the log, as when only the
    /// flush failed, a crash before the next commit lets recovery find it there. A full disk cuts that frame short.
    fn outcome_is_unknown(&self) -> bool {
        let known = matches!(self.code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy));
        self.stage == Stage::Commit && !known
    }

    fn code(&self) -> Option<ErrorCode> {
        self.cause.sqlite_error_code()
    }
}

struct Verdict(ErrorKind, Retry, &'static str);

fn verdict(code: Option<ErrorCode>, stage: Stage) -> Verdict {
    use ErrorKind::{Config, Corrupt, Full, Other, TooLarge, Unavailable};
    match code {
        Some(ErrorCode::DiskFull) => Verdict(
            Full,
            Retry::Safe,
            "the disk, or max_size, is used up; make room or purge expired sessions",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            Verdict(Unavailable, Retry::Safe, "another process kept the database locked beyond timeout_ms")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Verdict(
            Corrupt,
            Retry::Never,
            "the file is damaged or not a SQLite database; restore it from a backup, or move it away",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Verdict(Config, Retry::Never, "make the file and its directory writable for this process")
        }
        Some(ErrorCode::CannotOpen) if stage == Stage::Open => Verdict(
            Config,
            Retry::Never,
            "the file can't be opened; its directory must exist and be readable and writable for this process",
        ),
        Some(ErrorCode::CannotOpen) => Verdict(
            Unavailable,
            Retry::Safe,
            "the file can't be opened any more; check directory and open files",
        ),
        Some(ErrorCode::SystemIoFailure) => {
            Verdict(Unavailable, Retry::Safe, "the operating system reported an I/O error on the file")
        }
        Some(ErrorCode::OutOfMemory) => Verdict(Unavailable, Retry::Safe, "there is no memory left"),
        Some(ErrorCode::TooBig) => Verdict(TooLarge, Retry::Never, "the row is larger than SQLite allows"),
        _ => Verdict(Other, Retry::Never, "SQLite refused; the source says why"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failure(stage: Stage, code: i32) -> Failure {
        Failure::at(stage)(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn each_code_says_what_to_do() {
        use ErrorKind::{Config, Corrupt, Full, Other, TooLarge, Unavailable};
        let cases = [
            (ffi::SQLITE_FULL, Full, Retry::Safe),
            (ffi::SQLITE_BUSY, Unavailable, Retry::Safe),
            (ffi::SQLITE_BUSY_SNAPSHOT, Unavailable, Retry::Safe),
            (ffi::SQLITE_LOCKED, Unavailable, Retry::Safe),
            (ffi::SQLITE_PROTOCOL, Unavailable, Retry::Safe),
            (ffi::SQLITE_CORRUPT, Corrupt, Retry::Never),
            (ffi::SQLITE_NOTADB, Corrupt, Retry::Never),
            (ffi::SQLITE_READONLY, Config, Retry::Never),
            (ffi::SQLITE_READONLY_DBMOVED, Config, Retry::Never),
            (ffi::SQLITE_PERM, Config, Retry::Never),
            (ffi::SQLITE_CANTOPEN, Unavailable, Retry::Safe),
            (ffi::SQLITE_IOERR_READ, Unavailable, Retry::Safe),
            (ffi::SQLITE_NOMEM, Unavailable, Retry::Safe),
            (ffi::SQLITE_TOOBIG, TooLarge, Retry::Never),
            (ffi::SQLITE_CONSTRAINT, Other, Retry::Never),
        ];
        for (code, kind, retry) in cases {
            let error = failure(Stage::Statement, code).to_error("write");
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{code}");
            assert!(error.to_string().starts_with("sqlite: write: "), "{error}");
        }
        assert_eq!(failure(Stage::Open, ffi::SQLITE_CANTOPEN).to_error("open").kind(), Config);
    }

    #[test]
    fn only_a_commit_can_be_unknown() {
        for stage in [Stage::Open, Stage::Begin, Stage::Statement] {
            assert_eq!(failure(stage, ffi::SQLITE_IOERR_FSYNC).to_error("write").retry(), Retry::Safe);
        }
        let retry = |code| failure(Stage::Commit, code).to_error("write").retry();
        assert_eq!(retry(ffi::SQLITE_IOERR_FSYNC), Retry::Unknown);
        assert_eq!(retry(ffi::SQLITE_NOMEM), Retry::Unknown);
        assert_eq!(retry(ffi::SQLITE_FULL), Retry::Safe);
        assert_eq!(retry(ffi::SQLITE_BUSY), Retry::Safe);
    }

    #[test]
    fn what_may_have_happened_is_not_tried_again() {
        assert!(failure(Stage::Statement, ffi::SQLITE_IOERR_READ).allows_another_try());
        assert!(failure(Stage::Commit, ffi::SQLITE_FULL).allows_another_try());
        assert!(!failure(Stage::Commit, ffi::SQLITE_IOERR_FSYNC).allows_another_try());
        assert!(!failure(Stage::Begin, ffi::SQLITE_BUSY).allows_another_try());
    }
}
