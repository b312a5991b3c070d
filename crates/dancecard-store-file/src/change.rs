//! Everything that changes records. The locks of the shards concerned are held by the caller.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use dancecard_core::{Error, ErrorKind, Record, RecordKey, Result, Timestamp, Version, WriteMode};

use crate::disk::{self, Found};
use crate::error;
use crate::folder::{Folder, LARGEST_FILE, version};
use crate::index::Dirty;
use crate::name::{Name, Owner, Shard};
use crate::stamp;

/// A change to be made.
pub(crate) enum Change {
    Write {
        target: Target,
        record: Record,
        mode: WriteMode,
    },
    Delete {
        target: Target,
    },
    Replace {
        old: Target,
        expected: Version,
        retired: Record,
        new: Target,
        record: Record,
    },
    Touch {
        target: Target,
        expires_at: Timestamp,
    },
    /// Removes those of these records that are expired, at most so many, and what is unfinished in their shard.
    Purge {
        shard: Shard,
        names: Vec<Name>,
        now: Timestamp,
        limit: usize,
    },
    /// Removes the entries of a principal that name records of others.
    Tidy {
        shard: Shard,
        owner: Owner,
        names: Vec<Name>,
    },
    /// The names of the records in a shard, at one moment.
    Names {
        shard: Shard,
    },
}

/// What became of a change.
pub(crate) enum Done {
    Version(Version),
    Count(usize),
    Names(Vec<Name>),
}

/// A key, and the name of its file.
#[derive(Clone)]
pub(crate) struct Target {
    key: RecordKey,
    name: Name,
}

impl Target {
    pub(crate) fn of(key: &RecordKey) -> Self {
        Self { key: key.clone(), name: Name::of(key) }
    }

    /// The key, if the file has to name it because its name doesn't.
    fn told(&self) -> Option<&RecordKey> {
        self.name.key().is_none().then_some(&self.key)
    }
}

impl Change {
    /// The shards whose locks it needs.
    pub(crate) fn shards(&self) -> Vec<Shard> {
        match self {
            Self::Write { target, .. } | Self::Delete { target } | Self::Touch { target, .. } => {
                vec![target.name.shard()]
            }
            Self::Replace { old, new, .. } => vec![old.name.shard(), new.name.shard()],
            Self::Purge { shard, .. } | Self::Tidy { shard, .. } | Self::Names { shard } => vec![*shard],
        }
    }

    /// The word for it in errors.
    pub(crate) fn operation(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write",
            Self::Delete { .. } => "delete",
            Self::Replace { .. } => "replace",
            Self::Touch { .. } => "touch",
            Self::Purge { .. } => "purge",
            Self::Tidy { .. } | Self::Names { .. } => "list",
        }
    }
}

/// A record's file, yet to be made.
struct Draft {
    bytes: Vec<u8>,
    modified: SystemTime,
    version: Version,
    owner: Option<Owner>,
    nonce: String,
}

impl Folder {
    /// Makes a change, and notes what has to be flushed before it is acknowledged.
    pub(crate) fn apply(&self, change: Change, dirty: &mut Dirty) -> Result<Done> {
        match change {
            Change::Write { target, record, mode } => {
                self.write(&target, &record, &mode, dirty).map(Done::Version)
            }
            Change::Delete { target } => self.delete(&target.name, dirty).map(|()| Done::Count(1)),
            Change::Replace { old, expected, retired, new, record } => {
                self.replace((&old, &expected, &retired), (&new, &record), dirty).map(Done::Version)
            }
            Change::Touch { target, expires_at } => self.touch(&target.name, expires_at).map(Done::Count),
            Change::Purge { shard, names, now, limit } => {
                Ok(Done::Count(self.purge(shard, &names, now, limit)))
            }
            Change::Tidy { owner, names, .. } => {
                names.iter().for_each(|name| self.tidy(&owner, name));
                Ok(Done::Count(0))
            }
            Change::Names { shard } => {
                self.names(shard).map(Done::Names).map_err(|failure| failure.at("list"))
            }
        }
    }

    fn write(
        &self,
        target: &Target,
        record: &Record,
        mode: &WriteMode,
        dirty: &mut Dirty,
    ) -> Result<Version> {
        let found = self.find(&target.name, "write")?;
        let holds = match mode {
            WriteMode::Create => found.is_none(),
            WriteMode::Update(expected) => is_at(found.as_ref(), expected),
            _ => true,
        };
        if !holds {
            return Err(error::new(ErrorKind::Conflict, "write"));
        }
        let draft = self.draft(target, record, "write")?;
        self.put(target, draft, found.as_ref(), dirty, "write")
    }

