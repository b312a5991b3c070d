//! The future of a response: finishes the session between the handler and the head.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dancecard_core::Error;
use dancecard_http::Exchange;
use http::{HeaderMap, Response};
use pin_project_lite::pin_project;

use crate::failure::{FailureResponse, SessionFailure};
use crate::layer::Settings;

type Finishing<B, E> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

pin_project! {
    /// The response of a [`SessionService`](crate::SessionService).
    ///
    /// Written by hand, so that a request which has nothing to store pays for no boxed future.
    ///
    /// # Cancel safety
    /// Dropped before the handler is done, it stores nothing. Dropped while it stores, it leaves the session as it was
    /// or as it was to be.
    pub struct ResponseFuture<I, B, E, F> {
        #[pin]
        inner: I,
        exchange: Option<Exchange>,
        settings: Arc<Settings<F>>,
        finishing: Option<Finishing<B, E>>,
    }
}

impl<I, B, E, F> ResponseFuture<I, B, E, F> {
    pub(crate) fn finishing(inner: I, exchange: Exchange, settings: Arc<Settings<F>>) -> Self {
        Self { inner, exchange: Some(exchange), settings, finishing: None }
    }

    /// Another layer has this session in hand.
    pub(crate) fn passing(inner: I, settings: Arc<Settings<F>>) -> Self {
        Self { inner, exchange: None, settings, finishing: None }
    }
}

impl<I, B, E, F> std::fmt::Debug for ResponseFuture<I, B, E, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

impl<I, B, E, F> Future for ResponseFuture<I, B, E, F>
where
    I: Future<Output = Result<Response<B>, E>>,
    F: FailureResponse<B> + Send + Sync + 'static,
    B: Send + 'static,
    E: Send + 'static,
{
    type Output = I::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(finishing) = this.finishing {
            return finishing.as_mut().poll(context);
        }
        let mut result = ready!(this.inner.poll(context));
        let Some(exchange) = this.exchange.take() else { return Poll::Ready(result) };
        let done = match &mut result {
            Ok(response) => exchange.finish_now(response.status().as_u16(), response.headers_mut()),
            Err(_) => exchange.finish_now(FAILED, &mut HeaderMap::new()),
        };
        if done {
            return Poll::Ready(result);
        }
        let finishing = this.finishing.insert(Box::pin(finish(exchange, result, this.settings.clone())));
        finishing.as_mut().poll(context)
    }
}

/// A service that fails without a response is taken like one that answers 500: nothing is stored, and what was to be
/// destroyed is destroyed.
const FAILED: u16 = 500;

async fn finish<B, E, F>(
    exchange: Exchange,
    mut result: Result<Response<B>, E>,
    settings: Arc<Settings<F>>,
) -> Result<Response<B>, E>
where
    F: FailureResponse<B>,
{
    let mut none = None;
    let headers = match &mut result {
        Ok(response) => response.headers_mut(),
        Err(_) => none.insert(Box::<HeaderMap>::default()),
    };
    // A service that failed has told its caller so; what the session adds to that is the observer's.
    match (exchange.finish_rest(headers).await, result) {
        (Err(error), Ok(_)) => Ok(replacement(&exchange, error, &settings.failure)),
        (_, result) => result,
    }
}

fn replacement<B>(exchange: &Exchange, error: Error, failure: &impl FailureResponse<B>) -> Response<B> {
    let mut response = failure.respond(&error);
    exchange.fail(response.status().as_u16(), response.headers_mut());
    response.extensions_mut().insert(SessionFailure::new(error));
    response
}
