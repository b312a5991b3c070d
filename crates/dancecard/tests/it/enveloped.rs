//! The promises of the session layer over an engine that keeps records as bytes, as most engines will.

use dancecard::{MemoryStore, Meta, Record, RecordKey, Result, Store, Timestamp, Version, WriteMode};
use dancecard_testkit::interleave::{explore, seeds};
use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        crate::plain(
            "enveloped::every_promise_holds_through_the_envelope",
            every_promise_holds_through_the_envelope,
        ),
        crate::plain(
            "enveloped::a_marker_that_lost_its_limit_is_found_out",
            a_marker_that_lost_its_limit_is_found_out,
        ),
    ]
}

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

    dancecard::forward!(records: capabilities, load, delete, touch, list, purge_expired);

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.records.write(key, self.through_bytes(&record)?, mode).await
    }
}

fn every_promise_holds_through_the_envelope() {
    let explored = explore(|| Enveloped::new(|meta| meta), seeds(0..1_000));
    explored.unwrap_or_else(|found| panic!("{found}"));
}

/// An envelope once took a limit at the beginning, "no grace", for none: an id from before a sign-in then led to the
/// new session for a minute.
fn a_marker_that_lost_its_limit_is_found_out() {
    let forgets = |meta: Meta| match meta.absolute_at() == meta.created_at() {
        true => meta.with_absolute_at(Timestamp::MAX),
        false => meta,
    };
    assert!(explore(|| Enveloped::new(forgets), 0..3_000).is_err(), "no schedule noticed");
}
