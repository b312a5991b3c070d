//! `sqlite [SECONDS]`: requests per second with sessions of a kilobyte in SQLite, thirty-two at once. With the peer built
//! (`cargo build --release` in `sqlite-peer`), it runs both in turn, three times.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dancecard_benches::{load, ours};
use dancecard_core::SessionManager;
use dancecard_store_sqlite::SqliteStore;

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sqlite-peer/target/release/sqlite-peer");

fn main() {
    let seconds = std::env::args().nth(1).unwrap_or_else(|| "3".into());
    let peer = std::env::var("PEER").unwrap_or_else(|_| PEER.into());
    println!("| library | route | requests/s | CPU µs per request | failed |\n|---|---|---:|---:|---:|");
    for _ in 0..3 {
        own(Duration::from_secs(seconds.parse().expect("a number")));
        if Path::new(&peer).exists() {
            Command::new(&peer).arg(&seconds).status().expect("the peer runs");
        }
    }
}

fn own(span: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let store = SqliteStore::open(folder.path().join("sessions.db")).expect("a database");
    runtime.block_on(load::print(
        "dancecard, WAL, synchronous=FULL",
        ours::with_manager(SessionManager::new(store)),
        span,
    ));
}
