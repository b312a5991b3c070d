//! Each fault of an adapter is found, by the script that is about it.

use dancecard_testkit::http::{check, scripts};
use libtest_mimic::{Failed, Trial};

use crate::broken::{Broken, Wrong};

/// Which scripts must fail for which fault.
const FOUND_BY: [(Wrong, &[&str]); 19] = [
    (Wrong::CommitsAfterTheHead, &["stream::commit_before_head", "visitor::first_write", "stream::upgrade"]),
    (Wrong::SendsTheCookieTwice, &["visitor::first_write"]),
    (Wrong::ForgetsVary, &["cache::defaults", "cache::own_cache_control", "cache::visitor"]),
    (Wrong::ForgetsNoStore, &["cache::not_modified", "cache::own_cache_control"]),
    (Wrong::StoresOnServerErrors, &["error::write", "error::cycle", "time::renewal_fails_with_500"]),
    (Wrong::DropsDestroyOnServerErrors, &["error::destroy"]),
    (
        Wrong::AdoptsClientIds,
        &[
            "strict::unknown_write",
            "strict::unknown_clear",
            "strict::unknown_destroy_then_set",
            "strict::unknown_cycle",
            "strict::unknown_sign_in",
        ],
    ),
    (Wrong::DecodesCookieNames, &["strict::look_alikes"]),
    (Wrong::TrustsTheFirstCookie, &["strict::planted_first", "strict::hostile_headers"]),
    (
        Wrong::RemovesWithoutAttributes,
        &["cookie::default", "cookie::path", "cookie::domain", "cookie::partitioned"],
    ),
    (Wrong::CommitsTwice, &["error::write", "error::cycle"]),
    (Wrong::ReadsEagerly, &["visitor::costs", "failure::closed"]),
    (Wrong::GivesEveryoneASession, &["visitor::nothing_stored"]),
    (
        Wrong::SwallowsFailures,
        &[
            "failure::write_down",
            "failure::too_large",
            "parallel::conflict_refused",
            "signin::limit_refuses",
            "signin::overtaken",
        ],
    ),
    (Wrong::ForgetsWhatWasSaved, &["error::save_then_commit_fails"]),
    (Wrong::ShowsTokens, &["visitor::first_write"]),
    (Wrong::AddsAHeader, &["visitor::nothing_stored"]),
    (Wrong::OverlooksProxies, &["cookie::loopback_behind_proxy"]),
    (Wrong::OutlivesTheClient, &["dropped::first_write"]),
];

/// A trial for each fault, and one that the same adapter without a fault passes.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    let found = FOUND_BY.into_iter().map(|(wrong, names)| {
        Trial::test(format!("mutation::{wrong:?}"), move || {
            names.iter().try_for_each(|name| finds(wrong, name))
        })
    });
    found.chain([Trial::test("mutation::control", control)])
}

fn text(name: &str) -> Result<&'static str, Failed> {
    let found = scripts().find(|(other, _)| *other == name);
    found.map(|(_, text)| text).ok_or_else(|| Failed::from(format!("no script is called {name}")))
}

fn finds(wrong: Wrong, name: &str) -> Result<(), Failed> {
    match check(&Broken(wrong), name, text(name)?) {
        Ok(()) => Err(Failed::from(format!("{name} does not find an adapter that does this: {wrong:?}"))),
        Err(failure) => {
            // The report says where.
            let report = failure.to_string();
            if report.contains(name) && report.contains("line ") { Ok(()) } else { Err(Failed::from(report)) }
        }
    }
}

/// The scripts that mount one layer.
fn control() -> Result<(), Failed> {
    for (name, text) in scripts().filter(|(_, text)| !text.contains("\nlayers ")) {
        check(&Broken(Wrong::Nothing), name, text)?;
    }
    Ok(())
}
