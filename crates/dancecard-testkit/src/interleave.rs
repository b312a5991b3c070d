//! Many requests at once, in every order that a seed can think of.
//!
//! [`explore`] runs small random scripts (requests of one or two browsers, and calls of an operator) over an engine, on
//! one thread, and lets a pseudo-random task run between any two calls of the engine. After each schedule it checks
//! what no order may break:
//!
//! - every write is what its request asked for, on top of all writes before it: no disjoint change is lost, and
//!   counters changed by `update` are exact; what a commit says it did is what it did, at most once;
//! - a key that was retired, ended or purged never holds a live session again, whatever comes late;
//! - after a rotation one id lives, the one that the browser was told; the old one reads nothing;
//! - nothing lives of a session that was destroyed or ended, whichever id a rotation moved it to;
//! - nothing lives of a principal whose sessions were all ended, if its sign-in had begun, or was announced, by then; and
//!   nobody else's sign-in is undone;
//! - a token that a client made up is never adopted;
//! - a response leaves the cookie of a concurrent sign-in alone;
//! - a limit of sessions per principal holds, and who ends the sessions of one ends no other's;
//! - a request that is dropped half-way leaves the old state or the new one;
//! - a handle is sealed after its response; calls are bounded; every task comes to its end.
//!
//! [`explore_failing`] has calls of the engine fail besides. Then a request may fail, and may have happened or not where
//! nobody knows; all that is told as done still holds, and what a request did is what it asked for, at most once.
//!
//! A broken promise is reported with the line that repeats it:
//!
//! ```text
//! DANCECARD_SEED=4711 cargo test -p my-engine --test interleave -- orders
//! ```
//!
//! ```
//! use dancecard_core::MemoryStore;
//! use dancecard_testkit::interleave;
//!
//! let report = interleave::explore(MemoryStore::new, interleave::seeds(0..20))?;
//! assert!(report.schedules() > 0);
//! # Ok::<(), interleave::Counterexample>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use dancecard_core::{Clock as _, ManualClock, SessionManager, SharedStore, Store};

use crate::Random;
use failing::Failing;
use history::{Event, History, Key, Seen, seen};
use model::Model;
use paced::{Inside, PacedStore, SeenStore, TwoStepStore};
use promises::Aftermath;
use report::Tally;
use scheduler::{Task, give_up_after, run, run_alone};
use script::{Plan, Scenario};
use world::{NumberedIds, World, made_up};

pub use report::{Counterexample, Report};

mod failing;
mod history;
mod model;
mod paced;
mod promises;
mod report;
mod scheduler;
mod script;
mod world;

/// Runs one schedule for each seed over an engine that `open` makes empty, with the engine's own replacement.
///
/// An engine whose operations wait for I/O of a runtime needs that runtime to be entered, and to have threads of its
/// own.
///
/// # Errors
/// The first schedule that broke a promise.
pub fn explore<S: Store>(open: impl Fn() -> S, seeds: Range<u64>) -> Result<Report, Counterexample> {
    explore_with(Replacement::Own, open, seeds)
}

/// Like [`explore`], and says which replacement of [`Store::replace`] to use.
///
/// # Errors
/// The first schedule that broke a promise.
pub fn explore_with<S: Store>(
    replacement: Replacement,
    open: impl Fn() -> S,
    seeds: Range<u64>,
) -> Result<Report, Counterexample> {
    explore_bare(Setting { replacement, fails: false }, open, seeds)
}

/// Like [`explore_with`], over an engine whose calls fail now and then, at points that the seed decides: with an error that
/// says that nothing happened, or with one that says that nobody knows, after the call or in its place.
///
/// ```
/// use dancecard_core::{EventKind, MemoryStore};
/// use dancecard_testkit::interleave::{Counterexample, Replacement, explore_failing};
///
/// let report = explore_failing(Replacement::Own, MemoryStore::new, 0..20)?;
/// assert!(report.events(EventKind::StoreError) > 0);
/// # Ok::<(), Counterexample>(())
/// ```
///
/// # Errors
/// The first schedule that broke a promise.
pub fn explore_failing<S: Store>(
    replacement: Replacement,
    open: impl Fn() -> S,
    seeds: Range<u64>,
) -> Result<Report, Counterexample> {
    explore_bare(Setting { replacement, fails: true }, open, seeds)
}

