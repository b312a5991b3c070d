//! Two handles on one engine: as it is, and without its short way.

use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Entry, Error, Immediate, ListQuery, Record, RecordKey, Result, Store, Timestamp,
    Version, Versioned, WriteMode,
};

/// The engine as it is.
#[derive(Debug)]
pub(super) struct AtOnce<S>(pub(super) Arc<S>);

/// The engine by its futures only.
#[derive(Debug)]
pub(super) struct Waiting<S>(pub(super) Arc<S>);

macro_rules! passes_on {
    ($handle:ident $(, $extra:item)?) => {
        impl<S: Store> Store for $handle<S> {
            fn engine(&self) -> &'static str {
                self.0.engine()
            }

            fn capabilities(&self) -> Capabilities {
                self.0.capabilities()
            }

            async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
                self.0.load(key).await
            }

            async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
                self.0.write(key, record, mode).await
            }

            async fn delete(&self, key: &RecordKey) -> Result<()> {
                self.0.delete(key).await
            }

            async fn replace(
                &self,
                old: &RecordKey,
                expected: &Version,
                retired: Record,
                new: &RecordKey,
                record: Record,
            ) -> Result<Version> {
                self.0.replace(old, expected, retired, new, record).await
            }

            async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
                self.0.touch(key, expires_at).await
            }

            fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
                self.0.list(query)
            }

            async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
                self.0.purge_expired(now, limit).await
            }

            async fn health(&self) -> Result<()> {
                self.0.health().await
            }

            fn unsupported(&self, operation: &'static str) -> Error {
                self.0.unsupported(operation)
            }

            $($extra)?
        }
    };
}

passes_on!(Waiting);

passes_on!(
    AtOnce,
    fn immediate(&self) -> Option<&dyn Immediate> {
        self.0.immediate()
    }
);
