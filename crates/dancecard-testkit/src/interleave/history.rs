//! What happened in one schedule, in the order in which the engine was changed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_core::{Codec as _, ErrorKind, JsonCodec, Meta, Outcome, RecordKey, Timestamp};
use parking_lot::Mutex;

use super::script::Wishes;

/// The data of a session, as far as scripts write it.
pub(super) type Data = BTreeMap<String, i64>;

/// A record key by its number in the order of first sight, so that two runs of a seed tell the same story.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(pub(super) usize);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// A record as the history keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// `None` when the payload is not a document of numbers.
    pub(super) data: Option<Data>,
    pub(super) principal: Option<String>,
    pub(super) expires_at: Timestamp,
    pub(super) absolute_at: Timestamp,
}

/// A marker that a session leaves behind.
#[derive(Debug, Clone)]
pub(super) struct Marker {
    pub(super) successor: Option<Key>,
    /// Until when readers are let through to the successor.
    pub(super) grace_until: Timestamp,
    /// Until when the marker is there for certain.
    pub(super) expires_at: Timestamp,
}

/// Some of it is there for the story only.
#[derive(Debug, Clone)]
#[allow(dead_code)]
pub(super) enum What {
    Loaded(Key),
    Listed,
    Touched(Key, Timestamp),
    Created(Key, Seen),
    Updated(Key, Seen),
    Overwritten(Key, Seen),
    Retired(Key, Marker),
    Replaced(Key, Marker, Key, Seen),
    Deleted(Key),
    Purged(Vec<Key>),
    Refused(&'static str, ErrorKind),
    /// The caller was told that a call failed, as the seed decided, which was to make or to take away this record.
    Failed(&'static str, Option<Key>),
    /// A request begins, with the cookie that the browser has.
    Opened(usize, Option<Key>),
    /// A request has announced a sign-in.
    Announced(&'static str),
    /// A save or a commit begins.
    Begun(Wishes),
    /// A save came to this.
    Saved(Result<(), ErrorKind>),
    /// A commit came to this, and with it the cookie is replaced, dropped, or left alone.
    Done(Result<Outcome, ErrorKind>, Cookie),
    /// An operator's call begins, and ends.
    Called(Call),
    Returned(Result<usize, ErrorKind>),
    /// Something that must not happen, seen by a script itself.
    Wrong(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    Kept,
    Set(Key),
    Forgotten,
}

/// An operator's call, with what it is about.
#[derive(Debug, Clone)]
pub(super) enum Call {
    End(Key),
    EndOne(String, Key),
    EndAll(String),
    EndOthers(String, Option<Key>),
    /// A request of the principal's own, with the key that it came with.
    SignOutOthers(String, Option<Key>),
    Purge,
}

/// One line of the history.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) task: usize,
    pub(super) at: Timestamp,
    pub(super) what: What,
}

/// A clone is another handle on the same history.
#[derive(Debug, Clone, Default)]
pub(super) struct History(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    running: AtomicUsize,
    calls: AtomicUsize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    names: HashMap<RecordKey, Key>,
    events: Vec<Event>,
}

impl History {
    /// Says which task is running now.
    pub(super) fn switch_to(&self, task: usize) {
        self.0.running.store(task, Ordering::Relaxed);
    }

    pub(super) fn key(&self, key: &RecordKey) -> Key {
        let mut book = self.0.book.lock();
        let next = Key(book.names.len());
        *book.names.entry(key.clone()).or_insert(next)
    }

    pub(super) fn note(&self, at: Timestamp, what: What) {
        let task = self.0.running.load(Ordering::Relaxed);
        self.0.book.lock().events.push(Event { task, at, what });
    }

    /// Counts a call of the engine.
    pub(super) fn count_call(&self) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.0.book.lock().events.clone()
    }

    pub(super) fn marker(&self, meta: &Meta) -> Marker {
        let successor = meta.successor().map(|key| self.key(key));
        Marker { successor, grace_until: meta.absolute_at(), expires_at: meta.expires_at() }
    }
}

pub(super) fn seen(meta: &Meta, payload: &[u8]) -> Seen {
    let principal = meta.principal().map(|who| who.as_str().to_owned());
    let absolute_at = meta.absolute_at();
    Seen { data: read(payload), principal, expires_at: meta.expires_at().min(absolute_at), absolute_at }
}

fn read(payload: &[u8]) -> Option<Data> {
    let opened = JsonCodec.open(payload).ok()?;
    let document = opened.as_deref().unwrap_or(payload);
    let number = |key: String| {
        let value = JsonCodec.find(document, &key).ok()??;
        Some((key, std::str::from_utf8(&value).ok()?.parse().ok()?))
    };
    JsonCodec.keys(document).ok()?.into_iter().map(number).collect()
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} task {}: {:?}", self.at.as_millis() / 1000 % 1_000_000, self.task, self.what)
    }
}
