//! Full, read-only, out of files: each a typed error, and nothing that was acknowledged is lost.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use dancecard_core::{Error, ErrorKind, Retry, Store, WriteMode};
use dancecard_store_file::FileStore;

use crate::fixture::*;
use crate::processes::{child, say, told};

fn assert_is(error: &Error, kind: ErrorKind, retry: Retry) {
    assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
    assert_discreet(error);
}

#[tokio::test]
#[ignore = "the process that the test of a disk that refuses starts"]
async fn child_whose_files_may_not_grow() {
    let store = FileStore::connect(told()).unwrap();
    let version = create(&store, "a").await;
    for mode in [WriteMode::Update(version.clone()), WriteMode::Overwrite] {
        assert_is(
            &store.write(&key("a"), bulk(200_000), mode).await.unwrap_err(),
            ErrorKind::Full,
            Retry::Safe,
        );
    }
    let replaced = store.replace(&key("a"), &version, bulk(1), &key("b"), bulk(200_000)).await;
    assert_is(&replaced.unwrap_err(), ErrorKind::Full, Retry::Safe);
    assert_eq!(payload(&store, "b").await, None);
    store.write(&key("a"), bulk(101), WriteMode::Update(version)).await.unwrap();
    say("\nas expected\n");
}

/// A process may be forbidden to write beyond some size of any file.
#[test]
fn what_the_disk_refuses_is_not_done_at_all() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    let output =
        child(shell, "faults::child_whose_files_may_not_grow", &place.path()).wait_with_output().unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("as expected"),
        "{output:?}"
    );
    assert!(place.unfinished().is_empty());
}

#[tokio::test]
#[ignore = "the process that the test of open files starts"]
async fn child_that_may_open_few_files() {
    let store = FileStore::connect(told()).unwrap();
    create(&store, "a").await;
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert_is(&store.delete(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    drop(held);
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
    say("\nas expected\n");
}

#[test]
fn a_process_out_of_files_works_again_when_it_has_some() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let output =
        child(shell, "faults::child_that_may_open_few_files", &place.path()).wait_with_output().unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("as expected"),
        "{output:?}"
    );
}

#[tokio::test]
#[ignore = "the process that the test of permissions starts"]
async fn child_that_may_not_write() {
    let store = FileStore::connect(told()).unwrap();
    for error in [
        store.load(&key("a")).await.map(drop).unwrap_err(),
        store.write(&key("a"), bulk(1), WriteMode::Create).await.map(drop).unwrap_err(),
        store.delete(&key("a")).await.unwrap_err(),
    ] {
        assert_is(&error, ErrorKind::Config, Retry::Never);
    }
    say("\nas expected\n");
}

/// Root may do anything, so it does without what makes it root.
#[tokio::test]
async fn a_folder_that_may_not_be_written_is_refused_with_a_remedy() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    let allow = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(&place.path(), 0o555);
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(std::env::current_exe().unwrap());
    let output =
        child(command, "faults::child_that_may_not_write", &place.path()).wait_with_output().unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("as expected"),
        "{output:?}"
    );
    allow(&place.path(), 0o700);
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
}

#[tokio::test]
async fn a_large_session_is_kept_and_a_larger_one_refused() {
    let place = Place::new();
    let store = FileStore::connect(place.config().with_max_payload(64 << 20)).unwrap();
    for size in [1 << 20, 64 << 20] {
        let version = store.write(&key(size), bulk(size), WriteMode::Create).await.unwrap();
        assert_eq!(payload(&store, size).await.unwrap(), bulk(size).payload);
        let larger =
            store.write(&key(size), bulk((64 << 20) + 1), WriteMode::Update(version)).await.unwrap_err();
        assert_is(&larger, ErrorKind::TooLarge, Retry::Never);
    }
}
