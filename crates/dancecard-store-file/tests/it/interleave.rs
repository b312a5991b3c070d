//! The promises of the session layer over this engine, in many orders of calls.

use std::cell::RefCell;

use dancecard_store_file::{FileStore, Synchronous};
use dancecard_testkit::interleave::{Counterexample, Replacement, explore, explore_with, seeds};

use crate::fixture::*;

/// Opens engines in places of their own, and keeps the places.
fn opener(places: &RefCell<Vec<Place>>) -> impl Fn() -> FileStore {
    move || {
        let place = Place::new();
        let config = place.config().with_synchronous(Synchronous::Normal).with_writers(2).with_readers(1);
        places.replace(vec![place]);
        FileStore::connect(config).unwrap()
    }
}

#[test]
fn in_its_own_replacement() -> Result<(), Counterexample> {
    explore(opener(&RefCell::default()), seeds(0..150)).map(drop)
}

#[test]
fn in_two_steps() -> Result<(), Counterexample> {
    explore_with(Replacement::TwoSteps, opener(&RefCell::default()), seeds(150..300)).map(drop)
}
