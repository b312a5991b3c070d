//! Sessions kept in this process's memory, as long as the server confirms that they have not changed.
//!
//! A server that was asked to track what a connection reads sends a notice down that connection when any of it changes.
//! The notices are heard in the task that reads the socket, in the order in which the server sent them, so:
//!
//! - what was read is kept only if nothing under its key, or near it, was noted between sending the command and keeping
//!   the reply: a notice that overtakes the reader counts;
//! - when a command has been answered, every notice of a change before that command was sent has been heard. A session
//!   is served only while its connection was confirmed like that within `near_cache_staleness_ms`, so that a connection
//!   that is dead without anybody knowing serves nothing beyond that;
//! - a connection that ends takes everything with it that was read through it.
//!
//! A server does not send a connection notices of its own changes. Whoever writes holds an [`Alteration`], which drops
//! the key when it ends, in whatever way.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{RecordKey, Versioned};
use parking_lot::Mutex;

use crate::keys::Names;
use crate::wire::{Listener, Notice};

mod shard;

use shard::{Entry, Shard};

const SHARDS: usize = 16;

/// The sessions that are kept.
pub(crate) struct Near {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    names: Names,
    staleness: Duration,
    /// What moments are counted from.
    origin: Instant,
}

impl Near {
    pub(crate) fn new(bytes: usize, staleness: Duration, names: Names) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard::new(bytes / SHARDS))),
            hasher: RandomState::new(),
            names,
            staleness,
            origin: Instant::now(),
        }
    }

    /// What a new connection's notices are heard by.
    pub(crate) fn source(self: &Arc<Self>) -> Source {
        let line = Arc::new(Tracked::default());
        Source { near: self.clone(), line }
    }

    /// The session under a key, if it may still be served.
    pub(crate) fn get(&self, key: &RecordKey) -> Option<Hit> {
        let now = self.now();
        let mut shard = self.shard(key).lock();
        let entry = shard.get(key)?;
        let age = entry.source.age(now)?;
        if age > self.staleness {
            return None;
        }
        let due = age > self.staleness / 2 && !entry.source.asked.swap(true, Ordering::Relaxed);
        Some(Hit { record: entry.record.clone(), confirm: due.then(|| Confirmation(entry.source.clone())) })
    }

    /// To be taken before a session is asked for.
    pub(crate) fn ticket(&self, key: &RecordKey) -> Ticket {
        Ticket { changes: self.shard(key).lock().changes() }
    }

    /// Keeps what was read through a connection, unless something changed since the ticket was taken.
    pub(crate) fn keep(&self, ticket: &Ticket, key: &RecordKey, record: &Versioned, source: &Source) {
        let mut shard = self.shard(key).lock();
        if shard.changes() == ticket.changes && !source.line.ended.load(Ordering::Acquire) {
            shard.put(key, Entry::new(key, record.clone(), source.line.clone()));
        }
    }

    /// To be held while a session is written.
    pub(crate) fn altering<'a>(&'a self, key: &'a RecordKey) -> Alteration<'a> {
        Alteration { near: self, key }
    }

    /// How many bytes are kept.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes()).sum()
    }

    fn shard(&self, key: &RecordKey) -> &Mutex<Shard> {
        let place = self.hasher.hash_one(key) as usize % SHARDS;
        // There are so many; the first stands for what can't happen.
        self.shards.get(place).unwrap_or(&self.shards[0])
    }

    fn now(&self) -> u64 {
        self.moment(Instant::now())
    }

    /// From 1 on: 0 is before everything.
    fn moment(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }

    fn hear(&self, notice: Notice, line: &Arc<Tracked>) {
        match notice {
            Notice::Stale(names) => {
                let keys = names.iter().filter_map(|name| self.names.key(name));
                keys.for_each(|key| self.shard(&key).lock().drop_key(&key));
            }
            Notice::AllStale => self.shards.iter().for_each(|shard| shard.lock().clear()),
            Notice::Ended => {
                line.ended.store(true, Ordering::Release);
                self.shards.iter().for_each(|shard| shard.lock().clear_of(line));
            }
        }
    }
}

