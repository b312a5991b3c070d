//! The promises of the session layer through the wrappers of the core, with the pauses beneath them.

use std::time::Duration;

use dancecard_core::{
    CachedStore, CallTotals, DeadlineStore, ManualClock, MemoryStore, MeteredStore, PrefixedStore,
    SharedStore,
};
use dancecard_testkit::interleave::{
    Counterexample, Replacement, explore, explore_through, explore_with, seeds,
};

/// Some requests wait for longer than a record is kept, and some do not.
fn cached(engine: SharedStore, clock: ManualClock) -> CachedStore<SharedStore> {
    CachedStore::new(engine).with_max_age(Duration::from_secs(5)).with_clock(clock)
}

#[test]
fn through_the_cache() -> Result<(), Counterexample> {
    explore_through(cached, Replacement::Own, MemoryStore::new, seeds(0..5_000)).map(drop)
}

#[test]
fn through_the_cache_in_two_steps() -> Result<(), Counterexample> {
    explore_through(cached, Replacement::TwoSteps, MemoryStore::new, seeds(5_000..10_000)).map(drop)
}

/// Fewer calls reach the engine, so something was read from the cache.
#[test]
fn the_cache_is_used() -> Result<(), Counterexample> {
    let plain = explore(MemoryStore::new, 0..500)?;
    let cached = explore_through(cached, Replacement::Own, MemoryStore::new, 0..500)?;
    println!("{} calls, {} with the cache", plain.calls(), cached.calls());
    assert!(cached.calls() * 100 < plain.calls() * 95);
    Ok(())
}

/// It keeps nothing, so there is nothing to pause within.
#[test]
fn through_a_prefix() -> Result<(), Counterexample> {
    let prefixed = || PrefixedStore::new(MemoryStore::new(), "shop").expect("a usable prefix");
    explore(prefixed, seeds(0..1_000))?;
    explore_with(Replacement::TwoSteps, prefixed, seeds(1_000..2_000)).map(drop)
}

#[test]
fn through_all_of_them() -> Result<(), Counterexample> {
    let stacked = |engine, clock| {
        let metered = MeteredStore::new(engine, CallTotals::default());
        let timed = DeadlineStore::new(metered, |_| std::future::pending());
        cached(SharedStore::new(timed), clock)
    };
    let prefixed = || PrefixedStore::new(MemoryStore::new(), "shop").expect("a usable prefix");
    explore_through(stacked, Replacement::Own, prefixed, seeds(0..1_000)).map(drop)
}
