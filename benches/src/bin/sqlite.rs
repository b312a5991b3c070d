//! `sqlite [SECONDS]`: requests per second with sessions of a kilobyte in SQLite, thirty-two at once. With the peer built
//! (`cargo build --release` in `sqlite-peer`), it runs both in turn, three times, and fails if ours is not far enough ahead.

use std::process::{Command, ExitCode};
use std::time::Duration;

use dancecard_benches::beside::{Aims, in_turn};
use dancecard_benches::load::{self, Row};
use dancecard_benches::ours;
use dancecard_core::SessionManager;
use dancecard_store_sqlite::SqliteStore;

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sqlite-peer/target/release/sqlite-peer");
const AIMS: Aims = Aims { writes: Some(10.0), cpu: 3.0 };

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).unwrap_or_else(|| "3".into());
    let peer = std::env::var("PEER").unwrap_or_else(|_| PEER.into());
    let span = Duration::from_secs(seconds.parse().expect("a number"));
    in_turn(&AIMS, || own(span), Command::new(peer).arg(&seconds))
}

fn own(span: Duration) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let store = SqliteStore::open(folder.path().join("sessions.db")).expect("a database");
    let router = ours::with_manager(SessionManager::new(store));
    runtime.block_on(load::rows("dancecard, WAL, synchronous=FULL", router, span))
}
