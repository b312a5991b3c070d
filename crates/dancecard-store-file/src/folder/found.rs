//! Records as they are found.

use std::sync::Arc;

use dancecard_core::{Entry, Meta, Record, RecordKey, Result, Timestamp, Version, Versioned};
use sha2::{Digest, Sha256};

use super::{Folder, LARGEST_FILE, UNFINISHED};
use crate::disk::{self, Found};
use crate::error::{self, Failure};
use crate::fault::Fault;
use crate::format::Decoded;
use crate::name::{Name, Shard};
use crate::stamp;

/// A record that was read, with its name and its key.
#[derive(Debug)]
pub(crate) struct Read {
    record: Record,
    version: Version,
    expires_at: Timestamp,
}

impl Read {
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.record.meta
    }

    pub(crate) fn into_versioned(self) -> Versioned {
        Versioned::shared(Arc::new(self.record), self.version, self.expires_at)
    }

    pub(crate) fn into_entry(self, key: RecordKey) -> Entry {
        Entry { key, version: self.version, meta: self.record.meta.with_expires_at(self.expires_at) }
    }
}

/// What a purge has to look at in a shard.
pub(crate) struct Candidates {
    pub(crate) names: Vec<Name>,
    /// Whether there are files that a process did not finish, or is about to.
    pub(crate) unfinished: bool,
}

/// The version of a record is that of its file: a hash of its bytes, among which is a random number. So a change that a
/// person made in an editor is a change too, which no writer overwrites unseen.
pub(crate) fn version(bytes: &[u8]) -> Version {
    let hash = Sha256::digest(bytes);
    Version::from_bytes(hash.get(..16).unwrap_or_default())
}

impl Folder {
    /// The file of a record, if there is one.
    pub(crate) fn find(&self, name: &Name, operation: &'static str) -> Result<Option<Found>> {
        let found = disk::read(&self.record(name), LARGEST_FILE);
        let found = found.map_err(|cause| error::failed(operation, cause))?;
        Ok(found.filter(|found| !found.is_blank()))
    }

    /// The record of a key.
    pub(crate) fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.ready().map_err(|failure| failure.at("load"))?;
        match self.find(&Name::of(key), "load")? {
            Some(found) => Ok(Some(self.read(&found, "load")?.0.into_versioned())),
            None => self.confirm_absence().map(|()| None).map_err(|failure| failure.at("load")),
        }
    }

    /// What a file says, and the key in it.
    pub(crate) fn read(&self, found: &Found, operation: &'static str) -> Result<(Read, Option<RecordKey>)> {
        let decoded = self.format.decode(&found.bytes);
        let Decoded { record, key } = decoded.map_err(|fault| error::unreadable(operation, fault))?;
        let expires_at = record.meta.expires_at().max(self.moment(found));
        Ok((Read { record, version: version(&found.bytes), expires_at }, key))
    }

    /// The line of a listing. `None` for a record that is gone.
    pub(crate) fn entry(&self, name: &Name, operation: &'static str) -> Result<Option<Entry>> {
        let Some(found) = self.find(name, operation)? else { return Ok(None) };
        let (read, told) = self.read(&found, operation)?;
        match name.key().or(told) {
            Some(key) => Ok(Some(read.into_entry(key))),
            None => Err(error::unreadable(operation, Fault::new("the key is missing"))),
        }
    }

    /// Which records of a shard are probably expired. Those whose files are from later are not looked into.
    pub(crate) fn expired(&self, shard: Shard, now: Timestamp) -> Result<Candidates, Failure> {
        let mut names = self.names(shard)?;
        names.retain(|name| self.may_be_expired(name, now));
        let unfinished = disk::names(&self.shard(shard))?.iter().any(|name| name.starts_with(UNFINISHED));
        Ok(Candidates { names, unfinished })
    }

    fn may_be_expired(&self, name: &Name, now: Timestamp) -> bool {
        if self.keeps_times {
            let modified = std::fs::symlink_metadata(self.record(name)).and_then(|about| about.modified());
            return modified.is_ok_and(|modified| stamp::moment(modified) <= now);
        }
        self.entry(name, "purge").is_ok_and(|entry| entry.is_some_and(|entry| entry.meta.expires_at() <= now))
    }

    /// What the time of a file says.
    fn moment(&self, found: &Found) -> Timestamp {
        if self.keeps_times { stamp::moment(found.modified) } else { Timestamp::from_millis(i64::MIN) }
    }
}
