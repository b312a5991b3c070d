//! The suite can fail: every promise that an engine breaks is noticed by name, and every case notices something.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dancecard_testkit::Outcome;
use dancecard_testkit::store::{Case, Factory, Profile, Settings, cases};

use crate::broken::{Broken, Bug, Claims};

/// One thread, so that every race takes the same course each time.
fn settings() -> Settings {
    let patience = Duration::from_secs(60);
    Settings { threads: 0, sequences: 12, operations: 150, patience, ..Settings::default() }
}

fn factory(claims: Claims, bug: Option<Bug>) -> Arc<dyn Factory> {
    Arc::new(move || Broken::open(claims, bug))
}

fn check(case: &Case, claims: Claims, bug: Option<Bug>) -> Outcome {
    case.check(factory(claims, bug), &settings())
}

fn profile(claims: Claims) -> Profile {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Broken::open(claims, None)).unwrap().profile()
}

fn named(name: &str) -> &'static Case {
    cases().find(|case| case.full_name() == name).unwrap_or_else(|| panic!("no case is called {name}"))
}

/// Whether a bug of an engine with these claims is to be noticed by this case.
fn is_relied_on(case: &Case, claims: Claims) -> bool {
    let bugs = Bug::ALL.iter().filter(|bug| bug.claims() == claims);
    bugs.flat_map(|bug| bug.noticed_by()).any(|name| *name == case.full_name())
}

#[test]
fn an_engine_without_a_bug_passes() {
    let mut applied = BTreeSet::new();
    for claims in [Claims::All, Claims::Capped, Claims::Immediate, Claims::Expiring, Claims::Nothing] {
        let profile = profile(claims);
        for case in cases().filter(|case| case.inapplicable(&profile).is_none()) {
            if applied.insert(case.full_name()) || is_relied_on(case, claims) {
                check(case, claims, None).unwrap_or_else(|failure| panic!("{}: {failure}", case.full_name()));
            }
        }
    }
    let never: Vec<_> = cases().map(|case| case.full_name()).filter(|name| !applied.contains(name)).collect();
    assert!(never.is_empty(), "no engine here has what these need: {never:?}");
}

#[test]
fn every_bug_is_noticed_by_name() {
    let mut survivors = Vec::new();
    for bug in Bug::ALL {
        let (claims, expected) = (bug.claims(), bug.noticed_by());
        assert!(!expected.is_empty());
        for name in expected {
            let case = named(name);
            assert_eq!(case.inapplicable(&profile(claims)), None, "{name} does not apply to {bug:?}");
            if check(case, claims, Some(*bug)).is_ok() {
                survivors.push(format!("{bug:?} passes {name}"));
            }
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
}

#[test]
fn every_case_notices_a_bug() {
    let noticed: BTreeSet<_> = Bug::ALL.iter().flat_map(|bug| bug.noticed_by()).copied().collect();
    let idle: Vec<_> = cases().map(Case::full_name).filter(|name| !noticed.contains(name.as_str())).collect();
    assert!(idle.is_empty(), "no bug makes these fail: {idle:#?}");
}

#[test]
fn the_model_shrinks_to_what_matters_and_repeats_itself() {
    let case = named("model::random_operations_agree_with_the_model");
    let failure = |bug| check(case, Claims::All, Some(bug)).unwrap_err().to_string();
    let first = failure(Bug::TouchShortens);
    assert_eq!(first, failure(Bug::TouchShortens));
    println!("{first}");
    let operations =
        first.lines().filter(|line| line.trim_start().starts_with(|letter: char| letter.is_ascii_digit()));
    assert!((2..=3).contains(&operations.count()), "{first}");
    assert!(first.contains("seed 1, sequence "), "{first}");
    assert!(first.contains("1. create") && first.contains("touch"), "{first}");
}
