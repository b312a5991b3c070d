//! The conformance suite of the engine contract in each format, in a folder of its own for each case.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use dancecard_store_file::{Config, FileStore, Format, Synchronous};
use dancecard_testkit::store::{self, Opened, Subject};
use dancecard_testkit::{Failure, Outcome};
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
    let mounts: Mounts = Arc::default();
    let subject = Subject::new(connect(path, format)?)
        .with_reopen(move || std::future::ready(connect(again.clone(), format)))
        .with_peer(move || std::future::ready(connect(other.clone(), format)))
        .keeping(directory)
        .keeping(Arc::clone(&mounts));
    Ok(if can_mount() {
        subject.with_limited(move || std::future::ready(limited(&mounts, format)))
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

type Mounts = Arc<Mutex<Vec<Mount>>>;

/// A small file system, until this is dropped. Only root can make one; for others the cases about full engines show as
/// ignored.
struct Mount(TempDir);

impl Mount {
    fn new() -> Outcome<Self> {
        let folder = temporary()?;
        let words = ["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"];
        let mounted = Command::new("mount").args(words).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(folder)),
            _ => Err(Failure::new("a small file system", "none: it can't be mounted")),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn can_mount() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| Mount::new().is_ok())
}

fn limited(mounts: &Mounts, format: Format) -> Outcome<FileStore> {
    let mount = Mount::new()?;
    let store = connect(mount.0.path().join("sessions"), format)?;
    mounts.lock().map_err(|error| Failure::new("a mount", error.to_string()))?.push(mount);
    Ok(store)
}
