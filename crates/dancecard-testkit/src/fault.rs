//! A store that fails when it is told to.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use dancecard_core::{
    BoxStream, Entry, Error, ErrorKind, ListQuery, Operation, Record, RecordKey, Result, Retry, Store,
    Versioned,
};
use futures_core::Stream;

mod gate;
mod script;

pub use gate::Gate;
pub use script::{Fault, Faults};

/// A store over a store, through which calls pass unless a [`Fault`] was scripted for them.
///
/// ```
/// use dancecard_core::{MemoryStore, RecordKey, Retry, Store};
/// use dancecard_testkit::{Fault, FaultStore, Operation};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let store = FaultStore::new(MemoryStore::new());
/// store.faults().next(Operation::Delete, Fault::FailAfter);
/// let error = store.delete(&RecordKey::new(b"key")).await.unwrap_err();
/// assert_eq!(error.retry(), Retry::Unknown);
/// assert!(store.delete(&RecordKey::new(b"key")).await.is_ok());
/// # }
/// ```
#[derive(Debug)]
pub struct FaultStore<S> {
    inner: S,
    faults: Faults,
}

impl<S: Store> FaultStore<S> {
    /// A store that passes everything on, until [`FaultStore::faults`] says otherwise.
    pub fn new(inner: S) -> Self {
        Self { inner, faults: Faults::default() }
    }

    /// The script, which keeps working after the store was given away.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    fn unavailable(&self, operation: Operation, retry: Retry) -> Error {
        let error = Error::new(ErrorKind::Unavailable, operation.name()).with_engine(self.inner.engine());
        error.with_retry(retry).with_detail("an injected fault")
    }

    fn conflict(&self, operation: Operation) -> Error {
        Error::new(ErrorKind::Conflict, operation.name()).with_engine(self.inner.engine())
    }

    /// Makes a call, or what befalls it. Faults of reading are the business of `load`.
    async fn call<T>(
        &self,
        operation: Operation,
        fault: Option<Fault>,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match fault {
            Some(Fault::FailBefore) => Err(self.unavailable(operation, Retry::Safe)),
            Some(Fault::FailAfter) => {
                call.await?;
                Err(self.unavailable(operation, Retry::Unknown))
            }
            Some(Fault::Conflict) => Err(self.conflict(operation)),
            Some(Fault::HoldBefore(gate)) => {
                gate.pass().await;
                call.await
            }
            Some(Fault::HoldAfter(gate)) => {
                let answer = call.await;
                gate.pass().await;
                answer
            }
            Some(Fault::StaleRead | Fault::TruncatedPayload) | None => call.await,
        }
    }

    async fn pass<T>(&self, operation: Operation, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let fault = self.faults.strike(operation);
        self.call(operation, fault, call).await
    }
}

impl<S: Store> Store for FaultStore<S> {
    dancecard_core::forward!(inner: engine, capabilities, is_usable, unsupported);
    dancecard_core::forward!(inner by pass: write, delete, replace, touch, purge_expired, health);

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let fault = self.faults.strike(Operation::Load);
        if let Some(Fault::StaleRead) = fault {
            return Ok(self.faults.remembered(key));
        }
        let cut = matches!(fault, Some(Fault::TruncatedPayload));
        let found = self.call(Operation::Load, fault, self.inner.load(key)).await?;
        self.faults.remember(key, found.as_ref());
        Ok(if cut { found.map(truncated) } else { found })
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let error = |retry| Some(self.unavailable(Operation::List, retry));
        let (gate, last) = match self.faults.strike(Operation::List) {
            Some(Fault::FailBefore) => {
                return Box::pin(Listing { wait: None, inner: None, last: error(Retry::Safe) });
            }
            Some(Fault::FailAfter) => (None, error(Retry::Unknown)),
            Some(Fault::HoldBefore(gate)) => (Some(gate), None),
            _ => (None, None),
        };
        let wait = gate.map(|gate| -> Wait { Box::pin(async move { gate.pass().await }) });
        Box::pin(Listing { wait, inner: Some(self.inner.list(query)), last })
    }
}

/// The same record with the second half of its payload missing.
fn truncated(found: Versioned) -> Versioned {
    let half = found.payload().len() / 2;
    let payload = found.payload().iter().take(half).copied().collect();
    Versioned::new(Record::new(found.meta(), payload), found.version().clone())
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A listing that may wait before it begins, and may end with an error.
struct Listing<'a> {
    wait: Option<Wait>,
    inner: Option<BoxStream<'a, Result<Entry>>>,
    last: Option<Error>,
}

impl Stream for Listing<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(wait) = &mut self.wait {
            std::task::ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        if let Some(inner) = &mut self.inner {
            if let Some(item) = std::task::ready!(inner.as_mut().poll_next(context)) {
                return Poll::Ready(Some(item));
            }
            self.inner = None;
        }
        Poll::Ready(self.last.take().map(Err))
    }
}
