//! From what the driver and the server say to the errors that callers act on.

use std::fmt;

use dancecard_core::{Error, ErrorKind, Retry};
use mongodb::error::{ErrorKind as Told, TRANSIENT_TRANSACTION_ERROR};

pub(crate) const ENGINE: &str = "mongodb";

/// An error of this engine.
pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

/// The error for a document that is not a record.
pub(crate) fn unreadable(operation: &'static str) -> Error {
    new(ErrorKind::Corrupt, operation).with_detail(
        "a stored record is not readable by this release; delete it, or run the release that wrote it",
    )
}

/// How far an operation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never got to a server.
    Unsent,
    /// A server refused it, and did nothing.
    Refused,
    /// It was sent, and nobody knows whether it was done, or whether it stays done.
    Lost,
}

/// What may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The same, in a moment.
    Again,
    /// Nothing that the engine can do.
    Nothing,
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    fate: Fate,
    next: Next,
    remedy: &'static str,
    code: Option<i32>,
    /// Whether the server vouches that nothing of a transaction was or will be done.
    is_undone: bool,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    fn of(Verdict(kind, next, remedy): Verdict, fate: Fate) -> Self {
        Self { kind, fate, next, remedy, code: None, is_undone: false, cause: None }
    }

    /// One that nothing can be done about but to change how the engine is set up.
    pub(crate) fn config(remedy: &'static str) -> Self {
        Self::of(Verdict(ErrorKind::Config, Next::Nothing, remedy), Fate::Unsent)
    }

    pub(crate) fn no_runtime() -> Self {
        Self::config("the engine must be used within a tokio runtime")
    }

    pub(crate) fn too_old() -> Self {
        Self::of(TOO_OLD, Fate::Unsent)
    }

    /// The time was up.
    pub(crate) fn late(was_sent: bool) -> Self {
        match was_sent {
            true => Self::of(LATE, Fate::Lost),
            false => Self::of(UNCONNECTED, Fate::Unsent),
        }
    }

    /// There is no record as it must be, or one where none may be.
    pub(crate) fn conflict() -> Self {
        Self::of(Verdict(ErrorKind::Conflict, Next::Nothing, ""), Fate::Refused)
    }

    /// What the driver made of an attempt.
    pub(crate) fn told(error: &mongodb::error::Error, was_sent: bool) -> Self {
        let gone = if was_sent { Fate::Lost } else { Fate::Unsent };
        let failure = match error.kind.as_ref() {
            Told::Command(refusal) => {
                let is_undone = error.contains_label(TRANSIENT_TRANSACTION_ERROR);
                let name = Some(refusal.code_name.as_str());
                return Self { is_undone, ..Self::of_code(refusal.code, name, Fate::Refused) };
            }
            Told::Authentication { .. } => Self::of(LOCKED_OUT, Fate::Unsent),
            Told::ServerSelection { message, .. } if message.contains("wire version") => {
                Self::of(TOO_OLD, Fate::Unsent)
            }
            Told::ServerSelection { message, .. } if message.contains("certificate") => {
                Self::of(UNTRUSTED, Fate::Unsent)
            }
            Told::ServerSelection { .. } => Self::of(UNCONNECTED, Fate::Unsent),
            Told::IncompatibleServer { .. } | Told::SessionsNotSupported => Self::of(TOO_OLD, Fate::Unsent),
            Told::InvalidTlsConfig { .. } => Self::of(BAD_TLS, Fate::Unsent),
            Told::InvalidArgument { .. } => Self::of(BAD_URI, Fate::Unsent),
            Told::DnsResolve { .. } | Told::ConnectionPoolCleared { .. } => Self::of(UNREACHED, gone),
            _ if was_sent => Self::of(LOST, gone),
            _ => Self::of(UNREACHED, gone),
        };
        Self { cause: Some(Box::new(Refusal::of(error))), ..failure }
    }

    /// A server's answer that has a code.
    pub(crate) fn of_code(code: i32, name: Option<&str>, fate: Fate) -> Self {
        let told = Refusal { text: format!("code {code} ({})", name.unwrap_or_default()) };
        // Its time may have been up while it waited for other members to follow.
        let fate = if code == MAX_TIME { Fate::Lost } else { fate };
        Self { code: Some(code), cause: Some(Box::new(told)), ..Self::of(verdict(code), fate) }
    }

    /// The primary did it, and others may not have it: what a failover makes of it is open.
    pub(crate) fn unconfirmed(code: i32, name: Option<&str>) -> Self {
        let told = Refusal { text: format!("write concern: code {code} ({})", name.unwrap_or_default()) };
        let verdict = if code == TOO_FEW_MEMBERS { TOO_FEW } else { UNCONFIRMED };
        Self { code: Some(code), cause: Some(Box::new(told)), ..Self::of(verdict, Fate::Lost) }
    }

    /// Attaches the cause of an earlier failure, if it has none of its own.
    pub(crate) fn after(self, earlier: Option<Self>) -> Self {
        Self { cause: self.cause.or(earlier.and_then(|earlier| earlier.cause)), ..self }
    }

    /// Nothing of the operation itself was sent: it failed before.
    pub(crate) fn before_anything(self) -> Self {
        Self { fate: Fate::Unsent, ..self }
    }

    /// Nothing that a transaction did is seen before its end.
    pub(crate) fn within_transaction(self) -> Self {
        Self { fate: Fate::Refused, ..self }
    }

    /// Whether the same may go well in a moment. `repeatable`: whether it does no harm to do it twice.
    pub(crate) fn allows_another_try(&self, repeatable: bool) -> bool {
        self.next == Next::Again && (repeatable || self.fate != Fate::Lost)
    }

    /// Whether nobody knows what became of it.
    pub(crate) fn is_lost(&self) -> bool {
        self.fate == Fate::Lost
    }

    /// Whether the servers know nothing of the transaction any more, and vouch that it left no trace.
    pub(crate) fn is_undone(&self) -> bool {
        self.is_undone && self.code == Some(NO_TRANSACTION)
    }

    pub(crate) fn has_code(&self, code: i32) -> bool {
        self.code == Some(code)
    }

    /// As the error of an operation. `is_unknown`: whether this or an earlier attempt may have changed something.
    pub(crate) fn into_error(self, operation: &'static str, is_unknown: bool) -> Error {
        let retry = match self.kind {
            ErrorKind::Unavailable | ErrorKind::Full if is_unknown => Retry::Unknown,
            ErrorKind::Unavailable | ErrorKind::Full => Retry::Safe,
            _ => Retry::Never,
        };
        let error = new(self.kind, operation).with_retry(retry);
        let error = if self.remedy.is_empty() { error } else { error.with_detail(self.remedy) };
        match self.cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

struct Verdict(ErrorKind, Next, &'static str);

const MAX_TIME: i32 = 50;
const TOO_FEW_MEMBERS: i32 = 100;
/// An index of that name is there, with other options.
pub(crate) const OTHER_OPTIONS: i32 = 85;
/// There is no transaction, any more or yet.
const NO_TRANSACTION: i32 = 251;

const LATE: Verdict = Verdict(ErrorKind::Unavailable, Next::Nothing, "it was not done within timeout_ms");
const UNCONNECTED: Verdict = Verdict(
    ErrorKind::Unavailable,
    Next::Nothing,
    "no server that takes it within timeout_ms; check that one runs, can be reached, and is the primary",
);
const UNREACHED: Verdict = Verdict(
    ErrorKind::Unavailable,
    Next::Again,
    "no connection to the server; check that it runs and can be reached",
);
const LOST: Verdict = Verdict(ErrorKind::Unavailable, Next::Again, "the connection to the server was lost");
const UNCONFIRMED: Verdict = Verdict(
    ErrorKind::Unavailable,
    Next::Again,
    "not as many members of the replica set have it as write_concern asks for",
);
const TOO_FEW: Verdict = Verdict(
    ErrorKind::Config,
    Next::Nothing,
    "the replica set has fewer members than write_concern asks for",
);
const LOCKED_OUT: Verdict = Verdict(
    ErrorKind::Config,
    Next::Nothing,
    "the server does not let this user in; check user, password and authSource",
);
const FORBIDDEN: Verdict = Verdict(
    ErrorKind::Config,
    Next::Nothing,
    "the user may not do it: it needs readWrite on the database, or create_indexes=false with indexes made by others",
);
const TOO_OLD: Verdict =
    Verdict(ErrorKind::Config, Next::Nothing, "the server is too old, or too new; use MongoDB 5.0 or later");
const BAD_TLS: Verdict =
    Verdict(ErrorKind::Config, Next::Nothing, "the TLS options of uri are not usable; check its files");
const UNTRUSTED: Verdict = Verdict(
    ErrorKind::Config,
    Next::Nothing,
    "the server's certificate is not accepted; check tlsCAFile, and that it is valid for the host",
);
const BAD_URI: Verdict = Verdict(
    ErrorKind::Config,
    Next::Nothing,
    "the options of uri are not usable together; the source says why",
);

/// What the codes of MongoDB mean here: <https://www.mongodb.com/docs/manual/reference/error-codes/>.
fn verdict(code: i32) -> Verdict {
    use ErrorKind::{Config, Conflict, Full, Other, TooLarge, Unavailable};
    let again = |remedy| Verdict(Unavailable, Next::Again, remedy);
    let for_good = |kind, remedy| Verdict(kind, Next::Nothing, remedy);
    match code {
        11000 | 11001 | 12582 => for_good(Conflict, ""),
        10058 | 10107 | 13435 | 13436 => again("the server is not the primary, and no other took over yet"),
        91 | 189 | 11600 | 11602 => again("the server ends, or gave up being the primary"),
        112 | 246 | NO_TRANSACTION => again("others change the same records all the time"),
        MAX_TIME | 262 => for_good(Unavailable, "the server gave up on it after timeout_ms"),
        6 | 7 | 89 | 134 | 9001 => again("the server has lost another one; see its log"),
        146 | 11601 | 279 => again("the server interrupted it; see its log"),
        14031 => for_good(Full, "the server's disk is full; make room or purge expired sessions"),
        10334 | 17419 | 17420 => for_good(TooLarge, "the record is larger than a document may be, 16 MiB"),
        11 | 18 | 8000 => LOCKED_OUT,
        13 => FORBIDDEN,
        OTHER_OPTIONS | 86 => {
            for_good(Config, "the collection has other indexes under the engine's names; drop them")
        }
        121 | 166 => {
            for_good(Config, "the collection does not take the records; give the engine one of its own")
        }
        2 | 9 | 14 | 20 | 59 | 72 | 73 | 79 | 123 | 148 => for_good(
            Config,
            "the server can't do what is set; check write_concern, read_concern, journal and transactions",
        ),
        _ => for_good(Other, "the server refused; the source says why"),
    }
}

/// What the driver said, as far as it may be told: a server's message may repeat a key or a document.
#[derive(Debug)]
struct Refusal {
    text: String,
}

impl Refusal {
    fn of(error: &mongodb::error::Error) -> Self {
        let text = match error.kind.as_ref() {
            Told::Io(cause) => cause.to_string(),
            Told::ServerSelection { message, .. }
            | Told::DnsResolve { message, .. }
            | Told::InvalidTlsConfig { message, .. }
            | Told::InvalidArgument { message, .. }
            | Told::IncompatibleServer { message, .. }
            | Told::ConnectionPoolCleared { message, .. } => message.clone(),
            Told::Authentication { .. } => "authentication failed".to_owned(),
            _ => "the driver does not understand the answer".to_owned(),
        };
        Self { text }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_says_what_to_do() {
        use ErrorKind::{Config, Conflict, Full, Other, TooLarge, Unavailable};
        let cases = [
            (11000, Conflict, Retry::Never),
            (10107, Unavailable, Retry::Safe),
            (13435, Unavailable, Retry::Safe),
            (189, Unavailable, Retry::Safe),
            (11602, Unavailable, Retry::Safe),
            (112, Unavailable, Retry::Safe),
            (14031, Full, Retry::Safe),
            (10334, TooLarge, Retry::Never),
            (18, Config, Retry::Never),
            (13, Config, Retry::Never),
            (100, Other, Retry::Never),
            (72, Config, Retry::Never),
            (8, Other, Retry::Never),
        ];
        for (code, kind, retry) in cases {
            let failure = Failure::of_code(code, None, Fate::Refused);
            let is_lost = failure.is_lost();
            let error = failure.into_error("write", is_lost);
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{code}");
            assert!(error.to_string().starts_with("mongodb: write: "), "{error}");
        }
    }

    #[test]
    fn what_others_may_not_have_is_unknown() {
        for code in [64, 91, 11602] {
            assert!(Failure::unconfirmed(code, None).is_lost(), "{code}");
        }
        assert!(Failure::of_code(MAX_TIME, None, Fate::Refused).is_lost());
    }

    #[test]
    fn what_may_have_happened_is_not_done_twice() {
        let lost = Failure::of(LOST, Fate::Lost);
        assert!(lost.allows_another_try(true) && !lost.allows_another_try(false));
        assert!(Failure::of_code(10107, None, Fate::Refused).allows_another_try(false));
        assert!(!Failure::of_code(14031, None, Fate::Refused).allows_another_try(true));
    }
}
