//! The promises of the session layer, in every order of store calls that many seeds give.

use dancecard_core::{EventKind, MemoryStore};
use dancecard_testkit::interleave::{
    self, Counterexample, Replacement, explore, explore_failing, explore_with, seeds,
};

use engines::{Flaw, Flawed, Unconditional, Untouchable};

mod engines;
mod wrappers;

#[test]
fn in_one_step() -> Result<(), Counterexample> {
    explore(MemoryStore::new, seeds(0..5_000)).map(drop)
}

#[test]
fn in_two_steps() -> Result<(), Counterexample> {
    explore_with(Replacement::TwoSteps, MemoryStore::new, seeds(5_000..10_000)).map(drop)
}

/// At some points that the seed decides, the engine fails.
#[test]
fn with_failures() -> Result<(), Counterexample> {
    explore_failing(Replacement::Own, MemoryStore::new, seeds(0..3_000)).map(drop)
}

#[test]
fn with_failures_in_two_steps() -> Result<(), Counterexample> {
    explore_failing(Replacement::TwoSteps, MemoryStore::new, seeds(3_000..6_000)).map(drop)
}

#[test]
fn without_touches() -> Result<(), Counterexample> {
    explore(Untouchable::default, seeds(0..1_000)).map(drop)
}

#[test]
fn without_conditions() -> Result<(), Counterexample> {
    explore(Unconditional::default, seeds(0..1_000)).map(drop)
}

/// What is never seen is not tested.
#[test]
fn the_schedules_see_everything_that_can_happen() -> Result<(), Counterexample> {
    let report = explore_with(Replacement::TwoSteps, MemoryStore::new, 0..1_000)?;
    assert_eq!(report.schedules(), 1_000);
    for kind in EventKind::ALL {
        // Scripts send well-formed tokens only, the engine does not fail, and there are no hooks.
        let never = matches!(kind, EventKind::Malformed | EventKind::StoreError | EventKind::HookFailed);
        assert_eq!(report.events(kind) == 0, never, "{}: {}", kind.name(), report.events(kind));
    }
    let failing = explore_failing(Replacement::Own, MemoryStore::new, 0..1_000)?;
    assert!(failing.events(EventKind::StoreError) > 300, "{}", failing.events(EventKind::StoreError));
    Ok(())
}

#[test]
fn a_seed_repeats_its_schedule() -> Result<(), Counterexample> {
    let run = || explore(MemoryStore::new, 0..50).map(|report| (report.turns(), report.calls()));
    assert_eq!(run()?, run()?);
    Ok(())
}

/// Each flaw is found, and the seed that found it finds it again.
#[test]
fn flawed_engines_are_found_out() {
    for flaw in [
        Flaw::UpdateCreates,
        Flaw::UpdateIgnoresTheVersion,
        Flaw::TouchCreates,
        Flaw::ReplaceLeavesTheOld,
        Flaw::ReplaceIgnoresTheVersion,
        Flaw::PurgeTakesTheLiving,
        Flaw::TheIndexForgets,
    ] {
        let found = explore(|| Flawed::new(flaw), 0..3_000);
        let found = found.expect_err(&format!("{flaw:?} was not noticed"));
        println!("{flaw:?}: seed {}: {}", found.seed(), found.promise());
        let again = explore(|| Flawed::new(flaw), found.seed()..found.seed() + 1).unwrap_err();
        assert_eq!(again.to_string(), found.to_string(), "{flaw:?}");
    }
}

/// Failures don't hide them.
#[test]
fn flawed_engines_that_fail_are_found_out() {
    for flaw in [
        Flaw::UpdateCreates,
        Flaw::UpdateIgnoresTheVersion,
        Flaw::ReplaceLeavesTheOld,
        Flaw::TheIndexForgets,
        Flaw::ChangesGetLost,
    ] {
        let found = explore_failing(Replacement::Own, || Flawed::new(flaw), 0..3_000);
        println!("{flaw:?}: {}", found.expect_err(&format!("{flaw:?} was not noticed")).promise());
    }
}

#[test]
fn a_counterexample_begins_with_the_line_that_repeats_it() {
    let found = interleave::explore(|| Flawed::new(Flaw::UpdateIgnoresTheVersion), 0..3_000).unwrap_err();
    let text = found.to_string();
    let command = format!(
        "DANCECARD_SEED={} cargo test -p dancecard-testkit --test interleave -- \
         a_counterexample_begins_with_the_line_that_repeats_it",
        found.seed()
    );
    assert_eq!(text.lines().next(), Some(command.as_str()));
}
