//! How many members of a replica set have a write before it is acknowledged, or read.

use std::fmt;
use std::str::FromStr;

use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::bson::rawdoc;
use serde::{Deserialize, Serialize};

/// More voting members than this no replica set has.
const MOST_MEMBERS: u32 = 50;

/// Who has a write when it is acknowledged. As text `majority`, or a number of members.
///
/// ```
/// use dancecard_store_mongodb::WriteConcern;
///
/// assert_eq!("majority".parse(), Ok(WriteConcern::Majority));
/// assert_eq!(WriteConcern::Members(2).to_string(), "2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Word", into = "String")]
#[non_exhaustive]
pub enum WriteConcern {
    /// The majority of the members, so that no failover undoes it.
    #[default]
    Majority,
    /// So many members, at least 1. A failover may undo what a minority has.
    Members(u32),
}

/// It is neither `majority` nor a number of members, 1 to 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseConcernError;

impl fmt::Display for ParseConcernError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be `majority` or a number of members, 1 to 50")
    }
}

impl std::error::Error for ParseConcernError {}

impl FromStr for WriteConcern {
    type Err = ParseConcernError;

    fn from_str(text: &str) -> Result<Self, ParseConcernError> {
        match text {
            "majority" => Ok(Self::Majority),
            text => text.parse().map_err(|_| ParseConcernError).and_then(Self::members),
        }
    }
}

impl fmt::Display for WriteConcern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority => f.write_str("majority"),
            Self::Members(members) => members.fmt(f),
        }
    }
}

/// As a configuration file may have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Number(u32),
    Text(String),
}

impl TryFrom<Word> for WriteConcern {
    type Error = ParseConcernError;

    fn try_from(word: Word) -> Result<Self, ParseConcernError> {
        match word {
            Word::Number(members) => Self::members(members),
            Word::Text(text) => text.parse(),
        }
    }
}

impl From<WriteConcern> for String {
    fn from(concern: WriteConcern) -> Self {
        concern.to_string()
    }
}

impl WriteConcern {
    fn members(members: u32) -> Result<Self, ParseConcernError> {
        (1..=MOST_MEMBERS).contains(&members).then_some(Self::Members(members)).ok_or(ParseConcernError)
    }

    pub(crate) fn is_majority(self) -> bool {
        self == Self::Majority
    }

    /// As a command has it. A server that waits in vain for others says so after some milliseconds.
    pub(crate) fn to_raw(self, journal: bool, timeout: i32) -> RawDocumentBuf {
        let mut concern = match self {
            Self::Majority => rawdoc! { "w": "majority" },
            Self::Members(members) => rawdoc! { "w": i64::from(members) },
        };
        if journal {
            concern.append(cstr!("j"), true);
        }
        concern.append(cstr!("wtimeout"), timeout);
        concern
    }
}

/// What a read sees. As text, the name in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReadConcern {
    /// What the primary has, also what a failover may undo.
    Local,
    /// What the majority of the members has, so that no failover undoes it.
    #[default]
    Majority,
    /// As `Majority`, and the primary asks the others whether it still is the primary: slow, and exact even while the
    /// network is cut. It does not apply to listings.
    Linearizable,
}

impl ReadConcern {
    pub(crate) const WORDS: &[(&str, Self)] =
        &[("local", Self::Local), ("majority", Self::Majority), ("linearizable", Self::Linearizable)];

    pub(crate) fn to_raw(self) -> RawDocumentBuf {
        let level = Self::WORDS.iter().find(|(_, concern)| *concern == self).map_or("", |(word, _)| *word);
        rawdoc! { "level": level }
    }

    /// For more than one record at once.
    pub(crate) fn of_many(self) -> Self {
        if self == Self::Linearizable { Self::Majority } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concerns_are_read_as_they_are_shown() {
        for concern in [WriteConcern::Majority, WriteConcern::Members(1), WriteConcern::Members(50)] {
            assert_eq!(concern.to_string().parse(), Ok(concern));
        }
        for bad in ["", "0", "51", "-1", "all", "Majority", "1 "] {
            assert_eq!(bad.parse::<WriteConcern>(), Err(ParseConcernError), "{bad}");
        }
    }
}
