//! `postgres [SECONDS]`: requests per second with sessions of a kilobyte in PostgreSQL, thirty-two at once, on a server that
//! it starts. With the peer built (`cargo build --release` in `postgres-peer`), it runs both in turn, three times.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dancecard_benches::{load, ours};
use dancecard_core::SessionManager;
use dancecard_store_postgres::PostgresStore;

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres-peer/target/release/postgres-peer");

fn main() {
    let seconds = std::env::args().nth(1).unwrap_or_else(|| "3".into());
    let peer = std::env::var("PEER").unwrap_or_else(|_| PEER.into());
    let server = match dancecard_servers::postgres::start() {
        Ok(server) => server,
        Err(absent) => return println!("{absent}"),
    };
    println!("| library | route | requests/s | CPU µs per request | failed |\n|---|---|---:|---:|---:|");
    for _ in 0..3 {
        own(&server.url(), Duration::from_secs(seconds.parse().expect("a number")));
        if Path::new(&peer).exists() {
            Command::new(&peer).args([&server.url(), &seconds]).status().expect("the peer runs");
        }
    }
}

fn own(url: &str, span: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let store = PostgresStore::from_url(url).expect("an engine");
    runtime.block_on(load::print("dancecard", ours::with_manager(SessionManager::new(store)), span));
}
