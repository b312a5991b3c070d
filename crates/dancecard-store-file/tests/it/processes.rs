//! Two processes on one folder. The other one is this test binary again, started with the name of an ignored test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};
use dancecard_store_file::{Config, FileStore, Synchronous};

use crate::fixture::*;

const PATH: &str = "DANCECARD_FILE_CHILD_PATH";
const EACH: u64 = 300;

pub(crate) fn start(test: &str, path: &Path) -> Child {
    child(Command::new(std::env::current_exe().unwrap()), test, path)
}

pub(crate) fn child(mut command: Command, test: &str, path: &Path) -> Child {
    command
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The folder that a child was told to work in.
pub(crate) fn told() -> Config {
    Config::new(std::env::var_os(PATH).unwrap()).with_synchronous(Synchronous::Normal)
}

pub(crate) fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
}

async fn count_up(store: &FileStore) {
    for _ in 0..EACH {
        loop {
            let found = store.load(&key("counter")).await.unwrap().unwrap();
            let number: u64 = std::str::from_utf8(found.payload()).unwrap().parse().unwrap();
            let next = record((number + 1).to_string());
            match store.write(&key("counter"), next, WriteMode::Update(found.version().clone())).await {
                Ok(_) => break,
                Err(error) => assert!(error.is_conflict(), "{error}"),
            }
        }
    }
}

#[tokio::test]
#[ignore = "the process that the test of races starts"]
async fn child_that_counts() {
    count_up(&FileStore::connect(told()).unwrap()).await;
}

#[tokio::test]
async fn processes_that_race_on_one_session_count_exactly() {
    let place = Place::new();
    let store = place.open();
    store.write(&key("counter"), record("0"), WriteMode::Create).await.unwrap();
    let children = [0, 1, 2].map(|_| start("processes::child_that_counts", &place.path()));
    count_up(&store).await;
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(payload(&store, "counter").await.unwrap(), (4 * EACH).to_string().into_bytes());
}

#[tokio::test]
#[ignore = "the process that the test of creations starts"]
async fn child_that_creates() {
    let store = FileStore::connect(told()).unwrap();
    for number in 0..EACH {
        let created = store.write(&key(number), bulk(10), WriteMode::Create).await;
        say(&format!("\ncreated {number} {}\n", created.is_ok()));
    }
}

/// Also of the folder itself: all of them find none.
#[tokio::test]
async fn of_processes_that_create_one_wins() {
    let place = Place::new();
    let children = [0, 1, 2, 3].map(|_| start("processes::child_that_creates", &place.path()));
    let mut winners = vec![0; EACH as usize];
    for mut child in children {
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some(words) = line.strip_prefix("created ") else { continue };
            let (number, won) = words.split_once(' ').unwrap();
            winners[number.parse::<usize>().unwrap()] += usize::from(won == "true");
        }
        assert!(child.wait().unwrap().success());
    }
    assert!(winners.iter().all(|count| *count == 1), "{winners:?}");
}

#[tokio::test]
#[ignore = "the process that the test of locks starts"]
async fn child_that_keeps_a_lock() {
    let locks = told().path.join("locks");
    let held: Vec<_> = (0..256)
        .map(|shard| {
            let lock = std::fs::File::create(locks.join(format!("{shard:02x}"))).unwrap();
            lock.lock().unwrap();
            lock
        })
        .collect();
    say("\nlocked\n");
    std::io::stdin().lines().for_each(drop);
    drop(held);
}

/// A process that is stopped keeps its locks; one that is killed does not.
#[tokio::test]
async fn a_lock_beyond_the_timeout_is_safe_to_retry_and_does_not_stop_readers() {
    let place = Place::new();
    let store = FileStore::connect(place.config().with_lock_timeout(Duration::from_millis(50))).unwrap();
    let version = create(&store, "a").await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.stdin(Stdio::piped());
    let mut child = child(command, "processes::child_that_keeps_a_lock", &place.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "locked" {}

    let update = WriteMode::Update(version.clone());
    for error in [
        store.write(&key("a"), bulk(1), update.clone()).await.map(drop).unwrap_err(),
        store.delete(&key("a")).await.unwrap_err(),
        store.touch(&key("a"), later(9000)).await.map(drop).unwrap_err(),
        store.replace(&key("a"), &version, bulk(1), &key("b"), bulk(1)).await.map(drop).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Safe), "{error}");
        assert_discreet(&error);
    }
    assert_eq!(store.load(&key("a")).await.unwrap().unwrap().version(), &version);

    child.kill().unwrap();
    child.wait().unwrap();
    store.write(&key("a"), bulk(1), update).await.unwrap();
}

/// One that is waited for by many is waited for once by those that wait together.
#[tokio::test]
async fn changes_that_wait_together_give_up_together() {
    let place = Place::new();
    let config = place.config().with_lock_timeout(Duration::from_millis(300)).with_writers(1);
    let store = FileStore::connect(config).unwrap();
    create(&store, "a").await;
    let shard = place.record().parent().unwrap().file_name().unwrap().to_owned();
    let lock = std::fs::File::open(place.path().join("locks").join(shard)).unwrap();
    lock.lock().unwrap();
    let (name, begun) = (key("a"), std::time::Instant::now());
    let mut waiting: Vec<_> = (0..60).map(|_| Box::pin(store.touch(&name, later(9000)))).collect();
    assert!(waiting.iter_mut().all(|touch| poll_once(touch.as_mut()).is_pending()));
    for touch in waiting {
        assert!(touch.await.unwrap_err().is_unavailable());
    }
    // One by one it would be eighteen seconds.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}
