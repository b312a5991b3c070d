//! What can go wrong between here and a server, and the errors that callers act on.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

use dancecard_core::{Error, ErrorKind, Retry};

pub(crate) const ENGINE: &str = "redis";

/// An error of this engine.
pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

/// The error for a setting that can't be used.
pub(crate) fn refuse(remedy: impl Into<Cow<'static, str>>) -> Error {
    new(ErrorKind::Config, "configure").with_detail(remedy)
}

/// The error of a condition that did not hold.
pub(crate) fn conflict(operation: &'static str) -> Error {
    new(ErrorKind::Conflict, operation)
}

/// The error for what stands under a session's key and is no session.
pub(crate) fn unreadable(operation: &'static str) -> Error {
    new(ErrorKind::Corrupt, operation).with_detail(
        "what is stored under the session's key is not a record of this release; delete it, or run the release that wrote it",
    )
}

/// What is wrong, in words that hold nothing secret. Several operations may have met it, so it can be told repeatedly.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) kind: ErrorKind,
    detail: Cow<'static, str>,
    cause: Option<Cause>,
}

impl Trouble {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), cause: None }
    }

    pub(crate) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, detail)
    }

    pub(crate) fn config(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, detail)
    }

    pub(crate) fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(Cause(cause.to_string().into()));
        self
    }

    /// Whether waiting can't help.
    pub(crate) fn is_lasting(&self) -> bool {
        self.kind != ErrorKind::Unavailable
    }

    pub(crate) fn to_error(&self, operation: &'static str, retry: Retry) -> Error {
        let lasting = !matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Full);
        let retry = if lasting && retry == Retry::Safe { Retry::Never } else { retry };
        let error = new(self.kind, operation).with_retry(retry).with_detail(self.detail.clone());
        match &self.cause {
            Some(cause) => error.with_source(cause.clone()),
            None => error,
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::unavailable("the server can't be reached").with_cause(error)
    }
}

/// The text of a cause. The client's own errors may repeat a command with its arguments, so they are not passed on.
#[derive(Clone)]
struct Cause(Arc<str>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// Why there is no reply.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) trouble: Trouble,
    /// Whether the command may have reached the server.
    pub(crate) sent: bool,
}

impl Failure {
    /// The command never left.
    pub(crate) fn unsent(trouble: Trouble) -> Self {
        Self { trouble, sent: false }
    }

    /// The connection broke while the command was under way.
    pub(crate) fn lost(trouble: Trouble) -> Self {
        Self { trouble, sent: true }
    }

    /// No reply came in time.
    pub(crate) fn late() -> Self {
        Self { trouble: Trouble::unavailable("no reply came within timeout_ms"), sent: true }
    }

    /// As the error of an operation that changes nothing.
    pub(crate) fn of_read(&self, operation: &'static str) -> Error {
        self.trouble.to_error(operation, Retry::Safe)
    }

    /// As the error of an operation that may have happened.
    pub(crate) fn of_write(&self, operation: &'static str) -> Error {
        let retry = if self.sent { Retry::Unknown } else { Retry::Safe };
        self.trouble.to_error(operation, retry)
    }
}

/// What a server refused, by the first word of its reply. The rest may repeat what was sent, and is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The slot is served by the node at this address.
    Moved { slot: u16, node: String },
    /// The slot is on its way to the node at this address: for once, ask there.
    Ask { node: String },
    /// A script that the server does not have.
    NoScript,
    /// No memory for it.
    Full,
    /// It reads its data from the disk.
    Loading,
    /// It is a replica.
    ReadOnly,
    /// It is a replica that lost its master.
    MasterDown,
    /// The cluster does not serve the slot.
    ClusterDown,
    /// The keys of the command are on their way to another node.
    TryAgain,
    /// Somebody's script runs, and nothing else meanwhile.
    Busy,
    /// It can't save its data, or lacks the replicas that it is told to have, and so takes no writes.
    Unsafe,
    /// It has as many clients as it takes.
    Crowded,
    /// It wants a password.
    NoAuth,
    /// Not this one.
    WrongPass,
    /// The user may not do that.
    NoPerm,
    /// The key holds another type.
    WrongType,
    /// Anything else.
    Other(String),
}

impl Refusal {
    /// Reads the code and, of a redirection, the rest.
    pub(crate) fn new(code: &str, rest: Option<&str>) -> Self {
        if rest.is_some_and(|rest| rest.starts_with("max number of clients")) {
            return Self::Crowded;
        }
        let mut words = rest.unwrap_or_default().split_whitespace();
        let slot = words.next().and_then(|word| word.parse().ok());
        match (code, slot, words.next()) {
            ("MOVED", Some(slot), Some(node)) => Self::Moved { slot, node: node.to_owned() },
            ("ASK", Some(_), Some(node)) => Self::Ask { node: node.to_owned() },
            ("NOSCRIPT", ..) => Self::NoScript,
            ("OOM", ..) => Self::Full,
            ("LOADING", ..) => Self::Loading,
            ("READONLY", ..) => Self::ReadOnly,
            ("MASTERDOWN", ..) => Self::MasterDown,
            ("CLUSTERDOWN", ..) => Self::ClusterDown,
            ("TRYAGAIN", ..) => Self::TryAgain,
            ("BUSY", ..) => Self::Busy,
            ("MISCONF" | "NOREPLICAS", ..) => Self::Unsafe,
            ("NOAUTH", ..) => Self::NoAuth,
            ("WRONGPASS", ..) => Self::WrongPass,
            ("NOPERM", ..) => Self::NoPerm,
            ("WRONGTYPE", ..) => Self::WrongType,
            (code, ..) => Self::Other(code.to_owned()),
        }
    }

