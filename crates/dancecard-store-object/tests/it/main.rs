//! The engine on its services: what it costs, what it refuses, and what it survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// Most of what the tests share is for S3.
#![cfg_attr(not(feature = "s3"), allow(dead_code, unused_imports))]

/// The trials of a module: its test functions, named one by one, as `trials()` or what is named first.
macro_rules! trials {
    ($list:ident: $($name:ident),* $(,)?) => {
        pub(crate) fn $list() -> Vec<libtest_mimic::Trial> {
            [$($crate::world::trial(concat!(module_path!(), "::", stringify!($name)), $name)),*].into()
        }
    };
    ($($name:ident),* $(,)?) => {
        trials![trials: $($name),*];
    };
}

mod clients;
mod config;
#[cfg(feature = "s3")]
mod costs;
#[cfg(feature = "s3")]
mod faults;
#[cfg(feature = "fs")]
mod files;
#[cfg(feature = "s3")]
mod input;
mod interleave;
mod warning;
mod world;

fn main() {
    let mut trials = vec![];
    trials.extend(clients::trials());
    trials.extend(config::trials());
    trials.extend(interleave::trials());
    trials.extend(warning::trials());
    #[cfg(feature = "fs")]
    trials.extend(files::trials());
    trials.extend(on_s3());
    dancecard_testkit::store::run(trials);
}

#[cfg(feature = "s3")]
fn on_s3() -> Vec<libtest_mimic::Trial> {
    match dancecard_servers::s3::check() {
        Ok(()) => {
            let parts = [costs::trials, faults::trials, input::trials, clients::on_s3, interleave::on_s3];
            parts.iter().flat_map(|part| part()).collect()
        }
        Err(absent) => vec![absent.trial("s3")],
    }
}

#[cfg(not(feature = "s3"))]
fn on_s3() -> Vec<libtest_mimic::Trial> {
    let fail = || Err("the feature `s3` is off".into());
    vec![libtest_mimic::Trial::test("s3::suite", fail).with_kind("no feature s3").with_ignored_flag(true)]
}