impl fmt::Debug for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near").field("staleness", &self.staleness).finish_non_exhaustive()
    }
}

/// What is known about a connection whose reads the server tracks.
#[derive(Debug, Default)]
struct Tracked {
    ended: AtomicBool,
    /// When the latest command that was answered had been sent.
    confirmed: AtomicU64,
    /// Whether somebody asks for a confirmation right now.
    asked: AtomicBool,
}

impl Tracked {
    /// How long ago it was confirmed. `None` when it is over.
    fn age(&self, now: u64) -> Option<Duration> {
        let age = now.saturating_sub(self.confirmed.load(Ordering::Acquire));
        (!self.ended.load(Ordering::Acquire)).then(|| Duration::from_micros(age))
    }
}

/// A connection as the origin of sessions.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    near: Arc<Near>,
    line: Arc<Tracked>,
}

impl Source {
    /// Hears the notices of the connection.
    pub(crate) fn listener(&self) -> Listener {
        let Self { near, line } = self.clone();
        Box::new(move |notice| near.hear(notice, &line))
    }

    /// A command that was sent then has been answered.
    pub(crate) fn confirm(&self, sent: Instant) {
        self.line.confirmed.fetch_max(self.near.moment(sent), Ordering::AcqRel);
    }
}

/// A session that may be served.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) record: Versioned,
    /// Half of the time is over: whoever gets this asks the server anything, so that others need not wait for it.
    pub(crate) confirm: Option<Confirmation>,
}

/// Held while the server is asked for a sign of life.
#[derive(Debug)]
pub(crate) struct Confirmation(Arc<Tracked>);

impl Drop for Confirmation {
    fn drop(&mut self) {
        self.0.asked.store(false, Ordering::Relaxed);
    }
}

/// Which state of things a reader began with.
#[derive(Debug)]
pub(crate) struct Ticket {
    changes: u64,
}

/// A write that is under way.
pub(crate) struct Alteration<'a> {
    near: &'a Near,
    key: &'a RecordKey,
}

