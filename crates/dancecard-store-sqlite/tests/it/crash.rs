//! Killed at any moment, or with the disk failing under it: every acknowledged write is there afterwards.
//!
//! The process that dies is this test binary again, started with the name of an ignored test.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use dancecard_core::{Meta, Record, Store, Timestamp, Version, WriteMode};
use dancecard_store_sqlite::SqliteStore;

use crate::fixture::*;

pub(crate) const PATH: &str = "DANCECARD_SQLITE_CHILD_PATH";
const ROUND: &str = "DANCECARD_SQLITE_CHILD_ROUND";
const SCRIPT: &str = "crash::child_that_is_killed";
const ROUNDS: usize = 20;
const TASKS: usize = 16;

/// Of steps.
const KINDS: usize = 7;

/// What a task did so far: the payload and expiry under each key.
type Model = BTreeMap<String, (String, Timestamp)>;

/// One task's endless script: at each place a step, the same in the process that does it and in the one that checks.
#[derive(Clone, Copy)]
struct Step {
    round: usize,
    task: usize,
    place: usize,
}

impl Step {
    fn name(self, kind: &str) -> String {
        format!("{} {} {} {kind}", self.round, self.task, self.place / KINDS)
    }

    fn text(self) -> String {
        format!("{} {} {} {}", self.round, self.task, self.place, "x".repeat(self.place * 37 % 3000))
    }

    /// Does it, at the version that the step before left under the first key.
    async fn run(self, store: &SqliteStore, version: Option<Version>) -> Option<Version> {
        let (first, second) = (key(self.name("first")), key(self.name("second")));
        let at = |version: Option<Version>| version.map_or(WriteMode::Create, WriteMode::Update);
        match self.place % KINDS {
            0 | 1 | 3 => Some(store.write(&first, record(self.text()), at(version)).await.unwrap()),
            2 => {
                assert!(store.touch(&first, later(9000 + self.place as u64)).await.unwrap());
                version
            }
            4 => {
                let expected = version.unwrap();
                let (retired, next) = (record("retired"), record(self.text()));
                Some(store.replace(&first, &expected, retired, &second, next).await.unwrap())
            }
            5 => {
                store.delete(&first).await.unwrap();
                None
            }
            _ => {
                self.leave_something_to_purge(store).await;
                None
            }
        }
    }

    /// Acknowledged, it is gone, by this task's purge or by another's.
    async fn leave_something_to_purge(self, store: &SqliteStore) {
        let expired = Record::new(Meta::new(NOW, NOW), self.text().into_bytes());
        store.write(&key(self.name("expired")), expired, WriteMode::Create).await.unwrap();
        store.purge_expired(later(1), usize::MAX).await.unwrap();
    }

    fn is_purge(self) -> bool {
        self.place % KINDS == 6
    }

    /// What it does to the model.
    fn imagine(self, model: &mut Model) {
        let (first, second) = (self.name("first"), self.name("second"));
        match self.place % KINDS {
            0 | 1 | 3 => drop(model.insert(first, (self.text(), later(3600)))),
            2 => model.get_mut(&first).unwrap().1 = later(9000 + self.place as u64),
            4 => {
                model.insert(first, ("retired".into(), later(3600)));
                model.insert(second, (self.text(), later(3600)));
            }
            5 => drop(model.remove(&first)),
            _ => {}
        }
    }
}

