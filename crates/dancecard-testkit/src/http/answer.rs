//! A response as it arrived, and the tab that waits for it.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::response::Parts;

use super::watched::Watched;
use super::{Adapter, Closed};
use crate::counting::Calls;

/// A response, with what it cost.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) head: Parts,
    pub(super) body: String,
    /// Asked of the engine until the head was there.
    pub(super) calls: Calls,
    /// Asked from then on.
    pub(super) body_calls: Calls,
}

/// A request under way, or its response.
pub(super) enum Tab<'a> {
    Loading(Pin<Box<dyn Future<Output = Result<Arrived, Closed>> + 'a>>),
    Done(Result<Box<Arrived>, Closed>),
}

impl<'a> Tab<'a> {
    pub(super) fn send<A: Adapter>(
        adapter: &'a A,
        server: &'a A::Server,
        store: Watched,
        request: http::Request<Vec<u8>>,
    ) -> Self {
        Self::Loading(Box::pin(arrive(adapter, server, store, request)))
    }

    /// Goes on with the request. A panic of the handler, where the framework lets it through, is no response.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Self::Loading(future) = self else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled.unwrap_or_else(|_: Box<dyn Any + Send>| Poll::Ready(Err(Closed))) {
            Poll::Ready(done) => {
                *self = Self::Done(done.map(Box::new));
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

async fn arrive<A: Adapter>(
    adapter: &A,
    server: &A::Server,
    store: Watched,
    request: http::Request<Vec<u8>>,
) -> Result<Arrived, Closed> {
    let before = store.calls();
    let (head, rest) = adapter.send(server, request).await?.into_parts();
    let at_head = store.calls();
    let body = String::from_utf8_lossy(&rest.await).into_owned();
    let (calls, body_calls) = (at_head - before, store.calls() - at_head);
    Ok(Arrived { head, body, calls, body_calls })
}
