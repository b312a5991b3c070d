//! This process and another one on an engine, in every order of its calls that a seed gives. Whatever a task has seen,
//! no later read of this process shows anything older; and no read shows what was over for the maximum age.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dancecard_core::{
    Clock as _, Error, ListQuery, ManualClock, Meta, Record, RecordKey, Result, SharedStore, Store, Version,
    Versioned, WriteMode,
};
use dancecard_testkit::store::next;
use dancecard_testkit::{Failure, Outcome, Random};

use super::recorded::{History, Recorded};
use super::scene::MAX_AGE;
use super::{Bug, broken, genuine};

type Task = Pin<Box<dyn Future<Output = Outcome>>>;

const KEYS: u8 = 2;

/// So many of the tasks are of the process with the cache. They come first.
pub(super) const NEAR_TASKS: usize = 3;

/// One of the processes, or what they share.
#[derive(Clone)]
struct Process {
    store: SharedStore,
    history: History,
    clock: ManualClock,
    /// Whose reads are judged.
    is_near: bool,
}

fn key(number: usize) -> RecordKey {
    RecordKey::new(&[number as u8; 32])
}

impl Process {
    fn key(&self) -> RecordKey {
        key(self.history.below(usize::from(KEYS)))
    }

    fn record(&self) -> Record {
        let now = self.clock.now();
        let meta = Meta::new(now, now.saturating_add(Duration::from_secs(36_000)));
        match self.history.below(12) {
            0 => Record::new(meta.into_retired(None), Vec::new()),
            _ => Record::new(meta, b"data".to_vec()),
        }
    }

    async fn work(self, steps: usize) -> Outcome {
        for _ in 0..steps {
            match self.history.below(64) {
                0..44 => self.read(&self.key()).await?,
                44..52 => self.write().await?,
                52 => self.delete().await,
                53..55 => self.touch().await,
                55 => self.replace().await,
                56..58 => self.list().await,
                58 => self.give_up().await,
                _ => self.clock.advance(self.history.pick(&[Duration::from_millis(1), MAX_AGE / 3, MAX_AGE])),
            }
        }
        Ok(())
    }

    /// Notes what this process knows from now on.
    fn learn(&self, key: &RecordKey, state: Option<usize>) {
        if self.is_near {
            self.history.learn(key, state);
        }
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.history.count_read();
        self.store.load(key).await
    }

    async fn read(&self, key: &RecordKey) -> Outcome {
        let (begun, known) = (self.clock.now(), self.history.known(key));
        let present = self.history.present(key);
        let Ok(found) = self.load(key).await else { return Ok(()) };
        let state = self.history.state_of(key, found.as_ref());
        if self.is_near {
            let is_marker = found.is_some_and(|found| found.written_meta().is_retired());
            let ended = self.history.end_of(key, state);
            let story = || {
                format!("state {state} of {present}, known was {known}; it ended at {ended:?}, now {begun:?}")
            };
            let fail = |promise: &str| Err(Failure::new(promise, story()));
            if state < known {
                return fail("nothing older than what was seen");
            }
            if ended.is_some_and(|ended| begun.since(ended) >= MAX_AGE) {
                return fail("nothing that is over for so long");
            }
            if is_marker && state < present {
                return fail("no marker but the present one");
            }
        }
        self.learn(key, Some(state));
        Ok(())
    }

    /// At the version that it reads, which may be out of date.
    async fn write(&self) -> Outcome {
        let key = self.key();
        let Ok(found) = self.load(&key).await else { return Ok(()) };
        let version = found.map(|found| found.version().clone());
        let mode = version.clone().map_or(WriteMode::Create, WriteMode::Update);
        match self.store.write(&key, self.record(), mode).await {
            Ok(version) => self.learn(&key, self.history.first_of_version(&key, &version)),
            Err(error) if error.is_conflict() => self.heal(&key, version.as_ref()).await?,
            Err(_) => {}
        }
        Ok(())
    }

    /// What was there when the write was refused is another record than the one that it was based on.
    async fn heal(&self, key: &RecordKey, stale: Option<&Version>) -> Outcome {
        let over = stale.and_then(|stale| self.history.last_of_version(key, stale));
        self.learn(key, over.map(|over| over + 1));
        self.read(key).await
    }

    async fn delete(&self) {
        let key = self.key();
        if self.store.delete(&key).await.is_ok() {
            self.learn(&key, self.history.own_effect(&key));
        }
    }