fn imagine(round: usize, task: usize, steps: usize) -> Model {
    let mut model = Model::new();
    (0..steps).for_each(|place| Step { round, task, place }.imagine(&mut model));
    model
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test of kills starts"]
async fn child_that_is_killed() {
    let round = std::env::var(ROUND).unwrap().parse().unwrap();
    say("\nopening\n");
    let store = Arc::new(SqliteStore::open(std::env::var_os(PATH).unwrap()).unwrap());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut version = None;
                for place in 0.. {
                    version = Step { round, task, place }.run(&store, version).await;
                    let number = version.as_ref().and_then(Version::as_u64).unwrap_or(0);
                    say(&format!("done {task} {place} {number}\n"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn start_by(mut command: Command, test: &str, path: &Path, round: usize) -> Child {
    command
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts this test binary again, with one test.
pub(crate) fn start(test: &str, path: &Path, round: usize) -> Child {
    start_by(Command::new(std::env::current_exe().unwrap()), test, path, round)
}

/// Lets a child run until it said so many lines, kills it, and returns all that it said.
fn run_and_kill(script: &str, path: &Path, round: usize, lines: usize) -> Vec<String> {
    let mut child = start(script, path, round);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        said.push(line.trim().to_owned());
        line.clear();
        if said.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(said.len() >= lines, "the child ended by itself: {said:?}");
    said
}

/// Lets a child run until something is so, kills it, and returns all that it said.
fn run_until_and_kill(path: &Path, round: usize, is_so: impl Fn() -> bool) -> Vec<String> {
    let mut child = start(SCRIPT, path, round);
    while !is_so() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The number of steps that each task was told are done. Versions are collected, and must all be new.
fn acknowledged(said: &[String], versions: &mut HashSet<u64>) -> [usize; TASKS] {
    let mut steps = [0; TASKS];
    for line in said.iter().filter_map(|line| line.strip_prefix("done ")) {
        let numbers: Vec<usize> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [task, place, version] = numbers[..] else { panic!("{line}") };
        assert_eq!(steps[task], place);
        steps[task] += 1;
        // A touch leaves the version as it was, a deletion and a purge leave none.
        if ![2, 5, 6].contains(&(place % KINDS)) {
            assert!(versions.insert(version as u64), "version {version} was used before");
        }
    }
    steps
}

async fn found(store: &SqliteStore, models: [&Model; 2]) -> Model {
    let mut found = Model::new();
    for name in models.into_iter().flat_map(Model::keys) {
        if let Some(record) = store.load(&key(name)).await.unwrap() {
            let text = String::from_utf8(record.payload().to_vec()).unwrap();
            found.insert(name.clone(), (text, record.expires_at()));
        }
    }
    found
}

pub(crate) fn assert_sound(place: &Place) {
    let check = "PRAGMA integrity_check";
    let verdict: String = place.connection().query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

/// Checks what a round left behind, and returns it.
async fn settle(place: &Place, round: usize, said: &[String], versions: &mut HashSet<u64>) -> Vec<Model> {
    let mut settled = Vec::new();
    let store = place.open();
    for (task, steps) in acknowledged(said, versions).into_iter().enumerate() {
        // The step after the last acknowledged one may have been done as well, and no other.
        let (least, most) = (imagine(round, task, steps), imagine(round, task, steps + 1));
        let found = found(&store, [&least, &most]).await;
        assert!(found == least || found == most, "round {round} task {task} after {steps} steps");
        settled.push(found);
        for step in (0..steps).map(|place| Step { round, task, place }).filter(|step| step.is_purge()) {
            assert!(store.load(&key(step.name("expired"))).await.unwrap().is_none(), "purged, and there");
        }
    }
    let version = store.write(&key("parent"), record(""), WriteMode::Overwrite).await.unwrap();
    assert!(versions.insert(version.as_u64().unwrap()));
    store.close().await;
    assert_sound(place);
    settled
}

#[tokio::test]
async fn killed_at_any_moment_it_has_lost_nothing() {
    let place = Place::new();
    let (mut versions, mut settled) = (HashSet::new(), Vec::new());
    let mut seed: u64 = 0x6463_7264;
    for round in 0..ROUNDS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let said = run_and_kill(SCRIPT, &place.path(), round, 4 + (seed >> 33) as usize % 600);
        settled.extend(settle(&place, round, &said, &mut versions).await);
    }
    let store = place.open();
    for model in settled {
        assert!(found(&store, [&model, &Model::new()]).await == model);
    }
}

#[tokio::test]
#[ignore = "the process that the test of closings starts"]
async fn child_that_closes_its_file() {
    let round = std::env::var(ROUND).unwrap();
    say("\n");
    for number in 0.. {
        let store = SqliteStore::open(std::env::var_os(PATH).unwrap()).unwrap();
        store.write(&key(format!("{round} {number}")), bulk(1024), WriteMode::Create).await.unwrap();
        say(&format!("done {number}\n"));
        store.close().await;
    }
}

/// The last to close the file moves what the log has into it.
#[tokio::test]
async fn killed_while_it_closes_its_file_it_has_lost_nothing() {
    let place = Place::new();
    for round in 0..12 {
        let said = run_and_kill("crash::child_that_closes_its_file", &place.path(), round, 6 + round);
        let store = place.open();
        for number in 0..said.iter().filter(|line| line.starts_with("done ")).count() {
            let found = payload(&store, format!("{round} {number}")).await.unwrap();
            assert_eq!(found, bulk(1024).payload);
        }
        store.close().await;
        assert_sound(&place);
    }
}

pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

#[tokio::test]
async fn killed_while_it_makes_its_file_it_makes_it_the_next_time() {
    type Sign = fn(&Place) -> bool;
    let signs: [Sign; 6] = [
        |place| place.path().exists(),
        |place| size(&place.path()) > 0,
        |place| place.log().exists(),
        |place| size(&place.log()) > 0,
        |place| size(&place.log()) > 4096,
        |place| size(&place.log()) > 40_960,
    ];
    for sign in signs.into_iter().cycle().take(24) {
        let place = Place::new();
        let said = run_until_and_kill(&place.path(), 0, || sign(&place));
        settle(&place, 0, &said, &mut HashSet::new()).await;
    }
}

#[tokio::test]
#[ignore = "the process that the test of a failing disk starts"]
async fn child_whose_disk_fails() {
    let store = SqliteStore::open(std::env::var_os(PATH).unwrap()).unwrap();
    say("\n");
    for number in 0.. {
        match store.write(&key(number), bulk(1024), WriteMode::Create).await {
            Ok(_) => say(&format!("done {number}\n")),
            Err(error) => {
                assert_discreet(&error);
                assert!(payload(&store, 0).await.is_some());
                return say(&format!("failed {number} {:?} {:?}\n", error.kind(), error.retry()));
            }
        }
    }
}

/// A process may be forbidden to write beyond some size of any file. The log is the first to meet it, in a commit.
#[cfg(unix)]
#[tokio::test]
async fn a_commit_that_the_disk_refuses_is_unknown_and_undoes_no_other() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    let child = start_by(shell, "crash::child_whose_disk_fails", &place.path(), 0);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();

    let done = said.lines().filter(|line| line.starts_with("done ")).count();
    assert!(done > 10, "{said}");
    assert!(said.contains(&format!("failed {done} Unavailable Unknown")), "{said}");
    let store = place.open();
    for number in 0..done {
        assert_eq!(payload(&store, number).await.unwrap(), bulk(1024).payload);
    }
    create(&store, "after").await;
    store.close().await;
    assert_sound(&place);
}
