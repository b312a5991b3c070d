//! Why there is no server.

use std::fmt;
use std::process::ExitCode;

/// Why a server is not there: its program is missing, or it did not come up.
///
/// A missing program lets its tests be ignored, with this reason in sight, unless they are required. A program that
/// is there and does not come up is a fault in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    requirement: &'static str,
    reason: String,
    broken: bool,
}

impl Absent {
    /// `requirement` is the word for the server in `DANCECARD_TEST_REQUIRE`.
    pub(crate) fn missing(requirement: &'static str, reason: impl Into<String>) -> Self {
        Self { requirement, reason: reason.into(), broken: false }
    }

    /// The program is there and does not do its work.
    pub(crate) fn broken(requirement: &'static str, reason: impl Into<String>) -> Self {
        Self { requirement, reason: reason.into(), broken: true }
    }

    /// The word that names the server in `DANCECARD_TEST_REQUIRE`.
    pub fn requirement(&self) -> &'static str {
        self.requirement
    }

    /// What is missing, or how the start went wrong, with the end of the server's log.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the program is there, but did not come up. Then nothing may be skipped.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Says so, as the end of a program that is nothing without the server.
    pub fn report(&self) -> ExitCode {
        eprintln!("{self}");
        ExitCode::FAILURE
    }

    /// The line that stands for all tests of `engine` in a list of tests.
    ///
    /// It shows as ignored, with the reason, if the program is missing and `DANCECARD_TEST_REQUIRE` does not name it.
    /// Otherwise it fails.
    #[cfg(feature = "trials")]
    pub fn trial(&self, engine: &str) -> libtest_mimic::Trial {
        if !self.broken {
            return dancecard_testkit::require::absent(engine, self.requirement, self.reason.clone());
        }
        let reason = self.to_string();
        libtest_mimic::Trial::test(format!("{engine}::suite"), move || Err(reason.into()))
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.broken { "does not come up" } else { "is not there" };
        write!(f, "{} {how}: {}", self.requirement, self.reason)
    }
}

impl std::error::Error for Absent {}
