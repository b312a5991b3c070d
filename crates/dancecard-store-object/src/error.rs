//! From what a service says to the errors that callers act on.
//!
//! What OpenDAL says of an error holds paths, which hold keys, and what the service answered, which may hold anything. So
//! none of it is passed on but its kind and the service's own word for it.

use std::fmt;

use dancecard_core::{Error, ErrorKind, Retry};

use crate::object::Fault;

pub(crate) const ENGINE: &str = "object";

/// An error of this engine.
pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

/// The error for settings that can't be used.
pub(crate) fn config(operation: &'static str, remedy: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    new(ErrorKind::Config, operation).with_detail(remedy)
}

/// The error for an object that is not a record.
pub(crate) fn unreadable(operation: &'static str, fault: Fault) -> Error {
    new(ErrorKind::Corrupt, operation)
        .with_detail(format!("a stored object is not a record: {fault}; delete it"))
        .with_source(fault)
}

/// The error of an operation that took too long. One that writes may have been done.
pub(crate) fn late(operation: &'static str, step: Step) -> Error {
    new(ErrorKind::Unavailable, operation)
        .with_retry(step.retry())
        .with_detail("the service did not answer within timeout_ms")
}

/// The error of an operation whose task was ended before it.
pub(crate) fn abandoned(operation: &'static str, step: Step) -> Error {
    new(ErrorKind::Unavailable, operation)
        .with_retry(step.retry())
        .with_detail("the runtime of the request is ending")
}

/// What a request does at the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Read,
    /// Whether it took effect matters to the caller.
    Write,
}

impl Step {
    fn retry(self) -> Retry {
        match self {
            Self::Read => Retry::Safe,
            Self::Write => Retry::Unknown,
        }
    }
}

/// What the service refused.
pub(crate) fn refused(operation: &'static str, step: Step, cause: &opendal::Error) -> Error {
    let word = word(cause.message());
    let Verdict(kind, retry, remedy) = verdict(cause, step, word);
    let detail = word.map_or_else(|| remedy.to_owned(), |word| format!("{remedy}; the service says {word}"));
    new(kind, operation).with_retry(retry).with_detail(detail).with_source(Redacted::of(cause))
}

