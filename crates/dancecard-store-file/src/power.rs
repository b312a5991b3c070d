//! The power is cut: what was flushed is there, and of the rest whatever the disk likes.
//!
//! A script runs once, and what it does to files is noted. Then, for each place in the notes, folders are made as a disk
//! may have them that lost its power there: names whose folder was flushed since, files whose bytes were flushed, and of
//! the other changes none, all, or some. On each of them every acknowledged operation must be there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use dancecard_core::{ListQuery, Meta, Record, RecordKey, Store, Timestamp, WriteMode};

use crate::config::{Config, Synchronous};
use crate::folder::Folder;
use crate::journal::{Event, Journal};
use crate::{FileStore, Format};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const PRINCIPALS: [&str; 2] = ["ada", "bob"];

/// What ought to be there: payload, principal and expiry under each key.
type Model = BTreeMap<String, (String, Option<String>, Timestamp)>;

/// A file as a disk has it.
#[derive(Clone)]
struct Inode {
    bytes: Vec<u8>,
    modified: SystemTime,
    flushed: bool,
}

/// A change of names in one folder.
#[derive(Clone)]
enum Naming {
    File(PathBuf, usize),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
    Folder(PathBuf),
}

impl Naming {
    fn folder(&self) -> &Path {
        let (Self::File(path, _) | Self::Renamed(_, path) | Self::Removed(path) | Self::Folder(path)) = self;
        path.parent().unwrap()
    }
}

/// What names there are, and what they stand for; `None` for a folder.
type Names = BTreeMap<PathBuf, Option<usize>>;

