//! Engines with one thing wrong, or one thing missing.

use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_core::{
    BoxStream, Capabilities, Entry, ListQuery, MemoryStore, Meta, Record, RecordKey, Result, Store, Support,
    Timestamp, Version, WriteMode,
};

/// What an engine gets wrong. The contract forbids each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    UpdateCreates,
    UpdateIgnoresTheVersion,
    TouchCreates,
    ReplaceLeavesTheOld,
    ReplaceIgnoresTheVersion,
    PurgeTakesTheLiving,
    TheIndexForgets,
    /// Every fifth change is acknowledged and not made.
    ChangesGetLost,
}

/// The memory engine with a flaw.
#[derive(Debug)]
pub(crate) struct Flawed {
    engine: MemoryStore,
    flaw: Flaw,
    changes: AtomicUsize,
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { engine: MemoryStore::new(), flaw, changes: AtomicUsize::new(0) }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// What becomes of a condition.
    async fn mode(&self, key: &RecordKey, mode: WriteMode) -> Result<WriteMode> {
        let there = self.engine.load(key).await?.is_some();
        Ok(match mode {
            WriteMode::Update(_) if self.has(Flaw::UpdateIgnoresTheVersion) && there => WriteMode::Overwrite,
            WriteMode::Update(_) if self.has(Flaw::UpdateCreates) && !there => WriteMode::Create,
            mode => mode,
        })
    }
}

impl Store for Flawed {
    fn engine(&self) -> &'static str {
        "flawed"
    }

    dancecard_core::forward!(engine: capabilities, load, delete);

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let mode = self.mode(key, mode).await?;
        let number = self.changes.fetch_add(1, Ordering::Relaxed);
        if self.has(Flaw::ChangesGetLost) && number % 5 == 4 {
            return Ok(Version::from_u64(0));
        }
        self.engine.write(key, record, mode).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        match self.flaw {
            Flaw::ReplaceLeavesTheOld => self.engine.write(new, record, WriteMode::Create).await,
            Flaw::ReplaceIgnoresTheVersion => {
                self.engine.write(old, retired, WriteMode::Overwrite).await?;
                self.engine.write(new, record, WriteMode::Create).await
            }
            _ => self.engine.replace(old, expected, retired, new, record).await,
        }
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        if self.has(Flaw::TouchCreates) && self.engine.load(key).await?.is_none() {
            let meta = Meta::new(Timestamp::from_millis(0), expires_at);
            self.engine.write(key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
        }
        self.engine.touch(key, expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let mut entries = self.engine.list(query.clone());
        if self.has(Flaw::TheIndexForgets) && query.principal.is_some() {
            // The first one is left out.
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = entries.as_mut().poll_next(&mut context);
        }
        entries
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let early = std::time::Duration::from_secs(3600);
        let now = if self.has(Flaw::PurgeTakesTheLiving) { now.saturating_add(early) } else { now };
        self.engine.purge_expired(now, limit).await
    }
}

/// The memory engine without conditional writes: the last writer wins.
#[derive(Debug, Default)]
pub(crate) struct Unconditional(MemoryStore);

impl Store for Unconditional {
    fn engine(&self) -> &'static str {
        "unconditional"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_conditional_write(Support::None).with_replace(Support::None)
    }

    dancecard_core::forward!(0: load, delete, touch, list, purge_expired);

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        match mode {
            WriteMode::Update(_) => Err(self.unsupported("update")),
            mode => self.0.write(key, record, mode).await,
        }
    }
}

/// The memory engine without touches: the expiry is moved by writing the record again.
#[derive(Debug, Default)]
pub(crate) struct Untouchable(MemoryStore);

impl Store for Untouchable {
    fn engine(&self) -> &'static str {
        "untouchable"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_touch(Support::None)
    }

    dancecard_core::forward!(0: load, write, delete, list, purge_expired);
}
