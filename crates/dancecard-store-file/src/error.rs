//! From what the system says to the errors that callers act on.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use dancecard_core::{Error, ErrorKind, Retry};

use crate::fault::Fault;

pub(crate) const ENGINE: &str = "file";

/// An error of this engine.
pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

/// The error of an operation whose thread is gone.
pub(crate) fn stopped(operation: &'static str, retry: Retry) -> Error {
    new(ErrorKind::Unavailable, operation).with_retry(retry).with_detail("the engine's thread has ended")
}

/// The error for a file that is not a record.
pub(crate) fn unreadable(operation: &'static str, fault: Fault) -> Error {
    new(ErrorKind::Corrupt, operation)
        .with_detail(format!("a stored file is not a record: {fault}; correct it or delete it"))
        .with_source(fault)
}

/// What kept an operation from beginning. Several may have been kept by it, so it can be told more than once.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: ErrorKind,
    retry: Retry,
    remedy: Cow<'static, str>,
    /// It holds no path.
    cause: Option<Arc<io::Error>>,
}

impl Failure {
    /// For something that the configuration must be changed for.
    pub(crate) fn config(remedy: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: ErrorKind::Config, retry: Retry::Never, remedy: remedy.into(), cause: None }
    }

    /// For something that may be otherwise soon.
    pub(crate) fn unavailable(remedy: &'static str) -> Self {
        Self { kind: ErrorKind::Unavailable, retry: Retry::Safe, remedy: remedy.into(), cause: None }
    }

    /// As the error of an operation.
    pub(crate) fn at(&self, operation: &'static str) -> Error {
        let error = new(self.kind, operation).with_retry(self.retry).with_detail(self.remedy.clone());
        match &self.cause {
            Some(cause) => error.with_source(Arc::clone(cause)),
            None => error,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        let Verdict(kind, retry, remedy) = verdict(&cause);
        Self { kind, retry, remedy: remedy.into(), cause: Some(Arc::new(cause)) }
    }
}

/// What the system refused before anything was changed.
pub(crate) fn failed(operation: &'static str, cause: io::Error) -> Error {
    Failure::from(cause).at(operation)
}

/// What the system reported when the change may have been made: it is there for every reader, or it is not, and
/// nobody knows whether it will be after a loss of power.
pub(crate) fn unclear(operation: &'static str, cause: impl Into<Arc<io::Error>>) -> Error {
    new(ErrorKind::Unavailable, operation)
        .with_retry(Retry::Unknown)
        .with_detail("the system failed while the change was being made")
        .with_source(cause.into())
}

/// What the system said to a rename, a link or a removal. Only some of its answers mean for sure that nothing happened.
pub(crate) fn refused(operation: &'static str, cause: io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::Other | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
            unclear(operation, cause)
        }
        _ if is_io_error(&cause) => unclear(operation, cause),
        _ => failed(operation, cause),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Verdict(ErrorKind, Retry, &'static str);

fn verdict(cause: &io::Error) -> Verdict {
    use ErrorKind::{Config, Corrupt, Full, Unavailable};
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Verdict(
            Full,
            Retry::Safe,
            "the disk, or this user's share of it, is used up; make room or purge expired sessions",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Verdict(
            Config,
            Retry::Never,
            "the folder, or a file in it, may not be read or written by this process; see to its owner and its \
             permissions",
        ),
        io::ErrorKind::NotADirectory => {
            Verdict(Config, Retry::Never, "a part of the path is not a folder but something else")
        }
        io::ErrorKind::NotFound => Verdict(
            Unavailable,
            Retry::Safe,
            "the folder, or a part of it, is gone; put it back, or let the engine make it again",
        ),
        io::ErrorKind::InvalidData => Verdict(
            Corrupt,
            Retry::Never,
            "what is stored is no file of this engine, but a link, a folder or something larger; delete it",
        ),
        _ if is_out_of_files(cause) => {
            Verdict(Unavailable, Retry::Safe, "too many files are open; raise the limit of the process")
        }
        _ => Verdict(Unavailable, Retry::Safe, "the system reported an error"),
    }
}

#[cfg(unix)]
fn is_out_of_files(cause: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| cause.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(not(unix))]
fn is_out_of_files(_: &io::Error) -> bool {
    false
}

#[cfg(unix)]
fn is_io_error(cause: &io::Error) -> bool {
    cause.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

#[cfg(not(unix))]
fn is_io_error(_: &io::Error) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn each_answer_of_the_system_says_what_to_do() {
        use ErrorKind::{Config, Corrupt, Full, Unavailable};
        let cases = [
            (Errno::NOSPC, Full, Retry::Safe),
            (Errno::DQUOT, Full, Retry::Safe),
            (Errno::FBIG, Full, Retry::Safe),
            (Errno::ACCESS, Config, Retry::Never),
            (Errno::PERM, Config, Retry::Never),
            (Errno::ROFS, Config, Retry::Never),
            (Errno::NOTDIR, Config, Retry::Never),
            (Errno::NOENT, Unavailable, Retry::Safe),
            (Errno::MFILE, Unavailable, Retry::Safe),
            (Errno::IO, Unavailable, Retry::Safe),
        ];
        for (errno, kind, retry) in cases {
            let error = failed("write", errno.into());
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{errno}");
            assert!(error.to_string().starts_with("file: write: "), "{error}");
        }
        assert_eq!(failed("load", io::ErrorKind::InvalidData.into()).kind(), Corrupt);
    }

    #[test]
    fn only_a_change_that_may_have_been_made_is_unknown() {
        for (errno, retry) in
            [(Errno::IO, Retry::Unknown), (Errno::NOSPC, Retry::Safe), (Errno::ROFS, Retry::Never)]
        {
            assert_eq!(refused("write", errno.into()).retry(), retry, "{errno}");
        }
        assert_eq!(unclear("write", io::Error::from(Errno::NOSPC)).retry(), Retry::Unknown);
    }
}
