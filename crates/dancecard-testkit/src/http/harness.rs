//! The scripts as a list of named tests.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use super::Adapter;
use super::runner::{PATIENCE, play};
use super::script::Script;
use super::scripts::SCRIPTS;
use crate::failure::{Failure, Outcome};

/// The suite for one adapter: a trial `adapter::area::script` for each script.
pub fn trials(adapter: &str, subject: impl Adapter) -> Vec<Trial> {
    let subject = Arc::new(subject);
    let trial = |(name, text): (&'static str, &'static str)| {
        let subject = subject.clone();
        let check = move || check(&*subject, name, text).map_err(|failure| Failed::from(failure.to_string()));
        Trial::test(format!("{adapter}::{name}"), check).with_ignored_flag(skips(text))
    };
    scripts().map(trial).collect()
}

/// The suite's scripts: name, in the form `area::script`, and text.
pub fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCRIPTS.iter().copied()
}

/// What release builds don't do needs no test there.
fn skips(text: &str) -> bool {
    !cfg!(debug_assertions) && Script::parse(text).is_ok_and(|script| script.setup.debug_only)
}

/// Plays one script against an adapter.
///
/// # Errors
/// The first line of the script that does not hold, or is not understood.
pub fn check<A: Adapter>(adapter: &A, name: &str, text: &str) -> Outcome {
    let script = Script::parse(text).map_err(|fault| {
        Failure::new("a script", fault.message).at(format!("{name}, line {}", fault.line))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("a runtime", error.to_string()))?;
    let played = runtime.block_on(async { tokio::time::timeout(PATIENCE, play(adapter, &script)).await });
    let played =
        played.unwrap_or_else(|_| Err(Failure::new("the end of the script", "a minute without one")));
    played.map_err(|failure| failure.at(format!("{name}: {}", script.sentence)))
}
