//! The conformance suite of the engine contract in each format, in a folder of its own for each case.

use std::path::PathBuf;

use dancecard_store_file::{Config, FileStore, Format, Synchronous};
use dancecard_testkit::store::{self, Opened, Subject};
use dancecard_testkit::{Failure, Outcome};
use tempfile::TempDir;

fn main() {
    let json = store::trials("file-json", || open(Format::Json));
    let yaml = store::trials("file-yaml", || open(Format::Yaml));
    let msgpack = store::trials("file-msgpack", || open(Format::MsgPack));
    store::run(json.into_iter().chain(yaml).chain(msgpack).collect());
}

async fn open(format: Format) -> Opened {
    let directory = temporary().map_err(|error| Failure::new("a temporary folder", error.to_string()))?;
    let path = directory.path().join("sessions");
    let (again, other) = (path.clone(), path.clone());
    Ok(Subject::new(connect(path, format)?)
        .with_reopen(move || std::future::ready(connect(again.clone(), format)))
        .with_peer(move || std::future::ready(connect(other.clone(), format)))
        .keeping(directory))
}

/// In memory where the system has such a place: no case cuts the power, and most write thousands of files. The tests in
/// `it` are on a disk.
fn temporary() -> std::io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// The level below the default, for the same reason.
fn connect(path: PathBuf, format: Format) -> Outcome<FileStore> {
    let config = Config::new(path).with_synchronous(Synchronous::Normal).with_format(format);
    Ok(FileStore::connect(config)?)
}
