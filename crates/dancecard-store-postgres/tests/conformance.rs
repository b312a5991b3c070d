//! The conformance suite of the engine contract, on a real server, in a table of its own for each case: the engine itself, and
//! what the core's wrappers make of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dancecard_core::{CallTotals, DeadlineStore, MeteredStore, PrefixedStore, Store};
use dancecard_store_postgres::{Config, PostgresStore};
use dancecard_testkit::Outcome;
use dancecard_testkit::store::{self, Opened, Subject};

/// More than the default: a busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let trials = match dancecard_servers::postgres::start() {
        Ok(server) => {
            let url: &'static str = server.url().leak();
            // For as long as the process, which ends it.
            std::mem::forget(server);
            let mut trials = store::trials("postgres", move || open(url, Ok));
            trials.extend(store::trials("postgres-wrapped", move || open(url, wrapped)));
            trials
        }
        Err(absent) => vec![absent.trial("postgres")],
    };
    store::run(trials);
}

async fn open<S: Store>(
    url: &'static str,
    wrap: impl Fn(PostgresStore) -> Outcome<S> + Copy + Send + Sync + 'static,
) -> Opened {
    static TABLES: AtomicUsize = AtomicUsize::new(0);
    let table = format!("case_{}", TABLES.fetch_add(1, Ordering::Relaxed));
    let connect = move || connect(url, &table).and_then(wrap);
    let (again, other) = (connect.clone(), connect.clone());
    Ok(Subject::new(connect()?)
        .with_reopen(move || std::future::ready(again()))
        .with_peer(move || std::future::ready(other())))
}

/// Metered, with a deadline, and under one prefix within another.
fn wrapped(engine: PostgresStore) -> Outcome<impl Store> {
    let metered = MeteredStore::new(engine, CallTotals::default());
    let timed = DeadlineStore::new(metered, tokio::time::sleep).with_reads(PATIENCE).with_writes(PATIENCE);
    Ok(PrefixedStore::new(PrefixedStore::new(timed, "inner")?, "outer")?)
}

fn connect(url: &str, table: &str) -> Outcome<PostgresStore> {
    let config = Config::from_url(url)?.with_table(table).with_timeout(PATIENCE);
    Ok(PostgresStore::connect(config.with_max_payload(4 << 20))?)
}
