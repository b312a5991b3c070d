//! `postgres [SECONDS]`: requests per second with sessions of a kilobyte in PostgreSQL, thirty-two at once, on a server that
//! it starts. With the peer built (`cargo build --release` in `postgres-peer`), it runs both in turn, three times, and fails
//! if ours is not far enough ahead.

use std::process::{Command, ExitCode};
use std::time::Duration;

use dancecard_benches::beside::{Aims, in_turn};
use dancecard_benches::load::{self, Row};
use dancecard_benches::ours;
use dancecard_core::SessionManager;
use dancecard_store_postgres::PostgresStore;

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres-peer/target/release/postgres-peer");
const AIMS: Aims = Aims { writes: None, cpu: 3.0 };

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).unwrap_or_else(|| "3".into());
    let peer = std::env::var("PEER").unwrap_or_else(|_| PEER.into());
    let span = Duration::from_secs(seconds.parse().expect("a number"));
    match dancecard_servers::postgres::start() {
        Ok(server) => {
            in_turn(&AIMS, || own(&server.url(), span), Command::new(peer).args([&server.url(), &seconds]))
        }
        Err(absent) => {
            println!("{absent}");
            ExitCode::FAILURE
        }
    }
}

fn own(url: &str, span: Duration) -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let store = PostgresStore::from_url(url).expect("an engine");
    runtime.block_on(load::rows("dancecard", ours::with_manager(SessionManager::new(store)), span))
}
