//! The conformance suite of the engine contract, on a file of its own for each case; once more with keys that all want
//! the same place in the table; and through a near cache. And what a disk without room does.

mod crowded;
mod full_disk;

use std::path::PathBuf;

use dancecard_core::{CachedStore, Capabilities, ManualClock, Store};
use dancecard_store_sqlite::{Config, SqliteStore, Synchronous};
use dancecard_testkit::store::{self, Opened, Settings, Subject};
use dancecard_testkit::{Failure, Outcome};

fn main() {
    let mut trials = store::trials("sqlite", open);
    // Shorter: whatever takes long has been seen with other keys.
    let short = Settings { sequences: 8, records: 1000, ..Settings::from_env() };
    trials.extend(store::trials_with("sqlite-crowded", crowded::crowded, short));
    trials.extend(store::trials("sqlite-cached", cached));
    trials.extend(full_disk::trials());
    store::run(trials);
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

/// The engine, for one process: what others change is seen too late through a cache, and that is tested where caches are.
#[derive(Debug)]
struct Alone(SqliteStore);

impl Store for Alone {
    dancecard_core::forward!(0: engine, unsupported, load, write, delete, replace, touch, list, purge_expired, health);

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_shared(false)
    }
}

async fn cached() -> Opened {
    let directory =
        tempfile::tempdir().map_err(|error| Failure::new("a temporary folder", error.to_string()))?;
    let path = directory.path().join("sessions.db");
    let small = directory.path().join("small.db");
    // At the suite's idea of the present.
    let cached = |store| CachedStore::new(Alone(store)).with_clock(ManualClock::default());
    let again = path.clone();
    Ok(Subject::new(cached(connect(path)?))
        .with_reopen(move || std::future::ready(connect(again.clone()).map(cached)))
        .with_limited(move || std::future::ready(limited(small.clone()).map(cached)))
        .keeping(directory))
}