struct Verdict(ErrorKind, Retry, &'static str);

fn verdict(cause: &opendal::Error, step: Step, word: Option<&str>) -> Verdict {
    use ErrorKind::{Config, Conflict, Full, TooLarge, Unavailable, Unsupported};
    match cause.kind() {
        _ if matches!(word, Some("EntityTooLarge" | "RequestBodyTooLarge")) => {
            Verdict(TooLarge, Retry::Never, "the service takes no object of that size")
        }
        _ if matches!(word, Some("QuotaExceeded" | "InsufficientStorage" | "AccountQuotaExceeded")) => {
            Verdict(Full, Retry::Safe, "the service has no room left; make room or purge expired sessions")
        }
        _ if is_full(cause) => {
            Verdict(Full, Retry::Safe, "the disk has no room left; make room or purge expired sessions")
        }
        opendal::ErrorKind::ConditionNotMatch
        | opendal::ErrorKind::AlreadyExists
        | opendal::ErrorKind::Conflict => Verdict(Conflict, Retry::Never, "somebody else was faster"),
        opendal::ErrorKind::NotFound | opendal::ErrorKind::ConfigInvalid => {
            Verdict(Config, Retry::Never, "the bucket or container is not there, or a setting is not usable")
        }
        opendal::ErrorKind::PermissionDenied => {
            Verdict(Config, Retry::Never, "the service does not let this process in; see to the credentials")
        }
        opendal::ErrorKind::Unsupported => {
            Verdict(Unsupported, Retry::Never, "the service does not have this ability")
        }
        opendal::ErrorKind::RateLimited => {
            Verdict(Unavailable, Retry::Safe, "the service asks for fewer requests")
        }
        _ if was_never_sent(cause) => Verdict(Unavailable, Retry::Safe, "the service could not be reached"),
        _ => Verdict(Unavailable, step.retry(), "the service failed, or did not answer"),
    }
}

/// Whether the object is not there, but the bucket is.
pub(crate) fn is_absent(cause: &opendal::Error) -> bool {
    let is_bucket = matches!(word(cause.message()), Some("NoSuchBucket" | "ContainerNotFound"));
    cause.kind() == opendal::ErrorKind::NotFound && !is_bucket
}

/// Whether there was no connection to send anything on.
fn was_never_sent(cause: &opendal::Error) -> bool {
    let mut next = std::error::Error::source(cause);
    while let Some(source) = next {
        let text = source.to_string();
        if text.contains("(Connect)") || text.contains("error trying to connect") {
            return true;
        }
        next = source.source();
    }
    false
}

/// Whether the system has no room for a file.
fn is_full(cause: &opendal::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let mut next = std::error::Error::source(cause);
    while let Some(source) = next {
        let said = source.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(said, Some(StorageFull | QuotaExceeded)) {
            return true;
        }
        next = source.source();
    }
    false
}

/// The service's own word for an error, such as `NoSuchBucket`, as it stands in what OpenDAL quotes.
fn word(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("code: \"")?;
    let (word, _) = rest.split_once('"')?;
    let is_plain = (3..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_plain.then_some(word)
}

/// The kind of an error, without what was said.
#[derive(Debug)]
struct Redacted {
    kind: opendal::ErrorKind,
    temporary: bool,
}

impl Redacted {
    fn of(cause: &opendal::Error) -> Self {
        Self { kind: cause.kind(), temporary: cause.is_temporary() }
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, if self.temporary { "temporary" } else { "permanent" })
    }
}

impl std::error::Error for Redacted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_says_what_to_do() {
        use opendal::ErrorKind as Said;
        let cases = [
            (Said::ConditionNotMatch, ErrorKind::Conflict, Retry::Never),
            (Said::ConfigInvalid, ErrorKind::Config, Retry::Never),
            (Said::PermissionDenied, ErrorKind::Config, Retry::Never),
            (Said::Unsupported, ErrorKind::Unsupported, Retry::Never),
            (Said::RateLimited, ErrorKind::Unavailable, Retry::Safe),
            (Said::Unexpected, ErrorKind::Unavailable, Retry::Unknown),
        ];
        for (said, kind, retry) in cases {
            let cause = opendal::Error::new(said, "code: \"Word\" secret").with_context("path", "secret");
            let error = refused("write", Step::Write, &cause);
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{said}");
            let source = std::error::Error::source(&error).unwrap();
            let text = format!("{error} {error:?} {source} {source:?}");
            assert!(text.contains("the service says Word") && !text.contains("secret"), "{text}");
        }
        let read = refused("load", Step::Read, &opendal::Error::new(Said::Unexpected, ""));
        assert_eq!(read.retry(), Retry::Safe);
    }

    #[test]
    fn an_absent_object_is_not_an_absent_bucket() {
        let said = |message: &str| opendal::Error::new(opendal::ErrorKind::NotFound, message);
        assert!(is_absent(&said("S3Error { code: \"NoSuchKey\" }")) && is_absent(&said("no such file")));
        assert!(!is_absent(&said("S3Error { code: \"NoSuchBucket\" }")));
        assert!(!is_absent(&opendal::Error::new(opendal::ErrorKind::Unexpected, "")));
    }

    #[test]
    fn only_plain_words_are_repeated() {
        assert_eq!(word(r#"S3Error { code: "NoSuchBucket", message: "..." }"#), Some("NoSuchBucket"));
        for message in ["", "code: \"", "code: \"a b c\"", "code: \"/sessions/6162\"", "Code: \"Word\""] {
            assert_eq!(word(message), None, "{message}");
        }
    }
}
