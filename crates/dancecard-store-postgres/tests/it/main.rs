//! The engine as its users meet it, on real servers: what it keeps, what it refuses, what it costs, and what survives.
//!
//! Without the server the tests show as ignored, or fail where `DANCECARD_TEST_REQUIRE` names it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fixture;

mod concurrency;
mod config;
mod contract;
mod cost;
mod damaged;
mod faults;
mod histories;
mod listing;
mod orders;
mod outages;
mod pool;
mod purge;
mod refusals;
mod schema;
mod tls;

fn main() {
    let mut trials = config::trials();
    match fixture::server() {
        Ok(_) => {
            let suites = [
                concurrency::trials,
                contract::trials,
                cost::trials,
                damaged::trials,
                faults::trials,
                histories::trials,
                listing::trials,
                orders::trials,
                outages::trials,
                pool::trials,
                purge::trials,
                refusals::trials,
                schema::trials,
                tls::trials,
            ];
            trials.extend(suites.into_iter().flat_map(|suite| suite()));
        }
        Err(absent) => trials.push(absent.trial("postgres")),
    }
    dancecard_testkit::store::run(trials);
}
