//! The engine as its users meet it: what it costs, what it refuses, and what happens when servers fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::ExitCode;

use dancecard_servers::memcached;
use libtest_mimic::{Arguments, Trial};

mod concurrency;
mod config;
mod contract;
mod costs;
mod faults;
mod fixture;
mod histories;
mod impostors;
mod interleavings;
mod lives;
mod rings;
mod unreadable;

fn main() -> ExitCode {
    let mut trials = config::trials();
    trials.extend(impostors::trials());
    match memcached::start() {
        Ok(_) => trials.extend(on_real_servers()),
        Err(absent) => trials.push(absent.trial("memcached")),
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn on_real_servers() -> Vec<Trial> {
    let areas = [
        concurrency::trials(),
        contract::trials(),
        costs::trials(),
        faults::trials(),
        histories::trials(),
        interleavings::trials(),
        lives::trials(),
        rings::trials(),
        unreadable::trials(),
    ];
    areas.into_iter().flatten().collect()
}
