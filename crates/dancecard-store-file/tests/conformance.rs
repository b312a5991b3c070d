//! The conformance suite of the engine contract in each format, in a folder of its own for each case.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use dancecard_store_file::{Config, FileStore, Format, Synchronous};
use dancecard_testkit::store::{self, Opened, Subject};
use dancecard_testkit::{Failure, Outcome, SmallDisk};
use libtest_mimic::Trial;
use tempfile::TempDir;

fn main() {
    let json = store::trials("file-json", || open(Format::Json));
    let yaml = store::trials("file-yaml", || open(Format::Yaml));
    let msgpack = store::trials("file-msgpack", || open(Format::MsgPack));
    let others = yaml.into_iter().chain(msgpack).filter(depends_on_the_format);
    store::run(json.into_iter().chain(others).collect());
}

/// The formats differ in what is in a file. What is done to files is the same for all of them, and tested with the first.
fn depends_on_the_format(trial: &Trial) -> bool {
    let same = ["::concurrency::", "::interference::", "::cancellation::", "::limits::ten_thousand"];
    !same.iter().any(|area| trial.name().contains(area))
}

async fn open(format: Format) -> Opened {
    let directory = temporary()?;
    let path = directory.path().join("sessions");
    let (again, other) = (path.clone(), path.clone());
    let disks: Disks = Arc::default();
    let subject = Subject::new(connect(path, format)?)
        .with_reopen(move || std::future::ready(connect(again.clone(), format)))
        .with_peer(move || std::future::ready(connect(other.clone(), format)))
        .keeping(directory)
        .keeping(Arc::clone(&disks));
    Ok(if can_mount() {
        subject.with_limited(move || std::future::ready(limited(&disks, format)))
    } else {
        subject
    })
}

/// In memory where the system has such a place: no case cuts the power, and most write thousands of files. The tests in
/// `it` are on a disk.
fn temporary() -> Outcome<TempDir> {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.map_err(|error| Failure::new("a temporary folder", error.to_string()))
}

/// The level below the default, for the same reason.
fn connect(path: PathBuf, format: Format) -> Outcome<FileStore> {
    let config = Config::new(path).with_synchronous(Synchronous::Normal).with_format(format);
    Ok(FileStore::connect(config)?)
}

/// Small disks, and the folders under them, while a subject lives.
type Disks = Arc<Mutex<Vec<(SmallDisk, TempDir)>>>;

/// Only root can mount one; for others the cases about full engines show as ignored.
fn can_mount() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| temporary().is_ok_and(|folder| SmallDisk::is_possible(folder.path())))
}

fn limited(disks: &Disks, format: Format) -> Outcome<FileStore> {
    let folder = temporary()?;
    let disk = SmallDisk::mount(folder.path(), 2 << 20)?;
    let store = connect(disk.path().join("sessions"), format)?;
    disks.lock().map_err(|error| Failure::new("the disks", error.to_string()))?.push((disk, folder));
    Ok(store)
}
