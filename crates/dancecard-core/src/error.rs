//! One error type for the whole library: a kind for code to branch on, a sentence for people to read.

use std::borrow::Cow;
use std::fmt;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in the terms a caller can act on.
///
/// Absent, expired and malformed sessions are not errors: they are the ordinary life of a session.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A conditional write found another version, or no record, under the key. Nothing was changed.
    Conflict,
    /// The engine does not have this ability; [`Capabilities`](crate::Capabilities) says so beforehand.
    Unsupported,
    /// The engine could not be reached, or did not answer in time.
    Unavailable,
    /// Stored bytes could not be understood: damaged, foreign, or written by a newer release.
    Corrupt,
    /// A session is larger than the engine, or the policy, allows.
    TooLarge,
    /// The engine has reached its limit of sessions or of space. Live sessions are untouched.
    Full,
    /// The session was written after its response had been decided, so the write could not be kept.
    Sealed,
    /// The session that this handle stands for has ended: signed out, revoked or expired.
    Ended,
    /// A policy or a hook refused the operation, for example the limit of sessions per principal.
    Refused,
    /// A value could not be turned into stored form, or back into the type that was asked for.
    Value,
    /// The configuration is unusable; the message says what to change.
    Config,
    /// The operating system gave no random bytes. There is no fallback.
    Random,
    /// Anything else.
    Other,
}

impl ErrorKind {
    fn phrase(self) -> &'static str {
        match self {
            Self::Conflict => "the record was changed or removed by someone else",
            Self::Unsupported => "the engine does not support it",
            Self::Unavailable => "the engine is unavailable",
            Self::Corrupt => "the stored record is damaged or foreign",
            Self::TooLarge => "the session is too large",
            Self::Full => "the engine is full",
            Self::Sealed => "the response was already decided; call save() before it is",
            Self::Ended => "the session has ended",
            Self::Refused => "refused by policy",
            Self::Value => "the value does not have the expected form",
            Self::Config => "the configuration is not usable",
            Self::Random => "the system gave no random bytes",
            Self::Other => "it failed",
        }
    }
}

/// Whether doing the same thing again is allowed and can help. Set by the engine, never guessed from the kind.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Retry {
    /// The same call will fail again.
    #[default]
    Never,
    /// Nothing was done; the same call may succeed later.
    Safe,
    /// It is not known whether the call took effect. Only a caller who can tell may repeat it.
    Unknown,
}

/// An error of the session layer.
///
/// It is one pointer wide. Neither its `Display` nor its `Debug` holds a session id, a key, a payload or a
/// connection string; the cause is reachable through [`std::error::Error::source`] and is the engine's to redact.
///
/// ```
/// use dancecard_core::{Error, ErrorKind, Retry};
///
/// let error = Error::new(ErrorKind::Unavailable, "load").with_engine("redis").with_retry(Retry::Safe);
/// assert!(error.is_unavailable());
/// assert_eq!(error.to_string(), "redis: load: the engine is unavailable");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    engine: &'static str,
    retry: Retry,
    detail: Option<Cow<'static, str>>,
    source: Option<Source>,
}

impl Error {
    /// An error of a kind, in an operation named by a verb such as `"load"`.
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        Self(Box::new(Inner { kind, operation, engine: "", retry: Retry::Never, detail: None, source: None }))
    }

    /// Names the engine in which it happened.
    #[must_use]
    pub fn with_engine(mut self, engine: &'static str) -> Self {
        self.0.engine = engine;
        self
    }

    /// Says whether the call may be repeated.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Adds a remedy for the reader. It must not hold a secret, a key or a payload.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Attaches the cause. It is not printed by `Display`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The engine that failed, or an empty string where none was involved.
    pub fn engine(&self) -> &'static str {
        self.0.engine
    }

    /// Whether the call may be repeated.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The remedy, if one is known.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Whether a conditional write lost against another.
    pub fn is_conflict(&self) -> bool {
        self.0.kind == ErrorKind::Conflict
    }

    /// Whether the engine could not be reached.
    pub fn is_unavailable(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable
    }

    /// Whether the engine lacks the ability.
    pub fn is_unsupported(&self) -> bool {
        self.0.kind == ErrorKind::Unsupported
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, operation, engine, detail, .. } = &*self.0;
        if !engine.is_empty() {
            write!(f, "{engine}: ")?;
        }
        write!(f, "{operation}: {}", kind.phrase())?;
        detail.as_ref().map_or(Ok(()), |detail| write!(f, " ({detail})"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("engine", &self.0.engine)
            .field("retry", &self.0.retry)
            .field("detail", &self.0.detail)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