    async fn touch(&self) {
        let (key, later) = (self.key(), Duration::from_secs(40_000));
        if let Ok(true) = self.store.touch(&key, self.clock.now().saturating_add(later)).await {
            self.learn(&key, self.history.own_effect(&key));
        }
    }

    async fn replace(&self) {
        let (old, new) = (key(0), key(1));
        let Ok(Some(found)) = self.load(&old).await else { return };
        let marker = self.record().meta.into_retired(Some(new.clone()));
        let (marker, record) = (Record::new(marker, Vec::new()), self.record());
        if self.store.replace(&old, found.version(), marker, &new, record).await.is_ok() {
            self.learn(&old, self.history.own_effect(&old));
            self.learn(&new, self.history.own_effect(&new));
        }
    }

    async fn list(&self) {
        let mut entries = self.store.list(ListQuery::all());
        while let Some(Ok(entry)) = next(&mut entries).await {
            self.learn(&entry.key, self.history.first_of_version(&entry.key, &entry.version));
        }
    }

    /// A client hangs up in the middle of a change.
    async fn give_up(&self) {
        let (key, record, turns) = (self.key(), self.record(), self.history.below(6));
        let change: Pin<Box<dyn Future<Output = Result<()>>>> = match self.history.below(2) {
            0 => Box::pin(async { self.store.delete(&key).await }),
            _ => Box::pin(async { self.store.write(&key, record, WriteMode::Overwrite).await.map(drop) }),
        };
        let _: Option<Result<(), Error>> = dancecard_testkit::store::cancel_after(turns, change).await;
    }
}

/// Runs the tasks of one seed to their ends. Says how many loads the process with the cache made, and how many of them
/// reached the engine.
fn schedule(seed: u64, open: &dyn Fn(SharedStore, ManualClock) -> SharedStore) -> Outcome<(usize, usize)> {
    let clock = ManualClock::default();
    let history = History::new(Random::named(seed, "near"), clock.clone());
    let engine = Recorded::new(history.clone());
    let near = open(SharedStore::new(engine.clone()), clock.clone());
    let engine_at_first = engine.clone();
    let process = |store, is_near| Process { store, history: history.clone(), clock: clock.clone(), is_near };
    let (here, elsewhere) = (process(near, true), process(SharedStore::new(engine), false));
    (0..usize::from(KEYS)).for_each(|number| engine_at_first.create(&key(number), here.record()));
    let mut tasks: Vec<Option<Task>> = Vec::new();
    tasks.extend((0..NEAR_TASKS).map(|_| Some(Box::pin(here.clone().work(12)) as Task)));
    tasks.extend((0..1).map(|_| Some(Box::pin(elsewhere.clone().work(8)) as Task)));
    while let Some(number) = history.pick_from(&tasks) {
        history.switch_to(number);
        let Some(task) = &mut tasks[number] else { continue };
        if let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            tasks[number] = None;
            done.map_err(|failure| failure.at(format!("seed {seed}, task {number}")))?;
        }
    }
    Ok(history.loads())
}

#[test]
fn no_read_goes_back_and_none_is_too_old() -> Outcome {
    let (mut all, mut asked) = (0, 0);
    for seed in 0..3_000 {
        let (loads, calls) = schedule(seed, &genuine)?;
        all += loads;
        asked += calls;
    }
    println!("{all} loads, {asked} of them from the engine");
    assert!(asked * 10 < all * 8, "the cache was hardly used");
    Ok(())
}

#[test]
fn a_plain_cache_without_a_bug_passes_too() -> Outcome {
    (0..500).try_for_each(|seed| schedule(seed, &broken(None)).map(drop))
}

/// These break what the schedules are about.
#[test]
fn schedules_find_what_is_wrong() {
    for bug in [
        Bug::KeepsTheOldAfterAWrite,
        Bug::KeepsTheOldAfterADelete,
        Bug::KeepsTheOldAfterATouch,
        Bug::KeepsTheReplaced,
        Bug::KeepsLateAnswers,
        Bug::LearnsNothingFromLoads,
        Bug::TrustsTheOldAfterAConflict,
        Bug::KnowsNoAge,
        Bug::AgesFromTheAnswer,
        Bug::KeepsMarkers,
        Bug::IgnoresListings,
        Bug::LearnsNothingFromListings,
    ] {
        let found = (0..10_000).find_map(|seed| schedule(seed, &broken(Some(bug))).err());
        println!("{bug:?}: {}", found.unwrap_or_else(|| panic!("{bug:?} was not noticed")));
    }
}
