//! What is wrong with a file, without a word of what is in it.

use std::fmt;

/// Why a file is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    what: &'static str,
    /// Line and column, from 1.
    place: Option<(u64, u64)>,
}

impl Fault {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, place: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        self.place.map_or(Ok(()), |(line, column)| write!(f, ", line {line} column {column}"))
    }
}

impl std::error::Error for Fault {}

/// The parser's own words may quote the file.
impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a fact is missing, unknown or of another kind",
            serde_json::error::Category::Eof => "the JSON ends in the middle",
            _ => "not JSON",
        };
        Self { what, place: Some((error.line() as u64, error.column() as u64)) }
    }
}

impl From<serde_saphyr::Error> for Fault {
    fn from(error: serde_saphyr::Error) -> Self {
        let place = error.location().map(|at| (at.line(), at.column()));
        Self { what: "not YAML, or a fact is missing, unknown or of another kind", place }
    }
}

impl From<rmp_serde::decode::Error> for Fault {
    fn from(_: rmp_serde::decode::Error) -> Self {
        Self::new("not MessagePack, or a fact is missing, unknown or of another kind")
    }
}
