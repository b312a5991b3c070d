//! How the suite shows as a list of tests.

use dancecard_testkit::Failure;
use dancecard_testkit::store::{Opened, cases, trials};
use libtest_mimic::Trial;

use crate::broken::{Broken, Claims};

fn named<'a>(trials: &'a [Trial], name: &str) -> &'a Trial {
    trials.iter().find(|trial| trial.name() == name).unwrap_or_else(|| panic!("no trial is called {name}"))
}

#[test]
fn every_case_is_a_trial_under_the_engine_and_its_area() {
    let trials = trials("toy", || Broken::open(Claims::All, None));
    assert_eq!(trials.len(), cases().count());
    let applies = named(&trials, "toy::conditional::stale_update_conflicts");
    assert_eq!((applies.kind(), applies.has_ignored_flag()), ("", false));
}

#[test]
fn what_does_not_apply_is_ignored_with_its_reason() {
    let trials = trials("toy", || Broken::open(Claims::Nothing, None));
    assert_eq!(trials.len(), cases().count());
    for (name, reason) in [
        ("toy::principals::the_index_follows_a_delete", "no principal_index"),
        ("toy::conditional::stale_update_conflicts", "no conditional_write"),
        ("toy::identity::records_survive_a_restart", "not durable"),
        ("toy::limits::the_largest_payload_fits", "no max_payload"),
    ] {
        let trial = named(&trials, name);
        assert_eq!((trial.kind(), trial.has_ignored_flag()), (reason, true), "{name}");
    }
    assert!(!named(&trials, "toy::conditional::an_unsupported_update_is_refused").has_ignored_flag());
}

#[test]
fn an_engine_that_can_not_be_opened_is_one_failure_not_none() {
    async fn open() -> Opened {
        Err(Failure::new("a server", "nothing listens"))
    }
    let trials = trials("toy", open);
    let names: Vec<_> = trials.iter().map(|trial| (trial.name(), trial.has_ignored_flag())).collect();
    assert_eq!(names, [("toy::open", false)]);
}
