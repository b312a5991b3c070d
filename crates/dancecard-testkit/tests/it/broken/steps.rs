//! Replace, touch and purge, right and wrong.

use std::collections::BTreeSet;

use dancecard_core::{RecordKey, Result, Timestamp, Version, WriteMode};
use tokio::task::yield_now;

use super::table::{Row, Table};
use super::{Broken, Bug, Rotation};

impl Broken {
    pub(super) fn replace_now(&self, table: &mut Table, step: &Rotation<'_>) -> Result<Version> {
        let retire = WriteMode::Update(step.expected.clone());
        let old = self.check(table, step.old, &retire);
        let stale_is_fine = self.has(Bug::ReplaceIgnoresTheVersion) && table.rows.contains_key(step.old);
        let absent_is_fine = self.has(Bug::ReplaceIgnoresAbsence) && !table.rows.contains_key(step.old);
        let new = self.check(table, step.new, &WriteMode::Create);
        let checked = if stale_is_fine || absent_is_fine { Ok(()) } else { old };
        let free = if self.has(Bug::ReplaceTakesATakenKey) { Ok(()) } else { new };
        if let Err(error) = checked.and(free) {
            if self.has(Bug::ReplaceConflictUnindexes) {
                table.unindex(step.old);
            }
            return Err(error);
        }
        self.retire(table, step);
        let version = table.put(step.new, step.record.clone(), &WriteMode::Create, self.bug);
        if self.has(Bug::ReplaceForgetsTheIndex) {
            table.unindex(step.new);
        }
        Ok(Version::from_u64(if self.has(Bug::ReplaceAnswersAnotherVersion) { version + 1 } else { version }))
    }

    pub(super) fn retire(&self, table: &mut Table, step: &Rotation<'_>) {
        match self.bug {
            Some(Bug::ReplaceLeavesBoth) => {}
            Some(Bug::ReplaceDropsTheOld) => drop(table.take(step.old, self.bug)),
            Some(Bug::ReplaceKeepsTheVersion) => {
                if let Some(row) = table.rows.get_mut(step.old) {
                    row.record = step.retired.clone();
                }
            }
            _ => {
                table.put(step.old, step.retired.clone(), &WriteMode::Overwrite, self.bug);
            }
        }
    }

    pub(super) fn touch_now(&self, table: &mut Table, key: &RecordKey, at: Timestamp) -> bool {
        table.touched(key, at, self.bug)
    }

    pub(super) fn is_over(&self, row: &Row, now: Timestamp) -> bool {
        let at = if self.has(Bug::PurgeGoesByTheFirstExpiry) {
            row.first_expiry
        } else {
            row.record.meta.expires_at()
        };
        match self.bug {
            Some(Bug::PurgeTakesTheLiving) => true,
            Some(Bug::PurgeIsAMilliEarly) => at.as_millis().saturating_sub(1) <= now.as_millis(),
            Some(Bug::PurgeIsAMilliLate) => at < now,
            Some(Bug::PurgeTakesWhatHasNoLimit) => at <= now || at == Timestamp::MAX,
            Some(Bug::PurgeForgetsOnRestart) => at <= now && !row.survived,
            _ => at <= now,
        }
    }

    pub(super) fn purge_now(&self, table: &mut Table, now: Timestamp, limit: usize) -> usize {
        let limit = if self.has(Bug::PurgeIgnoresTheLimit) { usize::MAX } else { limit };
        let over = table.rows.iter().filter(|(_, row)| self.is_over(row, now));
        let keys: Vec<_> = over.map(|(key, _)| key.clone()).take(limit).collect();
        keys.iter().for_each(|key| table.purge(key, self.bug));
        keys.len() + usize::from(self.has(Bug::PurgeMiscounts))
    }

    /// Selects, and deletes by key what may have changed since.
    pub(super) async fn purge_after_a_pause(&self, now: Timestamp, limit: usize) -> usize {
        let over = |table: &Table| -> BTreeSet<RecordKey> {
            let over = table.rows.iter().filter(|(_, row)| self.is_over(row, now));
            over.map(|(key, _)| key.clone()).take(limit).collect()
        };
        let keys = over(&self.lock());
        // Twice, since the runtime turns its queue around each time: what paused last goes on first.
        yield_now().await;
        yield_now().await;
        keys.iter().for_each(|key| self.lock().purge(key, self.bug));
        keys.len()
    }

    /// Takes everything out and puts the living back.
    pub(super) async fn purge_by_rewriting(&self, now: Timestamp, limit: usize) -> usize {
        let rows = std::mem::take(&mut self.lock().rows);
        yield_now().await;
        let mut table = self.lock();
        table.rows.extend(rows);
        self.purge_now(&mut table, now, limit)
    }
}
