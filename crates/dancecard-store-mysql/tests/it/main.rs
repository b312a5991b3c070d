//! The engine as its users meet it, on real servers: what it keeps, what it refuses, what it costs, and what survives.
//!
//! Without the server the tests show as ignored, or fail where `DANCECARD_TEST_REQUIRE` names it. MySQL itself takes those
//! of which the outcome could be another than with MariaDB.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fixture;

mod concurrency;
mod config;
mod contract;
mod cost;
mod damaged;
mod faults;
mod listing;
mod login;
mod orders;
mod outages;
mod pool;
mod purge;
mod refusals;
mod schema;
mod tls;

use fixture::Make;
use libtest_mimic::Trial;

type Suite = fn(Make) -> Vec<Trial>;

const ON_MARIADB: &[Suite] = &[
    concurrency::trials,
    contract::trials,
    cost::trials,
    damaged::trials,
    faults::trials,
    listing::trials,
    orders::trials,
    outages::trials,
    pool::trials,
    purge::trials,
    refusals::trials,
    schema::trials,
    tls::trials,
];

const ON_MYSQL: &[Suite] = &[
    concurrency::trials,
    contract::trials,
    damaged::trials,
    faults::trials,
    listing::trials,
    login::trials,
    orders::trials,
    outages::trials,
    pool::trials,
    purge::trials,
    schema::trials,
];

fn main() {
    let mut trials = config::trials();
    for (make, suites, name) in [(Make::MariaDb, ON_MARIADB, "mariadb"), (Make::MySql, ON_MYSQL, "mysql")] {
        match fixture::server_of(make) {
            Ok(_) => trials.extend(suites.iter().flat_map(|suite| suite(make))),
            Err(absent) => trials.push(absent.trial(name)),
        }
    }
    dancecard_testkit::store::run(trials);
}
