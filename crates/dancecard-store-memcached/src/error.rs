//! From what goes wrong on the way to the errors that callers act on.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use dancecard_core::{Error, ErrorKind, Retry};

use crate::address::Address;
use crate::connection::{Cause, Lost};
use crate::reply::Refusal;

pub(crate) const ENGINE: &str = "memcached";

/// An error of this engine.
pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

/// The error for something under our key that is not a record.
pub(crate) fn unreadable(operation: &'static str, cause: Option<Error>) -> Error {
    let error = new(ErrorKind::Corrupt, operation).with_detail(
        "what is stored is not a record of this release; delete it, give this application a prefix of its own, \
         or run the release that wrote it",
    );
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

/// The error for a reply that makes no sense here.
pub(crate) fn unexpected(operation: Operation) -> Error {
    let retry = if operation.changes { Retry::Unknown } else { Retry::Safe };
    new(ErrorKind::Unavailable, operation.name)
        .with_retry(retry)
        .with_detail("the server's reply makes no sense; is it memcached 1.6?")
}

/// An operation as errors know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Whether it changes anything. What changes nothing can be repeated.
    pub(crate) changes: bool,
}

impl Operation {
    pub(crate) const LOAD: Self = Self { name: "load", changes: false };
    pub(crate) const WRITE: Self = Self { name: "write", changes: true };
    pub(crate) const DELETE: Self = Self { name: "delete", changes: true };
    pub(crate) const HEALTH: Self = Self { name: "health", changes: false };
}

/// Why a server did not do what it was asked. Several callers may wait for one connection, so it can be told to each.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: ErrorKind,
    retry: Retry,
    what: Cow<'static, str>,
    source: Option<Arc<io::Error>>,
}

