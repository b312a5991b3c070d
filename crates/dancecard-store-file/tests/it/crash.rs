//! Killed at any moment: every acknowledged operation is there afterwards, and nothing is torn.
//!
//! The process that dies is this test binary again, started with the name of an ignored test.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dancecard_core::{ListQuery, Record, Store, Timestamp, Version, WriteMode};
use dancecard_store_file::{FileStore, Format, Synchronous};

use crate::fixture::*;
use crate::processes::{child, say, told};

const ROUNDS: usize = 18;
const TASKS: usize = 16;
/// The variable that tells the child how to write.
const FORMAT: &str = "DANCECARD_TEST_FORMAT";
/// How many steps a session's life has.
const LIFE: usize = 8;

/// What a task did so far: payload, principal and expiry under each key.
type Model = BTreeMap<String, (Vec<u8>, Option<String>, Timestamp)>;

/// One task's endless script: at each place a step, the same in the process that does it and in the one that checks.
#[derive(Clone, Copy)]
struct Step {
    task: usize,
    place: usize,
}

impl Step {
    fn name(self, kind: &str) -> String {
        format!("{} {} {kind}", self.task, self.place / LIFE)
    }

    fn whose(self) -> Option<String> {
        [None, Some("ada"), Some("ada"), None, Some("bob"), Some("bob"), None, None][self.place % LIFE]
            .map(Into::into)
    }

    fn expires_at(self) -> Timestamp {
        later(9000 + self.place as u64)
    }

    fn payload(self) -> Vec<u8> {
        let text = format!(
            r#"{{"step":[{},{}],"text":"{}"}}"#,
            self.task,
            self.place,
            "x".repeat(self.place * 37 % 3000)
        );
        session(&text).payload
    }

    fn record(self) -> Record {
        let who = self.whose().map(Into::into);
        Record::new(meta().with_principal(who).with_expires_at(self.expires_at()), self.payload())
    }

    /// Does it, at the version that the step before left.
    async fn run(self, store: &FileStore, version: Option<Version>) -> Option<Version> {
        let (first, second) = (key(self.name("first")), key(self.name("second")));
        let at = |version: Option<Version>| version.map_or(WriteMode::Create, WriteMode::Update);
        match self.place % LIFE {
            3 => {
                assert!(store.touch(&first, self.expires_at()).await.unwrap());
                version
            }
            5 => {
                let retired = record("retired");
                Some(store.replace(&first, &version.unwrap(), retired, &second, self.record()).await.unwrap())
            }
            6 => Some(store.write(&second, self.record(), at(version)).await.unwrap()),
            7 => {
                store.delete(&first).await.unwrap();
                None
            }
            _ => Some(store.write(&first, self.record(), at(version)).await.unwrap()),
        }
    }

    /// What it does to the model.
    fn imagine(self, model: &mut Model) {
        let (first, second) = (self.name("first"), self.name("second"));
        let mine = (self.payload(), self.whose(), self.expires_at());
        match self.place % LIFE {
            3 => model.get_mut(&first).unwrap().2 = self.expires_at(),
            5 => {
                model.insert(first, (b"retired".to_vec(), Some(SECRET.into()), later(3600)));
                model.insert(second, mine);
            }
            6 => drop(model.insert(second, mine)),
            7 => drop(model.remove(&first)),
            _ => drop(model.insert(first, mine)),
        }
    }

    /// A replacement that was cut short may have left the successor, of which nobody was told.
    fn half(self, model: &Model) -> Option<Model> {
        let mut half = model.clone();
        (self.place % LIFE == 5)
            .then(|| half.insert(self.name("second"), (self.payload(), self.whose(), self.expires_at())))?;
        Some(half)
    }
}

fn imagine(task: usize, steps: usize) -> Model {
    let mut model = Model::new();
    (0..steps).for_each(|place| Step { task, place }.imagine(&mut model));
    model
}

fn level(round: usize) -> Synchronous {
    if round.is_multiple_of(2) { Synchronous::Full } else { Synchronous::Normal }
}

