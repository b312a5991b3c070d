//! The shop on every engine: the program is started with each sample of `config/`, unchanged, and a browser goes through
//! the same script. What an engine can't do must be said by its name, in the shop's words.
//!
//! Servers are started when their case runs. One that is not there shows as ignored, unless `DANCECARD_TEST_REQUIRE` names
//! it.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Trial};

use crate::case::Case;
use crate::cases::{CASES, KEYS, REDIS};

mod case;
mod cases;
mod flow;
mod program;
mod visitor;

fn main() -> ExitCode {
    let mut trials: Vec<_> = CASES.iter().map(on_engine).collect();
    trials.push(trial("every_sample_is_a_case", every_sample_is_a_case));
    trials.push(trial("what_is_unsafe_is_refused", what_is_unsafe_is_refused));
    trials.push(trial("a_server_that_is_not_there_is_named", a_server_that_is_not_there_is_named));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn on_engine(case: &'static Case) -> Trial {
    match (case.check)() {
        Ok(()) => trial(case.name(), || case.play()),
        Err(absent) => absent.trial(case.name()),
    }
}

fn trial(name: &str, test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || test().map_err(|error| format!("{error:#}").into()))
}

fn every_sample_is_a_case() -> Result<()> {
    let files = fs::read_dir(program::SAMPLES)?.collect::<Result<Vec<_>, _>>()?;
    let files = files.iter().filter(|file| file.path().is_file()).map(|file| file.file_name());
    let cases = CASES.iter().map(|case| case.sample.into());
    let (files, cases): (BTreeSet<_>, BTreeSet<_>) = (files.collect(), cases.collect());
    ensure!(files == cases, "{:?}", files.symmetric_difference(&cases));
    Ok(())
}

fn what_is_unsafe_is_refused() -> Result<()> {
    let last_writer_wins = "DANCECARD_ENGINES__SESSION__OBJECT__LAST_WRITER_WINS";
    let limit = "DANCECARD_SESSION__MAX_SESSIONS";
    let refused = [
        ("cookie.yml", vec![], "a key ring needs a key: `openssl rand -base64 32` makes one"),
        ("cookie.yml", vec![(KEYS, "secret".to_owned())], KEYS),
        ("memcached.yml", vec![(limit, "5".to_owned())], limit),
        ("object-fs.yml", vec![(last_writer_wins, "false".to_owned())], last_writer_wins),
    ];
    for (sample, variables, why) in refused {
        says(sample, &variables, &["the configuration is not usable", why])?;
    }
    Ok(())
}

fn a_server_that_is_not_there_is_named() -> Result<()> {
    // Nobody listens on that port, which only the system may give.
    let nowhere = vec![(REDIS, "redis://127.0.0.1:1".to_owned())];
    says(
        "redis.yml",
        &nowhere,
        &["shop: sessions can't be stored", "because: redis: ", "the engine is unavailable"],
    )
}

/// Starts the shop, which ends at once, not well, and says each of these.
fn says(sample: &str, variables: &[(&str, String)], texts: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = program::ended(folder.path(), sample, variables)?;
    let said = String::from_utf8(output.stderr).context("it says it in UTF-8")?;
    let missing = texts.iter().find(|text| !said.contains(**text));
    ensure!(output.status.code() == Some(1) && missing.is_none(), "{sample}: {missing:?} in {said}");
    ensure!(!said.contains("secret"), "{sample}: {said}");
    Ok(())
}
