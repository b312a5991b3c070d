//! Each server starts, answers, ends, comes again, and is gone with its owner.

use std::process::ExitCode;

use dancecard_servers::{Absent, Running, mariadb, memcached, mongod, postgres, redis};
use libtest_mimic::{Arguments, Failed, Trial};

mod clients;
mod lives;
mod proxy;

use clients::Client;

type Start = fn() -> Result<Running, Absent>;

fn main() -> ExitCode {
    let durable = redis::Options { durable: true, ..redis::Options::default() };
    let _ = durable;
    let servers: Vec<(&str, Start, Client)> = vec![
        ("redis", redis_that_keeps, clients::REDIS),
        ("memcached", memcached::start, clients::MEMCACHED),
        ("postgres", postgres::start, clients::POSTGRES),
        ("mariadb", mariadb::start, clients::MARIADB),
        ("mongod", mongod::start, clients::MONGOD),
    ];
    let mut trials = proxy::trials();
    for (name, start, client) in servers {
        trials.push(trial(name, start, client));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn redis_that_keeps() -> Result<Running, Absent> {
    redis::start_with(redis::Options { durable: true, ..redis::Options::default() })
}

/// Starting is part of the trial, but absence has to be known before.
fn trial(name: &'static str, start: Start, client: Client) -> Trial {
    match start() {
        Ok(running) => Trial::test(format!("{name}::life"), move || lives::life(running, client)),
        Err(absent) => absent.trial(name),
    }
}

/// A failure with these words, unless that is so.
fn ensure(is_so: bool, otherwise: impl Into<String>) -> Result<(), Failed> {
    if is_so { Ok(()) } else { Err(Failed::from(otherwise.into())) }
}
