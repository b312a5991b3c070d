//! What the client gets when its session could not be read or stored.

use std::sync::Arc;

use dancecard_core::Error;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// Makes the response that takes the place of the handler's when the commit failed: the handler's own may claim what did
/// not happen, so it is never sent. It also takes the place of what extractors and `SessionError` made of an error before
/// that, for example of a session that could not be read.
///
/// Any function from [`Error`] to a response will do:
///
/// ```
/// use axum::{body::Body, response::{Html, IntoResponse}};
/// use dancecard_core::{Error, MemoryStore, SessionManager};
/// use dancecard_tower::SessionLayer;
///
/// let layer = SessionLayer::new(SessionManager::new(MemoryStore::new()))
///     .with_failure(|error: &Error| Html("<h1>One moment, please</h1>").into_response());
/// ```
pub trait FailureResponse<B>: Clone {
    /// The response. Its status may be changed to what fits the error with [`status_of`](SessionFailure::status_of).
    fn respond(&self, error: &Error) -> Response<B>;

    /// Whether what extractors and `SessionError` made of an error is replaced too.
    fn replaces_errors(&self) -> bool {
        true
    }
}

impl<B, F: Fn(&Error) -> Response<B> + Clone> FailureResponse<B> for F {
    fn respond(&self, error: &Error) -> Response<B> {
        self(error)
    }
}

/// An empty response: 503 with `Retry-After` when trying again can help, 403 when a rule said no, else 500.
///
/// It replaces no error of a handler or an extractor: that is a response like this one already, unless a layer within has
/// dressed it.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyResponse;

impl<B: Default> FailureResponse<B> for EmptyResponse {
    fn respond(&self, error: &Error) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = SessionFailure::status_of(error);
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn replaces_errors(&self) -> bool {
        false
    }
}

/// Why a response was replaced, or made; in the extensions of the response, for the application's own layers.
#[derive(Debug, Clone)]
pub struct SessionFailure {
    error: Arc<Error>,
    /// Whether the layer has seen to the response, so that another around it does not.
    is_answered: bool,
}

impl SessionFailure {
    /// In the response of a handler or an extractor, which the layer may replace.
    #[cfg(feature = "axum")]
    pub(crate) fn unanswered(error: Error) -> Self {
        Self { error: Arc::new(error), is_answered: false }
    }

    pub(crate) fn answered(error: Error) -> Self {
        Self { error: Arc::new(error), is_answered: true }
    }

    /// Takes a failure that no layer has seen to out of a response.
    pub(crate) fn take_unanswered<B>(response: &mut Response<B>) -> Option<Self> {
        let extensions = response.extensions_mut();
        if extensions.get::<Self>()?.is_answered {
            return None;
        }
        extensions.remove().map(|failure| Self { is_answered: true, ..failure })
    }

    /// The error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The status that fits an error: 503 where trying again can help, 403 where a rule said no, else 500.
    pub fn status_of(error: &Error) -> StatusCode {
        StatusCode::from_u16(dancecard_http::status_of(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
