//! The conformance suite of the engine contract, on each kind of service: one in this process, one of folders where the
//! last writer wins, one that speaks the S3 interface, and whichever `DANCECARD_TEST_OBJECT` names by an engine's URL.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_store_object::{Config, ObjectStore};
use dancecard_testkit::Outcome;
use dancecard_testkit::store::{self, Opened, Settings, Subject};
use libtest_mimic::Trial;

fn main() {
    let memory = store::trials("object-memory", memory);
    store::run(memory.into_iter().chain(files()).chain(s3()).chain(elsewhere()).collect());
}

async fn memory() -> Opened {
    Ok(Subject::new(connect(Config::new("memory"))?))
}

fn connect(config: Config) -> Outcome<ObjectStore> {
    Ok(ObjectStore::connect(config)?)
}

/// Less of what is only more of the same, where each request takes a millisecond of a processor. Variables of the
/// environment come first.
fn fewer(records: usize) -> Settings {
    let (usual, mut settings) = (Settings::default(), Settings::from_env());
    if settings.records == usual.records {
        settings.records = records;
    }
    if settings.sequences == usual.sequences {
        settings.sequences = 8;
    }
    settings
}

/// A prefix of its own for each case.
fn prefix() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("case-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(not(feature = "fs"))]
fn files() -> Vec<Trial> {
    vec![without("object-fs", "fs")]
}

#[cfg(feature = "fs")]
fn files() -> Vec<Trial> {
    // OpenDAL waits for the disk with each file.
    store::trials_with("object-fs", open_files, fewer(1000))
}

#[cfg(feature = "fs")]
async fn open_files() -> Opened {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder =
        folder.map_err(|error| dancecard_testkit::Failure::new("a temporary folder", error.to_string()))?;
    let root = folder.path().to_string_lossy().into_owned();
    let config = Config::new("fs").with_option("root", root).with_last_writer_wins(true);
    Ok(shared(config)?.keeping(folder))
}

#[cfg(not(feature = "s3"))]
fn s3() -> Vec<Trial> {
    vec![without("object-s3", "s3")]
}

#[cfg(feature = "s3")]
fn s3() -> Vec<Trial> {
    match dancecard_servers::s3::start() {
        Ok(server) => {
            let server = std::sync::Arc::new(server);
            // More than a page of a listing.
            store::trials_with("object-s3", move || open_s3(std::sync::Arc::clone(&server)), fewer(1200))
        }
        Err(absent) => vec![absent.trial("object-s3")],
    }
}

#[cfg(feature = "s3")]
async fn open_s3(server: std::sync::Arc<dancecard_servers::s3::S3>) -> Opened {
    use dancecard_servers::s3::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};

    let config = Config::new("s3")
        .with_option("endpoint", server.url())
        .with_option("bucket", BUCKET)
        .with_option("region", REGION)
        .with_option("access_key_id", ACCESS_KEY)
        .with_option("secret_access_key", SECRET_KEY)
        .with_option("disable_config_load", "true")
        .with_option("disable_ec2_metadata", "true")
        .with_timeout(std::time::Duration::from_secs(240))
        .with_prefix(prefix());
    Ok(shared(config)?.keeping(server))
}

/// A service that is there before the suite, and stays: what it is left with lies under prefixes that begin with `case-`.
fn elsewhere() -> Vec<Trial> {
    match std::env::var("DANCECARD_TEST_OBJECT") {
        Ok(url) => store::trials_with("object-elsewhere", move || open_at(url.clone()), fewer(1200)),
        Err(_) => {
            let fail = || Err("DANCECARD_TEST_OBJECT names no service".into());
            let trial = Trial::test("object-elsewhere::suite", fail);
            vec![trial.with_kind("no DANCECARD_TEST_OBJECT").with_ignored_flag(true)]
        }
    }
}

async fn open_at(url: String) -> Opened {
    let process = format!("{:x}", RandomState::new().hash_one(0));
    let config = Config::from_url(&url)?.with_timeout(std::time::Duration::from_secs(240));
    shared(config.with_prefix(format!("{}-{process}", prefix())))
}

/// An engine whose data others can open.
fn shared(config: Config) -> Opened {
    let (again, other) = (config.clone(), config.clone());
    Ok(Subject::new(connect(config)?)
        .with_reopen(move || std::future::ready(connect(again.clone())))
        .with_peer(move || std::future::ready(connect(other.clone()))))
}

/// The line for a service that this build lacks.
#[allow(dead_code)]
fn without(engine: &str, feature: &str) -> Trial {
    let fail = || Err("its cargo feature is off".into());
    Trial::test(format!("{engine}::suite"), fail)
        .with_kind(format!("no feature {feature}"))
        .with_ignored_flag(true)
}
