//! The engine on real servers: what it costs, what it refuses, and what it survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use libtest_mimic::Trial;

/// The trials of a module: its test functions, named one by one.
macro_rules! trials {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            vec![$($crate::world::trial(concat!(module_path!(), "::", stringify!($name)), $name)),*]
        }
    };
}

mod backoff;
mod cluster;
mod concurrency;
mod config;
mod costs;
mod elsewhere;
mod failover;
mod faults;
mod index;
mod input;
mod near;
mod outages;
mod places;
mod promoted;
mod room;
mod sentinel;
#[cfg(feature = "tls")]
mod tls;
mod traffic;
mod world;

fn main() {
    let mut trials = config::trials();
    match dancecard_servers::redis::check() {
        Ok(()) => trials.extend(on_redis()),
        Err(absent) => trials.push(absent.trial("redis")),
    }
    dancecard_testkit::store::run(trials);
}

fn on_redis() -> impl Iterator<Item = Trial> {
    let modules = [
        backoff::trials(),
        cluster::trials(),
        concurrency::trials(),
        costs::trials(),
        elsewhere::trials(),
        failover::trials(),
        faults::trials(),
        index::trials(),
        input::trials(),
        near::trials(),
        vec![concurrency::on_valkey(), near::on_valkey(), outages::on_valkey(), traffic::on_valkey()],
        outages::trials(),
        promoted::trials(),
        room::trials(),
        sentinel::trials(),
        traffic::trials(),
        #[cfg(feature = "tls")]
        tls::trials(),
    ];
    modules.into_iter().flatten()
}
