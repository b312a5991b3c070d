//! The data of the engine, and the steps that happen at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dancecard_core::{
    Clock, Entry, ListQuery, Meta, Principal, Record, RecordKey, SystemClock, Timestamp, Version, Versioned,
    WriteMode,
};

use super::Bug;

#[derive(Clone)]
pub(super) struct Row {
    pub(super) record: Record,
    pub(super) version: u64,
    /// As it was when the record was created.
    pub(super) first_expiry: Timestamp,
    /// As it was when the record was written last.
    pub(super) written_expiry: Timestamp,
    /// The version before.
    pub(super) earlier: u64,
    /// It was there before the engine was opened.
    pub(super) survived: bool,
}

impl Row {
    fn entry(&self, key: &RecordKey, bug: Option<Bug>) -> Entry {
        let meta = self.record.meta.clone();
        let entry = Entry { key: key.clone(), version: Version::from_u64(self.version), meta };
        match bug {
            Some(Bug::ListsTheWrittenExpiry) => {
                Entry { meta: entry.meta.with_expires_at(self.written_expiry), ..entry }
            }
            Some(Bug::ListsAnEarlierVersion) => Entry { version: Version::from_u64(self.earlier), ..entry },
            Some(Bug::ListLosesTheDevice) => Entry { meta: entry.meta.with_device(None, None), ..entry },
            Some(Bug::ListsKeysOf32Bytes) => {
                let mut bytes = key.as_bytes().to_vec();
                bytes.resize(32, 0);
                Entry { key: RecordKey::new(&bytes), ..entry }
            }
            _ => entry,
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) rows: BTreeMap<RecordKey, Row>,
    pub(super) principals: BTreeMap<Principal, BTreeSet<RecordKey>>,
    pub(super) last_version: u64,
    /// Every key that was ever written.
    pub(super) ever: BTreeSet<RecordKey>,
    /// The last entry of every key, for an index that forgot to forget.
    pub(super) ghosts: BTreeMap<RecordKey, Entry>,
    /// What was deleted.
    graves: BTreeMap<RecordKey, Row>,
    /// Every write, in order.
    pub(super) journal: Vec<RecordKey>,
    /// Where the one cursor of an engine that has only one stands.
    pub(super) cursor: usize,
    /// Listings that were dropped before their end.
    pub(super) leaked: usize,
}

impl Table {
    pub(super) fn load(&mut self, key: &RecordKey, bug: Option<Bug>) -> Option<Versioned> {
        let nothing = || Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::MAX), Vec::new());
        if bug == Some(Bug::LoadMakesAVersion) {
            self.last_version += 1;
            let version = self.last_version;
            self.rows.get_mut(key).into_iter().for_each(|row| row.version = version);
        }
        let hides = |row: &&Row| {
            bug == Some(Bug::ExpiresBySightOnly) && row.record.meta.expires_at() <= SystemClock.now()
        };
        let Some(row) = self.rows.get(key).filter(|row| !hides(row)) else {
            let invented = match bug {
                Some(Bug::AbsentIsEmpty) => !self.graves.contains_key(key),
                Some(Bug::DeletedIsEmpty) => self.graves.contains_key(key),
                _ => false,
            };
            return invented.then(|| Versioned::new(nothing(), Version::from_u64(0)));
        };
        let mut record = row.record.clone();
        if bug == Some(Bug::ExpiredIsHollow) && record.meta.expires_at() <= SystemClock.now() {
            record.payload.clear();
        }
        Some(Versioned::new(record, Version::from_u64(row.version)))
    }

    fn next_version(
        &mut self,
        old: Option<&Row>,
        record: &Record,
        mode: &WriteMode,
        bug: Option<Bug>,
    ) -> u64 {
        let same = |old: &&Row| old.record.meta == record.meta && old.record.payload == record.payload;
        let reused = match bug {
            Some(Bug::VersionsCountPerRecord) => Some(old.map_or(1, |old| old.version + 1)),
            Some(Bug::OverwriteKeepsTheVersion) if *mode == WriteMode::Overwrite => {
                old.map(|old| old.version)
            }
            Some(Bug::EqualWriteKeepsTheVersion) => old.filter(same).map(|old| old.version),
            _ => None,
        };
        reused.unwrap_or_else(|| {
            self.last_version += 1;
            if bug == Some(Bug::VersionsWrap) {
                self.last_version %= 4096;
            }
            self.last_version
        })
    }

    /// Puts a record in its place, indexes it, and says its version.
    pub(super) fn put(&mut self, key: &RecordKey, record: Record, mode: &WriteMode, bug: Option<Bug>) -> u64 {
        let old = self.rows.get(key).cloned();
        let record = merged(record, old.as_ref(), mode, bug);
        let version = self.next_version(old.as_ref(), &record, mode, bug);
        self.reindex(key, old.as_ref(), &record, bug);
        let expiry = record.meta.expires_at();
        let row = Row {
            record,
            version,
            first_expiry: old.as_ref().map_or(expiry, |old| old.first_expiry),
            written_expiry: expiry,
            earlier: old.map_or(0, |old| old.version),
            survived: false,
        };
        self.ghosts.insert(key.clone(), row.entry(key, None));
        self.rows.insert(key.clone(), row);
        self.ever.insert(key.clone());
        self.journal.push(key.clone());
        if bug == Some(Bug::HoldsFiveThousand) && self.rows.len() > 5000 {
            self.rows.pop_first();
        }
        version
    }

    fn reindex(&mut self, key: &RecordKey, old: Option<&Row>, record: &Record, bug: Option<Bug>) {
        let forgets = bug == Some(Bug::ChangeForgetsTheIndex);
        if bug == Some(Bug::IndexOnlyAtCreation) && old.is_some() {
            return;
        }
        if let Some(who) = old.and_then(|old| old.record.meta.principal()).filter(|_| !forgets) {
            self.principals.entry(who.clone()).or_default().remove(key);
        }
        if let Some(who) = record.meta.principal() {
            let keys = self.principals.entry(who.clone()).or_default();
            if bug == Some(Bug::IndexKeepsTheLatest) {
                keys.clear();
            }
            keys.insert(key.clone());
        }
    }

    pub(super) fn index(&mut self, key: &RecordKey, record: &Record) {
        self.unindex(key);
        if let Some(who) = record.meta.principal() {
            self.principals.entry(who.clone()).or_default().insert(key.clone());
        }
    }

    pub(super) fn unindex(&mut self, key: &RecordKey) {
        for keys in self.principals.values_mut() {
            keys.remove(key);
        }
    }

    pub(super) fn take(&mut self, key: &RecordKey, bug: Option<Bug>) -> Option<Row> {
        let row = self.rows.remove(key)?;
        if bug != Some(Bug::DeleteForgetsTheIndex) {
            self.unindex(key);
        }
        Some(row)
    }

    pub(super) fn delete(&mut self, key: &RecordKey, bug: Option<Bug>) {
        if bug == Some(Bug::DeleteDoesNothing) {
            return;
        }
        let alike = |other: &&RecordKey| other.as_bytes().starts_with(key.as_bytes());
        let gone: Vec<_> = match bug {
            Some(Bug::DeleteGoesByPrefix) => self.rows.keys().filter(alike).cloned().collect(),
            _ => vec![key.clone()],
        };
        for key in gone {
            let row = self.take(&key, bug);
            self.graves.extend(row.map(|row| (key, row)));
        }
    }

    pub(super) fn purge(&mut self, key: &RecordKey, bug: Option<Bug>) {
        self.rows.remove(key);
        if bug != Some(Bug::PurgeForgetsTheIndex) {
            self.unindex(key);
        }
    }

    /// Drops what is over, as a server does that expires by itself.
    pub(super) fn expire(&mut self, now: Timestamp, bug: Option<Bug>) {
        let over = |row: &Row| match bug {
            Some(Bug::ExpiresNothing | Bug::ExpiresBySightOnly) => false,
            Some(Bug::ExpiresEarly) => {
                row.record.meta.expires_at() <= now.saturating_add(Duration::from_secs(60))
            }
            Some(Bug::ExpiresByTheFirstExpiry) => row.first_expiry <= now,
            Some(Bug::ExpiresByTheWrittenExpiry) => row.written_expiry <= now,
            _ => row.record.meta.expires_at() <= now,
        };
        let takes_all = bug == Some(Bug::ExpiresAll) && self.rows.values().any(over);
        self.rows.retain(|_, row| !takes_all && !over(row));
    }

    pub(super) fn set_expiry(&mut self, key: &RecordKey, at: Timestamp) -> bool {
        let row = self.rows.get_mut(key);
        row.map(|row| row.record.meta = row.record.meta.clone().with_expires_at(at)).is_some()
    }

    pub(super) fn touched(&mut self, key: &RecordKey, at: Timestamp, bug: Option<Bug>) -> bool {
        match bug {
            Some(Bug::TouchCreates) if !self.rows.contains_key(key) => {
                let record = Record::new(Meta::new(at, at), Vec::new());
                self.put(key, record, &WriteMode::Create, bug);
                return false;
            }
            Some(Bug::TouchRevives) => self.rows.extend(self.graves.remove_entry(key)),
            Some(Bug::TouchAlwaysSaysYes) if !self.rows.contains_key(key) => return true,
            Some(Bug::TouchMovesAll) => {
                let keys: Vec<_> = self.rows.keys().cloned().collect();
                for key in keys {
                    self.set_expiry(&key, at);
                }
            }
            _ => {}
        }
        let next = self.last_version + 1;
        let Some(row) = self.rows.get_mut(key) else { return false };
        let before = row.record.meta.expires_at();
        let moved = row.record.meta.clone().with_expires_at(before.max(at));
        match bug {
            Some(Bug::TouchDoesNothing) => {}
            Some(Bug::TouchShortens) => row.record.meta = moved.with_expires_at(at),
            Some(Bug::TouchEmpties) => row.record = Record::new(moved, Vec::new()),
            Some(Bug::TouchMakesAVersion) => {
                (row.record.meta, row.version, self.last_version) = (moved, next, next);
            }
            Some(Bug::TouchSaysWhetherItMoved) => {
                row.record.meta = moved;
                return at > before;
            }
            _ => row.record.meta = moved,
        }
        true
    }

    /// What is there after the engine was closed and opened.
    pub(super) fn restarted(&self, bug: Option<Bug>) -> Self {
        let mut table = self.clone();
        table.rows.values_mut().for_each(|row| row.survived = true);
        match bug {
            Some(Bug::RestartForgetsAll) => {
                table = Self { last_version: self.last_version, ..Self::default() }
            }
            Some(Bug::RestartForgetsDeletes) => table.rows.extend(table.graves.clone()),
            Some(Bug::RestartForgetsTheIndex) => table.principals.clear(),
            Some(Bug::RestartForgetsTouches) => {
                table.rows.values_mut().for_each(|row| {
                    row.record.meta = row.record.meta.clone().with_expires_at(row.written_expiry);
                });
            }
            Some(Bug::RestartCountsAnew) => {
                table.last_version = table.rows.values().map(|row| row.version).max().unwrap_or_default();
            }
            Some(Bug::RestartNumbersAnew) => table.rows.values_mut().for_each(|row| row.version += 1_000_000),
            _ => {}
        }
        table
    }

    /// Whom a listing of this principal takes records from.
    fn is_meant(who: &Principal, name: &str, bug: Option<Bug>) -> bool {
        let other = who.as_str();
        match bug {
            Some(Bug::PrincipalsGoByPrefix) => other.starts_with(name),
            Some(Bug::PrincipalsIgnoreCase) => other.to_lowercase() == name.to_lowercase(),
            Some(Bug::PrincipalsAreTrimmed) => other.trim() == name.trim(),
            Some(Bug::PrincipalsAreCutAt255Bytes) => {
                other.as_bytes().iter().take(255).eq(name.as_bytes().iter().take(255))
            }
            Some(Bug::PrincipalsAreIgnored) => true,
            _ => other == name,
        }
    }

    /// The entries that a listing yields, at this moment.
    pub(super) fn entries(&self, query: &ListQuery, bug: Option<Bug>) -> Vec<Entry> {
        let Some(who) = &query.principal else {
            return self.rows.iter().map(|(key, row)| row.entry(key, bug)).collect();
        };
        let anonymous = self.rows.iter().filter(|(_, row)| {
            bug == Some(Bug::NobodyIsTheEmptyName)
                && who.as_str().is_empty()
                && row.record.meta.principal().is_none()
        });
        let meant = self.principals.iter().filter(|(other, _)| Self::is_meant(other, who.as_str(), bug));
        let keys = meant.flat_map(|(_, keys)| keys).chain(anonymous.map(|(key, _)| key));
        let entry = |key: &RecordKey| match self.rows.get(key) {
            Some(row) => Some(row.entry(key, bug)),
            None => self.ghosts.get(key).cloned(),
        };
        keys.filter_map(entry).collect()
    }
}

/// The record that is kept, in engines that don't simply keep what they are given.
fn merged(record: Record, old: Option<&Row>, mode: &WriteMode, bug: Option<Bug>) -> Record {
    let Some(old) = old else { return record };
    match bug {
        Some(Bug::ExpiryOnlyGrows) => {
            let later = record.meta.expires_at().max(old.record.meta.expires_at());
            Record::new(record.meta.with_expires_at(later), record.payload)
        }
        Some(Bug::UpdateKeepsTheFacts) if matches!(mode, WriteMode::Update(_)) => {
            Record::new(old.record.meta.clone(), record.payload)
        }
        _ => record,
    }
}
