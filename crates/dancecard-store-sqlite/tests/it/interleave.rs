//! The promises of the session layer over this engine, in many orders of calls: as it is, and through a near cache.

use std::cell::RefCell;

use dancecard_core::{CachedStore, ManualClock, SharedStore};
use dancecard_store_sqlite::{SqliteStore, Synchronous};
use dancecard_testkit::interleave::{Counterexample, Replacement, explore, explore_through, seeds};

use crate::fixture::*;

/// Opens engines in places of their own, and keeps the last.
fn opener(places: &RefCell<Option<Place>>) -> impl Fn() -> SqliteStore {
    move || {
        let place = Place::new();
        let config = place.config().with_synchronous(Synchronous::Normal).with_readers(1);
        places.replace(Some(place));
        SqliteStore::connect(config).unwrap()
    }
}

#[test]
fn as_it_is() -> Result<(), Counterexample> {
    explore(opener(&RefCell::default()), seeds(0..40)).map(drop)
}

#[test]
fn through_a_cache() -> Result<(), Counterexample> {
    let cached = |engine: SharedStore, clock: ManualClock| CachedStore::new(engine).with_clock(clock);
    explore_through(cached, Replacement::Own, opener(&RefCell::default()), seeds(40..100)).map(drop)
}
