//! How long sessions live, in our own words and in those of the Dancer frameworks.
//!
//! Dancer has no limits on the server but those of single engines: what it calls a duration is that of the cookie, or of the
//! engine's record. They are understood as limits of the session, so that the session and its cookie end together.

use std::time::Duration;

use dancecard_core::{Lifetime, Result};

use crate::duration::shown;
use crate::entry::Entry;
use crate::reader::Reader;

const IDLE: Duration = Duration::from_secs(3600);
const ABSOLUTE: Duration = Duration::from_secs(24 * 3600);

/// A limit, or none, and who says so.
#[derive(Clone, Default)]
struct Limit {
    length: Option<Duration>,
    because: Option<Entry>,
}

impl Limit {
    fn of(length: Duration) -> Self {
        Self { length: Some(length), because: None }
    }

    fn read(entry: Entry) -> Result<Self> {
        Ok(Self { length: limit(&entry)?, because: Some(entry) })
    }

    /// As long as `other`, should that be shorter, and nobody have asked for this.
    fn no_longer_by_default(self, other: &Self) -> Self {
        match (&self.because, self.length, other.length) {
            (None, Some(own), Some(shorter)) if own > shorter => other.clone(),
            _ => self,
        }
    }

    /// As long as `other`, should that be longer.
    fn at_least(self, other: &Self) -> Self {
        match (self.length, other.length) {
            (Some(own), Some(longer)) if own < longer => other.clone(),
            _ => self,
        }
    }
}

/// A length of time, or a word that says that there is no end.
pub(crate) fn limit(entry: &Entry) -> Result<Option<Duration>> {
    let text = entry.text()?;
    if ["never", "none"].iter().any(|word| text.trim().eq_ignore_ascii_case(word)) {
        return Ok(None);
    }
    let length = entry.duration()?;
    if length.is_zero() {
        return Err(entry.refuse("must be longer than nothing; `never` sets no limit"));
    }
    Ok(Some(length))
}

pub(crate) fn show(length: Option<Duration>) -> String {
    length.map_or_else(|| "never".to_owned(), shown)
}

/// Reads both limits.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Lifetime> {
    let (idle, absolute) = limits(reader)?;
    reader.note("session.idle", show(idle.length), idle.because.as_ref());
    reader.note("session.absolute", show(absolute.length), absolute.because.as_ref());
    match (idle.length, absolute.length) {
        (Some(unused), Some(all)) if unused > all => Err(too_long(&idle, &absolute)),
        (Some(unused), Some(all)) => Ok(Lifetime::new(unused, all)),
        (Some(unused), None) => Ok(Lifetime::idle(unused)),
        (None, Some(all)) => Ok(Lifetime::absolute(all)),
        (None, None) => Err(endless(&idle, &absolute)),
    }
}

fn limits(reader: &Reader<'_>) -> Result<(Limit, Limit)> {
    let cookie = reader.in_section("cookie_duration").map(Limit::read).transpose()?;
    let expires = flat_expires(reader)?;
    let record = reader.in_section("session_duration").or_else(|| redis_expire(reader));
    let record = record.or_else(|| sealed(reader).filter(|_| cookie.is_none()));
    let record = record.map(Limit::read).transpose()?;
    let idle = match (reader.own("session.idle"), record) {
        (Some(entry), _) => Limit::read(entry)?,
        (None, Some(record)) => record,
        (None, None) => unused(&cookie, &expires),
    };
    let absolute = match (reader.own("session.absolute"), expires) {
        (Some(entry), _) => Limit::read(entry)?,
        (None, Some(expires)) => expires.at_least(&foreign(&idle)),
        (None, None) => Limit::of(ABSOLUTE).at_least(&foreign(&idle)),
    };
    let absolute = match (&cookie, reader.own("session.absolute")) {
        (Some(cookie), None) => absolute.at_least(cookie),
        _ => absolute,
    };
    Ok((idle.no_longer_by_default(&absolute), absolute))
}

/// Dancer 2's cookie is sent anew with each response, so its length is that of disuse; Dancer 1's is sent once.
fn unused(cookie: &Option<Limit>, expires: &Option<Limit>) -> Limit {
    match (cookie, expires) {
        (Some(cookie), _) => cookie.clone(),
        (None, Some(expires)) => Limit { length: None, because: expires.because.clone() },
        (None, None) => Limit::of(IDLE),
    }
}

/// An idle limit, if it comes from a layout that has no other: then it is no mistake that it is longer.
fn foreign(idle: &Limit) -> Limit {
    let is_foreign = idle.because.as_ref().is_some_and(|entry| entry.path() != "session.idle");
    if is_foreign { idle.clone() } else { Limit::default() }
}

/// Nothing, and no time, are no limit there.
fn flat_expires(reader: &Reader<'_>) -> Result<Option<Limit>> {
    let Some(entry) = reader.flat("session_expires") else { return Ok(None) };
    let says_nothing = matches!(entry.text()?.trim(), "" | "0");
    if says_nothing { Ok(None) } else { Limit::read(entry).map(Some) }
}

fn redis_expire(reader: &Reader<'_>) -> Option<Entry> {
    reader.own("redis_session.expire").filter(|_| reader.is_engine("redis"))
}

/// How long what Dancer 2's Cookie sealed is good, from each response that has it: where nothing says how long the cookie is.
fn sealed(reader: &Reader<'_>) -> Option<Entry> {
    reader.in_section("default_duration").filter(|_| reader.is_engine("cookie"))
}

fn too_long(idle: &Limit, absolute: &Limit) -> dancecard_core::Error {
    let sentence = format!(
        "is longer than `session.absolute`, {}: make it shorter, or set `session.absolute` (`never` sets no limit)",
        show(absolute.length)
    );
    let entry = idle.because.as_ref().or(absolute.because.as_ref());
    entry.map_or_else(|| crate::fault::fault(sentence.clone()), |entry| entry.refuse(&sentence))
}

fn endless(idle: &Limit, absolute: &Limit) -> dancecard_core::Error {
    let sentence = "a session needs an idle or an absolute limit: set one of them";
    let entry = idle.because.as_ref().or(absolute.because.as_ref());
    entry.map_or_else(|| crate::fault::fault(sentence), |entry| entry.refuse(sentence))
}
