//! The promises of the session layer over an engine that keeps records as bytes, as most engines will.

use dancecard::{
    BoxStream, Capabilities, Entry, ListQuery, MemoryStore, Meta, Record, RecordKey, Result, Store,
    Timestamp, Version, Versioned, WriteMode,
};
use dancecard_testkit::interleave::{Counterexample, explore, seeds};

/// The memory engine, through the bytes of the envelope.
#[derive(Debug)]
struct Enveloped {
    records: MemoryStore,
    /// What happens to the facts on the way.
    flaw: fn(Meta) -> Meta,
}

impl Enveloped {
    fn new(flaw: fn(Meta) -> Meta) -> Self {
        Self { records: MemoryStore::new(), flaw }
    }

    fn through_bytes(&self, record: &Record) -> Result<Record> {
        let record = Record::from_envelope(&record.to_envelope())?;
        Ok(Record::new((self.flaw)(record.meta), record.payload))
    }
}

impl Store for Enveloped {
    fn engine(&self) -> &'static str {
        "enveloped"
    }

    fn capabilities(&self) -> Capabilities {
        self.records.capabilities()
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.records.load(key).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.records.write(key, self.through_bytes(&record)?, mode).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.records.delete(key).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.records.touch(key, expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.records.list(query)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.records.purge_expired(now, limit).await
    }
}

#[test]
fn every_promise_holds_through_the_envelope() -> Result<(), Counterexample> {
    explore(|| Enveloped::new(|meta| meta), seeds(0..1_000)).map(drop)
}

/// An envelope once took a limit at the beginning, "no grace", for none: an id from before a sign-in then led to the
/// new session for a minute.
#[test]
fn a_marker_that_lost_its_limit_is_found_out() {
    let forgets = |meta: Meta| match meta.absolute_at() == meta.created_at() {
        true => meta.with_absolute_at(Timestamp::MAX),
        false => meta,
    };
    assert!(explore(|| Enveloped::new(forgets), 0..3_000).is_err(), "no schedule noticed");
}
