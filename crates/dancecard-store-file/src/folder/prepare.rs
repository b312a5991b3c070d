//! The first look at the folder: made if there is none, refused if it is somebody else's.

use std::io;
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Folder, UNFINISHED};
use crate::disk::{self, Disk};
use crate::error::Failure;
use crate::format::Format;
use crate::lock::{Lock, NoLock};
use crate::stamp;

const LAYOUT: u32 = 1;
const KIND: &str = "sessions";

/// How much room is kept for changes on a full disk.
const SPARE: usize = 64 << 10;

const PARTS: [&str; 3] = ["sessions", "principals", "locks"];

/// What a folder may have in it that is to become ours: what was begun, and what file systems put there.
const HARMLESS: [&str; 3] = ["dancecard.json", "spare", "lost+found"];

/// What the file `dancecard.json` says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    dancecard: String,
    layout: u32,
    format: Format,
}

impl Folder {
    /// Makes the folder, or sees that it is one of ours. Several processes may do so at the same time.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        self.make_root()?;
        let deadline = Instant::now() + self.patience;
        let _lock = self.lock_root(deadline)?;
        let is_ours = self.recognise()?;
        if !is_ours {
            self.refuse_others()?;
        }
        for folder in PARTS {
            self.disk.make_folder(&self.root.join(folder))?;
            self.refuse_links(folder)?;
        }
        self.sweep_root();
        if self.keeps_times {
            self.try_times()?;
        }
        if !is_ours {
            self.sign()?;
        }
        self.keep_spare();
        Ok(())
    }

    fn make_root(&self) -> Result<(), Failure> {
        if !self.create && !self.root.is_dir() {
            return Err(Failure::config("there is no such folder, and `create` is off"));
        }
        let made = self.disk.make_folder(&self.root);
        let made = made.map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => {
                Failure::config("the folder can't be made; the one that it is to be in must exist")
            }
            _ => cause.into(),
        });
        made.and_then(|()| match self.root.is_dir() {
            true => Ok(()),
            false => Err(Failure::config("the path does not lead to a folder")),
        })
    }

    fn lock_root(&self, deadline: Instant) -> Result<Lock, Failure> {
        Lock::take(&self.root.join(".lock"), deadline).map_err(|reason| match reason {
            NoLock::Busy => Failure::unavailable("another process keeps the folder locked"),
            NoLock::Failed(cause) => cause.into(),
        })
    }

    /// Whether there is a mark; the error tells what is not ours in it.
    fn recognise(&self) -> Result<bool, Failure> {
        let found = disk::read(&self.mark(), 1 << 16)?;
        let Some(found) = found.filter(|found| !found.is_blank()) else { return Ok(false) };
        let mark = serde_json::from_slice::<Mark>(&found.bytes)
            .map_err(|_| Failure::config("the folder's dancecard.json is not readable by this release"))?;
        if mark.dancecard != KIND || mark.layout != LAYOUT {
            return Err(Failure::config("the folder was made by another release, or is not one of sessions"));
        }
        if mark.format != self.format {
            let remedy =
                format!("the folder holds {}: set `format` to it, or use another folder", mark.format.word());
            return Err(Failure::config(remedy));
        }
        Ok(true)
    }

    /// A folder without a mark must be empty, but for what a process left that was ended while it made it.
    fn refuse_others(&self) -> Result<(), Failure> {
        let names = disk::names(&self.root)?;
        let is_harmless =
            |name: &str| name.starts_with('.') || HARMLESS.contains(&name) || PARTS.contains(&name);
        match names.iter().all(|name| is_harmless(name)) {
            true => Ok(()),
            false => {
                Err(Failure::config("there are other things in the folder; give sessions one of their own"))
            }
        }
    }

    fn refuse_links(&self, folder: &str) -> Result<(), Failure> {
        match disk::is_folder(&self.root.join(folder)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::config("a part of the folder is a link, or no folder")),
            Err(cause) => Err(cause.into()),
        }
    }

    /// The lock of the folder must be held.
    fn sweep_root(&self) {
        for name in disk::names(&self.root).unwrap_or_default() {
            if name.starts_with(UNFINISHED) {
                let _ = self.disk.remove(&self.root.join(name));
            }
        }
    }

    /// Not every file system keeps times to the millisecond, and for so long.
    fn try_times(&self) -> Result<(), Failure> {
        let path = self.root.join(format!("{UNFINISHED}time"));
        let tried = self.disk.create(&path, b"", stamp::probe()).and_then(|()| disk::open(&path));
        let kept = tried.and_then(|found| found.map(|(_, about)| about.modified()).transpose());
        let _ = self.disk.remove(&path);
        match kept {
            // A full disk is no reason not to read what is on it.
            Err(cause) if cause.kind() == io::ErrorKind::StorageFull => Ok(()),
            Err(cause) => Err(cause.into()),
            Ok(Some(time)) if stamp::moment(time) == stamp::moment(stamp::probe()) => Ok(()),
            Ok(_) => Err(Failure::config(
                "the file system does not keep times to the millisecond until 2242; set `touch` to false",
            )),
        }
    }

    fn sign(&self) -> io::Result<()> {
        let mark = Mark { dancecard: KIND.to_owned(), layout: LAYOUT, format: self.format };
        let mut text = serde_json::to_vec_pretty(&mark).map_err(io::Error::other)?;
        text.push(b'\n');
        let unfinished = self.root.join(format!("{UNFINISHED}mark"));
        self.disk.create(&unfinished, &text, SystemTime::now())?;
        self.disk.rename(&unfinished, &self.mark())?;
        self.disk.flush_folder(&self.root)
    }

    /// Sets some room aside, if there is some.
    pub(crate) fn keep_spare(&self) {
        // Not zeros, which some file systems don't store.
        let filling: Vec<u8> = (0..SPARE).map(|place| (place % 251) as u8).collect();
        let disk = Disk::new(false);
        let _ = disk.create(&self.spare(), &filling, SystemTime::now());
    }
}