fn explore_bare<S: Store>(
    setting: Setting,
    open: impl Fn() -> S,
    seeds: Range<u64>,
) -> Result<Report, Counterexample> {
    let mut report = Report::default();
    for seed in seeds {
        schedule(&|engine, _, _| engine, setting, open(), seed, &mut report)?;
    }
    Ok(report)
}

/// Like [`explore_with`], with a wrapper between the session layer and the engine, whose calls of the engine are those
/// between which others run. So it is what the wrapper does meanwhile that is put to the test.
///
/// ```
/// use dancecard_core::{CachedStore, ManualClock, MemoryStore};
/// use dancecard_testkit::interleave::{Counterexample, Replacement, explore_through, seeds};
///
/// let cached = |engine, clock: ManualClock| CachedStore::new(engine).with_clock(clock);
/// explore_through(cached, Replacement::Own, MemoryStore::new, seeds(0..20))?;
/// # Ok::<(), Counterexample>(())
/// ```
///
/// # Errors
/// The first schedule that broke a promise.
pub fn explore_through<S: Store, W: Store>(
    wrap: impl Fn(SharedStore, ManualClock) -> W,
    replacement: Replacement,
    open: impl Fn() -> S,
    seeds: Range<u64>,
) -> Result<Report, Counterexample> {
    let mut report = Report::default();
    for seed in seeds {
        let wrap = |engine, history, clock: ManualClock| {
            SharedStore::new(SeenStore::new(wrap(engine, clock.clone()), history, clock))
        };
        schedule(&wrap, Setting { replacement, fails: false }, open(), seed, &mut report)?;
    }
    Ok(report)
}

/// The seeds to explore: these, or what the environment says. `DANCECARD_SEED=7` is one, `DANCECARD_SEEDS=0..1000000`
/// are many, for a long night.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let one = std::env::var("DANCECARD_SEED").ok().and_then(|text| text.parse().ok());
    let many = std::env::var("DANCECARD_SEEDS").ok();
    one.map(|seed| seed..seed + 1).or_else(|| range(&many?)).unwrap_or(usual)
}

fn range(text: &str) -> Option<Range<u64>> {
    let (first, end) = text.split_once("..")?;
    Some(first.trim().parse().ok()?..end.trim().parse().ok()?)
}

/// How one record takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// As the engine does it, in one step between two pauses.
    Own,
    /// In the two writes that the contract provides, so that others get in between them.
    TwoSteps,
}

/// The numbers of the tasks that make what a scenario begins with.
const PRELUDE: usize = 1000;

/// What all schedules of an exploration have in common.
#[derive(Clone, Copy)]
struct Setting {
    replacement: Replacement,
    /// Whether calls of the engine fail.
    fails: bool,
}

/// One schedule with what belongs to it.
struct Trial<S> {
    seed: u64,
    scenario: Scenario,
    random: Random,
    store: PacedStore<S>,
    setting: Setting,
    inside: Inside,
    failing: Failing,
    world: World,
}

/// Puts something between the session layer and the paced engine.
type Wrap<'a> = dyn Fn(SharedStore, History, ManualClock) -> SharedStore + 'a;

fn schedule<S: Store>(
    wrap: &Wrap<'_>,
    setting: Setting,
    engine: S,
    seed: u64,
    report: &mut Report,
) -> Result<(), Counterexample> {
    let mut trial = Trial::new(wrap, setting, engine, seed, &report.tally);
    let turns = trial.run().map_err(|stuck| trial.counterexample(stuck.to_owned()))?;
    report.schedules += 1;
    report.turns += turns;
    report.calls += trial.world.history.calls();
    match trial.judge() {
        None => Ok(()),
        Some(promise) => Err(trial.counterexample(promise)),
    }
}

impl<S: Store> Trial<S> {
    fn new(wrap: &Wrap<'_>, setting: Setting, engine: S, seed: u64, tally: &Tally) -> Self {
        let mut random = Random::named(seed, "interleave");
        let scenario = Scenario::new(&mut random);
        let (clock, history, inside) = (ManualClock::default(), History::default(), Inside::default());
        let failing = Failing::new(seed);
        let store = PacedStore::new(engine, history.clone(), clock.clone(), inside.clone(), failing.clone());
        let beneath = match setting.replacement {
            Replacement::Own => SharedStore::new(store.clone()),
            Replacement::TwoSteps => SharedStore::new(TwoStepStore(store.clone())),
        };
        let manager = SessionManager::new(wrap(beneath, history.clone(), clock.clone()))
            .with_policy(scenario.policy.clone())
            .with_clock(clock.clone())
            .with_ids(NumberedIds::new(seed))
            .with_fingerprint_key([0; 32])
            .with_observer(tally.clone());
        let world = World::new(manager, history, clock, scenario.browsers.len(), setting.fails);
        Self { seed, scenario, random, store, setting, inside, failing, world }
    }

