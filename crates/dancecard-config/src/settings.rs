//! Everything about sessions but their engine.

use std::time::Duration;

use dancecard_core::{AtLimit, ConflictPolicy, FailurePolicy, Policy, Result};
use dancecard_http::Transport;

use crate::codec::{Codecs, Serializers};
use crate::duration::shown;
use crate::entry::Entry;
use crate::reader::{Key, Reader, word};
use crate::{cookie, lifetime};

const KEYS: &[&str] = &[
    "engine",
    "idle",
    "absolute",
    "renewal",
    "grace",
    "touch",
    "max_sessions",
    "at_limit",
    "on_failure",
    "on_conflict",
    "max_attempts",
    "max_payload",
    "namespace",
    "device_facts",
    "serializer",
    "compress_above",
    "encryption_keys",
    "encrypt",
    "near_cache",
    "cookie",
    "header",
];

const AT_LIMIT: &[(&str, AtLimit)] = &[
    ("end_oldest", AtLimit::EndOldest),
    ("end_idlest", AtLimit::EndIdlest),
    ("refuse_new", AtLimit::RefuseNew),
];
const FAILURES: &[(&str, FailurePolicy)] =
    &[("closed", FailurePolicy::Closed), ("anonymous", FailurePolicy::Anonymous)];
const CONFLICTS: &[(&str, ConflictPolicy)] =
    &[("merge", ConflictPolicy::Merge), ("reject", ConflictPolicy::Reject)];

const NEAR_CACHE: &[&str] = &["max_bytes", "max_age_ms"];

/// The paths of all keys here, with what they hold if they are tables of our own.
pub(crate) fn paths() -> impl Iterator<Item = String> {
    let keys = KEYS.iter().map(|key| format!("session.{key}"));
    let within = NEAR_CACHE.iter().map(|key| format!("session.near_cache.{key}"));
    std::iter::once("session".to_owned()).chain(keys).chain(within)
}

/// How sessions are kept, apart from where.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) transport: Transport,
    pub(crate) namespace: String,
    pub(crate) device_facts: bool,
    pub(crate) codecs: Codecs,
    pub(crate) near_cache: Option<NearCache>,
}

/// The cache of records in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NearCache {
    pub(crate) max_bytes: usize,
    pub(crate) max_age: Duration,
}

pub(crate) fn read(reader: &mut Reader<'_>, serializers: &Serializers) -> Result<Settings> {
    reader.check("session", KEYS)?;
    let policy = policy(reader)?;
    let namespace = reader.value(Key::own("session.namespace"), String::new(), Entry::text, String::clone)?;
    let device_facts =
        reader.value(Key::own("session.device_facts"), false, Entry::switch, bool::to_string)?;
    let codecs = Codecs::read(reader, &namespace, serializers)?;
    let near_cache = near_cache(reader)?;
    Ok(Settings { policy, namespace, device_facts, codecs, near_cache, transport: cookie::read(reader)? })
}

fn policy(reader: &mut Reader<'_>) -> Result<Policy> {
    let policy = Policy::default().with_lifetime(lifetime::read(reader)?);
    let policy = renewal(reader, policy)?;
    let policy = max_sessions(reader, policy)?;
    let own = Key::own;
    let touch = reader.value(own("session.touch"), 0.1, share, f32::to_string)?;
    let failure = reader.value(
        own("session.on_failure"),
        FailurePolicy::Closed,
        |e| e.choice(FAILURES),
        |f| word(FAILURES, f),
    )?;
    let conflict = reader.value(
        own("session.on_conflict"),
        ConflictPolicy::Merge,
        |e| e.choice(CONFLICTS),
        |c| word(CONFLICTS, c),
    )?;
    let attempts = reader.value(own("session.max_attempts"), 16, at_least_one::<u32>, u32::to_string)?;
    let payload =
        reader.value(own("session.max_payload"), 1 << 20, at_least_one::<usize>, usize::to_string)?;
    let policy = policy.with_touch_after(touch).with_failure(failure).with_conflict(conflict);
    Ok(policy.with_max_attempts(attempts).with_max_payload(payload))
}

fn renewal(reader: &mut Reader<'_>, policy: Policy) -> Result<Policy> {
    let never = |interval: &Option<Duration>| lifetime::show(*interval);
    let interval = reader.value(Key::own("session.renewal"), None, lifetime::limit, never)?;
    let given = reader.own("session.grace");
    let grace =
        reader.value(Key::own("session.grace"), Duration::from_secs(30), Entry::duration, |grace| {
            shown(*grace)
        })?;
    match (interval, given) {
        (Some(interval), _) => Ok(policy.with_renewal(interval, grace)),
        (None, Some(grace)) => {
            Err(grace.refuse("is how long an old id is good after a renewal: set `session.renewal` too"))
        }
        (None, None) => Ok(policy),
    }
}

fn max_sessions(reader: &mut Reader<'_>, policy: Policy) -> Result<Policy> {
    let show = |limit: &Option<usize>| limit.map_or_else(|| "any".to_owned(), |limit| limit.to_string());
    let read = |entry: &Entry| at_least_one(entry).map(Some);
    let limit = reader.value(Key::own("session.max_sessions"), None, read, show)?;
    let given = reader.own("session.at_limit");
    let at_limit = reader.value(
        Key::own("session.at_limit"),
        AtLimit::EndOldest,
        |e| e.choice(AT_LIMIT),
        |at| word(AT_LIMIT, at),
    )?;
    match (limit, given) {
        (Some(limit), _) => Ok(policy.with_max_sessions(limit, at_limit)),
        (None, Some(at_limit)) => {
            Err(at_limit.refuse("is what happens at `session.max_sessions`: set it too"))
        }
        (None, None) => Ok(policy),
    }
}

fn near_cache(reader: &mut Reader<'_>) -> Result<Option<NearCache>> {
    const TABLE: &str = "session.near_cache";
    let entry = reader.own(TABLE);
    let is_on = match &entry {
        None => false,
        Some(entry) if entry.is_table() => true,
        Some(entry) => entry.switch()?,
    };
    if !is_on {
        reader.note(TABLE, "false", entry.as_ref());
        return Ok(None);
    }
    if entry.is_some_and(|entry| entry.is_table()) {
        reader.check(TABLE, NEAR_CACHE)?;
    }
    let max_bytes = reader.value(
        Key::own("session.near_cache.max_bytes"),
        64 << 20,
        at_least_one::<usize>,
        usize::to_string,
    )?;
    let max_age =
        reader.value(Key::own("session.near_cache.max_age_ms"), 2000, at_least_one::<u64>, u64::to_string)?;
    Ok(Some(NearCache { max_bytes, max_age: Duration::from_millis(max_age) }))
}

fn share(entry: &Entry) -> Result<f32> {
    let share: f32 = entry.number()?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(entry.refuse("must be a share, 0.0 to 1.0")) }
}

fn at_least_one<T: std::str::FromStr + PartialEq + From<u8>>(entry: &Entry) -> Result<T> {
    let number: T = entry.number()?;
    if number == T::from(0) { Err(entry.refuse("must be at least 1")) } else { Ok(number) }
}
