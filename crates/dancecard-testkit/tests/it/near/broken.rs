//! A near cache as plain as can be, with one thing wrong.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use dancecard_core::{
    BoxStream, Clock as _, Entry, ListQuery, ManualClock, Record, RecordKey, Result, Retry, SharedStore,
    Store, Timestamp, Version, Versioned, WriteMode,
};
use parking_lot::Mutex;

use super::scene::{MAX_AGE, MAX_BYTES};

/// What is wrong. Each breaks a promise, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    KeepsNothing,
    DropsItsOwnWrites,
    KeepsTheOldAfterAWrite,
    KeepsTheOldAfterADelete,
    KeepsTheOldAfterATouch,
    KeepsTheReplaced,
    KeepsLateAnswers,
    LearnsNothingFromLoads,
    GivesOutWhileChanging,
    KeepsWhileChanging,
    TrustsTheOldAfterAConflict,
    TrustsTheOldAfterAFailure,
    TakesTheUnknownForDone,
    TakesTheGivenUpForDone,
    KeepsItsOwnWritesWhenClosed,
    StaysClosed,
    KnowsNoAge,
    AgesFromTheAnswer,
    GrowsYoungerWhenRead,
    TrustsTheClock,
    KeepsAbsence,
    KeepsMarkers,
    GivesOutTheExpired,
    IgnoresPurges,
    IgnoresListings,
    LearnsNothingFromListings,
    KnowsNoBound,
    FirstInFirstOut,
    MakesRoomForTheLargest,
    NeedsNoConditions,
    LearnsFromFailures,
    LearnsNothingFromTouchesElsewhere,
}

/// The state of one key. Absence can be kept only by those that should not.
#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    generation: u64,
    changes: u64,
    closed_until: Option<Timestamp>,
}

#[derive(Clone)]
struct Kept {
    found: Option<Versioned>,
    as_of: Timestamp,
    used: bool,
}

#[derive(Default)]
struct Table {
    slots: BTreeMap<RecordKey, Slot>,
    order: VecDeque<RecordKey>,
    heard: Option<Timestamp>,
}

pub(crate) struct BrokenCache {
    engine: SharedStore,
    clock: ManualClock,
    bug: Option<Bug>,
    table: Mutex<Table>,
}

impl fmt::Debug for BrokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BrokenCache").field(&self.bug).finish()
    }
}

/// What is kept after a change, if anything.
enum End {
    Nothing,
    Unknown,
    GivenUp,
    Conflict,
    Failed,
    Written(Versioned),
}

struct Change<'a> {
    cache: &'a BrokenCache,
    key: &'a RecordKey,
    generation: u64,
    since: Timestamp,
    before: Option<Kept>,
    /// What keeps the entry when it should not.
    keeper: Bug,
    end: End,
}

