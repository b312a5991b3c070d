//! The engine under keys that all want one place in the table.

use std::pin::Pin;
use std::task::{Context, Poll};

use dancecard_core::{
    BoxStream, Entry, ListQuery, Record, RecordKey, Result, Store, Timestamp, Version, Versioned, WriteMode,
};
use dancecard_store_sqlite::SqliteStore;
use dancecard_testkit::Failure;
use dancecard_testkit::store::{Opened, Subject};
use futures_core::Stream;

use crate::{connect, limited};

/// The engine under keys that end alike, and so want one place. All but one have to make do with another.
#[derive(Debug)]
struct Crowded(SqliteStore);

const END: &[u8] = b"the same";

fn crowd(key: &RecordKey) -> RecordKey {
    RecordKey::new(&[key.as_bytes(), END].concat())
}

impl Store for Crowded {
    dancecard_core::forward!(0: engine, capabilities, is_usable, unsupported, purge_expired, health);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.0.load(&crowd(key)).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.0.write(&crowd(key), record, mode).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.0.delete(&crowd(key)).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        self.0.replace(&crowd(old), expected, retired, &crowd(new), record).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.0.touch(&crowd(key), expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Apart(self.0.list(query)))
    }
}

/// A listing with the keys as they were before.
struct Apart<'a>(BoxStream<'a, Result<Entry>>);

impl Stream for Apart<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let apart = |entry: Entry| {
            let key = entry.key.as_bytes().strip_suffix(END).map(RecordKey::new);
            Entry { key: key.unwrap_or(entry.key), ..entry }
        };
        self.0.as_mut().poll_next(context).map(|next| next.map(|entry| entry.map(apart)))
    }
}

pub(crate) async fn crowded() -> Opened {
    let directory =
        tempfile::tempdir().map_err(|error| Failure::new("a temporary folder", error.to_string()))?;
    let path = directory.path().join("sessions.db");
    let small = directory.path().join("small.db");
    let (again, other) = (path.clone(), path.clone());
    Ok(Subject::new(Crowded(connect(path)?))
        .with_reopen(move || std::future::ready(connect(again.clone()).map(Crowded)))
        .with_peer(move || std::future::ready(connect(other.clone()).map(Crowded)))
        .with_limited(move || std::future::ready(limited(small.clone()).map(Crowded)))
        .keeping(directory))
}
