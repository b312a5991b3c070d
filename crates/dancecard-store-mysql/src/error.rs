//! From what the client and the server say to the errors that callers act on.

use std::fmt;
use std::io;
use std::sync::Arc;

use dancecard_core::{Error, ErrorKind, Retry};
use mysql_async::{DriverError, IoError};

pub(crate) const ENGINE: &str = "mysql";

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
    /// Whether the connection can't be used any more.
    is_over: bool,
}

impl Failure {
    /// One of which the reason is known.
    pub(crate) fn new(kind: ErrorKind, fate: Fate, remedy: &'static str) -> Self {
        Self { kind, fate, next: Next::Nothing, remedy, cause: None, is_over: false }
    }

    /// One that nothing can be done about but to change how the engine is set up.
    pub(crate) fn config(remedy: &'static str) -> Self {
        Self::new(ErrorKind::Config, Fate::Unsent, remedy)
    }

    pub(crate) fn no_runtime() -> Self {
        Self::config("the engine must be used within a tokio runtime")
    }

    /// What was told while a connection was made. Then there are no values that a message could repeat.
    pub(crate) fn connecting(error: &mysql_async::Error) -> Self {
        let verdict = match error {
            mysql_async::Error::Server(answer) => verdict(answer.code),
            mysql_async::Error::Io(error) if is_of_the_network(error) => OUT_OF_REACH,
            mysql_async::Error::Driver(DriverError::ConnectionClosed) => OUT_OF_REACH,
            _ => UNACCEPTED,
        };
        Self::told(verdict, Fate::Unsent, Told(error.to_string()))
    }

    /// What came back in place of an answer. `sent`: what is known if none came.
    pub(crate) fn asking(error: &mysql_async::Error, sent: Fate) -> Self {
        match error {
            mysql_async::Error::Server(answer) => {
                let told = Told(format!("ERROR {} ({})", answer.code, answer.state));
                if ends_session(answer.code) {
                    return Self { is_over: true, ..Self::told(verdict(answer.code), sent, told) };
                }
                Self::told(verdict(answer.code), Fate::Refused, told)
            }
            mysql_async::Error::Driver(DriverError::PacketTooLarge) => {
                Self::told(TOO_LARGE, Fate::Unsent, Told(error.to_string()))
            }
            // Their text names no value; their fields, which `Debug` shows, may hold some.
            _ => Self { is_over: true, ..Self::told(LOST, sent, Told(error.to_string())) },
        }
    }

