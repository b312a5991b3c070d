//! What was told, held against what is there.

use std::collections::HashSet;

use dancecard_core::Version;

use super::Told;
use crate::failure::{Failure, Outcome};

/// What one client was told.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) acknowledged: Vec<Line>,
    pub(super) unknown: Vec<Line>,
    pub(super) refused: usize,
}

/// A line that was added.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) record: usize,
    pub(super) text: String,
    /// Where it ends in the payload that was written.
    pub(super) end: usize,
    /// That of the record with the line; where nobody knows, of the one before.
    pub(super) version: Version,
}

/// # Errors
/// With what does not hold.
pub(super) fn examine(records: &[Vec<u8>], histories: &[History]) -> Outcome<Told> {
    let mut there: Vec<HashSet<&str>> = Vec::new();
    for payload in records {
        there.push(lines(payload)?);
    }
    let (mut told, mut accounted) = (Told::default(), 0);
    let mut versions = HashSet::new();
    for history in histories {
        for line in &history.acknowledged {
            kept(line, records)?;
            let is_new = versions.insert((line.record, &line.version));
            that(is_new, "a version that was not there before", "one twice")?;
        }
        let unknown = history.unknown.iter();
        let done = unknown.filter(|line| there.get(line.record).is_some_and(|all| all.contains(&*line.text)));
        accounted += history.acknowledged.len() + done.count();
        told.acknowledged += history.acknowledged.len();
        told.unknown += history.unknown.len();
        told.refused += history.refused;
    }
    let lines: usize = there.iter().map(HashSet::len).sum();
    that(lines == accounted, "no line but those that were acknowledged or unknown", "more")?;
    Ok(told)
}

/// The lines of a record.
fn lines(payload: &[u8]) -> Outcome<HashSet<&str>> {
    let text = std::str::from_utf8(payload).map_err(|_| Failure::new("the lines of clients", "no text"))?;
    let lines: Vec<_> = text.split_inclusive(';').collect();
    let distinct: HashSet<_> = lines.iter().copied().collect();
    that(distinct.len() == lines.len(), "each line once", "one twice, though it was told as not done")?;
    Ok(distinct)
}

/// Sees that a line is where its writer put it, after all that was there before.
fn kept(line: &Line, records: &[Vec<u8>]) -> Outcome {
    let before = records.get(line.record).and_then(|payload| payload.get(..line.end));
    let is_kept = before.is_some_and(|before| before.ends_with(line.text.as_bytes()));
    that(is_kept, "every line that was acknowledged, in its place", "an update that is lost")
}

fn that(holds: bool, expected: &str, got: &str) -> Outcome {
    if holds { Ok(()) } else { Err(Failure::new(expected, got).at("the history of all clients")) }
}
