//! Writes, right and wrong.

use dancecard_core::{ErrorKind, Record, RecordKey, Result, Store, Version, WriteMode};
use tokio::task::yield_now;

use super::table::Table;
use super::{Broken, Bug};

impl Broken {
    /// What the condition of a write says about the present state.
    pub(super) fn check(&self, table: &Table, key: &RecordKey, mode: &WriteMode) -> Result<()> {
        let row = table.rows.get(key);
        let compares =
            self.capabilities().conditional_write.is_supported() || self.has(Bug::ReplacesUnclaimed);
        let allowed = match mode {
            WriteMode::Create if self.has(Bug::CreateConflictsForever) => !table.ever.contains(key),
            WriteMode::Create => row.is_none() || self.has(Bug::CreateOverwrites),
            WriteMode::Update(_) if !compares && self.has(Bug::UnsupportedOverwrites) => true,
            WriteMode::Update(_) if !compares => {
                return Err(self.error(ErrorKind::Unsupported, "write", key));
            }
            WriteMode::Update(version) => match row {
                None => self.has(Bug::UpdateCreates),
                Some(row) => self.same_version(row.version, version),
            },
            _ => row.is_some() || !self.has(Bug::OverwriteNeedsARecord),
        };
        if allowed { Ok(()) } else { Err(self.error(ErrorKind::Conflict, "write", key)) }
    }

    pub(super) fn same_version(&self, present: u64, offered: &Version) -> bool {
        match self.bug {
            Some(Bug::UpdateAlwaysConflicts) => false,
            Some(Bug::StaleUpdateAccepted) => true,
            Some(Bug::OddVersionMatches) => offered.as_u64().is_none_or(|version| version == present),
            _ => offered.as_u64() == Some(present),
        }
    }

    /// What a write that lost leaves behind, in an engine that does its work in the wrong order.
    pub(super) fn botch(&self, table: &mut Table, key: &RecordKey, record: &Record) {
        match self.bug {
            Some(Bug::ConflictMovesTheExpiry) => {
                if let Some(row) = table.rows.get_mut(key) {
                    row.record.meta = row.record.meta.clone().with_expires_at(record.meta.expires_at());
                }
            }
            Some(Bug::ConflictChangesTheIndex) => table.index(key, record),
            Some(Bug::ConflictCreates) if !table.rows.contains_key(key) => {
                table.put(key, record.clone(), &WriteMode::Create, self.bug);
            }
            _ => {}
        }
    }

    pub(super) fn too_large(&self, table: &mut Table, key: &RecordKey, record: &mut Record) -> Result<()> {
        let most = self.capabilities().max_payload.unwrap_or(usize::MAX);
        let most = if self.has(Bug::LargestIsRefused) { most - 1 } else { most };
        if record.payload.len() <= most {
            return Ok(());
        }
        match self.bug {
            Some(Bug::TooLargeIsCut) => {
                record.payload.truncate(most);
                return Ok(());
            }
            Some(Bug::TooLargeDeletes) => drop(table.rows.remove(key)),
            _ => {}
        }
        let kind = if self.has(Bug::TooLargeIsOther) { ErrorKind::Other } else { ErrorKind::TooLarge };
        Err(self.error(kind, "write", key))
    }

    pub(super) fn make_room(&self, table: &mut Table, key: &RecordKey, record: &Record) -> Result<()> {
        if table.rows.contains_key(key) && !self.has(Bug::FullRefusesChanges) {
            return Ok(());
        }
        if self.has(Bug::ReclaimsByLastSeen) {
            table.rows.retain(|_, row| row.record.meta.expires_at() > record.meta.last_seen());
        }
        let count = if self.has(Bug::FullForever) { table.ever.len() } else { table.rows.len() };
        if count < self.limit {
            return Ok(());
        }
        if self.has(Bug::FullEvicts) {
            table.rows.pop_first();
            return Ok(());
        }
        let kind = if self.has(Bug::FullIsOther) { ErrorKind::Other } else { ErrorKind::Full };
        Err(self.error(kind, "write", key))
    }

    /// Checks and writes, without a pause between the two.
    pub(super) fn write_at_once(
        &self,
        table: &mut Table,
        key: &RecordKey,
        mut record: Record,
        mode: &WriteMode,
    ) -> Result<Version> {
        if let Err(error) = self.check(table, key, mode) {
            self.botch(table, key, &record);
            return Err(error);
        }
        self.too_large(table, key, &mut record)?;
        self.make_room(table, key, &record)?;
        let version = table.put(key, record, mode, self.bug);
        Ok(Version::from_u64(if self.has(Bug::WriteAnswersAnotherVersion) {
            version + 1_000_000
        } else {
            version
        }))
    }

    /// Leaves half a record for a moment.
    pub(super) async fn write_in_two_steps(
        &self,
        key: &RecordKey,
        record: Record,
        mode: &WriteMode,
    ) -> Result<Version> {
        let half = Record::new(record.meta.clone(), record.payload.iter().take(1).copied().collect());
        let first = self.write_at_once(&mut self.lock(), key, half, mode)?;
        yield_now().await;
        if let Some(row) = self.lock().rows.get_mut(key) {
            row.record = record;
        }
        Ok(first)
    }

    /// Compares, and does not hold on to what it found.
    pub(super) async fn write_after_a_pause(
        &self,
        key: &RecordKey,
        record: Record,
        mode: &WriteMode,
    ) -> Result<Version> {
        self.check(&self.lock(), key, mode)?;
        yield_now().await;
        self.write_at_once(&mut self.lock(), key, record, &WriteMode::Overwrite)
    }

    pub(super) async fn write_and_index_later(
        &self,
        key: &RecordKey,
        record: Record,
        mode: &WriteMode,
    ) -> Result<Version> {
        let plain = Record::new(record.meta.clone().with_principal(None), record.payload.clone());
        let version = self.write_at_once(&mut self.lock(), key, plain, mode)?;
        if let Some(row) = self.lock().rows.get_mut(key) {
            row.record = record.clone();
        }
        yield_now().await;
        self.lock().index(key, &record);
        Ok(version)
    }

    pub(super) async fn write_with_an_old_count(
        &self,
        key: &RecordKey,
        record: Record,
        mode: &WriteMode,
    ) -> Result<Version> {
        let count = self.lock().last_version;
        yield_now().await;
        let mut table = self.lock();
        table.last_version = count;
        self.write_at_once(&mut table, key, record, mode)
    }
}
