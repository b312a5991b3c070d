//! The suite as a list of named tests.

use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use super::case::{Case, Threads, cases, runtime};
use super::env::Settings;
use super::subject::{Factory, Profile};
use crate::failure::{Failure, Outcome};

/// The suite for one engine: a trial `engine::area::case` for each case.
///
/// A case that does not apply is ignored, with the reason as its kind, such as `[no principal_index]`. When the
/// engine can't be opened there is one trial, `engine::open`, which fails and says why.
pub fn trials(engine: &str, factory: impl Factory) -> Vec<Trial> {
    trials_with(engine, factory, Settings::from_env())
}

/// [`trials`] with settings of the engine's own, for one whose server takes its time.
pub fn trials_with(engine: &str, factory: impl Factory, settings: Settings) -> Vec<Trial> {
    let factory: Arc<dyn Factory> = Arc::new(factory);
    match probe(&*factory, &settings) {
        Ok(profile) => cases().map(|case| trial(engine, case, &factory, &settings, &profile)).collect(),
        Err(failure) => vec![Trial::test(format!("{engine}::open"), move || Err(Failed::from(failure)))],
    }
}

/// Runs trials as the arguments of the process ask for, as a test binary with `harness = false` does, and ends the
/// process: 0 when all passed, 101 when one failed.
pub fn run(trials: Vec<Trial>) -> ! {
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

fn probe(factory: &dyn Factory, settings: &Settings) -> Outcome<Profile> {
    runtime(Threads::One, settings)?.block_on(async { Ok(factory.open().await?.profile()) })
}

fn trial(
    engine: &str,
    case: &'static Case,
    factory: &Arc<dyn Factory>,
    settings: &Settings,
    profile: &Profile,
) -> Trial {
    let name = format!("{engine}::{}", case.full_name());
    if let Some(reason) = case.inapplicable(profile) {
        let fail = move || Err(Failed::from(format!("this case does not apply to the engine: {reason}")));
        return Trial::test(name, fail).with_kind(reason).with_ignored_flag(true);
    }
    let (factory, settings) = (factory.clone(), settings.clone());
    let kind = kind(case, &settings);
    let run = move || {
        case.check(factory, &settings).map_err(|failure| Failed::from(report(case, &failure, &settings)))
    };
    Trial::test(name, run).with_kind(kind)
}

/// What a case does less of than its name says.
fn kind(case: &Case, settings: &Settings) -> String {
    let usual = Settings::default().records;
    match case.name().starts_with("ten_thousand") && settings.records != usual {
        true => format!("with {}", settings.records),
        false => String::new(),
    }
}

fn report(case: &Case, failure: &Failure, settings: &Settings) -> String {
    let (sentence, seed) = (case.sentence(), settings.seed);
    format!("  broken: {sentence}\n{failure}\n    seed: DANCECARD_TEST_SEED={seed}")
}