    /// Whether the server did nothing and may do it a moment later, there or elsewhere.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Loading
                | Self::ReadOnly
                | Self::MasterDown
                | Self::ClusterDown
                | Self::TryAgain
                | Self::Busy
                | Self::Crowded
                | Self::Moved { .. }
                | Self::Ask { .. }
        )
    }

    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Moved { .. } | Self::Ask { .. } | Self::TryAgain => {
                Trouble::unavailable("the cluster is moving the session to another node")
            }
            Self::Loading => Trouble::unavailable("the server is reading its data from the disk"),
            Self::ReadOnly => Trouble::unavailable("the server is a replica and takes no writes"),
            Self::MasterDown => Trouble::unavailable("the server is a replica that lost its master"),
            Self::ClusterDown => Trouble::unavailable("the cluster does not serve the session's slot"),
            Self::Busy => Trouble::unavailable("the server is held up by a script"),
            Self::Unsafe => {
                Trouble::unavailable("the server can't save its data, or lacks replicas, and takes no writes")
            }
            Self::Crowded => Trouble::unavailable("the server has as many clients as its maxclients allows"),
            Self::Full => {
                Trouble::new(ErrorKind::Full, "the server's maxmemory is used up; raise it, or end sessions")
            }
            Self::NoAuth => Trouble::config("the server wants a password; set `password`"),
            Self::WrongPass => {
                Trouble::config("the server does not accept `username` and `password`; correct them")
            }
            Self::NoPerm => Trouble::config(
                "the user may not run a command or use a key that the engine needs; extend its ACL",
            ),
            Self::WrongType => {
                Trouble::new(ErrorKind::Corrupt, "the session's key holds another type of data")
            }
            Self::NoScript => Trouble::new(ErrorKind::Other, "the server keeps no scripts"),
            Self::Other(code) => {
                Trouble::new(ErrorKind::Other, format!("the server refused the command with {}", plain(code)))
            }
        }
    }

    /// As the error of an operation, which was then not carried out.
    pub(crate) fn to_error(&self, operation: &'static str) -> Error {
        if *self == Self::WrongType {
            return unreadable(operation);
        }
        self.trouble().to_error(operation, Retry::Safe)
    }
}

/// A code is a short word in capitals. What is none is not repeated.
fn plain(code: &str) -> &str {
    let is_code = code.len() <= 24 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_code { code } else { "an error" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_known_by_their_first_word() {
        let moved = Refusal::Moved { slot: 3999, node: "127.0.0.1:6381".into() };
        assert_eq!(Refusal::new("MOVED", Some("3999 127.0.0.1:6381")), moved);
        assert_eq!(Refusal::new("ASK", Some("1 h:1")), Refusal::Ask { node: "h:1".into() });
        assert_eq!(Refusal::new("MOVED", Some("nonsense")), Refusal::Other("MOVED".into()));
        assert_eq!(Refusal::new("OOM", None), Refusal::Full);
        assert_eq!(Refusal::new("ERR", Some("max number of clients reached")), Refusal::Crowded);
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        use ErrorKind::{Config, Corrupt, Full, Other, Unavailable};
        let cases = [
            ("OOM", Full, Retry::Safe),
            ("LOADING", Unavailable, Retry::Safe),
            ("READONLY", Unavailable, Retry::Safe),
            ("MASTERDOWN", Unavailable, Retry::Safe),
            ("CLUSTERDOWN", Unavailable, Retry::Safe),
            ("TRYAGAIN", Unavailable, Retry::Safe),
            ("BUSY", Unavailable, Retry::Safe),
            ("MISCONF", Unavailable, Retry::Safe),
            ("NOREPLICAS", Unavailable, Retry::Safe),
            ("NOAUTH", Config, Retry::Never),
            ("WRONGPASS", Config, Retry::Never),
            ("NOPERM", Config, Retry::Never),
            ("WRONGTYPE", Corrupt, Retry::Never),
            ("ERR", Other, Retry::Never),
        ];
        for (code, kind, retry) in cases {
            let error = Refusal::new(code, Some("with args beginning with: secret")).to_error("write");
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{code}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_no_code_is_not_repeated() {
        let error = Refusal::new("secret words", None).to_error("load");
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn only_what_was_sent_is_unknown() {
        let trouble = Trouble::unavailable("down");
        assert_eq!(Failure::unsent(trouble.clone()).of_write("write").retry(), Retry::Safe);
        assert_eq!(Failure::lost(trouble.clone()).of_write("write").retry(), Retry::Unknown);
        assert_eq!(Failure::late().of_write("write").retry(), Retry::Unknown);
        assert_eq!(Failure::lost(trouble).of_read("load").retry(), Retry::Safe);
        let config = Failure::unsent(Trouble::config("no"));
        assert_eq!(config.of_write("write").retry(), Retry::Never);
    }
}
