//! The conformance suite of the engine contract, on real servers of both makes, in a table of its own for each case.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dancecard_servers::{Absent, Running, mariadb, mysql};
use dancecard_store_mysql::{Config, MysqlStore};
use dancecard_testkit::Outcome;
use dancecard_testkit::store::{self, Opened, Subject};
use libtest_mimic::Trial;

fn main() {
    let mut all = trials("mariadb", mariadb::start());
    all.extend(trials("mysql", mysql::start()));
    store::run(all);
}

fn trials(name: &str, server: Result<Running, Absent>) -> Vec<Trial> {
    match server {
        Ok(server) => {
            let url: &'static str = server.url().leak();
            // For as long as the process, which ends it.
            std::mem::forget(server);
            store::trials(name, move || open(url))
        }
        Err(absent) => vec![absent.trial(name)],
    }
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
fn connect(url: &str, table: &str) -> Outcome<MysqlStore> {
    let config = Config::from_url(url)?.with_table(table).with_timeout(Duration::from_secs(60));
    Ok(MysqlStore::connect(config.with_max_payload(4 << 20))?)
}
