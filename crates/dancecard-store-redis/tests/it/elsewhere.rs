//! What is shown on one Redis, on Valkey and behind sentinels.

use dancecard_servers::{redis_sentinel, valkey};
use libtest_mimic::Trial;

use crate::concurrency::{all_is_kept, schedules};
use crate::world::*;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("elsewhere::orders_and_clients_behind_sentinels", behind_sentinels)];
    let name = "elsewhere::orders_and_clients_on_valkey";
    trials.push(match valkey::check() {
        Ok(()) => trial(name, on_valkey),
        Err(absent) => absent.trial(name),
    });
    trials
}

async fn behind_sentinels() {
    let watched = redis_sentinel::start().unwrap();
    orders_and_clients(watched.url()).await;
}

async fn on_valkey() {
    let server = valkey::start().unwrap();
    orders_and_clients(server.url()).await;
}

/// Requests in every order keep their promises, and a hundred clients lose nothing.
async fn orders_and_clients(url: String) {
    all_is_kept(&config(&url)).await;
    schedules(250..350, move || connect(&config(&url))).await;
}
