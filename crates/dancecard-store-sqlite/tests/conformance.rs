//! The conformance suite of the engine contract, on a file of its own for each case.

use std::path::PathBuf;

use dancecard_store_sqlite::{Config, SqliteStore, Synchronous};
use dancecard_testkit::store::{self, Opened, Subject};
use dancecard_testkit::{Failure, Outcome};

fn main() {
    store::run(store::trials("sqlite", open));
}

async fn open() -> Opened {
    let directory =
        tempfile::tempdir().map_err(|error| Failure::new("a temporary folder", error.to_string()))?;
    let path = directory.path().join("sessions.db");
    let small = directory.path().join("small.db");
    let (again, other) = (path.clone(), path.clone());
    Ok(Subject::new(connect(path)?)
        .with_reopen(move || std::future::ready(connect(again.clone())))
        .with_peer(move || std::future::ready(connect(other.clone())))
        .with_limited(move || std::future::ready(limited(small.clone())))
        .keeping(directory))
}

/// The level below the default: no case cuts the power, and ten thousand flushes take a minute on a slow disk.
fn config(path: PathBuf) -> Config {
    Config::new(path).with_synchronous(Synchronous::Normal)
}

fn connect(path: PathBuf) -> Outcome<SqliteStore> {
    Ok(SqliteStore::connect(config(path))?)
}

fn limited(path: PathBuf) -> Outcome<SqliteStore> {
    Ok(SqliteStore::connect(config(path).with_max_size(Some(1_000_000)))?)
}
