//! From what the client and the server say to the errors that callers act on.

use std::fmt;
use std::io;
use std::sync::Arc;

use dancecard_core::{Error, ErrorKind, Retry};
use tokio_postgres::error::{DbError, Severity};

pub(crate) const ENGINE: &str = "postgres";

/// An error of this engine.
pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

/// The error for a row that is not a record.
pub(crate) fn unreadable(operation: &'static str, cause: Error) -> Error {
    new(ErrorKind::Corrupt, operation)
        .with_detail(
            "a stored record is not readable by this release; delete it, or run the release that wrote it",
        )
        .with_source(cause)
}

/// How far an operation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never got to the server.
    Unsent,
    /// The server refused it, and did nothing.
    Refused,
    /// It was sent, and there is no answer: it may have been done.
    Lost,
}

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why an operation came to nothing. Several operations may have failed by it, so it can be told more than once.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: ErrorKind,
    fate: Fate,
    next: Next,
    remedy: &'static str,
    cause: Option<Cause>,
}

impl Failure {
    /// One of which the reason is known.
    pub(crate) fn new(kind: ErrorKind, fate: Fate, remedy: &'static str) -> Self {
        Self { kind, fate, next: Next::Nothing, remedy, cause: None }
    }

    /// One that nothing can be done about but to change how the engine is set up.
    pub(crate) fn config(remedy: &'static str) -> Self {
        Self::new(ErrorKind::Config, Fate::Unsent, remedy)
    }

    pub(crate) fn no_runtime() -> Self {
        Self::config("the engine must be used within a tokio runtime")
    }

    /// What was told while a connection was made.
    pub(crate) fn connecting(error: tokio_postgres::Error) -> Self {
        let verdict = match error.code() {
            Some(code) => verdict(code.code()),
            None if is_of_the_network(&error) => OUT_OF_REACH,
            None => UNACCEPTED,
        };
        Self::told(verdict, Fate::Unsent, error)
    }

    /// What came back in place of an answer.
    pub(crate) fn asking(error: tokio_postgres::Error) -> Self {
        let answer = error.as_db_error();
        let verdict = answer.map_or(LOST, |answer| verdict(answer.code().code()));
        // What ends the session as well may come after the statement was done.
        let fate = if answer.is_some_and(|answer| !is_fatal(answer)) { Fate::Refused } else { Fate::Lost };
        Self::told(verdict, fate, error)
    }

    fn told(Verdict(kind, next, remedy): Verdict, fate: Fate, error: tokio_postgres::Error) -> Self {
        Self { kind, fate, next, remedy, cause: Some(discreet(error)) }
    }

    /// Attaches a cause.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Attaches what is known of another failure.
    pub(crate) fn after(mut self, other: Option<Self>) -> Self {
        self.cause = other.and_then(|other| other.cause).or(self.cause);
        self
    }

    /// Whether the same may go well in a moment. `repeatable`: whether it does no harm to do it twice.
    pub(crate) fn allows_another_try(&self, repeatable: bool) -> bool {
        self.next == Next::Again && (repeatable || self.fate != Fate::Lost)
    }

    /// Whether only a change to the configuration helps.
    pub(crate) fn is_for_good(&self) -> bool {
        self.kind == ErrorKind::Config
    }

    /// Whether nobody knows what became of it.
    pub(crate) fn is_lost(&self) -> bool {
        self.fate == Fate::Lost
    }

    /// Whether another connection may do what this one refuses.
    pub(crate) fn asks_for_another_connection(&self) -> bool {
        self.next == Next::Elsewhere
    }

    /// Whether the table is not there.
    pub(crate) fn is_missing_table(&self) -> bool {
        self.remedy == MISSING_TABLE
    }

    /// As the error of an operation. `reads`: whether it changes nothing.
    pub(crate) fn to_error(&self, operation: &'static str, reads: bool) -> Error {
        let retry = match self.kind {
            ErrorKind::Unavailable if self.fate == Fate::Lost && !reads => Retry::Unknown,
            ErrorKind::Unavailable | ErrorKind::Full => Retry::Safe,
            _ => Retry::Never,
        };
        let error = new(self.kind, operation).with_retry(retry).with_detail(self.remedy);
        match &self.cause {
            Some(cause) => error.with_source(Arc::clone(cause)),
            None => error,
        }
    }
}

/// What may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The same, in a moment.
    Again,
    /// Another connection, for the next operation.
    Elsewhere,
    /// Nothing that the engine can do.
    Nothing,
}