    fn told(Verdict(kind, next, remedy): Verdict, fate: Fate, told: Told) -> Self {
        Self { kind, fate, next, remedy, cause: Some(Arc::new(told)), is_over: false }
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

    /// Whether the connection can't be used any more.
    pub(crate) fn ends_connection(&self) -> bool {
        self.is_over
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
const TOO_LARGE: Verdict = Verdict(
    ErrorKind::TooLarge,
    Next::Nothing,
    "the server takes no packet of that size; raise its max_allowed_packet, or lower max_payload",
);
const MISSING_TABLE: &str = "the table is gone; it is made anew at the next use, unless create is off";

/// What the codes of MySQL and MariaDB mean here: <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
fn verdict(code: u16) -> Verdict {
    use ErrorKind::{Config, Conflict, Corrupt, Full, TooLarge, Unavailable};
    let busy = |remedy| Verdict(Unavailable, Next::Again, remedy);
    let misplaced = |remedy| Verdict(Unavailable, Next::Elsewhere, remedy);
    match code {
        1062 => Verdict(Conflict, Next::Nothing, "there is a record under the key"),
        1213 | 1020 | 1205 | 3572 => busy("others keep the same records locked"),
        1021 | 1114 | 1026 | 3 => Verdict(
            Full,
            Next::Nothing,
            "the server's disk or tablespace is full; make room or purge expired sessions",
        ),
        1037 | 1038 | 1041 | 1135 => busy("the server has no memory left"),
        1040 | 1203 | 1226 => {
            busy("the server has no connection left; raise max_connections, or lower connections")
        }
        1153 | 1301 => TOO_LARGE,
        1406 | 1071 | 1118 | 1713 => {
            Verdict(TooLarge, Next::Nothing, "the key or the facts are longer than a column")
        }
        1317 | 3024 | 1969 => busy("the server gave up on it, because it was told to"),
        1290 | 1792 | 1836 | 3989 => {
            misplaced("the server takes no writes: it is a replica, or set to read only")
        }
        1243 | 1615 | 1461 => misplaced("the statement is not known any more"),
        1047 | 1053 | 1077 | 1079 | 1080 | 1129 | 1152 | 1158..=1161 | 1184 | 1927 | 4031 => {
            busy("the server ends, starts, or closed the connection")
        }
        1146 | 1932 => misplaced(MISSING_TABLE),
        1034 | 1035 | 1194 | 1195 | 1712 => {
            Verdict(Corrupt, Next::Nothing, "the server reports damaged data; see its log")
        }
        1045 | 1130 | 1251 | 1275 | 1524 | 1698 | 1862 | 2059 | 3118 | 4151 => {
            Verdict(Config, Next::Nothing, "the server does not let this user in; check user and password")
        }
        1044 | 1049 => Verdict(
            Config,
            Next::Nothing,
            "there is no such database, or not for this user; create it, or correct the name",
        ),
        1665 => Verdict(Config, Next::Nothing, "the server's binlog_format must be MIXED or ROW"),
        1054 | 1142 | 1143 | 1227 | 1370 => Verdict(
            Config,
            Next::Nothing,
            "the user may not do it, or the table is not as this release made it; the source says which",
        ),
        _ => Verdict(ErrorKind::Other, Next::Nothing, "the server refused; the source says why"),
    }
}

/// Whether the answer to a statement may come after the statement was done, as the end of the session.
fn ends_session(code: u16) -> bool {
    matches!(code, 1053 | 1152 | 1158..=1161 | 1184 | 1927 | 4031)
}

/// Whether an error came from the way to the server, and not from what was said at its end.
fn is_of_the_network(error: &IoError) -> bool {
    let told_by_tls = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    match error {
        IoError::Io(cause) => !told_by_tls.contains(&cause.kind()),
        #[cfg(feature = "tls")]
        IoError::Tls(_) => false,
    }
}

/// What was told, as far as it may be repeated: the messages of the server name values, its codes don't.
struct Told(String);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16) -> mysql_async::Error {
        let (message, state) = ("canary".to_owned(), "HY000".to_owned());
        mysql_async::Error::Server(mysql_async::ServerError { code, message, state })
    }

    #[test]
    fn each_code_says_what_to_do() {
        use ErrorKind::{Config, Conflict, Corrupt, Full, Other, TooLarge, Unavailable};
        let cases = [
            (1062, Conflict, Retry::Never),
            (1213, Unavailable, Retry::Safe),
            (1205, Unavailable, Retry::Safe),
            (1114, Full, Retry::Safe),
            (1021, Full, Retry::Safe),
            (1040, Unavailable, Retry::Safe),
            (1153, TooLarge, Retry::Never),
            (1406, TooLarge, Retry::Never),
            (1290, Unavailable, Retry::Safe),
            (1836, Unavailable, Retry::Safe),
            (1047, Unavailable, Retry::Safe),
            (1146, Unavailable, Retry::Safe),
            (1045, Config, Retry::Never),
            (1049, Config, Retry::Never),
            (1142, Config, Retry::Never),
            (1665, Config, Retry::Never),
            (1194, Corrupt, Retry::Never),
            (1264, Other, Retry::Never),
        ];
        for (code, kind, retry) in cases {
            let error = Failure::asking(&server(code), Fate::Lost).to_error("write", false);
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{code}");
            assert!(error.to_string().starts_with("mysql: write: "), "{error}");
            let source = std::error::Error::source(&error).unwrap();
            assert!(!format!("{source} {source:?}").contains("canary"));
        }
    }

    #[test]
    fn the_end_of_a_session_leaves_a_write_unknown() {
        for code in [1053, 1927] {
            let failure = Failure::asking(&server(code), Fate::Lost);
            assert_eq!(failure.to_error("write", false).retry(), Retry::Unknown);
            assert_eq!(failure.to_error("load", true).retry(), Retry::Safe);
            assert!(failure.allows_another_try(true) && !failure.allows_another_try(false));
            assert!(failure.ends_connection());
        }
    }

    #[test]
    fn what_was_not_sent_is_tried_again() {
        for error in [server(1053), mysql_async::DriverError::ConnectionClosed.into()] {
            let failure = Failure::asking(&error, Fate::Unsent);
            assert!(failure.allows_another_try(false) && failure.ends_connection());
            assert_eq!(failure.to_error("write", false).retry(), Retry::Safe);
        }
    }

    #[test]
    fn a_deadlock_is_tried_again_and_a_full_disk_is_not() {
        assert!(Failure::asking(&server(1213), Fate::Lost).allows_another_try(false));
        assert!(!Failure::asking(&server(1114), Fate::Lost).allows_another_try(true));
    }
}
