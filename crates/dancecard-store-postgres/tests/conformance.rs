//! The conformance suite of the engine contract, on a real server, in a table of its own for each case.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dancecard_store_postgres::{Config, PostgresStore};
use dancecard_testkit::Outcome;
use dancecard_testkit::store::{self, Opened, Subject};

fn main() {
    let trials = match dancecard_servers::postgres::start() {
        Ok(server) => {
            let url: &'static str = server.url().leak();
            // For as long as the process, which ends it.
            std::mem::forget(server);
            store::trials("postgres", move || open(url))
        }
        Err(absent) => vec![absent.trial("postgres")],
    };
    store::run(trials);
}

async fn open(url: &'static str) -> Opened {
    static TABLES: AtomicUsize = AtomicUsize::new(0);
    let table = format!("case_{}", TABLES.fetch_add(1, Ordering::Relaxed));
    let connect = move || connect(url, &table);
    let (again, other) = (connect.clone(), connect.clone());
    Ok(Subject::new(connect()?)
        .with_reopen(move || std::future::ready(again()))
        .with_peer(move || std::future::ready(other())))
}

/// With more patience than the default: a busy machine may take its time.
fn connect(url: &str, table: &str) -> Outcome<PostgresStore> {
    let config = Config::from_url(url)?.with_table(table).with_timeout(Duration::from_secs(60));
    Ok(PostgresStore::connect(config.with_max_payload(4 << 20))?)
}