fn apply(names: &mut Names, naming: &Naming) {
    match naming {
        Naming::File(path, inode) => drop(names.insert(path.clone(), Some(*inode))),
        Naming::Folder(path) => drop(names.insert(path.clone(), None)),
        Naming::Removed(path) => drop(names.remove(path)),
        Naming::Renamed(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

/// A disk to which things were done.
#[derive(Default)]
struct Platter {
    inodes: Vec<Inode>,
    /// What is flushed.
    names: Names,
    /// What is not, in order.
    loose: Vec<Naming>,
}

impl Platter {
    fn after(events: &[Event]) -> Self {
        let mut platter = Self::default();
        events.iter().for_each(|event| platter.take(event.clone()));
        platter
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Created { path, bytes, modified, flushed } => {
                self.loose.push(Naming::File(path, self.inodes.len()));
                self.inodes.push(Inode { bytes, modified, flushed });
            }
            Event::Renamed { from, to } => self.loose.push(Naming::Renamed(from, to)),
            Event::Removed { path } => self.loose.push(Naming::Removed(path)),
            Event::MadeFolder { path } => self.loose.push(Naming::Folder(path)),
            Event::Stamped { path, modified, flushed } => self.stamp(&path, modified, flushed),
            Event::FlushedFolder { path } => {
                let (settled, loose) =
                    std::mem::take(&mut self.loose).into_iter().partition(|naming| naming.folder() == path);
                let settled: Vec<Naming> = settled;
                settled.iter().for_each(|naming| apply(&mut self.names, naming));
                self.loose = loose;
            }
        }
    }

    fn stamp(&mut self, path: &Path, modified: SystemTime, flushed: bool) {
        let mut names = self.names.clone();
        self.loose.iter().for_each(|naming| apply(&mut names, naming));
        if let Some(Some(inode)) = names.get(path).filter(|_| flushed) {
            self.inodes[*inode].modified = modified;
        }
    }

    /// Makes the folder as it is found when the power is back; `survives` tells for each loose change.
    fn materialise(&self, root: &Path, mut survives: impl FnMut() -> bool) {
        let mut names = self.names.clone();
        self.loose.iter().filter(|_| survives()).for_each(|naming| apply(&mut names, naming));
        for (path, inode) in names {
            let path = root.join(path);
            match inode.map(|inode| &self.inodes[inode]) {
                None if path == root => {}
                None => drop(std::fs::create_dir(&path)),
                Some(inode) => write(&path, inode),
            }
        }
    }
}

/// A file in a folder that was lost is lost with it.
fn write(path: &Path, inode: &Inode) {
    let bytes = if inode.flushed { inode.bytes.as_slice() } else { b"" };
    if std::fs::write(path, bytes).is_ok() {
        std::fs::File::open(path).unwrap().set_modified(inode.modified).unwrap();
    }
}

/// In memory where the system has such a place: hundreds of folders are made.
fn temporary() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn key(name: &str) -> RecordKey {
    RecordKey::new(name.as_bytes())
}

fn record(text: &str, who: Option<&str>, expires_at: Timestamp) -> Record {
    let meta = Meta::new(NOW, expires_at).with_principal(who.map(Into::into));
    Record::new(meta, text.as_bytes().to_vec())
}

fn later(hours: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(3600 * hours))
}

/// What was acknowledged when so many things had been done.
struct Acknowledged {
    events: usize,
    model: Model,
}

/// Runs the script, and notes after each operation what ought to be there from then on.
struct Script {
    store: FileStore,
    journal: Journal,
    model: Model,
    acknowledged: Vec<Acknowledged>,
}

impl Script {
    async fn run(root: &Path, level: Synchronous) -> (Vec<Event>, Vec<Acknowledged>) {
        let config = Config::new(root).with_synchronous(level).with_writers(2).with_readers(1);
        let mut folder = Folder::new(&config);
        folder.disk.journal = Journal::begun();
        let journal = folder.disk.journal.clone();
        let store = FileStore::on(folder, config).unwrap();
        let mut script = Self { store, journal, model: Model::new(), acknowledged: Vec::new() };
        for round in 0..2 {
            for name in ["one", "two"] {
                script.life(&format!("{name} {round}")).await;
            }
        }
        (script.journal.events(), script.acknowledged)
    }

    /// Everything that can happen to a session.
    async fn life(&mut self, name: &str) {
        let next = format!("{name} again");
        self.write(name, "a visitor", None).await;
        self.write(name, "signed in", Some("ada")).await;
        self.touch(name, later(9)).await;
        self.write(name, "handed over", Some("bob")).await;
        self.replace(name, &next).await;
        self.write(&next, "still there", Some("bob")).await;
        self.store.delete(&key(name)).await.unwrap();
        self.model.remove(name);
        self.acknowledge();
        self.write(name, "another visitor", None).await;
    }

    fn acknowledge(&mut self) {
        self.acknowledged
            .push(Acknowledged { events: self.journal.events().len(), model: self.model.clone() });
    }

    async fn write(&mut self, name: &str, text: &str, who: Option<&str>) {
        let mode = match self.store.load(&key(name)).await.unwrap() {
            Some(found) => WriteMode::Update(found.version().clone()),
            None => WriteMode::Create,
        };
        self.store.write(&key(name), record(text, who, later(1)), mode).await.unwrap();
        self.model.insert(name.into(), (text.into(), who.map(Into::into), later(1)));
        self.acknowledge();
    }

    async fn touch(&mut self, name: &str, at: Timestamp) {
        assert!(self.store.touch(&key(name), at).await.unwrap());
        self.model.get_mut(name).unwrap().2 = at;
        self.acknowledge();
    }

    async fn replace(&mut self, old: &str, new: &str) {
        let found = self.store.load(&key(old)).await.unwrap().unwrap();
        let (retired, next) = (record("retired", None, later(1)), record("moved", Some("bob"), later(1)));
        self.store.replace(&key(old), found.version(), retired, &key(new), next).await.unwrap();
        self.model.insert(old.into(), ("retired".into(), None, later(1)));
        self.model.insert(new.into(), ("moved".into(), Some("bob".into()), later(1)));
        self.acknowledge();
    }
}

/// What is there, as the engine tells it.
async fn found(store: &FileStore, names: &[&str]) -> Model {
    let mut model = Model::new();
    for name in names {
        if let Some(found) = store.load(&key(name)).await.unwrap() {
            let text = String::from_utf8(found.payload().to_vec()).unwrap();
            let who = found.meta().principal().map(|who| who.as_str().to_owned());
            model.insert((*name).to_owned(), (text, who, found.expires_at()));
        }
    }
    model
}

/// Whether the index names the records that are there, and no others.
async fn index_is_true(store: &FileStore, model: &Model) -> bool {
    for who in PRINCIPALS {
        let mut listed = Vec::new();
        let mut stream = store.list(ListQuery::of(who.into()));
        while let Some(entry) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
            listed.push(entry.unwrap().key);
        }
        listed.sort();
        let its = model.iter().filter(|(_, (_, whose, _))| whose.as_deref() == Some(who));
        let mut expected: Vec<_> = its.map(|(name, _)| key(name)).collect();
        expected.sort();
        if listed != expected {
            return false;
        }
    }
    true
}