impl Drop for Alteration<'_> {
    fn drop(&mut self) {
        self.near.shard(self.key).lock().drop_key(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dancecard_core::{Meta, Record, Timestamp, Version};

    const SECOND: Duration = Duration::from_secs(1);

    fn near(bytes: usize) -> Arc<Near> {
        Arc::new(Near::new(bytes, SECOND, Names::new("t:")))
    }

    fn key(number: u32) -> RecordKey {
        RecordKey::new(&number.to_be_bytes())
    }

    fn record(bytes: usize) -> Versioned {
        let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
        Versioned::new(Record::new(meta, vec![0; bytes]), Version::from_u64(1))
    }

    fn keep(near: &Near, source: &Source, key: &RecordKey) {
        near.keep(&near.ticket(key), key, &record(100), source);
    }

    fn confirmed(near: &Arc<Near>) -> Source {
        let source = near.source();
        source.confirm(Instant::now());
        source
    }

    #[test]
    fn what_is_kept_is_served_until_it_is_stale() {
        let near = near(1 << 20);
        let (source, other) = (confirmed(&near), confirmed(&near));
        (0..3).for_each(|number| keep(&near, &source, &key(number)));
        assert!(near.get(&key(0)).is_some());
        let stale = |number| Notice::Stale(vec![near.names.record(&key(number)), b"another's".to_vec()]);
        source.listener()(stale(0));
        assert!(near.get(&key(0)).is_none() && near.get(&key(1)).is_some());
        other.listener()(stale(1));
        assert!(near.get(&key(1)).is_none(), "a cluster's other node may hold the key now");
        source.listener()(Notice::AllStale);
        assert!(near.get(&key(2)).is_none());
        assert_eq!(near.bytes(), 0);
    }

    #[test]
    fn a_reply_that_was_overtaken_is_not_kept() {
        let near = near(1 << 20);
        let source = confirmed(&near);
        let ticket = near.ticket(&key(0));
        source.listener()(Notice::Stale(vec![near.names.record(&key(0))]));
        near.keep(&ticket, &key(0), &record(1), &source);
        assert!(near.get(&key(0)).is_none());

        let ticket = near.ticket(&key(0));
        drop(near.altering(&key(0)));
        near.keep(&ticket, &key(0), &record(1), &source);
        assert!(near.get(&key(0)).is_none());

        let ticket = near.ticket(&key(0));
        source.listener()(Notice::AllStale);
        near.keep(&ticket, &key(0), &record(1), &source);
        assert!(near.get(&key(0)).is_none());
    }

    #[test]
    fn a_connection_that_ended_takes_its_own_along() {
        let near = near(1 << 20);
        let (source, other) = (confirmed(&near), confirmed(&near));
        keep(&near, &source, &key(0));
        keep(&near, &other, &key(1));
        let ticket = near.ticket(&key(2));
        source.listener()(Notice::Ended);
        near.keep(&ticket, &key(2), &record(1), &source);
        assert!(near.get(&key(0)).is_none() && near.get(&key(2)).is_none());
        assert!(near.get(&key(1)).is_some());
    }

    /// As if the cache had been there for an hour.
    fn aged(staleness: Duration) -> Arc<Near> {
        let mut near = Near::new(1 << 20, staleness, Names::new("t:"));
        near.origin -= Duration::from_secs(3600);
        Arc::new(near)
    }

    #[test]
    fn what_was_not_confirmed_in_time_is_not_served() {
        let near = aged(SECOND);
        let source = near.source();
        keep(&near, &source, &key(0));
        assert!(near.get(&key(0)).is_none(), "nothing was ever confirmed");
        source.confirm(Instant::now() - Duration::from_secs(2));
        assert!(near.get(&key(0)).is_none());
        source.confirm(Instant::now());
        assert!(near.get(&key(0)).is_some());
        source.confirm(Instant::now() - Duration::from_secs(2));
        assert!(near.get(&key(0)).is_some(), "an earlier command that is answered later takes nothing back");
    }

    #[test]
    fn one_reader_at_a_time_asks_when_half_of_the_time_is_over() {
        let near = aged(Duration::from_secs(1000));
        let source = near.source();
        keep(&near, &source, &key(0));
        source.confirm(Instant::now() - Duration::from_secs(600));
        let asking = near.get(&key(0)).unwrap().confirm;
        assert!(asking.is_some());
        assert!(near.get(&key(0)).unwrap().confirm.is_none(), "somebody asks already");
        drop(asking);
        assert!(near.get(&key(0)).unwrap().confirm.is_some(), "nothing came of it");
        source.confirm(Instant::now());
        assert!(near.get(&key(0)).unwrap().confirm.is_none());
    }

    #[test]
    fn facts_count_as_the_payload_does() {
        let near = near(SHARDS * 40_000);
        let source = confirmed(&near);
        let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX)
            .with_principal(Some("p".repeat(10_000).as_str().into()));
        let record = Versioned::new(Record::new(meta, vec![]), Version::from_u64(1));
        for number in 0..1000 {
            near.keep(&near.ticket(&key(number)), &key(number), &record, &source);
        }
        let kept = (0..1000).filter(|number| near.get(&key(*number)).is_some()).count();
        assert!((SHARDS..=3 * SHARDS).contains(&kept), "{kept}");
    }

    #[test]
    fn the_bound_holds_and_what_is_used_stays() {
        let near = near(SHARDS * 4096);
        let source = confirmed(&near);
        keep(&near, &source, &key(0));
        for number in 1..2000 {
            keep(&near, &source, &key(number));
            assert!(near.get(&key(0)).is_some(), "{number}");
        }
        assert!(near.bytes() <= SHARDS * 4096 && near.bytes() > SHARDS * 2048, "{}", near.bytes());
        near.keep(&near.ticket(&key(0)), &key(1), &record(5000), &source);
        assert!(near.get(&key(1)).is_none(), "larger than its share");
    }
}
