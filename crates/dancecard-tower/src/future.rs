//! The future of a response: finishes the session between the handler and the head.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dancecard_http::Exchange;
use http::Response;
use pin_project_lite::pin_project;

use crate::failure::{FailureResponse, SessionFailure};
use crate::layer::Settings;

type Finishing<B> = Pin<Box<dyn Future<Output = Response<B>> + Send>>;

pin_project! {
    /// The response of a [`SessionService`](crate::SessionService).
    ///
    /// Written by hand, so that a request which has nothing to store pays for no boxed future.
    ///
    /// # Cancel safety
    /// Dropped before the handler is done, it stores nothing. Dropped while it stores, it leaves the session as it was
    /// or as it was to be.
    pub struct ResponseFuture<I, B, F> {
        #[pin]
        inner: I,
        exchange: Option<Exchange>,
        settings: Arc<Settings<F>>,
        finishing: Option<Finishing<B>>,
    }
}

impl<I, B, F> ResponseFuture<I, B, F> {
    pub(crate) fn finishing(inner: I, exchange: Exchange, settings: Arc<Settings<F>>) -> Self {
        Self { inner, exchange: Some(exchange), settings, finishing: None }
    }

    /// Another layer has this session in hand.
    pub(crate) fn passing(inner: I, settings: Arc<Settings<F>>) -> Self {
        Self { inner, exchange: None, settings, finishing: None }
    }
}

impl<I, B, F> std::fmt::Debug for ResponseFuture<I, B, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

impl<I, B, E, F> Future for ResponseFuture<I, B, F>
where
    I: Future<Output = Result<Response<B>, E>>,
    F: FailureResponse<B> + Send + Sync + 'static,
    B: Send + 'static,
{
    type Output = I::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(finishing) = this.finishing {
            return finishing.as_mut().poll(context).map(Ok);
        }
        let mut response = ready!(this.inner.poll(context))?;
        let Some(exchange) = this.exchange.take() else { return Poll::Ready(Ok(response)) };
        let status = response.status().as_u16();
        if exchange.finish_now(status, response.headers_mut()) {
            return Poll::Ready(Ok(response));
        }
        let finishing = this.finishing.insert(Box::pin(finish(exchange, response, this.settings.clone())));
        finishing.as_mut().poll(context).map(Ok)
    }
}

async fn finish<B, F>(
    exchange: Exchange,
    mut response: Response<B>,
    settings: Arc<Settings<F>>,
) -> Response<B>
where
    F: FailureResponse<B>,
{
    match exchange.finish(response.status().as_u16(), response.headers_mut()).await {
        Ok(()) => response,
        Err(error) => {
            let mut replacement = settings.failure.respond(&error);
            replacement.extensions_mut().insert(SessionFailure::new(error));
            replacement
        }
    }
}
