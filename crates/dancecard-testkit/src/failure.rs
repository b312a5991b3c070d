//! What a case says when it does not hold.

use std::error::Error as _;
use std::fmt;

use dancecard_core::Error;

/// The result of a case, or of a step in one.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A broken promise: what was expected, what came instead, and where.
///
/// It describes payloads by length and place of the first difference, and keys by their part in the case, so that
/// a report may be shown to anyone.
///
/// ```
/// use dancecard_testkit::Failure;
///
/// let failure = Failure::new("no record", "a record of 12 bytes").at("after the delete");
/// assert_eq!(failure.to_string(), "expected: no record\n     got: a record of 12 bytes\n   where: after the delete");
/// ```
#[derive(Debug, Clone)]
pub struct Failure {
    expected: String,
    got: String,
    places: Vec<String>,
}

impl Failure {
    /// A failure in so many words.
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into(), places: Vec::new() }
    }

    /// Adds the step at which it happened. May be said several times, from the inside out.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.places.push(place.into());
        self
    }

    /// What was expected.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What came instead.
    pub fn got(&self) -> &str {
        &self.got
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected: {}\n     got: {}", self.expected, self.got)?;
        self.places.iter().try_for_each(|place| write!(f, "\n   where: {place}"))
    }
}

impl std::error::Error for Failure {}

/// An error where the case needed a success.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new("success", format!("an error, {}", chain(&error)))
    }
}

/// A task of the case panicked or was cancelled.
impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::new("every task ends by itself", error.to_string())
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = format!("{:?}: {error}", error.kind());
    let mut cause = error.source();
    while let Some(source) = cause {
        text += &format!(": {source}");
        cause = source.source();
    }
    text
}