/// Opens a folder after the power is back, and says what is wrong with it.
async fn judge(root: &Path, before: &Model, after: &Model) -> Result<(), String> {
    let config = Config::new(root).with_synchronous(Synchronous::Normal).with_writers(1).with_readers(1);
    let store = FileStore::connect(config).unwrap();
    let names: Vec<&str> = before.keys().chain(after.keys()).map(String::as_str).collect();
    let there = found(&store, &names).await;
    // Of a replacement the first half may be done; nobody was told of the successor then.
    let half = |model: &Model| {
        after
            .iter()
            .all(|(name, value)| before.contains_key(name) || there.get(name).is_none_or(|v| v == value))
            && before
                .iter()
                .all(|(name, value)| there.get(name) == Some(value) || model.get(name) == there.get(name))
    };
    if there != *before && there != *after && !half(after) {
        return Err(format!("expected {before:?} or {after:?}, found {there:?}"));
    }
    if !index_is_true(&store, &there).await {
        return Err(format!("the index is not true for {there:?}"));
    }
    store.purge_expired(NOW, 100).await.unwrap();
    let left = unfinished(root);
    store.close().await;
    if left.is_empty() { Ok(()) } else { Err(format!("left over: {left:?}")) }
}

fn unfinished(root: &Path) -> Vec<PathBuf> {
    let shards = std::fs::read_dir(root.join("sessions")).into_iter().flatten().flatten();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.path()).into_iter().flatten().flatten());
    let names = files.map(|file| file.path());
    names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with('.')).collect()
}

fn relative(events: Vec<Event>, root: &Path) -> Vec<Event> {
    let cut = |path: PathBuf| path.strip_prefix(root).map(Path::to_path_buf).unwrap_or(path);
    let moved = events.into_iter().map(|event| match event {
        Event::Created { path, bytes, modified, flushed } => {
            Event::Created { path: cut(path), bytes, modified, flushed }
        }
        Event::Renamed { from, to } => Event::Renamed { from: cut(from), to: cut(to) },
        Event::Removed { path } => Event::Removed { path: cut(path) },
        Event::Stamped { path, modified, flushed } => Event::Stamped { path: cut(path), modified, flushed },
        Event::MadeFolder { path } => Event::MadeFolder { path: cut(path) },
        Event::FlushedFolder { path } => Event::FlushedFolder { path: cut(path) },
    });
    // The folder itself is there.
    moved
        .filter(|event| !matches!(event, Event::MadeFolder { path } if path.as_os_str().is_empty()))
        .collect()
}

/// Cuts the power at every place, in several ways, and returns what was wrong with the first that was.
async fn cut_everywhere(level: Synchronous) -> Result<usize, String> {
    let place = temporary();
    let root = place.path().join("sessions");
    let (events, acknowledged) = Script::run(&root, level).await;
    let events = relative(events, &root);
    let mut seed: u64 = 0x6463_7264;
    let mut cuts = 0;
    for cut in acknowledged.first().unwrap().events..=events.len() {
        let known = acknowledged.iter().rposition(|known| known.events <= cut).unwrap();
        let before = &acknowledged[known].model;
        let after = acknowledged.get(known + 1).map_or(before, |next| &next.model);
        let platter = Platter::after(&events[..cut]);
        for way in 0..4 {
            let fresh = temporary();
            platter.materialise(fresh.path(), || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                way == 1 || way > 1 && seed >> 63 == 0
            });
            let verdict = judge(fresh.path(), before, after).await;
            verdict.map_err(|wrong| format!("cut {cut} of {}, way {way}: {wrong}", events.len()))?;
            cuts += 1;
        }
    }
    Ok(cuts)
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_loss_of_power_anywhere() {
    let cuts = cut_everywhere(Synchronous::Full).await.unwrap();
    assert!(cuts > 400, "{cuts}");
}

/// Or else the test above would see nothing.
#[tokio::test]
async fn without_flushing_it_does_not() {
    cut_everywhere(Synchronous::Normal).await.unwrap_err();
    assert_eq!(Config::default().format, Format::Json);
}
