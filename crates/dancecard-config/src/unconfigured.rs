//! What stands where no engine is chosen.

use std::pin::Pin;
use std::task::{Context, Poll};

use dancecard_core::{
    BoxStream, Capabilities, Entry, Error, ErrorKind, ListQuery, Record, RecordKey, Result, Store, Support,
    Timestamp, Version, Versioned, WriteMode,
};
use futures_core::Stream;

/// Opens, and refuses to be used. It claims every ability, so that each use gets as far as the refusal.
#[derive(Debug)]
pub(crate) struct Unconfigured {
    /// What to write, and where.
    pub(crate) remedy: String,
}

impl Unconfigured {
    fn refuse<T>(&self, operation: &'static str) -> Result<T> {
        Err(Error::new(ErrorKind::Config, operation)
            .with_engine(self.engine())
            .with_detail(self.remedy.clone()))
    }
}

impl Store for Unconfigured {
    fn engine(&self) -> &'static str {
        "none"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
            .with_conditional_write(Support::Native)
            .with_replace(Support::Native)
            .with_touch(Support::Native)
            .with_list(Support::Native)
            .with_principal_index(Support::Native)
    }

    fn is_usable(&self) -> bool {
        false
    }

    async fn load(&self, _: &RecordKey) -> Result<Option<Versioned>> {
        self.refuse("load")
    }

    async fn write(&self, _: &RecordKey, _: Record, _: WriteMode) -> Result<Version> {
        self.refuse("write")
    }

    async fn delete(&self, _: &RecordKey) -> Result<()> {
        self.refuse("delete")
    }

    async fn touch(&self, _: &RecordKey, _: Timestamp) -> Result<bool> {
        self.refuse("touch")
    }

    fn list(&self, _: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Refusal(self.refuse::<()>("list").err()))
    }

    async fn health(&self) -> Result<()> {
        self.refuse("health")
    }
}

/// A listing that is one error.
struct Refusal(Option<Error>);

impl Stream for Refusal {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Err))
    }
}