impl BrokenCache {
    pub(crate) fn new(engine: SharedStore, clock: ManualClock, bug: Option<Bug>) -> Self {
        Self { engine, clock, bug, table: Mutex::default() }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn is_on(&self) -> bool {
        let compares = self.engine.capabilities().conditional_write.is_supported();
        (compares || self.has(Bug::NeedsNoConditions)) && !self.has(Bug::KeepsNothing)
    }

    fn is_fresh(&self, kept: &Kept, heard: Option<Timestamp>) -> bool {
        let now = self.clock.now();
        let young = now.since(kept.as_of) < MAX_AGE || self.has(Bug::KnowsNoAge);
        let sane = kept.as_of <= now || self.has(Bug::TrustsTheClock);
        young && sane && self.is_kept(kept.found.as_ref(), heard)
    }

    fn is_kept(&self, found: Option<&Versioned>, heard: Option<Timestamp>) -> bool {
        let Some(found) = found else { return self.has(Bug::KeepsAbsence) };
        let over = found.is_expired(self.clock.now()) && !self.has(Bug::GivesOutTheExpired)
            || heard.is_some_and(|heard| found.is_expired(heard));
        let marker = found.written_meta().is_retired() && !self.has(Bug::KeepsMarkers);
        !over && !marker
    }

    fn look(&self, key: &RecordKey) -> Option<Option<Versioned>> {
        let (table, now) = (&mut *self.table.lock(), self.clock.now());
        let heard = table.heard;
        let slot = table.slots.get_mut(key)?;
        let kept = slot.kept.as_mut().filter(|kept| self.is_fresh(kept, heard))?;
        kept.used = true;
        if self.has(Bug::GrowsYoungerWhenRead) {
            kept.as_of = now;
        }
        Some(kept.found.clone())
    }

    fn ask(&self, key: &RecordKey) -> (u64, Timestamp) {
        let mut table = self.table.lock();
        let slot = table.slots.entry(key.clone()).or_default();
        (slot.generation, self.clock.now())
    }

    fn is_latest(&self, slot: &Slot, generation: u64, since: Timestamp) -> bool {
        let open = slot.closed_until.is_none_or(|until| since >= until);
        let settled = slot.changes == 0 || self.has(Bug::KeepsWhileChanging);
        let latest = slot.generation == generation || self.has(Bug::KeepsLateAnswers);
        open && settled && latest
    }

    fn answered(&self, key: &RecordKey, (generation, since): (u64, Timestamp), found: Option<&Versioned>) {
        let mut table = self.table.lock();
        let heard = table.heard;
        let slot = table.slots.entry(key.clone()).or_default();
        let latest = self.is_latest(slot, generation, since);
        slot.generation += u64::from(!self.has(Bug::LearnsNothingFromLoads));
        if !latest {
            let expiry = |found: &Versioned| match self.has(Bug::LearnsNothingFromTouchesElsewhere) {
                true => Timestamp::from_millis(0),
                false => found.expires_at(),
            };
            return slot.confirm(found.map(|found| (found.version(), expiry(found))));
        }
        let as_of = if self.has(Bug::AgesFromTheAnswer) { self.clock.now() } else { since };
        let kept = Kept { found: found.cloned(), as_of, used: false };
        slot.kept = None;
        if self.is_kept(found, heard) {
            self.put(&mut table, key, kept);
        }
    }

    fn put(&self, table: &mut Table, key: &RecordKey, kept: Kept) {
        let fits = weight(&kept) <= MAX_BYTES;
        if fits || self.has(Bug::MakesRoomForTheLargest) {
            table.order.retain(|other| other != key);
            table.order.push_back(key.clone());
            table.slots.entry(key.clone()).or_default().kept = Some(kept);
        }
        while table.bytes() > MAX_BYTES && !self.has(Bug::KnowsNoBound) {
            let Some(first) = table.order.pop_front() else { return };
            let Some(slot) = table.slots.get_mut(&first) else { continue };
            let used = slot.kept.as_mut().is_some_and(|kept| std::mem::take(&mut kept.used));
            if used && !self.has(Bug::FirstInFirstOut) {
                table.order.push_back(first);
            } else {
                slot.kept = None;
            }
        }
    }

    fn change<'a>(&'a self, key: &'a RecordKey, keeper: Bug) -> Change<'a> {
        let mut table = self.table.lock();
        let slot = table.slots.entry(key.clone()).or_default();
        slot.changes += 1;
        slot.generation += 1;
        let before = if self.has(Bug::GivesOutWhileChanging) { slot.kept.clone() } else { slot.kept.take() };
        Change {
            cache: self,
            key,
            generation: slot.generation,
            since: self.clock.now(),
            before,
            keeper,
            end: End::GivenUp,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.lock().bytes()
    }
}

fn weight(kept: &Kept) -> usize {
    400 + kept.found.as_ref().map_or(0, |found| found.payload().len())
}

impl Table {
    fn bytes(&self) -> usize {
        self.slots.values().filter_map(|slot| slot.kept.as_ref()).map(weight).sum()
    }
}

impl Slot {
    fn confirm(&mut self, seen: Option<(&Version, Timestamp)>) {
        let kept = self.kept.take();
        let same = |found: &Versioned| seen.filter(|(version, _)| *version == found.version());
        self.kept = kept.and_then(|Kept { found, as_of, used }| {
            let (_, at) = found.as_ref().and_then(same)?;
            Some(Kept { found: found.map(|found| expiring(&found, at.max(found.expires_at()))), as_of, used })
        });
    }
}

fn expiring(found: &Versioned, at: Timestamp) -> Versioned {
    let record = Record::new(found.meta().with_expires_at(at), found.payload().to_vec());
    Versioned::new(record, found.version().clone())
}

impl Change<'_> {
    fn end<T>(mut self, answer: &Result<T>, end: impl FnOnce(&T) -> End) {
        self.end = match answer {
            Ok(done) => end(done),
            Err(error) if error.is_conflict() => End::Conflict,
            Err(error) if error.retry() == Retry::Unknown => End::Unknown,
            Err(_) => End::Failed,
        };
    }

    /// What is there afterwards.
    fn left(&self) -> Option<Kept> {
        let (has, before) = (|bug| self.cache.has(bug), || self.before.clone());
        match &self.end {
            End::Written(_) if has(Bug::DropsItsOwnWrites) => None,
            _ if has(self.keeper) => before(),
            End::Written(found) => Some(Kept { found: Some(found.clone()), as_of: self.since, used: false }),
            End::Conflict => before().filter(|_| has(Bug::TrustsTheOldAfterAConflict)),
            End::Failed => before().filter(|_| has(Bug::TrustsTheOldAfterAFailure)),
            _ => None,
        }
    }

    fn closes(&self) -> bool {
        match self.end {
            End::Unknown => !self.cache.has(Bug::TakesTheUnknownForDone),
            End::GivenUp => !self.cache.has(Bug::TakesTheGivenUpForDone),
            _ => false,
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let (cache, left) = (self.cache, self.left());
        let mut table = cache.table.lock();
        let heard = table.heard;
        let Some(slot) = table.slots.get_mut(self.key) else { return };
        slot.changes -= u64::from(!(cache.has(Bug::StaysClosed) && matches!(self.end, End::GivenUp)));
        let kept_open = cache.has(Bug::KeepsItsOwnWritesWhenClosed);
        let closed = slot.closed_until.take_if(|_| kept_open);
        let latest = cache.is_latest(slot, self.generation, self.since);
        slot.closed_until = slot.closed_until.or(closed);
        slot.generation += 1;
        slot.kept = None;
        if self.closes() {
            slot.closed_until = Some(cache.clock.now().saturating_add(MAX_AGE));
        }
        if let Some(kept) = left.filter(|kept| latest && cache.is_kept(kept.found.as_ref(), heard)) {
            cache.put(&mut table, self.key, kept);
        }
    }
}

impl Store for BrokenCache {
    dancecard_core::forward!(engine: engine, capabilities, unsupported, health);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        if !self.is_on() {
            return self.engine.load(key).await;
        }
        if let Some(found) = self.look(key) {
            return Ok(found);
        }
        let question = self.ask(key);
        let answer = self.engine.load(key).await;
        if answer.is_ok() || self.has(Bug::LearnsFromFailures) {
            self.answered(key, question, answer.as_ref().ok().and_then(Option::as_ref));
        }
        answer
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let change = self.change(key, Bug::KeepsTheOldAfterAWrite);
        let answer = self.engine.write(key, record.clone(), mode).await;
        change.end(&answer, |version| End::Written(Versioned::new(record, version.clone())));
        answer
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        let change = self.change(key, Bug::KeepsTheOldAfterADelete);
        let answer = self.engine.delete(key).await;
        change.end(&answer, |()| End::Nothing);
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
        let leaving = self.change(old, Bug::KeepsTheReplaced);
        let coming = self.change(new, Bug::KeepsTheOldAfterAWrite);
        let answer = self.engine.replace(old, expected, retired, new, record.clone()).await;
        coming.end(&answer, |version| End::Written(Versioned::new(record, version.clone())));
        leaving.end(&answer, |_| End::Nothing);
        answer
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let change = self.change(key, Bug::KeepsTheOldAfterATouch);
        let answer = self.engine.touch(key, expires_at).await;
        change.end(&answer, |_| End::Nothing);
        answer
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Listing { cache: self, entries: self.engine.list(query) })
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let purged = self.engine.purge_expired(now, limit).await;
        if self.has(Bug::IgnoresPurges) {
            return purged;
        }
        let mut table = self.table.lock();
        table.heard = Some(now);
        table.slots.values_mut().for_each(|slot| slot.generation += 1);
        purged
    }
}

struct Listing<'a> {
    cache: &'a BrokenCache,
    entries: BoxStream<'a, Result<Entry>>,
}

impl futures_core::Stream for Listing<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.entries.as_mut().poll_next(context));
        if let Some(Ok(entry)) = &item {
            let mut table = self.cache.table.lock();
            let slot = table.slots.entry(entry.key.clone()).or_default();
            slot.generation += u64::from(!self.cache.has(Bug::LearnsNothingFromListings));
            if !self.cache.has(Bug::IgnoresListings) {
                slot.confirm(Some((&entry.version, entry.meta.expires_at())));
            }
        }
        Poll::Ready(item)
    }
}
