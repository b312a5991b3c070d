//! The promises of the session layer over this engine, in many orders of calls.

use std::cell::RefCell;

use dancecard_store_file::{FileStore, Format, Synchronous};
use dancecard_testkit::interleave::{Counterexample, Replacement, explore, explore_with, seeds};

use crate::fixture::*;

/// Opens engines in places of their own, and keeps the places.
fn opener(places: &RefCell<Vec<Place>>, format: Format) -> impl Fn() -> FileStore {
    move || {
        let place = Place::new();
        let config = place.config().with_synchronous(Synchronous::Normal).with_writers(2).with_readers(1);
        let config = config.with_format(format);
        places.replace(vec![place]);
        FileStore::connect(config).unwrap()
    }
}

#[test]
fn in_its_own_replacement() -> Result<(), Counterexample> {
    explore(opener(&RefCell::default(), Format::Json), seeds(0..150)).map(drop)
}

#[test]
fn in_two_steps() -> Result<(), Counterexample> {
    explore_with(Replacement::TwoSteps, opener(&RefCell::default(), Format::Json), seeds(150..300)).map(drop)
}

#[test]
fn in_other_formats() -> Result<(), Counterexample> {
    for (format, some) in [(Format::Yaml, 300..350), (Format::MsgPack, 350..400)] {
        explore(opener(&RefCell::default(), format), seeds(some.clone()))?;
        explore_with(Replacement::TwoSteps, opener(&RefCell::default(), format), seeds(some))?;
    }
    Ok(())
}
