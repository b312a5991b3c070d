//! Records kept in this process for a moment, so that reading them again asks nobody.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::id::RecordKey;
use crate::record::{Entry, Record, Version, Versioned};
use crate::store::{BoxStream, ListQuery, Store, WriteMode};

mod near;
mod shard;
#[cfg(test)]
mod tests;

pub use near::NearCache;
use near::{Cache, Clocks};

const MAX_BYTES: usize = 64 << 20;
const MAX_AGE: Duration = Duration::from_secs(2);

/// A near cache: a store that keeps what it loaded and wrote in this process's memory, and answers a load of it without
/// asking the engine.
///
/// # What is kept, and for how long
/// - A record is given out for at most `max_age` after the engine was asked for it, two seconds by default. **So a session
///   that another process ended or changed may be seen as it was for that long.** It is never seen longer. With a `max_age` of
///   zero nothing is kept, and every call is passed on.
/// - A change by this process is seen at once: when a write, delete, touch or replace begins, the entry is dropped; until
///   it is acknowledged the engine is asked. An answer that was on its way meanwhile is not kept. Nobody is given a record
///   older than one that this process has seen before, be it by a load, a listing or a write.
/// - A failed change drops the entry. After a conflict the engine is asked, so the second attempt has the present version.
///   If nobody knows whether a change happened (its answer was lost, or the caller gave up), records under the key are
///   not kept for `max_age`: it may still happen.
/// - Changes always go to the engine, at the version that was loaded. A version out of date leads to a conflict and a second
///   attempt, not to a lost write. But a request that sets what the record held a moment ago writes nothing, as ever,
///   though another process may just have changed it.
/// - A record that has expired is not given out: another process may have moved its expiry.
/// - That a key has no record is not kept, and neither are markers of ended and rotated sessions and of an "end all".
/// - Listings ask the engine, and drop what they show to be out of date.
///
/// On an engine that can't compare and swap nothing is kept: a write from a record out of date would bring back what
/// another process ended.
///
/// All managers of a process should share one `CachedStore` (by [`SharedStore`](crate::SharedStore)): two are to each
/// other like two processes. A [deadline](crate::DeadlineStore) or a [meter](crate::MeteredStore) for the engine goes
/// inside, over the engine itself.
///
/// ```
/// use std::time::Duration;
/// use dancecard_core::{CachedStore, MemoryStore, SessionManager};
///
/// let store = CachedStore::new(MemoryStore::new()) // a network engine, rather
///     .with_max_bytes(16 << 20)
///     .with_max_age(Duration::from_secs(5));
/// let near = store.near();
/// let manager = SessionManager::new(store);
/// assert_eq!((near.hits(), near.misses()), (0, 0));
/// ```
#[derive(Debug)]
pub struct CachedStore<S> {
    inner: S,
    near: NearCache,
    compares: bool,
}

impl<S: Store> CachedStore<S> {
    /// A store that keeps records of `inner`, 64 MiB of them, each for two seconds.
    pub fn new(inner: S) -> Self {
        let compares = inner.capabilities().conditional_write.is_supported();
        let cache = Cache::new(MAX_BYTES, MAX_AGE, Clocks::system());
        Self { inner, near: NearCache(Arc::new(cache)), compares }
    }

    /// Keeps at most so many bytes. What was not read lately goes first.
    ///
    /// Counted is what a record takes in this process: its payload, its principal and device, and some 350 bytes for the
    /// rest. Not counted are 6 KiB for each 4 MiB, at most 96 KiB. The cache has up to sixteen parts of 4 MiB or more, and
    /// a record that is larger than a part is not kept.
    #[must_use]
    pub fn with_max_bytes(self, bytes: usize) -> Self {
        let Cache { max_age, clocks, .. } = &*self.near.0;
        let cache = Cache::new(bytes, *max_age, clocks.clone());
        self.with_cache(cache)
    }

    /// Gives out a record for at most so long. It is the bound of what is seen too late of other processes.
    #[must_use]
    pub fn with_max_age(self, age: Duration) -> Self {
        let Cache { max_bytes, clocks, .. } = &*self.near.0;
        let cache = Cache::new(*max_bytes, age, clocks.clone());
        self.with_cache(cache)
    }

    /// Measures ages by this clock, and judges by it what has expired: it is to be the session manager's. For tests; by
    /// default ages are measured by one that does not jump when the system's time is set.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        let Cache { max_bytes, max_age, .. } = &*self.near.0;
        let cache = Cache::new(*max_bytes, *max_age, Clocks::both(clock));
        self.with_cache(cache)
    }

    fn with_cache(self, cache: Cache) -> Self {
        Self { near: NearCache(Arc::new(cache)), ..self }
    }

    /// A handle on what is kept. Take it after everything was set up: each `with_` begins a new cache.
    pub fn near(&self) -> NearCache {
        self.near.clone()
    }

    /// The cache, unless nothing is to be kept.
    fn cache(&self) -> Option<&Cache> {
        Some(&*self.near.0).filter(|cache| self.compares && !cache.max_age.is_zero())
    }
}

impl<S: Store> Store for CachedStore<S> {
    crate::forward!(inner: engine, capabilities, is_usable, unsupported, health);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let Some(cache) = self.cache() else { return self.inner.load(key).await };
        let question = match cache.look(key) {
            Ok(found) => return Ok(Some(found)),
            Err(question) => question,
        };
        let found = self.inner.load(key).await?;
        question.answered(found.as_ref());
        Ok(found)
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let Some(cache) = self.cache() else { return self.inner.write(key, record, mode).await };
        let (change, copy) = (cache.change(key), cache.copy_of(key, &record));
        let answer = self.inner.write(key, record, mode).await;
        change.written(&answer, copy);
        answer
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        let Some(cache) = self.cache() else { return self.inner.delete(key).await };
        let change = cache.change(key);
        let answer = self.inner.delete(key).await;
        change.made(&answer);
        answer
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let call = |record| self.inner.replace(old, expected, retired, new, record);
        let Some(cache) = self.cache() else { return call(record).await };
        let (leaving, coming) = (cache.change(old), cache.change(new));
        let copy = cache.copy_of(new, &record);
        let answer = call(record).await;
        coming.written(&answer, copy);
        leaving.made(&answer);
        answer
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let Some(cache) = self.cache() else { return self.inner.touch(key, expires_at).await };
        let change = cache.change(key);
        let answer = self.inner.touch(key, expires_at).await;
        change.made(&answer);
        answer
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let entries = self.inner.list(query);
        match self.cache() {
            Some(cache) => Box::pin(Listing { cache, entries }),
            None => entries,
        }
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let _purge = self.cache().map(|cache| Purge { cache, now });
        self.inner.purge_expired(now, limit).await
    }
}

/// A purge that is being made. However it is left, something may have been removed.
struct Purge<'a> {
    cache: &'a Cache,
    now: Timestamp,
}

impl Drop for Purge<'_> {
    fn drop(&mut self) {
        self.cache.purged(self.now);
    }
}

/// Tells the cache what it sees.
struct Listing<'a> {
    cache: &'a Cache,
    entries: BoxStream<'a, Result<Entry>>,
}

impl Stream for Listing<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = std::task::ready!(self.entries.as_mut().poll_next(context));
        if let Some(Ok(entry)) = &item {
            self.cache.listed(entry);
        }
        Poll::Ready(item)
    }
}