async fn act(level: Synchronous) {
    let told_format = std::env::var(FORMAT).unwrap();
    let format = FORMATS.into_iter().find(|format| format!("{format:?}") == told_format).unwrap();
    let store = Arc::new(FileStore::connect(told().with_synchronous(level).with_format(format)).unwrap());
    say("\nopening\n");
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut version = None;
                for place in 0.. {
                    version = Step { task, place }.run(&store, version).await;
                    say(&format!("done {task} {place} {}\n", version.as_ref().map(hex).unwrap_or_default()));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn hex(version: &Version) -> String {
    dancecard_core::RecordKey::new(version.as_bytes()).to_hex()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test of kills starts"]
async fn child_that_is_killed() {
    act(Synchronous::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test of kills starts"]
async fn child_that_is_killed_and_never_flushes() {
    act(Synchronous::Normal).await;
}

/// Lets a child run until it said so many lines, kills it, and returns all that it said.
fn run_and_kill(path: &Path, format: Format, level: Synchronous, lines: usize) -> Vec<String> {
    let test = match level {
        Synchronous::Full => "crash::child_that_is_killed",
        _ => "crash::child_that_is_killed_and_never_flushes",
    };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(FORMAT, format!("{format:?}"));
    let mut child = child(command, test, path);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut said, mut line) = (Vec::new(), String::new());
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

/// The number of steps that each task was told are done. Versions are collected, and must all be new.
fn acknowledged(said: &[String]) -> [usize; TASKS] {
    let (mut steps, mut versions) = ([0; TASKS], HashSet::new());
    for line in said.iter().filter_map(|line| line.strip_prefix("done ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let (task, place): (usize, usize) = (words[0].parse().unwrap(), words[1].parse().unwrap());
        assert_eq!(steps[task], place);
        steps[task] += 1;
        // A touch leaves the version as it was, a deletion leaves none.
        if ![3, 7].contains(&(place % LIFE)) {
            assert!(versions.insert(words[2].to_owned()), "a version was used before");
        }
    }
    steps
}

async fn found(store: &FileStore, models: [&Model; 2]) -> Model {
    let mut found = Model::new();
    for name in models.into_iter().flat_map(Model::keys) {
        if let Some(record) = store.load(&key(name)).await.unwrap() {
            let who = record.meta().principal().map(|who| who.as_str().to_owned());
            found.insert(name.clone(), (record.payload().to_vec(), who, record.expires_at()));
        }
    }
    found
}

/// Checks what a killed process left behind, and tidies it up.
async fn settle(place: &Place, format: Format, said: &[String]) {
    let store = place.open_as(format);
    let (mut there, mut interrupted) = (Model::new(), 0);
    for (task, steps) in acknowledged(said).into_iter().enumerate() {
        // The step after the last acknowledged one may have been done as well, and no other.
        let (least, most) = (imagine(task, steps), imagine(task, steps + 1));
        let half = Step { task, place: steps }.half(&least);
        let found = found(&store, [&least, &most]).await;
        assert!(
            found == least || found == most || Some(&found) == half.as_ref(),
            "task {task} after {steps} steps"
        );
        interrupted += usize::from(found != least);
        there.extend(found);
    }
    assert!(interrupted <= TASKS);
    assert_index(&store, &there).await;
    assert!(place.unfinished().len() <= TASKS);
    store.purge_expired(NOW, 1).await.unwrap();
    assert!(place.unfinished().is_empty());
    let entries = list(&store, ListQuery::all()).await;
    assert_eq!(entries.len(), there.len());
    for entry in entries {
        store.delete(&entry.unwrap().key).await.unwrap();
    }
    store.close().await;
}

async fn assert_index(store: &FileStore, there: &Model) {
    for who in ["ada", "bob"] {
        let query = ListQuery::of(who.into());
        let listed: HashSet<_> =
            list(store, query).await.into_iter().map(|entry| entry.unwrap().key).collect();
        let its = there.iter().filter(|(_, (_, whose, _))| whose.as_deref() == Some(who));
        assert_eq!(listed, its.map(|(name, _)| key(name)).collect());
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_has_lost_nothing() {
    let places = FORMATS.map(|format| (Place::new(), format));
    let mut seed: u64 = 0x6463_7264;
    for (round, (place, format)) in (0..ROUNDS).zip(places.iter().cycle()) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let said = run_and_kill(&place.path(), *format, level(round), 4 + (seed >> 33) as usize % 500);
        settle(place, *format, &said).await;
    }
}

#[tokio::test]
async fn killed_while_it_makes_its_folder_it_makes_it_the_next_time() {
    for lines in [2, 3, 4] {
        for _ in 0..4 {
            let place = Place::new();
            let said = run_and_kill(&place.path(), Format::Json, Synchronous::Normal, lines);
            settle(&place, Format::Json, &said).await;
        }
    }
}

/// Whatever a process that was killed left of the folder, the next one makes the rest.
#[tokio::test]
async fn a_folder_that_is_half_made_is_completed() {
    let whole = Place::new();
    create(&whole.open(), "a").await;
    for missing in ["dancecard.json", "spare", "locks", "principals", "sessions"] {
        let place = Place::new();
        place.open().health().await.unwrap();
        let path = place.path().join(missing);
        std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path)).unwrap();
        std::fs::write(place.path().join(".new-mark"), "half").unwrap();
        let store = place.open();
        create(&store, "a").await;
        assert!(path.exists() && !place.path().join(".new-mark").exists(), "{missing}");
    }
}