    /// The successor first, so that a process that is ended between the two leaves the old session as it was.
    fn replace(
        &self,
        (old, expected, retired): (&Target, &Version, &Record),
        (new, record): (&Target, &Record),
        dirty: &mut Dirty,
    ) -> Result<Version> {
        let found = self.find(&old.name, "replace")?;
        let is_free = old.name != new.name && self.find(&new.name, "replace")?.is_none();
        if !is_at(found.as_ref(), expected) || !is_free {
            return Err(error::new(ErrorKind::Conflict, "replace"));
        }
        let marker = self.draft(old, retired, "replace")?;
        let successor = self.draft(new, record, "replace")?;
        let version = self.put(new, successor, None, dirty, "replace")?;
        let flushed = self.flush(dirty).map_err(|cause| error::failed("replace", cause));
        match flushed.and_then(|()| self.put(old, marker, found.as_ref(), dirty, "replace")) {
            Ok(_) => Ok(version),
            Err(error) => {
                self.delete(&new.name, dirty)?;
                Err(error)
            }
        }
    }

    fn delete(&self, name: &Name, dirty: &mut Dirty) -> Result<()> {
        let found = self.find(name, "delete").unwrap_or_default();
        let removed =
            self.disk.remove(&self.record(name)).map_err(|cause| error::refused("delete", cause))?;
        if !removed {
            return self.confirm_absence().map_err(|failure| failure.at("delete"));
        }
        dirty.insert(self.shard(name.shard()));
        match found.and_then(|found| self.owner(&found)) {
            Some(owner) => self.give_up(&owner, name, dirty, "delete"),
            None => Ok(()),
        }
    }

    /// How many records were there: one or none.
    fn touch(&self, name: &Name, expires_at: Timestamp) -> Result<usize> {
        let path = self.record(name);
        let opened = disk::open(&path).map_err(|cause| error::failed("touch", cause))?;
        let Some((file, about)) = opened.filter(|(_, about)| about.len() > 0) else {
            return self.confirm_absence().map(|()| 0).map_err(|failure| failure.at("touch"));
        };
        let now = about.modified().map_err(|cause| error::failed("touch", cause))?;
        let then = stamp::touched(expires_at);
        if stamp::moment(then) > stamp::moment(now) {
            self.disk.set_modified(&path, &file, then).map_err(|cause| error::unclear("touch", cause))?;
        }
        Ok(1)
    }

    fn purge(&self, shard: Shard, names: &[Name], now: Timestamp, limit: usize) -> usize {
        self.sweep(shard);
        self.keep_spare();
        names.iter().filter(|name| self.purge_one(name, now)).take(limit).count()
    }

    /// Removes a record if it is expired still. One that can't be read is left to whoever damaged it.
    fn purge_one(&self, name: &Name, now: Timestamp) -> bool {
        let Ok(Some(found)) = self.find(name, "purge") else { return false };
        let Ok((read, _)) = self.read(&found, "purge") else { return false };
        let removed = read.expires_at() <= now && self.disk.remove(&self.record(name)).unwrap_or(false);
        if let Some(who) = read.meta().principal().filter(|_| removed) {
            self.leave(&Owner::of(who), name);
        }
        removed
    }

    fn tidy(&self, owner: &Owner, name: &Name) {
        let is_stale = match self.find(name, "list") {
            Ok(Some(found)) => self.owner(&found).as_ref() != Some(owner),
            Ok(None) => true,
            Err(_) => false,
        };
        if is_stale && self.disk.flush_folder(&self.shard(name.shard())).is_ok() {
            self.leave(owner, name);
        }
    }

    fn owner(&self, found: &Found) -> Option<Owner> {
        self.format.principal(&found.bytes).map(|who| Owner::of(&who))
    }

    fn draft(&self, target: &Target, record: &Record, operation: &'static str) -> Result<Draft> {
        let nonce = nonce(operation)?;
        let bytes = self.format.encode(record, &nonce, target.told()).ok_or_else(|| too_large(operation))?;
        Ok(Draft {
            modified: stamp::written(record.meta.expires_at()),
            version: version(&bytes),
            owner: record.meta.principal().map(Owner::of),
            bytes,
            nonce,
        })
    }

