//! The future of a response: finishes the session between the handler and the head.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dancecard_core::Error;
use dancecard_http::Exchange;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response, StatusCode};
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
        open: Option<(Exchange, Arc<Settings<F>>)>,
        finishing: Option<Finishing<B, E>>,
    }
}

impl<I, B, E, F> ResponseFuture<I, B, E, F> {
    pub(crate) fn finishing(inner: I, exchange: Exchange, settings: Arc<Settings<F>>) -> Self {
        Self { inner, open: Some((exchange, settings)), finishing: None }
    }

    /// Another layer has this session in hand.
    pub(crate) fn passing(inner: I) -> Self {
        Self { inner, open: None, finishing: None }
    }
}

impl<I, B, E, F> std::fmt::Debug for ResponseFuture<I, B, E, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let exchange = self.open.as_ref().map(|(exchange, _)| exchange);
        f.debug_struct("ResponseFuture").field("exchange", &exchange).finish_non_exhaustive()
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
        let Some((exchange, settings)) = this.open.take() else { return Poll::Ready(result) };
        let done = match &mut result {
            Ok(response) => {
                // What is stored is decided by what the handler said, not by how the application puts it.
                let status = response.status().as_u16();
                answer(response, &settings.failure);
                exchange.finish_now(status, response.headers_mut())
            }
            Err(_) => exchange.finish_now(FAILED, &mut HeaderMap::new()),
        };
        if done {
            return Poll::Ready(result);
        }
        let finishing = this.finishing.insert(Box::pin(finish(exchange, result, settings)));
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
    if let Err(error) = exchange.finish_rest(headers).await
        && let Ok(response) = &mut result
    {
        *response = replacement(&exchange, error, &settings.failure);
    }
    result
}

fn replacement<B>(exchange: &Exchange, error: Error, failure: &impl FailureResponse<B>) -> Response<B> {
    let mut response = failure.respond(&error);
    exchange.fail(response.status().as_u16(), response.headers_mut());
    response.extensions_mut().insert(SessionFailure::answered(error));
    response
}

/// Gives an error of a handler or an extractor the form that the application chose.
fn answer<B>(response: &mut Response<B>, failure: &impl FailureResponse<B>) {
    if !failure.replaces_errors() {
        return;
    }
    let Some(failed) = SessionFailure::take_unanswered(response) else { return };
    let plain = std::mem::replace(response, failure.respond(failed.error()));
    let retry =
        plain.headers().get(RETRY_AFTER).filter(|_| response.status() == StatusCode::SERVICE_UNAVAILABLE);
    if let Some(retry) = retry {
        response.headers_mut().entry(RETRY_AFTER).or_insert(retry.clone());
    }
    response.extensions_mut().insert(failed);
}