    fn run(&mut self) -> Result<usize, &'static str> {
        for (browser, start) in self.scenario.browsers.iter().enumerate() {
            let alone: Task = Box::pin(self.world.clone().prepare(browser, *start));
            run(PRELUDE + browser, vec![alone], &mut self.random, &self.world.history, &self.inside)?;
        }
        self.world.clock.advance(Duration::from_secs(self.scenario.age));
        let tasks = self.scenario.tasks.iter().enumerate();
        let tasks = tasks.map(|(number, plan)| task(&self.world, &self.inside, number, plan)).collect();
        self.failing.switch(self.setting.fails);
        let turns = run(0, tasks, &mut self.random, &self.world.history, &self.inside);
        self.failing.switch(false);
        turns
    }

    fn judge(&mut self) -> Option<String> {
        let events = self.world.history.events();
        let calls = self.world.history.calls();
        let capabilities = self.world.manager.capabilities();
        let is_exact = capabilities.conditional_write.is_supported();
        let model = Model::replay(&events, is_exact);
        let alive = match run_alone(self.alive()) {
            Ok(Ok(alive)) => alive,
            Ok(Err(error)) => return Some(format!("looking at what is left: {error}")),
            Err(stuck) => return Some(stuck.to_owned()),
        };
        let aftermath = Aftermath {
            scenario: &self.scenario,
            events: &events,
            model: &model,
            alive,
            now: self.world.clock.now(),
            delivered: self.delivered(),
            calls,
            is_exact,
            is_one_step: self.setting.replacement == Replacement::Own,
            fails: self.setting.fails,
            made_up: self.world.name(&made_up()),
        };
        promises::broken(&aftermath).or_else(|| match run_alone(self.read_back(&aftermath)) {
            Ok(misread) => misread,
            Err(stuck) => Some(stuck.to_owned()),
        })
    }

    async fn alive(&self) -> dancecard_core::Result<BTreeMap<Key, Seen>> {
        let now = self.world.clock.now();
        let mut alive = BTreeMap::new();
        for entry in self.store.entries().await? {
            if entry.meta.is_retired() || entry.meta.is_expired(now) {
                continue;
            }
            if let Some(found) = self.store.look(&entry.key).await? {
                alive.insert(self.world.history.key(&entry.key), seen(&found.meta(), found.payload()));
            }
        }
        Ok(alive)
    }

    fn delivered(&self) -> BTreeSet<Key> {
        self.world.tokens.lock().iter().map(|token| self.world.name(token)).collect()
    }

    /// Every token that was ever told reads what its session holds, or nothing.
    async fn read_back(&self, after: &Aftermath<'_>) -> Option<String> {
        let tokens = self.world.tokens.lock().clone();
        for token in after.is_exact.then_some(tokens)? {
            let key = self.world.name(&token);
            let (expected, found) = (after.readable(key), self.world.read(&token).await);
            let right = match (&found, expected) {
                (Ok(found), expected) => *found == expected.cloned().unwrap_or_default(),
                (Err(_), _) => false,
            };
            if !right {
                return Some(format!("the token of {key:?} reads {found:?} and should read {expected:?}"));
            }
        }
        None
    }

    fn counterexample(&self, promise: String) -> Counterexample {
        let scenario = format!("{:?}", self.scenario);
        let events = self.world.history.events();
        let story = std::iter::once(scenario).chain(events.iter().map(Event::to_string)).collect();
        Counterexample { seed: self.seed, promise, story }
    }
}

fn task(world: &World, inside: &Inside, number: usize, plan: &Plan) -> Task {
    let world = world.clone();
    match plan.clone() {
        Plan::Request { browser, steps, gives_up } => {
            let request = Box::pin(world.request(browser, number, steps));
            match gives_up {
                Some(turns) => give_up_after(turns, inside.clone(), request),
                None => request,
            }
        }
        Plan::Operator(orders) => Box::pin(world.operate(orders)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("3..10"), Some(3..10));
        assert_eq!(range(" 3 .. 10 "), Some(3..10));
        for bad in ["", "3", "..", "a..b", "3..=10"] {
            assert_eq!(range(bad), None, "{bad:?}");
        }
    }
}