impl Failure {
    fn new(kind: ErrorKind, retry: Retry, what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, retry, what: what.into(), source: None }
    }

    /// The server could not be connected to.
    pub(crate) fn unreachable(address: &Address, cause: io::Error) -> Self {
        let what = format!("no connection to {address}; is it up, and is the address right?");
        let source = Some(Arc::new(cause));
        Self { source, ..Self::new(ErrorKind::Unavailable, Retry::Safe, what) }
    }

    /// Nobody answered while the connection was made.
    pub(crate) fn silent(address: &Address) -> Self {
        let what = format!("{address} did not answer within timeout_ms");
        Self::new(ErrorKind::Unavailable, Retry::Safe, what)
    }

    /// A command got no reply.
    pub(crate) fn lost(address: &Address, lost: Lost) -> Self {
        let what = match lost.cause {
            Cause::Closed => format!("the connection to {address} has ended"),
            Cause::Garbled => format!("what {address} sent is not a reply to what it was asked"),
            Cause::TimedOut => format!("{address} did not answer within timeout_ms"),
            Cause::Crowded => {
                format!("too many operations wait for {address}; raise `queue`, or send fewer at once")
            }
        };
        let retry = if lost.sent { Retry::Unknown } else { Retry::Safe };
        Self::new(ErrorKind::Unavailable, retry, what)
    }

    /// The connection came to nothing before any operation was sent.
    pub(crate) fn greeting(address: &Address, lost: Lost) -> Self {
        match lost.cause {
            Cause::Garbled => Self::stranger(address),
            _ => Self::lost(address, Lost { sent: false, ..lost }),
        }
    }

    /// There is no server that could be asked.
    pub(crate) fn no_server() -> Self {
        Self::new(ErrorKind::Unavailable, Retry::Safe, "no server can be reached")
    }

    /// What is to be replaced is not there any more: its server was restarted since.
    pub(crate) fn conflict() -> Self {
        Self::new(ErrorKind::Conflict, Retry::Never, "the server was restarted since")
    }

    /// The system gave no random bytes to mark a server with.
    pub(crate) fn no_randomness() -> Self {
        Self::new(ErrorKind::Random, Retry::Safe, "no random bytes to mark the server with")
    }

    /// There is nothing that could drive a connection.
    pub(crate) fn no_runtime() -> Self {
        let what =
            "there is no tokio runtime here; call the engine from within one, with I/O and time enabled";
        Self::new(ErrorKind::Config, Retry::Never, what)
    }

    /// What answers is not memcached, or too old.
    pub(crate) fn stranger(address: &Address) -> Self {
        let what = format!(
            "{address} does not answer as memcached 1.6 does; check the address and the server's version"
        );
        Self::new(ErrorKind::Config, Retry::Never, what)
    }

    /// The item has so many bytes more than the server takes.
    pub(crate) fn too_large(bytes: usize, limit: usize) -> Self {
        let what = format!(
            "the record has {bytes} bytes, the server takes {limit} with key and overhead; \
             raise its item size limit (-I) and max_payload, or store less"
        );
        Self::new(ErrorKind::TooLarge, Retry::Never, what)
    }

    /// The server answered with a refusal.
    pub(crate) fn refused(address: &Address, refusal: Refusal) -> Self {
        use ErrorKind::{Config, Full, TooLarge, Unavailable};
        let (kind, retry, what): (_, _, Cow<'static, str>) = match refusal {
            Refusal::TooLarge => {
                (TooLarge, Retry::Never, "the record is larger than the server's items".into())
            }
            Refusal::OutOfMemory => (
                Full,
                Retry::Safe,
                format!("{address} has no memory left; give it more (-m), or let it evict (no -M)").into(),
            ),
            Refusal::Unauthenticated => {
                (Config, Retry::Never, format!("{address} asks for a username and a password").into())
            }
            Refusal::WrongPassword => {
                (Config, Retry::Never, format!("{address} refuses this username and password").into())
            }
            Refusal::Unknown => return Self::stranger(address),
            Refusal::Other => (
                Unavailable,
                Retry::Unknown,
                format!("{address} reports an error of its own; see its log").into(),
            ),
        };
        Self::new(kind, retry, what)
    }

    /// Whether the server certainly did not get the command, so that another may be asked.
    pub(crate) fn allows_another_server(&self) -> bool {
        self.kind == ErrorKind::Unavailable && self.retry == Retry::Safe
    }

    /// As the error of an operation.
    pub(crate) fn into_error(self, operation: Operation) -> Error {
        let retry = match self.retry {
            Retry::Unknown if !operation.changes => Retry::Safe,
            retry => retry,
        };
        let error = new(self.kind, operation.name).with_retry(retry).with_detail(self.what);
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address::parse("cache:11300").unwrap()
    }

    #[test]
    fn only_what_was_sent_and_changes_something_is_unknown() {
        let retry = |sent, operation| {
            let failure = Failure::lost(&address(), Lost { sent, cause: Cause::Closed });
            failure.into_error(operation).retry()
        };
        assert_eq!(retry(true, Operation::WRITE), Retry::Unknown);
        assert_eq!(retry(true, Operation::DELETE), Retry::Unknown);
        assert_eq!(retry(false, Operation::WRITE), Retry::Safe);
        assert_eq!(retry(true, Operation::LOAD), Retry::Safe);
        assert_eq!(retry(true, Operation::HEALTH), Retry::Safe);
    }

    #[test]
    fn refusals_say_what_to_do() {
        use ErrorKind::{Config, Full, TooLarge, Unavailable};
        let cases = [
            (Refusal::TooLarge, TooLarge),
            (Refusal::OutOfMemory, Full),
            (Refusal::Unauthenticated, Config),
            (Refusal::WrongPassword, Config),
            (Refusal::Unknown, Config),
            (Refusal::Other, Unavailable),
        ];
        for (refusal, kind) in cases {
            let error = Failure::refused(&address(), refusal).into_error(Operation::WRITE);
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().starts_with("memcached: write: "), "{error}");
        }
    }
}