    /// Puts a file in place, in that of `found` if there is one.
    fn put(
        &self,
        target: &Target,
        draft: Draft,
        found: Option<&Found>,
        dirty: &mut Dirty,
        operation: &'static str,
    ) -> Result<Version> {
        let name = &target.name;
        let unfinished = self.unfinished(name.shard(), &draft.nonce);
        let tight =
            self.fill(&unfinished, &draft, found).map_err(|cause| self.missed(cause).at(operation))?;
        let entered = draft.owner.as_ref().map_or(Ok(false), |owner| self.enter(owner, name));
        let placed = entered.map_err(|cause| self.missed(cause).at(operation)).and_then(|entered| {
            let placed = self.place(&unfinished, name, found.is_some());
            placed.map_err(|cause| {
                draft.owner.iter().filter(|_| entered).for_each(|owner| self.leave(owner, name));
                match cause.kind() {
                    io::ErrorKind::AlreadyExists => error::new(ErrorKind::Conflict, operation),
                    _ => error::refused(operation, cause),
                }
            })
        });
        if placed.is_err() {
            let _ = self.disk.remove(&unfinished);
        }
        if tight {
            self.keep_spare();
        }
        placed?;
        dirty.insert(self.shard(name.shard()));
        let before = found.and_then(|found| self.owner(found));
        match before.filter(|owner| draft.owner.as_ref() != Some(owner)) {
            Some(owner) => self.give_up(&owner, name, dirty, operation).map(|()| draft.version),
            None => Ok(draft.version),
        }
    }

    /// Takes a record out of its principal's list, once the disk knows that it is not in it any more.
    fn give_up(&self, owner: &Owner, name: &Name, dirty: &mut Dirty, operation: &'static str) -> Result<()> {
        self.flush(dirty).map_err(|cause| error::unclear(operation, cause))?;
        self.leave(owner, name);
        Ok(())
    }

    /// Gives a file its name. Where there was no record nothing else may get that name meanwhile; what a loss of power
    /// left there is no record.
    fn place(&self, unfinished: &Path, name: &Name, replaces: bool) -> io::Result<()> {
        let path = self.record(name);
        if replaces {
            return self.disk.rename(unfinished, &path);
        }
        match self.disk.rename_new(unfinished, &path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && is_blank(&path) => {
                self.disk.rename(unfinished, &path)
            }
            placed => placed,
        }
    }

    /// Makes the file under a name of its own. On a full disk a change that needs no more room than what it replaces is
    /// made in the room that is set aside, and `true`.
    fn fill(&self, path: &Path, draft: &Draft, found: Option<&Found>) -> io::Result<bool> {
        let make = || self.disk.create(path, &draft.bytes, draft.modified);
        match make() {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), |shard| self.disk.make_folder(shard))?;
                make().map(|()| false)
            }
            Err(cause) if cause.kind() == io::ErrorKind::StorageFull && fits(draft, found) => {
                self.disk.remove(&self.spare())?;
                make().map(|()| true)
            }
            made => made.map(|()| false),
        }
    }

    /// Flushes what was changed.
    pub(crate) fn flush(&self, dirty: &mut Dirty) -> io::Result<()> {
        std::mem::take(dirty).iter().try_for_each(|folder| self.disk.flush_folder(folder))
    }
}

fn is_blank(path: &Path) -> bool {
    disk::read(path, LARGEST_FILE).is_ok_and(|found| found.is_some_and(|found| found.is_blank()))
}

fn is_at(found: Option<&Found>, expected: &Version) -> bool {
    found.is_some_and(|found| version(&found.bytes) == *expected)
}

/// Whether a file needs no more blocks than the one that it replaces.
fn fits(draft: &Draft, found: Option<&Found>) -> bool {
    const BLOCK: usize = 4096;
    found.is_some_and(|found| draft.bytes.len().div_ceil(BLOCK) <= found.bytes.len().div_ceil(BLOCK))
}

fn nonce(operation: &'static str) -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|cause| error::new(ErrorKind::Random, operation).with_source(cause))?;
    Ok(RecordKey::new(&bytes).to_hex())
}

fn too_large(operation: &'static str) -> Error {
    error::new(ErrorKind::TooLarge, operation).with_detail("with its facts it is too large for a file")
}