struct Verdict(ErrorKind, Next, &'static str);

const OUT_OF_REACH: Verdict = Verdict(
    ErrorKind::Unavailable,
    Next::Again,
    "no connection to the server; check that it runs and can be reached",
);
const LOST: Verdict = Verdict(ErrorKind::Unavailable, Next::Again, "the connection to the server was lost");
const UNACCEPTED: Verdict = Verdict(
    ErrorKind::Config,
    Next::Nothing,
    "server and engine can't agree on how to connect; check tls, its certificates, user and password",
);
const MISSING_TABLE: &str = "the table is gone; it is made anew at the next use, unless create is off";

/// What the codes of PostgreSQL mean here: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn verdict(code: &str) -> Verdict {
    use ErrorKind::{Conflict, Corrupt, Full, TooLarge, Unavailable};
    let busy = |remedy| Verdict(Unavailable, Next::Again, remedy);
    let misplaced = |remedy| Verdict(Unavailable, Next::Elsewhere, remedy);
    match code {
        "23505" => Verdict(Conflict, Next::Nothing, "there is a record under the new key"),
        "40001" | "40P01" => busy("others change the same records all the time"),
        "53100" => {
            Verdict(Full, Next::Nothing, "the server's disk is full; make room or purge expired sessions")
        }
        "53200" => busy("the server has no memory left"),
        "53300" => {
            busy("the server has no connection left; raise max_connections, or lower readers and writers")
        }
        "54000" => {
            Verdict(TooLarge, Next::Nothing, "the key or the principal is longer than an index can hold")
        }
        "57014" | "55P03" => busy("the server gave up on it, after timeout_ms or because it was told to"),
        "25006" => misplaced("the server takes no writes: it is a replica, or set to read only"),
        "0A000" | "26000" => {
            misplaced("the statement is not known any more; behind a pooler, turn prepare off")
        }
        "42P01" => misplaced(MISSING_TABLE),
        "XX001" | "XX002" => Verdict(Corrupt, Next::Nothing, "the server reports damaged data; see its log"),
        _ => of_class(code),
    }
}

/// What the first two signs say.
fn of_class(code: &str) -> Verdict {
    use ErrorKind::{Config, Other, TooLarge, Unavailable};
    match code.get(..2).unwrap_or_default() {
        "08" | "57" => Verdict(Unavailable, Next::Again, "the server ends, starts, or closed the connection"),
        "53" | "58" => Verdict(Unavailable, Next::Again, "the server is short of something; see its log"),
        "54" => Verdict(TooLarge, Next::Nothing, "the record is larger than the server can hold"),
        "28" => {
            Verdict(Config, Next::Nothing, "the server does not let this user in; check user and password")
        }
        "3D" => Verdict(Config, Next::Nothing, "there is no such database; create it, or correct the name"),
        "3F" => Verdict(Config, Next::Nothing, "there is no such schema; create it, or correct the name"),
        "42" => Verdict(
            Config,
            Next::Nothing,
            "the user may not do it, or the table is not as this release made it; the source says which",
        ),
        _ => Verdict(Other, Next::Nothing, "the server refused; the source says why"),
    }
}

/// Whether an error came from the way to the server, and not from what was said at its end.
fn is_of_the_network(error: &tokio_postgres::Error) -> bool {
    let told_by_tls = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    error.is_closed() || cause.is_some_and(|cause| !told_by_tls.contains(&cause.kind()))
}

fn is_fatal(answer: &DbError) -> bool {
    matches!(answer.parsed_severity(), None | Some(Severity::Fatal | Severity::Panic))
}

/// The cause without the details of the server, which may repeat a key or a row.
fn discreet(error: tokio_postgres::Error) -> Cause {
    match error.as_db_error() {
        Some(answer) => Arc::new(Refusal::of(answer)),
        None => Arc::new(error),
    }
}

/// What the server said, as far as it may be told.
#[derive(Debug)]
struct Refusal {
    severity: String,
    code: String,
    message: String,
}

impl Refusal {
    fn of(answer: &DbError) -> Self {
        let (severity, code) = (answer.severity().to_owned(), answer.code().code().to_owned());
        Self { severity, code, message: answer.message().to_owned() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity, self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Failure {
        let Verdict(kind, next, remedy) = verdict(code);
        Failure { next, ..Failure::new(kind, Fate::Refused, remedy) }
    }

    #[test]
    fn each_code_says_what_to_do() {
        use ErrorKind::{Config, Conflict, Corrupt, Full, Other, TooLarge, Unavailable};
        let cases = [
            ("23505", Conflict, Retry::Never),
            ("40001", Unavailable, Retry::Safe),
            ("40P01", Unavailable, Retry::Safe),
            ("53100", Full, Retry::Safe),
            ("53300", Unavailable, Retry::Safe),
            ("54000", TooLarge, Retry::Never),
            ("54001", TooLarge, Retry::Never),
            ("57014", Unavailable, Retry::Safe),
            ("57P03", Unavailable, Retry::Safe),
            ("08006", Unavailable, Retry::Safe),
            ("25006", Unavailable, Retry::Safe),
            ("28P01", Config, Retry::Never),
            ("3D000", Config, Retry::Never),
            ("3F000", Config, Retry::Never),
            ("42501", Config, Retry::Never),
            ("42703", Config, Retry::Never),
            ("XX001", Corrupt, Retry::Never),
            ("22003", Other, Retry::Never),
        ];
        for (code, kind, retry) in cases {
            let error = refused(code).to_error("write", false);
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{code}");
            assert!(error.to_string().starts_with("postgres: write: "), "{error}");
        }
    }

    #[test]
    fn a_lost_answer_is_unknown_only_where_something_may_have_changed() {
        let lost = Failure::new(ErrorKind::Unavailable, Fate::Lost, "");
        assert_eq!(lost.to_error("write", false).retry(), Retry::Unknown);
        assert_eq!(lost.to_error("load", true).retry(), Retry::Safe);
    }

    #[test]
    fn what_may_have_happened_is_not_done_twice() {
        let lost = Failure { next: Next::Again, ..Failure::new(ErrorKind::Unavailable, Fate::Lost, "") };
        assert!(lost.allows_another_try(true) && !lost.allows_another_try(false));
        assert!(refused("40001").allows_another_try(false));
        assert!(!refused("53100").allows_another_try(true));
    }
}
